//! What a service says that a task costs: numbers of a unit that nobody documents.
//!
//! They are evidence: a run may ask because of them, and no pair stands otherwise for them. One that
//! makes no sense is none.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Money;

/// More than this is no number of credits.
const MOST: f64 = 1e12;
/// No number is written longer.
const DIGITS: usize = 64;

/// An amount in the service's own unit, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Credits(u64);

impl Credits {
    /// From what an answer has as a number, or as a text that is one; nothing from what is negative,
    /// no number, or larger than any bill.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let text = Some(text.trim()).filter(|text| text.len() <= DIGITS)?;
        // Words such as `inf` are read as numbers, too.
        let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
        let number: f64 = text.parse().ok().filter(|_| plain)?;
        (0.0..=MOST).contains(&number).then(|| Self::of(number))
    }

    /// The nearest amount; nothing less than zero, and nothing beyond what can be held.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and takes what is no number for zero"
    )]
    #[must_use]
    pub fn of(number: f64) -> Self {
        Self((number * 1e6).round() as u64)
    }

    /// From what [`Credits::millionths`] gave.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Self {
        Self(millionths)
    }

    /// For the ledger.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// As near as a float comes to it.
    #[expect(clippy::cast_precision_loss, reason = "to be shown, or compared")]
    #[must_use]
    pub fn number(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// What is left of it after so much.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// No more digits than there are: `5`, `5.25`.
impl fmt::Display for Credits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000_000, format!("{:06}", self.0 % 1_000_000));
        match part.trim_end_matches('0') {
            "" => f.pad(&whole.to_string()),
            part => f.pad(&format!("{whole}.{part}")),
        }
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.number())
    }
}

/// How far what a service took may be from what was reckoned with before that is said.
const FAR: f64 = 0.2;

/// What tasks took whose cost was reckoned with, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// What the service says.
    pub credits: Credits,
    /// What was reckoned with when they were sent; nothing where there was no price.
    pub reckoned: Money,
    /// The seconds that they are billed for.
    pub seconds: u64,
}

impl Compared {
    /// What a second took, in the mean.
    #[expect(clippy::cast_precision_loss, reason = "to be shown")]
    #[must_use]
    pub fn per_second(&self) -> Option<Credits> {
        let seconds = Some(self.seconds as f64).filter(|seconds| *seconds > 0.0)?;
        // As many digits as people read.
        Some(Credits::of((self.credits.number() / seconds * 1e4).round() / 1e4))
    }

    /// How much more the service took than was reckoned with, as a share of that: `0.25` is a quarter
    /// more.
    #[expect(clippy::cast_precision_loss, reason = "a share")]
    #[must_use]
    pub fn deviation(&self) -> Option<f64> {
        let reckoned = Some(self.reckoned.millionths()).filter(|reckoned| *reckoned > 0)?;
        let share = self.credits.millionths() as f64 / reckoned as f64 - 1.0;
        Some((share * 1e4).round() / 1e4)
    }

    /// The same where it is far off.
    #[must_use]
    pub fn is_far_off(&self) -> Option<f64> {
        self.deviation().filter(|share| share.abs() > FAR + 1e-9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_in_every_dress_and_nonsense_is_none() {
        for (text, shown) in [
            ("5", Some("5")),
            ("5.0", Some("5")),
            (" 5.25 ", Some("5.25")),
            ("0", Some("0")),
            ("1e3", Some("1000")),
            ("0.0000004", Some("0")),
            ("0.123456789", Some("0.123457")),
            ("1000000000000", Some("1000000000000")),
            ("1e13", None),
            ("1e400", None),
            ("-1", None),
            ("-0", None),
            ("NaN", None),
            ("inf", None),
            ("infinity", None),
            ("", None),
            ("five", None),
            ("5 credits", None),
            ("1,5", None),
            ("0x10", None),
        ] {
            let read = Credits::read(text).map(|credits| credits.to_string());
            assert_eq!(read.as_deref(), shown, "{text:?}");
        }
        assert_eq!(Credits::read(&"1".repeat(70)), None);
    }

    #[test]
    fn more_than_a_fifth_is_far_off() {
        let compared = |credits: f64, reckoned: u64| Compared {
            credits: Credits::of(credits),
            reckoned: Money::from_millionths(reckoned * 1_000_000),
            seconds: 10,
        };
        assert_eq!(compared(120.0, 100).is_far_off(), None, "a fifth exactly");
        assert_eq!(compared(80.0, 100).is_far_off(), None);
        assert!(compared(121.0, 100).is_far_off().is_some_and(|share| share > 0.2));
        assert!(compared(79.0, 100).is_far_off().is_some_and(|share| share < -0.2));
        assert_eq!(compared(5.0, 0).is_far_off(), None, "no price, no deviation");
        assert_eq!(compared(5.0, 1).per_second(), Some(Credits::of(0.5)));
        assert_eq!(Compared::default().per_second(), None);
    }
}
