//! The tables, and the batches in them: made once, joined by all who list the same requests.

use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::error::SharedError;
use super::pool;
use super::relist::{Relisted, add, is_strange, relist};
use super::session::{Session, Value};
use super::stored;
use crate::pace::Terms;

/// Of the tables, in this release.
const FORMAT: i32 = 2;
/// A batch by its name.
pub(super) const KNOWN: &str = "SELECT batch, endpoint, listed, listing, stopped,
        CASE WHEN copying IS NOT NULL THEN stopped END AS elsewhere
    FROM callsheet.batch WHERE name = $1";
const SCHEMA: &str = include_str!("schema.sql");
/// What each format replaces.
const FUNCTIONS: &str = include_str!("functions.sql");
const TRIGGERS: &str = include_str!("triggers.sql");
/// By this the server says that a role has not the right.
const FORBIDDEN: &str = "42501";
/// So that one makes the tables while others wait ("CALL" in ASCII).
pub(super) const LOCK: i64 = 0x4341_4c4c;

/// One pair, as a batch lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The user's name for it.
    pub id: String,
    /// What is sent.
    pub body: String,
    /// The manifest's number of a twin request.
    pub take: i32,
}

/// Gives the pairs in their order, some thousand at a time, from the one at this place; none at the end.
pub type Pages<'a> = &'a mut dyn FnMut(usize) -> Result<Vec<Listed>, SharedError>;

/// A batch, as it is wanted.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// Its name in the database.
    pub name: &'a str,
    /// The API's address.
    pub endpoint: &'a str,
    /// What the requests in their order are known by.
    pub digest: &'a [u8],
    /// Never passed, in the unit of the costs.
    pub budget: Option<i64>,
    /// What the costs count.
    pub unit: &'a str,
    /// Under which name other batches spend the same money, if they do.
    pub pool: Option<&'a str>,
    /// What this worker may do, and all together.
    pub terms: Terms,
    /// Whether also a batch that has none of the requests is joined.
    pub joins: bool,
}

/// Makes the tables where there are none, and what is kept beside them.
pub(super) async fn prepare(session: &mut Session) -> Result<(), SharedError> {
    let made = match make_tables(session).await {
        Ok(()) => stored::prepare(session).await,
        failed => failed,
    };
    made.map_err(|error| match error {
        SharedError::Refused { code, message, .. } if code == FORBIDDEN => {
            SharedError::Rights(message)
        }
        error => error,
    })
}

async fn make_tables(session: &mut Session) -> Result<(), SharedError> {
    let missing = match format(session).await? {
        Some(FORMAT) => return Ok(()),
        Some(found) if found > FORMAT => {
            return Err(SharedError::Newer { found, known: FORMAT });
        }
        // Those who are at work go on meanwhile.
        Some(_) => FUNCTIONS.to_owned(),
        None => format!("{SCHEMA} {FUNCTIONS} {TRIGGERS}"),
    };
    let whole = format!(
        "BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL client_min_messages = error;
        SELECT pg_advisory_xact_lock({LOCK}); {missing} COMMIT"
    );
    // Whatever becomes of it, all may begin again.
    session.run(&whole).await?;
    match format(session).await? {
        Some(FORMAT) => Ok(()),
        found => Err(SharedError::Newer { found: found.unwrap_or(0), known: FORMAT }),
    }
}

async fn format(session: &mut Session) -> Result<Option<i32>, SharedError> {
    let there = session.ask("SELECT to_regclass('callsheet.format') IS NOT NULL", &[]).await?;
    if !there.first().is_some_and(|row| row.get(0)) {
        return Ok(None);
    }
    let found = session.ask("SELECT version FROM callsheet.format", &[]).await?;
    Ok(found.first().map(|row| row.get(0)))
}

/// A transaction that is durable when it ends, and the only one that changes what is listed.
pub(super) async fn alone(session: &mut Session) -> Result<Transaction<'_>, SharedError> {
    let begin = format!(
        "SET LOCAL synchronous_commit = on; SET LOCAL idle_in_transaction_session_timeout = '60s';
        SELECT pg_advisory_xact_lock({LOCK})"
    );
    let transaction = session.client().transaction().await.map_err(unsure)?;
    transaction.batch_execute(&begin).await.map_err(unsure)?;
    Ok(transaction)
}

