//! One rule at a time.

use std::time::Duration;

use super::*;

const ZERO: Duration = Duration::ZERO;
const LONG: Duration = Duration::from_secs(900);

fn at(seconds: u64) -> (Duration, f64) {
    (Duration::from_secs(seconds), 1.0)
}

/// With these outcomes of creates that began side by side.
fn after(concurrency: u32, outcomes: &[Outcome]) -> Outage {
    let mut outage = Outage::new(concurrency, None);
    outcomes.iter().for_each(|&outcome| outage.heard(outcome, false, at(0)));
    outage
}

#[test]
fn doubts_that_keys_settle_make_creates_wait_and_end_nothing() {
    let mut outage = Outage::new(8, Some(2));
    let at = |seconds| (Duration::from_secs(seconds), 0.0);
    outage.heard(Outcome::Doubt, false, at(0));
    outage.settles();
    outage.heard(Outcome::Doubt, false, at(1));
    assert_eq!(outage.end(), None);
    assert!(!outage.admits(0, at(1).0), "two are in doubt, whatever becomes of them");
    assert!(outage.admits_again(0, at(1).0), "one of them is sent again");
    outage.undoubted();
    assert!(outage.admits(0, at(1).0));
    outage.heard(Outcome::Doubt, false, at(2));
    outage.settled_all();
    assert_eq!(outage.end(), Some(End::Doubts(2)), "what is left stays in doubt");
    assert!(!outage.admits_again(0, at(2).0));
}

#[test]
fn a_doubt_that_is_sent_again_is_no_other_doubt() {
    let mut outage = Outage::new(1, Some(2));
    let at = |seconds| (Duration::from_secs(seconds), 0.0);
    for n in 0..10 {
        outage.heard(Outcome::DoubtAgain, false, at(n));
    }
    assert_eq!((outage.doubts(), outage.cause(), outage.end()), (0, None, None));
    outage.heard(Outcome::Doubt, false, at(10));
    assert_eq!((outage.doubts(), outage.cause()), (1, Some(Cause::Doubts)));
    assert!(outage.tries_first());
    outage.heard(Outcome::DoubtAgain, true, at(12));
    assert!(!outage.tries_first(), "a pair that the service chokes on is not tried over and over");
    outage.heard(Outcome::Answer, true, at(13));
    assert_eq!((outage.cause(), outage.tries_first()), (None, true));
    outage.undoubted();
    outage.heard(Outcome::Doubt, false, at(14));
    assert_eq!(outage.end(), None, "one of the two is settled");
    for n in 0..3 {
        outage.heard(Outcome::DoubtAgain, true, at(20 + n));
    }
    assert_eq!(outage.end(), Some(End::Alone), "it tells as much of the service as any other");
}

#[test]
fn three_doubts_in_a_row_close_it_and_an_answer_between_does_not_count_them_together() {
    use Outcome::{Answer, Busy, Doubt};
    assert_eq!(after(64, &[Doubt, Doubt]).cause(), None);
    assert_eq!(after(64, &[Doubt, Doubt, Answer, Doubt, Doubt]).cause(), None);
    assert_eq!(after(64, &[Doubt, Busy, Doubt, Busy, Doubt]).cause(), Some(Cause::Doubts));
}

#[test]
fn the_place_of_a_doubt_stays_empty_until_the_service_answers() {
    use Outcome::{Answer, Doubt};
    let outage = after(3, &[Doubt, Doubt]);
    assert_eq!([0, 1].map(|under_way| outage.admits(under_way, ZERO)), [true, false]);
    assert!(after(3, &[Doubt, Doubt, Answer]).admits(2, ZERO));
    assert_eq!(after(2, &[Doubt, Doubt]).cause(), Some(Cause::Doubts), "no place is left");
    let mut outage = after(4, &[Doubt, Doubt]);
    outage.refused(true, (3, 3), at(0));
    assert_eq!(outage.cause(), Some(Cause::Doubts), "nor here");
}

