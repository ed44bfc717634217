//! Does the service replay? One accepted create is sent again, with its own key and body: if its own
//! task comes back, the service knows keys. If another one comes, that was paid for, is kept, and
//! nothing is ever sent again there.

use jiff::Timestamp;
use rusqlite::{Row, params};

use super::columns::read_planned;
use super::keys::{Keyed, PAIR, named_at, within};
use super::lookup::state_at;
use super::permit::{Occasion, Permit};
use super::purse::charge_at;
use super::write::Write;
use super::{Intent, LedgerError, Planned, Settled, View};
use crate::pair::{Idempotency, TaskId};
use crate::price::{Charge, Money};
use crate::state::Event;
use crate::wire::{IDEMPOTENCY_CONFLICT, Judgement, PAID_OUTCOME_UNKNOWN, Proof};

/// Trials without an answer, after which it is left alone: each may have been paid for.
const MOST_UNKNOWN: usize = 3;

/// What came of trials at one desk with what another had accepted.
pub(super) const OUTCOMES: &str =
    "SELECT outcome FROM trials WHERE desk = ?1 AND asked = ?2 AND header = ?3";

/// An accepted create whose key the service should remember; the oldest one shows most.
const ACCEPTED: &str = "FROM keys k CROSS JOIN standings s
        ON s.pair = k.pair AND s.attempt = k.attempt JOIN pairs ON pairs.pair = k.pair
    WHERE k.header = ?1 AND k.intended <= ?2 AND k.intended + ?3 > ?2 AND k.desk = ?4
        AND k.ended IS NULL AND s.task_id IS NOT NULL
        AND s.state IN ('created', 'completed', 'saved')
        AND EXISTS (SELECT 1 FROM attempts a WHERE a.pair = k.pair AND a.attempt = k.attempt
            AND a.event = 'accepted')";

pub(super) fn to_try() -> String {
    format!("SELECT {PAIR} {ACCEPTED} ORDER BY k.intended LIMIT 1")
}

/// What came of one trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// It is under way, or was when its run died.
    Sending,
    /// It did not get through, and made nothing.
    Nothing,
    /// Nobody knows; it may have been paid for.
    Unknown,
    /// The same task came back.
    Same,
    /// Another task came back, which was paid for.
    Another,
    /// It was refused.
    Refused,
}

impl Tried {
    const ALL: [Self; 6] =
        [Self::Sending, Self::Nothing, Self::Unknown, Self::Same, Self::Another, Self::Refused];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
            Self::Same => "same",
            Self::Another => "another",
            Self::Refused => "refused",
        }
    }

    fn of(judgement: &Judgement, task: &str) -> Self {
        match &judgement.proof {
            Proof::Created(came) if came.as_str() == task => Self::Same,
            Proof::Created(_) => Self::Another,
            Proof::InDoubt if judgement.code == IDEMPOTENCY_CONFLICT => Self::Refused,
            // It knows the key, and says so too early.
            Proof::InDoubt if judgement.code == PAID_OUTCOME_UNKNOWN => Self::Nothing,
            Proof::InDoubt => Self::Unknown,
            Proof::Rejected => Self::Refused,
            Proof::NotSent | Proof::NotRelayed | Proof::NotTheApi => Self::Nothing,
            Proof::Unable | Proof::Wait | Proof::AccountStop(_) => Self::Nothing,
        }
    }

    /// Whether it costs nothing.
    const fn is_free(self) -> bool {
        match self {
            Self::Nothing | Self::Same | Self::Refused => true,
            Self::Sending | Self::Unknown | Self::Another => false,
        }
    }
}

/// Whether a service answers a create that it knows by its key with the task that it made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// It was not tried yet, or nothing came of it.
    Unknown,
    /// It does.
    Honoured,
    /// It does not, or that cannot be found out: nothing is sent again.
    Never,
}

