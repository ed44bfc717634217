//! The account's own list of tasks, where a service has one: `GET /v1/tasks` as EvoLink has it, and
//! `GET /api/task/self` as New API relays have it. The documented service has none.

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::clock::Millis;
use crate::create::{account, owner};
use crate::dice::Dice;
use crate::engine::{Desk, Shared, header};
use crate::life::Status;
use crate::scenario::{ListShape, Scenario};
use crate::task::TaskId;

/// What a page holds unless the request says otherwise, and what it holds at most.
const USUAL: usize = 10;
const MOST: usize = 100;

/// A task in the list.
struct Row<'a> {
    number: usize,
    id: &'a TaskId,
    born: Millis,
    model: &'a str,
    status: Status,
    progress: u8,
    /// What it was made of, where the list says.
    request: Option<Value>,
}

/// Answers `GET /v1/tasks`, newest first.
pub(crate) fn evolink(shared: &Shared, request: &Seen) -> Answer {
    let scenario = shared.scenario();
    if scenario.list.shape != ListShape::Evolink {
        return answer::no_such_path("/v1/tasks");
    }
    let account = match account(&scenario, request) {
        Ok(account) => owner(account),
        Err(refusal) => return refusal,
    };
    let now = shared.clock.now();
    let desk = shared.desk();
    let rows = rows(&desk, &scenario, (account, now));
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
pub(crate) fn relay(shared: &Shared, request: &Seen) -> Answer {
    let scenario = shared.scenario();
    if scenario.list.shape != ListShape::Relay {
        return answer::no_such_path("/api/task/self");
    }
    let token = header(request, "authorization").unwrap_or_default();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let known = scenario.keys.iter().find(|account| account.key == token);
    let user = header(request, "new-api-user").is_some_and(|user| user.parse::<u64>().is_ok());
    let Some(account) = known.filter(|_| user) else {
        return Answer::json(
            200,
            &json!({"success": false, "message": "无权进行此操作，access token 无效"}),
        );
    };
    let now = shared.clock.now();
    let desk = shared.desk();
    let rows = rows(&desk, &scenario, (owner(account), now));
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
    rows.sort_by(|a, b| b.born.cmp(&a.born).then_with(|| b.id.cmp(a.id)));
    let all = rows.len();
    for (place, row) in rows.iter_mut().enumerate() {
        row.number = all - place;
        let made = || desk.book.request_of(row.id);
        row.request = if scenario.list.inputs { made() } else { None };
    }
    rows
}

/// The page that is asked for, from 1, and how many rows it holds.
fn asked(request: &Seen, page: &str) -> (usize, usize) {
    let number = |name: &str| {
        let mut pairs = request.url.query_pairs();
        pairs.find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
    };
    let size = number("page_size").unwrap_or(USUAL).clamp(1, MOST);
    (number(page).unwrap_or(1).clamp(1, 1 << 20), size)
}

/// Whether a colleague makes a task on the same account beside this create, and its id if so.
pub(crate) fn stranger(scenario: &Scenario, now: Millis, dice: Dice) -> Option<TaskId> {
    let comes = dice.happens("stranger", 0, scenario.list.strangers);
    // The ids of the create itself are drawn from 0 on.
    comes.then(|| TaskId::draw(now.seconds(), dice, 1 << 20))
}
