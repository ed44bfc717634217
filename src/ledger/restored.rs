//! A ledger that was put back to an older one, by a person's word: its newer events are set aside, and
//! it goes on from where it ends.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use rusqlite::OpenFlags;

use super::event_log::{Parts, last_event, sent};
use super::lock::Lock;
use super::schema::{connect, format, is_blank};
use super::{FILE, LedgerError};
use crate::files::{private, sync_folder};

/// What was newer than the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// The last event in the ledger.
    pub ledger: u64,
    /// The last event that was logged, if any was.
    pub events: u64,
    /// Where the log is kept.
    pub kept: Vec<PathBuf>,
    /// The pairs that were sent since, with the tasks that they were given.
    pub sent: BTreeMap<String, Option<String>>,
}

/// Sets the log of a run folder aside that has more than its ledger; `None` if it has not.
///
/// # Errors
/// When a run is under way, there is no usable ledger, or the file system refuses.
pub fn set_newer_aside(folder: &Path) -> Result<Option<Newer>, LedgerError> {
    let _lock = Lock::take(folder)?;
    let (ledger, in_use) = state(folder)?;
    let parts = Parts::new(folder);
    let found = parts.existing()?;
    let events = parts.last_number()?.unwrap_or(0);
    let alone = in_use && found.is_empty();
    if events <= ledger && !alone {
        return Ok(None);
    }
    let failed = |error| LedgerError::io(folder, error);
    let mut sent = BTreeMap::new();
    for path in &found {
        read(path, ledger, &mut sent).map_err(|error| LedgerError::io(path, error))?;
    }
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let mut kept = Vec::new();
    for path in found {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let aside = folder.join(format!("{name}-newer-than-ledger-{stamp}.jsonl"));
        fs::rename(&path, &aside).map_err(failed)?;
        kept.push(aside);
    }
    // Whoever opens the ledger finds a log that it may complete.
    private().append(true).create(true).open(folder.join("events.jsonl")).map_err(failed)?;
    sync_folder(folder).map_err(failed)?;
    Ok(Some(Newer { ledger, events, kept, sent }))
}

/// The last event, and whether a run had it.
fn state(folder: &Path) -> Result<(u64, bool), LedgerError> {
    let path = folder.join(FILE);
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&path, &error);
    // Also what a killed run left in the write-ahead log.
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if is_blank(&connection).map_err(failed)? {
        let reason = "there is nothing in it".to_owned();
        return Err(LedgerError::Damaged { path, reason });
    }
    format(&connection, &path)?;
    let in_use = connection.query_row("SELECT in_use FROM batch", (), |row| row.get(0));
    Ok((last_event(&connection, folder)?, in_use.map_err(failed)?))
}

fn read(
    path: &Path,
    ledger: u64,
    found: &mut BTreeMap<String, Option<String>>,
) -> std::io::Result<()> {
    for line in BufReader::new(File::open(path)?).split(b'\n') {
        if let Some((id, task)) = sent(&line?, ledger) {
            let known = found.entry(id).or_default();
            *known = task.or_else(|| known.take());
        }
    }
    Ok(())
}
