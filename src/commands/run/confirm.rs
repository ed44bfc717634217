//! Asks before a run that is larger than the manifest lets pass without a word.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::again::Again;
use crate::catalog::Catalog;
use crate::cli::RunArgs;
use crate::commands::batch::Batch;
use crate::commands::failure::Failure;
use crate::commands::keys::Resends;
use crate::commands::locals;
use crate::exit::Exit;
use crate::ledger::{Rows, View};
use crate::pair::{Pair, folded};
use crate::plan::Sum;
use crate::price::{Amount, Money, Price, Tariff, billed};
use crate::state::State;
use crate::ui::{Ui, counted};

/// What is sent besides the planned pairs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Besides<'a> {
    /// The pairs that a person wants again.
    pub(super) again: &'a Again,
    /// Those whose media are looked at again.
    pub(super) unfit: &'a [String],
    /// What was seen of the recordings.
    pub(super) catalog: &'a Catalog,
    /// What is sent again under its key, and what that takes.
    pub(super) resends: &'a Resends,
}

/// Goes on only if the run is small enough, or somebody says so. The pairs of `again` will be planned
/// again if it does: those that a person wants, and those whose media are looked at again. Gives what
/// would be sent, unless whatever it is may be.
pub(super) fn confirm(
    ui: &Ui,
    (args, batch): (&RunArgs, &Batch),
    view: &View,
    besides: Besides<'_>,
) -> Result<Option<Sum>, Failure> {
    let spending = &batch.manifest.spending;
    // The fake costs nothing.
    if args.yes || batch.site.rehearsal {
        return Ok(None);
    }
    let mut sum = to_send(args, batch, view, besides)?;
    let trials = add_trials(&mut sum, batch, besides.resends);
    let most = u64::from(spending.confirm_pairs);
    // What is not known is taken for the most that it can be.
    let seconds = sum.unmeasured.saturating_mul(billed(batch.manifest.max_audio));
    let seconds = sum.billed.saturating_add(seconds);
    let dear = match spending.confirm_cost {
        Some(Amount::Money(most)) => {
            let unknown = |tariff: Tariff| tariff.dearest().cost(batch.manifest.max_audio);
            let unknown = spending.price.map_or_else(Money::default, unknown).times(sum.unmeasured);
            sum.cost.is_some_and(|cost| cost.plus(unknown) > most)
        }
        Some(Amount::Seconds(most)) => seconds > most,
        None => false,
    };
    let is = if sum.unmeasured > 0 { "may be" } else { "is" };
    let limit = match (sum.pairs > most, spending.confirm_cost.filter(|_| dear)) {
        (true, _) => format!("is more than `confirm_pairs`, {most}"),
        (false, Some(cost)) => {
            format!("{is} more than `confirm_cost`, {}", cost.shown(&batch.manifest.currency))
        }
        (false, None) => return Ok(Some(sum)),
    };
    let mut what = describe(&sum, &batch.manifest.currency);
    if trials > 0 {
        what.push_str(&format!(", {trials} of them only to see whether the service honours keys,"));
    }
    let question = question(&sum, (&batch.manifest.currency, trials));
    match ui.ask(&format!("{question} [y/N] ")) {
        Some(true) => Ok(Some(sum)),
        Some(false) => Err(Failure::new(Exit::Usage, "nothing was sent".to_owned())),
        None => {
            let text = format!("{what} would be sent, which {limit}");
            let hint = "give --yes if that is meant, or raise that limit in the manifest";
            Err(Failure::new(Exit::Usage, text).hint(hint))
        }
    }
}

/// Creates that may be sent twice, and paid for twice if the service does not honour their keys.
fn add_trials(sum: &mut Sum, batch: &Batch, resends: &Resends) -> u64 {
    let (prices, before) = (Prices::of_batch(batch), sum.pairs);
    let may_need_one = resends.may_need_one() && before > 0;
    resends.trials().for_each(|(id, audio)| sum.add(audio, prices.of(id)));
    if may_need_one {
        sum.add(None, prices.tariff.map(|tariff| tariff.dearest()));
    }
    sum.pairs - before
}

/// What this run would pay for: of the planned pairs, and of those that are planned again, the
/// first in the manifest's order.
fn to_send(
    args: &RunArgs,
    batch: &Batch,
    view: &View,
    besides: Besides<'_>,
) -> Result<Sum, Failure> {
    let mut sum = Sum::default();
    let most = args.choose.limit.map_or(u64::MAX, |most| most as u64);
    each_to_send(batch, view, besides, |length, price| {
        if sum.pairs < most {
            sum.add(length, price);
        }
    })?;
    Ok(sum)
}

