//! The ledger against real files.

mod again;
mod bills;
mod fence;
mod keys;
mod listing;
mod log;
mod migrate;
mod nearby;
mod outage;
mod permits;
mod purse;
mod reading;
mod ready;
mod renames;
mod restored;
mod reviews;
mod sheets;
mod takes;
mod tasks;
mod twins;

use std::fs;
use std::path::Path;
use std::sync::mpsc;

use futures::executor::block_on;
use serde_json::Map;

use super::*;
use crate::pair::{MediaUrl, Pair, PairId, PlainHttp, Request, Source, TaskId};
use crate::view::Row;

const ENDPOINT: &str = "https://api.example";

fn pair(id: &str, prompt: &str) -> Pair {
    let url = |text| Source::Url(MediaUrl::parse(text, PlainHttp::Loopback).unwrap());
    Pair {
        id: PairId::parse(id).unwrap(),
        take: 1,
        tags: Vec::new(),
        expires: None,
        request: Request {
            model: "omnihuman-1.5".into(),
            image: url("https://example.com/a.jpg?sig=1"),
            audio: url("https://example.com/a.mp3"),
            prompt: Some(prompt.into()),
            turbo_mode: None,
            advanced: None,
            extra: Map::new(),
        },
    }
}

fn open(folder: &Path) -> Store {
    Store::open(folder, ENDPOINT).unwrap()
}

fn judgement(proof: Proof) -> Judgement {
    Judgement {
        proof,
        status: Some(200),
        code: String::new(),
        message: String::new(),
        evidence: None,
        ordinary: false,
        proposed: None,
        retry_after: None,
        estimate: None,
        bill: Bill::default(),
    }
}

fn created(id: &str) -> Judgement {
    judgement(Proof::Created(TaskId::parse(id).unwrap()))
}

/// Sends the next planned pair as far as an intent.
fn intend(ledger: &Ledger) -> Permit {
    let planned = ledger.view().planned(None, 1).unwrap().remove(0);
    block_on(ledger.intend(planned)).unwrap()
}

fn settle(ledger: &Ledger, judgement: Judgement) -> State {
    let (receipt, _) = intend(ledger).spend();
    block_on(ledger.settle(receipt, judgement)).unwrap().state
}

fn rows(folder: &Path) -> Vec<Row> {
    let mut rows = Vec::new();
    let view = View::open(folder).unwrap().unwrap();
    view.each_row::<LedgerError>(Rows::All, |row| {
        rows.push(row);
        Ok(())
    })
    .unwrap();
    rows
}

fn states(folder: &Path) -> Vec<(String, State)> {
    rows(folder).into_iter().map(|row| (row.id, row.state)).collect()
}

#[test]
fn a_permit_carries_the_recorded_body_and_its_intent_is_already_committed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "hello")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let permit = intend(&ledger);
    // Another connection sees it: nothing is pending in a cache of ours.
    assert_eq!(states(folder.path()), [("a".to_owned(), State::Sending)]);
    let (receipt, body) = permit.spend();
    assert_eq!(body, pair("a", "hello").request.to_json().to_string());
    assert_eq!(block_on(ledger.settle(receipt, created("t1"))).unwrap().state, State::Created);
    ledger.close().unwrap();
    assert_eq!(rows(folder.path())[0].task_id.as_deref(), Some("t1"));
}

#[test]
fn a_pair_that_is_under_way_gets_no_second_permit() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let planned = ledger.view().planned(None, 1).unwrap().remove(0);
    let _permit = block_on(ledger.intend(planned.clone())).unwrap();
    let error = block_on(ledger.intend(planned)).unwrap_err();
    assert!(matches!(error, LedgerError::Forbidden { .. }), "{error}");
}

#[test]
fn an_intent_without_an_outcome_is_in_doubt_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let _left = intend(&ledger).spend();
    ledger.close().unwrap();
    let mut store = open(folder.path());
    assert_eq!(store.recovered(), 1);
    let both = [("a".to_owned(), State::InDoubt), ("b".to_owned(), State::Planned)];
    assert_eq!(states(folder.path()), both);
    let doubt = View::open(folder.path()).unwrap().unwrap().doubts().unwrap().remove(0);
    assert_eq!(doubt.body, pair("a", "x").request.to_json().to_string());
    let ids = |id: &str| [id.to_owned()];
    store.resolve(&ids("A"), &Verdict::Adopt(TaskId::parse("t9").unwrap())).unwrap();
    let again = store.resolve(&ids("a"), &Verdict::Resend);
    assert!(matches!(again, Err(LedgerError::Forbidden { .. })));
    let unknown = store.resolve(&ids("z"), &Verdict::Resend);
    assert!(matches!(unknown, Err(LedgerError::Unknown { .. })));
    assert_eq!(rows(folder.path())[0].task_id.as_deref(), Some("t9"));
}

