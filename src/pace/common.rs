//! What all workers of a shared batch know together, as values: what of it concerns one of them, and how
//! long it waits for what it may not have now.
//!
//! Each worker keeps its own gate, with places that stay empty after doubts; so an outage costs each no
//! more doubts than it has places. Here is what makes one gate of them: it closes for all at once, one of
//! them alone tries a create, and what one hears answered the others need not fear.

use std::time::Duration;

/// What one worker has heard of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It answered a create.
    Answer,
    /// What became of a create is unknown.
    Doubt,
    /// The same of the one that was tried alone for all.
    AloneAnswer,
    /// What became of that one is unknown.
    AloneDoubt,
}

/// What one worker has heard and not told yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heard {
    /// Whether the service answered.
    pub answered: bool,
    /// Doubts after that.
    pub doubts: u32,
    /// What came of the create that was tried alone for all: whether it was answered.
    pub alone: Option<bool>,
    /// How many words that are.
    pub words: u64,
}

impl Heard {
    /// One more.
    pub fn then(&mut self, word: Word) {
        self.words += 1;
        match word {
            Word::Answer => (self.answered, self.doubts) = (true, 0),
            Word::Doubt => self.doubts += 1,
            Word::AloneAnswer => {
                (self.answered, self.doubts, self.alone) = (true, 0, Some(true));
            }
            Word::AloneDoubt => self.alone = Some(false),
        }
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.words == 0
    }
}

/// Who may try a create while the gate is closed for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lone {
    /// Whoever asks first.
    #[default]
    Nobody,
    /// This worker.
    Ours,
    /// Another one, as long as its lease lasts.
    Others,
}

/// What the workers of a batch know together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Common {
    /// Grows with what is known of the service.
    pub version: i64,
    /// Whether the gate is closed for all.
    pub shut: bool,
    /// Who may try a create meanwhile.
    pub lone: Lone,
    /// Doubts in a row, of all.
    pub row: u32,
    /// Doubts in a row of creates that were tried alone.
    pub alone: u32,
    /// How often an answer has ended a row of doubts.
    pub answered: i64,
    /// How many words of this worker it has in it.
    pub words: u64,
    /// Creates under way.
    pub under_way: u32,
    /// The same, and tasks that are unfinished.
    pub unfinished: u32,
    /// Doubts of those who are at work.
    pub doubts: u32,
    /// How many those may have who were not told how many.
    pub usual_doubts: u32,
    /// Why all who are at work stop, as whoever saw it first has written it down.
    pub halt: Option<String>,
    /// What this worker's claims wait for.
    pub short: Option<Short>,
}

impl Common {
    /// Whether it is no older than what was known before.
    #[must_use]
    pub const fn follows(&self, known: &Self) -> bool {
        self.version >= known.version
    }
}

/// How much one worker was told that all together may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Its own creates under way at once.
    pub concurrency: u16,
    /// Tasks unfinished.
    pub in_flight: Option<u32>,
    /// Doubts.
    pub max_doubts: Option<u32>,
    /// From one create to the next.
    pub apart: Option<Duration>,
}

/// What claims wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Short {
    /// The gate is closed for all.
    Gate,
    /// So many tasks are unfinished, of all.
    InFlight(u32),
    /// So many of all creates are in doubt or under way.
    Doubts(u32),
    /// The next start.
    Rate(Duration),
    /// The database was started anew: so long others may learn that it is an older one.
    Restarted(Duration),
}

/// How often what is known together is looked at.
pub const LOOK: Duration = Duration::from_secs(1);

impl Terms {
    fn most_doubts(&self, common: &Common) -> u32 {
        self.max_doubts.unwrap_or(common.usual_doubts)
    }

    /// Whether more doubts are allowed to nobody, and none under way may turn out to be less.
    #[must_use]
    pub fn is_full_of_doubts(&self, common: &Common) -> bool {
        common.under_way == 0 && common.doubts >= self.most_doubts(common)
    }

    /// Whether what was short may be there, after so long. `random` is from 0 to 1: not all come at once.
    #[must_use]
    pub fn may_go_on(
        &self,
        (short, common): (Short, &Common),
        (waited, random): (Duration, f64),
    ) -> bool {
        match short {
            // What is under way of others is awaited.
            Short::Gate => waited >= LOOK / 5 && (!common.shut || common.lone == Lone::Ours),
            Short::InFlight(_) => self.in_flight.is_none_or(|most| common.unfinished < most),
            Short::Doubts(_) => {
                let may_turn = common.doubts.saturating_add(common.under_way);
                may_turn < self.most_doubts(common)
            }
            Short::Rate(wait) | Short::Restarted(wait) => {
                waited >= wait + (LOOK / 3).mul_f64(random)
            }
        }
    }
}

/// What there is for one worker in what all know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Nothing new.
    Nothing,
    /// The gate is closed for all.
    Shut,
    /// It is open again.
    Reopened,
    /// The service answered another worker, after all doubts of this one.
    Answered,
}

