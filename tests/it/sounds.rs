//! Recordings are known again by their sound after a real encoder has made videos of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use callsheet::media::audio::Envelope;
use callsheet::pair::TaskId;
use callsheet::reconcile::{Lost, MatchReason, Orphan, match_up};
use callsheet::wire::Listed;
use jiff::Timestamp;

/// Words and pauses by chance, as a WAV of 16 bits.
fn speech(seed: u64, seconds: u32) -> Vec<u8> {
    let (mut random, rate) = (fastrand::Rng::with_seed(seed), 16_000_u32);
    let mut samples = Vec::<i16>::new();
    while samples.len() < (rate * seconds) as usize {
        let (word, pause) = (random.usize(1600..8000), random.usize(400..6000));
        let (loud, pitch) = (0.2 + 0.8 * random.f32(), 0.05 + 0.1 * random.f32());
        samples.extend((0..word).map(|n| {
            let swell = (n as f32 / word as f32 * std::f32::consts::PI).sin();
            ((n as f32 * pitch).sin() * loud * swell * 28_000.0) as i16
        }));
        samples.extend(std::iter::repeat_n(0, pause));
    }
    samples.truncate((rate * seconds) as usize);
    let data: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let size = u32::try_from(data.len()).unwrap();
    let format = [b"WAVEfmt \x10\0\0\0\x01\0\x01\0", &rate.to_le_bytes()[..]].concat();
    let sizes = [&(rate * 2).to_le_bytes()[..], b"\x02\0\x10\0data", &size.to_le_bytes()].concat();
    [b"RIFF", &(36 + size).to_le_bytes()[..], &format, &sizes, &data].concat()
}

/// As a service does: the sound is encoded anew beside moving pictures.
fn filmed(folder: &Path, recording: &[u8], n: u64) -> Vec<u8> {
    let (sound, film) = (folder.join("a.wav"), folder.join("a.mp4"));
    fs::write(&sound, recording).unwrap();
    let (bits, rate) = (["32k", "64k", "96k"][n as usize % 3], ["22050", "44100"][n as usize % 2]);
    let encoded = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(&sound)
        .args(["-f", "lavfi", "-i", "color=c=blue:s=64x64:r=10", "-shortest", "-c:a", "aac"])
        .args(["-b:a", bits, "-ar", rate])
        .arg(&film)
        .status();
    assert!(encoded.unwrap().success());
    fs::read(&film).unwrap()
}

#[test]
#[ignore = "needs ffmpeg"]
fn of_a_hundred_videos_none_is_proposed_for_the_wrong_recording() {
    let folder = tempfile::tempdir().unwrap();
    let recordings: Vec<_> = (0..200).map(|n| speech(n, 8 + n as u32 % 3)).collect();
    let at = Timestamp::UNIX_EPOCH;
    // Of the second hundred videos, none is of any of these recordings.
    let lost: Vec<_> = (0..100)
        .map(|n| {
            let (id, image, audio) = (format!("p{n}"), format!("{n}.jpg"), format!("{n}.mp3"));
            Lost {
                id,
                sent_at: at,
                image,
                audio,
                model: "".into(),
                file: None,
                requests: Vec::new(),
                sound: Envelope::of(&recordings[n]),
            }
        })
        .collect();
    let orphans: Vec<_> = (0..200)
        .map(|n| {
            let task = TaskId::parse(&format!("t{n}")).unwrap();
            let (made_at, model, inputs, request) = (None, None, None, None);
            let listed = Listed { task, made_at, model, inputs, request };
            let film = filmed(folder.path(), &recordings[n], n as u64);
            Orphan { listed, sound: Envelope::of(&film) }
        })
        .collect();
    let findings = match_up(&lost, &orphans);
    let mut worst = 1.0_f64;
    for proposal in &findings.proposals {
        assert_eq!(proposal.id[1..], proposal.task.as_str()[1..], "a wrong one: {proposal:?}");
        let MatchReason::Sound(score) = proposal.reason else { panic!("{proposal:?}") };
        worst = worst.min(score);
    }
    println!("{} of 100 proposed, the least alike {worst:.3}", findings.proposals.len());
    assert!(findings.proposals.len() >= 95, "{} proposed", findings.proposals.len());
    assert!(findings.strangers.len() >= 100, "{}", findings.strangers.len());
}
