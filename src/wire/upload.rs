//! What the answer to an upload means.
//!
//! An upload costs nothing and makes no task, so one whose outcome is unknown is simply sent again;
//! what remains of the first is gone after 72 hours. That is why nothing is ever in doubt here.

use serde_json::Value;

use super::account::account;
use super::answer::Answer;
use super::{Account, Received, bounded, code, is_success, said};
use crate::pair::{MediaUrl, PlainHttp, without_query};

/// Why a file was not stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// This file cannot be stored, and trying again would not help; others may.
    #[error("{message}")]
    Refused {
        /// The server's error code, or a name of ours (`http_413`, `file_changed`).
        code: String,
        /// What is wrong, for people.
        message: String,
    },
    /// There is no room for this file. Nothing may be deleted to make some: a task that still waits
    /// may need it.
    #[error("{0}")]
    Full(String),
    /// The account may not upload.
    #[error("{message}")]
    AccountStop {
        /// What is wrong with it.
        account: Account,
        /// What the server said, or ours.
        message: String,
    },
    /// The bucket takes nothing until somebody mends its settings, its policy, its credentials or
    /// this machine's clock; or the API has no uploads where it was asked.
    #[error("{0}")]
    Bucket(String),
    /// Not now.
    #[error("{reason}")]
    TryAgain {
        /// What was wrong, for people.
        reason: String,
        /// The `Retry-After` header, if there was one.
        retry_after: Option<String>,
    },
}

impl UploadError {
    /// That another attempt may do better.
    #[must_use]
    pub fn again(reason: impl Into<String>) -> Self {
        Self::TryAgain { reason: reason.into(), retry_after: None }
    }

    pub(super) fn again_after(received: &Received, reason: &str) -> Self {
        Self::TryAgain {
            reason: bounded(reason),
            retry_after: received.header("retry-after").map(str::to_owned),
        }
    }

    pub(crate) fn refused(code: &str, message: impl Into<String>) -> Self {
        Self::Refused { code: code.to_owned(), message: message.into() }
    }

    /// The same with every text passed through `clean`: a server may echo what it was sent.
    #[must_use]
    pub fn map_text(self, clean: impl Fn(String) -> String) -> Self {
        match self {
            Self::Refused { code, message } => {
                Self::Refused { code: clean(code), message: clean(message) }
            }
            Self::Full(message) => Self::Full(clean(message)),
            Self::AccountStop { account, message } => {
                Self::AccountStop { account, message: clean(message) }
            }
            Self::Bucket(message) => Self::Bucket(clean(message)),
            Self::TryAgain { reason, retry_after } => {
                Self::TryAgain { reason: clean(reason), retry_after }
            }
        }
    }
}

/// Where the file is, out of the answer of the API's own upload endpoint.
///
/// # Errors
/// What an answer without such an address means.
pub fn judge_upload(received: &Received, plain: PlainHttp) -> Result<MediaUrl, UploadError> {
    let json = received.json();
    let answer = Answer::of(&json);
    if is_success(received.status) && account(received.status, &answer).is_none() {
        return address(received, plain);
    }
    Err(refusal(received, &answer))
}

/// Only `url` may be relied on.
fn address(received: &Received, plain: PlainHttp) -> Result<MediaUrl, UploadError> {
    let body = received.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&received.body);
    let whole = if received.cut.is_none() { serde_json::from_slice(body).ok() } else { None };
    let Some(Value::Object(stored)) = whole else {
        return Err(UploadError::again_after(
            received,
            "an answer that is not a whole JSON object",
        ));
    };
    let Some(Value::String(url)) = stored.get("url") else {
        return Err(UploadError::again_after(received, "an answer without the file's `url`"));
    };
    MediaUrl::parse(url, plain).map_err(|error| {
        let message = format!("the server stored the file at an address that is no use: {error}");
        UploadError::refused("unusable_url", message)
    })
}

