//! The tables, and the batches in them: made once, joined by all who list the same requests.

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::error::SharedError;
use super::session::{Session, Value};

/// Of the tables, in this release.
const FORMAT: i32 = 1;
/// A batch by its name.
const KNOWN: &str = "SELECT batch, endpoint, listed FROM callsheet.batch WHERE name = $1";
const SCHEMA: &str = include_str!("schema.sql");
/// So that one makes the tables while others wait ("CALL" in ASCII).
const LOCK: i64 = 0x4341_4c4c;
/// How many pairs one statement lists.
const LISTED: usize = 5000;

/// One pair, as a batch lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The user's name for it.
    pub id: String,
    /// What is sent.
    pub body: String,
    /// What it is reckoned to cost, in the unit of the budget.
    pub cost: i64,
}

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
}

/// Makes the tables where there are none.
pub(super) async fn prepare(session: &mut Session) -> Result<(), SharedError> {
    match format(session).await? {
        Some(FORMAT) => Ok(()),
        Some(found) => Err(SharedError::Newer { found, known: FORMAT }),
        None => {
            let whole = format!(
                "BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL client_min_messages = error;
                SELECT pg_advisory_xact_lock({LOCK}); {SCHEMA} COMMIT"
            );
            // Whatever becomes of it, all may begin again.
            session.run(&whole).await?;
            match format(session).await? {
                Some(FORMAT) => Ok(()),
                found => Err(SharedError::Newer { found: found.unwrap_or(0), known: FORMAT }),
            }
        }
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

/// Lists a batch, or joins it where another has listed the same; gives its number.
pub(super) async fn list(
    session: &mut Session,
    wanted: &Wanted<'_>,
    pairs: &[Listed],
) -> Result<i32, SharedError> {
    let begin = format!(
        "SET LOCAL synchronous_commit = on; SET LOCAL idle_in_transaction_session_timeout = '60s';
        SELECT pg_advisory_xact_lock({LOCK})"
    );
    let transaction = session.client().transaction().await.map_err(unsure)?;
    transaction.batch_execute(&begin).await.map_err(unsure)?;
    let known = transaction.query_typed_opt(KNOWN, &[(&wanted.name, Type::TEXT)]).await;
    if let Some(row) = known.map_err(unsure)? {
        return joined(wanted, &row);
    }
    let batch = make(&transaction, wanted).await?;
    for (chunk, pairs) in pairs.chunks(LISTED).enumerate() {
        add(&transaction, batch, chunk * LISTED, pairs).await?;
    }
    transaction.commit().await.map_err(unsure)?;
    // A COMMIT that says OK is no proof: an aborted transaction's says so too.
    let rows = session.ask(KNOWN, &[(&wanted.name, Type::TEXT)]).await?;
    let missing = SharedError::Unsure("it was not listed".to_owned());
    rows.first().map_or(Err(missing), |row| joined(wanted, row))
}

/// Whatever becomes of a listing, it may begin again.
fn unsure(error: tokio_postgres::Error) -> SharedError {
    SharedError::Unsure(error.to_string())
}

/// A batch without pairs, and its purse.
async fn make(transaction: &Transaction<'_>, wanted: &Wanted<'_>) -> Result<i32, SharedError> {
    let sql = "WITH batch AS (
            INSERT INTO callsheet.batch (name, endpoint, listed) VALUES ($1, $2, $3) RETURNING batch
        ) INSERT INTO callsheet.purse (batch, budget, epoch, seen)
        SELECT batch, $4, $5, $5 FROM batch RETURNING batch";
    let epoch = fastrand::i64(..);
    let values: &[Value<'_>] = &[
        (&wanted.name, Type::TEXT),
        (&wanted.endpoint, Type::TEXT),
        (&wanted.digest, Type::BYTEA),
        (&wanted.budget, Type::INT8),
        (&epoch, Type::INT8),
    ];
    let made = transaction.query_typed_one(sql, values).await.map_err(unsure)?;
    Ok(made.get(0))
}

/// Adds pairs, the first of them at this place.
async fn add(
    transaction: &Transaction<'_>,
    batch: i32,
    first: usize,
    pairs: &[Listed],
) -> Result<(), SharedError> {
    let first = i32::try_from(first).map_err(|_| SharedError::Broken("too many pairs"))?;
    let ids: Vec<_> = pairs.iter().map(|pair| &*pair.id).collect();
    let bodies: Vec<_> = pairs.iter().map(|pair| &*pair.body).collect();
    let costs: Vec<_> = pairs.iter().map(|pair| pair.cost).collect();
    let sql = "WITH listed AS (
            SELECT $2 + ord::int4 - 1 AS n, id, body, cost
            FROM unnest($3::text[], $4::text[], $5::int8[]) WITH ORDINALITY AS t (id, body, cost, ord)
        ), pairs AS (
            INSERT INTO callsheet.pair (batch, n, id, body) SELECT $1, n, id, body FROM listed
        ) INSERT INTO callsheet.standing (batch, n, cost) SELECT $1, n, cost FROM listed";
    let values: &[Value<'_>] = &[
        (&batch, Type::INT4),
        (&first, Type::INT4),
        (&ids, Type::TEXT_ARRAY),
        (&bodies, Type::TEXT_ARRAY),
        (&costs, Type::INT8_ARRAY),
    ];
    transaction.execute_typed(sql, values).await.map(drop).map_err(unsure)
}

fn joined(wanted: &Wanted<'_>, row: &tokio_postgres::Row) -> Result<i32, SharedError> {
    let what = match () {
        () if row.get::<_, &str>(1) != wanted.endpoint => "another endpoint",
        () if row.get::<_, &[u8]>(2) != wanted.digest => "other pairs",
        () => return Ok(row.get(0)),
    };
    Err(SharedError::OtherBatch { name: wanted.name.to_owned(), what })
}
