//! Waits for tasks: asks for each when it may be done, under one limit for all.
//!
//! Tasks are ordered by the time of their next poll, and the polls that are due start one after
//! another at the pace of the limit, so that ten thousand waiting tasks are no flood. One poll that
//! went wrong means nothing; what is learned goes to the ledger, and nowhere else.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::Client;
use crate::ledger::{Ledger, News, Task};
use crate::pace::{Absence, Backoff, Pause, Polls, Rate, Schedule, retry_after};
use crate::submit::{InFlight, Reason, Stops};
use crate::wire::{Poll, TaskNews};

/// Polls under way at once: a server that hangs must not take all of them.
const AT_ONCE: usize = 64;

/// Timers of whole milliseconds wake late; the next poll is counted from when this one was due.
const LATE: Duration = Duration::from_millis(2);

/// How a server is asked.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// When each task is asked for.
    pub polls: Polls,
    /// How many polls may start in a time, of all tasks together.
    pub rate: Rate,
    /// How long a task must have been unknown to the server before that is believed.
    pub absent_for: Duration,
    /// For how long polls are tried when none gets through.
    pub retry_for: Duration,
}

/// What others may see of the waiting and fetching while it goes on.
#[derive(Debug, Default)]
pub struct Meter {
    /// Tasks that are waited for.
    pub waiting: AtomicU64,
    /// The sum of their progress, in percent.
    pub progress: AtomicU64,
    /// Videos being fetched.
    pub fetching: AtomicU64,
    /// Bytes of videos received so far.
    pub bytes: AtomicU64,
    /// Statuses of tasks that are documented nowhere.
    pub unknown: Unknown,
}

/// How many unknown statuses are told of: a server that makes them up would fill the screen.
const MOST_UNKNOWN: usize = 5;

/// Statuses that the server gave and nobody knows, each once.
#[derive(Debug, Default)]
pub struct Unknown(Mutex<Statuses>);

#[derive(Debug, Default)]
struct Statuses {
    seen: Vec<String>,
    /// How many of them were told of.
    told: usize,
}

impl Unknown {
    fn saw(&self, status: String) {
        let mut statuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if statuses.seen.len() < MOST_UNKNOWN && !statuses.seen.contains(&status) {
            statuses.seen.push(status);
        }
    }

    /// Those that nobody was told of yet; whoever asks tells of them.
    pub fn news(&self) -> Vec<String> {
        let mut statuses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let news = statuses.seen[statuses.told..].to_vec();
        statuses.told = statuses.seen.len();
        news
    }
}

/// What waiting and fetching work with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Where news go.
    pub ledger: &'a Ledger,
    /// Who is asked.
    pub client: &'a Client,
    /// What ends it early.
    pub stops: &'a Stops,
    /// What others see.
    pub meter: &'a Meter,
}

/// The waiting tasks by the time of their next poll; the number tells those of one time apart.
#[derive(Default)]
struct Queue(BTreeMap<(Instant, u64), Waiting>, u64);

impl Queue {
    fn push(&mut self, waiting: Waiting) {
        self.1 += 1;
        self.0.insert((waiting.due, self.1), waiting);
    }

    fn first(&self) -> Option<Instant> {
        self.0.first_key_value().map(|((due, _), _)| *due)
    }
}

/// A task and when it is asked for next.
struct Waiting {
    due: Instant,
    task: Task,
    absence: Absence,
    failures: u32,
    progress: u8,
}

struct Run<'a> {
    means: Means<'a>,
    limits: &'a Limits,
    in_flight: &'a InFlight,
    start: Instant,
    pause: RefCell<Pause>,
    backoff: Backoff,
    /// Since when no poll has got through.
    failing: Cell<Option<Instant>>,
}

