//! What workers that are gone have left: doubts, and tasks to wait for.

use super::Desk;
use crate::ledger::postgres::error::SharedError;
use crate::ledger::postgres::pull::Page;
use crate::ledger::postgres::tables::Place;

/// How many of their tasks one takes at a time.
pub(super) const ADOPTED: usize = 200;

impl<P: Place> Desk<P> {
    /// Looks for workers that are gone; says whether they may have left more than was taken. What is asked
    /// meanwhile does not wait for all of it.
    pub(super) async fn look(&mut self) -> bool {
        if self.adopted.is_none() || self.why().is_some() {
            return false;
        }
        // Whatever fails here is looked at again later.
        self.worker.take_over().await.is_ok() && self.take_some().await.unwrap_or(false)
    }

    /// Puts in doubt what they had under way, and takes their tasks where somebody waits for those.
    pub(super) async fn take_from_the_gone(&mut self) -> Result<(), SharedError> {
        self.worker.take_over().await?;
        while self.take_some().await? {}
        Ok(())
    }

    /// Takes some of their tasks; false if there were none.
    async fn take_some(&mut self) -> Result<bool, SharedError> {
        if self.adopted.is_none() || self.why().is_some() {
            return Ok(false);
        }
        if self.taken.is_empty() {
            self.taken = self.worker.adopt(ADOPTED).await?;
        }
        if self.taken.is_empty() {
            return Ok(false);
        }
        let pulled = self.worker.pull(Page::These(&self.taken)).await?;
        self.taken.clear();
        self.resting.is_given_some();
        self.adopted.iter().for_each(|adopted| adopted(pulled.clone()));
        Ok(true)
    }
}
