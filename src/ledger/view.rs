//! Reads a ledger without its lock, also while a run writes it.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Row as SqlRow, params};

use super::columns::{PLANNED, ROW, duration, read_next, read_row, read_task};
use super::event_log::{self, AppendedBy, Parts, columns};
use super::lookup::state_at;
use super::read::{Read, open_beside, open_to_read};
use super::{FILE, LedgerError, Planned, Task, is_under_way};
use crate::files::folder_of;
use crate::pair::{TaskId, folded};
use crate::plan::Known;
use crate::state::State;
use crate::view::Row;

/// A reader. Each question sees one consistent moment.
#[derive(Debug)]
pub struct View {
    path: PathBuf,
    pub(super) read: Read,
    /// The folded ids of pairs that nobody is given.
    pub(super) left_out: Arc<HashSet<String>>,
    /// Whether a run held it when that was first asked.
    pub(super) under_way: OnceCell<bool>,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// All of them.
    All,
    /// Those of pairs that are neither planned nor under way.
    Settled,
}

/// A pair whose money may be spent: what is no longer listed is not forgotten for that.
const TAKEN_UP: &str = "(s.attempt > 0 OR s.task_id IS NOT NULL)";

impl View {
    /// Opens the ledger of a run folder; `None` if it has none yet.
    ///
    /// # Errors
    /// When it is damaged or newer, or the file system refuses.
    pub fn open(folder: &Path) -> Result<Option<Self>, LedgerError> {
        let path = folder.join(FILE);
        let (left_out, under_way) = (Arc::default(), OnceCell::new());
        Ok(open_to_read(folder)?.map(|read| Self { path, read, left_out, under_way }))
    }

    /// Beside a connection of this process that writes.
    pub(super) fn beside(path: &Path) -> Result<Self, LedgerError> {
        let (left_out, under_way) = (Arc::default(), OnceCell::new());
        Ok(Self { path: path.to_owned(), read: open_beside(path)?, left_out, under_way })
    }

    /// With the folder in which it lies, which is nobody else's.
    #[cfg(feature = "postgres")]
    pub(super) fn lasting(mut self, place: tempfile::TempDir) -> Self {
        self.read.place = Some(place);
        self
    }

    /// Whether it shows the moment in which it was opened and no later one: the file is of an older
    /// format, and this is a copy in today's. Whatever opens it to write brings the file up to date.
    #[must_use]
    pub fn is_copy(&self) -> bool {
        self.read.is_copy
    }

    /// Writes `events.jsonl` and the files after it anew where they are not as the ledger has it, and
    /// names them. What a run under way is appending to is left to it. An older ledger's are not
    /// touched: it has no events.
    ///
    /// # Errors
    /// [`LedgerError::Behind`] if they have more than the ledger; or when the file system refuses.
    pub fn write_events(&self) -> Result<Vec<PathBuf>, LedgerError> {
        if self.is_copy() {
            return Ok(Vec::new());
        }
        let folder = self.folder();
        let by = if is_under_way(folder) { AppendedBy::Run } else { AppendedBy::Nobody };
        let write = |read: &Read| event_log::write_all(&Parts::new(folder), &read.connection, by);
        // A run that began meanwhile appends what only a new reader sees.
        match (by, open_to_read(folder)?.filter(|_| self.is_outdated())) {
            (_, Some(read)) if !read.is_copy => write(&read),
            _ => write(&self.read),
        }
    }

