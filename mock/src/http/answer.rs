//! What the fake says, before it becomes bytes.

use serde::Serialize;
use serde_json::{Value, json};

pub(crate) const JSON: &str = "application/json";

/// A status, headers and a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) mime: &'static str,
    pub(crate) body: Vec<u8>,
    /// How the request broke the contract, if that is why it is refused.
    pub(crate) breach: Option<String>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, JSON, body.to_string())
    }

    pub(crate) fn serialized(status: u16, body: &impl Serialize) -> Self {
        // Fails only for maps whose keys are no strings, of which there are none.
        Self::text(status, JSON, serde_json::to_vec(body).unwrap_or_default())
    }

    pub(crate) fn text(status: u16, mime: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), mime, body: body.into(), breach: None }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self::text(status, "", "")
    }

    /// An error in the shape that the whole family shares.
    pub(crate) fn error(status: u16, kind: &str, code: &str, message: &str) -> Self {
        let error = json!({"message": message, "type": kind, "code": code});
        Self::json(status, &json!({ "error": error }))
    }

    /// The answer to a request that breaks the contract.
    pub(crate) fn breach(status: u16, code: &str, message: &str) -> Self {
        let answer = Self::error(status, "invalid_request_error", code, message);
        Self { breach: Some(message.to_owned()), ..answer }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// Text from outside, bounded, for an error message.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut cut: String = text.chars().take(LONGEST).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("`{cut}`")
}
