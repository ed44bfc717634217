//! Time as values: rates, schedules, backoff and what a server asks us to wait.
//!
//! Nothing here reads a clock or sleeps; callers pass the time in and act on what comes out.

mod common;
#[cfg(test)]
mod kept;
mod outage;
mod polls;
mod probing;
mod rows;
#[cfg(test)]
mod simulated;
mod tempo;
mod text;
mod window;

use std::time::{Duration, SystemTime};

pub use self::common::{Common, Elsewhere, Heard, LOOK, Lone, Short, Terms, Turned, Word};
pub use self::outage::{Cause, End, Outage, Outcome, Step};
pub use self::polls::{Absence, Patience, Polls, Witness};
pub use self::rows::{Drought, Insistence, Row};
pub use self::text::{DurationError, Rate, RateError, duration, interval};
pub use self::window::Window;

/// What a `Retry-After` header asks for: seconds, also with a fraction, or the time until an HTTP
/// date.
///
/// A date in the past asks for no wait at all. `None` for anything that is neither.
#[must_use]
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    let is_number = value.starts_with(|c: char| c.is_ascii_digit())
        && value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_number {
        let seconds: f64 = value.parse().ok()?;
        // More digits than fit still mean "a very long time".
        return Some(Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST).min(LONGEST));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or(Duration::ZERO).min(LONGEST))
}

/// As far as a clock may be sure to be able to count: more than a hundred years.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

/// Exponential backoff with full jitter: spreads clients that were refused at the same moment.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The longest first wait.
    pub base: Duration,
    /// The longest wait of all.
    pub cap: Duration,
}

impl Backoff {
    /// The wait after the given number of refusals in a row (1 for the first), for a random number
    /// from 0 to 1.
    #[must_use]
    pub fn wait(&self, refusals: u32, random: f64) -> Duration {
        let doubled = 2u32.saturating_pow(refusals.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap).mul_f64(random.clamp(0.0, 1.0))
    }
}

/// Holds all creates back after a refusal that proves nothing was made.
///
/// The refusals of one episode, that is of creates that started before the pause, lengthen it but
/// count once; otherwise 64 creates under way would be 64 doublings. Times are since any one moment.
#[derive(Debug, Clone)]
pub struct Pause {
    backoff: Backoff,
    began: Option<Duration>,
    until: Duration,
    episodes: u32,
}

impl Pause {
    /// Not paused.
    #[must_use]
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, began: None, until: Duration::ZERO, episodes: 0 }
    }

    /// A create that started at `started` was refused at `now`; the server may have `asked` for a
    /// wait. Says whether an episode began. `random` is from 0 to 1.
    pub fn refused(
        &mut self,
        (started, now): (Duration, Duration),
        asked: Option<Duration>,
        random: f64,
    ) -> bool {
        let begins = self.began.is_none_or(|began| started > began);
        if begins {
            self.began = Some(now);
            self.episodes += 1;
        }
        // A server that asks for no wait at all while it refuses does not know what it says.
        let asked = asked.filter(|asked| !asked.is_zero());
        let usual = if begins { self.backoff.wait(self.episodes, random) } else { Duration::ZERO };
        let wait = match asked {
            // Less than a second, again and again, is a flood.
            Some(asked) if asked < Duration::from_secs(1) => asked.max(usual),
            // Not before, and not all clients at the same moment after.
            Some(asked) => {
                asked.min(LONGEST) + (asked / 10).min(Duration::from_secs(5)).mul_f64(random)
            }
            None => usual,
        };
        self.until = self.until.max(now.saturating_add(wait));
        begins
    }

    /// A create was answered: the next refusal is the first of a row again.
    pub fn answered(&mut self) {
        self.episodes = 0;
    }

    /// How long creates are still held back.
    #[must_use]
    pub fn wait(&self, now: Duration) -> Duration {
        self.until.saturating_sub(now)
    }
}

/// Gives out start times that keep to a rate, without saving up what was not used.
///
/// Whoever waits for a slot wakes up a little late, as timers are; that little is not lost, or fast
/// rates would never be reached. No second has more than one start too many.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    interval: Duration,
    /// How late a slot may be taken without putting off those after it.
    grace: Duration,
    next: Duration,
}

impl Schedule {
    /// Starts at once; no limit without a rate.
    #[must_use]
    pub fn new(rate: Option<Rate>) -> Self {
        let mut schedule = Self::default();
        schedule.keeps(rate.map_or(Duration::ZERO, Rate::interval));
        schedule
    }

