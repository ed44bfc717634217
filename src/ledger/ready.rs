//! What is found out about a planned pair just before its create: that it is not fit to be sent,
//! how long its recording is, and where its files were uploaded.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::params;

use super::lookup::millis;
use super::view::is_among;
use super::write::{Trace, Write};
use super::{Intent, LedgerError, Planned, View};
use crate::state::{Event, State};

/// Why a pair is not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfit {
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}

/// Which of the pairs that were not fit are looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookAgain {
    /// All whose media are looked at anyway.
    All,
    /// Those that failed by a file beside the manifest, which may be another one by now, or may be
    /// there again. What failed by its URL, or was refused by the store, is not looked at.
    Files,
}

/// A file that was uploaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// The digest of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Where to: the name of the store.
    pub store: String,
    /// The URL that the API fetches it from.
    pub url: String,
    /// Until when it is there.
    pub until: Timestamp,
}

impl Planned {
    /// With the JSON that is to be sent, in which local files stand by their URLs.
    #[must_use]
    pub fn sending(self, body: Bytes) -> Self {
        Self { sent: Some(body), ..self }
    }

    /// With the length of its recording as it was found now, or nothing where it cannot be told.
    #[must_use]
    pub fn measured(self, audio: Option<Duration>) -> Self {
        Self { measured: self.audio != audio, audio, ..self }
    }

    /// With the length that its recording may be billed for, where that is another one.
    #[must_use]
    pub fn billed_as(self, billable: Option<Duration>) -> Self {
        Self { billable, ..self }
    }
}

impl Write<'_> {
    pub(super) fn unfit(&mut self, planned: &Planned, why: &Unfit) -> Result<State, LedgerError> {
        let intent = self.intent_of(planned)?;
        let trace = Trace { code: &why.code, message: &why.message, ..Trace::default() };
        self.apply(&intent, State::Planned, Event::Unfit, &trace)
    }

    pub(super) fn uploaded(&mut self, upload: &Upload) -> Result<(), LedgerError> {
        let sql = "INSERT OR REPLACE INTO uploads (sha256, store, url, until)
            VALUES (?1, ?2, ?3, ?4)";
        let until = upload.until.as_millisecond();
        self.execute(sql, params![upload.sha256, upload.store, upload.url, until]).map(drop)
    }

    /// Writes the length of a recording down, if that is news.
    pub(super) fn measure_one(&self, planned: &Planned) -> Result<(), LedgerError> {
        if !planned.measured {
            return Ok(());
        }
        let sql = "UPDATE pairs SET audio_millis = ?2 WHERE pair = ?1";
        self.execute(sql, params![planned.pair, millis(planned.audio)]).map(drop)
    }

    /// Those that are not `left_out`, by their folded ids.
    pub(super) fn unfit_ids(
        &self,
        again: LookAgain,
        left_out: &HashSet<String>,
    ) -> Result<Vec<String>, LedgerError> {
        let unfit = self.unfit_pairs(again, left_out)?;
        Ok(unfit.iter().map(|intent| intent.id.to_string()).collect())
    }

    /// Plans those again that were never sent because their media were not fit; says how many.
    pub(super) fn look_again(
        &mut self,
        again: LookAgain,
        left_out: &HashSet<String>,
    ) -> Result<usize, LedgerError> {
        let unfit = self.unfit_pairs(again, left_out)?;
        for intent in &unfit {
            self.apply(intent, State::Rejected, Event::Revised, &Trace::default())?;
        }
        Ok(unfit.len())
    }

    /// The pairs that were rejected, but not by an answer to a create.
    fn unfit_pairs(
        &self,
        again: LookAgain,
        left_out: &HashSet<String>,
    ) -> Result<Vec<Intent>, LedgerError> {
        let which = match again {
            LookAgain::All => "TRUE",
            LookAgain::Files => {
                "error_code IN ('file_changed', 'file_missing', 'file_unreadable', 'file_outside',
                    'not_a_file')
                OR error_code = 'audio_too_long' AND json_extract(body, '$.audio_url') LIKE 'file:%'"
            }
        };
        let refused = format!(
            "state = ?1 AND ({which})
            AND NOT EXISTS (SELECT 1 FROM attempts WHERE event = ?2
                AND attempts.pair = pairs.pair AND attempts.settled = standings.since)"
        );
        let mut unfit = self.intents(&refused, [State::Rejected.name(), Event::Refused.name()])?;
        unfit.retain(|intent| !is_among(left_out, &intent.id));
        Ok(unfit)
    }
}

impl View {
    /// Where a file was uploaded to a store that still has it at `until`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn upload(
        &self,
        sha256: &str,
        store: &str,
        until: Timestamp,
    ) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT url FROM uploads WHERE sha256 = ?1 AND store = ?2 AND until >= ?3";
        let until = until.as_millisecond();
        Ok(self.ask(sql, params![sha256, store, until], |row| row.get(0))?.pop())
    }
}
