//! A task belongs to one pair, and what may be created again: said on the command line, proven by
//! what a server of our own read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet};

/// Answers the creates in their order, the last answer again and again, and fails every task.
fn server(creates: &'static [(&'static str, &'static str)]) -> Rude {
    let read = AtomicUsize::new(0);
    Rude::any(move |request, c| {
        if request.starts_with("POST") {
            let n = read.fetch_add(1, Ordering::SeqCst);
            let (status, body) = creates[n.min(creates.len() - 1)];
            return answer(c, status, "", &body.replace("{n}", &n.to_string()));
        }
        let task = request.split(['/', ' ']).nth(4).unwrap();
        let error = r#""error":{"code":"unknown_error","message":"sorry"}"#;
        answer(c, "200 OK", "", &format!(r#"{{"id":"{task}","status":"failed",{error}}}"#));
    })
}

const ACCEPTED: (&str, &str) = ("200 OK", r#"{"id":"task-{n}"}"#);
const REFUSED: (&str, &str) =
    ("400 Bad Request", r#"{"error":{"code":"invalid_request","message":"no face"}}"#);

fn creates(server: &Rude) -> usize {
    server.requests().iter().filter(|request| request.starts_with("POST")).count()
}

fn settle(sheet: &Sheet, verb: &str, options: &[&str]) -> Said {
    said(sheet.command(verb, options).env("CALLSHEET_API_KEY", KEY))
}

fn file(sheet: &Sheet, name: &str, text: &str) -> PathBuf {
    let path = sheet.folder().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn ledger(sheet: &Sheet) -> Connection {
    Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap()
}

#[test]
fn one_id_for_all_makes_one_task_and_doubts_that_name_its_pair() {
    let server = server(&[("200 OK", r#"{"id":"task-1"}"#)]);
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\nconcurrency: 1\npairs:\n\
         - {{id: a, image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}}\n\
         - {{id: b, image: 'https://example.com/b.jpg', audio: 'https://example.com/b.mp3'}}\n\
         - {{id: a2, take: 2, image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}}\n",
        server.url
    ));
    let run = sheet.run(&[]);
    assert_eq!((run.code, creates(&server)), (5, 3), "{run}");
    let rows = sheet.rows();
    assert_eq!((&*rows["a"]["state"], &*rows["a"]["task_id"]), ("created", "task-1"));
    for id in ["b", "a2"] {
        assert_eq!((&*rows[id]["state"], &*rows[id]["error_code"]), ("in_doubt", "same_task"));
        assert_eq!(rows[id]["task_id"], "", "it is not its task");
    }
    assert_eq!(rows["b"]["error"], "the answer names task-1, the task of a");
    assert!(rows["a2"]["error"].ends_with("merged by the service, and nothing more billed?"));
    let status = sheet.call("status", &["--json"]).json();
    assert_eq!(status["in_doubt"][0]["proposed_task_id"], "task-1");
    // It stays with the first, whatever a person says.
    let said = settle(&sheet, "resolve", &["b", "--adopt", "task-1", "--unchecked"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("task task-1 belongs to a"), "{said}");
    let said = settle(&sheet, "resolve", &["--all", "--adopt-proposed", "--unchecked"]);
    assert_eq!(said.code, 5, "{said}");
    assert!(said.err.contains("b stays in doubt: task task-1 belongs to a"), "{said}");
    assert_eq!(creates(&server), 3);
}

#[test]
fn a_file_of_tasks_gives_each_to_one_pair_or_changes_nothing() {
    let server = server(&[ACCEPTED]);
    let sheet = Sheet::pairs(4, &server.url, "");
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    for (name, tasks, why) in [
        ("had", "pair-1,other\npair-2,task-0\n", "task task-0 belongs to pair-0"),
        ("twice", "pair-1,other\npair-2,other\n", "pair-2: task other is pair-1's, too, in line 2"),
        ("again", "pair-1,other\npair-1,another\n", "pair-1 has another task in line 2"),
    ] {
        let path = file(&sheet, name, &format!("id,task_id\n{tasks}"));
        let said = settle(&sheet, "adopt", &[path.to_str().unwrap(), "--unchecked"]);
        assert_eq!(said.code, 2, "{name}: {said}");
        assert!(said.err.contains(why), "{name}: {said}");
        let planned = sheet.call("status", &["--json"]).json()["states"]["planned"].clone();
        assert_eq!(planned, 3, "{name}: one was taken over all the same");
    }
    let path = file(&sheet, "fine", "id,task_id\npair-1,other\npair-2,another\n");
    let taken = settle(&sheet, "adopt", &[path.to_str().unwrap(), "--unchecked"]);
    assert_eq!(taken.code, 0, "{taken}");
    assert_eq!(sheet.rows()["pair-2"]["task_id"], "another");
}

#[test]
fn a_task_that_was_not_found_is_given_back_or_paid_for_again_on_demand_only() {
    let server = server(&[ACCEPTED]);
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1");
    assert_eq!(sheet.run(&[]).code, 0);
    let lost = "UPDATE standings SET state = 'failed', error_code = 'task_not_found'";
    ledger(&sheet).execute(lost, ()).unwrap();
    // Not by --yes, which the environment of these tests says.
    let run = sheet.run(&["--retry-failed", "--yes"]);
    assert_eq!(creates(&server), 3, "{run}");
    assert!(run.err.contains("3 failed pairs not: the server does not know their tasks"), "{run}");
    assert!(run.err.contains("pair-0, pair-1, pair-2"), "{run}");
    let run = sheet.run(&["--retry-failed=pair-0"]);
    assert_eq!((run.code, creates(&server)), (2, 3), "{run}");
    assert!(run.err.contains("pair-0: the server does not know its task now"), "{run}");
    let path = file(&sheet, "tasks", "id,task_id\npair-0,task-0\n");
    assert_eq!(settle(&sheet, "adopt", &[path.to_str().unwrap()]).code, 0);
    let said = settle(&sheet, "resolve", &["pair-1", "--adopt", "task-1", "--unchecked"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.states()["created"], 2);
    let run = sheet.run(&["--retry-failed", "--pay-again"]);
    assert_eq!((run.code, creates(&server)), (0, 4), "{run}");
    assert!(run.err.contains("paid for again, though the task may turn up: pair-2"), "{run}");
    assert_eq!((sheet.run(&["--pay-again"]).code, creates(&server)), (0, 4), "nothing alone");
}

#[test]
fn the_same_command_given_again_pays_only_so_often() {
    let server = server(&[ACCEPTED]);
    let sheet = Sheet::pairs(2, &server.url, "");
    let paid = |options: &[&str]| {
        let run = sheet.run_whole(options);
        (run.code, creates(&server), run.err)
    };
    assert_eq!(paid(&["--retry-failed"]).1, 2);
    assert_eq!(paid(&["--retry-failed"]).1, 4);
    for _ in 0..2 {
        let (code, creates, err) = paid(&["--retry-failed"]);
        assert_eq!((code, creates), (3, 4), "{err}");
        assert!(err.contains("created 2 times already (--tries): pair-0, pair-1"), "{err}");
    }
    let (code, creates, err) = paid(&["--retry-failed=pair-1"]);
    assert_eq!((code, creates), (2, 4), "{err}");
    assert!(err.contains("pair-1: created 2 times already; nothing was sent"), "{err}");
    assert_eq!(paid(&["--retry-failed=pair-1", "--tries", "3"]).1, 5);
    let (code, _, err) = paid(&["--retry-failed=nobody"]);
    assert_eq!(code, 2, "{err}");
}

#[test]
fn creates_that_made_nothing_are_no_tries() {
    let server = server(&[("429 Too Many Requests", ""), ("429 Too Many Requests", ""), ACCEPTED]);
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!(creates(&server), 3);
    sheet.run_whole(&["--retry-failed"]);
    assert_eq!(creates(&server), 4);
}

#[test]
fn rejected_pairs_are_sent_again_when_somebody_says_so() {
    let server = server(&[REFUSED, REFUSED, REFUSED, REFUSED, ACCEPTED]);
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1\nconfirm_pairs: 2");
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!(creates(&server), 3, "nothing is sent again by itself");
    let mut unasked = sheet.run_command(&["--retry-rejected"]);
    let asked = said(unasked.env_remove("CALLSHEET_YES"));
    assert_eq!((asked.code, creates(&server)), (2, 3), "they count: {asked}");
    assert!(asked.err.contains("3 creates (3 recordings not measured) would be sent"), "{asked}");
    let run = sheet.run(&["--retry-rejected=pair-1"]);
    assert_eq!((run.code, creates(&server)), (3, 4), "{run}");
    assert!(run.err.contains("1 rejected pair to be sent again; nothing was billed"), "{run}");
    let run = sheet.run(&["--retry-rejected=pair-1"]);
    assert_eq!((run.code, creates(&server)), (2, 4), "it had its tries: {run}");
    let said = settle(&sheet, "resolve", &["pair-1", "--resend"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.run(&["--retry-rejected"]).code, 0);
    assert_eq!((creates(&server), sheet.states()["created"]), (7, 3));
    assert_eq!(settle(&sheet, "resolve", &["pair-1", "--resend"]).code, 2, "it has a task");
    assert_eq!(sheet.run(&["--retry-rejected=pair-1"]).code, 2);
}

#[test]
fn what_failed_is_priced_and_sent_as_the_manifest_asks_now() {
    let server = server(&[ACCEPTED]);
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    assert_eq!(sheet.run_whole(&[]).code, 3);
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, yaml.replace("/1.mp3", "/new.mp3")).unwrap();
    let kept = sheet.run_whole(&[]);
    assert_eq!(creates(&server), 2, "{kept}");
    assert!(sheet.rows()["pair-1"]["audio_url"].ends_with("/1.mp3"), "as it was sent");
    let run = sheet.run_whole(&["--retry-failed"]);
    assert!(
        run.err.contains(
            "1 of them with what the manifest asks for now, which is not what failed: pair-1"
        ),
        "{run}"
    );
    let requests = server.requests();
    let sent: Vec<_> = requests.iter().filter(|request| request.starts_with("POST")).collect();
    assert!(sent[2].contains("/0.mp3") && sent[3].contains("/new.mp3"), "{sent:?}");
    assert!(sheet.rows()["pair-1"]["audio_url"].ends_with("/new.mp3"));
}
