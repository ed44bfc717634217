//! Whole hours on values: servers that say "too many", and what is made of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;
use std::time::Duration;

use super::{Backoff, Outage, Outcome, Pause};

const BACKOFF: Backoff = Backoff { base: secs(1), cap: secs(60) };

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a server allows.
#[derive(Debug, Clone, Copy)]
enum Allows {
    /// So many under way at once.
    AtOnce(u32),
    /// So many at once at that time.
    Moving(fn(Duration) -> u32),
    /// So many at once, of which one in so many is refused for no reason.
    Whims(u32, f64),
    /// So many a second, and as many at once as fit into the bucket.
    Leaky { per_second: f64, bucket: f64 },
}

/// What a refusal says about when to come again.
#[derive(Debug, Clone, Copy)]
enum Asks {
    Nothing,
    Always(Duration),
    /// When there is room in the bucket again, in whole seconds.
    Honest,
}

#[derive(Debug, Clone)]
struct Hours {
    allows: Allows,
    asks: Asks,
    concurrency: u32,
    /// How long a create takes that is accepted.
    takes: Range<Duration>,
    /// What is looked at: before it all may be found out.
    measured: Range<Duration>,
}

/// What came of it, in the time that is looked at.
#[derive(Debug, Default, Clone, Copy)]
struct Came {
    accepted: u32,
    refused: u32,
    /// Of what the server allowed.
    used: f64,
    most_at_once: u32,
}

impl Came {
    fn refused_share(&self) -> f64 {
        f64::from(self.refused) / f64::from(self.refused + self.accepted).max(1.0)
    }
}

struct Server {
    allows: Allows,
    under_way: u32,
    tokens: f64,
    at: Duration,
}

impl Server {
    fn allowed(&self, now: Duration) -> u32 {
        match self.allows {
            Allows::AtOnce(limit) | Allows::Whims(limit, _) => limit,
            Allows::Moving(limit) => limit(now),
            Allows::Leaky { .. } => u32::MAX,
        }
    }

    /// Says whether it takes one more.
    fn takes(&mut self, now: Duration, random: f64) -> bool {
        let takes = match self.allows {
            Allows::Whims(limit, share) => self.under_way < limit && random >= share,
            Allows::Leaky { per_second, bucket } => {
                let came = (now - self.at).as_secs_f64() * per_second;
                self.tokens = (self.tokens + came).min(bucket);
                self.at = now;
                let takes = self.tokens >= 1.0;
                self.tokens -= f64::from(u8::from(takes));
                takes
            }
            Allows::AtOnce(_) | Allows::Moving(_) => self.under_way < self.allowed(now),
        };
        self.under_way += u32::from(takes);
        takes
    }

    fn asks(&self, asks: Asks) -> Option<Duration> {
        match (asks, self.allows) {
            (Asks::Always(wait), _) => Some(wait),
            (Asks::Honest, Allows::Leaky { per_second, .. }) => {
                Some(Duration::from_secs_f64(((1.0 - self.tokens) / per_second).ceil()))
            }
            (Asks::Nothing | Asks::Honest, _) => None,
        }
    }
}

/// One that is under way; the first that ends is the greatest.
type UnderWay = Reverse<(Duration, u64, bool, Duration, u32)>;

struct World {
    hours: Hours,
    server: Server,
    outage: Outage,
    pause: Pause,
    random: fastrand::Rng,
    under_way: BinaryHeap<UnderWay>,
    sent: u64,
    came: Came,
    /// Accepted creates under way, and what was allowed, summed up over time.
    sums: (f64, f64),
}

impl Hours {
    fn run(&self, seed: u64) -> Came {
        let bucket = match self.allows {
            Allows::Leaky { bucket, .. } => bucket,
            Allows::AtOnce(_) | Allows::Moving(_) | Allows::Whims(..) => 0.0,
        };
        let (allows, at) = (self.allows, Duration::ZERO);
        World {
            hours: self.clone(),
            server: Server { allows, under_way: 0, tokens: bucket, at },
            outage: Outage::new(self.concurrency, None),
            pause: Pause::new(BACKOFF),
            random: fastrand::Rng::with_seed(seed),
            under_way: BinaryHeap::new(),
            sent: 0,
            came: Came::default(),
            sums: (0.0, 0.0),
        }
        .run()
    }
}