    /// Whether a run has begun, or was there, since this reader was opened, and it cannot see what that
    /// run writes. What it gave, errors included, may be stale or of several moments: whoever needs it
    /// right asks a new one once more.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let began = || self.under_way.get() == Some(&false) && is_under_way(self.folder());
        self.read.is_outdated(&self.path) || began()
    }

    /// The endpoint whose tasks these are.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn endpoint(&self) -> Result<String, LedgerError> {
        self.ask("SELECT endpoint FROM batch", (), |row| row.get(0))?
            .pop()
            .ok_or_else(|| self.failed(&rusqlite::Error::QueryReturnedNoRows))
    }

    /// What is known of a pair, by its id without case.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn known(&self, id: &str) -> Result<Option<Known>, LedgerError> {
        let sql = "SELECT state, fingerprint, audio_millis, standings.take
            FROM pairs JOIN standings USING (pair) WHERE id = ?1";
        let read = |row: &SqlRow<'_>| {
            let (state, fingerprint, audio) = (state_at(row, 0)?, row.get(1)?, duration(row, 2)?);
            Ok(Known { state, fingerprint, audio, take: row.get(3)? })
        };
        Ok(self.ask(sql, [id], read)?.pop())
    }

    /// How many listed pairs stand in each state that any stands in.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn counts(&self) -> Result<Vec<(State, u64)>, LedgerError> {
        if let Some(counts) = self.sheet()?.and_then(|sheet| sheet.counts()) {
            return Ok(counts);
        }
        // Reading what pairs ask for takes several times as long, and so does sorting them.
        let which = match self.lists_all()? {
            true => "standings",
            false => {
                "pairs JOIN standings USING (pair) WHERE listing = (SELECT listing FROM batch)"
            }
        };
        let count = |state: State| format!("count(*) FILTER (WHERE state = '{}')", state.name());
        let sql = format!("SELECT {} FROM {which}", State::ALL.map(count).join(", "));
        let counts = self.ask(&sql, (), |row| {
            let counted = State::ALL.into_iter().enumerate();
            counted.map(|(column, state)| Ok((state, row.get(column)?))).collect()
        })?;
        let mut counts: Vec<(State, u64)> =
            counts.into_iter().flat_map(|all: Vec<_>| all).collect();
        counts.retain(|(_, count)| *count > 0);
        counts.sort_unstable();
        Ok(counts)
    }

    /// How many pairs were sent once, and are no longer in the manifest.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unlisted(&self) -> Result<u64, LedgerError> {
        if self.lists_all()? {
            return Ok(0);
        }
        let sql = format!(
            "SELECT count(*) FROM pairs p JOIN standings s USING (pair)
                WHERE p.listing < (SELECT listing FROM batch) AND {TAKEN_UP}"
        );
        Ok(self.ask(&sql, (), |row| row.get(0))?.pop().unwrap_or(0))
    }

    /// Whether the last listing was of this very list, and another one would change nothing.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_listed(&self, digest: &str) -> Result<bool, LedgerError> {
        self.one("SELECT listed IS ?1 FROM batch", [digest])
    }

    /// Whether the manifest lists every pair of the ledger.
    pub(super) fn lists_all(&self) -> Result<bool, LedgerError> {
        self.one("SELECT all_listed FROM batch", ())
    }

    /// Gives the rows of the batch to `each`: listed pairs in manifest order, then those that were
    /// sent and are no longer listed. Holds one row in memory at a time.
    ///
    /// # Errors
    /// When the file cannot be read, or `each` fails.
    pub fn each_row<E: From<LedgerError>>(
        &self,
        rows: Rows,
        mut each: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        let settled = match rows {
            Rows::All => "",
            Rows::Settled => "AND s.state NOT IN ('planned', 'sending')",
        };
        self.each_of(ROW, settled, read_row, &mut each)
    }

    /// The same of any columns, of which `read` makes what is wanted.
    pub(super) fn each_of<T, E: From<LedgerError>>(
        &self,
        columns: &str,
        and_where: &str,
        read: fn(&SqlRow<'_>) -> rusqlite::Result<T>,
        mut each: impl FnMut(T) -> Result<(), E>,
    ) -> Result<(), E> {
        let failed = |error| E::from(self.failed(&error));
        // Two queries that follow an index each; one that sorts would hold the batch in memory.
        for listed in [
            "p.listing = (SELECT listing FROM batch)".to_owned(),
            format!("p.listing < (SELECT listing FROM batch) AND {TAKEN_UP}"),
        ] {
            let sql = format!(
                "SELECT {columns} FROM pairs p CROSS JOIN standings s USING (pair)
                    WHERE {listed} {and_where} ORDER BY p.place, p.pair"
            );
            let mut statement = self.read.connection.prepare(&sql).map_err(failed)?;
            let mut rows = statement.query(()).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                each(read(row).map_err(failed)?)?;
            }
        }
        Ok(())
    }

    /// The next listed pairs that are planned, in manifest order: those after a place, or from the
    /// start.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn planned(&self, after: Option<i64>, most: usize) -> Result<Vec<Planned>, LedgerError> {
        if self.is_none_in(State::Planned)? {
            return Ok(Vec::new());
        }
        let sql = format!("{PLANNED} AND place > ?2 ORDER BY place LIMIT ?3");
        let mut from = after.unwrap_or(-1);
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        loop {
            let mut page = self.ask(&sql, params![State::Planned.name(), from, most], read_next)?;
            let Some(last) = page.last() else { return Ok(page) };
            from = last.place;
            page.retain(|planned| !self.leaves_out(&planned.id));
            if !page.is_empty() {
                return Ok(page);
            }
        }
    }

    /// Goes through the portraits and recordings of listed pairs that are planned, as the manifest names
    /// them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_planned(&self, mut each: impl FnMut([&str; 2])) -> Result<(), LedgerError> {
        let sql = format!("SELECT image_url, audio_url FROM ({PLANNED})");
        let mut go = || {
            let mut statement = self.read.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([State::Planned.name()])?;
            while let Some(row) = rows.next()? {
                each([row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?]);
            }
            Ok(())
        };
        go().map_err(|error| self.failed(&error))
    }

    /// How many listed planned pairs this run leaves out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn left_out(&self) -> Result<u64, LedgerError> {
        let mut count = 0;
        if !self.left_out.is_empty() {
            let is_left = |id: &str, state| state == State::Planned && self.leaves_out(id);
            self.each_id(|id, state| count += u64::from(is_left(id, state)))?;
        }
        Ok(count)
    }

    /// Whether a pair is left out of this run.
    #[must_use]
    pub fn leaves_out(&self, id: &str) -> bool {
        is_among(&self.left_out, id)
    }

    /// All pairs in a state that comes after a task, whether listed or not: they are paid for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn tasks(&self, state: State) -> Result<Vec<Task>, LedgerError> {
        let sql = "SELECT pair, attempt, id, task_id, created_at, estimate, video_url, linked_at,
                error_code, since, standings.take FROM pairs JOIN standings USING (pair)
            WHERE state = ?1 AND task_id IS NOT NULL ORDER BY created_at, pair";
        self.ask(sql, [state.name()], read_task)
    }

    /// The ids of all tasks that pairs have or had.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn task_ids(&self) -> Result<Vec<TaskId>, LedgerError> {
        let sql = "SELECT task_id FROM standings WHERE task_id IS NOT NULL
            UNION SELECT task_id FROM former_tasks";
        let ids: Vec<String> = self.ask(sql, (), |row| row.get(0))?;
        Ok(ids.iter().filter_map(|id| TaskId::parse(id).ok()).collect())
    }

    /// The pairs that have a link and no file yet, the link that dies first first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unsaved(&self) -> Result<Vec<Row>, LedgerError> {
        if self.is_none_in(State::Completed)? {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT {ROW} FROM pairs p JOIN standings s USING (pair)
                WHERE s.state = ?1 ORDER BY s.linked_at, p.place"
        );
        self.ask(&sql, [State::Completed.name()], read_row)
    }

    /// What an event is read from.
    pub(super) fn columns_of_events(&self) -> Result<String, LedgerError> {
        columns(&self.read.connection).map_err(|error| self.failed(&error))
    }

    /// The number of the last event.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_event(&self) -> Result<u64, LedgerError> {
        event_log::last_event(&self.read.connection, self.folder())
    }

    /// How long creates took to be answered and tasks to end, in the mean of the latest: of what
    /// happened, or else of what the server expects. Nothing where neither is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn paces(&self) -> Result<(Option<Duration>, Option<Duration>), LedgerError> {
        let mean = |sql: &str| -> Result<Option<Duration>, LedgerError> {
            let mean = self.ask(sql, (), |row| row.get::<_, Option<f64>>(0))?.pop().flatten();
            Ok(mean.map(|millis| Duration::from_secs_f64(millis.max(0.0) / 1000.0)))
        };
        let answer = "SELECT avg(settled - intended) FROM (SELECT settled, intended FROM attempts
            WHERE event = 'accepted' AND NOT EXISTS (SELECT 1 FROM keys k WHERE k.pair = attempts.pair
                AND k.attempt = attempts.attempt AND k.again > 0)
            ORDER BY settled DESC LIMIT 1000)";
        let task = "SELECT coalesce(avg(linked_at - created_at), avg(estimate)) FROM (
            SELECT linked_at, created_at, estimate FROM standings
            WHERE created_at IS NOT NULL ORDER BY created_at DESC LIMIT 1000)";
        Ok((mean(answer)?, mean(task)?))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn folder(&self) -> &Path {
        folder_of(&self.path)
    }

    pub(super) fn ask<T>(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
        read: impl FnMut(&SqlRow<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, LedgerError> {
        self.read
            .connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(params, read)?.collect())
            .map_err(|error| self.failed(&error))
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(&self.path, error)
    }
}

/// Whether a pair is one of those that are left out.
pub(super) fn is_among(left_out: &HashSet<String>, id: &str) -> bool {
    !left_out.is_empty() && left_out.contains(&folded(id))
}
