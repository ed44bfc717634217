//! What a service asks for a video: by the second, by seconds begun, by the clip; more for some
//! requests, and never less than something.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Charge, Money, billed};
use crate::pair::Request;

/// A price list, as the manifest has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tariff {
    /// What is counted.
    pub per: Per,
    /// What one of it costs.
    pub amount: Money,
    /// The least that a video costs.
    pub minimum: Money,
    /// How much dearer a video is that was asked for with `turbo_mode`.
    pub turbo: Factor,
    /// How much dearer one is that was asked for in 720p.
    pub hd: Factor,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// Time: so many seconds are counted as one, and each recording is taken for as long as the next
    /// step.
    Time {
        /// In seconds, at least one.
        unit: u32,
        /// In seconds, a multiple of the unit.
        step: u32,
    },
    /// Videos, however long.
    Clip,
}

/// A factor in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor(u64);

impl Factor {
    /// No dearer.
    pub const ONE: Self = Self(1_000_000);

    /// The nearest factor that is not nothing; the caller has checked that it is above zero.
    #[must_use]
    pub fn of(factor: f64) -> Self {
        Self(Money::of(factor).millionths())
    }

    /// So much dearer, rounded up.
    fn applied(self, amount: u64) -> u64 {
        let dearer = u128::from(amount).saturating_mul(self.0.into()).div_ceil(1_000_000);
        u64::try_from(dearer).unwrap_or(u64::MAX)
    }
}

/// What one video costs, by how long its recording is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    tariff: Tariff,
    turbo: Factor,
    hd: Factor,
}

impl Tariff {
    /// Nothing but so much for each second begun.
    #[must_use]
    pub const fn per_second(amount: Money) -> Self {
        let per = Per::Time { unit: 1, step: 1 };
        let minimum = Money::from_millionths(0);
        Self { per, amount, minimum, turbo: Factor::ONE, hd: Factor::ONE }
    }

    /// The price of a second, where there is nothing else to it.
    #[must_use]
    pub fn linear(&self) -> Option<Money> {
        (*self == Self::per_second(self.amount)).then_some(self.amount)
    }

    /// The price of what a request asks for.
    #[must_use]
    pub fn of_request(&self, request: &Request) -> Price {
        if !self.has_factors() {
            return self.plain();
        }
        self.of_json(&request.to_json())
    }

    /// The price of what a request asks for that is about to be sent.
    #[must_use]
    pub fn of_body(&self, body: &[u8]) -> Price {
        if !self.has_factors() {
            return self.plain();
        }
        // What cannot be read is taken for the dearest.
        serde_json::from_slice(body).map_or_else(|_| self.dearest(), |body| self.of_json(&body))
    }

    /// The price of a request that asks for nothing special.
    #[must_use]
    pub const fn plain(&self) -> Price {
        Price { tariff: *self, turbo: Factor::ONE, hd: Factor::ONE }
    }

    /// The price of a request that may ask for anything.
    #[must_use]
    pub fn dearest(&self) -> Price {
        let at_least_one = |factor: Factor| Factor(factor.0.max(Factor::ONE.0));
        let (turbo, hd) = (at_least_one(self.turbo), at_least_one(self.hd));
        Price { tariff: *self, turbo, hd }
    }

    fn of_json(&self, body: &Value) -> Price {
        let mut price = self.plain();
        if body["turbo_mode"] == true {
            price.turbo = self.turbo;
        }
        // Kin take it as a field of the request or within `advanced`; documented it is nowhere.
        if [body, &body["advanced"]].into_iter().any(|map| is_720p(&map["resolution"])) {
            price.hd = self.hd;
        }
        price
    }

    fn has_factors(&self) -> bool {
        [self.turbo, self.hd] != [Factor::ONE; 2]
    }
}

fn is_720p(resolution: &Value) -> bool {
    match resolution {
        Value::String(text) => text.trim().eq_ignore_ascii_case("720p") || text.trim() == "720",
        number => *number == 720,
    }
}

impl From<Money> for Tariff {
    fn from(amount: Money) -> Self {
        Self::per_second(amount)
    }
}

impl From<Money> for Price {
    fn from(amount: Money) -> Self {
        Tariff::per_second(amount).plain()
    }
}

impl Price {
    /// The seconds that a recording of this length is billed for.
    #[must_use]
    pub fn billed(&self, length: Duration) -> u64 {
        match self.tariff.per {
            Per::Time { step, .. } => billed(length).next_multiple_of(step.max(1).into()),
            Per::Clip => billed(length),
        }
    }

    /// What a video of a recording of this length costs.
    #[must_use]
    pub fn cost(&self, length: Duration) -> Money {
        let units = match self.tariff.per {
            Per::Time { unit, .. } => self.billed(length).div_ceil(unit.max(1).into()),
            Per::Clip => 1,
        };
        let amount = self.tariff.amount.times(units).millionths();
        let cost = self.hd.applied(self.turbo.applied(amount));
        Money::from_millionths(cost).max(self.tariff.minimum)
    }

    /// What a create with such a recording is reckoned to cost, as the ledger keeps it; `most` is
    /// how long a recording may be that was not measured.
    #[must_use]
    pub fn charge(&self, length: Option<Duration>, most: Duration) -> Charge {
        let seconds = length.map(|length| self.billed(length));
        // Rounded up, so that no sum is ever less than what is paid.
        let cost = self.cost(length.unwrap_or(most)).millionths();
        let each = cost.div_ceil(seconds.unwrap_or_else(|| billed(most)).max(1));
        Charge { seconds, price: Some(Money::from_millionths(each)) }
    }
}

