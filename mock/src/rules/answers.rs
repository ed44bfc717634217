//! The contract as the judge of answers: of those that a service gives, live or recorded.

use serde::Serialize;
use serde_json::Value;

use crate::http::answer::JSON;
use crate::rules::contract::CONTRACT;
use crate::rules::schema::{Broken, Problem, Schema};

/// One way in which an answer differs from the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    /// Where: `status`, `content-type`, `body`, or a JSON pointer into the body.
    pub(crate) at: String,
    /// What the contract has there.
    pub(crate) expected: String,
    /// What came.
    pub(crate) came: String,
}

impl Difference {
    pub(crate) fn new(at: &str, expected: impl Into<String>, came: impl Into<String>) -> Self {
        Self { at: at.to_owned(), expected: expected.into(), came: came.into() }
    }
}

/// What a service says, as far as the contract speaks of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'a> {
    pub(crate) status: u16,
    /// The content type as it came.
    pub(crate) mime: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// An operation of the contract.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    method: &'static str,
    path: &'static str,
}

/// What was found of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// How it breaks the contract.
    pub(crate) differences: Vec<Difference>,
    /// JSON pointers to fields that the contract does not have, and allows.
    pub(crate) unknown: Vec<String>,
}

impl Operation {
    /// The operation that a request is for, wherever the API's paths begin.
    pub(crate) fn of(method: &str, path: &str) -> Option<Self> {
        let paths = CONTRACT.document()["paths"].as_object()?;
        let mut found = paths.iter().filter_map(|(template, item)| {
            let (method, _) = item.as_object()?.iter().find(|(known, operation)| {
                known.eq_ignore_ascii_case(method) && operation.is_object()
            })?;
            fits(template, path).then_some(Self { method, path: template })
        });
        found.next()
    }

    /// The pointer to what the contract says of this status, and that itself.
    fn response(self, status: u16) -> Option<(String, &'static Value)> {
        let document = CONTRACT.document();
        let responses = format!("/paths/{}/{}/responses", escaped(self.path), self.method);
        let names = [status.to_string(), format!("{}XX", status / 100)];
        let (pointer, response) = names.iter().find_map(|name| {
            let pointer = format!("{responses}/{name}");
            document.pointer(&pointer).map(|response| (pointer, response))
        })?;
        let reference = response["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        match reference {
            Some(reference) => Some((reference.to_owned(), document.pointer(reference)?)),
            None => Some((pointer, response)),
        }
    }

    /// The statuses that the contract has here, as a list for people.
    fn statuses(self) -> String {
        let pointer = format!("/paths/{}/{}/responses", escaped(self.path), self.method);
        let responses = CONTRACT.document().pointer(&pointer).and_then(Value::as_object);
        let names: Vec<_> =
            responses.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    }

    /// Holds an answer to the contract.
    pub(crate) fn judge(self, said: Said<'_>) -> Judged {
        let wrong = |at, expected: String, came: String| Judged {
            differences: vec![Difference::new(at, expected, came)],
            unknown: Vec::new(),
        };
        let Some((pointer, response)) = self.response(said.status) else {
            return wrong("status", format!("one of {}", self.statuses()), said.status.to_string());
        };
        let mime = said.mime.and_then(|mime| mime.split(';').next()).map(str::trim);
        let mime = mime.filter(|mime| !mime.is_empty()).map(str::to_ascii_lowercase);
        let known = response["content"].as_object();
        let Some(mime) = mime else {
            // A 429 may say nothing at all; what says something says what it is.
            let silent = said.body.is_empty() && said.status == 429;
            let list = known.map_or_else(String::new, listed);
            let came = if said.body.is_empty() { "nothing" } else { "no content type" };
            return if silent {
                Judged::default()
            } else {
                wrong("content-type", list, came.into())
            };
        };
        if known.is_none_or(|known| !known.contains_key(&mime)) {
            let list = known.map_or_else(|| "nothing".to_owned(), listed);
            return wrong("content-type", list, mime);
        }
        if mime != JSON {
            return Judged::default();
        }
        match serde_json::from_slice::<Value>(said.body) {
            Ok(body) => held(&format!("{pointer}/content/{}/schema", escaped(JSON)), &body),
            Err(error) => wrong("body", "one JSON document".into(), error.to_string()),
        }
    }
}

fn listed(known: &serde_json::Map<String, Value>) -> String {
    let names: Vec<_> = known.keys().map(String::as_str).collect();
    names.join(" or ")
}

/// Whether a path ends as a template says: before it, a service may have more.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut came) = (template.rsplit('/'), path.rsplit('/'));
    // A template begins with a slash, so its first step is empty and stands for what comes before.
    let steps = template.matches('/').count();
    let same = wanted.by_ref().take(steps).all(|step| {
        let came = came.next().unwrap_or_default();
        if step.starts_with('{') { !came.is_empty() } else { step == came }
    });
    same && came.next().is_some()
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Holds a body to the schema that a pointer names.
fn held(pointer: &str, body: &Value) -> Judged {
    let document = CONTRACT.document();
    let Ok(schema) = Schema::compile(document, pointer) else {
        // A test compiles each of them.
        return Judged::default();
    };
    let differences = schema.broken(body).iter().flat_map(differences).collect();
    let mut unknown = Vec::new();
    if let Some(schema) = document.pointer(pointer) {
        strangers(&parts(document, schema), body, "", &mut unknown);
    }
    Judged { differences, unknown }
}

