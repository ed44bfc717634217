//! What a run would do now, what that costs and how long it takes: the manifest's pairs against what
//! the ledger knows of them.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::pace::Rate;
use crate::pair::{Fingerprint, Pair};
use crate::price::{Money, Price, Tariff, billed};
use crate::state::State;

/// What the ledger knows of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub state: State,
    /// The digest of the request that was or will be sent.
    pub fingerprint: Vec<u8>,
    /// How long its recording is, if it was measured.
    pub audio: Option<Duration>,
    /// Which take of the pair this is.
    pub take: u32,
}

/// What a run would do with one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// Send its create.
    Create,
    /// It would be sent, and a person chose others: it stays planned.
    LeftOut,
    /// It has a task at the server whose video is outstanding: wait, fetch.
    Wait,
    /// The video is on disk.
    Done,
    /// It may have been paid for; a person has to decide.
    InDoubt,
    /// The server refused it, or its media are not fit; sent once that changes.
    Rejected,
    /// It failed at the server.
    Failed,
    /// A person wrote it off.
    Abandoned,
}

impl Step {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::LeftOut,
        Self::Wait,
        Self::Done,
        Self::InDoubt,
        Self::Rejected,
        Self::Failed,
        Self::Abandoned,
    ];

    /// In JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::LeftOut => "left_out",
            Self::Wait => "wait",
            Self::Done => "done",
            Self::InDoubt => "in_doubt",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What a run would do with a pair that the manifest lists.
#[must_use]
pub fn step(pair: &Pair, known: Option<&Known>) -> Step {
    let Some(known) = known else { return Step::Create };
    match known.state {
        State::Rejected if is_changed(pair, known) => Step::Create,
        state => step_of(state),
    }
}

/// What a run would do with a pair that asks for what is known of it.
#[must_use]
pub const fn step_of(state: State) -> Step {
    match state {
        State::Planned => Step::Create,
        State::Rejected => Step::Rejected,
        State::Created | State::Completed => Step::Wait,
        State::Saved => Step::Done,
        // A create that is under way right now, or was when a run died.
        State::Sending | State::InDoubt => Step::InDoubt,
        State::Failed => Step::Failed,
        State::Abandoned => Step::Abandoned,
    }
}

/// Whether the manifest now asks for something else than what the ledger has.
#[must_use]
pub fn is_changed(pair: &Pair, known: &Known) -> bool {
    let now = Fingerprint::of(&pair.request.body());
    // Of a pair that only the events of a lost ledger tell of, nobody knows what was asked for.
    !known.fingerprint.is_empty() && now.as_bytes() != known.fingerprint
}

/// What some pairs come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub pairs: u64,
    /// Their recordings together, those that were measured.
    pub length: Duration,
    /// The seconds that these are billed for.
    pub billed: u64,
    /// How many of the recordings were not measured.
    pub unmeasured: u64,
    /// What is billed, if there is a price.
    pub cost: Option<Money>,
}

impl Sum {
    /// Counts a pair, whose video costs this where the price is known.
    pub fn add(&mut self, audio: Option<Duration>, price: Option<impl Into<Price>>) {
        let price: Option<Price> = price.map(Into::into);
        self.pairs += 1;
        let mut cost = Money::default();
        if let Some(length) = audio {
            let seconds = price.map_or_else(|| billed(length), |price| price.billed(length));
            self.length = self.length.saturating_add(length);
            self.billed = self.billed.saturating_add(seconds);
            cost = price.map_or(cost, |price| price.cost(length));
        } else {
            self.unmeasured += 1;
        }
        self.cost = price.map(|_| self.cost.unwrap_or_default().plus(cost));
    }
}

impl Serialize for Sum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Fields {
            pairs: u64,
            seconds: f64,
            billed_seconds: u64,
            unmeasured: u64,
            cost: Option<Money>,
        }
        let Self { pairs, length, billed, unmeasured, cost } = *self;
        let seconds = length.as_secs_f64();
        Fields { pairs, seconds, billed_seconds: billed, unmeasured, cost }.serialize(serializer)
    }
}

/// What a run would do with a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    sums: [Sum; Step::ALL.len()],
    /// Of all listed pairs: sent already, and now asked for differently. Kept as they were sent.
    pub changed: u64,
    /// Sent once, and no longer in the manifest.
    pub no_longer_listed: u64,
}

impl Plan {
    /// Counts a listed pair, and says what a run would do with it.
    pub fn add(
        &mut self,
        pair: &Pair,
        known: Option<&Known>,
        audio: Option<Duration>,
        tariff: Option<Tariff>,
    ) -> Step {
        let step = step(pair, known);
        let price = tariff.map(|tariff| tariff.of_request(&pair.request));
        self.count(step, audio, price);
        let sent = step != Step::Create;
        self.changed += u64::from(sent && known.is_some_and(|known| is_changed(pair, known)));
        step
    }

    /// Counts a listed pair of which it is known what a run would do with it.
    pub fn count(&mut self, step: Step, audio: Option<Duration>, price: Option<Price>) {
        self.sums[step as usize].add(audio, price);
    }

