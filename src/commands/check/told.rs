//! What there is to say of pairs that come one at a time: each medium once, at its first place.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use jiff::Timestamp;

use crate::fitness::{Remark, Weight, of_address, of_death, of_link};
use crate::manifest::{Mark, Marks, Note, Notes};
use crate::pair::{LocalFile, Pair, Role, Source};

/// How many media are told apart. Of more, one that comes back is looked at again, and counted again.
const TOLD_APART: usize = 100_000;

/// What media are measured by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measures {
    /// Whether the API is on this machine or in its network.
    pub(super) local: bool,
    pub(super) now: Timestamp,
    /// How long links are needed.
    pub(super) takes: Duration,
}

/// Everything that was found so far.
pub(super) struct Told<F> {
    measures: Measures,
    /// What is known of a file.
    of_file: F,
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

impl<F: FnMut(&LocalFile, Role) -> Vec<Remark>> Told<F> {
    pub(super) fn new(measures: Measures, of_file: F) -> Self {
        Self {
            measures,
            of_file,
            hasher: RandomState::new(),
            places: HashMap::new(),
            media: Vec::new(),
            errors: Notes::default(),
            warnings: Notes::default(),
        }
    }

    /// Looks at the next pair.
    pub(super) fn pair(&mut self, pair: &Pair, marks: &Marks) {
        Role::BOTH.into_iter().for_each(|role| self.medium(pair, marks, role));
        if let Some((weight, note)) = of_expiry(pair, marks, &self.measures) {
            self.notes(weight).add(note);
        }
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
        let remarks = self.remarks(source, role);
        let kept = !remarks.is_empty() && self.media.len() < Notes::KEPT;
        if self.places.len() < TOLD_APART {
            self.places.insert(digest, kept.then_some(self.media.len()));
        }
        let first = pair.id.as_str().to_owned();
        let medium = Medium { mark: marks.of(role), role, first, more: 0, remarks };
        if kept {
            self.media.push(medium);
        } else {
            self.note(&medium);
        }
    }

    fn remarks(&mut self, source: &Source, role: Role) -> Vec<Remark> {
        match source {
            Source::File(file) => (self.of_file)(file, role),
            Source::Url(url) => {
                let Measures { local, now, takes } = self.measures;
                let mut remarks = of_address(url.as_written(), role, local);
                remarks.extend(of_link(url.as_written(), now, takes));
                remarks
            }
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

/// What is to be said of when the links of a pair die, as far as the manifest knows that.
pub(super) fn of_expiry(pair: &Pair, marks: &Marks, measures: &Measures) -> Option<(Weight, Note)> {
    let is_link = |role| matches!(pair.request.source(role), Source::Url(_));
    let (dies, mark) = pair.expires.zip(marks.expires)?;
    let remark = of_death(dies, measures.now, measures.takes)?;
    let label = format!("the links {}", of(&pair.id, 0));
    let message = format!("`expires`: {}", remark.message);
    let note = Note { mark, message, label, help: remark.help };
    Role::BOTH.into_iter().any(is_link).then_some((remark.weight, note))
}

/// Of a pair, and of how many more.
fn of(first: impl std::fmt::Display, more: u64) -> String {
    match more {
        0 => format!("of `{first}`"),
        1 => format!("of `{first}` and of another pair"),
        more => format!("of `{first}` and of {more} more pairs"),
    }
}
