//! Spans of time as scenarios write them, and manifests and options as well: `250ms`, `2s`, `1.5s`,
//! `10m`, `24h`, `1h 30m`.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// A span of time, written as a number and its unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl Span {
    /// A span of whole milliseconds.
    #[must_use]
    pub const fn millis(millis: u64) -> Self {
        Self(Duration::from_millis(millis))
    }

    /// A span of whole seconds.
    #[must_use]
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let span = Duration::try_from(text.trim().parse::<SignedDuration>().ok()?).ok()?;
        (span <= LONGEST).then_some(Self(span))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time such as 250ms, 2s, 10m or 24h")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// Seconds, rounded up, at least one.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit_and_are_bounded() {
        assert_eq!(Span::parse("250ms"), Some(Span::millis(250)));
        assert_eq!(Span::parse("1.5s"), Some(Span::millis(1500)));
        assert_eq!(Span::parse("24h"), Some(Span::secs(86_400)));
        assert_eq!(Span::parse("1h 30m"), Some(Span::secs(5_400)));
        assert_eq!(Span::parse("0s"), Some(Span::secs(0)));
        for wrong in ["", "5", "s", "-1s", "5 weeks", "nans", "infs", "1e9h", "8785h"] {
            assert_eq!(Span::parse(wrong), None, "{wrong}");
        }
    }
}
