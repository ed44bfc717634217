//! Permits that are not used, with real threads.

use std::thread;

use futures::FutureExt;

use super::*;

/// A ledger of so many pairs that is running.
fn running(folder: &Path, pairs: usize) -> Ledger {
    let mut store = open(folder);
    let pairs: Vec<_> = (0..pairs).map(|n| pair(&format!("p{n}"), &n.to_string())).collect();
    store.list(&pairs).unwrap();
    store.start(Box::new(|_| ())).unwrap()
}

fn permits(ledger: &Ledger, count: usize) -> Vec<Permit> {
    let planned = ledger.view().planned(None, count).unwrap();
    planned.into_iter().map(|planned| block_on(ledger.intend(planned)).unwrap()).collect()
}

fn count(folder: &Path, state: State) -> usize {
    states(folder).iter().filter(|(_, of)| *of == state).count()
}

#[test]
fn a_permit_that_is_dropped_unsent_plans_its_pair_again() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 3);
    let [dropped, unsent, sent] =
        &mut permits(&ledger, 3).into_iter().map(Some).collect::<Vec<_>>()[..]
    else {
        panic!("three pairs are planned")
    };
    drop(dropped.take());
    let unsent = unsent.take().unwrap();
    let departure = unsent.departure();
    let (receipt, _body) = unsent.spend();
    drop(receipt);
    // Who does not ask is taken to send at once.
    let (receipt, _body) = sent.take().unwrap().spend();
    drop(receipt);
    ledger.close().unwrap();
    assert!(!departure.leave(), "its pair is planned again: nothing may be sent for it");
    assert!(!departure.has_left());
    let states = rows(folder.path()).into_iter().map(|row| (row.state, row.error_code));
    let not_sent = (State::Planned, "not_sent".to_owned());
    let sending = (State::Sending, String::new());
    assert_eq!(states.collect::<Vec<_>>(), [not_sent.clone(), not_sent, sending]);
    let store = open(folder.path());
    assert_eq!(store.recovered(), 1, "only what was sent is in doubt");
    let events: Vec<String> = store
        .view()
        .unwrap()
        .ask("SELECT event || ' ' || message FROM attempts ORDER BY pair", (), |row| row.get(0))
        .unwrap();
    assert_eq!(events[0], format!("not_made {}", permit::UNSENT));
}

#[test]
fn one_that_has_left_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 1);
    let permit = permits(&ledger, 1).remove(0);
    let departure = permit.departure();
    let (receipt, _body) = permit.spend();
    assert!(departure.leave() && departure.leave(), "a second byte may follow the first");
    assert!(!departure.withdraw() && departure.has_left());
    drop(receipt);
    ledger.close().unwrap();
    assert_eq!((open(folder.path()).recovered(), count(folder.path(), State::InDoubt)), (1, 1));
}

#[test]
fn one_that_its_sender_took_back_is_planned_again_whether_that_is_settled_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 2);
    for (n, permit) in permits(&ledger, 2).into_iter().enumerate() {
        let departure = permit.departure();
        let (receipt, _body) = permit.spend();
        assert!(departure.withdraw() && !departure.leave());
        match n {
            0 => drop(block_on(ledger.settle(receipt, judgement(Proof::NotSent))).unwrap()),
            _ => drop(receipt),
        }
    }
    ledger.close().unwrap();
    assert_eq!(count(folder.path(), State::Planned), 2);
}

#[test]
fn what_was_settled_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 1);
    let permit = permits(&ledger, 1).remove(0);
    let _departure = permit.departure();
    let (receipt, _body) = permit.spend();
    block_on(ledger.settle(receipt, created("t1"))).unwrap();
    ledger.close().unwrap();
    assert_eq!(count(folder.path(), State::Created), 1);
    assert_eq!(View::open(folder.path()).unwrap().unwrap().last_event().unwrap(), 2);
}

#[test]
fn a_permit_that_nobody_waits_for_comes_back_and_closing_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 60);
    for planned in ledger.view().planned(None, 60).unwrap() {
        // Asked, and given up before there is an answer.
        let mut asked = Box::pin(ledger.intend(planned));
        drop(asked.as_mut().now_or_never());
    }
    ledger.close().unwrap();
    assert_eq!(count(folder.path(), State::Planned), 60);
    assert_eq!(open(folder.path()).recovered(), 0);
}

#[test]
fn closing_waits_for_no_permit_that_is_still_held() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 2);
    let held = permits(&ledger, 2);
    ledger.close().unwrap();
    drop(held);
    assert_eq!(open(folder.path()).recovered(), 2, "nobody could write down that they came back");
}

