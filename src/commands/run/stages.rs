//! Creating, waiting and downloading side by side, beside the signals and the deadline.

use std::cell::RefCell;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch::{Receiver, channel};
use tokio::time::{sleep, timeout};

use super::hooks::Hooks;
use super::metrics::Metrics;
use super::pauses::Pauses;
use super::{limits, lock};
use crate::cli::{RunArgs, Until};
use crate::client::Client;
use crate::commands::batch::Batch;
use crate::commands::pulse;
use crate::commands::signals::Signals;
use crate::download::{self, Shelf};
use crate::ledger::{Feed, Ledger, Pause, Task};
use crate::pace::{Patience, Polls};
use crate::preflight::Preflight;
use crate::stage::{InFlight, Means, Meter, StopReason, Stops};
use crate::submit::{self, Board};
use crate::ui::{News, Progress};
use crate::watch;

/// A fake is asked more often: nobody waits ten seconds for a rehearsal.
const REHEARSED: Duration = Duration::from_millis(250);
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a second signal waits for a ledger that may be stuck.
const CUT_WITHIN: Duration = Duration::from_secs(5);
/// How often a second terminal is told.
const SHOWN: Duration = Duration::from_secs(1);

/// What the stages work with.
pub(super) struct Stages<'a> {
    pub(super) args: &'a RunArgs,
    pub(super) batch: &'a Batch,
    pub(super) ledger: &'a Ledger,
    pub(super) client: &'a Client,
    pub(super) preflight: Option<&'a Preflight<'a>>,
    pub(super) shelf: &'a Shelf,
    pub(super) stops: &'a Stops,
    pub(super) board: &'a Board,
    pub(super) meter: &'a Meter,
    pub(super) progress: &'a Mutex<Progress>,
    pub(super) metrics: &'a Metrics,
    pub(super) hooks: &'a Hooks,
    /// Whether it is to do all that there is, and not only some pairs.
    pub(super) is_whole: bool,
    pub(super) pauses: RefCell<Pauses>,
}

/// In milliseconds.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

