//! When a worker that has done what was its to do is done: the decision, as values.
//!
//! It waits while another has something to do, takes what others left, and ends when all have nothing to do
//! but to wait. Who takes a task of one that is gone is idle no more in the same transaction, so nobody ends
//! before it; since two may look at the same instant, what looks like the end is looked at twice.

use std::time::Duration;

use super::tables::Company;
use crate::ledger::Rest;
use crate::pace::{Common, LOOK};

/// Nobody asks less often.
const SELDOM: Duration = Duration::from_secs(5);
/// Before what looks like the end is looked at again.
const SOON: Duration = Duration::from_millis(250);

/// What a worker that has nothing to do knows of the others.
#[derive(Debug)]
pub(super) struct Resting {
    lease: Duration,
    /// Whether tasks were given to it since it last asked.
    given: bool,
    /// How many others there were.
    alive: Option<u32>,
    /// From which planned pair to which it tried them all.
    tried: Option<(i32, i32)>,
    /// Whether it looked like the end.
    looked_done: bool,
}

impl Resting {
    pub(super) const fn new(lease: Duration) -> Self {
        Self { lease, given: false, alive: None, tried: None, looked_done: false }
    }

    /// It is given tasks.
    pub(super) const fn is_given_some(&mut self) {
        self.given = true;
    }

    /// Whether it has nothing to do, as far as is known: who waits for no tasks gives them back to nobody
    /// before it ends.
    pub(super) const fn is_idle(&self, tasks: bool) -> bool {
        tasks && !self.given
    }

    /// Whether it was given some since it last asked.
    pub(super) const fn take_given(&mut self) -> bool {
        std::mem::replace(&mut self.given, false)
    }

    /// Whether others are at work on what this worker waits for.
    pub(super) const fn waits(company: Company, common: &Common, tasks: bool) -> bool {
        if tasks { company.busy > 0 } else { common.under_way > 0 }
    }

    /// Whether planned pairs are looked for: once nobody is at work who would try them, and whenever there
    /// are fewer others than before, who may have left some.
    pub(super) fn looks_for_planned(&mut self, company: Company, waits: bool) -> bool {
        let before = self.alive.replace(company.alive);
        !waits || before.is_none_or(|before| company.alive < before)
    }

    /// Whether pairs that are planned from here to there are tried: not twice the same, which could not be
    /// had the first time.
    pub(super) fn tries(&mut self, (first, end): (i32, i32)) -> bool {
        first < end && self.tried.replace((first, end)) != Some((first, end))
    }

    /// What is said when nothing of it is this worker's.
    pub(super) fn rest(&mut self, company: Company, common: &Common, waits: bool) -> Rest {
        let looked_done = std::mem::replace(&mut self.looked_done, !waits);
        match waits {
            true if common.unfinished == 0 => Rest::Others(company.busy, LOOK),
            true => Rest::Others(company.busy, SELDOM.min(self.lease / 3)),
            false if company.alive > 0 && !looked_done => Rest::Others(company.alive, SOON),
            false => Rest::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn company(alive: u32, busy: u32) -> Company {
        Company { alive, busy }
    }

    #[test]
    fn who_is_alone_is_done_at_once_and_who_is_not_looks_twice() {
        let common = Common::default();
        assert_eq!(Resting::new(LEASE).rest(company(0, 0), &common, false), Rest::Nothing);
        let mut resting = Resting::new(LEASE);
        assert_eq!(resting.rest(company(2, 0), &common, false), Rest::Others(2, SOON));
        assert_eq!(resting.rest(company(2, 0), &common, false), Rest::Nothing);
        assert_eq!(resting.rest(company(2, 1), &common, true), Rest::Others(1, LOOK));
        assert_eq!(resting.rest(company(2, 0), &common, false), Rest::Others(2, SOON), "anew");
    }

    #[test]
    fn others_are_waited_for_as_often_as_the_lease_says_and_their_tasks_where_they_matter() {
        let common = Common { unfinished: 3, under_way: 1, ..Common::default() };
        let mut resting = Resting::new(Duration::from_secs(6));
        let often = Duration::from_secs(2);
        assert_eq!(resting.rest(company(2, 2), &common, true), Rest::Others(2, often));
        assert!(Resting::waits(company(2, 1), &Common::default(), true));
        assert!(!Resting::waits(company(2, 1), &Common::default(), false), "their tasks only");
        assert!(Resting::waits(company(0, 0), &common, false), "a create of one that is gone");
        assert!(!Resting::waits(company(2, 0), &common, true), "all wait for each other");
    }

    #[test]
    fn planned_pairs_are_looked_for_when_somebody_left_and_not_tried_twice_in_vain() {
        let mut resting = Resting::new(LEASE);
        assert!(resting.looks_for_planned(company(3, 3), true), "for the first time");
        assert!(!resting.looks_for_planned(company(3, 3), true));
        assert!(resting.looks_for_planned(company(2, 2), true));
        assert!(!resting.looks_for_planned(company(4, 2), true));
        assert!(resting.looks_for_planned(company(4, 0), false));
        assert!(!resting.tries((0, 0)), "there is none");
        assert!(resting.tries((4, 9)));
        assert!(!resting.tries((4, 9)));
        assert!(resting.tries((4, 7)));
    }

    #[test]
    fn who_was_given_tasks_is_not_idle_until_that_is_known() {
        let mut resting = Resting::new(LEASE);
        assert!(resting.is_idle(true) && !resting.is_idle(false));
        resting.is_given_some();
        assert!(!resting.is_idle(true));
        assert!(resting.take_given() && !resting.take_given());
        assert!(resting.is_idle(true));
    }
}
