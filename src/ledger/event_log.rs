//! `events.jsonl`: one JSON object per event, for people and programs that follow a run.
//!
//! It is written after the commit it tells of and before anyone acts on that commit. So it can
//! lack events of a ledger, but a ledger that lacks events of it has lost something: that is how a
//! write-ahead log that was torn, deleted or not copied is noticed.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

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
    buffer: Vec<u8>,
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

impl EventLog {
    pub(super) fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let failed = |source| LedgerError::io(&path, source);
        let mut file =
            OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(failed)?;
        // A line that a crash cut off would swallow the next one.
        if last_byte(&mut file).map_err(failed)?.is_some_and(|byte| byte != b'\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { path, file, buffer: Vec::new() })
    }

    pub(super) fn append(&mut self, changes: &[Change]) -> Result<(), LedgerError> {
        self.buffer.clear();
        for change in changes {
            // Writing plain data to a vector cannot fail.
            let _ = serde_json::to_writer(&mut self.buffer, &Line::of(change));
            self.buffer.push(b'\n');
        }
        self.file.write_all(&self.buffer).map_err(|source| LedgerError::io(&self.path, source))
    }

    pub(super) fn sync(&self) -> Result<(), LedgerError> {
        self.file.sync_all().map_err(|source| LedgerError::io(&self.path, source))
    }
}

fn last_byte(file: &mut File) -> std::io::Result<Option<u8>> {
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    let mut byte = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
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
    let number =
        |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).ok()?["n"].as_u64();
    // The very last line may be cut off: the newest that can be read counts.
    Ok(tail.rsplit(|&byte| byte == b'\n').find_map(number).unwrap_or(0))
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
    fn a_cut_line_does_not_swallow_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, "{\"n\":1}\n{\"n\":2,\"id").unwrap();
        drop(EventLog::open(folder.path()).unwrap());
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("\"id\n"));
    }
}
