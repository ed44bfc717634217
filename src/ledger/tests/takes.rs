//! Takes that people ask for, against real files.

use super::*;

fn redo() -> Redo {
    Redo { who: "mia".to_owned(), why: Some("too stiff".to_owned()), prompt: None }
}

/// Each of these, for the same reason.
fn all(ids: &[&str], redo: &Redo) -> Vec<(String, Redo)> {
    ids.iter().map(|id| ((*id).to_owned(), redo.clone())).collect()
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn film(path: &str) -> News {
    News::Saved(SavedVideo {
        path: path.to_owned(),
        bytes: 3,
        sha256: "ab".repeat(32),
        length: None,
        note: None,
    })
}

/// The task of the one pair that has one under way.
fn task(ledger: &Ledger, state: State) -> Task {
    ledger.view().tasks(state).unwrap().remove(0)
}

fn save(ledger: &Ledger, path: &str) {
    let completed = News::Completed("https://v.example/1.mp4?sig=1".into());
    block_on(ledger.note(&task(ledger, State::Created), completed)).unwrap();
    block_on(ledger.note(&task(ledger, State::Completed), film(path))).unwrap();
}

fn fail(ledger: &Ledger) -> State {
    let failed = News::Failed("unknown_error".to_owned(), "sorry".to_owned());
    block_on(ledger.note(&task(ledger, State::Created), failed)).unwrap()
}

/// A pair whose first take is saved.
fn saved(folder: &Path) -> Store {
    let mut store = open(folder);
    store.list(&[pair("a", "hello")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    save(&ledger, "videos/a.mp4");
    ledger.close().unwrap();
    open(folder)
}

/// Goes on with what happens while a run is at work.
fn during(store: Store, folder: &Path, work: impl FnOnce(&Ledger)) -> Store {
    let ledger = store.start(Box::new(|_| ())).unwrap();
    work(&ledger);
    ledger.close().unwrap();
    open(folder)
}

fn row(folder: &Path) -> Row {
    rows(folder).remove(0)
}

fn tasks_known(store: &Store) -> Vec<String> {
    store.view().unwrap().task_ids().unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn another_take_is_planned_and_what_was_made_stays_known() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    assert_eq!(store.redo(&all(&["a"], &redo())).unwrap(), [2]);
    let planned = row(folder);
    assert_eq!((planned.state, planned.take, planned.task_id), (State::Planned, 2, None));
    let asked = store.view().unwrap().asked_takes().unwrap().remove(0);
    assert_eq!((&*asked.who, asked.why.as_deref()), ("mia", Some("too stiff")));
    let twice = store.redo(&all(&["a"], &redo())).unwrap_err();
    assert!(matches!(twice, LedgerError::Forbidden { .. }), "{twice}");
    let store = during(store, folder, |ledger| {
        settle(ledger, created("t2"));
        save(ledger, "videos/a.mp4");
    });
    let row = row(folder);
    assert_eq!((row.state, row.take, row.task_id.as_deref()), (State::Saved, 2, Some("t2")));
    let files = store.view().unwrap().former_files().unwrap();
    assert_eq!((files[0].take, &*files[0].path), (1, "videos/a.mp4"));
    assert_eq!(tasks_known(&store), ["t1", "t2"]);
    assert!(store.view().unwrap().asked_takes().unwrap().is_empty(), "it is there");
}

#[test]
fn a_take_that_comes_to_nothing_gives_way_to_the_last_that_was_saved() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    // However it comes to nothing.
    let ways: [&dyn Fn(&Ledger); 3] = [
        &|ledger| {
            settle(ledger, created("t2"));
            assert_eq!(fail(ledger), State::Failed);
        },
        &|ledger| assert_eq!(settle(ledger, judgement(Proof::Rejected)), State::Rejected),
        &|ledger| assert_eq!(settle(ledger, judgement(Proof::InDoubt)), State::InDoubt),
    ];
    for (take, way) in (2..).zip(ways) {
        assert_eq!(store.redo(&all(&["a"], &redo())).unwrap(), [take]);
        store = during(store, folder, way);
        if row(folder).state == State::InDoubt {
            store.resolve(&ids(&["a"]), &Verdict::Abandon).unwrap();
        }
        let row = row(folder);
        assert_eq!((row.state, row.take, row.task_id.as_deref()), (State::Saved, 1, Some("t1")));
        assert_eq!(row.video_path.as_deref(), Some("videos/a.mp4"));
        assert_eq!(row.error_code, TAKE_FAILED);
        let told = format!("take {take} came to nothing, so this is take 1: ");
        assert!(row.error.starts_with(&told), "{}", row.error);
        assert!(store.view().unwrap().former_files().unwrap().is_empty());
    }
    assert_eq!(tasks_known(&store), ["t1", "t2"]);
    // What was saved last, and not what was first.
    store.redo(&all(&["a"], &redo())).unwrap();
    let mut store = during(store, folder, |ledger| {
        settle(ledger, created("t5"));
        save(ledger, "videos/a.mp4");
    });
    store.redo(&all(&["a"], &redo())).unwrap();
    let _store = during(store, folder, |ledger| {
        settle(ledger, created("t6"));
        fail(ledger);
    });
    let row = row(folder);
    assert_eq!((row.take, row.task_id.as_deref()), (5, Some("t5")));
}

#[test]
fn without_a_saved_one_a_take_fails_as_any_pair_does() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = open(folder);
    store.list(&[pair("a", "hello")]).unwrap();
    let mut store = during(store, folder, |ledger| {
        settle(ledger, created("t1"));
        fail(ledger);
    });
    for (take, task) in [(2, "t2"), (3, "t3")] {
        assert_eq!(store.redo(&all(&["a"], &redo())).unwrap(), [take]);
        store = during(store, folder, |ledger| {
            settle(ledger, created(task));
            assert_eq!(fail(ledger), State::Failed);
        });
        let row = row(folder);
        assert_eq!(
            (row.state, row.take, row.task_id.as_deref()),
            (State::Failed, take, Some(task))
        );
    }
    store.retry(&ids(&["a"])).unwrap();
    assert_eq!((row(folder).state, row(folder).take), (State::Planned, 3), "the same take");
    assert_eq!(tasks_known(&store), ["t1", "t2", "t3"]);
}

#[test]
fn a_prompt_of_a_take_is_sent_and_is_no_change_of_the_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    let prompt = "She nods, \"once\".";
    store.redo(&all(&["a"], &Redo { prompt: Some(prompt.to_owned()), ..redo() })).unwrap();
    let listed = store.list(&[pair("a", "hello")]).unwrap();
    assert_eq!(listed, Listing { known: 1, ..Listing::default() });
    let mut store = during(store, folder, |ledger| {
        let (receipt, body) = intend(ledger).spend();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body, pair("a", prompt).request.to_json());
        let lost = judgement(Proof::InDoubt);
        block_on(ledger.settle(receipt, lost)).unwrap();
    });
    let doubt = store.view().unwrap().doubts().unwrap().remove(0);
    let sent: serde_json::Value = serde_json::from_str(&doubt.body).unwrap();
    assert_eq!(sent["prompt"], prompt, "what is looked for at the server");
    store.resolve(&ids(&["a"]), &Verdict::Resend).unwrap();
    let store = during(store, folder, |ledger| {
        let planned = ledger.view().planned(None, 1).unwrap().remove(0);
        let body: serde_json::Value = serde_json::from_slice(planned.listed()).unwrap();
        assert_eq!(body["prompt"], prompt, "also when it is sent again");
        settle(ledger, created("t2"));
        save(ledger, "videos/a.mp4");
    });
    let mut prompts = Vec::new();
    let cards = store.view().unwrap().each_card::<LedgerError>(|card| {
        prompts.extend(card.prompt);
        Ok(())
    });
    cards.unwrap();
    assert_eq!(prompts, [prompt]);
    let mut store = store;
    // The next one is as the manifest has it.
    store.redo(&all(&["a"], &redo())).unwrap();
    let planned = store.view().unwrap().planned(None, 1).unwrap().remove(0);
    assert_eq!(planned.listed(), &pair("a", "hello").request.to_json().to_string());
}

