//! Takes: a pair is made again on purpose, by a person's word, and what was made before stays known.
//!
//! `standings` and `pairs` tell of the take that a pair stands for now; the others have a row of their own
//! with all that was known of them. A take that comes to nothing gives way to the last one that was saved.

use std::sync::Arc;

use rusqlite::{Row as SqlRow, params};

use super::columns::read_task;
use super::lookup::state_at;
use super::record::Record;
use super::write::{Known, Trace, Write};
use super::{Intent, Ledger, LedgerError, Planned, Store, Task, View};
use crate::pair::TaskId;
use crate::state::{Event, State};

/// The code of a saved pair whose last take came to nothing.
pub const TAKE_FAILED: &str = "take_failed";

/// What a person asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redo {
    /// Who it is.
    pub who: String,
    /// Why, in their words.
    pub why: Option<String>,
    /// What is sent in place of the manifest's prompt.
    pub prompt: Option<String>,
}

/// A take that a person asked for, and that is not saved yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AskedTake {
    /// The pair.
    pub id: String,
    /// Which take of it.
    pub take: u32,
    /// Where it stands.
    pub state: State,
    /// Who asked for it.
    pub who: String,
    /// Why.
    pub why: Option<String>,
    /// What is sent in place of the manifest's prompt.
    pub prompt: Option<String>,
}

/// The file of a take in whose place there is, or will be, another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormerFile {
    /// The pair.
    pub id: String,
    /// Which take of it.
    pub take: u32,
    /// Where it is, relative to the run folder where it is inside.
    pub path: String,
    /// How large it is.
    pub bytes: u64,
    /// Its digest, in lower-case hexadecimal.
    pub sha256: String,
}

const FORMER_FILES: &str = "SELECT id, t.take, t.video_path, t.video_bytes, t.video_sha256
    FROM takes t JOIN pairs USING (pair)
    WHERE t.state IS NOT NULL AND t.video_path IS NOT NULL AND t.video_sha256 IS NOT NULL";

impl Store {
    /// Has other takes made of pairs, by a person's word on each: of all, or on an error of none. Gives
    /// their numbers.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], or [`LedgerError::Forbidden`] for one that is not saved, failed or
    /// abandoned.
    pub fn redo(&mut self, asked: &[(String, Redo)]) -> Result<Vec<u32>, LedgerError> {
        self.write(|write| asked.iter().map(|(id, redo)| write.redo(id, redo)).collect())
    }
}

impl Ledger {
    /// Makes it durable that the file of an earlier take of a task's pair is at another path now, or is
    /// gone.
    ///
    /// # Errors
    /// When it could not be written: then nothing may take its place.
    pub async fn set_aside(
        &self,
        task: &Task,
        take: u32,
        path: Option<String>,
    ) -> Result<(), LedgerError> {
        self.record(Record::Aside(task.clone(), take, path)).await.map(drop)
    }
}

impl View {
    /// The takes that people asked for and that are not saved, in manifest order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn asked_takes(&self) -> Result<Vec<AskedTake>, LedgerError> {
        let sql = "SELECT id, t.take, s.state, t.who, t.why, t.prompt
            FROM takes t CROSS JOIN standings s ON s.pair = t.pair AND s.take = t.take
            JOIN pairs p ON p.pair = t.pair
            WHERE t.asked IS NOT NULL AND s.state <> ?1 ORDER BY p.place";
        self.ask(sql, [State::Saved.name()], |row| {
            Ok(AskedTake {
                id: row.get(0)?,
                take: row.get(1)?,
                state: state_at(row, 2)?,
                who: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                why: row.get(4)?,
                prompt: row.get(5)?,
            })
        })
    }

    /// The files of takes in whose place there are others.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn former_files(&self) -> Result<Vec<FormerFile>, LedgerError> {
        self.ask(&format!("{FORMER_FILES} ORDER BY t.pair, t.take"), (), read_former)
    }

    /// Those of the pair of a task.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn former_files_of(&self, task: &Task) -> Result<Vec<FormerFile>, LedgerError> {
        if task.take == 1 {
            return Ok(Vec::new());
        }
        self.ask(
            &format!("{FORMER_FILES} AND t.pair = ?1 ORDER BY t.take"),
            [task.pair],
            read_former,
        )
    }

    /// The tasks of takes in whose place there are others, with the last links to their videos.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn former_tasks(&self) -> Result<Vec<Task>, LedgerError> {
        let sql = "SELECT pair, t.attempt, id, t.task_id, coalesce(t.created_at, t.since), NULL,
                t.video_url, coalesce(t.linked_at, t.since), '', t.since, t.take
            FROM takes t JOIN pairs USING (pair)
            WHERE t.state IS NOT NULL AND t.task_id IS NOT NULL";
        self.ask(sql, (), read_task)
    }
}

