//! A video on its way to a bucket: looked at as it streams by, sent in parts, and made an object only
//! once it is whole and nothing else has its name.
//!
//! Nothing of it touches the disk. A run that is killed leaves parts that nobody sees, which the next
//! one gives up to begin anew; or an object that names its task, which the next one takes once it has
//! read it.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::bucket_shelf::{BucketFault, BucketShelf, Insistence, Upload};
use super::disk::blocking;
use super::land::{Landed, Transfer, judged};
use super::trouble::Trouble;
use super::{DownloadLimits, publish};
use crate::client::{Framing, Object, ObjectStream, Place};
use crate::files::hexadecimal;
use crate::ledger::Task;
use crate::media::video::{Sketch, VideoFlaw};
use crate::pair::TaskId;
use crate::wire::UploadError;

/// The smallest part that S3 takes, but for the last one, in bytes. So much is in memory for each
/// download.
const PART: u64 = 5 << 20;
/// How many parts an object may have.
const MOST_PARTS: u64 = 10_000;

/// A video that goes to a bucket in parts.
pub(super) struct BucketLanding<'a> {
    shelf: &'a BucketShelf,
    limits: &'a DownloadLimits,
    task: TaskId,
    object: String,
    shown: String,
    upload: Option<Upload>,
    /// Of the parts that were sent.
    tags: Vec<String>,
    part_bytes: usize,
    /// What is not sent yet.
    buffer: BytesMut,
    length: u64,
    seen: Seen,
    validator: Option<String>,
}

/// What is known of bytes that went by.
#[derive(Default)]
struct Seen {
    digest: Sha256,
    sketch: Sketch,
    fault: Option<VideoFlaw>,
}

impl Seen {
    /// On another thread: sums take a while.
    async fn take(self, bytes: Bytes) -> Result<Self, Trouble> {
        let Self { mut digest, mut sketch, fault } = self;
        blocking(move || {
            digest.update(&bytes);
            let fault = fault.or_else(|| sketch.feed(&bytes).err());
            Ok(Self { digest, sketch, fault })
        })
        .await
    }

    fn judge(self, bytes: u64, transfer: &Transfer) -> Result<Landed, Trouble> {
        let checked = self.fault.map_or_else(|| self.sketch.check(), Err);
        let video = judged(checked, transfer)?;
        Ok(Landed { bytes, sha256: hexadecimal(&self.digest.finalize()), video })
    }
}

impl<'a> BucketLanding<'a> {
    pub(super) fn new(
        shelf: &'a BucketShelf,
        limits: &'a DownloadLimits,
        (task, name): (&Task, &str),
    ) -> Self {
        Self {
            shelf,
            limits,
            task: task.task.clone(),
            object: shelf.object(name),
            shown: shelf.shown(name),
            upload: None,
            tags: Vec::new(),
            part_bytes: 0,
            buffer: BytesMut::new(),
            length: 0,
            seen: Seen::default(),
            validator: None,
        }
    }

