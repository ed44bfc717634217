//! A file that came to its end: looked at, and moved to its place. All of it blocks on the disk, and
//! is left to other threads.

use std::path::Path;
use std::time::Duration;

use super::remark::remark;
use super::trouble::{Trouble, unfit};
use crate::client::Framing;
use crate::files::{Aside, Origin, Part, free, kept};
use crate::ledger::Remark;
use crate::media::video::{self, Ending, Video, VideoFlaw};

/// A video in its place.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) video: Video,
}

/// What is known of how a file came.
#[derive(Debug, Clone)]
pub(super) struct Transfer {
    pub(super) framing: Framing,
    /// How long the file is, if the server said.
    pub(super) total: Option<u64>,
    /// How it was packed, if the server said.
    pub(super) packed: Option<String>,
}

/// Looks at a whole file and moves it to its place. One that is not moved is given back, if it may
/// be needed.
pub(super) fn land(
    mut part: Part,
    transfer: &Transfer,
    replaced: &[Aside],
) -> Result<Landed, Trouble> {
    let bytes = part.length();
    let video = judged(video::check(part.contents(), bytes), transfer)?;
    let sha256 = part.keep(replaced).map_err(|error| Trouble::of(&error, None))?;
    Ok(Landed { bytes, sha256, video })
}

/// A video that is whole by itself, or by how it came.
pub(super) fn judged(
    checked: Result<Video, VideoFlaw>,
    transfer: &Transfer,
) -> Result<Video, Trouble> {
    let video = checked.map_err(|error| unfit(error, transfer.packed.as_deref()))?;
    let told = transfer.framing == Framing::Told || transfer.total.is_some();
    if video.ending == Ending::Unproven && !told {
        let text = "neither the video nor the server says where it ends".to_owned();
        return Err(Trouble::Dead("video_cut", text));
    }
    Ok(video)
}

/// What an earlier run left of a video.
#[derive(Debug)]
pub(super) enum LeftOver {
    /// All of it, in its place.
    Landed(Landed),
    /// Some of it, or nothing.
    Part(Option<Part>),
}

/// Looks for what a run that was killed left: in its place, where nobody could record it any more,
/// or beside it. All of it is read.
pub(super) fn left_over(place: &Path, origin: &Origin) -> Result<LeftOver, Trouble> {
    let refused = |error| Trouble::of(&error, place.parent().and_then(free));
    if let Some((mut file, sha256)) = kept(place, origin).map_err(refused)? {
        let bytes = file.metadata().map_err(refused)?.len();
        let video = video::check(&mut file, bytes).map_err(|error| unfit(error, None))?;
        return Ok(LeftOver::Landed(Landed { bytes, sha256, video }));
    }
    Ok(LeftOver::Part(Part::resume(place, origin).map_err(refused)?))
}

/// What is odd about a file that was saved before, for a recording of a length.
///
/// Nothing where it cannot be read any more.
#[must_use]
pub fn remark_of(path: &Path, recording: Option<Duration>, tolerance: Option<Duration>) -> Remark {
    let mut file = std::fs::File::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    remark(&video::check(&mut file, bytes).ok()?, recording, tolerance)
}
