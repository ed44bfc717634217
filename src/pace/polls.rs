//! When a task is asked for: not before it can be done, and less often the longer it takes.

use std::time::Duration;

/// An estimate is a promise of others: nobody waits longer for the first poll.
const LONGEST_FIRST: Duration = Duration::from_secs(600);
/// A poll every twentieth of the time that a task already took finds its end 5 % late at most.
const SHARE: u32 = 20;
/// The longest pause between two polls, in intervals.
const MOST_INTERVALS: u32 = 6;

/// However long a pause is asked for, and however long a task has been unknown, it is asked for at
/// least so often.
const RAREST: Duration = Duration::from_secs(3600);

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

    /// How long until the next poll of a task that the server did not know `times` times in a row:
    /// more and more rarely.
    #[must_use]
    pub fn absent(&self, times: u32) -> Duration {
        self.interval.saturating_mul(2u32.saturating_pow(times.min(20))).min(RAREST)
    }

    /// How long a server's wish to be left alone for a while holds.
    #[must_use]
    pub fn asked(wish: Duration) -> Duration {
        wish.min(RAREST)
    }
}

/// How long things are waited for that may never come.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For how long a task may have no news before it is not waited for any longer.
    pub stale: Duration,
    /// For how long a completed task may have no link before that is told.
    pub linkless: Duration,
    /// For how long answers must be about the same other task before they are believed.
    pub stranger: Duration,
    /// After how long a task that the server does not know is not counted among the unfinished,
    /// and not waited for alone.
    pub aside: Duration,
    /// After how long it is believed to be lost.
    pub lost: Duration,
    /// Who has to speak for that.
    pub witness: Witness,
}

/// What it takes to believe a server that does not know a task any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// That it knows others at the same time.
    Others,
    /// Its own word: a fake does not err.
    Nobody,
}

impl Patience {
    /// With a server that is paid.
    #[must_use]
    pub const fn with(stale: Duration) -> Self {
        Self {
            stale,
            linkless: Duration::from_secs(600),
            stranger: Duration::from_secs(60),
            aside: Duration::from_secs(600),
            lost: Duration::from_secs(24 * 3600),
            witness: Witness::Others,
        }
    }

    /// With a fake that forgets its tasks when it ends: nobody waits a day for a rehearsal.
    #[must_use]
    pub const fn rehearsed(self, soon: Duration) -> Self {
        Self { aside: soon, lost: soon, witness: Witness::Nobody, ..self }
    }

    /// So many times shorter, but for what the user said.
    #[must_use]
    pub fn hurried(self, times: u32) -> Self {
        let times = times.max(1);
        Self {
            linkless: self.linkless / times,
            stranger: self.stranger / times,
            aside: self.aside / times,
            lost: self.lost / times,
            ..self
        }
    }

    /// What a task is that the server has not known for `so_long`, `times` times in a row; for the
    /// last hour it knew others, or not.
    #[must_use]
    pub fn absence(&self, times: u32, so_long: Duration, knows_others: bool) -> Absence {
        let believed = knows_others || self.witness == Witness::Nobody;
        match so_long {
            _ if times >= THRICE && so_long >= self.lost && believed => Absence::Lost,
            _ if times >= THRICE && so_long >= self.aside => Absence::Aside,
            _ if times >= THRICE => Absence::Noted,
            _ => Absence::Doubtful,
        }
    }
}

/// How many answers alike it takes before anything follows from them.
pub(super) const THRICE: u32 = 3;

/// How far a task is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Absence {
    /// It may have been a slow replica.
    Doubtful,
    /// People should know.
    Noted,
    /// Nobody waits for it alone.
    Aside,
    /// It will not come back.
    Lost,
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
    fn a_task_that_is_not_known_is_asked_for_more_and_more_rarely() {
        let polls = Polls { interval: secs(10) };
        let pauses = [1, 2, 3, 8, 9, 1000].map(|times| polls.absent(times).as_secs());
        assert_eq!(pauses, [20, 40, 80, 2560, 3600, 3600]);
        assert_eq!(Polls::asked(secs(86_400)), secs(3600));
        assert_eq!(Polls::asked(secs(7)), secs(7));
    }

    #[test]
    fn a_task_is_lost_after_a_day_and_only_while_others_are_known() {
        let patience = Patience::with(secs(6 * 3600));
        let (minutes, day) = (secs(600), secs(86_400));
        for (times, so_long, others, expected) in [
            (1, secs(0), true, Absence::Doubtful),
            (2, day, true, Absence::Doubtful),
            (3, secs(30), true, Absence::Noted),
            (9, minutes - secs(1), true, Absence::Noted),
            (9, minutes, true, Absence::Aside),
            (40, day - secs(1), true, Absence::Aside),
            (40, day, false, Absence::Aside),
            (40, day * 9, false, Absence::Aside),
            (40, day, true, Absence::Lost),
        ] {
            let found = patience.absence(times, so_long, others);
            assert_eq!(found, expected, "{times} times in {so_long:?}, others: {others}");
        }
    }

    #[test]
    fn a_fake_is_believed_at_once_but_not_the_first_time() {
        let patience = Patience::with(secs(6 * 3600)).rehearsed(secs(1));
        assert_eq!(patience.absence(2, secs(9), false), Absence::Doubtful);
        assert_eq!(patience.absence(3, secs(1), false), Absence::Lost);
        assert_eq!(patience.stale, secs(6 * 3600));
    }

    #[test]
    fn what_the_user_said_is_not_hurried() {
        let patience = Patience::with(secs(7)).hurried(600);
        assert_eq!((patience.stale, patience.aside), (secs(7), secs(1)));
        assert_eq!((patience.lost, patience.linkless), (secs(144), secs(1)));
        assert_eq!(Patience::with(secs(7)).hurried(0).aside, secs(600));
    }
}
