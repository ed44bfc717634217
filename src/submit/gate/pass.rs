//! A place among the creates under way.

use super::*;

/// A place among the creates under way; given back when dropped.
#[derive(Debug)]
pub(in super::super) struct Pass<'a> {
    pub(super) gate: &'a Gate,
    pub(super) started: Duration,
    /// It started as one of so many under way.
    pub(super) of: u32,
    /// Whether all others wait for what comes of it.
    pub(super) alone: bool,
    heard: Cell<bool>,
    /// Whether the create is one that was sent before.
    pub(super) again: Cell<bool>,
    /// While it has money reserved, or asks for it: how many creates had ended when it asked.
    pub(super) asked: Cell<Option<u64>>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(gate: &'a Gate, started: Duration, (alone, of): (bool, u32)) -> Self {
        Self {
            gate,
            started,
            of,
            alone,
            heard: Cell::default(),
            again: Cell::default(),
            asked: Cell::default(),
        }
    }

    /// What the create's outcome means for those that follow: how long the server wants all to
    /// wait, if that is too long; and what it says to those who share the batch.
    pub(in super::super) fn learn(
        &self,
        judgement: &Judgement,
    ) -> (Option<Duration>, Option<Word>) {
        self.heard.set(true);
        self.gate.learn(self, judgement)
    }

    /// The create is one that was sent before, under the same key.
    pub(in super::super) fn sends_again(&self) {
        self.again.set(true);
    }

    /// It ended in doubt with these media.
    pub(in super::super) fn doubted(&self, media: Doubted) {
        self.gate.inner.borrow_mut().row.push(media);
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let inner = &mut *self.gate.inner.borrow_mut();
        inner.under_way -= 1;
        if self.alone && !self.heard.get() {
            inner.outage.unused();
        }
        if self.asked.take().is_some() {
            inner.reserving -= 1;
            inner.ended += 1;
            self.gate.ended.notify_waiters();
        }
        self.gate.turn();
    }
}
