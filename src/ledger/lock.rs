//! One run holds the ledger at a time.
//!
//! The lock is the operating system's, so it dies with its process; the file only says, to people,
//! who took it last.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::LedgerError;

const FILE: &str = "ledger.lock";

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a run folder.
    pub(super) fn take(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let failed = |source| LedgerError::io(&path, source);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&mut file);
                return Err(LedgerError::InUse { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let note = format!("process {}, since {now}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(note.as_bytes())).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// What the holder wrote; it may be about to write it.
fn holder(file: &mut File) -> String {
    let mut note = String::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.take(200).read_to_string(&mut note));
    match (read, note.trim()) {
        (Ok(_), note) if !note.is_empty() => note.to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_told_who_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(error, LedgerError::InUse { .. }));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())));
        drop(held);
        Lock::take(folder.path()).unwrap();
    }
}
