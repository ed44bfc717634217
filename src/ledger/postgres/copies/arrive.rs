//! A batch that comes from a run folder.

use std::sync::mpsc::{Receiver, sync_channel};

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::beside::{AHEAD, beside, gone};
use super::pages::{read, write, write_tasks};
use super::{Copied, Copier, Given, PATIENCE, Place, find, unsure};
use crate::ledger::postgres::batch::Wanted;
use crate::ledger::postgres::error::SharedError;
use crate::ledger::postgres::session::{Session, Value};

/// Everything of a batch, in an order that is right while its tables point at each other.
const FORGET: &str = "
    DELETE FROM callsheet.task WHERE batch = {};
    DELETE FROM callsheet.record WHERE batch = {};
    DELETE FROM callsheet.doubt WHERE batch = {};
    DELETE FROM callsheet.aside WHERE batch = {};
    DELETE FROM callsheet.move WHERE batch = {};
    DELETE FROM callsheet.standing WHERE batch = {};
    DELETE FROM callsheet.pair WHERE batch = {};
    DELETE FROM callsheet.worker WHERE batch = {};
    DELETE FROM callsheet.purse WHERE batch = {};
    DELETE FROM callsheet.batch WHERE batch = {}";

/// A batch that is to come.
#[derive(Debug, Clone)]
pub struct Arriving<'a> {
    /// How it is to be known here.
    pub wanted: Wanted<'a>,
    /// What its creates came to so far, in the unit of the costs.
    pub reserved: i64,
    /// The number of this copy: what it brought before it was cut off is brought again.
    pub copy: i64,
    /// The copy that took the batch from here, if this is its way back.
    pub took: Option<i64>,
    /// From where, for people.
    pub place: &'a str,
    /// Who copies, for people.
    pub who: &'a str,
}

/// What came, and by what it is known.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    /// By what the batch is known from all others.
    pub mark: i64,
    /// The worker that has its pairs: one that has ended.
    pub worker: i64,
}

/// Gives some more pairs, in their order; none at the end.
pub type Pairs<'a> = &'a mut dyn FnMut() -> Result<Vec<Copied>, SharedError>;
/// Gives some more tasks; none at the end.
pub type Tasks<'a> = &'a mut dyn FnMut() -> Result<Vec<Given>, SharedError>;

impl Copier {
    /// Brings a batch, whole or not at all. Nobody takes part in it before [`Copier::open_to_all`].
    ///
    /// # Errors
    /// When the database refuses, or has another batch of this name; or what the givers say.
    pub fn bring(
        &mut self,
        batch: &Arriving<'_>,
        pairs: Pairs<'_>,
        tasks: Tasks<'_>,
    ) -> Result<Arrived, SharedError> {
        let (runtime, session) = (&self.runtime, &mut self.session);
        let (gives, given) = sync_channel(AHEAD);
        let there = move || {
            runtime.block_on(async {
                let arrived = bring(session, batch, given).await?;
                // What the tables hold now, the planner does not know yet.
                let sql =
                    "ANALYZE callsheet.pair, callsheet.standing, callsheet.record, callsheet.task";
                let _ = session.run(sql).await;
                Ok(arrived)
            })
        };
        let here = move || {
            loop {
                let page = pairs()?;
                if page.is_empty() {
                    break;
                }
                gives.send(Brought::Pairs(page)).map_err(gone)?;
            }
            loop {
                let page = tasks()?;
                if page.is_empty() {
                    break;
                }
                gives.send(Brought::Tasks(page)).map_err(gone)?;
            }
            gives.send(Brought::All).map_err(gone)
        };
        beside(there, here).map(|(arrived, ())| arrived)
    }

    /// Reads what was brought, in its order.
    ///
    /// # Errors
    /// When the database does not answer; or what the reader says.
    pub fn look_through(
        &mut self,
        name: &str,
        mut each: impl FnMut(&Copied) -> Result<(), SharedError>,
    ) -> Result<i64, SharedError> {
        let (runtime, session) = (&self.runtime, &mut self.session);
        let (gives, given) = sync_channel(AHEAD);
        let there = move || {
            runtime.block_on(async move {
                let sql =
                "SELECT b.batch, (SELECT count(*) FROM callsheet.task k WHERE k.batch = b.batch)
                FROM callsheet.batch b WHERE name = $1";
                let rows = session.ask(sql, &[(&name, Type::TEXT)]).await?;
                let row = rows.first().ok_or_else(|| SharedError::NoBatch(name.to_owned()))?;
                let (batch, tasks) = (row.get(0), row.get(1));
                let mut after = -1;
                loop {
                    let page = read(session.client(), (batch, after)).await?;
                    let Some(last) = page.last() else { return Ok(tasks) };
                    after = last.n;
                    gives.send(page).map_err(gone)?;
                }
            })
        };
        // Ends with the other side, which says whether that was all.
        let here = || given.into_iter().flatten().try_for_each(|pair| each(&pair));
        beside(there, here).map(|(tasks, ())| tasks)
    }

