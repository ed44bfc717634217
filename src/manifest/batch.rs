//! The pairs so far: kept, counted, or handed on one by one.

use crate::pair::{Pair, PairId, Source};
use crate::table::Files;

use super::fields::Reading;
use super::media::former_id;
use super::problem::Marks;
use super::tree::Span;
use super::unique::Unique;

pub(super) use super::unique::Naming;

/// What becomes of pairs once they are checked.
pub(super) enum Keep<'k> {
    /// All of them are kept.
    All,
    /// They are compared and counted.
    Count,
    /// None is even read.
    Nothing,
    /// Each is handed on, of a manifest that was read before.
    Each(&'k mut dyn FnMut(&Pair, &Marks)),
}

/// How many pairs there are, and of which sort.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) pairs: u64,
    /// How many have a file of this machine.
    pub(super) local: u64,
}

/// The pairs in the order written.
pub(super) struct Batch<'k> {
    pub(super) pairs: Vec<Pair>,
    /// Where their media stand.
    pub(super) marks: Vec<Marks>,
    /// The places of pairs that earlier releases named differently, and how.
    pub(super) formers: Vec<(usize, PairId)>,
    pub(super) tally: Tally,
    keep: Keep<'k>,
    /// How many were handed on when a manifest was read before, and must not be once more.
    handed_on: u64,
    /// Nothing where that was found out before.
    unique: Option<Unique<'k>>,
}

/// Where a pair stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spans {
    pub(super) pair: Span,
    pub(super) id: Span,
    pub(super) media: Marks,
}

impl<'k> Batch<'k> {
    pub(super) fn new(keep: Keep<'k>, files: &'k dyn Files) -> Self {
        let unique = match keep {
            Keep::All | Keep::Count => Some(Unique::new(files)),
            Keep::Each(_) | Keep::Nothing => None,
        };
        let (pairs, marks, formers) = (Vec::new(), Vec::new(), Vec::new());
        Self { pairs, marks, formers, tally: Tally::default(), keep, handed_on: 0, unique }
    }

    /// Whether pairs need not be read.
    pub(super) const fn reads_none(&self) -> bool {
        matches!(self.keep, Keep::Nothing)
    }

    /// To be read again from the beginning.
    pub(super) fn again(self, files: &'k dyn Files) -> Self {
        Self { handed_on: self.tally.pairs, ..Self::new(self.keep, files) }
    }

    /// Adds a pair.
    pub(super) fn add(&mut self, pair: Pair, spans: Spans, by: Naming) {
        if let Some(unique) = &mut self.unique {
            unique.claim(&pair, (spans.pair, spans.id), by);
        }
        let is_file = |source: &Source| matches!(source, Source::File(_));
        self.tally.pairs += 1;
        self.tally.local += u64::from(is_file(&pair.request.image) || is_file(&pair.request.audio));
        match &mut self.keep {
            Keep::All => {}
            Keep::Count | Keep::Nothing => return,
            Keep::Each(_) if self.tally.pairs <= self.handed_on => return,
            Keep::Each(each) => return each(&pair, &spans.media),
        }
        if by == Naming::FromFiles {
            let former = former_id(&pair.request.image, &pair.request.audio, pair.take);
            self.formers.extend(former.map(|former| (self.pairs.len(), former)));
        }
        self.pairs.push(pair);
        self.marks.push(spans.media);
    }

    /// Notes the id of a pair with other mistakes as used.
    pub(super) fn claim(&mut self, id: &PairId, span: Span, by: Naming) {
        if let Some(unique) = &mut self.unique {
            unique.claim_id(id, span, by);
        }
    }

    /// Notes what is there twice.
    pub(super) fn conclude(&mut self, reading: &mut Reading<'_>) {
        if let Some(unique) = self.unique.take() {
            unique.conclude(reading);
        }
    }
}
