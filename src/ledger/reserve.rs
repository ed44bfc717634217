//! Disk space that is set aside while a run goes on: on a full disk, what was sent can still be recorded.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::LedgerError;
use crate::files::private;

/// Given back to the disk when it is full, so that outcomes of creates that were sent can still be
/// written. In bytes; each outcome takes a few pages of 4 kB.
const RESERVE: usize = 1024 * 1024;
const SET_ASIDE: &str = "ledger.reserve";

/// A file that only holds disk space.
pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// Gives back what a run that was killed had set aside.
    pub(super) fn give_back(folder: &Path) {
        drop(Self(folder.join(SET_ASIDE)));
    }

    /// Takes it from the disk.
    pub(super) fn set_aside(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(SET_ASIDE);
        // Random bytes are not needed, but zeros may be stored as a hole.
        let filled =
            private().write(true).create(true).truncate(true).open(&path).and_then(|mut file| {
                file.write_all(&vec![0xA5; RESERVE])?;
                file.sync_all()
            });
        filled.map_err(|error| LedgerError::io(&path, error))?;
        Ok(Self(path))
    }

    /// What is at its path is another run's.
    pub(super) fn leave(self) {
        std::mem::forget(self);
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        // A left-over file is overwritten by the next run.
        let _ = fs::remove_file(&self.0);
    }
}
