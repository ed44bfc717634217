//! Reads what matters from an answer's JSON, however odd or short it is.
//!
//! Only `id` may be relied on. The body is read key by key, so that an id that arrived before the
//! body broke off is still found.

use std::time::Duration;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use crate::pair::TaskId;

/// What an answer says, as far as it could be read.
#[derive(Debug, Default)]
pub(super) struct Answer {
    id: Option<TaskId>,
    has_error: bool,
    /// The error's code, or its type where there is no code.
    pub(super) code: Option<String>,
    kind: Option<String>,
    /// The error's message.
    pub(super) message: Option<String>,
    /// How long the server expects the task to take.
    pub(super) estimate: Option<Duration>,
    /// Whether the body is one whole JSON object.
    pub(super) whole: bool,
}

impl Answer {
    pub(super) fn read(body: &[u8]) -> Self {
        let mut answer = Self::default();
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = Keys(&mut answer).deserialize(&mut json);
        answer.whole = read.is_ok() && json.end().is_ok();
        answer
    }

    /// The task that this answer names. With an error beside it, an id may be the request's, so
    /// only a success makes a task of it then.
    pub(super) fn task(&self, status: u16) -> Option<TaskId> {
        let trusted = super::is_success(status) || !self.has_error;
        self.id.clone().filter(|_| trusted)
    }

    /// Whether code or type say so, in the words of any dialect.
    pub(super) fn balance_is_used_up(&self) -> bool {
        [&self.code, &self.kind].into_iter().flatten().any(|name| {
            let name = name.to_ascii_lowercase();
            let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
            name == "402"
                || has(&["quota"]) && has(&["insufficient", "exceeded", "exhausted"])
                || has(&["balance", "credit", "fund"]) && has(&["insufficient", "not_enough"])
        })
    }

    /// Whether code, type or message say that no more files can be kept. The documented answer is
    /// a bare 403, so words are all there is to tell it from a key that may not upload.
    pub(super) fn storage_is_full(&self) -> bool {
        let full = ["full", "exceed", "insufficient", "limit", "quota", "not enough", "no space"];
        [&self.code, &self.kind, &self.message].into_iter().flatten().any(|text| {
            let text = text.to_ascii_lowercase();
            text.contains("storage") && full.iter().any(|word| text.contains(word))
        })
    }

    fn take(&mut self, key: &str, value: Value) {
        match (key, value) {
            ("id", value) if self.id.is_none() => {
                self.id = scalar(&value).and_then(|text| TaskId::parse(&text).ok());
            }
            ("task_info", value) => self.estimate = seconds(&value["estimated_time"]),
            ("error", Value::Null) => {}
            ("error", Value::Object(error)) => {
                self.has_error = true;
                error.into_iter().for_each(|(key, value)| self.take_error(&key, &value));
            }
            ("error", value) => {
                self.has_error = true;
                self.message = scalar(&value);
            }
            ("code" | "message" | "type", value) if self.id.is_none() => {
                self.take_error(key, &value);
            }
            _ => {}
        }
    }

    fn take_error(&mut self, key: &str, value: &Value) {
        match key {
            "code" => self.code = scalar(value).or_else(|| self.code.take()),
            "message" => self.message = scalar(value).or_else(|| self.message.take()),
            "type" => self.kind = scalar(value).or_else(|| self.kind.take()),
            _ => {}
        }
    }
}

/// A time of up to a day; anything else is no estimate.
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=86_400.0).contains(seconds))?;
    Some(Duration::from_secs_f64(seconds))
}

/// Text, or a number as text: ids and codes come as both.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads an object into an [`Answer`] and keeps what it had when the JSON turns out broken.
struct Keys<'a>(&'a mut Answer);

impl<'de> DeserializeSeed<'de> for Keys<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "id" | "error" | "code" | "message" | "type" | "task_info" => {
                    let value = map.next_value()?;
                    self.0.take(&key, value);
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}