fn read_former(row: &SqlRow<'_>) -> rusqlite::Result<FormerFile> {
    Ok(FormerFile {
        id: row.get(0)?,
        take: row.get(1)?,
        path: row.get(2)?,
        bytes: row.get(3)?,
        sha256: row.get(4)?,
    })
}

impl Planned {
    /// With its take's prompt in place of the manifest's, if that has one.
    pub(super) fn prompted(self, prompt: Option<&str>) -> Self {
        let Some(prompt) = prompt else { return self };
        let mut body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["prompt"] = prompt.into();
        Self { body: body.to_string().into(), prompted: true, ..self }
    }
}

impl Write<'_> {
    fn redo(&mut self, id: &str, redo: &Redo) -> Result<u32, LedgerError> {
        let known = self.known(id)?;
        let sql = "SELECT max(s.take, coalesce((SELECT max(take) FROM takes t WHERE t.pair = s.pair), 1)) + 1
            FROM standings s WHERE pair = ?1";
        let take = self.only_row(sql, [known.intent.pair], |row| row.get(0))?;
        self.redo_as(known, take, redo)?;
        Ok(take)
    }

    /// The take of this number is asked for, which is larger than all before.
    pub(super) fn redo_as(
        &mut self,
        Known { intent, state, .. }: Known,
        take: u32,
        redo: &Redo,
    ) -> Result<(), LedgerError> {
        let pair = intent.pair;
        // What is known of the take before stays.
        self.keep_take(pair)?;
        self.keep_former_task(pair)?;
        self.apply(&Intent { take, ..intent }, state, Event::Redone, &Trace::default())?;
        self.execute(
            "UPDATE standings SET take = ?2, task_id = NULL, created_at = NULL, estimate = NULL,
                video_url = NULL, linked_at = NULL, video_path = NULL, video_bytes = NULL,
                video_sha256 = NULL, video_millis = NULL WHERE pair = ?1",
            params![pair, take],
        )?;
        self.forget_bill(pair)?;
        self.take_revision(pair)?;
        self.ask_for(pair, take, redo)
    }

    fn ask_for(&self, pair: i64, take: u32, redo: &Redo) -> Result<(), LedgerError> {
        let sql = "INSERT INTO takes (pair, take, asked, who, why, prompt)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET state = NULL";
        let Redo { who, why, prompt } = redo;
        self.execute(sql, params![pair, take, self.now.as_millisecond(), who, why, prompt])
            .map(drop)
    }

    /// The events say that a planned pair stands for this take.
    pub(super) fn count_on_to(&self, pair: i64, take: u32) -> Result<(), LedgerError> {
        let sql = "UPDATE standings SET take = ?2 WHERE pair = ?1";
        self.execute(sql, params![pair, take])?;
        self.ask_for(pair, take, &Redo::default())
    }

    /// Keeps all that is known of the take that a pair stands for.
    fn keep_take(&self, pair: i64) -> Result<(), LedgerError> {
        self.execute(
            "INSERT OR IGNORE INTO takes (pair, take) SELECT pair, take FROM standings WHERE pair = ?1",
            [pair],
        )?;
        let sql = format!(
            "UPDATE takes SET ({STOOD}, {ASKED_FOR}) =
                (SELECT {STOOD}, {ASKED_FOR} FROM standings JOIN pairs USING (pair)
                    WHERE standings.pair = ?1)
            WHERE pair = ?1 AND take = (SELECT take FROM standings s WHERE s.pair = ?1)"
        );
        self.execute(&sql, [pair]).map(drop)
    }

    /// A take that came to nothing gives way to the last one that was saved, if there is one.
    pub(super) fn fall_back(
        &mut self,
        intent: &Intent,
        state: State,
        trace: &Trace<'_>,
    ) -> Result<(), LedgerError> {
        let pair = intent.pair;
        let sql = "SELECT t.take, s.take FROM takes t JOIN standings s USING (pair)
            WHERE t.pair = ?1 AND s.take > 1 AND t.state = ?2 AND t.take <> s.take
            ORDER BY t.take DESC LIMIT 1";
        let takes = self.query_row(sql, params![pair, State::Saved.name()], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))
        })?;
        let Some((former, failed)) = takes else { return Ok(()) };
        self.keep_take(pair)?;
        self.keep_former_task(pair)?;
        // Its key would lead to the task of the take that is gone.
        let sql = "UPDATE keys SET ended = ?3 WHERE pair = ?1 AND attempt = ?2 AND ended IS NULL";
        self.execute(sql, params![pair, intent.attempt, Event::FellBack.name()])?;
        let why = [state.name(), trace.code, trace.message];
        let why: Vec<_> = why.into_iter().filter(|text| !text.is_empty()).collect();
        let message =
            format!("take {failed} came to nothing, so this is take {former}: {}", why.join(": "));
        let told = Trace { code: TAKE_FAILED, message: &message, ..Trace::default() };
        self.apply(&Intent { take: former, ..intent.clone() }, state, Event::FellBack, &told)?;
        self.stand_as(pair, former)
    }

    /// Has a pair stand for an earlier take again, whose row tells of it no more.
    fn stand_as(&self, pair: i64, take: u32) -> Result<(), LedgerError> {
        let of = params![pair, take];
        let sql = format!(
            "UPDATE standings SET take = ?2, estimate = NULL, ({RESTORED}) =
                (SELECT {RESTORED} FROM takes t WHERE t.pair = ?1 AND t.take = ?2) WHERE pair = ?1"
        );
        self.execute(&sql, of)?;
        let sql = format!(
            "UPDATE pairs SET changed = changed OR fingerprint <>
                    (SELECT fingerprint FROM takes t WHERE t.pair = ?1 AND t.take = ?2),
                ({ASKED_FOR}) =
                    (SELECT {ASKED_FOR} FROM takes t WHERE t.pair = ?1 AND t.take = ?2)
            WHERE pair = ?1"
        );
        self.execute(&sql, of)?;
        let sql = "DELETE FROM former_tasks WHERE pair = ?1 AND task_id =
            (SELECT task_id FROM standings s WHERE s.pair = ?1)";
        self.execute(sql, [pair])?;
        let sql = "UPDATE takes SET state = NULL, task_id = NULL, video_path = NULL
            WHERE pair = ?1 AND take = ?2";
        self.execute(sql, of)?;
        // The manifest is compared with it anew.
        self.execute("UPDATE batch SET listed = NULL", ()).map(drop)
    }

    /// Whether a task is one that an earlier take of a pair has or had.
    pub(super) fn is_of_former_take(&self, pair: i64, task: &TaskId) -> Result<bool, LedgerError> {
        let sql = "SELECT 1 FROM takes WHERE pair = ?1 AND task_id = ?2 AND state IS NOT NULL";
        Ok(self.query_row(sql, params![pair, task.as_str()], |_| Ok(()))?.is_some())
    }

    /// The file of an earlier take has another name now; none if it is gone.
    pub(super) fn set_aside(
        &self,
        task: &Task,
        take: u32,
        path: Option<&str>,
    ) -> Result<(), LedgerError> {
        let sql = "UPDATE takes SET video_path = ?3 WHERE pair = ?1 AND take = ?2";
        self.execute(sql, params![task.pair, take, path]).map(drop)
    }
}

