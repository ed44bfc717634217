//! Time as values: rates, schedules, backoff and what a server asks us to wait.
//!
//! Nothing here reads a clock or sleeps; callers pass the time in and act on what comes out.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How many creates may start in a time: `60/min`, `2/s`, `500/h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    per: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Second,
    Minute,
    Hour,
}

/// Why a text is not a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate is a whole number from 1 to 1000000 and `/s`, `/min` or `/h`, such as 60/min")]
pub struct RateError;

impl Rate {
    /// The time from one start to the next.
    #[must_use]
    pub fn interval(self) -> Duration {
        let period = match self.per {
            Period::Second => Duration::from_secs(1),
            Period::Minute => Duration::from_secs(60),
            Period::Hour => Duration::from_secs(3600),
        };
        period / self.count
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let (count, per) = text.split_once('/').ok_or(RateError)?;
        let count = count.trim().parse().map_err(|_| RateError)?;
        if !(1..=1_000_000).contains(&count) {
            return Err(RateError);
        }
        let per = match per.trim() {
            "s" | "sec" | "second" => Period::Second,
            "m" | "min" | "minute" => Period::Minute,
            "h" | "hour" => Period::Hour,
            _ => return Err(RateError),
        };
        Ok(Self { count, per })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = match self.per {
            Period::Second => "s",
            Period::Minute => "min",
            Period::Hour => "h",
        };
        write!(f, "{}/{per}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_count_and_a_period() {
        let interval = |text: &str| text.parse::<Rate>().map(Rate::interval);
        assert_eq!(interval("60/min"), Ok(Duration::from_secs(1)));
        assert_eq!(interval("4/s"), Ok(Duration::from_millis(250)));
        assert_eq!(interval("2/h"), Ok(Duration::from_secs(1800)));
        for text in ["", "60", "0/s", "-1/s", "1/day", "1.5/s", "9999999/s", "/s"] {
            assert_eq!(interval(text), Err(RateError), "{text:?}");
        }
        assert_eq!("60/minute".parse::<Rate>().unwrap().to_string(), "60/min");
    }
}
