//! A file of ours gets a second name, so that another one may take its first; and only such a file is ever
//! replaced.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::{Readers, fill_new, folder_of, sha256, sync_folder};

/// A file by what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// How large it is.
    pub bytes: u64,
    /// Its digest, in lower-case hexadecimal.
    pub sha256: String,
}

/// A file that may be replaced: it is kept under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Where it is kept.
    pub path: PathBuf,
    /// What it is.
    pub content: Content,
}

impl Content {
    /// Whether this is what is at a path. Links are followed by nobody.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.is_file() && found.len() == self.bytes => {
                Ok(sha256(&mut File::open(path)?)? == self.sha256)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Aside {
    /// Gives the file that is at a place its second name, durably; false if nothing is there. Where the
    /// disk knows no second names, a copy does.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if something else is at either path: it stays as it is. Or when
    /// the file system refuses.
    pub fn keep(&self, place: &Path) -> io::Result<bool> {
        if !self.content.is_at(&self.path)? {
            must_be_free(&self.path)?;
            if !self.content.is_at(place)? {
                must_be_free(place)?;
                return Ok(false);
            }
            name_twice(place, &self.path)?;
        }
        sync_folder(folder_of(&self.path))?;
        Ok(true)
    }

    /// Whether what is at a place may be replaced.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn covers(&self, place: &Path) -> io::Result<bool> {
        Ok(self.content.is_at(place)? && self.content.is_at(&self.path)?)
    }
}

fn must_be_free(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => {
            let text =
                format!("{} is there, and is not what was saved: move it away", path.display());
            Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
        }
    }
}

fn name_twice(place: &Path, other: &Path) -> io::Result<()> {
    match fs::hard_link(place, other) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut file = File::open(place)?;
            fill_new(other, Readers::Others, |copy| io::copy(&mut file, copy).map(drop))
        }
        named => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(text: &str) -> Content {
        use sha2::{Digest, Sha256};
        let sha256 = super::super::hexadecimal(&Sha256::digest(text));
        Content { bytes: text.len() as u64, sha256 }
    }

    #[test]
    fn a_file_of_ours_gets_a_second_name_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("a.mp4");
        let aside = Aside { path: folder.path().join("a~take1.mp4"), content: content("first") };
        assert!(!aside.keep(&place).unwrap(), "it is gone");
        fs::write(&place, "their").unwrap();
        assert_eq!(aside.keep(&place).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(!aside.path.exists() && !aside.covers(&place).unwrap());
        fs::write(&place, "first").unwrap();
        assert!(!aside.covers(&place).unwrap(), "it has no other name yet");
        assert!(aside.keep(&place).unwrap() && aside.keep(&place).unwrap());
        assert!(aside.covers(&place).unwrap());
        assert_eq!(fs::read_to_string(&aside.path).unwrap(), "first");
        fs::remove_file(&place).unwrap();
        fs::write(&place, "later").unwrap();
        assert!(aside.keep(&place).unwrap(), "it was set aside before");
        assert!(!aside.covers(&place).unwrap(), "that is another file");
        fs::write(&aside.path, "their").unwrap();
        assert_eq!(aside.keep(&place).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_nobodys_file() {
        let folder = tempfile::tempdir().unwrap();
        let (place, real) = (folder.path().join("a.mp4"), folder.path().join("real"));
        fs::write(&real, "first").unwrap();
        std::os::unix::fs::symlink(&real, &place).unwrap();
        let aside = Aside { path: folder.path().join("a~take1.mp4"), content: content("first") };
        assert_eq!(aside.keep(&place).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
