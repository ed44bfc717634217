//! What is odd about a video that is whole: nothing to hear, or another length than its recording.

use std::time::Duration;

use crate::ledger::Remark;
use crate::media::video::{Sound, Video};

/// What is odd about a video for a recording of a length; `tolerance` is how far the two may be
/// apart, or nothing if that does not matter.
#[must_use]
pub(super) fn remark(
    video: &Video,
    recording: Option<Duration>,
    tolerance: Option<Duration>,
) -> Remark {
    if video.sound == Sound::Missing {
        return Some(("no_sound".to_owned(), "the video has no sound".to_owned()));
    }
    let ((length, recording), tolerance) = video.length.zip(recording).zip(tolerance)?;
    (length.abs_diff(recording) > tolerance).then(|| {
        let [video, recording] = [length, recording].map(|length| length.as_secs_f64());
        let text = format!("the video plays {video:.1} s, its recording {recording:.1} s");
        ("wrong_length".to_owned(), text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::video::Ending;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn silence_and_another_length_are_remarked() {
        let video = |sound, millis| {
            let length = Some(Duration::from_millis(millis));
            Video { length, sound, ending: Ending::Proven }
        };
        let code = |video: &Video, recording: Option<u64>, tolerance| {
            let recording = recording.map(Duration::from_millis);
            remark(video, recording, tolerance).map_or("fine".to_owned(), |(code, _)| code)
        };
        let fine = video(Sound::There, 3000);
        assert_eq!(code(&fine, Some(4000), Some(SECOND)), "fine");
        assert_eq!(code(&fine, Some(4001), Some(SECOND)), "wrong_length");
        assert_eq!(code(&fine, Some(1999), Some(SECOND)), "wrong_length");
        assert_eq!(code(&fine, Some(9000), None), "fine", "a rehearsal");
        assert_eq!(code(&fine, None, Some(SECOND)), "fine");
        assert_eq!(code(&Video { length: None, ..fine }, Some(9000), Some(SECOND)), "fine");
        assert_eq!(code(&video(Sound::Missing, 3000), Some(9000), None), "no_sound");
        let text = remark(&fine, Some(5 * SECOND), Some(SECOND)).unwrap().1;
        assert_eq!(text, "the video plays 3.0 s, its recording 5.0 s");
    }
}
