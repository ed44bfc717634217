//! What is in no pair, and why.

use std::fmt;

use crate::pair::Role;
use crate::wire::FileType;

/// A file that is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: LeftOutReason,
}

/// Why a file is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeftOutReason {
    /// A recording without a portrait.
    NoPortrait,
    /// A portrait without a recording.
    NoRecording,
    /// A recording of two or more portraits that are called alike; two of them.
    Unclear([String; 2]),
    /// A recording whose portrait is there, but cannot be used.
    Portrait(String),
    /// Called like another that is taken: the same in another format, most likely.
    Twin(String),
    /// A picture or sound, but none that the API takes.
    Format,
    /// There is nothing in it.
    Empty,
    /// More than the API takes.
    TooLarge,
    /// A link to something outside, or to nothing.
    Link,
    /// A link to a folder.
    FolderLink,
    /// A pipe, a socket or a device.
    NoFile,
    /// A file or a folder that somebody else may read.
    Unreadable,
    /// What macOS notes beside a file on disks of other systems.
    AppleDouble,
    /// The name is not text, so no manifest can name it.
    Name,
    /// The name has a line end or the like in it, which no manifest may have.
    Control,
}

impl LeftOutReason {
    /// What such a file could have been, where it could have been taken.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::NoRecording => Some(Role::Image),
            Self::NoPortrait | Self::Unclear(_) | Self::Portrait(_) => Some(Role::Audio),
            Self::Twin(_) | Self::Format | Self::Empty | Self::TooLarge => None,
            Self::Link | Self::FolderLink | Self::NoFile | Self::Unreadable => None,
            Self::AppleDouble | Self::Name | Self::Control => None,
        }
    }

    /// Whether a picture that is left out for this is a portrait all the same.
    pub(super) const fn is_of_portrait(&self) -> bool {
        match self {
            Self::Format | Self::Empty | Self::TooLarge | Self::Link => true,
            Self::NoFile | Self::Unreadable | Self::Name | Self::Control => true,
            Self::NoPortrait | Self::NoRecording | Self::Unclear(_) | Self::Portrait(_) => false,
            Self::Twin(_) | Self::FolderLink | Self::AppleDouble => false,
        }
    }
}

impl fmt::Display for LeftOutReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoPortrait => "no portrait is called like it",
            Self::NoRecording => "no recording is called like it",
            Self::Unclear([one, other]) => return write!(f, "it could be for {one} or {other}"),
            Self::Portrait(path) => return write!(f, "its portrait {path} cannot be used"),
            Self::Twin(taken) => return write!(f, "called like {taken}, which is taken"),
            Self::Format => "not a format that the API takes",
            Self::Empty => "there is nothing in it",
            Self::TooLarge => "larger than the API takes",
            Self::Link => "a link that leads out of the folder, or nowhere",
            Self::FolderLink => "a link to a folder, which is not followed",
            Self::NoFile => "not a file",
            Self::Unreadable => "it cannot be read",
            Self::AppleDouble => "what macOS notes beside a file, and no medium",
            Self::Name => "its name is not text",
            Self::Control => "its name has a line end or another control character in it",
        })
    }
}

/// Pictures that people have, and that the API does not take.
const FOREIGN_PICTURES: [&str; 20] = [
    "heic", "heif", "hif", "tif", "tiff", "bmp", "jxl", "jp2", "psd", "tga", "ico", "dng", "cr2",
    "cr3", "nef", "arw", "raw", "pdf", "apng", "avifs",
];
/// What else people have, and the API does not take: sounds, drawings, videos.
const FOREIGN: [&str; 26] = [
    "svg", "flac", "wma", "opus", "aif", "aiff", "aifc", "amr", "webm", "weba", "mka", "caf",
    "mp2", "au", "ape", "ac3", "mid", "mp4", "m4v", "mov", "mkv", "avi", "3gp", "wmv", "ogv",
    "m4r",
];

/// Whether somebody may wonder where a file of this name went.
#[must_use]
pub fn is_medium(path: &str) -> bool {
    is_foreign(path) || FileType::of_ending(&ending(path)).is_some()
}

pub(super) fn is_foreign(path: &str) -> bool {
    [&FOREIGN[..], &FOREIGN_PICTURES].iter().any(|list| list.contains(&ending(path).as_str()))
}

pub(super) fn is_picture(path: &str) -> bool {
    let ending = ending(path);
    FOREIGN_PICTURES.contains(&ending.as_str())
        || FileType::of_ending(&ending).is_some_and(|kind| kind.role() == Role::Image)
}

pub(super) fn ending(path: &str) -> String {
    path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}
