//! The API key: held so that printing cannot leak it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// The bearer key of the API. It prints as `***` and is wiped when dropped.
#[derive(Clone)]
pub struct ApiKey(SecretString);

/// Why a text cannot be a key. Never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing but white space.
    #[error("the API key is empty")]
    Empty,
    /// It could not be sent: white space or a control character inside, or not ASCII.
    #[error("the API key has a character that cannot be sent in a header")]
    Character,
    /// Too long to be a key; more likely the wrong file.
    #[error("the API key is longer than {} bytes", ApiKey::MAX_LEN)]
    TooLong,
}

impl ApiKey {
    /// In bytes.
    pub const MAX_LEN: usize = 4096;

    /// Takes a key as a file or the environment holds it: white space around it is dropped.
    ///
    /// # Errors
    /// When the text cannot be a bearer key.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        match text {
            "" => Err(KeyError::Empty),
            _ if text.len() > Self::MAX_LEN => Err(KeyError::TooLong),
            _ if !text.bytes().all(|b| b.is_ascii_graphic()) => Err(KeyError::Character),
            _ => Ok(Self(text.to_owned().into())),
        }
    }

    /// The value of the `Authorization` header: the only way out.
    #[must_use]
    pub fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.0.expose_secret()).into()
    }

    /// The text with every occurrence of the key replaced: a server may echo what it was sent.
    #[must_use]
    pub fn remove_from(&self, text: &str) -> String {
        text.replace(self.0.expose_secret(), "***")
    }

    /// Whether a text gives the key away. A very short key may be in any text by chance, so it is
    /// not taken for a sign.
    #[must_use]
    pub fn is_shown_by(&self, text: &str) -> bool {
        let key = self.0.expose_secret();
        key.len() >= 16 && text.contains(key)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_prints_as_stars() {
        let key = ApiKey::parse("  sk-secret\n").unwrap();
        assert_eq!(format!("{key:?}"), "***");
        assert_eq!(key.bearer().expose_secret(), "Bearer sk-secret");
        assert_eq!(key.remove_from("bad key sk-secret, sk-secret"), "bad key ***, ***");
        assert!(!key.is_shown_by("task-sk-secret"), "too short to tell");
        let long = ApiKey::parse("sk-0123456789abcdef").unwrap();
        assert!(long.is_shown_by("task-sk-0123456789abcdef"));
    }

    #[test]
    fn what_cannot_be_sent_is_no_key() {
        assert_eq!(ApiKey::parse(" \n").unwrap_err(), KeyError::Empty);
        assert_eq!(ApiKey::parse("two words").unwrap_err(), KeyError::Character);
        assert_eq!(ApiKey::parse("schlüssel").unwrap_err(), KeyError::Character);
        assert_eq!(ApiKey::parse(&"k".repeat(5000)).unwrap_err(), KeyError::TooLong);
    }
}
