//! The service under another name: of the batch that many share, and of the run folders that are parts of it.

use std::path::Path;

use super::lost_to;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{moved, relocate};
use crate::ledger::{LedgerError, Store, View};

/// The service of a shared batch answers under another name from now on; `seen` of its tasks are known there.
///
/// # Errors
/// [`LedgerError::Shared`] while somebody is at work on it, or when the database is not to be reached.
pub fn relocate_shared(
    (settings, name): (&Settings, &str),
    (from, to): (&str, &str),
    seen: usize,
) -> Result<(), LedgerError> {
    relocate(settings, name, (from, to), seen).map_err(|error| lost_to(&error))
}

impl Store {
    /// Has a run folder that is part of a shared batch follow where that was moved, if that is where it is
    /// wanted. Says from where it came; nothing if it stays.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached; or when the file system refuses.
    pub fn go_along(
        folder: &Path,
        (settings, name): (&Settings, &str),
        wanted: &str,
    ) -> Result<Option<String>, LedgerError> {
        let Some(view) = View::open(folder)? else { return Ok(None) };
        let from = view.endpoint()?;
        let mark = view.shared_as()?.and_then(|shared| shared.mark);
        let Some(mark) = mark.filter(|_| from != wanted) else { return Ok(None) };
        drop(view);
        let to = moved(settings, (name, mark), &from).map_err(|error| lost_to(&error))?;
        if to.as_deref() != Some(wanted) {
            return Ok(None);
        }
        let mut store = Self::open(folder, &from)?;
        // By whoever moved it, some were seen there.
        store.relocate(wanted, 0)?;
        store.close()?;
        Ok(Some(from))
    }
}
