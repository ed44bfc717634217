//! Whether media are fit to be sent: what was found out about them, against what the API takes.
//!
//! The audio's length is the bill, a portrait without a face is money gone, and a link that needs a
//! login fails at the server after the credits were reserved. What would fail there is an error
//! here; what may be meant is a warning.

mod address;
mod link;
mod size;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::address::{PRIVATE, SHARE_PAGE, of_address};
pub use self::link::{of_death, of_link, roughly};
pub use self::size::{MAX_AUDIO, MAX_IMAGE, too_large};
use crate::pair::{Pair, Role};

/// How far apart header and packets may be before a server could bill the other length.
const TOLERANCE: Duration = Duration::from_millis(250);

/// What was found out about a medium. Kept in the catalogue as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Look {
    /// What it is, or why it is not known.
    pub found: Result<Facts, Trouble>,
    /// The host that a redirect led to, if it is another one.
    pub redirected: Option<String>,
    /// Whether it came from an address that the API cannot reach.
    pub private: bool,
    /// Whether the bytes are others than at an earlier look.
    pub changed: bool,
}

/// What the bytes of a medium are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// How many.
    pub bytes: u64,
    /// Their digest, in lower-case hexadecimal.
    pub sha256: String,
    /// What they are.
    pub content: Content,
}

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A whole picture.
    Picture {
        /// `JPEG`, `PNG` and so on.
        kind: String,
        /// In pixels.
        size: (u32, u32),
        /// Whether a face can be seen.
        face: Face,
        /// Whether the mark of its end is there.
        ending: Ending,
    },
    /// A recording.
    Sound {
        /// `MP3`, `WAV` and so on.
        kind: String,
        /// In milliseconds, by walking every packet; nothing where that is not possible.
        millis: Option<u64>,
        /// In milliseconds, as its header has it.
        claimed: Option<u64>,
        /// Whether there is nothing to hear; nothing where it cannot be decoded here.
        silent: Option<bool>,
        /// Whether it ends before what it announces.
        cut: bool,
    },
    /// Neither, or a broken one.
    Unfit(Trouble),
}

/// Whether the mark of a picture's end is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// It is.
    There,
    /// It is not, though all of the picture is.
    Missing,
}

/// Whether a face can be seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Face {
    /// At least one.
    Seen,
    /// Nobody wanted to know.
    NotAsked,
    /// None. Faces from the side, covered or drawn are not recognised.
    NotSeen,
    /// Why it was not looked for.
    NotChecked(String),
}

/// Whether faces are looked for, which takes a tenth of a second of a processor for each picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Faces {
    /// In every picture.
    LookedFor,
    /// In none.
    Ignored,
}

/// Why a medium cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// For programs, such as `image_cut`.
    pub code: String,
    /// A fragment for people.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What is to be said of a medium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remark {
    /// Whether the pair can be sent all the same.
    pub weight: Weight,
    /// For programs, such as `audio_too_long`.
    pub code: String,
    /// A fragment for people.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// How much a remark weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// It would fail at the server.
    Error,
    /// It may be meant.
    Warning,
}

/// What media have to be.
#[derive(Debug, Clone, Copy)]
pub struct Demands<'a> {
    /// The batch, which says what is asked for twice on purpose.
    pub pairs: &'a [Pair],
    /// The longest recording that may be sent.
    pub max_audio: Duration,
    /// Whether portraits have to show a face.
    pub faces: Faces,
    /// Whether the API is on this machine, and reaches what this machine reaches.
    pub local: bool,
}

impl Trouble {
    /// One of ours.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>, help: &str) -> Self {
        Self { code: code.to_owned(), message: message.into(), help: help.to_owned() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Remark {
    /// What is allowed but may not be meant.
    #[must_use]
    pub fn warning(code: &str, message: impl Into<String>, help: &str) -> Self {
        Self { weight: Weight::Warning, ..Self::from(Trouble::new(code, message, help)) }
    }
}

impl From<Trouble> for Remark {
    fn from(Trouble { code, message, help }: Trouble) -> Self {
        Self { weight: Weight::Error, code, message, help }
    }
}

impl Look {
    /// A medium that cannot be had.
    #[must_use]
    pub const fn failed(trouble: Trouble) -> Self {
        Self::here(Err(trouble))
    }

    /// One that was not fetched from anywhere.
    #[must_use]
    pub const fn here(found: Result<Facts, Trouble>) -> Self {
        Self { found, redirected: None, private: false, changed: false }
    }

    /// How long the recording is, if it is one and was walked.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        match &self.found.as_ref().ok()?.content {
            Content::Sound { millis, .. } => millis.map(Duration::from_millis),
            Content::Picture { .. } | Content::Unfit(_) => None,
        }
    }

    /// How long it may be billed for: the longer of header and packets, if it was walked.
    #[must_use]
    pub fn billable(&self) -> Option<Duration> {
        match &self.found.as_ref().ok()?.content {
            Content::Sound { millis, claimed, .. } => {
                millis.map(|millis| Duration::from_millis(millis.max(claimed.unwrap_or(0))))
            }
            Content::Picture { .. } | Content::Unfit(_) => None,
        }
    }

    /// Whether it was looked at as closely as that.
    #[must_use]
    pub fn covers(&self, faces: Faces) -> bool {
        let face = self.found.as_ref().ok().map(|facts| &facts.content);
        let asked = !matches!(face, Some(Content::Picture { face: Face::NotAsked, .. }));
        asked || faces == Faces::Ignored
    }

