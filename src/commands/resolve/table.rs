//! `resolve --from FILE`: settles what a person wrote into a table, all of it or nothing.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Value, json};

use super::sheet::{Decided, Settled, Sheet, Standing, Wish};
use super::{Done, client, conclude, unable};
use crate::cli::ResolveArgs;
use crate::commands::batch::Site;
use crate::commands::claims::{self, Claim, Problem};
use crate::commands::failure::Failure;
use crate::commands::grid::Filled;
use crate::commands::keys;
use crate::commands::patient;
use crate::exit::Exit;
use crate::ledger::{LedgerError, Rows, Verdict, View};
use crate::ui::Ui;

/// How many pairs are shown to people.
const SHOWN: usize = 100;

pub(super) fn settle(
    ui: &Ui,
    args: &ResolveArgs,
    (site, view): (&Site, View),
    file: &Path,
) -> Result<Exit, Failure> {
    let owner = view.endpoint()?;
    let sheet = Filled::open(file).and_then(|filled| Sheet::read(&filled, wish(args).as_ref()));
    let sheet = sheet.map_err(|lacks| {
        Failure::new(Exit::Usage, format!("{}: {lacks}; nothing was settled", file.display()))
            .hint(format!("a table to fill in: {} --doubts FILE", site.command("status")))
    })?;
    sheet.remarks.iter().for_each(|remark| ui.warn(&format!("{}: {remark}", file.display())));
    let decided = sheet.decide(&standings(&view, &sheet)?);
    let mut problems = decided.problems.clone();
    let claims = claims(&decided.settled);
    problems.extend(claims::taken(site, Some(&view), &claims)?);
    if !args.unchecked && !site.rehearsal && !claims.is_empty() {
        let client = client(args, &owner)?;
        let unable = |reason: &str| unable(&owner, reason);
        let answers = claims::unknown(ui, (&client, &owner), &claims, unable)?;
        problems.extend(answers.unknown.into_iter().chain(answers.unanswered));
    }
    refuse(file, problems)?;
    let again = decided.settled.iter().filter(|one| one.verdict == Verdict::Resend);
    keys::warn_of_resend(ui, &view, again.map(|one| one.id.as_str()))?;
    if args.dry_run {
        return show(ui, &sheet, &decided);
    }
    drop(view);
    let mut store = patient::open(ui, site, &owner, args.patience.wait)?;
    // Another command may have settled some of them since they were looked at.
    let now = sheet.decide(&standings(&store.view()?, &sheet)?);
    refuse(file, now.problems.clone())?;
    let verdicts: Vec<_> =
        now.settled.iter().map(|one| (one.id.clone(), one.verdict.clone())).collect();
    store.resolve_each(&verdicts)?;
    store.close()?;
    let done = Done { resent: count(&now, |v| *v == Verdict::Resend) > 0 };
    conclude(ui, site, (&words(&sheet, &now), done), numbers(&sheet, &now))
}

/// What the command line says of each, if it does.
fn wish(args: &ResolveArgs) -> Option<Wish> {
    match (args.verdict.resend, args.verdict.abandon) {
        (true, _) => Some(Wish::Resend),
        (_, true) => Some(Wish::Abandon),
        _ if args.verdict.adopt_proposed => Some(Wish::AdoptProposed),
        _ => None,
    }
}

/// The pairs that the sheet names, as far as there are such.
fn standings(view: &View, sheet: &Sheet) -> Result<HashMap<String, Standing>, LedgerError> {
    let mut wanted: HashSet<_> = sheet.asked.iter().map(|asked| asked.id.to_lowercase()).collect();
    let mut found = HashMap::new();
    for doubt in view.doubts()? {
        if wanted.remove(&doubt.row.id.to_lowercase()) {
            let proposed = doubt.proposed;
            let row = doubt.row;
            let (id, state, task) = (row.id, row.state, row.task_id);
            let key = id.to_lowercase();
            found.insert(key, Standing { id, state, attempts: row.attempts, task, proposed });
        }
    }
    if wanted.is_empty() {
        return Ok(found);
    }
    view.each_row::<LedgerError>(Rows::All, |row| {
        let key = row.id.to_lowercase();
        if wanted.contains(&key) {
            let (id, state, task) = (row.id, row.state, row.task_id);
            let attempts = row.attempts;
            found.insert(key, Standing { id, state, attempts, task, proposed: None });
        }
        Ok(())
    })?;
    Ok(found)
}

/// Those that are given a task.
fn claims(settled: &[Settled]) -> Vec<Claim> {
    let claim = |one: &Settled| match &one.verdict {
        Verdict::Adopt(task) => {
            Some(Claim { line: one.line, id: one.id.clone(), task: task.clone() })
        }
        Verdict::Resend | Verdict::Abandon => None,
    };
    settled.iter().filter_map(claim).collect()
}

/// Says all that is wrong at once.
fn refuse(file: &Path, problems: Vec<Problem>) -> Result<(), Failure> {
    claims::refuse(&file.display().to_string(), problems, "nothing was settled").map_err(
        |failure| {
            failure.hint("mend the file and give the same command again; --dry-run only checks")
        },
    )
}

fn show(ui: &Ui, sheet: &Sheet, decided: &Decided) -> Result<Exit, Failure> {
    let word = |verdict: &Verdict| match verdict {
        Verdict::Adopt(task) => format!("adopt {task}"),
        Verdict::Resend => "resend".to_owned(),
        Verdict::Abandon => "abandon".to_owned(),
    };
    let settled = || decided.settled.iter().map(|one| (&one.id, word(&one.verdict)));
    let mut lines: Vec<_> =
        settled().take(SHOWN).map(|(id, word)| format!("  {id}  {word}")).collect();
    if decided.settled.len() > SHOWN {
        lines.push(format!("  … and {} more", decided.settled.len() - SHOWN));
    }
    lines.push(format!("{}; nothing was changed: --dry-run", words(sheet, decided)));
    let mut value = numbers(sheet, decided);
    value["dry_run"] = true.into();
    value["pairs"] = settled().map(|(id, word)| json!({"id": id, "verdict": word})).collect();
    ui.result(&lines.join("\n"), &value);
    Ok(Exit::Done)
}

fn count(decided: &Decided, is_meant: impl Fn(&Verdict) -> bool) -> usize {
    decided.settled.iter().filter(|one| is_meant(&one.verdict)).count()
}

/// `12 adopted, 3 to be created again, 1 written off, 4 left in doubt`
fn words(sheet: &Sheet, decided: &Decided) -> String {
    let numbers = numbers(sheet, decided);
    let word = |key: &str, words: &str| match numbers[key].as_u64() {
        None | Some(0) => None,
        Some(count) => Some(format!("{count} {words}")),
    };
    let words: Vec<_> = [
        word("adopted", "adopted"),
        word("resent", "to be created again"),
        word("abandoned", "written off"),
        word("settled_before", "settled before"),
        word("left_alone", "left alone"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if words.is_empty() { "nothing to settle".to_owned() } else { words.join(", ") }
}

fn numbers(sheet: &Sheet, decided: &Decided) -> Value {
    json!({
        "adopted": count(decided, |verdict| matches!(verdict, Verdict::Adopt(_))),
        "resent": count(decided, |verdict| *verdict == Verdict::Resend),
        "abandoned": count(decided, |verdict| *verdict == Verdict::Abandon),
        "settled_before": decided.already,
        "left_alone": sheet.empty,
    })
}
