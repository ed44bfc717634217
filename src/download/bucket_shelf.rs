//! Videos in a bucket: what is there, and uploads in parts that are noted before they are asked for,
//! so that none is left behind.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};

use super::journal::{Begun, Journal};
use crate::client::OpenBucket;
use crate::manifest::VideoBucket;
use crate::pace::{Backoff, retry_after};
use crate::pair::{TaskId, VideoName};
use crate::wire::UploadError;

/// What is begun and given up to see whether videos may be stored. No video is called so.
const TRIAL: &str = ".callsheet-trial";
/// How long a bucket may take before a run until it is said that it does not answer.
const FIRST_ANSWER: Duration = Duration::from_secs(20);
/// How long the end of a run waits for uploads to be given up; the next run does the rest.
const END_WITHIN: Duration = Duration::from_secs(10);

/// A folder in a bucket that videos go to.
#[derive(Debug)]
pub struct BucketShelf {
    pub(super) bucket: OpenBucket,
    place: VideoBucket,
    pub(super) name: VideoName,
    pub(super) run_folder: PathBuf,
    journal: Arc<Mutex<Option<Journal>>>,
}

/// Why a bucket did not do what it was asked, or what it does could not be written down.
#[derive(Debug, thiserror::Error)]
pub enum BucketFault {
    /// The bucket's answer, or none.
    #[error(transparent)]
    Bucket(#[from] UploadError),
    /// The file system refused.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// An upload in parts that is under way.
#[derive(Debug)]
pub(super) struct Upload {
    number: u64,
    pub(super) id: String,
}

/// What a bucket has before a run.
#[derive(Debug, Default)]
pub struct Stock {
    /// The names in its folder, and how large each object is.
    pub sizes: HashMap<String, u64>,
    /// Objects of which parts may be left in the bucket that nobody can find.
    pub unsettled: Vec<String>,
}

/// For how long, and how often, a bucket is asked again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Insistence {
    pub(super) pause: Duration,
    pub(super) retry_for: Duration,
}

impl Insistence {
    /// Asks until there is an answer that another attempt would not change.
    pub(super) async fn until<T>(
        self,
        mut ask: impl AsyncFnMut() -> Result<T, BucketFault>,
    ) -> Result<T, BucketFault> {
        let (began, mut failures) = (Instant::now(), 0);
        loop {
            let (reason, asked) = match ask().await {
                Err(BucketFault::Bucket(UploadError::TryAgain { reason, retry_after })) => {
                    (reason, retry_after)
                }
                answer => return answer,
            };
            failures += 1;
            let pause = self.pause(failures, asked.as_deref());
            tracing::debug!(reason, failures, ms = pause.as_millis(), "bucket");
            if began.elapsed() + pause > self.retry_for {
                let seconds = self.retry_for.as_secs();
                let text =
                    format!("nothing got through to the bucket within {seconds} s: {reason}");
                return Err(UploadError::Bucket(text).into());
            }
            sleep(pause).await;
        }
    }

    pub(super) fn pause(self, failures: u32, asked: Option<&str>) -> Duration {
        let backoff = Backoff { base: self.pause, cap: Duration::from_secs(60) };
        let asked = asked.and_then(|text| retry_after(text, SystemTime::now()));
        asked.unwrap_or_else(|| self.pause / 10 + backoff.wait(failures, fastrand::f64()))
    }
}

impl BucketShelf {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(
        (bucket, place): (OpenBucket, VideoBucket),
        run_folder: &Path,
        name: VideoName,
    ) -> Self {
        let (run_folder, journal) = (run_folder.to_owned(), Arc::default());
        Self { bucket, place, name, run_folder, journal }
    }

    pub(super) fn object(&self, name: &str) -> String {
        self.place.object(name)
    }

    /// `s3://bucket/folder/name`.
    pub(super) fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    /// Looks at what is there, gives up the uploads that runs which died left, and sees whether videos
    /// may be stored: by an upload that is begun and given up, so that nothing ever is to be seen.
    ///
    /// # Errors
    /// When the bucket cannot be used, or does not answer.
    pub async fn prepare(&self, retry_for: Duration) -> Result<Stock, BucketFault> {
        let retry_for = FIRST_ANSWER.min(retry_for);
        let ask = Insistence { pause: Duration::from_millis(500), retry_for };
        let sizes = self.sizes(ask).await?;
        let mut unsettled = Vec::new();
        for (number, begun) in self.left().await? {
            match ask.until(async || self.give_up(number, &begun).await).await {
                Ok(()) => {}
                // Whoever may not see the uploads cannot end one without a name.
                Err(BucketFault::Bucket(_)) if begun.id.is_none() => {
                    unsettled.push(format!("{}{}", begun.bucket, begun.object));
                }
                Err(fault) => return Err(fault),
            }
        }
        let trial = self.object(TRIAL);
        let upload = ask.until(async || self.begin(&trial, None).await).await?;
        ask.until(async || self.abort(&trial, &upload).await).await?;
        self.settle(&trial).await;
        Ok(Stock { sizes, unsettled })
    }

