//! WAV: follows the chunks and compares what the header says with what is there.

mod chunks;

use std::time::Duration;

use self::chunks::Samples;
use super::super::fields::{le16, le24, le32, le64, time};
use super::hear::{Heard, QUIET, Voice};
use super::{AudioFlaw, Sound, Walk, mpeg, tags};

/// What the `fmt ` chunk says of the samples.
#[derive(Debug, Clone, Copy)]
struct Format {
    tag: u16,
    rate: u32,
    bits: u16,
    /// Bytes of one moment of all channels.
    block: u16,
    channels: u16,
}

const PCM: u16 = 1;
const FLOAT: u16 = 3;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
const MP3: u16 = 0x55;
const EXTENSIBLE: u16 = 0xfffe;

impl Format {
    fn read(bytes: &[u8]) -> Option<Format> {
        let tag = match le16(bytes, 0)? {
            EXTENSIBLE => le16(bytes, 24)?,
            tag => tag,
        };
        let (channels, rate) = (le16(bytes, 2)?, le32(bytes, 4)?);
        Some(Format { tag, rate, bits: le16(bytes, 14)?, block: le16(bytes, 12)?, channels })
    }

    /// How long so many bytes of samples play.
    fn length(&self, bytes: u64) -> Option<Duration> {
        time(bytes / u64::from(self.block.max(1)), self.rate).filter(|_| self.is_plain())
    }

    /// Whether every block is one moment of sound, so that counting them is walking them.
    fn is_plain(&self) -> bool {
        let known = match self.tag {
            PCM => matches!(self.bits, 8 | 16 | 24 | 32),
            FLOAT => matches!(self.bits, 32 | 64),
            A_LAW | MU_LAW => self.bits == 8,
            _ => false,
        };
        let block = u32::from(self.channels) * u32::from(self.bits / 8);
        known && block > 0 && block == u32::from(self.block)
    }
}

pub(super) fn walk(bytes: &[u8]) -> Result<Walk<'_>, AudioFlaw> {
    let samples = Samples::read(tags::without_trailing(bytes))?;
    let Some((format, there)) = samples.first else { return Err(AudioFlaw::Cut) };
    if there.is_empty() && samples.length.is_none_or(|length| length.is_zero()) {
        return Err(if samples.cut { AudioFlaw::Cut } else { AudioFlaw::NoSound });
    }
    if format.tag == MP3 {
        return mpeg::walk(there);
    }
    Ok(Walk {
        length: samples.length,
        claimed: samples.said,
        cut: samples.cut,
        voice: match format.is_plain() {
            true => Voice::Plain(Pcm { format, bytes: there }),
            false => Voice::Unknown,
        },
    })
}

/// Samples that stand one after another.
#[derive(Debug)]
pub(super) struct Pcm<'a> {
    format: Format,
    bytes: &'a [u8],
}

/// So many moments are handed on at a time.
const AT_ONCE: usize = 4096;

impl Pcm<'_> {
    /// Half of the way from the lowest to the highest sample: an offset alone is no sound.
    pub(super) fn listen(&self) -> Sound {
        let (mut low, mut high) = (f32::MAX, f32::MIN);
        for value in values(self.format, self.bytes) {
            (low, high) = (low.min(value), high.max(value));
            if high - low > 2.0 * QUIET {
                return Sound::Heard;
            }
        }
        Sound::Silent
    }

    /// Hands the samples on as long as `more` wants more.
    pub(super) fn each(&self, more: &mut dyn FnMut(Heard<'_>) -> bool) {
        let (rate, channels) = (self.format.rate, usize::from(self.format.channels));
        let mut samples = Vec::new();
        for bytes in self.bytes.chunks(usize::from(self.format.block) * AT_ONCE) {
            samples.clear();
            samples.extend(values(self.format, bytes));
            if !more(Heard { rate, channels, samples: &samples }) {
                return;
            }
        }
    }
}

fn values(format: Format, bytes: &[u8]) -> impl Iterator<Item = f32> {
    let samples = bytes.chunks_exact(usize::from(format.bits / 8));
    samples.map(move |sample| level(format, sample).unwrap_or(0.0))
}

