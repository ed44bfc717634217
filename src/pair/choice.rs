//! Which pairs a person chooses: by their ids, by patterns on them, by their tags.

use std::collections::{HashMap, HashSet};

use super::letters::{folded, is_of_id, nfc};
use super::{Tag, TagError};

/// What a person wrote to name pairs: an id, a pattern such as `anna-*`, or `tag:spring`. Case does
/// not matter, as it does not in ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    written: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// One id, folded.
    Id(String),
    /// Folded, with `*` for any characters and `?` for one.
    Glob(Vec<char>),
    /// A tag, folded.
    Tag(String),
}

/// Why a text names no pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing in it.
    #[error("an empty pattern")]
    Empty,
    /// No id has this in it, so nothing would match.
    #[error("no id has {0:?} in it: a pattern has `*` for anything and `?` for one character")]
    Character(char),
    /// It names a tag that no pair can have.
    #[error(transparent)]
    Tag(#[from] TagError),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// If it is one that no pair can match.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        let kind = match text.strip_prefix("tag:") {
            Some(tag) => Kind::Tag(Tag::parse(tag)?.folded()),
            None => Kind::of_ids(text)?,
        };
        Ok(Self { written: text.to_owned(), kind })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether it is about tags.
    #[must_use]
    pub const fn is_tag(&self) -> bool {
        matches!(self.kind, Kind::Tag(_))
    }

    /// Whether a tag may be what was meant.
    fn may_mean(&self, tag: &Tag) -> bool {
        match &self.kind {
            Kind::Id(id) => tag.folded() == *id,
            Kind::Glob(_) => false,
            Kind::Tag(_) => true,
        }
    }

    /// How far an id is from what it asks for, in slips of the keyboard; nothing where that says
    /// nothing.
    fn distance(&self, id: &str) -> Option<usize> {
        let id = folded(id);
        match &self.kind {
            Kind::Id(wanted) => Some(strsim::damerau_levenshtein(wanted, &id)),
            Kind::Glob(glob) => {
                let literal: String = glob.iter().filter(|c| !is_wild(**c)).collect();
                Some(strsim::damerau_levenshtein(&literal, &compared(glob, &id)))
            }
            Kind::Tag(_) => None,
        }
    }
}

impl Kind {
    fn of_ids(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if let Some(odd) = nfc(text).chars().find(|c| !is_of_id(*c) && !is_wild(*c)) {
            return Err(PatternError::Character(odd));
        }
        let folded = folded(text);
        let is_glob = folded.contains(is_wild);
        Ok(if is_glob { Self::Glob(folded.chars().collect()) } else { Self::Id(folded) })
    }
}

fn is_wild(c: char) -> bool {
    matches!(c, '*' | '?')
}

/// The part of an id that stands where the letters of a pattern do.
fn compared(glob: &[char], id: &str) -> String {
    let (letters, all) = (glob.iter().filter(|c| !is_wild(**c)).count(), id.chars().count());
    match (glob.first(), glob.last()) {
        (Some('*'), Some('*')) => id.to_owned(),
        (_, Some('*')) => id.chars().take(letters).collect(),
        (Some('*'), _) => id.chars().skip(all.saturating_sub(letters)).collect(),
        _ => id.to_owned(),
    }
}

/// Whether a pattern covers a text, both folded. A `*` gives back what it took only to the last one
/// before, so that no pattern takes longer than its length times the text's.
fn covers(glob: &[char], text: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < text.len() {
        match glob.get(at) {
            Some('*') => {
                star = Some((at + 1, seen));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[seen] => {
                at += 1;
                seen += 1;
            }
            _ => match star {
                Some((after, took)) => {
                    star = Some((after, took + 1));
                    (at, seen) = (after, took + 1);
                }
                None => return false,
            },
        }
    }
    glob[at..].iter().all(|c| *c == '*')
}

/// Patterns of which one is enough.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Patterns {
    all: Vec<Pattern>,
    /// The places of those that are one id each: there may be a hundred thousand.
    ids: HashMap<String, usize>,
    /// The places of the others.
    others: Vec<usize>,
}

