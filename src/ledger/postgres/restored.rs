//! A database that went back in time: what run folders know is handed in, and once a person says so, all
//! goes on.
//!
//! The batch is stopped until then, and nobody claims a pair. Everything of a folder is one transaction, of
//! which the worker's own row is the acknowledgement.

use std::collections::HashSet;

use tokio::runtime::Builder;
use tokio_postgres::types::Type;

use super::batch::LOCK;
use super::error::SharedError;
use super::outcome::{number, state_of};
use super::session::{Session, Value};
use super::settings::Settings;
use super::take_up::{Here, There, Way, way};
use crate::pair::{Fingerprint, unsigned};
use crate::state::State;

/// Why a batch is stopped whose database went back.
pub const WENT_BACK: &str = "the database went back in time";
/// Of whom a worker speaks who has no process any more: `process 7 on host, in folder`.
const PLACE: &str = "regexp_replace(who, '^process [0-9]+ ', '')";

/// What a run folder knows of a pair.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The pair there.
    pub pair: i64,
    /// Its number in the database, if it was ever told.
    pub n: Option<i32>,
    /// The user's name for it.
    pub id: String,
    /// What it asks for.
    pub body: String,
    /// The manifest's number of a twin request.
    pub take: i32,
    /// Where it stands.
    pub here: Here,
    /// Every task that it was given, and by which creates.
    pub tasks: Vec<(String, i32)>,
    /// What its creates were reckoned to cost that made something, or may have.
    pub costs: Vec<(i32, i64)>,
    /// All else that is known of it.
    pub record: String,
}

/// What came of a pair that was handed in.
#[derive(Debug, Clone)]
pub struct Handed {
    /// The pair in the run folder.
    pub pair: i64,
    /// The user's name for it.
    pub id: String,
    /// Its task.
    pub task: Option<String>,
    /// What the database was told.
    pub way: Way,
    /// Whether it had never heard of that create.
    pub is_news: bool,
    /// Whether the folder has to take over what the database says, though it seems to know more.
    pub is_overruled: bool,
}

/// Somewhere workers were at work who have handed nothing in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// Machine and folder.
    pub place: String,
    /// When one was last heard of there, in milliseconds since 1970.
    pub seen: i64,
    /// Whether one has not signed off.
    pub at_work: bool,
}

/// Gives what a folder knows, some at a time, of the pairs after this one; `Unit` is the budget's.
pub type Folder<'a> = &'a mut dyn FnMut(i64, &str) -> Result<Vec<Kept>, SharedError>;

