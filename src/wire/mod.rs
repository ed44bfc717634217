//! What each answer of the API proves about a create.
//!
//! One pure function, [`judge`], turns what happened on the wire into one of a few proofs. It holds
//! the whole knowledge of which outcomes were billed; nothing else in the program decides that.
//! Another, [`judge_poll`], says what an answer tells of a task that exists; [`judge_upload`] where
//! a file is that was handed over.

mod account;
mod answer;
mod balance;
mod bill;
mod bucket;
mod evidence;
mod file_type;
mod gateway;
mod json;
mod link;
mod list;
mod lossy;
mod objects;
mod task;
mod upload;

use std::borrow::Cow;
use std::time::Duration;

pub use self::account::Account;
use self::answer::Answer;
pub use self::balance::{BALANCE_PATHS, judge_balance};
pub use self::bill::Bill;
pub use self::bucket::{BucketRequest, judge_bucket};
use self::evidence::{bounded, first_line, said};
pub use self::file_type::FileType;
pub use self::json::{Json, Reader, Value};
pub use self::list::{ListError, ListPage, Listed, judge_list, judge_log, read_list, read_row};
pub use self::objects::{ObjectPage, judge_begun, judge_completed, judge_objects, judge_uploads};
pub use self::task::{Poll, TaskNews, judge_poll, may_be_tried_again};
pub use self::upload::{UploadError, judge_upload};
use crate::pair::{ApiKey, TaskId};

/// Why a connection will not be made later either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// The certificate is not trusted.
    Untrusted,
    /// There is no host of that name.
    NoSuchHost,
}

impl Lasting {
    /// For programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Untrusted => "not_sent_tls",
            Self::NoSuchHost => "not_sent_name",
        }
    }
}

/// What happened to one create, as the client saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wire {
    /// No byte of the request can have reached the API: name lookup, connection or TLS failed.
    NotSent {
        /// The cause, for people.
        reason: String,
        /// Why trying again will not help, if that is known.
        lasting: Option<Lasting>,
    },
    /// This machine could not even try: no file descriptor left, or no valid request.
    Unable {
        /// The cause, for people.
        reason: String,
    },
    /// The request may have arrived, but no answer did, or none that could be read.
    Lost {
        /// The cause, for people.
        reason: String,
        /// The whole error: all there is to look at where the head of an answer is unreadable.
        error: String,
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
    /// The start of the body, up to the client's limit.
    pub body: Vec<u8>,
    /// What was read of the whole body as JSON, if it was read so as it came.
    pub read: Option<Json>,
    /// Why the body is not whole, if it is not: cut, stalled, reset, or over the limit.
    pub cut: Option<String>,
    /// Who was asked: the scheme, the host and the port.
    pub origin: String,
}

impl Received {
    /// The first header of a name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON, as far as it is some.
    #[must_use]
    pub fn json(&self) -> Cow<'_, Json> {
        match &self.read {
            Some(json) => Cow::Borrowed(json),
            None => Cow::Owned(Json::read(&self.body)),
        }
    }

    /// The same answer with the key in it nowhere: a server may echo what it was sent. Only what
    /// went through here may be cut, kept or shown.
    #[must_use]
    pub fn without(&self, key: &ApiKey) -> Cow<'_, Self> {
        // Next to no answer has it, and a copy of each costs more than reading it does.
        if self.has(key) { Cow::Owned(self.cleaned(key)) } else { Cow::Borrowed(self) }
    }

    /// Whether the key, or what may be the start of it, is anywhere in it.
    fn has(&self, key: &ApiKey) -> bool {
        let in_text = |text: &str| key.is_in(text.as_bytes());
        let json = self.json();
        key.is_in(&self.body)
            || self.headers.iter().any(|(_, value)| in_text(value))
            || json.value.as_ref().is_some_and(|value| value.any_text(&in_text))
            || self.cut.as_deref().is_some_and(in_text)
    }

    fn cleaned(&self, key: &ApiKey) -> Self {
        let clean = |text: &str| key.remove_from(text);
        let json = self.json();
        let value = json.value.as_ref().map(|value| value.map_text(&clean));
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), clean(value)));
        Self {
            status: self.status,
            headers: headers.collect(),
            body: key.remove_from_bytes(&self.body),
            read: Some(Json { value, ..*json }),
            cut: self.cut.as_deref().map(clean),
            origin: self.origin.clone(),
        }
    }

    fn retry_after(&self) -> Option<String> {
        self.header("retry-after").map(str::to_owned)
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
    /// What came, bounded, unless it was a wait: the status, the headers that name the request and
    /// the body, as bytes.
    pub evidence: Option<Vec<u8>>,
    /// Whether it is the answer that one expects, so that nobody has to look at what came.
    pub ordinary: bool,
    /// A task that the answer seems to name; a person may adopt it.
    pub proposed: Option<TaskId>,
    /// The `Retry-After` header, if there was one.
    pub retry_after: Option<String>,
    /// How long the server expects the task to take, if it says.
    pub estimate: Option<Duration>,
    /// What the task costs, if the server says.
    pub bill: Bill,
}

/// The code of a service that knows a create's idempotency key from another request.
pub const IDEMPOTENCY_CONFLICT: &str = "idempotency_conflict";
/// The code of a service that has not finished the request that this key was first used for.
pub const PAID_OUTCOME_UNKNOWN: &str = "paid_outcome_unknown";

