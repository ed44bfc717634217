//! What each answer of the API proves about a create.
//!
//! One pure function, [`judge`], turns what happened on the wire into one of a few proofs. It holds
//! the whole knowledge of which outcomes were billed; nothing else in the program decides that.
//! Another, [`judge_poll`], says what an answer tells of a task that exists; [`judge_upload`] where
//! a file is that was handed over.

mod answer;
mod bucket;
mod file_type;
mod list;
mod task;
mod upload;

use std::time::Duration;

use crate::pair::TaskId;
use crate::pair::without_query;

use self::answer::Answer;
pub use self::bucket::{BucketRequest, judge_bucket};
pub use self::file_type::FileType;
pub use self::list::{ListError, ListPage, Listed, judge_list, read_list, read_row};
pub use self::task::{Poll, TaskNews, judge_poll, may_be_tried_again};
pub use self::upload::{UploadError, judge_upload};

/// What happened to one create, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// No byte of the request can have reached the API: name lookup, connection or TLS failed.
    NotSent {
        /// The cause, for people.
        reason: String,
    },
    /// This machine could not even try: no file descriptor left, or no valid request.
    Unable {
        /// The cause, for people.
        reason: String,
    },
    /// The request may have arrived, but no answer did.
    Lost {
        /// The cause, for people.
        reason: String,
    },
    /// The head of an answer arrived, and at least part of its body.
    Answered(Received),
}

/// An answer, or as much of it as arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// The HTTP status.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, up to the client's limit.
    pub body: Vec<u8>,
    /// Why the body is not whole, if it is not: cut, stalled, reset, or over the limit.
    pub cut: Option<String>,
}

impl Received {
    /// The first header of a name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What is known for sure after a create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// There is a task, and this is its id.
    Created(TaskId),
    /// The server refused this request and billed nothing; sending it again would be refused too.
    Rejected,
    /// Nothing was sent; it may be tried again.
    NotSent,
    /// Somebody on the way to the API refused before passing it on: nothing was made, and it may
    /// be tried again.
    NotRelayed,
    /// The answer is not the API's (a portal, a proxy, another address), and nothing was made.
    NotTheApi,
    /// Nothing was sent, and nothing can be until somebody mends this machine.
    Unable,
    /// The server wants all creates to pause; nothing was made.
    Wait,
    /// The account cannot create anything now; nothing was made.
    AccountStop(Account),
    /// It may have been paid for. Never resent without a person's verdict.
    InDoubt,
}

/// What is wrong with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// 401: the key is missing, wrong or expired.
    Key,
    /// 403: the key may not do this, or a firewall refuses us.
    Forbidden,
    /// The balance is used up.
    Balance,
}

/// A proof with what led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What is known for sure.
    pub proof: Proof,
    /// The HTTP status, if an answer came.
    pub status: Option<u16>,
    /// The server's error code, or a name of ours (`http_404`, `no_answer`); empty when all is well.
    pub code: String,
    /// The server's message, or ours; empty when all is well.
    pub message: String,
    /// The raw answer, bounded, where it should be kept: in doubt, or created by an odd answer.
    pub evidence: Option<Vec<u8>>,
    /// A task that the answer seems to name; a person may adopt it.
    pub proposed: Option<TaskId>,
    /// The `Retry-After` header, if there was one.
    pub retry_after: Option<String>,
    /// How long the server expects the task to take, if it says.
    pub estimate: Option<Duration>,
}

/// How much of a raw answer is kept as evidence, in bytes.
const EVIDENCE: usize = 16 * 1024;
/// How much of a server's message is kept, in characters.
const MESSAGE: usize = 500;

/// What the outcome of a create proves.
#[must_use]
pub fn judge(wire: &Wire) -> Judgement {
    match wire {
        Wire::NotSent { reason } => unanswered(Proof::NotSent, "not_sent", reason),
        Wire::Unable { reason } => unanswered(Proof::Unable, "unable", reason),
        Wire::Lost { reason } => unanswered(Proof::InDoubt, "no_answer", reason),
        Wire::Answered(received) => judge_answer(received),
    }
}

