//! Speaks HTTP with the API, and never more than it was permitted to.
//!
//! Creates have a connection pool of their own: HTTP/1.1, no redirects and no retries of the
//! library's, because each of them can send a paid request a second time behind our back (reqwest
//! resends HTTP/2 streams that were refused, and follows a 307 with the body). Polls have another,
//! and media a client of their own, [`MediaClient`], which does not know the key. Files that are
//! handed to the API go with the polls; a bucket has a pool of its own, again without the key.

mod balance;
mod bucket;
mod contents;
mod departure;
mod glance;
mod hops;
mod lists;
mod media;
mod medium;
mod notice;
mod objects;
mod pools;
mod presence;
mod receive;
mod resolver;
mod sent;
mod spool;
mod trust;
mod upload;
mod video;
mod way;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderValue};
use url::Url;

pub use self::bucket::{BucketError, BucketKey, OpenBucket};
pub use self::contents::{Stored, Upload};
use self::departure::body as departing;
pub use self::glance::glance;
pub use self::lists::{AccountList, PAGE};
pub use self::media::{MediaClient, MediaSettings};
pub use self::medium::{Got, Seen, Wanted};
pub use self::notice::{Notice, NoticeError};
pub use self::objects::{Object, ObjectStream, Place};
use self::pools::{POLL_TIMEOUT, Pools};
pub use self::presence::Presence;
pub use self::receive::MAX_ANSWER;
use self::receive::{Deadline, Keep, receive};
use self::sent::{cut_off, lasting};
pub use self::spool::Spool;
pub use self::trust::{Authorities, AuthorityError, Trust, trust};
pub use self::upload::{API_KEEPS, UploadStore};
pub use self::video::{Fetched, Framing, Resume, Stream};
pub use self::way::Way;
use crate::ledger::{Departure, Named, Permit, Receipt};
use crate::pair::{ApiKey, Endpoint, PlainHttp, TaskId, without_queries};
use crate::wire::{CREATE_PATH, Judgement, Poll, Received, TaskNews, Wire, judge, judge_poll};

/// Who we say we are; the API's firewall refuses the default names of libraries.
pub const USER_AGENT: &str = concat!("callsheet/", env!("CARGO_PKG_VERSION"));

const TASK_PATH: &str = "/v1/tasks/";

/// A connection to the API of one endpoint, with one key.
#[derive(Debug)]
pub struct Client {
    pools: Pools,
    endpoint: Endpoint,
    create_url: Url,
    request_timeout: Duration,
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
        let media = media.beside(endpoint);
        let request_timeout = settings.request_timeout;
        Ok(Self { pools, endpoint: endpoint.clone(), create_url, request_timeout, key, media })
    }

    /// With links that lead to this machine only: a rehearsal asks nobody outside.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { media: self.media.rehearsing(), ..self }
    }

    /// The part that does not know the key.
    #[must_use]
    pub fn media(&self) -> &MediaClient {
        &self.media
    }

    /// Where the API is, as people name it: host and port.
    #[must_use]
    pub fn host(&self) -> String {
        let origin = self.endpoint.origin();
        origin.split_once("://").map_or(origin.clone(), |(_, host)| host.to_owned())
    }

    /// Whether the server knows a task. Asking costs nothing.
    ///
    /// # Errors
    /// When the server cannot say: no connection, no permission, an error of its own.
    pub async fn has_task(&self, task: &TaskId) -> Result<bool, TaskError> {
        match self.task(task).await {
            Poll::News(_) => Ok(true),
            Poll::Another { .. } => Err(TaskError("the answer is about another task".to_owned())),
            Poll::NotFound => Ok(false),
            Poll::TryAgain { reason, .. } => Err(TaskError(reason)),
            Poll::AccountStop { message, .. } => Err(TaskError(message)),
        }
    }

    /// Asks for a task, once. Asking costs nothing.
    pub async fn task(&self, task: &TaskId) -> Poll {
        self.ask(self.pools.polls().cloned(), task).await
    }

    /// The same on a connection of its own and past caches, which have been seen to hand out the
    /// answers of others.
    pub async fn task_anew(&self, task: &TaskId) -> Poll {
        self.ask(self.pools.polls_anew(), task).await
    }

    async fn ask(&self, pool: Result<reqwest::Client, ClientError>, task: &TaskId) -> Poll {
        let again = |reason: String| Poll::TryAgain {
            reason: shown(&reason, &self.key),
            retry_after: None,
        };
        let pool = match pool {
            Ok(pool) => pool,
            Err(error) => return again(error.to_string()),
        };
        let url = self.endpoint.at(&format!("{TASK_PATH}{task}"));
        let no_cache = HeaderValue::from_static("no-cache");
        match pool.get(url).header(CACHE_CONTROL, no_cache).send().await {
            Ok(response) => {
                let mut deadline = Deadline::new(POLL_TIMEOUT);
                let received = receive(response, &mut deadline, Keep::Most).await;
                let poll = poll_without_key(&received, task, &self.key);
                poll.at(&self.endpoint.at("/"))
            }
            Err(error) => again(cause(error)),
        }
    }

    /// Sends the create that the permit stands for, once, and says what its outcome proves. After
    /// `cut` no answer is awaited any more; what had not left by then made nothing.
    ///
    /// Dropped before it ends, it leaves a doubt if its first byte has left.
    pub async fn create(
        &self,
        permit: Permit,
        cut: impl Future<Output = ()>,
    ) -> (Receipt, Judgement) {
        let departure = permit.departure();
        let named = permit.key().cloned();
        let (receipt, body) = permit.spend();
        let wire = tokio::select! {
            biased;
            wire = self.send((body, named), &departure) => wire,
            () = cut => cut_off(&departure),
        };
        (receipt, judge(&wire, &self.key))
    }

    async fn send(&self, (body, named): (Bytes, Option<Named>), departure: &Departure) -> Wire {
        let mut deadline = Deadline::new(self.request_timeout);
        let request = self.pools.creates().post(self.create_url.clone());
        let request = request.header(CONTENT_LENGTH, body.len());
        let request = match &named {
            Some(Named { header, key }) => request.header(header.as_str(), key.as_str()),
            None => request,
        };
        let request = request.body(departing(departure, body));
        match deadline.within(request.send()).await {
            Ok(Ok(response)) => Wire::Answered(receive(response, &mut deadline, Keep::Start).await),
            Ok(Err(error)) => unanswered(error, departure),
            Err(late) if departure.withdraw() => {
                Wire::NotSent { reason: format!("nothing was sent: {late}"), lasting: None }
            }
            Err(late) => {
                let reason = format!("no answer came: {late}");
                Wire::Lost { error: reason.clone(), reason }
            }
        }
    }
}

