//! The file of another take: it takes the place of the one before, which gets a name of its own first.
//!
//! On a disk that is a second name for the same file, durable and in the ledger before anything is
//! replaced: whatever dies between, both videos are there, and the ledger says where. An object cannot
//! be moved, so in a bucket the one before keeps its name, and the new one is called after its take.

use super::Shelf;
use super::fetch::Fetch;
use super::landing::Landing;
use super::trouble::Trouble;
use crate::files::Content;
use crate::ledger::{FormerFile, Task};
use crate::pair::VideoName;

/// What the file of a task is called, with these earlier takes of its pair.
pub(super) fn name(shelf: &Shelf, task: &Task, formers: &[FormerFile]) -> String {
    name_of_take(shelf, shelf.name().of(&task.id, &task.task), (task.take, formers))
}

/// The same of a take whose name would be this one if it was the first.
#[must_use]
pub fn name_of_take(shelf: &Shelf, name: String, (take, formers): (u32, &[FormerFile])) -> String {
    let shown = shelf.shown(&name);
    match shelf {
        Shelf::Bucket(_) if formers.iter().any(|former| former.path == shown) => {
            VideoName::of_take(&name, take)
        }
        Shelf::Bucket(_) | Shelf::Disk(_) => name,
    }
}

impl Fetch<'_> {
    /// Sees that no earlier take's file is lost when this one comes to its place.
    pub(super) async fn make_way(&mut self) -> Result<(), Trouble> {
        let Landing::Disk(disk) = &mut self.landing else { return Ok(()) };
        let shown = self.shelf.shown(&self.name);
        for former in &self.formers {
            let FormerFile { take, path, bytes, sha256, .. } = former;
            let content = Content { bytes: *bytes, sha256: sha256.clone() };
            let name = VideoName::of_take(&self.name, *take);
            let aside = self.shelf.shown(&name);
            let is_shared = self.means.ledger.is_shared();
            if is_shared && !disk.holds(&name, content.clone()).await? {
                // It lies with whoever fetched it.
                continue;
            }
            if *path == shown {
                let kept = disk.set_aside(&name, content.clone()).await?;
                let path = kept.then_some(aside);
                let recorded = self.means.ledger.set_aside(&self.task, *take, path).await;
                recorded.map_err(|error| Trouble::Disk(error.to_string()))?;
            } else if *path != aside {
                // It lies somewhere else altogether.
                continue;
            }
            disk.may_replace(&name, content);
        }
        Ok(())
    }
}
