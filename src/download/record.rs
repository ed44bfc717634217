//! What a download came to: recorded in the ledger, and what lies beside its place dropped after that.

use std::fmt::Display;

use super::fetch::Fetch;
use super::land::Landed;
use super::remark::remark;
use super::trouble::Trouble;
use crate::ledger::{News, SavedVideo};
use crate::stage::StopReason;

impl Fetch<'_> {
    /// Records what is in its place.
    pub(super) async fn save(&mut self, landed: Landed) {
        let name = self.name.clone();
        let recording = match self.means.ledger.view().known(&self.task.id) {
            Ok(known) => known.and_then(|known| known.audio),
            Err(error) => return self.means.stops.pull(&StopReason::Ledger(error)),
        };
        let Landed { bytes, sha256, video } = landed;
        let note = remark(&video, recording, self.limits.tolerance);
        let (path, length) = (self.shelf.shown(&name), video.length);
        if self.note(News::Saved(SavedVideo { path, bytes, sha256, length, note })).await {
            self.landing.recorded().await;
        }
    }

    pub(super) async fn lose(&mut self, code: &str, reason: String) {
        match self.landing.discard().await {
            Err(Trouble::Disk(reason)) => self.fail(&reason),
            // Whatever else keeps it there is this one file's trouble, which is told anyway.
            _ => drop(self.note(News::LinkLost(code.to_owned(), reason)).await),
        }
    }

    pub(super) fn fail(&self, error: &impl Display) {
        let message = format!("{}: {error}", self.shelf.place(&self.name));
        self.means.stops.pull(&StopReason::Disk { message });
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
                self.means.stops.pull(&StopReason::Ledger(error));
                false
            }
        }
    }
}
