//! Which spells of waiting are written down: each with its reason once it is seen, and its end. Spells of
//! one kind that follow each other closely are one, or a bad day would fill the ledger with them.

use crate::ledger::Pause;
use crate::stage::{Held, Why};

/// What comes sooner after a spell of the same kind is its continuation, in milliseconds.
const CLOSE: i64 = 2_000;

/// The spells of a run, as they are seen.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    /// The last one.
    last: Option<Pause>,
}

impl Pauses {
    /// Looks at what holds creates back at a moment, in milliseconds; gives what has to be written down,
    /// the end of one and the beginning of another.
    pub(super) fn look(&mut self, now: i64, held: Option<&Held>) -> [Option<Pause>; 2] {
        // As many tasks as may be is the usual state of many runs.
        let held = held.filter(|held| held.why != Why::InFlight);
        match (self.open().map(|open| open.code.clone()), held) {
            (None, None) => [None, None],
            (Some(code), Some(held)) if code == held.why.name() => [None, None],
            (Some(_), None) => [self.end(now), None],
            (_, Some(held)) => [self.end(now), self.begin(now, held)],
        }
    }

    /// Nothing more is created.
    pub(super) fn end(&mut self, now: i64) -> Option<Pause> {
        let last = self.last.as_mut().filter(|last| last.ended.is_none())?;
        last.ended = Some(now);
        Some(last.clone())
    }

    fn open(&self) -> Option<&Pause> {
        self.last.as_ref().filter(|last| last.ended.is_none())
    }

    fn begin(&mut self, now: i64, held: &Held) -> Option<Pause> {
        let (code, reason) = (held.why.name().to_owned(), held.reason.clone());
        let goes_on = self.last.as_ref().filter(|last| {
            last.code == code && last.ended.is_some_and(|ended| now - ended < CLOSE)
        });
        let began = goes_on.map_or(now, |last| last.began);
        self.last = Some(Pause { began, ended: None, code, reason });
        self.last.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::Window;

    fn held(why: Why) -> Held {
        Held {
            why,
            reason: format!("{} again", why.name()),
            text: String::new(),
            said: String::new(),
            since_seconds: 0,
            seconds: None,
            gives_up_seconds: None,
            window: Window::default(),
        }
    }

    /// `asked 1-2` for one that ended, `asked 1-` for one that began.
    fn written(looks: &[(i64, Option<Why>)]) -> Vec<String> {
        let mut pauses = Pauses::default();
        let looked = looks.iter().flat_map(|(now, why)| pauses.look(*now, why.map(held).as_ref()));
        let looked: Vec<_> = looked.flatten().collect();
        looked
            .iter()
            .map(|pause| {
                let ended = pause.ended.map(|ended| ended.to_string()).unwrap_or_default();
                format!("{} {}-{ended}", pause.code, pause.began)
            })
            .collect()
    }

    #[test]
    fn a_spell_is_written_down_when_it_is_seen_and_when_it_is_over() {
        let (asked, outage, full) = (Some(Why::Asked), Some(Why::NotSent), Some(Why::InFlight));
        assert_eq!(written(&[(1, None), (2, full), (3, None)]), Vec::<String>::new());
        assert_eq!(written(&[(1, asked), (2, asked), (9, None)]), ["asked 1-", "asked 1-9"]);
        assert_eq!(
            written(&[(1, asked), (5, outage), (9, full)]),
            ["asked 1-", "asked 1-5", "not_sent 5-", "not_sent 5-9"]
        );
        let often = [(0, asked), (500, None), (1_000, asked), (9_000, None), (20_000, asked)];
        assert_eq!(
            written(&often),
            ["asked 0-", "asked 0-500", "asked 0-", "asked 0-9000", "asked 20000-"]
        );
    }

    #[test]
    fn what_lasts_ends_with_the_creates() {
        let mut pauses = Pauses::default();
        assert_eq!(pauses.end(1), None);
        pauses.look(2, Some(&held(Why::Stopped)));
        assert_eq!(pauses.end(7).unwrap().ended, Some(7));
        assert_eq!(pauses.end(8), None, "once");
    }
}
