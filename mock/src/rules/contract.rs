//! The contract, `openapi.yaml`, as the judge of requests.
//!
//! The file is part of the program. The fake takes no rule of a request from anywhere else, so
//! what it checks and what it publishes cannot differ.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Value, json};

use crate::http::route::Way;
use crate::rules::dialect::Dialect;
use crate::rules::schema::{Broken, Problem, Schema};

/// The contract as a text: OpenAPI 3.1 in YAML.
pub const OPENAPI: &str = include_str!("../../openapi.yaml");

/// The live service among the servers of the contract.
pub(crate) const LIVE: &str = "- url: https://api.foxapi.cc\n    description: the live service\n";

const MOST_VIOLATIONS: usize = 20;
const LONGEST_MESSAGE: usize = 300;

/// The contract, parsed once for the whole process.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::load);

/// One way in which a request breaks the contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// JSON pointer into the body; empty for the body itself.
    pub pointer: String,
    /// What is wrong, with what came.
    pub message: String,
    /// The rule that was broken, in the words of JSON Schema.
    pub expected: Value,
}

/// All that is wrong with the body of a create, as the fake tells it to who sends it.
#[must_use]
pub fn create_violations(dialect: Dialect, body: &Value) -> Vec<Violation> {
    CONTRACT.create_violations(dialect, body)
}

/// The parsed contract.
pub(crate) struct Contract {
    document: Value,
    create: Schema,
    evolink_create: Schema,
    upload_base64: Schema,
    upload_url: Schema,
}

impl Contract {
    #[expect(clippy::expect_used, reason = "the contract is compiled in, and tests load it")]
    fn load() -> Self {
        let document: Value = serde_yaml::from_str(OPENAPI).expect("openapi.yaml is YAML");
        let schema = |pointer: &str| {
            Schema::compile(&document, pointer).expect("its requests use known keywords")
        };
        let create = schema(Dialect::Foxapi.create_schema());
        let evolink_create = schema(Dialect::Evolink.create_schema());
        let upload_base64 = schema("/components/schemas/UploadBase64");
        let upload_url = schema("/components/schemas/UploadUrl");
        Self { create, evolink_create, upload_base64, upload_url, document }
    }

    /// The contract as JSON.
    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }

    /// All that is wrong with the body of a create, in the order of its pointers.
    pub(crate) fn create_violations(&self, dialect: Dialect, body: &Value) -> Vec<Violation> {
        match dialect {
            Dialect::Foxapi | Dialect::FoxapiOlder => violations(&self.create, body),
            Dialect::Evolink => violations(&self.evolink_create, body),
        }
    }

    /// All that is wrong with the JSON body of an upload.
    pub(crate) fn upload_violations(&self, way: Way, body: &Value) -> Vec<Violation> {
        match way {
            Way::Base64 => violations(&self.upload_base64, body),
            Way::Url => violations(&self.upload_url, body),
            // Its body is a form.
            Way::Stream => Vec::new(),
        }
    }
}

fn violations(schema: &Schema, body: &Value) -> Vec<Violation> {
    let mut found: Vec<_> = schema.broken(body).iter().map(violation).collect();
    found.sort_by(|a, b| (&a.pointer, &a.message).cmp(&(&b.pointer, &b.message)));
    found.truncate(MOST_VIOLATIONS);
    found
}

