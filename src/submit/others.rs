//! One gate of many: what this run hears from those who share its ledger, and what it tells them.

use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::{sleep, timeout};

use super::Run;
use crate::ledger::Doubted;
use crate::pace::{Cause, Common, LOOK, Lone, Short, Terms, Word};
use crate::stage::{StopReason, Trouble};

/// How long those who end wait until the others know why.
const TOLD: Duration = Duration::from_secs(10);
/// From one try to the next where creates are held back for all and not yet here.
const AGAIN: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// What all know together now; nothing if nobody shares the ledger.
    fn common(&self) -> Option<Common> {
        self.others.as_ref().map(|common| common.borrow().clone())
    }

    /// Takes in what all know, each time that there is news, until all is `over`.
    pub(super) async fn hear_others(&self, mut over: Receiver<bool>) {
        let Some(mut common) = self.others.clone() else { return };
        loop {
            self.take_in_others();
            tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => return,
                changed = common.changed() => if changed.is_err() { return },
            }
        }
    }

    /// What all know holds here as well.
    pub(super) fn take_in_others(&self) {
        let Some(common) = self.common() else { return };
        if let Some(halt) = &common.halt {
            self.halted.set(true);
            self.means.stop.pull(StopReason::of_others(halt));
            return;
        }
        let before = self.gate.cause();
        self.gate.learns_of_others(&common);
        self.note(before);
        let terms = Terms { max_doubts: self.limits.max_doubts, ..Terms::default() };
        if matches!(common.short, Some(Short::Doubts(_))) && terms.is_full_of_doubts(&common) {
            let trouble = Trouble::Doubts(common.doubts);
            self.means.stop.pull(StopReason::Service { trouble, last: self.gate.last() });
        }
    }

    /// A create was held back for all: this run's gate closes as well.
    pub(super) async fn held_back(&self) {
        self.take_in_others();
        // It is not heard before what this run has to tell is told.
        if self.gate.cause().is_none() {
            tokio::select! {
                () = self.means.stop.pulled() => {}
                () = sleep(AGAIN) => {}
            }
        }
    }

    /// For all: what a create's outcome says of the service.
    pub(super) fn tell_others(&self, word: Option<Word>) {
        if self.others.is_some() {
            word.into_iter().for_each(|word| self.means.ledger.heard(word));
        }
    }

    /// Once this run stops, it wants no more permits, and all others hear why if it is their matter too.
    pub(super) async fn stop_others(&self, mut over: Receiver<bool>) {
        let (ledger, stop) = (self.means.ledger, self.means.stop);
        if self.others.is_none() {
            return;
        }
        tokio::select! {
            biased;
            () = stop.pulled() => {}
            _ = over.wait_for(|over| *over) => {}
        }
        if stop.reason().is_some() {
            ledger.wants_no_more();
        }
        let why = stop.reason().filter(|_| !self.halted.get()).and_then(StopReason::for_all);
        if let Some(why) = why {
            // Where the database is away, nobody is granted anything either.
            let _ = timeout(TOLD, ledger.halt(why)).await;
        }
        let _ = over.wait_for(|over| *over).await;
        if self.common().is_some_and(|common| common.lone == Lone::Ours) {
            let _ = timeout(TOLD, ledger.leave_lone()).await;
        }
    }

    /// Whether this run may ask the service and try a create alone. Waits a while if it may not.
    pub(super) async fn is_the_lone_one(&self) -> bool {
        let is_free = |common: &Common| common.lone == Lone::Nobody && common.under_way == 0;
        let needs_it = |common: &Common| common.shut || self.gate.cause() == Some(Cause::Doubts);
        if !self.common().is_some_and(|common| needs_it(&common)) {
            return true;
        }
        if self.common().is_some_and(|common| is_free(&common)) {
            if let Err(error) = self.means.ledger.take_lone().await {
                self.ledger_failed(error);
            }
            self.take_in_others();
        }
        if self.common().is_some_and(|common| common.lone == Lone::Ours) {
            return true;
        }
        tokio::select! {
            () = self.gate.turned() => {}
            () = sleep(LOOK) => {}
        }
        false
    }

    /// Whether it still may.
    pub(super) fn may_be_alone(&self) -> bool {
        let lone = self.common().map(|common| (common.shut, common.lone));
        !matches!(lone, Some((true, Lone::Nobody | Lone::Others)))
    }

    /// Pairs in doubt since the service last answered, whoever sent them.
    pub(super) async fn row_of_all(&self) -> Vec<Doubted> {
        let mut row = self.gate.row();
        if self.others.is_some() {
            // What cannot be asked is not known: then others' doubts are no reason for another choice.
            row.extend(self.means.ledger.doubted_by_all().await.unwrap_or_default());
        }
        row
    }

    /// How many pairs are in doubt since then, and whether another worker tries for all.
    pub(super) fn doubts_of_all(&self) -> (usize, bool) {
        let own = self.gate.doubts_in_a_row();
        self.common().map_or((own, false), |common| {
            (own.max(common.row as usize), common.lone == Lone::Others)
        })
    }

    /// What this run's claims wait for, besides a closed gate.
    pub(super) fn short_of_all(&self) -> Option<Short> {
        self.common()?.short
    }
}
