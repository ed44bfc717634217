//! What the service says that a batch costs, as people and programs see it.

use serde_json::{Value, json};

use super::batch::Site;
use crate::ledger::Bills;
use crate::price::Credits;
use crate::ui::counted;

/// From here on, up or down, numbers are hardly the same money at another price.
const ANOTHER_UNIT: f64 = 3.0;

impl Bills {
    fn is_any(&self) -> bool {
        self.tasks + self.spoilt_tasks > 0
    }

    /// A line each; none if the service says nothing of what anything costs.
    /// The fake of a rehearsal makes its own up, and they are nothing to judge a price by.
    pub(super) fn lines(&self, site: &Site) -> Vec<String> {
        let far_off = self.far_off().filter(|_| !site.rehearsal);
        self.sums().into_iter().chain(far_off).collect()
    }

    fn sums(&self) -> Vec<String> {
        if !self.is_any() {
            return Vec::new();
        }
        let tasks = counted(self.tasks, "task");
        let each = self.compared.per_second().map(|each| format!(", {each} a second in the mean"));
        let mut first = format!("the service counts {} for {tasks}", credits(self.credits));
        first.extend(each);
        if self.compared.reckoned.millionths() > 0 {
            first.push_str(&format!("; reckoned with: {}", self.compared.reckoned));
        }
        let spoilt = (self.spoilt_tasks > 0).then(|| {
            let tasks = counted(self.spoilt_tasks, "task");
            format!(
                "  and {} for {tasks} that failed or got another in its place, unless given back",
                credits(self.spoilt)
            )
        });
        let without = (self.without > 0)
            .then(|| format!("  of {} it does not say the cost", counted(self.without, "task")));
        [Some(first), spoilt, without].into_iter().flatten().collect()
    }

    /// What is said where the price of the manifest is not what the service counts. Whether the two
    /// are of one unit nobody says, so that is left open.
    fn far_off(&self) -> Option<String> {
        let share = self.compared.is_far_off()?;
        let counts = self.compared.per_second()?;
        let reckoned = Credits::from_millionths(self.compared.reckoned.millionths());
        let price = crate::price::Compared { credits: reckoned, ..self.compared }.per_second()?;
        let factor = 1.0 + share;
        let by = match (share > 0.0, (1.0 / ANOTHER_UNIT..=ANOTHER_UNIT).contains(&factor)) {
            (true, true) => format!(", {:.0} % more: is the price right", share * 100.0),
            (false, true) => format!(", {:.0} % less: is the price right", share * -100.0),
            (_, false) => ": is that another unit, or is the price wrong".to_owned(),
        };
        Some(format!(
            "the service counts {counts} a second, where the manifest's price comes to {price}{by}?"
        ))
    }

    /// For programs; null if the service says nothing of what anything costs.
    pub(super) fn json(&self) -> Value {
        if !self.is_any() {
            return Value::Null;
        }
        let reckoned = Some(self.compared.reckoned).filter(|money| money.millionths() > 0);
        json!({
            "credits": self.credits,
            "tasks": self.tasks,
            "failed_or_replaced": {"credits": self.spoilt, "tasks": self.spoilt_tasks},
            "tasks_without": self.without,
            "per_second": self.compared.per_second(),
            "reckoned": reckoned,
            "deviation": self.compared.deviation(),
        })
    }
}

/// `1 credit`, `5.25 credits`
pub(super) fn credits(credits: Credits) -> String {
    let one = credits == Credits::from_millionths(1_000_000);
    format!("{credits} credit{}", if one { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::{Compared, Money};

    fn bills(credits: f64, price: f64) -> Bills {
        let compared = Compared {
            credits: Credits::of(credits),
            reckoned: Money::of(price * 10.0),
            seconds: 10,
        };
        Bills { credits: Credits::of(credits), tasks: 2, compared, ..Bills::default() }
    }

    #[test]
    fn a_price_that_is_far_off_is_told_from_another_unit() {
        assert_eq!(bills(1.6, 0.16).far_off(), None, "as it was reckoned with");
        for (credits, price, said) in [
            (2.0, 0.16, "counts 0.2 a second, where the manifest's price comes to 0.16, 25 % more"),
            (1.0, 0.16, "counts 0.1 a second, where the manifest's price comes to 0.16, 38 % less"),
            (
                10.0,
                0.16,
                "counts 1 a second, where the manifest's price comes to 0.16: is that another",
            ),
            (0.1, 0.16, "counts 0.01 a second, where the manifest's price comes to 0.16: is that"),
        ] {
            let line = bills(credits, price).far_off().unwrap();
            assert!(line.contains(said), "{line}");
        }
    }

    #[test]
    fn nothing_is_said_where_the_service_says_nothing() {
        let none = Bills { without: 3, ..Bills::default() };
        assert_eq!((none.sums(), none.json()), (Vec::new(), Value::Null));
        let spoilt = Bills { spoilt: Credits::of(1.0), spoilt_tasks: 1, ..Bills::default() };
        assert!(spoilt.sums()[1].contains("and 1 credit for 1 task that failed"), "{spoilt:?}");
    }
}