/// Where creates go.
pub const CREATE_PATH: &str = "/v1/videos/generations";

/// What the outcome of a create proves. Nothing in it shows the key or a signature.
#[must_use]
pub fn judge(wire: &Wire, key: &ApiKey) -> Judgement {
    let reason = |reason: &str| bounded(&key.remove_from(reason));
    match wire {
        Wire::NotSent { reason: why, lasting } => {
            let code = lasting.map_or("not_sent", Lasting::code);
            unanswered(Proof::NotSent, code, reason(why))
        }
        Wire::Unable { reason: why } => unanswered(Proof::Unable, "unable", reason(why)),
        Wire::Lost { reason: why, error } => Judgement {
            evidence: Some(evidence::of_error(&key.remove_from(error))),
            ..unanswered(Proof::InDoubt, "no_answer", reason(why))
        },
        Wire::Answered(received) => judge_answer(received, key),
    }
}

fn unanswered(proof: Proof, code: &str, message: String) -> Judgement {
    Judgement {
        proof,
        status: None,
        code: code.to_owned(),
        message,
        evidence: None,
        ordinary: false,
        proposed: None,
        retry_after: None,
        estimate: None,
        bill: Bill::default(),
    }
}

fn judge_answer(received: &Received, key: &ApiKey) -> Judgement {
    // An id that shows the key could not be asked for, so a person has to look.
    let usable = |task: &TaskId| !key.is_shown_by(task.as_str());
    let json = received.json();
    let answer = Answer::of(&json);
    match answer.task(received.status).filter(usable) {
        Some(task) => created(task, received, &answer, key),
        None => {
            let proposed = answer.proposed(received).filter(usable);
            without_task(&received.without(key), proposed)
        }
    }
}

/// Keeps the task however odd the rest of the answer is: it has been paid for.
fn created(task: TaskId, received: &Received, answer: &Answer<'_>, key: &ApiKey) -> Judgement {
    let expected = is_success(received.status) && !answer.has_error();
    let ordinary = expected && received.cut.is_none() && answer.is_plain();
    let clean = received.without(key);
    Judgement {
        proof: Proof::Created(task),
        status: Some(received.status),
        code: String::new(),
        message: String::new(),
        evidence: Some(evidence::evidence(&clean)),
        ordinary,
        proposed: None,
        retry_after: received.retry_after(),
        estimate: answer.estimate(),
        bill: bill::read(&clean.json()),
    }
}

/// Of an answer that has the key no more.
fn without_task(received: &Received, proposed: Option<TaskId>) -> Judgement {
    let json = received.json();
    let answer = Answer::of(&json);
    let proof = proof_without_task(received, &answer);
    let doubt = proof == Proof::InDoubt;
    let blank = received.body.iter().all(u8::is_ascii_whitespace);
    let page = is_success(received.status) && !blank && !answer.is_json();
    let stranger = page || proof == Proof::NotTheApi;
    let told = stranger || matches!(received.status, 300..=399);
    let message = if told { evidence::stranger(received) } else { said(received, &answer) };
    Judgement {
        code: if stranger { "not_the_api".to_owned() } else { code(received, &answer) },
        message: bounded(&message),
        status: Some(received.status),
        evidence: (proof != Proof::Wait).then(|| evidence::evidence(received)),
        ordinary: false,
        proposed: proposed.filter(|_| doubt),
        retry_after: received.retry_after(),
        estimate: None,
        bill: Bill::default(),
        proof,
    }
}

fn proof_without_task(received: &Received, answer: &Answer<'_>) -> Proof {
    // Whatever its status, it says that the key was used: nothing is proven by it.
    if of_key(answer).is_some() {
        return Proof::InDoubt;
    }
    // The account speaks under any status, 200 and 429 among them, so it is looked for first.
    if let Some(account) = account::account(received.status, answer) {
        return Proof::AccountStop(account);
    }
    match received.status {
        401..=403 if account::concerns_another(answer) => Proof::Rejected,
        401 => Proof::AccountStop(Account::Key),
        402 => Proof::AccountStop(Account::Balance),
        403 => Proof::AccountStop(Account::Forbidden),
        429 => Proof::Wait,
        _ if gateway::not_relayed(received, answer) => Proof::NotRelayed,
        _ if gateway::not_the_api(received, answer) => Proof::NotTheApi,
        // Gave up waiting; conflict with something under way: perhaps with our own request.
        408 | 409 | 444 | 460 | 499 => Proof::InDoubt,
        400..=499 if answer.is_api() => Proof::Rejected,
        // A gateway's error may hide an accepted task, and so may a success we cannot read.
        _ => Proof::InDoubt,
    }
}

/// What the answer says of the create's idempotency key. Some have a number for a code, and this for
/// a type.
fn of_key(answer: &Answer<'_>) -> Option<&'static str> {
    let names = answer.names();
    [IDEMPOTENCY_CONFLICT, PAID_OUTCOME_UNKNOWN].into_iter().find(|code| names.contains(code))
}

fn code(received: &Received, answer: &Answer<'_>) -> String {
    match of_key(answer).or(answer.code()) {
        Some(code) => bounded(code),
        None if is_success(received.status) => "no_task_id".to_owned(),
        None => format!("http_{}", received.status),
    }
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests;
