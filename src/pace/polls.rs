//! When a task is asked for: not before it can be done, and less often the longer it takes.

use std::time::Duration;

/// An estimate is a promise of others: nobody waits longer for the first poll.
const LONGEST_FIRST: Duration = Duration::from_secs(600);
/// A poll every twentieth of the time that a task already took finds its end 5 % late at most.
const SHARE: u32 = 20;
/// The longest pause between two polls, in intervals.
const MOST_INTERVALS: u32 = 6;

/// The times of the polls of one task.
#[derive(Debug, Clone, Copy)]
pub struct Polls {
    /// From one poll to the next, while a task is young.
    pub interval: Duration,
}

impl Polls {
    /// How long after its create a task is first asked for.
    #[must_use]
    pub fn first(&self, estimate: Option<Duration>) -> Duration {
        estimate.unwrap_or(self.interval).min(LONGEST_FIRST)
    }

    /// How long until the next poll of a task that has taken so long; `random` is from 0 to 1.
    #[must_use]
    pub fn next(&self, taken: Duration, random: f64) -> Duration {
        let pause = (taken / SHARE).clamp(self.interval, self.interval * MOST_INTERVALS);
        pause.mul_f64(0.9 + 0.2 * random)
    }
}

/// Counts the answers that say there is no such task: one of them may be a slow replica's.
#[derive(Debug, Clone, Copy, Default)]
pub struct Absence {
    times: u32,
    since: Duration,
}

impl Absence {
    /// How many answers in a row it takes.
    const TIMES: u32 = 3;

    /// Another one, at `now`; says whether it counts: it is the third at least, and the first is
    /// as long ago as `patience`.
    pub fn again(&mut self, now: Duration, patience: Duration) -> bool {
        if self.times == 0 {
            self.since = now;
        }
        self.times += 1;
        self.times >= Self::TIMES && now.saturating_sub(self.since) >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_poll_is_when_the_server_expects_the_end() {
        let polls = Polls { interval: secs(10) };
        assert_eq!(polls.first(Some(secs(45))), secs(45));
        assert_eq!(polls.first(None), secs(10));
        assert_eq!(polls.first(Some(secs(7200))), secs(600), "an hour off is not believed");
    }

    #[test]
    fn long_tasks_are_asked_for_less_often() {
        let polls = Polls { interval: secs(10) };
        let pauses = [0, 200, 400, 3600].map(|taken| polls.next(secs(taken), 0.5));
        assert_eq!(pauses, [10, 10, 20, 60].map(secs));
        assert_eq!(polls.next(secs(0), 0.0), secs(9));
        assert_eq!(polls.next(secs(0), 1.0), secs(11));
    }

    #[test]
    fn a_task_is_gone_when_it_was_gone_three_times_for_a_minute() {
        let mut absence = Absence::default();
        let seen = [0, 10, 20, 59, 60].map(|at| absence.again(secs(at), secs(60)));
        assert_eq!(seen, [false, false, false, false, true]);
        let mut absence = Absence::default();
        assert_eq!([0, 90, 91].map(|at| absence.again(secs(at), secs(60))), [false, false, true]);
    }
}
