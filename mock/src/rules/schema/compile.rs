//! Turns a schema into rules, or says what in it is not known.

use regex::Regex;
use serde_json::{Map, Value};
use thiserror::Error;

use super::kind::Kind;
use super::pattern;

/// Numbers above this are not exact as floating point, and comparing with them is not either.
const MOST_LIMIT: f64 = 9_007_199_254_740_991.0;

/// Keywords that demand nothing. The last two only hold what references name.
const SILENT: [&str; 7] =
    ["$schema", "title", "description", "default", "examples", "$defs", "components"];

/// Why a schema does not compile.
#[derive(Debug, Error, PartialEq)]
pub(crate) enum Unknown {
    /// A keyword, or a form of one, that is not known here.
    #[error("the keyword `{keyword}` with {value} is not known")]
    Keyword { keyword: String, value: Value },
    /// Something that is no object of keywords.
    #[error("{0} is not a schema of keywords")]
    Schema(Value),
    /// A reference to nothing.
    #[error("there is no {0}")]
    Reference(String),
    /// A reference to what it stands in.
    #[error("{0} refers to itself")]
    Circle(String),
}

/// A schema: all rules hold together.
pub(super) struct Node {
    pub(super) description: Option<String>,
    pub(super) rules: Vec<Rule>,
}

/// A keyword, what stands at it, and what that means.
pub(super) struct Rule {
    pub(super) keyword: String,
    pub(super) expected: Value,
    pub(super) test: Test,
}

/// What a keyword demands; of values of other kinds than its own, nothing.
pub(super) enum Test {
    Kind(Vec<Kind>),
    Required(Vec<String>),
    /// No keys but these.
    Closed(Vec<String>),
    Fields(Vec<(String, Node)>),
    Const(String),
    Names(Vec<String>),
    Pattern(Regex),
    OneOf(Vec<Node>),
    AnyOf(Vec<Node>),
    AllOf(Vec<Node>),
    /// What holds if the first does, and what if not.
    If(Box<[Option<Node>; 3]>),
    Never,
    AtLeast(f64),
    AtMost(f64),
    LeastCharacters(u64),
    MostCharacters(u64),
    LeastItems(u64),
    MostItems(u64),
    Items(Node),
    Reference(Node),
}

/// Compiles schemas of one document.
pub(super) struct Compiler<'d> {
    document: &'d Value,
    open: Vec<String>,
}

impl<'d> Compiler<'d> {
    pub(super) const fn new(document: &'d Value) -> Self {
        Self { document, open: Vec::new() }
    }

    /// The schema that a JSON pointer names.
    pub(super) fn named(&mut self, pointer: &str) -> Result<Node, Unknown> {
        if self.open.iter().any(|open| open == pointer) {
            return Err(Unknown::Circle(pointer.to_owned()));
        }
        let schema = self.document.pointer(pointer);
        let schema = schema.ok_or_else(|| Unknown::Reference(pointer.to_owned()))?;
        self.open.push(pointer.to_owned());
        let node = self.node(schema)?;
        self.open.pop();
        Ok(node)
    }

    fn node(&mut self, schema: &Value) -> Result<Node, Unknown> {
        if schema == &Value::Bool(false) {
            let (keyword, expected) = ("falseSchema".to_owned(), schema.clone());
            let rules = vec![Rule { keyword, expected, test: Test::Never }];
            return Ok(Node { description: None, rules });
        }
        let Value::Object(keywords) = schema else {
            return Err(Unknown::Schema(schema.clone()));
        };
        let description = keywords.get("description").and_then(Value::as_str).map(str::to_owned);
        let mut rules = Vec::new();
        for (keyword, expected) in keywords.iter().filter(|(keyword, _)| demands(keyword)) {
            let test = self.test(keyword, expected, keywords)?.ok_or_else(|| Unknown::Keyword {
                keyword: keyword.clone(),
                value: expected.clone(),
            })?;
            rules.push(Rule { keyword: keyword.clone(), expected: expected.clone(), test });
        }
        Ok(Node { description, rules })
    }

