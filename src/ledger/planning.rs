//! A manifest against a ledger without holding either: pairs come one at a time, and what is known of
//! them goes by in the same order.

use rusqlite::{Row as SqlRow, params};

use super::columns::duration;
use super::lookup::state_at;
use super::renames::SENT;
use super::seen::Seen;
use super::{LedgerError, View};
use crate::pair::{Fingerprint, Pair};
use crate::plan::Known;
use crate::state::State;

/// A listed pair as the ledger has it.
#[derive(Debug, Clone, Copy)]
pub struct Stood<'r> {
    /// What it is called.
    pub id: &'r str,
    /// Where it stands.
    pub state: State,
    /// How long its recording is, if it was measured.
    pub audio: Option<std::time::Duration>,
    /// Its portrait and its recording, as the manifest names them.
    pub media: [&'r str; 2],
    /// The JSON that was or will be sent.
    pub body: &'r str,
}

/// The same, of which the manifest is read as well.
#[derive(Debug, Clone)]
pub struct Stand {
    /// What it is called.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// How long its recording is, if it was measured.
    pub audio: Option<std::time::Duration>,
    place: i64,
}

/// What a pair of a manifest is to a ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// It asks for what the ledger has under its id.
    Same(Known),
    /// The ledger has it, and with another request.
    Changed(Known),
    /// The ledger does not have it.
    New,
    /// What it asks for was sent, and not under its id: it may be one that has another id now.
    Renamed,
}

/// The pairs of a manifest, compared with a ledger one after the other.
#[derive(Debug)]
pub struct Comparison<'v> {
    view: &'v View,
    /// The rows of those that the manifest has.
    seen: Seen,
}

impl View {
    /// Gives all listed pairs to `each`, in manifest order. Holds one in memory at a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_listed(&self, mut each: impl FnMut(Stood<'_>)) -> Result<(), LedgerError> {
        let sql = "SELECT state, audio_millis, image_url, audio_url, body, id
            FROM pairs CROSS JOIN standings USING (pair)
            WHERE listing = (SELECT listing FROM batch) ORDER BY place";
        let mut go = || {
            let mut statement = self.read.connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let media = [row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?];
                let (state, audio) = (state_at(row, 0)?, duration(row, 1)?);
                let (body, id) = (row.get_ref(4)?.as_str()?, row.get_ref(5)?.as_str()?);
                each(Stood { id, state, audio, media, body });
            }
            Ok(())
        };
        go().map_err(|error| self.failed(&error))
    }

    /// Gives the ids of all listed pairs to `each`, in manifest order, with where they stand.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_id(&self, mut each: impl FnMut(&str, State)) -> Result<(), LedgerError> {
        let sql = "SELECT state, id FROM pairs CROSS JOIN standings USING (pair)
            WHERE listing = (SELECT listing FROM batch) ORDER BY place";
        let mut go = || {
            let mut statement = self.read.connection.prepare_cached(sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                each(row.get_ref(1)?.as_str()?, state_at(row, 0)?);
            }
            Ok(())
        };
        go().map_err(|error| self.failed(&error))
    }

    /// The next listed pairs in manifest order: those after one, or from the start.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn listed_after(&self, last: Option<&Stand>) -> Result<Vec<Stand>, LedgerError> {
        let sql = "SELECT id, state, audio_millis, place
            FROM pairs CROSS JOIN standings USING (pair)
            WHERE listing = (SELECT listing FROM batch) AND place > ?1 ORDER BY place LIMIT 1000";
        let read = |row: &SqlRow<'_>| {
            let (id, place) = (row.get(0)?, row.get(3)?);
            Ok(Stand { id, state: state_at(row, 1)?, audio: duration(row, 2)?, place })
        };
        self.ask(sql, [last.map_or(-1, |stand| stand.place)], read)
    }

    /// How many pairs had creates, and are no longer listed.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn created_and_unlisted(&self) -> Result<u64, LedgerError> {
        if self.lists_all()? {
            return Ok(0);
        }
        self.one(
            "SELECT count(*) FROM pairs JOIN standings USING (pair)
                WHERE listing < (SELECT listing FROM batch) AND attempt > 0",
            (),
        )
    }
}

impl<'v> Comparison<'v> {
    /// With what the ledger has.
    #[must_use]
    pub fn new(view: &'v View) -> Self {
        Self { view, seen: Seen::default() }
    }

    /// Compares the next pair.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn add(&mut self, pair: &Pair) -> Result<Match, LedgerError> {
        let sql = "SELECT pair, state, fingerprint, audio_millis, standings.take
            FROM pairs JOIN standings USING (pair) WHERE id = ?1";
        let read = |row: &SqlRow<'_>| {
            let (state, fingerprint) = (state_at(row, 1)?, row.get(2)?);
            let (audio, take) = (duration(row, 3)?, row.get(4)?);
            Ok((row.get(0)?, Known { state, fingerprint, audio, take }))
        };
        let found = self.view.ask(sql, [pair.id.as_str()], read)?.pop();
        let asked = Fingerprint::of(&pair.request.body());
        if let Some((row, _)) = &found {
            self.seen.add(*row);
        }
        match found {
            Some((_, known)) if known.fingerprint == asked.as_bytes() => Ok(Match::Same(known)),
            _ if self.was_sent(&asked, pair.take)? => Ok(Match::Renamed),
            Some((_, known)) => Ok(Match::Changed(known)),
            None => Ok(Match::New),
        }
    }

    fn was_sent(&self, asked: &Fingerprint, take: u32) -> Result<bool, LedgerError> {
        let sent = self.view.ask(SENT, params![asked.as_bytes(), take], |_| Ok(()))?;
        Ok(!sent.is_empty())
    }

    /// How many pairs had creates, and were not among those that were compared.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn created_and_gone(&self) -> Result<u64, LedgerError> {
        let mut gone = 0;
        let sql = "SELECT pair FROM standings WHERE attempt > 0";
        self.view.ask(sql, (), |row| {
            gone += u64::from(!self.seen.has(row.get(0)?));
            Ok(())
        })?;
        Ok(gone)
    }
}
