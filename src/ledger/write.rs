//! An open transaction: the changes of pairs along the state table, and what they leave behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

use super::event_log;
use super::purse::{Purse, charge_at};
use super::writer::Record;
use super::{Change, LedgerError, News, Permit, Planned, Receipt, Task, Verdict, event_of};
use crate::pair::TaskId;
use crate::price::{Charge, Money};
use crate::state::{self, Event, Forbidden, State};
use crate::wire::{Judgement, Proof};

/// An open transaction that collects what it changes.
pub(super) struct Write<'a> {
    transaction: &'a Transaction<'a>,
    path: &'a Path,
    purse: &'a mut Purse,
    pub(super) now: Timestamp,
    events: u64,
    changes: Vec<Change>,
}

/// What a transaction changed.
#[derive(Debug, Default)]
pub(super) struct Committed {
    pub(super) changes: Vec<Change>,
    /// The same for `events.jsonl`.
    pub(super) lines: Vec<u8>,
}

/// What an event leaves behind on a pair.
#[derive(Default)]
pub(super) struct Trace<'a> {
    pub(super) task: Option<&'a TaskId>,
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) estimate: Option<Duration>,
    pub(super) video_url: Option<&'a Arc<str>>,
}

/// What the ledger knows of a pair.
pub(super) struct Known {
    pub(super) receipt: Receipt,
    pub(super) state: State,
    pub(super) fingerprint: Vec<u8>,
}

