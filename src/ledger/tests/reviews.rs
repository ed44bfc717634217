//! What people say of videos, beside whatever has the ledger.

use super::*;

/// A ledger with one saved pair of the task `t1`, and one that is planned.
fn saved(folder: &Path) -> Ledger {
    let mut store = open(folder);
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    let task = ledger.view().tasks(State::Created).unwrap().remove(0);
    let told = |news: News| block_on(ledger.note(&task, news)).unwrap();
    told(News::Completed("https://example.com/v.mp4".into()));
    told(News::Saved(SavedVideo {
        path: "videos/a.mp4".to_owned(),
        bytes: 9,
        sha256: "00".repeat(32),
        length: None,
        note: None,
    }));
    ledger
}

fn says(decision: Decision, prompt: &str, note: &str) -> Opinion {
    Opinion {
        id: "a".to_owned(),
        task_id: Some("t1".to_owned()),
        decision: Some(Some(decision)),
        prompt: Some(prompt.to_owned()),
        note: Some(note.to_owned()),
    }
}

#[test]
fn the_last_word_counts_all_are_kept_and_a_run_goes_on_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = saved(folder.path());
    let mut ann = ReviewBook::open(folder.path()).unwrap();
    let mut ben = ReviewBook::open(folder.path()).unwrap();
    let (view, begun) = (ann.view().unwrap(), ann.view().unwrap().seen().unwrap());
    assert_eq!(ann.write("ann", &[says(Decision::Approved, "", "")]).unwrap(), [Ok(())]);
    let unknown = Opinion { id: "c".to_owned(), ..says(Decision::Again, "", "") };
    let both = [unknown, says(Decision::Again, "She smiles", "too stern")];
    assert_eq!(ben.write("ben", &both).unwrap(), [Err(NotReviewed::Unknown), Ok(())]);
    // The run still gets permits and records what comes of them.
    settle(&ledger, created("t2"));
    let review = view.review("A").unwrap().unwrap();
    assert_eq!((review.decision, &*review.who), (Some(Decision::Again), "ben"));
    let mark = Mark {
        id: "a".to_owned(),
        prompt: Some("She smiles".to_owned()),
        why: Some("too stern".to_owned()),
    };
    assert_eq!(view.marked_again().unwrap(), [mark]);
    let all = view.reviewed().unwrap();
    let told: Vec<_> = all.iter().map(|one| (&*one.review.who, one.counts)).collect();
    assert_eq!(told, [("ann", false), ("ben", true)]);
    let (cards, until) = view.cards_since(begun).unwrap();
    assert_eq!(cards.iter().map(|card| &*card.row.id).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((cards[0].review.as_ref(), until), (Some(&review), view.seen().unwrap()));
    assert_eq!(view.cards_since(until).unwrap().0, []);
    drop(view);
    ledger.close().unwrap();
    ann.close().unwrap();
    ben.close().unwrap();
    let left: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("-wal")), "{left:?}");
    let view = View::open(folder.path()).unwrap().unwrap();
    assert_eq!(view.review("a").unwrap().unwrap(), review);
}

#[test]
fn what_was_said_of_a_task_is_history_once_the_pair_has_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    let task = ledger.view().tasks(State::Created).unwrap().remove(0);
    let failed = News::Failed("busy".to_owned(), String::new());
    assert_eq!(block_on(ledger.note(&task, failed)).unwrap(), State::Failed);
    let mut book = ReviewBook::open(folder.path()).unwrap();
    let view = book.view().unwrap();
    book.write("ann", &[says(Decision::Again, "", "once more")]).unwrap();
    assert_eq!(view.marked_again().unwrap().len(), 1);
    ledger.close().unwrap();
    let mut store = open(folder.path());
    store.retry(&["a".to_owned()]).unwrap();
    assert_eq!(view.marked_again().unwrap(), [], "it is planned already");
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t2"));
    assert_eq!(view.review("a").unwrap(), None);
    assert!(view.reviewed().unwrap().iter().all(|one| !one.counts));
    let late = book.write("ann", &[says(Decision::Again, "", "")]).unwrap();
    assert_eq!(late, [Err(NotReviewed::Otherwise)]);
}

#[test]
fn a_table_is_out_of_date_once_somebody_has_said_more() {
    use crate::ledger::sheet::Sheet;
    let folder = tempfile::tempdir().unwrap();
    let ended = saved(folder.path()).end();
    let counts = ended.view().unwrap().counts().unwrap();
    // Said while the table was written.
    let mut book = ReviewBook::open(folder.path()).unwrap();
    let view = book.view().unwrap();
    let before = view.seen().unwrap().reviews;
    book.write("ann", &[says(Decision::Approved, "", "")]).unwrap();
    ended.close(Some(&Sheet::new("the file".to_owned(), &counts, before))).unwrap();
    assert_eq!(view.sheet().unwrap(), None);
    assert_eq!(view.counts().unwrap(), counts);
}

#[test]
fn nothing_is_written_into_what_took_the_ledgers_place() {
    let folder = tempfile::tempdir().unwrap();
    saved(folder.path()).close().unwrap();
    let mut book = ReviewBook::open(folder.path()).unwrap();
    let path = folder.path().join(FILE);
    fs::copy(&path, folder.path().join("other")).unwrap();
    fs::rename(folder.path().join("other"), &path).unwrap();
    let refused = book.write("ann", &[says(Decision::Approved, "", "")]).unwrap_err();
    assert!(matches!(refused, LedgerError::Moved { .. }), "{refused}");
}

#[test]
fn tags_follow_the_manifest_without_changing_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let mut tagged = pair("a", "x");
    let tags = |folder: &Path| {
        let view = View::open(folder).unwrap().unwrap();
        (view.card("a").unwrap().unwrap().tags, view.labels().unwrap())
    };
    tagged.tags = vec![crate::pair::Tag::parse("spring").unwrap()];
    let mut store = open(folder.path());
    store.list(std::slice::from_ref(&tagged)).unwrap();
    store.close().unwrap();
    assert_eq!(tags(folder.path()), (Some("spring".to_owned()), 0));
    tagged.tags.push(crate::pair::Tag::parse("new").unwrap());
    let mut store = open(folder.path());
    assert_eq!(store.list(std::slice::from_ref(&tagged)).unwrap().known, 1);
    store.list(std::slice::from_ref(&tagged)).unwrap();
    store.close().unwrap();
    assert_eq!(tags(folder.path()), (Some("spring,new".to_owned()), 1));
}
