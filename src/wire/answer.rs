//! What an answer to a create says: its ids, and its error in every shape that relays give it.
//!
//! Only `id` at the top level may be relied on. An id in another place is one that a person may
//! adopt; a request's id beside a refusal is none.

use std::time::Duration;

use super::Received;
use super::json::{Json, Value};
use crate::pair::TaskId;

static NONE: Value = Value::Null;
/// What the documented answer calls itself.
const TASK: &str = "video.generation.task";
/// Where else kin put a task's id, in the order in which it is believed.
const ELSEWHERE: &[&[&str]] = &[&["task_id"], &["data", "task_id"], &["data", "id"]];
/// The names of ids further down.
const ID_NAMES: &[&str] = &["task_id", "taskId", "video_id", "id"];
/// Codes that say that all is well.
const WELL: &[&str] = &["0", "200", "201", "202", "ok", "success"];
/// The codes of relays whose message quotes an upstream: what that says is not about us.
const QUOTING: &[&str] =
    &["fail_to_fetch_task", "bad_response_status_code", "bad_response", "ali_api_error"];
/// What a relay says instead of whatever its upstream said.
const SATURATED: &str = "当前分组上游负载已饱和";

/// An answer, as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    json: &'a Json,
    value: &'a Value,
}

impl<'a> Answer<'a> {
    pub(super) fn of(json: &'a Json) -> Self {
        Self { json, value: json.value() }
    }

    /// The task that this answer is about, with this status.
    pub(super) fn task(&self, status: u16) -> Option<TaskId> {
        let id = self.id("id")?;
        let named = self.word("object").is_some_and(|object| object == TASK);
        let stands = match self.word("status").as_deref() {
            Some("pending" | "processing" | "completed") => !self.speaks(),
            _ => false,
        };
        let trusted = match super::is_success(status) {
            true => named || !self.has_error(),
            false => named || stands,
        };
        trusted.then_some(id)
    }

    /// A task that this answer may be about.
    pub(super) fn proposed(&self, received: &Received) -> Option<TaskId> {
        let deeper = || self.value.entries().iter().filter(|(key, _)| key != "error");
        self.id("id")
            .or_else(|| ELSEWHERE.iter().find_map(|path| parse(self.value.at(path))))
            .or_else(|| deeper().find_map(|(_, value)| within(value)))
            .or_else(|| {
                let headers = ["operation-location", "location"];
                headers.iter().find_map(|name| task_in(received.header(name)?))
            })
    }

    /// How long the server expects the task to take: up to a day; anything else is no estimate.
    pub(super) fn estimate(&self) -> Option<Duration> {
        let seconds = self.value.at(&["task_info", "estimated_time"]).number()?;
        (0.0..=86_400.0).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
    }

    /// Whether the body is one whole JSON document.
    pub(super) const fn is_plain(&self) -> bool {
        self.json.is_plain()
    }