fn refusal(received: &Received, answer: &Answer<'_>) -> UploadError {
    let message = message(received, answer);
    let stop = |account| UploadError::AccountStop { account, message: message.clone() };
    // A full storage may speak of its quota, which has nothing to do with the balance.
    let may_be_full = matches!(received.status, 400 | 403 | 409 | 413 | 422);
    if received.status == 507 || may_be_full && answer.storage_is_full() {
        return UploadError::Full(format!("the API's storage for uploads is full: {message}"));
    }
    if let Some(account) = account(received.status, answer) {
        return stop(account);
    }
    match received.status {
        402 => stop(Account::Balance),
        401 => stop(Account::Key),
        403 => stop(Account::Forbidden),
        300..=399 | 404 | 405 => UploadError::Bucket(format!(
            "the API takes no files: {message}; `uploads` in the manifest can name a bucket instead"
        )),
        413 => UploadError::Refused {
            code: code(received, answer),
            message: format!("the file is larger than the API takes: {message}"),
        },
        408 | 409 | 425 | 429 | 500.. | ..200 => UploadError::again_after(received, &message),
        _ => UploadError::Refused { code: code(received, answer), message },
    }
}

fn message(received: &Received, answer: &Answer<'_>) -> String {
    match (received.status, received.header("location")) {
        (300..=399, Some(to)) => {
            format!("the endpoint points to {}; uploads are never redirected", without_query(to))
        }
        _ => bounded(&said(received, answer)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, body: &str) -> Result<String, UploadError> {
        let received = Received { status, body: body.into(), ..Received::default() };
        judge_upload(&received, PlainHttp::Loopback).map(|url| url.as_written().to_owned())
    }

    fn refused(status: u16, body: &str) -> UploadError {
        answered(status, body).unwrap_err()
    }

    /// One row for each kind of error, as a word.
    fn kind(error: &UploadError) -> &'static str {
        match error {
            UploadError::Refused { .. } => "refused",
            UploadError::Full(_) => "full",
            UploadError::AccountStop { account: Account::Key, .. } => "key",
            UploadError::AccountStop { account: Account::Forbidden, .. } => "forbidden",
            UploadError::AccountStop { .. } => "balance",
            UploadError::Bucket(_) => "bucket",
            UploadError::TryAgain { .. } => "again",
        }
    }

    #[test]
    fn only_the_url_is_relied_on() {
        let url = "https://files.example/a.jpg?sig=1";
        for body in [
            r#"{"id":"f1","filename":"a.jpg","url":"URL","size":3,"created":1}"#,
            r#"{"url":"URL"}"#,
            "\u{feff}{\"url\":\"URL\",\"error\":null,\"new\":[1]}",
        ] {
            for status in [200, 201] {
                assert_eq!(answered(status, &body.replace("URL", url)).unwrap(), url, "{body}");
            }
        }
        let local = "http://127.0.0.1:4715/files/1/a.jpg";
        assert_eq!(answered(200, &format!("{{\"url\":\"{local}\"}}")).unwrap(), local);
    }

    #[test]
    fn an_address_that_nobody_could_fetch_is_refused() {
        let long = format!("https://files.example/{}", "x".repeat(9000));
        for url in [
            "",
            "a.jpg",
            "ftp://files.example/a.jpg",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "http://files.example/a.jpg",
            "https://files.example/a b.jpg",
            r"https://files.example/\u001b[2J.jpg",
            r"https://files.example/a\r\nx: y",
            "https://me:pw@files.example/a.jpg",
            &long,
        ] {
            let error = refused(200, &format!("{{\"url\":\"{url}\"}}"));
            assert_eq!(kind(&error), "refused", "{url}");
            assert!(error.to_string().len() < 300, "{error}");
        }
    }

    #[test]
    fn each_status_has_its_meaning() {
        for (status, body, expected) in [
            (200, "", "again"),
            (200, "<html>", "again"),
            (200, r#"{"url":"https://a.b/"#, "again"),
            (200, r#"{"id":"f1"}"#, "again"),
            (200, r#"{"url":null}"#, "again"),
            (200, r#"[{"url":"https://a.b/c"}]"#, "again"),
            (408, "", "again"),
            (409, "", "again"),
            (425, "", "again"),
            (429, "", "again"),
            (500, "", "again"),
            (502, "<html>", "again"),
            (524, "<html>", "again"),
            (999, "", "again"),
            (307, "", "bucket"),
            (404, "", "bucket"),
            (405, "<html>", "bucket"),
            (400, "", "refused"),
            (413, "<html>", "refused"),
            (415, "", "refused"),
            (422, "", "refused"),
            (401, "", "key"),
            (402, "", "balance"),
            (403, "", "forbidden"),
            (403, "error code: 1010", "forbidden"),
            (507, "", "full"),
        ] {
            assert_eq!(kind(&refused(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn a_full_storage_is_no_matter_of_the_key_or_the_balance() {
        for (status, error, expected) in [
            (403, r#"{"code":"storage_full","message":"m"}"#, "full"),
            (403, r#"{"type":"permission_error","message":"Storage space is full"}"#, "full"),
            (403, r#"{"message":"the storage limit of your account is exceeded"}"#, "full"),
            (403, r#"{"code":"storage_quota_exceeded"}"#, "full"),
            (400, r#"{"code":"insufficient_storage"}"#, "full"),
            (403, r#"{"code":"insufficient_user_quota"}"#, "balance"),
            (429, r#"{"code":"insufficient_quota"}"#, "balance"),
            (200, r#"{"code":402}"#, "balance"),
            (403, r#"{"message":"this key has no access to storage"}"#, "forbidden"),
            (403, r#"{"code":"model_forbidden"}"#, "forbidden"),
            (429, r#"{"message":"storage: request limit reached"}"#, "again"),
            (500, r#"{"message":"storage full of errors"}"#, "again"),
        ] {
            let body = format!(r#"{{"error":{error}}}"#);
            assert_eq!(kind(&refused(status, &body)), expected, "{status} {error}");
        }
    }

    #[test]
    fn what_the_server_said_is_kept_and_bounded() {
        let body = r#"{"error":{"message":"10 MB at most","type":"file_too_large_error"}}"#;
        let UploadError::Refused { code, message } = refused(413, body) else { panic!("413") };
        assert_eq!(code, "http_413");
        assert_eq!(message, "the file is larger than the API takes: 10 MB at most");
        let long = format!(r#"{{"error":{{"message":"{}"}}}}"#, "y".repeat(100_000));
        assert!(refused(400, &long).to_string().len() <= 500);
        let received = Received {
            status: 503,
            headers: vec![("retry-after".to_owned(), "7".to_owned())],
            cut: Some("reset by peer".to_owned()),
            ..Received::default()
        };
        let Err(UploadError::TryAgain { reason, retry_after }) =
            judge_upload(&received, PlainHttp::Loopback)
        else {
            panic!("503")
        };
        assert_eq!(
            (reason.as_str(), retry_after.as_deref()),
            ("HTTP 503; the answer was cut: reset by peer", Some("7"))
        );
        let cut =
            Received { status: 200, body: br#"{"url":"https://a.b/c"}"#.to_vec(), ..received };
        assert_eq!(kind(&judge_upload(&cut, PlainHttp::Loopback).unwrap_err()), "again");
    }

    #[test]
    fn a_redirect_is_told_without_its_query() {
        let location = "https://other.example/v1?token=secret".to_owned();
        let headers = vec![("location".to_owned(), location)];
        let received = Received { status: 307, headers, ..Received::default() };
        let error = judge_upload(&received, PlainHttp::Loopback).unwrap_err();
        let expected = "the API takes no files: the endpoint points to \
            https://other.example/v1?…; uploads are never redirected; ";
        assert!(error.to_string().starts_with(expected), "{error}");
    }
}
