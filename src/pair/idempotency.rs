//! Idempotency keys: names that a service knows creates by, so that one which is sent again under its
//! name makes nothing new. Where the service honours them.

use std::fmt;
use std::time::Duration;

/// How much earlier than the service forgets a key it is used for the last time.
const MARGIN: Duration = Duration::from_secs(600);
/// Longer names are a slip.
const MOST_LETTERS: usize = 64;

/// Headers that mean something else to the API or to somebody on the way.
const TAKEN: [&str; 25] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "new-api-user",
    "origin",
    "range",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-api-key",
];

/// How a service is told the key of a create, and for how long it remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The header that the key goes into.
    pub header: KeyHeader,
    /// How long the service remembers a key.
    pub window: Duration,
}

impl Idempotency {
    /// Where nothing else is known.
    pub const WINDOW: Duration = Duration::from_secs(24 * 3600);
    /// Below it no time would be left.
    pub const SHORTEST: Duration = Duration::from_secs(15 * 60);
    /// Nobody remembers longer.
    pub const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

    /// For how long after its intent a create may be sent again.
    #[must_use]
    pub fn usable(&self) -> Duration {
        self.window.saturating_sub(MARGIN)
    }
}

/// The name of the header that carries the keys, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHeader(String);

/// Why a text cannot be the name of that header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyHeaderError {
    /// Not what a header may be called.
    #[error("not the name of a header")]
    NoName,
    /// It says something else already.
    #[error("this header says something else already")]
    Taken,
}

impl KeyHeader {
    /// Reads a name.
    ///
    /// # Errors
    /// When it is none, or taken.
    pub fn parse(text: &str) -> Result<Self, KeyHeaderError> {
        let name = text.to_ascii_lowercase();
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
        // These are meant as yes or no.
        let word = ["yes", "no", "on", "off", "true", "false", "y", "n", "none", "null"];
        if name.is_empty() || name.len() > MOST_LETTERS || !name.bytes().all(letter) {
            return Err(KeyHeaderError::NoName);
        }
        if word.contains(&&*name) {
            return Err(KeyHeaderError::NoName);
        }
        if TAKEN.contains(&&*name) || name.starts_with("proxy-") || name.starts_with("sec-") {
            return Err(KeyHeaderError::Taken);
        }
        Ok(Self(name))
    }

    /// In lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What nearly all services call it.
impl Default for KeyHeader {
    fn default() -> Self {
        Self("idempotency-key".to_owned())
    }
}

/// The key of one create: `[A-Za-z0-9._-]{16,96}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// From bytes that nobody else has.
    #[must_use]
    pub fn of(random: [u8; 16]) -> Self {
        Self(format!("callsheet-{:032x}", u128::from_be_bytes(random)))
    }

    /// As it is sent, unless it could not have been.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letter = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
        let is_key = (16..=96).contains(&text.len()) && text.bytes().all(letter);
        is_key.then(|| Self(text.to_owned()))
    }

    /// As it is sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_name_that_says_nothing_else() {
        let read = |text| KeyHeader::parse(text).map(|header| header.0);
        assert_eq!(read("Idempotency-Key").unwrap(), KeyHeader::default().as_str());
        assert_eq!(read("X-Request_Id.2").unwrap(), "x-request_id.2");
        let long = "x".repeat(65);
        for text in ["", "two words", "a:b", "schlüssel", "a\r\nb", "yes", "On", &long] {
            assert_eq!(read(text), Err(KeyHeaderError::NoName), "{text:?}");
        }
        for text in ["Authorization", "host", "Content-Type", "Proxy-Authorization", "Sec-Fetch"] {
            assert_eq!(read(text), Err(KeyHeaderError::Taken), "{text}");
        }
    }

    #[test]
    fn a_key_is_taken_by_services_of_this_kind_and_differs_in_every_bit() {
        let [one, other] = [0, 1].map(|last| {
            let mut random = [0xff; 16];
            random[15] = last;
            IdempotencyKey::of(random)
        });
        assert_ne!(one, other);
        assert_eq!(IdempotencyKey::parse(one.as_str()), Some(one));
        let long = "x".repeat(97);
        for text in ["short", "with a space in it", &long] {
            assert_eq!(IdempotencyKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_not_used_in_the_last_minutes() {
        let header = KeyHeader::default();
        let keys = Idempotency { header, window: Duration::from_secs(3600) };
        assert_eq!(keys.usable(), Duration::from_secs(3000));
        assert!(!Idempotency { window: Idempotency::SHORTEST, ..keys }.usable().is_zero());
    }
}
