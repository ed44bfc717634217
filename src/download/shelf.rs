//! Where videos go: a folder, a name for each, and how the CSV calls them.

use std::io;
use std::path::{Path, PathBuf};

use crate::files::PART;
use crate::ledger::Task;
use crate::pair::VideoName;

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

    /// Makes the folder. In the run folder, what runs that died left half is dropped.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn prepare(&self) -> io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        if !self.ours {
            return Ok(());
        }
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == PART) {
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
