//! How much room there is on a disk.

use std::path::Path;

/// How many bytes may still be written to the file system of a folder; `None` where the system
/// does not tell.
#[cfg(unix)]
#[must_use]
pub fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    // Some file systems of others' making answer with zeros.
    (found.f_blocks > 0).then(|| found.f_bavail.saturating_mul(found.f_frsize))
}

/// How many bytes may still be written to the file system of a folder; `None` where the system
/// does not tell.
#[cfg(not(unix))]
#[must_use]
pub fn free(_folder: &Path) -> Option<u64> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_one_that_is_not_there_has_none_to_tell_of() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(folder.path()).is_some_and(|bytes| bytes > 0));
        assert_eq!(free(&folder.path().join("nowhere")), None);
    }
}
