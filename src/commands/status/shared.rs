//! The standing of a batch that many share: counted by the database, which hands out no pair but those in
//! doubt and those whose videos are to be fetched.

use serde_json::{Value, json};

use super::{Budget, Standing, budget_head};
use crate::cli::StatusArgs;
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::sharing::Shared;
use crate::exit::Exit;
use crate::ledger::View;
use crate::ledger::postgres::{Hand, Hands, Surveyed, Those, survey};
use crate::state::State;
use crate::ui::Ui;
use crate::view::{lasting, printable};

/// These pairs are named one by one.
const SHOWN_WHOLE: Those<'_> =
    Those { states: &[State::InDoubt, State::Completed], with_late_tasks: true };
/// Of no more pairs than these each is looked at: more would take longer than people wait.
const LOOKED_AT: u64 = 5000;
const UNSEEN: &str = "what tasks cost, and which videos are odd, is in `report`: these are too many pairs to look \
    at each here";
/// Workers that are named to people; JSON has them all.
const SHOWN: usize = 5;

/// What only the database knows of a batch.
#[derive(Debug)]
pub(in crate::commands) struct Together {
    /// Whether each pair was looked at, so that also what tasks cost and which videos are odd is known.
    looked_at_each: bool,
    stopped: Option<String>,
    workers: Vec<Hand>,
}

impl Standing {
    /// What the database counts, and no pairs.
    pub(super) fn counted(site: &Site, shared: &Shared) -> Result<Self, Failure> {
        let surveyed = look(site, shared, Hands::AtWork)?;
        Self::of(surveyed, &view(site, shared, &Those::default())?, false)
    }

    /// Counted by the database.
    pub(in crate::commands) fn of_shared(site: &Site, shared: &Shared) -> Result<Self, Failure> {
        let surveyed = look(site, shared, Hands::AtWork)?;
        Self::with_pairs(surveyed, (site, shared))
    }

    /// With what is to be said of single pairs, and of all where they are not too many.
    fn with_pairs(surveyed: Surveyed, (site, shared): (&Site, &Shared)) -> Result<Self, Failure> {
        match surveyed.pairs() + surveyed.unlisted <= LOOKED_AT {
            true => {
                let whole = shared.view()?.ok_or_else(|| site.missing())?;
                Self::of(surveyed, &whole, true)
            }
            false => Self::of(surveyed, &view(site, shared, &SHOWN_WHOLE)?, false),
        }
    }

    fn of(surveyed: Surveyed, told: &View, looked_at_each: bool) -> Result<Self, Failure> {
        let Surveyed { endpoint, counts, unlisted, stopped, workers, .. } = surveyed;
        let read = Self::read(told)?;
        Ok(Self {
            owner: endpoint,
            counts,
            unlisted,
            together: Some(Together { looked_at_each, stopped, workers }),
            ..read
        })
    }

    /// The same with what is spent of the budget.
    pub(in crate::commands) fn of_shared_with_budget(
        site: &Site,
        shared: &Shared,
        args: &StatusArgs,
    ) -> Result<Self, Failure> {
        let surveyed = look(site, shared, Hands::AtWork)?;
        let currency = budget_head(args).map_or_else(String::new, |head| head.currency);
        let budget = surveyed.budget.map(|budget| Budget {
            spent: surveyed.amount(surveyed.reserved),
            of: surveyed.amount(budget),
            currency,
        });
        let standing = Self::with_pairs(surveyed, (site, shared))?;
        Ok(Self { budget, ..standing })
    }
}

impl Together {
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .stopped
            .iter()
            .map(|why| format!("nobody creates in it: {}", printable(why)))
            .collect();
        lines.extend(self.workers.iter().take(SHOWN).map(worker));
        if self.workers.len() > SHOWN {
            lines.push(format!("… and {} more workers", self.workers.len() - SHOWN));
        }
        if !self.looked_at_each {
            lines.push(UNSEEN.to_owned());
        }
        lines
    }

    pub(super) fn json(&self) -> Value {
        let workers = self.workers.iter().map(Hand::json).collect::<Vec<_>>();
        let looked_at_each = self.looked_at_each;
        json!({ "stopped": self.stopped, "workers": workers, "looked_at_each": looked_at_each })
    }
}

/// `at work: process 71 on pod-3, heard of 4 s ago`
fn worker(hand: &Hand) -> String {
    let (who, ago) = (printable(&hand.who), lasting(hand.silent.as_secs()));
    match hand.lives {
        true => format!("at work: {who}, heard of {ago} ago"),
        false => format!("silent: {who}, for {ago}; it never signed off"),
    }
}

/// What the database has counted of the batch.
fn look(site: &Site, shared: &Shared, hands: Hands) -> Result<Surveyed, Failure> {
    let found = survey(&shared.settings()?, (Some(&shared.name), hands));
    let found = found.map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    found.into_iter().next().ok_or_else(|| site.missing())
}

/// The pairs that stand in some states, as a ledger to read.
pub(super) fn in_states(site: &Site, shared: &Shared, states: &[State]) -> Result<View, Failure> {
    view(site, shared, &Those { states, ..Those::default() })
}

fn view(site: &Site, shared: &Shared, those: &Those<'_>) -> Result<View, Failure> {
    let view = View::of_those_shared(&shared.settings()?, (&shared.name, those))?;
    view.ok_or_else(|| site.missing())
}

/// Lists who worked on the batch, the first one first.
pub(super) fn history(ui: &Ui, site: &Site, shared: &Shared) -> Result<(), Failure> {
    let mut workers = look(site, shared, Hands::All)?.workers;
    workers.sort_by_key(|hand| hand.began);
    for hand in &workers {
        super::listed::hand(ui, hand);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use std::time::Duration;

    use super::*;

    #[test]
    fn workers_are_named_with_when_they_were_heard_of() {
        let hand = |seconds, lives| Hand {
            worker: 7,
            who: "process 7 on po\nd".to_owned(),
            began: Timestamp::UNIX_EPOCH,
            silent: Duration::from_secs(seconds),
            lives,
            ended: None,
        };
        assert_eq!(worker(&hand(4, true)), "at work: process 7 on po d, heard of 4 s ago");
        let silent = "silent: process 7 on po d, for 3 min; it never signed off";
        assert_eq!(worker(&hand(200, false)), silent);
        let stopped = Some("it went to /x".to_owned());
        let workers = (0..8).map(|n| hand(n, true)).collect();
        let mut together = Together { looked_at_each: true, stopped, workers };
        let lines = together.lines();
        assert_eq!(lines.len(), 1 + SHOWN + 1);
        assert_eq!(lines[0], "nobody creates in it: it went to /x");
        assert_eq!(lines.last().unwrap(), "… and 3 more workers");
        assert_eq!(together.json()["workers"].as_array().unwrap().len(), 8);
        together.looked_at_each = false;
        assert_eq!(together.lines().last().unwrap(), UNSEEN);
    }
}
