//! Which finished pairs are created again, and what is said about that.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use crate::cli::RunArgs;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::ledger::{Finished, Store, TASK_NOT_FOUND, View};
use crate::pair::folded;
use crate::plan::Sum;
use crate::price::Money;
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::wire::may_be_tried_again;

/// How many pairs are named.
const SHOWN: usize = 10;

/// The pairs that a person wants created again.
#[derive(Debug, Default)]
pub(super) struct Again {
    failed: Vec<String>,
    rejected: Vec<String>,
    /// How long their recordings are, as they will be sent; by folded ids.
    lengths: HashMap<String, Option<Duration>>,
}

/// Why a pair is not created again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Why {
    /// The same request will fail again.
    SameInput,
    /// It had its tries.
    TriedOut,
    /// Its task may turn up again.
    NotFound,
}

/// What is asked for and allowed.
#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    /// The pairs that were named; all if there is none.
    named: &'a [String],
    tries: u32,
    pay_again: bool,
}

/// The pairs of one state: those that are created again, and the others.
#[derive(Debug, Default)]
struct Chosen {
    taken: Vec<Finished>,
    left: Vec<(Finished, Why)>,
}

impl Again {
    /// Plans them again.
    pub(super) fn plan(&self, store: &mut Store) -> Result<(), Failure> {
        store.retry(&self.failed)?;
        Ok(store.retry_rejected(&self.rejected)?)
    }

    /// The length of a pair's recording as it will be sent, if the pair is among them.
    pub(super) fn length(&self, id: &str) -> Option<Option<Duration>> {
        self.lengths.get(&folded(id)).copied()
    }

    /// The ids of all of them, folded.
    pub(super) fn ids(&self) -> HashSet<String> {
        self.lengths.keys().cloned().collect()
    }

    /// Leaves those that this run leaves out where they are.
    pub(super) fn leave(&mut self, view: &View) {
        self.failed.retain(|id| !view.leaves_out(id));
        self.rejected.retain(|id| !view.leaves_out(id));
        self.lengths.retain(|id, _| !view.leaves_out(id));
    }

    fn add(&mut self, pairs: &[Finished]) {
        let length = |pair: &Finished| (folded(&pair.id), pair.audio);
        self.lengths.extend(pairs.iter().map(length));
    }
}

/// The pairs that the command line wants created again, and what is said about it.
pub(super) fn select(
    ui: &Ui,
    args: &RunArgs,
    view: &View,
    price: (Option<Money>, &str),
) -> Result<Again, Failure> {
    let mut again = Again::default();
    if let Some(named) = args.retry_failed.as_deref() {
        let chosen = choose(finished(view, State::Failed)?, rules(named, args));
        again.failed = ids(named, &chosen, args.tries)?;
        say_of_failed(ui, &chosen, args, price);
        again.add(&chosen.taken);
    }
    if let Some(named) = args.retry_rejected.as_deref() {
        let chosen = choose(finished(view, State::Rejected)?, rules(named, args));
        again.rejected = ids(named, &chosen, args.tries)?;
        let pairs = counted(chosen.taken.len() as u64, "rejected pair");
        ui.note(&format!("{pairs} to be sent again; nothing was billed for them"));
        say_of_left(ui, &chosen, args.tries, "rejected pair");
        again.add(&chosen.taken);
    }
    Ok(again)
}

/// Those of a state that this run does not leave out.
fn finished(view: &View, state: State) -> Result<Vec<Finished>, Failure> {
    let mut pairs = view.finished(state)?;
    pairs.retain(|pair| !view.leaves_out(&pair.id));
    Ok(pairs)
}

fn rules<'a>(named: &'a [String], args: &RunArgs) -> Rules<'a> {
    let named = if named == [""] { &[] } else { named };
    Rules { named, tries: args.tries, pay_again: args.pay_again }
}

