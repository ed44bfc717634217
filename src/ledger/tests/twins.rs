//! A task belongs to one pair, against real files.

use super::*;

fn settled(ledger: &Ledger, judgement: Judgement) -> Settled {
    let (receipt, _) = intend(ledger).spend();
    block_on(ledger.settle(receipt, judgement)).unwrap()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

fn task(id: &str) -> TaskId {
    TaskId::parse(id).unwrap()
}

/// Runs creates on the first planned pairs and gives the ledger back.
fn run(folder: &Path, pairs: &[Pair], work: impl FnOnce(&Ledger)) -> Store {
    let mut store = open(folder);
    store.list(pairs).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    work(&ledger);
    ledger.close().unwrap();
    open(folder)
}

#[test]
fn the_second_pair_with_a_task_is_in_doubt_and_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [pair("a", "x"), pair("b", "y"), pair("c", "x")];
    let store = run(folder.path(), &pairs, |ledger| {
        assert_eq!(settled(ledger, created("t1")).same_task, None);
        let evidence = Some(b"HTTP 200\n\n{\"id\":\"t1\"}".to_vec());
        let second = settled(ledger, Judgement { evidence, ..created("t1") });
        assert_eq!(second, Settled { state: State::InDoubt, same_task: Some("a".into()) });
        let third = settled(ledger, created("t1"));
        assert_eq!(third.same_task.as_deref(), Some("a"));
    });
    let view = store.view().unwrap();
    let [b, c] = &view.doubts().unwrap()[..] else { panic!("two are in doubt") };
    assert_eq!((b.row.error_code.as_str(), b.row.task_id.as_deref()), ("same_task", None));
    assert_eq!(b.row.error, "the answer names t1, the task of a");
    assert_eq!(b.proposed.as_deref(), Some("t1"));
    assert!(b.evidence.as_deref().unwrap().ends_with(b"{\"id\":\"t1\"}"));
    assert!(c.row.error.contains("merged by the service, and nothing more billed?"), "{c:?}");
    assert!(!view.last_are_doubts(2).unwrap() && view.doubted().unwrap().is_empty());
    assert_eq!(view.owner_of(&task("t1")).unwrap().as_deref(), Some("a"));
}

#[test]
fn a_task_that_a_pair_had_before_is_not_its_new_one_either() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [pair("a", "x"), pair("b", "y")];
    let mut store = run(folder.path(), &pairs, |ledger| {
        settled(ledger, created("t1"));
        let task = ledger.view().tasks(State::Created).unwrap().remove(0);
        let failed = News::Failed("unknown_error".to_owned(), String::new());
        block_on(ledger.note(&task, failed)).unwrap();
    });
    store.retry(&ids(&["a"])).unwrap();
    drop(store);
    let mut store = run(folder.path(), &pairs, |ledger| {
        let again = settled(ledger, created("t1"));
        assert_eq!(again, Settled { state: State::InDoubt, same_task: Some("a".into()) });
        assert_eq!(settled(ledger, created("t1")).same_task.as_deref(), Some("a"));
    });
    let taken = store.resolve(&ids(&["b"]), &Verdict::Adopt(task("t1")));
    assert!(matches!(taken, Err(LedgerError::Taken { .. })), "a had it");
    store.resolve(&ids(&["a"]), &Verdict::Adopt(task("t1"))).unwrap();
    assert_eq!(rows(folder.path())[0].task_id.as_deref(), Some("t1"));
}

#[test]
fn a_task_is_adopted_once_and_a_file_of_tasks_as_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = ["a", "b", "c", "d"].map(|id| pair(id, id));
    let mut store = run(folder.path(), &pairs, |ledger| {
        settled(ledger, created("t1"));
    });
    let adopt = |store: &mut Store, tasks: &[(&str, &str)]| {
        let tasks: Vec<_> = tasks.iter().map(|(id, name)| ((*id).to_owned(), task(name))).collect();
        store.adopt(&tasks).map_err(|error| error.to_string())
    };
    let taken = adopt(&mut store, &[("b", "t2"), ("c", "t1")]).unwrap_err();
    assert_eq!(taken, "task t1 belongs to a");
    let twice = adopt(&mut store, &[("b", "t2"), ("c", "t3"), ("d", "t2")]).unwrap_err();
    assert_eq!(twice, "task t2 belongs to b", "in one file, too");
    let planned = |folder| states(folder).iter().filter(|(_, of)| *of == State::Planned).count();
    assert_eq!(planned(folder.path()), 3, "all or none");
    adopt(&mut store, &[("b", "t2"), ("c", "t3")]).unwrap();
    assert_eq!(planned(folder.path()), 1);
}

#[test]
fn only_a_failed_pair_whose_task_was_not_found_can_be_given_it_again() {
    let folder = tempfile::tempdir().unwrap();
    let pairs = [pair("a", "x"), pair("b", "y")];
    let mut store = run(folder.path(), &pairs, |ledger| {
        settled(ledger, created("t1"));
        settled(ledger, created("t2"));
        for (task, code) in
            ledger.view().tasks(State::Created).unwrap().iter().zip([TASK_NOT_FOUND, "nsfw"])
        {
            let failed = News::Failed(code.to_owned(), "sorry".to_owned());
            block_on(ledger.note(task, failed)).unwrap();
        }
    });
    store.resolve(&ids(&["a"]), &Verdict::Adopt(task("t1"))).unwrap();
    assert_eq!(rows(folder.path())[0].state, State::Created);
    let again = store.resolve(&ids(&["b"]), &Verdict::Adopt(task("t2")));
    assert!(matches!(again, Err(LedgerError::Forbidden { .. })), "{again:?}");
    // Another task in its place leaves the first one known.
    drop(store);
    let mut store = run(folder.path(), &pairs, |ledger| {
        let tasks = ledger.view().tasks(State::Created).unwrap();
        let failed = News::Failed(TASK_NOT_FOUND.to_owned(), String::new());
        block_on(ledger.note(&tasks[0], failed)).unwrap();
    });
    store.adopt(&[("a".to_owned(), task("t9"))]).unwrap();
    let owner = |id| store.view().unwrap().owner_of(&task(id)).unwrap();
    assert_eq!((owner("t1").as_deref(), owner("t9").as_deref()), (Some("a"), Some("a")));
}

#[test]
fn a_task_that_stays_unknown_is_told_once_and_so_is_one_that_is_known_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(run(folder.path(), &[pair("a", "x")], |ledger| {
        settled(ledger, created("t1"));
        let task = ledger.view().tasks(State::Created).unwrap().remove(0);
        let unknown = |code: &str| News::NotFound(code.to_owned(), "no such task".to_owned());
        let (mut events, mut since) = (Vec::new(), Vec::new());
        for news in [
            News::Found,
            unknown(TASK_NOT_FOUND),
            unknown(TASK_NOT_FOUND),
            unknown("task_not_exist"),
            News::Found,
            News::Found,
        ] {
            assert_eq!(block_on(ledger.note(&task, news)).unwrap(), State::Created);
            events.push(ledger.view().last_event().unwrap());
            since.push(rows(folder.path())[0].since);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(events, [2, 3, 3, 4, 5, 5]);
        assert_eq!(since[1..4], [since[1]; 3], "since the first time");
        assert!(since[1] > since[0]);
    }));
    let row = rows(folder.path()).remove(0);
    assert_eq!((row.error_code.as_str(), row.task_id.as_deref()), ("", Some("t1")));
}
