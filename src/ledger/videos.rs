//! What is known of the videos of a batch, all together.

use std::time::Duration;

use rusqlite::{Row as SqlRow, params};

use super::{LedgerError, View};
use crate::state::State;

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

/// A video that does not play as long as its recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The pair.
    pub id: String,
    /// How long the video plays.
    pub video: Duration,
    /// How long the recording is.
    pub audio: Duration,
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
}

impl View {
    /// The files that are to be fetched again.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn missing_files(&self) -> Result<Vec<MissingFile>, LedgerError> {
        let sql = "SELECT id, video_path, video_bytes, video_sha256
            FROM pairs JOIN standings USING (pair)
            WHERE state = ?1 AND video_sha256 IS NOT NULL ORDER BY place";
        self.ask(sql, [State::Completed.name()], |row| {
            let (id, path, bytes, sha256) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(MissingFile { id, path, bytes, sha256 })
        })
    }

    /// What the saved videos come to.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn totals(&self) -> Result<Totals, LedgerError> {
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

    /// The saved videos that are longer or shorter than their recordings by more than `tolerance`,
    /// where both lengths are known, in manifest order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn misfits(&self, tolerance: Duration) -> Result<Vec<Misfit>, LedgerError> {
        let sql = "SELECT id, video_millis, audio_millis FROM pairs JOIN standings USING (pair)
            WHERE state = ?1 AND abs(video_millis - audio_millis) > ?2 ORDER BY place";
        let tolerance = i64::try_from(tolerance.as_millis()).unwrap_or(i64::MAX);
        self.ask(sql, params![State::Saved.name(), tolerance], |row| {
            let [video, audio] = [row.get(1)?, row.get(2)?].map(Duration::from_millis);
            Ok(Misfit { id: row.get(0)?, video, audio })
        })
    }
}
