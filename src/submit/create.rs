//! One pair's way from its intent to its settled outcome.

use std::sync::Arc;
use std::time::Duration;

use super::gate::{More, Pass};
use super::media::{self, Alikeness};
use super::{CreateMeans, Run};
use crate::ledger::{LedgerError, Permit, Planned, Receipt, Settled};
use crate::pace::Cause;
use crate::price::Refusal;
use crate::stage::{Seat, StopReason, Trouble};
use crate::state::State;
use crate::view::printable;
use crate::wire::{Judgement, Proof};

/// A pair whose answers are not the API's is left for another run after so many.
const FOREIGN: u32 = 3;

/// When a pair that goes last has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// The others come first.
    First,
    /// It is the last one's.
    Last,
}

/// What became of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tried {
    /// It is a task now.
    Created,
    /// It may be tried again.
    Again,
    /// Nothing more is done for this pair.
    Over,
}

/// What was tried for a pair so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    begun: Duration,
    foreign: u32,
    sending: Sending,
}

/// Which sending of a create it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// The first.
    First,
    /// One more, of a doubt.
    Again,
    /// One more, of an accepted create.
    Trial,
}

/// A pair in its turn, and its permit if that came along with the settlement of another's create.
struct Next {
    planned: Planned,
    permit: Option<Permit>,
}

