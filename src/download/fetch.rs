//! One video from its link to its place: again where the connection broke, with a fresh link where
//! the old one is dead, and never in its place before it is whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::land::{Landed, LeftOver, Transfer, land, left_over};
use super::room::Room;
use super::trouble::Trouble;
use super::{Limits, Shelf, Work};
use crate::client::{Fetched, Framing, Resume, Stream};
use crate::files::{Origin, Part, free};
use crate::ledger::{News, Task};
use crate::pace::Backoff;
use crate::watch::Means;
use crate::wire::{Poll, TaskNews};

/// How often the task is asked for another link before the video counts as lost.
const MOST_LINKS: u32 = 3;

/// A download under way, over several connections and links.
pub(super) struct Fetch<'a> {
    pub(super) means: Means<'a>,
    pub(super) shelf: &'a Shelf,
    pub(super) limits: &'a Limits,
    pub(super) room: &'a Room<'a>,
    pub(super) task: Task,
    link: Arc<str>,
    pub(super) part: Option<Part>,
    /// How long the file is that the part is of, if that is known.
    total: Option<u64>,
    links: u32,
}

/// For how long a download has not got any further.
#[derive(Default)]
struct Patience {
    since: Option<Instant>,
    failures: u32,
    furthest: u64,
}

impl Patience {
    /// Notes a failure at a length; says for how long there was nothing else.
    fn failed(&mut self, length: u64) -> Duration {
        // Further than ever: a server that starts anew each time gets nowhere.
        if length > self.furthest {
            (self.since, self.failures) = (None, 0);
        }
        self.furthest = length.max(self.furthest);
        self.failures += 1;
        self.since.get_or_insert_with(Instant::now).elapsed()
    }
}

impl<'a> Fetch<'a> {
    pub(super) fn new(work: &'a Work<'a>, task: Task) -> Self {
        let Work { means, shelf, limits, room } = work;
        let link = task.link.clone().map_or_else(|| Arc::from(""), |(link, _)| link);
        let (part, total) = (None, None);
        Self { means: *means, shelf, limits, room, task, link, part, total, links: 0 }
    }

    /// Goes on until the video is in its place and recorded, or is given up, which is recorded too.
    pub(super) async fn run(mut self) {
        let mut patience = Patience::default();
        let mut came = self.look_back().await;
        loop {
            let trouble = match came {
                Ok(Some(landed)) => return self.save(landed).await,
                Ok(None) => None,
                Err(trouble) => Some(trouble),
            };
            if let Some(trouble) = trouble
                && let Some(end) = self.overcome(trouble, &mut patience).await
            {
                return self.give_up(end).await;
            }
            came = self.attempt().await.map(Some);
        }
    }

    /// Does what helps; gives the trouble that nothing helps with.
    async fn overcome(&mut self, trouble: Trouble, patience: &mut Patience) -> Option<Trouble> {
        match trouble {
            Trouble::Broken(reason) => {
                let failing = patience.failed(self.length());
                let failures = patience.failures;
                tracing::debug!(pair = &*self.task.id, reason, failures, "download broke off");
                if failing > self.limits.retry_for {
                    return Some(Trouble::Lost("download_failed", reason));
                }
                tokio::time::sleep(self.wait(failures)).await;
                None
            }
            Trouble::Dead(code, reason) => {
                self.renew(reason).await.err().map(|reason| Trouble::Lost(code, reason))
            }
            // Those that need the room come to an end, one way or another.
            Trouble::Crowded => {
                tokio::time::sleep(self.wait(1)).await;
                None
            }
            end @ (Trouble::Lost(..) | Trouble::InTheWay(_)) => Some(end),
            end @ (Trouble::NoRoom(_) | Trouble::Disk(_)) => Some(end),
        }
    }

    async fn give_up(&mut self, end: Trouble) {
        match end {
            Trouble::Lost(code, reason) => self.lose(code, reason).await,
            Trouble::InTheWay(reason) => {
                // What was fetched stays beside it, for when the place is free.
                self.note(News::LinkLost("file_in_the_way".to_owned(), reason)).await;
            }
            Trouble::NoRoom(lacks) => match self.room.is_too_large(&lacks, self.length()) {
                true => self.lose("no_room", lacks.to_string()).await,
                false => self.fail(&lacks),
            },
            Trouble::Disk(reason) | Trouble::Broken(reason) | Trouble::Dead(_, reason) => {
                self.fail(&reason);
            }
            Trouble::Crowded => {}
        }
    }

    fn length(&self) -> u64 {
        self.part.as_ref().map_or(0, Part::length)
    }

    pub(super) fn place(&self) -> PathBuf {
        self.shelf.place(&self.task)
    }

    pub(super) fn origin(&self) -> Origin {
        Origin::new(self.task.task.as_str(), &self.link)
    }

