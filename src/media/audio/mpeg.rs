//! MP3: walks the frames, and reads what the first one claims for all (ISO/IEC 11172-3).

use std::borrow::Cow;

use super::super::fields::{be24, be32, time};
use super::hear::{MOST_PACKETS, Voice};
use super::{AudioFlaw, Walk};

const RATES: [u32; 3] = [44_100, 48_000, 32_000];
const KBITS_1: [u32; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBITS_2: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// Bytes before the first frame, where tags were stripped: more is no MP3.
const MOST_BEFORE: usize = 64 << 10;

#[derive(Debug, Clone, Copy)]
struct Frame {
    size: usize,
    samples: u32,
    rate: u32,
    kbits: u32,
    /// Where the tag of an encoder would stand.
    tag: usize,
}

fn frame(bytes: &[u8], at: usize) -> Option<Frame> {
    let [sync, kind, rates, mode] = be32(bytes, at)?.to_be_bytes();
    if sync != 0xff || kind & 0xe6 != 0xe2 {
        return None;
    }
    let (first, halves) = match kind >> 3 & 3 {
        3 => (true, 0),
        2 => (false, 1),
        0 => (false, 2),
        _ => return None,
    };
    let table = if first { KBITS_1 } else { KBITS_2 };
    let kbits = *table.get(usize::from(rates >> 4)).filter(|kbits| **kbits > 0)?;
    let rate = RATES.get(usize::from(rates >> 2 & 3))? >> halves;
    let samples = if first { 1152 } else { 576 };
    let size = samples / 8 * kbits * 1000 / rate + u32::from(rates >> 1 & 1);
    let mono = mode >> 6 == 3;
    let side = [[32, 17], [17, 9]][usize::from(!first)][usize::from(mono)];
    Some(Frame { size: usize::try_from(size).ok()?, samples, rate, kbits, tag: 4 + side })
}

/// The next place with a frame that another frame, or the end, follows.
fn find(bytes: &[u8], from: usize, before: usize) -> Option<(usize, Frame)> {
    let chained = |at: usize| {
        let found = frame(bytes, at)?;
        let next = at + found.size;
        let follows = frame(bytes, next).is_some_and(|next| next.rate == found.rate);
        (follows || next == bytes.len()).then_some((at, found))
    };
    (from..before.min(bytes.len())).find_map(chained)
}

pub(super) fn begins(bytes: &[u8]) -> bool {
    find(bytes, 0, MOST_BEFORE).is_some()
}

/// What was met on the way through the frames.
#[derive(Debug, Default)]
struct Met<'a> {
    frames: u64,
    samples: u64,
    junk: usize,
    cut: bool,
    packets: Vec<Cow<'a, [u8]>>,
}

fn follow(bytes: &[u8], mut at: usize, rate: u32) -> Met<'_> {
    let mut met = Met::default();
    while at < bytes.len() {
        let Some(frame) = frame(bytes, at).filter(|frame| frame.rate == rate) else {
            let next = find(bytes, at + 1, bytes.len()).map_or(bytes.len(), |(next, _)| next);
            met.junk += next - at;
            at = next;
            continue;
        };
        let Some(body) = bytes.get(at..at + frame.size) else {
            met.cut = true;
            break;
        };
        if met.packets.len() < MOST_PACKETS {
            met.packets.push(Cow::Borrowed(body));
        }
        met.frames += 1;
        met.samples += u64::from(frame.samples);
        at += frame.size;
    }
    met
}

/// Walks the frames between the tags.
pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    let (start, first) = find(bytes, 0, MOST_BEFORE).ok_or(AudioFlaw::Unknown)?;
    let note = EncoderNote::read(&bytes[start..], first);
    let sound = if note.is_some() { start + first.size } else { start };
    let met = follow(bytes, sound, first.rate);
    if met.frames == 0 {
        return Err(if note.is_some_and(|note| note.frames > 0) {
            AudioFlaw::Cut
        } else {
            AudioFlaw::NoSound
        });
    }
    let missing = note.is_some_and(|note| met.frames + 1 < note.frames);
    let padding = note.map_or(0, |note| note.delay + if missing { 0 } else { note.padding });
    let claimed = match note {
        Some(note) if note.frames > 0 => time(note.samples(first), first.rate),
        _ => time((bytes.len() - start) as u64 * 8, first.kbits * 1000),
    };
    let length = time(met.samples.saturating_sub(padding), first.rate);
    Ok(Walk {
        // Frames that were jumped over may have been sound.
        length: length.filter(|_| met.junk <= bytes.len() / 100),
        claimed,
        // Frames that are missing in the middle are damage, not a cut.
        cut: met.cut || (missing && met.junk == 0),
        voice: Voice::Mp3(met.packets),
    })
}

