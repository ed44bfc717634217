//! The shared ledger against a real PostgreSQL, which each test starts for itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stderr, reason = "what was skipped, and what a storm came to")]

mod acknowledged;
mod ahead;
mod apart;
mod at_once;
mod book;
mod cluster;
mod copying;
mod counts;
mod cutting;
mod decisions;
mod forgotten;
mod kills;
mod leases;
mod limits;
mod limits_of_runs;
mod listing;
mod model;
mod model_pairs;
mod model_purse;
mod money;
mod moving;
mod nearby;
mod proof;
mod quiet;
mod redoing;
mod refused;
mod renames;
mod restored;
#[path = "../it/rude.rs"]
#[expect(dead_code, reason = "what the other tests need of it")]
mod rude;
mod runs;
mod same;
mod simulation;
mod waiting;

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use self::cluster::settings;
use callsheet::ledger::postgres::{
    Clocks, Guard, Lacking, Listed, Outcome, Page, SharedError, Slip, Wanted, Wish, Worker,
};
use callsheet::pace::{Heard, Terms};
use callsheet::pair::TaskId;
use callsheet::state::{self, Event, State};

/// A worker and what it costs it to create.
#[derive(Debug)]
struct Crew {
    worker: Worker,
    cost: i64,
}

/// The right to send one create.
#[derive(Debug)]
struct Claim {
    slip: Slip,
    guard: Arc<Guard>,
}

#[derive(Debug)]
struct Turn {
    claims: Vec<Claim>,
    settled: Vec<(Slip, State)>,
}

impl Claim {
    fn spend(self, needed: Duration) -> Result<Slip, Slip> {
        match self.guard.outlasts(Clocks::now(), needed) {
            true => Ok(self.slip),
            false => Err(self.slip),
        }
    }
}

impl Deref for Crew {
    type Target = Worker;
    fn deref(&self) -> &Worker {
        &self.worker
    }
}

impl DerefMut for Crew {
    fn deref_mut(&mut self) -> &mut Worker {
        &mut self.worker
    }
}

impl Crew {
    /// Claims so many of those that are to be tried next.
    async fn turn(&mut self, outcomes: &[Outcome], free: usize) -> Result<Turn, SharedError> {
        let next = match free {
            0 => Vec::new(),
            _ => self.worker.next(free).await?,
        };
        self.turn_for(outcomes, &next).await
    }

    /// Claims the first create of a pair, without a look at it before.
    async fn wish(&mut self, n: i32) -> Result<callsheet::ledger::postgres::Turn, SharedError> {
        let wish = Wish { n, attempt: 1, cost: self.cost };
        paid_for(self.worker.turn(&[], &[wish], Heard::default()).await?)
    }

    async fn turn_for(&mut self, outcomes: &[Outcome], next: &[i32]) -> Result<Turn, SharedError> {
        let mut wishes = Vec::new();
        for known in self.worker.pull(Page::These(next)).await? {
            wishes.push(Wish { n: known.n, attempt: known.attempt + 1, cost: self.cost });
        }
        let turned = paid_for(self.worker.turn(outcomes, &wishes, Heard::default()).await?)?;
        let (guard, holder) = (self.worker.guard(), self.worker.number());
        let claims = turned.claimed.iter().map(|Wish { n, attempt, .. }| Claim {
            slip: Slip { n: *n, attempt: *attempt, holder },
            guard: guard.clone(),
        });
        Ok(Turn { claims: claims.collect(), settled: turned.settled })
    }
}

/// That there is no money for a single one is said by an error.
fn paid_for(
    turned: callsheet::ledger::postgres::Turn,
) -> Result<callsheet::ledger::postgres::Turn, SharedError> {
    match turned.lack {
        Some(Lacking::Budget(_)) if turned.claimed.is_empty() => Err(SharedError::BudgetReached),
        _ => Ok(turned),
    }
}

fn id_of(slip: &Slip) -> String {
    format!("pair-{}", slip.n)
}

async fn join(url: &str, batch: &Batch) -> Result<Crew, SharedError> {
    join_as(url, batch, ("spring", None)).await
}

/// Under this name, and spending the money of this pool.
async fn join_as(
    url: &str,
    batch: &Batch,
    (name, pool): (&str, Option<&str>),
) -> Result<Crew, SharedError> {
    let Batch { count, cost, budget, lease, terms } = *batch;
    let digest = count.to_le_bytes();
    let wanted = Wanted {
        name,
        endpoint: "https://api.example",
        digest: &digest,
        budget,
        unit: "seconds",
        pool,
        terms,
        joins: true,
    };
    let pair = |n| Listed { id: format!("pair-{n}"), body: format!("{{\"n\": {n}}}"), take: 1 };
    let mut pages = |first: usize| Ok((first..count.min(first + 5000)).map(pair).collect());
    let (worker, _) = Worker::join(settings(url), &wanted, &mut pages, ("a test", lease)).await?;
    Ok(Crew { worker, cost })
}

#[derive(Clone, Copy)]
struct Batch {
    count: usize,
    cost: i64,
    budget: Option<i64>,
    lease: Duration,
    terms: Terms,
}

const TERMS: Terms = Terms { concurrency: 32, in_flight: None, max_doubts: None, apart: None };

impl Batch {
    fn of(count: usize) -> Self {
        Self { count, cost: 5, budget: None, lease: Duration::from_secs(30), terms: TERMS }
    }
}

fn outcome(slip: Slip, event: Event, task: Option<&str>) -> Outcome {
    let task = task.map(|task| TaskId::parse(task).unwrap());
    let state = state::next(State::Sending, event).unwrap();
    let gives_back = matches!(event, Event::NotMade | Event::Refused);
    Outcome { slip, state, task, gives_back, record: format!("{{\"event\": \"{event:?}\"}}") }
}

/// In a runtime of its own, and in bounded time.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(120), future).await })
        .unwrap()
}
