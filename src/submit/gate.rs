//! Every create passes here: how many at once, how fast, and when all have to wait.

mod entry;
mod money;
mod pass;

#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::time::{Duration, SystemTime};

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep};

use self::entry::{Entry, Inner, Way};
pub(super) use self::money::More;
pub(super) use self::pass::Pass;
use super::CreateLimits;
use crate::ledger::Doubted;
use crate::pace::{Cause, Common, End, Lone, Outcome, Step, Turned, Word, retry_after};
use crate::stage::{Last, Stop, Window};
use crate::wire::{IDEMPOTENCY_CONFLICT, Judgement, PAID_OUTCOME_UNKNOWN, Proof};

/// How often places are looked for that come with time.
const LOOK: Duration = Duration::from_secs(5);
/// Nobody waits longer because a server says so.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);
/// What does not heal by itself is not waited for long.
const LASTING: Duration = Duration::from_secs(60);

/// One gate for all creates of a run, on one thread. Whoever wants to pass stands in a line, whose
/// head alone waits for what has to be waited for: after a pause nobody has saved up a start.
#[derive(Debug)]
pub(super) struct Gate {
    start: Instant,
    retry_for: Duration,
    inner: RefCell<Inner>,
    line: Line,
    /// Of those that are sent again: nobody waits behind one that waits for them.
    again: Line,
    /// For whoever looks after an outage.
    turned: Notify,
    /// For those who wait for money.
    ended: Notify,
}

/// Whose head alone waits for what has to be waited for.
#[derive(Debug, Default)]
struct Line {
    head: Mutex<()>,
    changed: Notify,
}

impl Gate {
    /// Of one run, or of one of many, who count doubts together.
    pub(super) fn new(limits: &CreateLimits, is_shared: bool) -> Self {
        let (turned, ended) = (Notify::new(), Notify::new());
        let max_doubts = if is_shared { Some(u32::MAX) } else { limits.max_doubts };
        let limits = &CreateLimits { max_doubts, ..*limits };
        Self {
            start: Instant::now(),
            retry_for: limits.retry_for,
            inner: RefCell::new(Inner::new(limits)),
            line: Line::default(),
            again: Line::default(),
            turned,
            ended,
        }
    }

    /// The last run ended in an outage, with these pairs in doubt.
    pub(super) fn continues(&self, doubted: Vec<Doubted>) {
        let inner = &mut *self.inner.borrow_mut();
        inner.outage.continues();
        inner.row = doubted;
    }

