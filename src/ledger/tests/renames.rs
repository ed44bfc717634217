//! A renamed pair is the same pair, against real files.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::pair::Fingerprint;

/// A ledger in which pairs came to something: their ids, what they ask for, and what was answered.
/// What has no answer was not sent.
fn sent(folder: &Path, pairs: &[(&str, &str, Option<Judgement>)]) -> Store {
    let mut store = open(folder);
    store.list(&pairs.iter().map(|(id, asks, _)| pair(id, asks)).collect::<Vec<_>>()).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    for (id, _, judgement) in pairs {
        let Some(judgement) = judgement else { continue };
        let planned = ledger.view().planned_one(id).unwrap().unwrap();
        let (receipt, _) = block_on(ledger.intend(planned)).unwrap().spend();
        block_on(ledger.settle(receipt, judgement.clone())).unwrap();
    }
    ledger.close().unwrap();
    open(folder)
}

fn task(id: &str) -> Option<Judgement> {
    Some(created(id))
}

fn list(store: &mut Store, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs: Vec<_> = pairs.iter().map(|(id, asks)| pair(id, asks)).collect();
    let foreseen = foreseen(&store.view().unwrap(), &pairs);
    let listing = store.list(&pairs).unwrap();
    let counted = listing.new + listing.known + listing.revised + listing.changed;
    assert_eq!(counted, pairs.len());
    assert_eq!(foreseen, listing.renamed, "a plan says the same");
    listing.renamed.into_iter().map(|one| (one.from, one.to)).collect()
}

/// What a reader says before.
fn foreseen(view: &View, pairs: &[Pair]) -> Vec<Renamed> {
    let of = |pair: &Pair| Fingerprint::of(&pair.request.to_json().to_string());
    let same = |pair: &&Pair| {
        let known = view.known(pair.id.as_str()).unwrap();
        known.is_some_and(|known| known.fingerprint == of(pair).as_bytes())
    };
    let kept = pairs.iter().filter(same).map(|pair| pair.id.folded()).collect();
    let wanted = pairs.iter().filter(|pair| !same(pair));
    let wanted: Vec<_> = wanted.map(|pair| Wanted { pair, fingerprint: of(pair) }).collect();
    view.renamed(&wanted, &kept).unwrap()
}

/// The rows: id, state, task and whether they are listed.
fn shown(folder: &Path) -> Vec<String> {
    let row = |row: Row| {
        let listed = if row.listed { "" } else { " unlisted" };
        let changed = if row.changed { " changed" } else { "" };
        format!("{} {} {}{listed}{changed}", row.id, row.state, row.task_id.unwrap_or_default())
    };
    rows(folder).into_iter().map(row).collect()
}

fn renames(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

#[test]
fn a_new_id_for_a_request_that_was_sent_is_the_same_pair() {
    let folder = tempfile::tempdir().unwrap();
    let lost = Some(judgement(Proof::InDoubt));
    let mut store = sent(folder.path(), &[("a", "x", task("t1")), ("b", "y", lost)]);
    let found = list(&mut store, &[("doubt", "y"), ("first", "x"), ("a", "z")]);
    assert_eq!(found, renames(&[("b", "doubt"), ("a", "first")]));
    assert_eq!(shown(folder.path()), ["doubt in_doubt ", "first created t1", "a planned "]);
    assert_eq!(list(&mut store, &[("first", "x")]), []);
}

#[test]
fn chains_and_swaps_keep_every_task_with_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let three = [("a", "x", task("t1")), ("b", "y", task("t2")), ("c", "z", task("t3"))];
    let mut store = sent(folder.path(), &three);
    let found = list(&mut store, &[("a", "y"), ("b", "x"), ("c", "z")]);
    assert_eq!(found, renames(&[("b", "a"), ("a", "b")]));
    assert_eq!(shown(folder.path()), ["a created t2", "b created t1", "c created t3"]);
    // One more at the top moves all the others.
    let found = list(&mut store, &[("a", "new"), ("b", "y"), ("c", "x"), ("d", "z")]);
    assert_eq!(found, renames(&[("a", "b"), ("b", "c"), ("c", "d")]));
    let expected = ["a planned ", "b created t2", "c created t1", "d created t3"];
    assert_eq!(shown(folder.path()), expected);
}

