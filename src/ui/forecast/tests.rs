//! Scripted days, as values: the end is told within a quarter of what is left, or a twentieth of the
//! whole day, from half of the day on.

use std::collections::BinaryHeap;

use super::*;
use crate::stage::Window;

/// When each pair was created, when its task ended, and how long its recording is.
type Day = Vec<(f64, f64, Option<f64>)>;

/// The same numbers in each run of a test.
struct Dice(u64);

impl Dice {
    /// From 0 to 1.
    fn roll(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / (1u64 << 31) as f64
    }

    fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.roll()
    }

    /// Most are near the median, and a few take far longer.
    fn uneven(&mut self, median: f64, sigma: f64) -> f64 {
        let normal: f64 = (0..12).map(|_| self.roll()).sum::<f64>() - 6.0;
        median * (sigma * normal).exp()
    }
}

/// A rate of 30 a minute, and tasks that are made side by side.
fn steady(dice: &mut Dice) -> Day {
    let day = (0..400).map(|n| f64::from(n) * 2.0);
    day.map(|at| (at, at + dice.uneven(90.0, 0.35), None)).collect()
}

/// 50 tasks at once, and 429s with pauses of up to 40 s.
fn busy(dice: &mut Dice) -> Day {
    let (mut now, mut pause, mut unfinished, mut day) = (0.0, 30.0, Vec::new(), Day::new());
    for _ in 0..800 {
        if now > pause {
            now += dice.between(5.0, 40.0);
            pause = now + dice.between(20.0, 60.0);
        }
        unfinished.retain(|end| *end > now);
        if unfinished.len() >= 50 {
            unfinished.sort_by(f64::total_cmp);
            now = unfinished.remove(0);
        }
        let end = now + dice.between(60.0, 200.0);
        unfinished.push(end);
        day.push((now, end, None));
        now += 0.3;
    }
    day
}

/// Eight workers at the server, for whom all the others queue up; nothing is created for ten minutes.
fn queue(dice: &mut Dice) -> Day {
    let mut workers: BinaryHeap<_> = (0..8).map(|_| std::cmp::Reverse(0u64)).collect();
    let (mut now, mut day) = (0.0, Day::new());
    for _ in 0..400 {
        now += 0.8;
        if in_outage(now) {
            now = OUTAGE.1;
        }
        let std::cmp::Reverse(free) = workers.pop().unwrap();
        let end = (free as f64 / 1e3).max(now) + dice.between(20.0, 40.0);
        workers.push(std::cmp::Reverse((end * 1e3) as u64));
        day.push((now, end, None));
    }
    day
}

/// Everything at once, and the longer a recording, the longer its task.
fn by_length(dice: &mut Dice) -> Day {
    let mut one = |n: i32| {
        let (at, audio) = (f64::from(n) * 0.25, dice.between(3.0, 30.0));
        (at, at + (30.0 + audio * 8.0) * dice.between(0.9, 1.1), Some(audio))
    };
    (0..200).map(&mut one).collect()
}

const OUTAGE: (f64, f64) = (200.0, 800.0);

fn in_outage(at: f64) -> bool {
    (OUTAGE.0..OUTAGE.1).contains(&at)
}

fn held(why: Why, seconds: Option<u64>) -> Held {
    let (since_seconds, gives_up_seconds) = (0, None);
    let (reason, text, said) = (String::new(), String::new(), String::new());
    let window = Window::default();
    Held { why, reason, text, said, since_seconds, seconds, gives_up_seconds, window }
}

/// What is foretold from time to time: when, and what is left.
fn foretold(day: &Day, is_outage: impl Fn(f64) -> bool) -> Vec<(f64, u64)> {
    let mut forecast = Forecast::new(Until::Saved, day.len() as u64, &[]);
    let mut steps = Vec::new();
    for (n, (created, ended, audio)) in day.iter().enumerate() {
        let id: Arc<str> = n.to_string().into();
        let size = Size { estimate: None, audio: *audio };
        steps.push((*created, Step::Created { id: id.clone(), at: 1e9 + created, size }));
        steps.push((*ended, Step::Ended { id, at: 1e9 + ended }));
    }
    steps.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut steps, mut told) = (steps.into_iter().peekable(), Vec::new());
    let mut now = 0.0;
    while steps.peek().is_some() {
        now += 1.0;
        while let Some((_, step)) = steps.next_if(|(at, _)| *at <= now) {
            forecast.follow(&step);
        }
        let held = is_outage(now).then(|| held(Why::NotSent, None));
        forecast.look(1e9 + now, held.as_ref(), None);
        if now % 5.0 != 0.0 {
            continue;
        }
        let done = day.iter().filter(|(_, ended, _)| *ended <= now).count();
        let ahead = Ahead { pairs: (day.len() - done) as u64, money: None };
        told.extend(forecast.left(&ahead, held.as_ref()).map(|left| (now, left)));
    }
    told
}

