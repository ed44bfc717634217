//! The account's own list of tasks, where a service has one: `GET /v1/tasks` and `POST
//! /v1/tasks/batch` as EvoLink has them, and `GET /api/task/self` as New API relays have it. The documented service has none.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::decisions::life::{Status, Task};
use crate::decisions::refuse::{self, account};
use crate::endpoints::query;
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::rules::scenario::{Account, ListShape, Scenario};
use crate::state::desk::Desk;
use crate::words::clock::Millis;
use crate::words::failure::FailureCode;
use crate::words::id::TaskId;
use crate::words::span::whole_seconds;

/// What a page holds unless the request says otherwise, and what it holds at most.
const USUAL: usize = 10;
const MOST: usize = 100;
/// So many tasks can be asked for at once.
const MOST_AT_ONCE: usize = 50;

/// A task in the list.
struct Row<'a> {
    number: usize,
    id: TaskId,
    born: Millis,
    task: &'a Task,
    status: Status,
    progress: u8,
    /// What it was made of, where the list says.
    request: Option<Value>,
}

/// Answers `GET /v1/tasks`, newest first.
pub(crate) fn evolink(desk: &Desk, request: &Seen<'_>) -> Answer {
    let scenario = &desk.scenario;
    if scenario.list.shape != ListShape::Evolink {
        return refuse::no_such_path("/v1/tasks");
    }
    let account = match account(scenario, request) {
        Ok(account) => account.owner(),
        Err(refusal) => return refusal,
    };
    let rows = rows(desk, scenario, (account, desk.clock.now()), |row| {
        let asked = |name: &str, is: &str| request.parameter(name).is_none_or(|asked| asked == is);
        // Its filter has no word for what waits: that is processing, too.
        let status = match (row.status, row.task.failure) {
            (Status::Pending | Status::Processing, _) => "processing",
            (Status::Completed, _) => "completed",
            (Status::Failed, Some(FailureCode::RequestCancelled)) => "cancelled",
            (Status::Failed, _) => "failed",
        };
        asked("status", status) && asked("model", &row.task.model) && asked("type", "video")
    });
    let (page, size) = asked(request, "page", &["page_size"]);
    let total = rows.len();
    let shown = rows.iter().skip((page - 1) * size).take(size).map(|row| {
        let mut shown = json!({
            "id": row.id,
            "status": row.status,
            "model": &*row.task.model,
            "type": "video",
            "progress": row.progress,
            "created_at": row.born.seconds(),
            "has_results": row.status == Status::Completed,
            "has_error": row.status == Status::Failed,
            "credits_used": whole_seconds(row.task.length),
        });
        if let Some(request) = &row.request {
            shown["input"] = request.clone();
        }
        shown
    });
    let data: Vec<_> = shown.collect();
    Answer::json(200, &json!({"data": data, "total": total, "page": page, "page_size": size}))
}

#[derive(Deserialize)]
struct Batch {
    task_ids: Vec<String>,
}

/// Answers `POST /v1/tasks/batch`: those of the tasks that are the account's; others are left out.
pub(crate) fn batch(desk: &mut Desk, request: &Seen<'_>) -> Answer {
    let scenario = Arc::clone(&desk.scenario);
    if scenario.list.shape != ListShape::Evolink {
        return refuse::no_such_path("/v1/tasks/batch");
    }
    let account = match account(&scenario, request) {
        Ok(account) => account.owner(),
        Err(refusal) => return refusal,
    };
    let asked = match serde_json::from_slice::<Batch>(request.body) {
        Ok(asked) if asked.task_ids.len() <= MOST_AT_ONCE => asked,
        Ok(_) => return refuse::broken("/task_ids: more than 50"),
        Err(error) => return refuse::not_json(&error),
    };
    let (base, now) = (request.base(&desk.url), desk.clock.now());
    let mut data = Vec::new();
    for id in asked.task_ids.iter().map(|id| TaskId::named(id)) {
        let shown =
            |task: &Task| task.owner == account && now.since(task.born) >= scenario.list.late.0;
        if desk.tasks.get(&id).is_some_and(shown) {
            data.extend(query::told(desk, &base, &id).map(|(_, told)| told));
        }
    }
    Answer::json(200, &json!({ "data": data }))
}

/// Whose dashboard a relay is asked for: by the dashboard's token, which is the key here, and the
/// number of a user. A bad one is answered with 200, as relays do.
pub(crate) fn dashboard<'a>(
    scenario: &'a Scenario,
    request: &Seen<'_>,
) -> Result<&'a Account, Answer> {
    if scenario.list.shape != ListShape::Relay {
        return Err(refuse::no_such_path(request.path));
    }
    let token = request.header("authorization").unwrap_or_default();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let known = scenario.keys.iter().find(|account| account.key == token);
    let user = request.header("new-api-user").is_some_and(|user| user.parse::<u64>().is_ok());
    let message = "无权进行此操作，access token 无效";
    let refused = || Answer::json(200, &json!({"success": false, "message": message}));
    known.filter(|_| user).ok_or_else(refused)
}

