//! The fan-out: sends the planned pairs' creates with limited concurrency.
//!
//! One future per pair does the whole way from intent to settled outcome, so that the stream's
//! consumer only has to count and a slot is refilled the moment its pair ends. What an outcome
//! proves was decided in [`crate::wire`]; here it is only acted on.

mod gate;
mod in_flight;
mod stop;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::future;
use futures::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use self::gate::{Gate, Pass};
pub use self::in_flight::InFlight;
pub use self::stop::{Reason, Stop, Stops};
use crate::client::Client;
use crate::ledger::{Ledger, LedgerError, Permit, Planned, Settled};
use crate::pace::Rate;
use crate::pair::TaskId;
use crate::preflight::{Fate, NotReady, Preflight};
use crate::price::Refusal;
use crate::state::State;
use crate::wire::{Judgement, Proof};

/// How many planned pairs are read from the ledger at a time; memory does not grow with the batch.
const PAGE: usize = 512;

/// How hard the server may be pushed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Creates under way at once.
    pub concurrency: u16,
    /// Creates started in a time.
    pub rate: Option<Rate>,
    /// Pairs taken up in this run.
    pub most: Option<usize>,
    /// For how long a pair is tried again when it is proven that nothing was made.
    pub retry_for: Duration,
}

/// What the ledger cannot tell about a fan-out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Tasks whose ids could not be made durable: they have to be adopted by hand.
    pub unrecorded: Vec<(String, TaskId)>,
    /// Pairs that may not be paid for: how many, and the first of them.
    pub not_affordable: NotAffordable,
    /// The first pair that the budget had not enough left for, and how much it had.
    pub beyond_budget: Option<(Arc<str>, Refusal)>,
}

/// Pairs that may not be paid for whatever is left of the budget; others were sent.
#[derive(Debug, Default)]
pub struct NotAffordable {
    /// How many.
    pub pairs: u64,
    /// The first of them, and why.
    pub first: Vec<(Arc<str>, Refusal)>,
}

impl NotAffordable {
    /// How many are named.
    const KEPT: usize = 10;
}

/// What a fan-out works with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Knows what is planned, permits it, and hears what came of it.
    pub ledger: &'a Ledger,
    /// Sends.
    pub client: &'a Client,
    /// How many tasks may be unfinished.
    pub in_flight: &'a InFlight,
    /// What ends it early.
    pub stop: &'a Stop,
    /// What happens to a pair's media before its create, if anything.
    pub preflight: Option<&'a Preflight<'a>>,
}

struct Run<'a> {
    means: Means<'a>,
    retry_for: Duration,
    gate: Gate,
    /// The shortest recording that the budget had not enough left for. What is left only shrinks.
    too_long: Cell<Option<Duration>>,
    outcome: RefCell<Outcome>,
}

/// Sends the create of every planned pair, until all are settled or `stop` is pulled. Creates that
/// are under way then are answered first. Everything that happened is in the ledger afterwards.
pub async fn run(means: Means<'_>, limits: &Limits) -> Outcome {
    let run = Run {
        means,
        retry_for: limits.retry_for,
        gate: Gate::new(limits.concurrency.into(), limits.rate),
        too_long: Cell::default(),
        outcome: RefCell::default(),
    };
    let Means { ledger, stop, preflight, .. } = means;
    let at_once = limits.concurrency.into();
    let planned = planned(ledger).take(limits.most.unwrap_or(usize::MAX)).take_until(stop.pulled());
    let listed = planned.filter_map(|planned| future::ready(run.listed(planned)));
    let create = |ready| run.create(ready);
    match preflight {
        Some(preflight) => {
            let (ahead, ready) = channel(1);
            let of = &run;
            // Owns the sending end, which is dropped with the last pair.
            let prepare = move |planned| of.prepare(preflight, planned, ahead.clone());
            let prepared = listed.map(prepare).buffer_unordered(at_once).collect::<()>();
            let created = received(ready).map(create).buffer_unordered(at_once).collect::<()>();
            // Side by side, because a stream that waits for its consumer polls nothing meanwhile:
            // a medium that is being fetched would run out of time behind a create that pauses.
            tokio::join!(prepared, created);
        }
        None => listed.map(create).buffer_unordered(at_once).collect().await,
    }
    run.outcome.into_inner()
}

fn received<T>(receiver: Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    })
}

/// The planned pairs in manifest order, a page at a time.
fn planned(ledger: &Ledger) -> impl Stream<Item = Result<Planned, LedgerError>> {
    let start = (VecDeque::new(), None::<Planned>, false);
    stream::unfold(start, move |(mut page, mut last, mut done)| async move {
        if page.is_empty() && !done {
            match ledger.view().planned(last.as_ref(), PAGE) {
                Ok(next) => page.extend(next),
                Err(error) => return Some((Err(error), (page, last, true))),
            }
            done = page.is_empty();
        }
        let next = page.pop_front()?;
        last = Some(next.clone());
        Some((Ok(next), (page, last, done)))
    })
}

