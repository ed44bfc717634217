//! What a create's answer means for the others.

use super::*;
use crate::pace::End;
use crate::stage::Stop;
use crate::wire::Bill;

fn gate(max_doubts: u32) -> Gate {
    Gate::new(&limits(max_doubts), false)
}

fn limits(max_doubts: u32) -> CreateLimits {
    CreateLimits {
        concurrency: 4,
        rate: None,
        most: None,
        retry_for: Duration::from_secs(60),
        max_doubts: Some(max_doubts),
        keep_going: false,
    }
}

fn kept_back(code: &str) -> Judgement {
    Judgement { code: code.to_owned(), ..judged(Proof::InDoubt, 409) }
}

fn judged(proof: Proof, status: u16) -> Judgement {
    Judgement {
        proof,
        status: Some(status),
        code: String::new(),
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
async fn a_pause_is_told_with_the_answer_that_asked_for_it() {
    let (gate, stop) = (gate(2), Stop::default());
    let (first, second) = (gate.enter(&stop).await.unwrap(), gate.enter(&stop).await.unwrap());
    first.learn(&judged(Proof::Wait, 429));
    second.learn(&judged(Proof::InDoubt, 502));
    assert_eq!((gate.asked_by().status, gate.last().status), (Some(429), Some(502)));
}

/// Whether one more may start within a time that is longer than the first pause can be.
async fn admits<'a>(gate: &'a Gate, stop: &Stop) -> Option<Pass<'a>> {
    tokio::time::timeout(Duration::from_millis(1500), gate.enter(stop)).await.ok().flatten()
}

#[tokio::test]
async fn a_refusal_leaves_as_many_places_as_were_kept_and_answers_open_more() {
    let (gate, stop) = (gate(9), Stop::default());
    let mut passes = Vec::new();
    for _ in 0..4 {
        passes.push(gate.enter(&stop).await.unwrap());
    }
    passes.pop().unwrap().learn(&judged(Proof::Wait, 429));
    assert!(admits(&gate, &stop).await.is_none(), "three are under way, and were kept");
    passes.clear();
    for _ in 0..3 {
        passes.push(admits(&gate, &stop).await.unwrap());
    }
    // The first, and the last two, started as one of three: with them the places were full.
    for _ in 0..5 {
        passes.pop().unwrap().learn(&judged(Proof::Rejected, 400));
        passes.insert(0, admits(&gate, &stop).await.unwrap());
    }
    passes.push(admits(&gate, &stop).await.expect("one more is tried"));
    assert!(admits(&gate, &stop).await.is_none(), "and no more than were asked for");
}

#[test]
fn where_a_server_minds_how_fast_they_come_the_next_one_waits() {
    let mut inner = Inner::new(&limits(9));
    let starts = |inner: &mut Inner, now| match inner.entry(Way::Line, now) {
        Entry::Start { of, .. } => of,
        Entry::In(_) | Entry::Later => 0,
    };
    let second = |n| Duration::from_secs(n);
    for begins in [0, 50] {
        for now in (begins + 1..=begins + 45).map(second) {
            assert_eq!(starts(&mut inner, now), 1);
            inner.outage.window.took((now, now), 1);
            inner.under_way -= 1;
        }
        let now = second(begins + 46);
        assert_eq!(starts(&mut inner, now), 1);
        inner.pauses((now, now, 1), (Outcome::Busy, None));
        inner.under_way -= 1;
    }
    assert!(!inner.flows(second(100)), "none is chosen before it may start");
    assert_eq!(starts(&mut inner, second(100)), 1);
    let next = inner.entry(Way::Line, second(100));
    assert!(matches!(next, Entry::In(wait) if wait > second(1)), "45 in 50 seconds were taken");
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
    stop.pull(crate::submit::StopReason::Signal);
    assert!(gate.try_enter(&stop).is_none());
}

#[tokio::test]
async fn nothing_rides_past_those_who_stand_in_line() {
    let (gate, stop) = (gate(9), Stop::default());
    let mut places: Vec<_> = (0..4).map(|_| gate.try_enter(&stop).unwrap()).collect();
    assert!(gate.flows());
    let mut waits = Box::pin(gate.enter(&stop));
    assert!(futures::poll!(&mut waits).is_pending());
    assert!(!gate.flows(), "the next place is that one's");
    places.pop();
    assert!(waits.await.is_some());
}
