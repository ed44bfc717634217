//! `GET /openapi.yaml` and `GET /openapi.json`: the contract as it is served.
//!
//! As it is written it names the live service, where every create is paid for. A tool that reads what
//! the fake serves is to find the fake.

use serde_json::json;

use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::rules::contract::{CONTRACT, LIVE, OPENAPI};
use crate::state::desk::Desk;

const HERE: &str = "this fake of the service";

/// The contract as it is written, with this server instead of the live one.
pub(crate) fn yaml(desk: &Desk, request: &Seen<'_>) -> Answer {
    let here = format!("- url: {}\n    description: {HERE}\n", request.base(&desk.url));
    Answer::text(200, "application/yaml", OPENAPI.replacen(LIVE, &here, 1))
}

/// The same in JSON.
pub(crate) fn json(desk: &Desk, request: &Seen<'_>) -> Answer {
    let mut document = CONTRACT.document().clone();
    document["servers"] = json!([{"url": request.base(&desk.url), "description": HERE}]);
    Answer::json(200, &document)
}
