//! `status`: where the batch stands, from the ledger.

mod follow;
mod listed;
#[cfg(feature = "postgres")]
mod shared;

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use self::follow::follow;
use super::batch::{Site, head, shell_word};
use super::doubts::{self, sheet};
use super::failure::Failure;
use super::keys::Resends;
use super::written::Written;
use super::{belongs, pulse, takes, videos};
use crate::cli::{StatusArgs, Until};
use crate::download::{LINK_LIVES, LINK_SOON};
use crate::exit::Exit;
use crate::ledger::{AskedTake, Bills, CopyMark, Doubt, LateTask, Phase, Remarked, Survey, View};
use crate::manifest::Manifest;
use crate::price::Amount;
use crate::state::State;
use crate::ui::{Activity, Links, Ui, counted, dying};
use crate::view::{self, Row, printable};

/// How many pairs in doubt are shown to people; JSON has them all.
const SHOWN: usize = 10;

pub(super) fn status(ui: &Ui, args: &StatusArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    #[cfg(feature = "postgres")]
    if let Some(shared) = &site.shared {
        return of_shared(ui, args, &site, shared);
    }
    let view = site.existing()?;
    belongs::say_whose(ui, &site, &view)?;
    if args.watch && view.is_copy() {
        let text = format!("{}: the ledger is of an older release", site.folder.display());
        return Err(Failure::new(Exit::Usage, text).hint(
            "without --watch it is shown as it is now; `callsheet run` brings it up to date",
        ));
    }
    if args.watch {
        return follow(ui, &site, |site| Standing::read_now(&site.existing()?, &site.folder));
    }
    if args.history {
        listed::history(ui, &view, &site)?;
        return Ok(Exit::Done);
    }
    let standing =
        Standing { budget: budget(args, &view)?, ..Standing::read_now(&view, &site.folder)? };
    if !args.state.is_empty() {
        listed::pairs(ui, &view, &args.state)?;
        return Ok(standing.exit(Until::Saved));
    }
    if let Some(file) = &args.doubts {
        return standing.hand_out_doubts(ui, &site, file);
    }
    ui.result(&standing.describe(ui, &site), &standing.json(&site));
    standing.warn_of_videos(ui);
    Ok(standing.exit(Until::Saved))
}

/// Where a batch stands that many share.
#[cfg(feature = "postgres")]
fn of_shared(
    ui: &Ui,
    args: &StatusArgs,
    site: &Site,
    shared: &super::sharing::Shared,
) -> Result<Exit, Failure> {
    if args.watch {
        return follow(ui, site, |site| Standing::of_shared(site, shared));
    }
    if args.history {
        shared::history(ui, site, shared)?;
        return Ok(Exit::Done);
    }
    if !args.state.is_empty() {
        let standing = Standing::counted(site, shared)?;
        listed::pairs(ui, &shared::in_states(site, shared, &args.state)?, &args.state)?;
        return Ok(standing.exit(Until::Saved));
    }
    let standing = Standing::of_shared_with_budget(site, shared, args)?;
    if let Some(file) = &args.doubts {
        return standing.hand_out_doubts(ui, site, file);
    }
    ui.result(&standing.describe(ui, site), &standing.json(site));
    standing.warn_of_videos(ui);
    super::siblings::warn(ui, site, &shared.name);
    Ok(standing.exit(Until::Saved))
}

/// What is spent of the manifest's budget, if it has one and can be read as it is now.
fn budget(args: &StatusArgs, view: &View) -> Result<Option<Budget>, Failure> {
    let Some(head) = budget_head(args) else { return Ok(None) };
    let rules = head.rules();
    let spent = view.spent_of_budget(&rules)?.zip(rules.budget);
    Ok(spent.map(|(spent, of)| Budget { spent, of, currency: head.currency }))
}

/// What the manifest says besides its pairs, if it can be read as it is now.
fn budget_head(args: &StatusArgs) -> Option<Manifest> {
    let written = Written::open(&args.batch.manifest.manifest).ok()?;
    written.head(&args.batch.manifest)
}

/// What is spent of a budget.
#[derive(Debug)]
struct Budget {
    spent: Amount,
    of: Amount,
    currency: String,
}

