//! When a run will end, as honestly as can be said from what it has seen of the server so far.
//!
//! Two things are known of tasks: how long those took that have ended, and how long the others have been
//! waited for already. Where tasks are made side by side, the last of many ends late, so it is reckoned
//! with the whole distribution and not with the mean: the time by which all have ended with even odds.
//! Where they end in the order in which they were created, they stand in a queue, and what counts is how
//! fast they come out of it. Nothing is said while nobody knows when creates go on.

mod spread;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::spread::{Spread, Took};
use super::trend::Trend;
use crate::cli::Until;
use crate::ledger::Change;
use crate::stage::{Held, Why};
use crate::state::Event;

/// How many tasks that have ended are remembered: the server may be another one than an hour ago.
const ENDED: usize = 512;
/// How many tasks that are waited for are looked at one by one.
const WAITING: usize = 10_000;
/// So many are reckoned with at a time; each stands for others.
const SAMPLE: usize = 256;
/// Fewer tasks tell nothing of how long tasks take.
const FEW: usize = 5;
/// Of a shorter time pauses that come again and again would make too much or too little.
const SHORT: Duration = Duration::from_secs(60);
/// A longer pause is no habit of the server's, and is told by itself.
const LONG_PAUSE: u64 = 60;

/// What a change means for the time that is left.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// A create became a task.
    Created {
        id: Arc<str>,
        at: f64,
        size: Size,
    },
    /// A create was answered otherwise, or was not sent.
    Answered,
    /// A task has a video, or has failed.
    Ended {
        id: Arc<str>,
        at: f64,
    },
    Other,
}

/// What a task's time may depend on, in seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Size {
    /// How long the server expects it to take.
    pub(super) estimate: Option<f64>,
    /// How long its recording is.
    pub(super) audio: Option<f64>,
}

/// What is left to do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ahead {
    /// Pairs that are not done.
    pub(super) pairs: u64,
    /// What is spent and what may be, in one unit.
    pub(super) money: Option<(u64, u64)>,
}

#[derive(Debug, Clone, Copy)]
struct Task {
    since: f64,
    size: Size,
}

/// Follows a run. All times are in seconds since 1970.
#[derive(Debug)]
pub(super) struct Forecast {
    until: Until,
    /// How many pairs were to be created, and how many are answered for.
    creates: u64,
    answered: u64,
    created: u64,
    ended: u64,
    waiting: HashMap<Arc<str>, Task>,
    /// Those that have ended, the last ones last.
    took: VecDeque<Took>,
    now: f64,
    /// The time in which creates may start, and in which tasks are heard of.
    open: [Duration; 2],
    /// For how long none was heard of, in an outage.
    unheard: Duration,
    answers: Trend,
    ends: Trend,
    spent_before: Option<u64>,
}

impl Step {
    pub(super) fn of(change: &Change) -> Self {
        let (id, at) = (change.id.clone(), seconds(change.at));
        match change.event {
            Event::Accepted => {
                let in_seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
                let (estimate, audio) = (in_seconds(change.estimate), in_seconds(change.audio));
                Self::Created { id, at, size: Size { estimate, audio } }
            }
            Event::Refused | Event::Unfit | Event::Lost => Self::Answered,
            Event::Completed | Event::Failed => Self::Ended { id, at },
            _ => Self::Other,
        }
    }
}

impl Forecast {
    /// Of a run that has so many pairs to create, and waits for these tasks from before.
    pub(super) fn new(until: Until, creates: u64, tasks: &[(Arc<str>, Timestamp)]) -> Self {
        let task = |(id, at): &(Arc<str>, Timestamp)| {
            (id.clone(), Task { since: seconds(*at), size: Size::default() })
        };
        Self {
            until,
            creates,
            answered: 0,
            created: 0,
            ended: 0,
            waiting: tasks.iter().take(WAITING).map(task).collect(),
            took: VecDeque::new(),
            now: 0.0,
            open: [Duration::ZERO; 2],
            unheard: Duration::ZERO,
            answers: Trend::default(),
            ends: Trend::default(),
            spent_before: None,
        }
    }

    pub(super) fn follow(&mut self, step: &Step) {
        match step {
            Step::Created { id, at, size } => {
                (self.answered, self.created) = (self.answered + 1, self.created + 1);
                if self.until == Until::Saved && self.waiting.len() < WAITING {
                    self.waiting.insert(id.clone(), Task { since: *at, size: *size });
                }
            }
            Step::Answered => self.answered += 1,
            Step::Ended { id, at } => {
                self.ended += 1;
                if let Some(task) = self.waiting.remove(id) {
                    self.took.push_back(Took::new((at - task.since).max(0.0), task));
                }
                if self.took.len() > ENDED {
                    self.took.pop_front();
                }
            }
            Step::Other => {}
        }
    }

