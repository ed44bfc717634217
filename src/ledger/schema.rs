//! Opens the file: its format, its endpoint, and the signs of a ledger that lost something.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::event_log::{Parts, Trust};
use super::fence::BUSY;
use super::migrate::{self, FORMAT, Migrated};
use super::{FILE, LedgerError};
use crate::files::make_private;

/// Marks the file as ours ("CALL" in ASCII).
const APPLICATION_ID: i32 = 0x4341_4c4c;
/// How long the write-ahead log grows, in pages.
const CHECKPOINT: i64 = 4096;
/// How much of the file its writer holds, in kB, taken as needed: the ends of the tables to which all is
/// appended, and the rows of creates under way. Four times as much brings nothing, also with ids in no
/// order: the system holds the file.
const CACHE: i64 = -2 * 1024;
/// How many statements stay prepared: more than there are.
const STATEMENTS: usize = 128;
/// Of the newest format.
const SCHEMA: &str = include_str!("schema.sql");

/// A log with more than its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Newer {
    /// The ledger is refused: it may have been put back to an older one.
    Refused,
    /// By a person's word, and the caller takes up what it has.
    TakenUp,
}

impl Newer {
    fn check(self, events: &Parts, ledger: u64) -> Result<(), LedgerError> {
        match self {
            Self::Refused => events.must_not_be_ahead(ledger),
            Self::TakenUp => Ok(()),
        }
    }
}

/// A ledger that was opened for its one writer.
pub(super) struct Opened {
    pub(super) connection: Connection,
    pub(super) migrated: Option<Migrated>,
    /// What may be believed of the event log.
    pub(super) trust: Trust,
}

/// Opens or makes the ledger of a run folder for its one writer, and says whether it was migrated.
/// The caller holds the lock.
pub(super) fn open(folder: &Path, endpoint: &str, newer: Newer) -> Result<Opened, LedgerError> {
    let path = folder.join(FILE);
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&path, &error);
    let events = Parts::new(folder);
    if !path.exists() {
        newer.check(&events, 0)?;
    }
    // Its write-ahead log is made as it is.
    make_private(&path).map_err(|error| LedgerError::io(&path, error))?;
    let mut connection = connect(&path, OpenFlags::default())?;
    let blank = is_blank(&connection).map_err(failed)?;
    let format = if blank { FORMAT } else { format(&connection, &path)? };
    // FULL: a commit that was answered survives a power cut.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    connection.pragma_update(None, "cache_size", CACHE).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Moved into the file each so many pages of 4 kB, at two syncs; and no longer than this in bytes
    // once that is done, however long it was while somebody read.
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT).map_err(failed)?;
    connection.pragma_update(None, "journal_size_limit", 2 * CHECKPOINT * 4096).map_err(failed)?;
    let trust = if blank {
        newer.check(&events, 0)?;
        create(&mut connection, endpoint).map_err(failed)?;
        Trust::Closed
    } else {
        check_endpoint(&connection, &path, endpoint)?;
        check_nothing_lost(&connection, (&events, newer), &path)?
    };
    let migrated = (format < FORMAT).then(|| migrate::migrate(&mut connection, &path, format));
    Ok(Opened { connection, migrated: migrated.transpose()?, trust })
}

pub(super) fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, flags);
    let waiting = connection.and_then(|connection| {
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    });
    waiting.map_err(|error| LedgerError::sqlite(path, &error))
}

/// Whether nothing was ever written: a new file, or one whose making a crash cut off.
pub(super) fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
}

/// Has the file itself show that a run has it: a copy without the write-ahead log must show that it
/// is one. Where somebody else has it open, that has to wait.
pub(super) fn show_in_use(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let shown = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()));
    match shown.map_err(|error| LedgerError::sqlite(path, &error)) {
        Err(LedgerError::Busy { .. }) => Ok(()),
        shown => shown,
    }
}

/// In one transaction: a crash leaves a whole ledger or an empty file.
fn create(connection: &mut Connection, endpoint: &str) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute("INSERT INTO batch (only_row, endpoint) VALUES (1, ?1)", [endpoint])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", FORMAT)?;
    transaction.commit()
}

/// The format of a ledger that can be read here.
pub(super) fn format(connection: &Connection, path: &Path) -> Result<usize, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if read("application_id").map_err(failed)? != APPLICATION_ID {
        return Err(LedgerError::Foreign { path: path.to_owned() });
    }
    let found = read("user_version").map_err(failed)?;
    match usize::try_from(found) {
        Ok(format @ 1..=FORMAT) => Ok(format),
        _ => Err(LedgerError::Newer { path: path.to_owned(), found, known: FORMAT }),
    }
}

fn check_endpoint(connection: &Connection, path: &Path, ours: &str) -> Result<(), LedgerError> {
    let theirs: String = connection
        .query_row("SELECT endpoint FROM batch", (), |row| row.get(0))
        .map_err(|error| LedgerError::sqlite(path, &error))?;
    if theirs == ours {
        return Ok(());
    }
    // An older format knows of no moves.
    let sql = "SELECT max(at) FROM moves
        WHERE to_endpoint = ?2 AND EXISTS (SELECT 1 FROM moves WHERE from_endpoint = ?1)";
    let moved = connection.query_row(sql, [ours, &theirs], |row| row.get::<_, Option<i64>>(0));
    let since = moved.ok().flatten().and_then(|at| Timestamp::from_millisecond(at).ok());
    Err(LedgerError::OtherEndpoint { path: path.to_owned(), theirs, ours: ours.to_owned(), since })
}

/// After a crash: is the file whole, and does it hold every event that was acted on?
fn check_nothing_lost(
    connection: &Connection,
    (events, newer): (&Parts, Newer),
    path: &Path,
) -> Result<Trust, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let (ledger, in_use): (u64, bool) = connection
        .query_row("SELECT events, in_use FROM batch", (), |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed)?;
    newer.check(events, ledger)?;
    if !in_use {
        return Ok(Trust::Closed);
    }
    let refused = newer == Newer::Refused;
    if refused && events.existing()?.is_empty() && !wal_has_content(path) {
        return Err(LedgerError::Alone { path: path.to_owned() });
    }
    let fault: Option<String> = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .optional()
        .map_err(failed)?
        .filter(|verdict| verdict != "ok");
    match fault {
        Some(reason) => Err(LedgerError::Damaged { path: path.to_owned(), reason }),
        None => Ok(Trust::Nothing),
    }
}

fn wal_has_content(path: &Path) -> bool {
    let wal = path.with_extension("sqlite-wal");
    fs::metadata(wal).is_ok_and(|metadata| metadata.len() > 0)
}
