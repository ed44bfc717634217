//! Answers that come late: another run has taken the ledger over meanwhile, and the create that they
//! answer is in doubt there.
//!
//! An answer to the very create that was taken for lost is as good a proof as it was in time. Where
//! the pair has gone on since, by a person's word, the task is kept all the same.

use rusqlite::params;

use super::lookup::state_at;
use super::write::{Trace, Write};
use super::{Intent, LedgerError, View, event_of};
use crate::pair::TaskId;
use crate::state::{Event, State};
use crate::wire::{Bill, Judgement, Proof};

/// With so much of earlier answers, in bytes, later ones add nothing to look at.
const MOST_EVIDENCE: u32 = 32 * 1024;

impl Write<'_> {
    /// Records an answer to a create whose pair is no longer sending, and says where it stands.
    pub(super) fn late(
        &mut self,
        intent: &Intent,
        judgement: &Judgement,
        trace: &Trace<'_>,
    ) -> Result<State, LedgerError> {
        let sql = "SELECT state, attempt FROM standings WHERE pair = ?1";
        let (state, attempt): (State, u32) =
            self.only_row(sql, [intent.pair], |row| Ok((state_at(row, 0)?, row.get(1)?)))?;
        let event = event_of(judgement);
        match (state, attempt == intent.attempt, &judgement.proof) {
            (State::InDoubt, true, Proof::InDoubt) => {
                self.answered(intent, judgement, Event::Lost)?;
                Ok(state)
            }
            (State::InDoubt, true, _) => {
                let state = self.apply(intent, State::InDoubt, event, trace)?;
                if matches!(event, Event::NotMade | Event::Refused) {
                    self.purse.give_back(intent.charge);
                }
                self.answered(intent, judgement, event)?;
                Ok(state)
            }
            // To be sent again, and not sent yet.
            (State::Planned, true, Proof::Created(_)) => {
                let state = self.apply(intent, State::Planned, Event::Adopted, trace)?;
                self.answered(intent, judgement, event)?;
                Ok(state)
            }
            (_, _, Proof::Created(task)) => {
                self.keep_task(intent, (task, &judgement.bill))?;
                Ok(state)
            }
            _ => Err(self.elsewhere(intent.pair, &intent.id, event)),
        }
    }

    /// What the attempt came to after all. What was known before of its answers stays beside it.
    pub(super) fn answered(
        &self,
        intent: &Intent,
        judgement: &Judgement,
        event: Event,
    ) -> Result<(), LedgerError> {
        let sql = "UPDATE attempts SET event = ?3, status = ?4, code = ?5, message = ?6,
                evidence = CASE WHEN ?7 IS NULL OR length(evidence) > ?10 THEN evidence
                    WHEN evidence IS NULL THEN ?7 ELSE CAST(evidence || x'0a0a' || ?7 AS BLOB) END,
                proposed = coalesce(?8, proposed), settled = ?9 WHERE pair = ?1 AND attempt = ?2";
        let attempt = params![
            intent.pair,
            intent.attempt,
            event.name(),
            judgement.status,
            judgement.code,
            judgement.message,
            judgement.kept(event),
            judgement.proposed.as_ref().map(TaskId::as_str),
            self.now.as_millisecond(),
            MOST_EVIDENCE,
        ];
        self.execute(sql, attempt)?;
        if event == Event::Lost {
            let sql = "UPDATE standings SET error_code = ?2, error = ?3 WHERE pair = ?1";
            self.execute(sql, params![intent.pair, judgement.code, judgement.message])?;
        }
        Ok(())
    }

    /// The pair has gone on without this task: it stays known as the attempt's.
    pub(super) fn keep_task(
        &self,
        intent: &Intent,
        (task, bill): (&TaskId, &Bill),
    ) -> Result<(), LedgerError> {
        let sql = "INSERT OR IGNORE INTO former_tasks
                (task_id, pair, attempt, usage, credits, credits_millionths)
            SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE NOT EXISTS (SELECT 1 FROM standings WHERE task_id = ?1)";
        let credits = bill.credits.as_ref();
        let kept = params![
            task.as_str(),
            intent.pair,
            intent.attempt,
            bill.usage,
            credits.map(|(_, written)| written.as_str()),
            credits.map(|(credits, _)| credits.millionths()),
        ];
        self.execute(sql, kept)?;
        let sql = "UPDATE attempts SET proposed = ?3
            WHERE pair = ?1 AND attempt = ?2 AND event <> 'accepted'";
        self.execute(sql, params![intent.pair, intent.attempt, task.as_str()]).map(drop)
    }
}

/// A task that became known when its pair had gone on without it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LateTask {
    /// The pair.
    pub id: String,
    /// The task, which was paid for.
    pub task_id: String,
    /// Which of the pair's creates it is of.
    pub attempt: u32,
}

impl View {
    /// The tasks of creates that were given up before they were answered.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn late_tasks(&self) -> Result<Vec<LateTask>, LedgerError> {
        // What was adopted, or tried again, was not given up.
        let sql = "SELECT id, former_tasks.task_id, attempt
            FROM former_tasks JOIN attempts USING (pair, attempt) JOIN pairs USING (pair)
            WHERE event = 'lost' AND proposed = former_tasks.task_id
                AND coalesce(verdict, '') NOT IN ('adopted', 'retried') ORDER BY place";
        self.ask(sql, (), |row| {
            Ok(LateTask { id: row.get(0)?, task_id: row.get(1)?, attempt: row.get(2)? })
        })
    }
}

impl Judgement {
    /// The evidence that is worth keeping.
    pub(super) fn kept(&self, event: Event) -> Option<&Vec<u8>> {
        let ordinary = event == Event::Accepted && self.ordinary;
        self.evidence.as_ref().filter(|_| !ordinary)
    }
}
