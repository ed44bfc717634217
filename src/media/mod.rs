//! Bytes of pictures, sounds and videos: what they really are, whether they are whole, how long
//! they play, and whether a face can be seen or anything be heard.
//!
//! Names and content types are no part of this: a file is what its bytes say. Nothing here reads a
//! file or asks a server, and nothing trusts what it reads: every length is compared with what is
//! there before it is used, every walk goes forward only, and other people's decoders get bounded
//! work and may fail.

pub mod audio;
mod boxes;
pub mod face;
mod fields;
mod foreign;
pub mod image;
mod tables;
pub mod video;

/// A name that people have for what these bytes are, with its article, if they have one.
#[must_use]
pub fn named(bytes: &[u8]) -> Option<&'static str> {
    foreign::name(bytes)
}
