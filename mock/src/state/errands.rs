//! What the fake does by itself after a create: look at what it was given, and call back.

use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;

use crate::words::id::TaskId;

/// So many may wait.
const MOST_WAITING: usize = 10_000;
/// So many callbacks are remembered.
pub(crate) const MOST_CALLED: usize = 10_000;

/// Something to do about a task.
#[derive(Debug)]
pub(crate) struct Errand {
    /// Whose world the task is in, where each key has one.
    pub(crate) mark: Option<u64>,
    pub(crate) task: TaskId,
    /// Where the client reaches the fake.
    pub(crate) base: String,
    pub(crate) what: What,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum What {
    /// Look whether the picture and the sound are what they must be.
    Look { image: String, audio: String, most: Duration },
    /// Tell this URL how the task stands, whenever that changes.
    Call(String),
}

/// The way to who does it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errands(Option<mpsc::Sender<Errand>>);

impl Errands {
    /// The way, and its other end.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Errand>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        (Self(Some(sender)), receiver)
    }

    /// Hands one over. Returns whether there is somebody who does it, and time for it.
    pub(crate) fn send(&self, errand: Errand) -> bool {
        self.0.as_ref().is_some_and(|sender| sender.try_send(errand).is_ok())
    }
}

/// A callback that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Called {
    pub(crate) task: TaskId,
    pub(crate) url: String,
    /// What it told.
    pub(crate) status: String,
    /// Which try of the same message it was, from 1.
    pub(crate) attempt: u32,
    /// What the other side answered.
    pub(crate) answered: Option<u16>,
    /// Why it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
}
