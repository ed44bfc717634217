//! What lies before a run, and what it leaves out.

use std::time::Duration;

use super::summary::{Left, NAMED};
use crate::cli::{RunArgs, Until};
use crate::commands::batch::Batch;
use crate::commands::failure::Failure;
use crate::commands::status::Standing;
use crate::ledger::{LedgerError, View};
use crate::state::State;
use crate::ui::{Tally, Work};

/// From one line to the next that says where the run stands, where nothing can be drawn.
const TOLD: Duration = Duration::from_secs(30);

/// What a run has before it.
pub(super) fn work(
    (args, batch): (&RunArgs, &Batch),
    (standing, left): (&Standing, &Left),
    view: &View,
) -> Result<Work, Failure> {
    let (planned, left) = (standing.count(State::Planned), left.pairs());
    let creates = planned.saturating_sub(left);
    let waits = args.until == Until::Saved && standing.count(State::Created) > 0;
    let tasks = if waits { view.tasks(State::Created)? } else { Vec::new() };
    let budget = batch.manifest.rules().budget;
    Ok(Work {
        pairs: standing.left(args.until).saturating_sub(planned - creates),
        creates,
        until: args.until,
        tasks: tasks.into_iter().map(|task| (task.id, task.created_at)).collect(),
        links: standing.links(),
        tally: Tally::new(&standing.counts),
        budget: budget.map(|budget| (budget, batch.manifest.currency.clone())),
        every: TOLD / args.wait.hurry.max(1),
    })
}

/// The planned pairs that it leaves where they are; so many of them by choice.
pub(super) fn left_planned(
    args: &RunArgs,
    (planned, by_choice): (u64, u64),
    view: &View,
) -> Result<Left, LedgerError> {
    if args.no_create {
        return Ok(Left { no_create: planned, ..Left::default() });
    }
    let all = view.left_out()?;
    let named = if by_choice == 0 { view.first_left_out(NAMED) } else { Vec::new() };
    let paid = (all.saturating_sub(by_choice), named);
    let limit = args.choose.limit.map_or(u64::MAX, |limit| limit as u64);
    let beyond_limit = planned.saturating_sub(all).saturating_sub(limit);
    Ok(Left { paid, by_choice, beyond_limit, no_create: 0 })
}
