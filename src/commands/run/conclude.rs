//! The end of a run: what came of it, what it means, and what to do next.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::pilot::{Forecast, Pilot};
use super::stopped::explain;
use super::summary::{self, Left};
use crate::cli::{RunArgs, Until};
use crate::commands::batch::Batch;
use crate::commands::choose::Chosen;
use crate::commands::failure::Failure;
use crate::commands::overview;
use crate::commands::status::Standing;
use crate::exit::Exit;
use crate::ledger::{Cause, Rows, Sheet, Totals, View};
use crate::price::{Amount, Money, Refusal};
use crate::report::{self, ReportError};
use crate::stage::{StopReason, Stops, Trouble};
use crate::state::State;
use crate::submit::{self, Board};
use crate::ui::{Ui, counted};
use crate::view::size;

/// How many of a kind are shown.
const SHOWN: usize = 10;

/// `tasks.csv` and what it is, if it could be seen to while the ledger was this run's.
pub(super) type Settled = Option<Result<(PathBuf, Sheet), ReportError>>;

/// How the run ended.
pub(super) struct End {
    pub(super) until: Until,
    /// Nothing if it had to be left.
    pub(super) created: Option<submit::Outcome>,
    pub(super) stops: Stops,
    /// What the ledger may not know.
    pub(super) board: Board,
    pub(super) took: Duration,
    /// How many pairs changed in the manifest after they were sent.
    pub(super) changed: u64,
    /// The pairs that it leaves planned on purpose.
    pub(super) left: Left,
    /// What is made before the rest.
    pub(super) pilot: Option<Pilot>,
    /// Which pairs it was to create.
    pub(super) chosen: Chosen,
    /// Exit codes that are not returned.
    pub(super) passed_over: Vec<Exit>,
    /// `tasks.csv` and what it is, if it could be seen to while the ledger was still this run's.
    pub(super) sheet: Settled,
    /// Whether `report.html` is left as it is.
    pub(super) no_page: bool,
}

/// What the run came to.
pub(super) struct Concluded {
    pub(super) exit: Exit,
    /// For programs.
    pub(super) summary: Value,
    /// What the rest comes to by the pilot.
    pub(super) forecast: Option<Forecast>,
    /// Whether a person wants the rest now.
    pub(super) goes_on: bool,
}

impl End {
    /// The precedence of the exit codes, over what the states alone say.
    fn exit(&self, standing: &Standing) -> Exit {
        let passed_over = if self.is_outage() { &[][..] } else { &self.passed_over };
        Exit::first(self.exits(standing), passed_over)
    }

    /// All that apply.
    fn exits(&self, standing: &Standing) -> Vec<Exit> {
        let killed = self.stops.kill.reason().is_some().then_some(Exit::Killed);
        let reasons = self.stops.reasons();
        let stopped = reasons.into_iter().filter_map(|reason| match reason {
            StopReason::Account { .. } => Some(Exit::Account),
            StopReason::Store { .. } | StopReason::Bucket { .. } => Some(Exit::Fault),
            StopReason::Ledger(_) | StopReason::Unable { .. } | StopReason::Disk { .. } => {
                Some(Exit::Fault)
            }
            // Pairs in doubt come first, and are counted below.
            StopReason::Service { trouble: Trouble::Alike { .. } | Trouble::Asked(_), .. } => {
                Some(Exit::WorkLeft)
            }
            StopReason::Service { .. } | StopReason::Signal => None,
            StopReason::Unreachable { .. } | StopReason::Deadline => None,
        });
        let too_dear = |created: &submit::Outcome| {
            created.beyond_budget.is_some() || created.not_affordable.pairs > 0
        };
        let budget = self.created.as_ref().is_some_and(too_dear).then_some(Exit::Budget);
        let standing = standing.exits(self.until);
        killed.into_iter().chain(stopped).chain(budget).chain(standing).collect()
    }

    /// Whether creating ended because the service was not there, or not itself.
    fn is_outage(&self) -> bool {
        let outage = |reason: &StopReason| {
            matches!(reason, StopReason::Service { .. } | StopReason::Unreachable { .. })
        };
        self.stops.reasons().into_iter().any(outage)
    }
}

