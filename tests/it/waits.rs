//! 429, and places at the server: one gate for all creates.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use callsheet_mock::{Fault, Rule, Scenario};

use crate::rude::{Rude, answer};
use crate::sheet::{Sheet, fake};

/// A server that says 429 with these headers first and then takes everything; and when the first
/// two requests came.
fn busy(headers: fn() -> String) -> (Rude, std::sync::Arc<Mutex<Vec<Instant>>>) {
    let times = std::sync::Arc::new(Mutex::new(Vec::new()));
    let log = times.clone();
    let server = Rude::start(move |n, c| {
        log.lock().unwrap().push(Instant::now());
        match n {
            0 => answer(c, "429 Too Many Requests", &headers(), ""),
            n => answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\"}}")),
        }
    });
    (server, times)
}

fn waited(headers: fn() -> String) -> Duration {
    let (server, times) = busy(headers);
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1");
    let said = sheet.run(&[]);
    assert_eq!((said.code, server.read()), (0, 4), "{said}");
    let times = times.lock().unwrap();
    times[1] - times[0]
}

fn date_in(seconds: u64) -> String {
    let date = std::time::SystemTime::now() + Duration::from_secs(seconds);
    format!("retry-after: {}\r\n", httpdate::fmt_http_date(date))
}

#[test]
fn retry_after_is_honoured_in_seconds_and_as_a_date() {
    let seconds = waited(|| "retry-after: 1\r\n".to_owned());
    assert!(seconds >= Duration::from_secs(1), "{seconds:?}");
    // Dates have whole seconds, so one may be lost.
    let date = waited(|| date_in(3));
    assert!(date >= Duration::from_millis(1900), "{date:?}");
    for headers in [String::new, || "retry-after: soon\r\n".to_owned(), || date_in(0)] {
        assert!(waited(headers) < Duration::from_secs(3));
    }
}

#[test]
fn an_absurd_wait_ends_the_run_and_leaves_the_pairs_planned() {
    let (server, _) = busy(|| "retry-after: 99999999999\r\n".to_owned());
    let sheet = Sheet::pairs(5, &server.url, "concurrency: 1");
    let begun = Instant::now();
    let said = sheet.run(&[]);
    assert_eq!((said.code, server.read()), (4, 1), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(sheet.states()["planned"], 5);
    assert_eq!(sheet.run(&[]).code, 0, "the same command continues");
}

#[test]
fn a_server_that_is_always_busy_is_given_up_in_time() {
    let server = Rude::start(|_, c| answer(c, "429 Too Many Requests", "", ""));
    let sheet = Sheet::pairs(20, &server.url, "concurrency: 8");
    let begun = Instant::now();
    let said = sheet.run(&["--retry-for", "2s"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(sheet.states()["planned"], 20);
    assert!(server.read() < 60, "{} requests in two seconds of 429", server.read());
}

#[test]
fn every_pair_gets_through_a_busy_server_once() {
    let scenario = Scenario {
        faults: vec![Rule::new(Fault::Status429).first(1).share(0.5)],
        concurrency: Some(6),
        ..Scenario::default()
    };
    let api = fake(scenario);
    let sheet = Sheet::pairs(60, api.url(), "concurrency: 16");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    let book = api.book();
    assert_eq!(book.entries.len(), 60);
    assert!(book.duplicates().is_empty());
    assert!(book.creates_read > 60, "nobody was refused");
}

#[test]
fn tasks_of_pairs_that_are_no_longer_listed_take_their_places_at_the_server() {
    let server = Rude::any(|request, c| {
        let id = if request.starts_with("POST ") { "new" } else { "old" };
        answer(c, "200 OK", "", &format!("{{\"id\":\"{id}\",\"status\":\"processing\"}}"));
    });
    let sheet = Sheet::pairs(1, &server.url, "in_flight: 1");
    assert_eq!(sheet.run(&[]).code, 0);
    let other = Sheet::pairs(2, &server.url, "in_flight: 1");
    let listed = std::fs::read_to_string(&other.manifest).unwrap();
    let without: Vec<_> = listed.lines().filter(|line| !line.contains("pair-0")).collect();
    std::fs::write(&sheet.manifest, without.join("\n")).unwrap();
    let said = sheet.run_fast(&["--wait-for", "1s"]);
    assert_eq!((said.code, sheet.rows()["pair-1"]["state"].as_str()), (4, "planned"), "{said}");
}