/// What one worker has taken in of what the others heard.
#[derive(Debug, Clone, Copy, Default)]
pub struct Elsewhere {
    /// Words of this worker.
    words: u64,
    /// How many of them there were, and how often rows had been ended, when that was last looked at.
    seen: (u64, i64),
    version: i64,
    shut: bool,
}

impl Elsewhere {
    /// This worker itself has heard something.
    pub fn hears(&mut self) {
        self.words += 1;
    }

    /// What is known together now.
    pub fn learns(&mut self, common: &Common) -> Turned {
        if common.version < self.version {
            return Turned::Nothing;
        }
        self.version = common.version;
        // What it does not say yet may be a doubt that came after all those answers, or the answer that
        // opens the gate.
        if common.words < self.words {
            return Turned::Nothing;
        }
        if common.shut {
            self.shut = true;
            return Turned::Shut;
        }
        let (words, answered) = std::mem::replace(&mut self.seen, (self.words, common.answered));
        match std::mem::take(&mut self.shut) {
            true => Turned::Reopened,
            false if words == self.words && answered < common.answered => Turned::Answered,
            false => Turned::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_answer_ends_the_doubts_before_it_and_not_those_after() {
        let heard = |words: &[Word]| {
            let mut heard = Heard::default();
            words.iter().for_each(|word| heard.then(*word));
            (heard.answered, heard.doubts, heard.alone)
        };
        assert!(Heard::default().is_empty());
        for (words, expected) in [
            (&[Word::Doubt, Word::Doubt][..], (false, 2, None)),
            (&[Word::Doubt, Word::Answer, Word::Doubt], (true, 1, None)),
            (&[Word::Doubt, Word::AloneAnswer], (true, 0, Some(true))),
            (&[Word::AloneDoubt], (false, 0, Some(false))),
        ] {
            assert_eq!(heard(words), expected);
        }
    }

    #[test]
    fn claims_go_on_when_there_is_room_for_them() {
        let terms = Terms { in_flight: Some(5), max_doubts: Some(3), ..Terms::default() };
        let common =
            Common { unfinished: 5, doubts: 1, under_way: 2, shut: true, ..Common::default() };
        let go_on = |short, common: &Common| terms.may_go_on((short, common), (at(60), 1.0));
        for short in [Short::InFlight(5), Short::Doubts(3), Short::Gate] {
            assert!(!go_on(short, &common), "{short:?}");
        }
        assert!(go_on(Short::InFlight(5), &Common { unfinished: 4, ..common.clone() }));
        assert!(go_on(Short::Doubts(3), &Common { under_way: 1, ..common.clone() }));
        assert!(go_on(Short::Gate, &Common { shut: false, ..common.clone() }));
        assert!(go_on(Short::Gate, &Common { lone: Lone::Ours, ..common.clone() }));
        assert!(!terms.is_full_of_doubts(&Common { doubts: 3, ..common.clone() }));
        assert!(terms.is_full_of_doubts(&Common { doubts: 3, under_way: 0, ..common }));
    }

    #[test]
    fn those_who_wait_for_a_slot_do_not_all_come_at_once() {
        let terms = Terms::default();
        let comes = |waited, random| {
            terms.may_go_on((Short::Rate(at(2)), &Common::default()), (waited, random))
        };
        assert!(!comes(at(1), 0.0) && comes(at(2), 0.0));
        assert!(!comes(at(2), 1.0) && comes(at(3), 1.0));
    }

    #[test]
    fn only_an_answer_after_all_doubts_of_a_worker_fills_its_places_again() {
        let mut elsewhere = Elsewhere::default();
        let known =
            |version, words, answered| Common { version, words, answered, ..Common::default() };
        elsewhere.hears();
        // The doubt is not told yet: whatever was answered was so before.
        assert_eq!(elsewhere.learns(&known(1, 0, 4)), Turned::Nothing);
        assert_eq!(elsewhere.learns(&known(2, 1, 5)), Turned::Nothing);
        assert_eq!(elsewhere.learns(&known(3, 1, 5)), Turned::Nothing);
        assert_eq!(elsewhere.learns(&known(4, 1, 6)), Turned::Answered);
        elsewhere.hears();
        assert_eq!(elsewhere.learns(&known(5, 1, 7)), Turned::Nothing);
        assert_eq!(elsewhere.learns(&known(6, 2, 7)), Turned::Nothing);
        assert_eq!(elsewhere.learns(&known(5, 2, 9)), Turned::Nothing, "overtaken");
        assert_eq!(elsewhere.learns(&known(7, 2, 8)), Turned::Answered);
    }

    #[test]
    fn a_gate_that_others_closed_is_opened_by_them() {
        let mut elsewhere = Elsewhere::default();
        let known = |version, shut| Common { version, shut, ..Common::default() };
        assert_eq!(elsewhere.learns(&known(1, true)), Turned::Shut);
        assert_eq!(elsewhere.learns(&known(0, false)), Turned::Nothing, "that was before");
        assert_eq!(elsewhere.learns(&known(2, false)), Turned::Reopened);
        assert_eq!(elsewhere.learns(&known(3, false)), Turned::Nothing);
    }
}