    /// Whether the body begins as all JSON of APIs does.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self.value, Value::Map(_) | Value::List(_))
    }

    /// Whether this is an error in the API's JSON, and not that of something on the way: nested
    /// `error`, or flat with a message, and a word more than the status has.
    pub(super) fn is_api(&self) -> bool {
        let error = self.error();
        let nested = ["message", "code", "type"].iter().any(|name| !error.get(name).is_empty());
        let base = !self.value.at(&["base_resp", "status_code"]).is_empty();
        let said = self.message().is_some_and(|said| !is_stock(said));
        nested || base || said
    }

    /// Whether the answer speaks of an error, whatever its status.
    pub(super) fn has_error(&self) -> bool {
        let failed = *self.value.get("success") == Value::Bool(false);
        let base = self.value.at(&["base_resp", "status_code"]).scalar();
        !self.error().is_empty()
            || failed
            || self.outer_code().is_some()
            || base.is_some_and(|code| code != "0")
    }

    /// The error's code, where there is one.
    pub(super) fn code(&self) -> Option<&'a str> {
        self.codes().into_iter().next()
    }

    /// The error's message, or as much of it as is kept.
    pub(super) fn message(&self) -> Option<&'a str> {
        self.messages().into_iter().next()
    }

    /// Every code, of the error or of the outer object.
    pub(super) fn codes(&self) -> Vec<&'a str> {
        let error = self.error();
        let base =
            self.value.at(&["base_resp", "status_code"]).scalar().filter(|code| *code != "0");
        let of_error = ["code", "error_code"].iter().filter_map(|name| error.get(name).scalar());
        let outer = ["error_code", "failure_code", "reason"].iter();
        let outer = outer.filter_map(|name| self.value.get(name).scalar());
        let codes = of_error.chain(self.outer_code()).chain(base).chain(outer);
        codes.map(str::trim).filter(|code| !code.is_empty()).collect()
    }

    /// Every code and type. Where a relay put its own words in place of the upstream's message,
    /// its type is not to be believed either.
    pub(super) fn names(&self) -> Vec<&'a str> {
        let mut names = self.codes();
        if !self.messages().iter().any(|said| said.contains(SATURATED)) {
            let kinds = ["type", "kind"].iter();
            let places = kinds.flat_map(|name| [self.error().get(name), self.value.get(name)]);
            names.extend(places.filter_map(Value::scalar));
            names.extend(self.error().scalar());
            names.extend(self.messages());
        }
        names
    }

    /// The number that MiniMax answers with.
    pub(super) fn base_code(&self) -> Option<&'a str> {
        self.value.at(&["base_resp", "status_code"]).scalar()
    }

    /// Everything that may be an error's message, the most likely first.
    pub(super) fn messages(&self) -> Vec<&'a str> {
        let error = self.error();
        let nested = [error.get("message"), error.get("msg"), error];
        let outer = ["message", "msg", "detail", "title"].map(|name| self.value.get(name));
        let base = self.value.at(&["base_resp", "status_msg"]);
        let all = nested.into_iter().chain(outer).chain([base]);
        let all = all.filter_map(Value::shown).map(str::trim);
        all.filter(|said| !said.is_empty()).collect()
    }

    /// Whether a relay tells of the account it has with somebody else.
    pub(super) fn quotes_upstream(&self) -> bool {
        self.codes().iter().any(|code| QUOTING.contains(code))
    }

    /// Whether the distributor of a relay refused before it passed anything on.
    pub(super) fn is_distributor(&self) -> bool {
        let error = self.error();
        let kind = error.get("type").text();
        let code = error.get("code");
        let message = error.get("message").shown().unwrap_or_default();
        matches!(kind, Some("new_api_error" | "one_api_error"))
            && (code.is_empty() || code.text() == Some("model_not_found"))
            && ["(distributor)", "（distributor）", "无可用渠道"]
                .iter()
                .any(|word| message.contains(word))
    }

    /// Whether code, type or message say that no more files can be kept. The documented answer is
    /// a bare 403, so words are all there is to tell it from a key that may not upload.
    pub(super) fn storage_is_full(&self) -> bool {
        let full = ["full", "exceed", "insufficient", "limit", "quota", "not enough", "no space"];
        self.names().into_iter().any(|text| {
            let text = text.to_ascii_lowercase();
            text.contains("storage") && full.iter().any(|word| text.contains(word))
        })
    }

    fn error(&self) -> &'a Value {
        let error = self.value.get("error");
        if error.is_empty() { &NONE } else { error }
    }

    /// The code beside the rest, unless it says that all is well.
    fn outer_code(&self) -> Option<&'a str> {
        let code = self.value.get("code").scalar()?.trim();
        let well = WELL.iter().any(|well| well.eq_ignore_ascii_case(code));
        (!well && !code.is_empty()).then_some(code)
    }

    /// Whether a code or a message stands beside the id.
    fn speaks(&self) -> bool {
        self.outer_code().is_some() || !self.value.get("message").is_empty()
    }

    fn id(&self, name: &str) -> Option<TaskId> {
        parse(self.value.get(name))
    }

    fn word(&self, name: &str) -> Option<String> {
        self.value.get(name).text().map(str::to_ascii_lowercase)
    }
}

/// Text, or a number as text, of JSON that was read whole.
pub(super) fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn parse(value: &Value) -> Option<TaskId> {
    TaskId::parse(value.scalar()?).ok()
}

/// An id further down; what is kept of an answer is not deep.
fn within(value: &Value) -> Option<TaskId> {
    let named = ID_NAMES.iter().find_map(|name| parse(value.get(name)));
    let inner = value.entries().iter().map(|(_, value)| value).chain(value.items());
    named.or_else(|| inner.into_iter().find_map(within))
}

/// The last part of a link to a task, as `202 Accepted` gives it.
pub(super) fn task_in(link: &str) -> Option<TaskId> {
    const LISTS: &[&str] =
        &["tasks", "task", "generations", "videos", "video", "operations", "jobs"];
    let path = link.split(['?', '#']).next()?.trim_end_matches('/');
    let (before, tail) = path.rsplit_once('/')?;
    let list = before.rsplit('/').next()?;
    let is_list = |part: &str| LISTS.iter().any(|known| known.eq_ignore_ascii_case(part));
    TaskId::parse(tail).ok().filter(|_| is_list(list) && !is_list(tail))
}

/// Whether a message is no more than the name of a status: any gateway says that much.
fn is_stock(said: &str) -> bool {
    const STOCK: &[&str] = &[
        "bad request",
        "unauthorized",
        "forbidden",
        "not found",
        "method not allowed",
        "request timeout",
        "conflict",
        "gone",
        "length required",
        "payload too large",
        "request entity too large",
        "content too large",
        "uri too long",
        "unsupported media type",
        "unprocessable entity",
        "too many requests",
        "internal server error",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
        "missing authentication token",
        "no route matched with those values",
        "404 page not found",
        "route not found",
    ];
    let said = said.trim_end_matches(['.', '!']).to_ascii_lowercase();
    STOCK.contains(&said.as_str())
}
