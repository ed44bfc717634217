//! What the writer is told of pairs, of their files and of the run.

use super::share::Learnt;
use super::{Intent, Pause, Planned, Task, Told, Unfit, Upload};
use crate::wire::Judgement;

/// What happened to a pair.
#[derive(Debug)]
pub(super) enum Record {
    /// Its create has an outcome.
    Settled(Intent, Box<Judgement>),
    /// There is news of its task.
    Noted(Task, Box<Told>),
    /// It is not fit to be sent.
    Unfit(Planned, Unfit),
    /// The file of an earlier take of a task's pair is at another path, or is gone.
    Aside(Task, u32, Option<String>),
    /// Creating is held back, or was.
    Paused(Pause),
    /// A file was uploaded, for whichever pairs need it.
    Uploaded(Upload),
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "nobody shares"))]
    /// Something was learnt from those who share the ledger.
    Learnt(Box<Learnt>),
}
