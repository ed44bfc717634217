//! The shared ledger against a real PostgreSQL, which each test starts for itself.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stderr, reason = "what was skipped, and what a storm came to")]

mod acknowledged;
mod book;
mod cluster;
mod kills;
mod leases;
mod money;
mod refused;

use std::time::Duration;

use callsheet::ledger::postgres::settings::{Around, Found, Origin, Settings};
use callsheet::ledger::postgres::{Listed, Outcome, SharedError, Slip, Wanted, Worker};
use callsheet::pair::TaskId;
use callsheet::state::Event;

/// A computer on which nothing is set.
struct Bare;

impl Around for Bare {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &std::path::Path) -> Option<Found> {
        None
    }

    fn user(&self) -> Option<String> {
        None
    }

    fn home(&self) -> Option<std::path::PathBuf> {
        None
    }
}

fn settings(url: &str) -> Settings {
    Settings::find(url, Origin::Manifest, &Bare).unwrap()
}

fn pairs(count: usize, cost: i64) -> Vec<Listed> {
    let pair = |n| Listed { id: format!("pair-{n}"), body: format!("{{\"n\": {n}}}"), cost };
    (0..count).map(pair).collect()
}

async fn join(url: &str, batch: &Batch) -> Result<Worker, SharedError> {
    let Batch { count, cost, budget, lease } = *batch;
    let digest = count.to_le_bytes();
    let wanted =
        Wanted { name: "spring", endpoint: "https://api.example", digest: &digest, budget };
    Worker::join(settings(url), &wanted, &pairs(count, cost), lease).await
}

#[derive(Clone, Copy)]
struct Batch {
    count: usize,
    cost: i64,
    budget: Option<i64>,
    lease: Duration,
}

impl Batch {
    fn of(count: usize) -> Self {
        Self { count, cost: 5, budget: None, lease: Duration::from_secs(30) }
    }
}

fn outcome(slip: Slip, event: Event, task: Option<&str>) -> Outcome {
    let task = task.map(|task| TaskId::parse(task).unwrap());
    Outcome { slip, event, task, code: String::new(), message: String::new() }
}

/// In a runtime of its own, and in bounded time.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(Duration::from_secs(120), future).await })
        .unwrap()
}