/// Where a batch stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) owner: String,
    pub(super) counts: Vec<(State, u64)>,
    pub(super) unlisted: u64,
    pub(super) doubts: Vec<Doubt>,
    /// With a link and without a file, the link that dies first first.
    unsaved: Vec<Row>,
    /// Tasks that an older release gave to several pairs.
    twins: Vec<(String, Vec<String>)>,
    /// Of creates that were given up, and were accepted after all.
    late: Vec<LateTask>,
    /// Saved, and not what they should be.
    pub(super) remarked: Vec<Remarked>,
    /// What the service says that it costs.
    pub(super) bills: Bills,
    /// What their keys are good for.
    pub(super) resends: Resends,
    /// What the run is doing that is under way, if one is.
    pub(super) activity: Option<Activity>,
    /// Asked for by people, and not saved yet.
    pub(super) takes: Vec<AskedTake>,
    /// What is spent of the budget, where somebody looked.
    budget: Option<Budget>,
    /// Where its ledger is, if it left this run folder or has not come whole.
    copied: Option<CopyMark>,
    /// What only a database knows, where it was asked.
    #[cfg(feature = "postgres")]
    together: Option<shared::Together>,
}

impl Standing {
    pub(super) fn read(view: &View) -> Result<Self, Failure> {
        let Survey { counts, unsaved, remarked, bills } = view.survey()?;
        Ok(Self {
            owner: view.endpoint()?,
            counts,
            unlisted: view.unlisted()?,
            doubts: view.doubts()?,
            unsaved,
            twins: view.twins()?,
            late: view.late_tasks()?,
            remarked,
            bills,
            resends: Resends::read(view, view.idempotency()?.as_ref())?,
            activity: None,
            takes: view.asked_takes()?,
            budget: None,
            copied: view.copied()?,
            #[cfg(feature = "postgres")]
            together: None,
        })
    }

    /// With what the run is doing now that may be under way in this folder.
    pub(super) fn read_now(view: &View, folder: &Path) -> Result<Self, Failure> {
        Ok(Self { activity: pulse::read(folder), ..Self::read(view)? })
    }

    pub(super) fn count(&self, state: State) -> u64 {
        self.counts.iter().find(|(of, _)| *of == state).map_or(0, |(_, count)| *count)
    }

    pub(super) fn pairs(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }

    /// The exit code that follows from the states alone.
    pub(super) fn exit(&self, until: Until) -> Exit {
        Exit::first(self.exits(until), &[])
    }

    /// All that apply of those.
    pub(super) fn exits(&self, until: Until) -> impl Iterator<Item = Exit> {
        let any = |states: &[State]| states.iter().any(|&state| self.count(state) > 0);
        let amiss = any(&[State::Rejected, State::Failed]) || self.is_any_video_amiss();
        let doubts = (!self.doubts.is_empty()).then_some(Exit::InDoubt);
        let left = (self.left(until) > 0).then_some(Exit::WorkLeft);
        doubts.into_iter().chain(left).chain(amiss.then_some(Exit::SomeFailed))
    }

    /// How many pairs a run still has work with.
    pub(super) fn left(&self, until: Until) -> u64 {
        let planned = self.count(State::Planned) + self.count(State::Sending);
        match until {
            Until::Created => planned,
            Until::Saved => {
                let fetchable =
                    self.count(State::Completed).saturating_sub(self.lost().count() as u64);
                planned + self.count(State::Created) + fetchable
            }
        }
    }

    /// Whether something went wrong with any, or may have.
    pub(super) fn is_any_without_video(&self) -> bool {
        let states = [State::Rejected, State::Failed, State::InDoubt, State::Completed];
        states.into_iter().any(|state| self.count(state) > 0)
    }

    /// Whether one is lost, or saved and not what it should be.
    fn is_any_video_amiss(&self) -> bool {
        self.lost().next().is_some() || !self.remarked.is_empty()
    }

    /// Videos whose links led nowhere when they were last tried.
    fn lost(&self) -> impl Iterator<Item = &Row> {
        self.unsaved.iter().filter(|row| row.is_lost())
    }

    /// Says which videos could not be fetched, and which links will die soon.
    pub(super) fn warn_of_videos(&self, ui: &Ui) {
        for row in self.lost().take(SHOWN) {
            let why = [&row.error_code, &row.error].map(|text| printable(text));
            ui.warn(&format!("{}: its video cannot be fetched: {}", row.id, why.join(": ")));
        }
        videos::point_out(ui, &self.remarked);
        let soon =
            self.dying().filter(|(_, dies)| *dies < Timestamp::now() + LINK_SOON).count() as u64;
        if soon > 0 {
            ui.warn(&match soon {
                1 => "1 link to a finished video dies within 2 hours: fetch it now".to_owned(),
                links => {
                    format!("{links} links to finished videos die within 2 hours: fetch them now")
                }
            });
        }
    }

