//! Opens the file: its format, its endpoint, and the signs of a ledger that lost something.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::migrate::{self, FORMAT, Migrated};
use super::{FILE, LedgerError, event_log};
use crate::files::make_private;

/// Marks the file as ours ("CALL" in ASCII).
const APPLICATION_ID: i32 = 0x4341_4c4c;
/// Of the newest format.
const SCHEMA: &str = include_str!("schema.sql");

/// A ledger that was opened for reading.
pub(super) struct Read {
    pub(super) connection: Connection,
    /// Whether it is a copy, because the file is of an older format.
    pub(super) is_copy: bool,
}

/// Opens or makes the ledger of a run folder for its one writer, and says whether it was migrated.
/// The caller holds the lock.
pub(super) fn open(
    folder: &Path,
    endpoint: &str,
) -> Result<(Connection, Option<Migrated>), LedgerError> {
    let path = folder.join(FILE);
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&path, &error);
    let events = event_log::last_number(folder)?;
    let lost = |events| LedgerError::Behind { path: path.clone(), ledger: 0, events };
    match events {
        Some(events) if events > 0 && !path.exists() => return Err(lost(events)),
        _ => {}
    }
    // Its write-ahead log is made as it is.
    make_private(&path).map_err(|error| LedgerError::io(&path, error))?;
    let mut connection = connect(&path, OpenFlags::default())?;
    let blank = is_blank(&connection).map_err(failed)?;
    let format = if blank { FORMAT } else { format(&connection, &path)? };
    // FULL: a commit that was answered survives a power cut.
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    // The rows that change with every create of a large batch; in kB, taken as needed.
    connection.pragma_update(None, "cache_size", -16 * 1024).map_err(failed)?;
    match events {
        Some(events) if events > 0 && blank => return Err(lost(events)),
        _ if blank => create(&mut connection, endpoint).map_err(failed)?,
        _ => {
            check_endpoint(&connection, &path, endpoint)?;
            check_nothing_lost(&connection, events, &path)?;
        }
    }
    let migrated = (format < FORMAT).then(|| migrate::migrate(&mut connection, &path, format));
    Ok((connection, migrated.transpose()?))
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let connection = Connection::open_with_flags(path, flags);
    let waiting = connection.and_then(|connection| {
        connection.busy_timeout(Duration::from_secs(10))?;
        Ok(connection)
    });
    waiting.map_err(|error| LedgerError::sqlite(path, &error))
}

/// Whether nothing was ever written: a new file, or one whose making a crash cut off.
fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("SELECT count(*) = 0 FROM sqlite_schema", (), |row| row.get(0))
}

/// Notes in the file itself that a run has it: a copy without the write-ahead log must show that
/// it is one.
pub(super) fn mark_in_use(connection: &Connection, path: &Path) -> Result<(), LedgerError> {
    let marked = connection
        .execute("UPDATE batch SET in_use = 1", ())
        .and_then(|_| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())));
    marked.map_err(|error| LedgerError::sqlite(path, &error))
}

/// Opens a ledger for reading; `None` if there is none.
pub(super) fn open_to_read(folder: &Path) -> Result<Option<Read>, LedgerError> {
    let path = folder.join(FILE);
    if !path.try_exists().map_err(|error| LedgerError::io(&path, error))? {
        return Ok(None);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(&path, flags)?;
    if is_blank(&connection).map_err(|error| LedgerError::sqlite(&path, &error))? {
        return Ok(None);
    }
    Ok(Some(match format(&connection, &path)? {
        FORMAT => Read { connection, is_copy: false },
        older => Read { connection: migrate::read(&connection, &path, older)?, is_copy: true },
    }))
}

fn wal_has_content(path: &Path) -> bool {
    let wal = path.with_extension("sqlite-wal");
    fs::metadata(wal).is_ok_and(|metadata| metadata.len() > 0)
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
fn format(connection: &Connection, path: &Path) -> Result<usize, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let read = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    if read("application_id").map_err(failed)? != APPLICATION_ID {
        let reason = "it was not made by callsheet".to_owned();
        return Err(LedgerError::Damaged { path: path.to_owned(), reason });
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
    let sql = "SELECT max(at) FROM moves WHERE from_endpoint = ?1";
    let moved = connection.query_row(sql, [ours], |row| row.get::<_, Option<i64>>(0));
    let since = moved.ok().flatten().and_then(|at| Timestamp::from_millisecond(at).ok());
    Err(LedgerError::OtherEndpoint { path: path.to_owned(), theirs, ours: ours.to_owned(), since })
}

/// The lines of the last commit, which a process that was killed may not have logged.
pub(super) fn unlogged(connection: &Connection, path: &Path) -> Result<Vec<u8>, LedgerError> {
    let lines = connection.query_row("SELECT unlogged FROM batch", (), |row| row.get(0));
    lines.map_err(|error| LedgerError::sqlite(path, &error))
}

/// After a crash: is the file whole, and does it hold every event that was acted on?
fn check_nothing_lost(
    connection: &Connection,
    events: Option<u64>,
    path: &Path,
) -> Result<(), LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let (ledger, in_use): (u64, bool) = connection
        .query_row("SELECT events, in_use FROM batch", (), |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(failed)?;
    if let Some(events) = events.filter(|&events| events > ledger) {
        return Err(LedgerError::Behind { path: path.to_owned(), ledger, events });
    }
    if !in_use {
        return Ok(());
    }
    if events.is_none() && !wal_has_content(path) {
        let reason = "it was copied from a run under way, without ledger.sqlite-wal and \
            events.jsonl"
            .to_owned();
        return Err(LedgerError::Damaged { path: path.to_owned(), reason });
    }
    let fault: Option<String> = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .optional()
        .map_err(failed)?
        .filter(|verdict| verdict != "ok");
    match fault {
        Some(reason) => Err(LedgerError::Damaged { path: path.to_owned(), reason }),
        None => Ok(()),
    }
}
