//! What creates of a shared batch came to, as the tables have it.

use crate::pair::TaskId;
use crate::state::State;

/// One attempt of a pair, and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a create whose outcome is not settled is a pair in doubt"]
pub struct Slip {
    /// The pair.
    pub n: i32,
    /// Which create of it, from 1; 0 before the first.
    pub attempt: i32,
    /// The worker that had it when this was learned: if another has it by now, nothing is changed.
    pub holder: i64,
}

/// What became of a pair.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Of which.
    pub slip: Slip,
    /// Where it stands.
    pub state: State,
    /// The task, where that is news.
    pub task: Option<TaskId>,
    /// Whether it is proven that nothing was made, so that the money comes back.
    pub gives_back: bool,
    /// All else that is known of it.
    pub record: String,
}

/// What is to be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// The pair.
    pub n: i32,
    /// Which create of it, from 1: above all that were before.
    pub attempt: i32,
    /// What it is reckoned to cost, in the unit of the budget.
    pub cost: i64,
}

/// Outcomes as the statement takes them: one column each.
#[derive(Default)]
pub(super) struct Told<'a> {
    pub(super) pairs: Vec<i32>,
    pub(super) attempts: Vec<i32>,
    pub(super) holders: Vec<i64>,
    pub(super) states: Vec<i16>,
    pub(super) tasks: Vec<Option<&'a str>>,
    pub(super) give_back: Vec<bool>,
    pub(super) records: Vec<&'a str>,
}

impl<'a> Told<'a> {
    pub(super) fn of(outcomes: &'a [Outcome]) -> Self {
        let mut told = Self::default();
        for Outcome { slip, state, task, gives_back, record } in outcomes {
            told.pairs.push(slip.n);
            told.attempts.push(slip.attempt);
            told.holders.push(slip.holder);
            told.states.push(number(*state));
            told.tasks.push(task.as_ref().map(TaskId::as_str));
            told.give_back.push(*gives_back);
            told.records.push(record);
        }
        told
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

pub(super) fn number(state: State) -> i16 {
    let at = STATES.iter().position(|other| *other == state);
    at.and_then(|at| i16::try_from(at).ok()).unwrap_or(7)
}

/// A number that nobody gave stands for what costs no money.
pub(super) fn state_of(number: i16) -> State {
    let state = usize::try_from(number).ok().and_then(|at| STATES.get(at));
    state.copied().unwrap_or(State::InDoubt)
}

/// Which of these outcomes were taken, and where their pairs stand, by what the tables say of pairs in
/// their order.
pub(super) fn settled(stand: &[(i32, State)], outcomes: &[Outcome]) -> Vec<(Slip, State)> {
    let found = |slip: &Slip| stand.binary_search_by_key(&slip.n, |(n, _)| *n).ok();
    let slips = outcomes.iter().map(|outcome| &outcome.slip);
    slips.filter_map(|slip| Some((slip.clone(), stand[found(slip)?].1))).collect()
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
}
