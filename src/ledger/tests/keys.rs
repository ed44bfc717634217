//! What may be sent again under its key, and what never.

use std::time::Duration;

use super::*;
use crate::ledger::permit::{Intent, Occasion};
use crate::ledger::{AnotherTask, Replay};
use crate::pair::Idempotency;
use crate::price::{Amount, Rules};
use crate::wire::{IDEMPOTENCY_CONFLICT, PAID_OUTCOME_UNKNOWN};

const DESK: &str = "https://api.example me";

fn keys() -> Idempotency {
    Idempotency { header: Default::default(), window: Idempotency::WINDOW }
}

/// A ledger of so many pairs whose creates have keys.
fn keyed(folder: &Path, pairs: usize) -> Store {
    let mut store = open(folder);
    let pairs: Vec<_> = (0..pairs).map(|n| pair(&format!("p{n}"), &n.to_string())).collect();
    store.list(&pairs).unwrap();
    store.use_keys(Some(&keys()), DESK).unwrap();
    store
}

fn doubt() -> Judgement {
    Judgement {
        code: "no_answer".to_owned(),
        message: "reset".to_owned(),
        evidence: Some(b"no answer".to_vec()),
        ..judgement(Proof::InDoubt)
    }
}

/// The doubts that can be sent again now.
fn waiting(ledger: &Ledger) -> Vec<Keyed> {
    ledger.view().keyed(&keys(), Timestamp::now()).unwrap()
}

/// The trial that a doubt waits for.
fn candidate(ledger: &Ledger, doubt: &Keyed) -> Option<Planned> {
    ledger.view().to_try(&keys(), doubt, Timestamp::now()).unwrap()
}

/// A ledger with p0 created as `t0`, p1 in doubt, and one trial that was answered so.
fn tried(folder: &Path, answer: Judgement) -> Ledger {
    let ledger = keyed(folder, 2).start(Box::new(|_| ())).unwrap();
    assert_eq!(settle(&ledger, created("t0")), State::Created);
    assert_eq!(settle(&ledger, doubt()), State::InDoubt);
    try_key(&ledger, answer);
    ledger
}

fn try_key(ledger: &Ledger, answer: Judgement) {
    let accepted = candidate(ledger, &waiting(ledger)[0]).unwrap();
    let (receipt, _) = block_on(ledger.try_key(accepted)).unwrap().spend();
    assert_eq!(block_on(ledger.settle(receipt, answer)).unwrap().state, State::Created);
}

/// Sends the oldest doubt again.
fn again(ledger: &Ledger, answer: Judgement) -> State {
    let planned = waiting(ledger).remove(0).planned;
    let (receipt, _) = block_on(ledger.repeat(planned)).unwrap().spend();
    block_on(ledger.settle(receipt, answer)).unwrap().state
}

fn is_refused(ledger: &Ledger, planned: Planned) -> bool {
    matches!(block_on(ledger.repeat(planned)), Err(LedgerError::Forbidden { .. }))
}

#[test]
fn each_create_has_a_key_of_its_own_that_is_durable_with_the_exact_body() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 2).start(Box::new(|_| ())).unwrap();
    let permits = [intend(&ledger), intend(&ledger)];
    let sent = "SELECT header, key, body FROM keys ORDER BY pair";
    let sent: Vec<[String; 3]> =
        ledger.view().ask(sent, (), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?])).unwrap();
    assert_ne!(sent[0][1], sent[1][1]);
    for (permit, [header, key, body]) in permits.into_iter().zip(sent) {
        let named = permit.key().unwrap();
        assert_eq!([named.header.as_str(), named.key.as_str()], [&*header, &*key]);
        assert_eq!(permit.spend().1, body);
    }
}

#[test]
fn a_doubt_is_sent_again_as_it_was_once_its_service_is_known_to_replay() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tried(folder.path(), created("t0"));
    let first = waiting(&ledger).remove(0);
    assert_eq!(first.replay, Replay::Honoured);
    let sent = "SELECT key, body FROM keys WHERE pair = 2";
    let sent: [String; 2] =
        ledger.view().ask(sent, (), |row| Ok([row.get(0)?, row.get(1)?])).unwrap().remove(0);
    let permit = block_on(ledger.repeat(first.planned.clone())).unwrap();
    assert_eq!(permit.key().unwrap().key.as_str(), sent[0]);
    assert_eq!(states(folder.path())[1].1, State::Sending);
    assert!(is_refused(&ledger, first.planned), "under way");
    let (receipt, body) = permit.spend();
    assert_eq!(body, sent[1]);
    assert_eq!(block_on(ledger.settle(receipt, created("t1"))).unwrap().state, State::Created);
    assert_eq!(rows(folder.path())[1].attempts, 1, "the same attempt");
    assert_eq!(rows(folder.path())[1].error_code, "");
    assert!(waiting(&ledger).is_empty());
}