/// What an error without an answer proves. Only a body that was never asked for proves that nothing
/// was sent, as where no connection could be made; `is_request` is true for every error of sending
/// and says nothing.
fn unanswered(error: reqwest::Error, departure: &Departure) -> Wire {
    let left = !departure.withdraw();
    let (builder, connect) = (error.is_builder(), error.is_connect());
    let exhausted = connect && is_out_of_descriptors(&error);
    let error = error.without_url();
    let lasting = lasting(&error);
    let (all, reason) = (in_full(&error), cause(error));
    match (builder || exhausted, left) {
        (true, _) => Wire::Unable { reason },
        (false, false) => Wire::NotSent { reason, lasting },
        (false, true) => Wire::Lost { reason, error: all },
    }
}

/// An error with all its causes: of an answer that cannot be read, nothing else is left.
fn in_full(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!("\ncaused by: {error}"));
        cause = error.source();
    }
    format!("{text}\n{error:?}")
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

/// What a server says, without the key and without the signatures of links.
fn shown(text: &str, key: &ApiKey) -> String {
    without_queries(&key.remove_from(text))
}

/// What an answer to a poll tells, with the key in nothing that is kept or shown of it.
fn poll_without_key(received: &Received, asked: &TaskId, key: &ApiKey) -> Poll {
    let poll = judge_poll(received, asked);
    match &poll {
        Poll::News(TaskNews::Completed { url, .. })
        | Poll::Another { news: TaskNews::Completed { url, .. }, .. } => {
            // A link with the key in it would take the key to a media host; any other is used as it
            // is written.
            let reason = "the link to the video has the API key in it".to_owned();
            let withheld = Poll::TryAgain { reason, retry_after: None };
            match key.is_shown_by(url) {
                true => withheld,
                false => poll.billed(&received.without(key)),
            }
        }
        _ => {
            let clean = received.without(key);
            let told = match (judge_poll(&clean, asked), poll) {
                // An id that happens to have the key's letters in it is the one that was asked for.
                (Poll::Another { news, .. }, Poll::News(_)) => Poll::News(news),
                (told, _) => told,
            };
            told.billed(&clean)
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_with_the_letters_of_the_key_in_it_is_the_one_that_was_asked_for() {
        let (asked, key) = (TaskId::parse("task-1").unwrap(), ApiKey::parse("k").unwrap());
        let told = |id: &str, said: &str| {
            let body =
                format!(r#"{{"id":"{id}","status":"failed","error":{{"message":"{said}"}}}}"#);
            let body = body.into_bytes();
            let received = Received { status: 200, body, ..Received::default() };
            format!("{:?}", poll_without_key(&received, &asked, &key))
        };
        let own = told("task-1", "your k");
        assert!(own.starts_with("News") && own.contains("your ***"), "{own}");
        assert!(told("task-2", "no").starts_with("Another"));
    }
}