    async fn sizes(&self, ask: Insistence) -> Result<HashMap<String, u64>, BucketFault> {
        let (folder, mut sizes, mut from) = (self.object(""), HashMap::new(), None::<String>);
        loop {
            let page = async || Ok(self.bucket.objects(&folder, from.as_deref()).await?);
            let page = ask.until(page).await?;
            for (object, bytes) in page.objects {
                sizes.extend(object.strip_prefix(&folder).map(|name| (name.to_owned(), bytes)));
            }
            match page.next {
                Some(next) if from.as_ref() != Some(&next) => from = Some(next),
                _ => return Ok(sizes),
            }
        }
    }

    /// Begins an upload of a task's video.
    ///
    /// # Errors
    /// Why it was not begun; or that nobody can say, and then it is noted.
    pub(super) async fn begin(
        &self,
        object: &str,
        task: Option<&TaskId>,
    ) -> Result<Upload, BucketFault> {
        let (bucket, noted) = (self.bucket.address().to_owned(), object.to_owned());
        let number = self.note(move |journal| journal.begins(&bucket, &noted)).await?;
        match self.bucket.begin(object, task).await {
            Ok(id) => {
                let noted = id.clone();
                self.note(move |journal| journal.begun(number, &noted)).await?;
                Ok(Upload { number, id })
            }
            Err(error @ UploadError::TryAgain { .. }) => Err(error.into()),
            Err(error) => {
                self.note(move |journal| journal.over(number)).await?;
                Err(error.into())
            }
        }
    }

    /// Gives up an upload.
    ///
    /// # Errors
    /// Why it may still be there; it stays noted then.
    pub(super) async fn abort(&self, object: &str, upload: &Upload) -> Result<(), BucketFault> {
        self.bucket.abort(object, &upload.id).await?;
        self.over(upload).await
    }

    /// Notes that an upload has become an object.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(super) async fn over(&self, upload: &Upload) -> Result<(), BucketFault> {
        let number = upload.number;
        Ok(self.note(move |journal| journal.over(number)).await?)
    }

    /// Gives up what is still noted of an object, as far as that can be done now: the end of the run
    /// tries again, and so does the next one.
    pub(super) async fn settle(&self, object: &str) {
        let Ok(left) = self.left().await else { return };
        for (number, begun) in left.iter().filter(|(_, begun)| begun.object == object) {
            if let Err(error) = self.give_up(*number, begun).await {
                tracing::debug!(object, %error, "an upload may be left");
            }
        }
    }

    async fn give_up(&self, number: u64, begun: &Begun) -> Result<(), BucketFault> {
        let ids = match &begun.id {
            Some(id) => vec![id.clone()],
            None => self.bucket.uploads(&begun.object).await?,
        };
        for id in ids {
            self.bucket.abort(&begun.object, &id).await?;
        }
        Ok(self.note(move |journal| journal.over(number)).await?)
    }

    /// Ends a run: gives up what is still under way. What is not given up is left to the next run.
    pub(super) async fn end(&self) {
        let give_up = async {
            for (number, begun) in self.left().await.unwrap_or_default() {
                if let Err(error) = self.give_up(number, &begun).await {
                    tracing::debug!(object = begun.object, %error, "an upload may be left");
                }
            }
        };
        let _ = timeout(END_WITHIN, give_up).await;
        if let Err(error) = self.note(Journal::end).await {
            tracing::debug!(%error, "the uploads under way");
        }
    }

    /// What is noted of this bucket. Uploads in another one are that one's.
    async fn left(&self) -> io::Result<Vec<(u64, Begun)>> {
        let mut left = self.note(|journal| Ok(journal.under_way())).await?;
        left.retain(|(_, begun)| begun.bucket == self.bucket.address());
        Ok(left)
    }

    /// On another thread: a slow disk holds up nobody else.
    async fn note<T: Send + 'static>(
        &self,
        note: impl FnOnce(&mut Journal) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let (journal, run_folder) = (Arc::clone(&self.journal), self.run_folder.clone());
        let noted = spawn_blocking(move || {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            let open = match journal.take() {
                Some(open) => open,
                None => Journal::open(&run_folder)?,
            };
            note(journal.insert(open))
        });
        noted.await.map_err(io::Error::other)?
    }
}