/// Hands in what a folder knows, in one commit, as this worker, which is gone with it; says what became of
/// it. To be done again where that is not known: twice changes nothing.
///
/// # Errors
/// When the database is not to be reached, or the batch there is another one.
pub fn hand_in(
    settings: &Settings,
    (name, mark): (&str, i64),
    (worker, who): (i64, &str),
    folder: Folder<'_>,
) -> Result<Vec<Handed>, SharedError> {
    block_on(async {
        let mut session = Session::open(settings).await?;
        super::batch::prepare(&mut session).await?;
        session.run(&begin()).await?;
        let sql = "SELECT batch, unit FROM callsheet.batch JOIN callsheet.purse USING (batch)
            WHERE name = $1 AND mark = $2";
        let rows = session.ask(sql, &[(&name, Type::TEXT), (&mark, Type::INT8)]).await?;
        let batch = rows.first().ok_or_else(|| SharedError::NoBatch(name.to_owned()))?;
        let (batch, unit): (i32, String) = (batch.get(0), batch.get(1));
        let (mut after, mut handed) = (i64::MIN, Vec::new());
        loop {
            let kept = folder(after, &unit)?;
            let Some(last) = kept.last() else { break };
            after = last.pair;
            handed.extend(take_up(&mut session, (batch, worker), &kept).await?);
        }
        let sql = "INSERT INTO callsheet.worker
                (worker, batch, who, renewed, lease, over, ended, handed)
            SELECT $1, $2, $3, clock_timestamp(), interval '0', true, clock_timestamp(),
                clock_timestamp()";
        let me: &[Value<'_>] = &[(&worker, Type::INT8), (&batch, Type::INT4), (&who, Type::TEXT)];
        session.ask(sql, me).await?;
        session.run("COMMIT").await?;
        // A COMMIT that says OK is no proof.
        let sql = "SELECT 1 FROM callsheet.worker WHERE worker = $1 AND handed IS NOT NULL";
        match session.ask(sql, &[(&worker, Type::INT8)]).await?.is_empty() {
            false => Ok(handed),
            true => Err(SharedError::Unsure("it was not taken up".to_owned())),
        }
    })
}

/// Where workers were at work that have handed nothing in; whoever was heard of last comes first.
///
/// # Errors
/// When the database is not to be reached.
pub fn absent(settings: &Settings, name: &str) -> Result<Vec<Absent>, SharedError> {
    block_on(async {
        let mut session = Session::open(settings).await?;
        let sql = format!(
            "SELECT {PLACE}, (extract(epoch FROM max(renewed)) * 1000)::int8,
                bool_or(ended IS NULL)
            FROM callsheet.worker WHERE batch = (SELECT batch FROM callsheet.batch WHERE name = $1)
            GROUP BY 1 HAVING bool_and(handed IS NULL) ORDER BY 2 DESC"
        );
        let rows = session.ask(&sql, &[(&name, Type::TEXT)]).await?;
        let absent = |row: &tokio_postgres::Row| Absent {
            place: row.get(0),
            seen: row.get(1),
            at_work: row.get(2),
        };
        Ok(rows.iter().map(absent).collect())
    })
}

/// By a person's word creates may begin again. What was under way is in doubt, and whoever was at work is
/// over.
///
/// # Errors
/// When the database is not to be reached, or is stopped for another reason.
pub fn go_on(settings: &Settings, name: &str) -> Result<(), SharedError> {
    block_on(async {
        let mut session = Session::open(settings).await?;
        let epoch = fastrand::i64(..);
        let sql = "WITH durable AS MATERIALIZED (
                SELECT set_config('synchronous_commit', 'on', true) AS commits
            ), going AS (
                UPDATE callsheet.batch SET stopped = NULL
                WHERE name = $1 AND stopped = $2 AND (SELECT commits FROM durable) <> 'off'
                RETURNING batch
            ), lost AS (
                UPDATE callsheet.standing SET state = 7, turn = NULL
                WHERE batch = (SELECT batch FROM going) AND state = 1
            ), over AS (
                UPDATE callsheet.worker SET over = true, handed = NULL
                WHERE batch = (SELECT batch FROM going)
            ) UPDATE callsheet.purse SET epoch = $3, seen = $3, handed = 0
            WHERE batch = (SELECT batch FROM going) RETURNING batch";
        let values: &[Value<'_>] =
            &[(&name, Type::TEXT), (&WENT_BACK, Type::TEXT), (&epoch, Type::INT8)];
        match session.ask(sql, values).await?.is_empty() {
            false => Ok(()),
            true => Err(SharedError::NoBatch(name.to_owned())),
        }
    })
}

fn block_on<T>(work: impl Future<Output = Result<T, SharedError>>) -> Result<T, SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(work)
}

/// One folder after the other.
fn begin() -> String {
    format!(
        "BEGIN; SET LOCAL synchronous_commit = on;
        SET LOCAL idle_in_transaction_session_timeout = '60s'; SELECT pg_advisory_xact_lock({LOCK})"
    )
}

async fn take_up(
    session: &mut Session,
    (batch, worker): (i32, i64),
    kept: &[Kept],
) -> Result<Vec<Handed>, SharedError> {
    let (mut left, mut handed): (Vec<_>, _) = (kept.iter().collect(), Vec::new());
    while !left.is_empty() {
        let found = find(session, batch, &left).await?;
        let (mut rows, mut again) = (HashSet::new(), Vec::new());
        let (mut told, mut tasks) = (Columns::default(), Tasks::default());
        for (one, (n, there)) in left.into_iter().zip(&found) {
            // What several are one of there is looked at one after the other.
            if !rows.insert(*n) {
                again.push(one);
                continue;
            }
            one.tasks.iter().for_each(|(task, attempt)| tasks.add(*n, task, *attempt));
            let way = way(&one.here, there);
            if let Way::Stand(state) = way {
                told.add((*n, state), one, there);
            }
            handed.push(Handed::of(one, there, way));
        }
        tasks.write(session, batch).await?;
        told.write(session, (batch, worker)).await?;
        left = again;
    }
    Ok(handed)
}

