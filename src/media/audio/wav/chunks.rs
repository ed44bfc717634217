//! The chunks of a WAV: one of a format and one of samples, where nobody joined two.

use std::time::Duration;

use super::super::super::fields::{le32, le64, place};
use super::super::AudioFlaw;
use super::Format;

/// The chunk sizes that writers leave who did not know the length when they began.
fn is_streaming(size: u64) -> bool {
    (0x7fff_0000..=0x7fff_ffff).contains(&size) || size >= 0xffff_0000
}

fn chunk(bytes: &[u8], at: usize) -> Option<(&[u8], u32)> {
    Some((bytes.get(at..at + 4)?, le32(bytes, at + 4)?))
}

/// Whether a chunk may begin here, or nothing follows but padding.
fn may_begin(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    match chunk(bytes, at) {
        Some((name, size)) => {
            name.iter().all(|byte| (b' '..=b'~').contains(byte))
                && (place(size) <= bytes.len() || is_streaming(size.into()))
        }
        None => rest.len() < 8 && rest.iter().all(|byte| *byte == 0),
    }
}

/// Where the next chunk begins: some writers leave out the byte that follows an odd number of them.
fn behind(bytes: &[u8], end: usize, size: u64) -> usize {
    let padded = end.saturating_add(place(size & 1));
    if padded != end && !may_begin(bytes, padded) && may_begin(bytes, end) { end } else { padded }
}

/// The samples of all `data` chunks, of which there is one in any file but those that somebody
/// joined.
#[derive(Debug, Default)]
pub(super) struct Samples<'a> {
    format: Option<Format>,
    large: Option<u64>,
    /// Those of the first chunk, with their format.
    pub(super) first: Option<(Format, &'a [u8])>,
    /// How long the first says that it is.
    pub(super) said: Option<Duration>,
    /// All of them; nothing where a format cannot be counted.
    pub(super) length: Option<Duration>,
    /// Whether one of its chunks ends beyond the file.
    pub(super) cut: bool,
}

impl<'a> Samples<'a> {
    /// Follows the chunks, also those of a file that was hung on to this one.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, AudioFlaw> {
        let mut samples = Samples { length: Some(Duration::ZERO), ..Samples::default() };
        let mut at = 12;
        while at < bytes.len() || samples.first.is_none() {
            let Some((name, size)) = samples.next(bytes, at) else {
                match samples.first {
                    Some(_) => samples.rest(&bytes[at..]),
                    None => return Err(AudioFlaw::Cut),
                }
                break;
            };
            let start = at + 8;
            let end = start.saturating_add(place(size));
            at = match name {
                b"RIFF" | b"RF64" | b"BW64" if bytes.get(start..start + 4) == Some(b"WAVE") => {
                    start + 4
                }
                b"data" => samples.data(bytes, start, size)?,
                _ => {
                    samples.note(name, bytes.get(start..).unwrap_or_default());
                    behind(bytes, end, size.into())
                }
            };
            if at > bytes.len() && samples.first.is_none() {
                return Err(AudioFlaw::Cut);
            }
        }
        Ok(samples)
    }

    /// Behind the first samples anything may stand, and before them only chunks.
    fn next<'b>(&self, bytes: &'b [u8], at: usize) -> Option<(&'b [u8], u32)> {
        let sure = self.first.is_none() || may_begin(bytes, at);
        chunk(bytes, at).filter(|_| sure)
    }

    fn note(&mut self, name: &[u8], body: &[u8]) {
        match name {
            b"fmt " => self.format = Format::read(body),
            b"ds64" => self.large = le64(body, 8),
            _ => {}
        }
    }

    /// Takes the samples of a chunk, and gives the place behind them.
    fn data(&mut self, bytes: &'a [u8], start: usize, size: u32) -> Result<usize, AudioFlaw> {
        let format = self.format.ok_or(AudioFlaw::Unknown)?;
        let size = self.large.take().filter(|_| size == u32::MAX).unwrap_or(size.into());
        let rest = &bytes[start.min(bytes.len())..];
        let end = place(size).saturating_add(start);
        let streaming =
            is_streaming(size) || (size == 0 && !rest.is_empty() && !may_begin(bytes, start));
        let there = if streaming { rest } else { bytes.get(start..end).unwrap_or(rest) };
        if self.first.is_none() {
            self.said = format.length(size).filter(|_| !streaming);
            self.first = Some((format, there));
        }
        self.add(format.length(there.len() as u64));
        self.cut |= !streaming && end > bytes.len();
        Ok(if streaming { bytes.len() } else { behind(bytes, end, size) })
    }

    fn add(&mut self, length: Option<Duration>) {
        self.length = self.length.zip(length).map(|(all, more)| all.saturating_add(more));
    }

    /// What follows the samples and is no chunk: nobody knows whether it is sound that no header
    /// counts.
    fn rest(&mut self, rest: &[u8]) {
        let format = self.format;
        self.add(format.and_then(|format| format.length(rest.len() as u64)));
    }
}
