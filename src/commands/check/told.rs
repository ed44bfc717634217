//! What there is to say of pairs that come one at a time: each medium once, at its first place.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use crate::fitness::{Remark, Weight};
use crate::manifest::{Mark, Marks, Note, Notes};
use crate::pair::{Pair, Role, Source};

/// How many media are told apart. Of more, one that comes back is looked at again, and counted again.
const TOLD_APART: usize = 20_000;

/// Everything that was found so far.
pub(super) struct Told<F> {
    /// What is to be said of a medium.
    of: F,
    hasher: RandomState,
    /// By a digest of the medium: which of `media` it is, if anything is said of it.
    places: HashMap<u64, Option<usize>>,
    media: Vec<Medium>,
    /// What is said of pairs, and of media beyond those that are kept.
    errors: Notes,
    warnings: Notes,
}

/// A medium of which something is said.
struct Medium {
    mark: Mark,
    role: Role,
    /// The first of its pairs, and how many more there are.
    first: String,
    more: u64,
    remarks: Vec<Remark>,
}

impl<F: FnMut(&Source, Role) -> Vec<Remark>> Told<F> {
    pub(super) fn new(of: F) -> Self {
        let (errors, warnings) = (Notes::default(), Notes::default());
        let (hasher, places) = (RandomState::new(), HashMap::new());
        Self { of, hasher, places, media: Vec::new(), errors, warnings }
    }

    /// Looks at the media of the next pair.
    pub(super) fn pair(&mut self, pair: &Pair, marks: &Marks) {
        Role::BOTH.into_iter().for_each(|role| self.medium(pair, marks, role));
    }

    /// Looks at the files of the next pair, which was sent: its links are needed no more.
    pub(super) fn sent_pair(&mut self, pair: &Pair, marks: &Marks) {
        let is_file = |role: &Role| matches!(pair.request.source(*role), Source::File(_));
        let files = Role::BOTH.into_iter().filter(is_file);
        files.for_each(|role| self.medium(pair, marks, role));
    }

    /// Takes what is to be said of a pair besides its media.
    pub(super) fn add(&mut self, (weight, note): (Weight, Note)) {
        self.notes(weight).add(note);
    }

    fn medium(&mut self, pair: &Pair, marks: &Marks, role: Role) {
        let source = pair.request.source(role);
        let digest = self.hasher.hash_one((source, role));
        if let Some(place) = self.places.get(&digest) {
            if let Some(medium) = place.and_then(|place| self.media.get_mut(place)) {
                medium.more += 1;
            }
            return;
        }
        let remarks = (self.of)(source, role);
        let kept = !remarks.is_empty() && self.media.len() < Notes::KEPT;
        if self.places.len() < TOLD_APART {
            self.places.insert(digest, kept.then_some(self.media.len()));
        }
        if remarks.is_empty() {
            return;
        }
        let first = pair.id.as_str().to_owned();
        let medium = Medium { mark: marks.of(role), role, first, more: 0, remarks };
        if kept {
            self.media.push(medium);
        } else {
            self.note(&medium);
        }
    }

    fn notes(&mut self, weight: Weight) -> &mut Notes {
        match weight {
            Weight::Error => &mut self.errors,
            Weight::Warning => &mut self.warnings,
        }
    }

    fn note(&mut self, medium: &Medium) {
        let Medium { mark, role, first, more, remarks } = medium;
        for Remark { weight, message, help, .. } in remarks {
            let label = format!("the {role} {}", of(first, *more));
            let message = format!("`{role}`: {message}");
            self.notes(*weight).add(Note { mark: *mark, message, label, help: help.clone() });
        }
    }

    /// Errors and warnings.
    pub(super) fn conclude(mut self) -> [Notes; 2] {
        let media = std::mem::take(&mut self.media);
        media.iter().for_each(|medium| self.note(medium));
        [self.errors, self.warnings]
    }
}

/// Of a pair, and of how many more.
fn of(first: impl std::fmt::Display, more: u64) -> String {
    match more {
        0 => format!("of `{first}`"),
        1 => format!("of `{first}` and of another pair"),
        more => format!("of `{first}` and of {more} more pairs"),
    }
}
