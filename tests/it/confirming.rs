//! A large or dear run asks before it spends anything.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use callsheet_mock::{Failure, FailureCode, MockApi, Scenario, Work};

use crate::child::{Running, said};
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::speeches::{Speeches, measure};

/// Nobody said yes beforehand.
pub(crate) fn unasked(mut command: Command) -> Command {
    command.env_remove("CALLSHEET_YES");
    command
}

fn run(sheet: &Sheet, options: &[&str]) -> Said {
    said(&mut unasked(sheet.run_command(options)))
}

/// On a terminal, on which somebody types this.
pub(crate) fn answered(command: &Command, answer: &str) -> Said {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.arg("-qec").arg(format!("exec {}", words.join(" "))).arg("/dev/null");
    script.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TERM", "xterm");
    script.env("CALLSHEET_API_KEY", KEY).current_dir(command.get_current_dir().unwrap());
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = Running::start(&mut script);
    run.stdin.as_mut().unwrap().write_all(answer.as_bytes()).unwrap();
    run.said()
}

fn three(settings: &str) -> (MockApi, Sheet) {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), settings);
    (api, sheet)
}

#[test]
fn on_a_terminal_only_yes_goes_on() {
    for (answer, code) in [
        ("y\n", 0),
        ("YES\n", 0),
        ("n\n", 2),
        ("\n", 2),
        ("yet\n", 2),
        ("maybe y\n", 2),
        ("\u{4}", 2),
    ] {
        let (api, sheet) = three("confirm_pairs: 2");
        let said = answered(&sheet.run_command(&[]), answer);
        assert_eq!(said.code, code, "{answer:?}: {said}");
        let question = "Send 3 paid requests (3 recordings not measured)? [y/N] ";
        assert!(said.out.contains(question), "{said}");
        let sent = if code == 0 { 3 } else { 0 };
        assert_eq!(api.book().creates_read, sent, "{answer:?}");
        assert_eq!(said.out.contains("nothing was sent"), code == 2, "{said}");
    }
}

#[test]
fn without_a_terminal_it_has_to_be_said_before() {
    let (api, sheet) = three("confirm_pairs: 2");
    let said = run(&sheet, &[]);
    assert_eq!(said.code, 2, "{said}");
    let why = "3 creates (3 recordings not measured) would be sent, \
        which is more than `confirm_pairs`, 2";
    assert!(said.err.contains(why), "{said}");
    assert!(said.err.contains("hint: give --yes if that is meant"), "{said}");
    for no in ["0", "false", ""] {
        let mut command = unasked(sheet.run_command(&[]));
        assert_eq!(crate::child::said(command.env("CALLSHEET_YES", no)).code, 2, "{no:?}");
    }
    assert_eq!(run(&sheet, &["--json"]).code, 2);
    assert_eq!(answered(&sheet.run_command(&["--json"]), "y\n").code, 2);
    assert_eq!(api.book().creates_read, 0);
    assert_eq!(run(&sheet, &["--yes"]).code, 0);
    assert_eq!(api.book().creates_read, 3);
}

#[test]
fn what_is_small_dry_or_confirmed_is_not_asked_about() {
    let (api, sheet) = three("confirm_pairs: 2");
    assert_eq!(run(&sheet, &["--mock"]).code, 0, "a rehearsal costs nothing");
    assert_eq!(run(&sheet, &["--limit", "2"]).code, 4);
    assert_eq!(api.book().creates_read, 2);
    assert_eq!(run(&sheet, &[]).code, 0, "one is left");
    let (api, sheet) = three("confirm_pairs: 3");
    assert_eq!(run(&sheet, &[]).code, 0, "no more than the limit");
    assert_eq!(api.book().creates_read, 3);
    let (_api, sheet) = three("confirm_pairs: 0");
    let mut command = unasked(sheet.run_command(&[]));
    assert_eq!(said(command.env("CALLSHEET_YES", "1")).code, 0);
}

fn speeches(settings: &str, millis: &[u64]) -> (MockApi, Speeches, Sheet) {
    let (api, speeches) = (fake(Scenario::default()), Speeches::start());
    let sheet = speeches.batch(api.url(), settings, millis);
    measure(&sheet);
    (api, speeches, sheet)
}

#[test]
fn a_dear_run_is_asked_about_too() {
    let price = "price_per_second: 0.16\nconfirm_cost: 0.80";
    for (settings, millis, why) in [
        (price, &[3_000, 2_000][..], None),
        (
            price,
            &[3_000, 2_001],
            Some("2 creates, 6 s, 0.96 would be sent, which is more than `confirm_cost`, 0.80"),
        ),
        ("confirm_cost: 5s", &[3_000, 2_000], None),
        (
            "confirm_cost: 5s",
            &[3_000, 2_001],
            Some("2 creates, 6 s would be sent, which is more than `confirm_cost`, 5 s"),
        ),
        // What is not known may be as long as the server takes: 30 s.
        ("confirm_cost: 32s", &[2_000, 0], None),
        (
            "confirm_cost: 31s",
            &[2_000, 0],
            Some(
                "2 creates, 2 s (1 recording not measured) would be sent, which may be more than `confirm_cost`, 31 s",
            ),
        ),
    ] {
        let (api, _speeches, sheet) = speeches(settings, millis);
        let said = run(&sheet, &[]);
        assert_eq!(said.code, if why.is_some() { 2 } else { 0 }, "{settings}: {said}");
        assert!(said.err.contains(why.unwrap_or_default()), "{said}");
        assert_eq!(api.book().creates_read, if why.is_some() { 0 } else { 2 });
    }
}

#[test]
fn failed_pairs_that_are_tried_again_count_and_stay_failed_on_no() {
    let failures = vec![Failure { code: FailureCode::ServiceError, share: None, matching: None }];
    let api = fake(Scenario { failures, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "confirm_pairs: 1");
    assert_eq!(sheet.run_whole(&["--limit", "2"]).code, 4);
    assert_eq!(run(&sheet, &["--limit", "1"]).code, 3);
    assert_eq!(sheet.run_whole(&[]).code, 3);
    let rows = fs::read(sheet.run_folder().join("tasks.csv")).unwrap();
    for retry in ["--retry-failed", "--retry-failed=pair-0,PAIR-1"] {
        let said = answered(&sheet.run_command(&[retry]), "n\n");
        assert_eq!(said.code, 2, "{said}");
        assert_eq!(run(&sheet, &[retry]).code, 2);
    }
    sheet.call("report", &[]);
    assert_eq!(fs::read(sheet.run_folder().join("tasks.csv")).unwrap(), rows);
    assert_eq!(api.book().creates_read, 3);
    // No more than one of them is sent.
    assert_eq!(run(&sheet, &["--retry-failed", "--limit", "1"]).code, 4);
    assert_eq!(api.book().creates_read, 4);
}
