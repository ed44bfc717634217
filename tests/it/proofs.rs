//! What an outcome proves, made with sockets that misbehave for real: the state of the pair
//! afterwards, and how many requests the server read.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rude::{Rude, answer, reset};
use crate::sheet::{Said, Sheet};

type Manners = fn(usize, &mut TcpStream);

fn write(connection: &mut TcpStream, text: &str) {
    // The client may have hung up by now.
    let _ = connection.write_all(text.as_bytes());
}

/// The pair's state, the server's error code as recorded, and the requests that were read.
fn outcome(manners: Manners) -> (String, String, usize) {
    let server = Rude::start(manners);
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run(&["--request-timeout", "1s", "--retry-for", "1s"]);
    let row = &sheet.rows()["pair-0"];
    // Time for a request that should not come.
    sleep(Duration::from_millis(20));
    assert!(!said.err.contains("panicked"), "{said}");
    (row["state"].clone(), row["error_code"].clone(), server.read())
}

/// Every way to answer, or not to, after the request was read.
const CASES: &[(&str, &str, Manners)] = &[
    ("reset before the head", "in_doubt no_answer", |_, c| reset(c)),
    ("end before the head", "in_doubt no_answer", |_, c| c.shutdown(Shutdown::Both).unwrap()),
    ("reset within the head", "in_doubt no_answer", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-le");
        sleep(Duration::from_millis(20));
        reset(c);
    }),
    ("reset after the head", "in_doubt no_task_id", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
        sleep(Duration::from_millis(20));
        reset(c);
    }),
    ("not HTTP", "in_doubt no_answer", |_, c| write(c, "SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    ("an HTTP/2 GOAWAY", "in_doubt no_answer", |_, c| {
        write(c, "\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\0");
    }),
    ("an HTTP/2 REFUSED_STREAM", "in_doubt no_answer", |_, c| {
        write(c, "\0\0\x04\x03\0\0\0\0\x01\0\0\0\x07");
    }),
    ("a stall before the head", "in_doubt no_answer", |_, _| sleep(Duration::from_secs(3))),
    ("a stall after the head", "in_doubt no_task_id", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{");
        sleep(Duration::from_secs(3));
    }),
    ("a body cut before the id", "in_doubt no_task_id", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"created\":1757");
    }),
    ("a body cut after the id", "created ", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":\"t1\",\"created\":1757");
    }),
    ("chunks that break off", "in_doubt no_task_id", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"cre\r\n");
    }),
    ("a body without length", "created ", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"id\":\"t1\"}");
    }),
    ("a success without an id", "in_doubt no_task_id", |_, c| answer(c, "200 OK", "", "{}")),
    ("a success in HTML", "in_doubt not_the_api", |_, c| {
        answer(c, "200 OK", "content-type: text/html\r\n", "<html>queued</html>");
    }),
    ("an empty 204", "in_doubt no_task_id", |_, c| write(c, "HTTP/1.1 204 None\r\n\r\n")),
    ("64 MB, the id first", "created ", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n{\"id\":\"t1\",\"x\":\"");
        let more = "x".repeat(1 << 20);
        (0..63).for_each(|_| write(c, &more));
    }),
    ("64 MB, the id last", "in_doubt no_task_id", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 67108864\r\n\r\n{\"x\":\"");
        let more = "x".repeat(1 << 20);
        (0..63).for_each(|_| write(c, &more));
    }),
    ("a head of 10 MB", "in_doubt no_answer", |_, c| {
        write(c, "HTTP/1.1 200 OK\r\nx: ");
        let more = "x".repeat(1 << 20);
        (0..10).for_each(|_| write(c, &more));
    }),
    ("303 to another place", "in_doubt http_303", |_, c| {
        answer(c, "303 See Other", "location: /v2/videos\r\n", "");
    }),
    ("502 after acceptance", "in_doubt http_502", |_, c| answer(c, "502 Bad Gateway", "", "oops")),
    ("524 in HTML", "in_doubt http_524", |_, c| answer(c, "524 Timeout", "", "<html>oops</html>")),
    ("408", "in_doubt http_408", |_, c| answer(c, "408 Request Timeout", "", "")),
    ("409", "in_doubt http_409", |_, c| answer(c, "409 Conflict", "", "")),
    ("400", "rejected http_400", |_, c| {
        answer(c, "400 Bad Request", "", r#"{"error":{"message":"no"}}"#);
    }),
    ("422 with a code", "rejected unsupported_advanced_options", |_, c| {
        let body = r#"{"error":{"message":"no","code":"unsupported_advanced_options"}}"#;
        answer(c, "422 Unprocessable", "", body);
    }),
    ("100 Continue, then a task", "created ", |_, c| {
        write(c, "HTTP/1.1 100 Continue\r\n\r\n");
        answer(c, "200 OK", "", r#"{"id":"t1"}"#);
    }),
];

#[test]
fn no_more_of_an_answer_is_read_than_the_limit() {
    let server = Rude::start(|_, c| {
        write(c, "HTTP/1.1 200 OK\r\ncontent-length: 17000000\r\n\r\n");
        write(c, &" ".repeat(16_999_990));
        write(c, "{\"id\":\"t\"}");
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let row = &sheet.rows()["pair-0"];
    assert!(row["error"].contains("longer than 16777216 bytes"), "{row:?}");
}

#[test]
fn after_the_request_was_read_nothing_is_sent_twice() {
    std::thread::scope(|scope| {
        for (name, expected, manners) in CASES {
            scope.spawn(move || {
                let (state, code, read) = outcome(*manners);
                assert_eq!(format!("{state} {code}"), *expected, "{name}");
                assert_eq!(read, 1, "{name}: the server read {read} requests");
            });
        }
    });
}

/// Runs one pair against an endpoint that takes no request.
fn never_sent(endpoint: &str) -> (Said, Sheet) {
    let sheet = Sheet::pairs(1, endpoint, "");
    let said = sheet.run(&["--request-timeout", "2s", "--retry-for", "1s"]);
    let row = &sheet.rows()["pair-0"];
    assert_eq!(row["state"], "planned", "{said}");
    assert!(row["error_code"].starts_with("not_sent"), "{said}");
    assert_eq!(said.code, 4, "{said}");
    assert!(said.err.contains("gave up after 1 s: "), "{said}");
    (said, sheet)
}

#[test]
fn a_refused_connection_is_tried_again_and_then_left_planned() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let begun = Instant::now();
    let (_, sheet) = never_sent(&format!("http://{address}"));
    assert!(begun.elapsed() < Duration::from_secs(10));
    let events = std::fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    assert!(events.matches("not_made").count() >= 2, "tried once only: {events}");
}

#[test]
fn a_name_that_is_none_sends_nothing() {
    never_sent("https://no-such-host.invalid");
}

#[test]
fn tls_to_a_plain_port_sends_nothing() {
    let server = Rude::start(|_, c| answer(c, "200 OK", "", r#"{"id":"t1"}"#));
    never_sent(&server.url.replace("http:", "https:"));
    assert_eq!(server.read(), 0);
}

#[test]
fn a_server_that_comes_back_gets_each_request_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sheet = Sheet::pairs(3, &format!("http://{address}"), "");
    let run = sheet.start(&["--retry-for", "60s"]);
    sleep(Duration::from_millis(300));
    let listener = TcpListener::bind(address).unwrap();
    let server =
        Rude::on(listener, |n, c| answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\"}}")));
    let said = run.said();
    assert_eq!((said.code, server.read()), (0, 3), "{said}");
}

#[test]
fn an_idle_connection_that_the_server_closes_costs_no_doubt() {
    // Each answer promises to keep the connection, which ends all the same, long before the next
    // create uses it.
    let server = Rude::start(|n, c| {
        let body = format!("{{\"id\":\"t{n}\"}}");
        write(c, &format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    });
    let sheet = Sheet::pairs(10, &server.url, "rate: 10/s");
    let said = sheet.run(&[]);
    assert_eq!((said.code, server.read()), (0, 10), "{said}");
}
