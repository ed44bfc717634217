//! What is known of the rows of `tasks.csv` as long as none of them changes: what the file is, so that
//! its own bytes tell whether it is still good, and how many pairs stand in which state.
//!
//! SQLite says of each row that it writes which table it is in, so that no change of a pair can be
//! forgotten here. The first change takes the word back, in its own transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::Connection;
use rusqlite::hooks::Action;
use serde::{Deserialize, Serialize};

use super::write::Write;
use super::{LedgerError, View};
use crate::state::State;

/// The tables that the rows of `tasks.csv` are read from.
const TABLES: [&str; 2] = ["pairs", "standings"];

/// What is known as long as no row changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// What the file is, in the words of whoever wrote it.
    pub file: String,
    /// The last word of a person that it may show.
    #[serde(default)]
    reviews: u64,
    /// How many listed pairs stand in each state that any stands in.
    states: BTreeMap<String, u64>,
}

impl Sheet {
    /// Of a file that shows the rows, and what [`View::counts`] says of them. People may have said more
    /// since the file was begun: up to which word it has them all, [`View::seen`] said before.
    #[must_use]
    pub fn new(file: String, counts: &[(State, u64)], reviews: u64) -> Self {
        let states = counts.iter().map(|(state, count)| (state.name().to_owned(), *count));
        Self { file, reviews, states: states.collect() }
    }

    fn has_none_in(sheet: Option<String>, state: State) -> bool {
        let sheet: Option<Self> = sheet.and_then(|sheet| serde_json::from_str(&sheet).ok());
        sheet.is_some_and(|sheet| !sheet.states.contains_key(state.name()))
    }

    /// As [`View::counts`] says it; nothing if another release has other states.
    pub(super) fn counts(&self) -> Option<Vec<(State, u64)>> {
        let counts =
            self.states.iter().map(|(name, count)| Some((State::from_name(name)?, *count)));
        let mut counts: Vec<_> = counts.collect::<Option<_>>()?;
        counts.sort_unstable();
        Some(counts)
    }
}

/// Whether a connection has changed any row that `tasks.csv` shows.
#[derive(Debug)]
pub(super) struct Touched {
    rows: Arc<AtomicBool>,
    /// Whether the ledger says already that nobody knows what the file is.
    forgotten: bool,
}

impl Touched {
    /// Watches a connection from now on.
    pub(super) fn by(connection: &Connection) -> rusqlite::Result<Self> {
        let rows = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&rows);
        connection.update_hook(Some(move |_: Action, _: &str, table: &str, _: i64| {
            if TABLES.contains(&table) {
                seen.store(true, Ordering::Relaxed);
            }
        }))?;
        Ok(Self { rows, forgotten: false })
    }

    /// Whether a transaction has to say that the file is out of date.
    pub(super) fn is_news(&self) -> bool {
        !self.forgotten && self.rows.load(Ordering::Relaxed)
    }

    /// A transaction that says so is committed.
    pub(super) fn is_told(&mut self) {
        self.forgotten = true;
    }
}

/// Of a batch whose pairs are all listed.
const OF_ALL: &str = "SELECT sheet FROM batch WHERE all_listed";

impl Write<'_> {
    /// Whether it is known without a look that no pair stands in a state.
    pub(super) fn is_none_in(&self, state: State) -> Result<bool, LedgerError> {
        let sheet = self.query_row(OF_ALL, (), |row| row.get(0))?.flatten();
        Ok(Sheet::has_none_in(sheet, state))
    }

    /// Nobody knows what `tasks.csv` is.
    pub(super) fn forget_sheet(&self) -> Result<(), LedgerError> {
        self.execute("UPDATE batch SET sheet = NULL", ()).map(drop)
    }

    /// `tasks.csv` is as the rows are; unless another run has them.
    pub(super) fn keep_sheet(&self, run: &str, sheet: &Sheet) -> Result<(), LedgerError> {
        let sql = "UPDATE batch SET sheet = ?2 WHERE run = ?1 AND sheet IS NOT ?2";
        // Names and numbers: there is nothing in it that has no JSON.
        let Ok(sheet) = serde_json::to_string(sheet) else { return Ok(()) };
        self.execute(sql, [run, &sheet]).map(drop)
    }
}

impl View {
    /// What `tasks.csv` was when it was last whole, if no row has changed since, and nobody has said
    /// anything of one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn sheet(&self) -> Result<Option<Sheet>, LedgerError> {
        let sheet: Option<String> = self.one("SELECT sheet FROM batch", ())?;
        let sheet: Option<Sheet> = sheet.and_then(|sheet| serde_json::from_str(&sheet).ok());
        let reviews: u64 = self.one("SELECT coalesce(max(n), 0) FROM reviews", ())?;
        Ok(sheet.filter(|sheet| sheet.reviews == reviews))
    }

    /// Whether it is known without a look that no pair stands in a state, whether listed or not.
    pub(super) fn is_none_in(&self, state: State) -> Result<bool, LedgerError> {
        let sheet = self.ask(OF_ALL, (), |row| row.get(0))?.pop().flatten();
        Ok(Sheet::has_none_in(sheet, state))
    }
}
