//! Reads a batch without taking part in it: no row is written, and read-only rights suffice.

use tokio::runtime::Builder;
use tokio_postgres::types::Type;

use super::error::SharedError;
use super::outcome::number;
use super::pull::{Detail, Page, Pulled, pull};
use super::session::{Session, Value};
use super::settings::Settings;
use crate::state::State;

/// How many pairs are read at a time.
const PAGE: usize = 2000;

/// A batch in a database.
#[derive(Debug, Clone)]
pub struct Known {
    /// The API's address.
    pub endpoint: String,
    /// By what it is known from all others.
    pub mark: i64,
}

/// Goes through the pairs of a batch, some thousand at a time; `begin` hears of the batch first.
///
/// # Errors
/// When the database is not to be reached, or has no such batch; or what the caller says.
pub fn read(
    settings: &Settings,
    name: &str,
    mut begin: impl FnMut(&Known) -> Result<(), SharedError>,
    mut each: impl FnMut(&[Pulled]) -> Result<(), SharedError>,
) -> Result<(), SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(async {
        let (mut session, batch) = enter(settings, name, &mut begin).await?;
        let mut after = -1;
        loop {
            let page = pull(&mut session, batch, Page::After(after, PAGE, Detail::Whole)).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.n;
            each(&page)?;
        }
    })
}

/// Which pairs are read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Those<'a> {
    /// Those that stand so.
    pub states: &'a [State],
    /// Those that were given a task that they do not stand by: it came when they had gone on.
    pub with_late_tasks: bool,
}

/// Most pairs were never sent or stand by their only task, and are passed over by what is in their row: first
/// (`OFFSET 0`), by as many of the server's processes as there are. A planner that has to look at tasks in
/// the same go takes one, and compiles the statement for longer than it takes.
const THOSE: &str = "SELECT n FROM (
        SELECT batch, n, attempt, state FROM callsheet.standing
        WHERE batch = $1 AND (state = ANY ($2)
            OR $3 AND (attempt > 1 OR attempt = 1 AND state NOT BETWEEN 1 AND 5)) OFFSET 0) s
    WHERE state = ANY ($2) OR (SELECT true FROM callsheet.task k WHERE k.batch = s.batch AND k.n = s.n
        AND (k.attempt < s.attempt OR s.state NOT BETWEEN 2 AND 5) LIMIT 1)
    ORDER BY n";

/// The same of those pairs alone.
///
/// # Errors
/// As [`read`].
pub fn read_those(
    settings: &Settings,
    (name, those): (&str, &Those<'_>),
    mut begin: impl FnMut(&Known) -> Result<(), SharedError>,
    mut each: impl FnMut(&[Pulled]) -> Result<(), SharedError>,
) -> Result<(), SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(async {
        let (mut session, batch) = enter(settings, name, &mut begin).await?;
        let states: Vec<_> = those.states.iter().map(|state| number(*state)).collect();
        let values: &[Value<'_>] = &[
            (&batch, Type::INT4),
            (&states, Type::INT2_ARRAY),
            (&those.with_late_tasks, Type::BOOL),
        ];
        let found = session.ask(THOSE, values).await?;
        let pairs: Vec<i32> = found.iter().map(|row| row.get(0)).collect();
        for some in pairs.chunks(PAGE) {
            each(&pull(&mut session, batch, Page::Whole(some)).await?)?;
        }
        Ok(())
    })
}

/// The number of a batch.
async fn enter(
    settings: &Settings,
    name: &str,
    begin: &mut impl FnMut(&Known) -> Result<(), SharedError>,
) -> Result<(Session, i32), SharedError> {
    let mut session = Session::open_to_read(settings).await?;
    let there = session.ask("SELECT to_regclass('callsheet.format') IS NOT NULL", &[]).await?;
    let missing = || SharedError::NoBatch(name.to_owned());
    there.first().filter(|row| row.get(0)).ok_or_else(missing)?;
    let sql = "SELECT batch, endpoint, mark FROM callsheet.batch WHERE name = $1";
    let rows = session.ask(sql, &[(&name, Type::TEXT)]).await?;
    let row = rows.first().ok_or_else(missing)?;
    begin(&Known { endpoint: row.get(1), mark: row.get(2) })?;
    Ok((session, row.get(0)))
}
