//! Opens a ledger to read it, and leaves nothing behind: no file beside it, no right to write needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::{Connection, OpenFlags};

use super::lock::is_under_way;
use super::migrate::{self, FORMAT};
use super::schema::{connect, format, is_blank};
use super::{FILE, LedgerError};
use crate::files::{Identity, folder_of};

/// How long a reader waits while a run opens or closes the file.
const LOOKS: Duration = Duration::from_secs(10);
/// How long a ledger that cannot be read is looked at again while a run begins, ends or is killed there.
const SETTLES: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(20);
/// How much of a ledger that a run writes its readers hold each, in kB: they go through it in order.
const CACHE: i64 = -512;

/// A ledger that was opened for reading.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) connection: Connection,
    /// Whether it is a copy, because the file is of an older format.
    pub(super) is_copy: bool,
    /// What the file was when it was opened as one that nobody writes.
    still: Option<Version>,
    /// Where it lies if it is a copy.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "nobody shares"))]
    pub(super) place: Option<tempfile::TempDir>,
}

impl Read {
    /// Whether the file may have been written since by somebody whom this reader does not see.
    pub(super) fn is_outdated(&self, path: &Path) -> bool {
        self.still.as_ref().is_some_and(|still| still.is_outdated(path))
    }
}

/// By what a file that was written is told from the same before. It is not opened for that: closing it
/// would drop SQLite's locks.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    file: Option<Identity>,
    length: u64,
    written: Option<SystemTime>,
}

impl Version {
    fn at(path: &Path) -> Self {
        let metadata = fs::metadata(path).ok();
        Self {
            file: Identity::at(path).ok(),
            length: metadata.as_ref().map_or(0, fs::Metadata::len),
            written: metadata.and_then(|metadata| metadata.modified().ok()),
        }
    }

    fn is_outdated(&self, path: &Path) -> bool {
        is_under_way(folder_of(path)) || Self::at(path) != *self
    }
}

/// By what is decided how a ledger is opened.
#[derive(Debug, PartialEq, Eq)]
struct Moment {
    version: Version,
    files: [bool; 3],
    under_way: bool,
}

impl Moment {
    fn of(folder: &Path, path: &Path) -> Self {
        let (version, files) = (Version::at(path), files(path));
        Self { version, files, under_way: is_under_way(folder) }
    }

    /// Whether what cannot be read now can be read no more later: nothing has changed, and nobody is at work.
    fn lasts(&self, folder: &Path, path: &Path) -> bool {
        !self.under_way && Self::of(folder, path) == *self
    }
}

/// Which of SQLite's files lie beside a ledger: the write-ahead log, its index, and a rollback journal.
fn files(path: &Path) -> [bool; 3] {
    ["wal", "shm", "journal"].map(|kind| beside(path, kind).exists())
}

/// Opens a ledger for reading; `None` if there is none.
pub(super) fn open_to_read(folder: &Path) -> Result<Option<Read>, LedgerError> {
    let path = folder.join(FILE);
    if !path.try_exists().map_err(|error| LedgerError::io(&path, error))? {
        return Ok(None);
    }
    let began = Instant::now();
    loop {
        let moment = Moment::of(folder, &path);
        match open_once(folder, &path) {
            // Half of what was read is what a run wrote meanwhile, or the run was killed while it was opened:
            // the next look sees what there is now.
            Err(LedgerError::Damaged { .. } | LedgerError::Io { .. })
                if began.elapsed() < SETTLES && !moment.lasts(folder, &path) =>
            {
                sleep(LOOK);
            }
            opened => return opened,
        }
    }
}

fn open_once(folder: &Path, path: &Path) -> Result<Option<Read>, LedgerError> {
    let Opened { connection, place, still } = open(folder, path)?;
    if is_blank(&connection).map_err(|error| LedgerError::sqlite(path, &error))? {
        return Ok(None);
    }
    let (connection, is_copy) = match format(&connection, path)? {
        FORMAT => (connection, false),
        older => (migrate::read(&connection, path, older)?, true),
    };
    Ok(Some(Read { connection, is_copy, still, place }))
}

struct Opened {
    connection: Connection,
    place: Option<tempfile::TempDir>,
    still: Option<Version>,
}

impl From<Connection> for Opened {
    /// One that sees what others write.
    fn from(connection: Connection) -> Self {
        Self { connection, place: None, still: None }
    }
}

/// A run that was killed leaves SQLite's files beside the ledger; one that ended leaves none.
fn open(folder: &Path, path: &Path) -> Result<Opened, LedgerError> {
    let still = Version::at(path);
    // Whoever writes has made what is needed; and no other descriptor of a file that this process
    // may be writing can be closed without harm to its locks.
    if is_under_way(folder) {
        return Ok(plainly(path)?.into());
    }
    match files(path) {
        [false, _, false] => {
            let connection = unchanging(path)?;
            Ok(Opened { connection, place: None, still: Some(still) })
        }
        [true, true, false] => match plainly(path).and_then(readable(path)) {
            Ok(connection) => Ok(connection.into()),
            Err(LedgerError::Io { .. }) => elsewhere(folder, path, still),
            Err(error) => Err(error),
        },
        _ => elsewhere(folder, path, still),
    }
}

/// For a process that has the ledger open to write: it sees what is written, and its end takes no lock
/// of that other connection along.
pub(super) fn open_beside(path: &Path) -> Result<Read, LedgerError> {
    Ok(Read { connection: plainly(path)?, is_copy: false, still: None, place: None })
}

fn plainly(path: &Path) -> Result<Connection, LedgerError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = connect(path, flags)?;
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    connection.busy_timeout(LOOKS).map_err(failed)?;
    connection.pragma_update(None, "cache_size", CACHE).map_err(failed)?;
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
fn elsewhere(folder: &Path, path: &Path, still: Version) -> Result<Opened, LedgerError> {
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
        return Ok(plainly(path)?.into());
    }
    let connection = connect(&copy, OpenFlags::default())?;
    Ok(Opened { connection, place: Some(place), still: Some(still) })
}

fn beside(path: &Path, kind: &str) -> PathBuf {
    path.with_extension(format!("sqlite-{kind}"))
}