/// Whether a row of a relay's was made in the time that is asked for, in seconds.
pub(crate) fn in_time(request: &Seen<'_>, seconds: u64) -> bool {
    // Zero is how the dashboard asks for no limit.
    let asked = |name: &str| request.parameter(name)?.parse().ok().filter(|limit| *limit > 0);
    asked("start_timestamp").is_none_or(|start| seconds >= start)
        && asked("end_timestamp").is_none_or(|end| seconds <= end)
}

/// A page of a relay's.
pub(crate) fn page(request: &Seen<'_>, rows: &[Value]) -> Answer {
    let (page, size) = asked(request, "p", &["page_size", "ps", "size"]);
    let items: Vec<_> = rows.iter().skip((page - 1) * size).take(size).collect();
    let data = json!({"page": page, "page_size": size, "total": rows.len(), "items": items});
    Answer::json(200, &json!({"success": true, "message": "", "data": data}))
}

/// Answers `GET /api/task/self`, newest first.
pub(crate) fn relay(desk: &Desk, request: &Seen<'_>) -> Answer {
    let scenario = &desk.scenario;
    let account = match dashboard(scenario, request) {
        Ok(account) => account.owner(),
        Err(refusal) => return refusal,
    };
    let asked = |name: &str, is: &str| {
        request.parameter(name).is_none_or(|asked| asked.is_empty() || asked == is)
    };
    let rows = rows(desk, scenario, (account, desk.clock.now()), |row| {
        asked("task_id", row.id.as_str())
            && asked("status", at_relays(row.status))
            && asked("action", ACTION)
            && asked("platform", PLATFORM)
            && in_time(request, row.born.seconds())
    });
    let rows: Vec<_> = rows.iter().map(|row| relays(row, scenario)).collect();
    page(request, &rows)
}

const ACTION: &str = "generate";
const PLATFORM: &str = "omnihuman";

const fn at_relays(status: Status) -> &'static str {
    match status {
        Status::Pending => "SUBMITTED",
        Status::Processing => "IN_PROGRESS",
        Status::Completed => "SUCCESS",
        Status::Failed => "FAILURE",
    }
}

/// A row as relays have it. What it was made of is not in it: they leave `input` empty.
fn relays(row: &Row<'_>, scenario: &Scenario) -> Value {
    let submitted = row.born.seconds();
    let ended = matches!(row.status, Status::Completed | Status::Failed);
    let finished = submitted + whole_seconds(scenario.work.estimate());
    let failed = row.status == Status::Failed;
    let reason = row.task.why.as_deref().unwrap_or("the task failed at the server");
    let input = row.request.as_ref().map(Value::to_string).unwrap_or_default();
    json!({
        "id": row.number,
        "task_id": row.id,
        "platform": PLATFORM,
        "user_id": 1,
        "group": "default",
        "channel_id": 1,
        "quota": whole_seconds(row.task.length),
        "action": ACTION,
        "status": at_relays(row.status),
        "fail_reason": if failed { reason } else { "" },
        "submit_time": submitted,
        "start_time": if row.status == Status::Pending { 0 } else { submitted },
        "finish_time": if ended { finished } else { 0 },
        "progress": format!("{}%", row.progress),
        "properties": {
            "input": input,
            "upstream_model_name": &*row.task.model,
            "origin_model_name": &*row.task.model,
        },
        "created_at": submitted,
        "updated_at": if ended { finished } else { submitted },
    })
}

/// The tasks that the list shows by now and that are asked for, newest first.
fn rows<'a>(
    desk: &'a Desk,
    scenario: &Scenario,
    (account, now): (u64, Millis),
    asked: impl Fn(&Row<'_>) -> bool,
) -> Vec<Row<'a>> {
    let mut rows: Vec<_> = desk
        .tasks
        .iter()
        .filter(|(_, task)| task.owner == account && now.since(task.born) >= scenario.list.late.0)
        .map(|(id, task)| {
            let (status, progress) = task.status(scenario, now, true);
            Row { number: 0, id, born: task.born, task, status, progress, request: None }
        })
        .collect();
    rows.sort_by(|a, b| b.born.cmp(&a.born).then_with(|| b.id.cmp(&a.id)));
    let all = rows.len();
    for (place, row) in rows.iter_mut().enumerate() {
        row.number = all - place;
        let made = || desk.book.request_of(&row.id);
        row.request = if scenario.list.inputs { made() } else { None };
    }
    rows.retain(asked);
    rows
}

/// The page that is asked for, from 1, and how many rows it holds.
fn asked(request: &Seen<'_>, page: &str, sizes: &[&str]) -> (usize, usize) {
    let number = |name: &str| request.parameter(name)?.parse::<usize>().ok();
    let size = sizes.iter().find_map(|name| number(name)).unwrap_or(USUAL).clamp(1, MOST);
    (number(page).unwrap_or(1).clamp(1, 1 << 20), size)
}
