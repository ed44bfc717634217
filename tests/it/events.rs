//! Looking back: `events`, the lists of `status`, and readers that go away.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use callsheet_mock::{Failure, FailureCode, Fault, MockApi, Rule, Scenario, Span, Work};
use serde_json::{Value, json};

use crate::child::Running;
use crate::sheet::{Said, Sheet, fake};

/// Three pairs, of which one is saved, one failed and one was rejected.
fn mixed() -> (MockApi, Sheet) {
    let matching = Some("*/1.jpg*".to_owned());
    let failures = vec![Failure { code: FailureCode::ServiceError, share: None, matching }];
    let faults = vec![Rule::new(Fault::Status400).matching("*/2.jpg*")];
    let api = fake(Scenario { failures, faults, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    let run = sheet.run_whole(&["--concurrency", "1"]);
    assert_eq!(run.code, 3, "{run}");
    (api, sheet)
}

fn lines(said: &Said) -> Vec<&str> {
    assert_eq!((said.code, &*said.err), (0, ""), "{said}");
    said.out.lines().collect()
}

/// What stands behind the time and the pair.
fn words<'s>(said: &'s Said, id: &str) -> Vec<&'s str> {
    let of_pair = |line: &&'s str| line.split("  ").nth(1) == Some(id);
    lines(said)
        .into_iter()
        .filter(of_pair)
        .map(|line| line.splitn(3, "  ").nth(2).unwrap())
        .collect()
}

#[test]
fn events_say_what_happened_and_why() {
    let (_api, sheet) = mixed();
    let all = sheet.call("events", &[]);
    let saved = words(&all, "pair-0");
    assert!(saved[1].starts_with("created, task task-unified-"), "{all}");
    assert_eq!(
        [saved[0], saved[2], saved[3]],
        ["its create is sent", "the server has its video", "saved"]
    );
    assert!(words(&all, "pair-1").last().unwrap().starts_with("failed at the server: "), "{all}");
    assert!(words(&all, "pair-2")[1].starts_with("rejected: invalid_image_url: "), "{all}");
    let one = sheet.call("events", &["--id", "PAIR-2"]);
    assert_eq!(lines(&one).len(), words(&all, "pair-2").len());
    let last = sheet.call("events", &["--last", "2"]);
    assert_eq!(lines(&last)[..], lines(&all)[lines(&all).len() - 2..]);
    let last = sheet.call("events", &["--last", "1", "--id", "pair-2"]);
    assert_eq!(lines(&last), words_of_last(&one));
    let json = sheet.call("events", &["--json"]);
    assert_eq!(json.out, fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap());
    let unknown = sheet.call("events", &["--id", "pear-2"]);
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(unknown.err.contains("nearest to 'pear-2': pair-2"), "{unknown}");
}

fn words_of_last(said: &Said) -> Vec<&str> {
    lines(said).last().copied().into_iter().collect()
}

/// A program under way, and its lines as they come.
fn reading(mut command: std::process::Command) -> (Running, impl Iterator<Item = String>) {
    let mut running = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
    let output = BufReader::new(running.stdout.take().unwrap());
    (running, output.lines().map(Result::unwrap))
}

#[test]
fn events_are_followed_while_a_run_goes_on_and_end_with_their_reader() {
    let api = fake(Scenario { work: Work::Polls(3), ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    let (mut following, mut lines) = reading(sheet.command("events", &["--follow", "--last", "1"]));
    assert!(lines.next().unwrap().contains("pair-0  created, task "), "what was last");
    let run = sheet.start_whole(&[]);
    let saved = lines.by_ref().filter(|line| line.ends_with("  saved")).take(2).count();
    assert_eq!((saved, run.said().code), (2, 0));
    drop(lines);
    assert_eq!(following.wait().code(), Some(0), "nobody reads it any more");
}

#[test]
fn a_status_that_nobody_watches_ends() {
    let work = Work::Elapsed(Span::secs(600));
    let api = fake(Scenario { work, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let (mut watching, mut lines) = reading(sheet.command("status", &["--watch"]));
    assert_eq!(lines.next().unwrap(), "1 created");
    drop(lines);
    assert_eq!(watching.wait().code(), Some(4));
}

#[test]
fn status_lists_pairs_by_state_with_the_reasons() {
    let (_api, sheet) = mixed();
    let listed = sheet.call("status", &["--state", "rejected,failed"]);
    let listed: Vec<_> = listed.out.lines().collect();
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[0].starts_with("pair-1  failed  service_error: "), "{listed:?}");
    assert!(listed[1].starts_with("pair-2  rejected  invalid_image_url: "), "{listed:?}");
    let json = sheet.call("status", &["--state", "saved", "--json"]);
    let rows: Vec<Value> = json.out.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(rows.len(), 1, "{json}");
    assert_eq!((&rows[0]["id"], json.code), (&json!("pair-0"), 3));
    assert_eq!(sheet.call("status", &["--state", "planned"]).out, "");
    let unknown = sheet.call("status", &["--state", "refused"]);
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(unknown.err.contains("a state is one of planned, "), "{unknown}");
}

#[test]
fn status_tells_the_budget_and_who_worked_on_the_batch() {
    let (_api, sheet) = mixed();
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, yaml + "price_per_second: 0.16\nbudget: 50\n").unwrap();
    let status = sheet.call("status", &[]);
    assert!(status.out.contains("\nbudget 50.00: "), "{status}");
    let json = sheet.call("status", &["--json"]).json();
    assert_eq!(json["budget"]["of"], sheet.run_whole(&["--json"]).json()["budget"]["of"]);
    let history = sheet.call("status", &["--history"]);
    let lines = lines(&history);
    assert_eq!(lines.len(), 2, "two runs: {history}");
    assert!(lines.iter().all(|line| line.contains(" UTC  ") && line.contains("  process ")));
    let json = sheet.call("status", &["--history", "--json"]);
    let first: Value = serde_json::from_str(json.out.lines().next().unwrap()).unwrap();
    assert_eq!(first["state"], "ended");
    // What the manifest says is not needed for the rest.
    fs::write(&sheet.manifest, "pairs: [").unwrap();
    let status = sheet.call("status", &[]);
    assert_eq!(status.code, 3, "{status}");
    assert!(!status.out.contains("budget"), "{status}");
}
