//! What those who share the ledger know together of the service, for the fan-out.

use rusqlite::params;
use tokio::sync::watch;

use super::lost;
use crate::ledger::{Doubted, Ledger, LedgerError, Task, View};
use crate::pace::{Common, Word};

impl Ledger {
    /// What all who share it know together; nothing if nobody shares it.
    #[must_use]
    pub fn common(&self) -> Option<watch::Receiver<Common>> {
        self.way.as_ref().map(super::Way::common)
    }

    /// What a create's outcome says of the service, for all: before it is settled.
    pub fn heard(&self, word: Word) {
        self.way.iter().for_each(|way| way.heard(word));
    }

    /// No permit is given out from now on, also to those who wait for one.
    pub fn wants_no_more(&self) {
        self.way.iter().for_each(super::Way::wants_no_more);
    }

    /// Asks for the right to try a create alone. Who has it says what all know together.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn take_lone(&self) -> Result<(), LedgerError> {
        let Some(way) = &self.way else { return Ok(()) };
        way.take_lone().await.map_err(|lack| lost(&lack))
    }

    /// Leaves that right to others. Where that cannot be said, it ends with the lease.
    pub async fn leave_lone(&self) {
        if let Some(way) = &self.way {
            let _ = way.leave_lone().await;
        }
    }

    /// Has all who are at work create nothing more, for this reason.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn halt(&self, why: String) -> Result<(), LedgerError> {
        let Some(way) = &self.way else { return Ok(()) };
        way.halt(why).await.map_err(|lack| lost(&lack))
    }

    /// A task that the service has not known for a while takes no place among the unfinished of all. Where
    /// that cannot be said, it keeps it.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub async fn is_aside(&self, task: &Task) -> Result<(), LedgerError> {
        let Some(way) = &self.way else { return Ok(()) };
        let sql = "SELECT n FROM shares WHERE pair = ?1";
        let n = self.view().ask(sql, [task.pair], |row| row.get(0))?;
        for n in n {
            let _ = way.set_aside(n).await;
        }
        Ok(())
    }

    /// The last pairs in doubt, whoever sent them.
    ///
    /// # Errors
    /// When the database is not to be reached, or the ledger cannot be read.
    pub async fn doubted_by_all(&self) -> Result<Vec<Doubted>, LedgerError> {
        let Some(way) = &self.way else { return Ok(Vec::new()) };
        let pairs = way.doubts().await.map_err(|lack| lost(&lack))?;
        self.view().named(&pairs)
    }
}

impl View {
    /// The media of pairs, by their numbers in the database.
    fn named(&self, pairs: &[i32]) -> Result<Vec<Doubted>, LedgerError> {
        let sql = "SELECT image_url, audio_url, place FROM pairs JOIN shares USING (pair)
            WHERE n IN (SELECT value FROM json_each(?1)) ORDER BY place";
        self.ask(sql, params![serde_json::json!(pairs).to_string()], |row| {
            Ok(Doubted { image: row.get(0)?, audio: row.get(1)?, place: row.get(2)? })
        })
    }
}
