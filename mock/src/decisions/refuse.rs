//! What is refused, and in which words.

use std::time::Duration;

use serde_json::json;

use crate::http::answer::{Answer, shown};
use crate::http::request::Seen;
use crate::http::route::{self, PATHS};
use crate::rules::contract::Violation;
use crate::rules::scenario::{Account, On, Scenario};
use crate::words::fault::Fault;
use crate::words::span::whole_seconds;

/// The account whose key the request carries.
pub(crate) fn account<'a>(
    scenario: &'a Scenario,
    request: &Seen<'_>,
) -> Result<&'a Account, Answer> {
    let missing = || unauthorized("no key: send `Authorization: Bearer KEY`");
    let value = request.header("authorization").ok_or_else(missing)?;
    let (scheme, key) = value.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let known = scenario.keys.iter().find(|account| account.key == key.trim());
    known.ok_or_else(|| unauthorized("this key is not known"))
}

/// 401: who are you?
pub(crate) fn unauthorized(what: &str) -> Answer {
    Answer::error(401, "authentication_error", "invalid_api_key", what)
        .header("www-authenticate", "Bearer")
}

/// 404 for a path that does not exist.
pub(crate) fn no_such_path(path: &str) -> Answer {
    let near = route::nearest(path).map(|near| format!("; did you mean {near}?"));
    let what =
        format!("no such path: {} (there are: {PATHS}){}", shown(path), near.unwrap_or_default());
    Answer::breach(404, "not_found", &what)
}

/// 400: the fake was told to do something in a way that it does not know.
pub(crate) fn told_wrongly(what: &str) -> Answer {
    Answer::error(400, "invalid_request_error", "invalid_request", what)
}

/// 406: what was accepted is not what a test expects.
pub(crate) fn not_as_expected(report: &str) -> Answer {
    Answer::error(406, "verification_error", "not_as_expected", report)
}

/// 404 for the world of a key where all keys share one.
pub(crate) fn one_world(path: &str) -> Answer {
    let what = format!("{} is for a fake that was started with --any-key", shown(path));
    Answer::error(404, "invalid_request_error", "not_found", &what)
}

/// 404 for the world of a key that has none.
pub(crate) fn no_such_account() -> Answer {
    Answer::error(404, "invalid_request_error", "not_found", "this key has no world")
}

/// 401 for a question about the fake that could be about many.
pub(crate) fn whose() -> Answer {
    unauthorized(
        "each key has a world of its own here: send `Authorization: Bearer KEY`, or ask \
         /__mock/accounts/KEY/…",
    )
}

/// 429: as many keys as can be have a world.
pub(crate) fn crowded() -> Answer {
    let what = "1000 keys have worlds and all are in use: end some by DELETE /__mock/accounts/KEY";
    Answer::error(429, "rate_limit_error", "too_many_accounts", what)
}

/// 404 for a request to which no answer of another server was recorded.
pub(crate) fn not_recorded(what: &str, why: &str) -> Answer {
    let what = format!("not recorded: {}; there is {why}", shown(what));
    Answer::breach(404, "not_recorded", &what)
}

/// 404 for a model that does not exist.
pub(crate) fn no_such_model(model: &str, known: &[String]) -> Answer {
    let (model, known) = (shown(model), known.join(", "));
    let what = format!("no such model: {model} (there are: {known})");
    Answer::error(404, "invalid_request_error", "model_not_found", &what)
}

/// 405 with the methods that would do.
pub(crate) fn wrong_method(method: &str, allowed: &str) -> Answer {
    let what = format!("the method {method} does not exist here (there is: {allowed})");
    Answer::breach(405, "method_not_allowed", &what).header("allow", allowed)
}

/// 409: says something of an `Idempotency-Key`. No page says with which status and in which field.
pub(crate) fn of_key(name: &str, what: &str) -> Answer {
    Answer::error(409, name, name, what)
}

/// 409: something else goes by this name, or is under way.
pub(crate) fn conflict(what: &str) -> Answer {
    Answer::error(409, "invalid_request_error", "conflict", what)
}

/// 415: the body is declared as something else.
pub(crate) fn wrong_content_type(expected: &str, came: Option<&str>) -> Answer {
    let came = came.map_or_else(|| "none".to_owned(), shown);
    let what = format!("content-type must be {expected}, but came as {came}");
    Answer::breach(415, "unsupported_media_type", &what)
}

/// 413: more than the fake reads.
pub(crate) fn too_large(limit: usize) -> Answer {
    let what = format!("the body is larger than {limit} bytes");
    Answer::breach(413, "request_too_large", &what)
}

/// 400 for a body that is not JSON.
pub(crate) fn not_json(error: &serde_json::Error) -> Answer {
    let what = format!("the body is not JSON: {error}");
    Answer::breach(400, "invalid_json", &what)
}

/// 400 with everything that breaks the contract.
pub(crate) fn broken_contract(violations: &[Violation]) -> Answer {
    let list: Vec<_> = violations.iter().map(|v| format!("{}: {}", v.pointer, v.message)).collect();
    let message = format!("the request breaks the contract: {}", list.join("; "));
    let error = json!({"message": message, "type": "invalid_request_error",
        "code": "invalid_request", "violations": violations});
    Answer { breach: Some(message), ..Answer::json(400, &json!({ "error": error })) }
}

/// 400 for one thing that breaks the contract.
pub(crate) fn broken(what: &str) -> Answer {
    Answer::breach(400, "invalid_request", what)
}

/// 400 for a parameter in the URL.
pub(crate) fn bad_parameter(name: &str, expected: &str) -> Answer {
    let what = format!("the parameter {name} must be {expected}");
    broken(&what)
}

/// 404 for a task that does not exist, or no more, or not for this key.
pub(crate) fn no_such_task(id: &str) -> Answer {
    let what = format!("no such task: {}", shown(id));
    Answer::error(404, "invalid_request_error", "task_not_found", &what)
}

/// 404 for a file that does not exist, or no more.
pub(crate) fn no_such_file(path: &str) -> Answer {
    let what = format!("no such file: {}", shown(path));
    Answer::error(404, "invalid_request_error", "file_not_found", &what)
}

/// 400 for a magic URL that asks for a fault which does not exist.
pub(crate) fn no_such_fault(name: &str) -> Answer {
    let known = Fault::ALL.iter().filter(|fault| On::Create.takes(**fault));
    let known: Vec<_> = known.map(|fault| fault.name()).collect();
    let what =
        format!("no such fault for a create: {} (there are: {})", shown(name), known.join(", "));
    Answer::breach(400, "unknown_fault", &what)
}

/// 402: the balance is used up.
pub(crate) fn balance_used_up() -> Answer {
    let what = "the balance of this key is used up";
    Answer::error(402, "insufficient_quota", "insufficient_user_quota", what)
}

/// 429 with `Retry-After` in whole seconds, at least one.
pub(crate) fn too_many(what: &str, wait: Duration) -> Answer {
    Answer::error(429, "rate_limit_error", "rate_limit_exceeded", what)
        .header("retry-after", whole_seconds(wait).to_string())
}
