//! Requests that are answered as another server once answered them.

use std::sync::Arc;

use serde_json::Value;

use crate::decisions::refuse;
use crate::http::answer::Answer;
use crate::http::clean::{Cleaner, KEPT_HEADERS};
use crate::http::reply::Reply;
use crate::http::request::Seen;
use crate::http::route::Route;
use crate::rules::scenario::{Replayed, ReplayedAnswer, Scenario};
use crate::state::desk::Desk;
use crate::state::journal::ExchangeId;
use crate::words::digest;
use crate::words::id::TaskId;

/// The answer that was recorded for a request; `None` if this one is not for another server.
pub(crate) fn replay(
    desk: &mut Desk,
    request: &Seen<'_>,
    route: Option<Route<'_>>,
    id: ExchangeId,
) -> Option<Reply> {
    let own = matches!(
        route,
        Some(
            Route::Admin(_)
                | Route::Sample(_)
                | Route::File(_)
                | Route::OpenapiYaml
                | Route::OpenapiJson
        )
    );
    if desk.scenario.replay.is_empty() || own {
        return None;
    }
    let scenario = Arc::clone(&desk.scenario);
    let creates = route == Some(Route::Create) && request.method == "POST";
    if creates {
        desk.book.read_one();
    }
    let came = Came::of(request);
    let Some(place) = scenario.replay.iter().position(|known| came.is(known)) else {
        return Some(unrecorded(&scenario, &came).into());
    };
    let known = &scenario.replay[place];
    let tries = desk.replayed.entry(place).or_default();
    let answer = known.answers.get(*tries).or_else(|| known.answers.last());
    *tries += 1;
    let answer = answer?;
    if creates && (200..300).contains(&answer.status) {
        book(desk, request, answer, id);
    }
    Some(Reply { answer: told(answer), fault: None, delay: answer.after.0 })
}

/// A request without what a recording does not hold.
struct Came<'a> {
    method: &'a str,
    target: String,
    body: String,
}

impl<'a> Came<'a> {
    fn of(request: &Seen<'a>) -> Self {
        let mut cleaner = Cleaner::default();
        cleaner.learn(request.headers.iter().copied(), request.target);
        let target = cleaner.target(request.target);
        let body = cleaner.text(&String::from_utf8_lossy(request.body));
        Self { method: request.method, target, body }
    }

    fn is(&self, known: &Replayed) -> bool {
        self.has_path_of(known)
            && known.body.as_ref().is_none_or(|body| means_the_same(body, &self.body))
    }

    fn has_path_of(&self, known: &Replayed) -> bool {
        self.method == known.method && self.target == known.target
    }
}

fn means_the_same(one: &str, other: &str) -> bool {
    let canonical = |text: &str| {
        serde_json::from_str::<Value>(text).ok().map(|value| digest::canonical(&value))
    };
    one == other || canonical(one).is_some_and(|one| Some(one) == canonical(other))
}

/// 404 that says what comes near.
fn unrecorded(scenario: &Scenario, came: &Came<'_>) -> Answer {
    let near = scenario.replay.iter().filter(|known| came.has_path_of(known)).count();
    let why = match near {
        0 => "nothing of this method and target",
        1 => "one of this method and target, with another body",
        _ => "several of this method and target, with other bodies",
    };
    refuse::not_recorded(&format!("{} {}", came.method, came.target), why)
}

/// Notes a create that is told to have been accepted: it counts as paid for.
fn book(desk: &mut Desk, request: &Seen<'_>, answer: &ReplayedAnswer, id: ExchangeId) {
    let said = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let Some(task) = said["id"].as_str() else { return };
    let body = serde_json::from_slice::<Value>(request.body).unwrap_or_default();
    let (request, _) = desk.book.came(&digest::canonical(&body));
    let now = desk.clock.now();
    // A book that cannot be written is told of by the creates that the fake decides itself.
    if let Ok(entry) = desk.book.accept_recorded(now, request, TaskId::named(task)) {
        desk.under_way.insert(id, entry);
    }
}

/// The answer with the headers that a recording keeps.
fn told(answer: &ReplayedAnswer) -> Answer {
    let mut told = Answer::text(answer.status, "", answer.body.as_bytes());
    for header in &answer.headers {
        let known = KEPT_HEADERS.into_iter().find(|known| header.name.eq_ignore_ascii_case(known));
        if let Some(name) = known {
            told = told.header(name, header.value.as_str());
        }
    }
    told
}