    /// What the pairs of a step come to.
    #[must_use]
    pub const fn of(&self, step: Step) -> &Sum {
        &self.sums[step as usize]
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for step in Step::ALL {
            map.serialize_entry(step.name(), self.of(step))?;
        }
        map.serialize_entry("changed", &self.changed)?;
        map.serialize_entry("no_longer_listed", &self.no_longer_listed)?;
        map.end()
    }
}

/// How fast a batch goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Creates under way at once.
    pub concurrency: u16,
    /// Creates started in a time.
    pub rate: Option<Rate>,
    /// Tasks unfinished at the server.
    pub in_flight: Option<NonZeroU32>,
    /// How long the answer to a create takes.
    pub answer: Duration,
    /// How long a task takes.
    pub task: Duration,
}

impl Speed {
    /// How long so many creates and the waiting for their tasks take, if the server keeps up.
    #[must_use]
    pub fn takes(&self, creates: u64, waiting: u64) -> Duration {
        if creates + waiting == 0 {
            return Duration::ZERO;
        }
        let rounds = |each: Duration, at_once: u64| {
            let rounds = u32::try_from(creates.div_ceil(at_once.max(1))).unwrap_or(u32::MAX);
            each.saturating_mul(rounds)
        };
        let by_answers = rounds(self.answer, self.concurrency.into());
        let by_rate = self.rate.map_or(Duration::ZERO, |rate| rounds(rate.interval(), 1));
        let by_tasks = |most: NonZeroU32| rounds(self.task, u64::from(most.get()));
        let by_tasks = self.in_flight.map_or(Duration::ZERO, by_tasks);
        by_answers.max(by_rate).max(by_tasks.saturating_sub(self.task)).saturating_add(self.task)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::pair::{MediaUrl, PairId, PlainHttp, Request, Source};

    fn pair() -> Pair {
        let url = |text| Source::Url(MediaUrl::parse(text, PlainHttp::Loopback).unwrap());
        Pair {
            id: PairId::parse("a").unwrap(),
            take: 1,
            tags: Vec::new(),
            expires: None,
            request: Request {
                model: "m".into(),
                image: url("https://e.com/a.jpg"),
                audio: url("https://e.com/a.mp3"),
                prompt: None,
                turbo_mode: None,
                advanced: None,
                extra: Map::new(),
            },
        }
    }

    fn known(state: State, same: bool) -> Known {
        let body = pair().request.to_json().to_string();
        let fingerprint = Fingerprint::of(if same { &body } else { "other" }).as_bytes().to_vec();
        Known { state, fingerprint, audio: None, take: 1 }
    }

    #[test]
    fn only_what_is_planned_or_was_refused_differently_is_sent() {
        assert_eq!(step(&pair(), None), Step::Create);
        for state in State::ALL {
            let sent = [true, false].map(|same| step(&pair(), Some(&known(state, same))));
            let creates = sent.map(|step| step == Step::Create);
            let expected = match state {
                State::Planned => [true, true],
                State::Rejected => [false, true],
                _ => [false, false],
            };
            assert_eq!(creates, expected, "{state}");
        }
    }

    #[test]
    fn every_pair_counts_once_and_what_changed_is_told() {
        for state in State::ALL {
            let mut plan = Plan::default();
            let step = plan.add(&pair(), Some(&known(state, false)), None, None);
            let pairs = Step::ALL.map(|step| plan.of(step).pairs).iter().sum::<u64>();
            assert_eq!((pairs, plan.of(step).pairs), (1, 1), "{state}");
            assert_eq!(plan.changed, u64::from(step != Step::Create), "{state}");
        }
        assert!(Step::ALL.is_sorted_by_key(|step| *step as usize));
    }

    #[test]
    fn sums_are_exact_and_each_pair_is_billed_for_the_second_it_began() {
        let mut plan = Plan::default();
        let price = Some(Money::of(0.16).into());
        for audio in [Some(Duration::from_millis(1_200)), Some(Duration::from_millis(2_900)), None]
        {
            plan.add(&pair(), None, audio, price);
        }
        let sum = plan.of(Step::Create);
        assert_eq!((sum.pairs, sum.unmeasured, sum.billed), (3, 1, 5));
        assert_eq!(sum.length, Duration::from_millis(4_100));
        assert_eq!(sum.cost.unwrap().to_string(), "0.80");
    }

    #[test]
    fn the_slowest_limit_decides_how_long_it_takes() {
        let [second, minute] = [1, 60].map(Duration::from_secs);
        let (rate, in_flight) = (None, None);
        let speed = Speed { concurrency: 4, rate, in_flight, answer: second, task: minute };
        assert_eq!(speed.takes(0, 0), Duration::ZERO);
        assert_eq!(speed.takes(0, 3), minute);
        assert_eq!(speed.takes(100, 0), 25 * second + minute);
        let slow = Speed { rate: "60/min".parse().ok(), ..speed };
        assert_eq!(slow.takes(100, 0), 100 * second + minute);
        let narrow = Speed { in_flight: NonZeroU32::new(10), ..speed };
        assert_eq!(narrow.takes(100, 0), 10 * minute);
    }
}
