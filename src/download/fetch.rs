//! One video from its link to its place: again where the connection broke, with a fresh link where
//! the old one is dead, and never in its place before it is whole.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::BucketLanding;
use super::disk::DiskLanding;
use super::land::{Landed, Transfer};
use super::landing::Landing;
use super::trouble::Trouble;
use super::{DownloadLimits, Shelf, Work, takes};
use crate::client::{Fetched, Framing, Resume, Stream};
use crate::ledger::{FormerFile, News, Task};
use crate::pace::Backoff;
use crate::stage::{Means, StopReason};
use crate::wire::{Poll, TaskNews};

/// How often the task is asked for another link before the video counts as lost.
const MOST_LINKS: u32 = 3;

/// A download under way, over several connections and links.
pub(super) struct Fetch<'a> {
    pub(super) means: Means<'a>,
    pub(super) shelf: &'a Shelf,
    pub(super) limits: &'a DownloadLimits,
    pub(super) task: Task,
    /// What its file or object is called.
    pub(super) name: String,
    /// The files of earlier takes of its pair.
    pub(super) formers: Vec<FormerFile>,
    link: Arc<str>,
    pub(super) landing: Landing<'a>,
    /// How long the file is of which some is there, if that is known.
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
    pub(super) fn new(work: &'a Work<'a>, task: Task, formers: Vec<FormerFile>) -> Self {
        let name = takes::name(work.shelf, &task, &formers);
        let Work { means, shelf, limits, room } = work;
        let link = task.link.clone().map_or_else(|| Arc::from(""), |(link, _)| link);
        let landing = match shelf {
            Shelf::Disk(disk) => Landing::Disk(DiskLanding::new(disk, room, (&task, &link))),
            Shelf::Bucket(bucket) => {
                Landing::Bucket(BucketLanding::new(bucket, limits, (&task, &name)))
            }
        };
        let (total, links) = (None, 0);
        Self { means: *means, shelf, limits, task, name, formers, link, landing, total, links }
    }

    /// Goes on until the video is in its place and recorded, or is given up, which is recorded too.
    pub(super) async fn run(mut self) {
        let mut patience = Patience::default();
        let mut came = match self.make_way().await {
            Ok(()) => self.landing.look_back().await,
            Err(trouble) => Err(trouble),
        };
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
                let failing = patience.failed(self.landing.length());
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
            end @ (Trouble::NoRoom(_) | Trouble::Disk(_) | Trouble::Bucket(_)) => Some(end),
        }
    }

    async fn give_up(&mut self, end: Trouble) {
        match end {
            Trouble::Lost(code, reason) => self.lose(code, reason).await,
            Trouble::InTheWay(reason) => {
                self.landing.wait_for_place().await;
                self.note(News::LinkLost("file_in_the_way".to_owned(), reason)).await;
            }
            Trouble::NoRoom(lacks) => match self.landing.is_too_large(&lacks) {
                true => self.lose("no_room", lacks.to_string()).await,
                false => self.fail(&lacks),
            },
            Trouble::Disk(reason) | Trouble::Broken(reason) | Trouble::Dead(_, reason) => {
                self.fail(&reason);
            }
            Trouble::Bucket(message) => self.means.stops.pull(&StopReason::Bucket { message }),
            Trouble::Crowded => {}
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
                    self.total = None;
                    self.landing.relink(&url).await;
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
        if self.landing.is_whole() {
            let total = Some(self.landing.length());
            let told = Transfer { framing: Framing::Told, total, packed: None };
            return self.landing.finish(told).await;
        }
        let resume = self.resume();
        let mut stream = match self.means.client.media().video(&self.link, resume.as_ref()).await {
            Fetched::Open(stream) => stream,
            Fetched::Dead(reason) => return Err(Trouble::Dead("link_dead", reason)),
            Fetched::Again(reason) => return Err(Trouble::Broken(reason)),
            Fetched::Misfit => return Err(self.anew("the server sent another range").await),
        };
        // Of a file that is begun anew, what an earlier answer said is of no use.
        self.total = stream.total.or(self.total.filter(|_| stream.start > 0));
        self.landing.begin(stream.start, stream.validator.take(), stream.total).await?;
        let received = self.receive(&mut stream).await;
        self.landing.release();
        received?;
        let length = self.landing.length();
        if let Some(total) = self.total.filter(|total| length < *total) {
            return Err(Trouble::Broken(format!("it ended after {length} of {total} bytes")));
        }
        let (framing, total, packed) = (stream.framing, self.total, stream.packed.take());
        self.landing.finish(Transfer { framing, total, packed }).await
    }

    /// What is there is of no use.
    async fn anew(&mut self, reason: &str) -> Trouble {
        self.total = None;
        self.landing.forget().await;
        Trouble::Broken(reason.to_owned())
    }

    fn resume(&self) -> Option<Resume> {
        let from = Some(self.landing.length()).filter(|length| *length > 0)?;
        let validator = self.landing.validator()?.to_owned();
        Some(Resume { from, validator, total: self.total })
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
        self.landing.reserve(stream.total.map(|total| total.saturating_sub(stream.start)))?;
        while let Some(bytes) = stream.chunk().await.map_err(Trouble::Broken)? {
            let came = bytes.len() as u64;
            let length = self.landing.length() + came;
            if length > most {
                return Err(too_large());
            }
            if stream.end.is_some_and(|end| length > end) {
                return Err(self.anew("more came than the server had said").await);
            }
            self.means.meter.bytes.fetch_add(came, Ordering::Relaxed);
            self.landing.append(bytes).await?;
        }
        Ok(())
    }
}
