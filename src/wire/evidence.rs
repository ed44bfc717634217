//! What is kept of an answer for whoever has to look at it, and what of it is shown.

use super::Received;
use super::answer::Answer;
use crate::pair::{without_queries, without_query};

/// How much of a raw answer is kept as evidence, in bytes.
const EVIDENCE: usize = 16 * 1024;
/// How much of one header, in bytes.
const HEADER: usize = 1024;
/// How much of a server's message is kept, in characters.
const MESSAGE: usize = 500;
/// How much of a body that is not the API's is shown, in characters.
const WORDS: usize = 120;

/// Headers that name a request, a task, or who answered. Others come and go with every service.
const NAMING: &[&str] = &[
    "operation-location",
    "location",
    "content-location",
    "retry-after",
    "date",
    "server",
    "via",
    "content-type",
    "content-encoding",
    "cf-ray",
    "traceparent",
    "idempotency-replayed",
    "idempotency-key",
    "x-evo-run-id",
    "x-amz-cf-id",
    "x-log-id",
    "x-tt-logid",
    "proxy-status",
    "www-authenticate",
    "proxy-authenticate",
    "x-cache",
];
/// Parts of such names.
const NAMING_PARTS: &[&str] = &[
    "request-id",
    "requestid",
    "trace",
    "correlation",
    "task-id",
    "taskid",
    "job-id",
    "ratelimit",
];

/// The status, the headers that name the request, and the start of the body, as bytes. The key must
/// have been removed from all of them before.
pub(super) fn evidence(received: &Received) -> Vec<u8> {
    let mut kept = format!("HTTP {}\n", received.status).into_bytes();
    for (name, value) in received.headers.iter().filter(|(name, _)| names_request(name)) {
        let value: String = value.chars().take(HEADER).collect();
        kept.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }
    if let Some(why) = &received.cut {
        kept.extend_from_slice(format!("(cut: {why})\n").as_bytes());
    }
    kept.push(b'\n');
    kept.extend_from_slice(&received.body);
    kept.truncate(EVIDENCE);
    kept
}

/// The same of an error without an answer.
pub(super) fn of_error(error: &str) -> Vec<u8> {
    let mut kept = format!("no answer\n\n{error}").into_bytes();
    kept.truncate(EVIDENCE);
    kept
}

fn names_request(name: &str) -> bool {
    NAMING.contains(&name) || NAMING_PARTS.iter().any(|part| name.contains(part))
}

/// A text that may be shown and kept: without signatures, and not longer than anybody reads.
pub(super) fn bounded(text: &str) -> String {
    without_queries(text).chars().take(MESSAGE).collect()
}

/// What the answer says, for people; where it says nothing, what can be said of it.
pub(super) fn said(received: &Received, answer: &Answer<'_>) -> String {
    let cut = received.cut.as_ref().map(|why| format!("the answer was cut: {why}"));
    match (answer.message(), received.status) {
        (Some(said), _) => said.to_owned(),
        (None, status) if super::is_success(status) => {
            cut.unwrap_or_else(|| format!("HTTP {status} without a task id"))
        }
        (None, status) => match cut {
            Some(cut) => format!("HTTP {status}; {cut}"),
            None => format!("HTTP {status}{}", first_line(&received.body)),
        },
    }
}

/// Who answered what, when it is not the API.
pub(super) fn stranger(received: &Received) -> String {
    let (status, words) = (received.status, first_words(&received.body));
    let who = if received.origin.is_empty() { "the endpoint" } else { &received.origin };
    match (status, received.header("location")) {
        (300..=399, Some(to)) => format!(
            "{who} answered HTTP {status} and points to {}; creates are never redirected",
            without_query(to)
        ),
        _ if words.is_empty() => {
            format!("{who} answered HTTP {status} without a word, which the API does not")
        }
        _ => format!("{who} answered HTTP {status} with what is not the API's: {words}"),
    }
}

/// The start of a body that is not JSON, for people: `error code: 1010` says a lot.
pub(super) fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(400)]);
    match text.lines().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) if !line.starts_with(['<', '{']) => format!(": {line}"),
        _ => String::new(),
    }
}

/// The first words of a page, without its tags, styles and scripts.
fn first_words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EVIDENCE)]);
    let mut words = String::new();
    let mut rest = text.as_ref();
    while let Some((before, tag)) = rest.split_once('<').filter(|_| words.len() < 8 * WORDS) {
        words.push_str(before);
        words.push(' ');
        rest = behind(tag);
    }
    words.push_str(rest);
    let words: Vec<_> = words.split_whitespace().collect();
    words.join(" ").chars().take(WORDS).collect()
}

/// What follows a tag, and what it hides.
fn behind(tag: &str) -> &str {
    let hidden = ["script", "style", "!--"]
        .into_iter()
        .find(|name| tag.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
    let end = match hidden {
        Some("!--") => "-->",
        Some("script") => "</script>",
        Some(_) => "</style>",
        None => ">",
    };
    let at = tag.to_ascii_lowercase().find(end);
    at.map_or("", |at| &tag[at + end.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_in_its_first_words() {
        let page = b"<!DOCTYPE html><!-- a > b --><html><head><STYLE>p{x:1}</STYLE>\
            <title>Sign in</title></head><script>if (1 < 2) { }</script><body><p>to\n the\tWi-Fi</p>";
        assert_eq!(first_words(page), "Sign in to the Wi-Fi");
        assert_eq!(first_words(b"<html"), "");
        assert_eq!(first_words(&b"x".repeat(500)).len(), WORDS);
    }

    #[test]
    fn the_headers_that_name_the_request_are_kept_and_no_cookie() {
        let headers = [
            ("x-oneapi-request-id", "r1"),
            ("set-cookie", "session=secret"),
            ("authorization", "Bearer k"),
            ("x-amzn-requestid", "r2"),
            ("cf-ray", "r3"),
            ("location", &"l".repeat(100_000)),
            ("retry-after", "7"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let body = b"\xff{\"id\":\"t1\"}".to_vec();
        let kept = evidence(&Received { status: 500, headers, body, ..Received::default() });
        let expected = format!(
            "HTTP 500\nx-oneapi-request-id: r1\nx-amzn-requestid: r2\ncf-ray: r3\nlocation: {}\n\
             retry-after: 7\n\n",
            "l".repeat(HEADER)
        );
        assert_eq!(kept, [expected.as_bytes(), b"\xff{\"id\":\"t1\"}"].concat());
    }
}