impl Run<'_> {
    /// The next pair, unless the ledger cannot be read.
    fn listed(&self, planned: Result<Planned, LedgerError>) -> Option<Planned> {
        let planned = planned.map_err(|error| self.means.stop.pull(Reason::Ledger(error))).ok()?;
        (!self.is_hopeless(&planned)).then_some(planned)
    }

    /// Whether too little is left of the budget for this pair. Recordings are not looked at any
    /// more to find that out.
    fn is_hopeless(&self, planned: &Planned) -> bool {
        let Some(too_long) = self.too_long.get() else { return false };
        planned.audio.map_or(self.means.preflight.is_some(), |audio| audio >= too_long)
    }

    /// Looks at the media of a pair, uploads its files and hands it on, unless it is not sent.
    async fn prepare(&self, preflight: &Preflight<'_>, planned: Planned, ahead: Sender<Planned>) {
        let ready = tokio::select! {
            biased;
            // Nothing was sent yet, so nothing is lost.
            () = self.means.stop.pulled() => return,
            ready = preflight.ready(planned) => ready,
        };
        let reason = match ready {
            // The other end is there until this one is dropped.
            Ok(planned) => return drop(ahead.send(planned).await),
            Err(NotReady::Unfit) => return,
            Err(NotReady::Ledger(error)) => Some(Reason::Ledger(error)),
            Err(NotReady::Uploads(fate)) => self.uploads_ended(fate),
        };
        reason.into_iter().for_each(|reason| self.means.stop.pull(reason));
    }

    fn uploads_ended(&self, fate: Fate) -> Option<Reason> {
        Some(match fate {
            Fate::Unfit(_) => return None,
            Fate::Account(account, message) => Reason::Account { account, message },
            Fate::Store(message) => Reason::Store { message },
            Fate::Unreachable(within, message) => {
                Reason::Unreachable { what: "upload", within, message }
            }
            Fate::Ledger(error) => Reason::Ledger(error),
        })
    }

    /// One pair: again and again as long as it is proven that nothing was made, and allowed.
    async fn create(&self, planned: Planned) {
        let Some(seat) = self.means.in_flight.enter(self.means.stop).await else { return };
        let begun = self.gate.now();
        while let Some(mut pass) = self.gate.enter(self.means.stop).await {
            let Some(permit) = self.permit(&planned, &mut pass).await else { return };
            let sent = self.gate.now();
            let (receipt, judgement) = self.means.client.create(permit).await;
            pass.learn(&judgement);
            tracing::info!(
                pair = &*planned.id,
                status = judgement.status,
                ms = (self.gate.now() - sent).as_millis(),
                code = judgement.code,
                "create"
            );
            let again = self.act_on(&judgement, begun);
            let settled = self.means.ledger.settle(receipt, judgement.clone()).await;
            match settled {
                Ok(Settled { state: State::Created, .. }) => return seat.keep(),
                Ok(_) => {}
                Err(error) => return self.unrecorded(&planned, judgement, error),
            }
            if !again {
                return;
            }
        }
    }

    /// The permit for a pair, once there is money for it; `None` if it is not sent.
    async fn permit(&self, planned: &Planned, pass: &mut Pass<'_>) -> Option<Permit> {
        loop {
            pass.asks();
            let refusal = match self.means.ledger.intend(planned.clone()).await {
                Ok(permit) => return Some(permit),
                Err(LedgerError::NotAffordable { refusal, .. }) => refusal,
                Err(error) => {
                    self.means.stop.pull(Reason::Ledger(error));
                    return None;
                }
            };
            match refusal {
                Refusal::Reached { .. } if pass.more(self.means.stop).await => {}
                Refusal::Reached { .. } => {
                    self.beyond_budget(planned, refusal);
                    return None;
                }
                Refusal::Unmeasured | Refusal::TooDear { .. } => {
                    pass.forgoes();
                    self.not_affordable(planned, refusal);
                    return None;
                }
            }
        }
    }

    /// Says whether the pair may be tried again.
    fn act_on(&self, judgement: &Judgement, begun: Duration) -> bool {
        let message = judgement.message.clone();
        match judgement.proof {
            Proof::AccountStop(account) => {
                self.means.stop.pull(Reason::Account { account, message })
            }
            Proof::Unable => self.means.stop.pull(Reason::Unable { message }),
            Proof::NotSent | Proof::NotRelayed | Proof::NotTheApi | Proof::Wait => {
                let resumes = self.gate.now() + self.gate.held_back();
                if resumes.saturating_sub(begun) <= self.retry_for {
                    return true;
                }
                // Others may be getting through; then only this pair is left for another run.
                if self.gate.silence() + self.gate.held_back() > self.retry_for {
                    let within = self.retry_for;
                    self.means.stop.pull(Reason::Unreachable { what: "create", within, message });
                }
            }
            Proof::Created(_) | Proof::Rejected | Proof::InDoubt => {}
        }
        false
    }

    /// Others may still fit: shorter ones.
    fn beyond_budget(&self, planned: &Planned, refusal: Refusal) {
        if self.means.stop.reason().is_some() {
            return;
        }
        let least = self.too_long.get().into_iter().chain(planned.audio).min();
        self.too_long.set(least);
        let first = &mut self.outcome.borrow_mut().beyond_budget;
        first.get_or_insert_with(|| (planned.id.clone(), refusal));
    }

    fn not_affordable(&self, planned: &Planned, refusal: Refusal) {
        let list = &mut self.outcome.borrow_mut().not_affordable;
        list.pairs += 1;
        if list.first.len() < NotAffordable::KEPT {
            list.first.push((planned.id.clone(), refusal));
        }
    }

    fn unrecorded(&self, planned: &Planned, judgement: Judgement, error: LedgerError) {
        if let Proof::Created(task) = judgement.proof {
            self.outcome.borrow_mut().unrecorded.push((planned.id.to_string(), task));
        }
        self.means.stop.pull(Reason::Ledger(error));
    }
}
