//! One world: a desk behind its lock, and who watches what happens there.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::http::request::Request;
use crate::http::route::ADMIN;
use crate::state::book::Book;
use crate::state::desk::{Desk, Settled};
use crate::state::journal::{Answered, Exchange, ExchangeId, Said};

/// What the gate, the engine and the caller share.
#[derive(Debug)]
pub(crate) struct World {
    desk: Mutex<Desk>,
    watch: Watch,
}

/// Who is told of every exchange as it ends.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    observer: Option<mpsc::Sender<Exchange>>,
    missed: Arc<AtomicU64>,
}

impl Watch {
    pub(crate) fn new(observer: Option<mpsc::Sender<Exchange>>) -> Self {
        Self { observer, missed: Arc::default() }
    }

    /// How many exchanges who watches has missed.
    pub(crate) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl World {
    pub(crate) const fn new(desk: Desk, watch: Watch) -> Self {
        Self { desk: Mutex::new(desk), watch }
    }

    pub(crate) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The desk. Nothing may be waited for while it is held.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a request into the journal, unless it only asks the fake about itself.
    pub(crate) fn begin(&self, connection: u64, request: &Arc<Request>) -> ExchangeId {
        if request.target.starts_with(ADMIN) {
            return ExchangeId::UNRECORDED;
        }
        let mut desk = self.desk();
        let (most, now) = (desk.scenario.journal, desk.clock.now());
        desk.journal.begin((connection, now), Arc::clone(request), most)
    }

    /// Notes what becomes of an exchange, and tells who watches.
    pub(crate) fn settle(&self, id: ExchangeId, answered: Answered, said: Said) -> Settled {
        let mut desk = self.desk();
        desk.journal.say(id, said);
        let settled = desk.settle(id);
        let watched = self.watch.observer.as_ref().map(|who| (who, Arc::clone(&desk.scenario)));
        let record = desk.note(settled, answered);
        if let (Some((observer, scenario)), Some(record)) = (watched, record) {
            // One who watches too slowly misses something; memory is not to grow for that. And when
            // the program ends, nobody watches any more.
            let seen = observer.try_send(record.shown(&scenario.secrets()));
            self.watch.missed.fetch_add(u64::from(seen.is_err()), Ordering::Relaxed);
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
        let desk = self.desk();
        desk.journal.snapshot(&desk.scenario.secrets())
    }
}