fn check(name: &str, day: impl Fn(&mut Dice) -> Day, is_outage: impl Fn(f64) -> bool) {
    for seed in 1..=3 {
        let day = day(&mut Dice(seed));
        let end = day.iter().map(|(_, ended, _)| *ended).fold(0.0, f64::max);
        let told = foretold(&day, &is_outage);
        let late: Vec<_> = told.iter().filter(|(at, _)| *at >= end / 2.0).collect();
        assert!(late.len() as f64 > end / 20.0, "{name}: hardly anything was foretold");
        for (at, left) in late {
            let (left, truly) = (*left as f64, end - at);
            let error = (left - truly).abs();
            assert!(
                error <= (truly / 4.0).max(end / 20.0),
                "{name} {seed}: at {at} of {end:.0} s: {left} s instead of {truly:.0}"
            );
        }
    }
}

#[test]
fn the_end_is_told_within_a_quarter_from_half_way_on() {
    check("steady", steady, |_| false);
    check("busy", busy, |_| false);
    check("queue", queue, in_outage);
    check("by length", by_length, |_| false);
}

#[test]
fn nothing_is_told_in_an_outage_and_what_is_told_begins_early() {
    let told = foretold(&queue(&mut Dice(1)), in_outage);
    assert!(told.iter().all(|(at, _)| !in_outage(*at)), "nobody knows when creates go on");
    let told = foretold(&steady(&mut Dice(1)), |_| false);
    assert!(told[0].0 < 100.0, "{:?}", told[0]);
}

#[test]
fn a_long_pause_is_told_and_is_no_habit() {
    let mut forecast = Forecast::new(Until::Created, 100, &[]);
    for second in 0..=50 {
        forecast.look(1e9 + f64::from(second), None, None);
        forecast.follow(&Step::Answered);
    }
    let ahead = Ahead { pairs: 50, money: None };
    assert_eq!(forecast.left(&ahead, None), Some(49));
    let pause = Held { since_seconds: 61, ..held(Why::Asked, Some(900)) };
    (51..500).for_each(|second| forecast.look(1e9 + f64::from(second), Some(&pause), None));
    assert_eq!(forecast.left(&ahead, Some(&pause)), Some(49 + 900));
}

#[test]
fn what_the_money_does_not_reach_for_is_not_waited_for() {
    let mut forecast = Forecast::new(Until::Created, 100, &[]);
    for second in 0..=20u32 {
        forecast.look(1e9 + f64::from(second), None, Some((1000 + u64::from(second) * 5, 1150)));
        let id: Arc<str> = second.to_string().into();
        forecast.follow(&Step::Created { id, at: 0.0, size: Size::default() });
    }
    let ahead = |budget| Ahead { pairs: 79, money: Some((1105, budget)) };
    assert_eq!(forecast.left(&ahead(9000), None), Some(79));
    assert_eq!(forecast.left(&ahead(1155), None), Some(10));
    assert_eq!(forecast.left(&ahead(9000), Some(&held(Why::Budget, None))), Some(0));
}

#[test]
fn before_any_has_ended_the_servers_own_word_counts() {
    let mut forecast = Forecast::new(Until::Saved, 2, &[]);
    let ahead = Ahead { pairs: 2, money: None };
    for (id, estimate) in [("a", 60.0), ("b", 90.0)] {
        forecast.look(1e9, None, None);
        let size = Size { estimate: Some(estimate), audio: None };
        forecast.follow(&Step::Created { id: id.into(), at: 1e9, size });
    }
    forecast.look(1e9 + 30.0, None, None);
    assert_eq!(forecast.left(&ahead, None), Some(60));
}
