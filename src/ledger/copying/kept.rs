//! What is known of a pair beside its place in the batch: as the database keeps it, and as a run folder
//! takes it. Decided on values.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Deserialize;

use crate::ledger::postgres::Copied;
use crate::ledger::share::{GONE, TWIN};
use crate::state::{Event, State};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    pub(super) state: String,
    pub(super) since: Option<i64>,
    pub(super) task_id: Option<String>,
    pub(super) created_at: Option<i64>,
    pub(super) estimate: Option<i64>,
    pub(super) sent: Option<String>,
    pub(super) seconds: Option<i64>,
    pub(super) price: Option<i64>,
    pub(super) video_url: Option<String>,
    pub(super) linked_at: Option<i64>,
    pub(super) video_path: Option<String>,
    pub(super) video_bytes: Option<i64>,
    pub(super) video_sha256: Option<String>,
    pub(super) video_millis: Option<i64>,
    pub(super) error_code: String,
    pub(super) error: String,
    pub(super) usage: Option<String>,
    pub(super) credits: Option<String>,
    pub(super) credits_millionths: Option<i64>,
    pub(super) audio_millis: Option<i64>,
    /// Which take it is, from the second on, and all that is known of those it had: rows, as JSON.
    pub(super) take: Option<i64>,
    pub(super) takes: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) former: Vec<Former>,
}

/// One create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Attempt {
    pub(super) attempt: i64,
    pub(super) intended: i64,
    pub(super) settled: i64,
    pub(super) event: String,
    pub(super) seconds: Option<i64>,
    pub(super) price: Option<i64>,
    pub(super) status: Option<i64>,
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    /// In hexadecimal.
    pub(super) evidence: Option<String>,
    pub(super) proposed: Option<String>,
    pub(super) verdict: Option<String>,
    pub(super) judged: Option<i64>,
}

/// A task that it had before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(super) struct Former {
    pub(super) task_id: String,
    pub(super) attempt: i64,
    pub(super) usage: Option<String>,
    pub(super) credits: Option<String>,
    pub(super) credits_millionths: Option<i64>,
}

impl Kept {
    /// As it was written down.
    pub(super) fn parse(record: &str) -> Result<Self, serde_json::Error> {
        let mut kept: Self = serde_json::from_str(record)?;
        kept.attempts.sort_unstable_by_key(|attempt| attempt.attempt);
        Ok(kept)
    }

    /// As a run folder takes a pair over: what nobody wrote down is in doubt, or blank. `unit_cost`: what
    /// its last create is reckoned to cost, if that is in seconds.
    pub(super) fn of(
        pair: &Copied,
        (now, seconds): (i64, Option<i64>),
    ) -> Result<(State, Self), serde_json::Error> {
        let mut kept = match &pair.record {
            Some((_, record)) => Self::parse(record)?,
            None => Self::default(),
        };
        let written = pair.record.as_ref().is_some_and(|(attempt, _)| *attempt == pair.attempt);
        let state = match pair.state {
            // Its worker is gone.
            State::Sending => State::InDoubt,
            state => state,
        };
        let is_of = |state: State| written && kept.state == state.name();
        match state {
            State::Planned if !is_of(state) => kept = kept.blank(),
            State::InDoubt if !is_of(state) => {
                let is_twin = is_of(State::Created);
                kept = kept.doubted((i64::from(pair.attempt), now), (is_twin, seconds));
            }
            _ => {}
        }
        state.name().clone_into(&mut kept.state);
        kept.since = kept.since.or(Some(now));
        Ok((state, kept))
    }

    /// Without what was so when it stood otherwise.
    fn blank(self) -> Self {
        let Self { audio_millis, take, takes, attempts, former, .. } = self;
        Self { audio_millis, take, takes, attempts, former, ..Self::default() }
    }

