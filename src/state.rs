//! The state of a pair, and the one table of what may follow what.
//!
//! A create that is sent twice is paid twice, so the table has one property above all: between two
//! intents of a pair there is a proof that nothing was made, or a person's verdict. The ledger
//! applies events through [`next`] and nothing else; the tests here try every sequence.

mod decision;

use std::fmt;

pub use self::decision::Decision;

/// Where a pair stands. The names are part of the public interface (CSV, JSON, ledger).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// No request outstanding: never sent, or proven not to have been made.
    Planned,
    /// The intent is durable, the outcome not known yet.
    Sending,
    /// The task id is durable.
    Created,
    /// The server has a video.
    Completed,
    /// The video is on disk and checked.
    Saved,
    /// The task failed at the server.
    Failed,
    /// The server refused the request, or its media are not fit to be sent; nothing was billed.
    Rejected,
    /// The outcome of a create is unknown; it may have been paid for.
    InDoubt,
    /// A person wrote it off.
    Abandoned,
}

impl State {
    /// All of them, in the order in which people read them.
    pub const ALL: [Self; 9] = [
        Self::Planned,
        Self::Sending,
        Self::Created,
        Self::Completed,
        Self::Saved,
        Self::Failed,
        Self::Rejected,
        Self::InDoubt,
        Self::Abandoned,
    ];

    /// The name in the ledger, the CSV and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Created => "created",
            Self::Completed => "completed",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::InDoubt => "in_doubt",
            Self::Abandoned => "abandoned",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether whoever stands so stands by the task of the last create.
    #[must_use]
    pub const fn stands_by_a_task(self) -> bool {
        match self {
            Self::Created | Self::Completed | Self::Saved | Self::Failed => true,
            Self::Planned | Self::Sending | Self::Rejected | Self::InDoubt | Self::Abandoned => {
                false
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What can happen to a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// Its create is about to be sent.
    Intended,
    /// The server named a task.
    Accepted,
    /// The server refused this request.
    Refused,
    /// Its media were looked at and are not fit to be sent.
    Unfit,
    /// It is proven that the create made nothing.
    NotMade,
    /// The create's outcome cannot be known.
    Lost,
    /// The manifest asks for something else than what was refused, or unfit media are looked at
    /// again.
    Revised,
    /// A person found the task at the server.
    Adopted,
    /// A person decided to pay again, or knows that nothing was paid.
    Resent,
    /// A person wrote the pair off.
    WrittenOff,
    /// The server has a video.
    Completed,
    /// The video is on disk and checked.
    Saved,
    /// The task failed at the server.
    Failed,
    /// The server gave another link to the same video.
    Relinked,
    /// Every link that the server gives is dead, or leads to no video.
    LinkLost,
    /// The file of a saved video is gone, or is not the one that was saved.
    Missing,
    /// A person decided to pay again for a task that failed.
    Retried,
    /// The server says that it knows no such task; it has been seen to be wrong.
    NotFound,
    /// The server knows the task again.
    Found,
    /// What an older release took for a proof is none by the rules of today.
    Rejudged,
    /// Its create is about to be sent again, the same one under the same idempotency key, which the
    /// service is known to honour: no second create to it. For attempts with a key only, and only the
    /// ledger knows those.
    Repeated,
    /// A person asked for another take: it is created and paid for once more, by their word.
    Redone,
    /// A take came to nothing: the one before it, whose video is saved, is the pair's again. For pairs
    /// with such a take only, and only the ledger knows those.
    FellBack,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 23] = [
        Self::Intended,
        Self::Accepted,
        Self::Refused,
        Self::Unfit,
        Self::NotMade,
        Self::Lost,
        Self::Revised,
        Self::Adopted,
        Self::Resent,
        Self::WrittenOff,
        Self::Completed,
        Self::Saved,
        Self::Failed,
        Self::Relinked,
        Self::LinkLost,
        Self::Missing,
        Self::Retried,
        Self::NotFound,
        Self::Found,
        Self::Rejudged,
        Self::Repeated,
        Self::Redone,
        Self::FellBack,
    ];

    /// The name in the ledger and in `events.jsonl`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unfit => "unfit",
            Self::NotMade => "not_made",
            Self::Lost => "lost",
            Self::Revised => "revised",
            Self::Adopted => "adopted",
            Self::Resent => "resent",
            Self::WrittenOff => "written_off",
            Self::Completed => "completed",
            Self::Saved => "saved",
            Self::Failed => "failed",
            Self::Relinked => "relinked",
            Self::LinkLost => "link_lost",
            Self::Missing => "missing",
            Self::Retried => "retried",
            Self::NotFound => "not_found",
            Self::Found => "found",
            Self::Rejudged => "rejudged",
            Self::Repeated => "repeated",
            Self::Redone => "redone",
            Self::FellBack => "fell_back",
        }
    }
}