/// What an encoder wrote into the first frame, which holds no sound then.
#[derive(Debug, Clone, Copy)]
struct EncoderNote {
    frames: u64,
    delay: u64,
    padding: u64,
}

impl EncoderNote {
    fn read(bytes: &[u8], frame: Frame) -> Option<EncoderNote> {
        let bytes = bytes.get(..frame.size)?;
        match bytes.get(frame.tag..frame.tag + 4)? {
            b"Xing" | b"Info" => EncoderNote::xing(bytes.get(frame.tag + 4..)?),
            _ if bytes.get(36..40)? == b"VBRI" => {
                Some(EncoderNote { frames: be32(bytes, 50)?.into(), delay: 0, padding: 0 })
            }
            _ => None,
        }
    }

    fn xing(bytes: &[u8]) -> Option<EncoderNote> {
        let flags = be32(bytes, 0)?;
        let frames = if flags & 1 == 0 { 0 } else { be32(bytes, 4)? };
        let sizes = [4, 4, 100, 4];
        let parts = sizes.iter().enumerate().filter(|(bit, _)| flags >> bit & 1 == 1);
        let lame = 4 + parts.map(|(_, size)| size).sum::<usize>();
        let known = bytes.get(lame..lame + 4).is_some_and(|name| {
            [b"LAME", b"Lavf", b"Lavc", b"L3.9"].iter().any(|known| name == *known)
        });
        let trims = be24(bytes, lame + 21).filter(|_| known).unwrap_or(0);
        Some(EncoderNote {
            frames: frames.into(),
            delay: u64::from(trims >> 12),
            padding: u64::from(trims & 0xfff),
        })
    }

    fn samples(&self, frame: Frame) -> u64 {
        (self.frames * u64::from(frame.samples)).saturating_sub(self.delay + self.padding)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 72 bytes, 72 ms: 8 kbit/s at 8 kHz.
    fn quiet() -> Vec<u8> {
        [&[0xff, 0xe3, 0x18, 0xc4][..], &[0; 68]].concat()
    }

    #[test]
    fn frames_are_walked_and_the_first_bitrate_claims() {
        let bytes = quiet().repeat(10);
        let walk = walk(&bytes).unwrap();
        assert_eq!(walk.length, Some(Duration::from_millis(720)));
        assert_eq!(walk.claimed, Some(Duration::from_millis(720)));
        assert!(!walk.cut);
    }

    /// 288 bytes, 72 ms: 32 kbit/s at 8 kHz, with something in them.
    fn noted(at: usize, note: &[u8]) -> Vec<u8> {
        let mut bytes = [&[0xff, 0xe3, 0x48, 0xc4][..], &[0; 284]].concat();
        bytes[at..at + note.len()].copy_from_slice(note);
        bytes
    }

    #[test]
    fn the_first_frame_may_note_how_many_follow() {
        let plain = noted(4, &[]);
        let xing = noted(13, b"Xing\0\0\0\x01\0\0\0\x0a");
        let vbri = noted(36, b"VBRI\0\x01\0\0\0\0\0\0\0\0\0\0\0\x0a");
        for first in [xing, vbri] {
            let walked = |frames: usize| {
                let bytes = [first.clone(), plain.repeat(frames)].concat();
                let walk = walk(&bytes).unwrap();
                (walk.length.unwrap().as_millis(), walk.claimed.unwrap().as_millis(), walk.cut)
            };
            assert_eq!(walked(10), (720, 720, false));
            assert_eq!(walked(5), (360, 720, true));
            assert_eq!(walk(&first).unwrap_err(), AudioFlaw::Cut);
        }
        // The trims of an encoder that is known: 576 samples before, 288 behind.
        let lame = [&b"Info\0\0\0\x01\0\0\0\x0aLAME3.100"[..], &[0; 12], &[0x24, 0x01, 0x20]];
        let bytes = [noted(13, &lame.concat()), plain.repeat(10)].concat();
        assert_eq!(walk(&bytes).unwrap().length, Some(Duration::from_millis(720 - 108)));
    }

    #[test]
    fn a_broken_frame_is_jumped_over_or_leaves_the_length_unknown() {
        let mut bytes = quiet().repeat(400);
        bytes[72 * 50] = 0;
        let length = walk(&bytes).unwrap().length.unwrap();
        assert_eq!(length, Duration::from_millis(399 * 72));
        (0..40).for_each(|frame| bytes[72 * frame * 10] = 0);
        assert_eq!(walk(&bytes).unwrap().length, None);
    }

    #[test]
    fn a_frame_that_is_not_all_there_is_a_cut() {
        let bytes = quiet().repeat(10);
        let walk = walk(&bytes[..700]).unwrap();
        assert_eq!((walk.length, walk.cut), (Some(Duration::from_millis(648)), true));
        assert!(!begins(&bytes[..71]));
    }
}
