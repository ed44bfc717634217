//! One poll: what its answer means for its task, and for all of them.

use std::cell::{Cell, RefCell};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

use super::PollLimits;
use super::links::Links;
use super::mood::Mood;
use super::queue::{Missing, Queue, Stranger, Waiting, since};
use crate::client::Presence;
use crate::ledger::{News, TASK_NOT_FOUND, Task};
use crate::pace::{Absence, Backoff, Insistence, Polls, Schedule, retry_after};
use crate::pair::{TaskId, without_queries};
use crate::stage::{InFlight, Kind, Means, StopReason};
use crate::wire::{Account, Poll, TaskNews};

/// What is said of a task that the server does not know.
const GONE: &str = "the server knows no such task, or it has expired";

/// What all polls share.
pub(super) struct Run<'a> {
    pub(super) means: Means<'a>,
    pub(super) limits: &'a PollLimits,
    pub(super) in_flight: &'a InFlight,
    start: Instant,
    backoff: Backoff,
    mood: RefCell<Mood>,
    /// When the API last took the key, asked for nobody's task.
    taken: Cell<Option<Instant>>,
    /// Whether creates may still be sent.
    creating: Cell<bool>,
    pub(super) links: RefCell<Links>,
}

impl<'a> Run<'a> {
    pub(super) fn new(means: Means<'a>, limits: &'a PollLimits, in_flight: &'a InFlight) -> Self {
        let base = limits.polls.interval;
        Self {
            means,
            limits,
            in_flight,
            start: Instant::now(),
            backoff: Backoff { base, cap: base.max(Duration::from_secs(60)) },
            mood: RefCell::default(),
            taken: Cell::default(),
            creating: Cell::new(true),
            links: RefCell::default(),
        }
    }

    /// No create will be sent any more.
    pub(super) fn created(&self) {
        self.creating.set(false);
    }

    /// How long it goes on.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// When the task, the limit and the server's wish for a pause all allow it.
    pub(super) fn may_start(&self, due: Instant, schedule: &Schedule) -> Instant {
        let opens = schedule.opens().max(self.mood.borrow().held());
        due.max(self.start + opens)
    }

    pub(super) fn take(&self, task: Task) -> Waiting {
        self.means.meter.waiting.fetch_add(1, Ordering::Relaxed);
        let first = self.limits.polls.first(task.estimate).saturating_sub(since(task.created_at));
        Waiting::new(task, Instant::now() + first)
    }

    /// Asks once; gives the task back if it has to be asked for again.
    pub(super) async fn poll(&self, mut waiting: Waiting) -> Option<Waiting> {
        let (client, task) = (self.means.client, &waiting.task.task);
        let poll = match waiting.stranger {
            Some(_) => client.task_anew(task).await,
            None => client.task(task).await,
        };
        let shown = || without_queries(&format!("{poll:?}"));
        tracing::debug!(pair = &*waiting.task.id, poll = shown(), "poll");
        self.mood.borrow_mut().learn(&poll, self.now());
        let pause = match poll {
            Poll::News(news) => {
                waiting.stranger = None;
                self.told(&mut waiting, news).await?
            }
            Poll::Another { shown, news } => self.astray(&mut waiting, shown, news).await?,
            Poll::NotFound => self.missing(&mut waiting).await?,
            Poll::TryAgain { reason, retry_after } => {
                self.failed(&mut waiting, reason, retry_after.as_deref())
            }
            Poll::AccountStop { account, message } => {
                self.refused(&mut waiting, account, message).await
            }
        };
        waiting.due = Instant::now() + pause;
        self.is_patient(&mut waiting).then_some(waiting)
    }