    /// Waits until a create may start; `None` once the run is being stopped.
    pub(super) async fn enter(&self, stop: &Stop) -> Option<Pass<'_>> {
        tokio::select! {
            biased;
            () = stop.pulled() => None,
            pass = self.pass(&self.line, Way::Line) => Some(pass),
        }
    }

    /// The same for a create that may not wait.
    pub(super) fn try_enter(&self, stop: &Stop) -> Option<Pass<'_>> {
        let _head = self.line.head.try_lock().ok().filter(|_| stop.reason().is_none())?;
        self.entry(Way::Line).ok()
    }

    /// Whether a create may start as soon as one that is under way has ended.
    pub(super) fn flows(&self) -> bool {
        // Whoever stands in line comes first.
        self.line.head.try_lock().is_ok() && self.inner.borrow().flows(self.now())
    }

    /// The same for a doubt that is sent again.
    pub(super) async fn enter_again(&self, stop: &Stop) -> Option<Pass<'_>> {
        let pass = tokio::select! {
            biased;
            () = stop.pulled() => return None,
            pass = self.pass(&self.again, Way::Again) => pass,
        };
        pass.sends_again();
        Some(pass)
    }

    async fn pass(&self, line: &Line, way: Way) -> Pass<'_> {
        let _head = line.head.lock().await;
        loop {
            match self.entry(way) {
                Ok(pass) => return pass,
                Err(wait) => tokio::select! {
                    () = sleep(wait) => {}
                    () = line.changed.notified() => {}
                },
            }
        }
    }

    /// A pass for the one create that is tried alone; `None` if it may not be any more.
    pub(super) async fn alone(&self, stop: &Stop) -> Option<Pass<'_>> {
        self.alone_as(Way::Alone, stop).await
    }

    /// The same for a doubt that is sent again.
    pub(super) async fn alone_again(&self, stop: &Stop) -> Option<Pass<'_>> {
        let pass = self.alone_as(Way::AloneAgain, stop).await?;
        pass.sends_again();
        Some(pass)
    }

    async fn alone_as(&self, way: Way, stop: &Stop) -> Option<Pass<'_>> {
        while self.step() == Step::Alone && stop.reason().is_none() {
            match self.entry(way) {
                Ok(pass) => return Some(pass),
                Err(wait) => tokio::select! {
                    () = stop.pulled() => {}
                    () = sleep(wait) => {}
                },
            }
        }
        None
    }

    fn entry(&self, way: Way) -> Result<Pass<'_>, Duration> {
        let now = self.now();
        match self.inner.borrow_mut().entry(way, now) {
            Entry::Start { alone, of } => Ok(Pass::new(self, now, (alone, of))),
            Entry::In(wait) => Err(wait),
            Entry::Later => Err(LOOK),
        }
    }

    /// The head of the line is the one that is tried alone.
    pub(super) fn lets_one_in(&self) {
        self.inner.borrow_mut().one_from_line = true;
        self.again.changed.notify_one();
        self.line.changed.notify_one();
    }

    /// What is to be done for creates that are held back.
    pub(super) fn step(&self) -> Step {
        self.inner.borrow().step(self.now(), self.patience())
    }

    /// For how long it is tried.
    pub(super) fn patience(&self) -> Duration {
        match self.inner.borrow().last.code.as_str() {
            "not_sent_tls" | "not_sent_name" => self.retry_for.min(LASTING),
            _ => self.retry_for,
        }
    }

    /// Waits until there may be another step.
    pub(super) async fn turned(&self) {
        self.turned.notified().await;
    }

    pub(super) fn asked(&self, there: bool) {
        let at = (self.now(), fastrand::f64());
        self.inner.borrow_mut().outage.asked(there, at);
    }

    /// An answered create is in the ledger.
    pub(super) fn recorded(&self, same_task: bool) {
        self.inner.borrow_mut().outage.recorded(same_task);
        self.turn();
    }

    /// A create that was sent again was answered with another pair's task: it is in doubt, as before.
    pub(super) fn recorded_again(&self) {
        self.inner.borrow_mut().outage.same_task_again();
        self.turn();
    }

    /// Creates wait until one was tried that shares nothing with those that were refused.
    pub(super) fn looks_apart(&self) {
        self.inner.borrow_mut().outage.looks_apart(self.now());
        self.turn();
    }

    fn turn(&self) {
        self.again.changed.notify_one();
        self.line.changed.notify_one();
        self.turned.notify_one();
    }

    pub(super) fn cause(&self) -> Option<Cause> {
        self.inner.borrow().outage.cause()
    }

    /// Why creates are held back, and for how long the service is still waited for.
    pub(super) fn held(&self) -> Option<(Cause, Duration)> {
        let held = self.inner.borrow().outage.held();
        held.map(|(cause, since)| (cause, (since + self.patience()).saturating_sub(self.now())))
    }

    /// How long creates pause yet.
    pub(super) fn pause(&self) -> Duration {
        self.inner.borrow().pause.wait(self.now())
    }

    /// How many creates may be under way of those that were asked for.
    pub(super) fn window(&self) -> Window {
        let outage = &self.inner.borrow().outage;
        Window { size: outage.window.size(), of: outage.window.most() }
    }

    /// Whether nothing was tried alone yet since the service last answered.
    pub(super) fn tries_first(&self) -> bool {
        self.inner.borrow().outage.tries_first()
    }

    /// Doubts are being settled by their keys.
    pub(super) fn settles(&self) {
        self.inner.borrow_mut().outage.settles();
    }

    /// Whether so many are in doubt that only those may be sent again.
    pub(super) fn is_full_of_doubts(&self) -> bool {
        self.inner.borrow().outage.is_full_of_doubts()
    }

    /// Those that are left stay doubts.
    pub(super) fn settled_all(&self) {
        self.inner.borrow_mut().outage.settled_all();
        self.turned.notify_one();
    }

    /// A doubt of this run is settled.
    pub(super) fn undoubted(&self) {
        self.inner.borrow_mut().outage.undoubted();
        self.turn();
    }

    pub(super) fn end(&self) -> Option<End> {
        self.inner.borrow().outage.end()
    }

    /// How many pairs are in doubt since the service last answered.
    pub(super) fn doubts_in_a_row(&self) -> usize {
        self.inner.borrow().row.len()
    }

    /// The pairs in doubt since the service last answered.
    pub(super) fn row(&self) -> Vec<Doubted> {
        self.inner.borrow().row.clone()
    }

    /// What came last that was no answer.
    pub(super) fn last(&self) -> Last {
        self.inner.borrow().last.clone()
    }

    /// What last asked for a pause.
    pub(super) fn asked_by(&self) -> Last {
        self.inner.borrow().asked_by.clone()
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// The time that counts for `--retry-for`: without the pauses that the server asked for.
    pub(super) fn tried(&self) -> Duration {
        self.now().saturating_sub(self.inner.borrow().excused)
    }

    /// The same when creates go on.
    pub(super) fn resumes(&self) -> Duration {
        let (now, inner) = (self.now(), self.inner.borrow());
        (now + inner.pause.wait(now)).saturating_sub(inner.excused)
    }

    /// How long no create will have got through when creates go on.
    pub(super) fn silence(&self) -> Duration {
        self.resumes().saturating_sub(self.inner.borrow().last_answer)
    }

    async fn pause_over(&self) {
        loop {
            let wait = self.inner.borrow().pause.wait(self.now());
            if wait.is_zero() {
                return;
            }
            sleep(wait).await;
        }
    }

    /// What those who share the batch know together.
    pub(super) fn learns_of_others(&self, common: &Common) {
        let (now, inner) = (self.now(), &mut *self.inner.borrow_mut());
        let turned = inner.elsewhere.learns(common);
        inner.lone = common.lone == Lone::Ours;
        match turned {
            // Whoever tries alone knows better.
            Turned::Shut if inner.lone => inner.outage.alone_in_row(common.alone),
            Turned::Shut => {
                inner.outage.shut(now);
                inner.outage.alone_in_row(common.alone);
            }
            Turned::Reopened => {
                inner.answered(now.saturating_sub(inner.excused));
                inner.outage.reopened();
            }
            Turned::Answered => {
                inner.answered(now.saturating_sub(inner.excused));
                inner.outage.answered_elsewhere();
            }
            Turned::Nothing => return,
        }
        self.turn();
    }

    /// What a create's outcome means for those that follow: how long the server wants all to wait,
    /// if that is too long; and what it says to those who share the batch.
    fn learn(&self, pass: &Pass<'_>, judgement: &Judgement) -> (Option<Duration>, Option<Word>) {
        let Some(proven) = outcome(&judgement.proof) else { return (None, None) };
        let by_key = proven == Outcome::Doubt && is_of_key(judgement);
        let outcome = match proven {
            // It answers, and that is all that matters to others.
            Outcome::Doubt if by_key => Outcome::Answer,
            Outcome::Doubt if pass.again.get() => Outcome::DoubtAgain,
            outcome => outcome,
        };
        let (now, tried) = (self.now(), self.tried());
        let asked = judgement.retry_after.as_deref().filter(|_| outcome != Outcome::Answer);
        let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
        let (taken, too_long) = match asked {
            Some(wait) if wait > LONGEST_ASKED => (None, Some(wait)),
            asked => (asked, None),
        };
        let inner = &mut *self.inner.borrow_mut();
        match outcome {
            Outcome::Answer => {
                inner.outage.window.took((pass.started, now), pass.of);
                inner.answered(tried);
            }
            _ => inner.last = Last::of(judgement),
        }
        let was_open = inner.outage.cause().is_none();
        inner.outage.heard(outcome, pass.alone, (now, fastrand::f64()));
        if by_key && !pass.again.get() {
            inner.outage.doubted_by_key();
        }
        if was_open && inner.outage.cause().is_some() {
            // A pause that was asked for earlier is no time of trying either.
            inner.outage.excuse(inner.pause.wait(now));
            tracing::info!(cause = ?inner.outage.cause(), "creates are held back");
        }
        if outcome == Outcome::Busy || taken.is_some() {
            inner.asked_by = Last::of(judgement);
            inner.pauses((pass.started, now, pass.of), (outcome, taken));
        }
        (too_long, inner.word(outcome, pass.alone))
    }
}

fn is_of_key(judgement: &Judgement) -> bool {
    [IDEMPOTENCY_CONFLICT, PAID_OUTCOME_UNKNOWN].contains(&judgement.code.as_str())
}

fn outcome(proof: &Proof) -> Option<Outcome> {
    Some(match proof {
        Proof::Created(_) | Proof::Rejected | Proof::AccountStop(_) => Outcome::Answer,
        Proof::Wait => Outcome::Busy,
        Proof::InDoubt => Outcome::Doubt,
        Proof::NotTheApi => Outcome::Foreign,
        Proof::NotSent => Outcome::NotSent,
        Proof::NotRelayed => Outcome::NotRelayed,
        Proof::Unable => return None,
    })
}
