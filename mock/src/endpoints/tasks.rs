//! `POST /__mock/tasks/{task_id}`: a task that a test drives by hand.

use serde::Deserialize;
use serde_json::json;

use crate::decisions::life::Status;
use crate::decisions::{refuse, told};
use crate::http::answer::Answer;
use crate::state::desk::Desk;
use crate::words::failure::FailureCode;
use crate::words::id::TaskId;
use crate::words::span::Span;

const EXAMPLE: &str = r#"{"status": "failed", "code": "service_error"} or {"advance": "10s"}"#;

/// What is to become of a task.
#[derive(Deserialize)]
struct Told {
    status: Option<Status>,
    progress: Option<u8>,
    /// Why it fails.
    code: Option<FailureCode>,
    /// By how much it is to be older.
    advance: Option<Span>,
}

/// Does to a task what the body says, and tells where it then stands.
pub(crate) fn drive(desk: &mut Desk, name: &str, body: &[u8]) -> Answer {
    let told: Told = match told::read(body, &["status", "progress", "code", "advance"], EXAMPLE) {
        Ok(told) => told,
        Err(refusal) => return refusal,
    };
    if let Some(what) = senseless(&told) {
        return refuse::told_wrongly(&format!("expected {EXAMPLE}: {what}"));
    }
    let (scenario, now) = (&desk.scenario, desk.clock.now());
    let Some(task) = desk.tasks.get_mut(&TaskId::named(name)) else {
        return refuse::no_such_task(name);
    };
    task.age(told.advance.unwrap_or_default().0);
    if let Some(status) = told.status {
        task.tell(status, told.progress, told.code);
    }
    let (status, progress) = task.status(scenario, now, true);
    Answer::json(200, &json!({"id": name, "status": status, "progress": progress}))
}

fn senseless(told: &Told) -> Option<&'static str> {
    if told.status.is_none() && told.advance.is_none() {
        return Some("it says neither `status` nor `advance`");
    }
    if told.code.is_some() && told.status != Some(Status::Failed) {
        return Some("`code` goes with the status failed");
    }
    if told.progress.is_some_and(|progress| progress > 100 || told.status.is_none()) {
        return Some("`progress` is 0 to 100 and goes with a status");
    }
    None
}
