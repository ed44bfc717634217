//! What a run asks of those who share its ledger.

use super::{Learnt, Mirror, NAMED, lost};
use crate::ledger::guard::Clocks;
use crate::ledger::record::Record;
use crate::ledger::{Lease, Ledger, LedgerError, Planned, Rest};

impl Ledger {
    /// Whether the database says which pairs to try.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.way.is_some()
    }

    /// The lease under which this run creates, if the ledger is shared.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        self.way.as_ref().map(|way| way.guard().lease(Clocks::now()))
    }

    /// What is left of a shared batch once this run has done what was its to do. What was left to it stands
    /// here by then, and tasks that it was given were told of. `tasks`: also what becomes of tasks.
    ///
    /// # Errors
    /// When the database allows no create any more or is not to be reached, or the ledger cannot be written.
    pub async fn rest(&self, tasks: bool) -> Result<Rest, LedgerError> {
        let Some(way) = &self.way else { return Ok(Rest::Nothing) };
        let (rest, planned) = way.rest(tasks).await.map_err(|lack| lost(&lack))?;
        if rest == Rest::Ours {
            // Also where nothing is planned: whatever the writer was given before is written by then.
            let learnt = Learnt::Stand(planned, Mirror::Working);
            self.record(Record::Learnt(Box::new(learnt))).await?;
        }
        Ok(rest)
    }

    /// The planned pairs to try next, where the database says which; none once all were tried.
    ///
    /// # Errors
    /// When it allows no create any more, or when the ledger cannot be read.
    pub async fn next_planned(&self) -> Result<Vec<Planned>, LedgerError> {
        let Some(way) = &self.way else { return Ok(Vec::new()) };
        loop {
            let pairs = way.next(NAMED).await.map_err(|lack| lost(&lack))?;
            if pairs.is_empty() {
                return Ok(Vec::new());
            }
            let planned = self.view().planned_named(&pairs)?;
            if !planned.is_empty() {
                return Ok(planned);
            }
        }
    }
}
