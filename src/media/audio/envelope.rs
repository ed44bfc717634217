//! How loud a sound is over time, and how alike two sounds are by that.
//!
//! A service decodes a recording and encodes it again into its video, so no byte of it comes back;
//! what comes back is when it is loud and when it is quiet. That tells speeches apart well enough to
//! propose which video is whose, never to decide it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::hear::{self, Heard, Voice};
use super::{kind, walk};

/// Loudness is measured so often, in moments a second.
const MOMENTS: u32 = 50;
/// No recording that the API takes is longer, in seconds.
const LONGEST: usize = 120;
/// How much earlier or later the other sound may begin, in moments: encoders pad.
const SHIFT: usize = 15;
/// Two sounds whose lengths differ by more, in moments, are not the same.
const LENGTHS: usize = 75;
/// What is quieter than this is all the same silence; in decibels below the loudest possible.
const SILENCE: f32 = -55.0;

/// The loudness of a sound, moment by moment, in decibels above what counts as silence.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope(Vec<f32>);

impl Envelope {
    /// Of a recording, or of the sound of a video; `None` where there is no decoder for it, or
    /// nothing to be heard. Decodes two minutes at most.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let voice = match super::m4a::sound_of_video(bytes) {
            Some(voice) => voice,
            None => walk(kind(bytes).ok()?, bytes).ok()?.voice,
        };
        // Broken bytes may break a decoder.
        catch_unwind(AssertUnwindSafe(|| decoded(voice))).ok().flatten()
    }

    /// Words and pauses by chance.
    #[cfg(test)]
    pub(crate) fn made_up(seed: u64, moments: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut levels = Vec::new();
        while levels.len() < moments {
            let (word, loud) = (random.usize(5..25), 20.0 + 30.0 * random.f32());
            levels.extend((0..word).map(|_| loud - 8.0 * random.f32()));
            levels.extend(std::iter::repeat_n(0.0, random.usize(2..20)));
        }
        levels.truncate(moments);
        Self(levels)
    }

    /// How alike the other sound is, from 0 to 1: 1 for the same one at any volume.
    #[must_use]
    pub fn likeness(&self, other: &Self) -> f64 {
        if self.0.len().abs_diff(other.0.len()) > LENGTHS {
            return 0.0;
        }
        let later = |of: &'_ Self, by: usize| by.min(of.0.len());
        let shifted = (0..=SHIFT).flat_map(|by| {
            [
                correlation(&self.0[later(self, by)..], &other.0),
                correlation(&self.0, &other.0[later(other, by)..]),
            ]
        });
        shifted.fold(0.0, f64::max)
    }
}

fn decoded(voice: Voice<'_>) -> Option<Envelope> {
    let mut meter = Meter::default();
    hear::each(voice, &mut |heard: Heard<'_>| meter.take(&heard))?;
    let levels: Vec<f32> = meter.powers.iter().map(|power| level(*power)).collect();
    levels.iter().any(|level| *level > 0.0).then_some(Envelope(levels))
}

/// The mean power of a moment as loudness.
fn level(power: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "decibels need no more digits")]
    let decibels = (10.0 * power.max(1e-12).log10()) as f32;
    (decibels - SILENCE).max(0.0)
}

/// Adds samples up to moments.
#[derive(Debug, Default)]
struct Meter {
    powers: Vec<f64>,
    sum: f64,
    samples: u32,
}

impl Meter {
    /// Says whether it wants more.
    fn take(&mut self, heard: &Heard<'_>) -> bool {
        let moment = (heard.rate / MOMENTS).max(1);
        for frame in heard.samples.chunks_exact(heard.channels.max(1)) {
            // All channels together: a service may mix them.
            let value = f64::from(frame.iter().sum::<f32>()) / heard.channels as f64;
            self.sum += value * value;
            self.samples += 1;
            if self.samples >= moment {
                self.powers.push(self.sum / f64::from(self.samples));
                (self.sum, self.samples) = (0.0, 0);
            }
        }
        self.powers.len() < LONGEST * MOMENTS as usize
    }
}

