//! Holds a JSON value to a JSON Schema and tells all that is wrong with it at once.
//!
//! It knows the few keywords and forms of patterns that the contract and the scenario use, and compiles no schema that has another: a rule it does not know is never waved through.
//! Verdicts, places and words are those of the crate `jsonschema`, which judges it in the tests and
//! would take a quarter of the time in which the whole program is built.

mod check;
mod compile;
mod kind;
mod pattern;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::Value;

pub(crate) use compile::Unknown;
use compile::{Compiler, Node, Rule};
use kind::Kind;

/// A schema, ready to check values.
pub(crate) struct Schema {
    root: Node,
}

impl Schema {
    /// Compiles what a JSON pointer names in a document, within which all its references are.
    ///
    /// # Errors
    ///
    /// If it uses anything that is not known here, or refers to what is not there or to itself.
    pub(crate) fn compile(document: &Value, pointer: &str) -> Result<Self, Unknown> {
        Ok(Self { root: Compiler::new(document).named(pointer)? })
    }

    /// All rules that a value breaks; none if it is valid.
    pub(crate) fn broken<'a>(&'a self, value: &'a Value) -> Vec<Broken<'a>> {
        let mut found = Vec::new();
        self.root.check(value, &check::Place::Root, &mut found);
        found
    }
}

/// One rule that a value breaks. As a text it says which, in English.
pub(crate) struct Broken<'a> {
    /// JSON pointer to the value that breaks it; empty for the whole.
    pub(crate) pointer: String,
    /// That value.
    pub(crate) value: &'a Value,
    /// How it breaks the rule.
    pub(crate) problem: Problem<'a>,
    rule: &'a Rule,
    description: Option<&'a str>,
}

impl<'a> Broken<'a> {
    /// The keyword of the rule.
    pub(crate) fn keyword(&self) -> &'a str {
        &self.rule.keyword
    }

    /// What stands at the keyword.
    pub(crate) const fn expected(&self) -> &'a Value {
        &self.rule.expected
    }

    /// What the schema that holds the rule says of itself.
    pub(crate) const fn description(&self) -> Option<&'a str> {
        self.description
    }
}

/// How a value breaks a rule.
pub(crate) enum Problem<'a> {
    /// It is of none of these kinds.
    Kind(&'a [Kind]),
    /// It lacks this field.
    Missing(&'a str),
    /// It has keys that no field has; and the names of the fields.
    Unexpected { keys: Vec<&'a str>, known: &'a [String] },
    /// It is not this name.
    NotConst(&'a str),
    /// It is none of these names.
    NotNamed(&'a [String]),
    /// It does not match this pattern.
    Unlike(&'a str),
    /// It fits none of the alternatives.
    NoAlternative,
    /// It fits none of the alternatives; and how it breaks the nearest.
    NoneOf(Vec<Broken<'a>>),
    /// It must not be there.
    Never,
    /// It fits several of the alternatives.
    SeveralAlternatives,
    /// It is less than this.
    TooLittle(&'a Value),
    /// It is more than this.
    TooMuch(&'a Value),
    /// It has fewer characters than this.
    Shorter(u64),
    /// It has more characters than this.
    Longer(u64),
    /// It has fewer items than this.
    Fewer(u64),
    /// It has more items than this.
    More(u64),
}

impl fmt::Display for Broken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match &self.problem {
            Problem::Kind(kinds) => write!(f, "{value} is not of {}", kind::named(kinds)),
            Problem::Missing(field) => write!(f, "\"{field}\" is a required property"),
            Problem::Unexpected { keys, .. } => write_unexpected(f, keys),
            Problem::NotConst(name) => write!(f, "{} was expected", Value::from(*name)),
            Problem::NotNamed(names) => write_not_named(f, value, names),
            Problem::Unlike(pattern) => write!(f, "{value} does not match \"{pattern}\""),
            Problem::NoAlternative => write!(f, "{value} is not valid under any {ALTERNATIVES}"),
            Problem::NoneOf(_) => {
                write!(
                    f,
                    "{value} is not valid under any of the schemas listed in the 'anyOf' keyword"
                )
            }
            Problem::Never => write!(f, "False schema does not allow {value}"),
            Problem::SeveralAlternatives => {
                write!(f, "{value} is valid under more than one {ALTERNATIVES}")
            }
            Problem::TooLittle(least) => write!(f, "{value} is less than the minimum of {least}"),
            Problem::TooMuch(most) => write!(f, "{value} is greater than the maximum of {most}"),
            Problem::Shorter(least) => write_count(f, value, "is shorter", *least, "character"),
            Problem::Longer(most) => write_count(f, value, "is longer", *most, "character"),
            Problem::Fewer(least) => write_count(f, value, "has less", *least, "item"),
            Problem::More(most) => write_count(f, value, "has more", *most, "item"),
        }
    }
}

const ALTERNATIVES: &str = "of the schemas listed in the 'oneOf' keyword";

fn write_count(
    f: &mut fmt::Formatter<'_>,
    value: &Value,
    is: &str,
    limit: u64,
    unit: &str,
) -> fmt::Result {
    let many = if limit == 1 { "" } else { "s" };
    write!(f, "{value} {is} than {limit} {unit}{many}")
}

fn write_unexpected(f: &mut fmt::Formatter<'_>, keys: &[&str]) -> fmt::Result {
    let were = if keys.len() == 1 { "was" } else { "were" };
    let keys = keys.join("', '");
    write!(f, "Additional properties are not allowed ('{keys}' {were} unexpected)")
}

/// Up to three names, or two and how many more there are.
fn write_not_named(f: &mut fmt::Formatter<'_>, value: &Value, names: &[String]) -> fmt::Result {
    let quoted = |name: &String| Value::from(name.as_str()).to_string();
    let (shown, last) = match names {
        [] => (names, String::new()),
        [only] => (&names[..0], quoted(only)),
        [shown @ .., last] if names.len() <= 3 => (shown, format!(" or {}", quoted(last))),
        [..] => (&names[..2], format!(" or {} other candidates", names.len() - 2)),
    };
    let shown: Vec<_> = shown.iter().map(quoted).collect();
    write!(f, "{value} is not one of {}{last}", shown.join(", "))
}