fn choose(pairs: Vec<Finished>, rules: Rules<'_>) -> Chosen {
    let mut chosen = Chosen::default();
    for pair in pairs {
        let named = rules.named.iter().any(|id| folded(id) == folded(&pair.id));
        let wanted = if rules.named.is_empty() { pair.listed } else { named };
        match (wanted, why_not(&pair, named, rules)) {
            (false, _) => {}
            (true, Some(why)) => chosen.left.push((pair, why)),
            (true, None) => chosen.taken.push(pair),
        }
    }
    chosen
}

fn why_not(pair: &Finished, named: bool, rules: Rules<'_>) -> Option<Why> {
    let not_found = pair.code == TASK_NOT_FOUND;
    // A pair that was refused is asked for whatever its code: nothing was paid for it.
    let same = !named && !pair.refused && !pair.changed;
    if pair.tries >= rules.tries {
        Some(Why::TriedOut)
    } else if not_found && !pair.refused {
        (!rules.pay_again).then_some(Why::NotFound)
    } else {
        (same && !may_be_tried_again(&pair.code)).then_some(Why::SameInput)
    }
}

/// The ids to be planned again. One that was named and may not be is refused; one that stands
/// elsewhere is left to the ledger, which says where.
fn ids(named: &[String], chosen: &Chosen, tries: u32) -> Result<Vec<String>, Failure> {
    if named == [""] {
        return Ok(chosen.taken.iter().map(|pair| pair.id.clone()).collect());
    }
    let Some((_, why)) = chosen.left.first() else { return Ok(named.to_vec()) };
    let names = names(chosen.left.iter().filter(|(_, of)| of == why).map(|(pair, _)| pair));
    let (text, hint) = match why {
        Why::TriedOut => (
            format!("{names}: created {tries} times already; nothing was sent"),
            "to create it once more, raise --tries",
        ),
        Why::NotFound | Why::SameInput => (
            format!("{names}: the server does not know its task now; nothing was sent"),
            "the task may turn up again: `adopt` takes it over. To pay for another one, add --pay-again",
        ),
    };
    Err(Failure::new(Exit::Usage, text).hint(hint))
}

fn say_of_failed(
    ui: &Ui,
    chosen: &Chosen,
    args: &RunArgs,
    (price, currency): (Option<Money>, &str),
) {
    let mut sum = Sum::default();
    chosen.taken.iter().for_each(|pair| sum.add(pair.audio, price));
    ui.note(&at_what_cost(&sum, currency));
    let changed: Vec<_> = chosen.taken.iter().filter(|pair| pair.changed).collect();
    if !changed.is_empty() {
        let text = "with what the manifest asks for now, which is not what failed";
        ui.note(&format!("{} of them {text}: {}", changed.len(), names(changed)));
    }
    let lost: Vec<_> = chosen.taken.iter().filter(|pair| pair.code == TASK_NOT_FOUND).collect();
    if !lost.is_empty() {
        ui.warn(&format!("paid for again, though the task may turn up: {}", names(lost)));
    }
    say_of_left(ui, chosen, args.tries, "failed pair");
}

fn say_of_left(ui: &Ui, chosen: &Chosen, tries: u32, what: &str) {
    for why in [Why::SameInput, Why::TriedOut, Why::NotFound] {
        let left: Vec<_> =
            chosen.left.iter().filter(|(_, of)| *of == why).map(|(pair, _)| pair).collect();
        let pairs = counted(left.len() as u64, what);
        match why {
            _ if left.is_empty() => {}
            Why::SameInput => ui.note(&format!(
                "{pairs} not: their input has to change first, or name them to try again"
            )),
            Why::TriedOut => ui.note(&format!(
                "{pairs} not: created {tries} times already (--tries): {}",
                names(left)
            )),
            Why::NotFound => ui.note(&format!(
                "{pairs} not: the server does not know their tasks now, and may again; `adopt` takes \
                 them over, and --pay-again pays for new ones: {}",
                names(left)
            )),
        }
    }
}

