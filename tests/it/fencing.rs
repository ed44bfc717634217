//! Two runs at one ledger, folders that are moved away under a run, and other programs that have the
//! file open: nothing is paid twice, and no answer is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};
use std::thread::sleep;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;

use crate::child::{Running, said};
use crate::rude::{Rude, answer};
use crate::sheet::{Sheet, root};

/// Takes its time with each create, and names a task of its own for each.
fn slow(delay: Duration) -> Rude {
    let made = Mutex::new(0);
    Rude::any(move |request, connection| {
        if !request.starts_with("POST") {
            let id = request.split_whitespace().nth(1).unwrap().trim_start_matches("/v1/tasks/");
            let task = json!({"id": id, "status": "processing"});
            return answer(connection, "200 OK", "", &task.to_string());
        }
        let n = {
            let mut made = made.lock().unwrap();
            *made += 1;
            *made
        };
        sleep(delay);
        let task = json!({"id": format!("task-{n}"), "object": "video.generation.task"});
        answer(connection, "200 OK", "", &task.to_string());
    })
}

/// How often each pair was sent.
fn sent(server: &Rude) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for request in server.requests().iter().filter(|request| request.starts_with("POST")) {
        let picture = request.split("https://example.com/").nth(1).unwrap();
        *sent.entry(picture.split('.').next().unwrap().to_owned()).or_default() += 1;
    }
    sent
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    for _ in 0..4000 {
        if is() {
            return;
        }
        sleep(Duration::from_millis(5));
    }
    panic!("{what} never came");
}

fn creates(server: &Rude) -> usize {
    sent(server).values().sum()
}

/// Has a program find every lock free.
fn unlocked(mut command: Command) -> Command {
    static SHIM: LazyLock<PathBuf> = LazyLock::new(|| {
        let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join("unlocked.so");
        // Another process of tests may have it loaded, or be about to load it.
        let ours = shim.with_extension(std::process::id().to_string());
        let mut build = Command::new("cc");
        build.args(["-shared", "-fPIC", "-o"]).arg(&ours).arg(root().join("tests/it/unlocked.c"));
        assert!(build.status().unwrap().success());
        fs::rename(ours, &shim).unwrap();
        shim
    });
    command.env("LD_PRELOAD", &*SHIM);
    command
}

fn ledger(sheet: &Sheet) -> Connection {
    Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap()
}