    /// The server tells of the task. Nothing if that is the end of it.
    async fn told(&self, waiting: &mut Waiting, news: TaskNews) -> Option<Duration> {
        waiting.failures = 0;
        if waiting.missing.noted {
            self.note(waiting, News::Found).await?;
        }
        let aside = waiting.missing.aside;
        waiting.missing = Missing { aside, ..Default::default() };
        match self.take_in(waiting, news) {
            Some(news) => {
                self.end(waiting, news).await;
                None
            }
            None => Some(self.limits.polls.next(waiting.taken(), fastrand::f64())),
        }
    }

    /// The server tells of another task. Never believed if that is one of ours.
    async fn astray(
        &self,
        waiting: &mut Waiting,
        shown: Vec<TaskId>,
        news: TaskNews,
    ) -> Option<Duration> {
        let id = &waiting.task.id;
        for other in &shown {
            match self.means.ledger.view().owner_of(other) {
                Ok(None) => {}
                Ok(Some(owner)) => {
                    let text = format!(
                        "{id}: the server answered about {other}, the task of {owner}: not believed"
                    );
                    return Some(self.ask_anew(waiting, shown, &text));
                }
                Err(error) => {
                    self.means.stops.pull(&StopReason::Ledger(error));
                    return None;
                }
            }
        }
        let text = format!(
            "{id}: the server answered about a task that is not known here, not about {}: asked again",
            waiting.task.task
        );
        let pause = self.ask_anew(waiting, shown, &text);
        match waiting.stranger.as_ref().is_some_and(|stranger| stranger.believed) {
            true => self.told(waiting, news).await,
            false => Some(pause),
        }
    }

    /// Remembers what the answer was about, which is told once. The next question goes another way.
    fn ask_anew(&self, waiting: &mut Waiting, shown: Vec<TaskId>, text: &str) -> Duration {
        let (now, patience) = (self.now(), self.limits.patience.stranger);
        match &mut waiting.stranger {
            Some(stranger) => stranger.believed = stranger.said.again(shown, now, patience),
            None => {
                self.means.meter.told.say(Kind::Stranger, text);
                let said = Insistence::new(shown, now);
                waiting.stranger = Some(Stranger { said, believed: false });
            }
        }
        self.limits.polls.interval.max(patience / 2)
    }

    /// The server does not know the task.
    async fn missing(&self, waiting: &mut Waiting) -> Option<Duration> {
        waiting.failures = 0;
        let missing = &mut waiting.missing;
        missing.times += 1;
        let first = *missing.since.get_or_insert_with(Timestamp::now);
        let knows_others = self.mood.borrow().knows_tasks(self.now());
        let patience = &self.limits.patience;
        let absence = patience.absence(missing.times, since(first), knows_others);
        if absence == Absence::Lost {
            let news = News::Failed(TASK_NOT_FOUND.to_owned(), GONE.to_owned());
            self.end(waiting, news).await;
            return None;
        }
        if absence >= Absence::Noted && !missing.noted {
            missing.noted = true;
            let (id, task) = (&waiting.task.id, &waiting.task.task);
            let text = format!("{id}: the server does not know its task {task}: asked again later");
            self.means.meter.told.say(Kind::Missing, &text);
            self.note(waiting, News::NotFound(TASK_NOT_FOUND.to_owned(), GONE.to_owned())).await?;
        }
        if absence >= Absence::Aside && !waiting.missing.aside {
            waiting.missing.aside = true;
            self.in_flight.task_ended();
            if let Err(error) = self.means.ledger.is_aside(&waiting.task).await {
                self.means.stops.pull(&StopReason::Ledger(error));
                return None;
            }
        }
        Some(self.limits.polls.absent(waiting.missing.times))
    }

    /// Nothing was learned of the task.
    fn failed(&self, waiting: &mut Waiting, reason: String, asked: Option<&str>) -> Duration {
        waiting.failures += 1;
        let asked = asked.and_then(|asked| retry_after(asked, SystemTime::now()));
        let seen = (self.now(), asked);
        let failing = self.mood.borrow_mut().failed(&waiting.task.id, self.waiting(), seen);
        if failing > self.limits.retry_for {
            let within = self.limits.retry_for;
            self.give_up(StopReason::Unreachable { what: "poll", within, message: reason });
        }
        let pause = self.limits.polls.interval.min(Duration::from_secs(1)) + self.back_off(waiting);
        asked.map(Polls::asked).unwrap_or_default().max(pause)
    }

