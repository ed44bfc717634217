//! An open transaction: the changes of pairs along the state table, and what they leave behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::event_log;
use super::lookup::{millis, state_at};
use super::purse::Purse;
use super::writer::Record;
use super::{
    Change, LedgerError, News, Permit, Planned, Receipt, SavedVideo, Task, Verdict, event_of,
};
use crate::pair::TaskId;
use crate::price::{Charge, Money};
use crate::state::{self, Event, Forbidden, State};
use crate::wire::{Judgement, Proof};

/// An open transaction that collects what it changes.
pub(super) struct Write<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) path: &'a Path,
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
            News::Failed(code, message)
            | News::LinkLost(code, message)
            | News::NotFound(code, message) => (code.as_str(), message.as_str(), None),
            News::Saved(SavedVideo { note: Some((code, message)), .. }) => {
                (code.as_str(), message.as_str(), None)
            }
            News::Saved(_) | News::Found => ("", "", None),
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
}

fn allowed(id: &str, from: State, event: Event) -> Result<State, LedgerError> {
    state::next(from, event)
        .map_err(|forbidden| LedgerError::Forbidden { id: id.to_owned(), forbidden })
}
