//! What a picture and a sound must be, by their bytes: kinds, sizes and lengths. Whether there is a
//! face is not looked at.

use std::time::Duration;

/// The largest picture that is taken.
pub(crate) const MOST_PICTURE_BYTES: usize = 5_000_000;
/// A sound of a minute is smaller, whatever its kind.
pub(crate) const MOST_SOUND_BYTES: usize = 50_000_000;

/// Whether bytes are a picture of a kind that is taken.
pub(crate) fn picture(bytes: &[u8]) -> Result<(), String> {
    if bytes.len() > MOST_PICTURE_BYTES {
        return Err("image_url: larger than 5 MB".to_owned());
    }
    let brand = |name: &[u8]| bytes.get(8..64.min(bytes.len())).is_some_and(|b| has(b, name));
    let known = bytes.starts_with(b"\xff\xd8\xff")
        || bytes.starts_with(b"\x89PNG\r\n\x1a\n")
        || bytes.starts_with(b"GIF87a")
        || bytes.starts_with(b"GIF89a")
        || (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"))
        || (bytes.get(4..8) == Some(b"ftyp") && (brand(b"avif") || brand(b"avis")));
    if known { Ok(()) } else { Err("image_url: not a JPG, PNG, WebP, GIF or AVIF".to_owned()) }
}

/// How long a sound is, if it is of a kind that is taken and not longer than `most`. The length is
/// unknown where a file does not say it.
pub(crate) fn sound(bytes: &[u8], most: Duration) -> Result<Option<Duration>, String> {
    let length = length(bytes).ok_or("audio_url: not an MP3, WAV, OGG, M4A or AAC")?;
    match length {
        Some(length) if length > most => {
            let (seconds, most) = (length.as_secs_f64(), most.as_secs());
            Err(format!("audio_url: {seconds:.1} s long, and at most {most} s are taken"))
        }
        Some(Duration::ZERO) => Err("audio_url: there is no sound in it".to_owned()),
        length => Ok(length),
    }
}

/// The length of a sound, where its bytes tell it; `None` for what is no sound.
fn length(bytes: &[u8]) -> Option<Option<Duration>> {
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE") {
        return Some(wav(bytes));
    }
    if bytes.starts_with(b"OggS") {
        return Some(ogg(bytes));
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(mp4(bytes));
    }
    frames(bytes).map(Some)
}

fn has(bytes: &[u8], name: &[u8]) -> bool {
    bytes.windows(name.len()).any(|window| window == name)
}

