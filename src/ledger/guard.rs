//! Until when a worker may send what it claimed: decided on values, no clock is read here.
//!
//! The server's lease began when it renewed it, so later than the instant that is remembered here,
//! which was read before the renewal was sent: the guard always ends first.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much earlier than the server a worker takes its lease to have ended.
pub const MARGIN: Duration = Duration::from_secs(2);

/// What two clocks show: one that goes on while the machine sleeps, and the wall's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clocks {
    /// Since the machine started, its sleep included (`CLOCK_BOOTTIME`).
    pub boot: Duration,
    /// Since 1970. Moved by people; a leap ahead may be a sleep that the other did not see.
    pub wall: Duration,
}

impl Clocks {
    /// As they are now.
    #[must_use]
    pub fn now() -> Self {
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self { boot: boot(), wall: wall.unwrap_or_default() }
    }

    /// How long ago that was, by the clock that says longer. Nothing if time ran backwards.
    fn since(self, then: Self) -> Option<Duration> {
        let boot = self.boot.checked_sub(then.boot)?;
        Some(boot.max(self.wall.saturating_sub(then.wall)))
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let whole = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(whole, u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Elsewhere the wall's clock is what sees a sleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn boot() -> Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}

/// A lease at a moment, for those who watch over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How long ago it was renewed. Nothing once it was ended for good.
    pub age: Option<Duration>,
    /// How long it lasts after a renewal.
    pub length: Duration,
    /// Whether creates may still be sent under it.
    pub lasts: bool,
}

/// The lease of one worker, as far as it can be sure of it.
#[derive(Debug)]
pub struct Guard {
    length: Duration,
    /// Read before the last renewal was sent. Nothing once it was ended for good.
    taken: Mutex<Option<Clocks>>,
}

impl Guard {
    /// A lease that was asked for at this instant.
    #[must_use]
    pub fn new(length: Duration, sent: Clocks) -> Self {
        Self { length, taken: Mutex::new(Some(sent)) }
    }

    /// A renewal that was sent then is confirmed: the server had not ended the lease when it got it. So
    /// one that was over here by the margin alone goes on.
    pub fn renewed(&self, sent: Clocks, now: Clocks) {
        let mut taken = self.taken();
        if self.covers(Some(sent), now, Duration::ZERO)
            && taken.is_some_and(|before| before.boot < sent.boot)
        {
            *taken = Some(sent);
        }
    }

    /// Nothing may be sent any more: for good.
    pub fn end(&self) {
        *self.taken() = None;
    }

    /// Whether it lasts so much longer: to be asked at the last moment before bytes leave.
    #[must_use]
    pub fn outlasts(&self, now: Clocks, needed: Duration) -> bool {
        self.covers(*self.taken(), now, needed)
    }

    /// As it is at an instant.
    #[must_use]
    pub fn lease(&self, now: Clocks) -> Lease {
        let taken = *self.taken();
        Lease {
            age: taken.and_then(|taken| now.since(taken)),
            length: self.length,
            lasts: self.covers(taken, now, Duration::ZERO),
        }
    }

    fn covers(&self, taken: Option<Clocks>, now: Clocks, needed: Duration) -> bool {
        let used = taken.and_then(|taken| now.since(taken));
        used.is_some_and(|used| used.saturating_add(needed).saturating_add(MARGIN) < self.length)
    }

    fn taken(&self) -> MutexGuard<'_, Option<Clocks>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most pairs that one statement claims: what is claimed and not sent when a worker dies is a
/// doubt for nothing.
pub(super) const MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn at(boot: u64, wall: u64) -> Clocks {
        Clocks { boot: Duration::from_secs(boot), wall: Duration::from_secs(1000 + wall) }
    }

    #[test]
    fn a_lease_lasts_by_the_clock_that_says_longer() {
        for (now, needed, lasts) in [
            (at(100, 100), 0, true),
            (at(127, 127), 0, true),
            (at(128, 128), 0, false),
            (at(117, 117), 10, true),
            (at(118, 118), 10, false),
            // Asleep, and only one of them saw it.
            (at(128, 101), 0, false),
            (at(101, 128), 0, false),
            // Set back by a person.
            (at(127, 0), 0, true),
            (at(128, 0), 0, false),
            // Another machine's clock.
            (at(99, 100), 0, false),
        ] {
            let guard = Guard::new(LEASE, at(100, 100));
            assert_eq!(guard.outlasts(now, Duration::from_secs(needed)), lasts, "{now:?} {needed}");
        }
    }

    #[test]
    fn a_renewal_counts_from_before_it_was_sent() {
        let guard = Guard::new(LEASE, at(0, 0));
        guard.renewed(at(10, 10), at(20, 20));
        assert!(guard.outlasts(at(37, 37), Duration::ZERO));
        // One that was overtaken takes nothing back.
        guard.renewed(at(5, 5), at(21, 21));
        assert!(guard.outlasts(at(37, 37), Duration::ZERO));
        assert!(!guard.outlasts(at(38, 38), Duration::ZERO));
        let lease = guard.lease(at(38, 38));
        assert_eq!((lease.age, lease.lasts), (Some(Duration::from_secs(28)), false));
        assert!(guard.lease(at(12, 12)).lasts);
        guard.end();
        assert_eq!(guard.lease(at(12, 12)), Lease { age: None, length: LEASE, lasts: false });
    }

    #[test]
    fn a_lease_that_was_over_goes_on_only_by_a_renewal_that_still_lasts() {
        let guard = Guard::new(LEASE, at(0, 0));
        // An answer that was on its way while the machine slept.
        guard.renewed(at(10, 10), at(41, 41));
        assert!(!guard.outlasts(at(42, 42), Duration::ZERO));
        guard.renewed(at(10, 10), at(11, 50));
        assert!(!guard.outlasts(at(12, 51), Duration::ZERO), "only the wall clock saw the sleep");
        guard.renewed(at(42, 42), at(43, 43));
        assert!(guard.outlasts(at(43, 43), Duration::ZERO));
        guard.end();
        guard.renewed(at(44, 44), at(45, 45));
        assert!(!guard.outlasts(at(45, 45), Duration::ZERO), "it was ended for good");
    }
}