/// Says how it went and what to do next, and last what it came to; and writes the CSV where that was not
/// done.
pub(super) fn conclude(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    mut end: End,
) -> Result<Concluded, Failure> {
    let sheet = end.sheet.take();
    let end = &end;
    end.stops.reasons().into_iter().for_each(|reason| explain(ui, batch, reason));
    end.created.iter().for_each(|created| explain_money(ui, batch, created));
    explain_cut(ui, batch, end);
    let view = batch.site.existing()?;
    let standing = Standing::read(&view)?;
    let csv = match sheet {
        Some(sheet) => sheet?.0,
        None => report::write(&batch.site.folder, &view, Rows::All)?,
    };
    let page = match end.no_page {
        true => None,
        false => overview::settle(ui, &batch.site, &view, &standing),
    };
    let causes =
        if standing.is_any_without_video() { view.causes_without_video()? } else { Vec::new() };
    explain_pairs(ui, end, (&causes, &view))?;
    point_out(ui, batch, &standing);
    let exit = say_how_to_go_on(ui, batch, end, (&standing, &causes));
    let sums = Sums::read(batch, &view)?;
    let mut value = standing.json(&batch.site);
    value["tasks_csv"] = json!(csv.display().to_string());
    value["report_html"] = json!(page);
    value["exit_code"] = json!(exit.code());
    value["seconds"] = json!(end.took.as_secs_f64());
    let pilot = end.pilot.as_ref();
    let forecast = pilot.map(|pilot| pilot.forecast((args, batch), &view)).transpose()?;
    if let Some(forecast) = &forecast {
        value["pilot"] = forecast.json();
    }
    value["causes"] = json!(causes);
    value["changed"] = json!(end.changed);
    value["left_out"] = end.left.json();
    sums.fill(&mut value);
    let mut lines = sums.lines(batch);
    lines.extend(standing.bills.lines(&batch.site));
    lines.extend(page);
    lines.push(csv.display().to_string());
    lines.push(format!("{}; {:.1} s", ui.strong(&standing.line()), end.took.as_secs_f64()));
    ui.result(&lines.join("\n"), &value);
    Ok(Concluded { exit, summary: value, forecast, goes_on: false })
}

/// What was spent, and what there is for it.
struct Sums {
    spent: Option<(Amount, Amount)>,
    videos: Totals,
}

impl Sums {
    fn read(batch: &Batch, view: &View) -> Result<Self, Failure> {
        let rules = batch.manifest.rules();
        let spent = view.spent_of_budget(&rules)?.zip(rules.budget);
        Ok(Self { spent, videos: view.totals()? })
    }

    fn fill(&self, value: &mut Value) {
        let budget = self.spent.map(|(spent, budget)| json!({"spent": spent, "of": budget}));
        value["budget"] = json!(budget);
        value["videos"] = json!(self.videos);
    }

    fn lines(&self, batch: &Batch) -> Vec<String> {
        let currency = &batch.manifest.currency;
        let budget = self
            .spent
            .map(|(spent, budget)| format!("budget {}: {spent} spent", budget.shown(currency)));
        let price = batch.manifest.spending.price.and_then(|tariff| tariff.linear());
        budget.into_iter().chain(videos(&self.videos, (price, currency))).collect()
    }
}

/// What became of the pairs that have no video, which changed, and which were left out.
fn explain_pairs(ui: &Ui, end: &End, (causes, view): (&[Cause], &View)) -> Result<(), Failure> {
    let changed = match end.changed {
        0 => Vec::new(),
        _ => view.first_changed(summary::NAMED)?,
    };
    let lines = summary::causes(causes).into_iter();
    let lines = lines.chain(summary::changed(&changed, end.changed));
    lines.chain(summary::left(&end.left)).for_each(|line| ui.note(&line));
    Ok(())
}

/// What a person should look at.
fn point_out(ui: &Ui, batch: &Batch, standing: &Standing) {
    standing.warn_of_videos(ui);
    standing.describe_late().for_each(|late| ui.warn(&late));
    standing.resends.describe_others().for_each(|other| ui.warn(&other));
    if let Some(doubts) = standing.describe_doubts(&batch.site) {
        ui.message(&doubts);
    }
}

