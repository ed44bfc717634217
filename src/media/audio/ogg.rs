//! Ogg (RFC 3533): follows the pages, and takes the length from positions that every page proves.
//!
//! A page has a checksum and a number, so a stream whose pages are all there and whose positions go
//! up by what their packets can hold is known to its last sample, and so are several in a row. A
//! missing page, streams side by side, or a codec that is neither Vorbis nor Opus: the length is
//! unknown.

use std::borrow::Cow;
use std::time::Duration;

use super::super::fields::{le16, le32, le64, time};
use super::hear::{MOST_PACKETS, Voice};
use super::{AudioFlaw, Walk};

#[derive(Debug)]
struct Page<'a> {
    flags: u8,
    /// The sample at which its last whole packet ends; `None` where no packet ends in it.
    position: Option<i64>,
    serial: u32,
    number: u32,
    lacing: &'a [u8],
    body: &'a [u8],
    sound: bool,
}

/// A page and its size; `None` where there is none, or not all of it.
fn page(bytes: &[u8], at: usize) -> Option<(Page<'_>, usize)> {
    let bytes = bytes.get(at..)?;
    if !bytes.starts_with(b"OggS\0") {
        return None;
    }
    let segments = usize::from(*bytes.get(26)?);
    let lacing = bytes.get(27..27 + segments)?;
    let size = lacing.iter().map(|length| usize::from(*length)).sum::<usize>();
    let end = 27 + segments + size;
    let body = bytes.get(27 + segments..end)?;
    let position = le64(bytes, 6)?.cast_signed();
    let page = Page {
        flags: *bytes.get(5)?,
        position: (position != -1).then_some(position),
        serial: le32(bytes, 14)?,
        number: le32(bytes, 18)?,
        lacing,
        body,
        sound: le32(bytes, 22)? == checksum(&bytes[..end]),
    };
    Some((page, end))
}

const CHECKSUMS: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
};

/// Over the whole page, its own field taken as zero.
fn checksum(page: &[u8]) -> u32 {
    let bytes = page.iter().enumerate();
    bytes.fold(0, |sum: u32, (at, byte)| {
        let byte = if (22..26).contains(&at) { 0 } else { *byte };
        sum << 8 ^ CHECKSUMS[usize::from((sum >> 24) as u8 ^ byte)]
    })
}

/// What is in the stream.
#[derive(Debug, Clone, Copy)]
enum Codec {
    /// The rate, and the most samples that a packet can hold.
    Vorbis(u32, u64),
    /// Samples of 48 kHz before the first that plays.
    Opus(u64),
    Other,
}

fn codec(first: &[u8]) -> Codec {
    let read = || -> Option<Codec> {
        if first.starts_with(b"\x01vorbis") {
            let most = 1_u64 << (first.get(28)? >> 4) >> 1;
            return Some(Codec::Vorbis(le32(first, 12)?, most));
        }
        let opus = first.starts_with(b"OpusHead");
        Some(if opus { Codec::Opus(le16(first, 10)?.into()) } else { Codec::Other })
    };
    read().unwrap_or(Codec::Other)
}

impl Codec {
    /// Packets that hold no sound.
    fn headers(self) -> usize {
        match self {
            Codec::Vorbis(..) => 3,
            Codec::Opus(_) => 2,
            Codec::Other => 1,
        }
    }

    /// The fewest and the most samples that a packet can hold.
    fn samples(self, packet: &[u8]) -> (u64, u64) {
        match self {
            Codec::Vorbis(_, most) => (0, most),
            Codec::Opus(_) => (opus_samples(packet), opus_samples(packet)),
            Codec::Other => (0, 0),
        }
    }
}

/// Samples of 48 kHz in an Opus packet (RFC 6716, section 3.1).
fn opus_samples(packet: &[u8]) -> u64 {
    let Some(first) = packet.first() else { return 0 };
    let (config, size) = (first >> 3, first >> 3 & 3);
    let frame = match config {
        0..12 => [480, 960, 1920, 2880][usize::from(size)],
        12..16 => [480, 960][usize::from(size & 1)],
        _ => [120, 240, 480, 960][usize::from(size)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => packet.get(1).map_or(0, |count| u64::from(count & 63)),
    };
    frame * frames
}

/// A stream on the way through its pages.
#[derive(Debug)]
struct Stream<'a> {
    codec: Codec,
    serial: u32,
    next: u32,
    position: i64,
    /// Where the sound begins: the first page may start late.
    start: Option<i64>,
    headers: Vec<Vec<u8>>,
    packets: Vec<Cow<'a, [u8]>>,
    count: u64,
    part: Vec<u8>,
    doubt: bool,
}

