//! Both sides against `mock/openapi.yaml`: what the runner sends, and what it makes of what it may
//! be answered.

use std::fs;

use callsheet::pair::ApiKey;
use callsheet::wire::{Proof, Received, Wire, judge};
use callsheet_mock::Scenario;
use serde_json::{Value, json};

use crate::sheet::{Sheet, fake, root};

fn document() -> Value {
    let text = fs::read_to_string(root().join("mock/openapi.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

fn create() -> Value {
    document()["paths"]["/v1/videos/generations"]["post"].clone()
}

/// The schema of a component, with all that it refers to.
fn validator(name: &str) -> jsonschema::Validator {
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/components/schemas/{name}"),
        "components": document()["components"],
    });
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_request_keeps_the_contract() {
    let validator = validator("CreateRequest");
    for job in ["demo.yaml", "presenters.yaml"] {
        let api = fake(Scenario::default());
        let said = Sheet::job(job).run(&["--endpoint", api.url()]);
        assert_eq!(said.code, 0, "{said}");
        let book = api.book();
        assert!(book.duplicates().len() <= 1, "only the second take is the same request");
        for entry in &book.entries {
            let request = entry.request_json();
            let errors: Vec<_> = validator.iter_errors(&request).map(|e| e.to_string()).collect();
            assert!(errors.is_empty(), "{request}: {errors:?}");
            assert!(request.as_object().unwrap().values().all(|value| !value.is_null()));
        }
    }
}

#[test]
fn the_smallest_answer_of_the_contract_is_a_task() {
    let is_task = |status: u16, body: &Value| {
        let received = Received { status, body: body.to_string().into(), ..Received::default() };
        matches!(judge(&Wire::Answered(received), &key()).proof, Proof::Created(_))
    };
    // Every key that the contract requires of an answer, and nothing else.
    let smallest = json!({"id": "t-1"});
    let validator = validator("Created");
    assert!(validator.is_valid(&smallest));
    for status in 200..=299 {
        assert!(is_task(status, &smallest), "{status}");
    }
    // And whatever it says of where the task stands.
    let schemas = &document()["components"]["schemas"];
    let statuses = schemas["Status"]["enum"].as_array().unwrap();
    assert!(statuses.len() >= 4, "{statuses:?}");
    for status in statuses {
        let body = json!({"id": "t-1", "object": "video.generation.task", "status": status});
        assert!(validator.is_valid(&body), "{body}");
        assert!(is_task(200, &body), "{body}");
    }
}

fn key() -> ApiKey {
    ApiKey::parse(crate::sheet::KEY).unwrap()
}

/// What the contract says of billing, read by somebody who has never seen the runner's table.
#[test]
fn every_status_of_the_contract_is_judged_as_it_is_billed() {
    let document = document();
    for (status, response) in create()["responses"].as_object().unwrap() {
        let response = match response["$ref"].as_str() {
            Some(path) => document.pointer(path.trim_start_matches('#')).unwrap(),
            None => response,
        };
        let said = response["description"].as_str().unwrap();
        let received = Received {
            status: status.replace("XX", "01").parse().unwrap(),
            body: br#"{"error":{"message":"m","type":"t"}}"#.to_vec(),
            ..Received::default()
        };
        let proof = judge(&Wire::Answered(received), &key()).proof;
        let billed = match said {
            said if said.contains("nothing was billed") || said.contains("never followed") => {
                !matches!(proof, Proof::InDoubt | Proof::Created(_))
            }
            said if said.contains("unknown") || said.contains("may hide") => {
                proof == Proof::InDoubt
            }
            // A success without an id, as here, is not what the contract promises.
            said => said.contains("is billed") && proof == Proof::InDoubt,
        };
        assert!(billed, "{status}: {said:?} was judged {proof:?}");
    }
}