impl World {
    fn run(mut self) -> Came {
        let mut now = Duration::ZERO;
        while now < self.hours.measured.end {
            let wake = self.start(now);
            let ends = self.under_way.peek().map(|Reverse((ends, ..))| *ends);
            let next = ends.into_iter().chain(wake).min().unwrap();
            self.passes(now, next);
            now = next;
            while let Some(Reverse((ends, ..))) = self.under_way.peek()
                && *ends <= now
            {
                self.end(now);
            }
        }
        let (used, allowed) = self.sums;
        self.came.used = match self.hours.allows {
            Allows::Leaky { per_second, .. } => {
                let time = self.hours.measured.end - self.hours.measured.start;
                f64::from(self.came.accepted) / (per_second * time.as_secs_f64())
            }
            Allows::AtOnce(_) | Allows::Moving(_) | Allows::Whims(..) => used / allowed,
        };
        self.came
    }

    fn passes(&mut self, now: Duration, next: Duration) {
        if !self.hours.measured.contains(&now) {
            return;
        }
        let time = (next - now).as_secs_f64();
        let most = self.server.allowed(now).min(self.hours.concurrency);
        self.sums.0 += f64::from(self.server.under_way.min(most)) * time;
        self.sums.1 += f64::from(most) * time;
    }

    fn busy(&self) -> u32 {
        u32::try_from(self.under_way.len()).unwrap()
    }

    /// Starts all that may start, as the gate does; says when the next may.
    fn start(&mut self, now: Duration) -> Option<Duration> {
        loop {
            let pause = self.pause.wait(now);
            if !pause.is_zero() {
                return Some(now + pause);
            }
            if !self.outage.admits(self.busy(), now) {
                return Some(now + secs(5));
            }
            let opens = self.outage.window.opens();
            if opens > now {
                // Nobody wakes up in time.
                return Some(opens + Duration::from_secs_f64(0.002 * self.random.f64()));
            }
            self.outage.begins();
            self.outage.window.starts(now);
            self.send(now);
        }
    }

    fn send(&mut self, now: Duration) {
        let takes = self.server.takes(now, self.random.f64());
        let time = match takes {
            true => self.hours.takes.clone(),
            false => ms(10)..ms(30),
        };
        let (least, most) = (time.start.as_secs_f64(), time.end.as_secs_f64());
        let time = Duration::from_secs_f64(least + (most - least) * self.random.f64());
        self.sent += 1;
        let busy = self.busy() + 1;
        self.under_way.push(Reverse((now + time, self.sent, takes, now, busy)));
        if self.hours.measured.contains(&now) {
            let count = if takes { &mut self.came.accepted } else { &mut self.came.refused };
            *count += 1;
            self.came.most_at_once = self.came.most_at_once.max(busy);
        }
    }

    /// The first that ends, as the gate learns of it.
    fn end(&mut self, now: Duration) {
        let Reverse((_, _, taken, started, of)) = self.under_way.pop().unwrap();
        if taken {
            self.server.under_way -= 1;
            self.pause.answered();
            self.outage.window.took((started, now), of);
            self.outage.heard(Outcome::Answer, false, (now, 0.5));
            return;
        }
        let under_way = self.busy() + 1;
        let asked = self.server.asks(self.hours.asks);
        let begins = self.pause.refused((started, now), asked, self.random.f64());
        let after = self.pause.wait(now);
        self.outage.refused(begins, (of, under_way), (now, 0.5));
        self.outage.window.rests(now, now + after);
    }
}

const QUICK: Range<Duration> = ms(20)..ms(60);
const USUAL: Range<Duration> = ms(150)..ms(600);
const SLOW: Range<Duration> = secs(20)..secs(90);

