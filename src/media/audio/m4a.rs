//! M4A: follows every sample of the sound through the tables, whole or in fragments.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use super::super::boxes::{Boxed, boxes, find, whole};
use super::super::fields::{be32, be64, place, time};
use super::super::tables::{Take, Usual, count, fragment, ticks, walk_table};
use super::hear::{MOST_PACKETS, Voice};
use super::{AudioFlaw, Walk};

/// The track that is heard.
#[derive(Debug, Clone, Copy)]
struct Track<'a> {
    id: u32,
    scale: u32,
    body: &'a [u8],
    entry: Boxed<'a>,
}

impl<'a> Track<'a> {
    fn read(trak: &'a [u8]) -> Option<Track<'a>> {
        let tkhd = find(trak, &[b"tkhd"])?;
        let id = be32(tkhd, if tkhd.first()? == &1 { 20 } else { 12 })?;
        let mdhd = find(trak, &[b"mdia", b"mdhd"])?;
        let scale = be32(mdhd, if mdhd.first()? == &1 { 20 } else { 12 })?;
        let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"])?;
        let entry = boxes(stsd.get(8..)?).next()?;
        Some(Track { id, scale, body: trak, entry })
    }

    /// The `AudioSpecificConfig` of AAC in an `mp4a` entry.
    fn config(&self) -> Option<&'a [u8]> {
        let entry = self.entry.body;
        let esds = find(entry.get(28..)?, &[b"esds"]);
        let mut at = esds.filter(|_| &self.entry.name == b"mp4a")?.get(4..)?;
        loop {
            let (tag, body, rest) = descriptor(at)?;
            at = match tag {
                3 => body.get(3..)?,
                4 => body.get(13..)?,
                5 => return Some(body),
                _ => rest,
            };
        }
    }

    /// Ticks before the first sound, and how long it lasts where an edit says so; `None`: several
    /// edits, which players treat each in their own way.
    fn edit(&self, movie_scale: u32) -> Option<(u64, Option<Duration>)> {
        let Some(elst) = find(self.body, &[b"edts", b"elst"]) else { return Some((0, None)) };
        let wide = *elst.first()? == 1;
        let size = if wide { 20 } else { 12 };
        let entries = elst.get(8..)?.chunks_exact(size).map(|entry| match wide {
            true => Some((be64(entry, 0)?, be64(entry, 8)?.cast_signed())),
            false => Some((be32(entry, 0)?.into(), be32(entry, 4)?.cast_signed().into())),
        });
        let mut real = entries.flatten().filter(|(_, start)| *start >= 0);
        match (real.next(), real.next()) {
            (None, _) => Some((0, None)),
            (Some((length, start)), None) => {
                let length = time(length, movie_scale).filter(|length| !length.is_zero());
                Some((start.unsigned_abs(), length))
            }
            (Some(_), Some(_)) => None,
        }
    }
}

/// Tag, content and what follows, of the MPEG-4 descriptors.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (mut at, mut size) = (1, 0);
    for _ in 0..4 {
        let byte = *bytes.get(at)?;
        at += 1;
        size = size << 7 | usize::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    let body = bytes.get(at..at + size)?;
    Some((*bytes.first()?, body, &bytes[at + size..]))
}

fn handler(trak: &[u8]) -> Option<&[u8]> {
    find(trak, &[b"mdia", b"hdlr"])?.get(8..12)
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    let complete = whole(bytes);
    let nothing = if complete { AudioFlaw::NoSound } else { AudioFlaw::Cut };
    let moov = find(bytes, &[b"moov"]).ok_or(nothing)?;
    let tracks = || boxes(moov).filter(|found| &found.name == b"trak").map(|found| found.body);
    if tracks().any(|trak| handler(trak) == Some(b"vide")) {
        return Err(AudioFlaw::Other("an MP4 video"));
    }
    let mut sounds = tracks().filter(|trak| handler(trak) == Some(b"soun"));
    let track = sounds.next().and_then(Track::read).ok_or(nothing)?;
    let mvhd = find(moov, &[b"mvhd"]);
    let samples = samples(bytes, moov, track);
    if complete && samples.as_ref().is_some_and(|samples| samples.count == 0) {
        return Err(AudioFlaw::NoSound);
    }
    let scale = mvhd.and_then(movie_scale).unwrap_or(0);
    let length = samples.as_ref().and_then(|samples| length(track, samples.ticks, scale));
    Ok(Walk {
        length: length.filter(|_| complete),
        claimed: mvhd.and_then(|mvhd| time(movie_length(mvhd)?, scale)),
        cut: !complete,
        voice: voice(bytes, track, samples),
    })
}

