//! What the answer to `GET /v1/tasks/{id}` tells, in every dialect.
//!
//! A task that was paid for is given up only on the server's clear word. One poll that went wrong
//! means nothing, and neither does a status that nobody has heard of. Nor is an answer believed
//! that shows other ids than the one that was asked for: a cache on the way hands out the videos
//! of strangers.

mod ids;
mod status;

use serde_json::Value;
use url::Url;

use self::status::{End, Status};
use super::answer::{Answer, scalar};
use super::link::{absolute, link, misplaced};
use super::{Account, Bill, Received, bill, bounded, is_success, lossy};
use crate::pair::TaskId;

/// What one poll proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// The server told of the task.
    News(TaskNews),
    /// The answer shows ids, and none of them is the one that was asked for.
    Another {
        /// Those that could be a task's.
        shown: Vec<TaskId>,
        /// What it tells of whatever it is about.
        news: TaskNews,
    },
    /// Nothing: no answer, an error of the server's, or one that cannot be read.
    TryAgain {
        /// What was wrong, for people.
        reason: String,
        /// The `Retry-After` header, if there was one.
        retry_after: Option<String>,
    },
    /// The server says that there is no such task. It has been seen to be wrong for a while.
    NotFound,
    /// The account may not ask.
    AccountStop {
        /// What is wrong with it.
        account: Account,
        /// What the server said, or ours.
        message: String,
    },
}

/// Where a task stands at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskNews {
    /// Waiting for its turn, or being made.
    Working {
        /// The server's word for it.
        status: String,
        /// In percent, if the server says.
        progress: Option<u8>,
    },
    /// There is a video.
    Completed {
        /// The link to it, as the server wrote it.
        url: String,
        /// What the task costs, if the server says.
        bill: Bill,
    },
    /// Completed, and no link yet: seen in production for some seconds.
    CompletedWithoutResult,
    /// It came to nothing.
    Failed {
        /// The server's code.
        code: String,
        /// The server's message.
        message: String,
        /// What the task costs, if the server says.
        bill: Bill,
    },
    /// A status that is documented nowhere; not the end of it.
    Unknown(String),
}

impl Poll {
    /// With a link that can be followed, against the API's host.
    #[must_use]
    pub fn at(self, host: &Url) -> Self {
        self.each(|news| match news {
            TaskNews::Completed { url, bill } => {
                TaskNews::Completed { url: absolute(&url, host), bill }
            }
            other => other,
        })
    }

    /// With what the answer says of the cost of its task, where that is the end of it. The key must
    /// have been removed from the answer.
    #[must_use]
    pub fn billed(self, received: &Received) -> Self {
        let bill = || bill::read(&received.json());
        self.each(|news| match news {
            TaskNews::Completed { url, .. } => TaskNews::Completed { url, bill: bill() },
            TaskNews::Failed { code, message, .. } => {
                TaskNews::Failed { code, message, bill: bill() }
            }
            other => other,
        })
    }

    fn each(self, change: impl Fn(TaskNews) -> TaskNews) -> Self {
        match self {
            Self::News(news) => Self::News(change(news)),
            Self::Another { shown, news } => Self::Another { shown, news: change(news) },
            other => other,
        }
    }
}

/// Codes by which relays say that they know no such task, under whatever HTTP status.
const NO_SUCH_TASK: [&str; 5] =
    ["task_not_exist", "task_not_exists", "task_not_found", "not_found_error", "404"];

/// What the answer to a poll proves of the task that was `asked` for.
#[must_use]
pub fn judge_poll(received: &Received, asked: &TaskId) -> Poll {
    let refused = |account| {
        let message = bounded(&super::said(received, &Answer::of(&received.json())));
        Poll::AccountStop { account, message }
    };
    let answer = lossy::of(&received.json()).filter(Value::is_object);
    match received.status {
        401 => refused(Account::Key),
        402 => refused(Account::Balance),
        403 => refused(Account::Forbidden),
        404 | 410 => match &answer {
            Some(answer) if is_wrong_address(answer) => try_again(received, said(answer)),
            None if !is_bare(received) => {
                try_again(received, format!("HTTP {} that is not the API's", received.status))
            }
            _ => Poll::NotFound,
        },
        status => match answer {
            Some(answer) if is_success(status) && received.cut.is_none() => {
                told(received, &answer, asked)
            }
            _ if is_success(status) => {
                try_again(received, "an answer that is not a whole JSON object".to_owned())
            }
            Some(answer) if status < 500 && is_unknown_there(&answer) => Poll::NotFound,
            _ => try_again(received, format!("HTTP {status}")),
        },
    }
}

fn try_again(received: &Received, reason: String) -> Poll {
    let retry_after = received.header("retry-after").map(str::to_owned);
    Poll::TryAgain { reason: bounded(&reason), retry_after }
}

fn is_bare(received: &Received) -> bool {
    received.body.trim_ascii().is_empty()
}