/// Waits for all `tasks`, until none is left and none can come any more (`over`), or it is stopped.
pub async fn run(
    means: Means<'_>,
    mut tasks: UnboundedReceiver<Task>,
    limits: &Limits,
    in_flight: &InFlight,
    mut over: watch::Receiver<bool>,
) {
    let run = Run::new(means, limits, in_flight);
    let mut queue = Queue::default();
    let mut polls = FuturesUnordered::new();
    let mut schedule = Schedule::new(Some(limits.rate));
    let mut no_more = false;
    while !(no_more && tasks.is_empty() && queue.0.is_empty() && polls.is_empty()) {
        let next = queue.first().map(|due| run.may_start(due, &schedule));
        let room = polls.len() < AT_ONCE;
        tokio::select! {
            biased;
            () = means.stops.watch.pulled() => break,
            Some(again) = polls.next() => if let Some(again) = again { queue.push(again) },
            Some(task) = tasks.recv() => queue.push(run.take(task)),
            () = at(next), if next.is_some() && room => {
                schedule.wait(run.start.elapsed().saturating_sub(LATE));
                polls.extend(queue.0.pop_first().map(|(_, first)| run.poll(first)));
            }
            _ = over.wait_for(|over| *over), if !no_more => no_more = true,
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

impl<'a> Run<'a> {
    fn new(means: Means<'a>, limits: &'a Limits, in_flight: &'a InFlight) -> Self {
        let base = limits.polls.interval;
        let backoff = Backoff { base, cap: base.max(Duration::from_secs(60)) };
        Self {
            means,
            limits,
            in_flight,
            start: Instant::now(),
            pause: RefCell::new(Pause::new(backoff)),
            backoff,
            failing: Cell::new(None),
        }
    }

    /// When the task, the limit and the server's wish for a pause all allow it.
    fn may_start(&self, due: Instant, schedule: &Schedule) -> Instant {
        let now = self.start.elapsed();
        let pause = now + self.pause.borrow().wait(now);
        due.max(self.start + schedule.opens()).max(self.start + pause)
    }

    fn take(&self, task: Task) -> Waiting {
        self.means.meter.waiting.fetch_add(1, Ordering::Relaxed);
        let first = self.limits.polls.first(task.estimate).saturating_sub(taken(&task));
        let (absence, failures, progress) = (Absence::default(), 0, 0);
        Waiting { due: Instant::now() + first, task, absence, failures, progress }
    }

    /// Asks once; gives the task back if it has to be asked for again.
    async fn poll(&self, mut waiting: Waiting) -> Option<Waiting> {
        let poll = self.means.client.task(&waiting.task.task).await;
        tracing::debug!(pair = &*waiting.task.id, ?poll, "poll");
        self.learn(&poll);
        let pause = match poll {
            Poll::News(news) => {
                (waiting.failures, waiting.absence) = (0, Absence::default());
                match self.news(&mut waiting, news) {
                    Some(news) => return self.end(waiting, news).await,
                    None => self.limits.polls.next(taken(&waiting.task), fastrand::f64()),
                }
            }
            Poll::NotFound => {
                if waiting.absence.again(self.start.elapsed(), self.limits.absent_for) {
                    return self.end(waiting, gone()).await;
                }
                self.limits.polls.interval.max(self.limits.absent_for / 3)
            }
            Poll::TryAgain { .. } | Poll::Another { .. } => {
                waiting.failures += 1;
                self.limits.polls.interval.min(Duration::from_secs(1))
                    + self.backoff.wait(waiting.failures, fastrand::f64())
            }
            Poll::AccountStop { account, message } => {
                self.means.stops.pull_api(&Reason::Account { account, message });
                return None;
            }
        };
        waiting.due = Instant::now() + pause;
        Some(waiting)
    }

    /// What one answer means for all polls.
    fn learn(&self, poll: &Poll) {
        let Poll::TryAgain { reason, retry_after: asked } = poll else {
            self.pause.borrow_mut().answered();
            return self.failing.set(None);
        };
        let now = self.start.elapsed();
        if let Some(asked) = asked.as_deref().and_then(|v| retry_after(v, SystemTime::now())) {
            self.pause.borrow_mut().refused((now, now), Some(asked), fastrand::f64());
        }
        let since = self.failing.get().unwrap_or_else(Instant::now);
        self.failing.set(Some(since));
        if since.elapsed() + self.pause.borrow().wait(now) > self.limits.retry_for {
            let (within, message) = (self.limits.retry_for, reason.clone());
            self.means.stops.pull_api(&Reason::Unreachable { what: "poll", within, message });
        }
    }

    /// The news that end the waiting.
    fn news(&self, waiting: &mut Waiting, news: TaskNews) -> Option<News> {
        match news {
            TaskNews::Completed { url } => return Some(News::Completed(url.into())),
            TaskNews::Failed { code, message } => return Some(News::Failed(code, message)),
            TaskNews::Working { progress, .. } => self.show(waiting, progress.unwrap_or(0)),
            TaskNews::CompletedWithoutResult => {}
            TaskNews::Unknown(status) => self.means.meter.unknown.saw(status),
        }
        None
    }

    fn show(&self, waiting: &mut Waiting, progress: u8) {
        let sum = &self.means.meter.progress;
        sum.fetch_add(progress.into(), Ordering::Relaxed);
        sum.fetch_sub(waiting.progress.into(), Ordering::Relaxed);
        waiting.progress = progress;
    }

    async fn end(&self, mut waiting: Waiting, news: News) -> Option<Waiting> {
        self.show(&mut waiting, 0);
        self.means.meter.waiting.fetch_sub(1, Ordering::Relaxed);
        match self.means.ledger.note(&waiting.task, news).await {
            Ok(_) => self.in_flight.task_ended(),
            Err(error) => self.means.stops.pull(&Reason::Ledger(error)),
        }
        None
    }
}

fn gone() -> News {
    let message = "the server knows no such task, or it has expired";
    News::Failed("task_not_found".to_owned(), message.to_owned())
}

/// How long ago the task was made.
fn taken(task: &Task) -> Duration {
    Duration::try_from(Timestamp::now().duration_since(task.created_at)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unknown_status_is_told_of_once_and_not_for_ever() {
        let unknown = Unknown::default();
        for status in ["dreaming", "dreaming", "thinking"] {
            unknown.saw(status.to_owned());
        }
        assert_eq!(unknown.news(), ["dreaming", "thinking"]);
        (0..100).for_each(|n| unknown.saw(format!("status {}", n / 2)));
        assert_eq!(unknown.news(), ["status 0", "status 1", "status 2"]);
        assert!(unknown.news().is_empty());
    }
}
