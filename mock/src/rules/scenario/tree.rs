//! A YAML document as a tree that remembers places, so that what is found wrong later can be shown.

use std::fmt;
use std::ops::Range;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_yaml::Spanned;

/// A YAML value that remembers where it stands.
pub(super) enum Node {
    Scalar(Value),
    Sequence(Vec<Spanned<Node>>),
    Mapping(Vec<(Spanned<String>, Spanned<Node>)>),
}

impl Node {
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::Sequence(items) => items.iter().map(|item| item.value.json()).collect(),
            Self::Mapping(entries) => {
                entries.iter().map(|(key, node)| (key.value.clone(), node.value.json())).collect()
            }
        }
    }
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element()? {
            nodes.push(node);
        }
        Ok(Node::Sequence(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            nodes.push(entry);
        }
        Ok(Node::Mapping(nodes))
    }
}

/// Where the value of a pointer stands.
pub(super) fn place(tree: &Spanned<Node>, pointer: &str, text: &str) -> Range<usize> {
    find(tree, pointer).map_or(0..0, |node| bytes(node, text))
}

/// Where a key of the mapping of a pointer stands.
pub(super) fn key_place(
    tree: &Spanned<Node>,
    pointer: &str,
    key: &str,
    text: &str,
) -> Range<usize> {
    match find(tree, pointer).map(|node| &node.value) {
        Some(Node::Mapping(entries)) => {
            let found = entries.iter().find(|(name, _)| name.value == key);
            found.map_or(0..0, |(name, _)| bytes(name, text))
        }
        _ => 0..0,
    }
}

fn find<'a>(tree: &'a Spanned<Node>, pointer: &str) -> Option<&'a Spanned<Node>> {
    pointer.split('/').skip(1).try_fold(tree, |node, step| match &node.value {
        Node::Mapping(entries) => {
            entries.iter().find(|(key, _)| key.value == step).map(|(_, node)| node)
        }
        Node::Sequence(items) => items.get(step.parse::<usize>().ok()?),
        Node::Scalar(_) => None,
    })
}

/// The bytes of a node, as far as they are on one line.
fn bytes<T>(node: &Spanned<T>, text: &str) -> Range<usize> {
    let span = node.referenced.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let start = number(span.byte_offset()).min(text.len());
    let end = (start + number(span.byte_len()).max(1)).min(text.len());
    let line = text.get(start..end).and_then(|part| part.find('\n')).map_or(end, |n| start + n);
    start..line
}
