//! What an account has left and what its key has asked for, where a service tells: `GET /v1/credits`
//! as EvoLink has it; `GET /api/usage/token/`, `GET /api/log/token` and `GET /api/log/self` as New API
//! relays have them.
//! The documented service has none of these.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::decisions::limits::may_ask;
use crate::decisions::refuse::{self, account};
use crate::endpoints::list::{dashboard, in_time, page};
use crate::http::answer::Answer;
use crate::http::request::Seen;
use crate::rules::scenario::{Account, ListShape, Scenario};
use crate::state::desk::{Desk, Logged};

/// The header by which relays name a request.
pub(crate) const REQUEST_ID: &str = "x-oneapi-request-id";
/// The log has no pages: so many rows are shown.
const ROWS: usize = 1000;
/// Answers `GET /v1/credits`.
pub(crate) fn credits(desk: &Desk, request: &Seen<'_>) -> Answer {
    let scenario = &desk.scenario;
    if scenario.list.shape != ListShape::Evolink {
        return refuse::no_such_path("/v1/credits");
    }
    let account = match account(scenario, request) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let taken = desk.credits_taken(account);
    let left = scenario.credits.map(|all| all.saturating_sub(taken));
    let token = json!({
        "unlimited_credits": left.is_none(),
        "remaining_credits": left.unwrap_or(0),
        "used_credits": taken,
    });
    let user = json!({"remaining_credits": left.unwrap_or(1 << 40), "used_credits": taken});
    Answer::json(200, &json!({"success": true, "data": {"user": user, "token": token}}))
}

/// Answers `GET /api/usage/token/`.
pub(crate) fn usage(desk: &mut Desk, request: &Seen<'_>) -> Answer {
    let asked = |desk: &Desk, scenario: &Scenario, account: &Account| {
        let taken = desk.credits_taken(account);
        let all = scenario.credits.unwrap_or(0);
        json!({
            "code": true,
            "message": "ok",
            "data": {
                "object": "token_usage",
                "name": "default",
                "total_granted": all,
                "total_used": taken,
                "total_available": all.saturating_sub(taken),
                "unlimited_quota": scenario.credits.is_none(),
                "model_limits": {},
                "model_limits_enabled": false,
                "expires_at": 0,
            },
        })
    };
    seldom(desk, request, &asked)
}

/// Answers `GET /api/usage/token`, as the relays' router does.
pub(crate) fn usage_elsewhere(desk: &Desk) -> Answer {
    if desk.scenario.list.shape != ListShape::Relay {
        return refuse::no_such_path("/api/usage/token");
    }
    Answer::empty(301).header("location", "/api/usage/token/")
}

/// Answers `GET /api/log/token`: the newest rows first, all on one page.
pub(crate) fn log(desk: &mut Desk, request: &Seen<'_>) -> Answer {
    let now = desk.clock.now();
    let asked = |desk: &Desk, scenario: &Scenario, account: &Account| {
        let (owner, late) = (account.owner(), scenario.list.late.0);
        let rows = desk.logged.iter().enumerate().rev();
        let rows = rows.filter(|(_, row)| row.owner == owner && now.since(row.at) >= late);
        let rows: Vec<_> = rows.take(ROWS).map(|(n, row)| self::row(row, n, scenario)).collect();
        json!({"success": true, "message": "", "data": rows})
    };
    seldom(desk, request, &asked)
}

/// Answers `GET /api/log/self`: the same rows for who looks at the dashboard, page by page.
pub(crate) fn log_of_all(desk: &Desk, request: &Seen<'_>) -> Answer {
    let scenario = &desk.scenario;
    let owner = match dashboard(scenario, request) {
        Ok(account) => account.owner(),
        Err(refusal) => return refusal,
    };
    let asked = |name: &str, is: &str| {
        request.parameter(name).is_none_or(|asked| asked.is_empty() || asked == is)
    };
    // Zero is how the dashboard asks for rows of every type.
    let of_type = request.parameter("type").is_none_or(|kind| matches!(&*kind, "" | "0" | "2"));
    let now = desk.clock.now();
    let rows = desk.logged.iter().enumerate().rev().filter(|(_, row)| {
        row.owner == owner
            && now.since(row.at) >= scenario.list.late.0
            && of_type
            && asked("model_name", &row.model)
            && asked("request_id", &row.request)
            && asked("token_name", "default")
            && in_time(request, row.at.seconds())
    });
    let rows: Vec<_> = rows.map(|(place, row)| self::row(row, place, scenario)).collect();
    page(request, &rows)
}

/// A row of the log. The stock log has the request and no task; some forks name both.
fn row(logged: &Logged, place: usize, scenario: &Scenario) -> Value {
    let mut other = json!({"is_task": true, "request_path": "/v1/videos/generations"});
    if scenario.list.named {
        other["task_id"] = json!(logged.task);
    }
    json!({
        "id": place + 1,
        "user_id": 1,
        "created_at": logged.at.seconds(),
        "type": 2,
        "content": "操作 generate",
        "token_name": "default",
        "model_name": logged.model,
        "quota": logged.credits,
        "use_time": 0,
        "is_stream": false,
        "group": "default",
        "request_id": logged.request,
        "other": other.to_string(),
    })
}

/// What a relay tells of a key, as long as nobody asks too often.
fn seldom(
    desk: &mut Desk,
    request: &Seen<'_>,
    asked: &dyn Fn(&Desk, &Scenario, &Account) -> Value,
) -> Answer {
    let scenario = Arc::clone(&desk.scenario);
    if scenario.list.shape != ListShape::Relay {
        return refuse::no_such_path(request.path);
    }
    let now = desk.clock.now();
    if !may_ask(&mut desk.seldom, now) {
        return Answer::empty(429);
    }
    match account(&scenario, request) {
        Ok(account) => Answer::json(200, &asked(desk, &scenario, account)),
        // A wrong key is told of with 200 there.
        Err(_) => Answer::json(200, &json!({"success": false, "message": "无效的令牌"})),
    }
}
