//! Sends doubts again whose keys the service honours; and finds out first, with one accepted create,
//! whether it does.
//!
//! The ledger alone says what may be sent again, and when. Here it is only decided who is next, and how
//! long a doubt waits that came to nothing once more.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use tokio::time::sleep;

use super::Run;
use super::create::{Sending, Tried, keep};
use super::gate::Pass;
use crate::ledger::{Keyed, LedgerError, Permit, Planned, Replay};
use crate::pace::Backoff;
use crate::pair::Idempotency;
use crate::wire::{PAID_OUTCOME_UNKNOWN, Proof};

/// From one sending of a doubt to the next: the service may be at work with the first one.
const WAITS: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(60) };
/// How often a doubt is sent again in one run, if nothing says that it only has to wait.
const MOST: u32 = 4;

/// What a run knows of doubts that keys may settle, besides the ledger.
#[derive(Debug, Default)]
pub(super) struct DoubtsAgain {
    rounds: HashMap<Arc<str>, Round>,
    busy: HashSet<Arc<str>>,
    /// Whether a doubt waits for a create to be accepted.
    pub(super) lacks_accepted: Cell<bool>,
    /// Whether a trial waits for its turn.
    trial_waits: Cell<bool>,
    /// The desks whose trial came to nothing in this run.
    tried: HashSet<String>,
}

/// One doubt's sendings in this run.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// Whether its first create was this run's.
    ours: bool,
    begun: Duration,
    again: u32,
    next: Duration,
}

/// What is to be done next.
#[derive(Debug)]
enum Next {
    /// Send this doubt again.
    Again(Planned),
    /// Find out with this create whether that desk replays.
    Trial(Planned, String),
    /// Nothing before then.
    At(Duration),
    /// Nothing, unless something happens.
    Nothing,
}

impl DoubtsAgain {
    /// A create ended in doubt, for the first time or once more.
    pub(super) fn doubted(&mut self, id: &Arc<str>, (sending, now): (Sending, Duration)) {
        let ours = sending == Sending::First;
        let fresh = Round { ours, begun: now, again: 0, next: now };
        let round = self.rounds.entry(id.clone()).or_insert(fresh);
        round.again += u32::from(!ours);
        round.next = now + WAITS.wait(round.again + 1, 1.0);
    }

    /// A pair has its task. Says whether it was a doubt of this run.
    pub(super) fn accepted(&mut self, id: &Arc<str>) -> bool {
        self.rounds.remove(id).is_some_and(|round| round.ours)
    }

    /// It was refused, or did not get through for too long: it is left for another run.
    fn had_its_turns(&mut self, id: &Arc<str>) {
        self.rounds.entry(id.clone()).and_modify(|round| round.again = MOST);
    }

    /// When a doubt may be sent again; never if it had its turns.
    fn due(&self, id: &Arc<str>, unfinished: bool, most: Duration) -> Option<Duration> {
        let Some(round) = self.rounds.get(id) else { return Some(Duration::ZERO) };
        let goes_on = match unfinished {
            true => round.next.saturating_sub(round.begun) <= most,
            false => round.again < MOST,
        };
        goes_on.then_some(round.next)
    }
}

