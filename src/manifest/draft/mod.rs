//! A first manifest out of the files of a folder: which portrait speaks which recording.
//!
//! Files go together by their names: `anna.jpg` with `anna.wav`, `anna-en.wav` and `anna-de.wav`.
//! A recording that no portrait is named like goes with the only portrait of its folder, or of all.
//! What is not sure is left out and said; whoever pays has the last word.

mod names;
mod text;

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::pair::Role;
use crate::wire::FileType;

use self::names::{Ids, natural};

/// What files may be made of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// In the natural order of their recordings.
    pub pairs: Vec<DraftPair>,
    /// In the natural order of their paths.
    pub left_out: Vec<LeftOut>,
}

/// A portrait and a recording that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftPair {
    /// Valid, and unique without case.
    pub id: String,
    /// The portrait's path, as given.
    pub image: String,
    /// The recording's path, as given.
    pub audio: String,
}

/// A file that is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Its path.
    pub path: String,
    /// Why.
    pub reason: Reason,
}

/// Why a file is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A recording without a portrait.
    NoPortrait,
    /// A portrait without a recording.
    NoRecording,
    /// A recording of two or more portraits that are called alike; two of them.
    Unclear([String; 2]),
    /// Called like another that is taken: the same in another format, most likely.
    Twin(String),
    /// A picture or sound, but none that the API takes.
    Format,
    /// A link to something outside, or to nothing.
    Link,
    /// A link to a folder.
    FolderLink,
    /// The name is not text, so no manifest can name it.
    Name,
}

impl Reason {
    /// What such a file could have been, where it could have been taken.
    #[must_use]
    pub const fn role(&self) -> Option<Role> {
        match self {
            Self::NoRecording => Some(Role::Image),
            Self::NoPortrait | Self::Unclear(_) => Some(Role::Audio),
            Self::Twin(_) | Self::Format | Self::Link | Self::FolderLink | Self::Name => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPortrait => f.write_str("no portrait is called like it"),
            Self::NoRecording => f.write_str("no recording is called like it"),
            Self::Unclear([one, other]) => write!(f, "it could be for {one} or {other}"),
            Self::Twin(taken) => write!(f, "called like {taken}, which is taken"),
            Self::Format => f.write_str("not a format that the API takes"),
            Self::Link => f.write_str("a link that leads out of the folder, or nowhere"),
            Self::FolderLink => f.write_str("a link to a folder, which is not followed"),
            Self::Name => f.write_str("its name is not text"),
        }
    }
}

/// Pictures and sounds that people have, and that the API does not take.
const FOREIGN: [&str; 13] = [
    "heic", "heif", "tif", "tiff", "bmp", "svg", "flac", "wma", "opus", "aif", "aiff", "amr", "jxl",
];

/// A portrait or a recording: where it is and what it is called.
#[derive(Debug)]
struct Named<'p> {
    path: &'p str,
    folder: &'p str,
    /// Without its ending, in lower case.
    stem: String,
}

impl<'p> Named<'p> {
    fn of(path: &'p str) -> Self {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_lowercase();
        Self { path, folder, stem }
    }
}

/// Pairs the files at these paths, which have `/` between their parts.
#[must_use]
pub fn draft<'p>(paths: impl IntoIterator<Item = &'p str>) -> Draft {
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_by(|one, other| natural(one, other));
    let mut draft = Draft::default();
    let portraits = draft.take(&paths, Role::Image);
    let recordings = draft.take(&paths, Role::Audio);
    let cast = Cast::of(&portraits);
    let mut found = Vec::new();
    for recording in &recordings {
        match cast.portrait(recording) {
            Ok(portrait) => found.push((portrait, recording)),
            Err(reason) => draft.leave_out(recording.path, reason),
        }
    }
    draft.pairs = named(&found);
    let used: HashSet<_> = found.iter().map(|(portrait, _)| portrait.path).collect();
    for portrait in portraits.iter().filter(|portrait| !used.contains(portrait.path)) {
        draft.leave_out(portrait.path, Reason::NoRecording);
    }
    for path in paths.iter().filter(|path| FOREIGN.contains(&ending(path).as_str())) {
        draft.leave_out(path, Reason::Format);
    }
    draft.without(Vec::new())
}

impl Draft {
    /// Adds files that could not even be looked at.
    #[must_use]
    pub fn without(mut self, files: Vec<LeftOut>) -> Self {
        self.left_out.extend(files);
        self.left_out.sort_by(|one, other| natural(&one.path, &other.path));
        self
    }

    fn leave_out(&mut self, path: &str, reason: Reason) {
        self.left_out.push(LeftOut { path: path.to_owned(), reason });
    }

