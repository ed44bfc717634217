//! Moves a file to a place where nothing is, and never over anything.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::remove;

/// Moves a file; whatever appears at its place before it is there stays as it is.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something is there; or when the file system refuses.
pub(super) fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    match rename_new(from, to) {
        Err(error) if is_unknown(&error) => link_new(from, to),
        done => done,
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn rename_new(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Whether the file system does not know how: EINVAL, ENOSYS and EOPNOTSUPP, as it pleases.
fn is_unknown(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// A second name, and then no longer the first: no link is ever made over a file.
fn link_new(from: &Path, to: &Path) -> io::Result<()> {
    match fs::hard_link(from, to) {
        Ok(()) => remove(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Some file systems have no links. An empty file of our own holds the name.
        Err(_) => File::create_new(to).and_then(|_| fs::rename(from, to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ever_moved_over() {
        for way in [move_new, link_new] {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (folder.path().join("a.part"), folder.path().join("a"));
            fs::write(&from, "ours").unwrap();
            fs::write(&to, "theirs").unwrap();
            assert_eq!(way(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_to_string(&to).unwrap(), "theirs");
            fs::remove_file(&to).unwrap();
            fs::create_dir(&to).unwrap();
            assert_eq!(way(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            fs::remove_dir(&to).unwrap();
            way(&from, &to).unwrap();
            assert_eq!(fs::read_to_string(&to).unwrap(), "ours");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_that_leads_nowhere_is_something_too() {
        for way in [move_new, link_new] {
            let folder = tempfile::tempdir().unwrap();
            let (from, to) = (folder.path().join("a.part"), folder.path().join("a"));
            fs::write(&from, "ours").unwrap();
            std::os::unix::fs::symlink("nowhere", &to).unwrap();
            assert_eq!(way(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert!(!folder.path().join("nowhere").exists());
        }
    }
}
