//! The right to send one create, and what has to come back of it.
//!
//! A permit that is dropped before its first byte left goes back to the ledger by itself: its pair is
//! planned again, and nobody has to look for a task that cannot be there. Sender and receipt agree on
//! one [`Departure`]; whoever comes second is told so, so that nothing is sent for a pair that is
//! planned again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::guard::{Clocks, Guard};
use super::keys::Named;
use super::record::Record;
use super::writer::{Job, Jobs, Order};
use crate::price::Charge;
use crate::wire::{Judgement, Proof};

/// The right to send one create, whose intent is durable. Cannot be made, copied or used twice.
#[derive(Debug)]
#[must_use = "an intent without a create is a pair in doubt"]
pub struct Permit {
    receipt: Receipt,
    body: Bytes,
    named: Option<Named>,
}

/// The open end of an intent: the outcome has to be settled with it.
#[derive(Debug)]
#[must_use = "a create whose outcome is not settled is a pair in doubt"]
pub struct Receipt {
    intent: Intent,
    way_back: Option<WayBack>,
}

/// One create of a pair, as the ledger wrote it down.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) pair: i64,
    pub(super) attempt: u32,
    /// Which take of the pair it is for.
    pub(super) take: u32,
    /// In milliseconds since 1970.
    pub(super) intended: i64,
    pub(super) id: Arc<str>,
    /// Its portrait and its recording, as the manifest names them.
    pub(super) media: [Arc<str>; 2],
    pub(super) audio: Option<Duration>,
    pub(super) charge: Charge,
    pub(super) occasion: Occasion,
    /// Whether it is sent under a key.
    pub(super) keyed: bool,
}

/// Why a create is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Its pair is planned.
    First,
    /// It is in doubt, and has a key that the service honours.
    Again,
    /// It was accepted, and shall show whether the service honours keys: the trial of this number.
    Trial(i64),
}

/// How a receipt that is dropped tells the ledger.
#[derive(Debug)]
struct WayBack {
    jobs: Jobs,
    departure: Departure,
}

/// Whether the first byte of a create has left. Shared by its receipt and by whoever sends it.
#[derive(Debug, Clone, Default)]
pub struct Departure {
    stands: Arc<AtomicU8>,
    /// Where many share a ledger: until when this may be sent.
    guard: Option<Arc<Guard>>,
}

/// As it is by default.
const HERE: u8 = 0;
const LEFT: u8 = 1;
const WITHDRAWN: u8 = 2;

impl Departure {
    /// To be called before the first byte leaves. False: the pair is planned again, and no byte may
    /// leave any more.
    #[must_use = "no byte may leave where this says no"]
    pub fn leave(&self) -> bool {
        let lasts = |guard: &Arc<Guard>| guard.outlasts(Clocks::now(), Duration::ZERO);
        if !self.has_left() && !self.guard.as_ref().is_none_or(lasts) {
            return !self.withdraw();
        }
        let before = self.stands.compare_exchange(HERE, LEFT, Ordering::AcqRel, Ordering::Acquire);
        matches!(before, Ok(_) | Err(LEFT))
    }

    /// Whether a byte has left, or may have.
    #[must_use]
    pub fn has_left(&self) -> bool {
        self.stands.load(Ordering::Acquire) == LEFT
    }

    /// Takes the create back. True: no byte has left, and none may any more.
    #[must_use = "a create that has left cannot be taken back"]
    pub fn withdraw(&self) -> bool {
        let before =
            self.stands.compare_exchange(HERE, WITHDRAWN, Ordering::AcqRel, Ordering::Acquire);
        matches!(before, Ok(_) | Err(WITHDRAWN))
    }

    fn is_shared(&self) -> bool {
        Arc::strong_count(&self.stands) > 1
    }
}

impl Permit {
    pub(super) fn new(intent: Intent, body: Bytes) -> Self {
        Self { receipt: Receipt { intent, way_back: None }, body, named: None }
    }

    /// To be sent under this key.
    pub(super) fn named(self, named: Option<Named>) -> Self {
        Self { named, ..self }
    }

    /// The key that has to be sent with it, and its header.
    #[must_use]
    pub fn key(&self) -> Option<&Named> {
        self.named.as_ref()
    }

    /// Has it go back to the ledger when it is dropped unspent.
    pub(super) fn returning(mut self, jobs: Jobs) -> Self {
        self.receipt.way_back = Some(WayBack { jobs, departure: Departure::default() });
        self
    }

    /// Which create of its pair it is for, what it is reckoned to cost by these rules, and the pair's id.
    #[cfg(feature = "postgres")]
    pub(super) fn terms(&self, rules: &crate::price::Rules) -> (i32, u64, String) {
        let Intent { attempt, charge, id, .. } = &self.receipt.intent;
        (i32::try_from(*attempt).unwrap_or(i32::MAX), rules.spent(*charge), id.to_string())
    }

    /// To be sent only as long as this lasts.
    #[cfg(feature = "postgres")]
    pub(super) fn guarded(mut self, guard: Arc<Guard>) -> Self {
        if let Some(way) = &mut self.receipt.way_back {
            way.departure.guard = Some(guard);
        }
        self
    }

    /// What the sender has to call before the first byte leaves, and to keep until then. Who does
    /// not ask for it before the permit is spent is taken to send at once.
    #[must_use]
    pub fn departure(&self) -> Departure {
        let shared = self.receipt.way_back.as_ref().map(|way| way.departure.clone());
        shared.unwrap_or_default()
    }

    /// Gives the body to send, for what has to be settled afterwards.
    pub fn spend(self) -> (Receipt, Bytes) {
        if let Some(WayBack { departure, .. }) = &self.receipt.way_back
            && !departure.is_shared()
        {
            // Nobody else could tell.
            let _ = departure.leave();
        }
        (self.receipt, self.body)
    }
}

impl Receipt {
    /// Its outcome is being settled: nothing goes back by itself any more.
    pub(super) fn settled(mut self) -> Intent {
        self.way_back = None;
        self.intent.clone()
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(WayBack { jobs, departure }) = self.way_back.take()
            && departure.withdraw()
        {
            let record = Record::Settled(self.intent.clone(), Box::new(unsent()));
            // A writer that has ended leaves the pair in doubt, for the next run to find.
            let _ = jobs.send(Some(Order(Job::Record(record, None), None)));
        }
    }
}

/// What is said of a create that was taken back. It says nothing of the service.
pub(super) const UNSENT: &str = "it was not sent: the run ended, or others had to wait";

fn unsent() -> Judgement {
    super::unanswered(Proof::NotSent, "not_sent", UNSENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_once_the_lease_is_over_and_what_has_left_is_not_taken_back() {
        let guard = Arc::new(Guard::new(Duration::from_secs(30), Clocks::now()));
        let guarded = || Departure { guard: Some(Arc::clone(&guard)), ..Departure::default() };
        let (here, left) = (guarded(), guarded());
        assert!(left.leave());
        guard.end();
        assert!(!here.leave() && !here.has_left());
        assert!(here.withdraw(), "its pair is planned again");
        assert!(left.leave() && !left.withdraw());
    }
}