    /// Whether it is a picture or a recording.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let content = self.found.as_ref().ok().map(|facts| &facts.content);
        matches!(content, Some(Content::Picture { .. } | Content::Sound { .. }))
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.found.as_ref().ok().map(|facts| facts.sha256.as_str())
    }

    /// All that is to be said of it as the portrait or recording of a pair, errors first.
    #[must_use]
    pub fn remarks(&self, role: Role, demands: &Demands<'_>) -> Vec<Remark> {
        let mut remarks = match &self.found {
            Ok(facts) => of_content(facts, role, demands),
            Err(trouble) => vec![trouble.clone().into()],
        };
        remarks.extend(self.of_the_way(demands));
        remarks.sort_by_key(|remark| remark.weight);
        remarks
    }

    fn of_the_way(&self, demands: &Demands<'_>) -> Vec<Remark> {
        let private = || {
            let message = "it comes from an address inside a private network";
            Trouble::new("private_address", message, "the API cannot reach it there: publish it")
        };
        let redirected = |host: &String| {
            let message = format!("it redirects to {host}");
            let help = "does the API follow that? Give the URL that it leads to";
            Remark::warning("redirected", message, help)
        };
        let changed = || {
            let help = "is it the one you mean? The next look says nothing any more";
            Remark::warning("changed", "its bytes changed since it was last looked at", help)
        };
        let private = (self.private && !demands.local).then(|| private().into());
        let redirected = self.redirected.as_ref().map(redirected);
        private.into_iter().chain(redirected).chain(self.changed.then(changed)).collect()
    }
}

fn of_content(facts: &Facts, role: Role, demands: &Demands<'_>) -> Vec<Remark> {
    match (&facts.content, role) {
        (Content::Unfit(trouble), _) => vec![trouble.clone().into()],
        (Content::Picture { face, ending, .. }, Role::Image) => match demands.faces {
            Faces::LookedFor => of_picture(facts.bytes, face, *ending),
            Faces::Ignored => of_picture(facts.bytes, &Face::NotAsked, *ending),
        },
        (Content::Sound { millis, claimed, silent, cut, .. }, Role::Audio) => {
            let [length, claimed] = [millis, claimed].map(|ms| ms.map(Duration::from_millis));
            let mut remarks = of_length(length, claimed, demands.max_audio);
            remarks.extend(of_hearing(*silent, *cut));
            remarks
        }
        (Content::Picture { kind, .. }, Role::Audio) => {
            vec![swapped(&format!("this is a picture ({kind}), not a recording"))]
        }
        (Content::Sound { kind, .. }, Role::Image) => {
            vec![swapped(&format!("this is a recording ({kind}), not a picture"))]
        }
    }
}

fn swapped(message: &str) -> Remark {
    Trouble::new("wrong_medium", message, "are image and audio swapped?").into()
}

fn of_picture(bytes: u64, face: &Face, ending: Ending) -> Vec<Remark> {
    let mut remarks: Vec<_> = size::of_picture(bytes).into_iter().collect();
    match ending {
        Ending::There => {}
        Ending::Missing => remarks.push(Remark::warning(
            "image_unended",
            "it lacks the mark of its end, though all of the picture is there",
            "services take such pictures; save it anew to be sure",
        )),
    }
    match face {
        Face::Seen | Face::NotAsked => {}
        Face::NotSeen => remarks.push(Remark::warning(
            "no_face",
            "no face was found in it",
            "look at it: only faces from the front are recognised, and none that are drawn",
        )),
        Face::NotChecked(why) => remarks.push(Remark::warning(
            "face_not_checked",
            format!("whether it shows a face was not checked: {why}"),
            "look at it yourself: without a face the server fails after taking the credits",
        )),
    }
    remarks
}

fn of_length(length: Option<Duration>, claimed: Option<Duration>, most: Duration) -> Vec<Remark> {
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    let mut remarks = Vec::new();
    match length {
        Some(length) if length > most => {
            let (long, limit) = (seconds(tenth_up(length)), most.as_secs_f64());
            let help = format!("trim {}", seconds(tenth_up(length.saturating_sub(most))));
            let message = format!("{long}, limit {limit} s");
            remarks.push(Trouble::new("audio_too_long", message, &help).into());
        }
        Some(_) => {}
        None => remarks.push(Remark::warning(
            "length_unknown",
            "its length cannot be told, and so not what it costs",
            "convert it, for example: ffmpeg -i IN -c:a libmp3lame OUT.mp3",
        )),
    }
    if let (Some(length), Some(claimed)) = (length, claimed)
        && length.abs_diff(claimed) > TOLERANCE
    {
        let (walked, claimed) = (seconds(length), seconds(claimed));
        remarks.push(Remark::warning(
            "length_disputed",
            format!("its header says {claimed}, its packets come to {walked}"),
            "the longer is reckoned with, as the server may bill it: convert it anew to be sure",
        ));
    }
    remarks
}

fn of_hearing(silent: Option<bool>, cut: bool) -> impl Iterator<Item = Remark> {
    let nothing = || {
        let message = "there is nothing to hear in it";
        Remark::warning("silent", message, "is it the right recording?")
    };
    let cut_off = || {
        let message = "it ends before what its header announces";
        Remark::warning("audio_cut", message, "did its upload break off?")
    };
    let silent = (silent == Some(true)).then(nothing);
    silent.into_iter().chain(cut.then(cut_off))
}

/// So that what is trimmed is enough.
fn tenth_up(duration: Duration) -> Duration {
    let tenths = duration.as_millis().div_ceil(100);
    Duration::from_millis(u64::try_from(tenths * 100).unwrap_or(u64::MAX))
}
