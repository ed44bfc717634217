//! What is read of pairs: whole rows, planned pairs and tasks, each from its columns.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Row as SqlRow;

use super::lookup::state_at;
use super::{Decision, Planned, TASK_NOT_FOUND, Task};
use crate::pair::{TaskId, TaskIdError};
use crate::price::Credits;
use crate::view::Row;

/// What a [`Row`] is read from.
pub(super) const ROW: &str =
    "p.id, s.state, p.listing = (SELECT listing FROM batch), p.changed, s.task_id,
    p.image_url, p.audio_url, s.created_at, s.since, s.error_code, s.error, s.attempt,
    s.video_url, s.linked_at, s.video_path, s.video_bytes, p.audio_millis, s.credits_millionths, s.take,
    (SELECT r.decision FROM reviews r
        WHERE r.pair = p.pair AND r.task_id IS s.task_id
            AND (s.task_id IS NOT NULL OR r.attempt = s.attempt)
        ORDER BY r.n DESC LIMIT 1)";
/// How many columns that are.
pub(super) const AFTER_ROW: usize = 20;
/// CROSS JOIN keeps the order of the tables: a page costs its own rows, not the batch's.
pub(super) const PLANNED: &str = "SELECT pair, place, id, body, audio_millis, image_url, audio_url,
            standings.take, iif(standings.take > 1, (SELECT t.prompt FROM takes t
                WHERE t.pair = standings.pair AND t.take = standings.take), NULL)
        FROM pairs CROSS JOIN standings USING (pair)
        WHERE state = ?1 AND listing = (SELECT listing FROM batch)";

pub(super) fn read_row(row: &SqlRow<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        state: state_at(row, 1)?,
        listed: row.get(2)?,
        changed: row.get(3)?,
        task_id: row.get(4)?,
        image_url: row.get(5)?,
        audio_url: row.get(6)?,
        created_at: optional_time(row, 7)?,
        since: time(row, 8)?,
        error_code: row.get(9)?,
        error: row.get(10)?,
        attempts: row.get(11)?,
        video_url: row.get(12)?,
        linked_at: optional_time(row, 13)?,
        video_path: row.get(14)?,
        video_bytes: row.get(15)?,
        audio: duration(row, 16)?,
        credits: row.get::<_, Option<u64>>(17)?.map(Credits::from_millionths),
        take: row.get(18)?,
        review: row.get_ref(19)?.as_str_or_null()?.and_then(Decision::from_name),
    })
}

pub(super) fn read_planned(row: &SqlRow<'_>) -> rusqlite::Result<Planned> {
    let (id, body): (String, String) = (row.get(2)?, row.get(3)?);
    let (image, audio): (String, String) = (row.get(5)?, row.get(6)?);
    Ok(Planned {
        pair: row.get(0)?,
        place: row.get(1)?,
        body: body.into(),
        prompted: false,
        take: 1,
        sent: None,
        id: id.into(),
        media: [image.into(), audio.into()],
        audio: duration(row, 4)?,
        billable: None,
        measured: false,
    })
}

/// A planned pair by [`PLANNED`], as its take wants it.
pub(super) fn read_next(row: &SqlRow<'_>) -> rusqlite::Result<Planned> {
    let planned = Planned { take: row.get(7)?, ..read_planned(row)? };
    let prompt: Option<String> = row.get(8)?;
    Ok(planned.prompted(prompt.as_deref()))
}

pub(super) fn read_task(row: &SqlRow<'_>) -> rusqlite::Result<Task> {
    let (id, task, url): (String, String, Option<String>) = (row.get(2)?, row.get(3)?, row.get(6)?);
    let missing = row.get::<_, String>(8)? == TASK_NOT_FOUND;
    let foreign = |error: TaskIdError| {
        rusqlite::Error::FromSqlConversionFailure(3, rusqlite::types::Type::Text, Box::new(error))
    };
    Ok(Task {
        pair: row.get(0)?,
        attempt: row.get(1)?,
        take: row.get(10)?,
        id: id.into(),
        task: TaskId::parse(&task).map_err(foreign)?,
        created_at: time(row, 4)?,
        estimate: duration(row, 5)?,
        link: url.map(Arc::from).zip(optional_time(row, 7)?),
        missing_since: missing.then(|| time(row, 9)).transpose()?,
    })
}

/// In a column of milliseconds.
pub(super) fn duration(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Duration>> {
    Ok(row.get::<_, Option<u64>>(column)?.map(Duration::from_millis))
}

fn optional_time(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let known: Option<i64> = row.get(column)?;
    known.map(|_| time(row, column)).transpose()
}

pub(super) fn time(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    Timestamp::from_millisecond(row.get(column)?).map_err(|error| {
        let kind = rusqlite::types::Type::Integer;
        rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(error))
    })
}
