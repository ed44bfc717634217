//! How soon one create may follow the other, where a server minds that.

use std::time::Duration;

use super::Schedule;
use super::probing::Probing;

/// So much less is tried at least after a refusal.
const LESS: f64 = 0.95;
/// Slower than this is left to pauses.
const SLOWEST: f64 = 1.0 / 60.0;
/// The first step of growth; the next ones double.
const STEP: f64 = 0.05;
/// The greatest.
const GREATEST: f64 = 0.4;
/// A tempo that lets so much more through than comes holds nothing back.
const LOOSE: f64 = 1.5;
/// So often in a row it falls for nothing.
const IN_VAIN: u32 = 4;
/// Answers that tell how fast they come.
const ROUND: u32 = 40;

/// How many creates may start in a second: any number, until the server refuses what it has room
/// for.
///
/// Falls to what the server took since a refusal before, for at both its patience was used up; by half
/// at most, since a pause between the two may have left some unused. Grows again by tries. Where it
/// falls for nothing, the server refuses for other reasons, and it is given up for a while.
#[derive(Debug, Clone, Default)]
pub(super) struct Tempo {
    /// Creates in a second.
    rate: Option<f64>,
    schedule: Schedule,
    probing: Probing,
    step: f64,
    /// What it was before it grew last, if it has grown since the last episode.
    held: f64,
    /// When the last episode began, and what was taken since.
    began: Option<Duration>,
    taken: u32,
    /// When the episode before that began, and what was taken up to the last one.
    before: Option<(Duration, u32)>,
    /// How often in a row it fell for nothing, and how often it was given up.
    in_vain: u32,
    gave_up: u32,
    taken_in_all: u32,
    /// Before so many in all were taken, refusals say nothing.
    ignores: u32,
    /// Since the last growth.
    grown: (Duration, u32),
}

impl Tempo {
    pub(super) fn opens(&self) -> Duration {
        if self.is_on() { self.schedule.opens() } else { Duration::ZERO }
    }

    /// Whether it holds creates back.
    pub(super) fn is_on(&self) -> bool {
        self.rate.is_some()
    }

    pub(super) fn starts(&mut self, now: Duration) {
        if self.is_on() {
            self.schedule.wait(now);
        }
    }

    /// A create was taken.
    pub(super) fn took(&mut self, now: Duration) {
        self.taken = self.taken.saturating_add(1);
        self.taken_in_all = self.taken_in_all.saturating_add(1);
        self.probing.counts();
        let Some(rate) = self.rate.filter(|_| self.probing.is_due(ROUND, now)) else { return };
        let (since, before) = self.grown;
        let came = per_second(self.taken - before, now.saturating_sub(since));
        if came * LOOSE < rate {
            return self.set(None);
        }
        self.held = rate;
        (self.in_vain, self.gave_up) = (0, 0);
        self.set(Some(rate * (1.0 + self.step)));
        self.step = (self.step * 2.0).min(GREATEST);
        self.probing.tries(now);
        self.grown = (now, self.taken);
    }

    /// What the server has room for was refused: they come too fast, if it is that.
    pub(super) fn falls(&mut self, now: Duration) {
        let Some(lasting) = self.lasting(now).filter(|_| self.taken_in_all >= self.ignores) else {
            return;
        };
        let Some(was) = self.rate else { return self.set(Some(lasting.max(SLOWEST))) };
        // Slower again, and refused again before it grew.
        self.in_vain = if self.held > 0.0 { 0 } else { self.in_vain + 1 };
        if self.in_vain >= IN_VAIN {
            return self.gives_up();
        }
        let rate = lasting.max(self.held).clamp(was / 2.0, was * LESS);
        self.set(Some(rate.max(SLOWEST)));
    }

    /// It does not matter how fast they come: for a while, and longer each time, refusals say nothing.
    fn gives_up(&mut self) {
        self.gave_up = (self.gave_up + 1).min(8);
        self.ignores = self.taken_in_all.saturating_add(ROUND << self.gave_up);
        self.in_vain = 0;
        self.set(None);
    }

    /// What was taken in a second from one refusal to another, if that is enough to tell.
    fn lasting(&self, now: Duration) -> Option<f64> {
        let (began, taken) = match self.before {
            Some((began, taken)) if self.taken < ROUND => (began, taken + self.taken),
            _ => (self.began?, self.taken),
        };
        (taken >= ROUND).then(|| per_second(taken, now.saturating_sub(began)))
    }

