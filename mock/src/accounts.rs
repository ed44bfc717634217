//! What an account has left and what its key has asked for, where a service tells: `GET /v1/credits`
//! as EvoLink has it; `GET /api/usage/token/` and `GET /api/log/token` as New API relays have them.
//! The documented service has none of these.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::clock::Millis;
use crate::create::{account, owner};
use crate::engine::{Desk, Shared};
use crate::journal::ExchangeId;
use crate::scenario::{Account, ListShape, Scenario};
use crate::task::TaskId;

/// The header by which relays name a request.
pub(crate) const REQUEST_ID: &str = "x-oneapi-request-id";
/// The log has no pages: so many rows are shown.
const ROWS: usize = 1000;
/// Relays answer such questions so often in so long, and then 429 with an empty body.
const CALLS: usize = 20;
const CALLS_IN: Duration = Duration::from_secs(20 * 60);

/// A request that made a task, as the log of its key has it.
#[derive(Debug)]
pub(crate) struct Logged {
    pub(crate) at: Millis,
    pub(crate) owner: u64,
    pub(crate) request: String,
    pub(crate) task: TaskId,
    pub(crate) model: Box<str>,
    pub(crate) credits: u64,
}

/// What a relay calls a request.
pub(crate) fn request_id(exchange: ExchangeId) -> String {
    format!("req{:013}", exchange.0)
}

/// Whether one more create can be paid for.
pub(crate) fn is_affordable(
    desk: &Desk,
    (scenario, account): (&Scenario, &Account),
    seconds: u64,
) -> bool {
    scenario.credits.is_none_or(|all| taken(desk, account).saturating_add(seconds) <= all)
}

fn taken(desk: &Desk, account: &Account) -> u64 {
    desk.taken.get(&account.key).copied().unwrap_or(0)
}

/// Answers `GET /v1/credits`.
pub(crate) fn credits(shared: &Shared, request: &Seen) -> Answer {
    let scenario = shared.scenario();
    if scenario.list.shape != ListShape::Evolink {
        return answer::no_such_path("/v1/credits");
    }
    let account = match account(&scenario, request) {
        Ok(account) => account,
        Err(refusal) => return refusal,
    };
    let taken = taken(&shared.desk(), account);
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
pub(crate) fn usage(shared: &Shared, request: &Seen) -> Answer {
    let asked = |desk: &Desk, scenario: &Scenario, account: &Account| {
        let taken = taken(desk, account);
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
    seldom(shared, request, &asked)
}

/// Answers `GET /api/usage/token`, as the relays' router does.
pub(crate) fn usage_elsewhere(shared: &Shared) -> Answer {
    if shared.scenario().list.shape != ListShape::Relay {
        return answer::no_such_path("/api/usage/token");
    }
    Answer::empty(301).header("location", "/api/usage/token/")
}

/// Answers `GET /api/log/token`: the newest rows first, all on one page.
pub(crate) fn log(shared: &Shared, request: &Seen) -> Answer {
    let now = shared.clock.now();
    let asked = |desk: &Desk, scenario: &Scenario, account: &Account| {
        let (owner, late) = (owner(account), scenario.list.late.0);
        let rows = desk.logged.iter().enumerate().rev();
        let rows = rows.filter(|(_, row)| row.owner == owner && now.since(row.at) >= late);
        let rows: Vec<_> = rows.take(ROWS).map(|(n, row)| row.shown(n, scenario)).collect();
        json!({"success": true, "message": "", "data": rows})
    };
    seldom(shared, request, &asked)
}

impl Logged {
    /// The stock log has the request and no task; some forks name both.
    fn shown(&self, place: usize, scenario: &Scenario) -> Value {
        let mut other = json!({"is_task": true, "request_path": "/v1/videos/generations"});
        if scenario.list.named {
            other["task_id"] = json!(self.task);
        }
        json!({
            "id": place + 1,
            "user_id": 1,
            "created_at": self.at.seconds(),
            "type": 2,
            "content": "操作 generate",
            "token_name": "default",
            "model_name": self.model,
            "quota": self.credits,
            "use_time": 0,
            "is_stream": false,
            "group": "default",
            "request_id": self.request,
            "other": other.to_string(),
        })
    }
}

/// What a relay tells of a key, as long as nobody asks too often.
fn seldom(
    shared: &Shared,
    request: &Seen,
    asked: &dyn Fn(&Desk, &Scenario, &Account) -> Value,
) -> Answer {
    let scenario = shared.scenario();
    if scenario.list.shape != ListShape::Relay {
        return answer::no_such_path(request.url.path());
    }
    let mut desk = shared.desk();
    if !may_ask(&mut desk.seldom, shared.clock.now()) {
        return Answer::empty(429);
    }
    match account(&scenario, request) {
        Ok(account) => Answer::json(200, &asked(&desk, &scenario, account)),
        // A wrong key is told of with 200 there.
        Err(_) => Answer::json(200, &json!({"success": false, "message": "无效的令牌"})),
    }
}

/// Whether there is a call left; takes it if so. They count by address, whatever the key.
fn may_ask(calls: &mut VecDeque<Millis>, now: Millis) -> bool {
    while calls.front().is_some_and(|first| now.since(*first) >= CALLS_IN) {
        calls.pop_front();
    }
    let may = calls.len() < CALLS;
    if may {
        calls.push_back(now);
    }
    may
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_calls_in_twenty_minutes_are_answered() {
        let (mut calls, at) = (VecDeque::new(), |seconds: u64| Millis(seconds * 1000));
        assert!((0..20).all(|n| may_ask(&mut calls, at(n))));
        assert!(!may_ask(&mut calls, at(1199)));
        assert!(may_ask(&mut calls, at(1200)), "the first is forgotten");
        assert!(!may_ask(&mut calls, at(1200)));
    }
}