    /// Keeps this distance from the next slot on.
    fn keeps(&mut self, interval: Duration) {
        self.grace = LATE.max(interval / 2);
        // Where that is more than a slot, late ones come in one second with others: so many fewer
        // slots as fit into it.
        let room = if self.grace > interval {
            LATE.mul_f64(interval.as_secs_f64())
        } else {
            Duration::ZERO
        };
        self.interval = interval + room;
    }

    /// How long from `now` the next start has to wait. The slot is taken.
    pub fn wait(&mut self, now: Duration) -> Duration {
        let start = self.next.max(now);
        let late = now.saturating_sub(self.next);
        self.next = if late > self.grace { start } else { self.next } + self.interval;
        start - now
    }

    /// When the next slot opens; it is not taken.
    #[must_use]
    pub fn opens(&self) -> Duration {
        self.next
    }
}

/// Timers count in milliseconds, and a machine has other things to do.
const LATE: Duration = Duration::from_millis(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let at = |seconds| httpdate::fmt_http_date(now + Duration::from_secs(seconds));
        let wait = |text: &str| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait(" 0 "), Some(0));
        assert_eq!(wait(&at(90)), Some(90));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        for long in ["99999999999999999999999", "18446744073709551615", "9223372036854775807"] {
            assert_eq!(wait(long), Some(u64::from(u32::MAX)), "{long}");
        }
        assert_eq!(retry_after("1.5", now), Some(Duration::from_millis(1500)));
        assert_eq!(retry_after("0.25", now), Some(Duration::from_millis(250)));
        for text in ["", "soon", "-5", ".", "1.5.2", "1e3", "inf", "tomorrow at 7"] {
            assert_eq!(wait(text), None, "{text:?}");
        }
    }

    #[test]
    fn backoff_doubles_up_to_its_cap() {
        let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };
        let longest = |refusals| backoff.wait(refusals, 1.0).as_secs();
        assert_eq!([1, 2, 3, 7, 40].map(longest), [1, 2, 4, 60, 60]);
        assert_eq!(backoff.wait(3, 0.5), Duration::from_secs(2));
        assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
    }

    #[test]
    fn one_episode_counts_once_however_many_are_refused() {
        let at = Duration::from_secs;
        let backoff = Backoff { base: at(1), cap: at(60) };
        let mut pause = Pause::new(backoff);
        assert!(pause.refused((at(1), at(2)), None, 1.0));
        assert!(!pause.refused((at(1), at(3)), None, 1.0), "started before the pause");
        assert_eq!(pause.wait(at(2)), at(1));
        assert!(pause.refused((at(3), at(4)), None, 1.0));
        assert_eq!(pause.wait(at(4)), at(2), "the second episode in a row waits longer");
        pause.answered();
        assert!(pause.refused((at(7), at(8)), None, 1.0));
        assert_eq!(pause.wait(at(8)), at(1));
    }

    #[test]
    fn what_the_server_asks_for_is_kept_to() {
        let at = Duration::from_secs;
        let mut pause = Pause::new(Backoff { base: at(1), cap: at(60) });
        pause.refused((at(1), at(2)), Some(at(30)), 0.0);
        assert_eq!(pause.wait(at(2)), at(30));
        pause.refused((at(1), at(2)), Some(at(10)), 0.0);
        assert_eq!(pause.wait(at(2)), at(30), "never shortened");
        assert_eq!(pause.wait(at(40)), at(0));
        pause.refused((at(50), at(50)), Some(at(0)), 1.0);
        assert_eq!(pause.wait(at(50)), at(2), "no wait at all is not believed");
        pause.refused((at(60), at(60)), Some(Duration::MAX / 2), 0.0);
        assert!(pause.wait(at(60)) > at(1_000_000));
    }

    #[test]
    fn a_schedule_keeps_its_distance_and_saves_nothing_up() {
        let at = Duration::from_millis;
        let mut schedule = Schedule::new("2/s".parse().ok());
        let waits = [0, 0, 0, 1400, 1400, 9000, 9000].map(|now| schedule.wait(at(now)));
        assert_eq!(waits, [0, 500, 1000, 100, 600, 0, 500].map(at));
        let mut free = Schedule::new(None);
        assert_eq!([free.wait(at(0)), free.wait(at(0))], [at(0); 2]);
    }
}
