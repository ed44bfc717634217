//! What the fake says, before it becomes bytes.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::contract::Violation;
use crate::fault::Fault;
use crate::route::PATHS;
use crate::scenario::On;

/// The header by which the engine and the gate speak of the same exchange.
pub(crate) const EXCHANGE_HEADER: &str = "x-callsheet-exchange";
/// The header by which the engine asks the gate for a fault on the wire.
pub(crate) const FAULT_HEADER: &str = "x-callsheet-fault";
/// The header by which the engine asks the gate to hold an answer back, in milliseconds.
pub(crate) const DELAY_HEADER: &str = "x-callsheet-delay";

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
    fn breach(status: u16, code: &str, message: &str) -> Self {
        let answer = Self::error(status, "invalid_request_error", code, message);
        Self { breach: Some(message.to_owned()), ..answer }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn into_template(
        self,
        exchange: &str,
        fault: Option<Fault>,
        delay: Duration,
    ) -> ResponseTemplate {
        let mut template =
            ResponseTemplate::new(self.status).insert_header(EXCHANGE_HEADER, exchange);
        for (name, value) in self.headers {
            template = template.insert_header(name, value);
        }
        if let Some(fault) = fault {
            template = template.insert_header(FAULT_HEADER, fault.name());
        }
        if !delay.is_zero() {
            template = template.insert_header(DELAY_HEADER, delay.as_millis().to_string());
        }
        template.set_body_raw(self.body, self.mime)
    }
}

/// 401: who are you?
pub(crate) fn unauthorized(what: &str) -> Answer {
    Answer::error(401, "authentication_error", "invalid_api_key", what)
        .header("www-authenticate", "Bearer")
}

/// 404 for a path that does not exist.
pub(crate) fn no_such_path(path: &str) -> Answer {
    let what = format!("no such path: {} (there are: {PATHS})", shown(path));
    Answer::breach(404, "not_found", &what)
}

/// 404 for a model that does not exist.
pub(crate) fn no_such_model(model: &str, known: &[String]) -> Answer {
    let (model, known) = (shown(model), known.join(", "));
    let what = format!("no such model: {model} (there are: {known})");
    Answer::error(404, "invalid_request_error", "model_not_found", &what)
}

/// 405 with the methods that would do.
pub(crate) fn wrong_method(method: &str, allowed: &str) -> Answer {
    let what = format!("the method {method} does not exist here (there is: {allowed})");
    Answer::breach(405, "method_not_allowed", &what).header("allow", allowed)
}

/// 409: says something of an `Idempotency-Key`. No page says with which status and in which field.
pub(crate) fn of_key(name: &str, what: &str) -> Answer {
    Answer::error(409, name, name, what)
}

/// 409: something else goes by this name, or is under way.
pub(crate) fn conflict(what: &str) -> Answer {
    Answer::error(409, "invalid_request_error", "conflict", what)
}

/// 415: the body is declared as something else.
pub(crate) fn wrong_content_type(expected: &str, came: Option<&str>) -> Answer {
    let came = came.map_or_else(|| "none".to_owned(), shown);
    let what = format!("content-type must be {expected}, but came as {came}");
    Answer::breach(415, "unsupported_media_type", &what)
}

/// 413: more than the fake reads.
pub(crate) fn too_large(limit: usize) -> Answer {
    let what = format!("the body is larger than {limit} bytes");
    Answer::breach(413, "request_too_large", &what)
}

/// 400 for a body that is not JSON.
pub(crate) fn not_json(error: &serde_json::Error) -> Answer {
    let what = format!("the body is not JSON: {error}");
    Answer::breach(400, "invalid_json", &what)
}

/// 400 with everything that breaks the contract.
pub(crate) fn broken_contract(violations: &[Violation]) -> Answer {
    let list: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.pointer, v.message)).collect();
    let message = format!("the request breaks the contract: {}", list.join("; "));
    let error = json!({"message": message, "type": "invalid_request_error",
        "code": "invalid_request", "violations": violations});
    Answer { breach: Some(message), ..Answer::json(400, &json!({ "error": error })) }
}

/// 400 for one thing that breaks the contract.
pub(crate) fn broken(what: &str) -> Answer {
    Answer::breach(400, "invalid_request", what)
}

/// 400 for a parameter in the URL.
pub(crate) fn bad_parameter(name: &str, expected: &str) -> Answer {
    let what = format!("the parameter {name} must be {expected}");
    broken(&what)
}

/// 404 for a task that does not exist, or no more, or not for this key.
pub(crate) fn no_such_task(id: &str) -> Answer {
    let what = format!("no such task: {}", shown(id));
    Answer::error(404, "invalid_request_error", "task_not_found", &what)
}

/// 404 for a file that does not exist, or no more.
pub(crate) fn no_such_file(path: &str) -> Answer {
    let what = format!("no such file: {}", shown(path));
    Answer::error(404, "invalid_request_error", "file_not_found", &what)
}

/// 400 for a magic URL that asks for a fault which does not exist.
pub(crate) fn no_such_fault(name: &str) -> Answer {
    let known = Fault::ALL.iter().filter(|fault| On::Create.takes(**fault));
    let known: Vec<_> = known.map(|fault| fault.name()).collect();
    let what =
        format!("no such fault for a create: {} (there are: {})", shown(name), known.join(", "));
    Answer::breach(400, "unknown_fault", &what)
}

/// 402: the balance is used up.
pub(crate) fn balance_used_up() -> Answer {
    let what = "the balance of this key is used up";
    Answer::error(402, "insufficient_quota", "insufficient_user_quota", what)
}

/// 429 with `Retry-After` in whole seconds, at least one.
pub(crate) fn too_many(what: &str, wait: Duration) -> Answer {
    Answer::error(429, "rate_limit_error", "rate_limit_exceeded", what)
        .header("retry-after", whole_seconds(wait).to_string())
}

/// Seconds, rounded up, at least one.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
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
