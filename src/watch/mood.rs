//! What the answers to all polls together say of the API.

use std::sync::Arc;
use std::time::Duration;

use crate::pace::{Drought, Polls, Row};
use crate::wire::Poll;

/// A task that it was asked for, by its pair.
type Pair = Arc<str>;

/// How long ago it may have told of some task for its word on another to count.
const FRESH: Duration = Duration::from_secs(3600);

/// How the API feels about polls. Times are since the start.
#[derive(Default)]
pub(super) struct Mood {
    /// Until when no poll starts.
    held: Duration,
    /// Answers that ask for a pause.
    pauses: Row<Pair>,
    /// Answers that refuse the account.
    refusals: Row<Pair>,
    drought: Drought,
    /// When it last told of a task.
    told: Option<Duration>,
}

impl Mood {
    /// Takes in an answer, for what it is not.
    pub(super) fn learn(&mut self, poll: &Poll, now: Duration) {
        match poll {
            Poll::TryAgain { .. } => return,
            Poll::AccountStop { .. } => {}
            Poll::News(_) => {
                self.told = Some(now);
                self.refusals.ends();
            }
            Poll::Another { .. } | Poll::NotFound => self.refusals.ends(),
        }
        self.pauses.ends();
        self.drought.ends();
    }

    /// A poll failed, while so many tasks are waited for, and the server may have asked for a
    /// pause. Three tasks in a row that hear so pause all. Says for how long polls have failed.
    pub(super) fn failed(
        &mut self,
        pair: &Pair,
        waiting: u64,
        (now, asked): (Duration, Option<Duration>),
    ) -> Duration {
        let asked = asked.map(Polls::asked);
        match asked {
            Some(wait) if self.pauses.again(pair.clone(), waiting, now) => {
                self.held = self.held.max(now + wait);
            }
            Some(_) => {}
            None => self.pauses.ends(),
        }
        self.drought.failed(now, asked)
    }

    /// The account was refused, while so many tasks are waited for. Says whether that is so for
    /// three tasks in a row.
    pub(super) fn refused(&mut self, pair: &Pair, waiting: u64, now: Duration) -> bool {
        self.refusals.again(pair.clone(), waiting, now)
    }

    /// For how long nothing but refusals has come.
    pub(super) fn refusing(&self, now: Duration) -> Duration {
        self.refusals.lasts(now)
    }

    /// Until when no poll starts.
    pub(super) fn held(&self) -> Duration {
        self.held
    }

    /// Whether it knows tasks these days.
    pub(super) fn knows_tasks(&self, now: Duration) -> bool {
        self.told.is_some_and(|told| now.saturating_sub(told) <= FRESH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::TaskNews;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pairs() -> [Pair; 3] {
        ["a", "b", "c"].map(Pair::from)
    }

    #[test]
    fn three_tasks_in_a_row_pause_all_and_one_does_not() {
        let (mut mood, [a, b, c]) = (Mood::default(), pairs());
        let day = Some(secs(86_400));
        for at in 0..9 {
            mood.failed(&a, 5, (secs(at), day));
        }
        assert_eq!(mood.held(), secs(0), "one task's trouble is its own");
        mood.failed(&b, 5, (secs(10), day));
        mood.learn(&Poll::News(TaskNews::CompletedWithoutResult), secs(11));
        mood.failed(&c, 5, (secs(12), day));
        assert_eq!(mood.held(), secs(0), "not in a row");
        mood.failed(&a, 5, (secs(13), day));
        mood.failed(&b, 5, (secs(14), day));
        assert_eq!(mood.held(), secs(14 + 3600), "an hour at most");
    }

    #[test]
    fn an_answer_of_any_other_kind_ends_the_row_of_refusals() {
        let [a, b, c] = pairs();
        for other in [Poll::NotFound, Poll::News(TaskNews::CompletedWithoutResult)] {
            let mut mood = Mood::default();
            assert!(!mood.refused(&a, 9, secs(1)) && !mood.refused(&b, 9, secs(2)));
            mood.learn(&other, secs(3));
            assert!(!mood.refused(&c, 9, secs(4)), "{other:?}");
            assert_eq!(mood.refusing(secs(9)), secs(5));
            let reason = String::new();
            mood.learn(&Poll::TryAgain { reason, retry_after: None }, secs(10));
            assert!(!mood.refused(&a, 9, secs(11)) && mood.refused(&b, 9, secs(12)));
        }
    }

    #[test]
    fn its_word_on_a_lost_task_counts_while_it_knows_others() {
        let mut mood = Mood::default();
        assert!(!mood.knows_tasks(secs(0)));
        mood.learn(&Poll::NotFound, secs(1));
        assert!(!mood.knows_tasks(secs(1)));
        mood.learn(&Poll::News(TaskNews::CompletedWithoutResult), secs(2));
        assert!(mood.knows_tasks(secs(3602)) && !mood.knows_tasks(secs(3603)));
    }
}