#[test]
fn before_the_service_is_known_to_replay_no_doubt_gets_a_permit() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 2).start(Box::new(|_| ())).unwrap();
    settle(&ledger, doubt());
    let first = waiting(&ledger).remove(0);
    assert_eq!(first.replay, Replay::Unknown);
    assert!(candidate(&ledger, &first).is_none(), "none was accepted");
    assert!(is_refused(&ledger, first.planned));
}

#[test]
fn whatever_but_a_task_comes_of_a_resend_proves_nothing_of_the_first_sending() {
    use crate::wire::Account::Balance;
    for proof in [
        Proof::Rejected,
        Proof::NotSent,
        Proof::NotRelayed,
        Proof::NotTheApi,
        Proof::Unable,
        Proof::Wait,
        Proof::AccountStop(Balance),
        Proof::InDoubt,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = tried(folder.path(), created("t0"));
        let news = matches!(proof, Proof::Rejected | Proof::InDoubt);
        let answer = Judgement { code: "news".to_owned(), ..judgement(proof.clone()) };
        assert_eq!(again(&ledger, answer), State::InDoubt, "{proof:?}");
        let row = rows(folder.path()).remove(1);
        assert_eq!(row.error_code, if news { "news" } else { "no_answer" }, "{proof:?}");
        let doubt = ledger.view().doubts().unwrap().remove(0);
        assert!(doubt.evidence.unwrap().starts_with(b"no answer"), "what came first is kept");
        assert_eq!(again(&ledger, created("t1")), State::Created, "{proof:?}: once more");
    }
}

#[test]
fn a_run_that_dies_while_it_sends_again_leaves_the_doubt_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tried(folder.path(), created("t0"));
    let planned = waiting(&ledger).remove(0).planned;
    let _left = block_on(ledger.repeat(planned)).unwrap().spend();
    ledger.close().unwrap();
    let store = open(folder.path());
    assert_eq!(store.recovered(), 1);
    let ledger = store.start(Box::new(|_| ())).unwrap();
    assert_eq!(again(&ledger, created("t1")), State::Created);
}

#[test]
fn what_another_task_comes_back_for_is_kept_and_nothing_is_sent_again_there() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tried(folder.path(), created("t9"));
    let doubt = waiting(&ledger).remove(0);
    assert_eq!(doubt.replay, Replay::Never);
    assert!(is_refused(&ledger, doubt.planned.clone()));
    let accepted = candidate(&ledger, &doubt).unwrap();
    assert!(block_on(ledger.try_key(accepted)).is_err(), "not tried a second time");
    let other = AnotherTask {
        id: "p0".to_owned(),
        task_id: "t0".to_owned(),
        other_task_id: "t9".to_owned(),
    };
    assert_eq!(ledger.view().other_tasks().unwrap(), [other]);
    let ids: Vec<_> = ledger.view().task_ids().unwrap();
    assert_eq!(ids.iter().map(TaskId::as_str).collect::<Vec<_>>(), ["t0", "t9"]);
}

#[test]
fn a_trial_takes_its_price_and_gets_it_back_only_where_it_made_nothing() {
    let lost = || doubt();
    let refused = || judgement(Proof::Rejected);
    let wait = || judgement(Proof::Wait);
    for (answers, spent) in [
        (vec![created("t0")], 10),
        (vec![created("t9")], 15),
        (vec![lost()], 15),
        (vec![lost(), lost()], 20),
        (vec![lost(), created("t0")], 10),
        (vec![refused()], 10),
        (vec![wait(), wait(), created("t0")], 10),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = keyed(folder.path(), 2);
        store.measure(&["p0", "p1"].map(|id| (id, Duration::from_secs(5)))).unwrap();
        let rules = Rules { budget: Some(Amount::Seconds(30)), ..Rules::default() };
        store.limit(rules).unwrap();
        let ledger = store.start(Box::new(|_| ())).unwrap();
        settle(&ledger, created("t0"));
        settle(&ledger, doubt());
        let shown = format!("{answers:?}");
        answers.into_iter().for_each(|answer| try_key(&ledger, answer));
        assert_eq!(ledger.view().spent(&rules).unwrap(), spent, "{shown}");
        ledger.close().unwrap();
        let mut store = open(folder.path());
        store.limit(rules).unwrap();
        assert_eq!(store.purse.shown(), spent, "{shown}: at the next start");
    }
}