impl Patterns {
    fn of(patterns: Vec<Pattern>) -> Self {
        let mut set = Self::default();
        for pattern in patterns {
            let place = set.all.len();
            match &pattern.kind {
                Kind::Id(id) if set.ids.contains_key(id) => continue,
                Kind::Id(id) => drop(set.ids.insert(id.clone(), place)),
                Kind::Glob(_) | Kind::Tag(_) => set.others.push(place),
            }
            set.all.push(pattern);
        }
        set
    }

    /// Whether one covers the pair; `hit` learns of all that do.
    fn cover(&self, (id, tags): (&str, &[Tag]), hit: &mut [bool]) -> bool {
        let id = folded(id);
        let mut any = false;
        if let Some(place) = self.ids.get(&id) {
            (hit[*place], any) = (true, true);
        }
        let letters: Vec<char> =
            if self.others.is_empty() { Vec::new() } else { id.chars().collect() };
        for place in &self.others {
            let covered = match &self.all[*place].kind {
                Kind::Id(_) => false,
                Kind::Glob(glob) => covers(glob, &letters),
                Kind::Tag(tag) => tags.iter().any(|one| one.folded() == *tag),
            };
            hit[*place] |= covered;
            any |= covered;
        }
        any
    }
}

/// Which pairs are wanted: all of the manifest unless a person says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    only: Patterns,
    except: Patterns,
}

impl Choice {
    /// Those that one of `only` covers, all if there is none, and none of `except`.
    #[must_use]
    pub fn new(only: Vec<Pattern>, except: Vec<Pattern>) -> Self {
        Self { only: Patterns::of(only), except: Patterns::of(except) }
    }

    /// Whether everything is wanted.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.only.all.is_empty() && self.except.all.is_empty()
    }

    /// Whether a pair is wanted by its id, and not by a pattern alone.
    #[must_use]
    pub fn names(&self, id: &str) -> bool {
        self.only.ids.contains_key(&folded(id))
    }

    /// Whether it can only be told with the tags of pairs.
    #[must_use]
    pub fn is_by_tags(&self) -> bool {
        self.patterns().any(Pattern::is_tag)
    }

    /// The patterns of `--only`, as they were written.
    pub fn only(&self) -> impl Iterator<Item = &str> {
        self.only.all.iter().map(Pattern::as_str)
    }

    /// The patterns of `--except`, as they were written.
    pub fn except(&self) -> impl Iterator<Item = &str> {
        self.except.all.iter().map(Pattern::as_str)
    }

    /// Goes through pairs, and remembers which patterns found one.
    #[must_use]
    pub fn begin(&self) -> Choosing<'_> {
        let (only, except) = (vec![false; self.only.all.len()], vec![false; self.except.all.len()]);
        Choosing { choice: self, only, except }
    }

    fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.only.all.iter().chain(&self.except.all)
    }
}

/// A choice that is being made, one pair after the other.
#[derive(Debug)]
pub struct Choosing<'c> {
    choice: &'c Choice,
    only: Vec<bool>,
    except: Vec<bool>,
}

impl<'c> Choosing<'c> {
    /// Whether a pair is wanted.
    pub fn takes(&mut self, id: &str, tags: &[Tag]) -> bool {
        let Choice { only, except } = self.choice;
        let wanted = only.cover((id, tags), &mut self.only) || only.all.is_empty();
        let unwanted = except.cover((id, tags), &mut self.except);
        wanted && !unwanted
    }

    /// The patterns that no pair matched so far: most likely slips.
    #[must_use]
    pub fn idle(&self) -> Vec<&'c Pattern> {
        let hits = self.only.iter().chain(&self.except);
        self.choice.patterns().zip(hits).filter(|(_, hit)| !**hit).map(|(one, _)| one).collect()
    }
}

