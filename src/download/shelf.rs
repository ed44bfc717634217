//! Where videos go: a folder or a bucket, a name for each, and how the CSV calls them.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use super::BucketShelf;
use crate::files::{Origin, drop_part, make_folder, place_of};
use crate::ledger::{LedgerError, Task, View};
use crate::pair::VideoName;
use crate::state::State;

/// The folder of the videos unless another is asked for, in the run folder.
const FOLDER: &str = "videos";

/// Where the videos of a batch go.
#[derive(Debug)]
pub enum Shelf {
    /// To a folder.
    Disk(DiskShelf),
    /// To a bucket.
    Bucket(Box<BucketShelf>),
}

/// A folder that videos go to.
#[derive(Debug, Clone)]
pub struct DiskShelf {
    /// The folder of the files.
    pub folder: PathBuf,
    /// What the paths in the ledger are relative to.
    pub run_folder: PathBuf,
    /// How they are called.
    pub name: VideoName,
    /// What stands before their names in the CSV.
    shown: String,
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
    /// How videos are called.
    #[must_use]
    pub fn name(&self) -> &VideoName {
        match self {
            Self::Disk(disk) => &disk.name,
            Self::Bucket(bucket) => &bucket.name,
        }
    }

    /// What the paths in the ledger are relative to.
    #[must_use]
    pub fn run_folder(&self) -> &Path {
        match self {
            Self::Disk(disk) => &disk.run_folder,
            Self::Bucket(bucket) => &bucket.run_folder,
        }
    }

    /// The place of a video of this name, as the CSV has it: relative to the run folder where it is
    /// inside.
    #[must_use]
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Disk(disk) => disk.shown(name),
            Self::Bucket(bucket) => bucket.shown(name),
        }
    }

    /// The same as people find it from where they are.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        match self {
            Self::Disk(disk) => disk.folder.join(name).display().to_string(),
            Self::Bucket(bucket) => bucket.shown(name),
        }
    }
}

impl DiskShelf {
    /// In the run folder, or in the folder that was asked for.
    #[must_use]
    pub fn new(run_folder: &Path, asked: Option<&Path>, name: VideoName) -> Self {
        let folder = asked.map_or_else(|| run_folder.join(FOLDER), Path::to_owned);
        let inside = folder.strip_prefix(run_folder).map(Path::to_owned);
        let shown = inside.or_else(|_| std::path::absolute(&folder)).unwrap_or(folder.clone());
        let shown = shown.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        let run_folder = run_folder.to_owned();
        Self { folder, run_folder, name, shown }
    }

    /// Makes the folder, sees whether files can be made in it, and drops what runs that died left
    /// there of videos that are not to be fetched any more.
    ///
    /// # Errors
    /// When the file system refuses, or the ledger cannot be read.
    pub fn prepare(&self, view: &View) -> Result<(), ShelfError> {
        make_folder(&self.folder)?;
        tempfile::tempfile_in(&self.folder)?;
        let mut left = HashSet::new();
        for entry in std::fs::read_dir(&self.folder)? {
            left.extend(place_of(&entry?.path()));
        }
        if left.is_empty() { Ok(()) } else { self.sweep(view, &left) }
    }

    /// Of the places beside which files lie that are not whole, or notes of them: those of tasks
    /// that nothing is fetched for any more. What is not certain to be theirs stays.
    fn sweep(&self, view: &View, left: &HashSet<PathBuf>) -> Result<(), ShelfError> {
        let [saved, failed] = [State::Saved, State::Failed].map(|state| view.tasks(state));
        for task in [saved, failed, view.former_tasks()] {
            for task in task? {
                let place = self.place(&task);
                if left.contains(&place) {
                    let link = task.link.as_ref().map_or("", |(link, _)| link);
                    drop_part(&place, &Origin::new(task.task.as_str(), link))?;
                }
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
            DiskShelf::new(run, asked.map(Path::new), VideoName::default()).shown("a.mp4")
        };
        assert_eq!(shown(None), "videos/a.mp4");
        assert_eq!(shown(Some("/batches/spring.run/films")), "films/a.mp4");
        assert_eq!(shown(Some("/batches/spring.run")), "a.mp4");
        assert_eq!(shown(Some("/films/")), "/films/a.mp4");
    }
}
