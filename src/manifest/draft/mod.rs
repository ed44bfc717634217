//! A first manifest out of the files of a folder: which portrait speaks which recording.
//!
//! Files go together by their names: `anna.jpg` with `anna.wav`, `anna-en.wav` and `anna-de.wav`.
//! A recording that no portrait is named like goes with the only portrait of its folder, or of all.
//! What is not sure is left out and said; whoever pays has the last word.

mod left_out;
mod names;
mod text;

use std::collections::{HashMap, HashSet};

use crate::pair::{Role, folded, is_hidden, is_mark, nfc, short_alphabet};
use crate::wire::FileType;

pub use self::left_out::{LeftOut, LeftOutReason, is_medium};
use self::left_out::{ending, is_foreign, is_picture};
use self::names::{Wish, natural};

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

/// A portrait or a recording: where it is and what it is called.
#[derive(Debug)]
struct Named<'p> {
    path: &'p str,
    folder: &'p str,
    /// Without its ending, composed, in lower case, and without what is not seen.
    stem: String,
    usable: bool,
}

impl<'p> Named<'p> {
    fn of(path: &'p str) -> Self {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let seen: String = stem_as_written(path).chars().filter(|c| !is_hidden(*c)).collect();
        let stem = nfc(&nfc(&seen).to_lowercase()).into_owned();
        Self { path, folder, stem, usable: true }
    }
}

/// Pairs the files at these paths, which have `/` between their parts; other files are left out
/// already.
#[must_use]
pub fn draft<'p>(paths: impl IntoIterator<Item = &'p str>, left_out: Vec<LeftOut>) -> Draft {
    let mut paths: Vec<_> = paths.into_iter().collect();
    paths.sort_by(|one, other| natural(one, other));
    let mut draft = Draft::default();
    let portraits = draft.take(&paths, Role::Image);
    let recordings = draft.take(&paths, Role::Audio);
    let foreign: Vec<_> = paths.iter().copied().filter(|path| is_foreign(path)).collect();
    let noted = left_out.iter().filter(|file| file.reason.is_of_portrait());
    let unusable: Vec<_> = noted.map(|file| file.path.as_str()).chain(foreign.clone()).collect();
    let cast = Cast::of(portraits, &unusable);
    let mut found = Vec::new();
    for recording in &recordings {
        match cast.portrait(recording) {
            Ok(portrait) => found.push((portrait, recording)),
            Err(reason) => draft.leave_out(recording.path, reason),
        }
    }
    draft.pairs = named(&found);
    let used: HashSet<_> = found.iter().map(|(portrait, _)| portrait.path).collect();
    let usable = cast.all.iter().filter(|portrait| portrait.usable);
    for portrait in usable.filter(|portrait| !used.contains(portrait.path)) {
        draft.leave_out(portrait.path, LeftOutReason::NoRecording);
    }
    foreign.iter().for_each(|path| draft.leave_out(path, LeftOutReason::Format));
    draft.left_out.extend(left_out.iter().cloned());
    draft.left_out.sort_by(|one, other| natural(&one.path, &other.path));
    draft
}

impl Draft {
    fn leave_out(&mut self, path: &str, reason: LeftOutReason) {
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
                Some(twin) => self.leave_out(path, LeftOutReason::Twin((*twin).to_owned())),
                None => {
                    seen.insert((file.folder, file.stem.clone()), path);
                    taken.push(file);
                }
            }
        }
        taken
    }
}

/// The portraits, by what one may look for.
struct Cast<'p> {
    all: Vec<Named<'p>>,
    by_folder: HashMap<&'p str, Vec<usize>>,
    by_stem: HashMap<String, Vec<usize>>,
}

