//! The state behind every answer, and the routing to what answers.
//!
//! wiremock calls [`Engine::respond`] for each request, one at a time, under a lock of its own:
//! nothing here sleeps, and nothing is read or written but the book's file where one is asked for.
//! All state changes before the answer leaves, so a fault on the wire finds them done.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::mpsc;
use wiremock::{Request as Seen, Respond, ResponseTemplate};

use crate::answer::{self, Answer, EXCHANGE_HEADER};
use crate::book::{Book, Bookkeeper};
use crate::clock::{Clock, Millis};
use crate::contract::{CONTRACT, OPENAPI};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::gate::Request;
use crate::journal::{Answered, Exchange, ExchangeId, Journal, Record};
use crate::life::{Status, Task};
use crate::route::{self, ADMIN, Route};
use crate::scenario::{ListShape, Scenario};
use crate::task::TaskId;
use crate::upload::{self, Storage};
use crate::{accounts, admin, create, list, media, misanswer, query};

/// How many breaches of the contract are remembered.
const MOST_BREACHES: usize = 100;

/// What the engine wants done with a request.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) fault: Option<Fault>,
    pub(crate) delay: Duration,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, fault: None, delay: Duration::ZERO }
    }
}

/// Everything the fake knows, shared by the gate, the engine and the caller.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    url: String,
    scenario: RwLock<Arc<Scenario>>,
    desk: Mutex<Desk>,
    observer: Option<mpsc::UnboundedSender<Exchange>>,
}

/// What changes with each request.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) book: Bookkeeper,
    pub(crate) journal: Journal,
    pub(crate) tasks: HashMap<TaskId, Task>,
    /// Creates paid by each key.
    pub(crate) paid: HashMap<String, u64>,
    /// Credits taken of each key.
    pub(crate) taken: HashMap<String, u64>,
    /// The creates that made a task, where the scenario shows them in a log.
    pub(crate) logged: Vec<accounts::Logged>,
    /// When relays were asked what they answer seldom.
    pub(crate) seldom: VecDeque<Millis>,
    /// Creates read of each request: what tells a retry from a first try.
    pub(crate) tries: HashMap<Digest, u32>,
    /// Creates by the key that the client gave them, where the dialect has such keys.
    pub(crate) answered: HashMap<(u64, String), create::Answered>,
    /// When the current window of the rate limit began, and the creates accepted in it.
    pub(crate) window: Option<(Millis, u32)>,
    /// Accepted creates whose answer is still under way, with their place in the book.
    pub(crate) under_way: HashMap<ExchangeId, usize>,
    pub(crate) storage: Storage,
    breaches: Vec<Breach>,
    /// Counts the resets: what was under way before one has no place in the book after it.
    epoch: u64,
}

/// A request that broke the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Breach {
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What was wrong, as the client was told.
    pub message: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.method, self.path, self.message)
    }
}

/// Where the fake stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The fake's clock, in milliseconds of unix time.
    pub unix_millis: u64,
    /// Requests to create that were read, accepted or not.
    pub creates_read: u64,
    /// Creates that were accepted.
    pub creates: u64,
    /// Accepted creates whose answer is still under way.
    pub under_way: u64,
    /// Tasks by status.
    pub tasks: TaskCounts,
    /// The first hundred requests that broke the contract.
    pub breaches: Vec<Breach>,
}

/// How many tasks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the service's, and say what there is to say")]
pub struct TaskCounts {
    pub pending: u64,
    pub processing: u64,
    pub completed: u64,
    pub failed: u64,
}

/// An exchange whose end has been noted, with its place in the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    id: ExchangeId,
    entry: Option<usize>,
    epoch: u64,
}

impl Desk {
    fn breach(&mut self, breach: Breach) {
        if self.breaches.len() < MOST_BREACHES {
            self.breaches.push(breach);
        }
    }

    fn note(&mut self, settled: Settled, answered: Answered) -> Option<&Record> {
        if let Some(entry) = settled.entry.filter(|_| settled.epoch == self.epoch) {
            let delivered = answered.delivered && misanswer::tells_the_id(answered.fault);
            self.book.answered(entry, answered.status, delivered);
        }
        self.journal.end(settled.id, answered)
    }
}

impl Shared {
    pub(crate) fn new(
        url: String,
        scenario: Scenario,
        book_file: Option<&Path>,
        observer: Option<mpsc::UnboundedSender<Exchange>>,
    ) -> std::io::Result<Self> {
        let book = Bookkeeper::with_file(book_file)?;
        let desk = Mutex::new(Desk { book, ..Desk::default() });
        let scenario = RwLock::new(Arc::new(scenario));
        Ok(Self { clock: Clock::default(), url, scenario, desk, observer })
    }

    /// Where the client reaches this fake, so that links work from there.
    pub(crate) fn base(&self, request: &Seen) -> String {
        let plain = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        match header(request, "host").filter(|host| host.contains(':') && host.bytes().all(plain)) {
            Some(host) => format!("http://{host}"),
            None => self.url.clone(),
        }
    }

    pub(crate) fn scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.scenario.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_scenario(&self, scenario: Scenario) {
        let mut current = self.scenario.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(scenario);
    }

