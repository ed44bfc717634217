//! The run folders beside a batch.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::Find;
use crate::commands::batch::{Site, from_here};
use crate::commands::belongs::made_for;
use crate::commands::failure::Failure;
use crate::files::folder_of;
use crate::ledger::{FILE, LedgerError, SharedAs, View};

/// A run folder beside the batch. Its ledger is opened when it is read, and closed then: a folder of
/// folders may have more than a process may have open.
pub(super) struct Neighbour {
    place: PathBuf,
    pub(super) endpoint: String,
    /// Where its batch moved, from where.
    pub(super) moves: Vec<(String, String)>,
    /// Whether it is the batch's own.
    own: bool,
    pub(super) find: Find,
}

/// Every run folder in the folders in which the manifest and the batch's own lie; those that cannot
/// be looked into go to `closed`.
pub(super) fn neighbours(
    site: &Site,
    closed: &mut Vec<(PathBuf, String)>,
) -> Result<Vec<Neighbour>, Failure> {
    let own = fs::canonicalize(&site.folder).ok();
    let places = [
        fs::canonicalize(folder_of(&site.manifest)).ok(),
        fs::canonicalize(&site.manifest).ok().map(|file| folder_of(&file).to_owned()),
        fs::canonicalize(folder_of(&site.folder)).ok(),
        own.as_deref().and_then(Path::parent).map(Path::to_owned),
    ];
    let places: HashSet<_> = places.into_iter().flatten().collect();
    let mut folders: Vec<_> = places.iter().flat_map(|place| run_folders(place, closed)).collect();
    folders.extend(own.clone());
    folders.sort_unstable();
    folders.dedup();
    let mut neighbours = Vec::new();
    // Parts of one shared ledger know of each other by it.
    let shared = View::open(&site.folder)?.map(|view| view.shared_as()).transpose()?.flatten();
    for folder in folders {
        let own = own.as_ref() == Some(&folder);
        match Neighbour::open((site, shared.as_ref()), &folder, own) {
            Ok(neighbour) => neighbours.extend(neighbour),
            // What is wrong with its own is said where it is opened.
            Err(_) if own => {}
            // It cannot be a batch's.
            Err(LedgerError::Foreign { .. }) => {}
            Err(error) => closed.push((from_here(&folder), error.to_string())),
        }
    }
    Ok(neighbours)
}

/// The folders in a place that have a ledger, by their real names.
fn run_folders(place: &Path, closed: &mut Vec<(PathBuf, String)>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) => {
            closed.push((from_here(place), error.to_string()));
            return folders;
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        match (path.join(FILE).try_exists(), path.extension().is_some_and(|kind| kind == "run")) {
            (Ok(true), _) => folders.extend(fs::canonicalize(path)),
            // Run folders are their owner's alone, and somebody else may have paid.
            (Err(error), true) if path.is_dir() => {
                closed.push((from_here(&path), error.to_string()));
            }
            (Ok(false) | Err(_), _) => {}
        }
    }
    folders
}

impl Neighbour {
    fn open(
        (site, shared): (&Site, Option<&SharedAs>),
        folder: &Path,
        own: bool,
    ) -> Result<Option<Self>, LedgerError> {
        let Some(view) = View::open(folder)? else { return Ok(None) };
        let theirs = view.shared_as()?;
        if !own
            && shared.zip(theirs.as_ref()).is_some_and(|(ours, theirs)| ours.is_one_with(theirs))
        {
            return Ok(None);
        }
        if own && view.unlisted()? == 0 {
            return Ok(None);
        }
        let is_its_batch = !own && is_its_batch(site, folder, view.manifest()?.as_deref());
        let find = Find::new(from_here(folder), is_its_batch);
        let (endpoint, moves) = (view.endpoint()?, view.moves()?);
        Ok(Some(Self { place: folder.to_owned(), endpoint, moves, own, find }))
    }

    /// Reads what is in its ledger now, and says whether a run began there meanwhile; what has gone is
    /// nobody's. What could not be read for that goes to `closed`.
    pub(super) fn read(
        &mut self,
        closed: &mut Vec<(PathBuf, String)>,
        read: impl FnOnce(&View, bool, &mut Find) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let Some(view) = View::open(&self.place)? else { return Ok(false) };
        let done = read(&view, self.own, &mut self.find);
        let is_outdated = view.is_outdated();
        match done {
            Err(failure) if is_outdated => {
                closed.push((self.find.folder.clone(), failure.message));
            }
            done => done?,
        }
        Ok(is_outdated)
    }
}

/// Whether the batch of a folder can be this manifest's: what it was made for is gone, or is this
/// one. Ledgers of older releases remember none; theirs lay beside them, by the same stem.
fn is_its_batch(site: &Site, folder: &Path, remembered: Option<&str>) -> bool {
    if let Some(path) = remembered {
        let path = made_for(folder, path);
        return !path.exists()
            || fs::canonicalize(path).ok() == fs::canonicalize(&site.manifest).ok();
    }
    let beside = fs::read_dir(folder_of(folder)).into_iter().flatten().flatten();
    let stem = folder.file_stem();
    !beside.map(|entry| entry.path()).any(|path| path.file_stem() == stem && path.is_file())
}
