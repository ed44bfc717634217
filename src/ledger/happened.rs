//! What happened in a batch, for people who look back: its events, and who had it to write.

use jiff::Timestamp;
use rusqlite::params;

use super::columns::time;
use super::event_log::{Happened, happened};
use super::{LedgerError, View};

/// How many events are read at a time.
const PAGE: u32 = 1000;

/// A process that held the ledger to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// When it began.
    pub began: Timestamp,
    /// When it ended, or was found to be dead.
    pub ended: Option<Timestamp>,
    /// Whether it was found to be dead.
    pub found_dead: bool,
    /// The exit code of a run.
    pub exit: Option<u8>,
    /// Its number on its machine.
    pub process: String,
    /// Its machine's name.
    pub host: String,
}

/// All events have no pair to be of.
const fn which(of: Option<&str>) -> &'static str {
    match of {
        Some(_) => "pair = (SELECT pair FROM pairs WHERE id = ?2)",
        None => "?2 IS NULL",
    }
}

impl View {
    /// The next events after a number, in their order; of one pair alone, under whatever ids, if `of`
    /// names it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn happened_after(
        &self,
        number: u64,
        of: Option<&str>,
    ) -> Result<Vec<Happened>, LedgerError> {
        let which = which(of);
        let columns = self.columns_of_events()?;
        let sql = format!(
            "SELECT {columns} FROM events WHERE n > ?1 AND {which} ORDER BY n LIMIT {PAGE}"
        );
        self.ask(&sql, params![number, of], happened)
    }

    /// The number after which the last so many events come.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn before_the_last(&self, events: u64, of: Option<&str>) -> Result<u64, LedgerError> {
        let which = which(of);
        let sql = format!(
            "SELECT coalesce(min(n), 1) - 1 FROM
                (SELECT n FROM events WHERE {which} ORDER BY n DESC LIMIT ?1)"
        );
        match events {
            0 => self.last_event(),
            _ => self.one(&sql, params![i64::try_from(events).unwrap_or(i64::MAX), of]),
        }
    }

    /// Who had the ledger to write, the first one first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn holders(&self) -> Result<Vec<Holder>, LedgerError> {
        let sql = "SELECT began, ended, process, host, found_dead, exit FROM runs
            ORDER BY began, run";
        self.ask(sql, (), |row| {
            let ended: Option<i64> = row.get(1)?;
            let ended = ended.map(|_| time(row, 1)).transpose()?;
            Ok(Holder {
                began: time(row, 0)?,
                ended,
                found_dead: row.get(4)?,
                exit: row.get(5)?,
                process: row.get(2)?,
                host: row.get(3)?,
            })
        })
    }
}
