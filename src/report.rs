//! `tasks.csv`: the ledger as people and spreadsheets read it. Nothing ever reads it back.
//!
//! While a run goes on, rows are appended as pairs are settled; when it ends, the file is written
//! anew, whole and in manifest order. The same file comes out of the ledger at any time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::files::write_whole;
use crate::ledger::{Change, LedgerError, Rows, View};
use crate::state::State;
use crate::view::{COLUMNS, Row, cells, csv_writer};

/// The name of the file in the run folder.
pub const FILE: &str = "tasks.csv";

/// Why the CSV could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
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

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        Self::Io(error.into())
    }
}

/// Writes `tasks.csv` of a run folder anew.
///
/// # Errors
/// When the ledger cannot be read or the file not be written; an older one is still there then.
pub fn write(folder: &Path, view: &View, rows: Rows) -> Result<PathBuf, ReportError> {
    let path = folder.join(FILE);
    let written = write_whole(&path, |file| {
        let mut csv = csv_writer(file);
        csv.write_record(COLUMNS)?;
        view.each_row::<Failure>(rows, |row| Ok(csv.write_record(cells(&row))?))?;
        Ok(csv.flush()?)
    });
    match written {
        Ok(()) => Ok(path),
        Err(Failure::Ledger(error)) => Err(error.into()),
        Err(Failure::Io(source)) => Err(ReportError::Io { path, source }),
    }
}

/// The file while a run goes on: what is settled is appended at once.
#[derive(Debug)]
pub struct Live {
    file: File,
}

impl Live {
    /// Starts with what was settled before.
    ///
    /// # Errors
    /// As [`write()`].
    pub fn start(folder: &Path, view: &View) -> Result<Self, ReportError> {
        let path = write(folder, view, Rows::Settled)?;
        let file = OpenOptions::new().append(true).open(&path);
        file.map(|file| Self { file }).map_err(|source| ReportError::Io { path, source })
    }

    /// Appends the rows of pairs that were settled.
    ///
    /// # Errors
    /// When the file system refuses. The ledger has it all, so a run need not end for it.
    pub fn append(&mut self, changes: &[Change]) -> io::Result<()> {
        let mut csv = csv_writer(Vec::new());
        for change in changes.iter().filter(|change| is_settled(change)) {
            csv.write_record(cells(&row_of(change)))?;
        }
        let rows = csv.into_inner().map_err(|error| error.into_error())?;
        if rows.is_empty() { Ok(()) } else { self.file.write_all(&rows) }
    }
}

fn is_settled(change: &Change) -> bool {
    // A task that the server does not know for a while is where it was.
    let stays = change.from == change.state;
    !stays && matches!(change.state, State::Created | State::Rejected | State::InDoubt)
}

fn row_of(change: &Change) -> Row {
    let [image, audio] = &change.media;
    Row {
        id: change.id.to_string(),
        state: change.state,
        listed: true,
        changed: false,
        attempts: change.attempt,
        task_id: change.task_id.as_deref().map(str::to_owned),
        image_url: image.to_string(),
        audio_url: audio.to_string(),
        audio: change.audio,
        created_at: (change.state == State::Created).then_some(change.at),
        since: change.at,
        video_url: None,
        linked_at: None,
        video_path: None,
        video_bytes: None,
        error_code: change.code.clone(),
        error: change.message.clone(),
        credits: change.credits,
    }
}
