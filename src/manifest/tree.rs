//! The YAML text as a tree of nodes that know where they stand.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

/// Bytes of the manifest, or of the shown text of a table's row, from the first to the one after
/// the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub(super) struct Span {
    /// Which table; 0 is the manifest itself.
    pub(super) table: u32,
    /// The row of that table; 0 is the table as a whole.
    pub(super) row: u32,
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    /// The place before which nothing stands.
    pub(super) const START: Self = Self { table: 0, row: 0, start: 0, end: 0 };

    /// Offsets beyond 4 GiB cannot occur: a manifest has at most [`super::MAX_BYTES`].
    pub(super) fn new(start: usize, end: usize) -> Self {
        let offset = |value| u32::try_from(value).unwrap_or(u32::MAX);
        Self { table: 0, row: 0, start: offset(start), end: offset(end) }
    }

    /// In a row of a table, from 1.
    pub(super) fn in_row(table: u32, row: u32, bytes: &Range<usize>) -> Self {
        Self { table, row, ..Self::new(bytes.start, bytes.end) }
    }

    /// For slicing.
    pub(super) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One YAML value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) span: Span,
}

/// What a YAML value is.
#[derive(Debug, Clone)]
pub(super) enum Kind<'a> {
    Null,
    Bool(bool),
    /// Wide enough for whatever fits i64 or u64; larger ones arrive as [`Kind::Float`].
    Whole(i128),
    Float(f64),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// In the order written, repeated keys included.
    Map(Vec<(Node<'a>, Node<'a>)>),
}

impl Kind<'_> {
    /// For messages: "found …".
    pub(super) fn called(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Whole(_) | Self::Float(_) => "a number",
            Self::Text(text) if text.is_empty() => "empty text",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node<'_> {
    /// Where to point when the value as a whole is meant: a block map has no sign of its own, so
    /// its first key stands for it. A row of a table is shown whole.
    pub(super) fn head(&self) -> Span {
        match &self.kind {
            Kind::Map(entries) => match entries.first() {
                Some((key, _)) if self.span.row == 0 && key.span.start == self.span.start => {
                    key.span
                }
                _ => self.span,
            },
            _ => self.span,
        }
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Kind<'de>>::deserialize(deserializer)?;
        // A wrong scalar is mended where it is written; a wrong pair where it is listed.
        let location = match spanned.value {
            Kind::List(_) | Kind::Map(_) => spanned.referenced,
            _ => spanned.defined,
        };
        let offset = |value: Option<u64>| usize::try_from(value.unwrap_or_default()).unwrap_or(0);
        let start = offset(location.span().byte_offset());
        let end = start + offset(location.span().byte_len());
        Ok(Self { kind: spanned.value, span: Span::new(start, end) })
    }
}

impl<'de> Deserialize<'de> for Kind<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindVisitor)
    }
}

struct KindVisitor;

impl<'de> Visitor<'de> for KindVisitor {
    type Value = Kind<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Kind::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Kind::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Kind::Whole(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Kind::Whole(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Kind::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Kind::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Kind::Text(Cow::Borrowed(value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Kind::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Kind::Map(map))
    }
}
