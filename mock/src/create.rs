//! `POST /v1/videos/generations`: who may, what is asked, what strikes, what it costs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::chance::{self, Strike};
use crate::contract::CONTRACT;
use crate::dice::Dice;
use crate::digest::{self, Digest};
use crate::engine::{Desk, Reply, Shared, header, unix_millis};
use crate::fault::{Fault, Magic};
use crate::journal::ExchangeId;
use crate::misanswer;
use crate::scenario::{Account, Scenario};
use crate::task::TaskId;

const MOST_BODY_BYTES: usize = 1 << 20;

/// A create that keeps the contract and comes from a known account.
struct Order<'a> {
    account: &'a Account,
    body: Value,
    canonical: String,
    digest: Digest,
}

/// Answers a create.
pub(crate) fn create(shared: &Shared, request: &Seen, id: ExchangeId) -> Reply {
    let scenario = shared.scenario();
    let mut desk = shared.desk();
    desk.book.read_one();
    match order(&scenario, request) {
        Ok(order) => judge(&scenario, &mut desk, &order, id),
        Err(refusal) => refusal.into(),
    }
}

/// Who asks, and whether what is asked keeps the contract.
fn order<'a>(scenario: &'a Scenario, request: &Seen) -> Result<Order<'a>, Answer> {
    let account = account(scenario, request)?;
    let content_type = header(request, "content-type");
    if !content_type.is_some_and(is_json) {
        return Err(answer::wrong_content_type(content_type));
    }
    if request.body.len() > MOST_BODY_BYTES {
        return Err(answer::too_large(MOST_BODY_BYTES));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| answer::not_json(&error))?;
    let violations = CONTRACT.create_violations(&body);
    if !violations.is_empty() {
        return Err(answer::broken_contract(&violations));
    }
    let model = text(&body, "model");
    if !scenario.models.iter().any(|known| known == model) {
        return Err(answer::no_such_model(model, &scenario.models));
    }
    let canonical = digest::canonical(&body);
    let digest = Digest::of_bytes(canonical.as_bytes());
    Ok(Order { account, body, canonical, digest })
}

/// The account whose key the request carries.
pub(crate) fn account<'a>(scenario: &'a Scenario, request: &Seen) -> Result<&'a Account, Answer> {
    let missing = || answer::unauthorized("no key: send `Authorization: Bearer KEY`");
    let value = header(request, "authorization").ok_or_else(missing)?;
    let (scheme, key) = value.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let known = scenario.keys.iter().find(|account| account.key == key.trim());
    known.ok_or_else(|| answer::unauthorized("this key is not known"))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// What becomes of an order: a fault, a limit, or a task.
fn judge(scenario: &Scenario, desk: &mut Desk, order: &Order<'_>, id: ExchangeId) -> Reply {
    let tries = desk.tries.entry(order.digest).or_default();
    *tries += 1;
    let attempt = *tries;
    let dice = Dice::new(scenario.seed, &order.digest, attempt);
    let delay = chance::latency(scenario.latency, dice);
    let strike = match strike(scenario, dice, attempt, order) {
        Ok(strike) => strike,
        Err(unknown) => return unknown.into(),
    };
    let fault = strike.map(|strike| strike.fault);
    let answer = match strike {
        Some(strike) if !strike.fault.books() => {
            if strike.fault == Fault::ResetBeforeRead {
                desk.book.unread_one();
            }
            misanswer::refusal(strike)
        }
        _ => match limits(scenario, desk, order.account) {
            Ok(()) => accept(scenario, desk, order, (id, dice, fault)),
            // A refusal is a refusal, whatever fault was meant for the acceptance.
            Err(refusal) => return Reply { answer: refusal, fault: None, delay },
        },
    };
    Reply { answer, fault, delay }
}

/// The fault that a URL asks for, or else the one that the scenario has for this try.
fn strike(
    scenario: &Scenario,
    dice: Dice,
    attempt: u32,
    order: &Order<'_>,
) -> Result<Option<Strike>, Answer> {
    let urls = [text(&order.body, "image_url"), text(&order.body, "audio_url")];
    match urls.iter().find_map(|url| Fault::in_url(url)) {
        Some(Magic::Known(fault)) => Ok(Some(Strike::magic(fault))),
        Some(Magic::Unknown(name)) => Err(answer::no_such_fault(name)),
        None => Ok(chance::strike(scenario, dice, attempt, urls)),
    }
}

