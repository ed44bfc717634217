//! What ends a run early: signals, a dead account, another run, and a machine that fails. Always
//! with everything written down, and always to be continued by the same command.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use callsheet_mock::{Account, Fault, Latency, MockApi, Rule, Scenario, Span};
use futures::executor::block_on;

use crate::child::{Running, said};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, stable};

fn slow() -> Scenario {
    Scenario { latency: Latency::Fixed(Span::millis(400)), ..Scenario::default() }
}

pub(crate) fn signal(run: &Running, name: &str) {
    let sent = Command::new("kill").args([name, &run.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

pub(crate) fn until(what: &str, happened: impl Fn() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(20), "never happened: {what}");
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_first_signal_drains_and_the_same_command_continues() {
    for name in ["-INT", "-TERM", "-HUP"] {
        let api = fake(slow());
        let sheet = Sheet::pairs(12, api.url(), "concurrency: 3");
        let run = sheet.start(&[]);
        until("a create", || api.book().creates_read >= 3);
        signal(&run, name);
        let said = run.said();
        assert_eq!(said.code, 4, "{said}");
        assert!(said.err.contains("callsheet run batch.yaml --until created"), "{said}");
        let sent = api.book().entries.len();
        assert!((3..12).contains(&sent), "{sent} sent");
        assert_eq!(sheet.states()["created"], sent, "an answer was not waited for: {said}");
        assert_eq!(sheet.states()["planned"], 12 - sent);
        assert_eq!(sheet.run(&[]).code, 0);
        assert_eq!((api.book().entries.len(), api.book().duplicates().len()), (12, 0));
    }
}

#[test]
fn the_second_signal_stops_at_once_and_nothing_is_lost() {
    let faults = vec![Rule::new(Fault::HangAfterAccept)];
    let api = fake(Scenario { faults, ..Scenario::default() });
    let sheet = Sheet::pairs(5, api.url(), "concurrency: 2");
    let run = sheet.start(&[]);
    until("two creates", || api.book().entries.len() == 2);
    signal(&run, "-INT");
    sleep(Duration::from_millis(300));
    signal(&run, "-INT");
    let begun = Instant::now();
    let said = run.said();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(said.code, 130, "{said}");
    assert!(said.err.contains("2m at most for the answers of 2 creates (Ctrl-C again: stop now; 2 creates become in doubt)"), "{said}");
    assert!(said.err.contains("stopped; 2 creates unanswered, now in doubt (pair-0, pair-1): callsheet status batch.yaml"), "{said}");
    assert_eq!(sheet.states()["in_doubt"], 2, "it is written down at once");
    let doubts = sheet.run(&["--limit", "0"]);
    assert_eq!(doubts.code, 5, "{doubts}");
    assert_eq!(sheet.states()["in_doubt"], 2);
    assert_eq!(api.book().entries.len(), 2, "sent again");
}

#[test]
fn what_had_not_left_when_a_second_signal_came_is_not_in_doubt() {
    // Takes connections and never shakes hands, so that nothing can be sent.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let sheet = Sheet::pairs(5, &endpoint, "concurrency: 2");
    let run = sheet.start(&[]);
    let _silent = listener.accept().unwrap();
    signal(&run, "-TERM");
    sleep(Duration::from_millis(500));
    signal(&run, "-TERM");
    let said = run.said();
    assert_eq!((said.code, sheet.states()["planned"]), (130, 5), "{said}");
    assert!(said.err.contains("no create was waiting for its answer"), "{said}");
}

#[test]
fn two_signals_within_a_moment_are_one() {
    let api = fake(slow());
    let sheet = Sheet::pairs(6, api.url(), "concurrency: 2");
    let run = sheet.start(&[]);
    until("a create", || api.book().creates_read >= 2);
    signal(&run, "-INT");
    signal(&run, "-INT");
    let said = run.said();
    assert_eq!(said.code, 4, "{said}");
    assert!(!sheet.states().contains_key("in_doubt"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_hangup_that_was_ignored_from_the_start_stays_ignored() {
    let api = fake(slow());
    let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
    let program = sheet.run_command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(program.get_program());
    shell.args(program.get_args()).current_dir(sheet.folder()).env("CALLSHEET_API_KEY", KEY);
    let run = Running::start(shell.stdout(Stdio::piped()).stderr(Stdio::piped()));
    until("a create", || api.book().creates_read >= 1);
    signal(&run, "-HUP");
    let said = run.said();
    assert_eq!((said.code, sheet.states()["created"]), (0, 4), "{said}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    let mut command = sheet.run_command(&[]);
    let mut run = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    drop(run.stdout.take());
    drop(run.stderr.take());
    assert_eq!(run.wait().code(), Some(0));
    assert_eq!(sheet.states()["created"], 3);
}

/// A dead account, however it is dressed: status and body.
const DEAD: &[(&str, &str)] = &[
    ("401 Unauthorized", ""),
    ("403 Forbidden", "error code: 1010"),
    ("402 Payment Required", ""),
    ("429 Too Many Requests", r#"{"error":{"code":"insufficient_quota","message":"top up"}}"#),
    ("403 Forbidden", r#"{"error":{"type":"insufficient_user_quota","code":4030}}"#),
    ("400 Bad Request", r#"{"error":{"code":402,"message":"no credits left"}}"#),
    ("500 Error", r#"{"error":{"code":"quota_exceeded","message":"credits"}}"#),
];

#[test]
fn a_dead_account_stops_all_creates_and_leaves_the_rest_planned() {
    for (status, body) in DEAD {
        let server = Rude::start(move |_, c| {
            sleep(Duration::from_millis(20));
            answer(c, status, "", body);
        });
        let sheet = Sheet::pairs(40, &server.url, "concurrency: 4");
        let said = sheet.run(&[]);
        assert_eq!(said.code, 7, "{status} {body}: {said}");
        assert!(server.read() <= 8, "{status}: {} creates after the account died", server.read());
        assert_eq!(sheet.states()["planned"], 40, "{status} {body}");
        assert_eq!(said.err.matches("error:").count(), 1, "{said}");
    }
}

#[test]
fn after_a_top_up_the_same_command_continues() {
    let account = Account { balance: Some(3), ..Account::new(KEY) };
    let poor = Scenario { keys: vec![account], ..Scenario::default() };
    let api = block_on(MockApi::start(poor)).unwrap();
    let sheet = Sheet::pairs(8, api.url(), "concurrency: 1");
    let broke = sheet.run(&[]);
    stable(|| insta::assert_snapshot!("balance_used_up", broke));
    assert_eq!((sheet.states()["created"], sheet.states()["planned"]), (3, 5));
    let other = fake(Scenario::default());
    let refused = sheet.run(&["--endpoint", other.url()]);
    assert_eq!(refused.code, 2, "a ledger belongs to one endpoint: {refused}");
    assert!(refused.err.contains("belongs to"), "{refused}");
    assert_eq!(other.book().creates_read, 0);
}

#[test]
fn the_second_run_is_told_who_has_the_ledger_while_status_and_report_work() {
    let api = fake(slow());
    let sheet = Sheet::pairs(9, api.url(), "concurrency: 3");
    let first = sheet.start(&[]);
    until("a create", || api.book().creates_read >= 3);
    let second = sheet.run(&[]);
    assert_eq!(second.code, 11, "{second}");
    assert!(second.err.contains(&format!("process {}", first.id())), "{second}");
    let status = sheet.call("status", &["--json"]).json();
    assert!(status["states"]["planned"].as_u64().unwrap() > 0, "{status}");
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(sheet.call("plan", &[]).code, 0);
    assert_eq!(first.said().code, 0);
    assert_eq!((sheet.rows().len(), api.book().entries.len()), (9, 9));
}

#[test]
fn a_lock_left_by_a_dead_process_does_not_block() {
    let faults = vec![Rule::new(Fault::HangAfterAccept).first(1)];
    let api = fake(Scenario { faults, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    let mut run = sheet.start(&[]);
    until("a create", || api.book().entries.len() == 1);
    run.kill().unwrap();
    run.wait();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    assert!(said.err.contains("cut off with 1 create under way"), "{said}");
}

/// Runs with a limit of the shell's.
fn limited(sheet: &Sheet, limit: &str) -> Said {
    let program = sheet.run_command(&["--yes"]);
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{limit}; exec \"$0\" \"$@\""));
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(sheet.folder()).env_clear().env("CALLSHEET_API_KEY", KEY);
    said(shell.stdin(Stdio::null()))
}

#[test]
fn a_disk_that_fills_up_stops_the_run_before_it_sends_what_it_cannot_record() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3000, api.url(), "concurrency: 16");
    // In blocks of 512 bytes: room for the listing and some creates, not for all events.
    let said = limited(&sheet, "ulimit -f 4000");
    assert_eq!(said.code, 1, "{said}");
    let booked = api.book().entries.len();
    assert!((1..3000).contains(&booked), "{booked} booked: {said}");
    let known = sheet.call("status", &["--json"]).json()["states"]["created"].as_u64().unwrap();
    let told = said.err.matches("which could not be recorded").count();
    assert_eq!(known as usize + told, booked, "an id is lost: {said}");
    let again = sheet.run(&[]);
    assert!([0, 5].contains(&again.code), "{again}");
    let states = sheet.states();
    let doubts = states.get("in_doubt").copied().unwrap_or(0);
    assert!(doubts <= 16, "{states:?}");
    assert!(api.book().duplicates().is_empty());
    assert_eq!(states["created"] + doubts, 3000);
}

#[test]
fn a_disk_that_is_full_from_the_start_sends_nothing() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(50, api.url(), "");
    let said = limited(&sheet, "ulimit -f 8");
    assert_eq!((said.code, api.book().creates_read), (1, 0), "{said}");
    assert_eq!(sheet.run(&[]).code, 0, "and nothing has to be cleaned up");
}

#[test]
#[cfg(target_os = "linux")]
fn an_event_log_that_takes_nothing_stops_the_run() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(50, api.url(), "concurrency: 2");
    std::fs::create_dir(sheet.run_folder()).unwrap();
    let log = sheet.run_folder().join("events.jsonl");
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.err.contains("events.jsonl"), "{said}");
    assert!(api.book().creates_read <= 4, "{} creates went on", api.book().creates_read);
    std::fs::remove_file(&log).unwrap();
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!((api.book().entries.len(), api.book().duplicates().len()), (50, 0));
}

#[test]
fn without_file_descriptors_nothing_is_sent_and_the_reason_is_said() {
    let api = fake(Scenario::default());
    for files in [6, 10, 12, 14, 16, 18] {
        let sheet = Sheet::pairs(4, api.url(), "concurrency: 4");
        let before = api.book().creates_read;
        let said = limited(&sheet, &format!("ulimit -n {files}"));
        let sent = api.book().creates_read - before;
        assert!(!said.err.contains("panicked"), "{files}: {said}");
        match said.code {
            0 => assert_eq!(sent, 4),
            code => {
                assert_eq!(code, 1, "{files}: {said}");
                assert!(
                    said.err.contains("files") || said.err.contains("unable to open"),
                    "{said}"
                );
            }
        }
        assert_eq!(sheet.run(&[]).code, 0, "{files}");
    }
    assert!(api.book().duplicates().len() <= 4, "the same four pairs, once per sheet");
}
