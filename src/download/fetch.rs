//! One video from its link to its place: again where the connection broke, with a fresh link where
//! the old one is dead, and never in its place before it is whole.

use std::fmt::Display;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::room::{NoRoom, Room};
use super::{Limits, Shelf, Work};
use crate::client::{Fetched, Resume, Stream};
use crate::files::{Part, Source, drop_part, folder_of, sha256, sync_folder};
use crate::ledger::{News, SavedVideo, Task};
use crate::media::video::{self, Unfit};
use crate::pace::Backoff;
use crate::submit::Reason;
use crate::watch::Means;
use crate::wire::{Poll, TaskNews};

/// How often the task is asked for another link before the video counts as lost.
const MOST_LINKS: u32 = 3;

/// Why a video is not in its place yet.
enum Trouble {
    /// The connection, or the server for a while: the same link again.
    Broken(String),
    /// The link: another one may help.
    Dead(&'static str, String),
    /// Nothing helps.
    Lost(&'static str, String),
    /// This machine's disk.
    Disk(io::Error),
    /// It would be full.
    NoRoom(NoRoom),
}

impl From<NoRoom> for Trouble {
    fn from(lacks: NoRoom) -> Self {
        Self::NoRoom(lacks)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// A download under way, over several connections and links.
pub(super) struct Fetch<'a> {
    means: Means<'a>,
    shelf: &'a Shelf,
    limits: &'a Limits,
    room: &'a Room<'a>,
    task: Task,
    link: Arc<str>,
    part: Option<Part>,
    links: u32,
}

impl<'a> Fetch<'a> {
    pub(super) fn new(work: &'a Work<'a>, task: Task) -> Self {
        let Work { means, shelf, limits, room } = work;
        let link = task.link.clone().map_or_else(|| Arc::from(""), |(link, _)| link);
        Self { means: *means, shelf, limits, room, task, link, part: None, links: 0 }
    }

    /// Goes on until the video is in its place and recorded, or is given up, which is recorded too.
    pub(super) async fn run(mut self) {
        let (mut failing, mut failures, mut furthest) = (None::<Instant>, 0, 0);
        match self.left_over().await {
            Ok(part) => self.part = part,
            Err(error) => return self.fail(&error),
        }
        loop {
            furthest = self.length().max(furthest);
            let trouble = match self.attempt().await {
                Ok(video) => return self.note(News::Saved(video)).await,
                Err(trouble) => trouble,
            };
            match trouble {
                Trouble::Broken(reason) => {
                    // Further than ever: a server that starts anew each time gets nowhere.
                    if self.length() > furthest {
                        (failing, failures) = (None, 0);
                    }
                    failures += 1;
                    let since = *failing.get_or_insert_with(Instant::now);
                    tracing::debug!(pair = &*self.task.id, reason, failures, "download broke off");
                    if since.elapsed() > self.limits.retry_for {
                        return self.lose("download_failed", reason).await;
                    }
                    tokio::time::sleep(self.wait(failures)).await;
                }
                Trouble::Dead(code, reason) => {
                    if let Err(reason) = self.renew(reason).await {
                        return self.lose(code, reason).await;
                    }
                }
                Trouble::Lost(code, reason) => return self.lose(code, reason).await,
                Trouble::Disk(error) => return self.fail(&error),
                Trouble::NoRoom(lacks) => return self.fail(&lacks),
            }
        }
    }

    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::length)
    }

    /// What a run that was killed left of the same video; all of it is read, which takes a while.
    async fn left_over(&self) -> io::Result<Option<Part>> {
        let (place, link) = (self.shelf.place(&self.task), self.link.clone());
        let looked = spawn_blocking(move || Part::resume(&place, &link));
        looked.await.map_err(io::Error::other)?
    }

    fn wait(&self, failures: u32) -> Duration {
        let backoff = Backoff { base: self.limits.pause, cap: Duration::from_secs(60) };
        self.limits.pause / 10 + backoff.wait(failures, fastrand::f64())
    }

    /// Asks the task for another link. The reason comes back when there is none to be had.
    async fn renew(&mut self, reason: String) -> Result<(), String> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(reason);
        }
        if self.links > 1 {
            tokio::time::sleep(self.limits.pause).await;
        }
        let asked = match self.means.client.task(&self.task.task).await {
            Poll::News(TaskNews::Completed { url }) => {
                if *url != *self.link {
                    self.part = None;
                    self.link = url.into();
                    self.note(News::Relinked(self.link.clone())).await;
                }
                return Ok(());
            }
            Poll::TryAgain { reason, .. } => {
                tracing::debug!(pair = &*self.task.id, reason, "asking for another link");
                return Ok(());
            }
            Poll::News(TaskNews::CompletedWithoutResult | TaskNews::Working { .. }) => {
                return Ok(());
            }
            Poll::News(TaskNews::Unknown(_)) | Poll::Another { .. } => return Ok(()),
            Poll::News(TaskNews::Failed { code, .. }) => format!("the task has failed: {code}"),
            Poll::NotFound => "the server does not know the task any more".to_owned(),
            Poll::AccountStop { message, .. } => message,
        };
        Err(format!("{reason}; no other link: {asked}"))
    }

    /// One connection.
    async fn attempt(&mut self) -> Result<SavedVideo, Trouble> {
        let place = self.shelf.place(&self.task);
        if self.part.is_none()
            && place.is_file()
            && let Some(video) = self.already_there(&place).await?
        {
            return Ok(video);
        }
        let resume = self.resume();
        let mut stream = match self.means.client.media().video(&self.link, resume.as_ref()).await {
            Fetched::Open(stream) => stream,
            Fetched::Dead(reason) => return Err(Trouble::Dead("link_dead", reason)),
            Fetched::Again(reason) => return Err(Trouble::Broken(reason)),
            Fetched::Misfit => {
                self.part = None;
                return Err(Trouble::Broken("the server sent another range".to_owned()));
            }
        };
        let mut part = match self.part.take() {
            Some(part) => part,
            None => Part::start(&place)?,
        };
        // What goes on is the same file only as long as its name stays the same.
        if stream.start == 0 {
            let validator = stream.validator.take();
            part.restart(validator.map(|validator| Source::new(&self.link, validator)))?;
        }
        let received = self.receive(&mut stream, &mut part).await;
        match (received, stream.total) {
            (Ok(()), Some(total)) if part.length() < total => {
                let reason = format!("it ended after {} of {total} bytes", part.length());
                self.part = Some(part);
                Err(Trouble::Broken(reason))
            }
            (Ok(()), _) => self.finish(part, &place).await,
            (Err(trouble), _) => {
                self.part = Some(part);
                Err(trouble)
            }
        }
    }

    fn resume(&self) -> Option<Resume> {
        let part = self.part.as_ref().filter(|part| part.length() > 0)?;
        Some(Resume { from: part.length(), validator: part.source()?.validator().to_owned() })
    }

    async fn receive(&self, stream: &mut Stream, part: &mut Part) -> Result<(), Trouble> {
        let most = self.limits.most_bytes;
        let too_large = || {
            let message = format!("the video is larger than {} MB", most / 1_000_000);
            Trouble::Lost("too_large", message)
        };
        if stream.total.is_some_and(|total| total > most) {
            return Err(too_large());
        }
        let mut claim =
            self.room.claim(stream.total.map(|total| total.saturating_sub(stream.start)))?;
        while let Some(bytes) = stream.chunk().await.map_err(Trouble::Broken)? {
            if part.length() + bytes.len() as u64 > most {
                return Err(too_large());
            }
            self.means.meter.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            part.append(&bytes)?;
            claim.used(bytes.len() as u64)?;
        }
        Ok(())
    }

    /// Looks at the whole file and moves it to its place; waiting for the disk is left to others.
    async fn finish(&self, mut part: Part, place: &Path) -> Result<SavedVideo, Trouble> {
        let kept = spawn_blocking(move || {
            let bytes = part.length();
            let video = video::check(part.contents(), bytes).map_err(unfit)?;
            Ok::<_, Trouble>((bytes, video, part.keep()?))
        });
        let (bytes, video, sha256) = kept.await.map_err(io::Error::other)??;
        Ok(self.saved(place, bytes, sha256, video.length))
    }

    fn saved(
        &self,
        place: &Path,
        bytes: u64,
        sha256: String,
        length: Option<Duration>,
    ) -> SavedVideo {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        SavedVideo { path: self.shelf.shown(&name), bytes, sha256, length }
    }

    /// A run that was killed between the move and its record left the whole file: then only its
    /// length is compared with the server's. Where the link is dead nothing can be compared, and
    /// what was moved there was whole.
    async fn already_there(&self, place: &Path) -> Result<Option<SavedVideo>, Trouble> {
        let total = match self.means.client.media().video(&self.link, None).await {
            Fetched::Open(stream) => Some(stream.total),
            Fetched::Dead(_) => None,
            Fetched::Again(_) | Fetched::Misfit => return Ok(None),
        };
        let owned = place.to_owned();
        let looked = spawn_blocking(move || {
            let mut file = File::open(&owned)?;
            let bytes = file.metadata()?.len();
            if total.is_some_and(|total| total != Some(bytes)) {
                return Ok(None);
            }
            match video::check(&mut file, bytes) {
                Ok(video) => {
                    // Its name may not be durable yet.
                    sync_folder(folder_of(&owned))?;
                    Ok(Some((bytes, sha256(&mut file)?, video.length)))
                }
                Err(_) => Ok::<_, io::Error>(None),
            }
        });
        let found = looked.await.map_err(io::Error::other)??;
        Ok(found.map(|(bytes, sha256, length)| self.saved(place, bytes, sha256, length)))
    }

    async fn lose(&mut self, code: &str, reason: String) {
        self.part = None;
        if let Err(error) = drop_part(&self.shelf.place(&self.task)) {
            return self.fail(&error);
        }
        self.note(News::LinkLost(code.to_owned(), reason)).await;
    }

    fn fail(&self, error: &impl Display) {
        let place = self.shelf.place(&self.task);
        let message = format!("{}: {error}", place.display());
        self.means.stops.pull(&Reason::Disk { message });
    }

    async fn note(&self, news: News) {
        let event = news.event();
        match self.means.ledger.note(&self.task, news).await {
            Ok(_) => tracing::info!(pair = &*self.task.id, event = event.name(), "video"),
            Err(error) => self.means.stops.pull(&Reason::Ledger(error)),
        }
    }
}

fn unfit(unfit: Unfit) -> Trouble {
    match unfit {
        Unfit::Unreadable(error) => Trouble::Disk(error),
        Unfit::Cut => Trouble::Dead("video_cut", unfit.to_string()),
        other => Trouble::Dead("not_a_video", other.to_string()),
    }
}
