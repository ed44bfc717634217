//! When creating was held back, and how each run ended: for whoever looks back. Nothing is decided from
//! it.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{OpenFlags, params};

use super::record::Record;
use super::schema::connect;
use super::write::Write;
use super::{FILE, Ledger, LedgerError, Store, View};

/// A time in which creating was held back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// From when, in milliseconds since 1970.
    pub began: i64,
    /// Until when; nothing while it lasts.
    pub ended: Option<i64>,
    /// By what, for programs.
    pub code: String,
    /// The same in words.
    pub reason: String,
}

/// A run by its random id, so that its end can be written down when the ledger is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunId(String);

impl Store {
    /// By which this process is known among those that held the ledger.
    #[must_use]
    pub fn run_id(&self) -> RunId {
        RunId(self.fence.run.clone())
    }
}

impl Ledger {
    /// Writes down that creating is held back, or was. One that began at the same time is the same.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn pause(&self, pause: Pause) -> Result<(), LedgerError> {
        self.record(Record::Paused(pause)).await.map(drop)
    }
}

impl Write<'_> {
    pub(super) fn pause(&self, pause: &Pause) -> Result<(), LedgerError> {
        let Some(run) = &self.run else { return Ok(()) };
        let sql = "INSERT INTO pauses (run, began, ended, code, reason) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT DO UPDATE SET ended = excluded.ended, reason = excluded.reason";
        let Pause { began, ended, code, reason } = pause;
        self.execute(sql, params![run, began, ended, code, reason]).map(drop)
    }
}

impl View {
    /// When creating was held back, in order. What a run that died left open ends with it, as far as
    /// that is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pauses(&self) -> Result<Vec<Pause>, LedgerError> {
        let sql = "SELECT p.began, coalesce(p.ended, r.ended), code, reason
            FROM pauses p LEFT JOIN runs r USING (run) ORDER BY p.began, p.run";
        self.ask(sql, (), |row| {
            let (began, ended) = (row.get(0)?, row.get(1)?);
            Ok(Pause { began, ended, code: row.get(2)?, reason: row.get(3)? })
        })
    }
}

/// Writes down the exit code of a run that has closed the ledger, or has given it up. Another run may have
/// it by now, which is no matter: each has a row of its own.
///
/// # Errors
/// When the file system refuses.
pub fn note_exit(folder: &Path, run: &RunId, code: u8) -> Result<(), LedgerError> {
    let path = folder.join(FILE);
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let now = Timestamp::now().as_millisecond();
    let sql = "UPDATE runs SET exit = ?2, ended = coalesce(ended, ?3) WHERE run = ?1";
    let noted = connection
        // A ledger that was not closed shows that by the files beside it.
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .and_then(|_| connection.execute(sql, params![run.0, code, now]));
    noted.map(drop).map_err(|error| LedgerError::sqlite(&path, &error))
}
