//! `events.jsonl`: one JSON object per event, for people and programs that follow a run.
//!
//! It is written after the commit it tells of and before anyone acts on that commit. A process that
//! is killed in between leaves the lines in the ledger, and the next one appends them. So a ledger
//! that lacks events of the log has lost something: that is how a write-ahead log that was torn,
//! deleted or not copied is noticed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::files::{private, sync_folder};
use crate::state::{Event, State};

use super::{Change, LedgerError};

/// The version of the lines.
const VERSION: u32 = 1;
const FILE: &str = "events.jsonl";
/// The longest line is far below this; the tail that is searched for the last one.
const TAIL: u64 = 64 * 1024;

/// Appends events.
#[derive(Debug)]
pub(super) struct EventLog {
    path: PathBuf,
    file: File,
}

#[derive(Serialize)]
struct Line<'a> {
    v: u32,
    n: u64,
    at: String,
    id: &'a str,
    event: Event,
    from: State,
    state: State,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    error_code: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

impl<'a> Line<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            v: VERSION,
            n: change.number,
            at: change.at.to_string(),
            id: &change.id,
            event: change.event,
            from: change.from,
            state: change.state,
            attempt: change.attempt,
            task_id: change.task_id.as_deref(),
            error_code: &change.code,
            error: &change.message,
        }
    }
}

/// The lines of some changes.
pub(super) fn lines(changes: &[Change]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(changes.len() * 200);
    for change in changes {
        // Writing plain data to a vector cannot fail.
        let _ = serde_json::to_writer(&mut lines, &Line::of(change));
        lines.push(b'\n');
    }
    lines
}

impl EventLog {
    /// Opens the log, and appends those of the last commit's lines that it lacks.
    pub(super) fn open(folder: &Path, last_commit: &[u8]) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let failed = |source| LedgerError::io(&path, source);
        let file = private().read(true).append(true).create(true).open(&path);
        let mut file = file.map_err(failed)?;
        // A ledger in use without its events is taken for a bad copy.
        sync_folder(folder).map_err(failed)?;
        drop_half_line(&mut file).map_err(failed)?;
        let logged = read_last(&mut file).map_err(failed)?;
        let mut log = Self { path, file };
        let lacking = last_commit.split_inclusive(|&byte| byte == b'\n');
        let lacking: Vec<_> = lacking.filter(|line| number(line) > Some(logged)).collect();
        log.append(&lacking.concat())?;
        Ok(log)
    }

    pub(super) fn append(&mut self, lines: &[u8]) -> Result<(), LedgerError> {
        self.file.write_all(lines).map_err(|source| LedgerError::io(&self.path, source))
    }

    pub(super) fn sync(&self) -> Result<(), LedgerError> {
        self.file.sync_all().map_err(|source| LedgerError::io(&self.path, source))
    }
}

/// A line that a crash cut off would swallow the next one; the ledger has it whole.
fn drop_half_line(file: &mut File) -> std::io::Result<()> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end as u64 + 1);
    // A file without a line end anywhere near is not ours to cut.
    let half = whole < tail.len() as u64 && (whole > 0 || start == 0);
    if half { file.set_len(start + whole) } else { Ok(()) }
}

/// The number of the last event that was logged in a run folder, 0 if there was none; `None`
/// without a log.
pub(super) fn last_number(folder: &Path) -> Result<Option<u64>, LedgerError> {
    let path = folder.join(FILE);
    match File::open(&path) {
        Ok(mut file) => {
            read_last(&mut file).map(Some).map_err(|source| LedgerError::io(&path, source))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io(&path, error)),
    }
}

fn read_last(file: &mut File) -> std::io::Result<u64> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    // The very last line may be cut off: the newest that can be read counts.
    Ok(tail.rsplit(|&byte| byte == b'\n').find_map(number).unwrap_or(0))
}

fn number(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(line).ok()?["n"].as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_line_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(last_number(folder.path()).unwrap(), None);
        for (text, last) in [
            ("", Some(0)),
            ("{\"n\":1}\n{\"n\":2}\n", Some(2)),
            ("{\"n\":1}\n{\"n\":2,\"id", Some(1)),
            ("garbage\n", Some(0)),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(last_number(folder.path()).unwrap(), last, "{text:?}");
        }
    }

    #[test]
    fn what_the_last_process_could_not_log_is_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let last_commit = b"{\"n\":2}\n{\"n\":3}\n";
        for logged in ["{\"n\":1}\n", "{\"n\":1}\n{\"n\":2}\n", "{\"n\":1}\n{\"n\":2,\"id"] {
            std::fs::write(&path, logged).unwrap();
            drop(EventLog::open(folder.path(), last_commit).unwrap());
            let all = std::fs::read_to_string(&path).unwrap();
            assert_eq!(all, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", "after {logged:?}");
        }
        drop(EventLog::open(folder.path(), last_commit).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
    }

    #[test]
    fn a_half_line_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for (text, left) in [("{\"n\":1}\n{\"n\"", "{\"n\":1}\n"), ("{\"n\"", ""), ("", "")] {
            std::fs::write(&path, text).unwrap();
            drop(EventLog::open(folder.path(), b"").unwrap());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), left, "{text:?}");
        }
    }
}
