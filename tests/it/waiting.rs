//! From a task to its end: every dialect, every oddity, never in a flood, and never for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use callsheet_mock::{
    Account, Dialect, Failure, FailureCode, Fault, MockApi, On, Rule, Scenario, Span, Work,
};

use crate::child::Running;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Sheet, fake, side_by_side};
use crate::stops::until;

fn at_once() -> Scenario {
    Scenario { work: Work::AtOnce, ..Scenario::default() }
}

fn change(api: &MockApi, scenario: Scenario) {
    api.set_scenario(Scenario { keys: vec![Account::new(KEY)], ..scenario });
}

#[test]
fn every_dialect_ends_in_a_video() {
    side_by_side([Dialect::Foxapi, Dialect::FoxapiOlder, Dialect::Evolink], |dialect| {
        let api = fake(at_once());
        let sheet = Sheet::pairs(3, api.url(), "");
        assert_eq!(sheet.run(&[]).code, 0);
        change(&api, Scenario { dialect, ..at_once() });
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{dialect:?}: {said}");
        for row in sheet.rows().values() {
            assert!(row["video_url"].contains("/output/"), "{dialect:?}: {row:?}");
            assert!(sheet.run_folder().join(&row["video_path"]).is_file());
        }
    });
}

#[test]
fn completed_without_results_is_asked_again() {
    let api = fake(Scenario { race: 3, ..at_once() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    assert_eq!(sheet.states()["saved"], 2);
    assert_eq!(polls(&api).len(), 8, "three for nothing and one that tells, for each");
}

/// The times of all polls, in milliseconds.
fn polls(api: &MockApi) -> Vec<u64> {
    let polls = api.journal().into_iter().filter(|seen| seen.target.starts_with("/v1/tasks/"));
    polls.map(|seen| seen.unix_millis).collect()
}

#[test]
fn one_poll_that_went_wrong_means_nothing() {
    let faults = [
        Fault::Status408,
        Fault::Status429,
        Fault::Status429Bare,
        Fault::Status500,
        Fault::Status524Html,
        Fault::ResetAfterRead,
        Fault::Truncated,
        Fault::Garbage,
        Fault::Html,
        Fault::Empty,
    ];
    side_by_side(faults, |fault| {
        let faults = vec![Rule::new(fault).on(On::Poll).first(2)];
        let api = fake(Scenario { faults, ..at_once() });
        let sheet = Sheet::pairs(1, api.url(), "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{fault:?}: {said}");
        assert_eq!(sheet.states()["saved"], 1, "{fault:?}");
    });
}

#[test]
fn a_key_that_dies_while_waiting_ends_the_run_and_loses_nothing() {
    side_by_side(["401 No", "402 Pay", "403 Never"], |status| {
        let server = Rude::any(move |request, connection| match request.starts_with("POST") {
            true => answer(connection, "200 OK", "", "{\"id\":\"t1\"}"),
            false => answer(connection, status, "", &format!("{{\"error\":\"no {KEY}\"}}")),
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 7, "{status}: {said}");
        assert_eq!(sheet.states()["created"], 1);
        assert!(!said.to_string().contains(KEY), "{said}");
    });
}

#[test]
fn an_unknown_status_is_waited_out_and_warned_of_once_and_at_once() {
    let awake = Arc::new(AtomicBool::new(false));
    let sleeper = awake.clone();
    let server = Rude::start(move |_, connection| {
        let awake = sleeper.load(Ordering::SeqCst);
        let status = if awake { "cancelled" } else { "dreaming\\u001b[2J" };
        answer(connection, "200 OK", "", &format!("{{\"id\":\"t1\",\"status\":\"{status}\"}}"));
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let log = sheet.folder().join("said");
    let mut command = sheet.whole(&[]);
    let mut run = Running::start(command.stderr(fs::File::create(&log).unwrap()));
    let warnings = || fs::read_to_string(&log).unwrap().matches("unknown status").count();
    until("a warning while the task goes on", || warnings() > 0);
    awake.store(true, Ordering::SeqCst);
    assert_eq!(run.wait().code(), Some(3));
    assert_eq!(warnings(), 1);
    assert!(!fs::read_to_string(&log).unwrap().contains('\u{1b}'));
    assert_eq!(sheet.rows()["pair-0"]["error_code"], "request_cancelled");
}

#[test]
fn a_task_that_the_server_does_not_know_is_given_up_after_a_while() {
    let sheet = Sheet::job("demo.yaml");
    assert_eq!(sheet.call("run", &["--mock", "--until", "created"]).code, 0);
    // The fake of the next rehearsal has never heard of them.
    let said = sheet.call("run", &["--mock"]);
    assert_eq!(said.code, 3, "{said}");
    assert!(said.out.contains("\n5 failed; "), "{said}");
    assert!(said.err.contains("task_not_found: the server knows no such task"), "{said}");
}

#[test]
fn failed_tasks_are_created_again_only_by_the_users_word() {
    let fails =
        |code, pattern: &str| Failure { code, share: None, matching: Some(pattern.to_owned()) };
    let failures = vec![
        fails(FailureCode::GenerationTimeout, "/1.jpg"),
        fails(FailureCode::ContentPolicyViolation, "/2.jpg"),
    ];
    let api = fake(Scenario { failures, ..at_once() });
    let sheet = Sheet::pairs(3, api.url(), "price_per_second: 0.5");
    let said = sheet.run_whole(&[]);
    assert_eq!((said.code, api.book().entries.len()), (3, 3), "{said}");
    let row = &sheet.rows()["pair-1"];
    assert_eq!(row["error_code"], "generation_timeout");
    assert_eq!(row["error"], "the task failed at the server");
    let first_task = row["task_id"].clone();
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!(api.book().entries.len(), 3, "created again without a word");
    change(&api, at_once());
    let said = sheet.run_whole(&["--retry-failed"]);
    assert_eq!((said.code, api.book().entries.len()), (3, 4), "{said}");
    let cost = "1 failed pair to be created again, each paid for as a new one; their recordings \
        were not measured";
    assert!(said.err.contains(cost), "{said}");
    let states: BTreeMap<_, _> =
        sheet.rows().into_iter().map(|(id, r)| (id, r["state"].clone())).collect();
    assert_eq!((states["pair-1"].as_str(), states["pair-2"].as_str()), ("saved", "failed"));
    assert_ne!(sheet.rows()["pair-1"]["task_id"], first_task);
    let wrong = sheet.run_whole(&["--retry-failed=pair-2,pair-0"]);
    assert_eq!((wrong.code, api.book().entries.len()), (2, 4), "one of them is saved: {wrong}");
    assert_eq!(sheet.run_whole(&["--retry-failed=pair-2"]).code, 0);
    assert_eq!(api.book().entries.len(), 5);
}

#[test]
fn no_more_tasks_are_unfinished_than_allowed() {
    side_by_side([true, false], |whole| {
        let api = fake(Scenario { work: Work::Elapsed(Span::millis(700)), ..Scenario::default() });
        let sheet = Sheet::pairs(6, api.url(), "in_flight: 2\nconcurrency: 4");
        let run = if whole { Sheet::run_whole } else { Sheet::run_fast };
        let said = run(&sheet, &[]);
        assert_eq!(said.code, 0, "{said}");
        let times: Vec<_> = api.book().entries.iter().map(|entry| entry.unix_millis).collect();
        assert_eq!(times.len(), 6);
        for pair in times.windows(3) {
            assert!(pair[2] >= pair[0] + 700, "a third task while two were unfinished: {times:?}");
        }
    });
}

/// The most of these times that lie within one window.
fn most_within(times: &[u64], millis: u64) -> usize {
    let within = |from: &u64| times.iter().filter(|at| (*from..from + millis).contains(at)).count();
    times.iter().map(within).max().unwrap()
}

#[test]
fn two_thousand_waiting_tasks_are_no_flood() {
    // They fail in the end, so that nothing but polls is under way.
    let fails = Failure { code: FailureCode::InvalidParameters, share: None, matching: None };
    let work = Work::Polls(1);
    let api = fake(Scenario { work, failures: vec![fails], journal: 5000, ..Scenario::default() });
    let sheet = Sheet::pairs(2000, api.url(), "concurrency: 32");
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(api.state().tasks.pending, 2000, "all are in flight at once");
    // The server expected nearly all of them to be done by now: they are due at the same moment.
    let said = sheet.run_whole(&["-q", "--poll-rate", "500/s"]);
    assert_eq!((said.code, sheet.states()["failed"]), (3, 2000), "{said}");
    let mut asked = BTreeMap::<String, u32>::new();
    for seen in api.journal().into_iter().filter(|seen| seen.target.starts_with("/v1/tasks/")) {
        *asked.entry(seen.target).or_default() += 1;
    }
    assert_eq!(asked.len(), 2000, "a task was never asked for");
    assert!(asked.values().all(|times| *times == 1), "asked for again after its end");
    let times = polls(&api);
    let (second, tenth) = (most_within(&times, 1000), most_within(&times, 100));
    let took = times.last().unwrap() - times[0];
    println!("2,000 polls in {took} ms at 500/s: {second} in a second, {tenth} in a tenth at most");
    // Both ends of a window may lie on a poll, and some arrive a little late.
    assert!(second <= 525, "{second} polls in a second");
    // Requests that wait for a busy machine arrive together.
    assert!(tenth <= 100, "{tenth} polls in a tenth of a second");
    let tenths: std::collections::BTreeSet<_> = times.iter().map(|at| at / 100).collect();
    let all = usize::try_from(took / 100).unwrap();
    assert!(tenths.len() * 10 >= all * 8, "polls in {} of {all} tenths of a second", tenths.len());
}

#[test]
fn a_deadline_ends_the_run_with_work_left_and_the_same_command_continues() {
    let api = fake(Scenario { work: Work::Polls(100_000), ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    let said = sheet.run_whole(&["--wait-for", "2s"]);
    assert_eq!(said.code, 4, "{said}");
    assert!(said.err.contains("the time of --wait-for is over"), "{said}");
    assert!(said.err.contains("give the same command again"), "{said}");
    assert_eq!(sheet.states()["created"], 2);
    assert_eq!(sheet.call("status", &[]).code, 4);
    change(&api, at_once());
    assert_eq!(sheet.run_whole(&[]).code, 0);
    assert_eq!(api.book().entries.len(), 2);
}

#[test]
fn a_used_up_balance_ends_creates_while_waiting_and_fetching_go_on() {
    let api = futures::executor::block_on(MockApi::start(Scenario {
        keys: vec![Account { balance: Some(2), ..Account::new(KEY) }],
        work: Work::Polls(3),
        ..Scenario::default()
    }));
    let api = api.unwrap();
    let sheet = Sheet::pairs(5, api.url(), "concurrency: 1");
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 7, "{said}");
    assert_eq!((sheet.states()["saved"], sheet.states()["planned"]), (2, 3));
}

#[test]
fn tasks_made_elsewhere_are_adopted_and_fetched() {
    let api = fake(at_once());
    let elsewhere = Sheet::pairs(2, api.url(), "");
    assert_eq!(elsewhere.run(&[]).code, 0);
    let sheet = Sheet::pairs(2, api.url(), "");
    let csv = sheet.folder().join("tasks.csv");
    fs::copy(elsewhere.run_folder().join("tasks.csv"), &csv).unwrap();
    let mut adopt = sheet.command("adopt", &["tasks.csv"]);
    let said = crate::child::said(adopt.env("CALLSHEET_API_KEY", KEY));
    assert_eq!(said.code, 0, "{said}");
    assert!(said.out.starts_with("2 tasks taken over; now 2 created"), "{said}");
    let said = sheet.run_whole(&[]);
    assert_eq!((said.code, api.book().entries.len()), (0, 2), "{said}");
    assert_eq!(sheet.rows()["pair-1"]["task_id"], elsewhere.rows()["pair-1"]["task_id"]);
}
