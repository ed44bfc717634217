//! `POST /v1/videos/generations`: who may, what is asked, what strikes, what it costs.

use std::time::Duration;

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::accounts::{self, Logged};
use crate::answer::{self, Answer};
use crate::chance::{self, Strike};
use crate::clock::Millis;
use crate::contract::CONTRACT;
use crate::dialect::{Dialect, REPLAYED};
use crate::dice::Dice;
use crate::digest::{self, Digest};
use crate::engine::{Desk, Reply, Shared, header};
use crate::fault::{Fault, Magic};
use crate::journal::ExchangeId;
use crate::life::Task;
use crate::list;
use crate::misanswer;
use crate::scenario::{Account, ListShape, On, Scenario};
use crate::task::TaskId;

const MOST_BODY_BYTES: usize = 1 << 20;

/// A create that keeps the contract and comes from a known account.
struct Order<'a> {
    account: &'a Account,
    body: Value,
    canonical: String,
    digest: Digest,
    dialect: Dialect,
    /// What the client calls this create, where the dialect lets it.
    idempotency_key: Option<String>,
}

/// A create that was answered, for who asks again under the same key.
#[derive(Debug)]
pub(crate) struct Answered {
    digest: Digest,
    exchange: ExchangeId,
    created: Value,
}

impl Order<'_> {
    fn model(&self) -> &str {
        text(&self.body, "model")
    }

    /// The image's URL and the audio's.
    fn urls(&self) -> [&str; 2] {
        [self.dialect.image_url(&self.body), text(&self.body, "audio_url")]
    }
}

/// Answers a create.
pub(crate) fn create(shared: &Shared, request: &Seen, id: ExchangeId) -> Reply {
    let scenario = shared.scenario();
    let mut desk = shared.desk();
    desk.book.read_one();
    match order(&scenario, request) {
        Ok(order) => {
            let till = Till { scenario: &scenario, now: shared.clock.now(), id };
            till.judge(&mut desk, &order)
        }
        Err(refusal) => refusal.into(),
    }
}

/// Who asks, and whether what is asked keeps the contract.
fn order<'a>(scenario: &'a Scenario, request: &Seen) -> Result<Order<'a>, Answer> {
    let account = account(scenario, request)?;
    let content_type = header(request, "content-type");
    if !content_type.is_some_and(is_json) {
        return Err(answer::wrong_content_type(answer::JSON, content_type));
    }
    if request.body.len() > MOST_BODY_BYTES {
        return Err(answer::too_large(MOST_BODY_BYTES));
    }
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| answer::not_json(&error))?;
    let violations = CONTRACT.create_violations(scenario.dialect, &body);
    if !violations.is_empty() {
        return Err(answer::broken_contract(&violations));
    }
    let model = text(&body, "model");
    if !scenario.models.iter().any(|known| known == model) {
        return Err(answer::no_such_model(model, &scenario.models));
    }
    let canonical = digest::canonical(&body);
    let digest = Digest::of_bytes(canonical.as_bytes());
    let dialect = scenario.dialect;
    let named = header(request, "idempotency-key").filter(|_| dialect.is_idempotent());
    let idempotency_key = named.map(str::to_owned);
    Ok(Order { account, body, canonical, digest, dialect, idempotency_key })
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

/// Whether a content type is JSON, whatever its parameters.
pub(crate) fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The account as tasks remember it: tells it apart, and gives no key away.
pub(crate) fn owner(account: &Account) -> u64 {
    Digest::of_bytes(account.key.as_bytes()).head()
}

/// Where one create is decided.
struct Till<'a> {
    scenario: &'a Scenario,
    now: Millis,
    id: ExchangeId,
}