    /// The pairs that can still be fetched, with the time at which their links are said to die.
    fn dying(&self) -> impl Iterator<Item = (&Row, Timestamp)> {
        let fetchable = self.unsaved.iter().filter(|row| !row.is_lost());
        fetchable.filter_map(|row| Some((row, row.linked_at?.saturating_add(LINK_LIVES).ok()?)))
    }

    /// The counts on one line: `3 created, 1 in doubt`.
    pub(super) fn line(&self) -> String {
        let counts = self.counts.iter().map(|(state, n)| format!("{n} {}", words(*state)));
        counts.collect::<Vec<_>>().join(", ")
    }

    /// The same with what a run is doing now, and the link that dies next.
    pub(super) fn now(&self) -> String {
        let activity = self.activity.as_ref().map(|activity| format!("; {activity}"));
        let dies = self.dying().next().and_then(|(_, dies)| dying(dies, Timestamp::now()));
        let dies = dies.map(|dies| format!("; {dies}"));
        self.line() + &activity.unwrap_or_default() + &dies.unwrap_or_default()
    }

    /// The links of videos that are still to be fetched.
    pub(super) fn links(&self) -> Links {
        let mut links = Links::default();
        for row in self.unsaved.iter().filter(|row| !row.is_lost()) {
            row.linked_at.into_iter().for_each(|at| links.learned(row.id.as_str().into(), at));
        }
        links
    }

    pub(super) fn describe(&self, ui: &Ui, site: &Site) -> String {
        let mut lines = vec![head(ui, site, self.pairs(), &self.owner)];
        lines.extend(self.copied.as_ref().and_then(elsewhere));
        lines.extend(self.counts.iter().map(|(state, n)| format!("{n:>8}  {}", words(*state))));
        if self.unlisted > 0 {
            lines.push(format!("{:>8}  no longer in the manifest", self.unlisted));
        }
        lines.extend(self.budget.iter().map(|Budget { spent, of, currency }| {
            format!("budget {}: {spent} spent", of.shown(currency))
        }));
        #[cfg(feature = "postgres")]
        lines.extend(self.together.iter().flat_map(shared::Together::lines));
        lines.extend(self.bills.lines(site));
        if let Some((row, dies)) = self.dying().next() {
            let dies = dies.strftime("%Y-%m-%d %H:%M:%S UTC");
            lines.push(format!("the next link dies {dies} ({})", row.id));
        }
        if let Some(activity) = &self.activity {
            lines.push(format!("a run is under way: {activity}"));
        }
        lines.extend(self.twins.iter().map(|(task, ids)| twins(task, ids)));
        lines.extend(self.describe_late());
        lines.extend(takes::describe(&self.takes));
        lines.extend(self.resends.describe_others());
        lines.extend(self.describe_doubts(site));
        lines.join("\n")
    }

    /// What was paid for although nobody waits for it.
    pub(super) fn describe_late(&self) -> impl Iterator<Item = String> {
        self.late.iter().map(|late| {
            format!(
                "{}: its create {}, which was given up, was accepted after all, and paid for: task {}",
                late.id,
                late.attempt,
                printable(&late.task_id)
            )
        })
    }

    /// Which pairs are in doubt, since when, what came back, and how to settle them.
    pub(super) fn describe_doubts(&self, site: &Site) -> Option<String> {
        let first = self.doubts.first()?;
        let mut lines = vec![String::new(), "In doubt (they may have been paid for):".to_owned()];
        lines.extend(self.doubts.iter().take(SHOWN).map(doubts::describe));
        if self.doubts.len() > SHOWN {
            let more = self.doubts.len() - SHOWN;
            lines.push(format!("  … and {more} more; tasks.csv lists them all"));
        }
        lines.extend(self.resends.lines("The next run"));
        let resolve = site.command("resolve");
        if self.doubts.iter().any(|doubt| doubt.proposed.is_some()) {
            lines.push("Take over the tasks that are named, if the server knows them:".to_owned());
            lines.push(format!("  {resolve} --all --adopt-proposed"));
        }
        if self.doubts.len() > SHOWN {
            lines.push("Settle them all by a table of them, which you fill in:".to_owned());
            lines.push(format!("  {} --doubts doubts.csv", site.command("status")));
        }
        if !site.rehearsal {
            lines.push("Have them looked for in the account's list of tasks:".to_owned());
            lines.push(format!("  {}", site.command("reconcile")));
        }
        lines.push("Or look for them yourself, then settle each:".to_owned());
        lines.push(format!("  {resolve} {} --adopt TASK_ID   # it is there", first.row.id));
        lines.push(format!(
            "  {resolve} {} --resend          # it is not: create it again",
            first.row.id
        ));
        lines.push(format!("  {resolve} {} --abandon         # leave it", first.row.id));
        Some(lines.join("\n"))
    }