impl Stages<'_> {
    /// Runs all stages and gives what came of the creates; `None` if a second signal ended them at
    /// once.
    pub(super) async fn drive(
        &self,
        feed: Option<Feed>,
        unfinished: u64,
    ) -> Option<submit::Outcome> {
        let created = tokio::select! {
            created = self.stages_and_hooks(feed, unfinished) => Some(created),
            () = self.signals() => None,
            () = self.deadline() => None,
            () = self.show() => None,
            () = self.guard() => None,
            () = self.tell_metrics() => None,
        };
        let over = self.pauses.borrow_mut().end(now());
        self.write_down(over).await;
        self.write_metrics();
        created
    }

    /// Commands for what was saved go on beside the stages, and have a while to end after them.
    async fn stages_and_hooks(&self, feed: Option<Feed>, unfinished: u64) -> submit::Outcome {
        let (ending, ended) = channel(false);
        let stages = async {
            let created = self.stages(feed, unfinished).await;
            ending.send_replace(true);
            created
        };
        let place = (self.ledger.view(), self.batch.site.folder.as_path());
        let hooks = self.hooks.run(place, ended, self.progress);
        tokio::join!(stages, hooks).0
    }

    /// Until nothing is left to do for this run, nor for those who share its ledger.
    async fn stages(&self, mut feed: Option<Feed>, unfinished: u64) -> submit::Outcome {
        let mut outcome = self.round(feed.as_mut(), unfinished).await;
        while self.waits_for_others(&outcome) && self.is_left_something().await {
            match self.ledger.view().unfinished() {
                Ok(unfinished) => {
                    let next = self.round(feed.as_mut(), unfinished).await;
                    outcome = outcome.then(next);
                }
                Err(error) => self.stops.pull(&StopReason::Ledger(error)),
            }
        }
        self.board.end();
        outcome
    }

    /// Creates, waits and fetches until nothing of it is left.
    async fn round(&self, feed: Option<&mut Feed>, unfinished: u64) -> submit::Outcome {
        let unfinished = u32::try_from(unfinished).unwrap_or(u32::MAX);
        let in_flight = InFlight::new(self.batch.manifest.in_flight, unfinished);
        let (creating, created) = channel(false);
        let (watching, watched) = channel(false);
        let create = async {
            let (ledger, client, preflight) = (self.ledger, self.client, self.preflight);
            let (in_flight, board) = (&in_flight, self.board);
            let (stop, kill) = (&self.stops.create, &self.stops.kill);
            let means =
                submit::CreateMeans { ledger, client, in_flight, stop, kill, board, preflight };
            let outcome = match self.args.no_create {
                true => submit::Outcome::default(),
                false => submit::run(means, &limits(self.args, self.batch)).await,
            };
            if !self.waits_for_others(&outcome) {
                board.end();
            }
            creating.send_replace(true);
            outcome
        };
        let wait_and_fetch = async {
            let Some(feed) = feed else { return };
            let wait = async {
                self.wait(&mut feed.created, &in_flight, created).await;
                watching.send_replace(true);
            };
            match self.args.until {
                Until::Created => wait.await,
                Until::Saved => {
                    tokio::join!(wait, self.fetch(&mut feed.completed, watched));
                }
            }
        };
        tokio::join!(create, wait_and_fetch).0
    }

    /// Until all tasks have ended; where only their ids are wanted, until no create waits for them.
    async fn wait(
        &self,
        tasks: &mut UnboundedReceiver<Task>,
        in_flight: &InFlight,
        mut created: Receiver<bool>,
    ) {
        let limits = watch::PollLimits {
            polls: Polls { interval: self.interval() },
            rate: self.args.wait.poll_rate,
            patience: self.patience(),
            retry_for: self.args.retry_for,
        };
        let waiting = watch::run(self.means(), tasks, &limits, in_flight, created.clone());
        match self.args.until {
            Until::Saved => waiting.await,
            Until::Created => tokio::select! {
                () = waiting => {}
                _ = created.wait_for(|created| *created) => {}
            },
        }
    }

    async fn fetch(&self, videos: &mut UnboundedReceiver<Task>, watched: Receiver<bool>) {
        let limits = download::DownloadLimits {
            at_once: self.args.video.downloads.into(),
            most_bytes: self.args.video.max_video * 1_000_000,
            pause: self.interval(),
            retry_for: self.args.retry_for,
            // A fake's videos are not made for their recordings.
            tolerance: (!self.batch.site.rehearsal).then_some(download::TOLERANCE),
        };
        download::run(self.means(), videos, self.shelf, &limits, watched).await;
    }

    fn means(&self) -> Means<'_> {
        let (ledger, client) = (self.ledger, self.client);
        Means { ledger, client, stops: self.stops, meter: self.meter }
    }

    fn patience(&self) -> Patience {
        let wait = &self.args.wait;
        let usual = Patience::with(wait.stale_after).hurried(wait.hurry);
        if self.batch.site.rehearsal { usual.rehearsed(REHEARSED) } else { usual }
    }

    fn interval(&self) -> Duration {
        let usual = if self.batch.site.rehearsal { REHEARSED } else { INTERVAL };
        self.args.wait.poll_interval.unwrap_or(usual)
    }

    /// Ends all stages once the ledger is no longer this run's; what was sent is still recorded.
    async fn guard(&self) {
        loop {
            sleep(SHOWN).await;
            if let Err(error) = self.ledger.look()
                && error.is_aside()
            {
                self.stops.pull(&StopReason::Ledger(error));
                return std::future::pending().await;
            }
        }
    }

    /// The first signal lets creates under way be answered; ends with the second. In a host's process
    /// signals are the host's.
    async fn signals(&self) {
        let begin_to_stop = || {
            self.stops.pull(&StopReason::Signal);
            let text = self.stopping();
            lock(self.progress).above(|ui| ui.note(&text));
        };
        if let Some(host) = &self.args.host {
            host.stop.asked(1).await;
            begin_to_stop();
            host.stop.asked(2).await;
        } else {
            let Ok(mut signals) = Signals::listen() else { return std::future::pending().await };
            signals.next().await;
            begin_to_stop();
            signals.another().await;
        }
        self.stops.kill.pull(StopReason::Signal);
        // Every create under way is written down as what it is now, if the disk lets that be.
        let _ = timeout(CUT_WITHIN, self.board.ended()).await;
    }

    /// Whoever sends SIGTERM and then kills has to know how long it takes.
    fn stopping(&self) -> String {
        let longest = SignedDuration::try_from(self.args.request_timeout).unwrap_or_default();
        match self.board.under_way() {
            0 => "stopping (Ctrl-C again: stop now)".to_owned(),
            1 => format!(
                "stopping: waiting {longest:#} at most for the answer of 1 create (Ctrl-C again: \
                 stop now; 1 create becomes in doubt)"
            ),
            under_way => format!(
                "stopping: waiting {longest:#} at most for the answers of {under_way} creates \
                 (Ctrl-C again: stop now; {under_way} creates become in doubt)"
            ),
        }
    }

    /// Stops the run when its time is over, as a signal does. Never ends.
    async fn deadline(&self) {
        if let Some(wait_for) = self.args.wait.wait_for {
            sleep(wait_for).await;
            self.stops.pull(&StopReason::Deadline);
        }
        std::future::pending().await
    }

    /// What people should know of the creates, and the bar.
    fn tell(&self) {
        let news = self.board.news();
        let mut progress = lock(self.progress);
        news.iter().for_each(|text| progress.above(|ui| ui.warn(text)));
        progress.refresh(self.news());
    }

    /// What changes between commits.
    fn news(&self) -> News {
        let rules = self.batch.manifest.rules();
        News {
            held: self.board.held(),
            under_way: self.board.under_way() as u64,
            spent: rules.budget.map(|_| rules.amount(self.ledger.spent())),
        }
    }

    /// What is told of a pause to whoever looks back. The ledger's own trouble is told by those who need
    /// it.
    async fn write_down(&self, pause: Option<Pause>) {
        let Some(pause) = pause else { return };
        if let Err(error) = self.ledger.pause(pause).await {
            tracing::debug!(%error, "a pause is not written down");
        }
    }

    /// Brings the bar and the second terminal's up to date with what changes between commits.
    /// Never ends.
    async fn show(&self) {
        loop {
            sleep(SHOWN / 2).await;
            self.tell();
            let seen = self.pauses.borrow_mut().look(now(), self.board.held().as_ref());
            for pause in seen {
                self.write_down(pause).await;
            }
            sleep(SHOWN / 2).await;
            let activity = lock(self.progress).refresh(self.news());
            pulse::write(&self.batch.site.folder, activity);
        }
    }
}
