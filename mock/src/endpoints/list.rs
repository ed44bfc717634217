//! The account's own list of tasks, where a service has one: `GET /v1/tasks` as EvoLink has it, and
//! `GET /api/task/self` as New API relays have it. The documented service has none.

use serde_json::{Value, json};

use crate::decisions::life::Status;
use crate::decisions::refuse::{self, account};
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::rules::scenario::{ListShape, Scenario};
use crate::state::desk::Desk;
use crate::words::clock::Millis;
use crate::words::id::TaskId;

/// What a page holds unless the request says otherwise, and what it holds at most.
const USUAL: usize = 10;
const MOST: usize = 100;

/// A task in the list.
struct Row<'a> {
    number: usize,
    id: TaskId,
    born: Millis,
    model: &'a str,
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
    let now = desk.clock.now();
    let rows = rows(desk, scenario, (account, now));
    let (page, size) = asked(request, "page");
    let total = rows.len();
    let shown = rows.iter().skip((page - 1) * size).take(size).map(|row| {
        let mut shown = json!({
            "id": row.id,
            "status": row.status,
            "model": row.model,
            "type": "video",
            "progress": row.progress,
            "created_at": row.born.seconds(),
            "has_results": row.status == Status::Completed,
            "has_error": row.status == Status::Failed,
        });
        if let Some(request) = &row.request {
            shown["input"] = request.clone();
        }
        shown
    });
    let data: Vec<_> = shown.collect();
    Answer::json(200, &json!({"data": data, "total": total, "page": page, "page_size": size}))
}

/// Answers `GET /api/task/self`: with the dashboard's token, which is the key here, and the number
/// of a user. A bad one is answered with 200, as relays do.
pub(crate) fn relay(desk: &Desk, request: &Seen<'_>) -> Answer {
    let scenario = &desk.scenario;
    if scenario.list.shape != ListShape::Relay {
        return refuse::no_such_path("/api/task/self");
    }
    let token = request.header("authorization").unwrap_or_default();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let known = scenario.keys.iter().find(|account| account.key == token);
    let user = request.header("new-api-user").is_some_and(|user| user.parse::<u64>().is_ok());
    let Some(account) = known.filter(|_| user) else {
        return Answer::json(
            200,
            &json!({"success": false, "message": "无权进行此操作，access token 无效"}),
        );
    };
    let now = desk.clock.now();
    let rows = rows(desk, scenario, (account.owner(), now));
    let (page, size) = asked(request, "p");
    let total = rows.len();
    let shown = rows.iter().skip((page - 1) * size).take(size).map(|row| {
        let words = match row.status {
            Status::Pending => "SUBMITTED",
            Status::Processing => "IN_PROGRESS",
            Status::Completed => "SUCCESS",
            Status::Failed => "FAILURE",
        };
        json!({
            "id": row.number,
            "task_id": row.id,
            "action": "generate",
            "status": words,
            "submit_time": row.born.seconds(),
            "progress": format!("{}%", row.progress),
            "properties": {"origin_model_name": row.model},
        })
    });
    let items: Vec<_> = shown.collect();
    let data = json!({"page": page, "page_size": size, "total": total, "items": items});
    Answer::json(200, &json!({"success": true, "message": "", "data": data}))
}

/// The tasks that the list shows by now, newest first.
fn rows<'a>(desk: &'a Desk, scenario: &Scenario, (account, now): (u64, Millis)) -> Vec<Row<'a>> {
    let mut rows: Vec<_> = desk
        .tasks
        .iter()
        .filter(|(_, task)| task.owner == account && now.since(task.born) >= scenario.list.late.0)
        .map(|(id, task)| {
            let (status, progress) = task.status(scenario, now, true);
            let (born, model, number) = (task.born, &*task.model, 0);
            Row { number, id, born, model, status, progress, request: None }
        })
        .collect();
    rows.sort_by(|a, b| b.born.cmp(&a.born).then_with(|| b.id.cmp(&a.id)));
    let all = rows.len();
    for (place, row) in rows.iter_mut().enumerate() {
        row.number = all - place;
        let made = || desk.book.request_of(&row.id);
        row.request = if scenario.list.inputs { made() } else { None };
    }
    rows
}

/// The page that is asked for, from 1, and how many rows it holds.
fn asked(request: &Seen<'_>, page: &str) -> (usize, usize) {
    let number = |name: &str| request.parameter(name)?.parse::<usize>().ok();
    let size = number("page_size").unwrap_or(USUAL).clamp(1, MOST);
    (number(page).unwrap_or(1).clamp(1, 1 << 20), size)
}
