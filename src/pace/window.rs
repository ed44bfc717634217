//! How many creates may be under way.

use std::time::Duration;

/// Without a refusal for so long, one more place is tried: where a create takes minutes, successes
/// alone would take hours to open what one refusal has closed.
const CALM: Duration = Duration::from_secs(20);

/// How many creates may be under way: all that were asked for, until the server says "too many".
///
/// Is halved by a refusal and grows by one for each full window of answers, as TCP does; and by
/// time. After an outage it starts at one and grows by each answer up to where it was halved last.
#[derive(Debug, Clone)]
pub struct Window {
    most: u32,
    places: u32,
    /// From here on it grows slowly.
    calm: u32,
    answered: u32,
    /// Since when it has grown by time.
    since: Duration,
}

impl Window {
    /// Starts fully open.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { most, places: most, calm: most, answered: 0, since: Duration::ZERO }
    }

    /// The number of creates that may be under way.
    #[must_use]
    pub fn size(&self, now: Duration) -> u32 {
        let grown = now.saturating_sub(self.since).as_secs() / CALM.as_secs();
        self.places.saturating_add(u32::try_from(grown).unwrap_or(u32::MAX)).min(self.most)
    }

    /// A create was taken.
    pub fn answered(&mut self, now: Duration) {
        let before = self.size(now);
        self.answered += 1;
        if before < self.calm || self.answered >= before {
            self.answered = 0;
            self.set(before + 1, now);
        }
    }

    /// An episode of refusals began.
    pub fn cut(&mut self, now: Duration) {
        self.answered = 0;
        self.set(self.size(now) / 2, now);
        self.calm = self.places;
    }

    /// An outage is over.
    pub fn restart(&mut self, now: Duration) {
        self.answered = 0;
        self.set(1, now);
    }

    /// Nothing starts until then, so nothing grows either: no burst after a pause.
    pub fn rests(&mut self, now: Duration, until: Duration) {
        self.set(self.size(now), now);
        self.since = self.since.max(until);
    }

    fn set(&mut self, places: u32, now: Duration) {
        self.places = places.clamp(1, self.most.max(1));
        self.since = self.since.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_is_halved_and_grows_back() {
        let mut window = Window::new(8);
        window.cut(at(0));
        assert_eq!(window.size(at(0)), 4);
        (0..4).for_each(|_| window.answered(at(0)));
        assert_eq!(window.size(at(0)), 5);
        (0..100).for_each(|_| window.answered(at(0)));
        assert_eq!(window.size(at(0)), 8, "never beyond what was asked for");
        (0..10).for_each(|_| window.cut(at(0)));
        assert_eq!(window.size(at(0)), 1, "never closed");
    }

    #[test]
    fn it_grows_by_time_too_but_not_while_all_wait() {
        let mut window = Window::new(64);
        window.cut(at(100));
        assert_eq!([119, 120, 180].map(|now| window.size(at(now))), [32, 33, 36]);
        window.rests(at(180), at(3780));
        assert_eq!([3780, 3800].map(|now| window.size(at(now))), [36, 37], "a burst after it");
        assert_eq!(window.size(at(90_000)), 64);
    }

    #[test]
    fn after_an_outage_it_grows_by_each_answer_up_to_where_it_was_halved() {
        let mut window = Window::new(64);
        window.cut(at(0));
        (0..6).for_each(|_| window.cut(at(0)));
        (0..7).for_each(|_| window.answered(at(0)));
        let halved = window.size(at(0));
        window.restart(at(1));
        assert_eq!(window.size(at(1)), 1);
        window.answered(at(1));
        assert!(window.size(at(1)) == 2 && halved == 4, "{halved}");
        let mut window = Window::new(64);
        window.restart(at(1));
        (0..63).for_each(|_| window.answered(at(1)));
        assert_eq!(window.size(at(1)), 64, "nothing was too much before");
    }
}
