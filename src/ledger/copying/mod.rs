//! Batches on their way between run folders and databases: what a run folder knows of that.
//!
//! Of the two sides one at most can pay, at every instant. From a folder to a database: the folder's ledger
//! becomes a part of the shared one, which nobody opens without the database, by one commit; only then is
//! the batch opened there. From a database to a folder: what has come is `arriving`, which nobody opens,
//! until the database has durably closed the batch. So a copy that was cut off has its source as it was, or
//! has come and only has to be opened: the same command does either.

#[cfg(feature = "postgres")]
mod arriving;
#[cfg(feature = "postgres")]
mod kept;
#[cfg(feature = "postgres")]
mod leaving;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

#[cfg(feature = "postgres")]
pub use self::arriving::CopyFrom;
#[cfg(feature = "postgres")]
pub use self::leaving::{CopyTo, Moved};
use super::columns::time;
use super::{LedgerError, Store, View};

/// Made in the ledgers that are copied, and in no others.
#[cfg(feature = "postgres")]
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS copies (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        phase    TEXT    NOT NULL,  -- leaving, left, arriving, arrived
        copy     INTEGER NOT NULL,  -- random: the database knows the copy by it, too
        took     INTEGER,           -- while it leaves: the copy that took the batch from the database before
        mark     INTEGER,           -- of the batch in the database
        place    TEXT    NOT NULL,  -- the database
        name     TEXT    NOT NULL,  -- of the batch in it
        at       INTEGER NOT NULL
    )";

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// To a database; until it is there, the run folder has the batch.
    Leaving,
    /// It is in a database.
    Left,
    /// From a database, which may have the batch still.
    Arriving,
    /// It has come from a database.
    Arrived,
}

impl Phase {
    const ALL: [Self; 4] = [Self::Leaving, Self::Left, Self::Arriving, Self::Arrived];

    const fn name(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Left => "left",
            Self::Arriving => "arriving",
            Self::Arrived => "arrived",
        }
    }
}

/// The last copy of a run folder's batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyMark {
    /// How far it is.
    pub phase: Phase,
    /// Its random number.
    pub copy: i64,
    /// The copy before that took the batch from where this one goes.
    pub took: Option<i64>,
    /// By what the batch is known in the database.
    pub mark: Option<i64>,
    /// The database, without a password.
    pub place: String,
    /// What the batch is called there.
    pub name: String,
    /// When it began, or ended.
    pub at: Timestamp,
}

impl View {
    /// The last copy of this batch to a database or from one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn copied(&self) -> Result<Option<CopyMark>, LedgerError> {
        find(&self.read.connection).map_err(|error| self.failed(&error))
    }
}

impl Store {
    /// Refuses a copy that may be one of two.
    pub(super) fn must_be_whole(&self) -> Result<(), LedgerError> {
        let found =
            find(&self.connection).map_err(|error| LedgerError::sqlite(&self.path, &error))?;
        match found {
            Some(CopyMark { phase: Phase::Arriving, place, .. }) => {
                Err(LedgerError::Unfinished { path: self.path.clone(), from: place })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(feature = "postgres")]
fn not_copied(reason: &str) -> LedgerError {
    LedgerError::Shared { reason: reason.to_owned(), fault: super::SharedFault::Copy }
}

fn find(connection: &Connection) -> rusqlite::Result<Option<CopyMark>> {
    if !find_table(connection, "copies")? {
        return Ok(None);
    }
    let sql = "SELECT phase, copy, took, mark, place, name, at FROM copies";
    connection.query_row(sql, (), read).optional()
}

fn find_table(connection: &Connection, name: &str) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1)";
    connection.query_row(sql, [name], |row| row.get(0))
}

fn read(row: &Row<'_>) -> rusqlite::Result<CopyMark> {
    let named: String = row.get(0)?;
    let phase = Phase::ALL.into_iter().find(|phase| phase.name() == named);
    Ok(CopyMark {
        // Whatever a later release calls it, it may be one of two.
        phase: phase.unwrap_or(Phase::Arriving),
        copy: row.get(1)?,
        took: row.get(2)?,
        mark: row.get(3)?,
        place: row.get(4)?,
        name: row.get(5)?,
        at: time(row, 6)?,
    })
}