impl Run<'_> {
    /// A create ended in doubt, for the first time or once more.
    pub(super) fn in_doubt(&self, id: &Arc<str>, (sending, proof): (Sending, &Proof)) {
        let doubts = &mut *self.doubts_again.borrow_mut();
        doubts.doubted(id, (sending, self.gate.now()));
        if !matches!(proof, Proof::InDoubt | Proof::Created(_)) {
            doubts.had_its_turns(id);
        }
        self.doubts_changed.notify_one();
    }

    /// Sends doubts again until none can be settled so, and all first creates are over.
    pub(super) async fn send_again(&self, creating: Receiver<bool>) {
        let keys = match self.means.ledger.view().idempotency() {
            Ok(Some(keys)) => keys,
            Ok(None) => return,
            Err(error) => return self.ledger_failed(error),
        };
        let at_once = usize::from(self.limits.concurrency);
        let next = |mut creating| async {
            let planned = self.next_again(&keys, &mut creating).await?;
            Some((planned, creating))
        };
        let doubts = stream::unfold(creating, next);
        doubts.for_each_concurrent(at_once, |planned| self.repeat(planned)).await;
    }

    /// The doubt whose turn it is; nothing once there will be none any more.
    async fn next_again(
        &self,
        keys: &Idempotency,
        creating: &mut Receiver<bool>,
    ) -> Option<Planned> {
        while self.means.stop.reason().is_none() {
            let over = *creating.borrow_and_update();
            let wait = match self.look_for_next(keys) {
                Ok(Next::Again(planned)) => {
                    self.doubts_again.borrow_mut().busy.insert(planned.id.clone());
                    return Some(planned);
                }
                Ok(Next::Trial(planned, desk)) => {
                    self.try_key(&planned, desk).await;
                    continue;
                }
                Ok(Next::At(at)) => at.saturating_sub(self.gate.now()),
                Ok(Next::Nothing) => {
                    let idle = self.doubts_again.borrow().busy.is_empty();
                    if idle {
                        self.gate.settled_all();
                    }
                    if idle && over {
                        return None;
                    }
                    Duration::MAX
                }
                Err(error) => {
                    self.ledger_failed(error);
                    return None;
                }
            };
            tokio::select! {
                biased;
                () = self.means.stop.pulled() => return None,
                () = sleep(wait) => {}
                () = self.doubts_changed.notified() => {}
                _ = creating.changed(), if !over => {}
            }
        }
        None
    }

    fn look_for_next(&self, keys: &Idempotency) -> Result<Next, LedgerError> {
        let (view, now) = (self.means.ledger.view(), Timestamp::now());
        let (doubts, mut next) = (self.doubts_again.borrow(), Next::Nothing);
        let (here, mut asked) = (view.desk()?, HashSet::new());
        for doubt in view.keyed(keys, now)? {
            let Some(at) = self.due(&doubts, &doubt) else { continue };
            let soon = at <= self.gate.now();
            match (doubt.replay, soon) {
                (Replay::Never, _) => {}
                (Replay::Unknown, _) if doubts.tried.contains(doubt.desk()) => {}
                (Replay::Unknown, _) if asked.contains(doubt.desk()) => {}
                (Replay::Unknown, _) => {
                    // One that was accepted has to be there.
                    if let Some(accepted) = view.to_try(keys, &doubt, now)? {
                        return Ok(Next::Trial(accepted, doubt.desk().to_owned()));
                    }
                    // What this run has accepted is of no use to another desk.
                    if here.as_deref() == Some(doubt.desk()) {
                        doubts.lacks_accepted.set(true);
                    }
                    asked.insert(doubt.desk().to_owned());
                }
                (Replay::Honoured, soon) => {
                    self.gate.settles();
                    if soon {
                        return Ok(Next::Again(doubt.planned));
                    }
                    next = next.or_at(at);
                }
            }
        }
        Ok(next)
    }

    fn due(&self, doubts: &DoubtsAgain, doubt: &Keyed) -> Option<Duration> {
        let (id, most) = (&doubt.planned.id, self.limits.retry_for);
        let due = doubts.due(id, doubt.code == PAID_OUTCOME_UNKNOWN, most)?;
        (!doubts.busy.contains(id)).then_some(due)
    }

    /// The oldest doubt that may be sent again, in an outage whether it is its time or not.
    pub(super) fn oldest_again(&self) -> Option<Planned> {
        let view = self.means.ledger.view();
        let keys = view.idempotency().ok().flatten()?;
        let keyed = view.keyed(&keys, Timestamp::now()).ok()?;
        let mut honoured = keyed.into_iter().filter(|doubt| doubt.replay == Replay::Honoured);
        honoured.next().map(|doubt| doubt.planned)
    }

    /// Sends one doubt again.
    async fn repeat(&self, planned: Planned) {
        self.repeat_one(&planned).await;
        self.doubts_again.borrow_mut().busy.remove(&planned.id);
        self.doubts_changed.notify_one();
    }

    async fn repeat_one(&self, planned: &Planned) {
        let stop = self.means.stop;
        let seat = self.means.in_flight.enter_again();
        let mut tries = self.tries_of(Sending::Again);
        while let Some(pass) = self.gate.enter_again(stop).await {
            let permit: Permit = match self.means.ledger.repeat(planned.clone()).await {
                Ok(permit) => permit,
                // It was tried alone meanwhile, or its time is over.
                Err(error) => return self.ledger_failed(error),
            };
            match self.send(planned, (&pass, permit), &mut tries).await {
                Tried::Again => {}
                tried @ (Tried::Created | Tried::Over) => return keep(seat, tried),
            }
        }
    }

    /// Sends an accepted create again, to see whether its own task comes back.
    async fn try_key(&self, planned: &Planned, desk: String) {
        if self.try_one_key(planned).await.is_some() {
            self.doubts_again.borrow_mut().tried.insert(desk);
        }
    }

    /// Nothing if it may be tried at once: the run is being stopped, or it was.
    async fn try_one_key(&self, planned: &Planned) -> Option<()> {
        let mut tries = self.tries_of(Sending::Trial);
        while let Some(pass) = self.enter_trial().await {
            pass.asks();
            let permit = match self.means.ledger.try_key(planned.clone()).await {
                Ok(permit) => permit,
                Err(LedgerError::NotAffordable { refusal, .. }) => {
                    pass.forgoes();
                    self.outcome.borrow_mut().no_trial = Some((planned.id.clone(), refusal));
                    return Some(());
                }
                Err(error) => {
                    self.ledger_failed(error);
                    return Some(());
                }
            };
            if self.send(planned, (&pass, permit), &mut tries).await != Tried::Again {
                return Some(());
            }
        }
        None
    }
}

