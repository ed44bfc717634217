//! The files that the fake serves: samples to send, and the videos of its tasks.
//!
//! All of them are made by `media/make.sh`. Whole or in ranges (RFC 9110), with an entity tag.

use std::time::Duration;

use serde_json::json;
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::clock::Millis;
use crate::digest::Digest;
use crate::engine::header;
use crate::task::TaskId;

const VIDEO: &[u8] = include_bytes!("../media/video.mp4");
/// The length of the video as it was made.
const VIDEO_MILLIS: u64 = 1000;

/// A portrait or a speech to send in a request.
struct Sample {
    name: &'static str,
    mime: &'static str,
    /// How long a speech is.
    millis: Option<u64>,
    bytes: &'static [u8],
}

macro_rules! samples {
    ($($name:literal, $mime:literal, $millis:expr;)+) => {
        const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            mime: $mime,
            millis: $millis,
            bytes: include_bytes!(concat!("../media/", $name)),
        },)+];
    };
}

samples! {
    "anna.jpg", "image/jpeg", None;
    "ben.jpg", "image/jpeg", None;
    "hello-en.mp3", "audio/mpeg", Some(3384);
    "hallo-de.mp3", "audio/mpeg", Some(3096);
    "hola-es.mp3", "audio/mpeg", Some(3312);
}

/// A file of `/samples/`, or the list of them.
pub(crate) fn sample(request: &Seen, name: &str) -> Answer {
    if name.is_empty() {
        let names: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
        return Answer::json(200, &json!({ "samples": names }));
    }
    match SAMPLES.iter().find(|sample| sample.name == name) {
        Some(sample) => file(request, sample.bytes, sample.mime),
        None => answer::no_such_path(request.url.path()),
    }
}

/// The length of a speech of `/samples/`, wherever that is served.
pub(crate) fn sample_length(url: &str) -> Option<Duration> {
    let name = url.split(['?', '#']).next()?.rsplit_once("/samples/")?.1;
    let sample = SAMPLES.iter().find(|sample| sample.name == name)?;
    sample.millis.map(Duration::from_millis)
}

/// A sample in the place of a file that the fake does not fetch.
pub(crate) fn stand_in(speech: bool) -> &'static [u8] {
    let found = SAMPLES.iter().find(|sample| sample.millis.is_some() == speech);
    found.map_or(&[], |sample| sample.bytes)
}

/// A link to the video of a task, as signed links are: useless once changed.
pub(crate) fn link(base: &str, task: &TaskId, number: u32, expires: Millis) -> String {
    let file = format!("{task}-{number}.mp4");
    let signature = signature(&file, expires);
    format!("{base}/output/{file}?expires={}&signature={signature}", expires.seconds())
}

fn signature(file: &str, expires: Millis) -> String {
    format!("{:016x}", Digest::of_bytes(format!("{file} {}", expires.seconds()).as_bytes()).head())
}

/// What a link to a video names, if its signature is one of ours.
pub(crate) fn signed(request: &Seen, file: &str) -> Option<(TaskId, u32)> {
    let find = |name: &str| {
        let found = request.url.query_pairs().find(|(key, _)| key == name);
        found.map(|(_, value)| value.into_owned())
    };
    let expires = Millis(find("expires")?.parse::<u64>().ok()?.checked_mul(1000)?);
    if find("signature")? != signature(file, expires) {
        return None;
    }
    let (task, number) = file.strip_suffix(".mp4")?.rsplit_once('-')?;
    Some((TaskId::named(task), number.parse().ok()?))
}

/// 403 as storage hosts say it, in XML.
pub(crate) fn denied(what: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Error><Code>AccessDenied</Code><Message>{what}</Message></Error>\n"
    );
    Answer::text(403, "application/xml", body)
}

/// The video of a task, played at the pace that gives it this length. No two tasks have the same
/// bytes: a box that players pass over names the task.
pub(crate) fn video(length: Duration, task: &TaskId) -> Vec<u8> {
    let mut bytes = VIDEO.to_vec();
    let millis = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    // Where each box keeps a duration, counted from the box's name (ISO/IEC 14496-12).
    for (name, offset) in
        [(b"mvhd", 20), (b"tkhd", 24), (b"elst", 12), (b"mdhd", 20), (b"stts", 16)]
    {
        let place = bytes.windows(4).position(|window| window == name);
        let field = place.and_then(|place| bytes.get_mut(place + offset..place + offset + 4));
        if let Some(field) = field.and_then(|field| <&mut [u8; 4]>::try_from(field).ok()) {
            let scaled = u64::from(u32::from_be_bytes(*field)).saturating_mul(millis);
            let scaled = u32::try_from(scaled / VIDEO_MILLIS).unwrap_or(u32::MAX);
            *field = scaled.to_be_bytes();
        }
    }
    let name = task.to_string();
    let size = u32::try_from(8 + name.len()).unwrap_or(8);
    bytes.extend([&size.to_be_bytes()[..], b"free", name.as_bytes()].concat());
    bytes
}

