//! What a download came to: recorded in the ledger, and what lies beside its place dropped after that.

use std::fmt::Display;

use super::fetch::{Fetch, blocking, free_at};
use super::land::Landed;
use super::remark::remark;
use super::trouble::Trouble;
use crate::files::drop_part;
use crate::ledger::{News, SavedVideo};
use crate::submit::Reason;

impl Fetch<'_> {
    /// Records what is in its place; until then the notes beside it prove that it is ours.
    pub(super) async fn save(&mut self, landed: Landed) {
        self.room.had_room();
        let (place, origin) = (self.place(), self.origin());
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let recording = match self.means.ledger.view().known(&self.task.id) {
            Ok(known) => known.and_then(|known| known.audio),
            Err(error) => return self.means.stops.pull(&Reason::Ledger(error)),
        };
        let Landed { bytes, sha256, video } = landed;
        let note = remark(&video, recording, self.limits.tolerance);
        let (path, length) = (self.shelf.shown(&name), video.length);
        if self.note(News::Saved(SavedVideo { path, bytes, sha256, length, note })).await {
            let dropped = blocking(move || {
                drop_part(&place, &origin).map_err(|error| Trouble::of(&error, None))
            });
            // The next run sweeps them.
            drop(dropped.await);
        }
    }

    pub(super) async fn lose(&mut self, code: &str, reason: String) {
        self.part = None;
        let (place, origin) = (self.place(), self.origin());
        let refused = move |error| Trouble::of(&error, free_at(&place));
        let place = self.place();
        let dropped = blocking(move || drop_part(&place, &origin).map_err(refused)).await;
        match dropped {
            Err(Trouble::Disk(reason)) => self.fail(&reason),
            // Whatever else keeps it there is this one file's trouble, which is told anyway.
            _ => drop(self.note(News::LinkLost(code.to_owned(), reason)).await),
        }
    }

    pub(super) fn fail(&self, error: &impl Display) {
        let message = format!("{}: {error}", self.place().display());
        self.means.stops.pull(&Reason::Disk { message });
    }

    /// Says whether it was recorded.
    pub(super) async fn note(&self, news: News) -> bool {
        let event = news.event();
        match self.means.ledger.note(&self.task, news).await {
            Ok(_) => {
                tracing::info!(pair = &*self.task.id, event = event.name(), "video");
                true
            }
            Err(error) => {
                self.means.stops.pull(&Reason::Ledger(error));
                false
            }
        }
    }
}