    /// Sent by a worker that is gone, or given a task that another pair has.
    fn doubted(
        mut self,
        (attempt, now): (i64, i64),
        (is_twin, seconds): (bool, Option<i64>),
    ) -> Self {
        let (code, message) = if is_twin { TWIN } else { GONE };
        let task = self.task_id.take();
        self.created_at = None;
        (self.error_code, self.error) = (code.to_owned(), message.to_owned());
        let seconds = if is_twin { self.seconds } else { seconds };
        let price = self.price.filter(|_| is_twin);
        self.attempts.retain(|one| one.attempt != attempt);
        self.attempts.push(Attempt {
            attempt,
            intended: now,
            settled: now,
            event: Event::Lost.name().to_owned(),
            seconds,
            price,
            code: Some(code.to_owned()),
            message: Some(message.to_owned()),
            proposed: task.filter(|_| is_twin),
            ..Attempt::default()
        });
        self.attempts.sort_unstable_by_key(|one| one.attempt);
        Self { seconds, price, since: Some(now), ..self }
    }

    /// What this and the pair's own columns come to. Without former tasks: a folder may know of more.
    pub(super) fn digest(&self, pair: &Copied, state: State) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Copied { n, id, body, take, listed, attempt, .. } = pair;
        (n, id, body, take, listed, attempt, state).hash(&mut hasher);
        Self { former: Vec::new(), ..self.clone() }.hash(&mut hasher);
        hasher.finish()
    }
}

/// What all columns of a pair come to.
pub(super) fn digest_of(pair: &Copied) -> u64 {
    let mut hasher = DefaultHasher::new();
    pair.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(state: State, record: Option<(i32, &str)>) -> Copied {
        Copied {
            n: 3,
            id: "anna".to_owned(),
            body: "{}".to_owned(),
            take: 1,
            listed: true,
            state,
            attempt: 2,
            cost: 4,
            record: record.map(|(attempt, record)| (attempt, record.to_owned())),
        }
    }

    fn of(state: State, record: Option<(i32, &str)>) -> (State, Kept) {
        Kept::of(&pair(state, record), (77, Some(4))).unwrap()
    }

    const CREATED: &str = r#"{"state": "created", "since": 5, "task_id": "t1", "created_at": 5,
        "audio_millis": 900, "seconds": 1, "attempts": [{"attempt": 1, "event": "not_made"}]}"#;

    #[test]
    fn what_was_written_of_the_last_create_is_taken_as_it_is() {
        let (state, kept) = of(State::Created, Some((2, CREATED)));
        assert_eq!(
            (state, kept.task_id.as_deref(), kept.since),
            (State::Created, Some("t1"), Some(5))
        );
        assert_eq!(kept, Kept::parse(CREATED).unwrap());
    }

    #[test]
    fn a_create_of_which_nobody_wrote_is_in_doubt_and_costs_what_was_reserved() {
        for (state, record) in
            [(State::Sending, None), (State::Sending, Some((1, CREATED))), (State::InDoubt, None)]
        {
            let (state, kept) = of(state, record);
            assert_eq!((state, kept.error_code.as_str()), (State::InDoubt, "worker_silent"));
            let last = kept.attempts.last().unwrap();
            assert_eq!((last.attempt, last.event.as_str(), last.seconds), (2, "lost", Some(4)));
            assert_eq!((last.proposed.as_ref(), kept.task_id), (None, None));
        }
    }

    #[test]
    fn a_task_that_another_pair_has_is_proposed_and_no_longer_its_own() {
        let (state, kept) = of(State::InDoubt, Some((2, CREATED)));
        assert_eq!((state, kept.error_code.as_str()), (State::InDoubt, "same_task"));
        let last = kept.attempts.last().unwrap();
        assert_eq!((last.proposed.as_deref(), kept.task_id), (Some("t1"), None));
        assert_eq!((last.seconds, kept.attempts.len()), (Some(1), 2));
    }

    #[test]
    fn a_pair_that_was_planned_again_keeps_its_attempts_alone() {
        let (state, kept) = of(State::Planned, Some((2, CREATED)));
        assert_eq!((state, kept.task_id, kept.since), (State::Planned, None, Some(77)));
        assert_eq!((kept.attempts.len(), kept.audio_millis), (1, Some(900)));
        let own = CREATED.replace("created\"", "planned\"");
        let (_, kept) = of(State::Planned, Some((2, &own)));
        assert_eq!(kept.since, Some(5), "it was written when it stood so");
    }
}
