//! Pairs that those who share the ledger say to try: asked for before the last of them is taken up, so that
//! whoever is settled finds the next one at hand, and both go the same way at once.

use std::future::pending;

use super::Run;
use super::create::Turn;
use crate::ledger::Planned;

/// For how many creates under way pairs are named ahead at most.
const AHEAD: usize = 256;

impl Run<'_> {
    /// The next pair of a turn, also where others say which it is: in the first turn. Those that go last were
    /// named to this run before.
    pub(super) async fn next_named(&self, turn: Turn) -> Option<Planned> {
        if turn == Turn::Last || !self.means.ledger.is_shared() {
            return self.next(turn);
        }
        while self.means.stop.reason().is_none() && self.most_of(1) > 0 {
            let is_named = tokio::select! {
                biased;
                () = self.means.stop.pulled() => return None,
                is_named = self.has_named(1) => is_named,
            };
            if !is_named {
                return None;
            }
            if let Some(planned) = self.next(turn) {
                return Some(planned);
            }
            // This turn takes no more of them.
            if self.source.borrow().len() > 0 {
                return None;
            }
        }
        None
    }

    /// Has as many named as creates may be under way, again and again: all may be settled at once. Never ends
    /// by itself.
    pub(super) async fn name_ahead(&self) {
        let enough = usize::from(self.limits.concurrency).min(AHEAD);
        while self.means.stop.reason().is_none() && self.has_named(self.most_of(enough)).await {
            self.taken.notified().await;
        }
        pending().await
    }

    /// No more than may be taken up: whoever names them names them to nobody else.
    fn most_of(&self, enough: usize) -> usize {
        let (taken, _) = self.taken_up.get();
        self.limits.most.map_or(enough, |most| enough.min(most.saturating_sub(taken)))
    }

    /// Whether so many are at hand, or as many as were named now if they were fewer; false where none are and
    /// all were named.
    async fn has_named(&self, enough: usize) -> bool {
        let _one = self.naming.lock().await;
        if self.source.borrow().len() >= enough {
            return true;
        }
        match self.means.ledger.next_planned().await {
            Ok(named) if named.is_empty() => false,
            Ok(mut named) => {
                let at_hand = self.at_hand.borrow();
                named.retain(|planned| !at_hand.contains(&planned.place()));
                self.source.borrow_mut().give(named);
                true
            }
            Err(error) => {
                self.ledger_failed(error);
                true
            }
        }
    }
}