#[test]
fn a_trial_takes_what_its_create_took_even_if_its_recording_is_shorter_today() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = keyed(folder.path(), 2);
    store.measure(&["p0", "p1"].map(|id| (id, Duration::from_secs(9)))).unwrap();
    let rules = Rules { budget: Some(Amount::Seconds(40)), ..Rules::default() };
    store.limit(rules).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t0"));
    settle(&ledger, doubt());
    let accepted = candidate(&ledger, &waiting(&ledger)[0]).unwrap();
    let shorter = Planned { audio: Some(Duration::from_secs(2)), ..accepted.clone() };
    let (receipt, _) = block_on(ledger.try_key(shorter)).unwrap().spend();
    assert_eq!(ledger.view().spent(&rules).unwrap(), 27, "what was sent is nine seconds long");
    block_on(ledger.settle(receipt, doubt())).unwrap();
    let longer = Planned { audio: Some(Duration::from_secs(12)), ..accepted };
    let _under_way = block_on(ledger.try_key(longer)).unwrap().spend();
    assert_eq!(ledger.view().spent(&rules).unwrap(), 39);
}

#[test]
fn the_budget_holds_a_trial_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = keyed(folder.path(), 2);
    store.measure(&["p0", "p1"].map(|id| (id, Duration::from_secs(5)))).unwrap();
    store.limit(Rules { budget: Some(Amount::Seconds(14)), ..Rules::default() }).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t0"));
    settle(&ledger, doubt());
    let accepted = candidate(&ledger, &waiting(&ledger)[0]).unwrap();
    let refused = block_on(ledger.try_key(accepted)).unwrap_err();
    assert!(matches!(refused, LedgerError::NotAffordable { .. }), "{refused}");
}

#[test]
fn sending_again_is_paid_for_once_at_every_moment() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = keyed(folder.path(), 2);
    store.measure(&["p0", "p1"].map(|id| (id, Duration::from_secs(5)))).unwrap();
    let rules = Rules { budget: Some(Amount::Seconds(30)), ..Rules::default() };
    store.limit(rules).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t0"));
    settle(&ledger, doubt());
    try_key(&ledger, created("t0"));
    let spent = || ledger.view().spent(&rules).unwrap();
    let permit = block_on(ledger.repeat(waiting(&ledger).remove(0).planned)).unwrap();
    assert_eq!(spent(), 10, "under way");
    let (receipt, _) = permit.spend();
    block_on(ledger.settle(receipt, doubt())).unwrap();
    assert_eq!(spent(), 10, "in doubt again");
    again(&ledger, created("t1"));
    assert_eq!(spent(), 10);
}

#[test]
fn a_trial_that_its_run_did_not_live_to_hear_of_may_have_been_paid_for() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 2).start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t0"));
    settle(&ledger, doubt());
    for n in 1..=3 {
        let accepted = candidate(&ledger, &waiting(&ledger)[0]).unwrap();
        let _left = block_on(ledger.try_key(accepted)).unwrap().spend();
        assert_eq!(waiting(&ledger)[0].replay, Replay::Unknown, "{n}");
    }
    ledger.close().unwrap();
    let ledger = open(folder.path()).start(Box::new(|_| ())).unwrap();
    let doubt = waiting(&ledger).remove(0);
    assert_eq!(doubt.replay, Replay::Never, "three times is enough");
}

#[test]
fn where_a_key_is_of_no_use_nothing_is_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tried(folder.path(), created("t0"));
    let planned = waiting(&ledger).remove(0).planned;
    let now = Timestamp::now();
    let later = |time: Duration| ledger.view().keyed(&keys(), now + time).unwrap().len();
    let usable = keys().usable();
    assert_eq!(later(usable - Duration::from_secs(60)), 1);
    assert_eq!(later(usable), 0, "the service may have forgotten it");
    assert_eq!(ledger.view().keyed(&keys(), now - Duration::from_secs(3600)).unwrap().len(), 0);
    ledger.close().unwrap();
    let other = Idempotency { header: crate::pair::KeyHeader::parse("x-key").unwrap(), ..keys() };
    for (setting, desk) in [
        (None, DESK),
        (Some(&other), DESK),
        (Some(&keys()), "https://api.example somebody else"),
        (Some(&keys()), "https://another.example me"),
    ] {
        let mut store = open(folder.path());
        store.use_keys(setting, desk).unwrap();
        let ledger = store.start(Box::new(|_| ())).unwrap();
        assert!(is_refused(&ledger, planned.clone()), "{setting:?} {desk}");
        ledger.close().unwrap();
    }
    let mut store = open(folder.path());
    store.use_keys(Some(&keys()), DESK).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let (receipt, _) = block_on(ledger.repeat(planned.clone())).unwrap().spend();
    let answer = Judgement { code: IDEMPOTENCY_CONFLICT.to_owned(), ..doubt() };
    assert_eq!(block_on(ledger.settle(receipt, answer)).unwrap().state, State::InDoubt);
    assert!(is_refused(&ledger, planned), "a conflict ends it");
    assert!(waiting(&ledger).is_empty());
}

