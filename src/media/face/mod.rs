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
    NotChecked(NotCheckedReason),
}

/// Why nobody looked for a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotCheckedReason {
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

impl fmt::Display for NotCheckedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotCheckedReason::Animated => "it is animated",
            NotCheckedReason::Avif => "AVIF is not looked into",
            NotCheckedReason::TooLarge => "decoding it takes too much memory",
            NotCheckedReason::TooSmall => "it is too small to find a face",
            NotCheckedReason::Undecodable => "it cannot be decoded here",
            NotCheckedReason::NotBuilt => "this program was built without face detection",
        })
    }
}

/// More is not decoded.
const MOST_PIXELS: u64 = 32_000_000;

/// What decoding a picture may take of the memory, in bytes.
const MOST_MEMORY: u64 = 100_000_000;
/// Of pictures that take more than that, one at a time is decoded.
#[cfg(feature = "face")]
const LARGE: u64 = 8_000_000;

/// The side of the smallest window that the detector moves over a picture.
const SMALLEST: u32 = 40;

/// Looks for faces in a picture that was looked at before. It takes 10 to 200 ms of one core.
#[must_use]
pub fn find(bytes: &[u8], image: &Image) -> Faces {
    let taken = memory(bytes, image);
    match reason(image) {
        Some(reason) => Faces::NotChecked(reason),
        None if taken > MOST_MEMORY => Faces::NotChecked(NotCheckedReason::TooLarge),
        None => one_at_a_time(taken, || detected(bytes, image.kind)),
    }
}

/// Whether a picture without the mark of its end can be decoded to its last row. Of a JPEG that comes
/// in several scans, that is for printing or large, or without a decoder, it cannot be told: then it
/// is not.
#[must_use]
pub fn is_complete(bytes: &[u8], image: &Image) -> bool {
    match image.kind {
        // Its blocks were followed to their end.
        Kind::Gif => true,
        Kind::Jpeg => {
            let taken = memory(bytes, image);
            taken <= MOST_MEMORY && one_at_a_time(taken, || has_all_rows(bytes))
        }
        Kind::Png | Kind::WebP | Kind::Avif => false,
    }
}

#[cfg(feature = "face")]
fn has_all_rows(bytes: &[u8]) -> bool {
    std::panic::catch_unwind(|| grey::has_all_rows(bytes)).unwrap_or(false)
}

#[cfg(not(feature = "face"))]
fn has_all_rows(_: &[u8]) -> bool {
    false
}

/// What a decoder holds for each pixel: what it puts out, our shade of it, and what it works with.
#[cfg(feature = "face")]
fn memory(bytes: &[u8], image: &Image) -> u64 {
    let of_pixel = match image.kind {
        Kind::Jpeg if super::image::is_progressive(bytes) => 8,
        Kind::Jpeg => 2,
        Kind::Png | Kind::Gif => 5,
        Kind::WebP | Kind::Avif => 7,
    };
    u64::from(image.width) * u64::from(image.height) * of_pixel
}

#[cfg(not(feature = "face"))]
fn memory(_: &[u8], _: &Image) -> u64 {
    0
}

/// Several large pictures at once would take all of the memory. Each has a thread of its own: what is
/// given back to an allocator stays with the thread that had it, until that ends.
#[cfg(feature = "face")]
fn one_at_a_time<T: Send>(memory: u64, decode: impl FnOnce() -> T + Send) -> T {
    static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    if memory <= LARGE {
        return decode();
    }
    let _one = ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let decoded = std::thread::scope(|scope| scope.spawn(decode).join());
    decoded.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(not(feature = "face"))]
fn one_at_a_time<T: Send>(_: u64, decode: impl FnOnce() -> T + Send) -> T {
    decode()
}

fn reason(image: &Image) -> Option<NotCheckedReason> {
    let pixels = u64::from(image.width) * u64::from(image.height);
    match image.kind {
        Kind::Avif => Some(NotCheckedReason::Avif),
        _ if image.animated => Some(NotCheckedReason::Animated),
        _ if pixels > MOST_PIXELS => Some(NotCheckedReason::TooLarge),
        _ if image.width.min(image.height) < SMALLEST => Some(NotCheckedReason::TooSmall),
        Kind::Jpeg | Kind::Png | Kind::WebP | Kind::Gif => None,
    }
}

#[cfg(feature = "face")]
fn detected(bytes: &[u8], kind: Kind) -> Faces {
    // Broken bytes may break a decoder; then nobody has seen anything.
    let detected = std::panic::catch_unwind(|| match grey::decode(bytes, kind) {
        Some(picture) if picture.shortest() < SMALLEST => {
            Faces::NotChecked(NotCheckedReason::TooSmall)
        }
        Some(picture) => detect::faces(&picture),
        None => Faces::NotChecked(NotCheckedReason::Undecodable),
    });
    detected.unwrap_or(Faces::NotChecked(NotCheckedReason::Undecodable))
}

#[cfg(not(feature = "face"))]
fn detected(_: &[u8], _: Kind) -> Faces {
    Faces::NotChecked(NotCheckedReason::NotBuilt)
}
