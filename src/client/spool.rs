//! Bytes on their way in: few of them in memory, more in a file without a name, which is gone when it
//! is closed. So many media can be under way at once, however large they are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// So many bytes of a medium are held in memory; most portraits and many recordings have no more.
const IN_MEMORY: usize = 256 << 10;

/// What has come of a medium.
pub struct Spool {
    folder: PathBuf,
    kept: Kept,
    length: u64,
}

enum Kept {
    Memory(Vec<u8>),
    File(File),
}

impl Spool {
    /// Nothing yet. Makes its file in a folder, if it needs one.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), kept: Kept::Memory(Vec::new()), length: 0 }
    }

    /// In bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.length += chunk.len() as u64;
        match &mut self.kept {
            Kept::Memory(bytes) if bytes.len() + chunk.len() <= IN_MEMORY => {
                bytes.extend_from_slice(chunk);
                Ok(())
            }
            Kept::Memory(bytes) => {
                let mut file = tempfile::tempfile_in(&self.folder)?;
                file.write_all(bytes)?;
                file.write_all(chunk)?;
                self.kept = Kept::File(file);
                Ok(())
            }
            Kept::File(file) => file.write_all(chunk),
        }
    }

    /// All of it, in memory.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn into_bytes(self) -> io::Result<Vec<u8>> {
        let mut file = match self.kept {
            Kept::Memory(bytes) => return Ok(bytes),
            Kept::File(file) => file,
        };
        let mut bytes = Vec::with_capacity(usize::try_from(self.length).unwrap_or_default());
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// How many, and not which.
impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.length.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_bytes_need_no_file_and_many_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        for length in [0, 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let mut spool = Spool::in_folder(folder.path());
            bytes.chunks(1000).for_each(|chunk| spool.push(chunk).unwrap());
            assert_eq!(matches!(spool.kept, Kept::File(_)), length > IN_MEMORY, "{length}");
            assert_eq!(spool.length(), length as u64);
            assert!(spool.into_bytes().unwrap() == bytes, "{length}");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
        let mut nowhere = Spool::in_folder(&folder.path().join("none"));
        assert!(nowhere.push(&[0; IN_MEMORY]).is_ok());
        assert!(nowhere.push(&[0]).is_err());
    }
}
