//! Looks after creates that are held back: asks whether the service is there, and chooses the one
//! that is tried alone.

use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};

use super::Run;
use super::create::{Sending, keep};
use super::media;
use crate::client::Presence;
use crate::ledger::{Doubted, LedgerError, Planned};
use crate::pace::{Cause, End, Step};
use crate::preflight::NotReady;
use crate::stage::{StopReason, Trouble};

/// Doubts in a row, the last of a ledger, after which a run asks before it sends.
const ROW: u32 = 3;

/// How the one that is tried alone was chosen, and came to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// It was tried.
    Tried,
    /// None, or it cannot be sent: the head of the line is tried.
    None,
}

impl Run<'_> {
    /// What earlier runs left in doubt: its media are suspect, and if the last creates of this
    /// ledger all ended so, the outage may go on.
    pub(super) fn remember(&self) -> Result<(), LedgerError> {
        let view = self.means.ledger.view();
        let doubted = view.doubted()?;
        doubted.iter().for_each(|media| self.suspects.borrow_mut().doubted(media));
        // What all know says so by itself.
        if !self.means.ledger.is_shared() && view.last_are_doubts(ROW)? {
            self.gate.continues(doubted);
        }
        Ok(())
    }

    /// Does what is to be done in outages until all is `over`, or no more is created.
    pub(super) async fn look_after(&self, mut over: Receiver<bool>) {
        loop {
            let next = tokio::select! {
                biased;
                () = self.means.stop.pulled() => return,
                _ = over.wait_for(|over| *over) => return,
                next = self.next_step() => next,
            };
            match next {
                Some(StopReason::Signal) | None => {}
                Some(reason) => return self.means.stop.pull(reason),
            }
            if self.gate.step() == Step::Alone && self.may_be_alone() {
                // Never dropped: it may be under way.
                self.try_one().await;
            }
        }
    }

    /// Everything that may be dropped: up to the next create alone, or the end.
    async fn next_step(&self) -> Option<StopReason> {
        if let Some(end) = self.gate.end() {
            return Some(self.ended(end));
        }
        match self.gate.step() {
            Step::Ask | Step::Alone if !self.is_the_lone_one().await => {}
            Step::Wait => self.gate.turned().await,
            Step::Until(at) => {
                let at = Instant::now() + at.saturating_sub(self.gate.now());
                tokio::select! {
                    () = sleep_until(at) => {}
                    () = self.gate.turned() => {}
                }
            }
            Step::Ask => return self.ask().await,
            Step::Alone => {}
            Step::GiveUp(cause) => return Some(self.lasts_too_long(cause)),
        }
        None
    }

    /// A question that costs nothing.
    async fn ask(&self) -> Option<StopReason> {
        let known = match self.known.borrow().clone() {
            None => self.means.ledger.view().latest_task().ok().flatten(),
            known => known,
        };
        let presence = self.means.client.is_there(known.as_ref()).await;
        tracing::info!(?presence, "is the service there?");
        match presence {
            Presence::There => self.gate.asked(true),
            Presence::Silent(_) => self.gate.asked(false),
            Presence::Refused(account, message) => {
                return Some(StopReason::Account { account, message });
            }
        }
        None
    }

    /// One create alone: of a pair that has nothing in common with those in trouble, if there is
    /// one; otherwise of the one that waits longest.
    async fn try_one(&self) {
        let from = match self.gate.cause() {
            Some(Cause::Doubts) => self.row_of_all().await,
            Some(Cause::Alike) => self.alike.borrow().refused_media().to_vec(),
            Some(Cause::Foreign | Cause::NotSent | Cause::NotRelayed) | None => Vec::new(),
        };
        // Where it costs nothing, and the first time: a pair that the service chokes on tells nothing.
        let (alike, full) =
            (self.gate.cause() == Some(Cause::Alike), self.gate.is_full_of_doubts());
        let again = full || !alike && self.gate.tries_first();
        match again {
            true if self.repeat_alone().await == Chosen::Tried => return,
            true if full && self.trial_waits() => return self.gate.lets_one_in(),
            // Nothing else may be sent, and none of them is settled.
            true if full => return self.gate.settled_all(),
            true | false => {}
        }
        // With a limit, no pair is taken up for being apart.
        let free = !from.is_empty() && self.limits.most.is_none();
        if free && self.try_apart(&from).await == Chosen::Tried {
            return;
        }
        if self.gate.step() == Step::Alone {
            self.gate.lets_one_in();
        }
    }

    /// Of the pairs that were named to this run and are still planned, the one to be tried alone. As long as
    /// none is apart, more are named, which keep their turn.
    async fn named_apart(&self, from: &[Doubted]) -> Result<Option<Planned>, LedgerError> {
        let ledger = self.means.ledger;
        let at_hand = || {
            let mut places: Vec<_> = self.source.borrow().places().collect();
            places.extend(self.at_hand.borrow().iter());
            ledger.view().planned_apart_among(from, &places)
        };
        let first = at_hand()?;
        if first.as_ref().is_some_and(|planned| media::far(planned, from)) {
            return Ok(first);
        }
        while self.means.stop.reason().is_none() {
            let named = ledger.next_planned().await?;
            self.source.borrow_mut().put_by(&named);
            if named.is_empty() || named.iter().any(|planned| media::far(planned, from)) {
                break;
            }
        }
        at_hand()
    }

    async fn try_apart(&self, from: &[Doubted]) -> Chosen {
        let ledger = self.means.ledger;
        let planned = match ledger.is_shared() {
            true => self.named_apart(from).await,
            false => ledger.view().planned_apart(from),
        };
        let planned = match planned {
            Ok(Some(planned)) => planned,
            Ok(None) => return Chosen::None,
            Err(error) => {
                self.ledger_failed(error);
                return Chosen::Tried;
            }
        };
        if !media::apart(&planned, from) {
            if self.gate.cause() == Some(Cause::Alike) {
                self.all_are_refused();
            }
            return Chosen::None;
        }
        // Those in line may have all the seats.
        let Some(seat) = self.means.in_flight.try_enter() else { return Chosen::None };
        let Some(planned) = self.looked_at(planned).await else { return Chosen::None };
        let Some(pass) = self.gate.alone(self.means.stop).await else { return Chosen::None };
        pass.asks();
        match self.means.ledger.intend(planned.clone()).await {
            Ok(permit) => {
                let tried = self.send(&planned, (&pass, permit), &mut self.tries()).await;
                keep(seat, tried);
                Chosen::Tried
            }
            Err(LedgerError::NotAffordable { .. }) => {
                pass.forgoes();
                Chosen::None
            }
            Err(LedgerError::Elsewhere { .. }) => {
                // Where others have it, it may be planned here still.
                self.source.borrow_mut().forget(planned.place());
                self.at_hand.borrow_mut().remove(&planned.place());
                pass.forgoes();
                Chosen::Tried
            }
            Err(LedgerError::HeldBack { .. }) => {
                pass.forgoes();
                self.held_back().await;
                Chosen::Tried
            }
            Err(error) => {
                self.ledger_failed(error);
                Chosen::None
            }
        }
    }

    /// The oldest doubt whose key settles it.
    async fn repeat_alone(&self) -> Chosen {
        let Some(planned) = self.oldest_again() else { return Chosen::None };
        let seat = self.means.in_flight.enter_again();
        let Some(pass) = self.gate.alone_again(self.means.stop).await else { return Chosen::None };
        match self.means.ledger.repeat(planned.clone()).await {
            Ok(permit) => {
                let tries = &mut self.tries_of(Sending::Again);
                let tried = self.send(&planned, (&pass, permit), tries).await;
                keep(seat, tried);
                Chosen::Tried
            }
            Err(error) => {
                self.ledger_failed(error);
                Chosen::None
            }
        }
    }

    /// A pair as it can be sent, if it can.
    async fn looked_at(&self, planned: Planned) -> Option<Planned> {
        let Some(preflight) = self.means.preflight else { return Some(planned) };
        let ready = tokio::select! {
            biased;
            () = self.means.stop.pulled() => return None,
            ready = preflight.ready(planned) => ready,
        };
        match ready {
            Ok(planned) => Some(planned),
            Err(NotReady::Unfit) => None,
            Err(not_ready) => {
                self.not_ready(not_ready);
                None
            }
        }
    }

    fn ended(&self, end: End) -> StopReason {
        let trouble = match end {
            End::Alone => Trouble::Alone,
            End::Doubts(doubts) => Trouble::Doubts(doubts),
            End::SameTask => Trouble::SameTask,
        };
        StopReason::Service { trouble, last: self.gate.last() }
    }

    fn lasts_too_long(&self, cause: Cause) -> StopReason {
        let (last, within) = (self.gate.last(), self.gate.patience());
        match cause {
            Cause::Doubts => StopReason::Service { trouble: Trouble::Silent(within), last },
            Cause::Foreign => StopReason::Service { trouble: Trouble::Foreign(within), last },
            Cause::NotSent | Cause::NotRelayed | Cause::Alike => {
                StopReason::Unreachable { what: "create", within, message: last.message }
            }
        }
    }
}
