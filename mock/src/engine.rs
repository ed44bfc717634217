//! The state behind every answer, and the routing to what answers.
//!
//! wiremock calls [`Engine::respond`] for each request, one at a time, under a lock of its own:
//! nothing here sleeps, and nothing is read or written but the book's file where one is asked for.
//! All state changes before the answer leaves, so a fault on the wire finds them done.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use wiremock::{Request as Seen, Respond, ResponseTemplate};

use crate::answer::{self, Answer, EXCHANGE_HEADER};
use crate::book::{Book, Bookkeeper};
use crate::create;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::gate::Request;
use crate::journal::{Answered, Exchange, ExchangeId, Journal, Record};
use crate::misanswer;
use crate::scenario::Scenario;

/// Where the fake is asked about itself.
const ADMIN: &str = "/__mock/";

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
    scenario: RwLock<Arc<Scenario>>,
    desk: Mutex<Desk>,
    observer: Option<mpsc::UnboundedSender<Exchange>>,
}

/// What changes with each request.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    pub(crate) book: Bookkeeper,
    pub(crate) journal: Journal,
    /// Creates paid by each key.
    pub(crate) paid: HashMap<String, u64>,
    /// Creates read of each request: what tells a retry from a first try.
    pub(crate) tries: HashMap<Digest, u32>,
    /// When the current window of the rate limit began, and the creates accepted in it.
    pub(crate) window: Option<(Instant, u32)>,
    /// Accepted creates whose answer is still under way, with their place in the book.
    pub(crate) under_way: HashMap<ExchangeId, usize>,
}

/// An exchange whose end has been noted, with its place in the book.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    id: ExchangeId,
    entry: Option<usize>,
}

impl Desk {
    fn note(&mut self, settled: Settled, answered: Answered) -> Option<&Record> {
        if let Some(entry) = settled.entry {
            let delivered = answered.delivered && misanswer::tells_the_id(answered.fault);
            self.book.answered(entry, answered.status, delivered);
        }
        self.journal.end(settled.id, answered)
    }
}

impl Shared {
    pub(crate) fn new(
        scenario: Scenario,
        book_file: Option<&Path>,
        observer: Option<mpsc::UnboundedSender<Exchange>>,
    ) -> std::io::Result<Self> {
        let book = Bookkeeper::with_file(book_file)?;
        let desk = Mutex::new(Desk { book, ..Desk::default() });
        Ok(Self { scenario: RwLock::new(Arc::new(scenario)), desk, observer })
    }

    pub(crate) fn scenario(&self) -> Arc<Scenario> {
        Arc::clone(&self.scenario.read().unwrap_or_else(PoisonError::into_inner))
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
        self.desk().journal.begin((connection, unix_millis()), Arc::clone(request), most)
    }

    /// Notes what becomes of an exchange, in the journal and in the book.
    pub(crate) fn settle(&self, id: ExchangeId, answered: Answered) -> Settled {
        let scenario = self.scenario();
        let mut desk = self.desk();
        let settled = Settled { id, entry: desk.under_way.remove(&id) };
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
        let reply = self.route(request, id);
        let template = reply.answer.into_template(exchange, reply.fault);
        if reply.delay.is_zero() { template } else { template.set_delay(reply.delay) }
    }
}

impl Engine {
    fn route(&self, request: &Seen, id: ExchangeId) -> Reply {
        let path = request.url.path();
        let allowed = match path {
            "/v1/videos/generations" => "POST",
            "/__mock/book" | "/__mock/journal" => "GET, HEAD",
            _ => return answer::no_such_path(path).into(),
        };
        let method = request.method.as_str();
        if !allowed.split(", ").any(|one| one == method) {
            return answer::wrong_method(method, allowed).into();
        }
        match path {
            "/__mock/book" => Answer::json(200, &book_json(&self.0.book())).into(),
            "/__mock/journal" => Answer::json(200, &json!(self.0.journal())).into(),
            _ => create::create(&self.0, request, id),
        }
    }
}

fn book_json(book: &Book) -> Value {
    let mut shown = json!(book);
    shown["creates"] = json!(book.entries.len());
    shown["duplicates"] = json!(book.duplicates());
    shown
}

/// A header as text.
pub(crate) fn header<'a>(request: &'a Seen, name: &str) -> Option<&'a str> {
    request.headers.get(name).and_then(|value| value.to_str().ok())
}

/// Milliseconds of unix time.
pub(crate) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
