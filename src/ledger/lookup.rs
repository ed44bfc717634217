//! What an open transaction asks the ledger.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Params, Row};

use super::permit::Occasion;
use super::purse::charge_at;
use super::write::{Known, Write};
use super::{Intent, LedgerError, Planned};
use crate::state::State;

impl Write<'_> {
    /// The pairs whose create was under way when the last run ended.
    pub(super) fn pending(&self) -> Result<Vec<Intent>, LedgerError> {
        if self.is_none_in(State::Sending)? {
            return Ok(Vec::new());
        }
        self.intents("state = ?1 ORDER BY place", [State::Sending.name()])
    }

    /// A planned pair as the events of it need it.
    pub(super) fn intent_of(&self, planned: &Planned) -> Result<Intent, LedgerError> {
        let missing = || LedgerError::Unknown { id: planned.id.to_string() };
        self.intents("pair = ?1", [planned.pair])?.pop().ok_or_else(missing)
    }

    pub(super) fn intents(
        &self,
        which: &str,
        params: impl Params,
    ) -> Result<Vec<Intent>, LedgerError> {
        let sql = format!(
            "SELECT pair, attempt, since, id, image_url, audio_url, audio_millis, seconds, price,
                standings.take FROM pairs JOIN standings USING (pair) WHERE {which}"
        );
        let read = self
            .transaction
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_map(params, read_intent)?.collect());
        read.map_err(|error| self.failed(&error))
    }

    /// A pair by its id, whatever its case.
    pub(super) fn find(&self, id: &str) -> Result<Option<Known>, LedgerError> {
        let sql =
            "SELECT pair, attempt, since, id, image_url, audio_url, audio_millis, seconds, price,
                standings.take, state, fingerprint, place, listing, changed, pairs.take, tags
            FROM pairs JOIN standings USING (pair) WHERE id = ?1";
        self.query_row(sql, [id], |row| {
            Ok(Known {
                intent: read_intent(row)?,
                state: state_at(row, 10)?,
                fingerprint: row.get(11)?,
                place: row.get(12)?,
                listing: row.get(13)?,
                changed: row.get(14)?,
                take: row.get(15)?,
                tags: row.get(16)?,
            })
        })
    }

    pub(super) fn execute(&self, sql: &str, params: impl Params) -> Result<usize, LedgerError> {
        let done = self.transaction.prepare_cached(sql).and_then(|mut s| s.execute(params));
        done.map_err(|error| self.failed(&error))
    }

    /// The row of a query that always has one.
    pub(super) fn only_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, LedgerError> {
        let missing = || self.failed(&rusqlite::Error::QueryReturnedNoRows);
        self.query_row(sql, params, read)?.ok_or_else(missing)
    }

    pub(super) fn query_row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, LedgerError> {
        let row = self
            .transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, read).optional());
        row.map_err(|error| self.failed(&error))
    }

    pub(super) fn failed(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(self.path, error)
    }
}

pub(super) fn read_intent(row: &Row<'_>) -> rusqlite::Result<Intent> {
    let [id, image, audio]: [String; 3] = [row.get(3)?, row.get(4)?, row.get(5)?];
    Ok(Intent {
        pair: row.get(0)?,
        attempt: row.get(1)?,
        take: row.get(9)?,
        intended: row.get(2)?,
        id: Arc::from(id),
        media: [image.into(), audio.into()],
        audio: row.get::<_, Option<u64>>(6)?.map(Duration::from_millis),
        charge: charge_at(row, 7)?,
        occasion: Occasion::First,
        keyed: false,
    })
}

/// The state in a column.
pub(super) fn state_at(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let name = row.get_ref(column)?.as_str()?;
    State::from_name(name).ok_or_else(|| {
        let error = format!("unknown state {name:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    })
}

/// As it is stored.
pub(super) fn millis(duration: Option<Duration>) -> Option<i64> {
    duration.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}
