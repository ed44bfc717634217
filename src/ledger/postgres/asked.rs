//! What is asked at the desk, and what whoever asks gets to hear.

use tokio::sync::oneshot;

use super::error::SharedError;
use super::outcome::{Outcome, Slip, Wish};
use super::pull::{Detail, Pulled};
use super::tables::{Blocks, Quiet};
use crate::ledger::Rest;
use crate::pace::Word;
use crate::state::State;

/// Why a wish did not come true, or nothing more will.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Lack {
    /// Somebody else has the pair, or had it.
    #[error("another worker has it")]
    Elsewhere,
    /// There is no money for it.
    #[error("the budget is reached")]
    Budget,
    /// Creates are held back for all, or this worker wants no more.
    #[error("creates are held back")]
    Held,
    /// No create is allowed here any more.
    #[error("{0}")]
    Over(String),
    /// Nor anywhere else in the batch: an older database is in its place.
    #[error("{}", SharedError::WentBack)]
    WentBack,
}

/// Hears whether a wish came true.
pub type Granted = Box<dyn FnOnce(Result<(), Lack>) + Send>;
/// Hears where pairs stand that were told of; those that are missing have another holder by now.
pub type Taken = Box<dyn FnOnce(Vec<(Slip, State)>) + Send>;
/// Hears of tasks that this worker was given, because theirs is gone.
pub type Adopted = Box<dyn Fn(Vec<Pulled>) + Send>;

pub(super) enum Asked {
    Tell(Vec<Outcome>, Taken),
    Claim(Wish, Granted),
    Question(Question, oneshot::Sender<Result<Answer, Lack>>),
    Listen(Adopted),
    Heard(Word),
    /// Nothing is claimed any more, also what waits.
    NoMore,
    End(oneshot::Sender<Result<(), Lack>>),
}

/// What changes nothing, or may be asked again.
pub(super) enum Question {
    /// So many pairs to try next.
    Next(usize),
    /// So many after this one, with or without what they ask for.
    After(i32, usize, Detail),
    These(Vec<i32>),
    /// The sums of all blocks.
    Sums,
    /// Whether nobody else can move anything any more.
    Quiet,
    Adopt,
    TakeOver,
    SignOff(i64),
    WentBack,
    /// The right to try a create alone, and that another one may have it.
    Lone,
    LeaveLone,
    /// The last pairs that came to be in doubt.
    Doubts,
    /// All who are at work stop, for this reason.
    Halt(String),
    /// The task of this pair takes no place among the unfinished any more.
    Aside(i32),
    /// What is left once this worker has done what was its to do; with what becomes of tasks, or without.
    Rest(bool),
}

#[derive(Default)]
pub(super) struct Answer {
    pub(super) pairs: Vec<i32>,
    pub(super) rows: Vec<Pulled>,
    pub(super) blocks: Blocks,
    pub(super) quiet: Option<Quiet>,
    pub(super) rest: Rest,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

pub(super) fn not_told() -> Lack {
    Lack::Over("the database could not be told what became of some pairs".to_owned())
}