#[test]
fn what_is_under_way_is_awaited_then_the_service_is_asked_then_one_goes_alone() {
    let mut outage = after(1, &[Outcome::Doubt]);
    let step = |outage: &Outage, under_way, now| outage.step(under_way, at(now).0, LONG);
    assert_eq!(step(&outage, 1, 5), Step::Wait);
    assert_eq!(step(&outage, 0, 0), Step::Until(at(1).0));
    assert_eq!(step(&outage, 0, 1), Step::Ask);
    outage.asked(false, at(1));
    assert_eq!(step(&outage, 0, 1), Step::Until(at(3).0));
    outage.asked(true, at(3));
    assert_eq!(step(&outage, 0, 3), Step::Alone);
    assert!(outage.admits(0, at(3).0) && outage.begins());
    assert!(!outage.admits(0, at(3).0) && step(&outage, 0, 3) == Step::Wait);
    outage.unused();
    assert_eq!(step(&outage, 0, 3), Step::Alone);
    outage.begins();
    outage.heard(Outcome::Doubt, true, at(4));
    assert_eq!(step(&outage, 0, 4), Step::Until(at(8).0), "twice as long");
    assert_eq!(step(&outage, 0, 8), Step::Ask);
    outage.asked(true, at(8));
    outage.begins();
    outage.heard(Outcome::Answer, true, at(9));
    assert_eq!((outage.cause(), outage.window.size()), (None, 1));
}

#[test]
fn the_question_is_asked_ever_more_rarely_and_not_for_ever() {
    let (mut outage, mut asked) = (after(1, &[Outcome::Doubt]), Vec::new());
    let mut now = ZERO;
    loop {
        match outage.step(0, now, LONG) {
            Step::Until(at) => now = at,
            Step::Ask => {
                asked.push(now.as_secs());
                outage.asked(false, (now, 1.0));
            }
            Step::GiveUp(cause) => break assert_eq!(cause, Cause::Doubts),
            Step::Wait | Step::Alone => unreachable!(),
        }
    }
    assert_eq!(asked[..8], [1, 3, 7, 15, 31, 63, 123, 183]);
    assert!((840..=900).contains(asked.last().unwrap()), "{asked:?}");
}

#[test]
fn a_pause_that_the_service_asked_for_is_no_time_of_trying() {
    let mut outage = after(1, &[Outcome::Doubt]);
    assert_eq!(outage.step(0, at(3000).0, LONG), Step::GiveUp(Cause::Doubts));
    outage.excuse(Duration::from_secs(2900));
    assert_eq!(outage.step(0, at(3000).0, LONG), Step::Ask);
}

#[test]
fn a_run_that_continues_an_outage_asks_at_once_and_sends_nothing_before() {
    let mut outage = Outage::new(4, None);
    outage.continues();
    assert!(!outage.admits(0, ZERO));
    assert_eq!(outage.step(0, ZERO, LONG), Step::Ask);
}

#[test]
fn where_nothing_can_be_sent_the_next_create_is_the_question() {
    let outage = after(4, &[Outcome::NotSent]);
    assert!(!outage.admits(0, ZERO) && outage.admits(0, at(1).0) && !outage.admits(1, at(1).0));
    assert_eq!(outage.step(0, at(1).0, LONG), Step::Alone);
    assert_eq!(after(4, &[Outcome::NotRelayed]).step(0, at(1).0, LONG), Step::Ask);
}

#[test]
fn answers_that_are_not_the_apis_close_it_in_threes() {
    use Outcome::{Answer, Foreign};
    assert_eq!(after(4, &[Foreign, Foreign, Answer, Foreign, Foreign]).cause(), None);
    assert_eq!(after(4, &[Foreign, Foreign, Foreign]).cause(), Some(Cause::Foreign));
}

#[test]
fn a_task_that_another_pair_has_is_no_outage_and_three_in_a_row_are_the_end() {
    let mut outage = Outage::new(4, None);
    for same in [true, true, false, true, true] {
        outage.heard(Outcome::Answer, false, at(0));
        outage.recorded(same);
    }
    assert_eq!((outage.cause(), outage.end(), outage.doubts()), (None, None, 4));
    outage.recorded(true);
    assert_eq!(outage.end(), Some(End::SameTask));
    assert!(!outage.admits(0, ZERO));
}

