//! What a batch is made of: a pair, its request, and the names and secrets around them.
//!
//! Everything here is checked when it is made, so the rest of the program never meets an id that
//! could be a path, a URL that shows its signature when printed, or a key that can be printed.

mod address;
mod choice;
mod expiry;
mod id;
mod idempotency;
mod key;
mod letters;
mod name;
mod plain;
mod query;
mod redact;
mod source;
mod tag;
mod unsigned;
mod url;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

pub use self::address::{Zone, is_private, is_private_address, may_lead, zone, zone_of};
pub use self::choice::{Choice, Choosing, Pattern, PatternError, nearest};
pub use self::expiry::{expires, moment};
pub use self::id::{IdError, PairId, TaskId, TaskIdError};
pub use self::idempotency::{Idempotency, IdempotencyKey, KeyHeader, KeyHeaderError};
pub use self::key::{ApiKey, KeyError};
pub(crate) use self::letters::is_mark;
pub use self::letters::{alphabet, folded, is_hidden, nfc, old_alphabet, short_alphabet};
pub use self::name::{VideoName, VideoNameError};
pub(crate) use self::plain::plain_path;
pub(crate) use self::query::{without_queries, without_query};
pub use self::source::{LocalFile, Role, Source};
pub use self::tag::{Tag, TagError};
pub use self::unsigned::unsigned;
pub(crate) use self::url::is_loopback;
pub use self::url::{Endpoint, MediaUrl, PlainHttp, UrlError};

/// One portrait, one recording and their options: at most one paid request.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// Names the pair in the ledger, the CSV and the file of its video.
    pub id: PairId,
    /// Tells apart pairs that ask for the same thing on purpose; 1 unless the manifest says so.
    pub take: u32,
    /// By which people choose it; no two of them alike.
    pub tags: Vec<Tag>,
    /// When its links die, as far as the manifest says so.
    pub expires: Option<Timestamp>,
    /// What is sent.
    pub request: Request,
}

/// The body of one create, as the manifest asked for it.
///
/// A key that the manifest did not set is absent from the JSON, never null: the API asks not to
/// be sent `turbo_mode` and `advanced` "unless necessary".
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which model renders the video.
    pub model: Arc<str>,
    /// The portrait.
    pub image: Source,
    /// The recording; its length is the video's length, and the bill.
    pub audio: Source,
    /// What the person does while speaking.
    pub prompt: Option<Arc<str>>,
    /// Faster, slightly worse.
    pub turbo_mode: Option<bool>,
    /// Passed on as written; its contents are documented nowhere.
    pub advanced: Option<Map<String, Value>>,
    /// Further top-level fields, for models with more of them. Never one of the names above.
    pub extra: Map<String, Value>,
}

impl Request {
    /// The names that [`Request::extra`] may not use, because they have fields of their own.
    pub const OWN_FIELDS: [&'static str; 6] =
        ["model", "image_url", "audio_url", "prompt", "turbo_mode", "advanced"];

    /// One of its media.
    #[must_use]
    pub const fn source(&self, role: Role) -> &Source {
        match role {
            Role::Image => &self.image,
            Role::Audio => &self.audio,
        }
    }

    /// What is sent besides the media.
    #[must_use]
    pub fn options(&self) -> Value {
        options_of(&self.to_json())
    }

    /// The text of [`Request::to_json`], made without it where that is possible.
    #[must_use]
    pub fn body(&self) -> String {
        let body = Body {
            advanced: self.advanced.as_ref(),
            audio_url: self.audio.listed_text(),
            image_url: self.image.listed_text(),
            model: &self.model,
            prompt: self.prompt.as_deref(),
            turbo_mode: self.turbo_mode,
        };
        let text = self.extra.is_empty().then(|| serde_json::to_string(&body).ok()).flatten();
        text.unwrap_or_else(|| self.to_json().to_string())
    }

    /// The JSON object that is sent, its keys in alphabetical order. A local file stands in it by
    /// its name until it was uploaded.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = self.extra.clone();
        let mut set = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                body.insert(key.to_owned(), value);
            }
        };
        set("model", Some((*self.model).into()));
        for role in Role::BOTH {
            set(role.field(), Some(self.source(role).listed().into()));
        }
        set("prompt", self.prompt.as_deref().map(Value::from));
        set("turbo_mode", self.turbo_mode.map(Value::from));
        set("advanced", self.advanced.clone().map(Value::Object));
        Value::Object(body)
    }
}

/// A request without further fields, its keys in alphabetical order.
#[derive(Serialize)]
struct Body<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    advanced: Option<&'r Map<String, Value>>,
    audio_url: Cow<'r, str>,
    image_url: Cow<'r, str>,
    model: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    turbo_mode: Option<bool>,
}

/// A request without its media.
#[must_use]
pub fn options_of(body: &Value) -> Value {
    let mut options = body.clone();
    if let Value::Object(options) = &mut options {
        options.retain(|field, _| Role::BOTH.iter().all(|role| role.field() != field));
    }
    options
}

/// A digest of a request's JSON: equal for equal requests, whatever order their keys were in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Of the body that is sent, as [`Request::to_json`] writes it.
    #[must_use]
    pub fn of(body: &str) -> Self {
        Self(Sha256::digest(body.as_bytes()).into())
    }

    /// The bytes, as the ledger keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..8].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request() -> Request {
        let url = |text| Source::Url(MediaUrl::parse(text, PlainHttp::Loopback).unwrap());
        Request {
            model: "omnihuman-1.5".into(),
            image: url("https://example.com/portrait.jpg"),
            audio: url("https://example.com/speech.mp3"),
            prompt: None,
            turbo_mode: None,
            advanced: None,
            extra: Map::new(),
        }
    }

    #[test]
    fn what_is_not_set_is_absent() {
        assert_eq!(
            request().to_json(),
            json!({
                "model": "omnihuman-1.5",
                "image_url": "https://example.com/portrait.jpg",
                "audio_url": "https://example.com/speech.mp3",
            })
        );
    }

    #[test]
    fn what_is_set_is_sent_as_written() {
        let advanced = json!({"b": 1, "a": {"deep": [1.5, null]}});
        let request = Request {
            prompt: Some("".into()),
            turbo_mode: Some(false),
            advanced: advanced.as_object().cloned(),
            extra: json!({"resolution": "720p"}).as_object().cloned().unwrap(),
            ..request()
        };
        let body = request.to_json();
        assert_eq!(body["advanced"], advanced);
        assert_eq!(body["turbo_mode"], json!(false));
        assert_eq!(body["prompt"], json!(""));
        assert_eq!(body["resolution"], json!("720p"));
        assert_eq!(request.body(), body.to_string());
    }

    #[test]
    fn the_body_is_the_text_of_the_json() {
        let file = LocalFile { path: "a \"b\".jpg".to_owned(), sha256: Some("0f".to_owned()) };
        let plain = request();
        let all = Request {
            image: Source::File(file),
            prompt: Some("“Hi”\n\u{1}\u{2028}é".into()),
            turbo_mode: Some(true),
            advanced: json!({"z": 1.50, "a": [null, u64::MAX, -1e300]}).as_object().cloned(),
            ..request()
        };
        for request in [plain, all] {
            assert_eq!(request.body(), request.to_json().to_string());
        }
    }

    #[test]
    fn a_fingerprint_follows_the_body() {
        let other = Request { turbo_mode: Some(true), ..request() };
        let of = |request: &Request| Fingerprint::of(&request.to_json().to_string());
        assert_eq!(of(&request()), of(&request()));
        assert_ne!(of(&request()), of(&other));
    }
}
