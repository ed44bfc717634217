//! Whether the disk has room for videos: looked at before each download and while it goes on, and
//! roughly before anything is paid for.

use std::cell::Cell;
use std::path::Path;

use crate::files::free;
use crate::ledger::Totals;
use crate::view::size;

/// This much is left free, in bytes: ledger and tables grow too, and others use the disk.
const RESERVE: u64 = 64_000_000;
/// What a video is taken to have whose length nobody says, in bytes.
const GUESS: u64 = 10_000_000;
/// So many videos in a row do not fit: the disk is full.
const MOST_MISSES: u32 = 3;
/// After so many bytes of a download it is looked again.
const LOOK: u64 = 8_000_000;

/// The disk that the videos go to, and what downloads under way will still need of it.
#[derive(Debug)]
pub(super) struct Room<'a> {
    folder: &'a Path,
    promised: Cell<u64>,
    /// How many videos in a row did not fit.
    misses: Cell<u32>,
}

/// The room of one download, which gets smaller as bytes arrive.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    room: &'a Room<'a>,
    bytes: u64,
    /// Whether that is what the server says, and not a guess.
    said: bool,
    /// Bytes until it is looked again.
    unseen: u64,
}

/// Why a video is not fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} free, the video {}{}; {} are left free",
    size(*free),
    need.map_or("does not say what it needs".to_owned(), |need| format!("needs {}", size(need))),
    others(*promised),
    size(RESERVE)
)]
pub(super) struct NoRoom {
    free: u64,
    need: Option<u64>,
    /// For the other downloads.
    promised: u64,
}

fn others(promised: u64) -> String {
    if promised > 0 { format!(", others under way need {}", size(promised)) } else { String::new() }
}

/// Whether so much more fits beside what was promised to others.
fn fits(free: u64, promised: u64, need: Option<u64>) -> Result<(), NoRoom> {
    let wanted = promised.saturating_add(need.unwrap_or(GUESS)).saturating_add(RESERVE);
    if wanted > free { Err(NoRoom { free, need, promised }) } else { Ok(()) }
}

impl NoRoom {
    /// Whether it would fit if nothing else were under way.
    pub(super) fn others_need_it(&self) -> bool {
        self.promised > 0 && fits(self.free, 0, self.need).is_ok()
    }

    /// Whether a usual video would fit, once so many bytes of this one are dropped.
    fn leaves_room(&self, dropped: u64) -> bool {
        fits(self.free.saturating_add(dropped), 0, None).is_ok()
    }
}

impl<'a> Room<'a> {
    pub(super) fn of(folder: &'a Path) -> Self {
        Self { folder, promised: Cell::new(0), misses: Cell::new(0) }
    }

    /// A video was saved.
    pub(super) fn had_room(&self) {
        self.misses.set(0);
    }

    /// Whether a video that does not fit is itself to blame, and not the disk: one that is too
    /// large leaves room for others. Where several in a row do not fit, the disk is too small for
    /// what this batch makes.
    pub(super) fn is_too_large(&self, lacks: &NoRoom, dropped: u64) -> bool {
        self.misses.set(self.misses.get() + 1);
        self.misses.get() < MOST_MISSES && lacks.leaves_room(dropped)
    }

    /// Room for a download of so many bytes, if there is any.
    pub(super) fn claim(&'a self, need: Option<u64>) -> Result<Claim<'a>, NoRoom> {
        if let Some(free) = free(self.folder) {
            fits(free, self.promised.get(), need)?;
        }
        let bytes = need.unwrap_or(GUESS);
        self.promised.set(self.promised.get().saturating_add(bytes));
        Ok(Claim { room: self, bytes, said: need.is_some(), unseen: LOOK })
    }
}

impl Claim<'_> {
    /// So many bytes were written; says if there is no room for more.
    pub(super) fn used(&mut self, bytes: u64) -> Result<(), NoRoom> {
        self.give_back(bytes);
        self.unseen = self.unseen.saturating_sub(bytes);
        if self.unseen > 0 {
            return Ok(());
        }
        self.unseen = LOOK;
        let others = self.room.promised.get().saturating_sub(self.bytes);
        let need = self.said.then_some(self.bytes);
        free(self.room.folder).map_or(Ok(()), |free| fits(free, others, need))
    }

