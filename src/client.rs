//! Speaks HTTP with the API, and never more than it was permitted to.
//!
//! Creates have a client of their own: HTTP/1.1, no redirects and no retries of the library's,
//! because each of them can send a paid request a second time behind our back (reqwest resends
//! HTTP/2 streams that were refused, and follows a 307 with the body).

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;
use url::Url;

use crate::ledger::{Permit, Receipt};
use crate::pair::{ApiKey, Endpoint, TaskId};
use crate::wire::{Judgement, Proof, Received, Wire, judge};

/// At most this much of an answer is read, in bytes.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// Who we say we are; the API's firewall refuses the default names of libraries.
pub const USER_AGENT: &str = concat!("callsheet/", env!("CARGO_PKG_VERSION"));

/// Below any request time-out, so that a connection that cannot be made is always told apart from
/// an answer that does not come: reqwest reports the total time-out the same way for both.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than servers keep idle connections: one that is closed just as we write to it is an
/// error that proves nothing.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
const CREATE_PATH: &str = "/v1/videos/generations";

const TASK_PATH: &str = "/v1/tasks/";

/// A connection to the API of one endpoint, with one key.
#[derive(Debug)]
pub struct Client {
    creates: reqwest::Client,
    endpoint: Endpoint,
    create_url: Url,
    key: ApiKey,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
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
}

impl Client {
    /// Makes the client; no connection is opened yet.
    ///
    /// # Errors
    /// When the system's certificates and those we bring cannot be used.
    pub fn new(endpoint: &Endpoint, key: ApiKey, settings: &Settings) -> Result<Self, ClientError> {
        // A second call finds the provider in place, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let creates = build(endpoint, &key, settings)?;
        let create_url = endpoint.at(CREATE_PATH);
        Ok(Self { creates, endpoint: endpoint.clone(), create_url, key })
    }

    /// Whether the server knows a task. Asking costs nothing.
    ///
    /// # Errors
    /// When the server cannot say: no connection, no permission, an error of its own.
    pub async fn has_task(&self, task: &TaskId) -> Result<bool, TaskError> {
        let url = self.endpoint.at(&format!("{TASK_PATH}{task}"));
        let unknown = |reason: String| TaskError(self.key.remove_from(&reason));
        match self.creates.get(url).send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => Ok(true),
            Ok(StatusCode::NOT_FOUND) => Ok(false),
            Ok(status) => Err(unknown(format!("the server answered {status}"))),
            Err(error) => Err(unknown(cause(error))),
        }
    }

    /// Sends the create that the permit stands for, once, and says what its outcome proves.
    ///
    /// Must not be dropped before it ends: whether the request had left is unknown then.
    pub async fn create(&self, permit: Permit) -> (Receipt, Judgement) {
        let (receipt, body) = permit.spend();
        let request = self.creates.post(self.create_url.clone()).body(body);
        let wire = match request.send().await {
            Ok(response) => Wire::Answered(receive(response).await),
            Err(error) => unanswered(error),
        };
        (receipt, without_key(judge(&wire), &self.key))
    }
}

fn build(
    endpoint: &Endpoint,
    key: &ApiKey,
    settings: &Settings,
) -> Result<reqwest::Client, ClientError> {
    let headers = headers(key)?;
    let builder = || {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(headers.clone())
            .http1_only()
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout / 2))
            .timeout(settings.request_timeout)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(settings.connections);
        // What goes to this machine needs no way out of it.
        if endpoint.is_loopback() { builder.no_proxy() } else { builder }
    };
    let failed = |error: reqwest::Error| ClientError(cause(error));
    if endpoint.is_plain() {
        // Loading the system's certificates takes 30 to 60 ms, and fails where there are none.
        return builder().tls_certs_only([]).build().map_err(failed);
    }
    builder().build().or_else(|_| {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        let certificates = bundled.iter().map(|der| reqwest::Certificate::from_der(der));
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        builder().tls_certs_only(certificates).build().map_err(failed)
    })
}

fn headers(key: &ApiKey) -> Result<HeaderMap, ClientError> {
    let mut bearer = HeaderValue::from_str(key.bearer().expose_secret())
        .map_err(|_| ClientError("the API key cannot be sent in a header".to_owned()))?;
    bearer.set_sensitive(true);
    let json = HeaderValue::from_static("application/json");
    Ok(HeaderMap::from_iter([(AUTHORIZATION, bearer), (CONTENT_TYPE, json)]))
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
    let header = |name| {
        let value = response.headers().get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let mut received = Received {
        status: response.status().as_u16(),
        retry_after: header(RETRY_AFTER),
        location: header(LOCATION),
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
        code: key.remove_from(&judgement.code),
        message: key.remove_from(&judgement.message),
        evidence: judgement.evidence.map(|text| key.remove_from(&text)),
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