/// An event that the table has no place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is {state}, and cannot be {}", event.name())]
pub struct Forbidden {
    /// Where the pair stood.
    pub state: State,
    /// What was to happen.
    pub event: Event,
}

/// The transition table.
///
/// # Errors
/// [`Forbidden`] for every combination that is not in it.
pub const fn next(state: State, event: Event) -> Result<State, Forbidden> {
    Ok(match (state, event) {
        (State::Planned, Event::Intended) => State::Sending,
        (State::Planned, Event::Unfit) => State::Rejected,
        // Also what comes late: an answer to the very create that was taken for lost is a proof.
        (State::Sending | State::InDoubt, Event::Accepted) => State::Created,
        (State::Sending | State::InDoubt, Event::Refused) => State::Rejected,
        (State::Sending | State::InDoubt, Event::NotMade) => State::Planned,
        (State::Sending, Event::Lost) => State::InDoubt,
        (State::InDoubt, Event::Repeated) => State::Sending,
        (State::Rejected, Event::Revised) => State::Planned,
        // A task that the server did not know for a while may turn up again.
        (State::InDoubt | State::Planned | State::Failed, Event::Adopted) => State::Created,
        (State::InDoubt | State::Rejected, Event::Resent) => State::Planned,
        (State::InDoubt, Event::WrittenOff) => State::Abandoned,
        (State::Created, Event::Completed) => State::Completed,
        (State::Created, Event::Failed) => State::Failed,
        (State::Created, Event::NotFound | Event::Found) => State::Created,
        (State::Completed, Event::Relinked | Event::LinkLost) => State::Completed,
        (State::Completed, Event::Saved) => State::Saved,
        (State::Saved, Event::Missing) => State::Completed,
        (State::Failed, Event::Retried) => State::Planned,
        (State::Saved | State::Failed | State::Abandoned, Event::Redone) => State::Planned,
        (State::Failed | State::Rejected | State::Abandoned, Event::FellBack) => State::Saved,
        (State::Created | State::Failed | State::Rejected, Event::Rejudged) => State::InDoubt,
        _ => return Err(Forbidden { state, event }),
    })
}

