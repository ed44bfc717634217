//! What several batches may spend together.

use tokio_postgres::types::Type;
use tokio_postgres::{Row, Transaction};

use super::batch::{Wanted, must_be_idle, other, unsure};
use super::error::SharedError;
use super::session::Value;

/// Has the batch spend the money that it is wanted to, with what it has reserved so far. Under the lock of
/// those who list, so that no two change pools at once.
///
/// What may be spent is said by all alike who spend it, or by whoever comes when none of them is at work.
pub(super) async fn choose(
    transaction: &Transaction<'_>,
    batch: i32,
    wanted: &Wanted<'_>,
) -> Result<(), SharedError> {
    let sql = "SELECT pool, reserved FROM callsheet.purse WHERE batch = $1";
    let purse = transaction.query_typed_one(sql, &[(&batch, Type::INT4)]).await.map_err(unsure)?;
    if let (Some(name), Some(budget)) = (wanted.pool, wanted.budget) {
        let sql = "INSERT INTO callsheet.pool (name, budget, unit) VALUES ($1, $2, $3)
            ON CONFLICT DO NOTHING";
        let values: &[Value<'_>] =
            &[(&name, Type::TEXT), (&budget, Type::INT8), (&wanted.unit, Type::TEXT)];
        transaction.execute_typed(sql, values).await.map_err(unsure)?;
    }
    let (before, reserved): (Option<&str>, i64) = (purse.get(0), purse.get(1));
    if before != wanted.pool {
        must_be_idle(transaction, (wanted, batch)).await?;
        take_out(transaction, batch).await?;
    }
    let Some(name) = wanted.pool else { return Ok(()) };
    let more = if before == wanted.pool { 0 } else { reserved };
    let pool = read(transaction, (name, more), wanted).await?;
    let (is_other_unit, is_other_sum, is_spent) = (pool.get(0), pool.get(1), pool.get(2));
    match (is_other_unit, is_spent, is_other_sum) {
        (true, true, _) => return Err(other(wanted, "a shared budget that counts something else")),
        (true, ..) | (.., true) => {
            all_must_be_idle(transaction, name).await?;
            say(transaction, (name, more), wanted).await?;
        }
        (false, _, false) => {}
    }
    let sql = "WITH pool AS (
            UPDATE callsheet.pool SET reserved = reserved + $3 WHERE name = $2
        ) UPDATE callsheet.purse SET pool = $2 WHERE batch = $1";
    let values: &[Value<'_>] = &[(&batch, Type::INT4), (&name, Type::TEXT), (&more, Type::INT8)];
    transaction.execute_typed(sql, values).await.map(drop).map_err(unsure)
}

/// What a batch that goes elsewhere has reserved is no matter of those any more whose money it was.
async fn take_out(transaction: &Transaction<'_>, batch: i32) -> Result<(), SharedError> {
    let sql = "WITH purse AS (
            SELECT pool, reserved FROM callsheet.purse WHERE batch = $1
        ), pool AS (
            UPDATE callsheet.pool p SET reserved = p.reserved - purse.reserved
            FROM purse WHERE p.name = purse.pool
        ) UPDATE callsheet.purse SET pool = NULL WHERE batch = $1";
    transaction.execute_typed(sql, &[(&batch, Type::INT4)]).await.map(drop).map_err(unsure)
}

/// Whether it counts something else, is another sum, and is in use; with so much more in it.
async fn read(
    transaction: &Transaction<'_>,
    (name, more): (&str, i64),
    wanted: &Wanted<'_>,
) -> Result<Row, SharedError> {
    let sql = "SELECT unit <> $2, budget <> greatest($3, reserved + $4), reserved + $4 > 0
        FROM callsheet.pool WHERE name = $1 FOR UPDATE";
    let budget = wanted.budget.unwrap_or_default();
    let values: &[Value<'_>] = &[
        (&name, Type::TEXT),
        (&wanted.unit, Type::TEXT),
        (&budget, Type::INT8),
        (&more, Type::INT8),
    ];
    transaction.query_typed_one(sql, values).await.map_err(unsure)
}

async fn say(
    transaction: &Transaction<'_>,
    (name, more): (&str, i64),
    wanted: &Wanted<'_>,
) -> Result<(), SharedError> {
    let sql = "UPDATE callsheet.pool SET unit = $2, budget = greatest($3, reserved + $4)
        WHERE name = $1";
    let budget = wanted.budget.unwrap_or_default();
    let values: &[Value<'_>] = &[
        (&name, Type::TEXT),
        (&wanted.unit, Type::TEXT),
        (&budget, Type::INT8),
        (&more, Type::INT8),
    ];
    transaction.execute_typed(sql, values).await.map(drop).map_err(unsure)
}

/// Nobody spends it who was told otherwise.
async fn all_must_be_idle(transaction: &Transaction<'_>, name: &str) -> Result<(), SharedError> {
    let sql = "SELECT who FROM callsheet.worker w JOIN callsheet.purse p USING (batch)
        WHERE p.pool = $1 AND NOT w.over AND clock_timestamp() < w.renewed + w.lease LIMIT 1";
    let live = transaction.query_typed_opt(sql, &[(&name, Type::TEXT)]).await.map_err(unsure)?;
    match live {
        None => Ok(()),
        Some(row) => Err(SharedError::OtherBudget { name: name.to_owned(), who: row.get(0) }),
    }
}
