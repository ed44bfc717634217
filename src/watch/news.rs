//! What the server tells of a task: shown while it goes on, recorded when it ends.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::ask::Run;
use super::queue::{Linkless, Waiting};
use crate::ledger::{News, Told};
use crate::stage::{Kind, StopReason};
use crate::wire::TaskNews;

impl Run<'_> {
    /// The news that end the waiting.
    pub(super) fn take_in(&self, waiting: &mut Waiting, news: TaskNews) -> Option<Told> {
        let (said, unknown) = match &news {
            TaskNews::Working { status, progress } => (format!("{status} {progress:?}"), None),
            TaskNews::Unknown(status) => (status.clone(), Some(status.clone())),
            TaskNews::CompletedWithoutResult => ("completed".to_owned(), None),
            TaskNews::Completed { .. } | TaskNews::Failed { .. } => (String::new(), None),
        };
        if waiting.news.0 != said {
            waiting.news = (said, Instant::now());
        }
        self.count(waiting, unknown);
        match news {
            TaskNews::Completed { url, bill } => {
                return Some(Told { news: self.completed(waiting, url), bill });
            }
            TaskNews::Failed { code, message, bill } => {
                return Some(Told { news: News::Failed(code, message), bill });
            }
            TaskNews::Working { progress, .. } => self.show(waiting, progress.unwrap_or(0)),
            TaskNews::CompletedWithoutResult => {
                self.linkless(waiting);
                return None;
            }
            TaskNews::Unknown(_) => {}
        }
        waiting.linkless = None;
        None
    }

    /// A link, with what is odd about it.
    fn completed(&self, waiting: &Waiting, url: String) -> News {
        let task = &waiting.task;
        if waiting.stranger.is_some() {
            let message = format!("the server gives another id to {}", task.task);
            return News::CompletedOddly(url.into(), "other_id".to_owned(), message);
        }
        let owner = self.links.borrow_mut().owner(&url, &task.id);
        let Some(owner) = owner else { return News::Completed(url.into()) };
        let message = format!("{owner} has the very same link");
        let text = format!("{}: {message}: one of the two has the other's video", task.id);
        self.means.meter.told.say(Kind::SameLink, &text);
        News::CompletedOddly(url.into(), "same_link".to_owned(), message)
    }

    fn linkless(&self, waiting: &mut Waiting) {
        let patience = self.limits.patience.linkless;
        let fresh = || Linkless { since: Instant::now(), told: false };
        let linkless = waiting.linkless.get_or_insert_with(fresh);
        if !linkless.told && linkless.since.elapsed() >= patience {
            linkless.told = true;
            let (id, task) = (&waiting.task.id, &waiting.task.task);
            let text =
                format!("{id}: its task {task} is completed, and there is no link to a video");
            self.means.meter.told.say(Kind::Linkless, &text);
        }
    }

    /// Counts the task among those of its status that nobody knows.
    fn count(&self, waiting: &mut Waiting, unknown: Option<String>) {
        if waiting.unknown == unknown {
            return;
        }
        let meter = self.means.meter;
        if meter.unknown.moved(waiting.unknown.as_deref(), unknown.as_deref()) {
            let status = unknown.as_deref().unwrap_or_default();
            let text = format!("a task has the unknown status {status:?}: it is waited out");
            meter.told.say(Kind::Status, &text);
        }
        waiting.unknown = unknown;
    }

    fn show(&self, waiting: &mut Waiting, progress: u8) {
        let sum = &self.means.meter.progress;
        sum.fetch_add(progress.into(), Ordering::Relaxed);
        sum.fetch_sub(waiting.progress.into(), Ordering::Relaxed);
        waiting.progress = progress;
    }

    /// Records what the task came to.
    pub(super) async fn end(&self, waiting: &mut Waiting, news: impl Into<Told>) {
        if self.note(waiting, news).await.is_some() {
            self.let_go(waiting);
        }
    }

    /// Nothing if it could not be recorded, which ends everything.
    pub(super) async fn note(&self, waiting: &Waiting, news: impl Into<Told>) -> Option<()> {
        match self.means.ledger.note(&waiting.task, news).await {
            Ok(_) => Some(()),
            Err(error) => {
                self.means.stops.pull(&StopReason::Ledger(error));
                None
            }
        }
    }

    /// The task is not waited for any more.
    pub(super) fn let_go(&self, waiting: &mut Waiting) {
        self.show(waiting, 0);
        self.count(waiting, None);
        self.means.meter.waiting.fetch_sub(1, Ordering::Relaxed);
        if !waiting.missing.aside {
            self.in_flight.task_ended();
        }
    }
}
