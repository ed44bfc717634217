//! How many creates may be under way, and how soon one may follow the other, once a server has
//! said "too many".

use std::time::Duration;

use super::probing::Probing;
use super::tempo::Tempo;

/// How many creates may be under way: all that were asked for, until the server says "too many".
///
/// Each episode of refusals is one decrease, to as many as the server has kept; beyond that, one
/// more is tried now and then, and more and more of them as long as they are taken. Where the server
/// has taken as many at once before, it minds how fast they come, and their tempo falls instead.
/// After an outage it starts at one and grows by each answer up to where it was last.
#[derive(Debug, Clone)]
pub struct Window {
    most: u32,
    places: u32,
    /// Up to here it grows by each answer.
    calm: u32,
    probing: Probing,
    /// What the next growth adds; more than one place if the last one was taken.
    step: u32,
    tempo: Tempo,
    /// When the last episode began.
    episode: Option<Duration>,
    /// Whether that one was about creates at once, and how many of those under way it has left.
    left: Option<u32>,
    /// Of creates that began after it: how many were taken, and beside how many.
    taken: u32,
    beside: u32,
    /// The same since then, of which those that were sent before may yet be refused.
    doubtful: (u32, Duration),
}

impl Window {
    /// Starts fully open.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self {
            most,
            places: most,
            calm: most,
            probing: Probing::default(),
            step: 1,
            tempo: Tempo::default(),
            episode: None,
            left: None,
            taken: 0,
            beside: 0,
            doubtful: (0, Duration::ZERO),
        }
    }

    /// The number of creates that may be under way.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.places
    }

    /// The number that was asked for.
    #[must_use]
    pub fn most(&self) -> u32 {
        self.most
    }

    /// When the next create may start, however many places are free.
    #[must_use]
    pub fn opens(&self) -> Duration {
        self.tempo.opens()
    }

    /// Whether the server was seen to mind how fast they come.
    #[must_use]
    pub fn minds_tempo(&self) -> bool {
        self.tempo.is_on()
    }

    /// A create starts.
    pub fn starts(&mut self, now: Duration) {
        self.tempo.starts(now);
    }

    /// A create was taken that started at `started` as one of `of` under way.
    pub fn took(&mut self, (started, now): (Duration, Duration), of: u32) {
        self.tempo.took(now);
        if self.episode.is_none_or(|began| started > began) {
            self.taken = self.taken.saturating_add(1);
            self.took_beside((started, now), of);
        }
        // Answers of creates that had room beside them say nothing of what more there is.
        if of >= self.places {
            self.probing.counts();
        }
    }

    /// Counts only once another one was taken that began later: until then one of those beside it may
    /// have been refused already, and its answer be on the way.
    fn took_beside(&mut self, (started, now): (Duration, Duration), of: u32) {
        let (most, since) = self.doubtful;
        if started > since {
            self.beside = self.beside.max(most);
            self.doubtful = (of, now);
        } else if of > most {
            self.doubtful = (of, now);
        }
    }

    /// The service answered.
    pub fn answered(&mut self, now: Duration) {
        if self.places < self.calm {
            self.places += 1;
        } else if self.places < self.most && self.probing.is_due(self.places, now) {
            let grown = self.places.saturating_add(self.step).min(self.most);
            if self.step > 1 {
                self.probing.succeeded();
            }
            self.step = (self.step * 2).min((grown / 4).max(2));
            self.probing.tries(now);
            (self.places, self.calm) = (grown, grown);
        }
    }

    /// A create was refused that started as one of `of` under way, and is one of `under_way` now; it
    /// may begin an episode.
    pub fn refused(&mut self, begins: bool, (of, under_way): (u32, u32), now: Duration) {
        if begins {
            self.episode_begins((of, under_way), now);
        }
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
            self.places = self.places.min(*left).max(1);
            self.calm = self.places;
        }
    }

    fn episode_begins(&mut self, (of, under_way): (u32, u32), now: Duration) {
        // What began together is not known to have been there together until it was taken.
        let kept = self.beside.min(self.taken).max(1);
        self.left = (of > kept).then_some(under_way);
        match self.left {
            Some(_) if self.step > 1 => self.probing.failed(),
            Some(_) => self.probing.begins_again(),
            None if self.taken > 0 => self.tempo.falls(now),
            // It takes none at all; that is what pauses are for.
            None => {}
        }
        if self.left.is_some() {
            self.tempo.ends();
        }
        self.step = 1;
        self.tempo.episode_begins(now);
        (self.episode, self.taken, self.beside) = (Some(now), 0, 0);
        self.doubtful = (0, now);
    }

    /// An outage is over.
    pub fn restart(&mut self) {
        self.places = 1;
        self.tempo.restarts();
    }

    /// Nothing starts until then: a try that costs a pause is worth it the less often, the longer
    /// that is.
    pub fn rests(&mut self, now: Duration, until: Duration) {
        self.probing.rests(now, until);
        self.tempo.rests(now, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// One is taken in the first second of as many as there is room for; says how many there are then.
    fn takes(window: &mut Window, count: u32, second: u64) -> u32 {
        for _ in 0..count {
            window.took((at(second), at(second)), window.size());
            window.answered(at(second));
        }
        window.size()
    }

    /// These are refused of those under way.
    fn refuses(window: &mut Window, count: u32, (of, second): (u32, u64)) -> u32 {
        for n in 0..count {
            window.refused(n == 0, (of, of.saturating_sub(n)), at(second));
        }
        window.size()
    }

    #[test]
    fn an_episode_leaves_as_many_places_as_the_server_kept() {
        let mut window = Window::new(64);
        assert_eq!(refuses(&mut window, 54, (64, 1)), 10);
        assert_eq!(refuses(&mut window, 20, (10, 2)), 1, "never closed");
        assert_eq!(window.opens(), Duration::ZERO);
    }

    #[test]
    fn it_grows_by_one_and_then_by_more_for_each_full_window_up_to_what_was_asked_for() {
        let mut window = Window::new(26);
        refuses(&mut window, 18, (26, 1));
        assert_eq!(takes(&mut window, 7, 2), 8, "the window was not full of answers yet");
        let rounds = [1, 9, 11, 13, 16, 20, 25].map(|count| takes(&mut window, count, 2));
        assert_eq!(rounds, [9, 11, 13, 16, 20, 25, 26]);
        assert_eq!(takes(&mut window, 1000, 4), 26);
    }

    #[test]
    fn those_that_took_the_place_of_a_refused_one_prove_nothing() {
        let mut window = Window::new(64);
        refuses(&mut window, 60, (64, 1));
        assert_eq!(takes(&mut window, 4, 2), 5);
        (0..2).for_each(|_| window.took((at(3), at(4)), 5));
        assert_eq!(refuses(&mut window, 1, (5, 4)), 4);
    }

    #[test]
    fn answers_of_creates_that_had_room_beside_them_open_nothing() {
        let mut window = Window::new(16);
        refuses(&mut window, 8, (16, 1));
        for _ in 0..1000 {
            window.took((at(2), at(2)), 7);
            window.answered(at(2));
        }
        assert_eq!(window.size(), 8);
    }

    #[test]
    fn a_try_that_fails_is_made_more_and_more_rarely() {
        let mut window = Window::new(64);
        refuses(&mut window, 60, (64, 1));
        let mut rounds = Vec::new();
        for second in (2..).step_by(2).take(7) {
            let mut answers = 0;
            while takes(&mut window, 1, second) == 4 {
                answers += 1;
            }
            assert_eq!(refuses(&mut window, 1, (5, second + 1)), 4);
            rounds.push(answers + 1);
        }
        assert_eq!(rounds, [4, 8, 16, 32, 40, 40, 40]);
    }

    #[test]
    fn a_try_that_costs_a_long_pause_is_made_the_more_rarely() {
        let mut window = Window::new(64);
        for second in [1, 101] {
            refuses(&mut window, 1, (5, second));
            window.rests(at(second), at(second + 30));
            assert_eq!(takes(&mut window, 4, second + 31), if second == 1 { 5 } else { 4 });
        }
        assert_eq!(takes(&mut window, 4, 160), 4, "as long again as the pause");
        assert_eq!(takes(&mut window, 1, 162), 5);
    }

    #[test]
    fn where_as_many_at_once_were_taken_the_tempo_falls() {
        let mut window = Window::new(4);
        for fifty in [0, 50] {
            (1..=50).for_each(|second| _ = takes(&mut window, 2, fifty + second));
            assert_eq!(refuses(&mut window, 1, (4, fifty + 50)), 4);
        }
        window.starts(at(110));
        let apart = window.opens() - at(110);
        assert!(apart > Duration::from_millis(490) && apart < at(1), "{apart:?}");
    }

    #[test]
    fn a_server_that_takes_none_at_all_does_not_slow_the_tempo() {
        let mut window = Window::new(4);
        (1..=100).for_each(|second| _ = takes(&mut window, 2, second));
        (101..200).for_each(|second| _ = refuses(&mut window, 4, (4, second)));
        window.starts(at(200));
        assert!(window.opens() < at(202), "{:?}", window.opens());
    }

    #[test]
    fn after_an_outage_it_grows_by_each_answer_up_to_where_it_was() {
        let mut window = Window::new(64);
        refuses(&mut window, 60, (64, 1));
        window.restart();
        assert_eq!([0, 1, 2].map(|count| takes(&mut window, count, 2)), [1, 2, 4]);
        let mut window = Window::new(64);
        window.restart();
        assert_eq!(takes(&mut window, 63, 1), 64, "nothing was too much before");
    }
}
