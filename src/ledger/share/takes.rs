//! Takes of a batch that many share: the database has them in what is known of each pair, so all go on from
//! the same one, whoever asked for it.

use rusqlite::params;

use super::telling::sorted;
use super::{CHANGED, Mirror, News, Share, lost_to};
use crate::ledger::postgres::redo;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, SharedFault, Store};

/// The columns of `takes` after the pair, in the order in which a record has them.
const COLUMNS: [&str; 29] = [
    "take",
    "asked",
    "who",
    "why",
    "prompt",
    "state",
    "since",
    "attempt",
    "task_id",
    "created_at",
    "sent",
    "seconds",
    "price",
    "video_url",
    "linked_at",
    "video_path",
    "video_bytes",
    "video_sha256",
    "video_millis",
    "error_code",
    "error",
    "usage",
    "credits",
    "credits_millionths",
    "body",
    "fingerprint",
    "image_url",
    "audio_url",
    "audio_millis",
];

impl Store {
    /// Tells the database of takes that were just asked for here: workers are given those pairs from then
    /// on. Nothing but that may be untold.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached, or others changed some of the pairs
    /// meanwhile: those are as they have them.
    pub fn tell_redone(&mut self, (settings, name): (&Settings, &str)) -> Result<(), LedgerError> {
        let Some(share) = self.share.take() else { return Ok(()) };
        let told = self.tell_takes(&share, (settings, name));
        self.share = Some(share);
        match told? {
            0 => Ok(()),
            refused => {
                let (reason, fault) = (format!("{refused} {CHANGED}"), SharedFault::Others);
                Err(LedgerError::Shared { reason, fault })
            }
        }
    }

    /// Gives how many pairs others had changed.
    fn tell_takes(
        &mut self,
        share: &Share,
        there: (&Settings, &str),
    ) -> Result<usize, LedgerError> {
        let mut refused = 0;
        loop {
            let news = self.write(|write| write.news(None))?;
            if news.is_empty() {
                return Ok(refused);
            }
            let outcomes: Vec<_> = news.iter().map(|one| one.outcome.clone()).collect();
            let redone = redo(there.0, there.1, &outcomes).map_err(|error| lost_to(&error))?;
            let is_redone = |one: &News| redone.contains(&one.outcome.slip.n);
            let sorted = sorted(&news, is_redone);
            refused += self.write_down(share, (&news, sorted), Mirror::Ended)?;
        }
    }
}

impl Write<'_> {
    /// The takes of a pair, as a record has them; which of them it stands for, and whether that is to be
    /// created yet: then what is asked for is what the manifest says now.
    pub(in crate::ledger) fn take_over_takes(
        &self,
        pair: i64,
        (take, takes): (Option<i64>, Option<&str>),
        planned: bool,
    ) -> Result<(), LedgerError> {
        let take = take.unwrap_or(1);
        let sql = "SELECT take FROM standings WHERE pair = ?1";
        let before: i64 = self.only_row(sql, [pair], |row| row.get(0))?;
        if take == 1 && before == 1 && takes.is_none() {
            return Ok(());
        }
        self.execute("UPDATE standings SET take = ?2 WHERE pair = ?1", params![pair, take])?;
        self.execute("DELETE FROM takes WHERE pair = ?1", [pair])?;
        let values = COLUMNS.iter().enumerate().map(|(at, name)| match *name {
            "fingerprint" => format!("unhex(value ->> {at})"),
            _ => format!("value ->> {at}"),
        });
        let (names, values) = (COLUMNS.join(", "), values.collect::<Vec<_>>().join(", "));
        let sql = format!(
            "INSERT OR IGNORE INTO takes (pair, {names}) SELECT ?1, {values} FROM json_each(?2)"
        );
        self.execute(&sql, params![pair, takes.unwrap_or("[]")])?;
        if planned && take > before { self.take_revision(pair) } else { Ok(()) }
    }
}
