//! Format 3 keeps the events. Older releases had them in `events.jsonl`, and in the ledger only those of
//! the last commit, for the case that they could not be logged any more.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use crate::ledger::LedgerError;
use crate::ledger::event_log::{Parts, import};
use crate::ledger::write::Write;

/// No line is longer.
const LINE: u64 = 1024 * 1024;

/// Takes the events over, as far as they are there. Nothing is judged anew.
pub(super) fn take_events(write: &mut Write<'_>) -> Result<u64, LedgerError> {
    let folder = write.path.parent().map(ToOwned::to_owned).unwrap_or_default();
    for path in Parts::new(&folder).existing()? {
        let file = File::open(&path).map_err(|error| LedgerError::io(&path, error))?;
        let lines = each_line(BufReader::new(file), |line| take(write, line));
        lines.map_err(|error| LedgerError::io(&path, error))??;
    }
    let last: Vec<u8> = write.only_row("SELECT lines FROM unlogged", (), |row| row.get(0))?;
    last.split(|&byte| byte == b'\n').try_for_each(|line| take(write, line))?;
    let known = write.only_row("SELECT events FROM batch", (), |row| row.get::<_, u64>(0))?;
    write.execute("DELETE FROM events WHERE n > ?1", [known])?;
    write.execute("DROP TABLE unlogged", ()).map(|_| 0)
}

fn take(write: &Write<'_>, line: &[u8]) -> Result<(), LedgerError> {
    import(write.transaction, line).map_err(|error| write.failed(&error))
}

/// Ends at the first line that is refused.
fn each_line(
    mut lines: impl BufRead,
    mut each: impl FnMut(&[u8]) -> Result<(), LedgerError>,
) -> io::Result<Result<(), LedgerError>> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(Ok(()));
        }
        if let Err(error) = each(&line) {
            return Ok(Err(error));
        }
    }
}
