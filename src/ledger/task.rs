//! Tasks and links after their create: what is recorded of them, and who hears of them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Change;
use crate::pair::TaskId;
use crate::state::{Event, State};
use crate::wire::Bill;

/// A pair with a task: one to wait for, or one whose video is to be fetched.
#[derive(Debug, Clone)]
pub struct Task {
    pub(super) pair: i64,
    pub(super) attempt: u32,
    /// Which take of the pair it is.
    pub take: u32,
    /// The user's name for the pair.
    pub id: Arc<str>,
    /// The server's name for the task.
    pub task: TaskId,
    /// When the task id became durable.
    pub created_at: Timestamp,
    /// How long the server expected it to take, if it said.
    pub estimate: Option<Duration>,
    /// The last link to the video, and when it was learned.
    pub link: Option<(Arc<str>, Timestamp)>,
    /// Since when the server does not know the task, if it was noted that it does not.
    pub missing_since: Option<Timestamp>,
}

/// What became of a task.
#[derive(Debug, Clone)]
pub enum News {
    /// There is a video behind this link.
    Completed(Arc<str>),
    /// The same, and something is odd about it: the link, a code and a message.
    CompletedOddly(Arc<str>, String, String),
    /// It failed at the server: code and message.
    Failed(String, String),
    /// There is another link to the same video.
    Relinked(Arc<str>),
    /// The video cannot be had, or not be put in its place: code and message.
    LinkLost(String, String),
    /// The video is on disk under its name, whole and durable.
    Saved(SavedVideo),
    /// The server knows no such task, for now: code and message.
    NotFound(String, String),
    /// The server knows the task again.
    Found,
}

/// News with what the service says that the task costs.
#[derive(Debug, Clone)]
pub struct Told {
    /// What became of the task.
    pub news: News,
    /// What it costs, as far as the same answer says.
    pub bill: Bill,
}

impl From<News> for Told {
    fn from(news: News) -> Self {
        Self { news, bill: Bill::default() }
    }
}

/// A file that holds the video of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedVideo {
    /// Relative to the run folder where it is inside, with `/`.
    pub path: String,
    /// In bytes.
    pub bytes: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
    /// How long it plays, if it says.
    pub length: Option<Duration>,
    /// What is odd about it.
    pub note: Remark,
}

/// What is odd about a saved video, if anything is: code and message.
pub type Remark = Option<(String, String)>;

impl News {
    /// What happened to the pair.
    #[must_use]
    pub const fn event(&self) -> Event {
        match self {
            Self::Completed(_) | Self::CompletedOddly(..) => Event::Completed,
            Self::Failed(..) => Event::Failed,
            Self::Relinked(_) => Event::Relinked,
            Self::LinkLost(..) => Event::LinkLost,
            Self::Saved(_) => Event::Saved,
            Self::NotFound(..) => Event::NotFound,
            Self::Found => Event::Found,
        }
    }

    /// Where a pair stands that this can be news of.
    pub(super) const fn from(&self) -> State {
        match self {
            Self::Completed(_) | Self::CompletedOddly(..) => State::Created,
            Self::Failed(..) | Self::NotFound(..) | Self::Found => State::Created,
            Self::Relinked(_) | Self::LinkLost(..) | Self::Saved(_) => State::Completed,
        }
    }
}

/// Hears of every pair that has to be waited for or fetched: those of the ledger when it was
/// opened, and then each one after its commit and before anyone else may act on it.
#[derive(Debug)]
pub struct Feed {
    /// Pairs that got a task.
    pub created: UnboundedReceiver<Task>,
    /// Pairs that got a link.
    pub completed: UnboundedReceiver<Task>,
}

/// The other end of a [`Feed`]. Nobody listening is no error.
#[derive(Debug)]
pub(super) struct Feeder {
    created: UnboundedSender<Task>,
    completed: UnboundedSender<Task>,
}

impl Feeder {
    pub(super) fn new() -> (Self, Feed) {
        let (to_watch, created) = unbounded_channel();
        let (to_download, completed) = unbounded_channel();
        (Self { created: to_watch, completed: to_download }, Feed { created, completed })
    }

    pub(super) fn tell(&self, changes: &[Change]) {
        for change in changes {
            match change.event {
                Event::Accepted | Event::Adopted | Event::Completed => self.pass(change),
                _ => {}
            }
        }
    }

    fn pass(&self, change: &Change) {
        let Some(Ok(task)) = change.task_id.as_deref().map(TaskId::parse) else { return };
        self.give(Task {
            pair: change.pair,
            attempt: change.attempt,
            take: change.take,
            id: change.id.clone(),
            task,
            created_at: change.at,
            estimate: change.estimate,
            link: change.video_url.clone().map(|url| (url, change.at)),
            missing_since: None,
        });
    }

    pub(super) fn give(&self, task: Task) {
        let to = if task.link.is_some() { &self.completed } else { &self.created };
        // Nobody waits for it in this run; the next one finds it in the ledger.
        let _ = to.send(task);
    }
}
