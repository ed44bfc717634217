//! The names of video files, made by a pattern such as `{id}.mp4`.

use std::fmt;
use std::str::FromStr;

use super::{IdError, PairId, TaskId, nfc};

/// The place of an id for those whose programs take no other letters.
const ASCII: &str = "{ascii_id}";

/// How the file of a video is called: a plain name with `{id}` or `{ascii_id}`, `{task_id}` or both
/// in it.
///
/// Every name that comes out is a name in one folder, on every system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoName(String);

/// Why a text is no pattern for names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoNameError {
    /// All videos would have the same name.
    #[error(
        "a name needs `{{id}}`, `{{ascii_id}}` or `{{task_id}}` in it, or all videos would be one file"
    )]
    Same,
    /// Two ids side by side could make the same name in two ways.
    #[error("put something between `{{id}}` and `{{task_id}}`, such as a hyphen")]
    Adjacent,
    /// Not a name: a path, an option, a device, a hidden file.
    #[error("a name is no path: {0}")]
    NoName(#[from] IdError),
    /// It would be taken for a file that is not whole yet.
    #[error("names that end in `.part` are those of files that are not whole yet")]
    Part,
    /// Longer than a file name may be with an id in it.
    #[error("a pattern has at most {} characters", VideoName::MAX_LEN)]
    TooLong,
}

impl VideoName {
    /// In characters, the places of ids included.
    pub const MAX_LEN: usize = 64;

    /// The name of a pair's video.
    #[must_use]
    pub fn of(&self, id: &str, task: &TaskId) -> String {
        // Only letters, digits, `.`, `_` and `-` are safe on every system.
        self.filled(id, &task.as_str().replace(':', "_"))
    }

    /// The name of a pair's video before there is a task; `None` if it depends on that.
    #[must_use]
    pub fn of_pair(&self, id: &str) -> Option<String> {
        (!self.0.contains("{task_id}")).then(|| self.filled(id, ""))
    }

    /// The name of a file of this name once it is an earlier take's: `anna~take1.mp4`. No id has a `~`
    /// in it, so that it is no other pair's.
    #[must_use]
    pub fn of_take(name: &str, take: u32) -> String {
        match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => format!("{stem}~take{take}.{ending}"),
            _ => format!("{name}~take{take}"),
        }
    }

    fn filled(&self, id: &str, task: &str) -> String {
        let name = self.0.replace("{id}", id).replace("{task_id}", task);
        if name.contains(ASCII) { name.replace(ASCII, &ascii(id)) } else { name }
    }
}

impl Default for VideoName {
    fn default() -> Self {
        Self("{id}.mp4".to_owned())
    }
}

impl FromStr for VideoName {
    type Err = VideoNameError;

    fn from_str(text: &str) -> Result<Self, VideoNameError> {
        if text.len() > Self::MAX_LEN {
            return Err(VideoNameError::TooLong);
        }
        if !["{id}", ASCII, "{task_id}"].iter().any(|place| text.contains(place)) {
            return Err(VideoNameError::Same);
        }
        if text.contains("}{") {
            return Err(VideoNameError::Adjacent);
        }
        let pattern = Self(nfc(text).into_owned());
        let sample = PairId::parse(&pattern.filled("x", "y"))?;
        if sample.folded().ends_with(".part") {
            return Err(VideoNameError::Part);
        }
        Ok(pattern)
    }
}

impl fmt::Display for VideoName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An id in ASCII that no other id has but one who asks for it: `Anna-Müller` is `Anna-Mller-feb`,
/// as in names of hosts.
fn ascii(id: &str) -> String {
    if id.is_ascii() {
        return id.to_owned();
    }
    // Nothing only where a number overflows, for which no id is long enough.
    idna::punycode::encode_str(id).unwrap_or_else(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_makes_names() {
        let task = TaskId::parse("urn:7.x").unwrap();
        let name = |pattern: &str| pattern.parse::<VideoName>().map(|name| name.of("anna", &task));
        assert_eq!(name("{id}.mp4").unwrap(), "anna.mp4");
        assert_eq!(name("take1-{id}-{task_id}.mp4").unwrap(), "take1-anna-urn_7.x.mp4");
        assert_eq!(VideoName::default().of_pair("anna").unwrap(), "anna.mp4");
        let ascii = "{ascii_id}.mp4".parse::<VideoName>().unwrap();
        for (id, file) in [
            ("anna", "anna.mp4"),
            ("Anna-Müller", "Anna-Mller-feb.mp4"),
            ("王小明", "yeto6u69k.mp4"),
        ] {
            assert_eq!(ascii.of_pair(id).unwrap(), file);
        }
        let longest = ascii.of_pair(&"😀𝔸".repeat(16)).unwrap();
        assert!(longest.is_ascii() && longest.len() < 200, "{longest}");
        assert_eq!(VideoName::default().of_pair("王小明").unwrap(), "王小明.mp4");
        assert_eq!("{task_id}.mp4".parse::<VideoName>().unwrap().of_pair("anna"), None);
    }

    #[test]
    fn the_name_of_an_earlier_take_is_no_other_pairs() {
        for (name, take, of_take) in [
            ("anna.mp4", 1, "anna~take1.mp4"),
            ("anna.en.mp4", 12, "anna.en~take12.mp4"),
            ("anna", 2, "anna~take2"),
        ] {
            assert_eq!(VideoName::of_take(name, take), of_take);
            assert!(PairId::parse(of_take).is_err(), "{of_take}");
        }
    }

    #[test]
    fn a_pattern_never_leads_out_of_the_folder_or_to_one_file() {
        for pattern in [
            "",
            "video.mp4",
            "../{id}.mp4",
            "a/{id}.mp4",
            "a\\{id}.mp4",
            "/{id}",
            ".{id}",
            "-{id}",
            "con.{id}.mp4",
            "{id}{task_id}",
            "{ascii_id}{task_id}",
            "{ascii_id}／.mp4",
            "{id}.part",
            "{id}.",
            "{id} .mp4",
            "{name}-{id}",
            "{id}\n",
            "C:{id}",
        ] {
            assert!(pattern.parse::<VideoName>().is_err(), "{pattern:?}");
        }
        assert!(format!("{}{{id}}", "x".repeat(70)).parse::<VideoName>().is_err());
    }
}