    /// The files of this role. Of two that are called alike in one folder, the first: the same
    /// speech in two formats would be paid for twice.
    fn take<'p>(&mut self, paths: &[&'p str], role: Role) -> Vec<Named<'p>> {
        let of_role = |path: &str| FileType::of_ending(&ending(path)).map(FileType::role);
        let mut seen: HashMap<(&str, String), &str> = HashMap::new();
        let mut taken = Vec::new();
        for path in paths.iter().filter(|path| of_role(path) == Some(role)) {
            let file = Named::of(path);
            match seen.get(&(file.folder, file.stem.clone())) {
                Some(twin) => self.leave_out(path, Reason::Twin((*twin).to_owned())),
                None => {
                    seen.insert((file.folder, file.stem.clone()), path);
                    taken.push(file);
                }
            }
        }
        taken
    }
}

fn ending(path: &str) -> String {
    path.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default()
}

/// The portraits, by what one may look for.
struct Cast<'a, 'p> {
    all: &'a [Named<'p>],
    by_folder: HashMap<&'p str, Vec<&'a Named<'p>>>,
    by_stem: HashMap<&'a str, Vec<&'a Named<'p>>>,
}

impl<'a, 'p> Cast<'a, 'p> {
    fn of(all: &'a [Named<'p>]) -> Self {
        let (mut by_folder, mut by_stem) = (HashMap::new(), HashMap::new());
        for portrait in all {
            by_folder.entry(portrait.folder).or_insert_with(Vec::new).push(portrait);
            by_stem.entry(portrait.stem.as_str()).or_insert_with(Vec::new).push(portrait);
        }
        Self { all, by_folder, by_stem }
    }

    /// Who speaks a recording: the portrait with the longest name that the recording's begins
    /// with, in its own folder first; else the only one there is.
    fn portrait(&self, recording: &Named) -> Result<&'a Named<'p>, Reason> {
        let in_folder = |portrait: &&&Named| portrait.folder == recording.folder;
        let alike = || beginnings(&recording.stem).filter_map(|stem| self.by_stem.get(stem));
        if let Some(near) = alike().find_map(|portraits| portraits.iter().find(in_folder)) {
            return Ok(near);
        }
        let beside = self.by_folder.get(recording.folder).map_or(&[][..], Vec::as_slice);
        match (alike().next().map(Vec::as_slice), beside, self.all) {
            (Some([one]), ..) | (None, [one], _) => Ok(one),
            (Some([one, other, ..]), ..) => {
                Err(Reason::Unclear([one.path.to_owned(), other.path.to_owned()]))
            }
            (_, _, [only]) => Ok(only),
            _ => Err(Reason::NoPortrait),
        }
    }
}

/// The name itself, and what of it stands before a hyphen, a space or the like; the longest first.
fn beginnings(stem: &str) -> impl Iterator<Item = &str> {
    let cuts = stem.char_indices().rev().filter(|(_, c)| !c.is_alphanumeric());
    std::iter::once(stem).chain(cuts.map(|(at, _)| &stem[..at]))
}

/// With ids, which have the folders in them where names are not enough to tell pairs apart.
fn named(found: &[(&Named, &Named)]) -> Vec<DraftPair> {
    let wanted: Vec<_> = found.iter().map(|(portrait, audio)| wanted(portrait, audio)).collect();
    let mut once = HashSet::new();
    let twice: HashSet<_> =
        wanted.iter().map(|id| id.to_lowercase()).filter(|id| !once.insert(id.clone())).collect();
    let mut ids = Ids::default();
    let pairs = found.iter().zip(&wanted).map(|((portrait, recording), id)| {
        let id = match twice.contains(&id.to_lowercase()) {
            true => whole_way(recording),
            false => id.clone(),
        };
        let (image, audio) = (portrait.path.to_owned(), recording.path.to_owned());
        DraftPair { id: ids.unique(&id), image, audio }
    });
    pairs.collect()
}

/// `anna-en` for a recording that is called like its portrait, `ben-hello` for `ben/hello.wav` with
/// the portrait beside it, else both names.
fn wanted(portrait: &Named, recording: &Named) -> String {
    let of = |file: &Named| names::id(&stem_as_written(file.path));
    if beginnings(&recording.stem).any(|start| start == portrait.stem) {
        return of(recording);
    }
    if portrait.folder == recording.folder && !recording.folder.is_empty() {
        return whole_way(recording);
    }
    format!("{}-{}", of(portrait), of(recording))
}

/// `de-anna` for `de/anna.wav`.
fn whole_way(file: &Named) -> String {
    names::id(file.path.rsplit_once('.').map_or(file.path, |(path, _)| path))
}

fn stem_as_written(path: &str) -> String {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem).to_owned()
}

#[cfg(test)]
mod tests;