/// What is most like what a pattern asks for, the nearest first: ids, and a tag of that name; of a
/// pattern on tags, the tags that there are.
#[must_use]
pub fn nearest<'p>(
    pattern: &Pattern,
    pairs: impl Iterator<Item = (&'p str, &'p [Tag])>,
    most: usize,
) -> Vec<String> {
    let (mut near, mut tags): (Vec<(usize, String)>, _) = (Vec::new(), HashSet::new());
    for (id, of_pair) in pairs {
        let tag = |tag: &Tag| pattern.may_mean(tag).then(|| format!("tag:{tag}"));
        tags.extend(of_pair.iter().filter_map(tag));
        let Some(distance) = pattern.distance(id) else { continue };
        let place = near.partition_point(|(other, _)| *other <= distance);
        if place < most {
            near.insert(place, (distance, id.to_owned()));
            near.truncate(most);
        }
    }
    let mut nearest: Vec<String> = tags.into_iter().collect();
    nearest.sort_unstable();
    nearest.extend(near.into_iter().map(|(_, id)| id));
    nearest.truncate(most);
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::parse(text).unwrap()).collect()
    }

    fn covered(pattern: &str, id: &str) -> bool {
        Choice::new(patterns(&[pattern]), Vec::new()).begin().takes(id, &[])
    }

    #[test]
    fn a_star_stands_for_anything_and_a_question_mark_for_one_character() {
        for (pattern, id) in [
            ("anna-*", "anna-"),
            ("anna-*", "Anna-EN"),
            ("*-en", "anna-en"),
            ("a*-*n", "anna-en"),
            ("a??a", "anna"),
            ("*", "x"),
            ("**", "x"),
            ("*a*a*", "banana"),
            ("müller", "Mu\u{308}ller"),
            ("王?明", "王小明"),
            ("a.b", "a.b"),
        ] {
            assert!(covered(pattern, id), "{pattern} {id}");
        }
        for (pattern, id) in [
            ("anna", "anna-en"),
            ("anna-*", "ben-anna-en"),
            ("a?", "a"),
            ("a?", "abc"),
            ("*b", "bx"),
            ("a.b", "axb"),
            ("*ab*ab", "abxa"),
        ] {
            assert!(!covered(pattern, id), "{pattern} {id}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_takes_no_longer_than_others() {
        let (pattern, id) = (format!("{}b", "*a".repeat(60)), "a".repeat(120));
        assert!(!covered(&pattern, &id));
    }

    #[test]
    fn what_no_pair_can_match_is_refused() {
        assert_eq!(Pattern::parse("  "), Err(PatternError::Empty));
        assert_eq!(Pattern::parse("anna/*"), Err(PatternError::Character('/')));
        assert_eq!(Pattern::parse("[ab]-en"), Err(PatternError::Character('[')));
        assert_eq!(Pattern::parse("tag:"), Err(TagError::Empty.into()));
        assert_eq!(Pattern::parse("tag:a*"), Err(TagError::Character('*').into()));
        assert!(Pattern::parse("tag:Teil 2").is_ok());
    }

    #[test]
    fn exceptions_win_and_each_pattern_has_to_find_something() {
        let tags = [Tag::parse("Spring").unwrap()];
        let choice = Choice::new(
            patterns(&["tag:spring", "BEN-en", "ben-en", "carl"]),
            patterns(&["*-de", "zoe*"]),
        );
        assert!(choice.is_by_tags() && !choice.is_everything());
        let mut choosing = choice.begin();
        assert!(choosing.takes("anna-en", &tags));
        assert!(!choosing.takes("anna-de", &tags), "except wins");
        assert!(choosing.takes("ben-en", &[]));
        assert!(!choosing.takes("dora-en", &[]));
        let idle: Vec<_> = choosing.idle().iter().map(|one| one.as_str()).collect();
        assert_eq!(idle, ["carl", "zoe*"]);
    }

    #[test]
    fn all_pairs_are_wanted_but_the_exceptions() {
        assert!(Choice::default().begin().takes("a", &[]) && Choice::default().is_everything());
        let choice = Choice::new(Vec::new(), patterns(&["a"]));
        assert!(!choice.begin().takes("A", &[]) && choice.begin().takes("b", &[]));
    }

    #[test]
    fn the_nearest_ids_are_named() {
        let tags = ["spring", "de"].map(|tag| Tag::parse(tag).unwrap());
        let ids = ["ben-en", "anna-en", "anna-de", "carl"];
        let near = |text: &str, most| {
            let pattern = Pattern::parse(text).unwrap();
            nearest(&pattern, ids.iter().map(|id| (*id, &tags[..])), most)
        };
        assert_eq!(near("ana-en", 1), ["anna-en"]);
        assert_eq!(near("ana-*", 2), ["anna-en", "anna-de"]);
        assert_eq!(near("*-dee", 1), ["anna-de"]);
        assert_eq!(near("tag:sping", 9), ["tag:de", "tag:spring"]);
        assert_eq!(near("Spring", 1), ["tag:spring"]);
    }
}