#[test]
#[cfg(unix)]
fn a_deleted_lock_file_lets_no_second_run_in() {
    let server = slow(Duration::from_millis(150));
    let sheet = Sheet::pairs(6, &server.url, "concurrency: 1");
    let first = sheet.start(&[]);
    until("a create", || creates(&server) > 0);
    fs::remove_file(sheet.run_folder().join("ledger.lock")).unwrap();
    let second = sheet.run(&[]);
    assert_eq!(second.code, 11, "{second}");
    assert!(second.err.contains("in use by another process"), "{second}");
    assert_eq!(sheet.call("resolve", &["--all", "--abandon"]).code, 11);
    assert_eq!(first.said().code, 0);
    assert!(sent(&server).len() == 6 && sent(&server).values().all(|times| *times == 1));
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_run_that_is_pushed_aside_ends_and_what_it_had_sent_is_not_lost() {
    let server = slow(Duration::from_millis(2500));
    let sheet = Sheet::pairs(8, &server.url, "concurrency: 2");
    let first = sheet.start(&[]);
    until("two creates", || creates(&server) == 2);
    let second = Running::start(
        unlocked(sheet.run_command(&["--limit", "2"]))
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped()),
    );
    let first = first.said();
    assert_eq!(first.code, 11, "{first}");
    assert!(first.err.contains("another run has taken over the ledger (process "), "{first}");
    assert!(first.err.contains("what it had sent is recorded"), "{first}");
    let second = second.said();
    assert_eq!(second.code, 4, "{second}");
    assert!(second.err.contains("2 creates under way: in doubt now"), "{second}");
    // The answers to the first one's creates came when they were in doubt already.
    let states = sheet.call("status", &["--json"]).json();
    assert_eq!(
        (&states["states"]["created"], &states["states"]["in_doubt"]),
        (&4.into(), &0.into())
    );
    let rest = sheet.run(&[]);
    assert_eq!(rest.code, 0, "{rest}");
    assert_eq!(sheet.rows().len(), 8);
    assert!(sheet.rows().values().all(|row| row["task_id"].starts_with("task-")));
    assert!(sent(&server).values().all(|times| *times == 1), "{:?}", sent(&server));
    let events = fs::read(sheet.run_folder().join("events.jsonl")).unwrap();
    fs::remove_file(sheet.run_folder().join("events.jsonl")).unwrap();
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(fs::read(sheet.run_folder().join("events.jsonl")).unwrap(), events);
    let ended: i64 = ledger(&sheet)
        .query_row("SELECT count(*) FROM runs WHERE ended IS NOT NULL", (), |row| row.get(0))
        .unwrap();
    assert_eq!(ended, 3, "each run says that it has ended");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_run_that_only_waits_notices_too() {
    let server = slow(Duration::ZERO);
    let sheet = Sheet::pairs(1, &server.url, "");
    let first = sheet.start_whole(&["--poll-interval", "30s"]);
    until("the create", || {
        creates(&server) == 1 && sheet.call("status", &["--json"]).json()["states"]["created"] == 1
    });
    let second = said(&mut unlocked(sheet.run_command(&[])));
    assert_eq!(second.code, 0, "{second}");
    // As a run writes it that has the ledger now.
    fs::write(sheet.run_folder().join("progress.json"), "{}").unwrap();
    let first = first.said();
    assert_eq!(first.code, 11, "{first}");
    assert!(sheet.run_folder().join("progress.json").exists(), "it may be another's");
}

#[test]
#[cfg(unix)]
fn a_doubt_whose_sender_was_pushed_aside_is_not_sent_again_while_that_may_still_send() {
    let server = slow(Duration::from_secs(20));
    let sheet = Sheet::pairs(1, &server.url, "");
    let _first = sheet.start(&[]);
    until("a create", || creates(&server) == 1);
    let resolve = unlocked(sheet.command("resolve", &["--all", "--abandon"]));
    // Nothing is in doubt yet for the resolver, and opening the ledger pushes the run aside.
    let taken = said(&mut { resolve });
    assert!([0, 5].contains(&taken.code), "{taken}");
    let again = said(&mut unlocked(sheet.command("resolve", &["pair-0", "--resend"])));
    assert_eq!(again.code, 2, "{again}");
    assert!(again.err.contains("its create may still be under way"), "{again}");
}

#[test]
#[cfg(unix)]
fn a_folder_that_is_moved_away_ends_the_run_before_its_next_create() {
    for replaced in [false, true] {
        let server = slow(Duration::from_millis(700));
        let sheet = Sheet::pairs(6, &server.url, "concurrency: 1");
        let run = sheet.start(&[]);
        until("a create", || creates(&server) == 1);
        let moved = sheet.folder().join("elsewhere.run");
        fs::rename(sheet.run_folder(), &moved).unwrap();
        if replaced {
            fs::create_dir(sheet.run_folder()).unwrap();
        }
        let run = run.said();
        assert_eq!(run.code, 1, "{run}");
        assert!(run.err.contains("was moved or replaced while a run was under way"), "{run}");
        assert!(run.err.contains("go on with --out and its new place"), "{run}");
        assert_eq!(creates(&server), 1, "{run}");
        let left = fs::read_dir(sheet.run_folder()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "nothing is written where the folder was");
        let next = sheet.run(&["--out", "elsewhere.run"]);
        assert_eq!(next.code, 0, "{next}");
        assert!(sent(&server).values().all(|times| *times == 1), "{:?}", sent(&server));
    }
}

#[test]
#[cfg(unix)]
fn a_ledger_that_is_put_in_its_place_under_a_run_ends_it() {
    let server = slow(Duration::from_millis(700));
    let sheet = Sheet::pairs(4, &server.url, "concurrency: 1");
    let run = sheet.start(&[]);
    until("a create", || creates(&server) == 1);
    let (file, other) = (sheet.run_folder().join("ledger.sqlite"), sheet.folder().join("other"));
    fs::copy(&file, &other).unwrap();
    fs::rename(&other, &file).unwrap();
    let run = run.said();
    assert_eq!((run.code, creates(&server)), (1, 1), "{run}");
    assert!(run.err.contains("ledger.sqlite: it was moved or replaced"), "{run}");
}

#[test]
fn another_programs_transaction_costs_waiting_and_no_run() {
    let server = slow(Duration::from_millis(30));
    let sheet = Sheet::pairs(30, &server.url, "concurrency: 2");
    let run = sheet.start(&[]);
    until("some creates", || creates(&server) > 4);
    let viewer = ledger(&sheet);
    viewer.busy_timeout(Duration::from_secs(10)).unwrap();
    viewer.execute_batch("BEGIN IMMEDIATE").unwrap();
    sleep(Duration::from_millis(300));
    let before = creates(&server);
    sleep(Duration::from_millis(2500));
    assert!(creates(&server) - before <= 2, "what cannot be written down is not sent");
    viewer.execute_batch("ROLLBACK").unwrap();
    let run = run.said();
    assert_eq!(run.code, 0, "{run}");
    let told = run.err.matches("another program has a transaction open on ledger.sqlite").count();
    assert_eq!(told, 1, "{run}");
    assert!(sent(&server).len() == 30 && sent(&server).values().all(|times| *times == 1));
}

#[test]
fn a_ledger_that_is_locked_at_the_start_is_waited_for() {
    let server = slow(Duration::ZERO);
    let sheet = Sheet::pairs(2, &server.url, "");
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    for begin in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE", "BEGIN; SELECT count(*) FROM pairs"] {
        let viewer = ledger(&sheet);
        viewer.execute_batch(begin).unwrap();
        let run = sheet.start(&[]);
        sleep(Duration::from_millis(1800));
        viewer.execute_batch("COMMIT").unwrap();
        drop(viewer);
        let run = run.said();
        assert_eq!(run.code, 0, "{begin}: {run}");
        assert!(run.err.contains("another program has a transaction open"), "{begin}: {run}");
    }
    assert_eq!(creates(&server), 2);
}