#[test]
fn a_take_is_of_what_the_manifest_asks_for_now_and_a_former_one_shows_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    assert_eq!(store.list(&[pair("a", "new")]).unwrap().changed, 1);
    store.redo(&all(&["a"], &redo())).unwrap();
    assert_eq!(store.list(&[pair("a", "new")]).unwrap().revised, 1);
    let mut store = during(store, folder, |ledger| {
        let (receipt, body) = intend(ledger).spend();
        assert_eq!(body, pair("a", "new").request.to_json().to_string());
        block_on(ledger.settle(receipt, judgement(Proof::Rejected))).unwrap();
    });
    let row = row(folder);
    assert_eq!((row.state, row.changed), (State::Saved, true), "it was made of the old request");
    assert_eq!(store.list(&[pair("a", "new")]).unwrap().changed, 1, "and stays as it was sent");
    assert_eq!(store.list(&[pair("a", "hello")]).unwrap().known, 1);
}

#[test]
fn the_task_of_an_earlier_take_is_no_later_ones() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    store.redo(&all(&["a"], &redo())).unwrap();
    let t1 = TaskId::parse("t1").unwrap();
    store.adopt(&[("a".to_owned(), t1.clone())]).unwrap();
    assert_eq!(row(folder).state, State::Planned, "the table of an earlier day says nothing new");
    let mut store = during(store, folder, |ledger| {
        // A service that merges equal requests.
        assert_eq!(settle(ledger, created("t1")), State::InDoubt);
    });
    let doubt = store.view().unwrap().doubts().unwrap().remove(0);
    assert_eq!(doubt.row.error_code, "same_task");
    let taken = store.resolve(&ids(&["a"]), &Verdict::Adopt(t1)).unwrap_err();
    assert!(taken.to_string().contains("an earlier take of a"), "{taken}");
}