/// A relay's own 404 for a path that it does not serve: it says nothing about any task.
fn is_wrong_address(answer: &Value) -> bool {
    said(answer).starts_with("Invalid URL (")
}

/// Whether the code says that there is no such task: flat, nested, or in a wrapper.
fn is_unknown_there(answer: &Value) -> bool {
    code(answer).is_some_and(|code| NO_SUCH_TASK.contains(&code.to_ascii_lowercase().as_str()))
}

/// What a whole answer of a success tells.
fn told(received: &Received, answer: &Value, asked: &TaskId) -> Poll {
    let answer = ids::narrow(answer, asked);
    let news = match read(answer) {
        Some(news) => news,
        None if is_unknown_there(answer) => return Poll::NotFound,
        None if is_refusal(answer) => return try_again(received, said(answer)),
        None => TaskNews::Unknown(String::new()),
    };
    if news == TaskNews::Unknown("not_found".to_owned()) {
        return Poll::NotFound;
    }
    match ids::of_another(answer, asked) {
        Some(shown) => Poll::Another { shown, news },
        None => Poll::News(news),
    }
}

/// What it tells of a task; `None` if there is neither a status nor a link.
fn read(answer: &Value) -> Option<TaskNews> {
    Some(match (status::find(answer), link(answer)) {
        (Some(Status { end: End::Working, word, layer }), _) => {
            TaskNews::Working { status: bounded(&word), progress: progress(layer) }
        }
        // A link that was paid for is taken, whatever the status is called.
        (_, Some(url)) => completed(url),
        (Some(status), None) if status.end == End::Good => match status.denial(answer) {
            Some(code) => failed(status.layer, answer, &code),
            None => misplaced(answer).map_or(TaskNews::CompletedWithoutResult, completed),
        },
        (Some(Status { end: End::Bad(code), layer, .. }), None) => failed(layer, answer, code),
        (Some(Status { word, .. }), None) => TaskNews::Unknown(bounded(&word)),
        (None, None) => return None,
    })
}

fn completed(url: String) -> TaskNews {
    TaskNews::Completed { url, bill: Bill::default() }
}

fn progress(layer: &Value) -> Option<u8> {
    let percent = scalar(&layer["progress"])?.trim().trim_end_matches('%').trim().parse().ok();
    let percent = percent.filter(|percent: &f64| (0.0..=100.0).contains(percent))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = percent as u8;
    Some(percent)
}

/// Where kin put the code of a failure beside its status, after `error.code`.
const CODES: [&str; 5] = ["failCode", "fail_code", "failure_code", "err_code", "error_code"];
/// The same for its message, after `error.message` and `error`.
const MESSAGES: [&str; 7] = [
    "fail_reason",
    "failMsg",
    "task_status_msg",
    "failure_reason",
    "failure",
    "error_message",
    "message",
];

fn failed(layer: &Value, answer: &Value, otherwise: &str) -> TaskNews {
    let error = [&layer["error"], &answer["error"]].into_iter().find(|error| !error.is_null());
    let error = error.unwrap_or(&Value::Null);
    let beside = |keys: &[&str]| keys.iter().find_map(|key| text(&layer[*key]));
    let code = text(&error["code"]).or_else(|| beside(&CODES));
    let message = text(&error["message"]).or_else(|| text(error)).or_else(|| beside(&MESSAGES));
    let code = code.unwrap_or_else(|| otherwise.to_owned());
    let (code, message) = (bounded(&code), bounded(&message.unwrap_or_default()));
    TaskNews::Failed { code, message, bill: Bill::default() }
}

/// Whether an answer without a status and a link is one that refuses.
fn is_refusal(answer: &Value) -> bool {
    let error = &answer["error"];
    let has_error = error.is_object() || text(error).is_some();
    has_error || code(answer).is_some_and(|code| !status::is_all_well(&code))
}

fn code(answer: &Value) -> Option<String> {
    text(&answer["error"]["code"]).or_else(|| text(&answer["code"]))
}

/// What a refusal says, for people.
fn said(answer: &Value) -> String {
    let (error, flat) = (&answer["error"], ["message", "msg"].map(|key| text(&answer[key])));
    let message = text(&error["message"]).or_else(|| text(error));
    let message = message.or_else(|| flat.into_iter().flatten().next());
    match (code(answer), message) {
        (_, Some(message)) => message,
        (Some(code), None) => format!("the server says {code}"),
        (None, None) => "an error that says nothing".to_owned(),
    }
}

fn text(value: &Value) -> Option<String> {
    scalar(value).filter(|text| !text.is_empty())
}

/// Whether creating it again may help, by the code of a task that failed. For any other code the
/// input has to change first, or nobody knows.
#[must_use]
pub fn may_be_tried_again(code: &str) -> bool {
    matches!(
        code,
        "generation_failed_no_content"
            | "service_error"
            | "generation_timeout"
            | "resource_exhausted"
            | "quota_exceeded"
            | "service_unavailable"
            | "unknown_error"
    )
}

#[cfg(test)]
mod tests;
