//! The fan-out: sends the planned pairs' creates with limited concurrency.
//!
//! One future per pair does the whole way from intent to settled outcome, so that the stream's
//! consumer only has to count and a slot is refilled the moment its pair ends. What an outcome
//! proves was decided in [`crate::wire`]; here it is only acted on.

mod gate;
mod in_flight;
mod stop;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};

use self::gate::Gate;
pub use self::in_flight::InFlight;
pub use self::stop::{Reason, Stop, Stops};
use crate::client::Client;
use crate::ledger::{Ledger, LedgerError, Planned};
use crate::pace::Rate;
use crate::pair::TaskId;
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

struct Run<'a> {
    ledger: &'a Ledger,
    client: &'a Client,
    retry_for: Duration,
    stop: &'a Stop,
    gate: Gate,
    in_flight: &'a InFlight,
    outcome: RefCell<Outcome>,
}

/// Sends the create of every planned pair, until all are settled or `stop` is pulled. Creates that
/// are under way then are answered first. Everything that happened is in the ledger afterwards.
pub async fn run(
    ledger: &Ledger,
    client: &Client,
    limits: &Limits,
    in_flight: &InFlight,
    stop: &Stop,
) -> Outcome {
    let run = Run {
        ledger,
        client,
        retry_for: limits.retry_for,
        stop,
        gate: Gate::new(limits.concurrency.into(), limits.rate),
        in_flight,
        outcome: RefCell::default(),
    };
    planned(ledger)
        .take(limits.most.unwrap_or(usize::MAX))
        .take_until(stop.pulled())
        .map(|planned| async {
            match planned {
                Ok(planned) => run.create(planned).await,
                Err(error) => stop.pull(Reason::Ledger(error)),
            }
        })
        .buffer_unordered(limits.concurrency.into())
        .collect::<()>()
        .await;
    run.outcome.into_inner()
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
    /// One pair: again and again as long as it is proven that nothing was made, and allowed.
    async fn create(&self, planned: Planned) {
        let Some(seat) = self.in_flight.enter(self.stop).await else { return };
        let begun = self.gate.now();
        while let Some(pass) = self.gate.enter(self.stop).await {
            let permit = match self.ledger.intend(planned.clone()).await {
                Ok(permit) => permit,
                Err(LedgerError::NotAffordable { refusal, .. }) => {
                    drop(pass);
                    match self.not_affordable(&planned, refusal).await {
                        Some(()) => continue,
                        None => return,
                    }
                }
                Err(error) => return self.stop.pull(Reason::Ledger(error)),
            };
            let sent = self.gate.now();
            let (receipt, judgement) = self.client.create(permit).await;
            pass.learn(&judgement.proof);
            tracing::info!(
                pair = &*planned.id,
                status = judgement.status,
                ms = (self.gate.now() - sent).as_millis(),
                code = judgement.code,
                "create"
            );
            let again = self.act_on(&judgement, begun);
            let settled = self.ledger.settle(receipt, judgement.clone()).await;
            match settled {
                Ok(State::Created) => return seat.keep(),
                Ok(_) => {}
                Err(error) => return self.unrecorded(&planned, judgement, error),
            }
            if !again {
                return;
            }
        }
    }

    /// Says whether the pair may be tried again.
    fn act_on(&self, judgement: &Judgement, begun: Duration) -> bool {
        let message = judgement.message.clone();
        match judgement.proof {
            Proof::AccountStop(account) => self.stop.pull(Reason::Account { account, message }),
            Proof::Unable => self.stop.pull(Reason::Unable { message }),
            Proof::NotSent | Proof::Wait { .. } => {
                let resumes = self.gate.now() + self.gate.held_back();
                if resumes.saturating_sub(begun) <= self.retry_for {
                    return true;
                }
                // Others may be getting through; then only this pair is left for another run.
                if self.gate.silence() + self.gate.held_back() > self.retry_for {
                    let within = self.retry_for;
                    self.stop.pull(Reason::Unreachable { what: "create", within, message });
                }
            }
            Proof::Created(_) | Proof::Rejected | Proof::InDoubt => {}
        }
        false
    }

    /// Waits where what others have reserved may come back; `None` if the pair is not sent.
    async fn not_affordable(&self, planned: &Planned, refusal: Refusal) -> Option<()> {
        if let Refusal::Reached { .. } = refusal {
            if self.gate.another_ends(self.stop).await {
                return Some(());
            }
            let message = format!("{}: {refusal}", planned.id);
            self.stop.pull(Reason::Budget { message });
            return None;
        }
        let list = &mut self.outcome.borrow_mut().not_affordable;
        list.pairs += 1;
        if list.first.len() < NotAffordable::KEPT {
            list.first.push((planned.id.clone(), refusal));
        }
        None
    }

    fn unrecorded(&self, planned: &Planned, judgement: Judgement, error: LedgerError) {
        if let Proof::Created(task) = judgement.proof {
            self.outcome.borrow_mut().unrecorded.push((planned.id.to_string(), task));
        }
        self.stop.pull(Reason::Ledger(error));
    }
}
