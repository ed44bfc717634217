//! The tasks that are waited for, by the time of their next poll.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use crate::ledger::Task;
use crate::pace::Insistence;
use crate::pair::TaskId;

/// A task and when it is asked for next.
pub(super) struct Waiting {
    pub(super) due: Instant,
    pub(super) task: Task,
    /// Polls in a row that told nothing.
    pub(super) failures: u32,
    /// In percent, as it counts in the meter.
    pub(super) progress: u8,
    /// What was last said of it, and since when it has been just that.
    pub(super) news: (String, Instant),
    /// Since when it has been completed without a link.
    pub(super) linkless: Option<Linkless>,
    pub(super) missing: Missing,
    /// Which other task the answers are about.
    pub(super) stranger: Option<Stranger>,
    /// The status that nobody knows, as it counts in the meter.
    pub(super) unknown: Option<String>,
}

/// A task that is completed, and nobody knows where its video is.
pub(super) struct Linkless {
    pub(super) since: Instant,
    pub(super) told: bool,
}

/// A task that the server does not know.
#[derive(Default)]
pub(super) struct Missing {
    /// Answers in a row that say so.
    pub(super) times: u32,
    /// Since the first of them, or the first of another run.
    pub(super) since: Option<Timestamp>,
    /// Whether the ledger has it.
    pub(super) noted: bool,
    /// Whether it was taken out of those that are unfinished; it is not counted again.
    pub(super) aside: bool,
}

/// Answers about another task than was asked for.
pub(super) struct Stranger {
    pub(super) said: Insistence<Vec<TaskId>>,
    /// Whether they are believed now.
    pub(super) believed: bool,
}

impl Waiting {
    pub(super) fn new(task: Task, due: Instant) -> Self {
        let noted = task.missing_since.is_some();
        let missing = Missing { since: task.missing_since, noted, ..Missing::default() };
        Self {
            due,
            task,
            failures: 0,
            progress: 0,
            news: (String::new(), Instant::now()),
            linkless: None,
            missing,
            stranger: None,
            unknown: None,
        }
    }

    /// How long ago the task was made.
    pub(super) fn taken(&self) -> Duration {
        since(self.task.created_at)
    }
}

/// How long ago that was; nothing if it lies ahead.
pub(super) fn since(time: Timestamp) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(time)).unwrap_or_default()
}

/// The waiting tasks by the time of their next poll; a number tells those of one time apart.
#[derive(Default)]
pub(super) struct Queue {
    by_due: BTreeMap<(Instant, u64), Waiting>,
    number: u64,
    /// How many of them are not waited for alone.
    aside: usize,
}

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.number += 1;
        self.aside += usize::from(waiting.missing.aside);
        self.by_due.insert((waiting.due, self.number), waiting);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let (_, waiting) = self.by_due.pop_first()?;
        self.aside -= usize::from(waiting.missing.aside);
        Some(waiting)
    }

    pub(super) fn first(&self) -> Option<Instant> {
        self.by_due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Whether there is nobody to wait for.
    pub(super) fn is_idle(&self) -> bool {
        self.by_due.len() == self.aside
    }

    /// Those that are left.
    pub(super) fn left(&self) -> impl ExactSizeIterator<Item = &Waiting> {
        self.by_due.values()
    }
}
