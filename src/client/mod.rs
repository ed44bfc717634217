//! Speaks HTTP with the API, and never more than it was permitted to.
//!
//! Creates have a connection pool of their own: HTTP/1.1, no redirects and no retries of the
//! library's, because each of them can send a paid request a second time behind our back (reqwest
//! resends HTTP/2 streams that were refused, and follows a 307 with the body). Polls have another,
//! and media a client of their own, [`MediaClient`], which does not know the key. Files that are
//! handed to the API go with the polls; a bucket has a pool of its own, again without the key.

mod bucket;
mod contents;
mod hops;
mod lists;
mod media;
mod medium;
mod pools;
mod upload;
mod video;

use std::error::Error;
use std::time::Duration;

use url::Url;

pub use self::bucket::{BucketError, BucketKey, OpenBucket};
pub use self::contents::Upload;
pub use self::lists::{AccountList, PAGE};
pub use self::media::{MediaClient, MediaSettings};
pub use self::medium::{Got, Seen, Wanted};
use self::pools::Pools;
pub use self::upload::{API_KEEPS, Store, Stored};
pub use self::video::{Fetched, Resume, Stream};
use crate::ledger::{Permit, Receipt};
use crate::pair::{ApiKey, Endpoint, PlainHttp, TaskId, without_queries};
use crate::wire::{Judgement, Poll, Proof, Received, TaskNews, Wire, judge, judge_poll};

/// At most this much of an answer is read, in bytes.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// Who we say we are; the API's firewall refuses the default names of libraries.
pub const USER_AGENT: &str = concat!("callsheet/", env!("CARGO_PKG_VERSION"));

const CREATE_PATH: &str = "/v1/videos/generations";
const TASK_PATH: &str = "/v1/tasks/";

/// A connection to the API of one endpoint, with one key.
#[derive(Debug)]
pub struct Client {
    pools: Pools,
    endpoint: Endpoint,
    create_url: Url,
    key: ApiKey,
    media: MediaClient,
}

/// Why no client could be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct ClientError(String);

/// Why it is not known whether there is a task.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TaskError(String);

/// How a client behaves.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long a create may take from its first byte to the last of its answer.
    pub request_timeout: Duration,
    /// How many connections are worth keeping.
    pub connections: usize,
    /// How long a download may stand still.
    pub stall_timeout: Duration,
    /// Whether videos may come over plain http.
    pub plain: PlainHttp,
}

impl Client {
    /// Makes the client; no connection is opened yet.
    ///
    /// # Errors
    /// When the system's certificates and those we bring cannot be used.
    pub fn new(endpoint: &Endpoint, key: ApiKey, settings: &Settings) -> Result<Self, ClientError> {
        let pools = Pools::new(endpoint, &key, settings)?;
        let create_url = endpoint.at(CREATE_PATH);
        let (stall_timeout, plain) = (settings.stall_timeout, settings.plain);
        // A server in the house may link to hosts outside; this machine's own does not.
        let local = endpoint.is_loopback() && endpoint.is_plain();
        let media = MediaClient::new(MediaSettings { stall_timeout, plain, local });
        Ok(Self { pools, endpoint: endpoint.clone(), create_url, key, media })
    }

    /// The part that does not know the key.
    #[must_use]
    pub fn media(&self) -> &MediaClient {
        &self.media
    }

    /// Whether the server knows a task. Asking costs nothing.
    ///
    /// # Errors
    /// When the server cannot say: no connection, no permission, an error of its own.
    pub async fn has_task(&self, task: &TaskId) -> Result<bool, TaskError> {
        match self.task(task).await {
            Poll::News(_) => Ok(true),
            Poll::NotFound => Ok(false),
            Poll::TryAgain { reason, .. } => Err(TaskError(reason)),
            Poll::AccountStop { message, .. } => Err(TaskError(message)),
        }
    }

    /// Asks for a task, once. Asking costs nothing.
    pub async fn task(&self, task: &TaskId) -> Poll {
        let again = |reason: String| Poll::TryAgain {
            reason: shown(&reason, &self.key),
            retry_after: None,
        };
        let pool = match self.pools.polls() {
            Ok(pool) => pool,
            Err(error) => return again(error.to_string()),
        };
        let url = self.endpoint.at(&format!("{TASK_PATH}{task}"));
        match pool.get(url).send().await {
            Ok(response) => poll_without_key(judge_poll(&receive(response).await), &self.key),
            Err(error) => again(cause(error)),
        }
    }

