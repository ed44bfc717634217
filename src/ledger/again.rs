//! Pairs that failed or were refused, and may be created again by a person's word.

use std::time::Duration;

use rusqlite::params;

use super::columns::duration;
use super::write::{Known, Trace, Write};
use super::{LedgerError, Store, View};
use crate::state::{Event, State};

/// A pair that is finished without a video, and could be created again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The pair.
    pub id: String,
    /// Whether the manifest still has it.
    pub listed: bool,
    /// Whether it was refused, so that nothing was paid for it.
    pub refused: bool,
    /// Why it failed or was refused.
    pub code: String,
    /// How often it was created, not counting creates that provably made nothing.
    pub tries: u32,
    /// Whether the manifest now asks for something else than what was sent. That is what is sent if
    /// it is created again.
    pub changed: bool,
    /// How long its recording is, as it would be sent now.
    pub audio: Option<Duration>,
}

impl Store {
    /// Has failed pairs created again by a person's word, each as a new attempt with what the
    /// manifest asks for now.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], or [`LedgerError::Forbidden`] for one that has not failed; then
    /// none is changed.
    pub fn retry(&mut self, ids: &[String]) -> Result<(), LedgerError> {
        self.write(|write| ids.iter().try_for_each(|id| write.retry(id)))
    }
}

impl View {
    /// The pairs that stand in a state which is `failed` or `rejected`, in manifest order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn finished(&self, state: State) -> Result<Vec<Finished>, LedgerError> {
        let sql = "SELECT id, listing = (SELECT listing FROM batch), error_code,
                (SELECT count(*) FROM attempts a
                    WHERE a.pair = s.pair AND a.event IN ('accepted', 'refused', 'lost')),
                r.pair IS NOT NULL, iif(r.pair IS NULL, p.audio_millis, r.audio_millis)
            FROM standings s JOIN pairs p USING (pair) LEFT JOIN revisions r USING (pair)
            WHERE state = ?1 ORDER BY place";
        self.ask(sql, [state.name()], |row| {
            Ok(Finished {
                id: row.get(0)?,
                listed: row.get(1)?,
                refused: state == State::Rejected,
                code: row.get(2)?,
                tries: row.get(3)?,
                changed: row.get(4)?,
                audio: duration(row, 5)?,
            })
        })
    }
}

impl Write<'_> {
    pub(super) fn retry(&mut self, id: &str) -> Result<(), LedgerError> {
        let Known { intent, .. } = self.known(id)?;
        let pair = intent.pair;
        // What is known of the task that failed stays.
        self.keep_former_task(pair)?;
        self.execute(
            "UPDATE attempts SET verdict = ?3, judged = ?4, (code, message) =
                    (SELECT error_code, error FROM standings WHERE standings.pair = ?1)
                WHERE pair = ?1 AND attempt = ?2",
            params![pair, intent.attempt, Event::Retried.name(), self.now.as_millisecond()],
        )?;
        self.apply(&intent, State::Failed, Event::Retried, &Trace::default())?;
        self.execute(
            "UPDATE standings SET task_id = NULL, created_at = NULL, estimate = NULL,
                video_url = NULL, linked_at = NULL WHERE pair = ?1",
            [pair],
        )?;
        self.forget_bill(pair)?;
        self.take_revision(pair)
    }

    /// What is sent from now on is what the manifest asks for now.
    pub(super) fn take_revision(&self, pair: i64) -> Result<(), LedgerError> {
        self.execute(
            "UPDATE pairs SET changed = 0, (body, fingerprint, image_url, audio_url, audio_millis) =
                    (SELECT body, fingerprint, image_url, audio_url, audio_millis
                        FROM revisions WHERE revisions.pair = ?1)
                WHERE pair = ?1 AND EXISTS (SELECT 1 FROM revisions WHERE revisions.pair = ?1)",
            [pair],
        )?;
        self.execute("DELETE FROM revisions WHERE pair = ?1", [pair]).map(drop)
    }
}
