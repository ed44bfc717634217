//! Pairs that are created again, against real files.

use super::*;

/// A pair that failed once, and one that was refused once.
fn finished(folder: &Path) -> Store {
    let mut store = open(folder);
    store.list(&[pair("failed", "old"), pair("refused", "old")]).unwrap();
    store.measure(&[("failed", Duration::from_secs(5))]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    assert_eq!(settle(&ledger, judgement(Proof::Wait)), State::Planned);
    settle(&ledger, created("t1"));
    settle(&ledger, judgement(Proof::Rejected));
    let task = ledger.view().tasks(State::Created).unwrap().remove(0);
    let failed = News::Failed("unknown_error".to_owned(), "sorry".to_owned());
    block_on(ledger.note(&task, failed)).unwrap();
    ledger.close().unwrap();
    open(folder)
}

fn bodies(folder: &Path) -> Vec<String> {
    let view = View::open(folder).unwrap().unwrap();
    let planned = view.planned(None, 9).unwrap();
    planned.iter().map(|one| String::from_utf8(one.listed().to_vec()).unwrap()).collect()
}

#[test]
fn a_failed_pair_is_created_again_with_the_request_of_today() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = finished(folder.path());
    let found = store.list(&[pair("failed", "new"), pair("refused", "old")]).unwrap();
    assert_eq!((found.changed, found.known), (1, 1));
    let failed = |store: &Store| store.view().unwrap().finished(State::Failed).unwrap().remove(0);
    assert_eq!((failed(&store).changed, failed(&store).audio), (true, None), "a new recording");
    store.measure(&[("failed", Duration::from_secs(9))]).unwrap();
    let seen = failed(&store);
    assert_eq!((seen.audio, seen.tries), (Some(Duration::from_secs(9)), 1), "429 is no try");
    assert_eq!(rows(folder.path())[0].audio, Some(Duration::from_secs(5)), "as it was sent");
    // What was sent stays what the pair shows until then.
    store.retry(&["failed".to_owned()]).unwrap();
    assert_eq!(bodies(folder.path()), [pair("failed", "new").request.to_json().to_string()]);
    let row = rows(folder.path()).remove(0);
    assert_eq!((row.audio, row.changed), (Some(Duration::from_secs(9)), false));
    let again = store.list(&[pair("failed", "new")]).unwrap();
    assert_eq!(again, Listing { known: 1, ..Listing::default() });
}

#[test]
fn a_request_that_was_changed_back_is_sent_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = finished(folder.path());
    store.list(&[pair("failed", "new")]).unwrap();
    store.list(&[pair("failed", "old")]).unwrap();
    assert!(!store.view().unwrap().finished(State::Failed).unwrap()[0].changed);
    store.retry(&["failed".to_owned()]).unwrap();
    assert_eq!(bodies(folder.path()), [pair("failed", "old").request.to_json().to_string()]);
}

#[test]
fn a_refused_pair_is_planned_again_by_a_persons_word_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = finished(folder.path());
    let forbidden = |result| matches!(result, Err(LedgerError::Forbidden { .. }));
    assert!(forbidden(store.retry_rejected(&["failed".to_owned()])));
    assert!(forbidden(store.retry(&["refused".to_owned()])));
    assert_eq!(store.view().unwrap().finished(State::Rejected).unwrap()[0].tries, 1);
    store.retry_rejected(&["refused".to_owned()]).unwrap();
    assert!(forbidden(store.retry_rejected(&["refused".to_owned()])), "it is planned");
    assert_eq!(bodies(folder.path()).len(), 1);
    drop(store);
    let folder = tempfile::tempdir().unwrap();
    let mut store = finished(folder.path());
    store.resolve(&["refused".to_owned()], &Verdict::Resend).unwrap();
    assert!(forbidden(store.resolve(&["failed".to_owned()], &Verdict::Resend)));
    assert_eq!(bodies(folder.path()).len(), 1);
}

#[test]
fn news_of_a_task_says_nothing_of_the_create_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = finished(folder.path());
    store.retry(&["failed".to_owned()]).unwrap();
    drop(store);
    let store = open(folder.path());
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t2"));
    let second = ledger.view().tasks(State::Created).unwrap().remove(0);
    let first = Task { attempt: second.attempt - 1, ..second.clone() };
    let late = block_on(ledger.note(&first, News::Failed("x".to_owned(), String::new())));
    assert!(matches!(late, Err(LedgerError::Forbidden { .. })), "{late:?}");
    assert_eq!(
        block_on(ledger.note(&second, News::Completed("u".into()))).unwrap(),
        State::Completed
    );
}