impl Replay {
    pub(super) fn of(outcomes: &[Tried]) -> Self {
        let count = |one: Tried| outcomes.iter().filter(|of| **of == one).count();
        if count(Tried::Another) + count(Tried::Refused) > 0 {
            Self::Never
        } else if count(Tried::Same) > 0 {
            Self::Honoured
        } else if count(Tried::Unknown) >= MOST_UNKNOWN {
            Self::Never
        } else {
            Self::Unknown
        }
    }
}

/// A trial to which another task came back.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AnotherTask {
    /// The pair.
    pub id: String,
    /// Its task.
    pub task_id: String,
    /// The other one, which was paid for, too.
    pub other_task_id: String,
}

impl View {
    /// The accepted create that would be sent again, to see whether that settles a doubt.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn to_try(
        &self,
        keys: &Idempotency,
        doubt: &Keyed,
        now: Timestamp,
    ) -> Result<Option<Planned>, LedgerError> {
        let [header, now, usable] = within(keys, now);
        Ok(self.ask(&to_try(), params![header, now, usable, doubt.desk], read_planned)?.pop())
    }

    /// The tasks that trials made, where the service does not replay.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn other_tasks(&self) -> Result<Vec<AnotherTask>, LedgerError> {
        let sql = "SELECT id, task_id, other FROM trials JOIN pairs USING (pair)
            WHERE other IS NOT NULL ORDER BY n";
        self.ask(sql, (), |row| {
            Ok(AnotherTask { id: row.get(0)?, task_id: row.get(1)?, other_task_id: row.get(2)? })
        })
    }
}

