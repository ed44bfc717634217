//! A batch that goes to a run folder.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::beside::{AHEAD, beside, gone};
use super::pages::{late, read};
use super::{Copied, Copier, Given, PATIENCE, Place, unsure};
use crate::ledger::postgres::error::SharedError;
use crate::ledger::postgres::session::{Session, Value};

/// A batch that is to go.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    /// What it is called here.
    pub name: &'a str,
    /// The number of this copy.
    pub copy: i64,
    /// Where to, for people.
    pub place: &'a str,
    /// By a person's word, workers that ended without one are gone for good.
    pub sure: bool,
}

/// Takes what is copied.
pub trait Take {
    /// Some pairs, in their order. `unit` is what their costs count.
    ///
    /// # Errors
    /// What the taker's disk says.
    fn pairs(&mut self, pairs: Vec<Copied>, unit: &str) -> Result<(), SharedError>;
    /// Tasks that pairs do not stand by; then nothing more comes. What was taken is durable afterwards,
    /// and can pay for nothing yet.
    ///
    /// # Errors
    /// What the taker's disk says.
    fn end(&mut self, late: Vec<Given>) -> Result<(), SharedError>;
}

impl Copier {
    /// Hands a batch to a run folder, which may pay once this has come back without an error.
    ///
    /// # Errors
    /// When somebody is at work on it, or the database does not answer; or what the taker says. After
    /// [`SharedError::Unsure`] it may have gone: [`Copier::find`] knows.
    pub fn hand_over(
        &mut self,
        batch: &Leaving<'_>,
        taker: &mut dyn Take,
    ) -> Result<(), SharedError> {
        let (runtime, session) = (&self.runtime, &mut self.session);
        let (gives, given) = sync_channel(AHEAD);
        let (keeps, is_kept) = sync_channel(1);
        let there = move || runtime.block_on(hand_over(session, batch, (gives, is_kept)));
        let here = move || {
            loop {
                match given.recv().map_err(gone)? {
                    Handed::Pairs(pairs, unit) => taker.pairs(pairs, &unit)?,
                    Handed::Late(late) => {
                        taker.end(late)?;
                        return keeps.send(()).map_err(gone);
                    }
                }
            }
        };
        let handed = beside(there, here).map(drop);
        match handed {
            // Whatever a COMMIT says, and if nothing was heard of it.
            Ok(()) | Err(SharedError::Unsure(_)) => match self.find_anew(batch.name)? {
                Some(there) if there.is_gone_by(batch.copy) => Ok(()),
                _ => handed.and(Err(SharedError::Unsure("it did not go".to_owned()))),
            },
            refused => refused,
        }
    }
}

impl super::There {
    /// Whether that copy took it.
    #[must_use]
    pub fn is_gone_by(&self, copy: i64) -> bool {
        self.place == Place::Gone && self.copying.as_ref().is_some_and(|by| by.copy == copy)
    }
}

/// What is handed over at a time.
enum Handed {
    /// And what their costs count.
    Pairs(Vec<Copied>, String),
    /// Tasks that came late, and nothing more: the batch goes once that is kept.
    Late(Vec<Given>),
}

async fn hand_over(
    session: &mut Session,
    batch: &Leaving<'_>,
    (gives, is_kept): (SyncSender<Handed>, Receiver<()>),
) -> Result<(), SharedError> {
    let transaction = session.client().transaction().await.map_err(unsure)?;
    transaction.batch_execute(PATIENCE).await.map_err(unsure)?;
    let number = lock(&transaction, batch).await?;
    let unit = close(&transaction, (batch, number)).await?;
    let mut after = -1;
    loop {
        let page = read(&transaction, (number, after)).await?;
        let Some(last) = page.last() else { break };
        after = last.n;
        gives.send(Handed::Pairs(page, unit.clone())).map_err(gone)?;
    }
    gives.send(Handed::Late(late(&transaction, number).await?)).map_err(gone)?;
    is_kept.recv().map_err(gone)?;
    transaction.commit().await.map_err(unsure)
}

/// Nobody lists it anew from now on.
async fn lock(transaction: &Transaction<'_>, batch: &Leaving<'_>) -> Result<i32, SharedError> {
    let sql = "SELECT batch, stopped FROM callsheet.batch WHERE name = $1 FOR NO KEY UPDATE";
    let name = batch.name;
    let row = transaction.query_typed_opt(sql, &[(&name, Type::TEXT)]).await.map_err(unsure)?;
    let row = row.ok_or_else(|| SharedError::NoBatch(name.to_owned()))?;
    match row.get::<_, Option<String>>(1) {
        None => Ok(row.get(0)),
        Some(why) => Err(SharedError::Stopped(why)),
    }
}

/// Has nobody claim anything any more, and nobody be at work on it. Gives what its costs count.
async fn close(
    transaction: &Transaction<'_>,
    (batch, number): (&Leaving<'_>, i32),
) -> Result<String, SharedError> {
    // Whoever claims takes this row last, knows the epoch of before, and waits here for the commit: so
    // also one who began before that. The order decides; all that is looked at afterwards is final.
    let sql = "UPDATE callsheet.purse SET epoch = $2, seen = $2 WHERE batch = $1 RETURNING unit";
    let epoch = fastrand::i64(..);
    let values: &[Value<'_>] = &[(&number, Type::INT4), (&epoch, Type::INT8)];
    let purse = transaction.query_typed_one(sql, values).await.map_err(unsure)?;
    let sql = "SELECT who, NOT over AND clock_timestamp() < renewed + lease FROM callsheet.worker
        WHERE batch = $1 AND ended IS NULL ORDER BY 2 DESC LIMIT 1";
    let known = transaction.query_typed_opt(sql, &[(&number, Type::INT4)]).await.map_err(unsure)?;
    known.map_or(Ok(()), |row| must_be_idle(batch, &row))?;
    let stopped = format!("it went to {}", batch.place);
    let sql = "UPDATE callsheet.batch SET copying = 'gone', copy = $2, place = $3, stopped = $4,
            copied = clock_timestamp() WHERE batch = $1";
    let values: &[Value<'_>] = &[
        (&number, Type::INT4),
        (&batch.copy, Type::INT8),
        (&batch.place, Type::TEXT),
        (&stopped, Type::TEXT),
    ];
    transaction.execute_typed(sql, values).await.map_err(unsure)?;
    Ok(purse.get(0))
}

fn must_be_idle(batch: &Leaving<'_>, row: &Row) -> Result<(), SharedError> {
    let (name, who) = (batch.name.to_owned(), row.get(0));
    match row.get(1) {
        true => Err(SharedError::Busy { name, who }),
        false if batch.sure => Ok(()),
        false => Err(SharedError::Silent { name, who }),
    }
}
