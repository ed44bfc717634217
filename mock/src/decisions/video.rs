//! The videos of tasks, and the links to them.

use std::time::Duration;

use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::words::clock::Millis;
use crate::words::digest::Digest;
use crate::words::id::TaskId;

/// Made by `media/make.sh`.
const VIDEO: &[u8] = include_bytes!("../../media/video.mp4");
/// The length of the video as it was made.
const VIDEO_MILLIS: u64 = 1000;

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
pub(crate) fn signed(request: &Seen<'_>, file: &str) -> Option<(TaskId, u32)> {
    let expires = Millis(request.parameter("expires")?.parse::<u64>().ok()?.checked_mul(1000)?);
    if request.parameter("signature")? != signature(file, expires) {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
