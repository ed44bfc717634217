//! A build that knows no server's database: no ledger is shared.

use std::convert::Infallible;

use tokio::sync::watch;

use super::store::Store;
use super::write::Write;
use super::writer::{Jobs, Reply};
use super::{Doubted, Lease, Ledger, LedgerError, Permit, Planned, Rest, Task};
use crate::pace::{Common, Word};

/// There is none.
#[derive(Debug, Clone)]
pub(super) enum Share {}
/// Nobody learns anything.
#[derive(Debug)]
pub(super) enum Learnt {}
/// Leads nowhere.
pub(super) type Way = Infallible;
/// There is none to tell.
pub(super) type News = Infallible;

impl Share {
    pub(super) fn begin(&self, _: &Jobs) {
        match *self {}
    }

    pub(super) fn way(&self) -> Way {
        match *self {}
    }

    pub(super) fn worker(&self) -> i64 {
        match *self {}
    }

    pub(super) fn claim(&self, _: (i32, Permit), _: Jobs, _: Reply<Permit>) {
        match *self {}
    }

    pub(super) fn tell(&mut self, _: Vec<News>, _: &Jobs) {
        match *self {}
    }

    pub(super) fn learnt(&mut self, _: &Learnt) {
        match *self {}
    }
}

impl Learnt {
    pub(super) fn can_wait(&self) -> bool {
        match *self {}
    }
}

impl Store {
    /// Nobody shares it: who wants to is told so.
    ///
    /// # Errors
    /// None.
    pub fn declare_shared(&mut self, _: &str) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Nobody has to be told.
    ///
    /// # Errors
    /// None.
    pub fn tell_shared(&mut self) -> Result<usize, LedgerError> {
        Ok(0)
    }

    pub(super) fn end_sharing(&mut self) -> Result<(), LedgerError> {
        self.share.as_ref().map_or(Ok(()), |share| match *share {})
    }
}

impl Write<'_> {
    pub(super) fn news_of_changes(&self) -> Result<Vec<News>, LedgerError> {
        Ok(Vec::new())
    }

    pub(super) fn watch_shared(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    pub(super) fn may_be_sent_elsewhere(&self, _: i64) -> Result<bool, LedgerError> {
        Ok(false)
    }

    pub(super) fn take_for(&self, _: i64) -> Result<Option<i32>, LedgerError> {
        Ok(None)
    }

    pub(super) fn learn(&mut self, learnt: &Learnt) -> Result<(), LedgerError> {
        match *learnt {}
    }
}

impl Ledger {
    /// Whether the database says which pairs to try.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        false
    }

    /// The lease under which this run creates.
    #[must_use]
    pub fn lease(&self) -> Option<Lease> {
        None
    }

    /// Nothing: nobody shares it.
    #[must_use]
    pub fn common(&self) -> Option<watch::Receiver<Common>> {
        None
    }

    /// Nobody else has to hear it.
    pub fn heard(&self, _: Word) {}

    /// Whoever waits for a permit waits for this run's own ledger.
    pub fn wants_no_more(&self) {}

    /// Nobody else has it.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn take_lone(&self) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Nobody else wants it.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn leave_lone(&self) {}

    /// There is nobody else.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn halt(&self, _: String) -> Result<(), LedgerError> {
        Ok(())
    }

    /// Only this run counts it.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn is_aside(&self, _: &Task) -> Result<(), LedgerError> {
        Ok(())
    }

    /// None but this run's.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn doubted_by_all(&self) -> Result<Vec<Doubted>, LedgerError> {
        Ok(Vec::new())
    }

    /// Nothing: there are no others.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn rest(&self, _: bool) -> Result<Rest, LedgerError> {
        Ok(Rest::Nothing)
    }

    /// The planned pairs to try next, where the database says which.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "as where there is a database")]
    pub async fn next_planned(&self) -> Result<Vec<Planned>, LedgerError> {
        Ok(Vec::new())
    }
}