#[test]
fn listing_again_changes_nothing_that_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut store = open(path);
    let found = store.list(&["a", "b", "c", "d"].map(|id| pair(id, id))).unwrap();
    assert_eq!(found, Listing { new: 4, ..Listing::default() });
    let ledger = store.start(Box::new(|_| ())).unwrap();
    assert_eq!(settle(&ledger, created("t1")), State::Created);
    assert_eq!(settle(&ledger, judgement(Proof::Rejected)), State::Rejected);
    assert_eq!(settle(&ledger, judgement(Proof::InDoubt)), State::InDoubt);
    ledger.close().unwrap();

    let mut store = open(path);
    let again = [pair("d", "new"), pair("c", "new"), pair("b", "new"), pair("a", "new")];
    let found = store.list(&again).unwrap();
    assert_eq!(found, Listing { revised: 2, changed: 2, ..Listing::default() });
    let states: Vec<_> =
        rows(path).into_iter().map(|row| (row.id, row.state, row.changed)).collect();
    let expected = [
        ("d", State::Planned, false),
        ("c", State::InDoubt, true),
        ("b", State::Planned, false),
        ("a", State::Created, true),
    ];
    assert_eq!(states, expected.map(|(id, state, changed)| (id.to_owned(), state, changed)));

    let found = store.list(&[pair("a", "a")]).unwrap();
    assert_eq!(found, Listing { known: 1, ..Listing::default() });
    let view = View::open(path).unwrap().unwrap();
    assert_eq!(view.counts().unwrap(), [(State::Created, 1)]);
    // Only what was sent is still shown; `d` never was.
    let listed: Vec<_> = rows(path).into_iter().map(|row| (row.id, row.listed)).collect();
    assert_eq!(listed, [("a", true), ("c", false), ("b", false)].map(|(i, l)| (i.to_owned(), l)));
    assert_eq!(view.unlisted().unwrap(), 2);
}

#[test]
fn observers_hear_of_commits_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x")]).unwrap();
    let (sender, heard) = mpsc::channel();
    let ledger = store
        .start(Box::new(move |changes| {
            changes.iter().for_each(|c| sender.send((c.number, c.event)).unwrap());
        }))
        .unwrap();
    assert_eq!(settle(&ledger, judgement(Proof::Wait)), State::Planned);
    assert_eq!(settle(&ledger, created("t1")), State::Created);
    ledger.close().unwrap();
    let heard: Vec<_> = heard.iter().collect();
    use Event::{Accepted, Intended, NotMade};
    assert_eq!(heard, [(1, Intended), (2, NotMade), (3, Intended), (4, Accepted)]);
}

#[test]
fn nobody_hears_of_a_task_or_a_link_that_is_not_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let mut store = open(&path);
    store.list(&["a", "b", "c"].map(|id| pair(id, id))).unwrap();
    let Feed { created: mut tasks, mut completed } = store.follow().unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    // Looks at the file the moment it hears of something.
    let (tell, told) = mpsc::channel();
    let listener = std::thread::spawn(move || {
        for _ in 0..3 {
            let task = tasks.blocking_recv().unwrap();
            let seen = rows(&path).into_iter().find(|row| row.id == *task.id).unwrap();
            assert_eq!(
                (seen.state, seen.task_id.as_deref()),
                (State::Created, Some(task.task.as_str()))
            );
            tell.send(task).unwrap();
            let task = completed.blocking_recv().unwrap();
            let seen = rows(&path).into_iter().find(|row| row.id == *task.id).unwrap();
            assert_eq!((seen.state, seen.video_url.as_deref()), (State::Completed, Some("u")));
        }
    });
    for id in ["t1", "t2", "t3"] {
        settle(&ledger, created(id));
        let task = told.recv().unwrap();
        block_on(ledger.note(&task, News::Completed("u".into()))).unwrap();
        let again = block_on(ledger.note(&task, News::Completed("v".into())));
        assert!(matches!(again, Err(LedgerError::Forbidden { .. })));
    }
    listener.join().unwrap();
}