    fn insistence(&self) -> Insistence {
        Insistence { pause: self.limits.pause, retry_for: self.limits.retry_for }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    /// The object of this task that an earlier run made and nobody recorded: read again, so that what
    /// is recorded is what is there.
    pub(super) async fn look_back(&mut self) -> Result<Option<Landed>, Trouble> {
        match self.find().await? {
            None => Ok(None),
            Some(found) if found.task.as_deref() == Some(self.task.as_str()) => {
                let read = async || self.read_back().await;
                let landed = self.insistence().until(read).await.map_err(trouble)?;
                landed.ok_or_else(|| self.in_the_way()).map(Some)
            }
            Some(_) => Err(self.in_the_way()),
        }
    }

    /// Nothing if it is no whole video.
    async fn read_back(&self) -> Result<Option<Landed>, BucketFault> {
        let (mut stream, mut seen, mut length) =
            (self.shelf.bucket.read(&self.object).await?, Seen::default(), 0);
        while let Some(piece) = next_piece(&mut stream).await? {
            length += piece.len() as u64;
            let failed = |_| UploadError::again("a thread failed");
            seen = seen.take(piece).await.map_err(failed)?;
            if length > self.limits.most_bytes {
                return Ok(None);
            }
        }
        let told = Transfer { framing: Framing::Told, total: Some(length), packed: None };
        Ok(seen.judge(length, &told).ok())
    }

    pub(super) async fn find(&self) -> Result<Option<Object>, Trouble> {
        let find = async || Ok(self.shelf.bucket.find(&self.object).await?);
        self.insistence().until(find).await.map_err(trouble)
    }

    pub(super) fn in_the_way(&self) -> Trouble {
        Trouble::InTheWay(format!(
            "{} is there, and is not the video of this pair: move it away",
            self.shown
        ))
    }

    /// All of a file follows, of this version, and of this length if that is known.
    pub(super) fn restart(&mut self, validator: Option<String>, total: Option<u64>) {
        // The parts before are overwritten, or not made a part of the object.
        self.tags.clear();
        self.buffer.clear();
        (self.length, self.seen, self.validator) = (0, Seen::default(), validator);
        self.part_bytes = part_size(total.unwrap_or(self.limits.most_bytes));
    }

    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        self.buffer.extend_from_slice(bytes);
        self.length += bytes.len() as u64;
        while self.buffer.len() >= self.part_bytes {
            let part = self.buffer.split_to(self.part_bytes).freeze();
            self.see(part.clone()).await?;
            self.send(part).await?;
        }
        Ok(())
    }

    async fn see(&mut self, part: Bytes) -> Result<(), Trouble> {
        self.seen = std::mem::take(&mut self.seen).take(part).await?;
        Ok(())
    }

    /// Sends a part, again and again as long as that may help.
    async fn send(&mut self, part: Bytes) -> Result<(), Trouble> {
        let (insistence, bucket) = (self.insistence(), &self.shelf.bucket);
        if self.upload.is_none() {
            let begin = async || self.shelf.begin(&self.object, Some(&self.task)).await;
            self.upload = Some(insistence.until(begin).await.map_err(trouble)?);
        }
        let id = self.upload.as_ref().map_or("", |upload| &upload.id);
        let (place, number) = ((self.object.as_str(), id), self.tags.len() + 1);
        let send = async || Ok(bucket.send_part(place, number, part.clone()).await?);
        match insistence.until(send).await {
            Ok(tag) => {
                self.tags.push(tag);
                Ok(())
            }
            Err(fault) => Err(self.gone(fault).await),
        }
    }

    /// What a refusal means for the whole upload: where that is over or broken, another is begun.
    async fn gone(&mut self, fault: BucketFault) -> Trouble {
        let trouble = trouble(fault);
        if matches!(trouble, Trouble::Broken(_)) {
            self.forget().await;
        }
        trouble
    }

    /// Looks at what came, sends the rest of it, and makes an object of it.
    pub(super) async fn finish(&mut self, transfer: &Transfer) -> Result<Landed, Trouble> {
        let rest = self.buffer.split().freeze();
        if !rest.is_empty() {
            self.see(rest.clone()).await?;
        }
        let landed = match std::mem::take(&mut self.seen).judge(self.length, transfer) {
            Ok(landed) => landed,
            Err(unfit) => {
                self.forget().await;
                return Err(unfit);
            }
        };
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        self.publish().await?;
        if let Some(upload) = self.upload.take() {
            self.shelf.over(&upload).await.map_err(trouble)?;
        }
        self.shelf.settle(&self.object).await;
        Ok(landed)
    }

    /// Makes an object of the parts, once, and sees that it is there.
    async fn publish(&mut self) -> Result<(), Trouble> {
        let (mut last, mut place) = (publish::Last::Nothing, Place::Free);
        let (began, mut failures) = (Instant::now(), 0);
        loop {
            let found = self.find().await?;
            let ours = publish::Ours { task: self.task.as_str(), bytes: self.length };
            match publish::next(found.as_ref(), &last, ours) {
                publish::Next::Done => return Ok(()),
                publish::Next::InTheWay => return Err(self.in_the_way()),
                publish::Next::Anew(reason) => {
                    self.forget().await;
                    return Err(Trouble::Broken(reason));
                }
                publish::Next::Complete => {}
            }
            last = match self.complete(place).await {
                Err(UploadError::Refused { code, .. })
                    if code == "NotImplemented" && place == Place::Free =>
                {
                    place = Place::Unasked;
                    publish::Last::Nothing
                }
                answer => publish::Last::of(answer).map_err(Trouble::Bucket)?,
            };
            if let publish::Last::Unknown(reason) = &last {
                failures += 1;
                if began.elapsed() > self.limits.retry_for {
                    return Err(Trouble::Bucket(format!(
                        "nothing got through to the bucket: {reason}"
                    )));
                }
                sleep(self.insistence().pause(failures, None)).await;
            }
        }
    }

