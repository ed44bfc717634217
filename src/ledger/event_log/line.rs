//! One event as a line, from the ledger and back from the log of an older release.

use std::ops::RangeInclusive;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use crate::ledger::takes::worth_telling;
use crate::ledger::{Change, LedgerError};
use crate::pair::TaskId;
use crate::state::Event;

/// The version of the lines, and of those that say which worker of a shared batch they are of: there numbers
/// count for each run folder, and only worker and number tell events apart.
const VERSION: u32 = 1;
const VERSION_OF_SHARED: u32 = 2;

const fn version(worker: Option<i64>) -> u32 {
    if worker.is_some() { VERSION_OF_SHARED } else { VERSION }
}

/// As text: numbers of this size are not exact everywhere.
fn name_of(worker: i64) -> String {
    format!("{worker:016x}")
}

/// An event as it is logged.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Line<'a> {
    v: u32,
    pub(super) n: u64,
    at: String,
    id: Text<'a>,
    event: Text<'a>,
    from: Text<'a>,
    state: Text<'a>,
    attempt: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_id: Option<Text<'a>>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    error_code: Text<'a>,
    #[serde(default, skip_serializing_if = "str::is_empty")]
    error: Text<'a>,
    /// Only where it is not the pair's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    take: Option<u32>,
    /// Of a shared batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    worker: Option<Text<'a>>,
}

type Text<'a> = std::borrow::Cow<'a, str>;

impl<'a> Line<'a> {
    pub(super) fn of(change: &'a Change) -> Self {
        Self {
            v: version(change.worker),
            n: change.number,
            at: change.at.to_string(),
            id: (&*change.id).into(),
            event: change.event.name().into(),
            from: change.from.name().into(),
            state: change.state.name().into(),
            attempt: change.attempt,
            task_id: change.task_id.as_deref().map(Text::from),
            error_code: (&*change.code).into(),
            error: (&*change.message).into(),
            take: worth_telling(change.take),
            worker: change.worker.map(name_of).map(Text::from),
        }
    }

    fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let text = |column| Ok::<_, rusqlite::Error>(Text::from(row.get_ref(column)?.as_str()?));
        let at = Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH);
        let worker: Option<i64> = row.get(11)?;
        Ok(Self {
            v: version(worker),
            n: row.get(0)?,
            at: at.to_string(),
            id: text(2)?,
            event: text(3)?,
            from: text(4)?,
            state: text(5)?,
            attempt: row.get(6)?,
            task_id: row.get_ref(7)?.as_str_or_null()?.map(Text::from),
            error_code: text(8)?,
            error: text(9)?,
            take: row.get(10)?,
            worker: worker.map(name_of).map(Text::from),
        })
    }

    /// With its end.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        // Writing plain data to a vector cannot fail.
        let _ = serde_json::to_writer(&mut *to, self);
        to.push(b'\n');
    }
}

/// Gives the lines of some events in their order.
pub(super) fn each<E: From<LedgerError>>(
    connection: &Connection,
    path: &Path,
    numbers: RangeInclusive<u64>,
    mut to: impl FnMut(&Line<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let failed = |error| E::from(LedgerError::sqlite(path, &error));
    let columns = columns(connection).map_err(failed)?;
    let sql = format!("SELECT {columns} FROM events WHERE n BETWEEN ?1 AND ?2 ORDER BY n");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let mut rows = statement.query([numbers.start(), numbers.end()]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        to(&Line::read(row).map_err(failed)?)?;
    }
    Ok(())
}

/// From which event on a run folder's events are which worker's: made in the folders that are part of a
/// shared batch, and in no others.
fn knows_workers(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'event_workers')";
    connection.prepare_cached(sql)?.query_row((), |row| row.get(0))
}

/// What a line is read from.
pub(in crate::ledger) fn columns(connection: &Connection) -> rusqlite::Result<String> {
    let worker = match knows_workers(connection)? {
        true => {
            "(SELECT worker FROM event_workers w WHERE w.n <= events.n ORDER BY w.n DESC LIMIT 1)"
        }
        false => "NULL",
    };
    let columns = "n, at, id, event, from_state, state, attempt, task_id, code, message, take";
    Ok(format!("{columns}, {worker}"))
}

