//! How fast something grows.

use std::collections::VecDeque;
use std::time::Duration;

/// How many looks are kept; when there are more, every other one goes.
const KEPT: usize = 600;

/// A count that was looked at from time to time. Times are since any one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    looks: VecDeque<(Duration, u64)>,
}

impl Trend {
    /// The count is this now.
    pub(super) fn look(&mut self, now: Duration, count: u64) {
        if self.looks.len() >= KEPT {
            let mut place = 0;
            self.looks.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
        self.looks.push_back((now, count));
    }

    /// The count when it was last looked at.
    pub(super) fn last(&self) -> Option<u64> {
        self.looks.back().map(|(_, count)| *count)
    }

    /// By how much it grew a second, of late: over this time, or as long as it was looked at.
    pub(super) fn rate(&self, over: Duration) -> Option<f64> {
        let (now, count) = *self.looks.back()?;
        let (then, before) = self.at(now.saturating_sub(over))?;
        let seconds = (now - then).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
        let grown = count.saturating_sub(before) as f64;
        (seconds > 0.0).then(|| grown / seconds)
    }

    /// The first look that was not before that.
    fn at(&self, time: Duration) -> Option<(Duration, u64)> {
        let place = self.looks.partition_point(|(at, _)| *at < time);
        self.looks.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_rate_is_that_of_late() {
        let mut trend = Trend::default();
        assert_eq!(trend.rate(secs(60)), None);
        trend.look(secs(0), 0);
        assert_eq!(trend.rate(secs(60)), None, "one look says nothing");
        (1..=100).for_each(|n| trend.look(secs(n), n * 2));
        assert_eq!(trend.rate(secs(60)), Some(2.0));
        (101..=160).for_each(|n| trend.look(secs(n), 200));
        assert_eq!(trend.rate(secs(60)), Some(0.0));
        assert_eq!(trend.rate(secs(160)), Some(1.25));
    }

    #[test]
    fn however_long_it_goes_on_few_looks_are_kept() {
        let mut trend = Trend::default();
        (0..100_000).for_each(|n| trend.look(secs(n), n));
        assert!(trend.looks.len() <= KEPT);
        assert_eq!(trend.rate(secs(90_000)).map(f64::round), Some(1.0));
    }
}
