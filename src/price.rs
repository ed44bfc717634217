//! What pairs cost, and what may be spent: exact sums in millionths, never fractions of binary
//! numbers.
//!
//! The length of a recording is the bill. Nobody documents how the API rounds it, and its siblings
//! bill whole seconds begun, so that is what is reckoned with where the manifest says nothing else.

mod credits;
mod tariff;

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub use self::credits::{Compared, Credits};
pub use self::tariff::{Factor, Per, Price, Tariff};

/// An amount in the user's currency, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(u64);

impl Money {
    /// The nearest amount that is not nothing; the caller has checked that it is above zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and a manifest names at most a thousand million"
    )]
    #[must_use]
    pub fn of(amount: f64) -> Self {
        Self(((amount * 1e6).round() as u64).max(1))
    }

    /// From what [`Money::millionths`] gave.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// For the ledger.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// What so many seconds cost at this price, to the hundredth.
    #[expect(clippy::cast_precision_loss, reason = "rounded anyway")]
    #[must_use]
    pub fn of_about(self, seconds: f64) -> Self {
        Self::of((self.0 as f64 / 1e4 * seconds).round() / 100.0)
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What so many seconds cost at this price.
    #[must_use]
    pub const fn times(self, seconds: u64) -> Self {
        Self(self.0.saturating_mul(seconds))
    }
}

/// Two digits after the point, and more only where they are not zero: `0.80`, `0.125`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let digits = format!("{part:06}");
        let end = digits.trim_end_matches('0').len().max(2);
        f.pad(&format!("{whole}.{}", &digits[..end]))
    }
}

impl Serialize for Money {
    #[expect(clippy::cast_precision_loss, reason = "a JSON number; sums are made before")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1e6)
    }
}

/// What may be spent, or is: money, or seconds where no price is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// In the user's currency.
    Money(Money),
    /// Of audio, each pair's rounded up.
    Seconds(u64),
}

impl Amount {
    /// In the unit of this amount: millionths, or seconds.
    #[must_use]
    pub const fn units(self) -> u64 {
        match self {
            Self::Money(money) => money.0,
            Self::Seconds(seconds) => seconds,
        }
    }

    /// So many units of the same kind.
    const fn same(self, units: u64) -> Self {
        match self {
            Self::Money(_) => Self::Money(Money(units)),
            Self::Seconds(_) => Self::Seconds(units),
        }
    }
}

impl Amount {
    /// With the name of the money behind it, if it is money.
    #[must_use]
    pub fn shown(&self, currency: &str) -> String {
        match self {
            Self::Money(_) => format!("{self}{currency}"),
            Self::Seconds(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Money(money) => money.fmt(f),
            Self::Seconds(seconds) => write!(f, "{seconds} s"),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Money(money) => money.serialize(serializer),
            Self::Seconds(seconds) => serializer.collect_str(&format_args!("{seconds}s")),
        }
    }
}

/// The seconds that a recording of this length is billed for.
#[must_use]
pub fn billed(length: Duration) -> u64 {
    length.as_secs().saturating_add(u64::from(length.subsec_nanos() > 0)).max(1)
}

/// What one create is reckoned to cost, as the ledger keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Charge {
    /// Billed seconds; nothing where the length of the recording is not known.
    pub seconds: Option<u64>,
    /// What each of them came to when it was sent, rounded up.
    pub price: Option<Money>,
}

impl Charge {
    /// The larger of two reckonings of one create, in each unit; what only one knows is that.
    #[must_use]
    pub fn or_more(self, other: Self) -> Self {
        Self { seconds: self.seconds.max(other.seconds), price: self.price.max(other.price) }
    }
}

/// What a batch may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rules {
    /// What videos cost now.
    pub price: Option<Tariff>,
    /// Never passed.
    pub budget: Option<Amount>,
    /// No pair may cost more.
    pub max_pair_cost: Option<Amount>,
    /// What a pair that was sent unmeasured is taken for: the longest that the server takes.
    pub most: Duration,
}

/// Why no money may be spent on a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its cost cannot be known.
    #[error("the length of its recording is not known, and so not what it costs")]
    Unmeasured,
    /// More than one pair may cost.
    #[error("it costs {cost}, and `max_pair_cost` is {most}")]
    TooDear {
        /// What it costs.
        cost: Amount,
        /// What one pair may cost.
        most: Amount,
    },
    /// The budget would be passed.
    #[error("{spent} of {budget} spent, and it costs {cost}")]
    Reached {
        /// What is spent or reserved.
        spent: Amount,
        /// What it costs.
        cost: Amount,
        /// What may be spent.
        budget: Amount,
    },
}

