//! `POST /v1/videos/generations`: who may, what is asked, what strikes, what it costs.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::decisions::chance::{self, Asked, Strike};
use crate::decisions::life::{Made, Task};
use crate::decisions::refuse::{self, account};
use crate::decisions::{limits, misanswer};
use crate::http::answer::{self, Answer};
use crate::http::reply::Reply;
use crate::http::request::Seen;
use crate::rules::contract::CONTRACT;
use crate::rules::dialect::{Dialect, REPLAYED};
use crate::rules::scenario::{Account, ListShape, Media, On, Scenario};
use crate::state::desk::{Desk, Logged, Repeatable};
use crate::state::errands::{Errand, What};
use crate::state::journal::ExchangeId;
use crate::words::clock::{self, Millis};
use crate::words::dice::Dice;
use crate::words::digest::{self, Digest};
use crate::words::failure::FailureCode;
use crate::words::fault::{Fault, Magic};
use crate::words::id::{Letters, TaskId};
use crate::words::span::whole_seconds;

const MOST_BODY_BYTES: usize = 1 << 20;

/// A create that keeps the contract and comes from a known account.
struct Order<'a> {
    account: &'a Account,
    body: Value,
    canonical: String,
    digest: Digest,
    dialect: Dialect,
    /// Where the client reaches the fake.
    base: String,
    /// What the client calls this create, where the dialect lets it.
    idempotency_key: Option<String>,
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
pub(crate) fn create(desk: &mut Desk, request: &Seen<'_>, id: ExchangeId) -> Reply {
    let scenario = Arc::clone(&desk.scenario);
    desk.book.read_one();
    match order(&scenario, request, &desk.url) {
        Ok(order) => {
            let till = Till { scenario: &scenario, now: desk.clock.now(), id };
            till.judge(desk, &order)
        }
        Err(refusal) => refusal.into(),
    }
}

/// Who asks, and whether what is asked keeps the contract.
fn order<'a>(scenario: &'a Scenario, request: &Seen<'_>, url: &str) -> Result<Order<'a>, Answer> {
    let account = account(scenario, request)?;
    if !request.is_json() {
        let came = request.header("content-type");
        return Err(refuse::wrong_content_type(answer::JSON, came));
    }
    if request.body.len() > MOST_BODY_BYTES {
        return Err(refuse::too_large(MOST_BODY_BYTES));
    }
    let body: Value =
        serde_json::from_slice(request.body).map_err(|error| refuse::not_json(&error))?;
    let violations = CONTRACT.create_violations(scenario.dialect, &body);
    if !violations.is_empty() {
        return Err(refuse::broken_contract(&violations));
    }
    let model = text(&body, "model");
    if !scenario.models.iter().any(|known| known == model) {
        return Err(refuse::no_such_model(model, &scenario.models));
    }
    let canonical = digest::canonical(&body);
    let digest = Digest::of_bytes(canonical.as_bytes());
    let dialect = scenario.dialect;
    let named = request.header("idempotency-key").filter(|_| scenario.remembers_keys().is_some());
    let idempotency_key = named.map(str::to_owned);
    let base = request.base(url);
    Ok(Order { account, body, canonical, digest, dialect, base, idempotency_key })
}

fn text<'a>(body: &'a Value, field: &str) -> &'a str {
    body.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// What an accepted create uses up.
struct Toll {
    window: Option<(Millis, u32)>,
    seconds: u64,
}

