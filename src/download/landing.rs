//! Where the bytes of one video arrive: beside its place on a disk, or in a bucket in parts. Both do
//! the same, and neither shows a video before it is whole.

use bytes::Bytes;

use super::bucket::BucketLanding;
use super::disk::DiskLanding;
use super::land::{Landed, Transfer};
use super::room::NoRoom;
use super::trouble::Trouble;

/// What there is of one video, and where.
pub(super) enum Landing<'a> {
    Disk(DiskLanding<'a>),
    Bucket(BucketLanding<'a>),
}

impl Landing<'_> {
    /// What an earlier run left of the same video: all of it, in its place, or some of it to go on
    /// with.
    pub(super) async fn look_back(&mut self) -> Result<Option<Landed>, Trouble> {
        match self {
            Self::Disk(disk) => disk.look_back().await,
            Self::Bucket(bucket) => bucket.look_back().await,
        }
    }

    /// How many bytes are there.
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Disk(disk) => disk.length(),
            Self::Bucket(bucket) => bucket.length(),
        }
    }

    /// Whether these are all, and only its place was not free.
    pub(super) fn is_whole(&self) -> bool {
        match self {
            Self::Disk(disk) => disk.is_whole(),
            Self::Bucket(_) => false,
        }
    }

    /// What names the version of the file that the bytes are of, if anything does.
    pub(super) fn validator(&self) -> Option<&str> {
        match self {
            Self::Disk(disk) => disk.validator(),
            Self::Bucket(bucket) => bucket.validator(),
        }
    }

    /// Another link leads to the video now: what is there may be of another file.
    pub(super) async fn relink(&mut self, link: &str) {
        if let Self::Disk(disk) = self {
            disk.relink(link);
        }
        self.forget().await;
    }

    /// What is there is of no use.
    pub(super) async fn forget(&mut self) {
        match self {
            Self::Disk(disk) => disk.forget(),
            Self::Bucket(bucket) => bucket.forget().await,
        }
    }

    /// Makes ready for bytes: for those after what is there, or for all of a file of this version and
    /// perhaps this length.
    pub(super) async fn begin(
        &mut self,
        start: u64,
        validator: Option<String>,
        total: Option<u64>,
    ) -> Result<(), Trouble> {
        match self {
            Self::Disk(disk) => disk.begin(start, validator).await,
            Self::Bucket(bucket) => {
                if start == 0 {
                    bucket.restart(validator, total);
                }
                Ok(())
            }
        }
    }

    /// Sees whether there is room for so many more, which are others' no longer until the release.
    pub(super) fn reserve(&mut self, more: Option<u64>) -> Result<(), Trouble> {
        match self {
            Self::Disk(disk) => disk.reserve(more),
            Self::Bucket(_) => Ok(()),
        }
    }

    pub(super) fn release(&mut self) {
        if let Self::Disk(disk) = self {
            disk.release();
        }
    }

    pub(super) async fn append(&mut self, bytes: Bytes) -> Result<(), Trouble> {
        match self {
            Self::Disk(disk) => disk.append(bytes).await,
            Self::Bucket(bucket) => bucket.append(&bytes).await,
        }
    }

    /// Looks at what came and brings it to its place.
    pub(super) async fn finish(&mut self, transfer: Transfer) -> Result<Landed, Trouble> {
        match self {
            Self::Disk(disk) => disk.finish(transfer).await,
            Self::Bucket(bucket) => bucket.finish(&transfer).await,
        }
    }

    /// It is recorded that the video is in its place.
    pub(super) async fn recorded(&mut self) {
        match self {
            Self::Disk(disk) => disk.recorded().await,
            Self::Bucket(_) => {}
        }
    }

    /// Drops what is there of a video that is not to be had.
    pub(super) async fn discard(&mut self) -> Result<(), Trouble> {
        match self {
            Self::Disk(disk) => disk.discard().await,
            Self::Bucket(bucket) => {
                bucket.discard().await;
                Ok(())
            }
        }
    }

    /// Something else is in its place. What there is stays for when that is free, where it is this
    /// machine's alone.
    pub(super) async fn wait_for_place(&mut self) {
        if let Self::Bucket(bucket) = self {
            bucket.discard().await;
        }
    }

    /// Whether a video that does not fit is itself to blame.
    pub(super) fn is_too_large(&self, lacks: &NoRoom) -> bool {
        match self {
            Self::Disk(disk) => disk.is_too_large(lacks),
            Self::Bucket(_) => false,
        }
    }
}