impl Refusal {
    /// Of a budget that others spend too.
    #[cfg(feature = "postgres")]
    pub(crate) fn of_all(rules: &Rules, cost: u64) -> Self {
        match rules.budget {
            Some(budget) => {
                let cost = budget.same(cost);
                Self::Reached { spent: budget, cost, budget }
            }
            None => Self::Unmeasured,
        }
    }

    /// What was left of the budget that did not suffice.
    #[must_use]
    pub fn left(&self) -> Option<Amount> {
        match self {
            Self::Reached { spent, budget, .. } => {
                Some(budget.same(budget.units().saturating_sub(spent.units())))
            }
            Self::Unmeasured | Self::TooDear { .. } => None,
        }
    }
}

impl Rules {
    /// What a pair with a recording of this length costs now whose request is about to be sent.
    #[must_use]
    pub fn charge(&self, length: Option<Duration>, body: &[u8]) -> Charge {
        self.charge_at(length, self.price.map(|tariff| tariff.of_body(body)))
    }

    /// What a pair with a recording of this length costs at its price.
    #[must_use]
    pub fn charge_at(&self, length: Option<Duration>, price: Option<Price>) -> Charge {
        match price {
            Some(price) => price.charge(length, self.most),
            None => Charge { seconds: length.map(billed), price: None },
        }
    }

    /// Whether anything depends on what a pair costs.
    #[must_use]
    pub fn limit(&self) -> bool {
        self.budget.is_some() || self.max_pair_cost.is_some()
    }

    /// What a charge that was made comes to, in the units of the budget. What is not known is taken
    /// for the most that it can be.
    #[must_use]
    pub fn spent(&self, charge: Charge) -> u64 {
        let seconds = charge.seconds.unwrap_or_else(|| billed(self.most));
        let now = |tariff: Tariff| tariff.dearest().cost(Duration::from_secs(seconds));
        match (self.budget, charge.price) {
            (Some(Amount::Money(_)), Some(price)) => price.times(seconds).0,
            (Some(Amount::Money(_)), None) => self.price.map_or(0, |tariff| now(tariff).0),
            (Some(Amount::Seconds(_)) | None, _) => seconds,
        }
    }

    /// As an amount of the budget's kind.
    #[must_use]
    pub fn amount(&self, units: u64) -> Amount {
        self.budget.unwrap_or(Amount::Seconds(0)).same(units)
    }

