//! The open ledger: every change of a pair, inside one transaction at a time.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::event_log::{EventLog, Parts};
use super::fence::{Fence, Waiting, begin, claim, patiently};
use super::listing::Lister;
use super::lock::Lock;
use super::migrate::Migrated;
use super::purse::Purse;
use super::reserve::Reserve;
use super::restored::Lost;
use super::share::{News, Share};
use super::sheet::{Sheet, Touched};
use super::task::Feeder;
use super::write::Write;
use super::{Change, FILE, LedgerError, Renamed, Task, View, schema};
use crate::files::{folder_of, sync_folder};
use crate::pair::Pair;

/// The ledger of the one run that holds its lock.
#[derive(Debug)]
pub struct Store {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    pub(super) events: EventLog,
    pub(super) feeder: Option<Feeder>,
    pub(super) purse: Purse,
    /// What the purse holds, for others to see.
    pub(super) spent: Arc<AtomicU64>,
    touched: Touched,
    /// The folded ids of pairs that this run leaves out.
    pub(super) left_out: Arc<HashSet<String>>,
    recovered: usize,
    migrated: Option<Migrated>,
    pub(super) fence: Fence,
    /// What of it is shared with others.
    pub(super) share: Option<Share>,
    waiting: Quiet,
    _lock: Lock,
}

/// What a transaction changed.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) changes: Vec<Change>,
    /// What those who share the ledger have to hear.
    pub(super) news: Vec<News>,
    /// Tasks that this run has to wait for since.
    pub(super) tasks: Vec<Task>,
    /// Why nothing new may be begun any more.
    pub(super) aside: Option<LedgerError>,
}

struct Quiet(Waiting);

impl std::fmt::Debug for Quiet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

/// What listing a manifest found, pair by pair; the numbers add up to the manifest's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Never seen before.
    pub new: usize,
    /// Known, and asking for the same as before.
    pub known: usize,
    /// Known, asking for something else, and taken over: nothing was made of it yet.
    pub revised: usize,
    /// Known, asking for something else, and kept as it was sent.
    pub changed: usize,
    /// Of those that are known: under another id than before.
    pub renamed: Vec<Renamed>,
}

impl Store {
    /// Opens the ledger of a run folder, or makes it, and takes its lock. Pairs that a dead run
    /// left `sending` are in doubt afterwards.
    ///
    /// `endpoint` names whose tasks these are.
    ///
    /// # Errors
    /// When another run has it, it belongs to another endpoint, it is damaged or newer, or the
    /// file system refuses.
    pub fn open(folder: &Path, endpoint: &str) -> Result<Self, LedgerError> {
        Self::open_patiently(folder, endpoint, Box::new(|| ()))
    }

