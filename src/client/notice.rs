//! Tells an address of a person's choice something, as JSON. The API's key is not known here.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use url::Url;

use super::pools::keyless;
use super::{ClientError, cause};
use crate::pair::{MediaUrl, is_loopback};

/// How long one try may take.
const WITHIN: Duration = Duration::from_secs(15);

/// Somebody who is told. Neither the address nor what stands in it is ever printed: who knows the
/// address of a chat's hook may write into it.
pub struct Notice {
    pool: reqwest::Client,
    url: Url,
}

/// Why somebody was not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoticeError {
    /// What happened.
    pub message: String,
    /// Whether it may go better in a while.
    pub may_pass: bool,
}

impl Notice {
    /// Makes the client; no connection is opened yet.
    ///
    /// # Errors
    /// When the system's certificates and those we bring cannot be used.
    pub fn new(url: &MediaUrl) -> Result<Self, ClientError> {
        let url = Url::parse(url.as_written()).map_err(|error| ClientError(error.to_string()))?;
        let local = url.scheme() == "http" && is_loopback(&url);
        Ok(Self { pool: keyless(local, WITHIN, None)?, url })
    }

    /// The host, which may be named.
    #[must_use]
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Posts it, once. A redirect is not followed.
    ///
    /// # Errors
    /// Unless it was taken.
    pub async fn post(&self, json: &str) -> Result<(), NoticeError> {
        let request = self.pool.post(self.url.clone()).timeout(WITHIN);
        let json_type = HeaderValue::from_static("application/json");
        let sent = request.header(CONTENT_TYPE, json_type).body(json.to_owned()).send().await;
        let answer = sent.map_err(|error| NoticeError { message: cause(error), may_pass: true })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT);
        Err(NoticeError { message: format!("HTTP {}", status.as_u16()), may_pass })
    }
}

impl std::fmt::Debug for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notice").field("host", &self.host()).finish_non_exhaustive()
    }
}
