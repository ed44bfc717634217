//! Walks a value along the rules of its schema.

use serde_json::{Map, Value};

use super::compile::{Node, Rule, Test};
use super::{Broken, Problem};

/// Where the walk is. It becomes a pointer only if something is wrong there.
pub(super) enum Place<'p> {
    Root,
    Field(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field(parent, name) => {
                format!("{}/{}", parent.pointer(), name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Item(parent, index) => format!("{}/{index}", parent.pointer()),
        }
    }
}

impl Node {
    /// Adds what is wrong with a value.
    pub(super) fn check<'a>(
        &'a self,
        value: &'a Value,
        place: &Place<'_>,
        found: &mut Vec<Broken<'a>>,
    ) {
        for rule in &self.rules {
            match &rule.test {
                Test::Reference(target) => target.check(value, place, found),
                Test::Fields(fields) => check_fields(fields, value, place, found),
                Test::Items(item) => check_items(item, value, place, found),
                Test::AllOf(nodes) => nodes.iter().for_each(|node| node.check(value, place, found)),
                Test::If(nodes) => {
                    let [condition, then, otherwise] = &**nodes;
                    let holds = condition.as_ref().is_none_or(|node| node.takes(value));
                    if let Some(node) = if holds { then } else { otherwise } {
                        node.check(value, place, found);
                    }
                }
                Test::AnyOf(nodes) => {
                    let problem = none_of(nodes, value, place).map(Problem::NoneOf);
                    found.extend(problem.map(|problem| self.broken(rule, value, place, problem)));
                }
                Test::Required(fields) => {
                    let missing = missing(fields, value).map(Problem::Missing);
                    found.extend(missing.map(|problem| self.broken(rule, value, place, problem)));
                }
                test => {
                    let problem = test.problem(value, &rule.expected);
                    found.extend(problem.map(|problem| self.broken(rule, value, place, problem)));
                }
            }
        }
    }

    fn broken<'a>(
        &'a self,
        rule: &'a Rule,
        value: &'a Value,
        place: &Place<'_>,
        problem: Problem<'a>,
    ) -> Broken<'a> {
        let description = self.description.as_deref();
        Broken { pointer: place.pointer(), value, problem, rule, description }
    }

    fn takes(&self, value: &Value) -> bool {
        let mut found = Vec::new();
        self.check(value, &Place::Root, &mut found);
        found.is_empty()
    }
}

fn check_fields<'a>(
    fields: &'a [(String, Node)],
    value: &'a Value,
    place: &Place<'_>,
    found: &mut Vec<Broken<'a>>,
) {
    let Value::Object(there) = value else { return };
    for (name, schema) in fields {
        if let Some(value) = there.get(name) {
            schema.check(value, &Place::Field(place, name), found);
        }
    }
}

fn check_items<'a>(
    item: &'a Node,
    value: &'a Value,
    place: &Place<'_>,
    found: &mut Vec<Broken<'a>>,
) {
    for (index, value) in value.as_array().into_iter().flatten().enumerate() {
        item.check(value, &Place::Item(place, index), found);
    }
}

fn missing<'a>(fields: &'a [String], value: &'a Value) -> impl Iterator<Item = &'a str> {
    let there = value.as_object();
    let missing = move |there: &'a Map<String, Value>| {
        fields.iter().filter(|field| !there.contains_key(*field)).map(String::as_str)
    };
    there.into_iter().flat_map(missing)
}

impl Test {
    /// What is wrong with a value by itself, apart from its fields and items.
    fn problem<'a>(&'a self, value: &'a Value, expected: &'a Value) -> Option<Problem<'a>> {
        match (self, value) {
            (Self::Kind(kinds), _) => {
                let known = kinds.iter().any(|kind| kind.takes(value));
                (!known).then_some(Problem::Kind(kinds))
            }
            (Self::Const(name), _) => {
                (value.as_str() != Some(name)).then_some(Problem::NotConst(name))
            }
            (Self::Names(names), _) => {
                let named = value.as_str().is_some_and(|value| names.iter().any(|n| n == value));
                (!named).then_some(Problem::NotNamed(names))
            }
            (Self::Never, _) => Some(Problem::Never),
            (Self::OneOf(nodes), _) => alternative(nodes, value),
            (Self::Closed(known), Value::Object(there)) => unexpected(known, there),
            (Self::Pattern(pattern), Value::String(text)) => {
                (!pattern.is_match(text)).then_some(Problem::Unlike(expected.as_str()?))
            }
            (Self::LeastCharacters(least), Value::String(text)) => {
                (characters(text) < *least).then_some(Problem::Shorter(*least))
            }
            (Self::MostCharacters(most), Value::String(text)) => {
                (characters(text) > *most).then_some(Problem::Longer(*most))
            }
            (Self::AtLeast(least), Value::Number(number)) => {
                (number.as_f64()? < *least).then_some(Problem::TooLittle(expected))
            }
            (Self::AtMost(most), Value::Number(number)) => {
                (number.as_f64()? > *most).then_some(Problem::TooMuch(expected))
            }
            (Self::LeastItems(least), Value::Array(items)) => {
                ((items.len() as u64) < *least).then_some(Problem::Fewer(*least))
            }
            (Self::MostItems(most), Value::Array(items)) => {
                ((items.len() as u64) > *most).then_some(Problem::More(*most))
            }
            _ => None,
        }
    }
}

/// If a value fits none of the alternatives, what is wrong with it by the one that is nearest.
fn none_of<'a>(nodes: &'a [Node], value: &'a Value, place: &Place<'_>) -> Option<Vec<Broken<'a>>> {
    let tried = nodes.iter().map(|node| {
        let mut found = Vec::new();
        node.check(value, place, &mut found);
        found
    });
    tried.min_by_key(Vec::len).filter(|found| !found.is_empty())
}

fn alternative<'a>(nodes: &[Node], value: &Value) -> Option<Problem<'a>> {
    match nodes.iter().filter(|node| node.takes(value)).count() {
        0 => Some(Problem::NoAlternative),
        1 => None,
        _ => Some(Problem::SeveralAlternatives),
    }
}

fn unexpected<'a>(known: &'a [String], there: &'a Map<String, Value>) -> Option<Problem<'a>> {
    let unknown = there.keys().filter(|key| !known.contains(key));
    let keys: Vec<_> = unknown.map(String::as_str).collect();
    (!keys.is_empty()).then_some(Problem::Unexpected { keys, known })
}

/// Characters are code points to JSON Schema, not bytes.
fn characters(text: &str) -> u64 {
    text.chars().count() as u64
}
