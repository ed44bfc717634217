//! Idempotency keys: each create has a fresh one of its own, durable with its intent and with the exact
//! body, wherever the service is said to honour them.
//!
//! A doubt that has a key may be sent again: the same attempt, the same bytes, the same key, as long as
//! the service remembers it, and only after an accepted create was sent again there and its own task
//! came back (see [`super::trial`]).

use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Row, params};
use rustls::crypto::SecureRandom;

use super::columns::{read_planned, time};
use super::permit::{Occasion, Permit};
use super::purse::charge_at;
use super::trial::{OUTCOMES, Replay, outcome_at};
use super::write::{Trace, Write};
use super::{Intent, LedgerError, Planned, Store, View};
use crate::pair::{Idempotency, IdempotencyKey, KeyHeader};
use crate::state::{Event, State};

/// Doubts that a key can settle: those that it was sent under the header of today, as long as the
/// service remembers it. An answer that named another pair's task would be the same again.
const WAITING: &str = "FROM standings s JOIN pairs USING (pair)
        JOIN keys k ON k.pair = s.pair AND k.attempt = s.attempt
    WHERE s.state = 'in_doubt' AND s.error_code <> 'same_task' AND k.ended IS NULL
        AND listing = (SELECT listing FROM batch)
        AND k.header = ?1 AND k.intended <= ?2 AND k.intended + ?3 > ?2";

/// What a [`Planned`] is read from, of a pair that is not planned.
pub(super) const PAIR: &str = "s.pair, place, id, pairs.body, audio_millis, image_url, audio_url";

/// How the keys of this ledger's creates are used now.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub(super) idempotency: Idempotency,
    /// Who is asked: the endpoint, and as whom. Another desk may know nothing of keys used here.
    pub(super) desk: String,
}

/// A create's key, and the header that it goes into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The header.
    pub header: KeyHeader,
    /// The key.
    pub key: IdempotencyKey,
}

/// A pair in doubt whose create has a key that the service should remember.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The pair, with the body that was sent.
    pub planned: Planned,
    /// Until when it may be sent again.
    pub until: Timestamp,
    /// Why it is in doubt, for programs.
    pub code: String,
    /// What is known of the service.
    pub replay: Replay,
    /// Who was asked.
    pub(super) desk: String,
}

impl Keyed {
    /// Who was asked.
    #[must_use]
    pub fn desk(&self) -> &str {
        &self.desk
    }
}

impl Store {
    /// Has creates carry keys from now on, or not. `desk` tells the endpoint and the account apart from
    /// others.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn use_keys(
        &mut self,
        idempotency: Option<&Idempotency>,
        desk: &str,
    ) -> Result<(), LedgerError> {
        let header = idempotency.map(|keys| keys.header.as_str());
        let window = idempotency.map(|keys| millis(keys.window));
        let sql = "UPDATE batch SET idempotency_header = ?1, idempotency_window = ?2, desk = ?3";
        self.write(|write| write.execute(sql, params![header, window, desk]).map(drop))
    }
}

impl View {
    /// How creates of the last run carried their keys, if they did.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn idempotency(&self) -> Result<Option<Idempotency>, LedgerError> {
        let sql = "SELECT idempotency_header, idempotency_window FROM batch";
        Ok(self.ask(sql, (), |row| idempotency_at(row, 0))?.pop().flatten())
    }

    /// The listed pairs in doubt that a key can settle now, oldest first; not those that this run leaves
    /// out, which it might pay for.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn keyed(&self, keys: &Idempotency, now: Timestamp) -> Result<Vec<Keyed>, LedgerError> {
        let sql = format!(
            "SELECT {PAIR}, k.body, k.intended + ?3, k.desk, error_code {WAITING} ORDER BY k.intended, place"
        );
        let mut keyed = self.ask(&sql, within(keys, now), |row| {
            let body: String = row.get(7)?;
            Ok(Keyed {
                planned: Planned { sent: Some(body.into()), ..read_planned(row)? },
                until: time(row, 8)?,
                replay: Replay::Unknown,
                desk: row.get(9)?,
                code: row.get(10)?,
            })
        })?;
        keyed.retain(|one| !self.leaves_out(&one.planned.id));
        for at in 0..keyed.len() {
            // Nearly always one desk.
            let known = keyed[..at].iter().rfind(|one| one.desk == keyed[at].desk);
            keyed[at].replay = match known.map(|one| one.replay) {
                Some(replay) => replay,
                None => self.replay(keys, &keyed[at].desk)?,
            };
        }
        Ok(keyed)
    }

    /// What is known of the desk of today, about creates that went to this one.
    fn replay(&self, keys: &Idempotency, desk: &str) -> Result<Replay, LedgerError> {
        let params = params![desk, self.desk()?, keys.header.as_str()];
        Ok(Replay::of(&self.ask(OUTCOMES, params, outcome_at)?))
    }

    /// Who is asked now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn desk(&self) -> Result<Option<String>, LedgerError> {
        self.one("SELECT desk FROM batch", ())
    }

    /// What is known of the service that creates are sent to now.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn replays_here(&self, keys: &Idempotency) -> Result<Replay, LedgerError> {
        self.desk()?.map_or(Ok(Replay::Unknown), |desk| self.replay(keys, &desk))
    }
}

