//! What a run starts and tells: `--exec` for each saved video, `--on-end` and `--notify` at its end.
#![cfg(unix)]

use std::fs;
use std::time::{Duration, Instant};

use callsheet_mock::{Fault, MockApi, Rule, Scenario, Work};
use serde_json::{Value, json};

use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Sheet, fake};
use crate::stops::{signal, until};

fn batch(pairs: usize) -> (MockApi, Sheet) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(pairs, api.url(), "");
    (api, sheet)
}

/// A command of a shell that is given the file and the pair as `$1` and `$2`.
fn shell(script: &str) -> String {
    format!("sh -c '{script}' hook {{path}} {{id}}")
}

fn lines(sheet: &Sheet, file: &str) -> Vec<String> {
    let text = fs::read_to_string(sheet.folder().join(file)).unwrap_or_default();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_command_is_started_once_for_each_saved_video() {
    let (_api, sheet) = batch(5);
    let exec = shell(
        "test -s \"$1\" && test -z \"$CALLSHEET_API_KEY\" && echo \"$2 $1\" >> log; \
         echo noise; echo noise >&2",
    );
    let first = sheet.run_whole(&["--exec", &exec, "--limit", "3"]);
    assert_eq!(first.code, 4, "{first}");
    assert!(!first.out.contains("noise") && !first.err.contains("--exec failed"), "{first}");
    let folder = fs::canonicalize(sheet.run_folder()).unwrap();
    let line = |n: usize| format!("pair-{n} {}/videos/pair-{n}.mp4", folder.display());
    let expected = |pairs: usize| (0..pairs).map(line).collect::<Vec<_>>();
    assert_eq!(lines(&sheet, "log"), expected(3));
    let second = sheet.run_whole(&["--exec", &exec]);
    assert_eq!((second.code, lines(&sheet, "log")), (0, expected(5)), "{second}");
    // What was saved before is not saved again.
    assert_eq!(sheet.run_whole(&["--exec", &exec]).code, 0);
    assert_eq!(lines(&sheet, "log"), expected(5));
    fs::remove_file(folder.join("videos/pair-1.mp4")).unwrap();
    assert_eq!(sheet.run_whole(&["--exec", &exec]).code, 0);
    assert_eq!(lines(&sheet, "log").len(), 6, "it was saved once more");
}

#[test]
fn so_many_at_once_and_no_more() {
    let (_api, sheet) = batch(8);
    let exec = shell("touch $2.on; ls | grep -c [.]on$ >> counts; sleep 0.3; rm $2.on");
    let run = sheet.run_whole(&["--exec", &exec, "--exec-jobs", "3"]);
    assert_eq!(run.code, 0, "{run}");
    let counts = lines(&sheet, "counts");
    assert_eq!((counts.len(), counts.last().map(String::as_str)), (8, Some("3")), "{counts:?}");
}

#[test]
fn one_that_fails_or_hangs_is_told_of_and_harms_nothing() {
    let (_api, sheet) = batch(3);
    let exec = shell("case $2 in pair-0) echo no room >&2; exit 3;; pair-1) sleep 50;; esac");
    let begun = Instant::now();
    let run = sheet.run_whole(&["--exec", &exec, "--hook-timeout", "1s"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(run.err.contains("warning: pair-0: --exec failed: exit code 3: no room\n"), "{run}");
    assert!(run.err.contains("pair-1: --exec failed: killed: it took longer than 1 s"), "{run}");
    assert!(run.err.contains("2 of 3 commands of --exec failed, for pair-"), "{run}");
    let (_api, sheet) = batch(1);
    let gone = sheet.run_whole(&["--exec", "/nowhere/at/all {path}"]);
    assert_eq!(gone.code, 0, "{gone}");
    assert!(gone.err.contains("pair-0: --exec failed: /nowhere/at/all: "), "{gone}");
}

#[test]
fn a_second_signal_ends_commands_too() {
    let (_api, sheet) = batch(3);
    let exec = shell("echo $2 >> begun; sleep 50; echo $2 >> done");
    let run = sheet.start_whole(&["--exec", &exec]);
    until("two have begun", || lines(&sheet, "begun").len() == 2);
    signal(&run, "-TERM");
    std::thread::sleep(Duration::from_millis(500));
    signal(&run, "-TERM");
    let said = run.said();
    assert_eq!(said.code, 130, "{said}");
    assert!(said.err.contains("--exec was cut off, or not started, for pair-"), "{said}");
    assert_eq!((lines(&sheet, "begun").len(), lines(&sheet, "done").len()), (2, 0));
}

#[test]
fn a_command_that_is_none_is_refused_before_anything() {
    let (api, sheet) = batch(1);
    for options in [
        ["--exec", "cp 'x"],
        ["--exec", " "],
        ["--on-end", "'' x"],
        ["--notify", "http://example.com/hook"],
        ["--notify", "https://me:s3cret@example.com/hook"],
    ] {
        let said = sheet.run_whole(&options);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains(options[0]) && !said.err.contains("s3cret"), "{said}");
    }
    assert_eq!(api.book().creates_read, 0);
    assert!(!sheet.run_folder().exists());
}

#[test]
fn a_command_gets_the_summary_at_the_end_whatever_came_of_it() {
    let (_api, sheet) = batch(2);
    let on_end = ["--on-end", "sh -c 'cat > end.json; echo said; exit 1'"];
    let end = || serde_json::from_str::<Value>(&lines(&sheet, "end.json").concat()).unwrap();
    let run = sheet.run_whole(&[&on_end[..], &["--json"]].concat());
    assert_eq!(run.code, 0, "a command that fails changes nothing: {run}");
    assert!(
        run.err.contains("said\n") && run.err.contains("--on-end failed: exit code 1"),
        "{run}"
    );
    assert_eq!((&end()["states"]["saved"], &end()["exit_code"]), (&json!(2), &json!(0)));
    assert_eq!(run.json()["states"], end()["states"], "standard output is for results");
    let refused = sheet.run_whole(&[&on_end[..], &["--only", "x"]].concat());
    assert_eq!(refused.code, 2, "{refused}");
    assert_eq!(end()["exit_code"], 2);
    let message = end()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("no pair matches 'x'"), "{message}");
}

/// A pair in doubt, whose answer and links stay where they are.
#[test]
fn an_address_is_told_once_and_no_secret() {
    let faults = vec![Rule::new(Fault::Status502AfterAccept).matching("*/1.jpg*")];
    let api = fake(Scenario { faults, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    let hook = Rude::start(|number, connection| {
        let status = if number == 0 { "503 Service Unavailable" } else { "204 No Content" };
        answer(connection, status, "", "");
    });
    let address = format!("{}/hooks/s3cret?token=t0ken", hook.url);
    let run = sheet.run_whole(&["--notify", &address]);
    assert_eq!((run.code, hook.read()), (5, 2), "{run}");
    assert!(!format!("{run}").contains("s3cret"), "{run}");
    let requests = hook.requests();
    assert!(requests[1].starts_with("POST /hooks/s3cret?token=t0ken HTTP/1.1\r\n"), "{requests:?}");
    for request in &requests {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(!request.contains(KEY) && !request.contains("sig="), "{request}");
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
        let told: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&told["exit_code"], &told["in_doubt"][0]["id"]), (&json!(5), &json!("pair-1")));
        assert_eq!(told["in_doubt"][0]["evidence"], Value::Null);
    }
}

#[test]
fn an_address_that_refuses_is_not_asked_again() {
    let (_api, sheet) = batch(1);
    for status in ["404 Not Found", "307 Temporary Redirect"] {
        let hook = Rude::start(move |_, connection| {
            answer(connection, status, "location: /elsewhere\r\n", "");
        });
        let run = sheet.run_whole(&["--notify", &format!("{}/x", hook.url)]);
        assert_eq!((run.code, hook.read()), (0, 1), "{run}");
        let code = &status[..3];
        assert!(run.err.contains(&format!("127.0.0.1 was not told: HTTP {code}")), "{run}");
    }
}
