//! Bytes of a download: whether they are a whole video, how long it plays, and whether anything can
//! be heard.
//!
//! A server that cuts a body short may look honest while it does, so a length that fits is not
//! enough. The boxes of an MP4 (ISO/IEC 14496-12) have to fill the file exactly, and every sample
//! of its pictures and its sound has to be where the tables say. A video in fragments may be cut
//! between two of them without a trace: then it is said that nothing proves its end.

mod fragments;
mod outline;
mod sketch;
mod tracks;

use std::io::{self, Read, Seek, SeekFrom};
use std::time::Duration;

use self::outline::Outline;
pub use self::sketch::Sketch;
use self::tracks::{Bounds, Movie};

/// What a whole video says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Video {
    /// How long it plays; `None` where it does not know.
    pub length: Option<Duration>,
    /// Whether it has a sound track.
    pub sound: Sound,
    /// Whether it shows by itself that nothing is missing at its end.
    pub ending: Ending,
}

/// The sound of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// A track with samples.
    There,
    /// None.
    Missing,
}

/// What is known of the end of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All that it speaks of is there.
    Proven,
    /// It is in fragments and does not say how many: only the transfer can prove its end.
    Unproven,
}

/// Why bytes are no whole video.
#[derive(Debug, thiserror::Error)]
pub enum VideoFlaw {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A page for people: an error page, a login, a captive portal.
    #[error("it is a web page, not a video")]
    Page,
    /// Something else.
    #[error("it is not an MP4")]
    Other,
    /// A box or a sample ends beyond the file, or less is there than it says.
    #[error("the video is cut off")]
    Cut,
    /// Whole boxes, but one that a player needs is missing.
    #[error("the video has no `{0}` box")]
    Lacks(&'static str),
    /// Nothing to see in it.
    #[error("the video has no picture")]
    NoPicture,
    /// A sample is said to be where no data are.
    #[error("the tables of the video point to where no data are")]
    Astray,
    /// Its tables cannot be followed.
    #[error("the tables of the video contradict themselves")]
    Tables,
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
}

/// Looks at a file of `length` bytes, without reading its pictures and sound.
///
/// # Errors
/// Says why it is no whole MP4.
pub fn check(file: &mut (impl Read + Seek), length: u64) -> Result<Video, VideoFlaw> {
    file.seek(SeekFrom::Start(0))?;
    look_at_start(file, length)?;
    let outline = Outline::of(file, length)?;
    let moov = outline.moov.ok_or(VideoFlaw::Lacks("moov"))?;
    if outline.data.is_empty() {
        return Err(VideoFlaw::Lacks("mdat"));
    }
    let bounds = Bounds { data: &outline.data, length };
    let mut movie = Movie::read(&moov.read(file)?, bounds)?;
    let (ending, length) = if movie.has_fragments || !outline.moofs.is_empty() {
        let ending = fragments::follow(file, &outline, &mut movie)?;
        (ending, movie.fragments.max(movie.length).max(Some(movie.found())))
    } else {
        (Ending::Proven, movie.length)
    };
    match movie.has_picture() {
        true => Ok(Video { length, sound: movie.sound(), ending }),
        false => Err(VideoFlaw::NoPicture),
    }
}

fn look_at_start(file: &mut impl Read, length: u64) -> Result<(), VideoFlaw> {
    let mut start = Vec::new();
    file.take(512).read_to_end(&mut start)?;
    if length == 0 || start.is_empty() {
        return Err(VideoFlaw::Empty);
    }
    if start.get(4..8) == Some(b"ftyp") {
        return Ok(());
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&start).trim_ascii_start();
    if text.starts_with(b"<") { Err(VideoFlaw::Page) } else { Err(VideoFlaw::Other) }
}

#[cfg(test)]
mod tests;