#[test]
fn a_failed_pair_that_is_tried_again_forgets_its_task() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x")]).unwrap();
    let mut feed = store.follow().unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    let task = feed.created.try_recv().unwrap();
    let failed = News::Failed("unknown_error".to_owned(), "sorry".to_owned());
    assert_eq!(block_on(ledger.note(&task, failed)).unwrap(), State::Failed);
    ledger.close().unwrap();
    let mut store = open(folder.path());
    store.retry(&["a".to_owned()]).unwrap();
    let row = rows(folder.path()).remove(0);
    assert_eq!((row.state, row.task_id, row.attempts), (State::Planned, None, 1));
    let again = store.retry(&["a".to_owned()]);
    assert!(matches!(again, Err(LedgerError::Forbidden { .. })));
    let kept: String = store
        .connection
        .query_row("SELECT verdict || ' ' || code || ' ' || message FROM attempts", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, "retried unknown_error sorry");
    let owner = store.view().unwrap().owner_of(&TaskId::parse("t1").unwrap()).unwrap();
    assert_eq!(owner.as_deref(), Some("a"), "its task is no other pair's");
}

#[test]
fn a_ledger_belongs_to_one_endpoint_and_one_run() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let error = Store::open(folder.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::InUse { .. }));
    drop(store);
    let error = Store::open(folder.path(), "https://other.example").unwrap_err();
    assert!(matches!(error, LedgerError::OtherEndpoint { .. }));
    open(folder.path());
}

#[test]
fn a_newer_or_foreign_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    fs::write(&path, "not a database, but somebody's notes\n".repeat(50)).unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(folder.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);

    fs::remove_file(&path).unwrap();
    open(folder.path());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    drop(connection);
    let error = Store::open(folder.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Newer { found: 7, known: 6, .. }), "{error}");
    assert!(View::open(folder.path()).is_err());
}

/// A run folder as a killed run leaves it: one pair created, and the files still in use.
fn killed() -> (tempfile::TempDir, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    // Events are written while everybody acts on their commit.
    let events = folder.path().join("events.jsonl");
    while !fs::read_to_string(&events).unwrap().contains("accepted") {
        std::thread::yield_now();
    }
    let copy = tempfile::tempdir().unwrap();
    for name in [FILE, "ledger.sqlite-wal", "events.jsonl"] {
        fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
    }
    ledger.close().unwrap();
    (folder, copy)
}

#[test]
fn a_killed_run_is_continued() {
    let (_original, copy) = killed();
    assert_eq!(open(copy.path()).recovered(), 0);
    let both = [("a".to_owned(), State::Created), ("b".to_owned(), State::Planned)];
    assert_eq!(states(copy.path()), both);
}

#[test]
fn a_lost_or_torn_write_ahead_log_is_noticed() {
    let wal = "ledger.sqlite-wal";
    let (_original, copy) = killed();
    fs::remove_file(copy.path().join(wal)).unwrap();
    let error = Store::open(copy.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Behind { ledger: 0, events: 2, .. }), "{error}");

    fs::remove_file(copy.path().join("events.jsonl")).unwrap();
    let error = Store::open(copy.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Alone { .. }), "{error}");

    let (_original, copy) = killed();
    let whole = fs::read(copy.path().join(wal)).unwrap();
    fs::write(copy.path().join(wal), &whole[..whole.len() - 100]).unwrap();
    let error = Store::open(copy.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Behind { ledger: 1, events: 2, .. }), "{error}");
}

#[test]
fn a_missing_ledger_beside_its_events_is_not_started_again() {
    let (_original, copy) = killed();
    fs::remove_file(copy.path().join(wal_of(FILE))).unwrap();
    fs::remove_file(copy.path().join(FILE)).unwrap();
    let error = Store::open(copy.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Behind { ledger: 0, .. }), "{error}");
    assert!(!copy.path().join(FILE).exists());
}

fn wal_of(name: &str) -> String {
    format!("{name}-wal")
}

#[test]
fn a_damaged_page_is_noticed_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    let many: Vec<_> = (0..500).map(|n| pair(&format!("p{n}"), &"x".repeat(200))).collect();
    store.list(&many).unwrap();
    drop(store);
    let path = folder.path().join(FILE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[3 * 4096..8 * 4096].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    let error = Store::open(folder.path(), ENDPOINT).unwrap_err();
    assert!(matches!(error, LedgerError::Damaged { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), bytes);
}