    /// Its run folder may not pay any more: from now on all may take part.
    ///
    /// # Errors
    /// When the database does not answer, or has another batch of this name.
    pub fn open_to_all(&mut self, name: &str, mark: i64) -> Result<(), SharedError> {
        let session = &mut self.session;
        self.runtime.block_on(async {
            let sql = "UPDATE callsheet.batch SET copying = NULL, stopped = NULL
                WHERE name = $1 AND mark = $2 AND copying = 'arriving'
                RETURNING set_config('synchronous_commit', 'on', true)";
            let values: &[Value<'_>] = &[(&name, Type::TEXT), (&mark, Type::INT8)];
            session.ask(sql, values).await?;
            match find(session, name).await? {
                Some(there) if there.mark == mark && there.place == Place::Here => Ok(()),
                _ => Err(SharedError::NoBatch(name.to_owned())),
            }
        })
    }
}

/// What is brought at a time.
enum Brought {
    Pairs(Vec<Copied>),
    Tasks(Vec<Given>),
    /// Nothing more comes: it may be committed.
    All,
}

async fn bring(
    session: &mut Session,
    batch: &Arriving<'_>,
    given: Receiver<Brought>,
) -> Result<Arrived, SharedError> {
    let transaction = session.client().transaction().await.map_err(unsure)?;
    transaction.batch_execute(PATIENCE).await.map_err(unsure)?;
    forget(&transaction, batch).await?;
    let arrived = Arrived { mark: fastrand::i64(..), worker: fastrand::i64(1..) };
    let number = make(&transaction, batch, arrived).await?;
    loop {
        match given.recv().map_err(gone)? {
            Brought::Pairs(page) => write(&transaction, (number, arrived.worker), &page).await?,
            Brought::Tasks(page) => write_tasks(&transaction, number, &page).await?,
            Brought::All => break,
        }
    }
    transaction.commit().await.map_err(unsure)?;
    // A COMMIT that says OK is no proof: an aborted transaction's says so too.
    match find(session, batch.wanted.name).await? {
        Some(there) if there.mark == arrived.mark => Ok(arrived),
        _ => Err(SharedError::Unsure("the copy was not written".to_owned())),
    }
}

/// Clears away what this copy brought before it was cut off, and what is left of the batch since it went
/// to the folder that it comes from. Nothing else gives way.
async fn forget(transaction: &Transaction<'_>, batch: &Arriving<'_>) -> Result<(), SharedError> {
    let sql = "SELECT batch, copying, copy FROM callsheet.batch WHERE name = $1 FOR UPDATE";
    let name = batch.wanted.name;
    let known = transaction.query_typed_opt(sql, &[(&name, Type::TEXT)]).await.map_err(unsure)?;
    let Some(row) = known else { return Ok(()) };
    let (copying, copy): (Option<&str>, Option<i64>) = (row.get(1), row.get(2));
    let gives_way = match copying {
        Some("arriving") => copy == Some(batch.copy),
        Some(_) => copy.is_some() && copy == batch.took,
        None => false,
    };
    if !gives_way {
        let what = "pairs of its own, or on its way from another folder";
        return Err(SharedError::OtherBatch { name: name.to_owned(), what });
    }
    let forget = FORGET.replace("{}", &row.get::<_, i32>(0).to_string());
    transaction.batch_execute(&forget).await.map_err(unsure)
}

/// The batch, its purse, and the worker that has its pairs.
async fn make(
    transaction: &Transaction<'_>,
    batch: &Arriving<'_>,
    arrived: Arrived,
) -> Result<i32, SharedError> {
    let sql = "WITH batch AS (
            INSERT INTO callsheet.batch
                (name, endpoint, listed, mark, stopped, copying, copy, place, copied)
            VALUES ($1, $2, $3, $4, $5, 'arriving', $6, $7, clock_timestamp()) RETURNING batch
        ), purse AS (
            INSERT INTO callsheet.purse (batch, epoch, seen, unit, reserved, budget)
            SELECT batch, $8, $8, $9, $10,
                CASE WHEN $11::int8 IS NULL THEN NULL ELSE greatest($11, $10) END FROM batch
        ) INSERT INTO callsheet.worker (worker, batch, who, renewed, lease, over, ended)
        SELECT $12, batch, $13, clock_timestamp(), interval '0', true, clock_timestamp() FROM batch
        RETURNING batch";
    let stopped = format!(
        "its copy from {} is not finished; `callsheet ledger copy` there goes on",
        batch.place
    );
    let (epoch, wanted) = (fastrand::i64(..), &batch.wanted);
    let values: &[Value<'_>] = &[
        (&wanted.name, Type::TEXT),
        (&wanted.endpoint, Type::TEXT),
        (&wanted.digest, Type::BYTEA),
        (&arrived.mark, Type::INT8),
        (&stopped, Type::TEXT),
        (&batch.copy, Type::INT8),
        (&batch.place, Type::TEXT),
        (&epoch, Type::INT8),
        (&wanted.unit, Type::TEXT),
        (&batch.reserved, Type::INT8),
        (&wanted.budget, Type::INT8),
        (&arrived.worker, Type::INT8),
        (&batch.who, Type::TEXT),
    ];
    // The worker refers to a batch that this very statement makes, which is checked at its end.
    let made = transaction.query_typed_one(sql, values).await.map_err(unsure)?;
    Ok(made.get(0))
}
