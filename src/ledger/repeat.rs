//! What comes of a create that was sent again under its key.
//!
//! The answer is judged as any other. But only a task settles the pair: whatever else it says is about
//! this sending, and the first one may have made something all the same.

use rusqlite::params;

use super::lookup::state_at;
use super::permit::Occasion;
use super::trial::Tried;
use super::write::{Trace, Write};
use super::{Intent, LedgerError, Settled, event_of};
use crate::pair::TaskId;
use crate::state::{State, after_repeat};
use crate::wire::{IDEMPOTENCY_CONFLICT, Judgement, Proof};

impl Write<'_> {
    /// Whether a create was sent again since: then an answer to its first sending is the last word
    /// only if it names a task.
    pub(super) fn was_repeated(&self, intent: &Intent) -> Result<bool, LedgerError> {
        let sql = "SELECT again > 0 FROM keys WHERE pair = ?1 AND attempt = ?2";
        let again = self.query_row(sql, params![intent.pair, intent.attempt], |row| row.get(0))?;
        Ok(again.unwrap_or(false))
    }

    /// Pairs whose create was under way when the last run ended, each as what it was.
    pub(super) fn interrupted(&self) -> Result<Vec<Intent>, LedgerError> {
        let mut pending = self.pending()?;
        for intent in &mut pending {
            if self.was_repeated(intent)? {
                intent.occasion = Occasion::Again;
            }
        }
        Ok(pending)
    }

    /// An answer to the first sending of a create that was sent again meanwhile, which only another
    /// run can have done.
    pub(super) fn settle_first_of_many(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<Settled, LedgerError> {
        match judgement.proof {
            Proof::Created(_) => self.settle_repeated(intent, judgement),
            _ => Ok(Settled { state: self.stands(intent)?.0, same_task: None }),
        }
    }

    /// Records what came of it.
    pub(super) fn settle_repeated(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<Settled, LedgerError> {
        let settled = |state| Settled { state, same_task: None };
        let (state, attempt, has) = self.stands(intent)?;
        let open = attempt == intent.attempt && matches!(state, State::Sending | State::InDoubt);
        let Proof::Created(task) = &judgement.proof else {
            // The answer to another sending of it may have been there first.
            if !open {
                return Ok(settled(state));
            }
            let judgement = self.still_in_doubt(intent, judgement)?;
            return self.settle_as_repeated(intent, &judgement).map(settled);
        };
        if attempt == intent.attempt && has.as_deref() == Some(task.as_str()) {
            return Ok(settled(state));
        }
        let Some(owner) = self.owner_of(task)? else {
            let another = attempt == intent.attempt && has.is_some();
            let state = self.settle_as_repeated(intent, judgement)?;
            if another {
                self.never_replays(intent, task)?;
            }
            return Ok(settled(state));
        };
        let twin = self.twin(intent, judgement, &owner)?;
        let state = self.settle_as_repeated(intent, &twin)?;
        Ok(Settled { state, same_task: Some(owner.id) })
    }

    fn stands(&self, intent: &Intent) -> Result<(State, u32, Option<String>), LedgerError> {
        let sql = "SELECT state, attempt, task_id FROM standings WHERE pair = ?1";
        self.only_row(sql, [intent.pair], |row| Ok((state_at(row, 0)?, row.get(1)?, row.get(2)?)))
    }

    fn settle_as_repeated(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<State, LedgerError> {
        let task = match &judgement.proof {
            Proof::Created(task) => Some(task),
            _ => None,
        };
        let (code, message) = (judgement.code.as_str(), judgement.message.as_str());
        let trace = Trace {
            task,
            code,
            message,
            estimate: judgement.estimate,
            video_url: None,
            bill: Some(&judgement.bill),
        };
        let event = after_repeat(event_of(judgement));
        let state = match self.apply(intent, State::Sending, event, &trace) {
            Err(LedgerError::Forbidden { .. }) => return self.late(intent, judgement, &trace),
            state => state?,
        };
        self.answered(intent, judgement, event)?;
        Ok(state)
    }

    /// What is said of the doubt now: what a refusal says is news, and what did not get through is
    /// none.
    fn still_in_doubt(
        &self,
        intent: &Intent,
        judgement: &Judgement,
    ) -> Result<Judgement, LedgerError> {
        let mut doubt = Judgement { proof: Proof::InDoubt, ..judgement.clone() };
        match judgement.proof {
            Proof::InDoubt | Proof::Created(_) => {}
            Proof::Rejected => {
                doubt.message =
                    format!("sent again under its key, it was refused: {}", judgement.message);
            }
            Proof::NotSent | Proof::NotRelayed | Proof::NotTheApi => {
                self.as_before(intent, &mut doubt)?
            }
            Proof::Unable | Proof::Wait | Proof::AccountStop(_) => {
                self.as_before(intent, &mut doubt)?
            }
        }
        Ok(doubt)
    }

    fn as_before(&self, intent: &Intent, doubt: &mut Judgement) -> Result<(), LedgerError> {
        let sql = "SELECT status, code, message FROM attempts WHERE pair = ?1 AND attempt = ?2";
        let before = self.query_row(sql, params![intent.pair, intent.attempt], |row| {
            Ok((row.get(0)?, row.get::<_, Option<String>>(1)?, row.get::<_, Option<String>>(2)?))
        })?;
        if let Some((status, code, message)) = before {
            doubt.status = status;
            doubt.code = code.unwrap_or_default();
            doubt.message = message.unwrap_or_default();
        }
        (doubt.evidence, doubt.proposed) = (None, None);
        Ok(())
    }

    /// What a create's outcome means for its key: one that made nothing needs none, and one that the
    /// service took for another request's is of no more use.
    pub(super) fn keep_key(
        &self,
        intent: &Intent,
        judgement: &Judgement,
        state: State,
    ) -> Result<(), LedgerError> {
        let create = params![intent.pair, intent.attempt];
        let made_nothing = matches!(state, State::Planned | State::Rejected);
        if made_nothing {
            let sql = "DELETE FROM keys WHERE pair = ?1 AND attempt = ?2";
            self.execute(sql, create)?;
        } else if judgement.code == IDEMPOTENCY_CONFLICT {
            let sql = "UPDATE keys SET ended = ?3 WHERE pair = ?1 AND attempt = ?2";
            self.execute(sql, params![intent.pair, intent.attempt, IDEMPOTENCY_CONFLICT])?;
        }
        Ok(())
    }

    /// Two sendings of one create made two tasks: nothing more is sent again there.
    fn never_replays(&self, intent: &Intent, other: &TaskId) -> Result<(), LedgerError> {
        let sql = "INSERT INTO trials
                (begun, pair, attempt, header, desk, asked, outcome, task_id, other, seconds, price)
            SELECT ?3, k.pair, k.attempt, header, k.desk, coalesce(b.desk, k.desk), ?4, task_id, ?5,
                seconds, price
            FROM keys k JOIN standings s ON s.pair = k.pair, batch b
            WHERE k.pair = ?1 AND k.attempt = ?2 AND task_id IS NOT NULL";
        let (now, another) = (self.now.as_millisecond(), Tried::Another.name());
        self.execute(sql, params![intent.pair, intent.attempt, now, another, other.as_str()])
            .map(drop)
    }
}