/// Events from this one on are this worker's, or nobody's in particular.
pub(in crate::ledger) fn say_who(
    connection: &Connection,
    first: u64,
    worker: Option<i64>,
) -> rusqlite::Result<()> {
    if !knows_workers(connection)? {
        return Ok(());
    }
    let sql = "INSERT OR REPLACE INTO event_workers (n, worker) SELECT ?1, ?2
        WHERE (SELECT worker FROM event_workers ORDER BY n DESC LIMIT 1) IS NOT ?2";
    connection.prepare_cached(sql)?.execute(params![first, worker]).map(drop)
}

/// An event, as people look back at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Counts the events of a ledger, from 1.
    pub number: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// What the pair was called then.
    pub id: String,
    /// What happened; nothing where a later release has a word of its own for it.
    pub event: Option<Event>,
    /// Which create of the pair it is about, from 1.
    pub attempt: u32,
    /// Which take of the pair, from 1.
    pub take: u32,
    /// The task, once there is one.
    pub task_id: Option<String>,
    /// Why: a code.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// The line of `events.jsonl`, with its end.
    pub line: String,
}

/// An event in the columns of [`each`].
pub(in crate::ledger) fn happened(row: &Row<'_>) -> rusqlite::Result<Happened> {
    let line = Line::read(row)?;
    let mut bytes = Vec::new();
    line.write(&mut bytes);
    let owned = |text: &Text<'_>| text.clone().into_owned();
    Ok(Happened {
        number: line.n,
        at: Timestamp::from_millisecond(row.get(1)?).unwrap_or(Timestamp::UNIX_EPOCH),
        id: owned(&line.id),
        event: Event::ALL.into_iter().find(|event| event.name() == line.event),
        attempt: line.attempt,
        take: line.take.unwrap_or(1),
        task_id: line.task_id.as_ref().map(owned),
        code: owned(&line.error_code),
        message: owned(&line.error),
        line: String::from_utf8_lossy(&bytes).into_owned(),
    })
}

/// Keeps an event in the ledger.
pub(in crate::ledger) fn keep(connection: &Connection, change: &Change) -> rusqlite::Result<()> {
    let sql = "INSERT INTO events
            (n, at, pair, id, event, from_state, state, attempt, task_id, code, message, take)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    let event = params![
        change.number,
        change.at.as_millisecond(),
        change.pair,
        &*change.id,
        change.event.name(),
        change.from.name(),
        change.state.name(),
        change.attempt,
        change.task_id.as_deref(),
        change.code,
        change.message,
        worth_telling(change.take)
    ];
    connection.prepare_cached(sql)?.execute(event).map(drop)
}

/// Takes an event over that an older release logged and did not keep. What cannot be read is none.
pub(in crate::ledger) fn import(connection: &Connection, line: &[u8]) -> rusqlite::Result<()> {
    let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else { return Ok(()) };
    let Ok(at) = line.at.parse::<Timestamp>() else { return Ok(()) };
    let sql = "INSERT OR IGNORE INTO events
            (n, at, pair, id, event, from_state, state, attempt, task_id, code, message, take)
        SELECT ?1, ?2, pair, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 FROM pairs WHERE pairs.id = ?3";
    let event = params![
        line.n,
        at.as_millisecond(),
        line.id,
        line.event,
        line.from,
        line.state,
        line.attempt,
        line.task_id,
        line.error_code,
        line.error,
        line.take
    ];
    connection.prepare_cached(sql)?.execute(event).map(drop)
}

/// An event as a log has it.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct Logged {
    pub(in crate::ledger) n: u64,
    pub(in crate::ledger) at: Timestamp,
    pub(in crate::ledger) id: String,
    pub(in crate::ledger) event: Event,
    pub(in crate::ledger) attempt: u32,
    pub(in crate::ledger) take: u32,
    pub(in crate::ledger) task: Option<TaskId>,
}

impl Logged {
    /// What cannot be read is none.
    pub(in crate::ledger) fn read(line: &[u8]) -> Option<Self> {
        let line = serde_json::from_slice::<Line<'_>>(line).ok()?;
        Some(Self {
            n: line.n,
            at: line.at.parse().ok()?,
            event: Event::ALL.into_iter().find(|event| event.name() == line.event)?,
            attempt: line.attempt,
            take: line.take.unwrap_or(1),
            task: line.task_id.and_then(|task| TaskId::parse(&task).ok()),
            id: line.id.into_owned(),
        })
    }
}
