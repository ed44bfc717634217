//! Times as people read them at a glance: by their own clock, and how long there is to go.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What time it is for the reader.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// Where the reader is.
    pub zone: TimeZone,
}

impl Clock {
    /// `12:04`, or on another day `Nov 30 12:04`.
    #[must_use]
    pub fn time(&self, at: Timestamp) -> String {
        let local = |time: Timestamp| time.to_zoned(self.zone.clone());
        let (at, now) = (local(at), local(self.now));
        let form = if at.date() == now.date() { "%H:%M" } else { "%b %-d %H:%M" };
        at.strftime(form).to_string()
    }

    /// The same of a moment that was so many seconds ago.
    #[must_use]
    pub fn time_before(&self, seconds: u64) -> String {
        let ago = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.time(self.now.saturating_sub(ago).unwrap_or(Timestamp::MIN))
    }

    /// The same of a moment that lies so many seconds ahead.
    #[must_use]
    pub fn time_in(&self, seconds: u64) -> String {
        self.time(self.later(seconds))
    }

    /// The moment that lies so many seconds ahead.
    #[must_use]
    pub fn later(&self, seconds: u64) -> Timestamp {
        let ahead = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        self.now.saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }
}

/// `42 s`, `12 min`, `1 h 5 min`, `3 d 4 h`: as exactly as anybody plans.
#[must_use]
pub fn lasting(seconds: u64) -> String {
    let two = |large: u64, small: u64, [one, other]: [&str; 2]| match small {
        0 => format!("{large} {one}"),
        small => format!("{large} {one} {small} {other}"),
    };
    match seconds {
        ..120 => format!("{seconds} s"),
        120..3600 => format!("{} min", seconds / 60),
        3600..86_400 => two(seconds / 3600, seconds % 3600 / 60, ["h", "min"]),
        _ => two(seconds / 86_400, seconds % 86_400 / 3600, ["d", "h"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_the_readers_clock() {
        let now: Timestamp = "2026-11-29T22:50:00Z".parse().unwrap();
        let clock = Clock { now, zone: TimeZone::fixed(jiff::tz::offset(1)) };
        assert_eq!(clock.time(now), "23:50");
        assert_eq!(clock.time_in(900), "Nov 30 00:05");
        assert_eq!(clock.later(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let said = [0, 42, 119, 120, 3599, 3600, 3900, 86_400, 273_600].map(lasting);
        let expected =
            ["0 s", "42 s", "119 s", "2 min", "59 min", "1 h", "1 h 5 min", "1 d", "3 d 4 h"];
        assert_eq!(said, expected);
    }
}
