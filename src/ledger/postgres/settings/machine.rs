//! The computer that this runs on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Around, Found, Readers};

/// So much of a file is read at most.
const MOST: u64 = 1024 * 1024;

/// Its variables and files, as they are.
#[derive(Debug, Clone, Copy)]
pub struct Machine;

impl Around for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> Option<Found> {
        let file = File::open(path).ok()?;
        // Of the very file that is read.
        let readers = readers(&file)?;
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).ok()?;
        Some(Found { text, readers })
    }

    fn user(&self) -> Option<String> {
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok())
    }

    fn home(&self) -> Option<PathBuf> {
        std::env::home_dir()
    }
}

/// Nothing for what is not a file.
#[cfg(unix)]
fn readers(file: &File) -> Option<Readers> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let others = metadata.permissions().mode() & 0o077 != 0;
    Some(if others { Readers::Others } else { Readers::Owner })
}

/// As libpq has it: elsewhere the folder is what protects it.
#[cfg(not(unix))]
fn readers(file: &File) -> Option<Readers> {
    file.metadata().ok().filter(std::fs::Metadata::is_file).map(|_| Readers::Owner)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_may_read_a_file_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, readers) in [
            (0o600, Readers::Owner),
            (0o400, Readers::Owner),
            (0o640, Readers::Others),
            (0o604, Readers::Others),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Machine.file(&path).unwrap().readers, readers, "{mode:o}");
        }
        assert!(Machine.file(folder.path()).is_none());
        assert!(Machine.file(&folder.path().join("none")).is_none());
    }
}