impl<'a> Write<'a> {
    pub(super) fn new(
        transaction: &'a Transaction<'a>,
        path: &'a Path,
        purse: &'a mut Purse,
    ) -> Result<Self, LedgerError> {
        // As exact as it is stored, so that the event log and the ledger say the same.
        let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond());
        let now = now.unwrap_or(Timestamp::UNIX_EPOCH);
        let mut write = Self { transaction, path, purse, now, events: 0, changes: Vec::new() };
        write.events = write.only_row("SELECT events FROM batch", (), |row| row.get(0))?;
        Ok(write)
    }

    /// To be called last: what was changed, once the transaction is committed.
    pub(super) fn finish(self) -> Result<Committed, LedgerError> {
        let lines = event_log::lines(&self.changes);
        if !self.changes.is_empty() {
            let sql = "UPDATE batch SET events = ?1, unlogged = ?2";
            self.execute(sql, params![self.events, lines])?;
        }
        Ok(Committed { changes: self.changes, lines })
    }

    /// Records that a planned pair is about to be created. The permit may be handed out once this
    /// transaction is committed.
    pub(super) fn intend(&mut self, planned: &Planned) -> Result<Permit, LedgerError> {
        let (pair, from, event) = (planned.pair, State::Planned, Event::Intended);
        let to = allowed(&planned.id, from, event)?;
        let now = self.now.as_millisecond();
        let charge = self.purse.rules().charge(planned.audio);
        self.purse.take(charge).map_err(|refusal| LedgerError::NotAffordable {
            id: planned.id.to_string(),
            refusal,
        })?;
        let sql =
            "UPDATE standings SET state = ?3, attempt = attempt + 1, since = ?4, seconds = ?5,
                price = ?6, sent = ?7
            WHERE pair = ?1 AND state = ?2 RETURNING attempt";
        let sent = planned.sent.as_deref().map(String::from_utf8_lossy);
        let price = charge.price.map(Money::millionths);
        let moved = params![pair, from.name(), to.name(), now, charge.seconds, price, sent];
        let Some(attempt) = self.query_row(sql, moved, |row| row.get(0))? else {
            self.purse.give_back(charge);
            return Err(self.elsewhere(pair, &planned.id, event));
        };
        self.measure_one(planned)?;
        let (id, body, audio) = (planned.id.clone(), planned.body.clone(), planned.audio);
        let receipt = Receipt { pair, attempt, intended: now, id, body, audio, charge };
        self.changed(&receipt, event, (from, to), &Trace::default());
        Ok(Permit { receipt, body: planned.to_send() })
    }

    /// Records what happened to a pair, and returns its state.
    pub(super) fn record(&mut self, record: &Record) -> Result<State, LedgerError> {
        match record {
            Record::Settled(receipt, judgement) => self.settle(receipt, judgement),
            Record::Noted(task, news) => self.note(task, news),
            Record::Unfit(planned, why) => self.unfit(planned, why),
            Record::Uploaded(upload) => self.uploaded(upload).map(|()| State::Planned),
        }
    }

    /// Records the outcome of a create.
    pub(super) fn settle(
        &mut self,
        receipt: &Receipt,
        judgement: &Judgement,
    ) -> Result<State, LedgerError> {
        let task = match &judgement.proof {
            Proof::Created(task) => Some(task),
            _ => None,
        };
        let trace = Trace {
            task,
            code: &judgement.code,
            message: &judgement.message,
            estimate: judgement.estimate,
            video_url: None,
        };
        let event = event_of(judgement);
        let state = self.apply(receipt, State::Sending, event, &trace)?;
        if matches!(event, Event::NotMade | Event::Refused) {
            self.purse.give_back(receipt.charge);
        }
        self.execute(
            "INSERT INTO attempts (pair, attempt, intended, settled, event, status, code, message,
                    evidence, seconds, price)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                receipt.pair,
                receipt.attempt,
                receipt.intended,
                self.now.as_millisecond(),
                event.name(),
                judgement.status,
                judgement.code,
                judgement.message,
                judgement.evidence,
                receipt.charge.seconds,
                receipt.charge.price.map(Money::millionths),
            ],
        )?;
        Ok(state)
    }

    /// Records what became of a task.
    pub(super) fn note(&mut self, task: &Task, news: &News) -> Result<State, LedgerError> {
        let (code, message, video_url) = match news {
            News::Completed(url) | News::Relinked(url) => ("", "", Some(url)),
            News::Failed(code, message) | News::LinkLost(code, message) => {
                (code.as_str(), message.as_str(), None)
            }
            News::Saved(_) => ("", "", None),
        };
        let trace = Trace { code, message, video_url, ..Trace::default() };
        let receipt = Receipt {
            pair: task.pair,
            attempt: task.attempt,
            intended: 0,
            id: task.id.clone(),
            body: Bytes::new(),
            audio: None,
            charge: Charge::default(),
        };
        let state = self.apply(&receipt, news.from(), news.event(), &trace)?;
        if let (Some(change), Some(_)) = (self.changes.last_mut(), video_url) {
            // Whoever fetches the video may have to ask for the task again.
            change.task_id = Some(task.task.as_str().into());
        }
        if let News::Saved(video) = news {
            self.execute(
                "UPDATE standings SET video_path = ?2, video_bytes = ?3, video_sha256 = ?4,
                    video_millis = ?5 WHERE pair = ?1",
                params![task.pair, video.path, video.bytes, video.sha256, millis(video.length)],
            )?;
        }
        Ok(state)
    }

    /// Records a person's verdict on a pair in doubt.
    pub(super) fn resolve(&mut self, id: &str, verdict: &Verdict) -> Result<(), LedgerError> {
        let Known { receipt, .. } = self.known(id)?;
        let (event, task) = match verdict {
            Verdict::Adopt(task) => (Event::Adopted, Some(task)),
            Verdict::Resend => (Event::Resent, None),
            Verdict::Abandon => (Event::WrittenOff, None),
        };
        let trace = Trace { task, ..Trace::default() };
        self.apply(&receipt, State::InDoubt, event, &trace)?;
        self.execute(
            "UPDATE attempts SET verdict = ?3, judged = ?4 WHERE pair = ?1 AND attempt = ?2",
            params![receipt.pair, receipt.attempt, event.name(), self.now.as_millisecond()],
        )?;
        Ok(())
    }

    /// The pairs whose create was under way when the last run ended.
    pub(super) fn pending(&self) -> Result<Vec<Receipt>, LedgerError> {
        self.receipts("state = ?1 ORDER BY place", [State::Sending.name()])
    }

    /// A planned pair as the events of it need it.
    pub(super) fn receipt_of(&self, planned: &Planned) -> Result<Receipt, LedgerError> {
        let missing = || LedgerError::Unknown { id: planned.id.to_string() };
        self.receipts("pair = ?1", [planned.pair])?.pop().ok_or_else(missing)
    }

    pub(super) fn receipts(
        &self,
        which: &str,
        params: impl Params,
    ) -> Result<Vec<Receipt>, LedgerError> {
        let sql = format!(
            "SELECT pair, attempt, since, id, body, audio_millis, seconds, price
                FROM pairs JOIN standings USING (pair) WHERE {which}"
        );
        let read = self
            .transaction
            .prepare_cached(&sql)
            .and_then(|mut statement| statement.query_map(params, read_receipt)?.collect());
        read.map_err(|error| self.failed(&error))
    }

    /// A pair by its id, whatever its case.
    pub(super) fn find(&self, id: &str) -> Result<Option<Known>, LedgerError> {
        let sql = "SELECT pair, attempt, since, id, body, audio_millis, seconds, price, state,
                fingerprint
            FROM pairs JOIN standings USING (pair) WHERE id = ?1";
        self.query_row(sql, [id], |row| {
            Ok(Known {
                receipt: read_receipt(row)?,
                state: state_at(row, 8)?,
                fingerprint: row.get(9)?,
            })
        })
    }

    /// Moves a pair along the state table, if it stands where the event expects it.
    pub(super) fn apply(
        &mut self,
        receipt: &Receipt,
        from: State,
        event: Event,
        trace: &Trace<'_>,
    ) -> Result<State, LedgerError> {
        let to = allowed(&receipt.id, from, event)?;
        let moved = self.execute(
            "UPDATE standings SET state = ?3, since = ?4, task_id = coalesce(?5, task_id),
                created_at = iif(?5 IS NULL, created_at, ?4), error_code = ?6, error = ?7,
                estimate = coalesce(?8, estimate), video_url = coalesce(?9, video_url),
                linked_at = iif(?9 IS NULL, linked_at, ?4)
                WHERE pair = ?1 AND state = ?2",
            params![
                receipt.pair,
                from.name(),
                to.name(),
                self.now.as_millisecond(),
                trace.task.map(TaskId::as_str),
                trace.code,
                trace.message,
                millis(trace.estimate),
                trace.video_url.map(|url| &**url),
            ],
        )?;
        if moved == 0 {
            return Err(self.elsewhere(receipt.pair, &receipt.id, event));
        }
        self.changed(receipt, event, (from, to), trace);
        Ok(to)
    }

    fn changed(
        &mut self,
        receipt: &Receipt,
        event: Event,
        (from, state): (State, State),
        trace: &Trace<'_>,
    ) {
        self.events += 1;
        self.changes.push(Change {
            pair: receipt.pair,
            number: self.events,
            at: self.now,
            id: receipt.id.clone(),
            event,
            from,
            state,
            attempt: receipt.attempt,
            task_id: trace.task.map(|task| task.as_str().into()),
            code: trace.code.to_owned(),
            message: trace.message.to_owned(),
            body: receipt.body.clone(),
            audio: receipt.audio,
            estimate: trace.estimate,
            video_url: trace.video_url.cloned(),
        });
    }

    /// The error for a pair that does not stand where an event expects it.
    fn elsewhere(&self, pair: i64, id: &str, event: Event) -> LedgerError {
        let sql = "SELECT state FROM standings WHERE pair = ?1";
        match self.only_row(sql, [pair], |row| state_at(row, 0)) {
            Ok(state) => {
                LedgerError::Forbidden { id: id.to_owned(), forbidden: Forbidden { state, event } }
            }
            Err(error) => error,
        }
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

    fn query_row<T>(
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

    fn failed(&self, error: &rusqlite::Error) -> LedgerError {
        LedgerError::sqlite(self.path, error)
    }
}

fn read_receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let (id, body): (String, String) = (row.get(3)?, row.get(4)?);
    Ok(Receipt {
        pair: row.get(0)?,
        attempt: row.get(1)?,
        intended: row.get(2)?,
        id: Arc::from(id),
        body: body.into(),
        audio: row.get::<_, Option<u64>>(5)?.map(Duration::from_millis),
        charge: charge_at(row, 6)?,
    })
}

/// The state in a column.
pub(super) fn state_at(row: &Row<'_>, column: usize) -> rusqlite::Result<State> {
    let name: String = row.get(column)?;
    State::from_name(&name).ok_or_else(|| {
        let error = format!("unknown state {name:?}").into();
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error)
    })
}

/// As it is stored.
pub(super) fn millis(duration: Option<Duration>) -> Option<i64> {
    duration.map(|duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

fn allowed(id: &str, from: State, event: Event) -> Result<State, LedgerError> {
    state::next(from, event)
        .map_err(|forbidden| LedgerError::Forbidden { id: id.to_owned(), forbidden })
}
