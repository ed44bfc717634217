//! What the answers of a bucket mean: S3's protocol, as Amazon and many others speak it.

use super::upload::UploadError;
use super::{Received, bounded, first_line, is_success};
use crate::pair::without_query;

/// Which request a bucket answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BucketRequest {
    /// A file was put into it.
    Put,
    /// A stored file was asked for by its link, as the API will.
    Look,
    /// What is in it was asked for, or whether an object is.
    Ask,
    /// A multipart upload was begun, continued, completed or given up.
    Upload,
    /// An object was asked for by its owner.
    Read,
}

impl BucketRequest {
    /// What a bucket does that does not do it.
    fn refused(self) -> &'static str {
        match self {
            Self::Put | Self::Upload => "the bucket takes no files",
            Self::Look => "what was stored in the bucket cannot be fetched by its link",
            Self::Ask => "the bucket does not say what is in it",
            Self::Read => "the bucket does not give back what is in it",
        }
    }
}

/// Whether a bucket did what it was asked.
///
/// # Errors
/// What its answer means instead.
pub fn judge_bucket(request: BucketRequest, received: &Received) -> Result<(), UploadError> {
    if is_success(received.status) { Ok(()) } else { Err(refusal(request, received)) }
}

/// What an answer means that is none of success.
pub(super) fn refusal(request: BucketRequest, received: &Received) -> UploadError {
    let code = element(&received.body, "Code").unwrap_or_default();
    let said = said(received, &code);
    match verdict(received.status, &code) {
        Verdict::Again => UploadError::again_after(received, &said),
        Verdict::File => {
            let code = if code.is_empty() { format!("http_{}", received.status) } else { code };
            UploadError::refused(&bounded(&code), said)
        }
        Verdict::Bucket(why) => {
            UploadError::Bucket(format!("{}: {why} ({said})", request.refused()))
        }
    }
}

/// Whose fault it is.
enum Verdict {
    Again,
    File,
    /// The settings', the credentials' or the policy's; what to look at.
    Bucket(&'static str),
}

/// The code says more than the status, where there is one.
fn verdict(status: u16, code: &str) -> Verdict {
    match code {
        "RequestTimeTooSkewed" => Verdict::Bucket("this machine's clock is wrong"),
        "NoSuchBucket" => {
            Verdict::Bucket("there is no such bucket; look at its name and its endpoint")
        }
        "InvalidAccessKeyId" | "InvalidToken" | "ExpiredToken" | "TokenRefreshRequired" => {
            Verdict::Bucket("its credentials are wrong or have expired")
        }
        "SignatureDoesNotMatch" => {
            Verdict::Bucket("AWS_SECRET_ACCESS_KEY is wrong, or the region, or a proxy is between")
        }
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" => {
            Verdict::Bucket("look at its region")
        }
        "PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException" => {
            Verdict::Bucket("it is elsewhere; look at its endpoint and its region")
        }
        // As OSS, COS, TOS and OBS call it.
        "SecondLevelDomainForbidden"
        | "PathStyleDomainForbidden"
        | "InvalidPathAccess"
        | "VirtualHostDomainRequired" => Verdict::Bucket(
            "it wants the bucket's name in the host; write `path_style: false` in `uploads`",
        ),
        "EntityTooLarge" | "KeyTooLongError" => Verdict::File,
        // Of a multipart upload.
        "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" => Verdict::File,
        // Asked to take it only where nothing is.
        "PreconditionFailed" | "NotImplemented" => Verdict::File,
        // What came is not what was sent.
        "BadDigest" | "IncompleteBody" => Verdict::Again,
        "RequestTimeout"
        | "SlowDown"
        | "ServiceUnavailable"
        | "InternalError"
        | "OperationAborted"
        | "ConditionalRequestConflict" => Verdict::Again,
        _ => by_status(status),
    }
}

fn by_status(status: u16) -> Verdict {
    match status {
        401 | 403 => Verdict::Bucket("look at its credentials and its policy"),
        404 => Verdict::Bucket("there is no such bucket; look at its name and its endpoint"),
        300..=399 => Verdict::Bucket("it is elsewhere; look at its endpoint and its region"),
        507 => Verdict::Bucket("it is full"),
        412 | 413 => Verdict::File,
        408 | 409 | 425 | 429 | 500.. | ..200 => Verdict::Again,
        _ => Verdict::Bucket("it refuses the request"),
    }
}

/// `HTTP 403 AccessDenied: Access Denied`
fn said(received: &Received, code: &str) -> String {
    let status = received.status;
    let message = element(&received.body, "Message").unwrap_or_default();
    let text = match (code, message.as_str(), received.header("location")) {
        ("", "", Some(to)) => format!("HTTP {status}, to {}", without_query(to)),
        ("", "", None) => format!("HTTP {status}{}", first_line(&received.body)),
        (code, "", _) => format!("HTTP {status} {code}"),
        (code, message, _) => format!("HTTP {status} {code}: {message}"),
    };
    bounded(&text)
}