#[test]
fn sender_and_receipt_never_both_have_their_way() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 200);
    let mut senders = Vec::new();
    for permit in permits(&ledger, 200) {
        let departure = permit.departure();
        let (receipt, _body) = permit.spend();
        senders.push(thread::spawn(move || departure.leave()));
        drop(receipt);
    }
    let left = senders.into_iter().map(|one| one.join().unwrap()).filter(|left| *left).count();
    ledger.close().unwrap();
    assert_eq!(count(folder.path(), State::Sending), left);
    assert_eq!(count(folder.path(), State::Planned), 200 - left);
}

#[test]
fn money_comes_back_with_a_permit() {
    use crate::price::{Amount, Rules};
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    store.measure(&["a", "b"].map(|id| (id, Duration::from_secs(20)))).unwrap();
    let budget = Some(Amount::Seconds(30));
    let most = Duration::from_secs(30);
    store.limit(Rules { price: None, budget, max_pair_cost: None, most }).unwrap();
    let ledger = store.start(Box::new(|_| ())).unwrap();
    let [a, b] = &ledger.view().planned(None, 2).unwrap()[..] else { panic!("two are planned") };
    let permit = block_on(ledger.intend(a.clone())).unwrap();
    let refused = block_on(ledger.intend(b.clone())).unwrap_err();
    assert!(matches!(refused, LedgerError::NotAffordable { .. }), "{refused}");
    drop(permit);
    let (receipt, _body) = block_on(ledger.intend(b.clone())).unwrap().spend();
    block_on(ledger.settle(receipt, created("t1"))).unwrap();
    ledger.close().unwrap();
}

#[test]
fn a_broken_ledger_takes_nothing_back_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 2);
    let held = permits(&ledger, 2);
    let other = rusqlite::Connection::open(folder.path().join(FILE)).unwrap();
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON attempts
        BEGIN SELECT RAISE(ABORT, 'the disk is broken'); END";
    other.execute_batch(trigger).unwrap();
    drop(held);
    let broken = ledger.close().unwrap_err();
    assert!(broken.to_string().contains("the disk is broken"), "{broken}");
    other.execute_batch("DROP TRIGGER broken").unwrap();
    drop(other);
    assert_eq!(open(folder.path()).recovered(), 2);
}

#[test]
fn an_outcome_and_the_next_intent_need_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path());
    store.list(&[pair("a", "x"), pair("b", "y")]).unwrap();
    let (sender, heard) = mpsc::channel();
    let observer = move |changes: &[Change]| {
        let events = changes.iter().map(|change| (change.id.to_string(), change.event));
        sender.send(events.collect::<Vec<_>>()).unwrap();
    };
    let ledger = store.start(Box::new(observer)).unwrap();
    let [first, next] = &ledger.view().planned(None, 2).unwrap()[..] else { panic!("two") };
    let (receipt, _body) = block_on(ledger.intend(first.clone())).unwrap().spend();
    let both = ledger.settle_and_intend((receipt, created("t1")), next.clone());
    let (settled, permit) = block_on(both);
    assert_eq!(settled.unwrap().state, State::Created);
    let permit = permit.unwrap();
    assert_eq!(count(folder.path(), State::Sending), 1, "its intent is committed");
    drop(permit);
    ledger.close().unwrap();
    let commits: Vec<_> = heard.iter().collect();
    let event = |id: &str, event| (id.to_owned(), event);
    let together = vec![event("a", Event::Accepted), event("b", Event::Intended)];
    assert_eq!(commits[1], together);
    assert_eq!(commits[2], [event("b", Event::NotMade)], "unspent, it goes back");
}

#[test]
fn an_outcome_stands_where_the_next_one_may_not_be_sent() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 2);
    let [first, next] = &ledger.view().planned(None, 2).unwrap()[..] else { panic!("two") };
    let (receipt, _body) = block_on(ledger.intend(first.clone())).unwrap().spend();
    let other = block_on(ledger.intend(next.clone())).unwrap();
    let (settled, permit) =
        block_on(ledger.settle_and_intend((receipt, created("t1")), next.clone()));
    assert_eq!(settled.unwrap().state, State::Created);
    assert!(matches!(permit, Err(LedgerError::Forbidden { .. })), "it is under way already");
    drop(other);
    ledger.close().unwrap();
    assert_eq!(count(folder.path(), State::Created), 1);
}

#[test]
fn a_permit_that_went_back_says_nothing_of_an_outage() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = running(folder.path(), 4);
    for _ in 0..3 {
        settle(&ledger, judgement(Proof::InDoubt));
    }
    assert!(ledger.view().last_are_doubts(3).unwrap());
    drop(intend(&ledger));
    ledger.close().unwrap();
    let view = View::open(folder.path()).unwrap().unwrap();
    assert!(view.last_are_doubts(3).unwrap(), "the service was not asked since");
}
