//! The planned pairs in manifest order, read from the ledger a page at a time: memory does not grow
//! with the batch.

use std::collections::{HashSet, VecDeque};

use crate::ledger::{LedgerError, Planned, View};

/// How many are read at a time.
const PAGE: usize = 512;

/// Gives each planned pair once.
#[derive(Debug, Default)]
pub(super) struct Source {
    page: VecDeque<Planned>,
    /// The places of more that somebody else named: they are read when it is their turn.
    put_by: VecDeque<i64>,
    /// The place of the last one that was read.
    last: Option<i64>,
    ended: bool,
}

impl Source {
    /// Gives those alone that somebody else names.
    pub(super) fn of_named() -> Self {
        Self { ended: true, ..Self::default() }
    }

    /// Takes up pairs that somebody else names, unless it has them.
    pub(super) fn give(&mut self, mut named: Vec<Planned>) {
        let known: HashSet<i64> = self.places().collect();
        named.retain(|planned| !known.contains(&planned.place()));
        self.page.extend(named);
    }

    /// Takes up pairs for later. Memory does not grow with what they ask for.
    pub(super) fn put_by(&mut self, named: &[Planned]) {
        self.put_by.extend(named.iter().map(Planned::place));
    }

    /// Where those stand that it has.
    pub(super) fn places(&self) -> impl Iterator<Item = i64> {
        self.page.iter().map(Planned::place).chain(self.put_by.iter().copied())
    }

    /// Gives the one that stands there no more.
    pub(super) fn forget(&mut self, place: i64) {
        self.page.retain(|planned| planned.place() != place);
        self.put_by.retain(|one| *one != place);
    }

    /// How many it has before more have to be read, or named.
    pub(super) fn len(&self) -> usize {
        self.page.len() + self.put_by.len()
    }

    /// The next one. After an error there is none.
    pub(super) fn next(&mut self, view: &View) -> Option<Result<Planned, LedgerError>> {
        while self.page.is_empty() && !self.put_by.is_empty() {
            let most = self.put_by.len().min(PAGE);
            let places: Vec<_> = self.put_by.drain(..most).collect();
            match view.planned_at(&places) {
                Ok(page) => self.page = page.into(),
                Err(error) => return Some(Err(error)),
            }
        }
        if self.page.is_empty() && !self.ended {
            match view.planned(self.last, PAGE) {
                Ok(page) => {
                    self.ended = page.is_empty();
                    self.last = page.last().map(Planned::place).or(self.last);
                    self.page = page.into();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}