#[test]
fn what_nothing_was_made_of_gives_way_and_what_was_sent_does_not() {
    for (holder, expected) in [
        (None, &["b created t1"][..]),
        (Some(judgement(Proof::Rejected)), &["b created t1", "a rejected  unlisted"]),
        (task("t2"), &["b created t2 changed", "a created t1 unlisted"]),
        (Some(judgement(Proof::InDoubt)), &["b in_doubt  changed", "a created t1 unlisted"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = sent(folder.path(), &[("a", "x", task("t1")), ("b", "y", holder)]);
        list(&mut store, &[("b", "x")]);
        assert_eq!(shown(folder.path()), expected);
    }
}

#[test]
fn of_two_that_were_sent_the_one_that_came_farthest_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let refused = Some(judgement(Proof::Rejected));
    let same = [("a", "x", refused), ("b", "x", task("t1")), ("c", "x", task("t2"))];
    let mut store = sent(folder.path(), &same);
    assert_eq!(list(&mut store, &[("new", "x")]), renames(&[("b", "new")]));
    assert_eq!(list(&mut store, &[("B", "x")]), renames(&[("new", "B")]), "which is free again");
}

#[test]
fn another_take_is_another_pair_unless_the_ledger_did_not_tell_them_apart() {
    let folder = tempfile::tempdir().unwrap();
    let twin = |id, take| Pair { take, ..pair(id, "x") };
    let mut store = sent(folder.path(), &[("a", "x", task("t1"))]);
    let listing = store.list(&[twin("b", 2)]).unwrap();
    assert_eq!((listing.new, listing.renamed), (1, Vec::new()));
    // As a ledger of an older release has it: two rows of one request.
    let folder = tempfile::tempdir().unwrap();
    let two = [("a", "x", task("t1")), ("b", "x", task("t2"))];
    let mut store = sent(folder.path(), &two);
    let listing = store.list(&[twin("c", 1), twin("d", 2)]).unwrap();
    assert_eq!((listing.new, listing.renamed.len()), (0, 2));
    assert_eq!(shown(folder.path()), ["c created t1", "d created t2"]);
    // The one that has its own id in the manifest keeps it.
    let folder = tempfile::tempdir().unwrap();
    let mut store = sent(folder.path(), &two);
    let listing = store.list(&[twin("a", 1), twin("d", 2)]).unwrap();
    assert_eq!((listing.known, listing.renamed.len()), (2, 1));
    assert_eq!(shown(folder.path()), ["a created t1", "d created t2"]);
}

#[test]
fn however_ids_are_dealt_again_nothing_that_was_paid_is_planned() {
    for seed in 40..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut ids, mut asks) = (["a", "b", "c", "d", "e", "f"], ["u", "v", "w", "x", "y", "z"]);
        let folder = tempfile::tempdir().unwrap();
        let first: Vec<_> = (0..5)
            .map(|n| {
                let task = created(&format!("t-{}", asks[n]));
                let answers = [
                    None,
                    Some(task),
                    Some(judgement(Proof::InDoubt)),
                    Some(judgement(Proof::Rejected)),
                ];
                (ids[n], asks[n], answers[random.usize(..4)].clone())
            })
            .collect();
        let mut store = sent(folder.path(), &first);
        let made = |state| matches!(state, State::Created | State::InDoubt);
        let before = rows(folder.path()).into_iter().filter(|row| made(row.state)).count();
        let paid: BTreeSet<_> = first
            .iter()
            .filter(|(.., answer)| {
                let proof = answer.as_ref().map(|answer| &answer.proof);
                matches!(proof, Some(Proof::Created(_) | Proof::InDoubt))
            })
            .map(|(_, asks, _)| *asks)
            .collect();
        random.shuffle(&mut ids);
        random.shuffle(&mut asks);
        let most = random.usize(1..=6);
        let now: BTreeMap<_, _> = ids.into_iter().zip(asks).take(most).collect();
        list(&mut store, &now.iter().map(|(id, asks)| (*id, *asks)).collect::<Vec<_>>());
        for row in rows(folder.path()) {
            let wanted = now.get(row.id.as_str()).filter(|_| row.listed && !row.changed);
            let again =
                row.state == State::Planned && wanted.is_some_and(|asks| paid.contains(asks));
            assert!(!again, "seed {seed}: {} is sent again", row.id);
            let task = row.task_id.as_ref().zip(wanted);
            assert!(task.is_none_or(|(task, asks)| *task == format!("t-{asks}")), "seed {seed}");
        }
        let after = rows(folder.path()).into_iter().filter(|row| made(row.state)).count();
        assert_eq!(before, after, "seed {seed}: one is lost");
    }
}
