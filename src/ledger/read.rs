//! Opens a ledger to read it, and leaves nothing behind: no file beside it, no right to write needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::lock::is_under_way;
use super::migrate::{self, FORMAT};
use super::schema::{connect, format, is_blank};
use super::{FILE, LedgerError};

/// How long a reader waits while a run opens or closes the file.
const LOOKS: Duration = Duration::from_secs(10);

/// A ledger that was opened for reading.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) connection: Connection,
    /// Whether it is a copy, because the file is of an older format.
    pub(super) is_copy: bool,
    /// Where it lies if it is a copy for want of a place for SQLite's own files.
    _place: Option<tempfile::TempDir>,
}

/// Opens a ledger for reading; `None` if there is none.
pub(super) fn open_to_read(folder: &Path) -> Result<Option<Read>, LedgerError> {
    let path = folder.join(FILE);
    if !path.try_exists().map_err(|error| LedgerError::io(&path, error))? {
        return Ok(None);
    }
    let (connection, place) = open(folder, &path)?;
    if is_blank(&connection).map_err(|error| LedgerError::sqlite(&path, &error))? {
        return Ok(None);
    }
    let (connection, is_copy) = match format(&connection, &path)? {
        FORMAT => (connection, false),
        older => (migrate::read(&connection, &path, older)?, true),
    };
    Ok(Some(Read { connection, is_copy, _place: place }))
}

/// A run that was killed leaves SQLite's files beside the ledger; one that ended leaves none.
fn open(
    folder: &Path,
    path: &Path,
) -> Result<(Connection, Option<tempfile::TempDir>), LedgerError> {
    // Whoever writes has made what is needed; and no other descriptor of a file that this process
    // may be writing can be closed without harm to its locks.
    if is_under_way(folder) {
        return Ok((plainly(path)?, None));
    }
    let [wal, shm, journal] = ["wal", "shm", "journal"].map(|kind| beside(path, kind).exists());
    match (wal, shm, journal) {
        (false, _, false) => Ok((unchanging(path)?, None)),
        (true, true, false) => match plainly(path).and_then(readable(path)) {
            Ok(connection) => Ok((connection, None)),
            Err(LedgerError::Io { .. }) => elsewhere(folder, path),
            Err(error) => Err(error),
        },
        _ => elsewhere(folder, path),
    }
}

fn plainly(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    connection.busy_timeout(LOOKS).map_err(|error| LedgerError::sqlite(path, &error))?;
    Ok(connection)
}

fn readable(path: &Path) -> impl FnOnce(Connection) -> Result<Connection, LedgerError> {
    |connection| match is_blank(&connection) {
        Ok(_) => Ok(connection),
        Err(error) => Err(LedgerError::sqlite(path, &error)),
    }
}

/// A file that nobody writes, with nothing beside it: SQLite needs no lock, and makes no file.
fn unchanging(path: &Path) -> Result<Connection, LedgerError> {
    let failed = |error| LedgerError::io(path, error);
    let absolute = std::path::absolute(path).map_err(failed)?;
    let Ok(mut url) = url::Url::from_file_path(&absolute) else { return plainly(path) };
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(url.as_str(), flags);
    connection.map_err(|error| LedgerError::sqlite(path, &error))
}

/// A private copy, for what SQLite could read only if it wrote beside the ledger.
fn elsewhere(
    folder: &Path,
    path: &Path,
) -> Result<(Connection, Option<tempfile::TempDir>), LedgerError> {
    let failed = |error| LedgerError::io(path, error);
    let place = tempfile::tempdir().map_err(failed)?;
    let copy = place.path().join(FILE);
    fs::copy(path, &copy).map_err(failed)?;
    for kind in ["wal", "journal"] {
        let from = beside(path, kind);
        if from.exists() {
            fs::copy(&from, beside(&copy, kind)).map_err(failed)?;
        }
    }
    if is_under_way(folder) {
        // It may be torn: a run began meanwhile.
        return Ok((plainly(path)?, None));
    }
    Ok((connect(&copy, OpenFlags::default())?, Some(place)))
}

fn beside(path: &Path, kind: &str) -> PathBuf {
    path.with_extension(format!("sqlite-{kind}"))
}