    /// The same; `waiting` hears of another program that keeps the ledger waiting, now and later.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_patiently(
        folder: &Path,
        endpoint: &str,
        waiting: Waiting,
    ) -> Result<Self, LedgerError> {
        let store = Self::open_locked(Lock::take(folder)?, (folder, endpoint), waiting, None)?;
        match store.must_be_whole() {
            Ok(()) => Ok(store),
            Err(unfinished) => store.close().and(Err(unfinished)),
        }
    }

    /// The same by whoever holds the lock; what is lost is taken up before anything else.
    pub(super) fn open_locked(
        mut lock: Lock,
        (folder, endpoint): (&Path, &str),
        waiting: Waiting,
        lost: Option<&mut Lost>,
    ) -> Result<Self, LedgerError> {
        Reserve::give_back(folder);
        let newer = lost.as_ref().map_or(schema::Newer::Refused, |_| schema::Newer::TakenUp);
        let opened = patiently(&waiting, || schema::open(folder, endpoint, newer))?;
        let schema::Opened { connection, migrated, trust } = opened;
        let path = folder.join(FILE);
        lock.places.keep(&path)?;
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&path, &error);
        let touched = Touched::by(&connection).map_err(failed)?;
        if let Some(lost) = lost {
            lost.take_up(&connection, &waiting)?;
        }
        // Before it is in use: a ledger in use without its events is taken for a bad copy.
        let mut events = EventLog::open(Parts::new(folder), &connection, trust)?;
        let transaction = begin(&connection, &path, &waiting)?;
        let run = claim(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        // Where locks do not hold, another run may have had it until now.
        events.keep_up(&connection)?;
        schema::show_in_use(&connection, &path)?;
        let mut store = Self {
            path,
            connection,
            events,
            feeder: None,
            purse: Purse::default(),
            spent: Arc::default(),
            touched,
            left_out: Arc::default(),
            recovered: 0,
            migrated,
            fence: Fence { run, places: lock.places.clone() },
            share: None,
            waiting: Quiet(waiting),
            _lock: lock,
        };
        store.write(|write| write.watch_shared())?;
        store.recovered = store.recover()?;
        Ok(store)
    }

    /// Has somebody else told of another program that keeps the ledger waiting.
    pub fn tell_waiting(&mut self, waiting: Waiting) {
        self.waiting = Quiet(waiting);
    }

    /// What became of the ledger if an older release wrote it.
    #[must_use]
    pub fn migrated(&self) -> Option<&Migrated> {
        self.migrated.as_ref()
    }

    /// How many pairs were found `sending`, and are in doubt now.
    #[must_use]
    pub fn recovered(&self) -> usize {
        self.recovered
    }

    /// Brings the ledger up to date with a manifest, in one transaction. Pairs that it does not
    /// list stay, and are no longer listed.
    ///
    /// # Errors
    /// When the file system refuses; nothing is listed then.
    pub fn list(&mut self, pairs: &[Pair]) -> Result<Listing, LedgerError> {
        self.list_from(None, |list| pairs.iter().try_for_each(list))
    }

    /// The same with pairs that somebody gives one by one. `digest` tells what is listed from anything
    /// else, where nothing but the manifest decides it; see [`View::has_listed`].
    ///
    /// # Errors
    /// As [`Store::list`], or what the giver says.
    pub fn list_from<E: From<LedgerError>>(
        &mut self,
        digest: Option<&str>,
        give: impl FnOnce(&mut dyn FnMut(&Pair) -> Result<(), LedgerError>) -> Result<(), E>,
    ) -> Result<Listing, E> {
        let bulk = self.write(|write| write.is_blank())?;
        if bulk {
            self.begin_bulk()?;
        }
        let listed: Result<_, E> = self.write(|write| {
            let mut lister = Lister::new(write)?;
            give(&mut |pair| lister.add(pair))?;
            Ok(lister.end(digest)?)
        });
        let ended = if bulk { self.end_bulk() } else { Ok(()) };
        let listed = listed?;
        ended?;
        Ok(listed)
    }

    /// What a ledger begins with goes past the write-ahead log, which would hold all of it a second
    /// time; unless somebody reads it now.
    fn begin_bulk(&self) -> Result<(), LedgerError> {
        match self.journal("DELETE") {
            Err(LedgerError::Busy { .. }) => Ok(()),
            begun => begun,
        }
    }

    fn end_bulk(&self) -> Result<(), LedgerError> {
        patiently(&self.waiting.0, || self.journal("WAL"))?;
        // A journal that comes back after a power cut would undo what is written from now on.
        let folder = folder_of(&self.path);
        sync_folder(folder).map_err(|error| LedgerError::io(folder, error))
    }

    fn journal(&self, mode: &str) -> Result<(), LedgerError> {
        let set = self.connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()));
        set.map_err(|error| LedgerError::sqlite(&self.path, &error))
    }

    /// Writes down how long recordings are, by the ids of their pairs.
    ///
    /// # Errors
    /// When the file system refuses; none is written down then.
    pub fn measure(&mut self, lengths: &[(&str, Duration)]) -> Result<(), LedgerError> {
        self.write(|write| write.measure(lengths))
    }

    /// Leaves pairs out of this run, by their folded ids, and those that it left out before: they
    /// stay as they are.
    pub fn leave_out(&mut self, ids: HashSet<String>) {
        Arc::make_mut(&mut self.left_out).extend(ids);
    }

    fn recover(&mut self) -> Result<usize, LedgerError> {
        self.write(|write| write.recover())
    }

    /// Runs one transaction. When it returns, all of it is durable and logged, or none of it was
    /// done.
    pub(super) fn write<T, E: From<LedgerError>>(
        &mut self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let (result, committed) = self.commit(|write| {
            write.must_be_ours()?;
            work(write)
        })?;
        self.log(&committed)?;
        Ok(result)
    }

    /// Runs one transaction and returns what it changed, committed but not yet logged.
    pub(super) fn commit<T, E: From<LedgerError>>(
        &mut self,
        work: impl FnOnce(&mut Write<'_>) -> Result<T, E>,
    ) -> Result<(T, Committed), E> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&self.path, &error);
        let transaction = begin(&self.connection, &self.path, &self.waiting.0)?;
        let mut purse = self.purse;
        let mut write = Write::new(&transaction, &self.path, &mut purse)?;
        write.worker = self.share.as_ref().map(Share::worker);
        write.look_aside(&self.fence)?;
        let aside = write.aside.clone();
        let result = work(&mut write)?;
        let forgets = self.touched.is_news();
        if forgets {
            write.forget_sheet()?;
        }
        let (news, tasks) = (write.news_of_changes()?, std::mem::take(&mut write.tasks));
        let changes = write.finish()?;
        transaction.commit().map_err(failed)?;
        self.purse = purse;
        self.spent.store(purse.shown(), Ordering::Relaxed);
        if forgets {
            self.touched.is_told();
        }
        if aside.is_some() {
            self.leave_alone();
        }
        Ok((result, Committed { changes, news, tasks, aside }))
    }

    /// What belongs to another run now, or is at a path that leads elsewhere, is not tidied up.
    fn leave_alone(&self) {
        // Without it the write-ahead log stays anyway, unless nobody else has it open.
        let _ = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    }

    /// The log of a ledger that another run has is that run's to write.
    pub(super) fn log(&mut self, committed: &Committed) -> Result<(), LedgerError> {
        match committed.aside {
            Some(_) => Ok(()),
            None => self.events.append(&self.connection, &committed.changes),
        }
    }

    /// Reads what has been committed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn view(&self) -> Result<View, LedgerError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let missing = || LedgerError::io(&self.path, std::io::ErrorKind::NotFound);
        let mut view = View::open(folder)?.ok_or_else(missing)?;
        view.left_out = Arc::clone(&self.left_out);
        Ok(view)
    }

    /// Has the log whole and durable.
    fn end_log(&mut self) -> Result<(), LedgerError> {
        if self.events.is_torn() {
            let ((), committed) = self.commit(|_| Ok(()))?;
            self.log(&committed)?;
        }
        self.events.sync()
    }

    /// Marks the ledger as left in good order, once nothing more will be written.
    ///
    /// # Errors
    /// When the file system refuses, or another run has it; what was written stands all the same.
    pub fn close(self) -> Result<(), LedgerError> {
        self.close_with(None)
    }

    /// The same, and says what `tasks.csv` is if that was just written or looked at.
    pub(super) fn close_with(mut self, sheet: Option<&Sheet>) -> Result<(), LedgerError> {
        let shared = self.end_sharing();
        let logged = self.end_log();
        let run = self.fence.run.clone();
        let ((), Committed { aside, .. }) = self.commit(|write| {
            write.release(&run)?;
            sheet.map_or(Ok(()), |sheet| write.keep_sheet(&run, sheet))?;
            // Whoever opens a ledger in use looks through its log.
            if logged.is_ok() { write.leave_in_order(&run) } else { Ok(()) }
        })?;
        if aside.is_none() {
            // One file is left then, which can be copied, and read where nothing can be written. It
            // stays as it is while somebody else reads.
            let _ = self.connection.pragma_update(None, "journal_mode", "DELETE");
        }
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&self.path, &error);
        self.connection.close().map_err(|(_, error)| failed(error))?;
        aside.map_or(logged.and(shared), Err)
    }
}