/// Pearson's, over what both have; 0 where one of them never changes.
fn correlation(one: &[f32], other: &[f32]) -> f64 {
    let both = one.len().min(other.len());
    let mean = |of: &[f32]| of.iter().map(|v| f64::from(*v)).sum::<f64>() / both as f64;
    let (one, other) = (&one[..both], &other[..both]);
    let (mean_one, mean_other) = (mean(one), mean(other));
    let (mut product, mut square_one, mut square_other) = (0.0, 0.0, 0.0);
    for (a, b) in one.iter().zip(other) {
        let (a, b) = (f64::from(*a) - mean_one, f64::from(*b) - mean_other);
        product += a * b;
        square_one += a * a;
        square_other += b * b;
    }
    let scale = (square_one * square_other).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A "speech": words and pauses by chance, as a WAV of 16 bits.
    fn speech(seed: u64, seconds: u32, volume: f32, before: usize) -> Vec<u8> {
        let (mut random, rate) = (fastrand::Rng::with_seed(seed), 8000_u32);
        let mut samples = vec![0_i16; before];
        while samples.len() < (rate * seconds) as usize {
            let (word, pause) = (random.usize(800..4000), random.usize(200..3000));
            let loud = volume * (0.2 + 0.8 * random.f32());
            for n in 0..word {
                let swell = (n as f32 / word as f32 * std::f32::consts::PI).sin();
                let tone = (n as f32 * 0.3).sin() * loud * swell;
                samples.push((tone * 32000.0) as i16);
            }
            samples.extend(std::iter::repeat_n(0, pause));
        }
        samples.truncate((rate * seconds) as usize);
        wav(rate, &samples)
    }

    fn wav(rate: u32, samples: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let size = u32::try_from(data.len()).unwrap();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + size).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
        bytes.extend(rate.to_le_bytes());
        bytes.extend((rate * 2).to_le_bytes());
        bytes.extend(b"\x02\0\x10\0data");
        bytes.extend(size.to_le_bytes());
        bytes.extend(data);
        bytes
    }

    fn of(bytes: &[u8]) -> Envelope {
        Envelope::of(bytes).unwrap()
    }

    #[test]
    fn the_same_speech_is_alike_at_any_volume_and_a_little_later() {
        let speech_of = |volume, before| of(&speech(7, 12, volume, before));
        let first = speech_of(0.9, 0);
        assert!(first.likeness(&first) > 0.999);
        for (volume, before) in [(0.3, 0), (0.9, 700), (0.4, 1600)] {
            let score = first.likeness(&speech_of(volume, before));
            assert!(score > 0.9, "{volume} {before}: {score}");
        }
    }

    #[test]
    fn other_speeches_are_not_alike() {
        let speeches: Vec<_> = (0..12).map(|seed| of(&speech(seed, 10, 0.8, 0))).collect();
        for (n, one) in speeches.iter().enumerate() {
            for other in &speeches[n + 1..] {
                let score = one.likeness(other);
                assert!(score < 0.6, "{score}");
            }
        }
        assert_eq!(of(&speech(1, 10, 0.8, 0)).likeness(&of(&speech(1, 12, 0.8, 0))), 0.0);
    }

    #[test]
    fn silence_and_what_is_no_sound_have_no_envelope() {
        assert_eq!(Envelope::of(&wav(8000, &[0; 16000])), None);
        assert_eq!(Envelope::of(b""), None);
        assert_eq!(Envelope::of(b"<html>no"), None);
    }

    #[test]
    fn two_minutes_are_decoded_at_most() {
        let long = of(&speech(3, 200, 0.8, 0));
        assert!(long.0.len() <= LONGEST * MOMENTS as usize + 1 + MOMENTS as usize * 100);
        assert!(long.0.len() >= LONGEST * MOMENTS as usize);
    }
}
