//! The keys of one map: what is asked for is known, what is left over is a mistake.

use std::collections::HashMap;

use crate::pair::is_hidden;

use super::events::Items;
use super::problem::{Finding, Findings};
use super::prompts::Prompts;
use super::shared::Texts;
use super::tables::TableFile;
use super::tree::{Kind, Node, Span};
use super::{PlainHttp, excerpt, slips};

/// The keys of a pair, or about as many.
const MOST_KEYS: usize = 16;

/// One reading: the text, what is allowed, and what was found so far.
pub(super) struct Reading<'t> {
    pub(super) text: &'t str,
    pub(super) plain: PlainHttp,
    pub(super) problems: Findings,
    pub(super) warnings: Findings,
    pub(super) prompts: Prompts,
    pub(super) texts: Texts,
    /// The table whose row is read; none for the manifest itself.
    pub(super) within: Option<&'t TableFile>,
    /// The items of `pairs`, where they are still to be read.
    pub(super) items: Option<Box<Items<'t>>>,
}

/// A key that is there, with its value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'t> {
    /// As written.
    pub(super) name: &'t str,
    pub(super) key: Span,
    pub(super) node: &'t Node<'t>,
}

impl Field<'_> {
    /// Where to point: nothing has no place of its own.
    pub(super) fn span(&self) -> Span {
        if matches!(self.node.kind, Kind::Null) { self.key } else { self.node.head() }
    }
}

/// The keys of a map that nobody has asked for yet.
pub(super) struct Fields<'t> {
    /// For messages: "a pair", "`defaults`".
    of: &'static str,
    left: Vec<Field<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    /// Of a value that must be a map; keys that are no text or occur twice are noted.
    pub(super) fn open(
        reading: &mut Reading<'t>,
        node: &'t Node<'t>,
        of: &'static str,
    ) -> Option<Self> {
        let left = match &node.kind {
            Kind::Map(entries) => reading.entries(entries),
            other => {
                let message = format!("{of} must be a map, found {}", other.called());
                let finding = Finding::new(node.span, message, "expected `key: value`");
                reading.problems.note(finding.help(
                    "write `key: value` in lines below each other, with a space after each colon",
                ));
                return None;
            }
        };
        Some(Self { of, left, asked: Vec::with_capacity(MOST_KEYS) })
    }

    /// Of the value of a key, which must be a map.
    pub(super) fn open_field(
        reading: &mut Reading<'t>,
        field: &Field<'t>,
        of: &'static str,
    ) -> Option<Self> {
        if matches!(field.node.kind, Kind::Null) {
            reading.wrong(field, "a map", "give it keys of its own, or remove it");
            return None;
        }
        Self::open(reading, field.node, of)
    }

    /// The value of a key. Asking for it makes it known.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Field<'t>> {
        self.asked.push(name);
        let index = self.left.iter().position(|field| field.name == name)?;
        Some(self.left.remove(index))
    }

    /// The value of a key with two spellings, of which only one may be there.
    pub(super) fn take_either(
        &mut self,
        reading: &mut Reading<'t>,
        [short, long]: [&'static str; 2],
    ) -> Option<Field<'t>> {
        let (short, long) = (self.take(short), self.take(long));
        if let (Some(first), Some(second)) = (short, long) {
            let message = format!("`{}` and `{}` mean the same", first.name, second.name);
            let finding = Finding::new(second.key, message, "given twice");
            let finding = finding.related(first.key, "first given here");
            reading.problems.note(finding.help("keep one of the two"));
        }
        short.or(long)
    }

    /// Every key that was not asked for is unknown here.
    pub(super) fn finish(self, reading: &mut Reading<'t>) {
        for field in &self.left {
            reading.problems.note(self.unknown(field));
        }
    }

    fn unknown(&self, field: &Field<'t>) -> Finding {
        let message = format!("unknown key {} in {}", excerpt::quoted(field.name), self.of);
        let finding = Finding::new(field.key, message, format!("not a key of {}", self.of));
        finding.help(match nearest(field.name, &self.asked) {
            _ if names_a_secret(field.name) && self.of == super::uploads::CALLED => {
                "credentials never stand in a manifest: set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
                    .to_owned()
            }
            _ if names_a_secret(field.name) => {
                "an API key never stands in a manifest: set CALLSHEET_API_KEY or give --api-key-file"
                    .to_owned()
            }
            near => match (near, slips::of_word(field.name)) {
                (Some(near), Some(slip)) => {
                    format!("did you mean `{near}`? {}: {}", slip.what, slip.help)
                }
                (Some(near), None) => format!("did you mean `{near}`?"),
                (None, Some(slip)) => format!("{}: {}", slip.what, slip.help),
                (None, None) => format!("known here: {}", self.asked.join(", ")),
            },
        })
    }
}

