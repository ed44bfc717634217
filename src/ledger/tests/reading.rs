//! Ledgers that are read in the moment in which a run begins or is killed there, as real files.

use std::fs;
use std::path::PathBuf;
use std::thread;

use rusqlite::Connection;

use super::*;
use crate::ledger::lock::Lock;

fn journal(folder: &Path) -> PathBuf {
    folder.join(FILE).with_extension("sqlite-journal")
}

/// A ledger of one pair, as it is in the middle of a change of the file itself: what puts it back is beside
/// it, and whoever may only read cannot do that. Gives the file as it was before.
fn half_changed(folder: &Path) -> Vec<u8> {
    let place = tempfile::tempdir().unwrap();
    let mut store = open(place.path());
    store.list(&[pair("a", "x")]).unwrap();
    store.close().unwrap();
    let file = place.path().join(FILE);
    let whole = fs::read(&file).unwrap();
    let connection = Connection::open(&file).unwrap();
    let change = "PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; BEGIN;
        UPDATE pairs SET body = 'y'; CREATE TABLE filler (text);
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 200)
            INSERT INTO filler SELECT zeroblob(4000) FROM n;";
    connection.execute_batch(change).unwrap();
    fs::copy(&file, folder.join(FILE)).unwrap();
    fs::copy(journal(place.path()), journal(folder)).unwrap();
    whole
}

/// How many pairs a reader finds.
fn pairs(folder: &Path) -> u64 {
    let counts = View::open(folder).unwrap().unwrap().counts().unwrap();
    counts.iter().map(|(_, count)| count).sum()
}

#[test]
fn a_run_that_is_killed_while_its_ledger_is_opened_is_read_as_a_dead_one() {
    let folder = tempfile::tempdir().unwrap();
    half_changed(folder.path());
    let lock = Lock::take(folder.path()).unwrap();
    let killed = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop(lock);
    });
    assert_eq!(pairs(folder.path()), 1);
    killed.join().unwrap();
    assert!(journal(folder.path()).exists(), "the next run puts it back");
    assert_eq!(pairs(folder.path()), 1, "as whoever comes later reads it");
}

#[test]
fn a_run_that_is_just_beginning_is_read_once_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let whole = half_changed(folder.path());
    let lock = Lock::take(folder.path()).unwrap();
    let place = folder.path().to_owned();
    let begun = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        fs::write(place.join(FILE), whole).unwrap();
        fs::remove_file(journal(&place)).unwrap();
        lock
    });
    assert_eq!(pairs(folder.path()), 1);
    drop(begun.join().unwrap());
}

#[test]
fn what_stays_unreadable_is_said() {
    let folder = tempfile::tempdir().unwrap();
    half_changed(folder.path());
    let lock = Lock::take(folder.path()).unwrap();
    let began = std::time::Instant::now();
    let error = View::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("readonly"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8), "nobody waits for ever");
    drop(lock);
    fs::remove_file(journal(folder.path())).unwrap();
    fs::write(folder.path().join(FILE), "x".repeat(5000)).unwrap();
    let began = std::time::Instant::now();
    assert!(View::open(folder.path()).is_err());
    assert!(began.elapsed() < Duration::from_secs(1), "and nobody waits for what cannot change");
}
