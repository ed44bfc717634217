//! Which of the pairs that a person names get another take, and what is said of the others.

use std::time::Duration;

use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::plan::Sum;
use crate::price::{Charge, Price};
use crate::state::{Event, State, next};
use crate::ui::{Ui, counted};

/// How many pairs are named.
const SHOWN: usize = 10;

/// A pair that a person names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wish {
    pub(super) id: String,
    /// Where it stands; nothing if no run has listed it yet.
    pub(super) state: Option<State>,
    pub(super) audio: Option<Duration>,
    pub(super) price: Option<Price>,
    pub(super) charge: Charge,
}

/// The pairs that get another take, and those that do not.
#[derive(Debug, Default)]
pub(super) struct Choice {
    taken: Vec<Wish>,
    left: Vec<Wish>,
    /// Whether one of those that do not was named by its id.
    is_refused: bool,
}

impl Wish {
    fn may_be_redone(&self) -> bool {
        self.state.is_some_and(|state| next(state, Event::Redone).is_ok())
    }

    /// What to do with one that is not finished.
    fn hint(&self) -> &'static str {
        match self.state {
            None | Some(State::Planned) => "a planned pair is sent by the next run anyway",
            Some(State::Sending | State::Created | State::Completed) => {
                "let the take that is under way come to its end first"
            }
            Some(State::InDoubt) => "settle the doubt first, with `callsheet resolve`",
            Some(State::Rejected) => {
                "a rejected pair cost nothing: `run --retry-rejected` sends it again"
            }
            Some(State::Saved | State::Failed | State::Abandoned) => "",
        }
    }
}

impl Choice {
    /// `named`: whether the id itself was given, and not a pattern.
    pub(super) fn add(&mut self, wish: Wish, named: bool) {
        match wish.may_be_redone() {
            true => self.taken.push(wish),
            false => {
                if named && !self.is_refused {
                    // It is told of first.
                    self.left.insert(0, wish);
                } else {
                    self.left.push(wish);
                }
                self.is_refused |= named;
            }
        }
    }

    /// Refuses where an id was named that cannot be made again, or there is nothing to make again.
    pub(super) fn settled(self) -> Result<Self, Failure> {
        match self.left.first() {
            Some(first) if self.is_refused || self.taken.is_empty() => {
                let text = format!(
                    "{} is {}: another take is of a pair that is saved, failed or abandoned; nothing was \
                     changed",
                    first.id,
                    stands(first.state)
                );
                Err(Failure::new(Exit::Usage, text).hint(first.hint()))
            }
            _ => Ok(self),
        }
    }

    pub(super) fn taken(&self) -> &[Wish] {
        &self.taken
    }

    pub(super) fn ids(&self) -> Vec<String> {
        self.taken.iter().map(|wish| wish.id.clone()).collect()
    }

    pub(super) fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        self.taken.iter().for_each(|wish| sum.add(wish.audio, wish.price));
        sum
    }

    /// Says which pairs stay as they are.
    pub(super) fn tell(&self, ui: &Ui) {
        if self.left.is_empty() {
            return;
        }
        let names = self.left.iter().take(SHOWN);
        let names: Vec<_> =
            names.map(|wish| format!("{} ({})", wish.id, stands(wish.state))).collect();
        let more = if self.left.len() > SHOWN { ", …" } else { "" };
        let pairs = counted(self.left.len() as u64, "pair");
        ui.note(&format!("{pairs} not: {}{more}", names.join(", ")));
    }
}

fn stands(state: Option<State>) -> &'static str {
    match state {
        Some(State::InDoubt) => "in doubt",
        Some(state) => state.name(),
        None => "not listed yet",
    }
}

/// `2 pairs to be made again, each paid for as a new one: 1.92`
pub(super) fn at_what_cost(sum: &Sum, currency: &str) -> String {
    let again = counted(sum.pairs, "pair") + " to be made again, each paid for as a new one";
    let unmeasured = match sum.unmeasured {
        0 => String::new(),
        count => format!(" and {} not measured", counted(count, "recording")),
    };
    match sum.cost {
        _ if sum.unmeasured == sum.pairs => again + "; what that costs is not known",
        None => format!("{again}: {} s{unmeasured}", sum.billed),
        Some(cost) => format!("{again}: {} s, {cost}{currency}{unmeasured}", sum.billed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Money;

    fn wish(id: &str, state: State) -> Wish {
        let (audio, price) = (Some(Duration::from_secs(5)), Some(Money::of(0.16).into()));
        let state = Some(state);
        Wish { id: id.to_owned(), state, audio, price, charge: Charge::default() }
    }

    fn choose(wishes: &[(&str, State, bool)]) -> Result<Vec<String>, String> {
        let mut choice = Choice::default();
        wishes.iter().for_each(|(id, state, named)| choice.add(wish(id, *state), *named));
        choice.settled().map(|choice| choice.ids()).map_err(|failure| failure.message)
    }

    #[test]
    fn what_a_pattern_finds_is_taken_as_far_as_it_is_finished() {
        use State::*;
        let found = [("a", Saved, false), ("b", Planned, false), ("c", Abandoned, false)];
        assert_eq!(choose(&found), Ok(vec!["a".to_owned(), "c".to_owned()]));
        assert_eq!(choose(&[("f", Failed, true)]), Ok(vec!["f".to_owned()]));
    }

    #[test]
    fn an_id_that_is_not_finished_refuses_all() {
        use State::*;
        let refused = choose(&[("a", Saved, true), ("p", Planned, false), ("b", InDoubt, true)]);
        assert!(refused.unwrap_err().starts_with("b is in doubt: another take is of"));
        for state in [Planned, Sending, Created, Completed, InDoubt, Rejected] {
            assert!(choose(&[("a", state, false)]).is_err(), "{state}: there is nothing else");
            assert!(!wish("a", state).hint().is_empty(), "{state}");
        }
    }

    #[test]
    fn the_price_is_said_as_far_as_it_is_known() {
        let cost = |audio: &[Option<u64>]| {
            let mut sum = Sum::default();
            let lengths = audio.iter().map(|length| length.map(Duration::from_secs));
            lengths.for_each(|length| sum.add(length, Some(Money::of(0.16))));
            let text = at_what_cost(&sum, " EUR");
            text.split_once("a new one").map(|(_, cost)| cost.to_owned()).unwrap()
        };
        assert_eq!(cost(&[Some(5), Some(7)]), ": 12 s, 1.92 EUR");
        assert_eq!(cost(&[Some(5), None]), ": 5 s, 0.80 EUR and 1 recording not measured");
        assert_eq!(cost(&[None]), "; what that costs is not known");
    }
}
