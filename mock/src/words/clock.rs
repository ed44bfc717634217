//! The fake's clock: the system's, plus what was advanced by hand.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// A moment in milliseconds of unix time, as the fake's clock tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub(crate) struct Millis(pub(crate) u64);

impl Millis {
    /// Whole seconds of unix time.
    pub(crate) const fn seconds(self) -> u64 {
        self.0 / 1000
    }

    /// The time from an earlier moment to this one; zero if it is not earlier.
    pub(crate) const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// This moment and so much time.
    pub(crate) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// Tells the time, and can be advanced, so that 24 hours pass in a test.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    advanced: Duration,
}

impl Clock {
    pub(crate) fn now(self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::default().plus(since.saturating_add(self.advanced))
    }

    pub(crate) const fn advance(&mut self, time: Duration) {
        self.advanced = self.advanced.saturating_add(time);
    }
}

/// The system's time, whatever the fake's clock says.
pub(crate) fn today() -> SystemTime {
    SystemTime::now()
}