    /// Writes the doubts to a file that people fill in.
    fn hand_out_doubts(&self, ui: &Ui, site: &Site, file: &Path) -> Result<Exit, Failure> {
        let is_output = file == Path::new("-");
        if is_output && ui.is_json() {
            let text = "with --json, standard output has no room for a table";
            return Err(Failure::new(Exit::Usage, text).hint("name a file: --doubts FILE"));
        }
        sheet::write(file, &self.doubts)?;
        let pairs = counted(self.doubts.len() as u64, "pair");
        let (text, shown) = (format!("{pairs} in doubt"), shell_word(file));
        if !is_output {
            ui.result(&format!("{text}: {}", file.display()), &self.json(site));
        }
        if !self.doubts.is_empty() {
            ui.hint(&format!(
                "write into each row a task id, or the action adopt (the proposed task), resend or \
                 abandon; rows left empty stay in doubt. Then: {} --from {shown}",
                site.command("resolve")
            ));
        }
        Ok(self.exit(Until::Saved))
    }

    pub(super) fn json(&self, site: &Site) -> Value {
        let states: serde_json::Map<_, _> = State::ALL
            .map(|state| (state.name().to_owned(), self.count(state).into()))
            .into_iter()
            .collect();
        let mut value = json!({
            "manifest": site.manifest.display().to_string(),
            "endpoint": self.owner,
            "run_folder": site.folder.display().to_string(),
            "pairs": self.pairs(),
            "states": states,
            "no_longer_listed": self.unlisted,
            "unsaved": self.unsaved.iter().map(view::json).collect::<Vec<_>>(),
            "in_doubt": self.doubts.iter().map(doubts::json).collect::<Vec<_>>(),
            "remarked": self.remarked,
            "bill": self.bills.json(),
        });
        if !self.twins.is_empty() {
            let twins =
                self.twins.iter().map(|(task, pairs)| json!({"task_id": task, "pairs": pairs}));
            value["same_task"] = twins.collect();
        }
        if !self.late.is_empty() {
            value["late_tasks"] = json!(self.late);
        }
        if !self.takes.is_empty() {
            value["takes"] = json!(self.takes);
        }
        if let Some(resends) = self.resends.json() {
            value["idempotency"] = resends;
        }
        if let Some(Budget { spent, of, .. }) = &self.budget {
            value["budget"] = json!({"spent": spent, "of": of});
        }
        if let Some(activity) = &self.activity {
            value["activity"] = json!(activity);
        }
        if let Some(copied) = self.copied.as_ref().filter(|copied| copied.phase == Phase::Left) {
            let CopyMark { place, name, at, .. } = copied;
            value["moved_to"] = json!({"ledger": place, "batch": name, "at": at.to_string()});
        }
        #[cfg(feature = "postgres")]
        if let Some(together) = &self.together {
            value["shared"] = together.json();
        }
        value
    }
}

/// Where the ledger of a batch is that is not in its run folder, or not yet.
fn elsewhere(copied: &CopyMark) -> Option<String> {
    let (place, name) = (printable(&copied.place), printable(&copied.name));
    let at = copied.at.strftime("%Y-%m-%d %H:%M:%S UTC");
    match copied.phase {
        Phase::Left => Some(format!(
            "this batch moved to {place} (batch {name}) at {at}, and stood so then; --ledger says how it \
             stands now"
        )),
        Phase::Arriving => Some(format!(
            "its copy from {place} (batch {name}) is not finished: give `callsheet ledger copy` again"
        )),
        Phase::Leaving | Phase::Arrived => None,
    }
}

/// What is said of a task that an older release gave to several pairs.
pub(super) fn twins(task: &str, ids: &[String]) -> String {
    format!("one task, {}, is the task of {}", printable(task), ids.join(", "))
}

fn words(state: State) -> &'static str {
    match state {
        State::InDoubt => "in doubt",
        state => state.name(),
    }
}