/// All use nine tenths of what they are allowed and more, and are refused one create in twenty at
/// most.
fn all_hold(all: &[Hours]) {
    let bad = |(seed, hours): (u64, &Hours)| {
        let came = hours.run(seed);
        let holds = (0.9..=1.001).contains(&came.used)
            && came.refused_share() <= 0.05
            && came.most_at_once <= hours.concurrency;
        (!holds).then(|| format!("{came:?} {hours:?}"))
    };
    let bad: Vec<String> = (1..).zip(all).filter_map(bad).collect();
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), all.len(), bad.join("\n"));
}

#[test]
fn a_limit_of_creates_at_once_is_found_and_held() {
    let at_once = |limit, concurrency, asks, takes: &Range<Duration>, minutes: u64| Hours {
        allows: Allows::AtOnce(limit),
        asks,
        concurrency,
        takes: takes.clone(),
        measured: secs(minutes * 60)..secs(minutes * 120),
    };
    let mut all = Vec::new();
    for (limit, concurrency) in [(1, 4), (2, 4), (3, 4), (1, 64), (3, 64), (10, 64)] {
        all.push(at_once(limit, concurrency, Asks::Nothing, &QUICK, 4));
        all.push(at_once(limit, concurrency, Asks::Nothing, &USUAL, 10));
        all.push(at_once(limit, concurrency, Asks::Always(secs(1)), &USUAL, 15));
        all.push(at_once(limit, concurrency, Asks::Always(secs(5)), &USUAL, 30));
        all.push(at_once(limit, concurrency, Asks::Always(secs(5)), &SLOW, 600));
    }
    for (limit, concurrency) in [(48, 64), (100, 256)] {
        all.push(at_once(limit, concurrency, Asks::Nothing, &USUAL, 8));
        all.push(at_once(limit, concurrency, Asks::Always(secs(1)), &SLOW, 240));
    }
    all_hold(&all);
}

#[test]
fn a_leaky_bucket_is_found_and_held() {
    let mut all = Vec::new();
    for (per_second, bucket) in [(1.0, 5.0), (1.0, 60.0), (3.0, 3.0), (20.0, 10.0), (25.0, 40.0)] {
        for asks in [Asks::Nothing, Asks::Always(secs(1)), Asks::Honest] {
            for (concurrency, takes) in [(4, QUICK), (64, USUAL)] {
                let (allows, measured) =
                    (Allows::Leaky { per_second, bucket }, secs(900)..secs(2400));
                all.push(Hours { allows, asks, concurrency, takes, measured });
            }
        }
    }
    all_hold(&all);
}

#[test]
fn a_limit_that_moves_is_found_again() {
    let moves: [fn(Duration) -> u32; 3] = [
        |now| if (now.as_secs() / 900).is_multiple_of(2) { 20 } else { 5 },
        |now| if (now.as_secs() / 900).is_multiple_of(2) { 2 } else { 24 },
        |now| 10 + u32::try_from(now.as_secs() / 120 % 10).unwrap(),
    ];
    let mut all = Vec::new();
    for limit in moves {
        for asks in [Asks::Nothing, Asks::Always(secs(1))] {
            let (allows, measured) = (Allows::Moving(limit), secs(900)..secs(4500));
            all.push(Hours { allows, asks, concurrency: 24, takes: USUAL, measured });
        }
    }
    all_hold(&all);
}

#[test]
fn refusals_for_no_reason_do_not_slow_it_down_for_good() {
    for (share, least) in [(0.01, 0.35), (0.03, 0.08), (0.1, 0.04), (0.3, 0.008)] {
        for (concurrency, takes) in [(8, USUAL), (8, QUICK)] {
            let (allows, asks) = (Allows::Whims(8, share), Asks::Nothing);
            let measured = secs(0)..secs(900);
            let came = Hours { allows, asks, concurrency, takes, measured }.run(1);
            assert!(came.used > least, "{share}: {came:?}");
        }
    }
}

#[test]
fn nothing_changes_without_a_refusal() {
    for concurrency in [4, 64] {
        let allows = Allows::AtOnce(concurrency);
        let (asks, takes, measured) = (Asks::Nothing, USUAL, secs(0)..secs(60));
        let came = Hours { allows, asks, concurrency, takes, measured }.run(1);
        assert_eq!((came.refused, came.most_at_once), (0, concurrency), "{came:?}");
        assert!(came.used > 0.999, "{came:?}");
    }
}