/// A sample from -1 to 1; of the logarithmic ones only whether they are near zero.
fn level(format: Format, sample: &[u8]) -> Option<f32> {
    let whole = |high: u32| -> f32 {
        // Shifted so that the sign bit of every width is that of 32 bits.
        high.cast_signed() as f32 / 2_147_483_648.0
    };
    let value = match (format.tag, format.bits) {
        (PCM, 8) => (f32::from(*sample.first()?) - 128.0) / 128.0,
        (PCM, 16) => whole(u32::from(le16(sample, 0)?) << 16),
        (PCM, 24) => whole(le24(sample, 0)? << 8),
        (PCM, _) => whole(le32(sample, 0)?),
        (FLOAT, 32) => f32::from_bits(le32(sample, 0)?),
        (FLOAT, _) => f64::from_bits(le64(sample, 0)?) as f32,
        (A_LAW, _) => f32::from((sample.first()? ^ 0x55) & 0x7f > 1),
        _ => f32::from(!sample.first()? & 0x7f > 2),
    };
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(tag: u16, bits: u16, said: u32, samples: &[u8]) -> Vec<u8> {
        let block = bits / 8;
        let rate = 8000_u32;
        let format = [
            &tag.to_le_bytes()[..],
            &1_u16.to_le_bytes(),
            &rate.to_le_bytes(),
            &(rate * u32::from(block)).to_le_bytes(),
            &block.to_le_bytes(),
            &bits.to_le_bytes(),
        ];
        let format = [b"fmt ", &16_u32.to_le_bytes()[..], &format.concat()].concat();
        let data = [b"data", &said.to_le_bytes()[..], samples].concat();
        [b"RIFF", &[0; 4][..], b"WAVE", &format, &data].concat()
    }

    fn known(walk: &Walk<'_>) -> Sound {
        match &walk.voice {
            Voice::Plain(pcm) => pcm.listen(),
            Voice::Unknown => Sound::NotChecked,
            _ => panic!("it needs no decoder"),
        }
    }

    #[test]
    fn every_width_is_heard_and_every_silence_is() {
        let silences: [(u16, u16, &[u8]); 8] = [
            (PCM, 8, &[0x80]),
            (PCM, 16, &[1, 0]),
            (PCM, 24, &[1, 0, 0]),
            (PCM, 32, &[1, 0, 0, 0]),
            (FLOAT, 32, &[0; 4]),
            (FLOAT, 64, &[0; 8]),
            (A_LAW, 8, &[0xd5]),
            (MU_LAW, 8, &[0xff]),
        ];
        for (tag, bits, silence) in silences {
            let mut samples = silence.repeat(4000);
            let said = u32::try_from(samples.len()).unwrap();
            let quiet = wav(tag, bits, said, &samples);
            let quiet = walk(&quiet).unwrap();
            assert_eq!(quiet.length, Some(Duration::from_millis(500)), "{tag} {bits}");
            assert_eq!(known(&quiet), Sound::Silent, "{tag} {bits}");
            let size = usize::from(bits / 8);
            samples[size * 9..size * 10].copy_from_slice(&[0x40; 8][..size]);
            assert_eq!(known(&walk(&wav(tag, bits, said, &samples)).unwrap()), Sound::Heard);
        }
    }

    #[test]
    fn sizes_that_lie_are_compared_with_what_is_there() {
        let second = [7; 8000];
        let walked = |said| {
            let bytes = wav(PCM, 8, said, &second);
            let walk = walk(&bytes).unwrap();
            (walk.length, walk.claimed, walk.cut)
        };
        let secs = |count| Some(Duration::from_secs(count));
        assert_eq!(walked(8000), (secs(1), secs(1), false));
        assert_eq!(walked(16000), (secs(1), secs(2), true));
        assert_eq!(walked(0), (secs(1), None, false));
        assert_eq!(walked(u32::MAX), (secs(1), None, false));
        // What follows the samples is no chunk, and may be sound that the header does not count.
        assert_eq!(walked(4000), (secs(1), Some(Duration::from_millis(500)), false));
    }

    fn lengths(bytes: &[u8]) -> (u128, u128, bool) {
        let walk = walk(bytes).unwrap();
        let [length, claimed] = [walk.length, walk.claimed].map(|it| it.unwrap().as_millis());
        (length, claimed, walk.cut)
    }

    #[test]
    fn joined_chunks_and_files_are_counted_to_the_last_sample() {
        let second = wav(PCM, 8, 8000, &[7; 8000]);
        let more = [&second[..], b"LIST\x03\0\0\0abc\0", &second[36..]].concat();
        assert_eq!(lengths(&more), (2000, 1000, false), "two chunks of samples");
        let files = [&second[..], &wav(PCM, 16, 8000, &[7; 8000])].concat();
        assert_eq!(lengths(&files), (1500, 1000, false), "each by its own format");
        let cut = files[..files.len() - 4000].to_vec();
        assert_eq!(lengths(&cut), (1250, 1000, true));
        let unknown = [&second[..], &wav(2, 4, 100, &[7; 100])].concat();
        let unknown = walk(&unknown).unwrap();
        assert_eq!((unknown.length, unknown.claimed), (None, Some(Duration::from_secs(1))));
    }

    #[test]
    fn an_odd_chunk_may_lack_its_padding() {
        let second = wav(PCM, 8, 8000, &[7; 8000]);
        for padding in [&b""[..], b"\0", b"x"] {
            let before = [&second[..12], b"note\x05\0\0\0hello", padding, &second[12..]].concat();
            assert_eq!(lengths(&before), (1000, 1000, false), "{padding:?}");
            let odd = wav(PCM, 8, 8001, &[7; 8001]);
            let after = [&odd[..], padding, b"LIST\x04\0\0\0abcd"].concat();
            assert_eq!(lengths(&after), (1000, 1000, false), "{padding:?}");
        }
    }

    #[test]
    fn what_follows_the_chunks_is_a_tag_or_may_be_sound() {
        let second = wav(PCM, 8, 8000, &[7; 8000]);
        let tag = [&b"TAG"[..], &[b'x'; 125]].concat();
        assert_eq!(lengths(&[&second[..], &tag].concat()), (1000, 1000, false));
        assert_eq!(lengths(&[&second[..], &[0; 7]].concat()), (1000, 1000, false));
        assert_eq!(lengths(&[&second[..], &[0x81; 4000]].concat()), (1500, 1000, false));
    }

    #[test]
    fn a_wav_without_samples_or_format_is_none() {
        assert_eq!(walk(&wav(PCM, 8, 0, &[])).unwrap_err(), AudioFlaw::NoSound);
        assert_eq!(walk(&wav(PCM, 8, 80, &[])).unwrap_err(), AudioFlaw::Cut);
        assert_eq!(walk(b"RIFF\0\0\0\0WAVEdata\x01\0\0\0x").unwrap_err(), AudioFlaw::Unknown);
        assert_eq!(walk(b"RIFF\0\0\0\0WAVEjunk\xff\xff\xff\xff").unwrap_err(), AudioFlaw::Cut);
    }

    #[test]
    fn compressed_samples_are_not_counted() {
        let walk = wav(2, 4, 8000, &[7; 8000]);
        let walk = super::walk(&walk).unwrap();
        assert_eq!((walk.length, known(&walk)), (None, Sound::NotChecked));
    }
}
