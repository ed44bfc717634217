//! AAC in ADTS frames (ISO/IEC 14496-3): no header claims anything, so the frames are all there is.

use std::borrow::Cow;

use super::super::fields::{be24, be32, time};
use super::hear::{MOST_PACKETS, Voice};
use super::{AudioFlaw, Walk};

const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

#[derive(Debug, Clone, Copy)]
struct Frame {
    size: usize,
    header: usize,
    rate: u32,
    blocks: u64,
    /// The profile, rate and channels as an `AudioSpecificConfig` writes them.
    config: u16,
}

fn frame(bytes: &[u8], at: usize) -> Option<Frame> {
    let first = be32(bytes, at)?;
    if first >> 20 != 0xfff || first >> 17 & 3 != 0 {
        return None;
    }
    let (profile, index, channels) = (first >> 14 & 3, first >> 10 & 15, first >> 6 & 7);
    let rate = *RATES.get(usize::try_from(index).ok()?)?;
    let size = usize::try_from(be24(bytes, at + 3)? >> 5 & 0x1fff).ok()?;
    let header = if first >> 16 & 1 == 1 { 7 } else { 9 };
    let blocks = u64::from(bytes.get(at + 6)? & 3) + 1;
    let config = u16::try_from((profile + 1) << 11 | index << 7 | channels << 3).ok()?;
    (size > header).then_some(Frame { size, header, rate, blocks, config })
}

pub(super) fn begins(bytes: &[u8]) -> bool {
    let Some(first) = frame(bytes, 0) else { return false };
    first.size == bytes.len() || frame(bytes, first.size).is_some()
}

/// Walks the frames between the tags.
pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    let first = frame(bytes, 0).ok_or(AudioFlaw::Unknown)?;
    let (mut at, mut blocks, mut single) = (0, 0, true);
    let mut packets = Vec::new();
    while let Some(frame) = frame(bytes, at).filter(|frame| frame.rate == first.rate) {
        let Some(body) = bytes.get(at + frame.header..at + frame.size) else { break };
        if packets.len() < MOST_PACKETS {
            packets.push(Cow::Borrowed(body));
        }
        single &= frame.blocks == 1;
        blocks += frame.blocks;
        at += frame.size;
    }
    let cut = at < bytes.len() && is_cut(bytes, at);
    let config = first.config.to_be_bytes().to_vec();
    Ok(Walk {
        // What follows the last frame is no frame: nobody knows how others play that.
        length: time(blocks * 1024, first.rate).filter(|_| cut || at == bytes.len()),
        claimed: None,
        cut,
        // Several blocks in a frame, or channels that only the first packet names, have no decoder.
        voice: if single && first.config >> 3 & 15 > 0 {
            Voice::Aac(config, packets)
        } else {
            Voice::Unknown
        },
    })
}

/// Whether the last frame begins, and ends beyond the file.
fn is_cut(bytes: &[u8], at: usize) -> bool {
    let short = bytes.len() - at < 7 && bytes[at] == 0xff;
    short || frame(bytes, at).is_some_and(|frame| frame.size > bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 16 kHz, mono, 20 bytes: 64 ms.
    fn quiet() -> Vec<u8> {
        [&[0xff, 0xf1, 0x60, 0x40, 0x02, 0x9f, 0xfc][..], &[0; 13]].concat()
    }

    #[test]
    fn frames_are_walked_to_the_end() {
        let bytes = quiet().repeat(10);
        assert!(begins(&bytes));
        let whole = walk(&bytes).unwrap();
        assert_eq!((whole.length, whole.cut), (Some(Duration::from_millis(640)), false));
        for cut in [181, 185, 190, 199] {
            let walk = walk(&bytes[..cut]).unwrap();
            assert_eq!((walk.length, walk.cut), (Some(Duration::from_millis(576)), true), "{cut}");
        }
    }

    #[test]
    fn junk_between_frames_leaves_the_length_unknown() {
        let bytes = [quiet(), quiet(), b"something else than frames".to_vec(), quiet()].concat();
        let walk = walk(&bytes).unwrap();
        assert_eq!((walk.length, walk.cut), (None, false));
    }
}
