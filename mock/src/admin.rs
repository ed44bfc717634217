//! `/__mock/…`: the fake about itself. No key is asked for; none is shown.

use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::Answer;
use crate::book::Book;
use crate::engine::Shared;
use crate::route::Admin;
use crate::scenario::Scenario;
use crate::span::Span;

/// Answers a question, or does as told.
pub(crate) fn answer(shared: &Shared, request: &Seen, what: Admin) -> Answer {
    let told = matches!(request.method.as_str(), "POST" | "PUT");
    match what {
        Admin::Book => Answer::json(200, &book(&shared.book())),
        Admin::Journal => Answer::json(200, &json!(shared.journal())),
        Admin::State => Answer::json(200, &json!(shared.state())),
        Admin::Reset => {
            shared.reset();
            Answer::empty(204)
        }
        Admin::Clock if told => advance(shared, &request.body),
        Admin::Clock => Answer::json(200, &json!({"unix_millis": shared.clock.now()})),
        Admin::Scenario if told => swap(shared, &request.body),
        Admin::Scenario => Answer::json(200, &shown(&shared.scenario())),
    }
}

fn book(book: &Book) -> Value {
    let mut shown = json!(book);
    shown["creates"] = json!(book.entries.len());
    shown["duplicates"] = json!(book.duplicates());
    shown
}

/// A scenario without its keys.
fn shown(scenario: &Scenario) -> Value {
    let mut shown = json!(scenario);
    for account in shown["keys"].as_array_mut().into_iter().flatten() {
        account["key"] = json!("***");
    }
    shown
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance: Span,
}

fn advance(shared: &Shared, body: &[u8]) -> Answer {
    match serde_json::from_slice::<Advance>(body) {
        Ok(Advance { advance }) => {
            shared.clock.advance(advance.0);
            Answer::json(200, &json!({"unix_millis": shared.clock.now()}))
        }
        Err(error) => {
            refused(&format!("expected {{\"advance\": \"24h\"}} or another span of time: {error}"))
        }
    }
}

/// Swaps the scenario. Its keys stay unless it names some.
fn swap(shared: &Shared, body: &[u8]) -> Answer {
    let read = str::from_utf8(body).map_err(|error| error.to_string());
    match read.and_then(|text| Scenario::from_yaml(text).map_err(|error| error.to_string())) {
        Ok(mut scenario) => {
            if scenario.keys == Scenario::default().keys {
                scenario.keys.clone_from(&shared.scenario().keys);
            }
            shared.set_scenario(scenario);
            Answer::empty(204)
        }
        Err(error) => refused(&error),
    }
}

fn refused(what: &str) -> Answer {
    Answer::error(400, "invalid_request_error", "invalid_request", what)
}
