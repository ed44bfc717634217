//! What somebody who watches a run from outside is told: why creates wait, and numbers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::child::Running;
use crate::rude::{Rude, answer};
use crate::sheet::Sheet;
use crate::stops::signal;

const NO_TASK: &str = r#"{"error":{"message":"no such task","code":"task_not_found"}}"#;
const BUSY: &str = r#"{"error":{"message":"slow down, please","code":"rate_limited"}}"#;

/// Takes one create, and wants a long pause before any other.
fn busy() -> Rude {
    let taken = std::sync::atomic::AtomicBool::new(false);
    Rude::any(move |request, c| match request.starts_with("POST ") {
        true if !taken.swap(true, std::sync::atomic::Ordering::SeqCst) => {
            answer(c, "200 OK", "", r#"{"id":"t1","status":"pending"}"#);
        }
        true => answer(c, "429 Too Many Requests", "retry-after: 60\r\n", BUSY),
        false => answer(c, "404 Not Found", "", NO_TASK),
    })
}

/// What a file says once it says this.
pub(crate) fn once(path: &std::path::Path, words: &str) -> String {
    let begun = Instant::now();
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        if text.contains(words) {
            return text;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{words} not in {text}");
        sleep(Duration::from_millis(50));
    }
}

/// The answer to one question, and the head of it.
fn get(address: &str, path: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    connection.read_to_string(&mut text).unwrap();
    text
}

fn ended(mut run: Running) -> i32 {
    signal(&run, "-TERM");
    run.wait().code().unwrap()
}

#[test]
fn why_creates_wait_is_shown_with_the_time_to_go() {
    let server = busy();
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1");
    let run = sheet.start(&[]);
    let pulse = once(&sheet.run_folder().join("progress.json"), r#""why":"asked""#);
    let pulse: serde_json::Value = serde_json::from_str(&pulse).unwrap();
    let held = &pulse["held"];
    assert!((40..=80).contains(&held["seconds"].as_u64().unwrap()), "{held}");
    assert_eq!(held["said"], "slow down, please");
    assert_eq!(held["reason"], "429 from the API");
    let text = held["text"].as_str().unwrap();
    assert!(text.starts_with("429 from the API, going on in "), "{text}");
    let said = sheet.call("status", &[]);
    for words in ["; 429 from the API, going on in ", " s (slow down, please)"] {
        assert!(said.out.contains(words), "{said}");
    }
    assert_eq!(ended(run), 4);
}

#[test]
fn tasks_that_are_unfinished_and_hold_creates_back_are_a_reason() {
    let server = Rude::any(move |request, c| match request.starts_with("POST ") {
        true => answer(c, "200 OK", "", r#"{"id":"t1","status":"pending"}"#),
        false => answer(c, "200 OK", "", r#"{"id":"t1","status":"processing"}"#),
    });
    let sheet = Sheet::pairs(3, &server.url, "in_flight: 1");
    let run = sheet.start(&[]);
    once(&sheet.run_folder().join("progress.json"), r#""why":"in_flight""#);
    assert_eq!(ended(run), 4);
}

#[test]
fn monitoring_is_served_and_the_file_stays_with_the_last_numbers() {
    let server = busy();
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1");
    let file = sheet.run_folder().with_extension("prom");
    let file = file.to_str().unwrap();
    let mut run = sheet.start(&["--metrics", "127.0.0.1:0", "--metrics-file", file]);
    once(&sheet.run_folder().join("progress.json"), r#""why":"asked""#);
    let said = BufReader::new(run.stderr.as_mut().unwrap());
    let line = said.lines().map(Result::unwrap).find(|line| line.contains("/metrics")).unwrap();
    let address = line.split("http://").last().unwrap().split('/').next().unwrap();
    let text = get(address, "/metrics");
    assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    assert!(text.contains("content-type: text/plain; version=0.0.4"), "{text}");
    for line in [
        r#"callsheet_pairs{batch="batch",state="created"} 1"#,
        r#"callsheet_pairs{batch="batch",state="planned"} 2"#,
        r#"callsheet_answers_total{batch="batch",meaning="task"} 1"#,
        r#"callsheet_answers_total{batch="batch",meaning="nothing_made"} 1"#,
        r#"callsheet_creates_total{batch="batch"} 2"#,
        r#"callsheet_creates_held{batch="batch",why="asked"} 1"#,
        r#"callsheet_creates_held_info{batch="batch",why="asked",reason="429 from the API"} 1"#,
    ] {
        assert!(text.lines().any(|other| other == line), "{line} not in {text}");
    }
    assert!(get(address, "/healthz").starts_with("HTTP/1.1 200 OK"));
    assert!(get(address, "/etc/passwd").starts_with("HTTP/1.1 404"));
    assert!(!text.contains("test-key") && !text.contains("example.com"));
    assert_eq!(ended(run), 4);
    let left = std::fs::read_to_string(file).unwrap();
    assert!(left.contains(r#"callsheet_pairs{batch="batch",state="created"} 1"#), "{left}");
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_sent() {
    let server = busy();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run(&["--metrics", &address]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains(&format!("cannot listen on {address}")), "{said}");
    assert!(server.requests().is_empty());
}
