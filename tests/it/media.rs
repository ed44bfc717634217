//! Every sound and picture of the fixtures, held against how it was made, then cut and broken.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use callsheet::media::audio::{self, Audio, Sound};
use callsheet::media::face::{self, Faces, NotCheckedReason};
use callsheet::media::image::{self, Image, Kind};
use proptest::prelude::*;

const MEDIA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/media");

/// Lengths are right within this.
const NEAR: f64 = 0.1;

fn names(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(format!("{MEDIA}/{folder}")).unwrap();
    files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
}

fn sound(name: &str) -> Vec<u8> {
    fs::read(format!("{MEDIA}/sounds/{name}")).unwrap()
}

fn picture(name: &str) -> Vec<u8> {
    fs::read(format!("{MEDIA}/pictures/{name}")).unwrap()
}

/// A line of `lengths.csv`.
#[derive(Debug)]
struct Truth {
    file: String,
    kind: String,
    seconds: Option<f64>,
    header: String,
    sound: Sound,
    cut: bool,
}

fn truths() -> Vec<Truth> {
    let mut table = csv::Reader::from_path(format!("{MEDIA}/lengths.csv")).unwrap();
    let rows = table.records().map(|row| {
        let row = row.unwrap();
        Truth {
            file: row[0].to_owned(),
            kind: row[1].to_uppercase(),
            seconds: row[2].parse().ok(),
            header: row[3].to_owned(),
            sound: match &row[4] {
                "heard" => Sound::Heard,
                "silent" => Sound::Silent,
                "unknown" => Sound::NotChecked,
                other => panic!("{other}"),
            },
            cut: &row[5] == "yes",
        }
    });
    rows.collect()
}

fn near(found: Option<Duration>, expected: Option<f64>) -> bool {
    match (found, expected) {
        (Some(found), Some(expected)) => (found.as_secs_f64() - expected).abs() <= NEAR,
        (found, expected) => found.is_none() && expected.is_none(),
    }
}

fn header_fits(audio: &Audio, truth: &Truth) -> bool {
    match &*truth.header {
        "same" => near(audio.claimed, truth.seconds),
        "other" => audio.claimed.is_some() && !near(audio.claimed, truth.seconds),
        "unknown" => audio.claimed.is_none(),
        seconds => near(audio.claimed, Some(seconds.parse().unwrap())),
    }
}