impl Run<'_> {
    /// One pair, and those that are permitted with the settlement of the one before.
    pub(super) async fn create(&self, planned: Planned, turn: Turn) {
        let mut next = Some(Next { planned, permit: None });
        while let Some(one) = next {
            let place = one.planned.place();
            next = self.create_one(one, turn).await;
            self.at_hand.borrow_mut().remove(&place);
        }
    }

    /// One pair: again and again as long as it is proven that nothing was made, and allowed. Gives the
    /// next one, if that was permitted meanwhile.
    async fn create_one(&self, Next { planned, permit }: Next, turn: Turn) -> Option<Next> {
        let seat = self.means.in_flight.enter(self.means.stop).await?;
        // One at a time, as long as its media are suspect.
        let mut alone = None;
        if turn == Turn::Last && self.is_suspect(&planned) {
            alone = Some(self.single.lock().await);
        }
        let (mut permit, mut tries) = (permit, self.tries());
        loop {
            let mut pass = self.enter(&mut permit).await?;
            match self.is_suspect(&planned) {
                true if turn == Turn::First => return None,
                true => {}
                false => drop(alone.take()),
            }
            let permitted = match permit.take() {
                Some(permit) => {
                    pass.asks();
                    Ok(permit)
                }
                None => self.permit(&planned, &mut pass).await,
            };
            match permitted {
                Ok(permit) => match self.send_on(&planned, (&pass, permit), &mut tries, turn).await
                {
                    (Tried::Created, next) => {
                        seat.keep();
                        return next;
                    }
                    (Tried::Again, _) => {}
                    (Tried::Over, next) => return next,
                },
                Err(More::Line) => {}
                Err(More::Ask | More::None) => return None,
            }
        }
    }

    /// A place among the creates under way. A permit for what has to wait for one goes back: its pair
    /// is planned until then.
    async fn enter(&self, permit: &mut Option<Permit>) -> Option<Pass<'_>> {
        if permit.is_some() {
            match self.gate.try_enter(self.means.stop) {
                Some(pass) => return Some(pass),
                None => *permit = None,
            }
        }
        self.gate.enter(self.means.stop).await
    }

    /// The pair that comes next, if its create may start as soon as one with this outcome is settled.
    fn goes_on(&self, turn: Turn, proof: &Proof) -> Option<Planned> {
        let CreateMeans { preflight, in_flight, .. } = self.means;
        let waits = preflight.is_some() || in_flight.is_limited() || self.limits.rate.is_some();
        let flows = !waits && turn == Turn::First && matches!(proof, Proof::Created(_));
        (flows && self.gate.flows()).then(|| self.next(turn)).flatten()
    }

    pub(super) fn tries(&self) -> Tries {
        self.tries_of(Sending::First)
    }

    pub(super) fn tries_of(&self, sending: Sending) -> Tries {
        Tries { begun: self.gate.tried(), foreign: 0, sending }
    }

    fn is_suspect(&self, planned: &Planned) -> bool {
        self.suspects.borrow().has(planned)
    }

    /// The permit for a pair, once there is money for it; otherwise what is to be done instead.
    async fn permit(&self, planned: &Planned, pass: &mut Pass<'_>) -> Result<Permit, More> {
        loop {
            pass.asks();
            let refusal = match self.means.ledger.intend(planned.clone()).await {
                Ok(permit) => return Ok(permit),
                Err(LedgerError::NotAffordable { refusal, .. }) => refusal,
                Err(LedgerError::Elsewhere { .. }) => {
                    pass.forgoes();
                    return Err(More::None);
                }
                Err(LedgerError::HeldBack { .. }) => {
                    pass.forgoes();
                    self.held_back().await;
                    let in_flight = self.means.in_flight;
                    let wants_none = in_flight.is_limited() && in_flight.is_unwatched();
                    return Err(if wants_none { More::None } else { More::Line });
                }
                Err(error) => {
                    self.ledger_failed(error);
                    return Err(More::None);
                }
            };
            match refusal {
                Refusal::Reached { .. } => match self.more((&refusal, pass)).await {
                    More::Ask => {}
                    More::Line => return Err(More::Line),
                    More::None => {
                        self.beyond_budget(planned, refusal);
                        return Err(More::None);
                    }
                },
                Refusal::Unmeasured | Refusal::TooDear { .. } => {
                    pass.forgoes();
                    self.outcome.borrow_mut().not_affordable.note(&planned.id, refusal);
                    return Err(More::None);
                }
            }
        }
    }

    /// Waits until there may be more money, and shows meanwhile how much there is.
    async fn more(&self, (refusal, pass): (&Refusal, &mut Pass<'_>)) -> More {
        self.short_of.set(refusal.left());
        let more = pass.more(self.means.stop).await;
        self.short_of.set(None);
        more
    }

    /// Nothing further is sent; but a pair that was tried alone meanwhile is no failure.
    pub(super) fn ledger_failed(&self, error: LedgerError) {
        let is_of_one = matches!(error, LedgerError::Forbidden { .. })
            || matches!(error, LedgerError::Elsewhere { .. } | LedgerError::HeldBack { .. });
        if !is_of_one {
            self.means.stop.pull(StopReason::Ledger(error));
        }
    }

    /// Sends what was permitted, and settles what came of it.
    pub(super) async fn send(
        &self,
        planned: &Planned,
        (pass, permit): (&Pass<'_>, Permit),
        tries: &mut Tries,
    ) -> Tried {
        let (receipt, judgement) = self.answer(planned, permit).await;
        let again = self.learn(planned, (pass, &judgement), tries);
        let (proof, sending) = (judgement.proof.clone(), tries.sending);
        let settled = self.means.ledger.settle(receipt, judgement).await;
        self.take_in((planned, sending), (&proof, settled), again)
    }

    /// The same of a first sending; the next pair is permitted with its settlement where that may be.
    async fn send_on(
        &self,
        planned: &Planned,
        (pass, permit): (&Pass<'_>, Permit),
        tries: &mut Tries,
        turn: Turn,
    ) -> (Tried, Option<Next>) {
        let (receipt, judgement) = self.answer(planned, permit).await;
        let again = self.learn(planned, (pass, &judgement), tries);
        let proof = judgement.proof.clone();
        let (settled, next) = match self.goes_on(turn, &proof) {
            None => (self.means.ledger.settle(receipt, judgement).await, None),
            Some(next) => {
                let also = next.clone();
                let (settled, permit) =
                    self.means.ledger.settle_and_intend((receipt, judgement), also).await;
                // Why there is none is found out when it is asked for again.
                (settled, Some(Next { planned: next, permit: permit.ok() }))
            }
        };
        (self.take_in((planned, tries.sending), (&proof, settled), again), next)
    }

    /// Sends what was permitted, and shows it on the board until it is settled.
    async fn answer(&self, planned: &Planned, permit: Permit) -> (Receipt, Judgement) {
        let (board, sent) = (self.means.board, self.gate.now());
        board.starts(&planned.id);
        let cut = self.means.kill.pulled();
        let (receipt, judgement) = self.means.client.create(permit, cut).await;
        if let Proof::Created(task) = &judgement.proof {
            board.named(&planned.id, task);
        }
        if self.means.kill.reason().is_some() && judgement.proof == Proof::InDoubt {
            board.cut(&planned.id);
        }
        tracing::info!(
            pair = &*planned.id,
            status = judgement.status,
            ms = (self.gate.now() - sent).as_millis(),
            code = judgement.code,
            "create"
        );
        (receipt, judgement)
    }

    fn take_in(
        &self,
        (planned, sending): (&Planned, Sending),
        (proof, settled): (&Proof, Result<Settled, LedgerError>),
        again: bool,
    ) -> Tried {
        match settled {
            Ok(settled) => self.settled((planned, sending), (proof, settled), again),
            Err(error) => {
                self.means.stop.pull(StopReason::Ledger(error));
                Tried::Over
            }
        }
    }

    fn settled(
        &self,
        (planned, sending): (&Planned, Sending),
        (proof, settled): (&Proof, Settled),
        again: bool,
    ) -> Tried {
        self.means.board.settled(&planned.id);
        if sending == Sending::Trial {
            return if again { Tried::Again } else { Tried::Over };
        }
        // What did not get through is tried at once.
        if settled.state == State::InDoubt && !again {
            self.in_doubt(&planned.id, (sending, proof));
        }
        if let Proof::Created(task) = proof {
            let twin = settled.same_task.is_some();
            match sending {
                Sending::Again if twin => self.gate.recorded_again(),
                Sending::First | Sending::Again | Sending::Trial => self.gate.recorded(twin),
            }
            if !twin {
                self.suspects.borrow_mut().accepted(planned);
                self.alike.borrow_mut().accepted();
                *self.known.borrow_mut() = Some(task.clone());
                if self.doubts_again.borrow_mut().accepted(&planned.id) {
                    self.gate.undoubted();
                }
            }
        }
        if self.doubts_again.borrow_mut().lacks_accepted.take() {
            self.doubts_changed.notify_one();
        }
        match settled.state {
            State::Created => Tried::Created,
            _ if again => Tried::Again,
            _ => Tried::Over,
        }
    }

    /// Says whether the pair may be tried again.
    fn learn(
        &self,
        planned: &Planned,
        (pass, judgement): (&Pass<'_>, &Judgement),
        tries: &mut Tries,
    ) -> bool {
        if judgement.proof == Proof::InDoubt && tries.sending == Sending::First {
            let media = media::of(planned);
            self.suspects.borrow_mut().doubted(&media);
            pass.doubted(media);
        }
        let before = self.gate.cause();
        let (too_long, word) = pass.learn(judgement);
        self.tell_others(word);
        self.note(before);
        if let Some(wait) = too_long {
            let trouble = Trouble::Asked(wait);
            self.means.stop.pull(StopReason::Service { trouble, last: self.gate.last() });
            return false;
        }
        let message = judgement.message.clone();
        match judgement.proof {
            Proof::AccountStop(account) => {
                self.means.stop.pull(StopReason::Account { account, message });
            }
            Proof::Unable => self.means.stop.pull(StopReason::Unable { message }),
            Proof::NotTheApi => {
                tries.foreign += 1;
                let closed = self.gate.cause().is_some();
                return (closed || tries.foreign < FOREIGN) && self.has_time(tries, judgement);
            }
            Proof::NotSent | Proof::NotRelayed | Proof::Wait => {
                return self.has_time(tries, judgement);
            }
            // It says nothing of the others' first creates.
            Proof::Rejected if tries.sending != Sending::First => {}
            Proof::Rejected => self.refused(planned, judgement),
            Proof::Created(_) | Proof::InDoubt => {}
        }
        false
    }

    /// Tells people when creates are held back, and when they go on.
    pub(super) fn note(&self, before: Option<Cause>) {
        let last = self.gate.last();
        match (before, self.gate.cause()) {
            (None, Some(Cause::Alike)) | (Some(Cause::Alike), None) => {}
            (None, Some(_)) => self.means.board.note(|| {
                let message = printable(&last.message);
                format!("creates wait until the service takes one again: {message}")
            }),
            (Some(_), None) => self.means.board.note(|| "creates go on".to_owned()),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    fn has_time(&self, tries: &Tries, judgement: &Judgement) -> bool {
        let within = self.limits.retry_for;
        if self.gate.resumes().saturating_sub(tries.begun) <= within {
            return true;
        }
        // Others may be getting through; then only this pair is left for another run.
        let all_wait = self.gate.silence() > within;
        match judgement.proof {
            Proof::Wait if all_wait && self.gate.cause().is_none() => {
                let message = judgement.message.clone();
                self.means.stop.pull(StopReason::Unreachable { what: "create", within, message });
                false
            }
            // Whoever looks after the outage says when it has lasted too long.
            _ => all_wait,
        }
    }

    /// One more was refused: it may be all of them.
    fn refused(&self, planned: &Planned, judgement: &Judgement) {
        if self.limits.keep_going {
            return;
        }
        let (code, message) = (&judgement.code, &judgement.message);
        let alike = self.alike.borrow_mut().refused(planned, code, message);
        match alike {
            Alikeness::OfOne => {}
            // Pairs beyond the limit are not taken up, whatever they could tell.
            Alikeness::Unclear if self.limits.most.is_none() => self.gate.looks_apart(),
            Alikeness::Unclear | Alikeness::OfAll => self.all_are_refused(),
        }
    }

    pub(super) fn all_are_refused(&self) {
        let (count, code, message) = self.alike.borrow().told();
        let trouble = Trouble::Alike { count, code, message };
        self.means.stop.pull(StopReason::Service { trouble, last: self.gate.last() });
    }

    /// Others may still fit: shorter ones.
    fn beyond_budget(&self, planned: &Planned, refusal: Refusal) {
        if self.means.stop.reason().is_some() {
            return;
        }
        let least = self.too_long.get().into_iter().chain(planned.audio).min();
        self.too_long.set(least);
        let first = &mut self.outcome.borrow_mut().beyond_budget;
        first.get_or_insert_with(|| (Arc::clone(&planned.id), refusal));
    }
}

/// A seat is kept once its create is a task.
pub(super) fn keep(seat: Seat<'_>, tried: Tried) {
    if tried == Tried::Created {
        seat.keep();
    }
}
