//! What the desk finds for a worker that has done what was its to do.

use super::Desk;
use crate::ledger::Rest;
use crate::ledger::postgres::error::SharedError;
use crate::ledger::postgres::pull::{Page, Pulled};
use crate::ledger::postgres::rest::Resting;
use crate::ledger::postgres::tables::Place;

/// How many planned pairs are looked at anew before they are tried.
const PLANNED: usize = 2000;

impl<P: Place> Desk<P> {
    /// What is left, and where planned pairs stand that this worker may try.
    pub(super) async fn rest(&mut self, tasks: bool) -> Result<(Rest, Vec<Pulled>), SharedError> {
        if let Some(why) = self.why() {
            return Err(SharedError::Stopped(why));
        }
        // First: who is counted as alive here and is gone by now has left nothing unseen below.
        let company = self.worker.idle(self.resting.is_idle(tasks)).await?;
        self.take_from_the_gone().await?;
        if self.resting.take_given() && tasks {
            self.wants_more = true;
            return Ok((Rest::Ours, Vec::new()));
        }
        let common = self.worker.look().await?;
        let waits = Resting::waits(company, &common, tasks);
        if self.resting.looks_for_planned(company, waits) {
            let (span, left) = self.worker.left(PLANNED).await?;
            if !left.is_empty() && self.resting.tries(span) {
                self.worker.idle(false).await?;
                self.wants_more = true;
                return Ok((Rest::Ours, self.worker.pull(Page::These(&left)).await?));
            }
        }
        Ok((self.resting.rest(company, &common, waits), Vec::new()))
    }
}
