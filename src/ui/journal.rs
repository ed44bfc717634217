//! What is worth a line where no bar can be drawn: now and then where the run stands, and at once what
//! holds it up.

use std::time::Duration;

use crate::stage::{Held, Why};

/// A pause that is over before that is nothing to tell.
const SETTLED: Duration = Duration::from_secs(2);
/// The same reason is not told again before that.
const REPEATED: Duration = Duration::from_secs(30);

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Where the run stands.
    Standing,
    /// What holds creates back.
    Held,
    /// Nothing does any more.
    GoesOn,
}

/// Decides which lines are written. Times are since the run's start.
#[derive(Debug)]
pub(super) struct Journal {
    /// From one standing to the next.
    every: Duration,
    stood: Duration,
    /// What holds creates back, and since when.
    held: Option<(Why, Duration)>,
    /// What was told last of that, and when.
    told: Option<(Why, Duration)>,
    /// Whether that was the last that was told.
    is_held: bool,
}

impl Journal {
    pub(super) fn new(every: Duration) -> Self {
        Self { every, stood: Duration::ZERO, held: None, told: None, is_held: false }
    }

    /// The line to be written now, if there is one.
    pub(super) fn next(&mut self, now: Duration, held: Option<&Held>) -> Option<Entry> {
        // That a limit is reached and kept to is no change of state.
        let why = held.map(|held| held.why).filter(|why| *why != Why::InFlight);
        let entry = self.change(now, why).or_else(|| {
            let due = now.saturating_sub(self.stood) >= self.every;
            due.then_some(Entry::Standing)
        })?;
        if entry == Entry::Standing {
            self.stood = now;
        }
        Some(entry)
    }

    fn change(&mut self, now: Duration, why: Option<Why>) -> Option<Entry> {
        let Some(why) = why else {
            let outage = self.told.is_some_and(|(why, _)| why.is_outage());
            let was = self.held.take().is_some() && std::mem::take(&mut self.is_held);
            // That an outage is over is told by whoever looks after it.
            return (was && !outage).then_some(Entry::GoesOn);
        };
        let (_, since) = *self.held.insert(match self.held {
            Some((of, since)) if of == why => (of, since),
            Some(_) | None => (why, now),
        });
        let again = self.told.is_some_and(|(of, at)| of == why && now < at + REPEATED);
        if self.is_held && self.told.is_some_and(|(of, _)| of == why) {
            return None;
        }
        let lasts = now.saturating_sub(since) >= SETTLED;
        (lasts && !again).then(|| {
            (self.told, self.is_held) = (Some((why, now)), true);
            Entry::Held
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Window;

    fn held(why: Why) -> Held {
        Held {
            why,
            reason: String::new(),
            text: String::new(),
            said: String::new(),
            since_seconds: 0,
            seconds: None,
            gives_up_seconds: None,
            window: Window::default(),
        }
    }

    /// What is told second by second of what holds creates back from one second to another.
    fn told(spells: &[(Why, u64, u64)], seconds: u64) -> Vec<(u64, Entry)> {
        let mut journal = Journal::new(Duration::from_secs(30));
        let at = |second| {
            spells.iter().find(|(_, from, to)| (*from..*to).contains(&second)).map(|of| held(of.0))
        };
        let mut next = |second| journal.next(Duration::from_secs(second), at(second).as_ref());
        (0..seconds).filter_map(|second| Some((second, next(second)?))).collect()
    }

    #[test]
    fn where_it_stands_is_told_every_half_minute() {
        let standing = [30, 60, 90].map(|second| (second, Entry::Standing));
        assert_eq!(told(&[], 100), standing);
        assert_eq!(told(&[(Why::InFlight, 3, 99)], 100), standing, "the usual state of many runs");
    }

    #[test]
    fn what_lasts_is_told_when_it_begins_and_ends() {
        let asked = told(&[(Why::Asked, 5, 20)], 25);
        assert_eq!(asked, [(7, Entry::Held), (20, Entry::GoesOn)]);
        let outage = told(&[(Why::NotSent, 5, 20)], 25);
        assert_eq!(outage, [(7, Entry::Held)], "its end is told by others");
        let turns = told(&[(Why::NotSent, 5, 10), (Why::Asked, 10, 20)], 25);
        assert_eq!(turns, [(7, Entry::Held), (12, Entry::Held), (20, Entry::GoesOn)]);
    }

    #[test]
    fn pauses_that_come_and_go_fill_no_log() {
        assert_eq!(told(&[(Why::Asked, 5, 6)], 25), [], "a moment");
        let often: Vec<_> = (0..100).map(|n| (Why::Asked, n * 5, n * 5 + 4)).collect();
        let lines = told(&often, 500);
        let held = lines.iter().filter(|(_, entry)| *entry == Entry::Held).count();
        assert!((14..=17).contains(&held), "{lines:?}");
    }
}
