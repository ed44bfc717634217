//! Answers that another server gave, to be given again.

use serde::{Deserialize, Serialize};

use crate::words::span::Span;

/// A request that is answered as another server answered it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replayed {
    /// The method.
    pub method: String,
    /// The path and the query, what may be secret replaced by `***`.
    pub target: String,
    /// The body. In JSON, the order of fields does not matter. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Try by try; the last one again and again.
    pub answers: Vec<ReplayedAnswer>,
}

/// An answer that another server gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayedAnswer {
    /// The status.
    pub status: u16,
    /// The headers that say what it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<ReplayedHeader>,
    /// The body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// How long it took.
    #[serde(default)]
    pub after: Span,
}

/// A header of such an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplayedHeader {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}
