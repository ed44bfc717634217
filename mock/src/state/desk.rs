//! What changes with each request: the whole of one world, to be kept behind one lock.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::decisions::chance::Counts;
use crate::decisions::life::Status;
use crate::decisions::misanswer;
use crate::rules::scenario::{Account, Scenario};
use crate::state::book::Bookkeeper;
use crate::state::errands::{Called, Errands, MOST_CALLED};
use crate::state::journal::{Answered, ExchangeId, Journal, Record};
use crate::state::storage::Storage;
use crate::state::tasks::Tasks;
use crate::words::clock::{Clock, Millis};
use crate::words::digest::Digest;
use crate::words::id::TaskId;

/// How many breaches of the contract are remembered.
pub(crate) const MOST_BREACHES: usize = 100;

/// Everything that is known.
#[derive(Debug)]
pub(crate) struct Desk {
    /// Where the fake listens.
    pub(crate) url: Arc<str>,
    /// Whose world it is, where each key has one: links lead back here by it.
    pub(crate) mark: Option<u64>,
    pub(crate) clock: Clock,
    pub(crate) scenario: Arc<Scenario>,
    /// Who does what the fake does by itself.
    pub(crate) errands: Errands,
    /// The callbacks that were tried.
    called: Vec<Called>,
    pub(crate) book: Bookkeeper,
    pub(crate) journal: Journal,
    pub(crate) tasks: Tasks,
    /// Creates paid by each key.
    pub(crate) paid: HashMap<String, u64>,
    /// Credits taken of each key.
    pub(crate) taken: HashMap<String, u64>,
    /// The creates that made a task, where the scenario shows them in a log.
    pub(crate) logged: Vec<Logged>,
    /// When relays were asked what they answer seldom.
    pub(crate) seldom: VecDeque<Millis>,
    /// Uploads read of each file: what tells a retry from a first try.
    pub(crate) tries: HashMap<Digest, u32>,
    /// Creates by the key that the client gave them, where the dialect has such keys.
    pub(crate) answered: HashMap<(u64, String), Repeatable>,
    /// When the current window of the rate limit began, and the creates accepted in it.
    pub(crate) window: Option<(Millis, u32)>,
    /// Accepted creates whose answer is still under way, with their place in the book.
    pub(crate) under_way: HashMap<ExchangeId, usize>,
    pub(crate) storage: Storage,
    /// What was handed over, as it can be asked for: the first ten thousand.
    pub(crate) uploads: Vec<Value>,
    /// How often each request was answered as another server answered it, by its place.
    pub(crate) replayed: HashMap<usize, usize>,
    /// What the scenario's rules have counted.
    pub(crate) counts: Counts,
    /// When the scenario began to be played.
    began: Millis,
    breaches: Vec<Breach>,
    /// Counts the resets: what was under way before one has no place in the book after it.
    epoch: u64,
}

/// A create that was answered, for who asks again under the same key.
#[derive(Debug)]
pub(crate) struct Repeatable {
    pub(crate) at: Millis,
    pub(crate) digest: Digest,
    pub(crate) exchange: ExchangeId,
    pub(crate) created: Value,
}

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
    /// A desk on which nothing has happened yet.
    pub(crate) fn new(url: Arc<str>, scenario: Arc<Scenario>, book: Bookkeeper) -> Self {
        Self {
            url,
            mark: None,
            clock: Clock::default(),
            scenario,
            errands: Errands::default(),
            called: Vec::new(),
            book,
            journal: Journal::default(),
            tasks: Tasks::default(),
            paid: HashMap::new(),
            taken: HashMap::new(),
            logged: Vec::new(),
            seldom: VecDeque::new(),
            tries: HashMap::new(),
            answered: HashMap::new(),
            window: None,
            under_way: HashMap::new(),
            storage: Storage::default(),
            uploads: Vec::new(),
            replayed: HashMap::new(),
            counts: Counts::default(),
            began: Clock::default().now(),
            breaches: Vec::new(),
            epoch: 0,
        }
    }

    /// Forgets every request; scenario, clock and the book's file stay.
    pub(crate) fn reset(&mut self) {
        let (mut book, mut journal) =
            (std::mem::take(&mut self.book), std::mem::take(&mut self.journal));
        book.reset();
        journal.reset();
        let fresh = Self::new(Arc::clone(&self.url), Arc::clone(&self.scenario), book);
        let (mark, clock, epoch) = (self.mark, self.clock, self.epoch + 1);
        let errands = self.errands.clone();
        *self = Self { mark, clock, errands, journal, epoch, began: clock.now(), ..fresh };
    }

    /// Plays another scenario from its beginning. What was booked stays.
    pub(crate) fn play(&mut self, scenario: Scenario) {
        self.scenario = Arc::new(scenario);
        self.counts = Counts::default();
        self.replayed.clear();
        self.began = self.clock.now();
    }

    /// For how long the scenario has been played, by the fake's clock.
    pub(crate) fn played(&self) -> Duration {
        self.clock.now().since(self.began)
    }

    /// Notes how a request broke the contract.
    pub(crate) fn breach(&mut self, breach: Breach) {
        if self.breaches.len() < MOST_BREACHES {
            self.breaches.push(breach);
        }
    }

    /// The first hundred requests that broke the contract.
    pub(crate) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// Notes a callback that was tried.
    pub(crate) fn call(&mut self, called: Called) {
        if self.called.len() < MOST_CALLED {
            self.called.push(called);
        }
    }

    /// The first callbacks that were tried, in their order.
    pub(crate) fn called(&self) -> &[Called] {
        &self.called
    }

    /// Takes an exchange off what is under way.
    pub(crate) fn settle(&mut self, id: ExchangeId) -> Settled {
        Settled { id, entry: self.under_way.remove(&id), epoch: self.epoch }
    }

    /// Notes how an exchange ended, in the journal and in the book.
    pub(crate) fn note(&mut self, settled: Settled, answered: Answered) -> Option<&Record> {
        if let Some(entry) = settled.entry.filter(|_| settled.epoch == self.epoch) {
            let delivered = answered.delivered && misanswer::tells_the_id(answered.fault);
            self.book.answered(entry, answered.status, delivered);
        }
        self.journal.end(settled.id, answered)
    }

    /// The credits that an account has used.
    pub(crate) fn credits_taken(&self, account: &Account) -> u64 {
        self.taken.get(&account.key).copied().unwrap_or(0)
    }

    /// Where everything stands.
    pub(crate) fn state(&self) -> State {
        let now = self.clock.now();
        let mut tasks = TaskCounts::default();
        for task in self.tasks.values() {
            *match task.status(&self.scenario, now, true).0 {
                Status::Pending => &mut tasks.pending,
                Status::Processing => &mut tasks.processing,
                Status::Completed => &mut tasks.completed,
                Status::Failed => &mut tasks.failed,
            } += 1;
        }
        State {
            unix_millis: now.0,
            creates_read: self.book.creates_read(),
            creates: self.book.creates(),
            under_way: self.under_way.len() as u64,
            tasks,
            breaches: self.breaches.clone(),
        }
    }
}
