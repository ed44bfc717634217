//! `/__mock/…`: the fake about itself. No key is asked for; none is shown.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::decisions::life::Task;
use crate::decisions::verify::{Counted, Expected, What, verify};
use crate::decisions::{refuse, told};
use crate::endpoints::tasks;
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::http::route::Admin;
use crate::rules::scenario::Scenario;
use crate::state::book::Entry;
use crate::state::desk::Desk;
use crate::state::har::har;
use crate::state::journal::HIDDEN;
use crate::words::span::Span;

/// Answers a question, or does as told.
pub(crate) fn answer(desk: &mut Desk, request: &Seen<'_>, what: Admin<'_>) -> Answer {
    let is_told = matches!(request.method, "POST" | "PUT");
    match what {
        Admin::Journal => {
            Answer::json(200, &json!(desk.journal.snapshot(&desk.scenario.secrets())))
        }
        Admin::Har => {
            Answer::json(200, &har(&desk.url, &desk.journal.told(&desk.scenario.secrets())))
        }
        Admin::State => Answer::json(200, &json!(desk.state())),
        Admin::Reset => {
            desk.reset();
            Answer::empty(204)
        }
        Admin::Clock if is_told => advance(desk, request.body),
        Admin::Clock => Answer::json(200, &json!({"unix_millis": desk.clock.now()})),
        Admin::Scenario if is_told => swap(desk, request.body),
        Admin::Callbacks => Answer::json(200, &json!({"callbacks": desk.called()})),
        Admin::Unmatched => Answer::json(200, &json!({"unmatched": desk.breaches()})),
        Admin::Verify => verified(desk, request.body),
        Admin::Task(id) => tasks::drive(desk, id, request.body),
        Admin::Scenario => Answer::json(200, &shown(&desk.scenario)),
        // The gate tells books, and the engine ends worlds: a desk cannot end itself.
        Admin::Book | Admin::Account => Answer::empty(204),
    }
}

/// A scenario without its keys and the secret of its callbacks.
fn shown(scenario: &Scenario) -> Value {
    let mut shown = json!(scenario);
    for account in shown["keys"].as_array_mut().into_iter().flatten() {
        account["key"] = json!(HIDDEN);
    }
    if let Some(secret) = shown.pointer_mut("/callbacks/secret").filter(|secret| !secret.is_null())
    {
        *secret = json!(HIDDEN);
    }
    shown
}

#[derive(Deserialize)]
struct Advance {
    advance: Span,
}

fn advance(desk: &mut Desk, body: &[u8]) -> Answer {
    const EXAMPLE: &str = r#"{"advance": "24h"} or another span of time"#;
    match told::read::<Advance>(body, &["advance"], EXAMPLE) {
        Ok(Advance { advance }) => {
            desk.clock.advance(advance.0);
            Answer::json(200, &json!({"unix_millis": desk.clock.now()}))
        }
        Err(refusal) => refusal,
    }
}

/// Holds what was accepted, polled and downloaded to what a test expects.
fn verified(desk: &Desk, body: &[u8]) -> Answer {
    const EXAMPLE: &str = r#"{"match": "anna", "fields": {"prompt": "Hello"}, "exactly": 3}"#;
    let expected: Expected = match told::read(body, &Expected::FIELDS, EXAMPLE) {
        Ok(expected) => expected,
        Err(refusal) => return refusal,
    };
    let book = desk.book.snapshot();
    let times = |entry: &Entry| match (expected.on, desk.tasks.get(&entry.task)) {
        (What::Create | What::Upload, _) => 1,
        (What::Poll, task) => task.map_or(0, Task::polls) as usize,
        (What::Media, task) => task.map_or(0, Task::downloads) as usize,
    };
    let counted = |entry: &Entry| {
        let (task, request, times) = (entry.task.to_string(), entry.request_json(), times(entry));
        Counted { task, request, times }
    };
    let handed_over = |upload: &Value| {
        let task = upload["id"].as_str().unwrap_or_default().to_owned();
        Counted { task, request: upload.clone(), times: 1 }
    };
    let all: Vec<_> = match expected.on {
        What::Upload => desk.uploads.iter().map(handed_over).collect(),
        _ => book.entries.iter().map(counted).collect(),
    };
    match verify(&expected, desk.scenario.dialect, &all) {
        Ok(count) => Answer::json(200, &json!({"verified": true, "count": count})),
        Err(report) => refuse::not_as_expected(&report),
    }
}

/// A scenario in YAML, or the name of one that is shipped.
fn scenario(text: &str) -> Result<Scenario, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Named {
        name: String,
    }
    let read = match serde_yaml::from_str::<Named>(text) {
        Ok(Named { name }) => Scenario::named(&name),
        Err(_) => Scenario::from_yaml(text),
    };
    read.map_err(|error| error.to_string())
}

/// Swaps the scenario. Its keys stay unless it names some.
fn swap(desk: &mut Desk, body: &[u8]) -> Answer {
    let read = str::from_utf8(body).map_err(|error| error.to_string());
    match read.and_then(scenario) {
        Ok(mut scenario) => {
            if scenario.keys == Scenario::default().keys {
                scenario.keys.clone_from(&desk.scenario.keys);
            }
            // As the fake shows a scenario, so it takes it back.
            for (place, account) in scenario.keys.iter_mut().enumerate() {
                if account.key == HIDDEN {
                    let Some(known) = desk.scenario.keys.get(place) else {
                        return refuse::told_wrongly(&format!(
                            "/keys/{place}/key: no key is hidden behind {HIDDEN}"
                        ));
                    };
                    account.key.clone_from(&known.key);
                }
            }
            let before = desk.scenario.callbacks.as_ref().and_then(|known| known.secret.clone());
            let secret = scenario.callbacks.as_mut().map(|callbacks| &mut callbacks.secret);
            if let Some(secret) = secret.filter(|secret| secret.as_deref() == Some(HIDDEN)) {
                *secret = before;
            }
            desk.play(scenario);
            Answer::empty(204)
        }
        Err(error) => refuse::told_wrongly(&error),
    }
}
