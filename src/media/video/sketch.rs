//! A video that streams by and is kept nowhere: what [`check`] reads of it, and nothing else.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use super::{Video, VideoFlaw, check};
use crate::media::fields::place;

/// More than a check reads of any video, in bytes.
const MOST_KEPT: usize = 64 << 20;
/// So much is looked at of whatever it is, in bytes.
const START: u64 = 512;

/// Remembers of the bytes that it is shown those which tell whether they are a whole video: the start,
/// the headers of boxes, and the boxes with tables in them.
#[derive(Debug)]
pub struct Sketch {
    length: u64,
    /// Places and what is there, ascending.
    kept: Vec<(u64, Vec<u8>)>,
    pub(super) held: usize,
    walk: Walk,
}

/// Where in a file the next byte is.
#[derive(Debug)]
enum Walk {
    /// In the header of a box, of which these bytes were seen.
    Header(Vec<u8>),
    /// In a box until its end.
    Inside { end: u64, kept: bool },
    /// Behind what is no box: a check stops there.
    Astray,
}

impl Default for Sketch {
    fn default() -> Self {
        Self { length: 0, kept: Vec::new(), held: 0, walk: Walk::Header(Vec::new()) }
    }
}

impl Sketch {
    /// Looks at the bytes that follow.
    ///
    /// # Errors
    /// When more would have to be kept than any video needs.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), VideoFlaw> {
        while !bytes.is_empty() {
            let (most, kept) = self.step();
            // No piece lies on both sides of the end of the start.
            let most = if self.length < START { most.min(START - self.length) } else { most };
            let (piece, rest) = bytes.split_at(bytes.len().min(place(most)));
            if kept || self.length < START {
                self.keep(piece)?;
            }
            self.length += piece.len() as u64;
            self.go_on(piece);
            bytes = rest;
        }
        Ok(())
    }

    /// How many bytes are alike from here on, and whether they are kept.
    fn step(&self) -> (u64, bool) {
        match &self.walk {
            Walk::Header(seen) => (header_length(seen) - seen.len() as u64, true),
            Walk::Inside { end, kept } => (end - self.length, *kept),
            Walk::Astray => (u64::MAX, false),
        }
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), VideoFlaw> {
        self.held += piece.len();
        if self.held > MOST_KEPT {
            return Err(VideoFlaw::Tables);
        }
        match self.kept.last_mut() {
            Some((at, kept)) if *at + kept.len() as u64 == self.length => {
                kept.extend_from_slice(piece);
            }
            _ => self.kept.push((self.length, piece.to_vec())),
        }
        Ok(())
    }

    fn go_on(&mut self, piece: &[u8]) {
        match &mut self.walk {
            Walk::Header(seen) => {
                seen.extend_from_slice(piece);
                if seen.len() as u64 == header_length(seen) {
                    let at = self.length - seen.len() as u64;
                    self.walk = inside(at, seen);
                }
            }
            Walk::Inside { .. } | Walk::Astray => {}
        }
        if matches!(self.walk, Walk::Inside { end, .. } if end == self.length) {
            self.walk = Walk::Header(Vec::new());
        }
    }

    /// What [`check`] says of all that was shown.
    ///
    /// # Errors
    /// Says why it is no whole MP4.
    pub fn check(&self) -> Result<Video, VideoFlaw> {
        check(&mut Reading { sketch: self, at: 0 }, self.length)
    }
}

/// Eight bytes, or sixteen where the eight say that the size follows.
fn header_length(seen: &[u8]) -> u64 {
    if seen.get(..4) == Some(&[0, 0, 0, 1]) { 16 } else { 8 }
}

fn inside(at: u64, header: &[u8]) -> Walk {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let (small, name) = (number(&header[..4]), &header[4..8]);
    let size = match small {
        0 => u64::MAX - at,
        1 => number(&header[8..]),
        size => size,
    };
    let kept = matches!(name, b"moov" | b"moof" | b"sidx" | b"mfra");
    match at.checked_add(size) {
        Some(end) if size >= header.len() as u64 => Walk::Inside { end, kept },
        _ => Walk::Astray,
    }
}

/// A sketch as if it were the file.
struct Reading<'a> {
    sketch: &'a Sketch,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.sketch.length || buffer.is_empty() {
            return Ok(0);
        }
        let before = self.sketch.kept.partition_point(|(from, _)| *from <= self.at);
        let kept = before.checked_sub(1).map(|index| &self.sketch.kept[index]);
        let rest = kept.and_then(|(from, kept)| kept.get(place(self.at - from)..));
        let rest = rest.filter(|rest| !rest.is_empty());
        let rest = rest.ok_or_else(|| io::Error::other("it was not kept"))?;
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Reading<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.sketch.length.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
