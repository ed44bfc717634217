//! The exit code of a run, written down beside when it was, for whoever looks back.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::after::Ended;
use crate::ledger::{RunId, Store, note_exit};

/// As whom a run is known in which ledger, once it is.
#[derive(Debug, Default)]
pub(super) struct Mark(OnceCell<(PathBuf, RunId)>);

impl Mark {
    /// The run has this ledger.
    pub(super) fn set(&self, folder: &Path, store: &Store) {
        self.0.get_or_init(|| (folder.to_owned(), store.run_id()));
    }

    /// Writes down how it ended, if it had a ledger.
    pub(super) fn note(&self, ended: &Ended) {
        let exit = match ended {
            Ok((_, Some(failure))) | Err(failure) => failure.exit,
            Ok((concluded, None)) => concluded.exit,
        };
        if let Some((folder, run)) = self.0.get()
            && let Err(error) = note_exit(folder, run, exit.code())
        {
            // No reason to end otherwise.
            tracing::debug!(%error, "the exit code is not written down");
        }
    }
}
