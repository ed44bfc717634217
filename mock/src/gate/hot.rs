//! The hot paths, answered before wiremock: creates, polls and downloads.
//!
//! wiremock reads a request anew, keeps a copy of it and matches one at a time, which costs more than
//! all that the engine does. These paths need no matching. The engine is the same, and so is every
//! byte of the answer, and a request that wiremock's HTTP library might read otherwise than it stands
//! there is not hot.

use crate::gate::private::{self, Outgoing};
use crate::http::request::{Request, Seen};
use crate::http::route::{self, Route};
use crate::state::journal::ExchangeId;
use crate::state::worlds::Worlds;

/// The engine's answer to a request that is hot.
pub(super) fn answer(worlds: &Worlds, request: &Request, id: ExchangeId) -> Option<Outgoing> {
    let seen = seen(request)?;
    Some(Outgoing::of_reply(private::reply(worlds, &seen, id)))
}

/// A hot request as the engine sees it.
fn seen(request: &Request) -> Option<Seen<'_>> {
    let Request { method, target, body, .. } = request;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let is_hot = match (method.as_str(), route::find(path)?) {
        ("POST", Route::Create) => true,
        ("GET", Route::Task(last) | Route::Output(last)) => is_plain(last, b"-_."),
        _ => false,
    };
    // Dots alone would name a folder.
    if !is_hot || path.ends_with("/.") || path.ends_with("/..") || !is_plain(query, QUERY) {
        return None;
    }
    let headers = private::heard(request).collect();
    Some(Seen { method, target, path, query, headers, body })
}

/// What stands in a query as it is.
const QUERY: &[u8] = b"-_.~=&:,+%/?";

fn is_plain(text: &str, also: &[u8]) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_hot(method: &str, target: &str) -> bool {
        let (method, target) = (method.to_owned(), target.to_owned());
        let (head, body) = (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Vec::new());
        seen(&Request { method, target, body, keep_alive: true, head }).is_some()
    }

    #[test]
    fn only_what_needs_no_matching_and_stands_as_it_is_meant_is_hot() {
        for (method, target) in [
            ("POST", "/v1/videos/generations"),
            ("POST", "/v1/videos/generations?"),
            ("GET", "/v1/tasks/task-unified-1757165031-uyujaw3d?sync_upstream=true"),
            ("GET", "/output/t-1.mp4?expires=1&signature=00ff&account=1"),
        ] {
            assert!(is_hot(method, target), "{method} {target}");
        }
        for (method, target) in [
            ("GET", "/v1/videos/generations"),
            ("HEAD", "/output/t-1.mp4"),
            ("GET", "/v1/tasks"),
            ("GET", "/v1/tasks/"),
            ("GET", "/v1/tasks/.."),
            ("GET", "/v1/tasks/."),
            ("GET", "/v1/tasks/%2e%2e"),
            ("GET", "/v1/tasks/t?x=\"<>"),
            ("GET", "/v1/tasks/t#x"),
            ("GET", "/v1/tasks/\u{e4}"),
            ("GET", "/v1/../v1/tasks/t"),
            ("POST", "//v1/videos/generations"),
            ("GET", "/__mock/book"),
        ] {
            assert!(!is_hot(method, target), "{method} {target}");
        }
    }

    #[test]
    fn the_engine_is_shown_what_it_reads_and_no_more() {
        let head = "GET / HTTP/1.1\r\nHOST: h:1\r\nX-Other: x\r\nRange:  bytes=1-\r\n\
            If-None-Match: \u{e4}\r\n\r\n";
        let (method, target) = ("GET".to_owned(), "/output/t-1.mp4".to_owned());
        let (head, body) = (head.as_bytes().to_vec(), Vec::new());
        let request = Request { method, target, body, keep_alive: true, head };
        let shown = seen(&request).unwrap().headers;
        assert_eq!(shown, [("host", "h:1"), ("range", "bytes=1-")]);
    }
}
