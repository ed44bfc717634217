//! The dialects that are spoken on the same paths.
//!
//! The engine thinks in foxapi's present one; what the others say differently is told by a file for
//! each, in `mock/dialects`: which schema a create is held to, where its picture is, and what is
//! changed in answers. A change is made where its `when` holds; it sets values at JSON pointers and
//! removes others. A text `$/…` stands for the value at that pointer before the change, `$NAME` for
//! a value that the engine knows.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::http::answer::{self, Answer};

/// The header that marks an answer as a repetition.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// Whose dialect the fake speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// foxapi now.
    #[default]
    Foxapi,
    /// foxapi's older page: `result_data` and `output` instead of `results`, and `cancelled` as a
    /// status.
    FoxapiOlder,
    /// EvoLink: results as strings, `image_urls`, integers as error codes, `Idempotency-Key`.
    Evolink,
}

/// What a file says of a dialect.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    /// The schema of a create, as a pointer into the contract.
    create: String,
    /// The image's URL in the body of a create.
    image: String,
    /// Whether a repeated `Idempotency-Key` is answered with what the first one got.
    #[serde(default)]
    idempotent: bool,
    /// What is changed in the answer to a create.
    #[serde(default)]
    created: Vec<Change>,
    /// What is changed in the answer to a query.
    #[serde(default)]
    task: Vec<Change>,
    /// What is changed in an error.
    #[serde(default)]
    error: Vec<Change>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    when: Option<When>,
    /// Values by the pointers to where they go.
    #[serde(default)]
    set: Map<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
}

/// Something is there; and, if told, it is this.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct When {
    at: String,
    is: Option<Value>,
}

static FOXAPI: LazyLock<Words> = LazyLock::new(|| read(include_str!("../../dialects/foxapi.yaml")));
static FOXAPI_OLDER: LazyLock<Words> =
    LazyLock::new(|| read(include_str!("../../dialects/foxapi-older.yaml")));
static EVOLINK: LazyLock<Words> =
    LazyLock::new(|| read(include_str!("../../dialects/evolink.yaml")));

#[expect(clippy::expect_used, reason = "the files are compiled in, and tests read each")]
fn read(text: &str) -> Words {
    serde_yaml::from_str(text).expect("a dialect")
}

impl Dialect {
    fn words(self) -> &'static Words {
        match self {
            Self::Foxapi => &FOXAPI,
            Self::FoxapiOlder => &FOXAPI_OLDER,
            Self::Evolink => &EVOLINK,
        }
    }

    /// The schema of a create, as a pointer into the contract.
    pub(crate) fn create_schema(self) -> &'static str {
        &self.words().create
    }

    /// The image's URL in the body of a create.
    pub(crate) fn image_url(self, body: &Value) -> &str {
        body.pointer(&self.words().image).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether a repeated `Idempotency-Key` is answered with what the first one got.
    pub(crate) fn is_idempotent(self) -> bool {
        self.words().idempotent
    }

    /// The answer to a create; `seconds` is what it bills.
    pub(crate) fn created(self, body: Value, seconds: u64) -> Value {
        changed(&self.words().created, body, ("seconds", seconds))
    }

    /// The answer to a query.
    pub(crate) fn task(self, body: Value) -> Value {
        changed(&self.words().task, body, ("", 0))
    }

    /// An answer that is an error; others stay as they are.
    pub(crate) fn error(self, answer: Answer) -> Answer {
        let changes = &self.words().error;
        if changes.is_empty() || answer.status < 400 || answer.mime != answer::JSON {
            return answer;
        }
        let Ok(body) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        let body = changed(changes, body, ("http_status", answer.status.into()));
        Answer { body: body.to_string().into_bytes(), ..answer }
    }
}

/// A body with all changes made that apply to it, one after the other.
fn changed(changes: &[Change], mut body: Value, known: (&str, u64)) -> Value {
    for change in changes {
        let applies = change.when.as_ref().is_none_or(|when| {
            let there = body.pointer(&when.at).filter(|there| !there.is_null());
            there.is_some_and(|there| when.is.as_ref().is_none_or(|wanted| there == wanted))
        });
        if !applies {
            continue;
        }
        let before = body.clone();
        for (pointer, value) in &change.set {
            put(&mut body, pointer, filled(value, &before, known));
        }
        for pointer in &change.remove {
            let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(fields) = body.pointer_mut(parent).and_then(Value::as_object_mut) {
                fields.remove(name);
            }
        }
    }
    body
}

/// A value with what its texts stand for.
fn filled(value: &Value, before: &Value, (name, known): (&str, u64)) -> Value {
    match value {
        Value::String(text) => match text.strip_prefix('$') {
            Some(pointer) if pointer.starts_with('/') => {
                before.pointer(pointer).cloned().unwrap_or_default()
            }
            Some(asked) if asked == name => json!(known),
            _ => value.clone(),
        },
        Value::Array(items) => {
            items.iter().map(|item| filled(item, before, (name, known))).collect()
        }
        Value::Object(fields) => fields
            .iter()
            .map(|(field, value)| (field.clone(), filled(value, before, (name, known))))
            .collect(),
        _ => value.clone(),
    }
}

/// Puts a value where a pointer leads, through fields that are made where they are missing.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for name in pointer.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_dialect_has_a_file_whose_texts_all_stand_for_something() {
        for dialect in [Dialect::Foxapi, Dialect::FoxapiOlder, Dialect::Evolink] {
            let words = dialect.words();
            let (created, task, error) = (&words.created, &words.task, &words.error);
            for (changes, known) in
                [(created, "$seconds"), (task, "$/results/0/url"), (error, "$http_status")]
            {
                let text = format!("{changes:?}");
                let others = text.replace(known, "").contains('$');
                assert!(!others, "{dialect:?}: only {known} is known in {text}");
            }
        }
        assert_eq!(Dialect::Foxapi.task(json!({"results": null})), json!({"results": null}));
    }

    #[test]
    fn changes_are_made_where_they_apply_and_see_what_was_before() {
        let changes: Vec<Change> = serde_yaml::from_str(
            "[{when: {at: /a, is: 1}, set: {/b/c: $/a, /a: [$n, $other]}, remove: [/d, /e/f]}, \
             {when: {at: /none}, set: {/a: 2}}]",
        )
        .unwrap();
        let body = changed(&changes, json!({"a": 1, "d": 2, "e": {"f": 3, "g": 4}}), ("n", 7));
        assert_eq!(body, json!({"a": [7, "$other"], "b": {"c": 1}, "e": {"g": 4}}));
        let same = json!({"a": 2, "none": null});
        assert_eq!(changed(&changes, same.clone(), ("n", 7)), same);
    }
}
