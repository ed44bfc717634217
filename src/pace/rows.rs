//! What follows from answers that come again and again: nothing from one, and not much from one
//! task's.

use std::time::Duration;

use super::polls::THRICE;

/// Answers alike in a row that are about several tasks: one task's trouble is its own.
#[derive(Debug, Clone)]
pub struct Row<T> {
    of: Vec<T>,
    times: u32,
    since: Duration,
}

impl<T> Default for Row<T> {
    fn default() -> Self {
        Self { of: Vec::new(), times: 0, since: Duration::ZERO }
    }
}

impl<T: PartialEq> Row<T> {
    /// Another one, at `now`, while so many tasks are waited for. Says whether the row is about
    /// three of them; where there are fewer, about each, and three long.
    pub fn again(&mut self, task: T, waiting: u64, now: Duration) -> bool {
        if self.times == 0 {
            self.since = now;
        }
        self.times = self.times.saturating_add(1);
        if self.of.len() < THRICE as usize && !self.of.contains(&task) {
            self.of.push(task);
        }
        let tasks = self.of.len() as u64;
        self.times >= THRICE && tasks >= waiting.min(THRICE.into())
    }

    /// For how long there has been nothing else.
    #[must_use]
    pub fn lasts(&self, now: Duration) -> Duration {
        if self.times == 0 { Duration::ZERO } else { now.saturating_sub(self.since) }
    }

    /// Another kind of answer came.
    pub fn ends(&mut self) {
        *self = Self::default();
    }
}

/// Since when no poll got through, without the pauses that the server asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drought {
    since: Option<Duration>,
    excused: Duration,
    until: Duration,
}

impl Drought {
    /// A poll failed at `now`, and the server may have asked for a pause. Says for how long polls
    /// have been failing.
    pub fn failed(&mut self, now: Duration, asked: Option<Duration>) -> Duration {
        let since = *self.since.get_or_insert(now);
        // What is left of an excuse is not counted twice, nor what of it lies ahead at all.
        let before = self.excused;
        let ahead = self.until.saturating_sub(now);
        if let Some(until) = asked.map(|asked| now + asked).filter(|until| *until > self.until) {
            self.excused += until - self.until.max(now);
            self.until = until;
        }
        (now - since).saturating_sub(before.saturating_sub(ahead))
    }

    /// A poll got through.
    pub fn ends(&mut self) {
        *self = Self::default();
    }
}

/// The same thing said again and again, until it has to be believed.
#[derive(Debug, Clone)]
pub struct Insistence<T> {
    what: T,
    times: u32,
    since: Duration,
}

impl<T: PartialEq> Insistence<T> {
    /// It was said for the first time.
    pub const fn new(what: T, now: Duration) -> Self {
        Self { what, times: 1, since: now }
    }

    /// Something was said at `now`. Says whether it is the same for the third time at least, and
    /// over as long as `patience`.
    pub fn again(&mut self, what: T, now: Duration, patience: Duration) -> bool {
        if what != self.what {
            *self = Self::new(what, now);
            return false;
        }
        self.times += 1;
        self.times >= THRICE && now.saturating_sub(self.since) >= patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_row_is_about_three_tasks_or_all_there_are() {
        let row = |tasks: &[u32], waiting| {
            let mut row = Row::default();
            let again = |(n, task): (usize, &u32)| row.again(*task, waiting, secs(n as u64));
            tasks.iter().enumerate().map(again).collect::<Vec<_>>()
        };
        assert_eq!(row(&[1, 2, 3], 9), [false, false, true]);
        assert_eq!(row(&[1, 1, 1, 2, 2, 3], 9), [false, false, false, false, false, true]);
        assert_eq!(row(&[1, 1, 1], 1), [false, false, true]);
        assert_eq!(row(&[1, 2, 1], 2), [false, false, true]);
        assert_eq!(row(&[1, 1, 1, 2], 2), [false, false, false, true]);
    }

    #[test]
    fn a_row_ends_with_another_kind_of_answer() {
        let mut row = Row::default();
        assert!(!row.again(1, 9, secs(10)) && !row.again(2, 9, secs(20)));
        assert_eq!(row.lasts(secs(25)), secs(15));
        row.ends();
        assert_eq!(row.lasts(secs(99)), secs(0));
        assert!(!row.again(3, 9, secs(30)) && !row.again(1, 9, secs(31)));
        assert!(row.again(2, 9, secs(32)));
    }

    #[test]
    fn pauses_that_were_asked_for_are_no_failure() {
        let mut drought = Drought::default();
        assert_eq!(drought.failed(secs(100), None), secs(0));
        assert_eq!(drought.failed(secs(130), None), secs(30));
        assert_eq!(drought.failed(secs(140), Some(secs(60))), secs(40));
        assert_eq!(drought.failed(secs(150), Some(secs(60))), secs(40), "within the pause");
        assert_eq!(drought.failed(secs(210), None), secs(40), "at its end");
        assert_eq!(drought.failed(secs(215), None), secs(45));
        drought.ends();
        assert_eq!(drought.failed(secs(900), None), secs(0));
    }

    #[test]
    fn the_same_thing_is_believed_the_third_time_after_a_while() {
        let said = |times: &[(char, u64)]| {
            let mut first: Option<Insistence<char>> = None;
            let again = |&(what, at): &(char, u64)| match &mut first {
                Some(said) => said.again(what, secs(at), secs(60)),
                None => {
                    first = Some(Insistence::new(what, secs(at)));
                    false
                }
            };
            times.iter().map(again).collect::<Vec<_>>()
        };
        assert_eq!(said(&[('a', 0), ('a', 30), ('a', 60)]), [false, false, true]);
        assert_eq!(said(&[('a', 0), ('a', 90)]), [false, false], "twice is not enough");
        assert_eq!(said(&[('a', 0), ('a', 1), ('a', 2), ('a', 61)]), [false, false, false, true]);
        assert_eq!(said(&[('a', 0), ('b', 30), ('a', 60), ('a', 90)]), [false; 4]);
    }
}
