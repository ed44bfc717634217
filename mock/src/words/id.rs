//! Task ids, as the live service forms them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::dice::Dice;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LENGTH: usize = 8;

/// The id of a task: `task-unified-1757165031-uyujaw3d`. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Box<str>);

impl TaskId {
    /// The id of a task made at this unix time; `attempt` tells apart what chance does not.
    pub(crate) fn draw(unix_seconds: u64, dice: Dice, attempt: usize) -> Self {
        let mut rng = dice.generator("id", attempt);
        let letters = (0..LENGTH).map(|_| char::from(ALPHABET[rng.usize(..ALPHABET.len())]));
        let suffix: String = letters.collect();
        Self(format!("task-unified-{unix_seconds}-{suffix}").into())
    }

    /// The id that a client names.
    pub(crate) fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// The id as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
