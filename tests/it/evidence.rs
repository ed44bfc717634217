//! What is kept and shown of an answer, and how long one is waited for.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::answers::{TASK, raw, write};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Sheet, side_by_side};
use crate::stops::{signal, until};

/// What is kept of the one pair in doubt.
fn evidence(sheet: &Sheet) -> String {
    let status = sheet.call("status", &["--json"]).json();
    status["in_doubt"][0]["evidence"].as_str().unwrap().to_owned()
}

#[test]
fn whoever_has_to_look_gets_the_headers_that_name_the_request() {
    let server = Rude::start(|_, connection| {
        let headers = "X-Oneapi-Request-Id: req-7\r\ncf-ray: ray-1\r\nretry-after: 3\r\n\
            date: Sat, 28 Nov 2026 14:00:00 GMT\r\nset-cookie: session=COOKIE\r\n\
            location: https://x.example/v1/tasks/t1?sig=SIGNED\r\n";
        answer(connection, "502 Bad", headers, &format!("oops, Bearer {KEY}"));
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let kept = evidence(&sheet);
    for line in [
        "HTTP 502",
        "x-oneapi-request-id: req-7",
        "cf-ray: ray-1",
        "retry-after: 3",
        "date: Sat",
        "location: https://x.example/v1/tasks/t1",
        "oops, Bearer ***",
    ] {
        assert!(kept.contains(line), "{line}: {kept}");
    }
    assert!(!kept.contains("COOKIE") && !kept.contains("SIGNED"), "{kept}");
}

#[test]
fn of_a_head_that_cannot_be_read_the_whole_error_is_kept() {
    let server = Rude::start(|_, connection| write(connection, &raw("2OO OK", TASK)));
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let kept = evidence(&sheet);
    assert!(kept.starts_with("no answer\n\n") && kept.contains("caused by: "), "{kept}");
    assert!(kept.contains("invalid HTTP status-code parsed"), "{kept}");
}

#[test]
fn creates_ask_for_bodies_that_are_not_packed() {
    let server = Rude::start(|_, connection| answer(connection, "200 OK", "", TASK));
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 0);
    let request = server.requests().concat().to_ascii_lowercase();
    assert!(request.contains("accept-encoding: identity\r\n"), "{request}");
    assert!(!request.contains("transfer-encoding"), "{request}");
}

/// Sleeps past its time-out while the answer waits in the socket, whole or in part.
#[test]
#[cfg(unix)]
fn a_process_that_slept_past_its_time_reads_what_is_there() {
    side_by_side(["", TASK], |late| {
        let server = Rude::start(move |_, connection| {
            sleep(Duration::from_millis(700));
            let body = TASK.strip_suffix(late).unwrap();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", TASK.len());
            write(connection, head.as_bytes());
            write(connection, body.as_bytes());
            sleep(Duration::from_millis(100));
            write(connection, late.as_bytes());
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let run = sheet.start(&["--request-timeout", "1s"]);
        until("the create", || server.read() == 1);
        signal(&run, "-STOP");
        sleep(Duration::from_millis(1800));
        signal(&run, "-CONT");
        let said = run.said();
        assert_eq!((said.code, server.read()), (0, 1), "{said}");
        assert_eq!(sheet.rows()["pair-0"]["task_id"], "t1");
    });
}

#[test]
fn an_answer_that_never_ends_has_its_time_and_keeps_what_came() {
    let server = Rude::start(|_, connection| {
        write(connection, &raw("200 OK\r\ncontent-length: 9999", r#"{"id":"t1","x":""#));
        for _ in 0..100 {
            write(connection, b"x");
            sleep(Duration::from_millis(100));
        }
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let begun = Instant::now();
    let said = sheet.run(&["--request-timeout", "1s"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(begun.elapsed() < Duration::from_secs(6), "it waited for the whole answer");
    assert_eq!(sheet.rows()["pair-0"]["task_id"], "t1");
}

#[test]
fn signatures_are_shown_in_no_spelling() {
    let server = Rude::start(|number, connection| {
        let said = [
            r"cannot fetch https:\/\/b.example\/a.jpg?X-Amz-Signature=SIGNED",
            "cannot fetch https%3A%2F%2Fb.example%2Fa.jpg%3FX-Amz-Signature%3DSIGNED",
            "cannot fetch b.example/a.jpg?x=1&amp;X-Amz-Signature=SIGNED",
            "Signature=SIGNED does not match",
        ][number % 4];
        answer(connection, "422 No", "", &format!("{{\"error\":{{\"message\":\"{said}\"}}}}"));
    });
    let sheet = Sheet::pairs(4, &server.url, "concurrency: 1");
    let said = [sheet.run(&["-vv"]), sheet.call("status", &["--json"])];
    assert_eq!((said[0].code, server.read()), (3, 4), "{}", said[0]);
    let shown = said.map(|said| said.out + &said.err).concat();
    let log = std::fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    let csv = std::fs::read_to_string(sheet.run_folder().join("tasks.csv")).unwrap();
    for text in [&shown, &log, &csv] {
        assert!(!text.contains("SIGNED"), "{text}");
    }
    assert!(csv.contains("cannot fetch"), "{csv}");
}
