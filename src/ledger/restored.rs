//! A ledger that was put back to an older one, or lost, by a person's word: what the log says of later
//! creates is taken up, and the ledger goes on after the last event that was logged.
//!
//! The refusal of such a ledger is lifted by the very commit that holds what was taken up. Before it, the
//! log gets a second name; so a kill at any point leaves either the refusal or the knowledge. Numbers of
//! events are given once: those between the ledger's last and the log's stay out of the log for good.

mod take_up;
mod trail;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use self::trail::Trail;
use super::event_log::{Logged, Parts, last_event};
use super::fence::{Waiting, begin};
use super::lock::Lock;
use super::purse::Purse;
use super::schema::{connect, format, is_blank};
use super::write::Write;
use super::{FILE, LedgerError, Store};
use crate::files::sync_folder;

/// What was newer than the ledger, and was taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Newer {
    /// The last event in the ledger; 0 if it was lost.
    pub ledger: u64,
    /// The last event that was logged; 0 if none was.
    pub events: u64,
    /// Where the log is kept as it was.
    pub kept: Vec<PathBuf>,
    /// The pairs that were sent or adopted since, of which the ledger knew nothing, with the tasks that
    /// they were given. Those without are in doubt.
    pub sent: BTreeMap<String, Option<String>>,
}

impl Store {
    /// Opens the ledger of a run folder that has less than its log, or makes it where it is lost, and
    /// takes up what was sent since; `None` if it lacks nothing.
    ///
    /// # Errors
    /// As [`Store::open`], but for what is lost.
    pub fn restore(
        folder: &Path,
        endpoint: &str,
        waiting: Waiting,
    ) -> Result<Option<(Self, Newer)>, LedgerError> {
        let lock = Lock::take(folder)?;
        let Some(mut lost) = Lost::find(folder)? else { return Ok(None) };
        lost.keep(folder)?;
        let store = Self::open_locked(lock, (folder, endpoint), waiting, Some(&mut lost))?;
        Ok(Some((store, lost.newer)))
    }
}

/// Refuses a run folder without a ledger whose events tell of one.
///
/// # Errors
/// [`LedgerError::Behind`]; or when the file system refuses.
pub fn must_not_be_lost(folder: &Path) -> Result<(), LedgerError> {
    Parts::new(folder).must_not_be_ahead(0)
}

/// What a ledger lacks.
#[derive(Debug)]
pub(super) struct Lost {
    parts: Parts,
    /// Of each pair with a later event.
    trails: BTreeMap<String, Trail>,
    newer: Newer,
}

impl Lost {
    fn find(folder: &Path) -> Result<Option<Self>, LedgerError> {
        Self::of(Parts::new(folder))
    }

    /// Of a log with these files.
    pub(super) fn of(parts: Parts) -> Result<Option<Self>, LedgerError> {
        let (ledger, in_use) = state(parts.folder())?;
        let events = parts.last_number()?.unwrap_or(0);
        let alone = in_use && parts.existing()?.is_empty();
        if events <= ledger && !alone {
            return Ok(None);
        }
        let newer = Newer { ledger, events, kept: Vec::new(), sent: BTreeMap::new() };
        let mut lost = Self { parts, trails: BTreeMap::new(), newer };
        for path in lost.files() {
            lost.read(&path).map_err(|error| LedgerError::io(&path, error))?;
        }
        Ok(Some(lost))
    }

    /// The files that have something of it.
    fn files(&self) -> Vec<PathBuf> {
        let parts = self.parts.of(self.newer.ledger + 1)..=self.parts.of(self.newer.events);
        parts.map(|part| self.parts.path(part)).filter(|path| path.exists()).collect()
    }

    fn read(&mut self, path: &Path) -> io::Result<()> {
        for line in BufReader::new(File::open(path)?).split(b'\n') {
            let logged = Logged::read(&line?).filter(|logged| logged.n > self.newer.ledger);
            if let Some(logged) = logged {
                self.trails.entry(logged.id.clone()).or_default().add(&logged);
            }
        }
        Ok(())
    }

    /// Gives the log a second name, under which it stays.
    pub(super) fn keep(&mut self, folder: &Path) -> Result<(), LedgerError> {
        let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ").to_string();
        for path in self.files() {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let aside = folder.join(format!("{name}-newer-than-ledger-{stamp}.jsonl"));
            name_twice(&path, &aside).map_err(|error| LedgerError::io(&aside, error))?;
            self.newer.kept.push(aside);
        }
        sync_folder(folder).map_err(|error| LedgerError::io(folder, error))
    }

    /// Takes up what was sent since, in one transaction; the log is as the ledger has it afterwards.
    pub(super) fn take_up(
        &mut self,
        connection: &Connection,
        waiting: &Waiting,
    ) -> Result<(), LedgerError> {
        let path = self.parts.folder().join(FILE);
        let transaction = begin(connection, &path, waiting)?;
        let mut purse = Purse::default();
        let mut write = Write::new(&transaction, &path, &mut purse)?;
        write.go_on_after(self.newer.events)?;
        write.recover()?;
        for (id, trail) in &self.trails {
            if let Some(create) = write.take_up(id, trail)? {
                let task = create.task.as_ref().map(|(task, _)| task.to_string());
                self.newer.sent.insert(id.clone(), task);
            }
        }
        write.forget_sheet()?;
        write.finish()?;
        transaction.commit().map_err(|error| LedgerError::sqlite(&path, &error))?;
        let last = last_event(connection, self.parts.folder())?;
        let stale = self.parts.of(self.newer.ledger + 1)..=self.parts.of(last);
        stale.into_iter().try_for_each(|part| self.parts.write(connection, part, last))
    }
}

/// Where there are no links, a copy does.
fn name_twice(path: &Path, other: &Path) -> io::Result<()> {
    match fs::hard_link(path, other) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            fs::copy(path, other)?;
            File::open(other)?.sync_all()
        }
        done => done,
    }
}

/// The last event, and whether a run had it; of a ledger that is lost there is none.
fn state(folder: &Path) -> Result<(u64, bool), LedgerError> {
    let path = folder.join(FILE);
    if !path.try_exists().map_err(|error| LedgerError::io(&path, error))? {
        return Ok((0, false));
    }
    let failed = |error: rusqlite::Error| LedgerError::sqlite(&path, &error);
    // Also what a killed run left in the write-ahead log.
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    if is_blank(&connection).map_err(failed)? {
        return Ok((0, false));
    }
    format(&connection, &path)?;
    let in_use = connection.query_row("SELECT in_use FROM batch", (), |row| row.get(0));
    Ok((last_event(&connection, folder)?, in_use.map_err(failed)?))
}