#[test]
fn every_length_is_right_or_said_to_be_unknown() {
    let mut wrong = Vec::new();
    for truth in truths() {
        let audio = audio::measure(&sound(&truth.file));
        let fits = audio.as_ref().is_ok_and(|audio| {
            audio.kind.to_string() == truth.kind
                && near(audio.length, truth.seconds)
                && header_fits(audio, &truth)
                && (audio.sound, audio.cut) == (truth.sound, truth.cut)
        });
        if !fits {
            wrong.push(format!("{truth:?}\n  {audio:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is no sound, and what is said of it.
const REFUSED: [(&str, &str); 16] = [
    ("cut-back.m4a", "the audio is cut off before its first sound"),
    ("cut-in-first-frame.mp3", "the audio is cut off before its first sound"),
    ("cut-in-header.wav", "the audio is cut off before its first sound"),
    ("cut-in-headers.ogg", "the audio is cut off before its first sound"),
    ("empty.mp3", "the file is empty"),
    ("expired.mp3", "it is JSON text, not MP3, WAV, OGG, M4A or AAC"),
    ("login.mp3", "it is a web page, not audio"),
    ("no-samples.wav", "there is no sound in it"),
    ("only-the-tag.mp3", "the audio is cut off before its first sound"),
    ("other.aiff", "it is an AIFF sound, not MP3, WAV, OGG, M4A or AAC"),
    ("other.mp2", "it is an MP2 sound, not MP3, WAV, OGG, M4A or AAC"),
    ("other.flac", "it is a FLAC sound, not MP3, WAV, OGG, M4A or AAC"),
    ("other.webm", "it is a WebM or Matroska video, not MP3, WAV, OGG, M4A or AAC"),
    ("video.mp4", "it is an MP4 video, not MP3, WAV, OGG, M4A or AAC"),
    ("video.ogv", "it is an Ogg video, not MP3, WAV, OGG, M4A or AAC"),
    ("../pictures/portrait.jpg", "it is a JPEG picture, not MP3, WAV, OGG, M4A or AAC"),
];

#[test]
fn what_is_no_sound_is_called_by_its_name() {
    for (name, expected) in REFUSED {
        let said = audio::measure(&sound(name)).map_err(|unfit| unfit.to_string());
        assert_eq!(said, Err(expected.to_owned()), "{name}");
    }
}

#[test]
fn headers_that_lie_are_told_by_how_much() {
    let audio = audio::measure(&sound("size-too-large.wav")).unwrap();
    assert_eq!(audio.disagreement(), Some(Duration::from_secs(4)));
    let hidden = audio::measure(&sound("size-too-small.wav")).unwrap();
    assert_eq!(
        hidden.disagreement(),
        Some(Duration::from_secs(1)),
        "and which way, the lengths say"
    );
    let unknown = audio::measure(&sound("page-lost.ogg")).unwrap();
    assert_eq!(unknown.disagreement(), None);
}

#[test]
fn every_sound_of_the_fixtures_is_held_against_something() {
    let known = truths().into_iter().map(|truth| truth.file);
    let known = known.chain(REFUSED.iter().map(|(name, _)| (*name).to_owned()));
    let known: BTreeSet<String> = known.filter(|name| !name.starts_with("..")).collect();
    assert_eq!(names("sounds"), known);
}

#[test]
fn a_sound_that_is_cut_is_never_given_a_length_of_more_than_is_there() {
    for truth in truths().iter().filter(|truth| truth.seconds.is_some()) {
        let whole = sound(&truth.file);
        for tenth in 1..10 {
            let Ok(audio) = audio::measure(&whole[..whole.len() * tenth / 10]) else {
                continue;
            };
            let length = audio.length.map_or(0.0, |length| length.as_secs_f64());
            let most = truth.seconds.unwrap() + NEAR;
            assert!(length <= most, "{} cut at {tenth}: {audio:?}", truth.file);
        }
    }
}

const fn still(kind: Kind, width: u32, height: u32) -> Image {
    Image { kind, width, height, animated: false }
}

const fn moving(kind: Kind) -> Image {
    Image { kind, width: 48, height: 48, animated: true }
}

/// Every picture that is one, and what can be seen in it.
fn pictures() -> Vec<(&'static str, Image, Faces)> {
    let one = Faces::Seen(1);
    let not = Faces::NotChecked;
    vec![
        ("portrait.jpg", still(Kind::Jpeg, 240, 240), one),
        ("portrait-progressive.jpg", still(Kind::Jpeg, 240, 240), one),
        ("portrait-grey.jpg", still(Kind::Jpeg, 240, 240), one),
        ("portrait-thumbnail.jpg", still(Kind::Jpeg, 240, 240), one),
        ("portrait-turned.jpg", still(Kind::Jpeg, 240, 240), one),
        ("portrait-on-its-side.jpg", still(Kind::Jpeg, 240, 240), Faces::NotSeen),
        ("portrait-cmyk.jpg", still(Kind::Jpeg, 240, 240), not(NotCheckedReason::Undecodable)),
        ("portrait.png", still(Kind::Png, 240, 240), one),
        ("portrait-rgb.png", still(Kind::Png, 120, 120), one),
        ("portrait.webp", still(Kind::WebP, 240, 240), one),
        ("portrait.gif", still(Kind::Gif, 240, 240), one),
        ("portrait.avif", still(Kind::Avif, 240, 240), not(NotCheckedReason::Avif)),
        ("two.jpg", still(Kind::Jpeg, 480, 240), Faces::Seen(2)),
        ("tiny.jpg", still(Kind::Jpeg, 30, 30), not(NotCheckedReason::TooSmall)),
        ("bomb.png", still(Kind::Png, 20_000, 20_000), not(NotCheckedReason::TooLarge)),
        ("pattern.jpg", still(Kind::Jpeg, 240, 240), Faces::NotSeen),
        ("pattern-16bit.png", still(Kind::Png, 96, 96), Faces::NotSeen),
        ("pattern-interlaced.png", still(Kind::Png, 240, 240), Faces::NotSeen),
        ("pattern-lossless.webp", still(Kind::WebP, 200, 200), Faces::NotSeen),
        ("pattern-alpha.webp", still(Kind::WebP, 200, 200), Faces::NotSeen),
        ("pattern.gif", still(Kind::Gif, 200, 200), Faces::NotSeen),
        ("animated.gif", moving(Kind::Gif), not(NotCheckedReason::Animated)),
        ("animated.png", moving(Kind::Png), not(NotCheckedReason::Animated)),
        ("animated.webp", moving(Kind::WebP), not(NotCheckedReason::Animated)),
        ("animated.avif", moving(Kind::Avif), not(NotCheckedReason::Avif)),
    ]
}

const NO_PICTURES: [(&str, &str); 7] = [
    ("empty.png", "the file is empty"),
    ("login.jpg", "it is a web page, not an image"),
    ("other.bmp", "it is a BMP picture, not JPG, PNG, WebP, GIF or AVIF"),
    ("other.heic", "it is a HEIC picture, not JPG, PNG, WebP, GIF or AVIF"),
    ("other.pdf", "it is a PDF, not JPG, PNG, WebP, GIF or AVIF"),
    ("other.svg", "it is an SVG drawing, not JPG, PNG, WebP, GIF or AVIF"),
    ("other.tiff", "it is a TIFF picture, not JPG, PNG, WebP, GIF or AVIF"),
];

#[test]
fn every_picture_is_what_it_is() {
    for (name, expected, _) in pictures() {
        assert_eq!(image::look(&picture(name)), Ok(expected), "{name}");
    }
    for (name, expected) in NO_PICTURES {
        let said = image::look(&picture(name)).map_err(|unfit| unfit.to_string());
        assert_eq!(said, Err(expected.to_owned()), "{name}");
    }
    let known = pictures().into_iter().map(|(name, ..)| name);
    let known = known.chain(NO_PICTURES.iter().map(|(name, _)| *name));
    assert_eq!(names("pictures"), known.map(str::to_owned).collect());
}

#[test]
fn a_picture_that_is_cut_is_no_picture() {
    for (name, expected, _) in pictures() {
        let whole = picture(name);
        for tenth in 1..10 {
            let cut = image::look(&whole[..whole.len() * tenth / 10]);
            assert_eq!(cut, Err(image::ImageFlaw::Cut(expected.kind)), "{name} cut at {tenth}");
        }
        // Nearly all of it; a camera's own bytes may follow the end marker of a JPEG.
        let short = whole.len() - if name == "portrait-thumbnail.jpg" { 17 } else { 1 };
        assert_eq!(
            image::look(&whole[..short]),
            Err(image::ImageFlaw::Cut(expected.kind)),
            "{name}"
        );
    }
}

/// Services take what lacks nothing but the mark of its end, and nobody takes half a picture.
#[cfg(feature = "face")]
#[test]
fn a_picture_that_lacks_only_its_end_is_told_from_half_of_one() {
    let complete = |bytes: &[u8]| {
        image::without_end(bytes).is_some_and(|image| face::is_complete(bytes, &image))
    };
    for (name, expected, _) in pictures() {
        let whole = picture(name);
        let ends = match expected.kind {
            Kind::Jpeg => {
                whole.windows(2).rposition(|two| two == b"\xff\xd9").unwrap()..whole.len()
            }
            _ => whole.len() - 1..whole.len(),
        };
        // Whether the last scan of several is whole, or one for printing is, no decoder here tells.
        let unsure = ["portrait-progressive.jpg", "portrait-cmyk.jpg"].contains(&name);
        let taken = matches!(expected.kind, Kind::Jpeg | Kind::Gif) && !unsure;
        assert_eq!(complete(&whole[..ends.start]), taken, "{name}");
        for tenth in 1..10 {
            let half = &whole[..whole.len() * tenth / 10];
            assert!(!complete(half), "{name} cut at {tenth}");
        }
    }
}

#[cfg(feature = "face")]
#[test]
fn faces_are_seen_where_they_are() {
    for (name, image, expected) in pictures() {
        assert_eq!(face::find(&picture(name), &image), expected, "{name}");
    }
}

#[cfg(not(feature = "face"))]
#[test]
fn without_the_detector_nobody_looks() {
    let expected = Faces::NotChecked(NotCheckedReason::NotBuilt);
    assert_eq!(face::find(&picture("portrait.jpg"), &still(Kind::Jpeg, 240, 240)), expected);
}

/// One way to break a file.
#[derive(Debug, Clone)]
enum Harm {
    Set(usize, u8),
    /// Four bytes, where sizes and counts stand.
    Fill(usize, u8),
    Remove(usize, usize),
    Repeat(usize, usize),
}

impl Harm {
    fn to(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let many = bytes.len();
        match *self {
            Harm::Set(at, byte) => bytes[at % many] = byte,
            Harm::Fill(at, byte) => {
                bytes.iter_mut().skip(at % many).take(4).for_each(|b| *b = byte)
            }
            Harm::Remove(at, size) => drop(bytes.drain(at % many..(at % many + size).min(many))),
            Harm::Repeat(at, size) => {
                let part = bytes[at % many..(at % many + size).min(many)].to_vec();
                bytes.splice(at % many..at % many, part);
            }
        }
    }
}

/// Headers are short and stand in front; half of the harm is done there.
fn harm() -> impl Strategy<Value = Harm> {
    let place = || prop_oneof![0..300_usize, any::<usize>()];
    prop_oneof![
        (place(), any::<u8>()).prop_map(|(at, byte)| Harm::Set(at, byte)),
        (place(), prop_oneof![Just(0), Just(0xff), Just(0x7f)]).prop_map(|(a, b)| Harm::Fill(a, b)),
        (place(), 1..2000_usize).prop_map(|(at, size)| Harm::Remove(at, size)),
        (place(), 1..2000_usize).prop_map(|(at, size)| Harm::Repeat(at, size)),
    ]
}

/// A fixture, and what is done to it.
fn broken(folder: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let names: Vec<String> = names(folder).into_iter().filter(|name| name != "bomb.png").collect();
    let files = proptest::sample::select(names);
    (files, prop::collection::vec(harm(), 1..6)).prop_map(move |(name, harm)| {
        let mut bytes = fs::read(format!("{MEDIA}/{folder}/{name}")).unwrap();
        harm.iter().for_each(|harm| harm.to(&mut bytes));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn broken_sounds_are_measured_or_refused_in_time(bytes in broken("sounds")) {
        let began = Instant::now();
        let most = bytes.len();
        if let Ok(audio) = audio::measure(&bytes) {
            // Nothing plays longer than one byte a quarter of a second: that would be a guess.
            let length = audio.length.unwrap_or_default();
            prop_assert!(length.as_secs() <= 1 + most as u64 * 4, "{audio:?}");
        }
        prop_assert!(began.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn broken_pictures_are_looked_at_or_refused_in_time(bytes in broken("pictures")) {
        let began = Instant::now();
        if let Ok(image) = image::look(&bytes) {
            // Only that it comes back is asked here.
            let _ = face::find(&bytes, &image);
        }
        prop_assert!(began.elapsed() < Duration::from_secs(5));
    }
}

/// Run it with `--release -- --ignored --nocapture speeds`.
#[test]
#[ignore = "a measurement, not a test"]
fn speeds() {
    for truth in truths() {
        let bytes = sound(&truth.file);
        let began = Instant::now();
        (0..20).for_each(|_| drop(audio::measure(&bytes)));
        println!("{:24} {:8.3} ms", truth.file, began.elapsed().as_secs_f64() * 50.0);
    }
    for (name, image, _) in pictures() {
        let bytes = picture(name);
        let began = Instant::now();
        let faces = face::find(&bytes, &image);
        println!("{name:24} {:8.3} ms {faces:?}", began.elapsed().as_secs_f64() * 1000.0);
    }
}