impl<'a> Stream<'a> {
    fn new(first: &Page<'a>) -> Stream<'a> {
        Stream {
            codec: codec(first.body),
            serial: first.serial,
            next: first.number,
            position: 0,
            start: None,
            headers: Vec::new(),
            packets: Vec::new(),
            count: 0,
            part: Vec::new(),
            doubt: false,
        }
    }

    fn take(&mut self, page: &Page<'a>) {
        let continued = page.flags & 1 == 1;
        self.doubt |= page.serial != self.serial || page.number != self.next || !page.sound;
        self.doubt |= continued == self.part.is_empty();
        self.next = page.number.wrapping_add(1);
        let (mut at, mut from) = (0, 0);
        let (mut fewest, mut most) = (0, 0);
        for length in page.lacing {
            at += usize::from(*length);
            if *length < 255 {
                let (low, high) = self.packet(&page.body[from..at]);
                (fewest, most) = (fewest + low, most + high);
                from = at;
            }
        }
        self.part.extend_from_slice(&page.body[from..at]);
        if let Some(position) = page.position.filter(|_| self.count > 0) {
            self.go_to(position, (fewest, most), page.flags & 4 == 4);
        }
    }

    /// Keeps a whole packet, and tells how many samples it can hold.
    fn packet(&mut self, end: &'a [u8]) -> (u64, u64) {
        let part = std::mem::take(&mut self.part);
        let whole =
            if part.is_empty() { Cow::Borrowed(end) } else { Cow::Owned([&part, end].concat()) };
        if self.headers.len() < self.codec.headers() {
            self.headers.push(whole.into_owned());
            return (0, 0);
        }
        self.count += 1;
        let samples = self.codec.samples(&whole);
        if self.packets.len() < MOST_PACKETS {
            self.packets.push(whole);
        }
        samples
    }

    /// A position may go up by what the packets hold, and by less only at the very end.
    fn go_to(&mut self, position: i64, (fewest, most): (u64, u64), last: bool) {
        let step = position.saturating_sub(self.position);
        let late = u64::try_from(step).is_ok_and(|step| step > most);
        if self.start.is_none() {
            let start = if late { position.saturating_sub_unsigned(most) } else { 0 };
            // Only Opus packets tell exactly how much they hold.
            self.doubt |= late && fewest != most;
            self.start = Some(start);
        } else {
            self.doubt |= late;
        }
        self.doubt |= step < 0 || (!last && u64::try_from(step).unwrap_or(0) < fewest);
        self.position = position;
    }

    fn voice(self) -> Voice<'a> {
        match (self.codec, <[Vec<u8>; 3]>::try_from(self.headers)) {
            (Codec::Vorbis(..), Ok([first, _, third])) => Voice::Vorbis(first, third, self.packets),
            _ => Voice::Unknown,
        }
    }
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    let (first, _) = page(bytes, 0).ok_or(AudioFlaw::Cut)?;
    if is_video(first.body) {
        return Err(AudioFlaw::Other("an Ogg video"));
    }
    let (mut stream, mut before) = (Stream::new(&first), Vec::new());
    let mut at = 0;
    while let Some((page, size)) = page(bytes, at) {
        if at > 0 && page.flags & 2 == 2 {
            // Another stream begins, after this one or beside it.
            match stream.count {
                0 => stream.doubt = true,
                _ => before.push(std::mem::replace(&mut stream, Stream::new(&page))),
            }
        }
        if page.serial == stream.serial {
            stream.take(&page);
        } else {
            stream.doubt = true;
            stream.position = page.position.unwrap_or(stream.position);
        }
        at += size;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    if stream.count == 0 && before.is_empty() {
        return Err(if rest.is_empty() { AudioFlaw::NoSound } else { AudioFlaw::Cut });
    }
    let cut = is_cut(rest) || !stream.part.is_empty();
    stream.doubt |= !cut && !rest.is_empty();
    before.push(stream);
    Ok(found(before, cut))
}

fn is_video(first: &[u8]) -> bool {
    [&b"\x80theora"[..], b"BBCD\0", b"\x4fVP80"].iter().any(|start| first.starts_with(start))
}

/// No page is larger.
const MOST_BYTES: usize = 27 + 255 + 255 * 255;

/// A page that begins at the end of the file, and is not all there.
fn is_cut(rest: &[u8]) -> bool {
    let magic = rest.len().min(4);
    magic > 0 && rest[..magic] == b"OggS"[..magic] && rest.len() < MOST_BYTES
}

impl Stream<'_> {
    /// How long it plays from a position on.
    fn played(&self, from: i64) -> Option<Duration> {
        let (rate, skip) = match self.codec {
            Codec::Vorbis(rate, _) => (rate, 0),
            Codec::Opus(skip) => (48_000, skip),
            Codec::Other => (0, 0),
        };
        let samples = u64::try_from(self.position.saturating_sub(from)).ok()?;
        time(samples.saturating_sub(skip), rate)
    }

    fn length(&self) -> Option<Duration> {
        self.start.filter(|_| !self.doubt).and_then(|start| self.played(start))
    }
}

/// All of the streams play, one after another; whoever does not walk sees the last position alone.
fn found(mut streams: Vec<Stream<'_>>, cut: bool) -> Walk<'_> {
    let length = streams.iter().map(Stream::length).sum();
    let claimed = streams.last().and_then(|stream| stream.played(0));
    Walk { length, claimed, cut, voice: streams.swap_remove(0).voice() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opus_packets_tell_how_long_they_are() {
        // 20 ms of SILK, 60 ms of SILK, 10 ms of CELT twice, three frames of 2.5 ms.
        let packets: [(&[u8], u64); 5] = [
            (&[1 << 3], 960),
            (&[3 << 3], 2880),
            (&[30 << 3 | 1], 960),
            (&[28 << 3 | 3, 3], 360),
            (&[], 0),
        ];
        for (packet, samples) in packets {
            assert_eq!(opus_samples(packet), samples);
        }
    }

    #[test]
    fn a_page_has_its_checksum() {
        // The end of an empty stream: number 2 of stream 1, no segments.
        let mut bytes = [&b"OggS\0\x04"[..], &[0; 8], &[1, 0, 0, 0, 2, 0, 0, 0], &[0; 5]].concat();
        let sum = checksum(&bytes);
        bytes[22..26].copy_from_slice(&sum.to_le_bytes());
        let (page, size) = page(&bytes, 0).unwrap();
        assert!(page.sound);
        assert_eq!((size, page.number, page.position), (27, 2, Some(0)));
        bytes[18] = 3;
        assert!(!super::page(&bytes, 0).unwrap().0.sound);
    }
}
