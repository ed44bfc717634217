//! An open transaction: the changes of pairs along the state table, and what they leave behind.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::event_log::{keep, say_who};
use super::keys::{Keys, idempotency_at};
use super::lookup::{millis, state_at};
use super::permit::Occasion;
use super::purse::Purse;
use super::record::Record;
use super::takes::intent_of;
use super::{
    Change, Intent, LedgerError, News, Permit, Planned, SavedVideo, Settled, Task, Told, event_of,
};
use crate::pair::TaskId;
use crate::price::Money;
use crate::state::{self, Event, Forbidden, State};
use crate::view::REMARKS;
use crate::wire::{Bill, Judgement, Proof};

/// An open transaction that collects what it changes.
pub(super) struct Write<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) path: &'a Path,
    pub(super) purse: &'a mut Purse,
    pub(super) now: Timestamp,
    events: u64,
    /// The run that holds the ledger, as the ledger says.
    pub(super) run: Option<String>,
    /// Why nothing new may be begun by this one.
    pub(super) aside: Option<LedgerError>,
    /// How creates are named, if they are.
    pub(super) keys: Option<Keys>,
    pub(super) changes: Vec<Change>,
    /// As whom this run shares the ledger, if it does.
    pub(super) worker: Option<i64>,
    /// Tasks that it has to wait for since.
    pub(super) tasks: Vec<Task>,
}

/// What an event leaves behind on a pair.
#[derive(Default)]
pub(super) struct Trace<'a> {
    pub(super) task: Option<&'a TaskId>,
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) estimate: Option<Duration>,
    pub(super) video_url: Option<&'a Arc<str>>,
    pub(super) bill: Option<&'a Bill>,
}

