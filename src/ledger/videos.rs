//! What is known of the videos of a batch, all together.

use std::time::Duration;

use rusqlite::{Row as SqlRow, params};

use super::{LedgerError, View};
use crate::pair::without_query;
use crate::state::{Event, State};

/// What the saved videos of a batch come to.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    /// How many.
    pub files: u64,
    /// In bytes.
    pub bytes: u64,
    /// How long they play together, in seconds.
    pub seconds: f64,
    /// The seconds that their recordings are billed for, if all of them were measured.
    pub billed_seconds: Option<u64>,
    /// Which took longest from its create to its file, and how long, in seconds.
    pub slowest: Option<(String, f64)>,
}

/// A saved video that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Remarked {
    /// The pair.
    pub id: String,
    /// Why: `no_sound`, `wrong_length` or `same_video`.
    pub code: String,
    /// The same in words.
    pub message: String,
}

/// A file that was saved once, and was not there or not the same when it was last looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingFile {
    /// The pair.
    pub id: String,
    /// Where it was, relative to the run folder where it is inside.
    pub path: String,
    /// How large it was.
    pub bytes: u64,
    /// Its digest, in lower-case hexadecimal.
    pub sha256: String,
    /// How long its recording is, if it was measured.
    pub audio: Option<Duration>,
}

/// A file that was saved, and is there as far as the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedFile {
    /// The number of the event that says so.
    pub number: u64,
    /// The pair.
    pub id: String,
    /// Where it is, relative to the run folder where it is inside.
    pub path: String,
}

impl View {
    /// What was saved after an event, in that order, and once where it was saved twice.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn saved_after(&self, number: u64) -> Result<Vec<SavedFile>, LedgerError> {
        let sql = "SELECT max(n), pairs.id, video_path FROM events
                JOIN standings USING (pair) JOIN pairs USING (pair)
            WHERE n > ?1 AND event = ?2 AND standings.state = ?3 AND video_path IS NOT NULL
            GROUP BY pair ORDER BY 1";
        let params = params![number, Event::Saved.name(), State::Saved.name()];
        self.ask(sql, params, |row| {
            Ok(SavedFile { number: row.get(0)?, id: row.get(1)?, path: row.get(2)? })
        })
    }

    /// The files that are to be fetched again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn missing_files(&self) -> Result<Vec<MissingFile>, LedgerError> {
        let sql = "SELECT id, video_path, video_bytes, video_sha256, audio_millis
            FROM pairs JOIN standings USING (pair)
            WHERE state = ?1 AND video_sha256 IS NOT NULL ORDER BY place";
        self.ask(sql, [State::Completed.name()], |row| {
            let (id, path, bytes, sha256) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            let audio = row.get::<_, Option<u64>>(4)?.map(Duration::from_millis);
            Ok(MissingFile { id, path, bytes, sha256, audio })
        })
    }

    /// What the saved videos come to.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn totals(&self) -> Result<Totals, LedgerError> {
        if self.is_none_in(State::Saved)? {
            return Ok(Totals::default());
        }
        let saved = State::Saved.name();
        let sums = "SELECT count(*), coalesce(sum(video_bytes), 0), total(video_millis) / 1000,
                iif(count(*) = count(audio_millis), sum(max((audio_millis + 999) / 1000, 1)), NULL)
            FROM pairs JOIN standings USING (pair) WHERE state = ?1";
        let read = |row: &SqlRow<'_>| {
            let (files, bytes, seconds) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(Totals { files, bytes, seconds, billed_seconds: row.get(3)?, slowest: None })
        };
        let totals = self.ask(sums, [saved], read)?.pop().unwrap_or_default();
        let slowest =
            "SELECT id, (since - created_at) / 1000.0 FROM pairs JOIN standings USING (pair)
            WHERE state = ?1 ORDER BY since - created_at DESC LIMIT 1";
        let slowest = self.ask(slowest, [saved], |row| Ok((row.get(0)?, row.get(1)?)))?.pop();
        Ok(Totals { slowest, ..totals })
    }

    /// What there is to say of saved videos, where anything was noted of one, and where two seem to be
    /// the same: hardly ever anything is.
    pub(super) fn remarked(
        &self,
        (noted, repeated): (bool, bool),
    ) -> Result<Vec<Remarked>, LedgerError> {
        let mut remarked = if noted { self.noted()? } else { Vec::new() };
        if repeated {
            remarked.extend(self.same_videos()?);
        }
        Ok(remarked)
    }

    fn noted(&self) -> Result<Vec<Remarked>, LedgerError> {
        let sql = "SELECT id, error_code, error FROM standings CROSS JOIN pairs USING (pair)
            WHERE state = ?1 AND error_code <> '' ORDER BY place";
        self.ask(sql, [State::Saved.name()], |row| {
            Ok(Remarked { id: row.get(0)?, code: row.get(1)?, message: row.get(2)? })
        })
    }

    fn same_videos(&self) -> Result<Vec<Remarked>, LedgerError> {
        let sql = "SELECT video_sha256, id, audio_url FROM standings CROSS JOIN pairs USING (pair)
            WHERE state = ?1 AND video_sha256 IN (SELECT video_sha256 FROM standings
                WHERE state = ?1 GROUP BY video_sha256 HAVING count(*) > 1)
            ORDER BY video_sha256, place";
        let read = |row: &SqlRow<'_>| {
            Ok(Same { sha256: row.get(0)?, id: row.get(1)?, audio: row.get(2)? })
        };
        let same = self.ask(sql, [State::Saved.name()], read)?;
        let groups = same.chunk_by(|one, next| one.sha256 == next.sha256);
        Ok(groups.flat_map(twins).collect())
    }
}

/// A video that is also another pair's.
struct Same {
    sha256: String,
    id: String,
    audio: String,
}

/// Of pairs with one video: those that have not the recording of the first.
fn twins(group: &[Same]) -> Vec<Remarked> {
    let Some((first, others)) = group.split_first() else { return Vec::new() };
    // The signatures of links change from day to day.
    let recording = |one: &Same| without_query(&one.audio);
    let others = others.iter().filter(|other| recording(other) != recording(first));
    let remarked = |other: &Same| Remarked {
        id: other.id.clone(),
        code: "same_video".to_owned(),
        message: format!("its video is, byte for byte, that of {}", first.id),
    };
    others.map(remarked).collect()
}