/// What a take came to, in the columns of `standings` and `takes`.
const STOOD: &str = "state, since, attempt, task_id, created_at, sent, seconds, price, video_url,
    linked_at, video_path, video_bytes, video_sha256, video_millis, error_code, error, usage, credits,
    credits_millionths";
/// Of them, what a pair stands for that falls back. Attempts are counted on, and why it fell back is told.
const RESTORED: &str = "since, task_id, created_at, sent, seconds, price, video_url, linked_at,
    video_path, video_bytes, video_sha256, video_millis, usage, credits, credits_millionths";
/// What it asked for, in the columns of `pairs` and `takes`.
const ASKED_FOR: &str = "body, fingerprint, image_url, audio_url, audio_millis";

/// Which take an event is of, if that is worth a word.
pub(super) const fn worth_telling(take: u32) -> Option<u32> {
    if take > 1 { Some(take) } else { None }
}

/// The pair of a task, as its events call it.
pub(super) fn intent_of(task: &Task) -> Intent {
    Intent {
        pair: task.pair,
        attempt: task.attempt,
        take: task.take,
        intended: 0,
        id: task.id.clone(),
        media: [Arc::default(), Arc::default()],
        audio: None,
        charge: crate::price::Charge::default(),
        occasion: super::permit::Occasion::First,
        keyed: false,
    }
}
