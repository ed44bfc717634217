//! The samples that the fake serves, to be sent in requests.
//!
//! All of them are made by `media/make.sh`.

use std::time::Duration;

/// A portrait or a speech to send in a request.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) mime: &'static str,
    /// How long a speech is.
    millis: Option<u64>,
    pub(crate) bytes: &'static [u8],
}

macro_rules! samples {
    ($($name:literal, $mime:literal, $millis:expr;)+) => {
        pub(crate) const SAMPLES: &[Sample] = &[$(Sample {
            name: $name,
            mime: $mime,
            millis: $millis,
            bytes: include_bytes!(concat!("../../media/", $name)),
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

/// The length of a speech of `/samples/`, wherever that is served.
pub(crate) fn length(url: &str) -> Option<Duration> {
    let name = url.split(['?', '#']).next()?.rsplit_once("/samples/")?.1;
    let sample = SAMPLES.iter().find(|sample| sample.name == name)?;
    sample.millis.map(Duration::from_millis)
}

/// A sample in the place of a file that the fake does not fetch.
pub(crate) fn stand_in(speech: bool) -> &'static [u8] {
    let found = SAMPLES.iter().find(|sample| sample.millis.is_some() == speech);
    found.map_or(&[], |sample| sample.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_sample_is_known_wherever_it_is_served() {
        let known = length("http://127.0.0.1:4715/samples/hello-en.mp3?x=1");
        assert_eq!(known, Some(Duration::from_millis(3384)));
        assert_eq!(length("https://example.com/samples/anna.jpg"), None);
        assert_eq!(length("https://example.com/hello-en.mp3"), None);
    }
}