/// Lists a batch, or joins it where another has listed the same; gives its number, and what the list
/// changed. What is listed may grow and change as long as nobody is at work on it.
pub(super) async fn list(
    session: &mut Session,
    wanted: &Wanted<'_>,
    pages: Pages<'_>,
) -> Result<(i32, Relisted), SharedError> {
    let transaction = alone(session).await?;
    // While a copy of it is on its way to a run folder, this waits.
    let known = format!("{KNOWN} FOR NO KEY UPDATE");
    let known = transaction.query_typed_opt(&known, &[(&wanted.name, Type::TEXT)]).await;
    let known = known.map_err(unsure)?;
    known.as_ref().map_or(Ok(()), |row| must_be_here(wanted.name, row))?;
    let mut relisted = Relisted::default();
    let batch = match known {
        None => {
            let batch = make(&transaction, wanted).await?;
            list_first(&transaction, batch, pages).await?;
            batch
        }
        Some(row) if row.get::<_, &str>(1) != wanted.endpoint => {
            return Err(other(wanted, "another endpoint"));
        }
        Some(row) if row.get::<_, Option<&str>>(4).is_some() => {
            return Err(SharedError::Stopped(row.get(4)));
        }
        Some(row) if row.get::<_, &[u8]>(2) == wanted.digest => row.get(0),
        Some(row) => {
            let (batch, listing) = (row.get(0), row.get::<_, i32>(3) + 1);
            if !wanted.joins && is_strange(&transaction, batch, &mut *pages).await? {
                return Err(SharedError::Strange(wanted.name.to_owned()));
            }
            must_be_idle(&transaction, (wanted, batch)).await?;
            relisted = relist(&transaction, (batch, listing), pages).await?;
            end_listing(&transaction, wanted, (batch, listing)).await?;
            batch
        }
    };
    limit(&transaction, batch, wanted).await?;
    transaction.commit().await.map_err(unsure)?;
    Ok((joined(session, wanted).await?, relisted))
}

/// Lists the pairs of a batch that had none.
async fn list_first(
    transaction: &Transaction<'_>,
    batch: i32,
    pages: Pages<'_>,
) -> Result<(), SharedError> {
    let mut first = 0;
    loop {
        let pairs = pages(first)?;
        if pairs.is_empty() {
            return Ok(());
        }
        add(transaction, (batch, 1), &pairs).await?;
        first += pairs.len();
    }
}

/// The number of a batch that is there.
pub(super) async fn number(session: &mut Session, name: &str) -> Result<i32, SharedError> {
    let rows = session.ask(KNOWN, &[(&name, Type::TEXT)]).await?;
    let row = rows.first().ok_or_else(|| SharedError::NoBatch(name.to_owned()))?;
    must_be_here(name, row)?;
    Ok(row.get(0))
}

/// Its ledger is no run folder's.
pub(super) fn must_be_here(name: &str, row: &Row) -> Result<(), SharedError> {
    match row.get("elsewhere") {
        None => Ok(()),
        Some(why) => Err(SharedError::Elsewhere { name: name.to_owned(), why }),
    }
}

/// Whatever becomes of a listing, it may begin again.
pub(super) fn unsure(error: tokio_postgres::Error) -> SharedError {
    SharedError::Unsure(super::session::told(&error))
}

pub(super) fn other(wanted: &Wanted<'_>, what: &'static str) -> SharedError {
    SharedError::OtherBatch { name: wanted.name.to_owned(), what }
}

/// A batch without pairs, and its purse.
async fn make(transaction: &Transaction<'_>, wanted: &Wanted<'_>) -> Result<i32, SharedError> {
    let sql = "WITH batch AS (
            INSERT INTO callsheet.batch (name, endpoint, listed, mark) VALUES ($1, $2, $3, $5)
            RETURNING batch
        ) INSERT INTO callsheet.purse (batch, epoch, seen, unit)
        SELECT batch, $4, $4, $6 FROM batch RETURNING batch";
    let (epoch, mark) = (fastrand::i64(..), fastrand::i64(..));
    let values: &[Value<'_>] = &[
        (&wanted.name, Type::TEXT),
        (&wanted.endpoint, Type::TEXT),
        (&wanted.digest, Type::BYTEA),
        (&epoch, Type::INT8),
        (&mark, Type::INT8),
        (&wanted.unit, Type::TEXT),
    ];
    let made = transaction.query_typed_one(sql, values).await.map_err(unsure)?;
    Ok(made.get(0))
}