/// For programs, with the names that a manifest has.
impl Serialize for Tariff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields {
            per: String,
            amount: Money,
            minimum: Money,
            step: Option<String>,
            turbo: Money,
            #[serde(rename = "720p")]
            hd: Money,
        }
        let (per, step) = match self.per {
            Per::Time { unit: 1, step } => ("second".to_owned(), Some(format!("{step}s"))),
            Per::Time { unit, step } => (format!("{unit}s"), Some(format!("{step}s"))),
            Per::Clip => ("clip".to_owned(), None),
        };
        let [turbo, hd] = [self.turbo, self.hd].map(|factor| Money::from_millionths(factor.0));
        let Self { amount, minimum, .. } = *self;
        Fields { per, amount, minimum, step, turbo, hd }.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const DIME: Money = Money::from_millionths(160_000);

    fn costs(tariff: &Tariff, body: &Value, seconds: f64) -> String {
        let price = tariff.of_body(body.to_string().as_bytes());
        price.cost(Duration::from_secs_f64(seconds)).to_string()
    }

    #[test]
    fn each_way_to_ask_for_money() {
        let plain = Tariff::per_second(DIME);
        let time = |unit, step| Tariff { per: Per::Time { unit, step }, ..plain };
        let least = Tariff { minimum: Money::of(0.5), ..plain };
        let turbo = Tariff { turbo: Factor::of(1.5), hd: Factor::of(2.0), ..least };
        let none = json!({});
        for (tariff, body, seconds, cost) in [
            (plain, &none, 2.1, "0.48"),
            (time(1, 5), &none, 2.1, "0.80"),
            (time(1, 5), &none, 5.0, "0.80"),
            (time(1, 5), &none, 5.001, "1.60"),
            (time(10, 10), &none, 5.0, "0.16"),
            (time(10, 10), &none, 10.1, "0.32"),
            (time(5, 10), &none, 10.1, "0.64"),
            (Tariff { per: Per::Clip, ..plain }, &none, 29.0, "0.16"),
            (least, &none, 3.0, "0.50"),
            (least, &none, 4.0, "0.64"),
            (turbo, &none, 10.0, "1.60"),
            (turbo, &json!({"turbo_mode": true}), 10.0, "2.40"),
            (turbo, &json!({"turbo_mode": false}), 10.0, "1.60"),
            (turbo, &json!({"resolution": "720P"}), 10.0, "3.20"),
            (turbo, &json!({"resolution": "1080p"}), 10.0, "1.60"),
            (turbo, &json!({"advanced": {"resolution": 720}, "turbo_mode": true}), 10.0, "4.80"),
            (turbo, &json!({"turbo_mode": true}), 1.0, "0.50"),
        ] {
            assert_eq!(costs(&tariff, body, seconds), cost, "{tariff:?} {body} {seconds}");
        }
        let odd = Money::from_millionths(1);
        let odd = Tariff { amount: odd, turbo: Factor::of(1.5), ..plain };
        assert_eq!(costs(&odd, &json!({"turbo_mode": true}), 1.0), "0.000002", "rounded up");
        let unread = turbo.of_body(b"{").cost(Duration::from_secs(10));
        assert_eq!(unread.to_string(), "4.80", "the dearest that it can be");
    }

    #[test]
    fn only_a_plain_price_is_one() {
        assert_eq!(Tariff::per_second(DIME).linear(), Some(DIME));
        let plain = Tariff::per_second(DIME);
        for other in [
            Tariff { per: Per::Clip, ..plain },
            Tariff { per: Per::Time { unit: 1, step: 5 }, ..plain },
            Tariff { minimum: DIME, ..plain },
            Tariff { turbo: Factor::of(1.5), ..plain },
        ] {
            assert_eq!(other.linear(), None);
        }
    }

    #[test]
    fn programs_read_the_names_of_the_manifest() {
        let tariff = Tariff { minimum: Money::of(0.5), ..Tariff::per_second(DIME) };
        assert_eq!(
            serde_json::to_value(tariff).unwrap(),
            json!({"per": "second", "amount": 0.16, "minimum": 0.5, "step": "1s", "turbo": 1.0, "720p": 1.0})
        );
    }

    proptest! {
        #[test]
        fn a_charge_is_never_less_than_the_cost_and_hardly_more(
            (unit, times) in (1_u32..20, 1_u32..4),
            amount in 1_u64..5_000_000,
            minimum in 0_u64..5_000_000,
            factor in 0.1_f64..4.0,
            millis in 0_u64..60_000,
            clip in any::<bool>(),
        ) {
            let per = if clip { Per::Clip } else { Per::Time { unit, step: unit * times } };
            let [amount, minimum] = [amount, minimum].map(Money::from_millionths);
            let tariff = Tariff { per, amount, minimum, turbo: Factor::of(factor), hd: Factor::ONE };
            let price = tariff.of_body(br#"{"turbo_mode": true}"#);
            let (length, most) = (Duration::from_millis(millis), Duration::from_secs(60));
            let charge = price.charge(Some(length), most);
            let (cost, seconds) = (price.cost(length), charge.seconds.unwrap());
            let charged = charge.price.unwrap().times(seconds);
            prop_assert!(charged >= cost);
            let unmeasured = price.charge(None, most);
            let unmeasured = unmeasured.price.unwrap().times(billed(most));
            prop_assert!(unmeasured >= price.cost(most));
            prop_assert!(charged.millionths() - cost.millionths() < seconds);
            prop_assert!(cost >= minimum);
            prop_assert!(price.cost(most) >= cost, "a longer one is never cheaper");
            prop_assert!(price.cost(length) <= tariff.dearest().cost(length));
        }
    }
}