/// Whether one more create may be accepted; what it uses up is taken only if so.
fn limits(scenario: &Scenario, desk: &mut Desk, account: &Account) -> Result<(), Answer> {
    let most = scenario.concurrency.map_or(usize::MAX, |most| most as usize);
    if desk.under_way.len() >= most {
        let what = format!("more than {most} creates at once");
        return Err(answer::too_many(&what, Duration::from_secs(1)));
    }
    let window = window(scenario, desk.window, Instant::now())?;
    let paid = desk.paid.entry(account.key.clone()).or_default();
    if account.balance.or(scenario.balance).is_some_and(|balance| *paid >= balance) {
        return Err(answer::balance_used_up());
    }
    *paid += 1;
    desk.window = window;
    Ok(())
}

/// The rate limit's window with one more create in it.
fn window(
    scenario: &Scenario,
    current: Option<(Instant, u32)>,
    now: Instant,
) -> Result<Option<(Instant, u32)>, Answer> {
    let Some(rate) = scenario.rate else { return Ok(None) };
    let still_open = current.filter(|(start, _)| now.duration_since(*start) < rate.per.0);
    let (start, accepted) = still_open.unwrap_or((now, 0));
    if accepted < rate.requests {
        return Ok(Some((start, accepted + 1)));
    }
    let wait = rate.per.0.saturating_sub(now.duration_since(start));
    let what = format!("more than {} creates in {}", rate.requests, rate.per);
    Err(answer::too_many(&what, wait))
}

/// Makes the task, books it, and says so, or says what the fault says instead.
fn accept(
    scenario: &Scenario,
    desk: &mut Desk,
    order: &Order<'_>,
    (id, dice, fault): (ExchangeId, Dice, Option<Fault>),
) -> Answer {
    let now = unix_millis();
    let mut draws = (0..).map(|n| TaskId::draw(now / 1000, dice, n));
    // The draws differ, so one of them is free.
    let Some(task) = draws.find(|task| !desk.book.knows(task)) else { return Answer::empty(500) };
    let created = created(scenario, text(&order.body, "model"), &task, now / 1000);
    let request = (order.digest, order.canonical.clone());
    match desk.book.accept(now, request, task, fault) {
        Ok(entry) => desk.under_way.insert(id, entry),
        Err(error) => {
            let what = format!("the fake cannot write its book: {error}");
            return Answer::error(500, "server_error", "internal_error", &what);
        }
    };
    fault.map_or_else(|| Answer::json(200, &created), |fault| misanswer::booked(fault, &created))
}

/// The documented answer.
fn created(scenario: &Scenario, model: &str, task: &TaskId, unix_seconds: u64) -> Value {
    let estimated_time = answer::whole_seconds(scenario.work.0);
    json!({
        "created": unix_seconds,
        "id": task,
        "model": model,
        "object": "video.generation.task",
        "progress": 0,
        "status": "pending",
        "task_info": {"can_cancel": true, "estimated_time": estimated_time},
        "type": "video",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Rate;
    use crate::span::Span;

    #[test]
    fn a_window_holds_its_number_and_opens_again() {
        let rate = Some(Rate { requests: 2, per: Span::secs(10) });
        let scenario = Scenario { rate, ..Scenario::default() };
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let one = window(&scenario, None, start).unwrap();
        let two = window(&scenario, one, at(3)).unwrap();
        let refused = window(&scenario, two, at(4)).unwrap_err();
        assert_eq!(refused.headers, [("retry-after", "6".to_owned())]);
        assert_eq!(window(&scenario, two, at(10)).unwrap(), Some((at(10), 1)));
    }

    #[test]
    fn json_may_be_declared_with_parameters() {
        assert!(is_json("application/json"));
        assert!(is_json("Application/JSON; charset=utf-8"));
        assert!(!is_json("application/json-patch+json"));
        assert!(!is_json("text/plain"));
    }
}
