//! What the account has left, where its service tells, beside what a run would take.
//!
//! Units are not documented. What earlier tasks of the batch took is of the same service, and so of
//! the same unit; until there are such tasks, the manifest's price is taken for one that is not dearer.

use serde_json::{Value, json};

use super::batch::Batch;
use super::bills::credits;
use super::failure::Failure;
use super::key;
use super::resolve::SETTINGS;
use super::runtime::runtime;
use crate::cli::KeyArgs;
use crate::client::Client;
use crate::exit::Exit;
use crate::ledger::Bills;
use crate::pair::ApiKey;
use crate::plan::Sum;
use crate::price::{Credits, billed};
use crate::ui::{Ui, counted};

/// What creates are reckoned to take, in the service's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Takes {
    credits: Credits,
    /// How many recordings were taken for the longest that they can be.
    unmeasured: u64,
    by: By,
}

/// What that is reckoned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// What earlier tasks of the batch took.
    Bills,
    /// The manifest's price, whose unit may be another.
    Price,
}

/// What the account has left, and what is about to be taken of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Balance {
    left: Credits,
    takes: Option<Takes>,
}

impl Takes {
    /// Nothing where neither bills nor a price say anything.
    #[expect(clippy::cast_precision_loss, reason = "about so much")]
    fn of(batch: &Batch, sum: &Sum, bills: &Bills) -> Option<Self> {
        let longest = batch.manifest.max_audio;
        let seconds = sum.billed + sum.unmeasured.saturating_mul(billed(longest));
        let dearest = |tariff: crate::price::Tariff| tariff.dearest().cost(longest);
        let most = batch.manifest.spending.price.map(dearest).unwrap_or_default();
        let cost = sum.cost.map(|cost| cost.plus(most.times(sum.unmeasured)).millionths() as f64);
        let compared = &bills.compared;
        let reckoned = compared.reckoned.millionths() as f64;
        let of_second = compared.per_second().map(Credits::number);
        let (number, by) = match (cost, of_second) {
            (Some(cost), Some(_)) if reckoned > 0.0 => {
                (compared.credits.number() * cost / reckoned, By::Bills)
            }
            (_, Some(each)) => (each * seconds as f64, By::Bills),
            (Some(cost), None) => (cost / 1e6, By::Price),
            (None, None) => return None,
        };
        // To the hundredth: it is reckoned by a mean.
        let credits = Credits::of((number * 100.0).ceil() / 100.0);
        Some(Self { credits, unmeasured: sum.unmeasured, by })
    }

    /// Whether it is reckoned by what the service took, from lengths that were measured.
    fn is_known(&self) -> bool {
        self.by == By::Bills && self.unmeasured == 0
    }

    /// `about 20 credits`, `up to 80 credits`
    fn describe(&self) -> String {
        let most = if self.unmeasured > 0 { "up to" } else { "about" };
        match self.by {
            By::Bills => format!("{most} {}", credits(self.credits)),
            By::Price => format!("{most} {} by the manifest's price", self.credits),
        }
    }
}

impl Balance {
    /// Asks for it with the key, if there is one; nothing where no service tells. A manifest of
    /// somebody else's does not get the key by being looked at: `is_trusted` says whether it is for
    /// this service.
    pub(super) fn ask(
        batch: &Batch,
        (key, is_trusted): (&KeyArgs, &dyn Fn(&ApiKey) -> bool),
        (sum, bills): (&Sum, &Bills),
    ) -> Result<Option<Self>, Failure> {
        let key = key::known(key)?.filter(|key| !batch.site.rehearsal && is_trusted(key));
        let Some(key) = key else { return Ok(None) };
        let client = match Client::new(&batch.endpoint, key, &SETTINGS) {
            Ok(client) => client,
            Err(error) => {
                tracing::info!(%error, "the balance is not asked for");
                return Ok(None);
            }
        };
        let runtime = runtime()?;
        let left = runtime.block_on(client.balance());
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
        let takes = Takes::of(batch, sum, bills).filter(|_| sum.pairs > 0);
        Ok(left.map(|left| Self { left, takes }))
    }

    /// What is left now and after all is created, in a line.
    pub(super) fn line(&self) -> String {
        let left = format!("the account has {} left", credits(self.left));
        let Some(takes) = self.takes else { return left };
        let (says, after) = (takes.describe(), self.left.less(takes.credits));
        match (takes.credits > self.left, takes.by) {
            (true, _) => format!("{left}, and this takes {says}"),
            (false, By::Bills) => format!("{left}, and {after} after this ({says})"),
            (false, By::Price) => {
                format!("{left}, and {after} after this ({says}, if that is in credits)")
            }
        }
    }

    pub(super) fn json(&self) -> Value {
        let takes = self.takes.as_ref();
        json!({
            "left": self.left,
            "takes": takes.map(|takes| takes.credits),
            "after": takes.map(|takes| self.left.number() - takes.credits.number()),
            "reckoned_by": takes.map(|takes| match takes.by {
                By::Bills => "bills",
                By::Price => "price",
            }),
        })
    }
}

/// Goes on only if the account can pay for what would be sent, as far as that is known, or somebody
/// says so. `left` asks the service, and is not called where the answer would mean nothing. `how_many`
/// tells how many pairs, from the first on, come to a sum that fits.
pub(super) fn confirm(
    ui: &Ui,
    batch: &Batch,
    (sum, bills): (&Sum, &Bills),
    left: &dyn Fn() -> Option<Credits>,
    how_many: impl FnOnce(&dyn Fn(&Sum) -> bool) -> Result<u64, Failure>,
) -> Result<(), Failure> {
    let Some(takes) = Takes::of(batch, sum, bills).filter(|_| sum.pairs > 0) else { return Ok(()) };
    let Some(left) = left().filter(|left| takes.credits > *left) else { return Ok(()) };
    let creates = counted(sum.pairs, "create");
    let says = takes.describe();
    let text = format!("{creates} would take {says}, and the account has {} left", credits(left));
    match ui.ask(&format!("{text}. Go on? [y/N] ")) {
        Some(true) => Ok(()),
        Some(false) => Err(Failure::new(Exit::Usage, "nothing was sent".to_owned())),
        // A guess stops nobody: it may be another unit, the recordings may be shorter, the budget less.
        None if !takes.is_known() || batch.manifest.spending.budget.is_some() => {
            ui.warn(&text);
            Ok(())
        }
        None => {
            let fits =
                |sum: &Sum| Takes::of(batch, sum, bills).is_some_and(|takes| takes.credits <= left);
            let less = match how_many(&fits)? {
                0 => String::new(),
                pairs => format!(", or --limit {pairs} to send what it surely pays for"),
            };
            let hint = format!("give --yes to send as much as it pays for{less}; or top it up");
            Err(Failure::new(Exit::Usage, format!("{text}; nothing was sent")).hint(hint))
        }
    }
}
