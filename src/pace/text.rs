//! Rates and times as people write them: `60/min`, `1h 30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How many requests may start in a time: `60/min`, `2/s`, `500/h`.
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

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a duration is a number with its unit, such as 30s, 15m or 2h, from {0} to 24h")]
pub struct DurationError(&'static str);

/// A duration of one second to one day, as people write it: `30s`, `15m`, `1h 30m`.
///
/// # Errors
/// [`DurationError`] for anything else, a bare number among it: of what?
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    from(text, Duration::from_secs(1), DurationError("1s"))
}

/// The same from a tenth of a second: how often one may ask a server of one's own.
///
/// # Errors
/// As [`duration`].
pub fn interval(text: &str) -> Result<Duration, DurationError> {
    from(text, Duration::from_millis(100), DurationError("100ms"))
}

fn from(text: &str, least: Duration, error: DurationError) -> Result<Duration, DurationError> {
    let signed: jiff::SignedDuration = text.trim().parse().map_err(|_| error)?;
    let duration = Duration::try_from(signed).map_err(|_| error)?;
    let allowed = least..=Duration::from_secs(24 * 3600);
    if allowed.contains(&duration) { Ok(duration) } else { Err(error) }
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

    #[test]
    fn a_duration_has_a_unit_and_a_sensible_length() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("30s"), Ok(30));
        assert_eq!(seconds(" 1h 30m "), Ok(5400));
        assert_eq!(seconds("24h"), Ok(86_400));
        for text in ["", "30", "0s", "-5s", "25h", "soon", "1 fortnight"] {
            assert_eq!(seconds(text), Err(DurationError("1s")), "{text:?}");
        }
    }
}
