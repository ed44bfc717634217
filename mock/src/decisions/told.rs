//! What the fake is told to do, in JSON. A misspelt field is a mistake, and what it was meant to be
//! is said.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::decisions::refuse;
use crate::http::answer::Answer;
use crate::words::near::suggestion;

/// Reads a body that has no fields but these.
pub(crate) fn read<T: DeserializeOwned>(
    body: &[u8],
    known: &[&str],
    example: &str,
) -> Result<T, Answer> {
    let wrong = |what: &str| refuse::told_wrongly(&format!("expected {example}: {what}"));
    let value: Value = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
    let unknown = value
        .as_object()
        .and_then(|fields| fields.keys().find(|field| !known.contains(&field.as_str())));
    if let Some(field) = unknown {
        return Err(wrong(&format!("unknown field `{field}`{}", suggestion(field, known))));
    }
    serde_json::from_value(value).map_err(|error| wrong(&error.to_string()))
}
