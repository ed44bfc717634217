//! Ids: the user's name for a pair, and the server's name for a task.

use std::fmt;

/// The user's name for a pair: safe as a file name on every system, and unique without case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairId(String);

/// Why a text cannot be the id of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("an id cannot be empty")]
    Empty,
    /// Longer than a file name may be once an ending is added.
    #[error("an id has at most {} characters", PairId::MAX_LEN)]
    TooLong,
    /// The first character decides whether a shell or a program takes it for an option or a path.
    #[error("an id starts with a letter or a digit")]
    Start,
    /// A path, or something that needs quoting.
    #[error("an id has only letters, digits, `.`, `_` and `-`, and is never a path")]
    Character,
    /// Windows drops it, so two ids would share a file.
    #[error("an id cannot end with a dot")]
    TrailingDot,
    /// `CON`, `nul.txt`: Windows opens a device instead of a file.
    #[error("this id is the name of a device on Windows")]
    Device,
}

impl PairId {
    /// In characters.
    pub const MAX_LEN: usize = 128;

    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let first = text.bytes().next().ok_or(IdError::Empty)?;
        if text.chars().count() > Self::MAX_LEN {
            return Err(IdError::TooLong);
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) {
            return Err(IdError::Character);
        }
        if !first.is_ascii_alphanumeric() {
            return Err(IdError::Start);
        }
        if text.ends_with('.') {
            return Err(IdError::TrailingDot);
        }
        if is_device_name(text) {
            return Err(IdError::Device);
        }
        Ok(Self(text.to_owned()))
    }

    /// As the manifest wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two ids must differ: file systems compare names without case.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Windows reserves these names with any ending (`nul.mp4` is a device too).
fn is_device_name(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" => true,
        _ => ["COM", "LPT"].iter().any(|port| {
            stem.strip_prefix(port)
                .is_some_and(|n| n.len() == 1 && n.as_bytes()[0].is_ascii_digit())
        }),
    }
}

/// The server's name for a task: opaque, and worth money.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TaskId(String);

/// Why a text cannot be a task id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a task id is 1 to {} characters out of letters, digits, `.`, `_`, `:` and `-`",
    TaskId::MAX_LEN
)]
pub struct TaskIdError;

impl TaskId {
    /// In characters.
    pub const MAX_LEN: usize = 256;

    /// # Errors
    /// When the text could not be asked for again: it becomes part of a URL's path.
    pub fn parse(text: &str) -> Result<Self, TaskIdError> {
        let known = |b: u8| b.is_ascii_alphanumeric() || b"._:-".contains(&b);
        let dots = text.bytes().all(|b| b == b'.');
        if dots || text.len() > Self::MAX_LEN || !text.bytes().all(known) {
            return Err(TaskIdError);
        }
        Ok(Self(text.to_owned()))
    }

    /// As the server wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_ids_are_never_paths_devices_or_options() {
        use IdError::{Character, Device, Empty, Start, TooLong, TrailingDot};
        for (text, error) in [
            ("", Empty),
            ("../up", Character),
            ("a/b", Character),
            ("a\\b", Character),
            ("a b", Character),
            ("ü", Character),
            ("a\n", Character),
            ("-rf", Start),
            (".hidden", Start),
            ("end.", TrailingDot),
            ("CON", Device),
            ("nul.tar.gz", Device),
            ("com7", Device),
            ("Lpt0", Device),
        ] {
            assert_eq!(PairId::parse(text), Err(error), "{text:?}");
        }
        assert_eq!(PairId::parse(&"x".repeat(129)), Err(TooLong));
        for text in ["a", "welcome-en", "0", "console", "com10", "a.b_c-d", &"x".repeat(128)] {
            assert!(PairId::parse(text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn task_ids_are_opaque_but_never_leave_their_path_segment() {
        for text in ["", ".", "..", "a/b", "a?b", "a%2e", "a b", "ä", "a\r\n"] {
            assert!(TaskId::parse(text).is_err(), "{text:?}");
        }
        assert!(TaskId::parse(&"x".repeat(257)).is_err());
        assert!(TaskId::parse("task-unified-1757165031-uyujaw3d").is_ok());
        assert!(TaskId::parse("urn:task:1.2").is_ok());
    }
}