/// The keys of a map so far, and where they stand. Most maps have few.
enum Seen<'t> {
    Few(Vec<(&'t str, Span)>),
    Many(HashMap<&'t str, Span>),
}

impl<'t> Seen<'t> {
    fn of(keys: usize) -> Self {
        match keys {
            ..=MOST_KEYS => Self::Few(Vec::with_capacity(keys)),
            _ => Self::Many(HashMap::with_capacity(keys)),
        }
    }

    /// Where the key stood before, if it did.
    fn replace(&mut self, name: &'t str, at: Span) -> Option<Span> {
        let few = match self {
            Self::Few(few) => few,
            Self::Many(many) => return many.insert(name, at),
        };
        match few.iter_mut().find(|(known, _)| *known == name) {
            Some((_, before)) => Some(std::mem::replace(before, at)),
            None => {
                few.push((name, at));
                None
            }
        }
    }
}

/// Whether what goes by this name is not for a screen.
pub(super) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == "key" || excerpt::SECRETS.iter().any(|word| name.ends_with(word))
}

/// The known name that someone may have meant.
fn nearest<'n>(name: &str, known: &[&'n str]) -> Option<&'n str> {
    let name = name.chars().filter(|c| !is_hidden(*c) && slips::twin(*c).is_none());
    let name: String = name.take(40).collect::<String>().to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&name, known);
    let near = known.iter().min_by_key(|known| distance(known))?;
    (distance(near) <= near.len().div_ceil(4)).then_some(near)
}

impl Reading<'_> {
    /// Reads a part that is dropped after it; what is found there is kept.
    pub(super) fn inside<'p>(
        &mut self,
        (text, within): (&'p str, Option<&'p TableFile>),
        read: impl FnOnce(&mut Reading<'p>),
    ) {
        let mut part = Reading {
            text,
            plain: self.plain,
            problems: std::mem::take(&mut self.problems),
            warnings: std::mem::take(&mut self.warnings),
            prompts: std::mem::take(&mut self.prompts),
            texts: std::mem::take(&mut self.texts),
            within,
            items: None,
        };
        read(&mut part);
        (self.problems, self.warnings) = (part.problems, part.warnings);
        (self.prompts, self.texts) = (part.prompts, part.texts);
    }
}

impl<'t> Reading<'t> {
    /// The entries of a map without the second of two equal keys, which is noted.
    pub(super) fn entries(&mut self, entries: &'t [(Node<'t>, Node<'t>)]) -> Vec<Field<'t>> {
        let mut fields: Vec<Field<'t>> = Vec::with_capacity(entries.len());
        let mut seen = Seen::of(entries.len());
        for (key, node) in entries {
            let Some(name) = self.key_text(key) else { continue };
            if let Some(first) = seen.replace(name, key.span) {
                let message = format!("the key {} is given twice", excerpt::quoted(name));
                let finding = Finding::new(key.span, message, "second time");
                let finding = finding.related(first, "first time");
                self.problems.note(finding.help("keep one of the two"));
            } else {
                fields.push(Field { name, key: key.span, node });
            }
        }
        fields
    }

    /// A key as written: `12: x` has the key "12".
    fn key_text(&mut self, key: &'t Node<'t>) -> Option<&'t str> {
        match &key.kind {
            Kind::Text(text) if !text.is_empty() => Some(text),
            Kind::Bool(_) | Kind::Whole(_) | Kind::Float(_) => self.text.get(key.span.range()),
            other => {
                let message = format!("a key must be text, found {}", other.called());
                let finding = Finding::new(key.span, message, "expected a name");
                self.problems.note(finding.help("a key is a word with a colon after it"));
                None
            }
        }
    }
}
