//! A task id belongs to one pair.
//!
//! An answer that names the task of an earlier create is no proof that another one was made: a
//! cache, a service that merges equal requests, a made-up answer. Nothing is fetched twice for it.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::params;

use super::outage::SAME_TASK;
use super::write::Write;
use super::{Intent, LedgerError, View};
use crate::pair::TaskId;
use crate::wire::{Judgement, Proof};

/// The pair that has a task, or had it before.
pub(super) struct Owner {
    pub(super) id: Arc<str>,
    pub(super) pair: i64,
}

/// First those that have it, then those that had it; ids that an older release gave to several pairs
/// belong to the first in the manifest.
const OWNERS: &str = "SELECT id, pair FROM (
        SELECT pair, 1 AS has FROM standings WHERE task_id = ?1
        UNION ALL SELECT pair, 0 FROM former_tasks WHERE task_id = ?1
    ) JOIN pairs USING (pair) ORDER BY has DESC, place";

const OWNED: &str = "SELECT 1 FROM standings WHERE task_id = ?1
    UNION ALL SELECT 1 FROM former_tasks WHERE task_id = ?1 LIMIT 1";

impl Write<'_> {
    pub(super) fn owner_of(&self, task: &TaskId) -> Result<Option<Owner>, LedgerError> {
        // Next to no task has one, and to see that costs a fraction of finding out which.
        if self.query_row(OWNED, [task.as_str()], |_| Ok(()))?.is_none() {
            return Ok(None);
        }
        self.query_row(OWNERS, [task.as_str()], |row| {
            Ok(Owner { id: Arc::from(row.get::<_, String>(0)?), pair: row.get(1)? })
        })
    }

    /// Refuses a task that another pair has or had.
    pub(super) fn must_be_free(&self, task: &TaskId, pair: i64) -> Result<(), LedgerError> {
        match self.owner_of(task)? {
            Some(owner) if owner.pair != pair => {
                Err(LedgerError::Taken { task: task.to_string(), owner: owner.id.to_string() })
            }
            _ => Ok(()),
        }
    }

    /// Keeps the task of a pair that will be created again, or is given another one.
    pub(super) fn keep_former_task(&self, pair: i64) -> Result<(), LedgerError> {
        let sql = "INSERT OR IGNORE INTO former_tasks
                (task_id, pair, attempt, usage, credits, credits_millionths)
            SELECT task_id, pair, attempt, usage, credits, credits_millionths FROM standings
                WHERE pair = ?1 AND task_id IS NOT NULL";
        self.execute(sql, [pair]).map(drop)
    }

    /// What an answer proves that names the task of another create.
    pub(super) fn twin(
        &self,
        intent: &Intent,
        judgement: &Judgement,
        owner: &Owner,
    ) -> Result<Judgement, LedgerError> {
        let Proof::Created(task) = &judgement.proof else { return Ok(judgement.clone()) };
        let message = match (owner.pair == intent.pair, self.ask_the_same(intent, owner)?) {
            (true, _) => format!("the answer names {task}, the task of an earlier create of it"),
            (false, true) => {
                let why = "it asks for the same: merged by the service, and nothing more billed?";
                format!("the answer names {task}, the task of {}; {why}", owner.id)
            }
            (false, false) => format!("the answer names {task}, the task of {}", owner.id),
        };
        Ok(Judgement {
            proof: Proof::InDoubt,
            code: SAME_TASK.to_owned(),
            message,
            proposed: Some(task.clone()),
            ..judgement.clone()
        })
    }

    fn ask_the_same(&self, intent: &Intent, owner: &Owner) -> Result<bool, LedgerError> {
        let sql = "SELECT a.fingerprint = b.fingerprint FROM pairs a, pairs b
            WHERE a.pair = ?1 AND b.pair = ?2";
        self.only_row(sql, params![intent.pair, owner.pair], |row| row.get(0))
    }
}

impl View {
    /// The pair that has a task or had it before it was created again, listed or not.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn owner_of(&self, task: &TaskId) -> Result<Option<String>, LedgerError> {
        Ok(self.ask(OWNERS, [task.as_str()], |row| row.get(0))?.into_iter().next())
    }

    /// Tasks that an older release gave to several pairs, with these.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn twins(&self) -> Result<Vec<(String, Vec<String>)>, LedgerError> {
        if !self.one::<bool>("SELECT twins FROM batch", ())? {
            return Ok(Vec::new());
        }
        let sql = "SELECT task_id, id FROM standings JOIN pairs USING (pair) WHERE task_id IN (
                SELECT task_id FROM standings WHERE task_id IS NOT NULL
                GROUP BY task_id HAVING count(*) > 1
            ) ORDER BY place";
        let pairs = self.ask(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut twins: Vec<(String, Vec<String>)> = Vec::new();
        let mut places = HashMap::new();
        for (task, id) in pairs {
            let place = *places.entry(task).or_insert_with_key(|task: &String| {
                twins.push((task.clone(), Vec::new()));
                twins.len() - 1
            });
            twins[place].1.push(id);
        }
        Ok(twins)
    }
}
