//! The purse against real files: what it holds is what the file says, whatever was rolled back.

use super::*;
use crate::ledger::purse::Purse;
use crate::price::{Amount, Money, Rules};
use crate::wire::Account;
use std::sync::atomic::Ordering;

const PRICE: u64 = 160_000;

fn rules(budget: u64) -> Rules {
    let price = Some(Money::from_millionths(PRICE).into());
    let budget = Some(Amount::Money(Money::from_millionths(PRICE * budget)));
    Rules { price, budget, max_pair_cost: None, most: Duration::from_secs(30) }
}

/// A ledger of so many pairs, each of a second and a millisecond, so billed for two.
fn store(folder: &Path, pairs: usize, budget: u64) -> Store {
    let mut store = open(folder);
    let pairs: Vec<_> = (0..pairs).map(|n| pair(&format!("p{n}"), &format!("{n}"))).collect();
    store.list(&pairs).unwrap();
    let ids: Vec<_> = pairs.iter().map(|pair| pair.id.as_str()).collect();
    let length = Duration::from_millis(1001);
    store.measure(&ids.into_iter().map(|id| (id, length)).collect::<Vec<_>>()).unwrap();
    store.limit(rules(budget)).unwrap();
    store
}

fn next(store: &Store) -> Planned {
    store.view().unwrap().planned(None, 1).unwrap().remove(0)
}

fn spend(store: &mut Store) -> Intent {
    let planned = next(store);
    store.write(|write| write.intend(&planned)).unwrap().spend().0.settled()
}

fn end(store: &mut Store, proof: Proof) {
    let receipt = spend(store);
    store.write(|write| write.settle(&receipt, &judgement(proof))).unwrap();
}

/// In billed seconds: while the ledger is open, and as it is read anew.
fn spent(store: &Store) -> (u64, u64) {
    assert_eq!(store.spent.load(Ordering::Relaxed), store.purse.shown(), "what others see");
    let anew = store.view().unwrap().spent_of_budget(store.purse.rules()).unwrap().unwrap();
    let Amount::Money(anew) = anew else { panic!("{anew}") };
    (store.purse.shown() / PRICE, anew.millionths() / PRICE)
}

#[test]
fn only_a_proof_that_nothing_was_made_gives_money_back() {
    let task = TaskId::parse("t").unwrap();
    for (proof, kept) in [
        (Proof::Created(task), 2),
        (Proof::InDoubt, 2),
        (Proof::Rejected, 0),
        (Proof::NotSent, 0),
        (Proof::Unable, 0),
        (Proof::Wait, 0),
        (Proof::AccountStop(Account::Balance), 0),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), 2, 100);
        let receipt = spend(&mut store);
        assert_eq!(spent(&store), (2, 2), "taken with the intent");
        store.write(|write| write.settle(&receipt, &judgement(proof.clone()))).unwrap();
        assert_eq!(spent(&store), (kept, kept), "{proof:?}");
    }
}

#[test]
fn the_same_is_spent_after_the_ledger_was_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut before = store(folder.path(), 9, 100);
    end(&mut before, Proof::Created(TaskId::parse("t0").unwrap()));
    end(&mut before, Proof::Rejected);
    end(&mut before, Proof::InDoubt);
    end(&mut before, Proof::Wait);
    end(&mut before, Proof::Created(TaskId::parse("t3").unwrap()));
    let unmeasured = Planned { audio: None, ..next(&before) };
    before.purse = Purse::default();
    drop(before.write(|write| write.intend(&unmeasured)).unwrap());
    before.limit(rules(100)).unwrap();
    drop(spend(&mut before));
    assert_eq!(spent(&before), (38, 38), "three times two, once thirty, and once two");
    before.close().unwrap();
    let mut after = open(folder.path());
    assert_eq!(after.recovered(), 2);
    after.limit(rules(100)).unwrap();
    assert_eq!(spent(&after), (38, 38));
    after.resolve(&["p2".to_owned()], &Verdict::Resend).unwrap();
    after.limit(rules(100)).unwrap();
    assert_eq!(spent(&after), (38, 38), "a person's word gives nothing back");
    drop(spend(&mut after));
    assert_eq!(spent(&after), (40, 40), "the second time costs again");
}

#[test]
fn what_is_rolled_back_moves_no_money() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path(), 3, 100);
    let receipt = spend(&mut store);
    let planned = next(&store);
    let fault = || LedgerError::io(Path::new("disk"), std::io::ErrorKind::StorageFull);
    let failed = store.write(|write| {
        drop(write.intend(&planned)?);
        Err::<(), _>(fault())
    });
    assert!(failed.is_err());
    assert_eq!(spent(&store), (2, 2), "an intent that never was");
    // This one fails at the commit itself: a row of a pair that is not there.
    let failed = store.write(|write| {
        write.settle(&receipt, &judgement(Proof::Rejected))?;
        write.execute("PRAGMA defer_foreign_keys = ON", ())?;
        write.execute("UPDATE attempts SET pair = 99", ()).map(drop)
    });
    assert!(failed.unwrap_err().to_string().contains("FOREIGN KEY"));
    assert_eq!(spent(&store), (2, 2), "nothing was given back");
}

#[test]
fn a_refused_intent_is_not_written_and_the_last_unit_can_be_spent() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path(), 4, 5);
    let refused = |store: &mut Store| {
        let planned = next(store);
        let intent = store.write(|write| write.intend(&planned));
        matches!(intent.map(drop), Err(LedgerError::NotAffordable { .. }))
    };
    drop(spend(&mut store));
    drop(spend(&mut store));
    let events = store.view().unwrap().last_event().unwrap();
    assert!(refused(&mut store), "4 of 5 are spent, and it costs 2");
    assert_eq!(store.view().unwrap().last_event().unwrap(), events);
    assert_eq!(spent(&store), (4, 4));
    store.limit(rules(6)).unwrap();
    drop(spend(&mut store));
    assert_eq!(spent(&store), (6, 6));
    assert!(refused(&mut store));
}

#[test]
#[cfg(feature = "postgres")]
fn what_others_spend_and_have_back_is_known_with_their_pairs() {
    use crate::ledger::postgres::Pulled;
    use crate::ledger::share::Mirror;
    use crate::state::Event;

    let folder = tempfile::tempdir().unwrap();
    let mut store = store(folder.path(), 3, 100);
    store.write(|write| write.begin_sharing("spring")).unwrap();
    drop(spend(&mut store));
    for (attempt, state, event, come_to) in [
        (1, State::InDoubt, Some(Event::Lost), 4),
        (1, State::Planned, Some(Event::NotMade), 2),
        (2, State::Created, Some(Event::Accepted), 4),
        (2, State::Saved, Some(Event::Accepted), 4),
        // Its worker died, and nobody wrote down how long it is; but it is known here.
        (3, State::InDoubt, None, 4),
    ] {
        let price = PRICE;
        let record = event.map(|event| {
            let record = serde_json::json!({"state": state, "attempts": [{"attempt": attempt,
                "intended": 1, "settled": 2, "event": event.name(), "seconds": 2, "price": price}]});
            (attempt, record.to_string())
        });
        let pulled = Pulled {
            n: 2,
            id: "p2".to_owned(),
            take: 1,
            body: None,
            state,
            attempt,
            worker: Some(8),
            held: true,
            signed_off: true,
            late: Vec::new(),
            listed: true,
            record,
        };
        store.write(|write| write.mirror((&[pulled], 7), Mirror::Ended)).unwrap();
        assert_eq!(spent(&store), (come_to, come_to), "{state:?}");
    }
}