fn little(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    Some(field.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn big(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let field = bytes.get(at..at.checked_add(size)?)?;
    Some(field.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// So many units of which so many make a second.
fn span(units: u64, per_second: u64) -> Option<Duration> {
    let per_second = per_second.max(1);
    let nanos = units % per_second * 1_000_000_000 / per_second;
    Some(Duration::new(units / per_second, u32::try_from(nanos).ok()?))
}

/// The bytes of `data` by the rate in `fmt `.
fn wav(bytes: &[u8]) -> Option<Duration> {
    let (mut at, mut rate) = (12, None);
    loop {
        let size = usize::try_from(little(bytes, at + 4, 4)?).ok()?;
        match bytes.get(at..at + 4)? {
            b"fmt " => rate = little(bytes, at + 16, 4),
            b"data" => {
                // A recorder that was cut off leaves a size that is not there.
                let there = size.min(bytes.len() - at - 8);
                return span(there as u64, rate?);
            }
            _ => {}
        }
        at = at.checked_add(8 + size + size % 2)?;
    }
}

/// The position that the last page tells, by the rate in the first.
fn ogg(bytes: &[u8]) -> Option<Duration> {
    let head = &bytes[..bytes.len().min(512)];
    let place = |name: &[u8]| head.windows(name.len()).position(|window| window == name);
    let (rate, skipped) = match (place(b"OpusHead"), place(b"\x01vorbis")) {
        (Some(at), _) => (48_000, little(bytes, at + 10, 2)?),
        (None, Some(at)) => (little(bytes, at + 12, 4)?, 0),
        (None, None) => return None,
    };
    let last = bytes.windows(4).rposition(|window| window == b"OggS")?;
    let position = little(bytes, last + 6, 8).filter(|position| *position != u64::MAX)?;
    span(position.saturating_sub(skipped), rate)
}

/// What the head of the film tells.
fn mp4(bytes: &[u8]) -> Option<Duration> {
    let at = bytes.windows(4).position(|window| window == b"mvhd")? + 4;
    let (scale, length) = match bytes.get(at)? {
        0 => (big(bytes, at + 12, 4)?, big(bytes, at + 16, 4)?),
        _ => (big(bytes, at + 20, 4)?, big(bytes, at + 24, 8)?),
    };
    // A film in fragments does not tell it there.
    span(length, scale).filter(|length| !length.is_zero())
}

/// A frame of MP3 or AAC: its bytes, its samples and its rate.
struct Frame {
    bytes: usize,
    samples: u64,
    rate: u64,
}

/// The frames of MP3 or AAC, walked one after the other; `None` if there are not two.
fn frames(bytes: &[u8]) -> Option<Duration> {
    let mut at = match bytes.get(..10) {
        Some(tag) if tag.starts_with(b"ID3") => {
            let size = tag[6..].iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
            10 + size
        }
        _ => 0,
    };
    let (mut count, mut length) = (0, Duration::ZERO);
    while let Some(frame) = bytes.get(at..).and_then(frame) {
        length += span(frame.samples, frame.rate)?;
        (at, count) = (at + frame.bytes, count + 1);
    }
    (count >= 2).then_some(length)
}

fn frame(bytes: &[u8]) -> Option<Frame> {
    let head = big(bytes, 0, 4)?;
    if head >> 21 != 0x7ff {
        return None;
    }
    if head >> 17 & 3 == 0 {
        return adts(bytes);
    }
    /// In kbit/s: of version 1 layer III, II, I, then of the others' layers III and II, I.
    const BITRATES: [[u64; 14]; 5] = [
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
    ];
    let (version, layer) = (head >> 19 & 3, head >> 17 & 3);
    let halved = match version {
        3 => 0,
        2 => 1,
        0 => 2,
        _ => return None,
    };
    let table = match (halved, layer) {
        (0, layer) => layer as usize - 1,
        (_, 3) => 4,
        _ => 3,
    };
    let place = usize::try_from(head >> 12 & 15).ok()?.checked_sub(1)?;
    let bitrate = BITRATES.get(table)?.get(place)? * 1000;
    let rate = [44_100, 48_000, 32_000].get(usize::try_from(head >> 10 & 3).ok()?)? >> halved;
    let padding = head >> 9 & 1;
    let (samples, size) = match layer {
        3 => (384, (12 * bitrate / rate + padding) * 4),
        1 if halved > 0 => (576, 72 * bitrate / rate + padding),
        _ => (1152, 144 * bitrate / rate + padding),
    };
    Some(Frame { bytes: usize::try_from(size).ok()?, samples, rate })
}

fn adts(bytes: &[u8]) -> Option<Frame> {
    const RATES: [u64; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let head = big(bytes, 0, 7)?;
    let size = usize::try_from(head >> 13 & 0x1fff).ok()?;
    let rate = *RATES.get(usize::try_from(head >> 34 & 15).ok()?)?;
    let blocks = (head & 3) + 1;
    (size >= 7).then_some(Frame { bytes: size, samples: 1024 * blocks, rate })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::samples::SAMPLES;

    const MINUTE: Duration = Duration::from_secs(60);

    fn seconds(bytes: &[u8]) -> f64 {
        sound(bytes, MINUTE).unwrap().unwrap().as_secs_f64()
    }

    fn wave(seconds: u32) -> Vec<u8> {
        let rate = 8000_u32;
        let data = vec![0; (rate * seconds) as usize];
        let size = |n: u32| n.to_le_bytes();
        let fmt = [&size(16)[..], &[1, 0, 1, 0], &size(rate), &size(rate), &[1, 0, 8, 0]].concat();
        let sound = [b"data", &size(rate * seconds)[..], &data].concat();
        [b"RIFF\0\0\0\0WAVEfmt ", &fmt[..], &sound].concat()
    }

    #[test]
    fn sounds_of_every_kind_tell_their_length() {
        for sample in SAMPLES.iter().filter(|sample| sample.mime == "audio/mpeg") {
            let told = crate::http::samples::length(&format!("/samples/{}", sample.name));
            let near = (seconds(sample.bytes) - told.unwrap().as_secs_f64()).abs();
            assert!(near < 0.1, "{}: {}", sample.name, seconds(sample.bytes));
        }
        assert!((seconds(&wave(3)) - 3.0).abs() < 1e-9);
        let opus = [b"OggS", &[0; 24][..], b"OpusHead\x01\x01\x38\x01", &[0; 8], b"OggS\0\x04"];
        let opus = [opus.concat(), (48_000_u64 * 2 + 312).to_le_bytes().to_vec()].concat();
        assert!((seconds(&opus) - 2.0).abs() < 1e-9);
        let head = [&b"\0\0\0\x18ftypM4A \0\0\0\0mvhd"[..], &[0; 12], &1000_u32.to_be_bytes()];
        let film = [&head.concat()[..], &2500_u32.to_be_bytes()].concat();
        assert!((seconds(&film) - 2.5).abs() < 1e-9);
        // 44.1 kHz, 16 bytes a frame: 0xfff1, profile and rate, channels and length.
        let frame = [0xff, 0xf1, 0x50, 0x80, 0x02, 0x00, 0xfc];
        let aac = [&frame[..], &[0; 9]].concat().repeat(100);
        assert!((seconds(&aac) - 102_400.0 / 44_100.0).abs() < 1e-6);
        assert_eq!(sound(b"\0\0\0\x18ftypM4A ", MINUTE), Ok(None), "it does not say");
    }

    #[test]
    fn what_is_too_long_too_large_or_something_else_is_told() {
        let thirty = Duration::from_secs(30);
        assert_eq!(
            sound(&wave(31), thirty).unwrap_err(),
            "audio_url: 31.0 s long, and at most 30 s are taken"
        );
        assert!(sound(&wave(31), MINUTE).is_ok());
        assert!(sound(&wave(0), MINUTE).unwrap_err().contains("no sound"));
        for other in [&b""[..], b"<html>", b"\xff\xfb", b"ID3", b"RIFF\0\0\0\0WEBP"] {
            assert!(sound(other, MINUTE).unwrap_err().contains("not an MP3"), "{other:?}");
        }
        for good in
            [&b"\xff\xd8\xff\xe0"[..], b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\0\0\0\x1cftypmif1avif"]
        {
            assert_eq!(picture(good), Ok(()), "{good:?}");
        }
        assert!(picture(b"<svg/>").unwrap_err().contains("not a JPG"));
        let vast = [b"\xff\xd8\xff".to_vec(), vec![0; MOST_PICTURE_BYTES]].concat();
        assert!(picture(&vast).unwrap_err().contains("larger than 5 MB"));
    }

    #[test]
    fn no_bytes_make_it_stumble() {
        let mut rng = fastrand::Rng::with_seed(1);
        let opus = [&b"OggS"[..], &[0; 24], b"OpusHead\x01\x01\x38\x01OggS"].concat();
        for whole in [wave(1), SAMPLES[2].bytes.to_vec(), opus] {
            for _ in 0..2000 {
                let mut broken = whole[..rng.usize(..whole.len().min(400))].to_vec();
                for _ in 0..rng.usize(..8) {
                    let place = rng.usize(..broken.len().max(1));
                    if let Some(byte) = broken.get_mut(place) {
                        *byte = rng.u8(..);
                    }
                }
                let _ = sound(&broken, MINUTE);
            }
        }
    }
}
