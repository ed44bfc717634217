//! What a person decides: about pairs in doubt, tasks that were made elsewhere, and pairs that were
//! refused.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::params;

use super::write::{Known, Trace, Write};
use super::{LedgerError, Store};
use crate::pair::TaskId;
use crate::state::{Event, Forbidden, State};

/// The code of a task that the server does not know, or does not know any more.
pub const TASK_NOT_FOUND: &str = "task_not_found";

/// How long a create may be under way: the time it is given by default, and what a machine needs to
/// notice that it is over.
const UNDER_WAY: Duration = Duration::from_secs(120 + 60);

/// What a person decides about a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The task was found at the server.
    Adopt(TaskId),
    /// Create it again, even if that pays twice; of a rejected pair, which cost nothing, again.
    Resend,
    /// Leave it.
    Abandon,
}

impl Store {
    /// Settles pairs by a person's word: all of them, or on an error none.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], [`LedgerError::Taken`], or [`LedgerError::Forbidden`] for one on
    /// which that cannot be said.
    pub fn resolve(&mut self, ids: &[String], verdict: &Verdict) -> Result<(), LedgerError> {
        self.write(|write| ids.iter().try_for_each(|id| write.resolve(id, verdict)))
    }

    /// Settles pairs by a person's word, each by its own: all of them, or on an error none.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub fn resolve_each(&mut self, verdicts: &[(String, Verdict)]) -> Result<(), LedgerError> {
        self.write(|write| verdicts.iter().try_for_each(|(id, verdict)| write.resolve(id, verdict)))
    }

    /// Takes over tasks that were made elsewhere, for pairs that have none or whose task the server
    /// does not know. A pair that has its task already stays as it is.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], [`LedgerError::Taken`], or [`LedgerError::Forbidden`] for a pair
    /// that stands elsewhere; then none is changed.
    pub fn adopt(&mut self, tasks: &[(String, TaskId)]) -> Result<(), LedgerError> {
        self.write(|write| {
            tasks.iter().try_for_each(|(id, task)| {
                let known = write.known(id)?;
                if write.has_task(&known, task)? { Ok(()) } else { write.adopt(&known, task) }
            })
        })
    }

    /// Has rejected pairs created again: nothing was billed for them.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], or [`LedgerError::Forbidden`] for one that is not rejected; then
    /// none is changed.
    pub fn retry_rejected(&mut self, ids: &[String]) -> Result<(), LedgerError> {
        self.write(|write| {
            ids.iter().try_for_each(|id| {
                let known = write.known(id)?;
                write.settle_by_word(&known, State::Rejected, Event::Resent)
            })
        })
    }
}

