//! What creates of a shared batch came to, as the tables have it.

use tokio_postgres::Row;

use super::error::SharedError;
use crate::pair::TaskId;
use crate::state::{self, Event, State};

/// What the outcome of a create is settled with.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a create whose outcome is not settled is a pair in doubt"]
pub struct Slip {
    pub(super) n: i32,
    pub(super) attempt: i32,
    /// The user's name for the pair.
    pub id: String,
}

/// What a create came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Of which.
    pub slip: Slip,
    /// One of those that the state table has for a pair that is sending.
    pub event: Event,
    /// The task, where it was accepted.
    pub task: Option<TaskId>,
    /// The error's code.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// Outcomes as the statement takes them: one column each.
#[derive(Default)]
pub(super) struct Told<'a> {
    pub(super) pairs: Vec<i32>,
    pub(super) attempts: Vec<i32>,
    pub(super) states: Vec<i16>,
    pub(super) tasks: Vec<Option<&'a str>>,
    pub(super) codes: Vec<&'a str>,
    pub(super) messages: Vec<&'a str>,
}

impl<'a> Told<'a> {
    pub(super) fn of(outcomes: &'a [Outcome]) -> Result<Self, SharedError> {
        let mut told = Self::default();
        for Outcome { slip, event, task, code, message } in outcomes {
            let state = state::next(State::Sending, *event)
                .map_err(|_| SharedError::Broken("this is no outcome of a create"))?;
            if (state == State::Created) != task.is_some() {
                return Err(SharedError::Broken("an accepted create has a task, and no other has"));
            }
            told.pairs.push(slip.n);
            told.attempts.push(slip.attempt);
            told.states.push(number(state));
            told.tasks.push(task.as_ref().map(TaskId::as_str));
            told.codes.push(code);
            told.messages.push(message);
        }
        Ok(told)
    }
}

/// The order in which the tables number the states.
const STATES: [State; 9] = [
    State::Planned,
    State::Sending,
    State::Created,
    State::Completed,
    State::Saved,
    State::Failed,
    State::Rejected,
    State::InDoubt,
    State::Abandoned,
];

fn number(state: State) -> i16 {
    let at = STATES.iter().position(|other| *other == state);
    at.and_then(|at| i16::try_from(at).ok()).unwrap_or(7)
}

/// A number that nobody gave stands for what costs no money.
fn state_of(number: i16) -> State {
    let state = usize::try_from(number).ok().and_then(|at| STATES.get(at));
    state.copied().unwrap_or(State::InDoubt)
}

pub(super) fn settled(row: &Row, outcomes: &[Outcome]) -> Vec<(Slip, State)> {
    let (pairs, states): (Vec<i32>, Vec<i16>) = (row.get("settled"), row.get("states"));
    let stands =
        |slip: &Slip| pairs.iter().position(|n| *n == slip.n).map(|at| state_of(states[at]));
    let slips = outcomes.iter().map(|outcome| &outcome.slip);
    slips.filter_map(|slip| Some((slip.clone(), stands(slip)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_number_of_its_own() {
        for state in State::ALL {
            assert_eq!(state_of(number(state)), state);
        }
        assert_eq!(state_of(9), State::InDoubt);
        assert_eq!(state_of(-1), State::InDoubt);
    }

    #[test]
    fn only_outcomes_of_creates_are_settled() {
        let slip = || Slip { n: 0, attempt: 1, id: "a".to_owned() };
        let outcome = |event, task: Option<&str>| {
            let task = task.map(|task| TaskId::parse(task).unwrap());
            Outcome { slip: slip(), event, task, code: String::new(), message: String::new() }
        };
        let taken = |event, task| Told::of(&[outcome(event, task)]).is_ok();
        assert!(taken(Event::Accepted, Some("t")) && taken(Event::Lost, None));
        assert!(taken(Event::NotMade, None) && taken(Event::Refused, None));
        assert!(!taken(Event::Accepted, None), "a task is missing");
        assert!(!taken(Event::NotMade, Some("t")), "something was made");
        for event in [Event::Intended, Event::Resent, Event::Repeated, Event::Retried] {
            assert!(!taken(event, None), "{event:?}");
        }
    }
}