/// `a, b, c and 7 more`
fn names<'a>(pairs: impl IntoIterator<Item = &'a Finished>) -> String {
    let ids: Vec<_> = pairs.into_iter().map(|pair| pair.id.as_str()).collect();
    let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match ids.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn at_what_cost(sum: &Sum, currency: &str) -> String {
    let again =
        counted(sum.pairs, "failed pair") + " to be created again, each paid for as a new one";
    let unmeasured = match sum.unmeasured {
        0 => String::new(),
        count => format!(" and {} not measured", counted(count, "recording")),
    };
    match sum.cost {
        _ if sum.pairs == 0 => again,
        _ if sum.unmeasured == sum.pairs => again + "; their recordings were not measured",
        None => format!("{again}: {} s{unmeasured}", sum.billed),
        Some(cost) => format!("{again}: {cost}{currency}{unmeasured}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pair(id: &str, code: &str, tries: u32) -> Finished {
        Finished {
            id: id.to_owned(),
            listed: true,
            refused: false,
            code: code.to_owned(),
            tries,
            changed: false,
            audio: None,
        }
    }

    #[test]
    fn a_pair_is_tried_again_while_that_may_help_and_it_has_tries_left() {
        let all = Rules { named: &[], tries: 2, pay_again: false };
        let named = ["A".to_owned()];
        let one = Rules { named: &named, ..all };
        let paid = |rules| Rules { pay_again: true, ..rules };
        let why = |pair: &Finished, rules: Rules<'_>| {
            let chosen = choose(vec![pair.clone()], rules);
            assert_eq!(chosen.taken.len() + chosen.left.len(), 1);
            chosen.left.first().map(|(_, why)| *why)
        };
        assert_eq!(why(&pair("a", "unknown_error", 1), all), None);
        assert_eq!(why(&pair("a", "unknown_error", 2), all), Some(Why::TriedOut));
        assert_eq!(why(&pair("a", "unknown_error", 2), one), Some(Why::TriedOut));
        assert_eq!(why(&pair("a", "unknown_error", 2), Rules { tries: 3, ..all }), None);
        let policy = pair("a", "content_policy_violation", 1);
        assert_eq!(why(&policy, all), Some(Why::SameInput));
        assert_eq!(why(&policy, one), None);
        assert_eq!(why(&Finished { changed: true, ..policy.clone() }, all), None);
        assert_eq!(why(&Finished { refused: true, ..policy }, all), None);
        let lost = pair("a", TASK_NOT_FOUND, 1);
        assert_eq!(why(&lost, all), Some(Why::NotFound));
        assert_eq!(why(&lost, one), Some(Why::NotFound));
        assert_eq!(why(&Finished { changed: true, ..lost.clone() }, all), Some(Why::NotFound));
        assert_eq!((why(&lost, paid(all)), why(&lost, paid(one))), (None, None));
    }

    #[test]
    fn all_means_those_that_are_listed() {
        let gone = Finished { listed: false, ..pair("b", "unknown_error", 1) };
        let named = ["b".to_owned()];
        let all = Rules { named: &[], tries: 2, pay_again: false };
        let taken = |rules| choose(vec![pair("a", "unknown_error", 1), gone.clone()], rules).taken;
        assert_eq!(taken(all).iter().map(|one| &*one.id).collect::<Vec<_>>(), ["a"]);
        let one = taken(Rules { named: &named, ..all });
        assert_eq!(one.iter().map(|one| &*one.id).collect::<Vec<_>>(), ["b"]);
    }

    #[test]
    fn creating_again_says_what_it_costs_as_far_as_that_is_known() {
        let cost = |lengths: &[Option<u64>], price| {
            let mut sum = Sum::default();
            lengths.iter().for_each(|length| sum.add(length.map(Duration::from_secs), price));
            let text = at_what_cost(&sum, "");
            text.split_once("a new one").map(|(_, cost)| cost.to_owned()).unwrap()
        };
        let price = Some(Money::of(0.16));
        assert_eq!(cost(&[Some(5), Some(10)], price), ": 2.40");
        assert_eq!(cost(&[Some(5), None], price), ": 0.80 and 1 recording not measured");
        assert_eq!(cost(&[Some(5)], None), ": 5 s");
        assert_eq!(cost(&[None], price), "; their recordings were not measured");
        assert_eq!(cost(&[], price), "");
    }
}
