//! Every create passes here: how many at once, how fast, and when all have to wait.

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::stop::Stop;
use crate::pace::{Backoff, Pause, Rate, Schedule, Window, retry_after};
use crate::wire::{Judgement, Proof};

const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(60) };

/// One gate for all creates of a run, on one thread.
#[derive(Debug)]
pub(super) struct Gate {
    start: Instant,
    inner: RefCell<Inner>,
    left: Notify,
    ended: Notify,
}

#[derive(Debug)]
struct Inner {
    window: Window,
    pause: Pause,
    schedule: Schedule,
    under_way: u32,
    /// Passes that have money reserved, or are asking for it.
    reserving: u32,
    /// How many creates have ended, whose money may have come back.
    ended: u64,
    last_answer: Duration,
}

/// A place among the creates under way; given back when dropped.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    gate: &'a Gate,
    started: Duration,
    /// While it has money reserved, or asks for it: how many creates had ended when it asked.
    asked: Cell<Option<u64>>,
}

/// Whether there may be more money than there was when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hope {
    /// Some may have come back since.
    Now,
    /// Others have some that may come back.
    Later,
    /// Never in this run.
    Never,
}

impl Gate {
    pub(super) fn new(concurrency: u32, rate: Option<Rate>) -> Self {
        let inner = Inner {
            window: Window::new(concurrency),
            pause: Pause::new(BACKOFF),
            schedule: Schedule::new(rate),
            under_way: 0,
            reserving: 0,
            ended: 0,
            last_answer: Duration::ZERO,
        };
        let (left, ended) = (Notify::new(), Notify::new());
        Self { start: Instant::now(), inner: RefCell::new(inner), left, ended }
    }

    /// Waits until a create may start; `None` once the run is being stopped.
    pub(super) async fn enter(&self, stop: &Stop) -> Option<Pass<'_>> {
        tokio::select! {
            biased;
            () = stop.pulled() => None,
            pass = self.pass() => Some(pass),
        }
    }

    async fn pass(&self) -> Pass<'_> {
        let mut pass = self.place().await;
        self.pause_over().await;
        let slot = self.inner.borrow_mut().schedule.wait(self.now());
        if !slot.is_zero() {
            tokio::time::sleep(slot).await;
            self.pause_over().await;
        }
        pass.started = self.now();
        pass
    }

    async fn place(&self) -> Pass<'_> {
        loop {
            {
                let mut inner = self.inner.borrow_mut();
                if inner.under_way < inner.window.size() {
                    inner.under_way += 1;
                    return Pass { gate: self, started: Duration::ZERO, asked: Cell::default() };
                }
            }
            self.left.notified().await;
        }
    }

    async fn pause_over(&self) {
        loop {
            let wait = self.inner.borrow().pause.wait(self.now());
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait).await;
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// How long creates are held back from now on.
    pub(super) fn held_back(&self) -> Duration {
        self.inner.borrow().pause.wait(self.now())
    }

    /// How long no create has got through.
    pub(super) fn silence(&self) -> Duration {
        self.now().saturating_sub(self.inner.borrow().last_answer)
    }

    fn learn(&self, started: Duration, judgement: &Judgement) {
        let now = self.now();
        let inner = &mut *self.inner.borrow_mut();
        match judgement.proof {
            Proof::Wait => {
                let asked = judgement.retry_after.as_deref();
                let asked = asked.and_then(|v| retry_after(v, SystemTime::now()));
                if inner.pause.refused((started, now), asked, fastrand::f64()) {
                    inner.window.cut();
                }
                inner.log(now, "too many requests");
            }
            Proof::NotSent | Proof::NotRelayed | Proof::NotTheApi => {
                inner.pause.refused((started, now), None, fastrand::f64());
                inner.log(now, "not sent");
            }
            Proof::Unable => {}
            Proof::Created(_) | Proof::Rejected | Proof::AccountStop(_) | Proof::InDoubt => {
                inner.last_answer = now;
                inner.pause.answered();
                inner.window.answered();
            }
        }
    }
}

impl Inner {
    fn log(&self, now: Duration, why: &str) {
        let (ms, window) = (self.pause.wait(now).as_millis(), self.window.size());
        tracing::debug!(why, ms, window, "creates pause");
    }
}

impl Pass<'_> {
    /// What the create's outcome means for those that follow.
    pub(super) fn learn(&self, judgement: &Judgement) {
        self.gate.learn(self.started, judgement);
    }

    /// To be called before money is asked for: others have to wait for what comes of it.
    pub(super) fn asks(&self) {
        let inner = &mut *self.gate.inner.borrow_mut();
        inner.reserving += 1;
        self.asked.set(Some(inner.ended));
    }

    /// It gets no money now.
    pub(super) fn forgoes(&self) -> Hope {
        let inner = &mut *self.gate.inner.borrow_mut();
        let asked = self.asked.take();
        inner.reserving -= u32::from(asked.is_some());
        if inner.reserving == 0 {
            // Who waits for this one waits for nobody now.
            self.gate.ended.notify_waiters();
        }
        match (asked == Some(inner.ended), inner.reserving) {
            (false, _) => Hope::Now,
            (true, 0) => Hope::Never,
            (true, _) => Hope::Later,
        }
    }

    /// There was not enough money: waits until some may have come back, and creates do not pause.
    /// False if none can come back, or the run is being stopped.
    ///
    /// The place and its time are kept: who is short of money does not queue up again.
    pub(super) async fn more(&mut self, stop: &Stop) -> bool {
        let hope = self.forgoes();
        let ended = self.gate.ended.notified();
        let comes_back = async {
            match hope {
                Hope::Now => {}
                Hope::Later => ended.await,
                Hope::Never => return false,
            }
            self.gate.pause_over().await;
            true
        };
        let comes = tokio::select! {
            biased;
            () = stop.pulled() => false,
            comes = comes_back => comes,
        };
        self.started = self.gate.now();
        comes
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let inner = &mut *self.gate.inner.borrow_mut();
        inner.under_way -= 1;
        if self.asked.take().is_some() {
            inner.reserving -= 1;
            inner.ended += 1;
            self.gate.ended.notify_waiters();
        }
        self.gate.left.notify_one();
    }
}
