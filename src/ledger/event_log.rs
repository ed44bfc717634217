//! `events.jsonl`: one JSON object per event, for people and programs that follow a run.
//!
//! It is a projection of the ledger's events. Each file holds those of fixed numbers, so the same
//! bytes come back whenever it is written: what is torn, deleted or half appended is put right from
//! the ledger. It is written after the commit it tells of, while others act on that commit; so it
//! never has more than the ledger, unless the ledger was put back to an older one.

mod line;
mod parts;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use self::line::{Line, each};
use self::parts::Right;
use super::{Change, FILE, LedgerError};
use crate::files::{private, sync_folder};

pub use self::line::Happened;
pub(super) use self::line::{Logged, columns, happened, import, keep, say_who};
pub(super) use self::parts::{AppendedBy, Parts};

/// Appends events.
#[derive(Debug)]
pub(super) struct EventLog {
    parts: Parts,
    /// The file that is written now, which is of this part.
    file: File,
    part: u64,
    /// The last event that was written.
    last: u64,
    pending: Vec<u8>,
    /// Whether something could not be written: then the file is put right first.
    torn: bool,
}

/// How much is taken to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// What the last run closed in good order, and ends where the ledger does.
    Closed,
    /// Nothing in the newest file, nor in those before it up to one that is whole: a run was killed,
    /// or the power cut.
    Nothing,
}

impl EventLog {
    /// Opens the log, and brings it to where the ledger is.
    pub(super) fn open(
        parts: Parts,
        connection: &Connection,
        trust: Trust,
    ) -> Result<Self, LedgerError> {
        let last = last_event(connection, &parts.folder)?;
        let newest = parts.of(last);
        if trust == Trust::Nothing || !parts.ends_with(connection, newest, last)? {
            put_right(&parts, connection, last)?;
        }
        for part in 0..newest {
            if !parts.path(part).exists() {
                parts.write(connection, part, last)?;
            }
        }
        let file = begin(&parts, newest)?;
        Ok(Self { parts, file, part: newest, last, pending: Vec::new(), torn: false })
    }

    /// Brings it to where the ledger is now, if somebody has written it since it was opened.
    pub(super) fn keep_up(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        if last_event(connection, &self.parts.folder)? != self.last {
            self.open_again(connection)?;
        }
        Ok(())
    }

    fn open_again(&mut self, connection: &Connection) -> Result<(), LedgerError> {
        *self = Self::open(self.parts.clone(), connection, Trust::Nothing)?;
        Ok(())
    }

    /// Appends the changes of a commit. Where another run has committed in between, its events come
    /// first.
    pub(super) fn append(
        &mut self,
        connection: &Connection,
        changes: &[Change],
    ) -> Result<(), LedgerError> {
        if self.torn {
            // With these: they are committed.
            return self.open_again(connection);
        }
        let appended = self.append_whole(connection, changes);
        self.torn = appended.is_err();
        appended
    }

    fn append_whole(
        &mut self,
        connection: &Connection,
        changes: &[Change],
    ) -> Result<(), LedgerError> {
        let follows = changes.first().is_some_and(|first| first.number == self.last + 1);
        for change in changes.iter().filter(|_| follows) {
            self.add(&Line::of(change))?;
        }
        self.catch_up(connection, changes)?;
        self.flush()
    }

    /// From now on nothing can be written, and half a line was.
    #[cfg(test)]
    pub(super) fn tear(&mut self) {
        self.file.write_all(b"{\"v\":1,\"n\":").unwrap();
        self.file = File::open(self.parts.path(self.part)).unwrap();
    }

    /// Whether lines are missing or torn until the next time that something is appended.
    pub(super) const fn is_torn(&self) -> bool {
        self.torn
    }

    fn catch_up(&mut self, ledger: &Connection, to: &[Change]) -> Result<(), LedgerError> {
        let to = to.last().map_or(0, |change| change.number);
        if self.last >= to {
            return Ok(());
        }
        let path = self.parts.folder.join(FILE);
        each(ledger, &path, self.last + 1..=to, |line| self.add(line))
    }

    fn add(&mut self, line: &Line<'_>) -> Result<(), LedgerError> {
        let part = self.parts.of(line.n);
        if part != self.part {
            self.flush()?;
            self.sync()?;
            self.file = begin(&self.parts, part)?;
            self.part = part;
        }
        line.write(&mut self.pending);
        self.last = line.n;
        Ok(())
    }

    fn flush(&mut self) -> Result<(), LedgerError> {
        let written = self.file.write_all(&self.pending);
        self.pending.clear();
        written.map_err(|source| LedgerError::io(&self.parts.path(self.part), source))
    }

    pub(super) fn sync(&self) -> Result<(), LedgerError> {
        let synced = self.file.sync_all();
        synced.map_err(|source| LedgerError::io(&self.parts.path(self.part), source))
    }
}

/// Writes all files anew that are not as they have to be, and names them all. The one that a run is
/// appending to is left to it.
pub(super) fn write_all(
    parts: &Parts,
    connection: &Connection,
    by: AppendedBy,
) -> Result<Vec<PathBuf>, LedgerError> {
    // In this order: a run that appends now has committed before.
    let logged = parts.last_number()?.unwrap_or(0);
    let last = last_event(connection, &parts.folder)?;
    parts.must_not_be_behind(last, logged)?;
    let newest = parts.of(last);
    for part in 0..=newest {
        let is_written = by == AppendedBy::Run && part == newest && parts.path(part).exists();
        if !is_written && parts.compare(connection, part, last)? != Right::Whole {
            parts.write(connection, part, last)?;
        }
    }
    Ok((0..=newest).map(|part| parts.path(part)).collect())
}

/// What a killed run could not append any more is appended; anything else is written anew. The lines
/// of one commit may lie in several files.
fn put_right(parts: &Parts, connection: &Connection, last: u64) -> Result<(), LedgerError> {
    let newest = parts.of(last);
    for part in (0..=newest).rev() {
        match parts.compare(connection, part, last)? {
            Right::Whole if part < newest => break,
            Right::Whole => {}
            Right::Until(next) => parts.append(connection, part, next..=last)?,
            Right::Not => parts.write(connection, part, last)?,
        }
    }
    Ok(())
}

fn begin(parts: &Parts, part: u64) -> Result<File, LedgerError> {
    let path = parts.path(part);
    let failed = |source| LedgerError::io(&path, source);
    let file = private().append(true).create(true).open(&path).map_err(failed)?;
    // A ledger in use without its events is taken for a bad copy.
    sync_folder(&parts.folder).map_err(failed)?;
    Ok(file)
}

pub(super) fn last_event(connection: &Connection, folder: &Path) -> Result<u64, LedgerError> {
    let last = connection.query_row("SELECT events FROM batch", (), |row| row.get(0));
    last.map_err(|error| LedgerError::sqlite(&folder.join(FILE), &error))
}

#[cfg(test)]
mod tests;