#[test]
fn a_resend_that_names_another_pairs_task_is_no_other_doubt() {
    let mut outage = Outage::new(4, Some(4));
    outage.heard(Outcome::Doubt, false, at(0));
    outage.heard(Outcome::Doubt, false, at(0));
    outage.same_task_again();
    outage.same_task_again();
    assert_eq!((outage.doubts(), outage.end()), (2, None));
    outage.same_task_again();
    assert_eq!((outage.doubts(), outage.end()), (2, Some(End::SameTask)), "three in a row");
}

#[test]
fn doubts_that_the_api_answers_with_are_counted_and_hold_nothing_back() {
    let mut outage = Outage::new(1, Some(3));
    for _ in 0..2 {
        outage.heard(Outcome::Answer, false, at(0));
        outage.doubted_by_key();
    }
    assert_eq!((outage.doubts(), outage.cause(), outage.end()), (2, None, None));
    outage.settles();
    outage.doubted_by_key();
    assert_eq!((outage.doubts(), outage.end()), (3, None), "their keys may settle them");
    outage.undoubted();
    outage.doubted_by_key();
    outage.settled_all();
    assert_eq!(outage.end(), Some(End::Doubts(3)));
}

#[test]
fn a_look_apart_needs_no_question_and_leaves_the_window_as_it_was() {
    let mut outage = Outage::new(8, None);
    outage.looks_apart(ZERO);
    assert_eq!((outage.step(1, ZERO, LONG), outage.step(0, ZERO, LONG)), (Step::Wait, Step::Alone));
    assert!(outage.begins());
    outage.heard(Outcome::Answer, true, at(0));
    assert_eq!((outage.cause(), outage.window.size()), (None, 8));
}

#[test]
fn the_answer_to_the_one_that_was_tried_alone_opens_for_one_at_a_time() {
    let mut outage = after(8, &[Outcome::Doubt, Outcome::Doubt, Outcome::Doubt]);
    outage.asked(true, at(1));
    assert!(outage.begins());
    outage.heard(Outcome::Answer, true, at(2));
    let now = at(2).0;
    assert_eq!([0, 1].map(|under_way| outage.admits(under_way, now)), [true, false]);
    outage.heard(Outcome::Answer, false, at(2));
    assert_eq!([1, 2].map(|under_way| outage.admits(under_way, now)), [true, false]);
}

#[test]
fn a_gate_that_others_close_and_open_is_this_runs_as_well() {
    let mut outage = Outage::new(4, None);
    outage.heard(Outcome::Doubt, false, at(1));
    outage.shut(at(2).0);
    assert_eq!(outage.cause(), Some(Cause::Doubts));
    assert!(!outage.admits(0, at(2).0) && outage.step(1, at(2).0, LONG) == Step::Wait);
    assert!(matches!(outage.step(0, at(60).0, LONG), Step::Ask));
    outage.reopened();
    assert_eq!((outage.cause(), outage.window.size()), (None, 1));
    assert!(outage.admits(0, at(3).0) && !outage.admits(1, at(3).0));
}

#[test]
fn what_others_hear_answered_fills_the_places_again() {
    let mut outage = Outage::new(1, None);
    outage.heard(Outcome::Doubt, false, at(1));
    assert_eq!(outage.cause(), Some(Cause::Doubts), "no place is left");
    outage.answered_elsewhere();
    assert_eq!((outage.cause(), outage.window.size()), (None, 1));
    assert!(outage.admits(0, at(2).0));
    // The one that is tried alone says more.
    outage.shut(at(3).0);
    outage.asked(true, at(9));
    outage.begins();
    outage.answered_elsewhere();
    assert_eq!(outage.cause(), Some(Cause::Doubts));
}

#[test]
fn three_in_a_row_that_were_tried_alone_are_the_end_whoever_tried_them() {
    let mut outage = Outage::new(4, None);
    outage.alone_in_row(2);
    assert_eq!(outage.end(), None);
    outage.alone_in_row(3);
    assert_eq!(outage.end(), Some(End::Alone));
}
