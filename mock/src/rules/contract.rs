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
        let schema = |name: &str| {
            let pointer = format!("/components/schemas/{name}");
            Schema::compile(&document, &pointer).expect("its requests use known keywords")
        };
        let create = schema(Dialect::Foxapi.create_schema());
        let evolink_create = schema(Dialect::Evolink.create_schema());
        let (upload_base64, upload_url) = (schema("UploadBase64"), schema("UploadUrl"));
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
    Violation {
        pointer,
        message: broken.to_string().chars().take(LONGEST_MESSAGE).collect(),
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
            "message": "\"ftp://h/a.jpg\" does not match \"^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#\\\\][^\\s?#\\\\]*([?#]\\S*)?$\"",
            "expected": {
              "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#\\\\][^\\s?#\\\\]*([?#]\\S*)?$"
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
    fn the_examples_of_the_contract_keep_it() {
        let schema = |name: &str| {
            let document: Value = serde_yaml::from_str(OPENAPI).unwrap();
            document["components"]["schemas"]["CreateRequest"]["properties"][name]["examples"][0]
                .clone()
        };
        let fields = ["model", "image_url", "audio_url", "prompt"];
        let body: Value = fields.iter().map(|name| (name.to_string(), schema(name))).collect();
        assert_eq!(body["model"], "omnihuman-1.5");
        assert_eq!(CONTRACT.create_violations(Dialect::Foxapi, &body), []);
    }
}
