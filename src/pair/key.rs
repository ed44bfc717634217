//! The API key: held so that printing cannot leak it.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::redact;

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

    /// The value of the `Authorization` header: the only way out for what it is.
    #[must_use]
    pub fn bearer(&self) -> SecretString {
        format!("Bearer {}", self.0.expose_secret()).into()
    }

    /// A digest that tells it apart from other keys, and only beside the same salt.
    #[must_use]
    pub fn salted(&self, salt: &[u8]) -> [u8; 32] {
        let key = self.0.expose_secret().as_bytes();
        Sha256::new().chain_update(salt).chain_update(key).finalize().into()
    }

    /// The text with every occurrence of the key replaced, in whatever spelling, and also one that
    /// the end of the text cuts off: a server may echo what it was sent. To be done before the text
    /// is cut anywhere else.
    #[must_use]
    pub fn remove_from(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.remove_from_bytes(text.as_bytes())).into_owned()
    }

    /// The same for bytes that may be no text.
    #[must_use]
    pub fn remove_from_bytes(&self, bytes: &[u8]) -> Vec<u8> {
        redact::remove(self.0.expose_secret().as_bytes(), bytes)
    }

    /// Whether there is anything in it that [`Self::remove_from`] would replace.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        redact::is_in(self.0.expose_secret().as_bytes(), bytes)
    }

    /// Whether a text gives the key away. A very short key may be in any text by chance, so it is
    /// not taken for a sign.
    #[must_use]
    pub fn is_shown_by(&self, text: &str) -> bool {
        let key = self.0.expose_secret();
        key.len() >= 16 && redact::shows(key.as_bytes(), text.as_bytes())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

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

    /// Ways in which somebody else may write a character.
    fn dressed(character: u8, dress: u8) -> String {
        let plain = char::from(character);
        match dress % 9 {
            0 => plain.to_string(),
            1 => format!("\\u{character:04x}"),
            2 => format!("\\u{character:04X}"),
            3 => format!("%{character:02x}"),
            4 => format!("%25{character:02X}"),
            5 => format!("&#{character};"),
            6 => format!("&#x{character:04X};"),
            _ if plain.is_ascii_alphanumeric() => plain.to_string(),
            7 => format!("\\{plain}"),
            _ => format!("%{character:02X}"),
        }
    }

    const SECRET: &str = "sk-7/Ab+c_9=Zq.w&5x<8>";

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]
        #[test]
        fn nothing_of_it_is_left_wherever_a_body_is_cut(
            dresses in vec(any::<u8>(), SECRET.len()), alike in any::<Option<u8>>()
        ) {
            let key = ApiKey::parse(SECRET).unwrap();
            let dress = |n: usize| alike.unwrap_or(dresses[n]);
            let said: Vec<_> = SECRET.bytes().enumerate().map(|(n, c)| dressed(c, dress(n))).collect();
            let (before, after) = ("{\"m\":\"no ", " 1\"}");
            let body = format!("{before}{}{after}", said.concat());
            // From the fourth character on nothing of it may be left.
            let told = before.len() + said[..4].concat().len();
            for end in 0..=body.len() {
                let clean = key.remove_from(&body[..end]);
                let expected = match end {
                    end if end >= body.len() - after.len() => {
                        format!("{before}***{}", &body[body.len() - after.len()..end])
                    }
                    end if end >= told => format!("{before}***"),
                    end => body[..end].to_owned(),
                };
                prop_assert_eq!(key.is_in(&body.as_bytes()[..end]), expected != body[..end]);
                prop_assert_eq!(clean, expected, "{} cut at {}", body, end);
            }
            prop_assert!(key.is_shown_by(&body));
        }
    }

    #[test]
    fn what_is_not_the_key_stays() {
        let key = ApiKey::parse(SECRET).unwrap();
        for text in ["sk-7/A", "sk-7/Ab+c_9=Zq.w&5x<8", "%41%zz&#999999999;\\u00", "sk-", ""] {
            let text = format!("{text}!");
            assert_eq!(key.remove_from(&text), text);
        }
        assert_eq!(key.remove_from_bytes(b"\xffsk-7/A"), b"\xff***");
        let short = ApiKey::parse("abc").unwrap();
        assert_eq!(short.remove_from("ab"), "ab", "too short to tell");
    }

    #[test]
    fn what_cannot_be_sent_is_no_key() {
        assert_eq!(ApiKey::parse(" \n").unwrap_err(), KeyError::Empty);
        assert_eq!(ApiKey::parse("two words").unwrap_err(), KeyError::Character);
        assert_eq!(ApiKey::parse("schlüssel").unwrap_err(), KeyError::Character);
        assert_eq!(ApiKey::parse(&"k".repeat(5000)).unwrap_err(), KeyError::TooLong);
    }
}