/// The sound beside the pictures of a video.
pub(super) fn sound_of_video(bytes: &[u8]) -> Option<Voice<'_>> {
    let moov = find(bytes, &[b"moov"])?;
    let tracks = || boxes(moov).filter(|found| &found.name == b"trak").map(|found| found.body);
    tracks().find(|trak| handler(trak) == Some(b"vide"))?;
    let track = Track::read(tracks().find(|trak| handler(trak) == Some(b"soun"))?)?;
    Some(voice(bytes, track, samples(bytes, moov, track)))
}

/// The samples of one track, every one of them inside the file.
#[derive(Debug, Default)]
struct Samples {
    /// How long the file is.
    file: u64,
    /// How long all play, in units of the track.
    ticks: u64,
    count: u64,
    /// Where the first of them are, for listening.
    places: Vec<Range<usize>>,
}

impl Take for Samples {
    /// None is empty, or not in the file, or of more than fit into it.
    fn take(&mut self, at: u64, size: u32, ticks: u32) -> Option<u64> {
        let end = at.checked_add(size.into()).filter(|end| size > 0 && *end <= self.file)?;
        if self.count >= self.file {
            return None;
        }
        if self.places.len() < MOST_PACKETS {
            self.places.push(place(at)..place(end));
        }
        self.count += 1;
        self.ticks = self.ticks.checked_add(ticks.into())?;
        Some(end)
    }
}

/// Reads the tables of a file that is not in fragments. `None`: they contradict themselves, or
/// point out of the file.
fn table(stbl: &[u8], file: u64) -> Option<Samples> {
    let (ticks, timed) = ticks(stbl)?;
    if timed != u64::from(count(stbl)?) || timed > file {
        return None;
    }
    let mut samples = Samples { file, ..Samples::default() };
    walk_table(stbl, &mut samples)?;
    Some(Samples { ticks, ..samples })
}

fn samples(bytes: &[u8], moov: &[u8], track: Track<'_>) -> Option<Samples> {
    let stbl = find(track.body, &[b"mdia", b"minf", b"stbl"])?;
    let mut samples = table(stbl, bytes.len() as u64)?;
    let mut moofs = boxes(bytes).filter(|found| &found.name == b"moof").peekable();
    if moofs.peek().is_some() {
        let usual = Usual::read(moov, track.id)?;
        moofs.try_for_each(|moof| fragment(moof, usual, &mut samples))?;
    }
    Some(samples)
}

fn length(track: Track<'_>, ticks: u64, movie_scale: u32) -> Option<Duration> {
    let (skipped, edited) = track.edit(movie_scale)?;
    let length = time(ticks.saturating_sub(skipped), track.scale)?;
    Some(edited.map_or(length, |edited| edited.min(length)))
}

fn movie_scale(mvhd: &[u8]) -> Option<u32> {
    be32(mvhd, if *mvhd.first()? == 1 { 20 } else { 12 })
}

fn movie_length(mvhd: &[u8]) -> Option<u64> {
    if *mvhd.first()? == 1 {
        return be64(mvhd, 24).filter(|length| *length != u64::MAX);
    }
    be32(mvhd, 16).filter(|length| *length != u32::MAX).map(u64::from)
}

fn voice<'a>(bytes: &'a [u8], track: Track<'a>, samples: Option<Samples>) -> Voice<'a> {
    let (Some(config), Some(samples)) = (track.config(), samples) else {
        return Voice::Unknown;
    };
    let packets = samples.places.into_iter().filter_map(|place| bytes.get(place));
    Voice::Aac(config.to_vec(), packets.map(Cow::Borrowed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_have_a_size_of_up_to_four_bytes() {
        let short: &[u8] = &[5, 2, 0x12, 0x10, 6];
        let long: &[u8] = &[5, 0x80, 0x80, 0x80, 2, 0x12, 0x10, 6];
        for bytes in [short, long] {
            assert_eq!(descriptor(bytes), Some((5, &[0x12, 0x10][..], &[6][..])));
        }
        assert_eq!(descriptor(&[5, 9, 1]), None);
    }

    #[test]
    fn boxes_without_a_sound_are_told_apart() {
        let ftyp = [&16_u32.to_be_bytes()[..], b"ftypM4A \0\0\0\0"].concat();
        assert_eq!(walk(&ftyp).unwrap_err(), AudioFlaw::NoSound);
        assert_eq!(walk(&ftyp[..15]).unwrap_err(), AudioFlaw::Cut);
    }
}
