//! Whose the ledger is: each run writes its random id into it when it opens it, and every commit looks
//! whether it still stands there.
//!
//! The lock keeps a second run out. Where it does not (a disk without locks, a folder that was copied
//! over), the second one takes over, and the first gets no permit any more: what it has sent is still
//! recorded, and then it ends.

use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::lock::Places;
use super::write::Write;
use super::{LedgerError, View};

/// How long SQLite itself waits for another program's transaction before that is told.
pub(super) const BUSY: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(50);

/// Is told once for each time that the ledger is kept waiting by another program.
pub type Waiting = Box<dyn Fn() + Send>;

/// Does something as often as it takes until no other program stands in its way.
pub(super) fn patiently<T>(
    waiting: &dyn Fn(),
    mut work: impl FnMut() -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    let mut told = false;
    loop {
        match work() {
            Err(LedgerError::Busy { .. }) => {
                if !std::mem::replace(&mut told, true) {
                    waiting();
                }
                sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// A transaction that nobody else's write can come between.
pub(super) fn begin<'a>(
    connection: &'a Connection,
    path: &Path,
    waiting: &dyn Fn(),
) -> Result<Transaction<'a>, LedgerError> {
    patiently(waiting, || {
        Transaction::new_unchecked(connection, TransactionBehavior::Immediate)
            .map_err(|error| LedgerError::sqlite(path, &error))
    })
}

/// Makes the ledger this run's, and notes which of those before it have ended. Returns its id.
pub(super) fn claim(transaction: &Transaction<'_>) -> rusqlite::Result<String> {
    let now = Timestamp::now().as_millisecond();
    let run = format!("{:032x}", fastrand::u128(..));
    let mut unended =
        transaction.prepare("SELECT run, process, host FROM runs WHERE ended IS NULL")?;
    let unended: Vec<(String, String, String)> = unended
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    for (run, _, _) in unended.iter().filter(|(_, process, host)| is_dead(process, host)) {
        transaction.execute(
            "UPDATE runs SET ended = ?2, found_dead = 1 WHERE run = ?1",
            params![run, now],
        )?;
    }
    let (process, host) = (std::process::id().to_string(), host());
    transaction.execute(
        "INSERT INTO runs (run, began, process, host) VALUES (?1, ?2, ?3, ?4)",
        params![run, now, process, host],
    )?;
    transaction.execute("UPDATE batch SET run = ?1, in_use = 1", [&run])?;
    Ok(run)
}

/// What a run that holds the ledger has to find there as long as it does.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    pub(super) run: String,
    pub(super) places: Places,
}

impl Fence {
    /// Why the ledger is no longer this run's, if that is so.
    pub(super) fn look(&self, view: &View) -> Result<(), LedgerError> {
        let (sql, path) = ("SELECT run FROM batch", view.path());
        match (self.places.moved(), view.one::<Option<String>>(sql, ())) {
            (Some(moved), _) => Err(moved),
            (None, Ok(run)) if run.as_ref() == Some(&self.run) => Ok(()),
            (None, Ok(run)) => Err(pushed_aside(path, view.process(run.as_deref())?)),
            (None, Err(error)) => Err(error),
        }
    }
}

impl View {
    /// Which process a run is.
    fn process(&self, run: Option<&str>) -> Result<Option<String>, LedgerError> {
        Ok(self.ask(PROCESS, [run], |row| row.get(0))?.pop())
    }
}

const PROCESS: &str = "SELECT 'process ' || process || ' on ' || host FROM runs WHERE run = ?1";

fn pushed_aside(path: &Path, by: Option<String>) -> LedgerError {
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    LedgerError::PushedAside { folder, by: by.unwrap_or_else(|| "an unknown process".to_owned()) }
}

impl Write<'_> {
    /// Looks whether the ledger is still where it was, and still this run's.
    pub(super) fn look_aside(&mut self, fence: &Fence) -> Result<(), LedgerError> {
        self.aside = match fence.places.moved() {
            None if self.run.as_ref() != Some(&fence.run) => {
                let by = self.query_row(PROCESS, [&self.run], |row| row.get(0))?;
                Some(pushed_aside(self.path, by))
            }
            moved => moved,
        };
        Ok(())
    }

    /// Notes that a run has ended.
    pub(super) fn release(&self, run: &str) -> Result<(), LedgerError> {
        let now = self.now.as_millisecond();
        self.execute("UPDATE runs SET ended = ?2 WHERE run = ?1", params![run, now]).map(drop)
    }

    /// Notes that ledger and log are as they have to be, unless another run has them.
    pub(super) fn leave_in_order(&self, run: &str) -> Result<(), LedgerError> {
        self.execute("UPDATE batch SET in_use = 0 WHERE run = ?1", [run]).map(drop)
    }

    /// For all that is not an answer to what was sent.
    pub(super) fn must_be_ours(&self) -> Result<(), LedgerError> {
        self.aside.clone().map_or(Ok(()), Err)
    }

    /// Whether a run may still be at work that may have sent a create then.
    pub(super) fn may_be_sent_by_another(&self, intended: Timestamp) -> Result<bool, LedgerError> {
        let sql =
            "SELECT 1 FROM runs WHERE ended IS NULL AND began <= ?1 AND run IS NOT ?2 LIMIT 1";
        let other = params![intended.as_millisecond(), self.run];
        Ok(self.query_row(sql, other, |_| Ok(()))?.is_some())
    }
}

/// Whether a process has surely ended. Of one on another machine nobody knows.
fn is_dead(process: &str, on: &str) -> bool {
    on == host() && !process.parse().is_ok_and(is_alive)
}

#[cfg(unix)]
fn is_alive(process: i32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = Pid::from_raw(process) else { return false };
    // One that is somebody else's may not be asked, and lives. So may one with our number: in another
    // container of the same name.
    !matches!(test_kill_process(pid), Err(Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: i32) -> bool {
    true
}

#[cfg(unix)]
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
pub(super) fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn only_a_process_that_is_surely_gone_is_dead() {
        let mut gone = std::process::Command::new("true").spawn().unwrap();
        gone.wait().unwrap();
        assert!(is_dead(&gone.id().to_string(), &host()));
        assert!(!is_dead(&gone.id().to_string(), "elsewhere"));
        // In two containers of one name each may be the first process.
        assert!(!is_dead(&std::process::id().to_string(), &host()));
    }
}
