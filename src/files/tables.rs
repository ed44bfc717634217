//! Tables beside a manifest, and scratch for those that do not fit into memory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::table::{Files, Input, Scratch};

use super::folder_of;

/// The tables of a manifest; their names are relative to its folder.
#[derive(Debug, Clone)]
pub struct Tables {
    folder: PathBuf,
}

impl Tables {
    /// Beside this manifest.
    #[must_use]
    pub fn beside(manifest: &Path) -> Self {
        Self { folder: folder_of(manifest).to_owned() }
    }

    /// Where a table is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Files for Tables {
    fn open(&self, name: &str) -> io::Result<Box<dyn Input>> {
        let file = File::open(self.path(name))?;
        match file.metadata()?.is_file() {
            true => Ok(Box::new(file)),
            false => Err(io::Error::other("it is no file")),
        }
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(tempfile::tempfile()?))
    }
}
