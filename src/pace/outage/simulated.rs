//! Whole days on values: what a service does, what the rules make of it, and what it costs.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::{End, Outage, Outcome, Step};

const PATIENCE: Duration = Duration::from_secs(900);
const CONCURRENCIES: [u32; 4] = [1, 4, 64, 1024];

/// What happens to a create that is answered at that time.
type Service<'a> = &'a dyn Fn(Duration, u32) -> Outcome;

struct Day<'a> {
    concurrency: u32,
    pairs: u32,
    most_doubts: Option<u32>,
    service: Service<'a>,
    /// Whether the question is answered.
    there: &'a dyn Fn(Duration) -> bool,
}

/// What came of it.
#[derive(Debug, Default)]
struct Came {
    accepted: u32,
    doubts: u32,
    left: u32,
    sent: u32,
    end: Option<End>,
    gave_up: bool,
    took: Duration,
    /// The most that were under way at once after each answer of the first that was tried alone.
    most_at_once: u32,
}

impl Day<'_> {
    fn run(&self) -> Came {
        let mut outage = Outage::new(self.concurrency, self.most_doubts);
        let mut queue: VecDeque<u32> = (0..self.pairs).collect();
        let mut under_way = BinaryHeap::new();
        let (mut now, mut came) = (Duration::ZERO, Came::default());
        loop {
            let busy = |under_way: &BinaryHeap<_>| u32::try_from(under_way.len()).unwrap();
            while !queue.is_empty() && outage.admits(busy(&under_way), now) {
                let alone = outage.begins();
                // The one that is tried alone is no neighbour of those in doubt.
                let pair = if alone { queue.pop_back() } else { queue.pop_front() };
                let latency = Duration::from_millis(50 + u64::from(came.sent * 37 % 50));
                under_way.push(Reverse((now + latency, pair.unwrap(), alone)));
                came.sent += 1;
                came.most_at_once = came.most_at_once.max(busy(&under_way));
            }
            if under_way.is_empty() && (queue.is_empty() || outage.end().is_some()) {
                break;
            }
            match outage.step(busy(&under_way), now, PATIENCE) {
                Step::Until(at) => now = at,
                Step::Ask => outage.asked((self.there)(now), (now, 0.5)),
                Step::GiveUp(_) => {
                    came.gave_up = true;
                    break;
                }
                Step::Wait | Step::Alone => {
                    let Reverse((ends, pair, alone)) = under_way.pop().unwrap();
                    now = ends;
                    let outcome = (self.service)(now, pair);
                    outage.heard(outcome, alone, (now, 0.5));
                    match outcome {
                        Outcome::Answer => came.accepted += 1,
                        Outcome::Doubt => came.doubts += 1,
                        _ => queue.push_front(pair),
                    }
                    if outcome == Outcome::Answer {
                        outage.recorded(false);
                    }
                }
            }
        }
        assert_eq!(came.doubts, outage.doubts());
        let left = u32::try_from(queue.len()).unwrap();
        Came { left, end: outage.end(), took: now, ..came }
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn day(concurrency: u32, service: Service<'_>) -> Day<'_> {
    Day { concurrency, pairs: 20_000, most_doubts: Some(100_000), service, there: &|_| true }
}

#[test]
fn an_outage_from_the_start_costs_no_more_than_the_concurrency_and_three() {
    for concurrency in CONCURRENCIES {
        let came = day(concurrency, &|_, _| Outcome::Doubt).run();
        assert_eq!((came.accepted, came.end), (0, Some(End::Alone)), "{came:?}");
        assert!(came.doubts <= concurrency + 3, "{came:?}");
        let silent = Day { there: &|_| false, ..day(concurrency, &|_, _| Outcome::Doubt) };
        let came = silent.run();
        assert!(came.gave_up && came.doubts <= concurrency, "{came:?}");
        assert!(came.took > PATIENCE / 2 && came.took <= PATIENCE + secs(2), "{came:?}");
    }
}

#[test]
fn an_outage_in_the_middle_ends_and_all_are_made() {
    for concurrency in CONCURRENCIES {
        let down = secs(2)..secs(62);
        let (until, from) = (down.end, down.start);
        let service = move |now: Duration, _| match now {
            now if now >= from && now < until => Outcome::Doubt,
            _ => Outcome::Answer,
        };
        let there = move |now: Duration| now < from || now >= until;
        let day = Day { there: &there, pairs: 120 * concurrency, ..day(concurrency, &service) };
        let came = day.run();
        assert!(came.doubts <= concurrency, "{concurrency}: {came:?}");
        assert_eq!((came.left, came.end), (0, None), "{concurrency}: {came:?}");
        assert!(came.took < secs(160), "{concurrency}: it opened too late: {came:?}");
    }
}

#[test]
fn while_creates_alone_fail_three_of_them_are_the_end() {
    for concurrency in CONCURRENCIES {
        let from = secs(1);
        let service = |now, _| if now < from { Outcome::Answer } else { Outcome::Doubt };
        let came = day(concurrency, &service).run();
        assert!(came.doubts <= concurrency + 3, "{concurrency}: {came:?}");
        assert_eq!(came.end, Some(End::Alone), "{concurrency}: {came:?}");
    }
}

#[test]
fn a_service_that_takes_one_and_loses_the_next_is_stopped_by_the_most_doubts() {
    for concurrency in CONCURRENCIES {
        let taken = Cell::new(false);
        let service = |_, _| match taken.replace(!taken.get()) {
            true => Outcome::Doubt,
            false => Outcome::Answer,
        };
        let came = Day { most_doubts: None, ..day(concurrency, &service) }.run();
        let most = concurrency + 20 + came.accepted / 50;
        assert_eq!((came.doubts, came.end), (most, Some(End::Doubts(most))), "{came:?}");
        let few = Day { most_doubts: Some(5), ..day(concurrency, &service) }.run();
        assert_eq!(few.doubts, 5, "and never passed by those under way: {few:?}");
    }
}

#[test]
fn nothing_that_can_be_reached_costs_one_try_at_a_time() {
    for outcome in [Outcome::NotSent, Outcome::NotRelayed, Outcome::Foreign] {
        for concurrency in CONCURRENCIES {
            let came = day(concurrency, &move |_, _| outcome).run();
            assert!(came.gave_up && came.doubts == 0, "{outcome:?} {came:?}");
            assert!(came.sent <= concurrency + 2 + 25, "{outcome:?} {came:?}");
        }
    }
}

#[test]
fn ten_poison_pairs_in_a_row_cost_ten_doubts_and_pauses_never_the_batch() {
    for concurrency in CONCURRENCIES {
        let service = |_, pair| match pair {
            100..110 => Outcome::Doubt,
            _ => Outcome::Answer,
        };
        let came = Day { most_doubts: None, ..day(concurrency, &service) }.run();
        assert_eq!((came.doubts, came.left, came.end), (10, 0, None), "{came:?}");
    }
}

#[test]
fn a_service_that_loses_a_quarter_goes_on() {
    for concurrency in [4, 16, 64] {
        let random = RefCell::new(fastrand::Rng::with_seed(concurrency.into()));
        let service = |_, _| match random.borrow_mut().f64() < 0.24 {
            true => Outcome::Doubt,
            false => Outcome::Answer,
        };
        let came = Day { pairs: 300, ..day(concurrency, &service) }.run();
        assert!(came.accepted > 60, "{concurrency}: {came:?}");
    }
}

#[test]
fn after_an_outage_they_start_one_by_one() {
    let begun = Cell::new(0);
    let service = |now: Duration, _| match now < secs(1) {
        true => Outcome::Doubt,
        false => {
            begun.set(begun.get() + 1);
            Outcome::Answer
        }
    };
    let came = Day { pairs: 68, ..day(64, &service) }.run();
    assert_eq!((came.doubts, came.accepted), (64, 4));
    let whole = Day { pairs: 5000, ..day(64, &service) }.run();
    assert!(whole.most_at_once == 64 && whole.took < secs(20), "{whole:?}");
}