    /// What a run that was killed left of the same video; all of it is read, which takes a while.
    async fn look_back(&mut self) -> Result<Option<Landed>, Trouble> {
        let (place, origin) = (self.place(), self.origin());
        match blocking(move || left_over(&place, &origin)).await? {
            LeftOver::Landed(landed) => Ok(Some(landed)),
            LeftOver::Part(part) => {
                self.part = part;
                Ok(None)
            }
        }
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
            Poll::News(TaskNews::Completed { url, .. }) => {
                if *url != *self.link {
                    (self.part, self.total) = (None, None);
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
            // One such answer means nothing.
            Poll::NotFound | Poll::AccountStop { .. } if self.links < MOST_LINKS => return Ok(()),
            Poll::NotFound => "the server does not know the task any more".to_owned(),
            Poll::AccountStop { message, .. } => message,
        };
        Err(format!("{reason}; no other link: {asked}"))
    }

    /// One connection.
    async fn attempt(&mut self) -> Result<Landed, Trouble> {
        if let Some(part) = self.part.take_if(|part| part.is_whole()) {
            let total = Some(part.length());
            return finish(part, Transfer { framing: Framing::Told, total, packed: None }).await;
        }
        let resume = self.resume();
        let mut stream = match self.means.client.media().video(&self.link, resume.as_ref()).await {
            Fetched::Open(stream) => stream,
            Fetched::Dead(reason) => return Err(Trouble::Dead("link_dead", reason)),
            Fetched::Again(reason) => return Err(Trouble::Broken(reason)),
            Fetched::Misfit => return Err(self.anew("the server sent another range")),
        };
        self.begin(&mut stream).await?;
        self.receive(&mut stream).await?;
        let Some(part) = self.part.take() else { return Err(self.anew("nothing came")) };
        match self.total {
            Some(total) if part.length() < total => {
                let reason = format!("it ended after {} of {total} bytes", part.length());
                self.part = Some(part);
                Err(Trouble::Broken(reason))
            }
            total => {
                let (framing, packed) = (stream.framing, stream.packed.take());
                finish(part, Transfer { framing, total, packed }).await
            }
        }
    }

    /// What is there is of no use.
    fn anew(&mut self, reason: &str) -> Trouble {
        (self.part, self.total) = (None, None);
        Trouble::Broken(reason.to_owned())
    }

    fn resume(&self) -> Option<Resume> {
        let part = self.part.as_ref().filter(|part| part.length() > 0)?;
        let validator = part.validator()?.to_owned();
        Some(Resume { from: part.length(), validator, total: self.total })
    }

    /// Makes room for what comes, after what is there or in place of it.
    async fn begin(&mut self, stream: &mut Stream) -> Result<(), Trouble> {
        // Of a file that is begun anew, what an earlier answer said is of no use.
        self.total = stream.total.or(self.total.filter(|_| stream.start > 0));
        let (part, place, origin) = (self.part.take(), self.place(), self.origin());
        let (start, validator) = (stream.start, stream.validator.take());
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

    async fn receive(&mut self, stream: &mut Stream) -> Result<(), Trouble> {
        let most = self.limits.most_bytes;
        let too_large = || {
            let message = format!("the video is larger than {} MB", most / 1_000_000);
            Trouble::Lost("too_large", message)
        };
        if stream.total.is_some_and(|total| total > most) {
            return Err(too_large());
        }
        let room = self.room;
        let mut claim = room.claim(stream.total.map(|total| total.saturating_sub(stream.start)))?;
        while let Some(bytes) = stream.chunk().await.map_err(Trouble::Broken)? {
            let came = bytes.len() as u64;
            let length = self.length() + came;
            if length > most {
                return Err(too_large());
            }
            if stream.end.is_some_and(|end| length > end) {
                return Err(self.anew("more came than the server had said"));
            }
            self.means.meter.bytes.fetch_add(came, Ordering::Relaxed);
            self.append(bytes).await?;
            claim.used(came)?;
        }
        Ok(())
    }

    /// On another thread: a slow disk holds up nobody else.
    async fn append(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        let Some(mut part) = self.part.take() else { return Ok(()) };
        let place = self.place();
        let (part, done) = blocking(move || {
            let done = part.append(&bytes);
            Ok((part, done.map_err(|error| Trouble::of(&error, free_at(&place)))))
        })
        .await?;
        self.part = Some(part);
        done
    }
}

/// Looks at a whole file and moves it to its place.
async fn finish(part: Part, transfer: Transfer) -> Result<Landed, Trouble> {
    blocking(move || land(part, &transfer)).await
}

/// Waiting for the disk is left to other threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    let failed = |error| Trouble::Disk(format!("a thread failed: {error}"));
    spawn_blocking(work).await.map_err(failed)?
}

pub(super) fn free_at(place: &Path) -> Option<u64> {
    place.parent().and_then(free)
}
