//! When it is time to try whether a server takes more.

use std::time::Duration;

/// Answers from one try to the next, once tries have failed again and again: so many refusals in a
/// hundred creates are little.
const ANSWERS: u32 = 40;
/// How often the distance doubles.
const DOUBLINGS: u32 = 5;
/// And how often it may have, when another limit is to be found.
const AT_FIRST: u32 = 2;

/// The distance between tries, in answers and in time. It doubles with each try that fails, for a
/// limit that stays the same costs refusals and pauses for nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Probing {
    failures: u32,
    /// Whether the last try was taken: the next one needs no distance.
    flies: bool,
    counted: u32,
    /// Since when it is counted, and how long the last episode has made all wait.
    since: Duration,
    pause: Duration,
}

impl Probing {
    /// An answer of the kind that counts.
    pub(super) fn counts(&mut self) {
        self.counted = self.counted.saturating_add(1);
    }

    /// Whether another try is due, where `full` answers are one round.
    pub(super) fn is_due(&self, full: u32, now: Duration) -> bool {
        let times = if self.flies { 1 } else { 1 << self.failures };
        let answers = full.saturating_mul(times).min(full.max(ANSWERS));
        now >= self.since + self.pause * (times - 1) && self.counted >= answers
    }

    /// One is made.
    pub(super) fn tries(&mut self, now: Duration) {
        (self.counted, self.since) = (0, now);
    }

    /// The last try was taken: there is more.
    pub(super) fn succeeded(&mut self) {
        self.flies = true;
    }

    /// It was refused in the end.
    pub(super) fn failed(&mut self) {
        self.failures = match self.flies {
            true => self.failures.saturating_sub(1),
            false => (self.failures + 1).min(DOUBLINGS),
        };
        self.ends();
    }

    /// What was taken before is refused: it is another limit.
    pub(super) fn begins_again(&mut self) {
        self.failures = self.failures.min(AT_FIRST);
        self.ends();
    }

    fn ends(&mut self) {
        (self.flies, self.counted, self.pause) = (false, 0, Duration::ZERO);
    }

    /// Nothing starts until then.
    pub(super) fn rests(&mut self, now: Duration, until: Duration) {
        if until > self.since {
            self.pause += until - self.since.max(now);
            self.since = until;
        }
    }
}