impl Handed {
    fn of(kept: &Kept, there: &There, way: Way) -> Self {
        let Kept { pair, id, here, .. } = kept;
        let is_news = here.attempt > there.attempt || there.state == State::Planned;
        let is_open = matches!(there.state, State::Planned | State::Sending | State::InDoubt);
        let is_overruled = way == Way::Keep && here.state == State::Abandoned && is_open;
        Self { pair: *pair, id: id.clone(), task: here.task.clone(), way, is_news, is_overruled }
    }
}

/// The rows of pairs: by number and request, or by id. Those that the database lost are added, unlisted.
async fn find(
    session: &mut Session,
    batch: i32,
    kept: &[&Kept],
) -> Result<Vec<(i32, There)>, SharedError> {
    let ids: Vec<_> = kept.iter().map(|one| &*one.id).collect();
    let numbers: Vec<_> = kept.iter().map(|one| one.n).collect();
    let bodies: Vec<_> = kept.iter().map(|one| &*one.body).collect();
    let takes: Vec<_> = kept.iter().map(|one| one.take).collect();
    let bare: Vec<_> = kept.iter().map(|one| unsigned(&one.body)).collect();
    let bare: Vec<_> = bare.iter().map(Fingerprint::as_bytes).collect();
    let sql = "WITH kept AS MATERIALIZED (
            SELECT * FROM unnest($2::text[], $3::int4[], $4::text[], $5::int4[], $6::bytea[])
                WITH ORDINALITY AS k (id, n, body, take, bare, ord)
        ), found AS MATERIALIZED (
            SELECT k.*, coalesce(same.n, named.n) AS row FROM kept k
                LEFT JOIN callsheet.pair same
                    ON same.batch = $1 AND same.n = k.n AND same.body = k.body
                -- Under the same id, unless something else was sent under it.
                LEFT JOIN (callsheet.pair named
                        JOIN callsheet.standing s ON s.batch = named.batch AND s.n = named.n)
                    ON named.batch = $1 AND named.id = k.id
                    AND (named.body = k.body AND named.take = k.take
                        OR s.state = 0 AND s.attempt = 0)
        ), last AS MATERIALIZED (
            SELECT greatest((SELECT max(n) FROM callsheet.pair WHERE batch = $1),
                (SELECT max(n) FROM kept), -1) AS n
        ), numbered AS MATERIALIZED (
            SELECT id, body, take, bare, ord, CASE WHEN n IS NOT NULL AND NOT EXISTS
                    (SELECT 1 FROM callsheet.pair p WHERE p.batch = $1 AND p.n = f.n)
                THEN n ELSE (SELECT n FROM last) + ord::int4 END AS row
            FROM found f WHERE row IS NULL
        ), pairs AS (
            -- An id that is another pair's there: the next list knows by the request which one this is.
            INSERT INTO callsheet.pair (batch, n, id, body, take, bare, listing)
            SELECT $1, row, CASE WHEN EXISTS
                    (SELECT 1 FROM callsheet.pair p WHERE p.batch = $1 AND p.id = a.id)
                THEN id || '~' || row ELSE id END, body, take, bare, 0
            FROM numbered a
        ), standings AS (
            INSERT INTO callsheet.standing (batch, n) SELECT $1, row FROM numbered
        ) SELECT coalesce(f.row, a.row) AS row, coalesce(s.state, 0::int2) AS state,
            coalesce(s.attempt, 0) AS attempt, r.record::json ->> 'task_id' AS task
        FROM found f LEFT JOIN numbered a USING (ord)
            LEFT JOIN callsheet.standing s ON s.batch = $1 AND s.n = f.row
            LEFT JOIN callsheet.record r ON r.batch = $1 AND r.n = f.row AND r.attempt = s.attempt
        ORDER BY f.ord";
    let values: &[Value<'_>] = &[
        (&batch, Type::INT4),
        (&ids, Type::TEXT_ARRAY),
        (&numbers, Type::INT4_ARRAY),
        (&bodies, Type::TEXT_ARRAY),
        (&takes, Type::INT4_ARRAY),
        (&bare, Type::BYTEA_ARRAY),
    ];
    let rows = session.ask(sql, values).await?;
    let there = |row: &tokio_postgres::Row| {
        let there = There {
            state: state_of(row.get("state")),
            attempt: row.get("attempt"),
            task: row.get("task"),
        };
        (row.get("row"), there)
    };
    match rows.len() == kept.len() {
        true => Ok(rows.iter().map(there).collect()),
        false => Err(SharedError::Broken("a pair is missing")),
    }
}

