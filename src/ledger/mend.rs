//! What is put right before a run: files that are gone or there again, media that are looked at
//! again.

use std::sync::Arc;

use super::task::Feeder;
use super::write::{Known, Trace, Write};
use super::{Feed, LedgerError, LookAgain, Remark, Store};
use crate::state::{Event, State};

impl Store {
    /// Has the videos of these pairs fetched again: their files are not what was saved.
    ///
    /// # Errors
    /// [`LedgerError::Forbidden`] for one that is not saved; then none is changed.
    pub fn missing(&mut self, ids: &[String]) -> Result<(), LedgerError> {
        self.write(|write| ids.iter().try_for_each(|id| write.missing(id)))
    }

    /// Takes files for saved again that were missing and are what was saved, with what is odd about
    /// them: code and message.
    ///
    /// # Errors
    /// [`LedgerError::Forbidden`] for a pair without a link; then none is changed.
    pub fn found(&mut self, files: &[(String, Remark)]) -> Result<(), LedgerError> {
        self.write(|write| files.iter().try_for_each(|(id, remark)| write.found(id, remark)))
    }

    /// The ids of the pairs that [`Store::look_again`] would plan again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unfit(&mut self, again: LookAgain) -> Result<Vec<String>, LedgerError> {
        let left_out = Arc::clone(&self.left_out);
        self.write(|write| write.unfit_ids(again, &left_out))
    }

    /// Has pairs whose media were not fit looked at again, but not those that this run leaves out; says
    /// how many.
    ///
    /// # Errors
    /// When the file system refuses; none is planned again then.
    pub fn look_again(&mut self, again: LookAgain) -> Result<usize, LedgerError> {
        let left_out = Arc::clone(&self.left_out);
        self.write(|write| write.look_again(again, &left_out))
    }

    /// Gives every pair that has to be waited for or fetched, now and while the ledger runs.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn follow(&mut self) -> Result<Feed, LedgerError> {
        let (feeder, feed) = Feeder::new();
        let view = self.view()?;
        for state in [State::Completed, State::Created] {
            view.tasks(state)?.into_iter().for_each(|task| feeder.give(task));
        }
        self.feeder = Some(feeder);
        Ok(feed)
    }
}

impl Write<'_> {
    fn missing(&mut self, id: &str) -> Result<(), LedgerError> {
        let known = self.known(id)?;
        self.apply(&known.intent, State::Saved, Event::Missing, &Trace::default()).map(drop)
    }

    fn found(&mut self, id: &str, remark: &Remark) -> Result<(), LedgerError> {
        let known = self.known(id)?;
        let (code, message) = remark.as_ref().map_or(("", ""), |(code, message)| (code, message));
        let trace = Trace { code, message, ..Trace::default() };
        self.apply(&known.intent, State::Completed, Event::Saved, &trace).map(drop)
    }

    pub(super) fn known(&self, id: &str) -> Result<Known, LedgerError> {
        self.find(id)?.ok_or_else(|| LedgerError::Unknown { id: id.to_owned() })
    }
}