impl Run<'_> {
    /// A trial makes no doubt, and may settle some: it goes the way of those that are sent again.
    async fn enter_trial(&self) -> Option<Pass<'_>> {
        self.doubts_again.borrow().trial_waits.set(true);
        let pass = self.gate.enter_again(self.means.stop).await;
        self.doubts_again.borrow().trial_waits.set(false);
        pass
    }

    /// Whether a trial waits for its turn.
    pub(super) fn trial_waits(&self) -> bool {
        self.doubts_again.borrow().trial_waits.get()
    }
}

impl Next {
    fn or_at(self, at: Duration) -> Self {
        match self {
            Self::At(earlier) => Self::At(earlier.min(at)),
            Self::Nothing => Self::At(at),
            Self::Again(_) | Self::Trial(..) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_is_sent_again_a_few_times_and_longer_only_where_it_is_said_to_wait() {
        let (id, hour) = (Arc::from("a"), Duration::from_secs(3600));
        let mut doubts = DoubtsAgain::default();
        assert_eq!(doubts.due(&id, false, hour), Some(Duration::ZERO), "an earlier run's");
        doubts.doubted(&id, (Sending::First, Duration::ZERO));
        let first = doubts.due(&id, false, hour).unwrap();
        assert!(first > Duration::ZERO && first <= WAITS.base, "{first:?}");
        for n in 1..=MOST {
            let before = doubts.due(&id, false, hour).unwrap();
            doubts.doubted(&id, (Sending::Again, before));
            assert_eq!(doubts.due(&id, false, hour).is_some(), n < MOST, "{n}");
            assert!(doubts.due(&id, true, hour).unwrap() > before);
        }
        assert_eq!(doubts.due(&id, true, Duration::from_secs(1)), None, "not for ever");
        assert!(doubts.accepted(&id) && !doubts.accepted(&id), "a doubt of this run, once");
    }
}
