//! `tasks.csv`: the ledger as people and spreadsheets read it. Nothing ever reads it back.
//!
//! While a run goes on, rows are appended as pairs are settled; when it ends, the file is written
//! anew, whole and in manifest order. The same file comes out of the ledger at any time. Where no row
//! has changed and the bytes of the file are still the same, it is left as it is.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::files::{hexadecimal, sha256, write_whole};
use crate::ledger::{Change, LedgerError, Rows, Sheet, View};
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

/// To be raised whenever the same rows may give other bytes than before.
const FORM: u32 = 2;

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
    write_by(folder, |file| fill(file, view, rows))
}

/// Has `tasks.csv` whole, and tells what it is, for a later run: it is left alone if the ledger knows
/// what it was and it is that still. Nothing may be written to the ledger meanwhile.
///
/// # Errors
/// As [`write()`].
pub fn settle(folder: &Path, view: &View) -> Result<(PathBuf, Sheet), ReportError> {
    let path = folder.join(FILE);
    if let Some(known) = view.sheet()?
        && found_at(&path).is_ok_and(|found| found == known.file)
    {
        return Ok((path, known));
    }
    let (mut written, reviews) = (String::new(), view.seen()?.reviews);
    let path = write_by(folder, |file| {
        let mut digesting = Digesting { to: file, digest: Sha256::new(), length: 0 };
        fill(&mut digesting, view, Rows::All)?;
        written = told(digesting.length, &hexadecimal(&digesting.digest.finalize()));
        Ok(())
    })?;
    Ok((path, Sheet::new(written, &view.counts()?, reviews)))
}

fn write_by(
    folder: &Path,
    fill: impl FnOnce(&mut io::BufWriter<&File>) -> Result<(), Failure>,
) -> Result<PathBuf, ReportError> {
    let path = folder.join(FILE);
    match write_whole(&path, fill) {
        Ok(()) => Ok(path),
        Err(Failure::Ledger(error)) => Err(error.into()),
        Err(Failure::Io(source)) => Err(ReportError::Io { path, source }),
    }
}

fn fill(to: impl Write, view: &View, rows: Rows) -> Result<(), Failure> {
    let mut csv = csv_writer(to);
    csv.write_record(COLUMNS)?;
    view.each_row::<Failure>(rows, |row| Ok(csv.write_record(cells(&row))?))?;
    Ok(csv.flush()?)
}

/// What a file is; another release may write the same rows otherwise.
fn told(length: u64, sha256: &str) -> String {
    format!("{} {FORM} {length} {sha256}", env!("CARGO_PKG_VERSION"))
}

fn found_at(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    Ok(told(length, &sha256(&mut file)?))
}

/// Digests what is written on its way.
struct Digesting<W> {
    to: W,
    digest: Sha256,
    length: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// The file while a run goes on: what is settled is appended at once.
#[derive(Debug)]
pub struct Live {
    folder: PathBuf,
    /// Nothing before the first change: most of a long batch may be settled, and nothing else of it.
    file: Option<File>,
}

impl Live {
    /// Of a run folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: None }
    }

    /// Appends the rows of pairs that were settled, to those that were settled before. Nothing more may
    /// have been committed meanwhile.
    ///
    /// # Errors
    /// When the file system refuses. The ledger has it all, so a run need not end for it.
    pub fn append(&mut self, changes: &[Change]) -> Result<(), ReportError> {
        let Some(file) = &mut self.file else {
            self.file = Some(self.begin()?);
            return Ok(());
        };
        let appended = rows(changes).and_then(|rows| file.write_all(&rows));
        appended.map_err(|source| ReportError::Io { path: self.folder.join(FILE), source })
    }

    /// With all that is committed.
    fn begin(&self) -> Result<File, ReportError> {
        let path = self.folder.join(FILE);
        let failed = |source| ReportError::Io { path: path.clone(), source };
        let missing = || failed(io::ErrorKind::NotFound.into());
        let view = View::open(&self.folder)?.ok_or_else(missing)?;
        write(&self.folder, &view, Rows::Settled)?;
        OpenOptions::new().append(true).open(&path).map_err(failed)
    }
}

fn rows(changes: &[Change]) -> io::Result<Vec<u8>> {
    let mut csv = csv_writer(Vec::new());
    for change in changes.iter().filter(|change| is_settled(change)) {
        csv.write_record(cells(&row_of(change)))?;
    }
    csv.into_inner().map_err(|error| error.into_error())
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
        take: change.take,
        // Nobody has seen a video of it yet.
        review: None,
    }
}