    /// The account may not ask for the task. Creating ends if the free question confirms it; asking
    /// only after three tasks in a row.
    async fn refused(&self, waiting: &mut Waiting, account: Account, message: String) -> Duration {
        waiting.failures += 1;
        let id = &waiting.task.id;
        let in_a_row = self.mood.borrow_mut().refused(id, self.waiting(), self.now());
        if waiting.failures == 1 {
            let text = format!("{id}: the API does not tell of its task: {message}: asked again");
            self.means.meter.told.say(Kind::Refused, &text);
        }
        let presence = self.question().await;
        // A key that is good all the same: the tasks may be somebody else's.
        let lasting = self.mood.borrow().refusing(self.now()) > self.limits.retry_for;
        if lasting || (in_a_row && !matches!(presence, Presence::There)) {
            self.give_up(StopReason::Account { account, message });
        }
        match presence {
            Presence::Refused(account, message) if self.creating.get() => {
                self.means.stops.create.pull(StopReason::Account { account, message });
            }
            Presence::Refused(..) | Presence::There | Presence::Silent(_) => {}
        }
        self.limits.polls.interval + self.back_off(waiting)
    }

    /// The longer the more often it failed, but not beyond the time when it is given up.
    fn back_off(&self, waiting: &Waiting) -> Duration {
        let left = self.limits.patience.stale.saturating_sub(waiting.news.1.elapsed());
        self.backoff.wait(waiting.failures, fastrand::f64()).min(left)
    }

    /// Whether the API takes the key, asked no more often than a task is.
    async fn question(&self) -> Presence {
        let lately = |at: Instant| at.elapsed() < self.limits.polls.interval;
        if self.taken.get().is_some_and(lately) {
            return Presence::There;
        }
        let presence = self.means.client.is_there(None).await;
        if matches!(presence, Presence::There) {
            self.taken.set(Some(Instant::now()));
        }
        presence
    }

    /// Ends asking. Creates, which have their own troubles, and downloads go on.
    fn give_up(&self, reason: StopReason) {
        self.means.stops.watch.pull(reason);
    }

    fn waiting(&self) -> u64 {
        self.means.meter.waiting.load(Ordering::Relaxed)
    }

    /// Whether a task is still waited for; it is not when it has no news for too long.
    fn is_patient(&self, waiting: &mut Waiting) -> bool {
        let (stale, (_, since)) = (self.limits.patience.stale, &waiting.news);
        // How long one that is not known is asked for is decided elsewhere.
        let unknown = waiting.missing.times > 0 && waiting.failures == 0;
        if unknown || since.elapsed() < stale {
            return true;
        }
        let (id, task) = (&waiting.task.id, &waiting.task.task);
        let text = format!(
            "{id}: no news of its task {task} for {} s: not waited for any longer; the next run asks \
             again",
            stale.as_secs()
        );
        self.means.meter.told.say(Kind::Stale, &text);
        self.let_go(waiting);
        false
    }

    /// What is left when nobody else is waited for.
    pub(super) fn leave(&self, queue: &Queue) {
        let mut left = queue.left();
        let tasks = left.len();
        let Some(first) = left.next() else { return };
        let (id, task) = (&first.task.id, &first.task.task);
        let text = match tasks {
            1 => format!("{id}: the server does not know its task {task}; the next run asks again"),
            _ => format!(
                "the server does not know {tasks} tasks, {task} of {id} among them; the next run \
                 asks again"
            ),
        };
        self.means.meter.told.say(Kind::Left, &text);
    }
}