/// The commands to go on with. Gives the exit code.
fn say_how_to_go_on(
    ui: &Ui,
    batch: &Batch,
    end: &End,
    (standing, causes): (&Standing, &[Cause]),
) -> Exit {
    let (first, exit) = (Exit::first(end.exits(standing), &[]), end.exit(standing));
    if first != exit {
        let (code, meaning) = (first.code(), first.meaning());
        ui.note(&format!("exit code {} instead of {code}: {meaning}", exit.code()));
    }
    // Of a pilot, the rest is asked about.
    let rest = end.chosen.rest(&batch.site, end.left.by_choice).filter(|_| end.pilot.is_none());
    rest.iter().for_each(|rest| ui.hint(rest));
    summary::ways_on(causes, &batch.site.command("run")).iter().for_each(|way| ui.hint(way));
    // The budget alone does not grow.
    if standing.left(end.until) > end.left.for_good() && first != Exit::Budget {
        let (left, planned) = (standing.left(end.until), standing.count(State::Planned));
        let under_way = left.saturating_sub(planned);
        let to_come = planned.saturating_sub(end.left.for_good());
        ui.hint(&end.chosen.on(&batch.site, to_come, under_way));
        if batch.site.rehearsal && standing.count(State::Created) > 0 {
            ui.hint(
                "the fake of a rehearsal forgets its tasks when it ends, as no real server does; one \
                 that remembers is `callsheet mock`, with --endpoint",
            );
        }
    }
    exit
}

/// What only this process knows: it is said whatever else fails.
pub(super) fn explain_cut(ui: &Ui, batch: &Batch, end: &End) {
    for (id, task) in end.board.unrecorded() {
        let adopt = batch.site.command("resolve");
        ui.error(&format!("{id} has the task {task}, which could not be recorded"));
        ui.hint(&format!("once the disk has room: {adopt} {id} --adopt {task}"));
    }
    if end.stops.kill.reason().is_none() {
        return;
    }
    let left = end.board.left_in_doubt();
    match &left[..] {
        [] => ui.note("stopped; no create was waiting for its answer"),
        left => {
            let creates = counted(left.len() as u64, "create");
            let names = left.iter().take(SHOWN).map(|id| &**id).collect::<Vec<_>>().join(", ");
            let more = if left.len() > SHOWN { ", …" } else { "" };
            let status = batch.site.command("status");
            ui.error(&format!(
                "stopped; {creates} unanswered, now in doubt ({names}{more}): {status}"
            ));
        }
    }
}

/// What there is to see: `16.2 s of video in 5 files`.
fn videos(totals: &Totals, (price, currency): (Option<Money>, &str)) -> Option<String> {
    let (id, took) = totals.slowest.as_ref()?;
    let files = counted(totals.files, "file");
    let size = size(totals.bytes);
    let seconds = totals.seconds;
    // The recordings are the bill; where they were not measured, the videos come close.
    let cost = |price: Money| match totals.billed_seconds {
        Some(billed) => format!(", {}{currency} for {billed} s of audio", price.times(billed)),
        None => {
            format!(", about {}{currency} at {price} a second", price.of_about(seconds))
        }
    };
    let price = price.map(cost);
    Some(format!(
        "{seconds:.1} s of video in {files}, {size}{}; the slowest took {took:.1} s ({id})",
        price.unwrap_or_default()
    ))
}

fn explain_money(ui: &Ui, batch: &Batch, created: &submit::Outcome) {
    if let Some((id, refusal)) = &created.no_trial {
        ui.warn(&format!(
            "what is in doubt was not sent again: to see whether the service honours keys, the create \
             of {id} would have to be sent once more: {refusal}"
        ));
    }
    if let Some((id, refusal)) = &created.beyond_budget {
        ui.error(&format!("the budget allows no more: {id}: {refusal}"));
        ui.hint("to go on, raise `budget` in the manifest and give the same command again");
    }
    let list = &created.not_affordable;
    for (id, refusal) in &list.first {
        ui.error(&format!("{id} was not sent: {refusal}"));
    }
    let more = list.pairs.saturating_sub(list.first.len() as u64);
    if more > 0 {
        ui.error(&format!("and {more} more were not sent for such reasons"));
    }
    if list.first.iter().any(|(_, refusal)| *refusal == Refusal::Unmeasured) {
        let check = batch.site.command("check");
        ui.hint(&format!("{check} --probe measures recordings, and says why one cannot be"));
    }
    if list.first.iter().any(|(_, refusal)| matches!(refusal, Refusal::TooDear { .. })) {
        ui.hint("shorten the recording, or raise `max_pair_cost` in the manifest");
    }
}
