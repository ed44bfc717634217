//! Listens: to the videos of tasks that nobody knows, and to the recordings of the pairs in doubt.
//!
//! Only where the list does not say what its tasks are made of. One video and one recording are in
//! memory at a time.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Search;
use crate::client::{Fetched, Seen, Wanted};
use crate::files;
use crate::fitness::MAX_AUDIO;
use crate::media::audio::Envelope;
use crate::pair::{LocalFile, Role};
use crate::reconcile::{Findings, Lost, Orphan};
use crate::ui::counted;
use crate::wire::{Poll, TaskNews};

/// A larger video is not listened to, in bytes.
const MAX_VIDEO: usize = 256 << 20;
/// More orphans than this are not waited for: something else is wrong then.
const MOST: usize = 500;

impl Search<'_> {
    /// The pairs and the tasks that nothing was found for, with what can be heard of them; nothing
    /// where no listening can help.
    pub(super) fn listen(
        &self,
        findings: &Findings,
        lost: &[Lost],
        orphans: &[Orphan],
    ) -> Option<(Vec<Lost>, Vec<Orphan>)> {
        let without = |lost: &&Lost| findings.without.contains(&lost.id);
        let mut lost: Vec<_> = lost.iter().filter(without).cloned().collect();
        // What the list says a task is made of rules out what it does not say.
        let silent = |orphan: &&Orphan| {
            orphan.listed.inputs.is_none() && findings.strangers.contains(&orphan.listed.task)
        };
        let mut orphans: Vec<_> = orphans.iter().filter(silent).cloned().collect();
        if lost.is_empty() || orphans.is_empty() || orphans.len() > MOST {
            return None;
        }
        let tasks = counted(orphans.len() as u64, "task");
        self.ui.note(&format!("{tasks} may be of these pairs: listening to their videos"));
        self.runtime.block_on(async {
            let until = Timestamp::now() + self.args.wait_for;
            let mut heard = HashMap::<String, Option<Envelope>>::new();
            for lost in &mut lost {
                if !heard.contains_key(&lost.audio) {
                    heard.insert(lost.audio.clone(), self.recording(lost).await);
                }
                lost.sound = heard.get(&lost.audio).cloned().flatten();
            }
            // With nothing to compare them to, videos are not worth their way.
            if heard.values().any(Option::is_some) {
                for orphan in &mut orphans {
                    orphan.sound = self.video(orphan, until).await;
                }
            }
        });
        Some((lost, orphans))
    }

    async fn video(&self, orphan: &Orphan, until: Timestamp) -> Option<Envelope> {
        let link = self.link(orphan, until).await?;
        let Fetched::Open(mut stream) = self.client.media().video(&link, None).await else {
            return None;
        };
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.chunk().await.ok()? {
            if bytes.len() + chunk.len() > MAX_VIDEO {
                return None;
            }
            bytes.extend_from_slice(&chunk);
        }
        listened(bytes).await
    }

    /// The link to its video, once it has one.
    async fn link(&self, orphan: &Orphan, until: Timestamp) -> Option<String> {
        loop {
            match self.client.task(&orphan.listed.task).await {
                Poll::News(TaskNews::Completed { url, .. }) => return Some(url),
                Poll::News(TaskNews::Failed { .. }) | Poll::NotFound => return None,
                _ if Timestamp::now() >= until => return None,
                _ => tokio::time::sleep(self.args.poll_interval).await,
            }
        }
    }

    async fn recording(&self, lost: &Lost) -> Option<Envelope> {
        if let Some(bytes) = lost.file.as_ref().and_then(|file| self.beside(file)) {
            return listened(bytes).await;
        }
        let url = &lost.audio;
        let folder = &self.site.folder;
        let wanted = Wanted { url, role: Role::Audio, most: MAX_AUDIO, known: None, folder };
        for _ in 0..3 {
            match self.client.media().medium(&wanted).await {
                Seen::Got(got) => return listened(got.bytes.into_bytes().ok()?).await,
                Seen::Again(..) => tokio::time::sleep(Duration::from_secs(1)).await,
                Seen::Refused(_) | Seen::Unchanged => return None,
            }
        }
        None
    }
}

impl Search<'_> {
    /// A file beside the manifest, if it still is what was sent: where it was uploaded to, it may be
    /// gone by now.
    fn beside(&self, file: &LocalFile) -> Option<Vec<u8>> {
        let local = files::find(&self.site.manifest, &file.path).ok()?;
        let is_the_same = file.sha256.is_some() && local.sha256().ok() == file.sha256;
        if is_the_same { local.read(MAX_AUDIO).ok() } else { None }
    }
}

/// Decoding takes a while; waiting for it is left to another thread.
async fn listened(bytes: Vec<u8>) -> Option<Envelope> {
    tokio::task::spawn_blocking(move || Envelope::of(&bytes)).await.ok().flatten()
}
