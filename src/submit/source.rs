//! The planned pairs in manifest order, read from the ledger a page at a time: memory does not grow
//! with the batch.

use std::collections::VecDeque;

use crate::ledger::{LedgerError, Planned, View};

/// How many are read at a time.
const PAGE: usize = 512;

/// Gives each planned pair once.
#[derive(Debug, Default)]
pub(super) struct Source {
    page: VecDeque<Planned>,
    /// The place of the last one that was read.
    last: Option<i64>,
    ended: bool,
}

impl Source {
    /// Takes up pairs that somebody else names.
    pub(super) fn give(&mut self, named: Vec<Planned>) {
        (self.ended, self.page) = (true, named.into());
    }

    /// Whether the next one has to be read, or named, first.
    pub(super) fn is_empty(&self) -> bool {
        self.page.is_empty()
    }

    /// The next one. After an error there is none.
    pub(super) fn next(&mut self, view: &View) -> Option<Result<Planned, LedgerError>> {
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
