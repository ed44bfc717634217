//! Tags: words by which people find pairs again.

use std::fmt;

use super::{folded, is_hidden, nfc};

/// A word that several pairs may share, to be chosen by. It is never sent.
///
/// Held in NFC; two that differ only by case are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(String);

/// Why a text is no tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// Nothing in it.
    #[error("an empty tag")]
    Empty,
    /// Too long to be a word.
    #[error("a tag has at most {} characters", Tag::MAX_LEN)]
    TooLong,
    /// A character that lists, patterns or screens would trip over.
    #[error("a tag cannot have {0:?} in it")]
    Character(char),
}

impl Tag {
    /// In characters.
    pub const MAX_LEN: usize = 64;

    /// Checks a tag.
    ///
    /// # Errors
    /// If it is empty, long, or has a character of lists or patterns in it.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        let text = nfc(text.trim());
        let odd = |c: &char| c.is_control() || is_hidden(*c) || "[]{}\",;:*?@".contains(*c);
        match text.chars().find(odd) {
            Some(c) => Err(TagError::Character(c)),
            None if text.is_empty() => Err(TagError::Empty),
            None if text.chars().count() > Self::MAX_LEN => Err(TagError::TooLong),
            None => Ok(Self(text.into_owned())),
        }
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For comparing.
    #[must_use]
    pub fn folded(&self) -> String {
        folded(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words_that_lists_and_patterns_leave_alone() {
        for (text, tag) in
            [("spring", "spring"), (" Teil 2 ", "Teil 2"), ("春", "春"), ("e\u{301}", "é")]
        {
            assert_eq!(Tag::parse(text).unwrap().as_str(), tag);
        }
        assert_eq!(Tag::parse("SPRING").unwrap().folded(), Tag::parse("spring").unwrap().folded());
        for text in ["", "  ", "a,b", "['a'", "tag:x", "a*", "a\u{200b}b", "a\nb", &"x".repeat(65)]
        {
            assert!(Tag::parse(text).is_err(), "{text:?}");
        }
        assert!(Tag::parse(&"春".repeat(64)).is_ok());
    }
}
