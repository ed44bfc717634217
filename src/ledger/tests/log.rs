//! The event log of a ledger that several have open.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;

use super::*;
use crate::ledger::write::{Trace, Write};

fn log(folder: &Path) -> Vec<u8> {
    fs::read(folder.join("events.jsonl")).unwrap()
}

/// The log as it has to be.
fn right(folder: &Path) -> Vec<u8> {
    fs::remove_file(folder.join("events.jsonl")).unwrap();
    View::open(folder).unwrap().unwrap().write_events().unwrap();
    log(folder)
}

fn in_use(folder: &Path) -> bool {
    let connection = Connection::open(folder.join(FILE)).unwrap();
    connection.query_row("SELECT in_use FROM batch", (), |row| row.get(0)).unwrap()
}

/// Two pairs and two tasks that were made elsewhere.
fn listed(folder: &Path) -> (Store, [(String, TaskId); 2]) {
    let mut store = open(folder);
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let tasks = [("a", "t1"), ("b", "t2")];
    (store, tasks.map(|(id, task)| (id.to_owned(), TaskId::parse(task).unwrap())))
}

#[test]
fn a_log_that_failed_is_whole_at_the_end_or_the_ledger_stays_marked() {
    for can_be_mended in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let (mut store, [a, b]) = listed(folder);
        store.adopt(&[a]).unwrap();
        store.events.tear();
        assert!(matches!(store.adopt(&[b]), Err(LedgerError::Io { .. })), "committed all the same");
        if !can_be_mended {
            fs::remove_file(folder.join("events.jsonl")).unwrap();
            fs::create_dir(folder.join("events.jsonl")).unwrap();
        }
        assert_eq!(store.close().is_ok(), can_be_mended);
        assert_eq!(in_use(folder), !can_be_mended);
        if !can_be_mended {
            fs::remove_dir(folder.join("events.jsonl")).unwrap();
            fs::write(folder.join("events.jsonl"), "").unwrap();
            open(folder).close().unwrap();
        }
        let logged = log(folder);
        assert_eq!(logged, right(folder));
    }
}

/// Where locks do not hold, the older run commits and logs until the newer one has claimed the ledger.
#[test]
fn what_another_run_logs_while_the_ledger_is_opened_is_not_logged_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (mut store, [a, b]) = listed(folder);
    store.adopt(&[a]).unwrap();
    drop(store);
    let other = Connection::open(folder.join(FILE)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (other, path) = (Mutex::new(other), folder.join("events.jsonl"));
    let waiting = Box::new(move || {
        let commits =
            "INSERT INTO events SELECT 2, at, pair, id, event, from_state, state, attempt,
                'other', code, message, take FROM events; UPDATE batch SET events = 2; COMMIT";
        other.lock().unwrap().execute_batch(commits).unwrap();
        let line = fs::read_to_string(&path).unwrap();
        let line = line.replace("\"n\":1", "\"n\":2").replace("\"t1\"", "\"other\"");
        fs::OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(line.as_bytes())
            .unwrap();
    });
    let mut store = Store::open_patiently(folder, ENDPOINT, waiting).unwrap();
    store.adopt(&[b]).unwrap();
    store.close().unwrap();
    let logged = log(folder);
    assert_eq!(logged.iter().filter(|byte| **byte == b'\n').count(), 3);
    assert_eq!(logged, right(folder));
}

#[test]
fn a_reader_from_before_a_run_says_so_and_finds_no_events_missing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (store, [a, b]) = listed(folder);
    store.close().unwrap();
    let view = View::open(folder).unwrap().unwrap();
    assert!(!view.is_outdated());
    view.write_events().unwrap();
    let mut store = open(folder);
    store.adopt(&[a]).unwrap();
    assert!(view.is_outdated(), "a run is under way");
    assert!(!store.view().unwrap().is_outdated(), "this one sees it");
    view.write_events().unwrap();
    store.adopt(&[b]).unwrap();
    store.close().unwrap();
    assert!(view.is_outdated(), "a run was there");
    view.write_events().unwrap();
    let logged = log(folder);
    assert_eq!(logged, right(folder));
    assert!(!View::open(folder).unwrap().unwrap().is_outdated());
}

#[test]
fn who_writes_the_events_again_during_a_run_never_finds_the_ledger_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = listed(folder.path());
    let (view, ends) = (store.view().unwrap(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..150 {
                let task = TaskId::parse(&format!("t{n}")).unwrap();
                let failed = |write: &mut Write<'_>| {
                    let known = write.known("a")?;
                    let trace = Trace { code: TASK_NOT_FOUND, ..Trace::default() };
                    write.apply(&known.intent, State::Created, Event::Failed, &trace)
                };
                store.adopt(&[("a".to_owned(), task)]).unwrap();
                store.write(failed).unwrap();
            }
            ends.store(true, Ordering::Relaxed);
        });
        while !ends.load(Ordering::Relaxed) {
            view.write_events().unwrap();
        }
    });
}
