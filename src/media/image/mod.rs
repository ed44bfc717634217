//! Pictures: what kind one is by its bytes, how large, whether it moves, and whether it is whole.
//!
//! A picture that was cut short is decoded by many programs without a word, its lower part grey. So
//! each kind is followed here from its first marker, chunk or block to the one that has to be last.

mod avif;
mod gif;
mod jpeg;
mod png;
mod webp;

use std::fmt;

use super::foreign;

/// What a whole picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Image {
    /// Its kind, by its bytes.
    pub kind: Kind,
    /// In pixels, as stored: a note of the camera to turn it is not followed.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Whether it has more than one frame.
    pub animated: bool,
}

/// The kinds of picture that the API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JFIF or Exif, baseline or progressive.
    Jpeg,
    /// PNG, and APNG.
    Png,
    /// Lossy or lossless.
    WebP,
    /// Of either version.
    Gif,
    /// AV1 pictures and sequences of them.
    Avif,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Jpeg => "JPG",
            Kind::Png => "PNG",
            Kind::WebP => "WebP",
            Kind::Gif => "GIF",
            Kind::Avif => "AVIF",
        })
    }
}

/// Why bytes are no whole picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImageFlaw {
    /// Nothing at all.
    #[error("the file is empty")]
    Empty,
    /// A page for people: an error page, a login, a captive portal.
    #[error("it is a web page, not an image")]
    Page,
    /// Something else that has a name, with its article.
    #[error("it is {0}, not JPG, PNG, WebP, GIF or AVIF")]
    Other(&'static str),
    /// Something else.
    #[error("it is not JPG, PNG, WebP, GIF or AVIF")]
    Unknown,
    /// It ends before what has to be its end.
    #[error("the {0} image is cut off")]
    Cut(Kind),
    /// What is there contradicts itself, or has no picture in it.
    #[error("the {0} image is damaged")]
    Damaged(Kind),
}

/// Looks at a picture without decoding it: microseconds a megabyte, and no memory.
///
/// # Errors
/// Says what the bytes are instead, or that something is missing.
pub fn look(bytes: &[u8]) -> Result<Image, ImageFlaw> {
    if bytes.is_empty() {
        return Err(ImageFlaw::Empty);
    }
    let image = match kind(bytes) {
        Some(Kind::Jpeg) => jpeg::look(bytes),
        Some(Kind::Png) => png::look(bytes),
        Some(Kind::WebP) => webp::look(bytes),
        Some(Kind::Gif) => gif::look(bytes),
        Some(Kind::Avif) => avif::look(bytes),
        None => return Err(other(bytes)),
    }?;
    // A picture without width or height is none.
    let empty = image.width == 0 || image.height == 0;
    if empty { Err(ImageFlaw::Damaged(image.kind)) } else { Ok(image) }
}

/// A picture that lacks nothing but the mark of its end, as some programs leave it out and services
/// do not mind; whether all that comes before is there, only a decoder can tell of a JPEG.
#[must_use]
pub fn without_end(bytes: &[u8]) -> Option<Image> {
    let (rest, end): (&[u8], &[u8]) = match kind(bytes)? {
        // The first half of the marker may be there.
        Kind::Jpeg => (bytes.strip_suffix(b"\xff").unwrap_or(bytes), b"\xff\xd9"),
        Kind::Gif => (bytes, b"\x3b"),
        Kind::Png | Kind::WebP | Kind::Avif => return None,
    };
    look(&[rest, end].concat()).ok()
}

/// Whether the whole picture is held in memory several times over while it is decoded.
#[cfg(feature = "face")]
pub(super) fn is_progressive(bytes: &[u8]) -> bool {
    jpeg::is_progressive(bytes)
}

fn kind(bytes: &[u8]) -> Option<Kind> {
    let starts: [(&[u8], Kind); 4] = [
        (b"\xff\xd8\xff", Kind::Jpeg),
        (png::SIGNATURE, Kind::Png),
        (b"GIF87a", Kind::Gif),
        (b"GIF89a", Kind::Gif),
    ];
    let plain = starts.iter().find(|(start, _)| bytes.starts_with(start)).map(|(_, kind)| *kind);
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    plain.or(webp.then_some(Kind::WebP)).or(avif::begins(bytes).then_some(Kind::Avif))
}

fn other(bytes: &[u8]) -> ImageFlaw {
    match foreign::name(bytes) {
        _ if foreign::is_page(bytes) => ImageFlaw::Page,
        // The signature of a picture, broken off.
        Some("a PNG picture") => ImageFlaw::Cut(Kind::Png),
        Some("a GIF picture") => ImageFlaw::Cut(Kind::Gif),
        Some(name) => ImageFlaw::Other(name),
        None => ImageFlaw::Unknown,
    }
}
