//! What a create's answer means for the others.

use super::*;
use crate::pace::End;
use crate::wire::Bill;

fn gate(max_doubts: u32) -> Gate {
    Gate::new(&Limits {
        concurrency: 4,
        rate: None,
        most: None,
        retry_for: Duration::from_secs(60),
        max_doubts: Some(max_doubts),
        keep_going: false,
    })
}

fn kept_back(code: &str) -> Judgement {
    Judgement {
        proof: Proof::InDoubt,
        status: Some(409),
        code: code.to_owned(),
        message: String::new(),
        evidence: None,
        ordinary: false,
        proposed: None,
        retry_after: None,
        estimate: None,
        bill: Bill::default(),
    }
}

#[tokio::test]
async fn a_first_create_that_its_key_leaves_in_doubt_counts_as_one() {
    for code in [IDEMPOTENCY_CONFLICT, PAID_OUTCOME_UNKNOWN] {
        let (gate, stop) = (gate(2), Stop::default());
        for n in 1..=2 {
            assert_eq!(gate.end(), None, "{code} {n}");
            gate.enter(&stop).await.unwrap().learn(&kept_back(code));
            assert_eq!(gate.cause(), None, "{code}: the API answers");
        }
        assert_eq!(gate.end(), Some(End::Doubts(2)), "{code}");
    }
}

#[tokio::test]
async fn what_was_sent_before_has_its_turn_while_no_first_create_may_start() {
    let (gate, stop) = (gate(1), Stop::default());
    gate.settles();
    gate.enter(&stop).await.unwrap().learn(&kept_back(PAID_OUTCOME_UNKNOWN));
    assert!(gate.is_full_of_doubts() && gate.end().is_none());
    let within = Duration::from_millis(50);
    assert!(tokio::time::timeout(within, gate.enter(&stop)).await.is_err());
    assert!(tokio::time::timeout(within, gate.enter_again(&stop)).await.is_ok());
}

#[tokio::test]
async fn what_is_sent_again_and_is_left_in_doubt_by_its_key_is_no_other_doubt() {
    let (gate, stop) = (gate(1), Stop::default());
    for _ in 0..3 {
        gate.enter_again(&stop).await.unwrap().learn(&kept_back(PAID_OUTCOME_UNKNOWN));
    }
    assert_eq!(gate.end(), None);
}

#[tokio::test]
async fn one_more_may_start_at_once_only_where_nobody_has_to_wait() {
    let (gate, stop) = (gate(9), Stop::default());
    let mut places = Vec::new();
    for _ in 0..4 {
        assert!(gate.flows());
        places.push(gate.try_enter(&stop).unwrap());
    }
    assert!(gate.flows(), "as soon as one has ended");
    assert!(gate.try_enter(&stop).is_none(), "there are four places");
    drop(places.pop());
    drop(gate.try_enter(&stop).unwrap());
    let busy = Judgement { proof: Proof::Wait, ..kept_back("rate_limited") };
    places.pop().unwrap().learn(&busy);
    assert!(!gate.flows(), "creates pause");
    assert!(gate.try_enter(&stop).is_none());
}

#[tokio::test]
async fn nothing_starts_once_the_run_is_being_stopped() {
    let (gate, stop) = (gate(9), Stop::default());
    stop.pull(crate::submit::Reason::Signal);
    assert!(gate.try_enter(&stop).is_none());
}
