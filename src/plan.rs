//! What a run would do now: the manifest's pairs against what the ledger knows of them.

use serde::Serialize;

use crate::pair::{Fingerprint, Pair};
use crate::state::State;

/// What the ledger knows of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Where it stands.
    pub state: State,
    /// The digest of the request that was or will be sent.
    pub fingerprint: Vec<u8>,
}

/// What a run would do with one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Send its create.
    Create,
    /// Nothing more to send: it has a task, or its end is known.
    Keep(State),
}

/// How many pairs there are of each kind. Every listed pair counts once, except under `changed`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Creates that would be sent.
    pub create: u64,
    /// Have a task at the server whose video is outstanding.
    pub waiting: u64,
    /// The video is on disk.
    pub done: u64,
    /// May have been paid for; a person has to decide.
    pub in_doubt: u64,
    /// Refused by the server; sent again once the manifest asks for something else.
    pub rejected: u64,
    /// Failed at the server.
    pub failed: u64,
    /// Written off by a person.
    pub abandoned: u64,
    /// Of these: sent already, and now asked for differently. Kept as they were sent.
    pub changed: u64,
    /// Sent once, and no longer in the manifest.
    pub no_longer_listed: u64,
}

/// What a run would do with a pair.
#[must_use]
pub fn step(pair: &Pair, known: Option<&Known>) -> Step {
    match known {
        None => Step::Create,
        Some(known) => match known.state {
            State::Planned => Step::Create,
            State::Rejected if !same(pair, known) => Step::Create,
            state => Step::Keep(state),
        },
    }
}

fn same(pair: &Pair, known: &Known) -> bool {
    Fingerprint::of(&pair.request.to_json().to_string()).as_bytes() == known.fingerprint
}

impl Plan {
    /// Counts a listed pair.
    pub fn add(&mut self, pair: &Pair, known: Option<&Known>) {
        let step = step(pair, known);
        let count = match step {
            Step::Create => &mut self.create,
            Step::Keep(State::Planned | State::Created | State::Completed) => &mut self.waiting,
            Step::Keep(State::Saved) => &mut self.done,
            // A create that is under way right now, or was when a run died.
            Step::Keep(State::Sending | State::InDoubt) => &mut self.in_doubt,
            Step::Keep(State::Rejected) => &mut self.rejected,
            Step::Keep(State::Failed) => &mut self.failed,
            Step::Keep(State::Abandoned) => &mut self.abandoned,
        };
        *count += 1;
        if let (Step::Keep(_), Some(known)) = (step, known) {
            self.changed += u64::from(!same(pair, known));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::pair::{MediaUrl, PairId, PlainHttp, Request};

    fn pair() -> Pair {
        let url = |text| MediaUrl::parse(text, PlainHttp::Loopback).unwrap();
        Pair {
            id: PairId::parse("a").unwrap(),
            take: 1,
            request: Request {
                model: "m".to_owned(),
                image_url: url("https://e.com/a.jpg"),
                audio_url: url("https://e.com/a.mp3"),
                prompt: None,
                turbo_mode: None,
                advanced: None,
                extra: Map::new(),
            },
        }
    }

    fn plan(state: State, same: bool) -> Plan {
        let body = pair().request.to_json().to_string();
        let fingerprint = Fingerprint::of(if same { &body } else { "other" }).as_bytes().to_vec();
        let mut plan = Plan::default();
        plan.add(&pair(), Some(&Known { state, fingerprint }));
        plan
    }

    #[test]
    fn only_what_is_planned_or_was_refused_differently_is_sent() {
        let mut new = Plan::default();
        new.add(&pair(), None);
        assert_eq!(new, Plan { create: 1, ..Plan::default() });
        assert_eq!(plan(State::Planned, false), new);
        assert_eq!(plan(State::Rejected, false), new);
        assert_eq!(plan(State::Rejected, true), Plan { rejected: 1, ..Plan::default() });
        for state in
            State::ALL.into_iter().filter(|s| !matches!(s, State::Planned | State::Rejected))
        {
            let plan = plan(state, false);
            assert_eq!((plan.create, plan.changed), (0, 1), "{state}");
        }
    }

    #[test]
    fn every_pair_counts_once() {
        for state in State::ALL {
            let Plan { create, waiting, done, in_doubt, rejected, failed, abandoned, .. } =
                plan(state, true);
            let sum = create + waiting + done + in_doubt + rejected + failed + abandoned;
            assert_eq!(sum, 1, "{state}");
        }
    }
}
