//! What the gate knows, and whether one more create may start.

use std::time::Duration;

use super::super::CreateLimits;
use crate::ledger::Doubted;
use crate::pace::{Backoff, Elsewhere, Outage, Outcome, Pause, Schedule, Step, Word};
use crate::stage::Last;

const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) outage: Outage,
    pub(super) pause: Pause,
    schedule: Schedule,
    pub(super) under_way: u32,
    /// While creates are held back: the head of the line is the one to be tried.
    pub(super) one_from_line: bool,
    /// Passes that have money reserved, or are asking for it.
    pub(super) reserving: u32,
    /// How many creates have ended, whose money may have come back.
    pub(super) ended: u64,
    /// When the service last answered, in time of trying.
    pub(super) last_answer: Duration,
    /// How long the server has asked for pauses.
    pub(super) excused: Duration,
    /// Pairs in doubt since the last answer.
    pub(super) row: Vec<Doubted>,
    pub(super) last: Last,
    /// What last asked for a pause.
    pub(super) asked_by: Last,
    /// What was taken in of what others heard, and whether this one tries a create for all.
    pub(super) elsewhere: Elsewhere,
    pub(super) lone: bool,
}

/// Who wants to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The head of the line.
    Line,
    /// The head of those that are sent again.
    Again,
    /// The one that was chosen to be tried alone.
    Alone,
    /// The same, of those that are sent again.
    AloneAgain,
}

/// Whether one may.
pub(super) enum Entry {
    /// As one of so many under way.
    Start {
        alone: bool,
        of: u32,
    },
    In(Duration),
    Later,
}

impl Inner {
    pub(super) fn new(limits: &CreateLimits) -> Self {
        Self {
            outage: Outage::new(limits.concurrency.into(), limits.max_doubts),
            pause: Pause::new(BACKOFF),
            schedule: Schedule::new(limits.rate),
            under_way: 0,
            one_from_line: false,
            reserving: 0,
            ended: 0,
            last_answer: Duration::ZERO,
            excused: Duration::ZERO,
            row: Vec::new(),
            last: Last::default(),
            asked_by: Last::default(),
            elsewhere: Elsewhere::default(),
            lone: false,
        }
    }

    pub(super) fn entry(&mut self, way: Way, now: Duration) -> Entry {
        let open = self.outage.cause().is_none();
        if matches!(way, Way::Line | Way::Again) && !open && !self.one_from_line {
            return Entry::Later;
        }
        let pause = self.pause.wait(now);
        if !pause.is_zero() {
            return Entry::In(pause);
        }
        let admitted = match way {
            Way::Again | Way::AloneAgain => self.outage.admits_again(self.under_way, now),
            Way::Line | Way::Alone => self.outage.admits(self.under_way, now),
        };
        if !admitted {
            return Entry::Later;
        }
        let opens = self.schedule.opens().max(self.outage.window.opens());
        let slot = opens.saturating_sub(now);
        if !slot.is_zero() {
            return Entry::In(slot);
        }
        self.schedule.wait(now);
        self.outage.window.starts(now);
        self.under_way += 1;
        self.one_from_line = false;
        Entry::Start { alone: self.outage.begins(), of: self.under_way }
    }

    /// Whether one more may start once one that is under way has ended.
    pub(super) fn flows(&self, now: Duration) -> bool {
        let others = self.under_way.saturating_sub(1);
        let open = self.outage.cause().is_none() && self.pause.wait(now).is_zero();
        // Where a server minds how fast they come, each waits for its slot.
        let at_once = !self.outage.window.minds_tempo();
        open && at_once && self.outage.admits(others, now)
    }

    pub(super) fn step(&self, now: Duration, patience: Duration) -> Step {
        let pause = self.pause.wait(now);
        match self.outage.step(self.under_way, now, patience) {
            Step::Alone if self.one_from_line => Step::Wait,
            Step::Ask | Step::Alone | Step::Until(_) if !pause.is_zero() => {
                Step::Until(now + pause)
            }
            step => step,
        }
    }

    pub(super) fn answered(&mut self, tried: Duration) {
        self.last_answer = tried;
        self.row.clear();
        self.pause.answered();
    }

    /// What the outcome of a create says to those who share the batch.
    pub(super) fn word(&mut self, outcome: Outcome, alone: bool) -> Option<Word> {
        let word = match (outcome, alone && self.lone) {
            (Outcome::Answer, true) => Word::AloneAnswer,
            (Outcome::Answer, false) => Word::Answer,
            (Outcome::Doubt | Outcome::DoubtAgain, true) => Word::AloneDoubt,
            (Outcome::Doubt, false) => Word::Doubt,
            // One doubt, as before.
            (Outcome::DoubtAgain, false) => return None,
            (Outcome::Busy | Outcome::Foreign | Outcome::NotSent | Outcome::NotRelayed, _) => {
                return None;
            }
        };
        self.elsewhere.hears();
        Some(word)
    }

    /// The server wants a pause of a create that started as one of `of`, and may have said how long.
    pub(super) fn pauses(
        &mut self,
        (started, now, of): (Duration, Duration, u32),
        (outcome, asked): (Outcome, Option<Duration>),
    ) {
        let before = self.pause.wait(now);
        let begins = self.pause.refused((started, now), asked, fastrand::f64());
        let after = self.pause.wait(now);
        if outcome == Outcome::Busy {
            self.outage.refused(begins, (of, self.under_way), (now, fastrand::f64()));
        }
        self.outage.window.rests(now, now + after);
        if asked.is_some() {
            self.excused += after - before;
            self.outage.excuse(after - before);
        }
        tracing::debug!(ms = after.as_millis(), "creates pause");
    }
}