impl Write<'_> {
    fn resolve(&mut self, id: &str, verdict: &Verdict) -> Result<(), LedgerError> {
        let known = self.known(id)?;
        match verdict {
            Verdict::Adopt(task) if known.state != State::Planned => self.adopt(&known, task),
            // A pair that was never sent is no doubt to settle.
            Verdict::Adopt(_) => Err(forbidden(&known, Event::Adopted)),
            Verdict::Resend => self.resend(&known),
            Verdict::Abandon => self.settle_by_word(&known, State::InDoubt, Event::WrittenOff),
        }
    }

    fn resend(&mut self, known: &Known) -> Result<(), LedgerError> {
        if known.state == State::Rejected {
            return self.settle_by_word(known, State::Rejected, Event::Resent);
        }
        let intended = self.intended(known)?;
        // Whoever opens this ledger to write has its lock, so the run that sent it has ended, unless
        // it was pushed aside.
        let ended = (!self.may_be_sent_by_another(intended)?).then_some(self.now);
        let elsewhere = self.may_be_sent_elsewhere(known.intent.pair)?;
        if elsewhere || may_still_be_sending(intended, ended, self.now) {
            return Err(LedgerError::StillSending { id: known.intent.id.to_string() });
        }
        self.settle_by_word(known, State::InDoubt, Event::Resent)
    }

    fn intended(&self, known: &Known) -> Result<Timestamp, LedgerError> {
        let sql = "SELECT max(sent) FROM (SELECT intended AS sent FROM attempts WHERE pair = ?1
            UNION ALL SELECT last FROM keys WHERE pair = ?1)";
        let millis: Option<i64> = self.only_row(sql, [known.intent.pair], |row| row.get(0))?;
        Ok(Timestamp::from_millisecond(millis.unwrap_or_default()).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    pub(super) fn adopt(&mut self, known: &Known, task: &TaskId) -> Result<(), LedgerError> {
        self.must_be_free(task, known.intent.pair)?;
        if self.is_of_former_take(known.intent.pair, task)? {
            let owner = format!("an earlier take of {}", known.intent.id);
            return Err(LedgerError::Taken { task: task.to_string(), owner });
        }
        let from = match known.state {
            State::InDoubt => State::InDoubt,
            State::Failed if self.error_code(known)? == TASK_NOT_FOUND => State::Failed,
            // What the server says has failed is no lost task.
            State::Failed => return Err(forbidden(known, Event::Adopted)),
            _ => State::Planned,
        };
        self.keep_former_task(known.intent.pair)?;
        self.forget_bill(known.intent.pair)?;
        let trace = Trace { task: Some(task), ..Trace::default() };
        self.apply(&known.intent, from, Event::Adopted, &trace)?;
        self.note_verdict(known, from, Event::Adopted)
    }

    /// Whether it is the pair's task now, and nobody has lost it; or an earlier take's.
    fn has_task(&self, known: &Known, task: &TaskId) -> Result<bool, LedgerError> {
        if self.is_of_former_take(known.intent.pair, task)? {
            return Ok(true);
        }
        let sql = "SELECT 1 FROM standings WHERE pair = ?1 AND task_id = ?2
            AND state IN ('created', 'completed', 'saved', 'failed') AND error_code <> ?3";
        let same = params![known.intent.pair, task.as_str(), TASK_NOT_FOUND];
        Ok(self.query_row(sql, same, |_| Ok(()))?.is_some())
    }

    fn error_code(&self, known: &Known) -> Result<String, LedgerError> {
        let sql = "SELECT error_code FROM standings WHERE pair = ?1";
        self.only_row(sql, [known.intent.pair], |row| row.get(0))
    }

    pub(super) fn settle_by_word(
        &mut self,
        known: &Known,
        from: State,
        event: Event,
    ) -> Result<(), LedgerError> {
        self.apply(&known.intent, from, event, &Trace::default())?;
        self.note_verdict(known, from, event)
    }

    /// On the attempt that is settled by it; a pair that is planned has none such.
    fn note_verdict(&self, known: &Known, from: State, event: Event) -> Result<(), LedgerError> {
        if from == State::Planned {
            return Ok(());
        }
        let sql = "UPDATE attempts SET verdict = ?3, judged = ?4 WHERE pair = ?1 AND attempt = ?2";
        let (pair, attempt) = (known.intent.pair, known.intent.attempt);
        self.execute(sql, params![pair, attempt, event.name(), self.now.as_millisecond()]).map(drop)
    }
}

fn forbidden(known: &Known, event: Event) -> LedgerError {
    let forbidden = Forbidden { state: known.state, event };
    LedgerError::Forbidden { id: known.intent.id.to_string(), forbidden }
}

/// Whether the create of an attempt may still be under way, so that a task which nobody sees yet may
/// still be made. `ended`: when the run that sent it is known to have ended. Of a run on another machine,
/// or of many runs at once, that is not known, and the time has to tell.
fn may_still_be_sending(intended: Timestamp, ended: Option<Timestamp>, now: Timestamp) -> bool {
    match ended {
        Some(ended) => ended > now,
        None => now.duration_since(intended).unsigned_abs() < UNDER_WAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_may_be_under_way_until_its_run_has_ended_or_its_time_is_over() {
        let at = |seconds: i64| Timestamp::from_second(1_757_165_031 + seconds).unwrap();
        assert!(!may_still_be_sending(at(0), Some(at(1)), at(1)), "its run has ended");
        assert!(may_still_be_sending(at(0), None, at(179)));
        assert!(!may_still_be_sending(at(0), None, at(180)));
    }
}
