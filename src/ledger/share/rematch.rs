//! Rows of the database that have another id than here: the list was made anew by others, who knew more of
//! what was sent. Which pair a row is says the database.

use rusqlite::params;

use crate::ledger::postgres::{self, Moved, Pulled};
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Relisted, Renamed, View};
use crate::pair::Fingerprint;
use crate::state::State;

impl Write<'_> {
    /// Forgets what is known here of rows that have another id there: it is taken over from there again,
    /// under that. Nothing is to be told of any of them.
    pub(super) fn let_go(&self, pulled: &[Pulled]) -> Result<(), LedgerError> {
        for one in pulled {
            let sql = "SELECT pair FROM shares JOIN pairs USING (pair) WHERE n = ?1 AND id <> ?2";
            let pair: Option<i64> =
                self.query_row(sql, params![one.n, one.id], |row| row.get(0))?;
            let Some(pair) = pair else { continue };
            if self.stands_here(pair)?.is_ahead_of(one) {
                return Err(LedgerError::WentBack);
            }
            self.forget(pair)?;
            self.take_request_of(one)?;
        }
        Ok(())
    }

    /// The database says all that is to be known of it.
    pub(super) fn forget(&self, pair: i64) -> Result<(), LedgerError> {
        for sql in [
            "DELETE FROM shares WHERE pair = ?1",
            "DELETE FROM attempts WHERE pair = ?1",
            "DELETE FROM former_tasks WHERE pair = ?1",
        ] {
            self.execute(sql, [pair])?;
        }
        let sql = "UPDATE standings SET state = ?2, attempt = 0, task_id = NULL, created_at = NULL,
                estimate = NULL, sent = NULL, seconds = NULL, price = NULL, video_url = NULL,
                linked_at = NULL, video_path = NULL, video_bytes = NULL, video_sha256 = NULL,
                video_millis = NULL, error_code = '', error = ''
            WHERE pair = ?1";
        self.execute(sql, params![pair, State::Planned.name()]).map(drop)
    }

    /// Whoever lists nothing here has the requests from there.
    fn take_request_of(&self, pulled: &Pulled) -> Result<(), LedgerError> {
        let Some(body) = &pulled.body else { return Ok(()) };
        let sql = "UPDATE pairs SET body = ?2, fingerprint = ?3, take = ?4, audio_millis = NULL,
                image_url = coalesce(?2 ->> 'image_url', ''),
                audio_url = coalesce(?2 ->> 'audio_url', '')
            WHERE id = ?1 AND body <> ?2";
        let fingerprint = Fingerprint::of(body);
        let request = params![pulled.id, body, fingerprint.as_bytes(), pulled.take];
        self.execute(sql, request).map(drop)
    }
}

impl View {
    /// What of a list's changes there the list here has not shown.
    pub(super) fn news_of_list(&self, there: &postgres::Relisted) -> Result<Relisted, LedgerError> {
        let mut renamed = Vec::new();
        for Moved { n, from, to } in &there.renamed {
            let sql = "SELECT pair FROM shares JOIN pairs USING (pair) WHERE n = ?1 AND id = ?2";
            if self.ask(sql, params![n, to], |_| Ok(()))?.is_empty() {
                renamed.push(Renamed { row: 0, from: from.clone(), to: to.clone() });
            }
        }
        let sql = "SELECT count(*) FROM pairs
            WHERE changed = 1 AND listing = (SELECT listing FROM batch)";
        let shown = self.ask(sql, (), |row| row.get::<_, usize>(0))?.pop().unwrap_or_default();
        Ok(Relisted { renamed, changed: there.changed.saturating_sub(shown) })
    }
}