/// What the outcome of a create says of a pair whose create was sent again under its key. A task is
/// its task; anything else is about this sending alone, and the first one may have made something
/// all the same.
#[must_use]
pub const fn after_repeat(outcome: Event) -> Event {
    match outcome {
        Event::Accepted => Event::Accepted,
        _ => Event::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for state in State::ALL {
            assert_eq!(State::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert_eq!(State::from_name("paid"), None);
        for event in Event::ALL {
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
    }

    /// What an honest bookkeeper knows about the money of a pair.
    #[derive(Clone, Copy, PartialEq)]
    enum Paid {
        No,
        Perhaps,
        Yes,
    }

    fn bookkeeper(so_far: SoFar, event: Event) -> Paid {
        let SoFar { paid, repeated, .. } = so_far;
        match event {
            // That is about the second sending, and nothing about the first.
            Event::Refused | Event::NotMade if repeated => paid,
            Event::Intended | Event::Lost => Paid::Perhaps,
            Event::Accepted | Event::Adopted => Paid::Yes,
            Event::Refused | Event::NotMade => Paid::No,
            // A person's word.
            Event::Resent | Event::Retried | Event::Redone => Paid::No,
            Event::Unfit | Event::Revised | Event::WrittenOff => paid,
            // Another sending of the same create.
            Event::Repeated => paid,
            Event::Completed | Event::Saved | Event::Failed => Paid::Yes,
            // The take before it was.
            Event::FellBack => Paid::Yes,
            Event::Relinked | Event::LinkLost | Event::Missing => Paid::Yes,
            Event::NotFound | Event::Found => Paid::Yes,
            Event::Rejudged => Paid::Perhaps,
        }
    }

    /// Walks every sequence of events. A forbidden one changes nothing, so what would follow it
    /// is walked without it.
    fn walk(so_far: SoFar, depth: u32, sequences: &mut u64) {
        let SoFar { state, paid, keyed, .. } = so_far;
        *sequences += 1;
        if depth == 0 {
            return;
        }
        for event in Event::ALL {
            // What the ledger makes of it.
            let event = match (state, event) {
                (_, Event::Repeated) if !keyed => continue,
                (_, Event::FellBack) if !so_far.former => continue,
                (State::Sending, event) if so_far.repeated => after_repeat(event),
                // A late answer to one of several sendings.
                (State::InDoubt, Event::Refused | Event::NotMade) if so_far.repeated => continue,
                _ => event,
            };
            let Ok(after) = next(state, event) else { continue };
            if event == Event::Intended {
                assert!(paid == Paid::No, "a second create from {state} without a proof");
            }
            if event == Event::Repeated {
                assert!(paid == Paid::Perhaps, "sent again from {state} without a doubt");
            }
            if paid == Paid::Yes && !matches!(event, Event::Retried | Event::Redone) {
                assert!(after != State::Planned, "a paid pair is planned again by {event:?}");
            }
            let repeated = event == Event::Repeated || so_far.repeated && event != Event::Intended;
            let paid = bookkeeper(so_far, event);
            // What was saved stays, whatever becomes of later takes.
            let former = so_far.former || (state, event) == (State::Saved, Event::Redone);
            if after == State::Saved {
                assert!(paid == Paid::Yes, "a video that nobody paid for, by {event:?}");
            }
            walk(SoFar { state: after, paid, keyed, repeated, former }, depth - 1, sequences);
        }
    }

    /// A pair, whether its creates have keys and the last one was sent again, and whether an earlier
    /// take of it was saved.
    #[derive(Clone, Copy)]
    struct SoFar {
        state: State,
        paid: Paid,
        keyed: bool,
        repeated: bool,
        former: bool,
    }

    #[test]
    fn no_sequence_of_events_sends_twice_without_a_proof_or_a_verdict() {
        let sequences = [false, true].map(|keyed| {
            let mut sequences = 0;
            let (state, paid, repeated, former) = (State::Planned, Paid::No, false, false);
            walk(SoFar { state, paid, keyed, repeated, former }, 10, &mut sequences);
            sequences
        });
        assert!(sequences[0] > 70, "only {sequences:?} sequences were tried");
        assert!(sequences[1] > sequences[0], "keys add none to {sequences:?}");
    }

    #[test]
    fn a_create_that_was_sent_again_is_settled_by_a_task_alone() {
        for event in Event::ALL {
            let after = next(State::Sending, after_repeat(event));
            let task = event == Event::Accepted;
            assert_eq!(after, Ok(if task { State::Created } else { State::InDoubt }), "{event:?}");
        }
    }

    #[test]
    fn finished_pairs_stay_as_they_are() {
        for (state, way_out) in [
            (State::Saved, &[Event::Missing, Event::Redone][..]),
            (
                State::Failed,
                &[Event::Retried, Event::Adopted, Event::Rejudged, Event::Redone, Event::FellBack],
            ),
            (State::Abandoned, &[Event::Redone, Event::FellBack]),
        ] {
            for event in Event::ALL.into_iter().filter(|event| !way_out.contains(event)) {
                assert_eq!(next(state, event), Err(Forbidden { state, event }));
            }
        }
    }

    #[test]
    fn only_a_person_or_a_proof_has_a_pair_created_again() {
        let ways: Vec<_> = State::ALL
            .into_iter()
            .flat_map(|state| Event::ALL.map(|event| (state, event)))
            .filter(|&(state, event)| next(state, event) == Ok(State::Planned))
            .collect();
        assert_eq!(
            ways,
            [
                (State::Sending, Event::NotMade),
                (State::Saved, Event::Redone),
                (State::Failed, Event::Retried),
                (State::Failed, Event::Redone),
                (State::Rejected, Event::Revised),
                (State::Rejected, Event::Resent),
                (State::InDoubt, Event::NotMade),
                (State::InDoubt, Event::Resent),
                (State::Abandoned, Event::Redone),
            ]
        );
    }
}
