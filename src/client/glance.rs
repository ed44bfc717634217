//! Looks at a service without paying: asks once for a task that nobody has made.

use reqwest::header::CACHE_CONTROL;

use super::pools::{POLL_TIMEOUT, glancing};
use super::receive::{Deadline, Keep, receive};
use super::{TASK_PATH, cause, shown};
use crate::pair::{ApiKey, Endpoint, TaskId, without_queries};
use crate::wire::Received;

/// Asks a service for a task, with the key if there is one, on a connection of its own. The key is in
/// nothing that comes back.
///
/// # Errors
/// Why there is no answer, for people.
pub async fn glance(
    endpoint: &Endpoint,
    key: Option<&ApiKey>,
    task: &TaskId,
) -> Result<Received, String> {
    let pool = glancing(endpoint, key).map_err(|error| error.to_string())?;
    let url = endpoint.at(&format!("{TASK_PATH}{task}"));
    let clean = |text: String| match key {
        Some(key) => shown(&text, key),
        None => without_queries(&text),
    };
    let sent = pool.get(url).header(CACHE_CONTROL, "no-cache").send().await;
    let response = sent.map_err(|error| clean(cause(error)))?;
    let received = receive(response, &mut Deadline::new(POLL_TIMEOUT), Keep::Most).await;
    Ok(key.map(|key| received.without(key).into_owned()).unwrap_or(received))
}
