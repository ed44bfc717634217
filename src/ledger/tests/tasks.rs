//! What is noted of tasks that are odd, and outlives the run that saw it.

use super::*;

const GONE: &str = "the server knows no such task";

/// A ledger with one created pair, and its task.
fn started(folder: &Path) -> (Ledger, Task) {
    let mut store = open(folder);
    store.list(&[pair("a", "x")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    let task = ledger.view().tasks(State::Created).unwrap().remove(0);
    (ledger, task)
}

fn note(ledger: &Ledger, task: &Task, news: News) -> State {
    block_on(ledger.note(task, news)).unwrap()
}

#[test]
fn a_task_that_is_not_found_stays_created_and_since_when_is_known_to_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, task) = started(folder.path());
    assert_eq!(task.missing_since, None);
    let gone = News::NotFound(TASK_NOT_FOUND.to_owned(), GONE.to_owned());
    assert_eq!(note(&ledger, &task, gone), State::Created);
    ledger.close().unwrap();
    let view = View::open(folder.path()).unwrap().unwrap();
    let row = rows(folder.path()).remove(0);
    let known = view.tasks(State::Created).unwrap().remove(0);
    assert_eq!(known.missing_since, Some(row.since));
    assert_eq!((row.error_code.as_str(), row.error.as_str()), (TASK_NOT_FOUND, GONE));
    let ledger = open(folder.path()).start(Box::new(|_| ())).unwrap();
    assert_eq!(note(&ledger, &known, News::Found), State::Created);
    assert_eq!(ledger.view().tasks(State::Created).unwrap()[0].missing_since, None);
    assert_eq!(rows(folder.path())[0].error_code, "");
}

#[test]
fn what_is_odd_about_a_video_stays_noted_and_a_dead_link_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, task) = started(folder.path());
    let odd = News::CompletedOddly("u".into(), "same_link".to_owned(), "b has it".to_owned());
    assert_eq!(note(&ledger, &task, odd), State::Completed);
    let code = || rows(folder.path()).remove(0).error_code;
    assert!(!rows(folder.path())[0].is_lost(), "it can be fetched");
    note(&ledger, &task, News::Relinked("v".into()));
    assert_eq!(code(), "same_link");
    note(&ledger, &task, News::LinkLost("link_dead".to_owned(), String::new()));
    assert!(rows(folder.path())[0].is_lost());
    note(&ledger, &task, News::Relinked("w".into()));
    assert_eq!(code(), "");
}

#[test]
fn a_task_is_known_by_its_pair() {
    let folder = tempfile::tempdir().unwrap();
    let (ledger, _) = started(folder.path());
    let owner = |id| ledger.view().owner_of(&TaskId::parse(id).unwrap()).unwrap();
    assert_eq!(owner("t1").as_deref(), Some("a"));
    assert_eq!((owner("t2"), owner("T1")), (None, None));
}
