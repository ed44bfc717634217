//! Whose ledger it is: the manifest's, the account's, the service's.

use rusqlite::params;

use super::{LedgerError, Store, View};
use crate::pair::{ApiKey, TaskId};

/// How long a digest is, and the salt before it.
const DIGEST: usize = 32;

/// What a ledger remembers of the keys it was used with: a salt of its own and digests with it, which
/// fit no other ledger's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accounts {
    salt: Vec<u8>,
    /// One after the other.
    digests: Vec<u8>,
}

impl Accounts {
    /// Nobody's yet.
    #[must_use]
    pub fn new(salt: [u8; DIGEST]) -> Self {
        Self { salt: salt.to_vec(), digests: Vec::new() }
    }

    /// Whether a key is among them.
    #[must_use]
    pub fn know(&self, key: &ApiKey) -> bool {
        let digest = key.salted(&self.salt);
        self.digests.chunks(DIGEST).any(|known| known == digest)
    }

    /// What tells a key apart from others, here and nowhere else.
    #[must_use]
    pub fn digest(&self, key: &ApiKey) -> [u8; DIGEST] {
        key.salted(&self.salt)
    }

    /// With this key, too.
    #[must_use]
    pub fn with(mut self, key: &ApiKey) -> Self {
        if !self.know(key) {
            self.digests.extend(key.salted(&self.salt));
        }
        self
    }
}

impl Store {
    /// Remembers for which manifest it was made.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remember_manifest(&mut self, path: &str) -> Result<(), LedgerError> {
        self.write(|write| write.execute("UPDATE batch SET manifest = ?1", [path]).map(drop))
    }

    /// Remembers the keys it is used with.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn remember_accounts(&mut self, accounts: &Accounts) -> Result<(), LedgerError> {
        let sql = "UPDATE batch SET salt = ?1, account = ?2";
        let Accounts { salt, digests } = accounts;
        self.write(|write| write.execute(sql, params![salt, digests]).map(drop))
    }

    /// The service answers under another name from now on; `seen` of the batch's tasks are known
    /// there.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn relocate(&mut self, to: &str, seen: usize) -> Result<(), LedgerError> {
        self.write(|write| {
            let now = write.now.as_millisecond();
            write.execute(
                "INSERT INTO moves (at, from_endpoint, to_endpoint, seen)
                    SELECT ?1, endpoint, ?2, ?3 FROM batch",
                params![now, to, i64::try_from(seen).unwrap_or(i64::MAX)],
            )?;
            write.execute("UPDATE batch SET endpoint = ?1", [to]).map(drop)
        })
    }
}

impl View {
    /// The manifest that it was made for, as it was remembered.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn manifest(&self) -> Result<Option<String>, LedgerError> {
        Ok(self.ask("SELECT manifest FROM batch", (), |row| row.get(0))?.pop().flatten())
    }

    /// The keys it was used with; nothing if none is remembered.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn accounts(&self) -> Result<Option<Accounts>, LedgerError> {
        let sql = "SELECT salt, account FROM batch WHERE salt IS NOT NULL AND account IS NOT NULL";
        let read =
            |row: &rusqlite::Row<'_>| Ok(Accounts { salt: row.get(0)?, digests: row.get(1)? });
        Ok(self.ask(sql, (), read)?.pop())
    }

    /// Whether anything was made here, or may have been: then it belongs to somebody's account.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn is_anybodys(&self) -> Result<bool, LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM standings WHERE task_id IS NOT NULL
                OR state IN ('sending', 'in_doubt'))
            OR EXISTS (SELECT 1 FROM former_tasks)";
        Ok(self.ask(sql, (), |row| row.get(0))?.pop().unwrap_or(false))
    }

    /// The tasks that were made last: they are the likeliest to be known still.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest_tasks(&self, most: u32) -> Result<Vec<TaskId>, LedgerError> {
        let sql = "SELECT task_id FROM standings WHERE task_id IS NOT NULL
            ORDER BY created_at DESC, pair DESC LIMIT ?1";
        let ids: Vec<String> = self.ask(sql, [most], |row| row.get(0))?;
        Ok(ids.iter().filter_map(|id| TaskId::parse(id).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_a_digest_that_fits_no_other_ledger() {
        let [key, other] = ["sk-key", "sk-other"].map(|text| ApiKey::parse(text).unwrap());
        let ours = Accounts::new([1; DIGEST]).with(&key);
        assert!(ours.know(&key) && !ours.know(&other));
        let both = ours.clone().with(&other).with(&key);
        assert!(both.know(&key) && both.know(&other));
        assert_eq!(both.digests.len(), 2 * DIGEST, "each once");
        let theirs = Accounts::new([2; DIGEST]).with(&key);
        assert_ne!(ours.digests, theirs.digests);
        assert_ne!(ours.digests, key.salted(b""), "never without salt");
    }
}
