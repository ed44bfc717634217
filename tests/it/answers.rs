//! What each answer to a create comes to, on raw sockets: the pair's state, what is recorded of it,
//! the exit code, and how often the server was asked. Here: ids that are kept; what else there is
//! stands in `refusals`.

use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::rude::{Rude, reset};
use crate::sheet::{Sheet, side_by_side};

pub(crate) const TASK: &str = r#"{"id":"t1","status":"pending"}"#;

/// What comes back, whole.
pub(crate) type Bytes = fn() -> Vec<u8>;

pub(crate) fn write(connection: &mut TcpStream, bytes: &[u8]) {
    // The client may have hung up by now.
    let _ = connection.write_all(bytes);
}

/// One pair, and a server with nothing else to say.
fn outcome(bytes: Bytes) -> (String, usize, String) {
    let server = Rude::start(move |_, connection| {
        write(connection, &bytes());
        // An orderly end; what follows an answer that promised more is a reset.
        let _ = connection.shutdown(std::net::Shutdown::Write);
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run(&["--request-timeout", "20s", "--retry-for", "1s"]);
    let row = &sheet.rows()["pair-0"];
    assert!(!said.err.contains("panicked"), "{said}");
    let detail = if row["task_id"].is_empty() { &row["error_code"] } else { &row["task_id"] };
    let outcome = format!("{} {detail} {}", row["state"], said.code);
    (outcome, server.read(), said.err + "\n" + &row["error"])
}

/// A head of its own and a body without a length.
pub(crate) fn raw(head: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    [format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n").as_bytes(), body.as_ref()].concat()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn deflate(text: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// The name of a case, its answer, what it comes to, and words that are said of it.
pub(crate) type Case = (&'static str, Bytes, &'static str, &'static str);

pub(crate) fn check(cases: &[Case], resent: bool) {
    side_by_side(cases, |(name, bytes, expected, words)| {
        let (outcome, read, said) = outcome(*bytes);
        assert_eq!(outcome, *expected, "{name}: {said}");
        assert!(said.contains(words), "{name}: {said}");
        assert!(read == 1 || resent && read > 1, "{name}: the server read {read} requests");
    });
}

const IDS: &[Case] = &[
    ("a fraction", || raw("200 OK", r#"{"id":1757165031.50}"#), "created 1757165031.50 0", ""),
    (
        "thirty digits",
        || raw("200 OK", r#"{"id":123456789012345678901234567890}"#),
        "created 123456789012345678901234567890 0",
        "",
    ),
    (
        "an error that is null",
        || raw("200 OK", r#"{"error":null,"code":0,"id":"t1"}"#),
        "created t1 0",
        "",
    ),
    (
        "an error beside a whole task",
        || {
            raw(
                "400 Bad",
                r#"{"error":{"code":"x"},"object":"video.generation.task","status":"pending","id":"t1"}"#,
            )
        },
        "created t1 0",
        "",
    ),
    ("a status in a 502", || raw("502 Bad", TASK), "created t1 0", ""),
    ("NaN", || raw("200 OK", r#"{"progress":NaN,"eta":-Infinity,"id":"t1"}"#), "created t1 0", ""),
    ("a lone surrogate", || raw("200 OK", r#"{"model":"\ud83d","id":"t1"}"#), "created t1 0", ""),
    ("no UTF-8", || raw("200 OK", b"{\"model\":\"caf\xe9\",\"id\":\"t1\"}"), "created t1 0", ""),
    (
        "control characters",
        || raw("200 OK", "{\"model\":\"a\u{1}\nb\",\"id\":\"t1\"}"),
        "created t1 0",
        "",
    ),
    ("a mark of order", || raw("200 OK", "\u{feff}{\"id\":\"t1\"}"), "created t1 0", ""),
    (
        "a second document",
        || raw("200 OK", r#"{"id":"t1"}{"code":"insert_task_failed","id":"t2"}"#),
        "created t1 0",
        "",
    ),
    ("gzip, said", || raw("200 OK\r\ncontent-encoding: gzip", gzip(TASK)), "created t1 0", ""),
    ("gzip, not said", || raw("200 OK", gzip(TASK)), "created t1 0", ""),
    ("gzip that is none", || raw("200 OK\r\ncontent-encoding: gzip", TASK), "created t1 0", ""),
    ("deflate", || raw("200 OK\r\ncontent-encoding: deflate", deflate(TASK)), "created t1 0", ""),
    (
        "gzip that breaks off",
        || {
            let packed = gzip(TASK);
            raw("200 OK\r\ncontent-encoding: gzip", &packed[..packed.len() - 8])
        },
        "created t1 0",
        "",
    ),
    (
        "an id behind 8 MB",
        || raw("200 OK", format!(r#"{{"log":"{}","id":"t1"}}"#, "x".repeat(8_000_000))),
        "created t1 0",
        "",
    ),
    (
        "an id behind a million brackets",
        || {
            raw(
                "200 OK",
                format!(r#"{{"x":{}{},"id":"t1"}}"#, "[".repeat(500_000), "]".repeat(500_000)),
            )
        },
        "created t1 0",
        "",
    ),
];

#[test]
fn an_id_is_kept_whatever_is_around_it() {
    check(IDS, false);
}

const HEADS: &[Case] = &[
    ("an invalid byte in a value", || raw("200 OK\r\nx: a\u{1}b\u{7f}", TASK), "created t1 0", ""),
    (
        "Latin-1 in a value",
        || [b"HTTP/1.1 200 OK\r\nx: caf\xe9\r\n\r\n", TASK.as_bytes()].concat(),
        "created t1 0",
        "",
    ),
    ("a folded header", || raw("200 OK\r\nx: a\r\n b\r\n\tc", TASK), "created t1 0", ""),
    ("a space before the colon", || raw("200 OK\r\nx : a", TASK), "created t1 0", ""),
    ("a line without a colon", || raw("200 OK\r\nno colon here", TASK), "created t1 0", ""),
    ("an empty name", || raw("200 OK\r\n: a", TASK), "created t1 0", ""),
    ("an invalid name", || raw("200 OK\r\nx[1]: a", TASK), "created t1 0", ""),
    (
        "bare line ends",
        || [b"HTTP/1.1 200 OK\nx: a\n\n", TASK.as_bytes()].concat(),
        "created t1 0",
        "",
    ),
    ("no reason", || raw("200", TASK), "created t1 0", ""),
    ("HTTP/1.0", || [b"HTTP/1.0 200 OK\r\n\r\n", TASK.as_bytes()].concat(), "created t1 0", ""),
    (
        "three hundred headers",
        || {
            let headers: String = (0..300).map(|n| format!("\r\nx-{n}: {n}")).collect();
            raw(&format!("200 OK{headers}"), TASK)
        },
        "created t1 0",
        "",
    ),
    (
        "a head of 300 kB",
        || {
            let headers: String =
                (0..10).map(|n| format!("\r\nx-{n}: {}", "y".repeat(30_000))).collect();
            raw(&format!("200 OK{headers}"), TASK)
        },
        "created t1 0",
        "",
    ),
];

#[test]
fn an_odd_head_does_not_cost_a_task() {
    check(HEADS, false);
}

#[test]
fn a_number_or_a_text_that_a_reset_cuts_off_is_no_id() {
    side_by_side(["{\"id\":175716503", "{\"id\":\"t1"], |body| {
        let server = Rude::start(move |_, connection| {
            write(connection, &raw("200 OK\r\ncontent-length: 100", body));
            sleep(Duration::from_millis(50));
            reset(connection);
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run(&[]);
        assert_eq!((said.code, server.read()), (5, 1), "{said}");
        assert_eq!(sheet.rows()["pair-0"]["error_code"], "no_task_id");
    });
}