    /// What a keyword demands; `None` if that is not known here.
    fn test(
        &mut self,
        keyword: &str,
        value: &Value,
        beside: &Map<String, Value>,
    ) -> Result<Option<Test>, Unknown> {
        Ok(match keyword {
            "$ref" => self.reference(value)?.map(Test::Reference),
            "items" => Some(Test::Items(self.node(value)?)),
            "oneOf" => self.alternatives(value)?.map(Test::OneOf),
            "anyOf" => self.alternatives(value)?.map(Test::AnyOf),
            "allOf" => self.alternatives(value)?.map(Test::AllOf),
            "if" => Some(Test::If(Box::new([
                Some(self.node(value)?),
                self.optional(beside.get("then"))?,
                self.optional(beside.get("else"))?,
            ]))),
            "then" | "else" => beside.contains_key("if").then_some(Test::AllOf(Vec::new())),
            "properties" => self.fields(value)?.map(Test::Fields),
            "additionalProperties" => (value == &Value::Bool(false)).then(|| {
                let fields = beside.get("properties").and_then(Value::as_object);
                Test::Closed(fields.into_iter().flat_map(Map::keys).cloned().collect())
            }),
            _ => simple(keyword, value),
        })
    }

    fn reference(&mut self, value: &Value) -> Result<Option<Node>, Unknown> {
        let pointer = value.as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.map(|pointer| self.named(pointer)).transpose()
    }

    fn alternatives(&mut self, value: &Value) -> Result<Option<Vec<Node>>, Unknown> {
        let schemas = value.as_array().filter(|schemas| !schemas.is_empty());
        let compiled = schemas.map(|schemas| schemas.iter().map(|one| self.node(one)).collect());
        compiled.transpose()
    }

    fn optional(&mut self, schema: Option<&Value>) -> Result<Option<Node>, Unknown> {
        schema.map(|schema| self.node(schema)).transpose()
    }

    fn fields(&mut self, value: &Value) -> Result<Option<Vec<(String, Node)>>, Unknown> {
        let compiled = value.as_object().map(|fields| {
            fields.iter().map(|(name, schema)| Ok((name.clone(), self.node(schema)?))).collect()
        });
        compiled.transpose()
    }
}

fn demands(keyword: &str) -> bool {
    !keyword.starts_with("x-") && !SILENT.contains(&keyword)
}

/// What a keyword demands that has no schema in it.
fn simple(keyword: &str, value: &Value) -> Option<Test> {
    match keyword {
        "type" => kinds(value).map(Test::Kind),
        "required" => names(value).map(Test::Required),
        "const" => value.as_str().map(|name| Test::Const(name.to_owned())),
        "enum" => names(value).map(Test::Names),
        "pattern" => value.as_str().and_then(pattern::compile).map(Test::Pattern),
        "minimum" => limit(value).map(Test::AtLeast),
        "maximum" => limit(value).map(Test::AtMost),
        "minLength" => value.as_u64().map(Test::LeastCharacters),
        "maxLength" => value.as_u64().map(Test::MostCharacters),
        "minItems" => value.as_u64().map(Test::LeastItems),
        "maxItems" => value.as_u64().map(Test::MostItems),
        _ => None,
    }
}

fn names(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|name| name.as_str().map(str::to_owned)).collect()
}

fn kinds(value: &Value) -> Option<Vec<Kind>> {
    let one = std::slice::from_ref(value);
    let listed = value.as_array().map_or(one, Vec::as_slice).iter();
    let mut kinds: Vec<_> =
        listed.map(|name| name.as_str().and_then(Kind::of_name)).collect::<Option<_>>()?;
    kinds.sort_unstable();
    (!kinds.is_empty()).then_some(kinds)
}

fn limit(value: &Value) -> Option<f64> {
    value.as_f64().filter(|limit| limit.abs() <= MOST_LIMIT)
}