impl Toll {
    /// Takes it: only what is in the book was paid for.
    fn take(self, desk: &mut Desk, account: &Account) {
        *desk.paid.entry(account.key.clone()).or_default() += 1;
        *desk.taken.entry(account.key.clone()).or_default() += self.seconds;
        desk.window = self.window;
    }
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
        let (text, attempt) = desk.book.came(&order.canonical);
        let dice = Dice::new(self.scenario.seed, &order.digest, attempt);
        let delay = chance::latency(self.scenario.latency, dice);
        let strike = match strike(desk, (dice, attempt), order) {
            Ok(strike) => strike,
            Err(unknown) => return unknown.into(),
        };
        let fault = strike.map(|strike| strike.fault);
        let answer = match strike {
            Some(strike) if !strike.fault.books() => {
                if strike.fault == Fault::ResetBeforeRead {
                    desk.book.unread_one();
                }
                misanswer::refusal(strike, clock::today())
            }
            _ => match self.limits(desk, order) {
                Ok(toll) => self.accept(desk, order, (Made { request: text, dice }, fault), toll),
                // A refusal is a refusal, whatever fault was meant for the acceptance.
                Err(refusal) => return Reply { answer: refusal, fault: None, delay },
            },
        };
        Reply { answer, fault, delay }
    }

    /// Whether one more create may be accepted, and what it then uses up.
    fn limits(&self, desk: &Desk, order: &Order<'_>) -> Result<Toll, Answer> {
        let account = order.account;
        let most = self.scenario.concurrency.map_or(usize::MAX, |most| most as usize);
        if desk.under_way.len() >= most {
            let what = format!("more than {most} creates at once");
            return Err(refuse::too_many(&what, Duration::from_secs(1)));
        }
        let window = limits::window(self.scenario, desk.window, self.now)?;
        let seconds = whole_seconds(self.length(order));
        let taken = desk.credits_taken(account).saturating_add(seconds);
        if self.scenario.credits.is_some_and(|all| taken > all) {
            return Err(refuse::balance_used_up());
        }
        let paid = desk.paid.get(&account.key).copied().unwrap_or(0);
        if account.balance.or(self.scenario.balance).is_some_and(|balance| paid >= balance) {
            return Err(refuse::balance_used_up());
        }
        Ok(Toll { window, seconds })
    }

    /// Makes the task, books it, and says so, or says what the fault says instead.
    fn accept(
        &self,
        desk: &mut Desk,
        order: &Order<'_>,
        (made, fault): (Made, Option<Fault>),
        toll: Toll,
    ) -> Answer {
        let now = self.now;
        let mut draws = (0..).map(|n| Letters::draw(made.dice, n));
        // The draws differ, so one of them is free.
        let free = draws.find(|letters| !desk.tasks.has(now.seconds(), *letters));
        let Some(letters) = free else { return Answer::empty(500) };
        let id = TaskId::of(now.seconds(), letters);
        let created = created(self.scenario, order, &id, now);
        let entry = match desk.book.accept(now, made.request, letters, fault) {
            Ok(entry) => entry,
            Err(error) => {
                let what = format!("the fake cannot write its book: {error}");
                return Answer::error(500, "server_error", "internal_error", &what);
            }
        };
        desk.under_way.insert(self.id, entry);
        toll.take(desk, order.account);
        let task = self.task(order, desk.tasks.model(order.model()), made);
        let seconds = whole_seconds(task.length);
        let created = order.dialect.created(created, seconds);
        if let Some(key) = &order.idempotency_key {
            let (digest, exchange, created) = (order.digest, self.id, created.clone());
            let answered = Repeatable { at: now, digest, exchange, created };
            desk.answered.insert((task.owner, key.clone()), answered);
        }
        let logged = self.scenario.list.shape == ListShape::Relay;
        if let Some(stranger) = chance::stranger(self.scenario, made.dice) {
            if logged {
                let request = format!("{}-beside", self.id.at_relays());
                let stranger = TaskId::of(now.seconds(), stranger);
                desk.logged.push(self.logged(request, &stranger, &task));
            }
            desk.tasks.insert(stranger, task.clone());
        }
        if logged {
            desk.logged.push(self.logged(self.id.at_relays(), &id, &task));
        }
        let task = self.errands(desk, order, (&id, task));
        desk.tasks.insert(letters, task);
        let good = || Answer::json(200, &created);
        fault.map_or_else(good, |fault| misanswer::booked(fault, &created))
    }

    /// Hands over what is to be done about a task by itself.
    fn errands(&self, desk: &Desk, order: &Order<'_>, (id, mut task): (&TaskId, Task)) -> Task {
        let hand_over = |what| {
            let (mark, task, base) = (desk.mark, id.clone(), order.base.clone());
            desk.errands.send(Errand { mark, task, base, what })
        };
        if self.scenario.media == Media::Check {
            let [image, audio] = order.urls().map(str::to_owned);
            task.wait_for_a_look();
            if !hand_over(What::Look { image, audio, most: limits::speech(&order.body) }) {
                let what = "too many pictures and sounds wait to be looked at".to_owned();
                task.looked(Err((FailureCode::ServiceUnavailable, what)));
            }
        }
        let called = order.body["callback_url"].as_str().filter(|url| !url.is_empty());
        if let Some(url) = called.filter(|_| self.scenario.callbacks.is_some()) {
            hand_over(What::Call(url.to_owned()));
        }
        task
    }

    fn logged(&self, request: String, id: &TaskId, task: &Task) -> Logged {
        let credits = whole_seconds(task.length);
        let (at, owner, model) = (self.now, task.owner, (*task.model).into());
        Logged { at, owner, request, task: id.clone(), model, credits }
    }

    fn length(&self, order: &Order<'_>) -> Duration {
        chance::length(self.scenario, order.urls()[1])
    }

    fn task(&self, order: &Order<'_>, model: Arc<str>, made: Made) -> Task {
        let length = self.length(order);
        let failure = chance::failure(self.scenario, made.dice, order.urls());
        Task::new((model, order.account.owner(), self.now), length, failure, made)
    }
}

/// The answer to a create whose key was used before: the same again, or a conflict.
fn repeated(desk: &Desk, order: &Order<'_>) -> Option<Answer> {
    let key = order.idempotency_key.clone()?;
    let before = desk.answered.get(&(order.account.owner(), key))?;
    let age = desk.clock.now().since(before.at);
    if desk.scenario.remembers_keys().is_none_or(|window| age >= window) {
        return None;
    }
    if before.digest != order.digest {
        let what = "this Idempotency-Key was used for another request";
        return Some(refuse::of_key("idempotency_conflict", what));
    }
    if desk.under_way.contains_key(&before.exchange) {
        let what = "the request with this Idempotency-Key is under way";
        return Some(refuse::of_key("paid_outcome_unknown", what));
    }
    Some(Answer::json(200, &before.created).header(REPLAYED, "true"))
}

/// The fault that a URL asks for, or else the one that the scenario has for this try.
fn strike(
    desk: &mut Desk,
    (dice, attempt): (Dice, u32),
    order: &Order<'_>,
) -> Result<Option<Strike>, Answer> {
    match order.urls().iter().find_map(|url| Fault::in_url(url)) {
        Some(Magic::Known(fault)) if On::Create.takes(fault) => Ok(Some(Strike::plain(fault))),
        Some(Magic::Known(fault)) => Err(refuse::no_such_fault(fault.name())),
        Some(Magic::Unknown(name)) => Err(refuse::no_such_fault(name)),
        None => {
            let (names, since) = (&order.urls()[..], desk.played());
            let asked = Asked { on: On::Create, dice, attempt, names, since };
            Ok(chance::strike(&desk.scenario, &asked, &mut desk.counts))
        }
    }
}

/// The documented answer.
fn created(scenario: &Scenario, order: &Order<'_>, id: &TaskId, now: Millis) -> Value {
    let estimated_time = whole_seconds(scenario.work.estimate());
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
