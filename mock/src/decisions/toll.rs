//! What may cost something at a server that is not the fake.

use crate::http::answer::Answer;
use crate::http::request::Request;
use crate::http::route::{self, Route};

/// Whether a request may be paid for: all that writes, but uploads.
pub(crate) fn may_cost(request: &Request) -> bool {
    let path = request.target.split('?').next().unwrap_or_default();
    let uploads = matches!(route::find(path), Some(Route::Upload(_))) && request.method == "POST";
    let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    // Some servers believe a header that says what the method is.
    let renamed = request.headers().any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        name.starts_with("x-http-method") || name.starts_with("x-method")
    });
    renamed || !(reads || uploads)
}

/// 403: nothing was sent on.
pub(crate) fn unpaid() -> Answer {
    let what = "not sent on: this may be paid for, and the recording was started without --pay";
    Answer::error(403, "permission_error", "payment_not_allowed", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_writes_may_cost_but_uploads() {
        let costs = |method: &str, target: &str, head: &str| {
            let (method, target) = (method.to_owned(), target.to_owned());
            let head = format!("X\r\n{head}\r\n").into_bytes();
            may_cost(&Request { method, target, body: Vec::new(), keep_alive: true, head })
        };
        for (method, target) in [
            ("POST", "/v1/videos/generations"),
            ("POST", "/v1/files/upload/stream/../../../videos/generations"),
            ("POST", "/v1//videos/generations"),
            ("PUT", "/v1/files/upload/stream"),
            ("get", "/v1/tasks/t"),
        ] {
            assert!(costs(method, target, ""), "{method} {target}");
        }
        assert!(costs("GET", "/v1/videos/generations", "X-HTTP-Method-Override: POST\r\n"));
        for (method, target) in [("GET", "/v1/tasks/t?x"), ("POST", "/v1/files/upload/url")] {
            assert!(!costs(method, target, "X-Other: POST\r\n"), "{method} {target}");
        }
    }
}
