//! A rate on values: it is kept by somebody who always wakes up a little late, and never passed by
//! whoever comes whenever.

use std::ops::Range;
use std::time::Duration;

use super::{Rate, Schedule};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// With how many starts in a minute that is.
const RATES: [(&str, f64); 7] = [
    ("500/h", 500.0 / 60.0),
    ("60/min", 60.0),
    ("7/s", 420.0),
    ("100/s", 6000.0),
    ("190/s", 11_400.0),
    ("400/s", 24_000.0),
    ("1000/s", 60_000.0),
];

/// When creates start within eight minutes that wait for the rate alone, and are late by some
/// microseconds each time.
fn starts(rate: Rate, late: Range<u64>) -> Vec<Duration> {
    let mut schedule = Schedule::new(Some(rate));
    let mut random = fastrand::Rng::with_seed(7);
    let (mut now, mut starts) = (Duration::ZERO, Vec::new());
    while now < MINUTE * 8 {
        if schedule.opens() > now {
            now = schedule.opens() + Duration::from_micros(random.u64(late.clone()));
            continue;
        }
        schedule.wait(now);
        starts.push(now);
    }
    starts
}

/// The most that start in any time as long as this.
fn most_in(time: Duration, starts: &[Duration]) -> usize {
    let mut first = 0;
    let count = |(n, start): (usize, &Duration)| {
        while starts[first] + time <= *start {
            first += 1;
        }
        n + 1 - first
    };
    starts.iter().enumerate().map(count).max().unwrap()
}

#[test]
fn a_rate_is_kept_within_a_hundredth_over_a_minute() {
    for (text, per_minute) in RATES {
        for late in [0..1, 0..1000, 1000..2000] {
            let starts = starts(text.parse().unwrap(), late.clone());
            let minutes = starts.last().unwrap().as_secs_f64() / 60.0;
            let kept = f64::from(u32::try_from(starts.len() - 1).unwrap()) / minutes / per_minute;
            assert!((0.99..=1.0001).contains(&kept), "{text}, {late:?} late: {kept}");
            let most = f64::from(u32::try_from(most_in(MINUTE, &starts)).unwrap());
            assert!(most <= per_minute * 1.01 + 1.0, "{text}, {late:?} late: {most} in a minute");
        }
    }
}

#[test]
fn no_second_has_more_than_one_too_many_whoever_comes_when() {
    for (text, per_minute) in RATES {
        for late in [0..1, 0..2000, 0..20_000, 0..700_000] {
            let starts = starts(text.parse().unwrap(), late.clone());
            let most = f64::from(u32::try_from(most_in(SECOND, &starts)).unwrap());
            let allowed = (per_minute / 60.0).ceil() + 1.0;
            assert!(most <= allowed, "{text}, {late:?} late: {most}");
        }
    }
}