    /// An outage is over: the time that it took is no time of the tempo.
    pub(super) fn restarts(&mut self) {
        *self = Self {
            taken_in_all: self.taken_in_all,
            ignores: self.ignores,
            gave_up: self.gave_up,
            probing: self.probing,
            ..Self::default()
        };
    }

    /// More at once were refused than ever: how fast they come did not matter.
    pub(super) fn ends(&mut self) {
        if self.taken >= ROUND {
            self.set(None);
        }
    }

    /// An episode of whatever refusals begins.
    pub(super) fn episode_begins(&mut self, now: Duration) {
        self.probing.failed();
        (self.step, self.held) = (STEP, 0.0);
        // A few more tell nothing: then it is counted from the episode before.
        if self.began.is_none() || self.taken >= ROUND {
            self.before = self.began.map(|began| (began, self.taken));
            (self.began, self.taken) = (Some(now), 0);
        }
        self.grown = (now, self.taken);
    }

    /// Nothing starts until then.
    pub(super) fn rests(&mut self, now: Duration, until: Duration) {
        self.probing.rests(now, until);
        self.grown.0 = self.grown.0.max(until);
    }

    fn set(&mut self, rate: Option<f64>) {
        self.rate = rate;
        let interval = rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(1.0 / rate));
        self.schedule.keeps(interval);
    }
}

fn per_second(count: u32, time: Duration) -> f64 {
    f64::from(count) / time.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// So many are taken in each of these seconds, then one is refused.
    fn goes(tempo: &mut Tempo, per_second: u32, seconds: std::ops::Range<u32>) -> Option<f64> {
        for second in seconds.clone() {
            (0..per_second).for_each(|_| tempo.took(at(f64::from(second))));
        }
        let end = at(f64::from(seconds.end));
        tempo.falls(end);
        tempo.episode_begins(end);
        tempo.rate
    }

    #[test]
    fn it_falls_to_what_was_taken_between_two_refusals_and_by_half_at_most() {
        let mut tempo = Tempo::default();
        assert_eq!(goes(&mut tempo, 20, 0..10), None, "what was saved up there is not known");
        assert_eq!(goes(&mut tempo, 10, 10..20), Some(10.0));
        (0..39).for_each(|_| tempo.took(at(20.0)));
        tempo.falls(at(500.0));
        assert_eq!(tempo.rate, Some(5.0), "there may have been a long pause");
        tempo.starts(at(500.0));
        assert_eq!(tempo.opens(), at(500.2));
    }

    #[test]
    fn where_it_falls_for_nothing_it_is_given_up_for_a_while() {
        let mut tempo = Tempo::default();
        goes(&mut tempo, 20, 0..10);
        let fast = |n: u32| goes(&mut tempo, 10, 10 + n * 2..12 + n * 2);
        let rates: Vec<_> = (0..20).map(fast).collect();
        let given_up = rates.iter().skip(1).take_while(|rate| rate.is_some()).count();
        assert_eq!(given_up, 4, "{rates:?}");
        assert!(rates[5..9].iter().all(Option::is_none), "{rates:?}");
    }

    #[test]
    fn it_is_never_slower_than_one_a_minute() {
        let mut tempo = Tempo::default();
        tempo.episode_begins(at(0.0));
        (1..=40).for_each(|n| tempo.took(at(f64::from(n) * 250.0)));
        for _ in 0..2 {
            tempo.falls(at(10_000.0));
            assert_eq!(tempo.rate, Some(1.0 / 60.0));
        }
    }

    #[test]
    fn it_holds_nothing_back_once_so_many_do_not_come() {
        let mut tempo = Tempo::default();
        goes(&mut tempo, 20, 0..10);
        assert_eq!(goes(&mut tempo, 20, 10..20), Some(20.0));
        (20..110).for_each(|second| tempo.took(at(second.into())));
        assert_eq!(tempo.rate, None);
    }

    #[test]
    fn it_ends_where_more_at_once_than_ever_are_refused() {
        let mut tempo = Tempo::default();
        goes(&mut tempo, 20, 0..10);
        goes(&mut tempo, 20, 10..20);
        tempo.ends();
        assert!(tempo.rate.is_some(), "a few answers tell nothing");
        (0..40).for_each(|_| tempo.took(at(22.0)));
        tempo.ends();
        assert_eq!(tempo.rate, None);
    }
}