    /// Sends the create that the permit stands for, once, and says what its outcome proves.
    ///
    /// Must not be dropped before it ends: whether the request had left is unknown then.
    pub async fn create(&self, permit: Permit) -> (Receipt, Judgement) {
        let (receipt, body) = permit.spend();
        let request = self.pools.creates().post(self.create_url.clone()).body(body);
        let wire = match request.send().await {
            Ok(response) => Wire::Answered(receive(response).await),
            Err(error) => unanswered(error),
        };
        (receipt, without_key(judge(&wire), &self.key))
    }
}

/// What an error without an answer proves. Only a connection that was never made proves that
/// nothing was sent; `is_request` is true for every error of sending and says nothing.
fn unanswered(error: reqwest::Error) -> Wire {
    let (builder, connect) = (error.is_builder(), error.is_connect());
    let exhausted = connect && is_out_of_descriptors(&error);
    let reason = cause(error);
    match (builder || exhausted, connect) {
        (true, _) => Wire::Unable { reason },
        (false, true) => Wire::NotSent { reason },
        (false, false) => Wire::Lost { reason },
    }
}

/// Whether no connection could be made for want of file descriptors. Trying again would not help.
fn is_out_of_descriptors(error: &(dyn Error + 'static)) -> bool {
    // ENFILE and EMFILE; std has no name for them.
    let of_system = |error: &std::io::Error| matches!(error.raw_os_error(), Some(23 | 24));
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(of_system) {
            return cfg!(unix);
        }
        cause = error.source();
    }
    false
}

async fn receive(mut response: reqwest::Response) -> Received {
    let headers = response.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let mut received = Received {
        status: response.status().as_u16(),
        headers: headers.collect(),
        ..Received::default()
    };
    received.cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let room = MAX_ANSWER - received.body.len();
                received.body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    break Some(format!("it is longer than {MAX_ANSWER} bytes"));
                }
            }
            Ok(None) => break None,
            Err(error) => break Some(cause(error)),
        }
    };
    received
}

/// A server may echo what it was sent; nothing that is kept may hold the key.
fn without_key(judgement: Judgement, key: &ApiKey) -> Judgement {
    let proof = match &judgement.proof {
        // Such an id could not be asked for without showing the key, so a person has to look.
        Proof::Created(task) if key.is_shown_by(task.as_str()) => Proof::InDoubt,
        proof => proof.clone(),
    };
    Judgement {
        proof,
        status: judgement.status,
        code: shown(&judgement.code, key),
        message: shown(&judgement.message, key),
        evidence: judgement
            .evidence
            .map(|bytes| key.remove_from(&String::from_utf8_lossy(&bytes)).into_bytes()),
        proposed: judgement.proposed,
        retry_after: judgement.retry_after,
        estimate: judgement.estimate,
    }
}

/// What a server says, without the key and without the signatures of links.
fn shown(text: &str, key: &ApiKey) -> String {
    without_queries(&key.remove_from(text))
}

/// The same for what is kept of a task.
fn poll_without_key(poll: Poll, key: &ApiKey) -> Poll {
    let clean = |text: String| shown(&text, key);
    match poll {
        Poll::News(TaskNews::Failed { code, message }) => {
            Poll::News(TaskNews::Failed { code: clean(code), message: clean(message) })
        }
        // A link with the key in it would take the key to a media host.
        Poll::News(TaskNews::Completed { url }) if key.is_shown_by(&url) => Poll::TryAgain {
            reason: "the link to the video has the API key in it".to_owned(),
            retry_after: None,
        },
        Poll::News(TaskNews::Unknown(status)) => Poll::News(TaskNews::Unknown(clean(status))),
        Poll::AccountStop { account, message } => {
            Poll::AccountStop { account, message: clean(message) }
        }
        other => other,
    }
}

/// The innermost cause: `Connection reset by peer` says more than the layers around it. Without the
/// URL, which reqwest adds.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