    async fn complete(&self, place: Place) -> Result<(), UploadError> {
        let id = self.upload.as_ref().map_or("", |upload| &upload.id);
        self.shelf.bucket.complete((&self.object, id), &self.tags, place).await
    }

    /// What was sent is of no use.
    pub(super) async fn forget(&mut self) {
        self.restart(None, None);
        if let Some(upload) = self.upload.take() {
            // What is not given up now stays noted.
            if let Err(error) = self.shelf.abort(&self.object, &upload).await {
                tracing::debug!(object = self.object, %error, "an upload may be left");
            }
        }
    }

    /// Leaves nothing behind.
    pub(super) async fn discard(&mut self) {
        self.forget().await;
        self.shelf.settle(&self.object).await;
    }
}

/// How large the parts of so many bytes are: all but the last alike, as some buckets want it.
fn part_size(bytes: u64) -> usize {
    usize::try_from(PART.max(bytes.div_ceil(MOST_PARTS))).unwrap_or(usize::MAX)
}

/// About as much as a part, so that few threads are asked for; nothing at the end.
async fn next_piece(stream: &mut ObjectStream) -> Result<Option<Bytes>, UploadError> {
    let mut piece = BytesMut::new();
    while (piece.len() as u64) < PART {
        match stream.chunk().await? {
            Some(bytes) => piece.extend_from_slice(&bytes),
            None if piece.is_empty() => return Ok(None),
            None => break,
        }
    }
    Ok(Some(piece.freeze()))
}

/// Whose trouble it is.
fn trouble(fault: BucketFault) -> Trouble {
    match fault {
        // The run folder's, and so every video's.
        BucketFault::Disk(error) => Trouble::Disk(error.to_string()),
        BucketFault::Bucket(UploadError::Refused { code, message }) => match code.as_str() {
            "EntityTooLarge" | "http_413" => Trouble::Lost("file_too_large", message),
            "KeyTooLongError" => Trouble::Lost("bad_file_name", message),
            // Somebody else ended the upload, or its parts are not what they were.
            "NoSuchUpload" | "InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" => {
                Trouble::Broken(message)
            }
            _ => Trouble::Lost("file_refused", message),
        },
        BucketFault::Bucket(other) => Trouble::Bucket(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_small_as_may_be_and_few_enough() {
        assert_eq!(part_size(0), 5 << 20);
        assert_eq!(part_size(50_000 << 20), 5 << 20);
        let large = part_size(1_000_000_000_000);
        assert_eq!(large, 100_000_000);
        assert!(1_000_000_000_001_u64.div_ceil(part_size(1_000_000_000_001) as u64) <= MOST_PARTS);
    }

    #[test]
    fn a_refusal_is_one_videos_or_one_uploads_or_every_ones() {
        let code = |code: &str| match trouble(UploadError::refused(code, "no").into()) {
            Trouble::Lost(code, _) => code,
            Trouble::Broken(_) => "anew",
            other => panic!("{other:?}"),
        };
        assert_eq!(code("NoSuchUpload"), "anew");
        assert_eq!(code("InvalidPart"), "anew");
        assert_eq!(code("EntityTooLarge"), "file_too_large");
        assert_eq!(code("KeyTooLongError"), "bad_file_name");
        assert_eq!(code("http_412"), "file_refused");
        let denied = trouble(UploadError::Bucket("denied".to_owned()).into());
        assert_eq!(denied, Trouble::Bucket("denied".to_owned()));
        let full = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert!(matches!(trouble(full.into()), Trouble::Disk(_)), "not one video's");
    }
}
