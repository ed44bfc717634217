//! `/samples/…` and `/files/…`: something to send, and what was uploaded.

use serde_json::json;

use crate::decisions::{ranges, refuse};
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::http::samples::SAMPLES;
use crate::state::desk::Desk;
use crate::words::mime;

/// Answers a request for an uploaded file.
pub(crate) fn uploaded(desk: &mut Desk, request: &Seen<'_>, path: &str) -> Answer {
    let now = desk.clock.now();
    let (id, name) = path.split_once('/').unwrap_or((path, ""));
    match desk.storage.get(id, name, now) {
        Some(bytes) => ranges::file(request, &bytes, mime::of_name(name)),
        None => refuse::no_such_file(path),
    }
}

/// A file of `/samples/`, or the list of them.
pub(crate) fn sample(request: &Seen<'_>, name: &str) -> Answer {
    if name.is_empty() {
        let names: Vec<_> = SAMPLES.iter().map(|sample| sample.name).collect();
        return Answer::json(200, &json!({ "samples": names }));
    }
    match SAMPLES.iter().find(|sample| sample.name == name) {
        Some(sample) => ranges::file(request, sample.bytes, sample.mime),
        None => refuse::no_such_path(request.path),
    }
}
