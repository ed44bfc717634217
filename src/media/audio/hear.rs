//! Decodes until something is heard.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, AudioDecoder};
use symphonia::core::packet::PacketRef;
use symphonia::core::units::{Duration, Timestamp};

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
    /// Decoded already.
    Known(Sound),
}

pub(super) fn listen(voice: Voice<'_>) -> Sound {
    if matches!(&voice, Voice::Vorbis(_, third, _) if !vorbis::is_modest(third)) {
        return Sound::NotChecked;
    }
    let (codec, config, packets) = match voice {
        Voice::Mp3(packets) => (CODEC_ID_MP3, Vec::new(), packets),
        Voice::Aac(config, packets) => (CODEC_ID_AAC, config, packets),
        Voice::Vorbis(first, third, packets) => (CODEC_ID_VORBIS, [first, third].concat(), packets),
        Voice::Known(sound) => return sound,
    };
    // Broken bytes may break a decoder; then it is not known what they sound like.
    let heard = catch_unwind(AssertUnwindSafe(|| decode(codec, config, &packets)));
    heard.ok().flatten().unwrap_or(Sound::NotChecked)
}

fn decode(codec: AudioCodecId, config: Vec<u8>, packets: &[Cow<'_, [u8]>]) -> Option<Sound> {
    let mut decoder = decoder(codec, config)?;
    let mut decoded = 0;
    for packet in packets.iter().take(MOST_PACKETS) {
        let packet = PacketRef::new(0, Timestamp::ZERO, Duration::ZERO, packet);
        // The first packets of a stream that was cut out of a longer one cannot be decoded.
        let Ok(samples) = decoder.decode_ref(&packet) else { continue };
        if is_loud(&samples) {
            return Some(Sound::Heard);
        }
        decoded += 1;
    }
    let all = packets.len() < MOST_PACKETS && decoded > packets.len() / 2;
    all.then_some(Sound::Silent)
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

fn is_loud(samples: &GenericAudioBufferRef<'_>) -> bool {
    let mut values: Vec<f32> = Vec::new();
    samples.copy_to_vec_interleaved(&mut values);
    values.iter().any(|value| value.abs() > QUIET)
}
