//! `adopt`: takes over tasks that were made elsewhere: all of a file, or nothing.

mod sheet;

use std::collections::HashSet;
use std::path::Path;

use serde_json::{Value, json};

use self::sheet::{Decided, Known, Sheet, Standing};
use super::batch::Batch;
use super::claims::{self, Claim, Problem};
use super::failure::Failure;
use super::grid::{Filled, Grid};
use super::resolve::SETTINGS;
use super::{belongs, key, listed, locals, patient, status};
use crate::catalog::Catalog;
use crate::cli::AdoptArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::ledger::{Listing, Rows, TASK_NOT_FOUND, View};
use crate::pair::folded;
use crate::report;
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many pairs are named at most.
const SHOWN: usize = 20;

/// What is to be taken over, and what is said of the rest.
struct Plan {
    sheet: Sheet,
    /// Rows that are left out because somebody said that they may be.
    skipped: Vec<Problem>,
}

pub(super) fn adopt(ui: &Ui, args: &AdoptArgs) -> Result<Exit, Failure> {
    let mut batch = Batch::open(ui, &args.batch)?;
    let sheet = read(ui, &args.tasks)?;
    batch.site.check_disk()?;
    // Listed as a run lists it, or that would take its files for changed.
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    let mut plan = Plan { sheet, skipped: Vec::new() };
    plan.check(ui, args, &batch)?;
    batch.site.make()?;
    let mut store = patient::open(ui, &batch.site, &batch.owner(), args.patience.wait)?;
    belongs::take_manifest(ui, &batch, &mut store)?;
    let listing = store.list(&batch.manifest.pairs)?;
    // Pairs may be renamed by that, and another command may have settled some meanwhile.
    let decided = plan.decide(args, &batch, Some(&store.view()?))?;
    let tasks: Vec<_> =
        decided.take.iter().map(|claim| (claim.id.clone(), claim.task.clone())).collect();
    store.adopt(&tasks)?;
    store.close()?;
    conclude(ui, &batch, (&plan, &decided), &listing)
}

/// The table in a file.
fn read(ui: &Ui, path: &Path) -> Result<Sheet, Failure> {
    let failed = |reason: &str, hint: &str| {
        let text = format!("{}: {reason}; nothing was taken over", path.display());
        Failure::new(Exit::Usage, text).hint(hint)
    };
    let columns = "it is a table with the columns `id` and `task_id`, as `tasks.csv` is; others are \
        passed over";
    let filled = Filled::open(path).map_err(|reason| failed(&reason, columns))?;
    match Grid::read(&filled) {
        Ok(grid) => {
            grid.remarks.iter().for_each(|it| ui.warn(&format!("{}: {it}", path.display())));
            Sheet::read(&grid).map_err(|lacks| failed(&lacks, columns))
        }
        Err(problem) => Err(failed(&problem.message, columns)),
    }
}

impl Plan {
    /// All that can be known before anything is written: what the ledger has now, whose the tasks
    /// are, and whether the server knows them.
    fn check(&mut self, ui: &Ui, args: &AdoptArgs, batch: &Batch) -> Result<(), Failure> {
        let site = &batch.site;
        let view = site.view()?;
        let decided = self.decide(args, batch, view.as_ref())?;
        let problems = claims::taken(site, view.as_ref(), &decided.take)?;
        let bad = lines(&problems);
        self.refuse(args, problems)?;
        if args.unchecked || site.rehearsal {
            return Ok(());
        }
        let take: Vec<Claim> =
            decided.take.into_iter().filter(|claim| !bad.contains(&claim.line)).collect();
        if take.is_empty() {
            return Ok(());
        }
        let owner = batch.owner();
        let client = Client::new(&batch.endpoint, key::read(&args.key)?, &SETTINGS);
        let client = client.map_err(|error| unable(&owner, &error.to_string()))?;
        let unable = |reason: &str| unable(&owner, reason);
        let answers = claims::unknown(ui, (&client, &owner), &take, unable)?;
        if answers.unanswered.is_empty() {
            return self.refuse(args, answers.unknown);
        }
        // Left out, their pairs would be created once more.
        let problems = answers.unknown.into_iter().chain(answers.unanswered).collect();
        claims::refuse(&args.tasks.display().to_string(), problems, "nothing was taken over").map_err(
            |failure| {
                failure.hint(
                    "what the server cannot say may be there: give the same command again later, or \
                     --unchecked",
                )
            },
        )
    }

    /// What is to be taken over, as things stand.
    fn decide(
        &mut self,
        args: &AdoptArgs,
        batch: &Batch,
        view: Option<&View>,
    ) -> Result<Decided, Failure> {
        let mut decided = self.sheet.decide(&known(batch, view, &self.sheet)?);
        self.refuse(args, std::mem::take(&mut decided.problems))?;
        Ok(decided)
    }