#[derive(Default)]
struct Tasks<'a> {
    pairs: Vec<i32>,
    tasks: Vec<&'a str>,
    attempts: Vec<i32>,
}

impl<'a> Tasks<'a> {
    fn add(&mut self, n: i32, task: &'a str, attempt: i32) {
        self.pairs.push(n);
        self.tasks.push(task);
        self.attempts.push(attempt);
    }

    async fn write(&self, session: &mut Session, batch: i32) -> Result<(), SharedError> {
        let sql = "INSERT INTO callsheet.task (batch, task, n, attempt)
            SELECT DISTINCT ON (task) $1, task, n, attempt
            FROM unnest($2::int4[], $3::text[], $4::int4[]) AS t (n, task, attempt) ORDER BY task
            ON CONFLICT DO NOTHING";
        let values: &[Value<'_>] = &[
            (&batch, Type::INT4),
            (&self.pairs, Type::INT4_ARRAY),
            (&self.tasks, Type::TEXT_ARRAY),
            (&self.attempts, Type::INT4_ARRAY),
        ];
        session.ask(sql, values).await.map(drop)
    }
}

/// Rows as they stand from now on, one column each.
#[derive(Default)]
struct Columns<'a> {
    pairs: Vec<i32>,
    states: Vec<i16>,
    attempts: Vec<i32>,
    tasks: Vec<Option<&'a str>>,
    costs: Vec<i64>,
    records: Vec<String>,
}

impl<'a> Columns<'a> {
    fn add(&mut self, (n, state): (i32, State), kept: &'a Kept, there: &There) {
        self.pairs.push(n);
        self.states.push(number(state));
        self.attempts.push(kept.here.attempt);
        self.tasks.push(kept.here.task.as_deref());
        // What was given back there, or never taken.
        let free = matches!(there.state, State::Planned | State::Rejected);
        let reserved = if free { there.attempt - 1 } else { there.attempt };
        let costs = kept.costs.iter().filter(|(attempt, _)| *attempt > reserved);
        self.costs.push(costs.map(|(_, cost)| *cost).fold(0, i64::saturating_add));
        self.records.push(match state {
            State::InDoubt => super::take_up::in_doubt(&kept.record, kept.here.attempt),
            _ => kept.record.clone(),
        });
    }

    async fn write(
        &self,
        session: &mut Session,
        (batch, worker): (i32, i64),
    ) -> Result<(), SharedError> {
        let sql = "WITH told AS MATERIALIZED (
                SELECT * FROM unnest($3::int4[], $4::int2[], $5::int4[], $6::text[], $7::int8[],
                    $8::text[]) AS t (n, state, attempt, task, cost, record)
            ), stand AS (
                UPDATE callsheet.standing s SET worker = $2, turn = NULL, attempt = t.attempt,
                    cost = greatest(s.cost, t.cost),
                    state = CASE WHEN t.task IS NULL OR EXISTS (SELECT 1 FROM callsheet.task k
                            WHERE k.batch = $1 AND k.task = t.task AND k.n = t.n)
                        THEN t.state ELSE 7 END
                FROM told t WHERE s.batch = $1 AND s.n = t.n
            ), kept AS (
                INSERT INTO callsheet.record (batch, n, attempt, record)
                SELECT $1, n, attempt, record FROM told
                ON CONFLICT (batch, n) DO UPDATE
                    SET attempt = excluded.attempt, record = excluded.record
            ), cost AS MATERIALIZED (SELECT coalesce(sum(cost), 0)::int8 AS sum FROM told)
            UPDATE callsheet.purse SET reserved = reserved + (SELECT sum FROM cost),
                budget = CASE WHEN budget IS NOT NULL
                    THEN greatest(budget, reserved + (SELECT sum FROM cost)) END
            WHERE batch = $1";
        let values: &[Value<'_>] = &[
            (&batch, Type::INT4),
            (&worker, Type::INT8),
            (&self.pairs, Type::INT4_ARRAY),
            (&self.states, Type::INT2_ARRAY),
            (&self.attempts, Type::INT4_ARRAY),
            (&self.tasks, Type::TEXT_ARRAY),
            (&self.costs, Type::INT8_ARRAY),
            (&self.records, Type::TEXT_ARRAY),
        ];
        session.ask(sql, values).await.map(drop)
    }
}
