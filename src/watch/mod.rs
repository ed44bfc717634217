//! Waits for tasks: asks for each when it may be done, under one limit for all.
//!
//! Tasks are ordered by the time of their next poll, and the polls that are due start one after
//! another at the pace of the limit, so that ten thousand waiting tasks are no flood. One poll that
//! went wrong means nothing, and one task's trouble is its own; what is learned goes to the ledger,
//! and nowhere else. No task is asked for without end in silence.

mod ask;
mod links;
mod mood;
mod news;
mod queue;

use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::Instant;

use self::ask::Run;
use self::queue::Queue;
use crate::ledger::Task;
use crate::pace::{Patience, Polls, Rate, Schedule};
use crate::stage::{InFlight, Means};

/// Polls under way at once: a server that hangs must not take all of them.
const AT_ONCE: usize = 64;

/// Timers of whole milliseconds wake late; the next poll is counted from when this one was due.
const LATE: Duration = Duration::from_millis(2);

/// How a server is asked.
#[derive(Debug, Clone, Copy)]
pub struct PollLimits {
    /// When each task is asked for.
    pub polls: Polls,
    /// How many polls may start in a time, of all tasks together.
    pub rate: Rate,
    /// How long things are waited for that may never come.
    pub patience: Patience,
    /// For how long polls are tried when none gets through.
    pub retry_for: Duration,
}

/// Waits for all `tasks`, until none is left and none can come any more (`over`), or it is stopped.
/// Tasks that the server does not know are not waited for alone.
pub async fn run(
    means: Means<'_>,
    tasks: &mut UnboundedReceiver<Task>,
    limits: &PollLimits,
    in_flight: &InFlight,
    mut over: watch::Receiver<bool>,
) {
    let run = Run::new(means, limits, in_flight);
    let mut queue = Queue::default();
    let mut polls = FuturesUnordered::new();
    let mut schedule = Schedule::new(Some(limits.rate));
    let mut no_more = false;
    while !(no_more && tasks.is_empty() && queue.is_idle() && polls.is_empty()) {
        let next = queue.first().map(|due| run.may_start(due, &schedule));
        let room = polls.len() < AT_ONCE;
        tokio::select! {
            biased;
            () = means.stops.watch.pulled() => break,
            Some(again) = polls.next() => if let Some(again) = again { queue.push(again) },
            Some(task) = tasks.recv() => queue.push(run.take(task)),
            () = at(next), if next.is_some() && room => {
                schedule.wait(run.now().saturating_sub(LATE));
                polls.extend(queue.pop().map(|first| run.poll(first)));
            }
            _ = over.wait_for(|over| *over), if !no_more => {
                no_more = true;
                run.created();
            }
        }
    }
    in_flight.nobody_watches();
    if in_flight.is_limited() {
        // Claims that wait for others' tasks to end would wait for this run's as well.
        means.ledger.wants_no_more();
    }
    if means.stops.watch.reason().is_none() {
        run.leave(&queue);
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}
