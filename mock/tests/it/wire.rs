//! Faults below HTTP, as a socket sees them.

use std::io::{ErrorKind, Read};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use callsheet_mock::{Entry, Fault, KEY, MockApi, Scenario};

use crate::client::{CREATE, Client, pair, request, with_key};

/// How a connection ended, after these bytes.
#[derive(Debug)]
struct End {
    bytes: Vec<u8>,
    error: Option<ErrorKind>,
}

fn meet(api: &MockApi, fault: Fault, wait: Duration) -> End {
    let mut client = Client::to(api);
    client.stream().set_read_timeout(Some(wait)).unwrap();
    let body = pair(&format!("{fault}.jpg?fault={fault}")).to_string();
    client.write(request("POST", CREATE, &with_key(KEY), &body));
    let mut bytes = Vec::new();
    let error = client.stream().read_to_end(&mut bytes).err().map(|error| error.kind());
    End { bytes, error }
}

/// Waits until the book holds so many creates whose answers are settled, and gives the last.
fn booked(api: &MockApi, fault: Fault) -> Option<Entry> {
    api.book().entries.into_iter().find(|entry| entry.fault == Some(fault))
}

const SOON: Duration = Duration::from_secs(10);
const BRIEFLY: Duration = Duration::from_millis(150);

#[tokio::test]
async fn resets_and_ends_without_an_answer() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    for (fault, error) in [
        (Fault::ResetBeforeRead, Some(ErrorKind::ConnectionReset)),
        (Fault::ResetAfterRead, Some(ErrorKind::ConnectionReset)),
        (Fault::CloseAfterRead, None),
        (Fault::ResetAfterAccept, Some(ErrorKind::ConnectionReset)),
        (Fault::CloseAfterAccept, None),
    ] {
        let end = meet(&api, fault, SOON);
        assert_eq!((end.bytes.len(), end.error), (0, error), "{fault}");
        let entry = booked(&api, fault);
        assert_eq!(entry.is_some(), fault.books(), "{fault}");
        assert!(entry.is_none_or(|entry| !entry.delivered && entry.status.is_none()), "{fault}");
    }
    assert_eq!(api.book().creates_read, 4, "all but the one reset before it was read");
}

#[tokio::test]
async fn silence() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    for fault in [Fault::HangAfterRead, Fault::HangAfterAccept] {
        let end = meet(&api, fault, BRIEFLY);
        assert_eq!((end.bytes.len(), end.error), (0, Some(ErrorKind::WouldBlock)), "{fault}");
        assert_eq!(booked(&api, fault).is_some(), fault.books());
    }
    let end = meet(&api, Fault::StallAfterAccept, BRIEFLY);
    assert_eq!(end.error, Some(ErrorKind::WouldBlock));
    assert_half_an_answer(&end.bytes);
    let started = Instant::now();
    let book = api.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(5), "silence is cut short by the end");
    assert_eq!(book.undelivered().count(), 2);
}

#[tokio::test]
async fn answers_that_break_off() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let end = meet(&api, Fault::TruncatedAfterAccept, SOON);
    assert_eq!(end.error, None);
    assert_half_an_answer(&end.bytes);
    let end = meet(&api, Fault::ResetInAnswerAfterAccept, SOON);
    assert_eq!(end.error, Some(ErrorKind::ConnectionReset));
    assert_half_an_answer(&end.bytes);
    assert_eq!(api.shutdown().await.undelivered().count(), 2);
}

fn assert_half_an_answer(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
    let length: usize = length.parse().unwrap();
    assert!(!body.is_empty() && body.len() < length, "{} of {length}", body.len());
}

#[tokio::test]
async fn bytes_that_are_not_http() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let end = meet(&api, Fault::GarbageAfterAccept, SOON);
    assert!(!end.bytes.is_empty() && !end.bytes.starts_with(b"HTTP"), "{end:?}");
    assert_eq!(api.shutdown().await.undelivered().count(), 1);
}

#[tokio::test]
async fn an_answer_in_drops_is_whole_in_the_end() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let started = Instant::now();
    let end = meet(&api, Fault::DripAfterAccept, SOON);
    assert!(started.elapsed() > Duration::from_millis(700), "{:?}", started.elapsed());
    let text = String::from_utf8(end.bytes).unwrap();
    let book = api.shutdown().await;
    assert!(text.contains(book.entries[0].task.as_str()), "{text}");
    assert!(book.entries[0].delivered);
}

#[tokio::test]
async fn a_huge_answer_is_json_all_the_same() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let mut client = Client::to(&api);
    let body = pair("a.jpg?fault=huge-after-accept").to_string();
    client.write(request("POST", CREATE, &with_key(KEY), &body));
    let answer = client.read_answer(true).unwrap();
    assert!(answer.body.len() > 64 << 20);
    assert!(answer.body.starts_with(b"{\"") && answer.body.ends_with(b"x\"}"));
    assert!(api.book().entries[0].delivered);
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_has_paid_and_does_not_know() {
    let latency = callsheet_mock::Latency::Fixed(callsheet_mock::Span::millis(200));
    let api = MockApi::start(Scenario { latency, ..Scenario::default() }).await.unwrap();
    let mut client = Client::to(&api);
    client.write(request("POST", CREATE, &with_key(KEY), &pair("a.jpg").to_string()));
    std::thread::sleep(Duration::from_millis(50));
    client.stream().shutdown(Shutdown::Both).unwrap();
    drop(client);
    let book = api.shutdown().await;
    assert_eq!((book.entries.len(), book.undelivered().count()), (1, 1));
}
