//! Whether a path still leads to what was opened there.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

/// Tells a file or folder from any other on this machine, also from one that took its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    #[cfg(unix)]
    number: (u64, u64),
    #[cfg(not(unix))]
    made: Option<std::time::SystemTime>,
}

impl Identity {
    /// Of what is at a path now.
    ///
    /// # Errors
    /// When nothing is there, or the file system refuses.
    pub fn at(path: &Path) -> io::Result<Self> {
        Ok(Self::of(&fs::metadata(path)?))
    }

    /// Of what was opened, wherever it is by now.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn opened(file: &File) -> io::Result<Self> {
        Ok(Self::of(&file.metadata()?))
    }

    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self { number: (metadata.dev(), metadata.ino()) }
    }

    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Self { made: metadata.created().ok() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_its_identity_and_another_one_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let file = File::create(&a).unwrap();
        let opened = Identity::opened(&file).unwrap();
        assert_eq!(Identity::at(&a).unwrap(), opened);
        fs::rename(&a, &b).unwrap();
        assert_eq!(Identity::at(&b).unwrap(), opened);
        assert!(Identity::at(&a).is_err());
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(&a, "another").unwrap();
        assert_ne!(Identity::at(&a).unwrap(), opened);
    }
}
