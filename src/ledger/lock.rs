//! One run holds the ledger at a time.
//!
//! The lock is the operating system's, so it dies with its process. It is on the run folder itself,
//! which nobody can delete while there is a ledger in it; where a folder cannot be locked it is on a
//! file in it, and that file has to stay where it is. The file also says, to people, who took the
//! ledger last, and keeps older releases out, which know no other lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::LedgerError;
use crate::files::Identity;

const FILE: &str = "ledger.lock";
/// Whoever only looks whether a run is under way holds the lock for a moment.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(5);

/// Held until dropped.
#[derive(Debug)]
pub(super) struct Lock {
    pub(super) places: Places,
    note: File,
    text: String,
    path: PathBuf,
    folder: Option<File>,
}

/// What has to stay where it is, with what it was when it was locked.
#[derive(Debug, Clone)]
pub(super) struct Places(Vec<(PathBuf, Identity)>);

impl Lock {
    /// Takes the lock of a run folder.
    pub(super) fn take(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let failed = |source| LedgerError::io(&path, source);
        let in_use = || LedgerError::InUse { folder: folder.to_owned(), holder: holder(&path) };
        let locked = lock_folder(folder).map_err(failed)?;
        if matches!(locked, Locked::ByAnother) {
            return Err(in_use());
        }
        let mut note = open(&path).map_err(failed)?;
        match patiently(&note) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use()),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        let text = format!("process {}, since {now}\n", std::process::id());
        note.set_len(0).and_then(|()| note.write_all(text.as_bytes())).map_err(failed)?;
        let (place, identity, locked) = match locked {
            Locked::Ours(opened) => (folder, Identity::opened(&opened), Some(opened)),
            Locked::ByAnother | Locked::Impossible => (&*path, Identity::opened(&note), None),
        };
        let places = Places(vec![(place.to_owned(), identity.map_err(failed)?)]);
        Ok(Self { places, note, text, path, folder: locked })
    }
}

impl Places {
    /// Has a file stay where it is, too.
    pub(super) fn keep(&mut self, path: &Path) -> Result<(), LedgerError> {
        let identity = Identity::at(path).map_err(|error| LedgerError::io(path, error))?;
        self.0.push((path.to_owned(), identity));
        Ok(())
    }

    /// What is no longer where it was.
    pub(super) fn moved(&self) -> Option<LedgerError> {
        let is_there = |(path, identity): &&(PathBuf, Identity)| {
            Identity::at(path).is_ok_and(|found| found == *identity)
        };
        let (path, _) = self.0.iter().find(|place| !is_there(place))?;
        Some(LedgerError::Moved { path: path.clone() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Where it is the lock itself, another run may be waiting for this very file.
        let ours = Identity::opened(&self.note).ok();
        let is_there = ours.is_some() && Identity::at(&self.path).ok() == ours;
        // Where locks do not hold, another run has written over it.
        let is_ours = || fs::read(&self.path).is_ok_and(|text| text == self.text.as_bytes());
        if self.folder.is_some() && is_there && is_ours() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a run holds the ledger of a folder now. Leaves nothing behind and needs no right to write.
#[must_use]
pub fn is_under_way(folder: &Path) -> bool {
    let held = |path: &Path| {
        let Ok(file) = File::open(path) else { return false };
        // The lock is let go with the file.
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    };
    held(folder) || held(&folder.join(FILE))
}

enum Locked {
    Ours(File),
    ByAnother,
    /// Not by this system, or not on this disk.
    Impossible,
}

fn lock_folder(folder: &Path) -> io::Result<Locked> {
    if !cfg!(unix) {
        return Ok(Locked::Impossible);
    }
    let file = match File::open(folder) {
        Ok(file) => file,
        // One may be allowed to write into a folder, and not to read it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Ok(Locked::Impossible);
        }
        Err(error) => return Err(error),
    };
    Ok(match patiently(&file) {
        Ok(()) => Locked::Ours(file),
        Err(TryLockError::WouldBlock) => Locked::ByAnother,
        Err(TryLockError::Error(_)) => Locked::Impossible,
    })
}

fn patiently(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => sleep(LOOK),
            done => return done,
        }
    }
    file.try_lock()
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// What the holder wrote; it may be about to write it, or its file may have been deleted.
fn holder(path: &Path) -> String {
    let mut note = String::new();
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(0))?;
        file.take(200).read_to_string(&mut note)
    });
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
        assert!(!is_under_way(folder.path()));
        let held = Lock::take(folder.path()).unwrap();
        assert!(is_under_way(folder.path()));
        let error = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(error, LedgerError::InUse { .. }));
        assert!(error.to_string().contains(&format!("process {}", std::process::id())));
        drop(held);
        assert!(!is_under_way(folder.path()));
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_deleted_lock_file_lets_nobody_in_and_one_that_is_left_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        fs::remove_file(folder.path().join(FILE)).unwrap();
        let error = Lock::take(folder.path()).unwrap_err();
        assert!(matches!(error, LedgerError::InUse { .. }), "{error}");
        drop(held);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left of it");
        fs::write(folder.path().join(FILE), "process 1, since long ago\n").unwrap();
        Lock::take(folder.path()).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn a_lock_file_that_another_run_has_written_over_is_left_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = Lock::take(folder.path()).unwrap();
        fs::write(folder.path().join(FILE), "process 4711, since just now\n").unwrap();
        drop(held);
        assert!(folder.path().join(FILE).exists());
    }

    #[test]
    fn an_older_release_has_only_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let older = open(&folder.path().join(FILE)).unwrap();
        older.try_lock().unwrap();
        assert!(is_under_way(folder.path()));
        assert!(matches!(Lock::take(folder.path()), Err(LedgerError::InUse { .. })));
    }

    #[test]
    #[cfg(unix)]
    fn what_is_moved_or_replaced_is_noticed() {
        let place = tempfile::tempdir().unwrap();
        let (folder, moved) = (place.path().join("a.run"), place.path().join("b.run"));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("ledger.sqlite");
        fs::write(&file, "").unwrap();
        let mut lock = Lock::take(&folder).unwrap();
        lock.places.keep(&file).unwrap();
        assert!(lock.places.moved().is_none());
        fs::rename(&folder, &moved).unwrap();
        assert!(lock.places.moved().is_some(), "gone");
        fs::create_dir(&folder).unwrap();
        assert!(lock.places.moved().is_some(), "another one");
        fs::remove_dir(&folder).unwrap();
        fs::rename(&moved, &folder).unwrap();
        assert!(lock.places.moved().is_none(), "back again");
        fs::write(folder.join("new"), "").unwrap();
        fs::rename(folder.join("new"), &file).unwrap();
        let moved = lock.places.moved().unwrap();
        assert!(moved.to_string().contains("ledger.sqlite"), "{moved}");
    }
}
