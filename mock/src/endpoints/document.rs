//! `GET /openapi.yaml` and `GET /openapi.json`: the contract as it is served.

use crate::http::answer::Answer;
use crate::rules::contract::{CONTRACT, OPENAPI};

/// The contract as it is written.
pub(crate) fn yaml() -> Answer {
    Answer::text(200, "application/yaml", OPENAPI)
}

/// The same in JSON.
pub(crate) fn json() -> Answer {
    Answer::json(200, CONTRACT.document())
}
