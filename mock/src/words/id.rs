//! Task ids, as the live service forms them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::words::dice::Dice;

const ALPHABET: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const BASE: u64 = ALPHABET.len() as u64;
const LENGTH: usize = 8;
const PREFIX: &str = "task-unified-";

/// The id of a task: `task-unified-1757165031-uyujaw3d`. Opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Box<str>);

/// The last part of an id, as a number: it tells the tasks of one second apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Letters(u64);

impl Letters {
    /// The letters for a task; `attempt` tells apart what chance does not.
    pub(crate) fn draw(dice: Dice, attempt: usize) -> Self {
        let mut rng = dice.generator("id", attempt);
        let digits = (0..LENGTH).map(|_| rng.usize(..ALPHABET.len()) as u64);
        Self(digits.fold(0, |number, digit| number * BASE + digit))
    }

    /// They are drawn by chance, and so are as good as any hash of them.
    pub(crate) const fn hash(self) -> u64 {
        // All bits are to count; 36 to the 8th is less than 2 to the 42nd.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn of(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(36).filter(|_| !byte.is_ascii_uppercase());
        let add = |number: u64, byte| digit(byte).map(|digit| number * BASE + u64::from(digit));
        (text.len() == LENGTH).then(|| text.bytes().try_fold(0, add)).flatten().map(Self)
    }
}

impl TaskId {
    /// The id of a task made at this unix time.
    pub(crate) fn of(unix_seconds: u64, letters: Letters) -> Self {
        let mut rest = letters.0;
        let mut suffix = [0; LENGTH];
        for place in suffix.iter_mut().rev() {
            *place = ALPHABET[(rest % BASE) as usize];
            rest /= BASE;
        }
        let suffix = str::from_utf8(&suffix).unwrap_or_default();
        Self(format!("{PREFIX}{unix_seconds}-{suffix}").into())
    }

    /// When the task was made and what tells it apart, if it is an id of ours.
    pub(crate) fn parts(&self) -> Option<(u64, Letters)> {
        let (seconds, letters) = self.0.strip_prefix(PREFIX)?.split_once('-')?;
        let plain = seconds == "0" || seconds.starts_with(|first| matches!(first, '1'..='9'));
        Some((seconds.parse().ok().filter(|_| plain)?, Letters::of(letters)?))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_its_parts_and_read_back_and_no_other_text_is() {
        for (seconds, letters, text) in [
            (0, 0, "task-unified-0-00000000"),
            (1_757_165_031, 35, "task-unified-1757165031-0000000z"),
            (u64::MAX, BASE.pow(8) - 1, "task-unified-18446744073709551615-zzzzzzzz"),
        ] {
            let id = TaskId::of(seconds, Letters(letters));
            assert_eq!(id.parts(), Some((seconds, Letters(letters))));
            assert_eq!(id.as_str(), text);
        }
        for other in [
            "",
            "task-unified-1-0000000",
            "task-unified-1-000000000",
            "task-unified-1-0000000A",
            "task-unified-+1-00000000",
            "task-unified-01-00000000",
            "task-unified--00000000",
            "task-unified-18446744073709551616-00000000",
            "task-unified-1-\u{e4}\u{e4}\u{e4}\u{e4}",
        ] {
            assert_eq!(TaskId::named(other).parts(), None, "{other}");
        }
    }
}
