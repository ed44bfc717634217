//! Where videos go: a folder, a name for each, and how the CSV calls them.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use crate::files::{make_folder, place_of};
use crate::ledger::{LedgerError, Task, View};
use crate::pair::VideoName;
use crate::state::State;

/// The folder of the videos unless another is asked for, in the run folder.
const FOLDER: &str = "videos";

/// Where the videos of a batch go.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The folder of the files.
    pub folder: PathBuf,
    /// What the paths in the ledger are relative to.
    pub run_folder: PathBuf,
    /// How they are called.
    pub name: VideoName,
    /// What stands before their names in the CSV.
    shown: String,
    /// Whether nobody else keeps files there.
    ours: bool,
}

/// Why the folder of the videos cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Shelf {
    /// In the run folder, or in the folder that was asked for.
    #[must_use]
    pub fn new(run_folder: &Path, asked: Option<&Path>, name: VideoName) -> Self {
        let ours = asked.is_none();
        let folder = asked.map_or_else(|| run_folder.join(FOLDER), Path::to_owned);
        let inside = folder.strip_prefix(run_folder).map(Path::to_owned);
        let shown = inside.or_else(|_| std::path::absolute(&folder)).unwrap_or(folder.clone());
        let shown = shown.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        let run_folder = run_folder.to_owned();
        Self { folder, run_folder, name, shown, ours }
    }

    /// Makes the folder, and drops what runs that died left half there of videos that are not to
    /// be fetched any more.
    ///
    /// # Errors
    /// When the file system refuses, or the ledger cannot be read.
    pub fn prepare(&self, view: &View) -> Result<(), ShelfError> {
        make_folder(&self.folder)?;
        let mut left = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            left.extend(place_of(&path).map(|place| (path, place)));
        }
        if left.is_empty() { Ok(()) } else { self.sweep(view, left) }
    }

    /// Of files that are not whole, or notes of them, and the places beside which they lie.
    fn sweep(&self, view: &View, left: Vec<(PathBuf, PathBuf)>) -> Result<(), ShelfError> {
        let places = |state| -> Result<HashSet<PathBuf>, LedgerError> {
            Ok(view.tasks(state)?.iter().map(|task| self.place(task)).collect())
        };
        let wanted = &places(State::Created)? | &places(State::Completed)?;
        let saved = places(State::Saved)?;
        let done = &saved | &places(State::Failed)?;
        for (path, place) in left {
            // In the folder of others, only what is certain to be this batch's. A whole video may
            // be called as if it were not.
            let known = self.ours || done.contains(&place);
            if known && !wanted.contains(&place) && !saved.contains(&path) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// The place of a task's video.
    #[must_use]
    pub fn place(&self, task: &Task) -> PathBuf {
        self.folder.join(self.name.of(&task.id, &task.task))
    }

    /// The same place, as the CSV has it: relative to the run folder where it is inside.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        match self.shown.as_str() {
            "" => name.to_owned(),
            folder => format!("{}/{name}", folder.trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_to_the_run_folder_where_they_are_inside() {
        let shown = |asked: Option<&str>| {
            let run = Path::new("/batches/spring.run");
            Shelf::new(run, asked.map(Path::new), VideoName::default()).shown("a.mp4")
        };
        assert_eq!(shown(None), "videos/a.mp4");
        assert_eq!(shown(Some("/batches/spring.run/films")), "films/a.mp4");
        assert_eq!(shown(Some("/batches/spring.run")), "a.mp4");
        assert_eq!(shown(Some("/films/")), "/films/a.mp4");
    }
}