fn differences(broken: &Broken<'_>) -> Vec<Difference> {
    const LONGEST: usize = 200;
    let short = |text: String| text.chars().take(LONGEST).collect::<String>();
    let whole = |at: &str| if at.is_empty() { "body".to_owned() } else { at.to_owned() };
    match &broken.problem {
        Problem::NoneOf(nearest) => nearest.iter().flat_map(differences).collect(),
        Problem::Missing(field) => {
            let at = format!("{}/{field}", broken.pointer);
            vec![Difference::new(&at, "a field", "none")]
        }
        Problem::Never => {
            let came = short(broken.value.to_string());
            vec![Difference::new(&broken.pointer, "no such field", came)]
        }
        _ => {
            let expected = short(format!("{}: {}", broken.keyword(), broken.expected()));
            let came = short(broken.value.to_string());
            vec![Difference::new(&whole(&broken.pointer), expected, came)]
        }
    }
}

/// A schema and all that it is made of, references followed.
fn parts<'d>(document: &'d Value, schema: &'d Value) -> Vec<&'d Value> {
    let mut found = vec![schema];
    let reference = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    if let Some(named) = reference.and_then(|pointer| document.pointer(pointer)) {
        found.extend(parts(document, named));
    }
    for keyword in ["allOf", "anyOf", "oneOf"] {
        let within = schema[keyword].as_array().into_iter().flatten();
        found.extend(within.flat_map(|schema| parts(document, schema)));
    }
    found
}

/// Notes the fields that no part of a schema names, where any of them names some.
fn strangers(schemas: &[&'static Value], value: &Value, at: &str, found: &mut Vec<String>) {
    let document = CONTRACT.document();
    let below = |keyword: &'static str, name: Option<&str>| {
        let within = schemas.iter().filter_map(|schema| {
            let held = schema.get(keyword)?;
            name.map_or(Some(held), |name| held.get(name))
        });
        within.flat_map(|schema| parts(document, schema)).collect::<Vec<_>>()
    };
    match value {
        Value::Object(fields) if schemas.iter().any(|schema| schema["properties"].is_object()) => {
            for (name, value) in fields {
                let (known, at) =
                    (below("properties", Some(name)), format!("{at}/{}", escaped(name)));
                if known.is_empty() {
                    found.push(at);
                } else {
                    strangers(&known, value, &at, found);
                }
            }
        }
        Value::Array(items) => {
            let known = below("items", None);
            for (place, item) in items.iter().enumerate() {
                strangers(&known, item, &format!("{at}/{place}"), found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(method: &str, path: &str, status: u16, body: &str) -> Judged {
        let said = Said { status, mime: Some("application/json"), body: body.as_bytes() };
        Operation::of(method, path).unwrap().judge(said)
    }

    fn places(judged: &Judged) -> Vec<&str> {
        judged.differences.iter().map(|difference| difference.at.as_str()).collect()
    }

    #[test]
    fn every_schema_of_an_answer_is_known_here() {
        let document = CONTRACT.document();
        let mut count = 0;
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for status in operation["responses"].as_object().unwrap().keys() {
                    let operation = Operation::of(method, path).unwrap();
                    let status = status.replace('X', "9").parse().unwrap();
                    let (pointer, response) = operation.response(status).unwrap();
                    for mime in response["content"].as_object().unwrap().keys() {
                        let pointer = format!("{pointer}/content/{}/schema", escaped(mime));
                        let compiled = Schema::compile(document, &pointer);
                        assert_eq!(compiled.err(), None, "{pointer}");
                        count += 1;
                    }
                }
            }
        }
        assert!(count > 40, "{count}");
    }

    #[test]
    fn paths_are_known_wherever_they_begin() {
        for (method, path) in [
            ("get", "/v1/tasks/t-1"),
            ("GET", "/relay/v1/tasks/{task_id}"),
            ("POST", "/v1/videos/generations"),
        ] {
            assert!(Operation::of(method, path).is_some(), "{method} {path}");
        }
        for (method, path) in [
            ("GET", "/v1/tasks/"),
            ("GET", "/v1/tasks"),
            ("DELETE", "/v1/tasks/t-1"),
            ("GET", "/v1/videos/generations"),
            ("GET", "/v1/tasks/t-1/more"),
        ] {
            assert!(Operation::of(method, path).is_none(), "{method} {path}");
        }
    }

    #[test]
    fn differences_and_strangers_are_told_in_their_places() {
        let good =
            r#"{"id":"t","status":"completed","results":[{"url":"https://h/a"}],"error":null}"#;
        assert_eq!(judged("GET", "/v1/tasks/t", 200, good), Judged::default());
        let odd =
            r#"{"id":"t","status":"doing","new":1,"results":[{"url":"https://h/a","size":5}]}"#;
        let found = judged("GET", "/v1/tasks/t", 200, odd);
        assert_eq!(places(&found), ["/results", "/status"], "{found:?}");
        assert_eq!(found.unknown, ["/new", "/results/0/size"]);
        let wrapped =
            judged("POST", "/v1/videos/generations", 200, r#"{"code":200,"data":{"id":"t"}}"#);
        assert_eq!(places(&wrapped), ["/id"]);
        assert_eq!(wrapped.unknown, ["/code", "/data"]);
        assert_eq!(places(&judged("GET", "/v1/tasks/t", 418, "{}")), ["status"]);
        assert_eq!(places(&judged("GET", "/v1/tasks/t", 404, "<p>")), ["body"]);
        let html = Said { status: 404, mime: Some("Text/HTML; charset=x"), body: b"<p>" };
        let found = Operation::of("GET", "/v1/tasks/t").unwrap().judge(html);
        assert_eq!(found.differences, [Difference::new("content-type", JSON, "text/html")]);
    }
}