impl<'p> Cast<'p> {
    /// A picture that cannot be used is a portrait, too, unless one that can has its name.
    fn of(usable: Vec<Named<'p>>, unusable: &[&'p str]) -> Self {
        let taken: HashSet<_> = usable.iter().map(|portrait| portrait.stem.clone()).collect();
        let unusable = unusable.iter().filter(|path| is_picture(path));
        let unusable = unusable.map(|path| Named { usable: false, ..Named::of(path) });
        let others = unusable.filter(|portrait| !taken.contains(&portrait.stem));
        let all: Vec<_> = usable.into_iter().chain(others).collect();
        let (mut by_folder, mut by_stem) = (HashMap::new(), HashMap::new());
        for (place, portrait) in all.iter().enumerate() {
            by_folder.entry(portrait.folder).or_insert_with(Vec::new).push(place);
            by_stem.entry(portrait.stem.clone()).or_insert_with(Vec::new).push(place);
        }
        Self { all, by_folder, by_stem }
    }

    /// Who speaks a recording.
    fn portrait(&self, recording: &Named) -> Result<&Named<'p>, LeftOutReason> {
        let portrait = self.speaker(recording)?;
        match portrait.usable {
            true => Ok(portrait),
            false => Err(LeftOutReason::Portrait(portrait.path.to_owned())),
        }
    }

    /// The portrait with the longest name that the recording's begins with, in its own folder first;
    /// else the only one there is.
    fn speaker(&self, recording: &Named) -> Result<&Named<'p>, LeftOutReason> {
        let in_folder = |place: &&usize| self.all[**place].folder == recording.folder;
        let alike = || beginnings(&recording.stem).filter_map(|stem| self.by_stem.get(stem));
        if let Some(near) = alike().find_map(|places| places.iter().find(in_folder)) {
            return Ok(&self.all[*near]);
        }
        let beside = self.by_folder.get(recording.folder).map_or(&[][..], Vec::as_slice);
        match (alike().next().map(Vec::as_slice), beside) {
            (Some([one]), _) | (None, [one]) => Ok(&self.all[*one]),
            (Some([one, other, ..]), _) => Err(LeftOutReason::Unclear(
                [*one, *other].map(|place| self.all[place].path.to_owned()),
            )),
            _ => match &self.all[..] {
                [only] => Ok(only),
                _ => Err(LeftOutReason::NoPortrait),
            },
        }
    }
}

/// The name itself, and what of it stands before a hyphen, a space or the like; the longest first.
/// An accent ends no name: it belongs to the letter before it.
fn beginnings(stem: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| !c.is_alphanumeric() && !is_mark(c);
    let cuts = stem.char_indices().rev().filter(move |(_, c)| ends(*c));
    std::iter::once(stem).chain(cuts.map(|(at, _)| &stem[..at]))
}

/// With ids, which have the folders in them where names are not enough to tell pairs apart.
fn named(found: &[(&Named, &Named)]) -> Vec<DraftPair> {
    let wanted: Vec<_> = found.iter().map(|(portrait, audio)| wanted(portrait, audio)).collect();
    let mut times: HashMap<String, usize> = HashMap::new();
    wanted.iter().for_each(|wish| *times.entry(folded(&wish.name)).or_default() += 1);
    let wishes: Vec<_> = wanted
        .into_iter()
        .zip(found)
        .map(|(wish, (_, recording))| match times[&folded(&wish.name)] {
            1 => wish,
            _ => whole_way(recording),
        })
        .collect();
    let pairs = found.iter().zip(names::ids(&wishes)).map(|((portrait, recording), id)| {
        let (image, audio) = (portrait.path.to_owned(), recording.path.to_owned());
        DraftPair { id, image, audio }
    });
    pairs.collect()
}

/// `anna-en` for a recording that is called like its portrait, `ben-hello` for `ben/hello.wav` with
/// the portrait beside it, else both names.
fn wanted(portrait: &Named, recording: &Named) -> Wish {
    if beginnings(&recording.stem).any(|start| start == portrait.stem) {
        return wish(recording, stem_as_written(recording.path));
    }
    if portrait.folder == recording.folder && !recording.folder.is_empty() {
        return whole_way(recording);
    }
    let [one, other] = [portrait, recording].map(|file| short_alphabet(stem_as_written(file.path)));
    // Of an empty name there is only the other.
    let name = [one, other].join("-");
    Wish { name: short_alphabet(&name), path: recording.path.to_owned(), exact: false }
}

/// `de-anna` for `de/anna.wav`.
fn whole_way(file: &Named) -> Wish {
    wish(file, file.path.rsplit_once('.').map_or(file.path, |(path, _)| path))
}

fn wish(recording: &Named, text: &str) -> Wish {
    let name = short_alphabet(text);
    Wish { exact: name == nfc(text), name, path: recording.path.to_owned() }
}

fn stem_as_written(path: &str) -> &str {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

#[cfg(test)]
mod tests;