impl Till<'_> {
    /// What becomes of an order: a fault, a limit, or a task.
    fn judge(&self, desk: &mut Desk, order: &Order<'_>) -> Reply {
        if let Some(answer) = repeated(desk, order) {
            return answer.into();
        }
        let tries = desk.tries.entry(order.digest).or_default();
        *tries += 1;
        let attempt = *tries;
        let dice = Dice::new(self.scenario.seed, &order.digest, attempt);
        let delay = chance::latency(self.scenario.latency, dice);
        let strike = match strike(self.scenario, (dice, attempt), order) {
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
            _ => match self.limits(desk, order) {
                Ok(()) => self.accept(desk, order, (dice, fault)),
                // A refusal is a refusal, whatever fault was meant for the acceptance.
                Err(refusal) => return Reply { answer: refusal, fault: None, delay },
            },
        };
        Reply { answer, fault, delay }
    }

    /// Whether one more create may be accepted; what it uses up is taken only if so.
    fn limits(&self, desk: &mut Desk, order: &Order<'_>) -> Result<(), Answer> {
        let account = order.account;
        let most = self.scenario.concurrency.map_or(usize::MAX, |most| most as usize);
        if desk.under_way.len() >= most {
            let what = format!("more than {most} creates at once");
            return Err(answer::too_many(&what, Duration::from_secs(1)));
        }
        let window = window(self.scenario, desk.window, self.now)?;
        let seconds = answer::whole_seconds(self.length(order));
        if !accounts::is_affordable(desk, (self.scenario, account), seconds) {
            return Err(answer::balance_used_up());
        }
        let paid = desk.paid.entry(account.key.clone()).or_default();
        if account.balance.or(self.scenario.balance).is_some_and(|balance| *paid >= balance) {
            return Err(answer::balance_used_up());
        }
        *paid += 1;
        *desk.taken.entry(account.key.clone()).or_default() += seconds;
        desk.window = window;
        Ok(())
    }

    /// Makes the task, books it, and says so, or says what the fault says instead.
    fn accept(
        &self,
        desk: &mut Desk,
        order: &Order<'_>,
        (dice, fault): (Dice, Option<Fault>),
    ) -> Answer {
        let now = self.now;
        let mut draws = (0..).map(|n| TaskId::draw(now.seconds(), dice, n));
        // The draws differ, so one of them is free.
        let free = draws.find(|task| !desk.tasks.contains_key(task));
        let Some(id) = free else { return Answer::empty(500) };
        let created = created(self.scenario, order, &id, now);
        let request = (order.digest, order.canonical.clone());
        match desk.book.accept(now, request, id.clone(), fault) {
            Ok(entry) => desk.under_way.insert(self.id, entry),
            Err(error) => {
                let what = format!("the fake cannot write its book: {error}");
                return Answer::error(500, "server_error", "internal_error", &what);
            }
        };
        let task = self.task(order, dice);
        let seconds = answer::whole_seconds(task.length);
        let created = order.dialect.created(created, seconds);
        if let Some(key) = &order.idempotency_key {
            let answered =
                Answered { digest: order.digest, exchange: self.id, created: created.clone() };
            desk.answered.insert((task.owner, key.clone()), answered);
        }
        let logged = self.scenario.list.shape == ListShape::Relay;
        if let Some(stranger) = list::stranger(self.scenario, now, dice) {
            if logged {
                let request = format!("{}-beside", accounts::request_id(self.id));
                desk.logged.push(self.logged(request, &stranger, &task));
            }
            desk.tasks.insert(stranger, task.clone());
        }
        if logged {
            desk.logged.push(self.logged(accounts::request_id(self.id), &id, &task));
        }
        desk.tasks.insert(id, task);
        let good = || Answer::json(200, &created);
        fault.map_or_else(good, |fault| misanswer::booked(fault, &created))
    }

    fn logged(&self, request: String, id: &TaskId, task: &Task) -> Logged {
        let credits = answer::whole_seconds(task.length);
        let (at, owner, model) = (self.now, task.owner, task.model.clone());
        Logged { at, owner, request, task: id.clone(), model, credits }
    }

    fn length(&self, order: &Order<'_>) -> Duration {
        chance::length(self.scenario, order.urls()[1])
    }

    fn task(&self, order: &Order<'_>, dice: Dice) -> Task {
        let length = self.length(order);
        let failure = chance::failure(self.scenario, dice, order.urls());
        Task::new((order.model(), owner(order.account), self.now), length, failure)
    }
}

/// The answer to a create whose key was used before: the same again, or a conflict.
fn repeated(desk: &Desk, order: &Order<'_>) -> Option<Answer> {
    let key = order.idempotency_key.clone()?;
    let before = desk.answered.get(&(owner(order.account), key))?;
    if before.digest != order.digest {
        let what = "this Idempotency-Key was used for another request";
        return Some(answer::of_key("idempotency_conflict", what));
    }
    if desk.under_way.contains_key(&before.exchange) {
        let what = "the request with this Idempotency-Key is under way";
        return Some(answer::of_key("paid_outcome_unknown", what));
    }
    Some(Answer::json(200, &before.created).header(REPLAYED, "true"))
}

/// The fault that a URL asks for, or else the one that the scenario has for this try.
fn strike(
    scenario: &Scenario,
    (dice, attempt): (Dice, u32),
    order: &Order<'_>,
) -> Result<Option<Strike>, Answer> {
    match order.urls().iter().find_map(|url| Fault::in_url(url)) {
        Some(Magic::Known(fault)) if On::Create.takes(fault) => Ok(Some(Strike::plain(fault))),
        Some(Magic::Known(fault)) => Err(answer::no_such_fault(fault.name())),
        Some(Magic::Unknown(name)) => Err(answer::no_such_fault(name)),
        None => Ok(chance::strike(scenario, On::Create, (dice, attempt), order.urls())),
    }
}

/// The rate limit's window with one more create in it.
fn window(
    scenario: &Scenario,
    current: Option<(Millis, u32)>,
    now: Millis,
) -> Result<Option<(Millis, u32)>, Answer> {
    let Some(rate) = scenario.rate else { return Ok(None) };
    let still_open = current.filter(|(start, _)| now.since(*start) < rate.per.0);
    let (start, accepted) = still_open.unwrap_or((now, 0));
    if accepted < rate.requests {
        return Ok(Some((start, accepted + 1)));
    }
    let wait = rate.per.0.saturating_sub(now.since(start));
    let what = format!("more than {} creates in {}", rate.requests, rate.per);
    Err(answer::too_many(&what, wait))
}

/// The documented answer.
fn created(scenario: &Scenario, order: &Order<'_>, id: &TaskId, now: Millis) -> Value {
    let estimated_time = answer::whole_seconds(scenario.work.estimate());
    json!({
        "created": now.seconds(),
        "id": id,
        "model": order.model(),
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
        let at = |seconds: u64| Millis(1_000_000 + seconds * 1000);
        let one = window(&scenario, None, at(0)).unwrap();
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
