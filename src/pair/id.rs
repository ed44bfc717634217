//! Ids: the user's name for a pair, and the server's name for a task.

use std::fmt;

use super::letters::{folded, is_hidden, is_letter, is_of_id, nfc};

/// The user's name for a pair: safe as a file name on every system, and unique without case. Letters
/// may be of any script; they are kept composed (NFC), however they were typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PairId(Box<str>);

/// Why a text cannot be the id of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("an id cannot be empty")]
    Empty,
    /// Longer than a file name may be once an ending is added.
    #[error(
        "an id has at most {} bytes, and most letters beyond a to z take two or three",
        PairId::MAX_LEN
    )]
    TooLong,
    /// The first character decides whether a shell or a program takes it for an option or a path.
    #[error("an id starts with a letter or a digit")]
    Start,
    /// A path, or something that needs quoting.
    #[error("ids use letters, digits, . _ - (this one has {} at {at})", named(*.found))]
    Character {
        /// What is there.
        found: char,
        /// Which character it is, counted from 1.
        at: usize,
    },
    /// Two ids would look alike.
    #[error("an id has only letters that can be seen, and U+{:04X} is in it", u32::from(*.0))]
    Hidden(char),
    /// Windows drops it, so two ids would share a file.
    #[error("an id cannot end with a dot")]
    TrailingDot,
    /// `CON`, `nul.txt`: Windows opens a device instead of a file.
    #[error("this id is the name of a device on Windows")]
    Device,
}

impl PairId {
    /// In bytes, composed: a file name has at most 255 of them.
    pub const MAX_LEN: usize = 128;

    /// # Errors
    /// Says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let text = nfc(text);
        let first = text.chars().next().ok_or(IdError::Empty)?;
        if text.len() > Self::MAX_LEN {
            return Err(IdError::TooLong);
        }
        if let Some(c) = text.chars().find(|c| is_hidden(*c)) {
            return Err(IdError::Hidden(c));
        }
        if let Some((before, found)) = text.chars().enumerate().find(|(_, c)| !is_of_id(*c)) {
            return Err(IdError::Character { found, at: before + 1 });
        }
        if !is_letter(first) {
            return Err(IdError::Start);
        }
        if text.ends_with('.') {
            return Err(IdError::TrailingDot);
        }
        if is_device_name(&text) {
            return Err(IdError::Device);
        }
        Ok(Self(text.into()))
    }

    /// As the manifest wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two ids must differ: file systems compare names without case.
    #[must_use]
    pub fn folded(&self) -> String {
        folded(&self.0)
    }
}

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A character as a sentence has it.
fn named(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_control() || c.is_whitespace() => format!("U+{:04X}", u32::from(c)),
        c => format!("`{c}`"),
    }
}

/// Windows reserves these names with any ending (`nul.mp4` is a device too).
fn is_device_name(text: &str) -> bool {
    let stem = text.split('.').next().unwrap_or(text).to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" => true,
        _ => ["COM", "LPT"].iter().any(|port| {
            let number = |n: char| n.is_ascii_digit() || ['¹', '²', '³'].contains(&n);
            stem.strip_prefix(port).is_some_and(|n| n.chars().count() == 1 && n.chars().all(number))
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
        use IdError::{Device, Empty, Hidden, Start, TooLong, TrailingDot};
        let other = |found, at| IdError::Character { found, at };
        for (text, error) in [
            ("", Empty),
            ("../up", other('/', 3)),
            ("a/b", other('/', 2)),
            ("a\\b", other('\\', 2)),
            ("a b", other(' ', 2)),
            ("a／b", other('／', 2)),
            ("a：b", other('：', 2)),
            ("a\u{a0}b", other('\u{a0}', 2)),
            ("a🎤", other('🎤', 2)),
            ("a\u{e000}", other('\u{e000}', 2)),
            ("a\u{200b}", Hidden('\u{200b}')),
            ("\u{202e}gpj", Hidden('\u{202e}')),
            ("a\u{3164}", Hidden('\u{3164}')),
            ("\u{301}a", Start),
            ("a\n", other('\n', 2)),
            ("-rf", Start),
            (".hidden", Start),
            ("end.", TrailingDot),
            ("CON", Device),
            ("nul.tar.gz", Device),
            ("com7", Device),
            ("Lpt0", Device),
            ("COM²", Device),
        ] {
            assert_eq!(PairId::parse(text), Err(error), "{text:?}");
        }
        let told = |text: &str| PairId::parse(text).unwrap_err().to_string();
        let expected = "ids use letters, digits, . _ - (this one has a space at 5)";
        assert_eq!(told("anna 2"), expected);
        assert!(told("a\u{a0}b").ends_with("(this one has U+00A0 at 2)"));
        assert!(told("../up").ends_with("(this one has `/` at 3)"));
        assert_eq!(PairId::parse(&"x".repeat(129)), Err(TooLong));
        for text in ["a", "welcome-en", "0", "console", "com10", "a.b_c-d", &"x".repeat(128)] {
            assert!(PairId::parse(text).is_ok(), "{text:?}");
        }
        assert_eq!(PairId::parse(&"王".repeat(43)), Err(TooLong));
    }

    #[test]
    fn ids_are_composed_and_one_without_case() {
        for text in ["王小明", "Anna-Müller", "सीता", "สวัสดีค่ะ", "أحمد", "Ⅻ", &"王".repeat(42)]
        {
            assert_eq!(PairId::parse(text).unwrap().as_str(), text);
        }
        let id = |text| PairId::parse(text).unwrap();
        assert_eq!(id("Mu\u{308}ller").as_str(), "Müller");
        assert_eq!(id("MÜLLER").folded(), id("müller").folded());
        assert_eq!(id("STRASSE").folded(), id("straße").folded());
        assert_ne!(id("が").folded(), id("か").folded());
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
