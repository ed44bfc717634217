//! Whether a run folder's ledger is one part of a shared one: whatever it knows then, others may know more.

use std::collections::HashSet;
use std::time::Duration;

use super::{LedgerError, Renamed, View};
use crate::pair::folded;

/// The batch in a database that a run folder's ledger is a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedAs {
    /// What it is called there.
    pub name: String,
    /// By which it is known from all others, once the database was reached.
    pub mark: Option<i64>,
}

/// What the list of a run changed in the batch that it shares, and that its run folder did not know.
#[derive(Debug, Clone, Default)]
pub struct Relisted {
    /// Pairs that others had sent under another id.
    pub renamed: Vec<Renamed>,
    /// Pairs that ask for something else than what others had sent for them, which is kept.
    pub changed: usize,
}

impl SharedAs {
    /// Whether both are parts of one batch. What never reached the database has sent nothing.
    #[must_use]
    pub fn is_one_with(&self, other: &Self) -> bool {
        self.name == other.name && (other.mark.is_none() || other.mark == self.mark)
    }
}

impl View {
    /// The folded ids of pairs that are planned here alone: in the database others have them under way, or
    /// had.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn held_elsewhere(&self) -> Result<HashSet<String>, LedgerError> {
        if self.shared_as()?.is_none() {
            return Ok(HashSet::new());
        }
        let sql = "SELECT id FROM pairs JOIN shares USING (pair) JOIN standings USING (pair)
            WHERE elsewhere = 1 AND state = 'planned'";
        let ids: Vec<String> = self.ask(sql, (), |row| row.get(0))?;
        Ok(ids.iter().map(|id| folded(id)).collect())
    }

    /// Of how many pairs the database of a shared ledger was not told what is known here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn untold(&self) -> Result<u64, LedgerError> {
        if self.shared_as()?.is_none() {
            return Ok(0);
        }
        let sql = "SELECT count(*) FROM shares JOIN standings USING (pair)
            WHERE news > 0 OR state = 'sending'";
        Ok(self.ask(sql, (), |row| row.get(0))?.pop().unwrap_or_default())
    }

    /// The batch in a database, if this run folder's ledger is part of a shared one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn shared_as(&self) -> Result<Option<SharedAs>, LedgerError> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'shared'";
        if self.ask(sql, (), |_| Ok(()))?.is_empty() {
            return Ok(None);
        }
        let read = |row: &rusqlite::Row<'_>| Ok(SharedAs { name: row.get(0)?, mark: row.get(1)? });
        Ok(self.ask("SELECT name, mark FROM shared", (), read)?.pop())
    }
}

/// What is left once a worker has done what was its to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rest {
    /// Something that is its own by now: tasks that come to it, or planned pairs to try.
    Ours,
    /// So many others are at work on it: to be asked again in a while.
    Others(u32, Duration),
    /// Nothing that anybody is at work on.
    #[default]
    Nothing,
}