/// What the ledger knows of a pair.
pub(super) struct Known {
    pub(super) intent: Intent,
    pub(super) state: State,
    pub(super) fingerprint: Vec<u8>,
    pub(super) place: i64,
    pub(super) listing: i64,
    pub(super) changed: bool,
    pub(super) take: u32,
    pub(super) tags: Option<String>,
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
        let (events, run, aside, keys, changes) = (0, None, None, None, Vec::new());
        let (worker, tasks) = (None, Vec::new());
        let mut write = Self {
            transaction,
            path,
            purse,
            now,
            events,
            run,
            aside,
            keys,
            changes,
            worker,
            tasks,
        };
        let sql = "SELECT events, run, idempotency_header, idempotency_window, desk FROM batch";
        let known = write.only_row(sql, (), |row| {
            let desk: Option<String> = row.get(4)?;
            let keys = idempotency_at(row, 2)?.zip(desk);
            let keys = keys.map(|(idempotency, desk)| Keys { idempotency, desk });
            Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, keys))
        });
        (write.events, write.run, write.keys) = known?;
        Ok(write)
    }

    /// To be called last: what was changed, once the transaction is committed.
    pub(super) fn finish(self) -> Result<Vec<Change>, LedgerError> {
        if let Some(first) = self.changes.first() {
            let said = say_who(self.transaction, first.number, self.worker);
            said.map_err(|error| self.failed(&error))?;
            let kept = self.changes.iter().try_for_each(|change| keep(self.transaction, change));
            kept.map_err(|error| self.failed(&error))?;
            self.execute("UPDATE batch SET events = ?1", [self.events])?;
        }
        Ok(self.changes)
    }

    /// Gives no event a number up to this one any more.
    pub(super) fn go_on_after(&mut self, event: u64) -> Result<(), LedgerError> {
        self.events = self.events.max(event);
        self.execute("UPDATE batch SET events = ?1", [self.events]).map(drop)
    }

    /// Records that a planned pair is about to be created. The permit may be handed out once this
    /// transaction is committed.
    pub(super) fn intend(&mut self, planned: &Planned) -> Result<Permit, LedgerError> {
        self.must_be_ours()?;
        let (pair, from, event) = (planned.pair, State::Planned, Event::Intended);
        let to = allowed(&planned.id, from, event)?;
        let now = self.now.as_millisecond();
        let charge = self.purse.rules().charge(planned.billable.max(planned.audio), &planned.body);
        self.purse.take(charge).map_err(|refusal| LedgerError::NotAffordable {
            id: planned.id.to_string(),
            refusal,
        })?;
        let sql =
            "UPDATE standings SET state = ?3, attempt = attempt + 1, since = ?4, seconds = ?5,
                price = ?6, sent = ?7
            WHERE pair = ?1 AND state = ?2 RETURNING attempt";
        let sent = planned.unlike_listed().map(|sent| String::from_utf8_lossy(sent));
        let price = charge.price.map(Money::millionths);
        let moved = params![pair, from.name(), to.name(), now, charge.seconds, price, sent];
        let Some(attempt) = self.query_row(sql, moved, |row| row.get(0))? else {
            self.purse.give_back(charge);
            return Err(self.elsewhere(pair, &planned.id, event));
        };
        self.measure_one(planned)?;
        let (id, media, audio) = (planned.id.clone(), planned.media.clone(), planned.audio);
        let (intended, keyed) = (now, self.keys.is_some());
        let (take, occasion) = (planned.take, Occasion::First);
        let intent =
            Intent { pair, attempt, take, intended, id, media, audio, charge, occasion, keyed };
        let named = self.name(&intent, &planned.to_send())?;
        self.changed(&intent, event, (from, to), &Trace::default());
        Ok(Permit::new(intent, planned.to_send()).named(named))
    }

    /// Records what happened to a pair, and returns its state.
    pub(super) fn record(&mut self, record: &Record) -> Result<Settled, LedgerError> {
        // An answer is taken from any run: nobody else has it.
        let ours = self.must_be_ours();
        let state = match record {
            Record::Settled(intent, judgement) => return self.settle(intent, judgement),
            Record::Noted(task, told) => ours.and_then(|()| self.note(task, told))?,
            Record::Unfit(planned, why) => ours.and_then(|()| self.unfit(planned, why))?,
            Record::Aside(task, take, path) => {
                ours.and_then(|()| self.set_aside(task, *take, path.as_deref()))?;
                State::Completed
            }
            Record::Paused(pause) => {
                ours.and_then(|()| self.pause(pause)).map(|()| State::Planned)?
            }
            Record::Learnt(learnt) => {
                self.learn(learnt)?;
                State::Planned
            }
            Record::Uploaded(upload) => {
                ours.and_then(|()| self.uploaded(upload)).map(|()| State::Planned)?
            }
        };
        Ok(Settled { state, same_task: None })
    }

    /// Records the outcome of a create. A task that another one made is not this one's.
    pub(super) fn settle(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<Settled, LedgerError> {
        match intent.occasion {
            Occasion::Trial(n) => return self.settle_trial((intent, n), judgement),
            Occasion::Again => {
                let settled = self.settle_repeated(intent, judgement)?;
                self.keep_key(intent, judgement, settled.state)?;
                return Ok(settled);
            }
            Occasion::First => {}
        }
        if intent.keyed && self.was_repeated(intent)? {
            return self.settle_first_of_many(intent, judgement);
        }
        let settled = self.settle_first(intent, judgement)?;
        self.keep_key(intent, judgement, settled.state)?;
        Ok(settled)
    }

    fn settle_first(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<Settled, LedgerError> {
        let owner = match &judgement.proof {
            Proof::Created(task) => self.owner_of(task)?,
            _ => None,
        };
        let Some(owner) = owner else {
            return Ok(Settled { state: self.settle_as(intent, judgement)?, same_task: None });
        };
        let twin = self.twin(intent, judgement, &owner)?;
        Ok(Settled { state: self.settle_as(intent, &twin)?, same_task: Some(owner.id) })
    }

    fn settle_as(&mut self, intent: &Intent, judgement: &Judgement) -> Result<State, LedgerError> {
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
            bill: Some(&judgement.bill),
        };
        let event = event_of(judgement);
        let state = match self.apply(intent, State::Sending, event, &trace) {
            Err(LedgerError::Forbidden { .. }) => return self.late(intent, judgement, &trace),
            state => state?,
        };
        if matches!(event, Event::NotMade | Event::Refused) {
            self.purse.give_back(intent.charge);
        }
        self.execute(
            "INSERT INTO attempts (pair, attempt, intended, settled, event, status, code, message,
                    evidence, proposed, seconds, price)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            params![
                intent.pair,
                intent.attempt,
                intent.intended,
                self.now.as_millisecond(),
                event.name(),
                judgement.status,
                judgement.code,
                judgement.message,
                judgement.kept(event),
                judgement.proposed.as_ref().map(TaskId::as_str),
                intent.charge.seconds,
                intent.charge.price.map(Money::millionths),
            ],
        )?;
        Ok(state)
    }

    /// Records what became of a task.
    pub(super) fn note(&mut self, task: &Task, told: &Told) -> Result<State, LedgerError> {
        let Told { news, bill } = told;
        let (code, message, video_url) = match news {
            News::Completed(url) | News::Relinked(url) => ("", "", Some(url)),
            News::CompletedOddly(url, code, message) => {
                (code.as_str(), message.as_str(), Some(url))
            }
            News::Failed(code, message)
            | News::LinkLost(code, message)
            | News::NotFound(code, message) => (code.as_str(), message.as_str(), None),
            News::Saved(SavedVideo { note: Some((code, message)), .. }) => {
                (code.as_str(), message.as_str(), None)
            }
            News::Saved(_) | News::Found => ("", "", None),
        };
        if self.is_no_news(task, news)? {
            return Ok(news.from());
        }
        let trace = Trace { code, message, video_url, bill: Some(bill), ..Trace::default() };
        let intent = intent_of(task);
        let state = self.apply(&intent, news.from(), news.event(), &trace)?;
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

    /// Whether the ledger knows already that the server does not know a task, or knows it.
    fn is_no_news(&self, task: &Task, news: &News) -> Result<bool, LedgerError> {
        let code = match news {
            News::NotFound(code, _) => code.as_str(),
            News::Found => "",
            News::Completed(_) | News::CompletedOddly(..) => return Ok(false),
            News::Failed(..) | News::Relinked(_) => return Ok(false),
            News::LinkLost(..) | News::Saved(_) => return Ok(false),
        };
        let sql = "SELECT 1 FROM standings
            WHERE pair = ?1 AND attempt = ?2 AND state = ?3 AND error_code = ?4";
        let same = params![task.pair, task.attempt, news.from().name(), code];
        Ok(self.query_row(sql, same, |_| Ok(()))?.is_some())
    }

    /// Moves a pair along the state table, if it stands where the event expects it. What stays wrong
    /// has been so since the first time.
    pub(super) fn apply(
        &mut self,
        intent: &Intent,
        from: State,
        event: Event,
        trace: &Trace<'_>,
    ) -> Result<State, LedgerError> {
        let to = allowed(&intent.id, from, event)?;
        let keeps = trace.code.is_empty() && self.keeps_remark(intent.pair, from)?;
        let (usage, credits) =
            trace.bill.map_or((None, None), |bill| (bill.usage.as_deref(), bill.credits.as_ref()));
        let moved = self.execute(
            "UPDATE standings SET state = ?3,
                since = iif(?2 = ?3 AND error_code <> '' AND ?6 <> '', since, ?4), task_id = coalesce(?5, task_id),
                created_at = iif(?5 IS NULL, created_at, ?4),
                error_code = iif(?11, error_code, ?6), error = iif(?11, error, ?7),
                estimate = coalesce(?8, estimate), video_url = coalesce(?9, video_url),
                linked_at = iif(?9 IS NULL, linked_at, ?4), usage = coalesce(?12, usage),
                credits = coalesce(?13, credits),
                credits_millionths = coalesce(?14, credits_millionths)
                WHERE pair = ?1 AND state = ?2 AND attempt = ?10",
            params![
                intent.pair,
                from.name(),
                to.name(),
                self.now.as_millisecond(),
                trace.task.map(TaskId::as_str),
                trace.code,
                trace.message,
                millis(trace.estimate),
                trace.video_url.map(|url| &**url),
                intent.attempt,
                keeps,
                usage,
                credits.map(|(_, written)| written.as_str()),
                credits.map(|(credits, _)| credits.millionths()),
            ],
        )?;
        if moved == 0 {
            return Err(self.elsewhere(intent.pair, &intent.id, event));
        }
        self.changed(intent, event, (from, to), trace);
        if matches!(to, State::Failed | State::Rejected | State::Abandoned) {
            self.fall_back(intent, to, trace)?;
        }
        Ok(to)
    }

    /// Whether something odd about a video has to stay noted: it is not gone with the download.
    fn keeps_remark(&self, pair: i64, from: State) -> Result<bool, LedgerError> {
        if !matches!(from, State::Completed | State::Saved) {
            return Ok(false);
        }
        let sql = "SELECT error_code FROM standings WHERE pair = ?1";
        let code: Option<String> = self.query_row(sql, [pair], |row| row.get(0))?;
        Ok(code.is_some_and(|code| REMARKS.contains(&code.as_str())))
    }

    pub(super) fn changed(
        &mut self,
        intent: &Intent,
        event: Event,
        (from, state): (State, State),
        trace: &Trace<'_>,
    ) {
        self.events += 1;
        self.changes.push(Change {
            pair: intent.pair,
            number: self.events,
            at: self.now,
            id: intent.id.clone(),
            event,
            from,
            state,
            attempt: intent.attempt,
            take: intent.take,
            task_id: trace.task.map(|task| task.as_str().into()),
            code: trace.code.to_owned(),
            message: trace.message.to_owned(),
            media: intent.media.clone(),
            audio: intent.audio,
            estimate: trace.estimate,
            video_url: trace.video_url.cloned(),
            credits: trace.bill.and_then(|bill| bill.credits.as_ref()).map(|(credits, _)| *credits),
            worker: self.worker,
        });
    }

    /// The error for a pair that does not stand where an event expects it.
    pub(super) fn elsewhere(&self, pair: i64, id: &str, event: Event) -> LedgerError {
        let sql = "SELECT state FROM standings WHERE pair = ?1";
        match self.only_row(sql, [pair], |row| state_at(row, 0)) {
            Ok(state) => {
                LedgerError::Forbidden { id: id.to_owned(), forbidden: Forbidden { state, event } }
            }
            Err(error) => error,
        }
    }
}

pub(super) fn allowed(id: &str, from: State, event: Event) -> Result<State, LedgerError> {
    state::next(from, event)
        .map_err(|forbidden| LedgerError::Forbidden { id: id.to_owned(), forbidden })
}