/// The header, the time, and for how long after its intent a create may be sent again.
pub(super) fn within(keys: &Idempotency, now: Timestamp) -> [Sql; 3] {
    let header = keys.header.as_str().to_owned();
    [header.into(), now.as_millisecond().into(), millis(keys.usable()).into()]
}

impl Write<'_> {
    /// The permit to send a create, for whatever reason.
    pub(super) fn permit(
        &mut self,
        occasion: Occasion,
        planned: &Planned,
    ) -> Result<Permit, LedgerError> {
        match occasion {
            Occasion::First => self.intend(planned),
            Occasion::Again => self.repeat(planned),
            Occasion::Trial(_) => self.try_key(planned),
        }
    }

    /// A fresh key for the create that is about to be sent, if it shall have one.
    pub(super) fn name(&self, intent: &Intent, body: &[u8]) -> Result<Option<Named>, LedgerError> {
        let Some(Keys { idempotency, desk }) = &self.keys else { return Ok(None) };
        let header = idempotency.header.clone();
        let named = Named { header, key: IdempotencyKey::of(self.random()?) };
        self.execute(
            "INSERT INTO keys (pair, attempt, header, key, desk, intended, body)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                intent.pair,
                intent.attempt,
                named.header.as_str(),
                named.key.as_str(),
                desk,
                intent.intended,
                String::from_utf8_lossy(body),
            ],
        )?;
        Ok(Some(named))
    }

    fn random(&self) -> Result<[u8; 16], LedgerError> {
        static SOURCE: OnceLock<&dyn SecureRandom> = OnceLock::new();
        let source = SOURCE.get_or_init(|| rustls::crypto::ring::default_provider().secure_random);
        let mut bytes = [0; 16];
        let none = |_| LedgerError::io(self.path, std::io::Error::other("no random bytes"));
        source.fill(&mut bytes).map_err(none)?;
        Ok(bytes)
    }

    /// Records that the create of a pair in doubt is about to be sent again, under its own key.
    fn repeat(&mut self, planned: &Planned) -> Result<Permit, LedgerError> {
        self.must_be_ours()?;
        let (pair, event) = (planned.pair, Event::Repeated);
        let Some(keys) = self.keys.clone() else {
            return Err(self.elsewhere(pair, &planned.id, event));
        };
        let sql = format!(
            "SELECT s.attempt, k.intended, s.seconds, s.price, k.header, k.key, k.body, k.desk
                {WAITING} AND s.pair = ?4"
        );
        let [header, now, usable] = within(&keys.idempotency, self.now);
        let found = self.query_row(&sql, params![header, now, usable, pair], |row| {
            let intent = Intent {
                take: planned.take,
                pair,
                attempt: row.get(0)?,
                intended: row.get(1)?,
                id: planned.id.clone(),
                media: planned.media.clone(),
                audio: planned.audio,
                charge: charge_at(row, 2)?,
                occasion: Occasion::Again,
                keyed: true,
            };
            Ok((intent, named_at(row, 4)?, row.get::<_, String>(6)?, row.get::<_, String>(7)?))
        })?;
        let Some((intent, Some(named), body, desk)) = found else {
            return Err(self.elsewhere(pair, &planned.id, event));
        };
        if self.replay(&keys, &desk)? != Replay::Honoured {
            return Err(self.elsewhere(pair, &planned.id, event));
        }
        self.apply(&intent, State::InDoubt, event, &Trace::default())?;
        let sql = "UPDATE keys SET again = again + 1, last = ?3 WHERE pair = ?1 AND attempt = ?2";
        self.execute(sql, params![pair, intent.attempt, self.now.as_millisecond()])?;
        Ok(Permit::new(intent, body.into()).named(Some(named)))
    }

    pub(super) fn replay(&self, keys: &Keys, desk: &str) -> Result<Replay, LedgerError> {
        let params = params![desk, keys.desk, keys.idempotency.header.as_str()];
        let mut statement =
            self.transaction.prepare_cached(OUTCOMES).map_err(|e| self.failed(&e))?;
        let outcomes = statement.query_map(params, outcome_at).and_then(Iterator::collect);
        let outcomes: Vec<_> = outcomes.map_err(|error| self.failed(&error))?;
        Ok(Replay::of(&outcomes))
    }
}

/// The setting in a column and the next.
pub(super) fn idempotency_at(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<Idempotency>> {
    let header: Option<String> = row.get(column)?;
    let window: Option<u64> = row.get(column + 1)?;
    let header = header.and_then(|header| KeyHeader::parse(&header).ok());
    let window = window.map(Duration::from_millis);
    Ok(header.zip(window).map(|(header, window)| Idempotency { header, window }))
}

/// The header and the key in a column and the next.
pub(super) fn named_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Named>> {
    let (header, key): (String, String) = (row.get(column)?, row.get(column + 1)?);
    let header = KeyHeader::parse(&header).ok();
    let named = header.zip(IdempotencyKey::parse(&key));
    Ok(named.map(|(header, key)| Named { header, key }))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