    /// So late it is, and this holds creates back.
    pub(super) fn look(&mut self, now: f64, held: Option<&Held>, money: Option<(u64, u64)>) {
        let passed = if self.now == 0.0 { 0.0 } else { (now - self.now).clamp(0.0, 3600.0) };
        let passed = Duration::from_secs_f64(passed);
        self.now = now;
        let [creating, hearing] = &mut self.open;
        let outage = held.is_some_and(|held| held.why.is_outage());
        if !outage && !held.is_some_and(is_long) {
            *creating += passed;
        }
        // An outage may be of creates alone, and tasks go on to end.
        self.unheard += passed;
        if !outage || self.ends.last() != Some(self.ended) {
            *hearing += self.unheard.min(Duration::from_secs(LONG_PAUSE));
            self.unheard = Duration::ZERO;
        }
        self.answers.look(*creating, self.answered);
        self.ends.look(*hearing, self.ended);
        self.spent_before = self.spent_before.or(money.map(|(spent, _)| spent));
    }

    /// For how many seconds the run goes on; nothing if nobody can say.
    pub(super) fn left(&self, ahead: &Ahead, held: Option<&Held>) -> Option<u64> {
        let pause = held.map_or(Some(0), pause)?;
        let left = match self.creates_left(ahead, held) {
            0 if ahead.pairs == 0 => return None,
            creates if self.until == Until::Created => creates as f64 / self.answering()?,
            creates => self.tasks_left(creates, ahead.pairs)?,
        };
        let left = left.is_finite().then_some(left)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        Some(left.ceil() as u64 + pause)
    }

    /// How many are still to be created, as far as the money goes.
    fn creates_left(&self, ahead: &Ahead, held: Option<&Held>) -> u64 {
        if held.is_some_and(|held| matches!(held.why, Why::Budget | Why::Stopped)) {
            return 0;
        }
        let left = self.creates.saturating_sub(self.answered);
        let affordable = ahead.money.and_then(|(spent, budget)| {
            let each = spent.checked_sub(self.spent_before?)?.checked_div(self.created)?;
            budget.saturating_sub(spent).checked_div(each)
        });
        affordable.map_or(left, |affordable| left.min(affordable))
    }

    /// Creates that are answered in a second.
    fn answering(&self) -> Option<f64> {
        self.answers.rate((self.open[0] / 2).max(SHORT)).filter(|rate| *rate > 0.0)
    }

    fn tasks_left(&self, creates: u64, pairs: u64) -> Option<f64> {
        let pace = match creates {
            0 => f64::INFINITY,
            _ => self.answering()?,
        };
        if self.took.len() < FEW {
            return self.as_estimated(creates as f64 / pace);
        }
        let spread = Spread::new(&self.took, self.waiting.values(), self.now);
        if spread.is_queue() {
            let ends = self.ends.rate((self.open[1] / 2).max(SHORT)).filter(|ends| *ends > 0.0)?;
            return Some(pairs as f64 / ends);
        }
        Some(spread.all_ended((creates, pace)))
    }

    /// As long as too few have ended, the server's own word counts.
    fn as_estimated(&self, creating: f64) -> Option<f64> {
        let estimate = |task: &Task| Some((task.size.estimate?, task.since));
        let known: Vec<_> = self.waiting.values().filter_map(estimate).collect();
        if known.is_empty() || known.len() < self.waiting.len() {
            return None;
        }
        let left = |(estimate, since): &(f64, f64)| estimate - (self.now - since);
        let last = known.iter().map(left).fold(1.0, f64::max);
        let mean = known.iter().map(|(estimate, _)| estimate).sum::<f64>() / known.len() as f64;
        Some(if creating > 0.0 { last.max(creating + mean) } else { last })
    }
}

fn is_long(held: &Held) -> bool {
    held.why == Why::Asked && held.since_seconds >= LONG_PAUSE
}

/// How long creates pause beyond what is usual; nothing if nobody knows.
fn pause(held: &Held) -> Option<u64> {
    if held.why.is_outage() {
        return None;
    }
    let pause = held.seconds.unwrap_or(0);
    Some(if pause > LONG_PAUSE { pause } else { 0 })
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand million seconds")]
pub(super) fn seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1e3
}

#[cfg(test)]
mod tests;
