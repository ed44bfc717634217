//! What a run knows of portraits and recordings: which of them its doubts and refusals had.

use std::collections::{HashMap, HashSet};

use crate::ledger::{Doubted, Planned};

/// Refusals alike in a row that may all be one mistake.
const ALIKE: usize = 10;
/// Doubts of one medium that are no accident.
const POISON: u32 = 2;

/// The portrait, the recording and the place of a pair.
pub(super) fn of(planned: &Planned) -> Doubted {
    Doubted {
        image: planned.image().to_owned(),
        audio: planned.audio().to_owned(),
        place: planned.place(),
    }
}

/// Whether a pair shares neither portrait nor recording with any of these.
pub(super) fn apart(planned: &Planned, from: &[Doubted]) -> bool {
    from.iter().all(|one| one.image != planned.image() && one.audio != planned.audio())
}

/// The same by the addresses without their queries, which may be signatures; and whether it stands beside
/// none of them.
pub(super) fn far(planned: &Planned, from: &[Doubted]) -> bool {
    let bare = |url: &str| url.split('?').next().unwrap_or_default().to_owned();
    let (image, audio) = (bare(planned.image()), bare(planned.audio()));
    from.iter().all(|one| {
        bare(&one.image) != image
            && bare(&one.audio) != audio
            && one.place.abs_diff(planned.place()) > 1
    })
}

/// Media that may be what the service chokes on: their pairs go last, one at a time.
///
/// A medium is suspect from two doubts on since the last accepted create that had it: so one bad
/// day with a single portrait does not turn the whole batch into single file. Media are compared
/// as they are written. Only those of doubts are kept, never the batch's.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    doubts: HashMap<String, u32>,
    /// Those that were suspect once: a pair of theirs may have been left for the end.
    ever: HashSet<String>,
}

impl Suspects {
    pub(super) fn doubted(&mut self, media: &Doubted) {
        for medium in [&media.image, &media.audio] {
            let doubts = self.doubts.entry(medium.clone()).or_default();
            *doubts += 1;
            if *doubts >= POISON {
                self.ever.insert(medium.clone());
            }
        }
    }

    pub(super) fn accepted(&mut self, planned: &Planned) {
        if self.doubts.is_empty() {
            return;
        }
        for medium in [planned.image(), planned.audio()] {
            self.doubts.remove(medium);
        }
    }

    pub(super) fn has(&self, planned: &Planned) -> bool {
        let doubts = |medium| self.doubts.get(medium).copied().unwrap_or(0);
        doubts(planned.image()).max(doubts(planned.audio())) >= POISON
    }

    pub(super) fn had_any(&self) -> bool {
        !self.ever.is_empty()
    }

    pub(super) fn had(&self, planned: &Planned) -> bool {
        self.ever.contains(planned.image()) || self.ever.contains(planned.audio())
    }
}

/// Refusals with one code and nothing accepted between them. Ten that share nothing are one
/// mistake for all pairs; ten with one portrait may be the portrait's.
#[derive(Debug, Default)]
pub(super) struct Alike {
    code: String,
    message: String,
    count: usize,
    /// Those that share nothing with each other.
    apart: Vec<Doubted>,
}

/// What one more refusal says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alikeness {
    /// It is that pair's.
    OfOne,
    /// It may be all pairs': one that shares nothing with the refused ones would tell.
    Unclear,
    /// It is all pairs'.
    OfAll,
}

impl Alike {
    pub(super) fn refused(&mut self, planned: &Planned, code: &str, message: &str) -> Alikeness {
        if self.code != code {
            *self = Self { code: code.to_owned(), message: message.to_owned(), ..Self::default() };
        }
        self.count += 1;
        if apart(planned, &self.apart) {
            self.apart.push(of(planned));
        }
        match (self.apart.len() >= ALIKE, self.count >= ALIKE) {
            (true, _) => Alikeness::OfAll,
            (false, true) => Alikeness::Unclear,
            (false, false) => Alikeness::OfOne,
        }
    }

    pub(super) fn accepted(&mut self) {
        if self.count > 0 {
            *self = Self::default();
        }
    }

    /// Which media a pair must not have that is to tell.
    pub(super) fn refused_media(&self) -> &[Doubted] {
        &self.apart
    }

    /// How many there are, and what the first said: code and message.
    pub(super) fn told(&self) -> (usize, String, String) {
        (self.count, self.code.clone(), self.message.clone())
    }
}