fn violation(broken: &Broken<'_>) -> Violation {
    let pointer = match broken.problem {
        Problem::Missing(field) => format!("{}/{field}", broken.pointer),
        _ => broken.pointer.clone(),
    };
    // A pattern is for programs, which find it in what is expected.
    let message = match (&broken.problem, broken.description()) {
        (Problem::Unlike(_), Some(wanted)) => format!("{} does not fit: {wanted}", broken.value),
        _ => broken.to_string(),
    };
    Violation {
        pointer,
        message: message.chars().take(LONGEST_MESSAGE).collect(),
        expected: json!({ broken.keyword(): broken.expected() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_violations_are_told_at_once() {
        let body = json!({"image_url": "ftp://h/a.jpg", "audio_url": 5, "turbo_mode": "yes",
            "prompt": null, "advanced": null});
        insta::assert_json_snapshot!(CONTRACT.create_violations(Dialect::Foxapi, &body), @r###"
        [
          {
            "pointer": "/advanced",
            "message": "null is not of type \"object\"",
            "expected": {
              "type": "object"
            }
          },
          {
            "pointer": "/audio_url",
            "message": "5 is not of type \"string\"",
            "expected": {
              "type": "string"
            }
          },
          {
            "pointer": "/image_url",
            "message": "\"ftp://h/a.jpg\" does not fit: a URL of http or https, with a host and at most a port",
            "expected": {
              "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://(:?@)?(\\[[0-9A-Fa-f:.]+\\]|[^\\s/?#\\\\:@\\[\\]<>^|]+)(:0*(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[0-9]{0,4}))?(/[^\\s?#\\\\]*)?([?#]\\S*)?$"
            }
          },
          {
            "pointer": "/model",
            "message": "\"model\" is a required property",
            "expected": {
              "required": [
                "model",
                "image_url",
                "audio_url"
              ]
            }
          },
          {
            "pointer": "/turbo_mode",
            "message": "\"yes\" is not of types \"null\", \"boolean\"",
            "expected": {
              "type": [
                "boolean",
                "null"
              ]
            }
          }
        ]
        "###);
        insta::assert_json_snapshot!(CONTRACT.create_violations(Dialect::Foxapi, &json!([1])), @r###"
        [
          {
            "pointer": "",
            "message": "[1] is not of type \"object\"",
            "expected": {
              "type": "object"
            }
          }
        ]
        "###);
    }

    #[test]
    fn a_url_has_a_host_and_a_port_that_can_be_ones() {
        let keeps = |url: &str| {
            let audio = "https://example.com/a.mp3";
            let body = json!({"model": "m", "image_url": url, "audio_url": audio});
            CONTRACT.create_violations(Dialect::Foxapi, &body).is_empty()
        };
        for url in [
            "http://h/a",
            "HTTPS://例え.jp",
            "http://h:/a",
            "http://h:65535?x",
            "http://[::1]:00080#a",
            "https://h/v>x|{y}?q=<z>",
        ] {
            assert!(keeps(url), "{url}");
        }
        for url in [
            "http://h:4268770700/v>x",
            "http://h:65536/",
            "http://h:8o/",
            "http://u:p@h/",
            "http://<h>/",
            "http://[::1/",
            "http://:80/",
        ] {
            assert!(!keeps(url), "{url}");
        }
    }

    /// Every schema that has examples, with them.
    fn with_examples<'a>(schema: &'a Value, found: &mut Vec<(&'a Value, &'a Vec<Value>)>) {
        match schema {
            Value::Object(fields) => {
                if let Some(Value::Array(examples)) = fields.get("examples") {
                    found.push((schema, examples));
                }
                fields.values().for_each(|within| with_examples(within, found));
            }
            Value::Array(items) => items.iter().for_each(|within| with_examples(within, found)),
            _ => {}
        }
    }

    #[test]
    fn the_examples_of_the_contract_keep_it() {
        let document = CONTRACT.document();
        let mut found = Vec::new();
        with_examples(document, &mut found);
        assert!(found.len() >= 6, "{found:?}");
        for (schema, examples) in found {
            let whole = json!({"allOf": [schema], "components": document["components"]});
            let judge = jsonschema::validator_for(&whole).unwrap();
            for example in examples {
                let wrong: Vec<_> = judge.iter_errors(example).map(|e| e.to_string()).collect();
                assert!(wrong.is_empty(), "{example}: {wrong:?}");
            }
        }
        let example = |name: &str| {
            let fields = &document["components"]["schemas"]["CreateRequest"]["properties"];
            (name.to_owned(), fields[name]["examples"][0].clone())
        };
        let body: Value =
            ["model", "image_url", "audio_url", "prompt"].map(example).into_iter().collect();
        assert_eq!(body["model"], "omnihuman-1.5");
        assert_eq!(CONTRACT.create_violations(Dialect::Foxapi, &body), []);
        assert_eq!(OPENAPI.matches(LIVE).count(), 1);
    }
}