#[test]
fn money_counts_every_take_and_credits_of_saved_ones_are_not_spoilt() {
    use crate::price::{Amount, Credits, Rules};
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = open(folder);
    store.list(&[pair("a", "hello")]).unwrap();
    let billed = |id: &str, credits: f64| Judgement {
        bill: Bill { credits: Some((Credits::of(credits), credits.to_string())), usage: None },
        ..created(id)
    };
    let mut store = during(store, folder, |ledger| {
        settle(ledger, billed("t1", 4.0));
        save(ledger, "videos/a.mp4");
    });
    store.redo(&all(&["a"], &redo())).unwrap();
    let mut store = during(store, folder, |ledger| {
        settle(ledger, billed("t2", 2.0));
        save(ledger, "videos/a.mp4");
    });
    let bills = |store: &Store| {
        let bills = store.view().unwrap().bills().unwrap();
        (bills.credits.to_string(), bills.tasks, bills.spoilt.to_string(), bills.spoilt_tasks)
    };
    assert_eq!(bills(&store), ("6".to_owned(), 2, "0".to_owned(), 0));
    store.redo(&all(&["a"], &redo())).unwrap();
    let store = during(store, folder, |ledger| {
        settle(ledger, billed("t3", 1.0));
        fail(ledger);
    });
    assert_eq!(bills(&store), ("6".to_owned(), 2, "1".to_owned(), 1), "t3 failed, t2 is back");
    let budget = Some(Amount::Seconds(1));
    let rules = Rules { price: None, budget, max_pair_cost: None, most: Duration::from_secs(1) };
    assert_eq!(store.view().unwrap().spent(&rules).unwrap(), 3, "all were paid for");
}

#[test]
fn a_file_that_was_set_aside_is_known_by_its_new_name() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut store = saved(folder);
    store.redo(&all(&["a"], &redo())).unwrap();
    let store = during(store, folder, |ledger| {
        settle(ledger, created("t2"));
        let task = task(ledger, State::Created);
        assert_eq!(task.take, 2);
        let formers = ledger.view().former_files_of(&task).unwrap();
        assert_eq!(formers.len(), 1);
        let aside = Some("videos/a~take1.mp4".to_owned());
        block_on(ledger.set_aside(&task, 1, aside)).unwrap();
    });
    let files = store.view().unwrap().former_files().unwrap();
    assert_eq!(files[0].path, "videos/a~take1.mp4");
    assert_eq!(store.view().unwrap().former_tasks().unwrap()[0].task.as_str(), "t1");
}