/// The text of the first such element of an error, which is flat XML. The rest of it repeats what
/// was sent, so it is not looked at.
fn element(body: &[u8], name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    let value = inner(&text, name)?.0;
    Some(value.trim().to_owned())
}

/// What is in the first such element, and what follows it.
pub(super) fn inner<'t>(text: &'t str, name: &str) -> Option<(&'t str, &'t str)> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(status: u16, code: &str) -> Result<(), UploadError> {
        let body = match code {
            "" => String::new(),
            code => format!(
                "<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>m</Message>\
                 <SignatureProvided>sig</SignatureProvided></Error>"
            ),
        };
        let received = Received { status, body: body.into(), ..Received::default() };
        judge_bucket(BucketRequest::Put, &received)
    }

    /// What a person is told to look at, or what else is done.
    fn told(status: u16, code: &str) -> String {
        match put(status, code) {
            Ok(()) => "stored".to_owned(),
            Err(UploadError::Bucket(said)) => said,
            Err(UploadError::TryAgain { .. }) => "again".to_owned(),
            Err(UploadError::Refused { code, .. }) => format!("refused {code}"),
            Err(other) => panic!("{status} {code}: {other:?}"),
        }
    }

    #[test]
    fn each_answer_says_where_to_look() {
        for (status, code, expected) in [
            (200, "", "stored"),
            (204, "", "stored"),
            (403, "AccessDenied", "look at its credentials and its policy"),
            (403, "", "look at its credentials and its policy"),
            (403, "InvalidAccessKeyId", "its credentials are wrong or have expired"),
            (400, "ExpiredToken", "its credentials are wrong or have expired"),
            (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY is wrong"),
            (403, "RequestTimeTooSkewed", "this machine's clock is wrong"),
            (404, "NoSuchBucket", "there is no such bucket"),
            (404, "", "there is no such bucket"),
            (301, "PermanentRedirect", "it is elsewhere"),
            (307, "", "it is elsewhere"),
            (400, "AuthorizationHeaderMalformed", "look at its region"),
            (403, "SecondLevelDomainForbidden", "write `path_style: false`"),
            (403, "PathStyleDomainForbidden", "write `path_style: false`"),
            (403, "InvalidPathAccess", "write `path_style: false`"),
            (405, "VirtualHostDomainRequired", "write `path_style: false`"),
            (400, "InvalidArgument", "it refuses the request"),
            (507, "", "it is full"),
            (400, "EntityTooLarge", "refused EntityTooLarge"),
            (400, "RequestTimeout", "again"),
            (503, "SlowDown", "again"),
            (500, "InternalError", "again"),
            (500, "", "again"),
            (429, "", "again"),
            (409, "OperationAborted", "again"),
            (400, "BadDigest", "again"),
            (409, "ConditionalRequestConflict", "again"),
            (404, "NoSuchUpload", "refused NoSuchUpload"),
            (400, "InvalidPart", "refused InvalidPart"),
            (412, "", "refused http_412"),
        ] {
            let told = told(status, code);
            assert!(told.contains(expected), "{status} {code}: {told}");
            assert!(!told.contains("sig"), "{told}");
        }
    }

    #[test]
    fn a_link_that_cannot_be_read_is_told_as_such() {
        let body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";
        let received = Received { status: 403, body: body.to_vec(), ..Received::default() };
        assert_eq!(
            judge_bucket(BucketRequest::Look, &received).unwrap_err().to_string(),
            "what was stored in the bucket cannot be fetched by its link: look at its credentials \
             and its policy (HTTP 403 AccessDenied: Access Denied)"
        );
    }

    #[test]
    fn what_is_kept_of_an_answer_is_bounded_and_shows_no_query() {
        let body = format!("<Code>{}</Code><Message>{}", "x".repeat(3000), "y".repeat(100_000));
        let received = Received { status: 400, body: body.into(), ..Received::default() };
        let said = judge_bucket(BucketRequest::Put, &received).unwrap_err().to_string();
        assert!(said.len() < 700, "{}", said.len());
        let location = "https://other.example/b/k?X-Amz-Signature=secret".to_owned();
        let headers = vec![("location".to_owned(), location)];
        let received = Received { status: 307, headers, ..Received::default() };
        let said = judge_bucket(BucketRequest::Put, &received).unwrap_err().to_string();
        assert!(said.contains("https://other.example/b/k?…") && !said.contains("secret"), "{said}");
    }
}