    /// Ends it, unless rows with a problem may be left out.
    fn refuse(&mut self, args: &AdoptArgs, problems: Vec<Problem>) -> Result<(), Failure> {
        if problems.is_empty() {
            return Ok(());
        }
        let bad = lines(&problems);
        let none = self.sheet.claims.iter().all(|claim| bad.contains(&claim.line));
        if !args.skip_bad || none {
            let hint = "mend the file and give the same command again; or leave such rows out with \
                --skip-bad, and their pairs as they are";
            let file = args.tasks.display().to_string();
            return claims::refuse(&file, problems, "nothing was taken over")
                .map_err(|failure| failure.hint(hint));
        }
        self.sheet = std::mem::take(&mut self.sheet).without(&bad);
        self.skipped.extend(problems);
        Ok(())
    }
}

fn lines(problems: &[Problem]) -> HashSet<u64> {
    problems.iter().map(|problem| problem.line).collect()
}

fn unable(owner: &str, reason: &str) -> Failure {
    Failure::new(Exit::Fault, format!("cannot ask {owner} for the tasks: {reason}"))
        .hint("nothing was taken over; to do it without asking, add --unchecked")
}

/// The pairs that a sheet names, as the ledger has them, or as it will list them.
fn known(batch: &Batch, view: Option<&View>, sheet: &Sheet) -> Result<Known, Failure> {
    let wanted: HashSet<_> = sheet.claims.iter().map(|claim| folded(&claim.id)).collect();
    let mut known = Known::default();
    for pair in &batch.manifest.pairs {
        let key = pair.id.folded();
        if wanted.contains(&key) {
            let id = pair.id.as_str().to_owned();
            let standing = Standing { id, state: State::Planned, task: None, lost: false };
            known.pairs.insert(key, standing);
        }
    }
    let Some(view) = view else { return Ok(known) };
    view.each_row::<Failure>(Rows::All, |row| {
        let key = folded(&row.id);
        if wanted.contains(&key) {
            let (id, state, task) = (row.id, row.state, row.task_id);
            let lost = row.error_code == TASK_NOT_FOUND;
            known.pairs.insert(key, Standing { id, state, task, lost });
        }
        Ok(())
    })?;
    for claim in &sheet.claims {
        if let Some(owner) = view.owner_of(&claim.task)? {
            known.owners.insert(claim.task.clone(), folded(&owner));
        }
    }
    Ok(known)
}

fn conclude(
    ui: &Ui,
    batch: &Batch,
    (plan, decided): (&Plan, &Decided),
    listing: &Listing,
) -> Result<Exit, Failure> {
    listed::announce_renamed(ui, &listing.renamed);
    for Problem { line, text } in &plan.skipped {
        ui.warn(&format!("line {line} left out: {}", printable(text)));
    }
    let view = batch.site.existing()?;
    report::write(&batch.site.folder, &view, Rows::All)?;
    let standing = status::Standing::read(&view)?;
    warn_of_doubts(ui, &plan.sheet, &view)?;
    let mut value = standing.json(&batch.site);
    for (key, number) in numbers(plan, decided) {
        value[key] = number;
    }
    ui.result(&format!("{}; now {}", words(plan, decided), standing.line()), &value);
    let run = batch.site.command("run");
    ui.hint(&match standing.count(State::Planned) {
        0 => format!("to wait for them: {run}"),
        planned => format!(
            "to wait for them: {run} --no-create; without that, it also creates the {} that {} no \
             task",
            counted(planned, "pair"),
            if planned == 1 { "has" } else { "have" }
        ),
    });
    Ok(Exit::Done)
}

/// `2 tasks taken over, 1 had before, 3 rows without a task`
fn words(plan: &Plan, decided: &Decided) -> String {
    let mut words = vec![format!("{} taken over", counted(decided.take.len() as u64, "task"))];
    let more = [
        (decided.had, "had before"),
        (plan.skipped.len(), "left out"),
        (plan.sheet.without, "without a task passed over"),
    ];
    words.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, words)| format!("{n} {words}")));
    words.join(", ")
}

fn numbers(plan: &Plan, decided: &Decided) -> [(&'static str, Value); 4] {
    let skipped = |one: &Problem| json!({"line": one.line, "reason": one.text});
    [
        ("taken_over", decided.take.len().into()),
        ("had_before", decided.had.into()),
        ("without_task", plan.sheet.without.into()),
        ("left_out", plan.skipped.iter().map(skipped).collect()),
    ]
}

/// What may have been paid for elsewhere and has no task to take over is created by the next run.
fn warn_of_doubts(ui: &Ui, sheet: &Sheet, view: &View) -> Result<(), Failure> {
    let doubts: HashSet<_> = sheet.doubts.iter().map(|id| folded(id)).collect();
    let mut planned = Vec::new();
    if !doubts.is_empty() {
        view.each_row::<Failure>(Rows::All, |row| {
            if row.state == State::Planned && doubts.contains(&folded(&row.id)) {
                planned.push(row.id);
            }
            Ok(())
        })?;
    }
    if !planned.is_empty() {
        let pairs = counted(planned.len() as u64, "pair");
        let named: Vec<_> = planned.iter().take(SHOWN).map(String::as_str).collect();
        let more = if planned.len() > SHOWN { ", …" } else { "" };
        ui.warn(&format!(
            "{pairs} in doubt where the file comes from, and planned here: paid for twice if \
             created again: {}{more}",
            named.join(", ")
        ));
    }
    Ok(())
}
