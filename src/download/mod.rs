//! Fetches videos as soon as their links are known, the link that dies first first.
//!
//! A signed link says until when it lives; others live 24 hours from some moment that is not
//! documented, so that the oldest of them goes first. A pair is `saved` only after its file is
//! whole, checked, durable and in its place, and nobody else's file is ever in its place before. The
//! place is in a folder or in a bucket: only `landing` tells the two apart.

mod bucket;
mod bucket_shelf;
mod disk;
mod fetch;
mod journal;
mod land;
mod landing;
mod publish;
mod record;
mod remark;
mod room;
mod shelf;
mod takes;
mod trouble;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

pub use self::bucket_shelf::{BucketFault, BucketShelf, Stock};
use self::fetch::Fetch;
pub use self::land::remark_of;
use self::room::Room;
pub use self::room::shortage;
pub use self::shelf::{DiskShelf, Shelf, ShelfError};
pub use self::takes::name_of_take;
use crate::ledger::Task;
use crate::pair::expires;
use crate::stage::{Means, StopReason};

/// Links live this long, as far as anybody says; from when, nobody does.
pub const LINK_LIVES: SignedDuration = SignedDuration::from_hours(24);
/// How far a video may be from its recording: frames are whole, and encoders pad.
pub const TOLERANCE: Duration = Duration::from_secs(1);
/// A link that dies sooner is worth a warning.
pub const LINK_SOON: SignedDuration = SignedDuration::from_hours(2);

/// How videos are fetched.
#[derive(Debug, Clone, Copy)]
pub struct DownloadLimits {
    /// Downloads under way at once.
    pub at_once: usize,
    /// The largest video that is taken, in bytes.
    pub most_bytes: u64,
    /// The pause before a link is tried or asked for again.
    pub pause: Duration,
    /// For how long a download that does not get on is tried again.
    pub retry_for: Duration,
    /// How far a video may be from its recording, in time; nothing where that does not matter.
    pub tolerance: Option<Duration>,
}

/// What all downloads share.
struct Work<'a> {
    means: Means<'a>,
    shelf: &'a Shelf,
    limits: &'a DownloadLimits,
    room: Room<'a>,
}

/// Fetches all `videos`, until none is left and none can come any more (`over`), or it is stopped.
pub async fn run(
    means: Means<'_>,
    videos: &mut UnboundedReceiver<Task>,
    shelf: &Shelf,
    limits: &DownloadLimits,
    mut over: watch::Receiver<bool>,
) {
    let folder = match shelf {
        Shelf::Disk(disk) => disk.folder.as_path(),
        // Nothing goes to this disk.
        Shelf::Bucket(_) => shelf.run_folder(),
    };
    let work = Work { means, shelf, limits, room: Room::of(folder) };
    // By when they die; the number tells links of one moment apart.
    let mut queue = BTreeMap::new();
    let mut number = 0_u64;
    let mut under_way = FuturesUnordered::new();
    let mut no_more = false;
    while !(no_more && videos.is_empty() && queue.is_empty() && under_way.is_empty()) {
        let room = under_way.len() < limits.at_once;
        tokio::select! {
            biased;
            () = means.stops.download.pulled() => break,
            Some(task) = videos.recv() => {
                number += 1;
                queue.insert((dies(&task), number), task);
            }
            () = std::future::ready(()), if room && !queue.is_empty() => {
                let next = queue.pop_first();
                under_way.extend(next.map(|(_, task)| fetch(&work, task)));
            }
            Some(()) = under_way.next() => {}
            _ = over.wait_for(|over| *over), if !no_more => no_more = true,
        }
    }
    drop(under_way);
    if let Shelf::Bucket(bucket) = shelf {
        bucket.end().await;
    }
}

async fn fetch(work: &Work<'_>, task: Task) {
    work.means.meter.fetching.fetch_add(1, Ordering::Relaxed);
    match work.means.ledger.view().former_files_of(&task) {
        Ok(formers) => Fetch::new(work, task, formers).run().await,
        Err(error) => work.means.stops.pull(&StopReason::Ledger(error)),
    }
    work.means.meter.fetching.fetch_sub(1, Ordering::Relaxed);
}

/// Until when the link of a task is good: as it says itself, or as links live that do not.
fn dies(task: &Task) -> Timestamp {
    let (said, learned) = match &task.link {
        Some((link, at)) => (expires(link), *at),
        None => (None, task.created_at),
    };
    let usual = learned.saturating_add(LINK_LIVES).unwrap_or(Timestamp::MAX);
    said.unwrap_or(usual)
}
