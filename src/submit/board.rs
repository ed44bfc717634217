//! Who is under way, outside of the futures that carry them: whatever is dropped, nothing is
//! forgotten.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::pair::TaskId;
use crate::stage::{Held, Stop, StopReason};

/// How many notes are shown: a bad day has more.
const SHOWN: usize = 10;

/// The creates under way, and what is known of them that the ledger does not know.
#[derive(Debug, Default)]
pub struct Board {
    under_way: RefCell<BTreeMap<Arc<str>, Option<TaskId>>>,
    cut: RefCell<Vec<Arc<str>>>,
    news: RefCell<Vec<String>>,
    noted: Cell<usize>,
    held: RefCell<Option<Held>>,
    ended: Stop,
}

impl Board {
    pub(super) fn starts(&self, pair: &Arc<str>) {
        self.under_way.borrow_mut().insert(pair.clone(), None);
    }

    /// The server has named a task.
    pub(super) fn named(&self, pair: &Arc<str>, task: &TaskId) {
        self.under_way.borrow_mut().insert(pair.clone(), Some(task.clone()));
    }

    /// The ledger knows what became of it.
    pub(super) fn settled(&self, pair: &Arc<str>) {
        self.under_way.borrow_mut().remove(pair);
    }

    /// It was not waited for any more.
    pub(super) fn cut(&self, pair: &Arc<str>) {
        self.cut.borrow_mut().push(pair.clone());
    }

    pub(super) fn holds(&self, held: Option<Held>) {
        self.held.replace(held);
    }

    /// What holds creates back now.
    #[must_use]
    pub fn held(&self) -> Option<Held> {
        self.held.borrow().clone()
    }

    /// People should know.
    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.noted.set(self.noted.get() + 1);
        if self.noted.get() <= SHOWN {
            self.news.borrow_mut().push(text());
        }
    }

    /// What people were not told yet; whoever asks tells them.
    #[must_use]
    pub fn news(&self) -> Vec<String> {
        self.news.take()
    }

    /// Nothing more is created.
    pub fn end(&self) {
        self.ended.pull(StopReason::Signal);
    }

    /// Ends when nothing more is created.
    pub async fn ended(&self) {
        self.ended.pulled().await;
    }

    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.borrow().len()
    }

    /// Tasks that the ledger could not take: each has to be adopted by hand.
    #[must_use]
    pub fn unrecorded(&self) -> Vec<(Arc<str>, TaskId)> {
        let under_way = self.under_way.borrow();
        let known = under_way.iter().filter_map(|(pair, task)| Some((pair.clone(), task.clone()?)));
        known.collect()
    }

    /// The pairs whose creates were sent and not waited for until the end.
    #[must_use]
    pub fn left_in_doubt(&self) -> Vec<Arc<str>> {
        let under_way = self.under_way.borrow();
        let unanswered = under_way.iter().filter(|(_, task)| task.is_none());
        let mut left: Vec<_> = unanswered.map(|(pair, _)| pair.clone()).collect();
        left.extend(self.cut.borrow().iter().cloned());
        left.sort_unstable();
        left.dedup();
        left
    }
}