impl Write<'_> {
    /// Trials that were under way when their run ended may have been paid for.
    pub(super) fn end_trials(&self) -> Result<(), LedgerError> {
        let sql = "UPDATE trials SET outcome = ?2 WHERE outcome = ?1";
        self.execute(sql, [Tried::Sending.name(), Tried::Unknown.name()]).map(drop)
    }

    /// Records that an accepted create is about to be sent again. It takes its price, until it is
    /// known that it made nothing.
    pub(super) fn try_key(&mut self, planned: &Planned) -> Result<Permit, LedgerError> {
        self.must_be_ours()?;
        let refused = |write: &Self| write.elsewhere(planned.pair, &planned.id, Event::Repeated);
        let Some(keys) = self.keys.clone() else { return Err(refused(self)) };
        let sql = "SELECT k.attempt, k.intended, k.desk, k.header, k.key, k.body, s.task_id,
                s.seconds, s.price FROM keys k JOIN standings s ON s.pair = k.pair AND s.attempt = k.attempt
            WHERE k.pair = ?1 AND s.task_id IS NOT NULL AND k.ended IS NULL";
        let found = self.query_row(sql, [planned.pair], |row| {
            let named = named_at(row, 3)?;
            let texts: [String; 3] = [row.get(2)?, row.get(5)?, row.get(6)?];
            let sent = (row.get(0)?, row.get::<_, i64>(1)?, charge_at(row, 7)?);
            Ok((sent, named, texts))
        })?;
        let Some(((attempt, intended, own), Some(named), [desk, body, task])) = found else {
            return Err(refused(self));
        };
        let age = self.now.as_millisecond().checked_sub(intended).unwrap_or(-1);
        let in_time =
            u128::try_from(age).is_ok_and(|age| age < keys.idempotency.usable().as_millis());
        let known = self.replay(&keys, &desk)? != Replay::Unknown;
        if !in_time || known || named.header != keys.idempotency.header {
            return Err(refused(self));
        }
        // What was sent may be longer, or was dearer, than what is there today.
        let charge = self.purse.rules().charge(planned.audio, body.as_bytes()).or_more(own);
        self.purse.take(charge).map_err(|refusal| LedgerError::NotAffordable {
            id: planned.id.to_string(),
            refusal,
        })?;
        let sql = "INSERT INTO trials
                (begun, pair, attempt, header, desk, asked, outcome, task_id, seconds, price)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING n";
        let trial = params![
            self.now.as_millisecond(),
            planned.pair,
            attempt,
            named.header.as_str(),
            desk,
            keys.desk,
            Tried::Sending.name(),
            task,
            charge.seconds,
            charge.price.map(Money::millionths),
        ];
        let occasion = Occasion::Trial(self.only_row(sql, trial, |row| row.get(0))?);
        let (pair, id, audio) = (planned.pair, planned.id.clone(), planned.audio);
        let (media, keyed) = (planned.media.clone(), true);
        let take = planned.take;
        let intent =
            Intent { pair, attempt, take, intended, id, media, audio, charge, occasion, keyed };
        Ok(Permit::new(intent, body.into()).named(Some(named)))
    }

    /// Records what came of a trial. The pair stands where it stood.
    pub(super) fn settle_trial(
        &mut self,
        (intent, n): (&Intent, i64),
        judgement: &Judgement,
    ) -> Result<Settled, LedgerError> {
        let sql = "SELECT task_id FROM trials WHERE n = ?1";
        let task: String = self.only_row(sql, [n], |row| row.get(0))?;
        let tried = Tried::of(judgement, &task);
        let other = match &judgement.proof {
            Proof::Created(came) if tried == Tried::Another => Some(came),
            _ => None,
        };
        let evidence = judgement.evidence.as_ref().filter(|_| tried != Tried::Same);
        let sql = "UPDATE trials SET outcome = ?2, other = ?3, evidence = ?4 WHERE n = ?1";
        let other_id = other.map(TaskId::as_str);
        self.execute(sql, params![n, tried.name(), other_id, evidence])?;
        if tried.is_free() {
            self.purse.give_back(intent.charge);
        }
        if tried == Tried::Same {
            self.forgive_unknown(n)?;
        }
        if let Some(other) = other {
            self.keep_task(intent, (other, &judgement.bill))?;
        }
        let sql = "SELECT state FROM standings WHERE pair = ?1";
        let state = self.only_row(sql, [intent.pair], |row| state_at(row, 0))?;
        Ok(Settled { state, same_task: None })
    }

    /// A service that replays has made nothing of the trials before, either.
    fn forgive_unknown(&mut self, n: i64) -> Result<(), LedgerError> {
        let sql = "UPDATE trials SET outcome = ?2 WHERE outcome = ?3 AND (desk, asked, header) =
                (SELECT desk, asked, header FROM trials WHERE n = ?1) RETURNING seconds, price";
        let params = params![n, Tried::Same.name(), Tried::Unknown.name()];
        let mut statement = self.transaction.prepare_cached(sql).map_err(|e| self.failed(&e))?;
        let charges = statement.query_map(params, |row| charge_at(row, 0));
        let charges: Result<Vec<Charge>, _> = charges.and_then(Iterator::collect);
        let charges = charges.map_err(|error| self.failed(&error))?;
        charges.into_iter().for_each(|charge| self.purse.give_back(charge));
        Ok(())
    }
}

/// The outcome in the first column; one that is not known here is none to rely on.
pub(super) fn outcome_at(row: &Row<'_>) -> rusqlite::Result<Tried> {
    let name: String = row.get(0)?;
    let known = Tried::ALL.into_iter().find(|tried| tried.name() == name);
    Ok(known.unwrap_or(Tried::Refused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_task_lets_anything_be_sent_again() {
        use Tried::{Another, Nothing, Refused, Same, Sending, Unknown};
        assert_eq!(Replay::of(&[]), Replay::Unknown);
        assert_eq!(Replay::of(&[Nothing, Unknown, Sending, Unknown]), Replay::Unknown);
        assert_eq!(Replay::of(&[Unknown, Unknown, Unknown]), Replay::Never, "each may have cost");
        assert_eq!(Replay::of(&[Unknown, Same]), Replay::Honoured);
        for end in [Another, Refused] {
            assert_eq!(Replay::of(&[Same, end]), Replay::Never);
            assert_eq!(Replay::of(&[end, Same]), Replay::Never);
        }
    }
}
