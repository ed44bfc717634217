//! `tags` and `expires`: what is said of a pair besides what is asked for. Neither is ever sent, and
//! neither makes another request of it.

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::pair::{Tag, moment};

use super::fields::{Field, Reading};
use super::problem::Mark;
use super::tree::{Kind, Node};

/// What may stand between tags that are written into one text.
const BETWEEN: [char; 5] = [',', ';', '，', '；', '、'];

/// More tags than anybody chooses by.
pub(super) const MOST_TAGS: usize = 32;

const A_MOMENT: &str = "a moment such as 2026-12-31T18:00:00Z";

/// When the links of a pair die, and where that is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expiry {
    pub(super) at: Timestamp,
    pub(super) mark: Mark,
}

impl<'t> Reading<'t> {
    /// A list, or a text with commas or semicolons; each tag once.
    pub(super) fn tags(&mut self, field: &Field<'t>) -> Option<Vec<Tag>> {
        let nodes: &[Node<'t>] = match &field.node.kind {
            Kind::List(items) => items,
            _ => std::slice::from_ref(field.node),
        };
        let mut tags: Vec<Tag> = Vec::new();
        for node in nodes {
            let item = Field { node, ..*field };
            for word in self.words(&item)? {
                if tags.len() > MOST_TAGS {
                    break;
                }
                let tag = self.tag(&item, word)?;
                if tags.iter().all(|other| other.folded() != tag.folded()) {
                    tags.push(tag);
                }
            }
        }
        if tags.len() > MOST_TAGS {
            let expected = format!("at most {MOST_TAGS} tags");
            self.refuse(field, "too many tags", &expected, "leave some out");
            return None;
        }
        Some(tags)
    }

    fn words(&mut self, item: &Field<'t>) -> Option<impl Iterator<Item = &'t str> + use<'t>> {
        let text = match item.node.kind {
            // 2026 is a tag as good as spring.
            Kind::Whole(_) => self.raw(item.node),
            _ => self.text(item)?,
        };
        self.warn_of_cut(item);
        Some(text.split(BETWEEN).filter(|word| !word.trim().is_empty()))
    }

    fn tag(&mut self, item: &Field<'t>, word: &str) -> Option<Tag> {
        match Tag::parse(word) {
            Ok(tag) => Some(tag),
            Err(error) => {
                let help = "write words with commas between them: spring, de";
                self.refuse(item, error, "words", help);
                None
            }
        }
    }

    /// With its zone: elsewhere it is another day already.
    pub(super) fn expires(&mut self, field: &Field<'t>) -> Option<Expiry> {
        let at = match &field.node.kind {
            Kind::Whole(number) => i64::try_from(*number).ok().and_then(moment),
            Kind::Text(text) => match text.trim().parse::<i64>() {
                Ok(number) => moment(number),
                Err(_) => text.trim().parse().ok(),
            },
            _ => None,
        };
        if at.is_none() {
            self.wrong(field, A_MOMENT, expires_help(&field.node.kind));
        }
        at.map(|at| Expiry { at, mark: Mark(field.span()) })
    }
}

fn expires_help(kind: &Kind<'_>) -> &'static str {
    let text = match kind {
        Kind::Text(text) => text.trim(),
        _ => "",
    };
    match (kind, text.parse::<i64>(), text.parse::<DateTime>()) {
        (Kind::Whole(_), _, _) | (_, Ok(_), _) => {
            "this is no time since 1970: write the moment itself, not how long links live"
        }
        (_, _, Ok(_)) => "add the time and its zone: Z for UTC, or +08:00",
        _ => "write day, time and zone, or seconds since 1970",
    }
}
