//! A pair in doubt: shown, explained, and settled by a person's word.

use std::io::Write;
use std::process::Stdio;

use callsheet_mock::{Fault, MockApi, Rule, Scenario};

use crate::child::{Running, said};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, stable};

/// Four pairs of which two lost their answers after they were accepted.
fn doubtful() -> (MockApi, Sheet) {
    let faults = ["/1.jpg", "/2.jpg"].map(|image| {
        Rule::new(Fault::Status502AfterAccept).matching(format!("*{image}*")).first(1)
    });
    let api = fake(Scenario { faults: faults.into(), ..Scenario::default() });
    let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
    assert_eq!(sheet.run(&[]).code, 5);
    (api, sheet)
}

fn resolve(sheet: &Sheet, options: &[&str]) -> Said {
    let mut command = sheet.command("resolve", options);
    said(command.env("CALLSHEET_API_KEY", KEY))
}

#[test]
fn they_are_shown_with_what_came_back_and_what_to_do() {
    let (api, sheet) = doubtful();
    let again = sheet.run(&[]);
    stable(|| {
        insta::assert_snapshot!("doubts_run", again);
        insta::assert_snapshot!("doubts_status", sheet.call("status", &[]));
        insta::assert_snapshot!("doubts_plan", sheet.call("plan", &[]));
    });
    assert_eq!(api.book().creates_read, 4, "a pair in doubt was sent again");
    let doubt = &sheet.call("status", &["--json"]).json()["in_doubt"][0];
    assert!(doubt["evidence"].as_str().unwrap().starts_with("HTTP 502\n"), "{doubt}");
}

#[test]
fn resent_ones_are_created_again_at_the_next_run() {
    let (api, sheet) = doubtful();
    let said = resolve(&sheet, &["pair-1", "pair-2", "--resend"]);
    stable(|| insta::assert_snapshot!("resolve_resend", said));
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(api.book().duplicates().len(), 2, "by a person's word");
}

#[test]
fn abandoned_ones_are_never_sent_again() {
    let (api, sheet) = doubtful();
    let said = resolve(&sheet, &["--all", "--abandon"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!((sheet.states()["abandoned"], api.book().creates_read), (2, 4));
    assert_eq!(resolve(&sheet, &["--all", "--resend"]).code, 0, "nothing is left in doubt");
}

#[test]
fn ids_come_from_a_file_or_standard_input_and_all_are_settled_or_none() {
    let (_api, sheet) = doubtful();
    let mut command = sheet.command("resolve", &["--from", "-", "--abandon"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::start(&mut command);
    child.stdin.take().unwrap().write_all(b"pair-1\npair-0\n").unwrap();
    let said = child.said();
    assert_eq!(said.code, 2, "pair-0 is not in doubt: {said}");
    assert_eq!(sheet.states()["in_doubt"], 2, "one was settled all the same");
    std::fs::write(sheet.folder().join("ids"), "pair-1\npair-2\n").unwrap();
    assert_eq!(resolve(&sheet, &["--from", "ids", "--abandon"]).code, 0);
    assert_eq!(resolve(&sheet, &["nobody", "--abandon"]).code, 2);
}

#[test]
fn adopting_asks_the_server_first() {
    // Loses the answer of every create, and knows one task.
    let server = Rude::start(|_, c| answer(c, "502 Bad Gateway", "", "oops"));
    let sheet = Sheet::pairs(2, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let unknown = resolve(&sheet, &["pair-0", "--adopt", "task-7"]);
    assert_eq!(unknown.code, 1, "the server cannot say: {unknown}");
    assert!(unknown.err.contains("--unchecked"), "{unknown}");
    assert_eq!(sheet.states()["in_doubt"], 2);
    let said = resolve(&sheet, &["pair-0", "--adopt", "task-7", "--unchecked"]);
    assert_eq!(said.code, 5, "one is left: {said}");
    assert_eq!(sheet.rows()["pair-0"]["task_id"], "task-7");
    assert_eq!(resolve(&sheet, &["pair-1", "--adopt", "../7"]).code, 2);
    assert_eq!(resolve(&sheet, &["pair-1", "pair-0", "--adopt", "t"]).code, 2);
    assert_eq!(resolve(&sheet, &["pair-1"]).code, 2, "no verdict");
    assert_eq!(resolve(&sheet, &["--all", "--resend", "--abandon"]).code, 2, "two verdicts");
}

#[test]
fn a_task_that_the_server_knows_is_adopted_and_one_that_it_does_not_is_refused() {
    let server = Rude::any(|request, c| match request {
        request if request.starts_with("GET /v1/tasks/task-7 ") => {
            assert!(request.contains(KEY));
            answer(c, "200 OK", "", r#"{"id":"task-7","status":"pending"}"#);
        }
        request if request.starts_with("GET ") => answer(c, "404 Not Found", "", "{}"),
        _ => answer(c, "502 Bad Gateway", "", "oops"),
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let said = resolve(&sheet, &["pair-0", "--adopt", "task-8"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("knows no task task-8"), "{said}");
    let said = resolve(&sheet, &["pair-0", "--adopt", "task-7"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.rows()["pair-0"]["state"], "created");
    let events = std::fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    assert!(events.contains(r#""event":"adopted""#), "{events}");
}

#[test]
fn what_came_back_is_shown_byte_by_byte_with_what_names_the_request() {
    let headers = "x-request-id: req-77\r\nset-cookie: secret\r\n";
    let server = Rude::start(move |_, c| answer(c, "502 Bad Gateway", headers, "oops"));
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let status = sheet.call("status", &[]);
    assert!(status.out.contains("x-request-id: req-77"), "{status}");
    assert!(!status.out.contains("came back"), "it was said with the error: {status}");
    assert!(!status.out.contains("set-cookie"), "it names no request: {status}");
    // As an answer may be that nobody can read: the id in it can be had by hand.
    let ledger = sheet.run_folder().join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    let evidence = b"HTTP 502\ncf-ray: 7\x1b[2J\n\n\xff{\"id\":\"task-9\xc3\"\x00}";
    let sql = "UPDATE attempts SET evidence = ?1, proposed = 'task-9'";
    ledger.execute(sql, [&evidence[..]]).unwrap();
    drop(ledger);
    let status = sheet.call("status", &[]);
    assert!(status.out.contains(r#"came back: \xff{"id":"task-9\xc3"\x00}"#), "{status}");
    assert!(status.out.contains(r"cf-ray: 7\x1b[2J") && !status.out.contains('\u{1b}'), "{status}");
    assert!(status.out.contains("seems to name the task task-9"), "{status}");
    let doubt = &sheet.call("status", &["--json"]).json()["in_doubt"][0];
    assert_eq!(doubt["proposed_task_id"], "task-9");
    assert!(doubt["evidence"].as_str().unwrap().ends_with(r#"\xff{"id":"task-9\xc3"\x00}"#));
}