/// What may be spent is said by all alike, or by whoever comes when nobody is at work. Below what is
/// reserved, nothing more is.
async fn limit(
    transaction: &Transaction<'_>,
    batch: i32,
    wanted: &Wanted<'_>,
) -> Result<(), SharedError> {
    // Counted together with others, it has none of its own.
    let own = wanted.budget.filter(|_| wanted.pool.is_none());
    let sql = "SELECT unit, reserved > 0, budget IS DISTINCT FROM
            CASE WHEN $2::int8 IS NULL THEN NULL ELSE greatest($2, reserved) END
        FROM callsheet.purse WHERE batch = $1";
    let values: &[Value<'_>] = &[(&batch, Type::INT4), (&own, Type::INT8)];
    let purse = transaction.query_typed_one(sql, values).await.map_err(unsure)?;
    let is_other_unit = purse.get::<_, &str>(0) != wanted.unit;
    if is_other_unit && purse.get(1) {
        return Err(other(wanted, "a budget that counts something else"));
    }
    if is_other_unit || purse.get::<_, bool>(2) {
        must_be_idle(transaction, (wanted, batch)).await?;
        let sql = "UPDATE callsheet.purse SET unit = $3,
                budget = CASE WHEN $2::int8 IS NULL THEN NULL ELSE greatest($2, reserved) END
            WHERE batch = $1";
        let values: &[Value<'_>] =
            &[(&batch, Type::INT4), (&own, Type::INT8), (&wanted.unit, Type::TEXT)];
        transaction.execute_typed(sql, values).await.map_err(unsure)?;
    }
    pool::choose(transaction, batch, wanted).await
}

/// Nobody is at work on it who listed something else.
pub(super) async fn must_be_idle(
    transaction: &Transaction<'_>,
    (wanted, batch): (&Wanted<'_>, i32),
) -> Result<(), SharedError> {
    match at_work(transaction, batch).await? {
        None => Ok(()),
        Some(who) => Err(SharedError::OtherList { name: wanted.name.to_owned(), who }),
    }
}

/// Nobody is at work on it, whatever they listed.
pub(super) async fn must_not_be_worked_on(
    transaction: &Transaction<'_>,
    (name, batch): (&str, i32),
) -> Result<(), SharedError> {
    match at_work(transaction, batch).await? {
        None => Ok(()),
        Some(who) => Err(SharedError::Busy { name: name.to_owned(), who }),
    }
}

/// Somebody who is.
async fn at_work(transaction: &Transaction<'_>, batch: i32) -> Result<Option<String>, SharedError> {
    let sql = "SELECT who FROM callsheet.worker WHERE batch = $1 AND NOT over
        AND clock_timestamp() < renewed + lease LIMIT 1";
    let live = transaction.query_typed_opt(sql, &[(&batch, Type::INT4)]).await.map_err(unsure)?;
    Ok(live.map(|row| row.get(0)))
}

/// From now on that is what the batch lists.
async fn end_listing(
    transaction: &Transaction<'_>,
    wanted: &Wanted<'_>,
    (batch, listing): (i32, i32),
) -> Result<(), SharedError> {
    let sql = "WITH purse AS (UPDATE callsheet.purse SET handed = 0 WHERE batch = $1)
        UPDATE callsheet.batch SET listed = $3, listing = $2 WHERE batch = $1";
    let values: &[Value<'_>] =
        &[(&batch, Type::INT4), (&listing, Type::INT4), (&wanted.digest, Type::BYTEA)];
    transaction.execute_typed(sql, values).await.map(drop).map_err(unsure)
}

/// A COMMIT that says OK is no proof: an aborted transaction's says so too.
async fn joined(session: &mut Session, wanted: &Wanted<'_>) -> Result<i32, SharedError> {
    let rows = session.ask(KNOWN, &[(&wanted.name, Type::TEXT)]).await?;
    let listed = rows.first().filter(|row| row.get::<_, &[u8]>(2) == wanted.digest);
    let missing = || SharedError::Unsure("it was not listed".to_owned());
    listed.map(|row| row.get(0)).ok_or_else(missing)
}
