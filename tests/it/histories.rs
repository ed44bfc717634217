//! What is kept for whoever looks back: how each run ended, and when creating was held back.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::rude::{Rude, answer};
use crate::sheet::Sheet;

fn history(sheet: &Sheet) -> Vec<Value> {
    let said = sheet.call("status", &["--history", "--json"]);
    said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ledger(sheet: &Sheet) -> Connection {
    Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap()
}

#[test]
fn every_run_has_its_exit_code_and_one_that_was_killed_is_cut_off() {
    let server = Rude::start(|n, c| match n {
        0 => answer(c, "502 Bad Gateway", "", "oops"),
        1 => sleep(Duration::from_secs(60)),
        n => answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\"}}")),
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&["-q"]).code, 5);
    // Nothing comes of it, and it had the ledger.
    let refused = sheet.run(&["-q", "--retry-rejected=pair-0"]);
    assert_eq!(refused.code, 2, "{refused}");
    let resent = sheet.call("resolve", &["pair-0", "--resend"]);
    assert_eq!(resent.code, 0, "{resent}");
    let mut killed = sheet.start(&["-q"]);
    let begun = Instant::now();
    while server.read() < 2 && begun.elapsed() < Duration::from_secs(20) {
        sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait();
    let codes = |lines: &[Value]| -> Vec<_> {
        let told =
            |one: &Value| (one["state"].as_str().unwrap().to_owned(), one["exit_code"].clone());
        lines.iter().map(told).collect()
    };
    let ended = |code: Value| ("ended".to_owned(), code);
    let cut_off = ("cut_off".to_owned(), Value::Null);
    let so_far = [ended(5.into()), ended(2.into()), ended(Value::Null), cut_off.clone()];
    assert_eq!(codes(&history(&sheet)), so_far, "a resolve gives no code");
    assert_eq!(sheet.run(&["-q"]).code, 5, "what was under way is in doubt");
    let after = [&so_far[..3], &[cut_off, ended(5.into())]].concat();
    assert_eq!(codes(&history(&sheet)), after, "nobody knows when it died");
    let told = sheet.call("status", &["--history"]);
    assert!(told.out.lines().next().unwrap().contains("  exit 5  process "), "{told}");
    assert!(told.out.lines().nth(3).unwrap().contains("  cut off  process "), "{told}");
}

#[test]
fn the_report_draws_when_creating_was_held_back_and_says_why() {
    let server = Rude::start(|n, c| match n {
        0 => answer(c, "429 Too Many Requests", "retry-after: 3\r\n", ""),
        n => answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\"}}")),
    });
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let run = sheet.run(&[]);
    assert_eq!(run.code, 0, "{run}");
    let page = sheet.run_folder().join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    assert!(text.contains("Creating held back"), "no lane for it");
    assert!(text.contains("): 429 from the API</li>"), "no reason");
    let pauses = "SELECT code, reason, ended - began FROM pauses";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (code, reason, lasted): (String, String, i64) =
        ledger(&sheet).query_row(pauses, (), read).unwrap();
    assert_eq!((&*code, &*reason), ("asked", "429 from the API"));
    assert!((1_000..6_000).contains(&lasted), "{lasted}");
    // Made again, it is the same.
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert!(fs::read_to_string(&page).unwrap() == text);
}
