//! What other batches of the database have paid for.

use std::time::Instant;

use tokio::runtime::Builder;
use tokio::time::sleep;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::desk::PAUSE;
use super::error::SharedError;
use super::line::STARTING;
use super::outcome::state_of;
use super::session::{Session, Value};
use super::settings::Settings;
use crate::pair::Fingerprint;
use crate::state::State;

/// How many requests are looked up at a time.
const PAGE: usize = 2000;

/// A pair of another batch, or one that its own lists no more, that was paid for or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidThere {
    /// The batch's name.
    pub batch: String,
    /// What the pair is called there.
    pub id: String,
    /// What it asks for.
    pub body: String,
    /// The manifest's number of a twin request.
    pub take: i32,
    /// Where it stands.
    pub state: State,
    /// Whether nothing was paid yet, and somebody who is at work there is about to.
    pub about_to_be: bool,
}

/// What a database knows of beside what a batch lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// Whether it has other batches.
    pub batches: bool,
    /// Whether the batch was listed anew, so that it may have pairs which it lists no more.
    pub unlisted: bool,
}

/// What there is beside what a batch lists: nothing where there are no tables.
///
/// # Errors
/// When the database is not to be reached.
pub fn around(settings: &Settings, name: &str) -> Result<Around, SharedError> {
    block_on(async {
        let Some(mut session) = open(settings).await? else { return Ok(Around::default()) };
        let sql = "SELECT EXISTS (SELECT 1 FROM callsheet.batch WHERE name <> $1),
            EXISTS (SELECT 1 FROM callsheet.batch WHERE name = $1 AND listing > 1)";
        let rows = session.ask(sql, &[(&name, Type::TEXT)]).await?;
        let around = rows.first().map(|row| Around { batches: row.get(0), unlisted: row.get(1) });
        Ok(around.unwrap_or_default())
    })
}

/// Which of these requests, by what they are known by without the signatures of their links, were paid
/// for in other batches at one of these addresses, or under an id that this one lists no more; what was
/// paid comes first.
///
/// # Errors
/// When the database is not to be reached.
pub fn paid(
    settings: &Settings,
    (name, endpoints): (&str, &[String]),
    requests: &[Fingerprint],
) -> Result<Vec<PaidThere>, SharedError> {
    let sql = "SELECT *, NOT paid AS about_to_be FROM (
            SELECT b.name, p.n, p.id, p.body, p.take, s.state,
                s.state IN (1, 2, 3, 4, 5, 7) OR s.state = 8 AND s.attempt > 0 OR EXISTS
                    (SELECT 1 FROM callsheet.task k WHERE k.batch = p.batch AND k.n = p.n) AS paid,
                p.listing = b.listing AND s.state = 0 AND EXISTS (SELECT 1 FROM callsheet.worker w
                    WHERE w.batch = p.batch AND NOT w.over
                        AND clock_timestamp() < w.renewed + w.lease) AS awaited
            FROM callsheet.pair p JOIN callsheet.batch b USING (batch)
                JOIN callsheet.standing s USING (batch, n)
            WHERE p.bare = ANY ($3) AND b.endpoint = ANY ($2)
                AND (b.name <> $1 OR p.listing < b.listing)
        ) AS found WHERE paid OR awaited ORDER BY paid DESC, name, n";
    block_on(async {
        let Some(mut session) = open(settings).await? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for requests in requests.chunks(PAGE) {
            let requests: Vec<_> = requests.iter().map(Fingerprint::as_bytes).collect();
            let values: &[Value<'_>] = &[
                (&name, Type::TEXT),
                (&endpoints, Type::TEXT_ARRAY),
                (&requests, Type::BYTEA_ARRAY),
            ];
            found.extend(session.ask(sql, values).await?.iter().map(read));
        }
        Ok(found)
    })
}

fn read(row: &Row) -> PaidThere {
    PaidThere {
        batch: row.get("name"),
        id: row.get("id"),
        body: row.get("body"),
        take: row.get("take"),
        state: state_of(row.get("state")),
        about_to_be: row.get("about_to_be"),
    }
}

/// Nothing where there are no tables. A database that is just being started is waited for.
async fn open(settings: &Settings) -> Result<Option<Session>, SharedError> {
    let began = Instant::now();
    let mut session = loop {
        match Session::open_to_read(settings).await {
            Err(SharedError::Unreachable(_) | SharedError::Unsure(_))
                if began.elapsed() < STARTING =>
            {
                sleep(PAUSE).await;
            }
            opened => break opened?,
        }
    };
    let there = session.ask("SELECT to_regclass('callsheet.format') IS NOT NULL", &[]).await?;
    Ok(there.first().is_some_and(|row| row.get(0)).then_some(session))
}

fn block_on<T>(work: impl Future<Output = Result<T, SharedError>>) -> Result<T, SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(work)
}
