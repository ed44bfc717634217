//! The files of the log, each with the events of fixed numbers.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::line::each;
use crate::files::{private, write_whole};
use crate::ledger::{FILE, LedgerError};

/// How many events a file holds: event 1,000,001 is the first of `events-2.jsonl`.
const SIZE: u64 = 1_000_000;
/// The longest line is far below this; the tail that is searched for the last one.
const TAIL: u64 = 64 * 1024;

/// The files in a run folder.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Parts {
    pub(super) folder: PathBuf,
    size: u64,
}

/// How far a file is as it has to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Right {
    Whole,
    /// It lacks this event and those after it.
    Until(u64),
    /// Something is in it that does not belong there.
    Not,
}

/// Who may be appending to the newest file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum AppendedBy {
    Run,
    Nobody,
}

enum Failure {
    Ledger(LedgerError),
    Io(io::Error),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Failure {
    fn at(self, path: &Path) -> LedgerError {
        match self {
            Self::Ledger(error) => error,
            Self::Io(error) => LedgerError::io(path, error),
        }
    }
}

impl Parts {
    pub(in crate::ledger) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), size: SIZE }
    }

    #[cfg(test)]
    pub(in crate::ledger) fn of_size(folder: &Path, size: u64) -> Self {
        Self { folder: folder.to_owned(), size }
    }

    pub(in crate::ledger) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The part that an event is in, from 0.
    pub(in crate::ledger) fn of(&self, number: u64) -> u64 {
        number.saturating_sub(1) / self.size
    }

    pub(in crate::ledger) fn path(&self, part: u64) -> PathBuf {
        self.folder.join(match part {
            0 => "events.jsonl".to_owned(),
            part => format!("events-{}.jsonl", part + 1),
        })
    }

    fn numbers(&self, part: u64, last: u64) -> RangeInclusive<u64> {
        part * self.size + 1..=((part + 1) * self.size).min(last)
    }

    /// The files that are there, the oldest events first.
    pub(in crate::ledger) fn existing(&self) -> Result<Vec<PathBuf>, LedgerError> {
        let failed = |error| LedgerError::io(&self.folder, error);
        let mut parts = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            parts.extend(part_named(&entry.map_err(failed)?.file_name().to_string_lossy()));
        }
        parts.sort_unstable();
        Ok(parts.into_iter().map(|part| self.path(part)).collect())
    }

    /// The number of the last event that was logged; nothing without one.
    pub(in crate::ledger) fn last_number(&self) -> Result<Option<u64>, LedgerError> {
        for path in self.existing()?.into_iter().rev() {
            let last = File::open(&path).and_then(|mut file| read_last(&mut file));
            if let Some(last) = last.map_err(|error| LedgerError::io(&path, error))? {
                return Ok(Some(last));
            }
        }
        Ok(None)
    }

    /// Refuses a ledger that was put back to an older one: what is only in the log would be lost.
    pub(in crate::ledger) fn must_not_be_ahead(&self, ledger: u64) -> Result<(), LedgerError> {
        self.must_not_be_behind(ledger, self.last_number()?.unwrap_or(0))
    }

    /// The same of a log whose last number was read before.
    pub(super) fn must_not_be_behind(&self, ledger: u64, events: u64) -> Result<(), LedgerError> {
        if events > ledger {
            return Err(LedgerError::Behind { path: self.ledger(), ledger, events });
        }
        Ok(())
    }

    /// Whether a file ends as the ledger has it, with the last event that belongs there.
    pub(super) fn ends_with(
        &self,
        connection: &Connection,
        part: u64,
        last: u64,
    ) -> Result<bool, LedgerError> {
        let (mut expected, mut found) = (Vec::new(), Vec::new());
        // Numbers are left out where a ledger was put back.
        let sql = "SELECT max(n) FROM events WHERE n BETWEEN ?1 AND ?2";
        let numbers = self.numbers(part, last);
        let ends: Option<u64> = connection
            .query_row(sql, [numbers.start(), numbers.end()], |row| row.get(0))
            .map_err(|error| LedgerError::sqlite(&self.ledger(), &error))?;
        if let Some(last) = ends {
            each::<LedgerError>(connection, &self.ledger(), last..=last, |line| {
                line.write(&mut expected);
                Ok(())
            })?;
        }
        let path = self.path(part);
        let read = File::open(&path).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(expected.len() as u64)))?;
            file.take(expected.len() as u64).read_to_end(&mut found)?;
            Ok(found == expected && (ends.is_some() || length == 0))
        });
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ends.is_none()),
            read => read.map_err(|error| LedgerError::io(&path, error)),
        }
    }

    /// Compares a file with the ledger, byte for byte.
    pub(super) fn compare(
        &self,
        connection: &Connection,
        part: u64,
        last: u64,
    ) -> Result<Right, LedgerError> {
        let path = self.path(part);
        let compared = File::open(&path).map_err(Failure::Io).and_then(|file| {
            let (mut file, mut expected, mut found) = (BufReader::new(file), vec![], vec![]);
            let mut lacks = None;
            each::<Failure>(connection, &self.ledger(), self.numbers(part, last), |line| {
                if lacks.is_some() {
                    return Ok(());
                }
                expected.clear();
                line.write(&mut expected);
                found.clear();
                file.by_ref().take(expected.len() as u64).read_to_end(&mut found)?;
                if found != expected {
                    let right = if found.is_empty() { Right::Until(line.n) } else { Right::Not };
                    lacks = Some(right);
                }
                Ok(())
            })?;
            let more = !file.fill_buf()?.is_empty();
            Ok(lacks.unwrap_or(if more { Right::Not } else { Right::Whole }))
        });
        match compared {
            Err(Failure::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok(Right::Not),
            compared => compared.map_err(|failure| failure.at(&path)),
        }
    }

    /// Writes a file anew, whole or not at all.
    pub(in crate::ledger) fn write(
        &self,
        connection: &Connection,
        part: u64,
        last: u64,
    ) -> Result<(), LedgerError> {
        let path = self.path(part);
        let numbers = self.numbers(part, last);
        write_whole(&path, |file| self.lines(connection, numbers, file))
            .map_err(|failure: Failure| failure.at(&path))
    }

    /// Appends to a file that is right as far as it goes.
    pub(super) fn append(
        &self,
        connection: &Connection,
        part: u64,
        numbers: RangeInclusive<u64>,
    ) -> Result<(), LedgerError> {
        let path = self.path(part);
        let numbers = *numbers.start()..=*self.numbers(part, *numbers.end()).end();
        let file = private().append(true).open(&path).map_err(Failure::Io);
        let appended = file.and_then(|file| {
            let mut file = BufWriter::new(file);
            self.lines(connection, numbers, &mut file)?;
            Ok(file.flush()?)
        });
        appended.map_err(|failure| failure.at(&path))
    }

    fn lines(
        &self,
        connection: &Connection,
        numbers: RangeInclusive<u64>,
        to: &mut impl Write,
    ) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        each(connection, &self.ledger(), numbers, |line| {
            bytes.clear();
            line.write(&mut bytes);
            Ok(to.write_all(&bytes)?)
        })
    }

    fn ledger(&self) -> PathBuf {
        self.folder.join(FILE)
    }
}

fn part_named(name: &str) -> Option<u64> {
    if name == "events.jsonl" {
        return Some(0);
    }
    let number = name.strip_prefix("events-")?.strip_suffix(".jsonl")?;
    number.parse().ok().filter(|number| *number >= 2).map(|number: u64| number - 1)
}

/// The very last line may be cut off: the newest that can be read counts.
fn read_last(file: &mut File) -> io::Result<Option<u64>> {
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail)?;
    Ok(tail.rsplit(|&byte| byte == b'\n').find_map(number))
}

fn number(line: &[u8]) -> Option<u64> {
    serde_json::from_slice::<serde_json::Value>(line).ok()?["n"].as_u64()
}
