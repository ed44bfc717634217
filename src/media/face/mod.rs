//! Whether a face can be seen in a picture: a hint for people, never a reason to refuse.
//!
//! The detector finds real faces that look at the camera. It misses most drawn ones, profiles,
//! and faces behind hands or masks, so what it does not see may still be there.

#[cfg(feature = "face")]
mod detect;
#[cfg(feature = "face")]
mod grey;
#[cfg(feature = "face")]
mod turn;

use std::fmt;

use super::image::{Image, Kind};

/// How many faces can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faces {
    /// So many.
    Seen(usize),
    /// None; there may be one all the same.
    NotSeen,
    /// Nobody looked.
    NotChecked(Reason),
}

/// Why nobody looked for a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has more than one frame.
    Animated,
    /// There is no decoder for AVIF here.
    Avif,
    /// Decoded, it would take too much memory.
    TooLarge,
    /// A side has fewer pixels than the smallest face that is found.
    TooSmall,
    /// It cannot be decoded: it is damaged, or of a rare sort, such as a JPEG for printing.
    Undecodable,
    /// The program was built without the detector.
    NotBuilt,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Animated => "it is animated",
            Reason::Avif => "AVIF is not looked into",
            Reason::TooLarge => "it has more than 32 million pixels",
            Reason::TooSmall => "it is too small to find a face",
            Reason::Undecodable => "it cannot be decoded here",
            Reason::NotBuilt => "this program was built without face detection",
        })
    }
}

/// More is not decoded: half a gigabyte at worst.
const MOST_PIXELS: u64 = 32_000_000;

/// The side of the smallest window that the detector moves over a picture.
const SMALLEST: u32 = 40;

/// Looks for faces in a picture that was looked at before. It takes 10 to 200 ms of one core.
#[must_use]
pub fn find(bytes: &[u8], image: &Image) -> Faces {
    match reason(image) {
        Some(reason) => Faces::NotChecked(reason),
        None => detected(bytes, image.kind),
    }
}

fn reason(image: &Image) -> Option<Reason> {
    let pixels = u64::from(image.width) * u64::from(image.height);
    match image.kind {
        Kind::Avif => Some(Reason::Avif),
        _ if image.animated => Some(Reason::Animated),
        _ if pixels > MOST_PIXELS => Some(Reason::TooLarge),
        _ if image.width.min(image.height) < SMALLEST => Some(Reason::TooSmall),
        Kind::Jpeg | Kind::Png | Kind::WebP | Kind::Gif => None,
    }
}

#[cfg(feature = "face")]
fn detected(bytes: &[u8], kind: Kind) -> Faces {
    // Broken bytes may break a decoder; then nobody has seen anything.
    let detected = std::panic::catch_unwind(|| match grey::decode(bytes, kind) {
        Some(picture) if picture.shortest() < SMALLEST => Faces::NotChecked(Reason::TooSmall),
        Some(picture) => detect::faces(&picture),
        None => Faces::NotChecked(Reason::Undecodable),
    });
    detected.unwrap_or(Faces::NotChecked(Reason::Undecodable))
}

#[cfg(not(feature = "face"))]
fn detected(_: &[u8], _: Kind) -> Faces {
    Faces::NotChecked(Reason::NotBuilt)
}