/// How many of the pairs that would be sent `fit`, from the first on.
pub(super) fn how_many(
    batch: &Batch,
    view: &View,
    besides: Besides<'_>,
    fit: &dyn Fn(&Sum) -> bool,
) -> Result<u64, Failure> {
    let (mut sum, mut many, mut full) = (Sum::default(), 0, false);
    add_trials(&mut sum, batch, besides.resends);
    each_to_send(batch, view, besides, |length, price| {
        sum.add(length, price);
        full |= !fit(&sum);
        many += u64::from(!full);
    })?;
    Ok(many)
}

/// Gives the length of the recording of each pair that would be sent, as far as it is known, and its
/// price.
fn each_to_send(
    batch: &Batch,
    view: &View,
    Besides { again, unfit, catalog, .. }: Besides<'_>,
    mut each: impl FnMut(Option<Duration>, Option<Price>),
) -> Result<(), Failure> {
    let prices = Prices::of_batch(batch);
    let disputed = locals::disputed(batch, catalog);
    let unfit: HashSet<_> = unfit.iter().map(String::as_str).collect();
    view.each_row::<Failure>(Rows::All, |row| {
        let length = match row.state {
            State::Planned => Some(row.audio).filter(|_| !view.leaves_out(&row.id)),
            State::Failed | State::Rejected => again
                .length(&row.id)
                .or_else(|| unfit.contains(row.id.as_str()).then_some(row.audio)),
            State::Sending | State::Created | State::Completed | State::Saved => None,
            State::InDoubt | State::Abandoned => None,
        };
        if let Some(length) = length.filter(|_| row.listed) {
            let longer = disputed.get(&folded(&row.id)).filter(|_| length.is_some()).copied();
            each(longer.max(length), prices.of(&row.id));
        }
        Ok(())
    })
}

/// What the video of each pair costs.
struct Prices<'b> {
    tariff: Option<Tariff>,
    /// By their names, where these have different prices.
    pairs: HashMap<String, &'b Pair>,
}

impl<'b> Prices<'b> {
    fn of_batch(batch: &'b Batch) -> Self {
        let tariff = batch.manifest.spending.price;
        let differ = tariff.is_some_and(|tariff| tariff.plain() != tariff.dearest());
        let pairs = batch.manifest.pairs.iter().filter(|_| differ);
        Self { tariff, pairs: pairs.map(|pair| (pair.id.folded(), pair)).collect() }
    }

    fn of(&self, id: &str) -> Option<Price> {
        let tariff = self.tariff?;
        let of_pair = |pair: &&Pair| tariff.of_request(&pair.request);
        Some(self.pairs.get(&folded(id)).map_or_else(|| tariff.dearest(), of_pair))
    }
}

/// `Send 2,500 paid requests, at most 12,000.00 USD?`
fn question(sum: &Sum, (currency, trials): (&str, u64)) -> String {
    let requests = if sum.pairs == 1 { "request" } else { "requests" };
    let mut text = format!("Send {} paid {requests}", grouped(&sum.pairs.to_string()));
    match (sum.unmeasured, sum.cost) {
        (0, Some(cost)) => {
            text.push_str(&format!(", at most {}{currency}", grouped(&cost.to_string())));
        }
        (0, None) => text.push_str(&format!(", {} s", grouped(&sum.billed.to_string()))),
        (unmeasured, _) => {
            text.push_str(&format!(" ({} not measured)", counted(unmeasured, "recording")));
        }
    }
    if trials > 0 {
        text.push_str(&format!(", {trials} of them only to see whether the service honours keys"));
    }
    text + "?"
}

/// `12000.00` as `12,000.00`.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

/// `500 creates, 14950 s, 2392.00`
fn describe(sum: &Sum, currency: &str) -> String {
    let mut text = counted(sum.pairs, "create");
    if sum.unmeasured < sum.pairs {
        text.push_str(&format!(", {} s", sum.billed));
        text.extend(sum.cost.map(|cost| format!(", {cost}{currency}")));
    }
    if sum.unmeasured > 0 {
        text.push_str(&format!(" ({} not measured)", counted(sum.unmeasured, "recording")));
    }
    text
}
