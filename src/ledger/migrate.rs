//! Brings the ledger of an older release up to date, one format after the other.
//!
//! A format is a [`Step`]: what it changes in the tables, and what today's rules say of the attempts
//! that are recorded there. The whole way is one transaction; before it, the old file is copied
//! beside the ledger, whole and durable. Who only reads gets the same made of a private copy.

mod three;
mod two;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::Backup;
use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::LedgerError;
use super::purse::Purse;
use super::write::Write;
use crate::files::write_private;

/// From one format to the next.
struct Step {
    sql: &'static str,
    /// What SQL alone cannot do, on the newest tables: judges old attempts by the rules of today, takes
    /// over what was beside the ledger. Says how many pairs are in doubt for it.
    judge: fn(&mut Write<'_>) -> Result<u64, LedgerError>,
}

/// The first one leads from format 1 to 2.
const STEPS: [Step; 5] = [
    Step { sql: include_str!("migrate/two.sql"), judge: two::judge },
    Step { sql: include_str!("migrate/three.sql"), judge: three::take_events },
    Step { sql: include_str!("migrate/four.sql"), judge: |_| Ok(0) },
    Step { sql: include_str!("migrate/five.sql"), judge: |_| Ok(0) },
    Step { sql: include_str!("migrate/six.sql"), judge: |_| Ok(0) },
];
/// The format of `schema.sql`. An older one is migrated, a newer one refused.
pub(super) const FORMAT: usize = 1 + STEPS.len();

/// What became of a ledger that an older release wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The format that it had.
    pub from: usize,
    /// Where it still is as it was.
    pub copy: PathBuf,
    /// How many pairs are in doubt that were taken for created, failed or rejected before.
    pub doubts: u64,
}

/// Migrates the ledger in its place.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    from: usize,
) -> Result<Migrated, LedgerError> {
    let copy = path.with_file_name(format!("ledger.v{from}.sqlite"));
    write_private(&copy, |beside| keep(connection, beside))
        .map_err(|error| LedgerError::io(&copy, error))?;
    let doubts = upgrade(connection, path, from)?;
    Ok(Migrated { from, copy, doubts })
}

/// A private copy of an older ledger in the newest format, for reading.
pub(super) fn read(old: &Connection, path: &Path, from: usize) -> Result<Connection, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    // Without a name: a temporary file that is gone with its connection.
    let mut new = Connection::open("").map_err(failed)?;
    copy(old, &mut new).map_err(failed)?;
    upgrade(&mut new, path, from)?;
    Ok(new)
}

fn keep(connection: &Connection, path: &Path) -> std::io::Result<()> {
    let kept = Connection::open(path).and_then(|mut kept| {
        copy(connection, &mut kept)?;
        // One file, which opens wherever it is taken.
        kept.pragma_update(None, "journal_mode", "DELETE")
    });
    kept.map_err(std::io::Error::other)
}

/// In one step, so of one moment.
fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    Backup::new(from, to)?.run_to_completion(i32::MAX, Duration::from_millis(50), None)
}

fn upgrade(connection: &mut Connection, path: &Path, from: usize) -> Result<u64, LedgerError> {
    let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let steps = STEPS.iter().skip(from - 1);
    for step in steps.clone() {
        transaction.execute_batch(step.sql).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", FORMAT).map_err(failed)?;
    let doubts = judge(&transaction, path, steps)?;
    transaction.commit().map_err(failed)?;
    Ok(doubts)
}

fn judge<'a>(
    transaction: &Transaction<'_>,
    path: &Path,
    steps: impl Iterator<Item = &'a Step>,
) -> Result<u64, LedgerError> {
    let mut purse = Purse::default();
    let mut write = Write::new(transaction, path, &mut purse)?;
    let mut doubts = 0;
    for step in steps {
        doubts += (step.judge)(&mut write)?;
    }
    // What was judged anew is in no file yet.
    write.forget_sheet()?;
    write.finish()?;
    Ok(doubts)
}
