//! The files of a folder, and of the folders in it.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::fitness::{MAX_AUDIO, MAX_IMAGE};
use crate::manifest::{LeftOut, LeftOutReason, is_medium};
use crate::pair::Role;
use crate::wire::FileType;

/// More files than any batch has pairs: somebody has named the wrong folder.
const MOST_FILES: usize = 1_000_000;
/// More folders in each other than people make.
const DEEPEST: usize = 32;
/// How run folders end: what is in them was made by a run.
const RUN_FOLDER: &str = ".run";
/// How macOS calls its notes on a file where the disk has no room for them in the file itself.
const APPLE_DOUBLE: &str = "._";

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
        match found.look_into(&folder, &real) {
            Ok(inner) => folders.extend(inner),
            Err(error) if folder.way.is_empty() => return Err(failed(root, &error)),
            Err(_) => found.leave_out(folder.way.trim_end_matches('/'), LeftOutReason::Unreadable),
        }
        if found.files.len() > MOST_FILES || folder.depth > DEEPEST {
            let text = format!("{}: has too many files or folders in it", root.display());
            return Err(Failure::new(Exit::Usage, text).hint("name the folder with the media"));
        }
    }
    Ok(found)
}

impl Found {
    /// Notes what is in a folder; gives the folders in it.
    fn look_into(&mut self, folder: &Folder, root: &Path) -> io::Result<Vec<Folder>> {
        let mut inner = Vec::new();
        for entry in fs::read_dir(&folder.path)? {
            let entry = entry?;
            match self.look(&entry, folder, root) {
                Ok(found) => inner.extend(found),
                Err(_) => self.leave_out(&way(&entry, folder), LeftOutReason::Unreadable),
            }
        }
        Ok(inner)
    }

    /// Notes an entry of a folder; gives the folder that it is, if it is one.
    fn look(&mut self, entry: &DirEntry, at: &Folder, root: &Path) -> io::Result<Option<Folder>> {
        let (name, way, kind) = (entry.file_name(), way(entry, at), entry.file_type()?);
        let shown = name.to_string_lossy();
        if shown.starts_with('.') && !(shown.starts_with(APPLE_DOUBLE) && is_medium(&shown)) {
            return Ok(None);
        }
        if kind.is_dir() && shown.ends_with(RUN_FOLDER) {
            return Ok(None);
        }
        let reason = match name.to_str() {
            None => Some(LeftOutReason::Name),
            Some(name) if name.chars().any(char::is_control) => Some(LeftOutReason::Control),
            Some(name) if name.starts_with(APPLE_DOUBLE) => Some(LeftOutReason::AppleDouble),
            Some(_) if kind.is_symlink() => linked(&entry.path(), root),
            Some(_) if kind.is_dir() => {
                let (path, way) = (entry.path(), format!("{way}/"));
                return Ok(Some(Folder { path, way, depth: at.depth + 1 }));
            }
            Some(_) if !kind.is_file() => Some(LeftOutReason::NoFile),
            Some(_) => None,
        };
        let reason = reason.or_else(|| unfit(&entry.path()));
        match reason {
            None => self.files.push(way),
            Some(reason)
                if reason == LeftOutReason::FolderLink || kind.is_dir() || is_medium(&shown) =>
            {
                self.leave_out(&way, reason);
            }
            Some(_) => {}
        }
        Ok(None)
    }

    fn leave_out(&mut self, path: &str, reason: LeftOutReason) {
        self.left_out.push(LeftOut { path: path.to_owned(), reason });
    }
}

/// The way to an entry, from the folder that is scanned on.
fn way(entry: &DirEntry, at: &Folder) -> String {
    format!("{}{}", at.way, entry.file_name().to_string_lossy())
}

/// Why a medium cannot be used, as far as that is seen from outside.
fn unfit(path: &Path) -> Option<LeftOutReason> {
    let role = FileType::of_ending(path.extension()?.to_str()?)?.role();
    let most = if role == Role::Image { MAX_IMAGE } else { MAX_AUDIO };
    match File::open(path).and_then(|file| file.metadata()) {
        Err(_) => Some(LeftOutReason::Unreadable),
        Ok(metadata) if metadata.len() == 0 => Some(LeftOutReason::Empty),
        Ok(metadata) if metadata.len() > most => Some(LeftOutReason::TooLarge),
        Ok(_) => None,
    }
}

/// Why a link is not followed, if it is not.
fn linked(link: &Path, root: &Path) -> Option<LeftOutReason> {
    match (fs::metadata(link), link.canonicalize()) {
        (Ok(to), _) if to.is_dir() => Some(LeftOutReason::FolderLink),
        (Ok(to), Ok(real)) if to.is_file() && real.starts_with(root) => None,
        _ => Some(LeftOutReason::Link),
    }
}
