//! What is known of the rows until one of them changes.

use super::*;
use crate::ledger::sheet::Sheet;

/// Two pairs that were listed, of which one was sent, in a ledger that says so without a look.
fn known(folder: &Path) -> Sheet {
    let mut store = open(folder);
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    assert_eq!(settle(&ledger, created("t1")), State::Created);
    let ended = ledger.end();
    let counts = ended.view().unwrap().counts().unwrap();
    let sheet = Sheet::new("the file".to_owned(), &counts, 0);
    ended.close(Some(&sheet)).unwrap();
    sheet
}

fn sheet(folder: &Path) -> Option<Sheet> {
    View::open(folder).unwrap().unwrap().sheet().unwrap()
}

#[test]
fn it_stays_as_long_as_no_row_changes() {
    let folder = tempfile::tempdir().unwrap();
    let known = known(folder.path());
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    store.measure(&[]).unwrap();
    assert_eq!(store.view().unwrap().sheet().unwrap().as_ref(), Some(&known));
    store.close().unwrap();
    assert_eq!(sheet(folder.path()), Some(known));
}

#[test]
fn the_first_change_of_a_row_takes_it_back_in_its_transaction() {
    type Change = fn(&mut Store);
    let changes: [Change; 4] = [
        |store| drop(store.list(&[pair("a", "x"), pair("b", "y"), pair("c", "z")]).unwrap()),
        |store| drop(store.list(&[pair("b", "y"), pair("a", "x")]).unwrap()),
        |store| drop(store.list(&[pair("a", "x")]).unwrap()),
        |store| store.measure(&[("b", Duration::from_secs(3))]).unwrap(),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        known(folder.path());
        let mut store = open(folder.path());
        change(&mut store);
        assert_eq!(store.view().unwrap().sheet().unwrap(), None, "change {n}");
    }
    let folder = tempfile::tempdir().unwrap();
    known(folder.path());
    let ledger = open(folder.path()).start(Box::new(|_| ())).unwrap();
    assert!(ledger.view().sheet().unwrap().is_some(), "nothing was sent yet");
    let permit = intend(&ledger);
    assert_eq!(ledger.view().sheet().unwrap(), None, "before the first byte of the create");
    assert_eq!(ledger.view().counts().unwrap(), [(State::Sending, 1), (State::Created, 1)]);
    drop(permit);
}

#[test]
fn a_change_that_was_undone_takes_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let known = known(folder.path());
    let mut store = open(folder.path());
    let broken = store.list_from(None, |list| {
        list(&pair("c", "z"))?;
        Err(LedgerError::Unknown { id: "d".to_owned() })
    });
    assert!(broken.is_err());
    assert_eq!(store.view().unwrap().sheet().unwrap(), Some(known));
    assert_eq!(store.list(&[pair("b", "y")]).unwrap().known, 1);
    assert_eq!(store.view().unwrap().sheet().unwrap(), None);
}

#[test]
fn what_is_known_is_told_without_a_look_at_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    known(folder.path());
    let store = open(folder.path());
    let untold = "UPDATE batch SET sheet = json_set(sheet, '$.states.planned', 7)";
    store.connection.execute(untold, ()).unwrap();
    let view = store.view().unwrap();
    assert_eq!(view.counts().unwrap(), [(State::Planned, 7), (State::Created, 1)]);
    let none = "UPDATE batch SET sheet = json_remove(sheet, '$.states.planned')";
    store.connection.execute(none, ()).unwrap();
    assert!(view.planned(None, 9).unwrap().is_empty() && view.unsaved().unwrap().is_empty());
    assert_eq!(view.unfinished().unwrap(), 1);
}