    /// Whether so much may be spent when `spent` units are gone.
    ///
    /// # Errors
    /// Why not.
    pub fn allow(&self, spent: u64, charge: Charge) -> Result<(), Refusal> {
        if !self.limit() {
            return Ok(());
        }
        let cost = |unit: Amount| match unit {
            Amount::Seconds(_) => charge.seconds.map(Amount::Seconds),
            Amount::Money(_) => {
                let cost = charge.price.zip(charge.seconds);
                cost.map(|(price, seconds)| Amount::Money(price.times(seconds)))
            }
        };
        if let Some(most) = self.max_pair_cost {
            let cost = cost(most).ok_or(Refusal::Unmeasured)?;
            if cost.units() > most.units() {
                return Err(Refusal::TooDear { cost, most });
            }
        }
        let Some(budget) = self.budget else { return Ok(()) };
        let cost = cost(budget).ok_or(Refusal::Unmeasured)?;
        if spent.saturating_add(cost.units()) > budget.units() {
            return Err(Refusal::Reached { spent: budget.same(spent), cost, budget });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PRICE: Money = Money(160_000);

    fn seconds(seconds: f64) -> Option<Duration> {
        Some(Duration::from_secs_f64(seconds))
    }

    fn rules(budget: Option<Amount>, max_pair_cost: Option<Amount>) -> Rules {
        Rules { price: Some(PRICE.into()), budget, max_pair_cost, most: Duration::from_secs(30) }
    }

    #[test]
    fn money_is_shown_as_people_write_it() {
        for (amount, shown) in [
            (0.8, "0.80"),
            (12.0, "12.00"),
            (0.125, "0.125"),
            (1e9, "1000000000.00"),
            (1e-9, "0.000001"),
        ] {
            assert_eq!(Money::of(amount).to_string(), shown);
        }
        assert_eq!(PRICE.times(3).to_string(), "0.48");
        assert_eq!(serde_json::to_value(PRICE.times(5)).unwrap(), 0.8);
    }

    #[test]
    fn a_second_begun_is_billed() {
        for (length, whole) in [(0.0, 1), (0.01, 1), (1.0, 1), (1.001, 2), (29.5, 30), (30.0, 30)] {
            assert_eq!(billed(Duration::from_secs_f64(length)), whole, "{length}");
        }
    }

    #[test]
    fn without_limits_everything_may_be_spent() {
        let free = rules(None, None);
        assert_eq!(free.allow(u64::MAX, free.charge(None, b"{}")), Ok(()));
    }

    #[test]
    fn a_budget_is_met_and_never_passed() {
        let rules = rules(Some(Amount::Money(Money::of(1.6))), None);
        let five = rules.charge(seconds(4.2), b"{}");
        assert_eq!(rules.spent(five), 800_000);
        assert_eq!(rules.allow(800_000, five), Ok(()));
        let text = rules.allow(800_001, five).unwrap_err().to_string();
        assert_eq!(text, "0.800001 of 1.60 spent, and it costs 0.80");
        assert_eq!(rules.allow(0, rules.charge(None, b"{}")), Err(Refusal::Unmeasured));
    }

    #[test]
    fn a_budget_in_seconds_needs_no_price() {
        let rules = Rules { price: None, ..rules(Some(Amount::Seconds(60)), None) };
        assert_eq!(rules.allow(30, rules.charge(seconds(29.1), b"{}")), Ok(()));
        assert!(rules.allow(31, rules.charge(seconds(29.1), b"{}")).is_err());
    }

    #[test]
    fn a_pair_that_is_too_dear_is_told_from_a_budget_that_is_used_up() {
        let rules = rules(None, Some(Amount::Money(Money::of(4.0))));
        assert_eq!(rules.allow(0, rules.charge(seconds(25.0), b"{}")), Ok(()));
        let text = rules.allow(0, rules.charge(seconds(25.1), b"{}")).unwrap_err().to_string();
        assert_eq!(text, "it costs 4.16, and `max_pair_cost` is 4.00");
    }

    #[test]
    fn a_price_list_bounds_a_budget_as_well() {
        let list = Tariff { minimum: Money::of(0.5), ..Tariff::per_second(PRICE) };
        let list = Tariff { turbo: Factor::of(2.0), ..list };
        let budget = Some(Amount::Money(Money::of(1.0)));
        let rules = Rules { price: Some(list), ..rules(budget, None) };
        let short = rules.charge(seconds(1.0), b"{}");
        assert_eq!(rules.spent(short), 500_000);
        assert_eq!(rules.allow(500_000, short), Ok(()));
        let turbo = rules.charge(seconds(4.0), br#"{"turbo_mode": true}"#);
        assert_eq!(rules.spent(turbo), 1_280_000);
        assert!(rules.allow(0, turbo).is_err());
        let unmeasured = rules.charge(None, b"{}");
        assert_eq!(rules.spent(unmeasured), 30 * 160_000, "the longest that may be sent");
        let before = Charge { seconds: Some(1), price: None };
        assert_eq!(rules.spent(before), 500_000, "sent when no price was known");
    }

    #[test]
    fn what_was_sent_unmeasured_is_taken_for_the_longest() {
        let rules = rules(Some(Amount::Money(Money::of(50.0))), None);
        assert_eq!(rules.spent(Charge::default()), 30 * 160_000);
        let dearer = Charge { seconds: Some(10), price: Some(Money::of(1.0)) };
        assert_eq!(rules.spent(dearer), 10_000_000, "at the price of its time");
    }

    proptest! {
        #[test]
        fn whatever_is_allowed_stays_within_the_budget(
            lengths in prop::collection::vec(prop::option::of(0_u64..90_000), 0..60),
            budget in 1_u64..400,
        ) {
            for budget in [Amount::Seconds(budget), Amount::Money(PRICE.times(budget))] {
                let rules = rules(Some(budget), None);
                let mut spent = 0;
                for length in &lengths {
                    let charge = rules.charge(length.map(Duration::from_millis), b"{}");
                    if rules.allow(spent, charge).is_ok() {
                        spent += rules.spent(charge);
                    }
                    prop_assert!(spent <= budget.units());
                }
            }
        }
    }
}
