//! Decodes: until something is heard, or as far as somebody listens.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

use super::wav::Pcm;
use super::{Sound, vorbis};

/// A thousandth of the loudest: 60 dB below it.
pub(super) const QUIET: f32 = 0.001;

/// Packets that are decoded at most: a quarter of an hour of silence and more, within seconds.
pub(super) const MOST_PACKETS: usize = 40_000;

/// What there is to decode.
#[derive(Debug)]
pub(super) enum Voice<'a> {
    /// Whole MP3 frames.
    Mp3(Vec<Cow<'a, [u8]>>),
    /// AAC packets after their `AudioSpecificConfig`.
    Aac(Vec<u8>, Vec<Cow<'a, [u8]>>),
    /// Vorbis packets after their first and third header.
    Vorbis(Vec<u8>, Vec<u8>, Vec<Cow<'a, [u8]>>),
    /// Samples that need no decoder.
    Plain(Pcm<'a>),
    /// There is no decoder for it here.
    Unknown,
}

/// What was decoded at a time.
#[derive(Debug)]
pub(super) struct Heard<'a> {
    /// Moments a second.
    pub(super) rate: u32,
    pub(super) channels: usize,
    /// From -1 to 1, all channels of a moment side by side.
    pub(super) samples: &'a [f32],
}

pub(super) fn listen(voice: Voice<'_>) -> Sound {
    if let Voice::Plain(pcm) = &voice {
        return pcm.listen();
    }
    let mut sound = None;
    let mut until_loud = |heard: Heard<'_>| {
        let loud = heard.samples.iter().any(|value| value.abs() > QUIET);
        sound = loud.then_some(Sound::Heard);
        !loud
    };
    // Broken bytes may break a decoder; then it is not known what they sound like.
    let all = catch_unwind(AssertUnwindSafe(|| each(voice, &mut until_loud))).ok().flatten();
    sound.unwrap_or(if all == Some(All::Heard) { Sound::Silent } else { Sound::NotChecked })
}

/// Whether all that could be decoded was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum All {
    Heard,
    /// Half of it at least could not be decoded, or there is too much of it.
    NotHeard,
}

/// Decodes one packet after another, as long as `more` wants more; `None` where there is no decoder.
pub(super) fn each(voice: Voice<'_>, more: &mut dyn FnMut(Heard<'_>) -> bool) -> Option<All> {
    if matches!(&voice, Voice::Vorbis(_, third, _) if !vorbis::is_modest(third)) {
        return None;
    }
    let (codec, config, packets) = match voice {
        Voice::Mp3(packets) => (CODEC_ID_MP3, Vec::new(), packets),
        Voice::Aac(config, packets) => (CODEC_ID_AAC, config, packets),
        Voice::Vorbis(first, third, packets) => (CODEC_ID_VORBIS, [first, third].concat(), packets),
        Voice::Plain(pcm) => {
            pcm.each(more);
            return Some(All::Heard);
        }
        Voice::Unknown => return None,
    };
    decode(decoder(codec, config)?, &packets, more)
}

fn decode(
    mut decoder: Box<dyn AudioDecoder>,
    packets: &[Cow<'_, [u8]>],
    more: &mut dyn FnMut(Heard<'_>) -> bool,
) -> Option<All> {
    let (mut decoded, mut samples) = (0, Vec::new());
    for packet in packets.iter().take(MOST_PACKETS) {
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        // The first packets of a stream that was cut out of a longer one cannot be decoded.
        let Ok(buffer) = decoder.decode_ref(&packet) else { continue };
        buffer.copy_to_vec_interleaved(&mut samples);
        let (rate, channels) = (buffer.spec().rate(), buffer.spec().channels().count());
        if !more(Heard { rate, channels, samples: &samples }) {
            return Some(All::Heard);
        }
        decoded += 1;
    }
    let all = packets.len() < MOST_PACKETS && decoded > packets.len() / 2;
    Some(if all { All::Heard } else { All::NotHeard })
}

fn decoder(codec: AudioCodecId, config: Vec<u8>) -> Option<Box<dyn AudioDecoder>> {
    let mut parameters = AudioCodecParameters::new();
    parameters.for_codec(codec);
    if !config.is_empty() {
        parameters.with_extra_data(config.into_boxed_slice());
    }
    let codecs = symphonia::default::get_codecs();
    codecs.make_audio_decoder(&parameters, &Default::default()).ok()
}
