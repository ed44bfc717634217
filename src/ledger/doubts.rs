//! Pairs in doubt, with all that is known about them.

use jiff::Timestamp;

use super::columns::{AFTER_ROW, ROW, read_row, time};
use super::purse::charge_at;
use super::{LedgerError, View};
use crate::price::Charge;
use crate::view::Row;

/// A pair in doubt, with all that is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The pair.
    pub row: Row,
    /// When the create was about to be sent.
    pub sent_at: Timestamp,
    /// What was sent.
    pub body: String,
    /// What the manifest asked for: files beside it stand in it by their names and digests.
    pub listed: String,
    /// What came back, bounded, if anything did.
    pub evidence: Option<Vec<u8>>,
    /// A task that the answer seemed to name.
    pub proposed: Option<String>,
    /// What it was reckoned to cost.
    pub charge: Charge,
}

impl View {
    /// The pairs in doubt, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn doubts(&self) -> Result<Vec<Doubt>, LedgerError> {
        let sql = format!(
            "SELECT {ROW}, a.intended, coalesce(s.sent, p.body), a.evidence, a.proposed,
                s.seconds, s.price, p.body
                FROM standings s JOIN pairs p USING (pair)
                JOIN attempts a ON a.pair = p.pair AND a.attempt = s.attempt
                WHERE s.state = 'in_doubt' ORDER BY a.intended, p.place"
        );
        self.ask(&sql, (), |row| {
            Ok(Doubt {
                row: read_row(row)?,
                sent_at: time(row, AFTER_ROW)?,
                body: row.get(AFTER_ROW + 1)?,
                listed: row.get(AFTER_ROW + 6)?,
                evidence: row.get(AFTER_ROW + 2)?,
                proposed: row.get(AFTER_ROW + 3)?,
                charge: charge_at(row, AFTER_ROW + 4)?,
            })
        })
    }
}
