//! A video on its way to a folder: it grows beside its place. All that waits for the disk is left to
//! other threads.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::DiskShelf;
use super::land::{Landed, LeftOver, Transfer, land, left_over};
use super::room::{Claim, NoRoom, Room};
use super::trouble::Trouble;
use crate::files::{Aside, Content, Origin, Part, drop_part, free};
use crate::ledger::Task;

/// A video that grows beside its place.
pub(super) struct DiskLanding<'a> {
    place: PathBuf,
    task: String,
    origin: Origin,
    room: &'a Room<'a>,
    part: Option<Part>,
    /// What may be replaced in its place: earlier takes that have names of their own.
    replaced: Vec<Aside>,
    claim: Option<Claim<'a>>,
}

impl<'a> DiskLanding<'a> {
    pub(super) fn new(shelf: &DiskShelf, room: &'a Room<'a>, (task, link): (&Task, &str)) -> Self {
        let replaced = Vec::new();
        let (place, task) = (shelf.place(task), task.task.as_str().to_owned());
        let origin = Origin::new(&task, link);
        Self { place, task, origin, room, part: None, replaced, claim: None }
    }

    /// Gives an earlier take's file, where it is in this one's place, a name of its own; false if it is
    /// gone.
    pub(super) async fn set_aside(&self, name: &str, content: Content) -> Result<bool, Trouble> {
        let (place, aside) = (self.place.clone(), self.aside(name, content));
        blocking(move || aside.keep(&place).map_err(|error| Trouble::of(&error, free_at(&place))))
            .await
    }

    /// Whether an earlier take's file is here: at its place, or under this name already.
    pub(super) async fn holds(&self, name: &str, content: Content) -> Result<bool, Trouble> {
        let (place, aside) = (self.place.clone(), self.aside(name, content));
        let is_at = move || Ok(aside.content.is_at(&place)? || aside.content.is_at(&aside.path)?);
        let place = self.place.clone();
        blocking(move || is_at().map_err(|error: io::Error| Trouble::of(&error, free_at(&place))))
            .await
    }

    /// An earlier take's file has this name, and what is the same may be replaced.
    pub(super) fn may_replace(&mut self, name: &str, content: Content) {
        let aside = self.aside(name, content);
        self.replaced.push(aside);
    }

    fn aside(&self, name: &str, content: Content) -> Aside {
        Aside { path: self.place.with_file_name(name), content }
    }

    pub(super) async fn look_back(&mut self) -> Result<Option<Landed>, Trouble> {
        let (place, origin) = (self.place.clone(), self.origin.clone());
        match blocking(move || left_over(&place, &origin)).await? {
            LeftOver::Landed(landed) => {
                self.room.had_room();
                Ok(Some(landed))
            }
            LeftOver::Part(part) => {
                self.part = part;
                Ok(None)
            }
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::length)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.part.as_ref().is_some_and(Part::is_whole)
    }

    pub(super) fn validator(&self) -> Option<&str> {
        self.part.as_ref()?.validator()
    }

    pub(super) fn relink(&mut self, link: &str) {
        self.origin = Origin::new(&self.task, link);
    }

    pub(super) fn forget(&mut self) {
        self.part = None;
    }

    pub(super) async fn begin(
        &mut self,
        start: u64,
        validator: Option<String>,
    ) -> Result<(), Trouble> {
        let (part, place, origin) = (self.part.take(), self.place.clone(), self.origin.clone());
        let begun = blocking(move || {
            let refused = |error: io::Error| Trouble::of(&error, free_at(&place));
            let mut part = match part {
                Some(part) => part,
                None => Part::start(&place, &origin).map_err(refused)?,
            };
            // What goes on is the same file only as long as its name stays the same.
            if start == 0 {
                part.restart(validator).map_err(refused)?;
            }
            Ok(part)
        });
        self.part = Some(begun.await?);
        Ok(())
    }

    pub(super) fn reserve(&mut self, more: Option<u64>) -> Result<(), Trouble> {
        self.claim = Some(self.room.claim(more)?);
        Ok(())
    }

    pub(super) fn release(&mut self) {
        self.claim = None;
    }

    pub(super) async fn append(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        let Some(mut part) = self.part.take() else { return Ok(()) };
        let (place, came) = (self.place.clone(), bytes.len() as u64);
        let (part, done) = blocking(move || {
            let done = part.append(&bytes);
            Ok((part, done.map_err(|error| Trouble::of(&error, free_at(&place)))))
        })
        .await?;
        self.part = Some(part);
        done?;
        Ok(self.claim.as_mut().map_or(Ok(()), |claim| claim.used(came))?)
    }

    pub(super) async fn finish(&mut self, transfer: Transfer) -> Result<Landed, Trouble> {
        let nothing = || Trouble::Broken("nothing came".to_owned());
        let part = self.part.take().ok_or_else(nothing)?;
        let replaced = self.replaced.clone();
        let landed = blocking(move || land(part, &transfer, &replaced)).await?;
        self.room.had_room();
        Ok(landed)
    }

    /// The notes beside the place proved until now that what is there is ours.
    pub(super) async fn recorded(&mut self) {
        // The next run sweeps them.
        drop(self.discard().await);
    }

    pub(super) async fn discard(&mut self) -> Result<(), Trouble> {
        self.part = None;
        let (place, origin) = (self.place.clone(), self.origin.clone());
        blocking(move || {
            drop_part(&place, &origin).map_err(|error| Trouble::of(&error, free_at(&place)))
        })
        .await
    }

    pub(super) fn is_too_large(&self, lacks: &NoRoom) -> bool {
        self.room.is_too_large(lacks, self.length())
    }
}

/// Waiting for the disk is left to other threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let failed = |error| Trouble::Disk(format!("a thread failed: {error}"));
    spawn_blocking(work).await.map_err(failed)?
}

fn free_at(place: &Path) -> Option<u64> {
    place.parent().and_then(free)
}