    fn give_back(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.room.promised.set(self.room.promised.get().saturating_sub(bytes));
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.give_back(self.bytes);
    }
}

/// Says if so many videos to come may not fit, going by those that are saved; without any, by a
/// guess.
#[must_use]
pub fn shortage(free: u64, videos: u64, saved: &Totals) -> Option<String> {
    let known = saved.bytes.checked_div(saved.files);
    let need = videos.saturating_mul(known.unwrap_or(GUESS));
    if need.saturating_add(RESERVE) <= free {
        return None;
    }
    let each = match known {
        Some(each) => format!("those saved so far have {} each", size(each)),
        None => format!("a guess of {} each", size(GUESS)),
    };
    let (free, need) = (size(free), size(need));
    Some(format!("{free} free; the {videos} videos to come may need about {need} ({each})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn a_video_fits_beside_the_reserve_and_what_others_will_need() {
        assert_eq!(fits(104 * MB, 0, Some(40 * MB)), Ok(()));
        let lacks = fits(103 * MB, 0, Some(40 * MB)).unwrap_err();
        assert_eq!(lacks.to_string(), "103 MB free, the video needs 40 MB; 64 MB are left free");
        assert!(fits(104 * MB, 1, Some(40 * MB)).is_err());
        assert_eq!(fits(74 * MB, 0, None), Ok(()));
        let lacks = fits(73 * MB, 5 * MB, None).unwrap_err();
        let text = "73 MB free, the video does not say what it needs, others under way need \
            5000 kB; 64 MB are left free";
        assert_eq!(lacks.to_string(), text);
        assert!(fits(u64::MAX - 1, u64::MAX, Some(u64::MAX)).is_err());
    }

    #[test]
    fn room_is_given_back_as_bytes_arrive_and_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path());
        let mut claim = room.claim(Some(100)).unwrap();
        let other = room.claim(Some(7)).unwrap();
        claim.used(60).unwrap();
        assert_eq!(room.promised.get(), 47);
        claim.used(1000).unwrap();
        assert_eq!(room.promised.get(), 7, "more came than was said");
        drop(claim);
        drop(other);
        assert_eq!(room.promised.get(), 0);
        let _rest = room.claim(Some(u64::MAX / 4)).unwrap_err();
    }

    #[test]
    fn one_video_that_does_not_fit_is_to_blame_itself_and_several_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::of(folder.path());
        let large = fits(900 * MB, 0, Some(1000 * MB)).unwrap_err();
        assert!(!large.others_need_it());
        assert!(room.is_too_large(&large, 0) && room.is_too_large(&large, 0));
        assert!(!room.is_too_large(&large, 0), "the third in a row");
        room.had_room();
        let full = fits(70 * MB, 0, Some(10 * MB)).unwrap_err();
        assert!(!room.is_too_large(&full, 0), "no other would fit either");
        assert!(room.is_too_large(&full, 4 * MB), "but it takes the room itself");
        let beside = fits(900 * MB, 800 * MB, Some(100 * MB)).unwrap_err();
        assert!(beside.others_need_it(), "it has to wait");
    }

    #[test]
    fn what_is_to_come_is_estimated_from_what_is_there() {
        let none = Totals::default();
        assert_eq!(shortage(1064 * MB, 100, &none), None);
        let text = shortage(1063 * MB, 100, &none).unwrap();
        let guess = "1063 MB free; the 100 videos to come may need about 1000 MB \
            (a guess of 10 MB each)";
        assert_eq!(text, guess);
        let saved = Totals { files: 2, bytes: 50 * MB, ..none };
        assert_eq!(shortage(2564 * MB, 100, &saved), None);
        let text = shortage(2563 * MB, 100, &saved).unwrap();
        assert!(text.ends_with("about 2500 MB (those saved so far have 25 MB each)"), "{text}");
    }
}
