//! The files of a folder, and of the folders in it.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};

use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::manifest::{LeftOut, Reason};
use crate::wire::FileType;

/// More files than any batch has pairs: somebody has named the wrong folder.
const MOST_FILES: usize = 1_000_000;
/// More folders in each other than people make.
const DEEPEST: usize = 32;
/// How run folders end: what is in them was made by a run.
const RUN_FOLDER: &str = ".run";

/// What is in a folder.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Paths from the folder, with `/` between their parts, in no order.
    pub(super) files: Vec<String>,
    pub(super) left_out: Vec<LeftOut>,
}

/// A folder that is still to be looked into.
struct Folder {
    path: PathBuf,
    /// The way to it, with a slash at its end unless it is empty.
    way: String,
    depth: usize,
}

/// Lists a folder. Hidden files and run folders are passed over.
pub(super) fn scan(root: &Path) -> Result<Found, Failure> {
    let failed = |path: &Path, error: &io::Error| {
        let reason = match error.kind() {
            io::ErrorKind::NotFound => "there is no such folder".to_owned(),
            io::ErrorKind::NotADirectory => "this is a file, not a folder".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        Failure::new(Exit::Usage, format!("{}: {reason}", path.display()))
    };
    let real = root.canonicalize().map_err(|error| failed(root, &error))?;
    let mut found = Found::default();
    let mut folders = vec![Folder { path: root.to_owned(), way: String::new(), depth: 0 }];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder.path).map_err(|error| failed(&folder.path, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| failed(&folder.path, &error))?;
            let inner = found.look(&entry, &folder, &real);
            folders.extend(inner.map_err(|error| failed(&entry.path(), &error))?);
        }
        if found.files.len() > MOST_FILES || folder.depth > DEEPEST {
            let text = format!("{}: has too many files or folders in it", root.display());
            return Err(Failure::new(Exit::Usage, text).hint("name the folder with the media"));
        }
    }
    Ok(found)
}

impl Found {
    /// Notes an entry of a folder; gives the folder that it is, if it is one.
    fn look(&mut self, entry: &DirEntry, at: &Folder, root: &Path) -> io::Result<Option<Folder>> {
        let name = entry.file_name();
        let shown = name.to_string_lossy();
        let way = format!("{}{shown}", at.way);
        let kind = entry.file_type()?;
        if shown.starts_with('.') || kind.is_dir() && shown.ends_with(RUN_FOLDER) {
            return Ok(None);
        }
        let reason = match name.to_str() {
            None => Some(Reason::Name),
            Some(_) if kind.is_symlink() => linked(&entry.path(), root),
            Some(_) if kind.is_dir() => {
                let (path, way) = (entry.path(), format!("{way}/"));
                return Ok(Some(Folder { path, way, depth: at.depth + 1 }));
            }
            Some(_) => None,
        };
        match reason {
            None if kind.is_file() || kind.is_symlink() => self.files.push(way),
            Some(reason) if reason == Reason::FolderLink || kind.is_dir() || is_medium(&shown) => {
                self.left_out.push(LeftOut { path: way, reason });
            }
            _ => {}
        }
        Ok(None)
    }
}

/// Why a link is not followed, if it is not.
fn linked(link: &Path, root: &Path) -> Option<Reason> {
    match (fs::metadata(link), link.canonicalize()) {
        (Ok(to), _) if to.is_dir() => Some(Reason::FolderLink),
        (Ok(to), Ok(real)) if to.is_file() && real.starts_with(root) => None,
        _ => Some(Reason::Link),
    }
}

/// Whether somebody may wonder where it went.
fn is_medium(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| FileType::of_ending(ending).is_some())
}
