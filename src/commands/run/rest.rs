//! What a run does once it has done what was its to do, and others are at work on the rest: it waits for
//! them, takes over what they leave, and so ends as they do.

use tokio::time::sleep;

use super::lock;
use super::stages::Stages;
use crate::cli::Until;
use crate::ledger::Rest;
use crate::stage::StopReason;
use crate::submit;
use crate::ui::counted;

impl Stages<'_> {
    /// Whether it waits for those who share its ledger, after what came of its creates. Who was to do only
    /// some pairs is done with those.
    pub(super) fn waits_for_others(&self, outcome: &submit::Outcome) -> bool {
        self.is_whole
            && self.ledger.is_shared()
            && outcome.beyond_budget.is_none()
            && self.stops.reasons().is_empty()
            && self.stops.kill.reason().is_none()
    }

    /// Waits until something is left to this run; false if nothing will be.
    pub(super) async fn is_left_something(&self) -> bool {
        let mut told = false;
        loop {
            let rest = tokio::select! {
                biased;
                () = self.stops.create.pulled() => return false,
                rest = self.ledger.rest(self.args.until == Until::Saved) => rest,
            };
            let again = match rest {
                Ok(Rest::Ours) => return true,
                Ok(Rest::Nothing) => return false,
                Ok(Rest::Others(others, again)) => {
                    if !std::mem::replace(&mut told, others > 0) {
                        let others = counted(others.into(), "other worker");
                        let text =
                            format!("what is left is in the hands of {others}: waiting for it");
                        lock(self.progress).above(|ui| ui.note(&text));
                    }
                    again
                }
                Err(error) => {
                    self.stops.pull(&StopReason::Ledger(error));
                    return false;
                }
            };
            tokio::select! {
                biased;
                () = self.stops.create.pulled() => return false,
                () = sleep(again) => {}
            }
        }
    }
}
