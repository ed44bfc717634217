//! Sounds: what kind one is by its bytes, how long it really plays, and whether it can be heard.
//!
//! The length is the bill, so it is never a header's word: every packet is walked. MP3 and AAC
//! frames, Ogg pages, WAV chunks and the samples of an M4A are followed from the first to the last,
//! and each has to be there. What cannot be walked to its end with certainty has no length here.
//! Encoder padding is taken off where the file notes it (the LAME tag of an MP3, the edit list of
//! an M4A, Ogg's positions); where it does not, the padding plays, and counts.

mod adts;
mod envelope;
mod hear;
mod m4a;
mod mpeg;
mod ogg;
mod tags;
mod vorbis;
mod wav;

use std::fmt;
use std::time::Duration;

pub use self::envelope::Envelope;
use super::foreign;

/// What a sound is and how long it plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Its kind, by its bytes.
    pub kind: Kind,
    /// How long it plays, by walking every packet; `None`: cannot be known.
    pub length: Option<Duration>,
    /// What a reader believes that does not walk: the header's word, the last position of an Ogg
    /// file or, for an MP3 without a header, its size by its first bitrate.
    pub claimed: Option<Duration>,
    /// Whether there is anything to hear.
    pub sound: Sound,
    /// Whether the file ends before what it announces: a download or an upload that broke off, or a
    /// header that promises too much. Frames that no header counts may end anywhere unnoticed.
    pub cut: bool,
}

impl Audio {
    /// How far the header is off the truth, where both are known.
    #[must_use]
    pub fn disagreement(&self) -> Option<Duration> {
        Some(self.length?.abs_diff(self.claimed?))
    }
}

/// The kinds of sound that the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MPEG-1, -2 or -2.5 layer III.
    Mp3,
    /// RIFF with samples, or its 64-bit forms.
    Wav,
    /// Ogg with Vorbis, Opus or something else in it.
    Ogg,
    /// An MP4 file without pictures.
    M4a,
    /// AAC in ADTS frames.
    Aac,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Mp3 => "MP3",
            Kind::Wav => "WAV",
            Kind::Ogg => "OGG",
            Kind::M4a => "M4A",
            Kind::Aac => "AAC",
        })
    }
}

/// Whether a sound can be heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// Something is louder than a thousandth of the loudest possible.
    Heard,
    /// Nothing is, from the first packet to the last.
    Silent,
    /// There is no decoder for it here, as for Opus and HE-AAC, or too much of it.
    NotChecked,
}

/// Why bytes are no sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AudioFlaw {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A page for people: an error page, a login, a captive portal.
    #[error("it is a web page, not audio")]
    Page,
    /// Something else that has a name, with its article.
    #[error("it is {0}, not MP3, WAV, OGG, M4A or AAC")]
    Other(&'static str),
    /// Something else.
    #[error("it is not MP3, WAV, OGG, M4A or AAC")]
    Unknown,
    /// It ends before its first sound.
    #[error("the audio is cut off before its first sound")]
    Cut,
    /// It is whole, and has not one packet.
    #[error("there is no sound in it")]
    NoSound,
}

/// What walking a file found, before anything is decoded.
#[derive(Debug)]
struct Walk<'a> {
    length: Option<Duration>,
    claimed: Option<Duration>,
    cut: bool,
    voice: hear::Voice<'a>,
}

/// Walks every packet of a sound, and listens until something is heard. It takes a few milliseconds
/// for half a minute, more for silence, and memory of the order of the file.
///
/// # Errors
/// Says what the bytes are instead.
pub fn measure(bytes: &[u8]) -> Result<Audio, AudioFlaw> {
    if bytes.is_empty() {
        return Err(AudioFlaw::Empty);
    }
    let kind = kind(bytes)?;
    let Walk { length, claimed, cut, voice } = walk(kind, bytes)?;
    Ok(Audio { kind, length, claimed, sound: hear::listen(voice), cut })
}

fn walk(kind: Kind, bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    match kind {
        Kind::Mp3 => mpeg::walk(tags::strip(bytes)),
        Kind::Aac => adts::walk(tags::strip(bytes)),
        Kind::Wav => wav::walk(bytes),
        Kind::Ogg => ogg::walk(bytes),
        Kind::M4a => m4a::walk(bytes),
    }
}

fn kind(bytes: &[u8]) -> Result<Kind, AudioFlaw> {
    let inner = tags::strip(bytes);
    match (bytes.get(..4), bytes.get(4..8), bytes.get(8..12)) {
        (Some(b"RIFF" | b"RF64" | b"BW64"), _, Some(b"WAVE")) => Ok(Kind::Wav),
        (Some(b"OggS"), ..) => Ok(Kind::Ogg),
        (_, Some(b"ftyp"), _) if !is_picture(bytes) => Ok(Kind::M4a),
        _ if bytes.starts_with(b"RIFF") && bytes.len() < 12 => Err(AudioFlaw::Cut),
        _ if adts::begins(inner) => Ok(Kind::Aac),
        _ if may_be_mp3(bytes, inner) && mpeg::begins(inner) => Ok(Kind::Mp3),
        _ => Err(other(bytes, inner)),
    }
}

fn is_picture(bytes: &[u8]) -> bool {
    foreign::name(bytes).is_some_and(|name| name.ends_with("picture"))
}

/// What the bytes are called, behind a tag where there is one.
fn name(bytes: &[u8], inner: &[u8]) -> Option<&'static str> {
    foreign::name(if bytes.starts_with(b"ID3") { inner } else { bytes })
}

/// Frames may begin late, but inside of a file of another kind they are a part of that.
fn may_be_mp3(bytes: &[u8], inner: &[u8]) -> bool {
    name(bytes, inner).is_none_or(|name| name == foreign::FRAMES)
}

/// Two frames are shorter than this, of whatever kind.
const TWO_FRAMES: usize = 16 << 10;

fn other(bytes: &[u8], inner: &[u8]) -> AudioFlaw {
    match name(bytes, inner) {
        _ if foreign::is_page(bytes) => AudioFlaw::Page,
        // The start of a frame that is not there as a whole, or a tag without anything after it.
        Some(foreign::FRAMES) if inner.len() < TWO_FRAMES => AudioFlaw::Cut,
        None if bytes.starts_with(b"ID3") && inner.is_empty() => AudioFlaw::Cut,
        Some(foreign::FRAMES) | None => AudioFlaw::Unknown,
        Some(name) => AudioFlaw::Other(name),
    }
}