#[test]
fn what_is_not_finished_yet_may_be_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = tried(folder.path(), created("t0"));
    let answer = Judgement { code: PAID_OUTCOME_UNKNOWN.to_owned(), ..doubt() };
    assert_eq!(again(&ledger, answer), State::InDoubt);
    assert_eq!(again(&ledger, created("t1")), State::Created);
}

#[test]
fn a_create_that_went_out_without_a_key_is_never_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("p0", "0"), pair("p1", "1"), pair("p2", "2")]).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let permit = intend(&ledger);
    assert!(permit.key().is_none());
    let _left = permit.spend();
    ledger.close().unwrap();
    let mut store = open(folder.path());
    store.use_keys(Some(&keys()), DESK).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t1"));
    settle(&ledger, doubt());
    try_key(&ledger, created("t1"));
    let again = waiting(&ledger);
    assert_eq!(again.iter().map(|doubt| &*doubt.planned.id).collect::<Vec<_>>(), ["p2"]);
    let without = Planned { pair: 1, ..again[0].planned.clone() };
    assert!(is_refused(&ledger, without));
}

#[test]
fn an_answer_that_named_another_pairs_task_is_not_asked_for_once_more() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 2).start(Box::new(|_| ())).unwrap();
    settle(&ledger, created("t0"));
    assert_eq!(settle(&ledger, created("t0")), State::InDoubt);
    assert!(waiting(&ledger).is_empty());
}

#[test]
fn creates_that_made_nothing_leave_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 1).start(Box::new(|_| ())).unwrap();
    assert_eq!(settle(&ledger, judgement(Proof::Wait)), State::Planned);
    assert_eq!(ledger.view().one::<u32>("SELECT count(*) FROM keys", ()).unwrap(), 0);
    settle(&ledger, created("t0"));
    assert_eq!(ledger.view().one::<u32>("SELECT attempt FROM keys", ()).unwrap(), 2);
}

#[test]
fn a_run_that_was_pushed_aside_settles_what_was_sent_again_only_with_a_task() {
    for (late, state) in [
        (judgement(Proof::NotSent), State::Sending),
        (judgement(Proof::Rejected), State::Sending),
        (created("t1"), State::Created),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ledger = tried(folder.path(), created("t0"));
        let planned = waiting(&ledger).remove(0).planned;
        let (receipt, _) = block_on(ledger.repeat(planned)).unwrap().spend();
        let mut first = receipt.settled();
        first.occasion = Occasion::First;
        ledger.close().unwrap();
        let mut store = open(folder.path());
        // As if it were under way there once more.
        let put_back = "UPDATE standings SET state = 'sending' WHERE pair = 2";
        store.write(|write| write.execute(put_back, ())).unwrap();
        let shown = format!("{late:?}");
        let settled = store.write(|write| write.settle(&first, &late)).unwrap();
        assert_eq!(settled.state, state, "{shown}");
        let intent = Intent { occasion: Occasion::Again, ..first };
        let second = store.write(|write| write.settle(&intent, &created("t1"))).unwrap();
        assert_eq!((second.state, second.same_task), (State::Created, None), "{shown}");
        let other = store.write(|write| write.settle(&intent, &created("t2"))).unwrap();
        assert_eq!(other.state, State::Created);
        let view = store.view().unwrap();
        assert_eq!(view.replays_here(&keys()).unwrap(), Replay::Never, "two tasks of one create");
        assert!(view.task_ids().unwrap().iter().any(|task| task.as_str() == "t2"), "kept");
    }
}

#[test]
fn what_a_desk_accepted_is_found_without_reading_what_others_did() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = keyed(folder.path(), 1).start(Box::new(|_| ())).unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {}", trial::to_try());
    let values = ("h", 2, 3, DESK);
    let plan: Vec<String> = ledger.view().ask(&sql, values, |row| row.get(3)).unwrap();
    assert!(plan[0].contains("keys_by_desk (desk=? AND header=? AND intended<?)"), "{plan:?}");
    assert!(plan.iter().all(|step| !step.contains("TEMP B-TREE")), "{plan:?}");
}
