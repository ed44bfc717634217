//! Pairs and tasks, some thousand at a time.

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{GenericClient, Row};

use super::{Copied, Given, unsure};
use crate::ledger::postgres::error::SharedError;
use crate::ledger::postgres::outcome::{number, state_of};
use crate::ledger::postgres::session::Value;
use crate::pair::{Fingerprint, unsigned};

/// How many pairs go at a time.
pub const PAGE: usize = 4000;

/// The next pairs after one, in their order.
pub(super) async fn read(
    client: &impl GenericClient,
    (batch, after): (i32, i32),
) -> Result<Vec<Copied>, SharedError> {
    // A page by each table's key: a planner with old statistics would sort all of them.
    let sql = format!(
        "SELECT p.n, p.id, p.body, p.take, p.listing = b.listing, s.state, s.attempt, s.cost,
            r.attempt, r.record
        FROM (SELECT * FROM callsheet.pair WHERE batch = $1 AND n > $2 ORDER BY n LIMIT {PAGE}) p
            JOIN callsheet.batch b ON b.batch = $1
            JOIN callsheet.standing s ON s.batch = $1 AND s.n = p.n
            LEFT JOIN callsheet.record r ON r.batch = $1 AND r.n = p.n
        ORDER BY p.n"
    );
    let values: &[Value<'_>] = &[(&batch, Type::INT4), (&after, Type::INT4)];
    let rows = client.query_typed(&sql, values).await.map_err(unsure)?;
    Ok(rows.iter().map(copied).collect())
}

fn copied(row: &Row) -> Copied {
    let (attempt, record): (Option<i32>, Option<String>) = (row.get(8), row.get(9));
    Copied {
        n: row.get(0),
        id: row.get(1),
        body: row.get(2),
        take: row.get(3),
        listed: row.get(4),
        state: state_of(row.get(5)),
        attempt: row.get(6),
        cost: row.get(7),
        record: attempt.zip(record),
    }
}

/// Tasks that their pairs do not stand by: of creates before the last, or that came too late.
pub(super) async fn late(
    client: &impl GenericClient,
    batch: i32,
) -> Result<Vec<Given>, SharedError> {
    let sql = "SELECT k.task, k.n, k.attempt FROM callsheet.task k
            JOIN callsheet.standing s ON s.batch = k.batch AND s.n = k.n
        WHERE k.batch = $1 AND (k.attempt < s.attempt OR s.state NOT BETWEEN 2 AND 5)
        ORDER BY k.n, k.task";
    let rows = client.query_typed(sql, &[(&batch, Type::INT4)]).await.map_err(unsure)?;
    let given = |row: &Row| Given { task: row.get(0), n: row.get(1), attempt: row.get(2) };
    Ok(rows.iter().map(given).collect())
}

/// Columns of a page, each as an array.
#[derive(Default)]
struct Columns<'a> {
    n: Vec<i32>,
    id: Vec<&'a str>,
    body: Vec<&'a str>,
    take: Vec<i32>,
    bare: Vec<Fingerprint>,
    listing: Vec<i32>,
    state: Vec<i16>,
    attempt: Vec<i32>,
    cost: Vec<i64>,
    record: Vec<Option<&'a str>>,
}

impl<'a> Columns<'a> {
    fn of(pairs: &'a [Copied]) -> Self {
        let mut columns = Self::default();
        for pair in pairs {
            columns.n.push(pair.n);
            columns.id.push(&pair.id);
            columns.body.push(&pair.body);
            columns.take.push(pair.take);
            columns.bare.push(unsigned(&pair.body));
            columns.listing.push(i32::from(pair.listed));
            columns.state.push(number(pair.state));
            columns.attempt.push(pair.attempt);
            columns.cost.push(pair.cost);
            columns.record.push(pair.record.as_ref().map(|(_, record)| &**record));
        }
        columns
    }
}

/// Adds pairs to a batch whose first listing this is; a worker that has ended has them.
pub(super) async fn write(
    client: &impl GenericClient,
    (batch, worker): (i32, i64),
    pairs: &[Copied],
) -> Result<(), SharedError> {
    let sql = "WITH new AS MATERIALIZED (
            SELECT * FROM unnest($3::int4[], $4::text[], $5::text[], $6::int4[], $7::int4[],
                $8::int2[], $9::int4[], $10::int8[], $11::text[], $12::bytea[])
            AS new (n, id, body, take, listing, state, attempt, cost, record, bare)
        ), pairs AS (
            INSERT INTO callsheet.pair (batch, n, id, body, take, bare, listing)
            SELECT $1, n, id, body, take, bare, listing FROM new
        ), standings AS (
            INSERT INTO callsheet.standing (batch, n, state, attempt, worker, cost)
            SELECT $1, n, state, attempt, CASE WHEN attempt > 0 OR state <> 0 THEN $2 END, cost FROM new
        )
        INSERT INTO callsheet.record (batch, n, attempt, record)
        SELECT $1, n, attempt, record FROM new WHERE record IS NOT NULL";
    let Columns { n, id, body, take, bare, listing, state, attempt, cost, record } =
        Columns::of(pairs);
    let bare: Vec<_> = bare.iter().map(Fingerprint::as_bytes).collect();
    let values: &[(&(dyn ToSql + Sync), Type)] = &[
        (&batch, Type::INT4),
        (&worker, Type::INT8),
        (&n, Type::INT4_ARRAY),
        (&id, Type::TEXT_ARRAY),
        (&body, Type::TEXT_ARRAY),
        (&take, Type::INT4_ARRAY),
        (&listing, Type::INT4_ARRAY),
        (&state, Type::INT2_ARRAY),
        (&attempt, Type::INT4_ARRAY),
        (&cost, Type::INT8_ARRAY),
        (&record, Type::TEXT_ARRAY),
        (&bare, Type::BYTEA_ARRAY),
    ];
    client.query_typed(sql, values).await.map(drop).map_err(unsure)
}

/// Adds tasks. One that an older release gave to several pairs is the first one's here.
pub(super) async fn write_tasks(
    client: &impl GenericClient,
    batch: i32,
    tasks: &[Given],
) -> Result<(), SharedError> {
    let ids: Vec<_> = tasks.iter().map(|given| &*given.task).collect();
    let pairs: Vec<_> = tasks.iter().map(|given| given.n).collect();
    let attempts: Vec<_> = tasks.iter().map(|given| given.attempt).collect();
    let sql = "INSERT INTO callsheet.task (batch, task, n, attempt)
        SELECT $1, task, n, attempt FROM unnest($2::text[], $3::int4[], $4::int4[])
            AS new (task, n, attempt)
        ON CONFLICT DO NOTHING";
    let values: &[Value<'_>] = &[
        (&batch, Type::INT4),
        (&ids, Type::TEXT_ARRAY),
        (&pairs, Type::INT4_ARRAY),
        (&attempts, Type::INT4_ARRAY),
    ];
    client.query_typed(sql, values).await.map(drop).map_err(unsure)
}