    /// Forgets every request; scenario, clock and the book's file stay.
    pub(crate) fn reset(&self) {
        let mut desk = self.desk();
        let (mut book, mut journal) =
            (std::mem::take(&mut desk.book), std::mem::take(&mut desk.journal));
        book.reset();
        journal.reset();
        *desk = Desk { book, journal, epoch: desk.epoch + 1, ..Desk::default() };
    }

    pub(crate) fn state(&self) -> State {
        let (scenario, now) = (self.scenario(), self.clock.now());
        let desk = self.desk();
        let mut tasks = TaskCounts::default();
        for task in desk.tasks.values() {
            *match task.status(&scenario, now, true).0 {
                Status::Pending => &mut tasks.pending,
                Status::Processing => &mut tasks.processing,
                Status::Completed => &mut tasks.completed,
                Status::Failed => &mut tasks.failed,
            } += 1;
        }
        State {
            unix_millis: now.0,
            creates_read: desk.book.creates_read(),
            creates: desk.book.creates(),
            under_way: desk.under_way.len() as u64,
            tasks,
            breaches: desk.breaches.clone(),
        }
    }

    pub(crate) fn breaches(&self) -> Vec<Breach> {
        self.desk().breaches.clone()
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a request into the journal, unless it only asks the fake about itself.
    pub(crate) fn begin(&self, connection: u64, request: &Arc<Request>) -> ExchangeId {
        if request.target.starts_with(ADMIN) {
            return ExchangeId::UNRECORDED;
        }
        let most = self.scenario().journal;
        self.desk().journal.begin((connection, self.clock.now()), Arc::clone(request), most)
    }

    /// Notes what becomes of an exchange, in the journal and in the book.
    pub(crate) fn settle(&self, id: ExchangeId, answered: Answered) -> Settled {
        let scenario = self.scenario();
        let mut desk = self.desk();
        let (entry, epoch) = (desk.under_way.remove(&id), desk.epoch);
        let settled = Settled { id, entry, epoch };
        let record = desk.note(settled, answered);
        if let (Some(observer), Some(record)) = (&self.observer, record) {
            // Nobody listens any more when the program ends.
            let _ = observer.send(record.shown(&scenario.secrets()));
        }
        settled
    }

    /// Notes that an exchange ended differently after all.
    pub(crate) fn correct(&self, settled: Settled, answered: Answered) {
        self.desk().note(settled, answered);
    }

    pub(crate) fn book(&self) -> Book {
        self.desk().book.snapshot()
    }

    pub(crate) fn journal(&self) -> Vec<Exchange> {
        self.desk().journal.snapshot(&self.scenario().secrets())
    }
}

/// The one responder of every private server.
pub(crate) struct Engine(pub(crate) Arc<Shared>);

impl Respond for Engine {
    fn respond(&self, request: &Seen) -> ResponseTemplate {
        let exchange = header(request, EXCHANGE_HEADER).unwrap_or_default();
        let id = ExchangeId(exchange.parse().unwrap_or_default());
        let mut reply = self.route(request, id);
        if let Some(message) = reply.answer.breach.take() {
            let (method, path) = (request.method.to_string(), request.url.path().to_owned());
            self.0.desk().breach(Breach { method, path, message });
        }
        let scenario = self.0.scenario();
        let mut answer = scenario.dialect.error(reply.answer);
        if scenario.list.shape == ListShape::Relay {
            answer = answer.header(accounts::REQUEST_ID, accounts::request_id(id));
        }
        answer.into_template(exchange, reply.fault, reply.delay)
    }
}

impl Engine {
    fn route(&self, request: &Seen, id: ExchangeId) -> Reply {
        let path = request.url.path();
        let Some(route) = route::find(path) else { return answer::no_such_path(path).into() };
        let (method, allowed) = (request.method.as_str(), route::methods(route));
        if !allowed.split(", ").any(|one| one == method) {
            return answer::wrong_method(method, allowed).into();
        }
        match route {
            Route::Create => create::create(&self.0, request, id),
            Route::Task(id) => query::query(&self.0, request, id),
            Route::Tasks => list::evolink(&self.0, request).into(),
            Route::RelayTasks => list::relay(&self.0, request).into(),
            Route::Credits => accounts::credits(&self.0, request).into(),
            Route::RelayUsage => accounts::usage(&self.0, request).into(),
            Route::RelayUsageElsewhere => accounts::usage_elsewhere(&self.0).into(),
            Route::RelayLog => accounts::log(&self.0, request).into(),
            Route::Output(file) => query::video(&self.0, request, file),
            Route::Upload(way) => upload::upload(&self.0, request, way).into(),
            Route::File(path) => upload::download(&self.0, request, path).into(),
            Route::Sample(name) => media::sample(request, name).into(),
            Route::OpenapiYaml => Answer::text(200, "application/yaml", OPENAPI).into(),
            Route::OpenapiJson => Answer::json(200, CONTRACT.document()).into(),
            Route::Admin(what) => admin::answer(&self.0, request, what).into(),
        }
    }
}

/// A header as text.
pub(crate) fn header<'a>(request: &'a Seen, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}
