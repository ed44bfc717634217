//! What the fan-out asks in an outage: whether it goes on, which pairs are in doubt for it, and which
//! pair to try alone.

use rusqlite::types::FromSql;
use rusqlite::{Params, params};

use super::columns::{PLANNED, read_next};
use super::permit::UNSENT;
use super::{LedgerError, Planned, View};
use crate::state::State;

/// A pair whose create is in doubt and not settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubted {
    /// Its portrait, as the manifest names it.
    pub image: String,
    /// Its recording, as the manifest names it.
    pub audio: String,
    /// Where it stands in the manifest, from 0.
    pub place: i64,
}

/// The code of a doubt that is no sign of an outage: the API answered with another pair's task.
pub(super) const SAME_TASK: &str = "same_task";

impl Planned {
    /// Its portrait, as the manifest names it.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.media[0]
    }

    /// Its recording, as the manifest names it.
    #[must_use]
    pub fn audio(&self) -> &str {
        &self.media[1]
    }

    /// Where it stands in the manifest, from 0.
    #[must_use]
    pub fn place(&self) -> i64 {
        self.place
    }
}

impl View {
    /// Whether the last `n` creates that were settled are all in doubt and nobody has looked into
    /// one of them. False while there were fewer.
    ///
    /// A doubt over a task that another pair has is no such doubt: the API was there to answer.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last_are_doubts(&self, n: u32) -> Result<bool, LedgerError> {
        let unsettled = "event = 'lost' AND verdict IS NULL AND code <> 'same_task'";
        let doubts = format!("SELECT count(*) FROM attempts WHERE {unsettled}");
        let doubts: u64 = self.one(&doubts, ())?;
        // Only a ledger with doubts is looked through for the last attempts.
        if n == 0 || doubts < n.into() {
            return Ok(false);
        }
        let sql = format!(
            "SELECT count(*) FROM (SELECT {unsettled} AS doubt FROM attempts
                WHERE attempt > 0 AND NOT (code IS 'not_sent' AND message IS ?2)
                ORDER BY settled DESC, {unsettled} LIMIT ?1) WHERE doubt"
        );
        Ok(self.one::<u32>(&sql, params![n, UNSENT])? == n)
    }

    /// The pairs in doubt that nobody has settled, listed or not, in manifest order; but not those
    /// whose answer named another pair's task.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn doubted(&self) -> Result<Vec<Doubted>, LedgerError> {
        let sql = "SELECT image_url, audio_url, place FROM standings CROSS JOIN pairs USING (pair)
            WHERE state = 'in_doubt' AND error_code <> ?1 ORDER BY place";
        self.ask(sql, [SAME_TASK], |row| {
            Ok(Doubted { image: row.get(0)?, audio: row.get(1)?, place: row.get(2)? })
        })
    }

    /// The first listed planned pair that shares neither portrait nor recording with any of these
    /// and stands beside none of them in the manifest; else the first listed planned pair.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn planned_apart(&self, from: &[Doubted]) -> Result<Option<Planned>, LedgerError> {
        match self.first_apart(from, None)? {
            None => Ok(self.planned(None, 1)?.pop()),
            apart => Ok(apart),
        }
    }

    /// The same among the pairs at these places.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn planned_apart_among(
        &self,
        from: &[Doubted],
        places: &[i64],
    ) -> Result<Option<Planned>, LedgerError> {
        match self.first_apart(from, Some(places))? {
            None => Ok(self.planned_at(places)?.into_iter().next()),
            apart => Ok(apart),
        }
    }

    /// Which of the pairs at these places are planned, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn planned_at(&self, places: &[i64]) -> Result<Vec<Planned>, LedgerError> {
        let sql =
            format!("{PLANNED} AND place IN (SELECT value FROM json_each(?2)) ORDER BY place");
        let places = json(places.iter().copied());
        let mut planned = self.ask(&sql, params![State::Planned.name(), places], read_next)?;
        planned.retain(|planned| !self.leaves_out(&planned.id));
        Ok(planned)
    }

    fn first_apart(
        &self,
        from: &[Doubted],
        among: Option<&[i64]>,
    ) -> Result<Option<Planned>, LedgerError> {
        let among = among.map(|places| json(places.iter().copied()));
        let images = json(from.iter().map(|doubt| doubt.image.as_str()));
        let audios = json(from.iter().map(|doubt| doubt.audio.as_str()));
        let places = json(from.iter().flat_map(|doubt| (-1..=1).map(|step| doubt.place + step)));
        // Where the query is what tells media apart, all of them look alike without it.
        for medium in [unsigned, as_written] {
            let (image, audio, value) = (medium("image_url"), medium("audio_url"), medium("value"));
            let sql = format!(
                "{PLANNED} AND {image} NOT IN (SELECT {value} FROM json_each(?2))
                    AND {audio} NOT IN (SELECT {value} FROM json_each(?3))
                    AND place NOT IN (SELECT value FROM json_each(?4))
                    AND (?5 IS NULL OR place IN (SELECT value FROM json_each(?5))) ORDER BY place"
            );
            let known = params![State::Planned.name(), images, audios, places, among];
            let apart = self.first_taken_up(&sql, known)?;
            if apart.is_some() {
                return Ok(apart);
            }
        }
        Ok(None)
    }

    /// The first of some planned pairs that is not left out; the others are not kept.
    fn first_taken_up(
        &self,
        sql: &str,
        params: impl Params,
    ) -> Result<Option<Planned>, LedgerError> {
        let find = || {
            let mut statement = self.read.connection.prepare_cached(sql)?;
            let mut rows = statement.query(params)?;
            while let Some(row) = rows.next()? {
                let planned = read_next(row)?;
                if !self.leaves_out(&planned.id) {
                    return Ok(Some(planned));
                }
            }
            Ok(None)
        };
        find().map_err(|error| self.failed(&error))
    }

    /// A listed pair that is planned, by its id without case.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn planned_one(&self, id: &str) -> Result<Option<Planned>, LedgerError> {
        let sql = format!("{PLANNED} AND id = ?2");
        let planned = self.ask(&sql, [State::Planned.name(), id], read_next)?.pop();
        Ok(planned.filter(|planned| !self.leaves_out(&planned.id)))
    }

    /// How many tasks are unfinished at the server, also those of pairs that are no longer listed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn unfinished(&self) -> Result<u64, LedgerError> {
        if self.is_none_in(State::Created)? {
            return Ok(0);
        }
        self.one("SELECT count(*) FROM standings WHERE state = ?1", [State::Created.name()])
    }

    pub(super) fn one<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<T, LedgerError> {
        let row = self.ask(sql, params, |row| row.get(0))?.pop();
        row.ok_or_else(|| self.failed(&rusqlite::Error::QueryReturnedNoRows))
    }
}

/// A portrait that is signed anew for each pair is one portrait.
fn unsigned(column: &str) -> String {
    format!("substr({column}, 1, instr({column} || '?', '?') - 1)")
}

fn as_written(column: &str) -> String {
    column.to_owned()
}

fn json<T: Into<serde_json::Value>>(values: impl Iterator<Item = T>) -> String {
    serde_json::Value::from_iter(values).to_string()
}