fn unanswered(proof: Proof, code: &str, reason: &str) -> Judgement {
    Judgement {
        proof,
        status: None,
        code: code.to_owned(),
        message: bounded(reason),
        evidence: None,
        proposed: None,
        retry_after: None,
        estimate: None,
    }
}

fn judge_answer(received: &Received) -> Judgement {
    let answer = Answer::read(&received.body);
    if let Some(task) = answer.task(received.status) {
        return created(task, received, &answer);
    }
    let proof = proof_without_task(received, &answer);
    let doubt = proof == Proof::InDoubt;
    Judgement {
        code: code(received, &answer),
        message: bounded(&message(received, &answer)),
        status: Some(received.status),
        evidence: doubt.then(|| evidence(received)),
        proposed: None,
        retry_after: received.header("retry-after").map(str::to_owned),
        estimate: None,
        proof,
    }
}

/// Keeps the task however odd the rest of the answer is: it has been paid for.
fn created(task: TaskId, received: &Received, answer: &Answer) -> Judgement {
    let ordinary = is_success(received.status) && received.cut.is_none() && answer.whole;
    Judgement {
        proof: Proof::Created(task),
        status: Some(received.status),
        code: String::new(),
        message: String::new(),
        evidence: (!ordinary).then(|| evidence(received)),
        proposed: None,
        retry_after: received.header("retry-after").map(str::to_owned),
        estimate: answer.estimate,
    }
}

fn proof_without_task(received: &Received, answer: &Answer) -> Proof {
    // A used-up balance comes under many statuses, 429 among them, so it is looked for first.
    if received.status == 402 || answer.balance_is_used_up() {
        return Proof::AccountStop(Account::Balance);
    }
    match received.status {
        401 => Proof::AccountStop(Account::Key),
        403 => Proof::AccountStop(Account::Forbidden),
        429 => Proof::Wait,
        // Gave up waiting; conflict with something under way: perhaps with our own request.
        408 | 409 => Proof::InDoubt,
        300..=499 => Proof::Rejected,
        // A gateway's error may hide an accepted task, and so may a success we cannot read.
        _ => Proof::InDoubt,
    }
}

fn code(received: &Received, answer: &Answer) -> String {
    match &answer.code {
        Some(code) => bounded(code),
        None if is_success(received.status) => "no_task_id".to_owned(),
        None => format!("http_{}", received.status),
    }
}

fn message(received: &Received, answer: &Answer) -> String {
    match (received.status, received.header("location")) {
        (300..=399, Some(to)) => {
            format!("the endpoint points to {}; creates are never redirected", without_query(to))
        }
        _ => said(received, answer),
    }
}

/// What the server said, or what can be said of its answer.
fn said(received: &Received, answer: &Answer) -> String {
    let said = answer.message.clone().unwrap_or_default();
    let cut = received.cut.as_ref().map(|why| format!("the answer was cut: {why}"));
    match received.status {
        _ if !said.is_empty() => said,
        status if is_success(status) => {
            cut.unwrap_or_else(|| format!("HTTP {status} without a task id"))
        }
        status => match cut {
            Some(cut) => format!("HTTP {status}; {cut}"),
            None => format!("HTTP {status}{}", first_line(&received.body)),
        },
    }
}

/// The start of a body that is not JSON, for people: `error code: 1010` says a lot.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) if !line.starts_with(['<', '{']) => format!(": {line}"),
        _ => String::new(),
    }
}

fn evidence(received: &Received) -> Vec<u8> {
    let mut text = format!("HTTP {}\n", received.status);
    for (name, value) in &received.headers {
        text.push_str(&format!("{name}: {value}\n"));
    }
    if let Some(why) = &received.cut {
        text.push_str(&format!("(cut: {why})\n"));
    }
    let body = &received.body[..received.body.len().min(EVIDENCE)];
    text.push('\n');
    [text.as_bytes(), body].concat()
}

fn bounded(text: &str) -> String {
    text.chars().take(MESSAGE).collect()
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests;
