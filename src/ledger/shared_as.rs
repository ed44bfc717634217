//! Whether a run folder's ledger is one part of a shared one: whatever it knows then, others may know more.

use super::{LedgerError, View};

impl View {
    /// The batch's name in the database, if this run folder's ledger is part of a shared one.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn shared_as(&self) -> Result<Option<String>, LedgerError> {
        let sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'shared'";
        if self.ask(sql, (), |_| Ok(()))?.is_empty() {
            return Ok(None);
        }
        Ok(self.ask("SELECT name FROM shared", (), |row| row.get(0))?.pop())
    }
}
