//! What the answer to `GET /v1/tasks/{id}` tells, in every dialect.
//!
//! A task that was paid for is given up only on the server's clear word. One poll that went wrong
//! means nothing, and neither does a status that nobody has heard of.

use serde_json::Value;

use super::answer::{Answer, scalar};
use super::{Account, Received, bounded, is_success, said};

/// What one poll proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll {
    /// The server told of the task.
    News(TaskNews),
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
        /// In percent, if the server says.
        progress: Option<u8>,
    },
    /// There is a video.
    Completed {
        /// The link to it, as the server wrote it.
        url: String,
    },
    /// Completed, and no link yet: seen in production for some seconds.
    CompletedWithoutResult,
    /// It came to nothing.
    Failed {
        /// The server's code.
        code: String,
        /// The server's message.
        message: String,
    },
    /// A status that is documented nowhere; not the end of it.
    Unknown(String),
}

/// What the answer to a poll proves.
#[must_use]
pub fn judge_poll(received: &Received) -> Poll {
    let refused = |account| {
        let message = bounded(&said(received, &Answer::of(&received.json())));
        Poll::AccountStop { account, message }
    };
    match received.status {
        401 => refused(Account::Key),
        402 => refused(Account::Balance),
        403 => refused(Account::Forbidden),
        404 | 410 => Poll::NotFound,
        status if is_success(status) => match serde_json::from_slice(body(received)) {
            Ok(Value::Object(task)) if received.cut.is_none() => {
                Poll::News(read(&Value::Object(task)))
            }
            _ => try_again(received, "an answer that is not a whole JSON object".to_owned()),
        },
        status => try_again(received, format!("HTTP {status}")),
    }
}

fn body(received: &Received) -> &[u8] {
    received.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&received.body)
}

fn try_again(received: &Received, reason: String) -> Poll {
    Poll::TryAgain { reason, retry_after: received.header("retry-after").map(str::to_owned) }
}

fn read(task: &Value) -> TaskNews {
    let status = task["status"].as_str().unwrap_or_default().to_ascii_lowercase();
    match (status.as_str(), link(task)) {
        ("failed" | "error", _) => failed(task, "unknown_error"),
        ("cancelled" | "canceled", _) => failed(task, "request_cancelled"),
        ("pending" | "processing" | "queued" | "running" | "in_progress", _) => {
            TaskNews::Working { progress: progress(task) }
        }
        ("completed", None) => TaskNews::CompletedWithoutResult,
        // A link that was paid for is taken, whatever the status is called.
        (_, Some(url)) => TaskNews::Completed { url },
        (_, None) => TaskNews::Unknown(bounded(&status)),
    }
}

/// The dialects, in the order in which they are believed.
fn link(task: &Value) -> Option<String> {
    let first = |list: &Value, key: &str| {
        let links = list.as_array().into_iter().flatten();
        links.filter_map(|one| if key.is_empty() { one } else { &one[key] }.as_str()).find_map(text)
    };
    first(&task["results"], "url")
        .or_else(|| first(&task["results"], ""))
        .or_else(|| first(&task["result_data"], "video_url"))
        .or_else(|| task["output"]["url"].as_str().and_then(text))
        .or_else(|| first(&task["output"]["urls"], ""))
}

fn text(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn progress(task: &Value) -> Option<u8> {
    let percent = task["progress"].as_f64().filter(|percent| (0.0..=100.0).contains(percent))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    let percent = percent as u8;
    Some(percent)
}

fn failed(task: &Value, code: &str) -> TaskNews {
    let error = &task["error"];
    let said = |key: &str| scalar(&error[key]).filter(|said| !said.is_empty());
    let message = said("message").or_else(|| scalar(error)).unwrap_or_default();
    let code = said("code").unwrap_or_else(|| code.to_owned());
    TaskNews::Failed { code: bounded(&code), message: bounded(&message) }
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
mod tests {
    use super::*;

    fn poll(status: u16, body: &str) -> Poll {
        judge_poll(&Received { status, body: body.into(), ..Received::default() })
    }

    fn news(body: &str) -> TaskNews {
        match poll(200, body) {
            Poll::News(news) => news,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn every_dialect_has_its_link_in_another_place() {
        for rest in [
            r#""results":[{"url":"u"}]"#,
            r#""results":["u"]"#,
            r#""results":null,"result_data":[{"video_url":"u"}]"#,
            r#""output":{"url":"u"}"#,
            r#""output":{"urls":["u","v"]}"#,
            r#""results":[{"url":"u"}],"output":{"url":"later"}"#,
            r#""results":[{"url":null},{"url":" u "}]"#,
        ] {
            let expected = TaskNews::Completed { url: "u".to_owned() };
            assert_eq!(news(&format!("{{\"status\":\"completed\",{rest}}}")), expected, "{rest}");
        }
        assert!(matches!(
            news(r#"{"status":"succeeded","results":["u"]}"#),
            TaskNews::Completed { .. }
        ));
    }

    #[test]
    fn completed_without_a_link_is_not_the_end() {
        for rest in [r#""results":null,"progress":50"#, r#""results":[]"#, r#""results":[{}]"#] {
            let body = format!("{{\"status\":\"completed\",{rest}}}");
            assert_eq!(news(&body), TaskNews::CompletedWithoutResult, "{rest}");
        }
    }

    #[test]
    fn a_failure_has_a_code_in_every_spelling() {
        for (body, code, message) in [
            (r#"{"status":"failed","error":{"code":"x","message":"m"}}"#, "x", "m"),
            (r#"{"status":"FAILED","error":{"code":17}}"#, "17", ""),
            (r#"{"status":"failed","error":"m"}"#, "unknown_error", "m"),
            (r#"{"status":"failed","error":null}"#, "unknown_error", ""),
            (r#"{"status":"cancelled"}"#, "request_cancelled", ""),
            (r#"{"status":"canceled","results":["u"]}"#, "request_cancelled", ""),
        ] {
            let (code, message) = (code.to_owned(), message.to_owned());
            assert_eq!(news(body), TaskNews::Failed { code, message }, "{body}");
        }
    }

    #[test]
    fn what_goes_on_goes_on() {
        let working = |progress| TaskNews::Working { progress };
        assert_eq!(news(r#"{"status":"pending","progress":0}"#), working(Some(0)));
        assert_eq!(news(r#"{"status":"processing","progress":"half"}"#), working(None));
        assert_eq!(news(r#"{"status":"dreaming"}"#), TaskNews::Unknown("dreaming".to_owned()));
        assert_eq!(news("{}"), TaskNews::Unknown(String::new()));
    }

    #[test]
    fn one_poll_that_went_wrong_means_nothing() {
        for (status, body) in
            [(408, ""), (425, ""), (429, ""), (500, ""), (502, "<html>"), (200, "{"), (200, "[]")]
        {
            assert!(matches!(poll(status, body), Poll::TryAgain { .. }), "{status} {body}");
        }
        assert_eq!(poll(404, ""), Poll::NotFound);
        for status in [401, 402, 403] {
            assert!(matches!(poll(status, ""), Poll::AccountStop { .. }));
        }
    }

    #[test]
    fn what_the_user_sent_is_not_tried_again() {
        assert!(may_be_tried_again("generation_timeout"));
        assert!(!may_be_tried_again("content_policy_violation") && !may_be_tried_again("new_code"));
    }
}
