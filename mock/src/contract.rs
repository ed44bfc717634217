//! The contract, `openapi.yaml`, as the judge of requests.
//!
//! The file is part of the program. The fake takes no rule of a request from anywhere else, so
//! what it checks and what it publishes cannot differ.

use std::sync::LazyLock;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde::Serialize;
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::upload::Way;

/// The contract as a text: OpenAPI 3.1 in YAML.
pub const OPENAPI: &str = include_str!("../openapi.yaml");

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
    create: Judge,
    evolink_create: Judge,
    upload_base64: Judge,
    upload_url: Judge,
}

impl Contract {
    #[expect(clippy::expect_used, reason = "the contract is compiled in, and tests load it")]
    fn load() -> Self {
        let document: Value = serde_yaml::from_str(OPENAPI).expect("openapi.yaml is YAML");
        let judge = |name: &str| {
            let reference = format!("#/components/schemas/{name}");
            Judge::new(&document, &reference).expect("its schemas are JSON Schemas")
        };
        let create = judge(Dialect::Foxapi.create_schema());
        let evolink_create = judge(Dialect::Evolink.create_schema());
        let (upload_base64, upload_url) = (judge("UploadBase64"), judge("UploadUrl"));
        Self { create, evolink_create, upload_base64, upload_url, document }
    }

    /// The contract as JSON.
    pub(crate) const fn document(&self) -> &Value {
        &self.document
    }

    /// All that is wrong with the body of a create, in the order of its pointers.
    pub(crate) fn create_violations(&self, dialect: Dialect, body: &Value) -> Vec<Violation> {
        match dialect {
            Dialect::Foxapi | Dialect::FoxapiOlder => self.create.violations(body),
            Dialect::Evolink => self.evolink_create.violations(body),
        }
    }

    /// All that is wrong with the JSON body of an upload.
    pub(crate) fn upload_violations(&self, way: Way, body: &Value) -> Vec<Violation> {
        match way {
            Way::Base64 => self.upload_base64.violations(body),
            Way::Url => self.upload_url.violations(body),
            // Its body is a form.
            Way::Stream => Vec::new(),
        }
    }
}

/// One schema of the contract, compiled.
struct Judge {
    schema: Value,
    validator: Validator,
}

impl Judge {
    /// Compiles one schema of the document, which stays within reach of its references.
    fn new(document: &Value, reference: &str) -> Result<Self, Box<ValidationError<'static>>> {
        let schema = json!({"$ref": reference, "components": document["components"]});
        let validator = jsonschema::validator_for(&schema)?;
        Ok(Self { schema, validator })
    }

    fn violations(&self, body: &Value) -> Vec<Violation> {
        if self.validator.is_valid(body) {
            return Vec::new();
        }
        let mut found: Vec<_> =
            self.validator.iter_errors(body).map(|error| self.violation(&error)).collect();
        found.sort_by(|a, b| (&a.pointer, &a.message).cmp(&(&b.pointer, &b.message)));
        found.truncate(MOST_VIOLATIONS);
        found
    }

    fn violation(&self, error: &ValidationError<'_>) -> Violation {
        let parent = error.instance_path();
        let pointer = match error.kind() {
            ValidationErrorKind::Required { property: Value::String(field) } => {
                format!("{parent}/{field}")
            }
            _ => parent.to_string(),
        };
        let rule = self.schema.pointer(error.schema_path().as_str());
        Violation {
            pointer,
            message: error.to_string().chars().take(LONGEST_MESSAGE).collect(),
            expected: json!({ error.kind().keyword(): rule }),
        }
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