/// A file, or the range of it that is asked for.
pub(crate) fn file(request: &Seen, bytes: &[u8], mime: &'static str) -> Answer {
    let tag = format!("\"{:016x}\"", Digest::of_bytes(bytes).head());
    let answer = if header(request, "if-none-match").is_some_and(|tags| names(tags, &tag)) {
        Answer::empty(304)
    } else {
        // A range of a file that has changed since would be a patchwork: then all of it.
        let fresh = header(request, "if-range").is_none_or(|known| known == tag);
        match header(request, "range").filter(|_| fresh).map(|text| range(text, bytes.len())) {
            Some(Ok(Some((start, end)))) => part(bytes, mime, start, end),
            Some(Err(Unsatisfiable)) => {
                Answer::empty(416).header("content-range", format!("bytes */{}", bytes.len()))
            }
            None | Some(Ok(None)) => Answer::text(200, mime, bytes),
        }
    };
    answer.header("etag", tag).header("accept-ranges", "bytes")
}

fn part(bytes: &[u8], mime: &'static str, start: usize, end: usize) -> Answer {
    let range = format!("bytes {start}-{}/{}", end - 1, bytes.len());
    Answer::text(206, mime, &bytes[start..end]).header("content-range", range)
}

fn names(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .any(|one| matches!(one.trim(), "*") || one.trim().trim_start_matches("W/") == tag)
}

#[derive(Debug, PartialEq, Eq)]
struct Unsatisfiable;

/// The start and end of a range; `None` where a server may as well send everything: a range that
/// cannot be read, or several.
fn range(text: &str, length: usize) -> Result<Option<(usize, usize)>, Unsatisfiable> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let (first, last) = (first.trim().parse(), last.trim().parse::<usize>());
    let ends_open = text.ends_with('-');
    let (start, end) = match (first, last) {
        (Ok(first), Ok(last)) if last < first => return Ok(None),
        (Ok(first), Ok(last)) => (first, last.saturating_add(1).min(length)),
        (Ok(first), Err(_)) if ends_open => (first, length),
        (Err(_), Ok(suffix)) if text.starts_with("bytes=-") => {
            (if suffix == 0 { length } else { length.saturating_sub(suffix) }, length)
        }
        _ => return Ok(None),
    };
    if start < length { Ok(Some((start, end))) } else { Err(Unsatisfiable) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(range("bytes=0-0", 10), Ok(Some((0, 1))));
        assert_eq!(range("bytes=5-", 10), Ok(Some((5, 10))));
        assert_eq!(range("bytes=5-99", 10), Ok(Some((5, 10))));
        assert_eq!(range("bytes=-3", 10), Ok(Some((7, 10))));
        assert_eq!(range("bytes=-30", 10), Ok(Some((0, 10))));
        for unsatisfiable in ["bytes=10-", "bytes=99-100", "bytes=-0"] {
            assert_eq!(range(unsatisfiable, 10), Err(Unsatisfiable), "{unsatisfiable}");
        }
        for ignored in
            ["bytes=5-2", "bytes=0-1,3-4", "lines=0-1", "bytes=x-", "bytes=-", "bytes=1-x"]
        {
            assert_eq!(range(ignored, 10), Ok(None), "{ignored}");
        }
    }

    #[test]
    fn a_video_has_the_length_that_is_asked_for() {
        let video = video(Duration::from_millis(3384), &TaskId::named("t1"));
        assert!(video.ends_with(b"\0\0\0\x0afreet1"));
        let number = |name: &[u8; 4], offset| {
            let place = video.windows(4).position(|window| window == name).unwrap() + offset;
            f64::from(u32::from_be_bytes(video[place..place + 4].try_into().unwrap()))
        };
        let seconds = |name| number(name, 20) / number(name, 16);
        assert!((seconds(b"mvhd") - 3.384).abs() < 0.001);
        assert!((seconds(b"mdhd") - 3.384).abs() < 0.001);
        // The frames fill the same time: their number times the length of each.
        let frames = number(b"stts", 12) * number(b"stts", 16) / number(b"mdhd", 16);
        assert!((frames - 3.384).abs() < 0.001, "{frames}");
    }

    #[test]
    fn the_length_of_a_sample_is_known_wherever_it_is_served() {
        let length = sample_length("http://127.0.0.1:4010/samples/hello-en.mp3?x=1");
        assert_eq!(length, Some(Duration::from_millis(3384)));
        assert_eq!(sample_length("https://example.com/samples/anna.jpg"), None);
        assert_eq!(sample_length("https://example.com/hello-en.mp3"), None);
    }
}
