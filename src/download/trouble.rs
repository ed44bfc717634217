//! Why a video is not in its place yet, and whose trouble that is: the connection's, the link's,
//! this one file's, or the disk's, which ends the run.

use std::io::{self, ErrorKind};

use super::room::NoRoom;
use crate::media::video::VideoFlaw;

/// A disk that has less left is full, in bytes.
const LITTLE: u64 = 64_000_000;

/// Why a video is not in its place yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The connection, or the server for a while: the same link again.
    Broken(String),
    /// The link: another one may help.
    Dead(&'static str, String),
    /// Nothing helps, as far as this file goes: its code, and why.
    Lost(&'static str, String),
    /// Somebody else's file is where it belongs.
    InTheWay(String),
    /// Others under way need the room that is left.
    Crowded,
    /// It does not fit, and nothing else is to blame.
    NoRoom(NoRoom),
    /// This machine's disk.
    Disk(String),
    /// The bucket, for every video.
    Bucket(String),
}

impl Trouble {
    /// What a refusal of the file system means, with so much free.
    pub(super) fn of(error: &io::Error, free: Option<u64>) -> Self {
        let text = error.to_string();
        match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::IsADirectory => Self::InTheWay(text),
            ErrorKind::DirectoryNotEmpty => Self::InTheWay(text),
            ErrorKind::InvalidFilename | ErrorKind::InvalidInput => {
                Self::Lost("bad_file_name", text)
            }
            ErrorKind::PermissionDenied | ErrorKind::NotADirectory => {
                Self::Lost("file_refused", text)
            }
            ErrorKind::FileTooLarge => Self::Lost("file_too_large", text),
            // A limit that this file meets, and others may not.
            ErrorKind::StorageFull if free.is_some_and(|free| free > LITTLE) => {
                Self::Lost("no_room", text)
            }
            _ if is_a_link(error) => Self::InTheWay(text),
            // A full, read-only, broken or missing disk, and whatever may be as bad: nothing is lost
            // by stopping.
            _ => Self::Disk(text),
        }
    }
}

/// Whether a link was where a file was to be opened. std has no name for that yet.
#[cfg(unix)]
fn is_a_link(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

#[cfg(not(unix))]
fn is_a_link(_error: &io::Error) -> bool {
    false
}

impl From<NoRoom> for Trouble {
    fn from(lacks: NoRoom) -> Self {
        if lacks.others_need_it() { Self::Crowded } else { Self::NoRoom(lacks) }
    }
}

/// What is wrong with a whole file.
pub(super) fn unfit(unfit: VideoFlaw, packed: Option<&str>) -> Trouble {
    match (unfit, packed) {
        (VideoFlaw::Unreadable(error), _) => Trouble::of(&error, None),
        (unfit @ (VideoFlaw::Cut | VideoFlaw::Astray | VideoFlaw::Tables), _) => {
            Trouble::Dead("video_cut", unfit.to_string())
        }
        (VideoFlaw::Other, Some(packed)) => {
            let text = format!("it came packed ({packed}), which was not asked for");
            Trouble::Dead("not_a_video", text)
        }
        (unfit, _) => Trouble::Dead("not_a_video", unfit.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn one_bad_file_ends_no_run_and_a_bad_disk_does() {
        let name = |trouble: &Trouble| match trouble {
            Trouble::Lost(code, _) => *code,
            Trouble::InTheWay(_) => "file_in_the_way",
            Trouble::Disk(_) => "disk",
            other => panic!("{other:?}"),
        };
        for (number, free, whose) in [
            (17, None, "file_in_the_way"),      // EEXIST
            (21, None, "file_in_the_way"),      // EISDIR
            (39, None, "file_in_the_way"),      // ENOTEMPTY
            (40, None, "file_in_the_way"),      // ELOOP
            (36, None, "bad_file_name"),        // ENAMETOOLONG
            (22, None, "bad_file_name"),        // EINVAL
            (13, None, "file_refused"),         // EACCES
            (1, None, "file_refused"),          // EPERM
            (20, None, "file_refused"),         // ENOTDIR
            (27, None, "file_too_large"),       // EFBIG
            (28, Some(900_000_000), "no_room"), // ENOSPC, of a limit
            (28, Some(4096), "disk"),           // ENOSPC
            (28, None, "disk"),
            (122, Some(900_000_000), "disk"), // EDQUOT
            (30, Some(900_000_000), "disk"),  // EROFS
            (5, Some(900_000_000), "disk"),   // EIO
            (2, None, "disk"),                // ENOENT: the folder is gone
            (24, None, "disk"),               // EMFILE
            (116, None, "disk"),              // ESTALE
        ] {
            let error = io::Error::from_raw_os_error(number);
            assert_eq!(name(&Trouble::of(&error, free)), whose, "{error}");
        }
    }

    #[test]
    fn what_came_packed_is_called_so() {
        let Trouble::Dead(code, text) = unfit(VideoFlaw::Other, Some("gzip")) else { panic!() };
        assert_eq!((code, text.contains("gzip")), ("not_a_video", true), "{text}");
        assert!(matches!(unfit(VideoFlaw::Cut, Some("gzip")), Trouble::Dead("video_cut", _)));
    }
}
