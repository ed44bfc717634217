//! The fan-out: sends the planned pairs' creates with limited concurrency.
//!
//! One future per pair does the whole way from intent to settled outcome, so that the stream's
//! consumer only has to count and a slot is refilled the moment its pair ends. What an outcome
//! proves was decided in [`crate::wire`]; here it is only acted on.

mod board;
mod create;
mod gate;
mod halt;
mod held;
mod media;
mod named;
mod others;
mod outage;
mod outcome;
mod repeat;
mod source;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::sync::{Mutex, Notify};
use tokio::time::sleep;

pub use self::board::Board;
use self::create::Turn;
use self::gate::Gate;
use self::media::{Alike, Suspects};
pub use self::outcome::{NotAffordable, Outcome};
use self::repeat::DoubtsAgain;
use self::source::Source;
use crate::client::Client;
use crate::ledger::{Ledger, LedgerError, Planned};
use crate::pace::{Common, Rate};
use crate::pair::TaskId;
use crate::preflight::{Fate, NotReady, Preflight};
use crate::price::Amount;
use crate::stage::{InFlight, Stop, StopReason, Why};

/// How hard the server may be pushed.
#[derive(Debug, Clone, Copy)]
pub struct CreateLimits {
    /// Creates under way at once.
    pub concurrency: u16,
    /// Creates started in a time.
    pub rate: Option<Rate>,
    /// Pairs taken up in this run.
    pub most: Option<usize>,
    /// For how long a pair is tried again when it is proven that nothing was made.
    pub retry_for: Duration,
    /// Doubts of this run that end it; without it, a number that grows with what is accepted.
    pub max_doubts: Option<u32>,
    /// Whether it goes on however many pairs in a row are refused alike.
    pub keep_going: bool,
}

/// What a fan-out works with.
#[derive(Debug, Clone, Copy)]
pub struct CreateMeans<'a> {
    /// Knows what is planned, permits it, and hears what came of it.
    pub ledger: &'a Ledger,
    /// Sends.
    pub client: &'a Client,
    /// How many tasks may be unfinished.
    pub in_flight: &'a InFlight,
    /// What ends it early.
    pub stop: &'a Stop,
    /// After it, answers of creates under way are not awaited any more.
    pub kill: &'a Stop,
    /// Who is under way.
    pub board: &'a Board,
    /// What happens to a pair's media before its create, if anything.
    pub preflight: Option<&'a Preflight<'a>>,
}

struct Run<'a> {
    means: CreateMeans<'a>,
    limits: CreateLimits,
    gate: Gate,
    suspects: RefCell<Suspects>,
    /// Of those that are suspect, one goes at a time.
    single: Mutex<()>,
    alike: RefCell<Alike>,
    /// A task of this run.
    known: RefCell<Option<TaskId>>,
    /// Gives the pairs of this turn.
    source: RefCell<Source>,
    /// Of those who ask which pairs to try, one goes at a time.
    naming: Mutex<()>,
    /// Whoever asks ahead hears that one was taken up.
    taken: Notify,
    /// The places of those that were given and are not done with.
    at_hand: RefCell<HashSet<i64>>,
    /// How many pairs were taken up, and the place of the last.
    taken_up: Cell<(usize, i64)>,
    /// The shortest recording that the budget had not enough left for. What is left only shrinks.
    too_long: Cell<Option<Duration>>,
    /// What is left of the budget, while a create waits for more.
    short_of: Cell<Option<Amount>>,
    /// What holds creates back, and since when.
    held_since: Cell<Option<(Why, Duration)>>,
    outcome: RefCell<Outcome>,
    /// Doubts that their keys may settle.
    doubts_again: RefCell<DoubtsAgain>,
    /// For whoever sends them again.
    doubts_changed: Notify,
    /// What all know together who share the ledger.
    others: Option<watch::Receiver<Common>>,
    /// Whether one of them had all stop.
    halted: Cell<bool>,
}

/// Sends the create of every planned pair, until all are settled or `stop` is pulled. Creates that
/// are under way then are answered first. Everything that happened is in the ledger afterwards.
pub async fn run(means: CreateMeans<'_>, limits: &CreateLimits) -> Outcome {
    let run = Run::new(means, limits);
    if let Err(error) = run.remember() {
        means.stop.pull(StopReason::Ledger(error));
    }
    let (ends, over) = watch::channel(false);
    let (created, creating) = watch::channel(false);
    let fan_out = async {
        run.fan_out(Turn::First).await;
        run.fan_out(Turn::Last).await;
        created.send_replace(true);
    };
    let creates = async {
        tokio::join!(fan_out, run.send_again(creating));
        ends.send_replace(true);
    };
    let others = async {
        tokio::join!(run.hear_others(over.clone()), run.stop_others(over.clone()));
    };
    tokio::join!(creates, others, run.look_after(over.clone()), run.show(over.clone()));
    run.outcome.into_inner()
}

fn received<T>(receiver: Receiver<T>) -> impl Stream<Item = T> {
    stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|item| (item, receiver))
    })
}

/// How often the board is told what holds creates back.
const SHOWN: Duration = Duration::from_millis(250);

impl<'a> Run<'a> {
    /// Shows what holds creates back, until all is `over`.
    async fn show(&self, mut over: watch::Receiver<bool>) {
        loop {
            let held = self.held();
            if held.is_none() {
                self.held_since.set(None);
            }
            self.means.board.holds(held);
            tokio::select! {
                biased;
                _ = over.wait_for(|over| *over) => break,
                () = sleep(SHOWN) => {}
            }
        }
        self.means.board.holds(self.held_for_good());
    }

    fn new(means: CreateMeans<'a>, limits: &CreateLimits) -> Self {
        Self {
            means,
            limits: *limits,
            gate: Gate::new(limits, means.ledger.is_shared()),
            suspects: RefCell::default(),
            single: Mutex::new(()),
            alike: RefCell::default(),
            known: RefCell::default(),
            source: RefCell::default(),
            naming: Mutex::new(()),
            taken: Notify::new(),
            at_hand: RefCell::default(),
            taken_up: Cell::new((0, -1)),
            too_long: Cell::default(),
            short_of: Cell::default(),
            held_since: Cell::default(),
            outcome: RefCell::default(),
            doubts_again: RefCell::default(),
            doubts_changed: Notify::new(),
            others: means.ledger.common(),
            halted: Cell::default(),
        }
    }

    /// Each planned pair in its turn. The last turn is of those that were left out in the first.
    async fn fan_out(&self, turn: Turn) {
        let is_named = turn == Turn::First && self.means.ledger.is_shared();
        self.source.replace(if is_named { Source::of_named() } else { Source::default() });
        let planned = stream::unfold((), async |()| Some((self.next_named(turn).await?, ())));
        tokio::select! {
            biased;
            () = self.create_each(planned, turn) => {}
            () = self.name_ahead(), if is_named => {}
        }
    }

    /// So many at once as may be under way.
    async fn create_each(&self, planned: impl Stream<Item = Planned>, turn: Turn) {
        let at_once = self.limits.concurrency.into();
        let planned = std::pin::pin!(planned);
        let create = |ready| self.create(ready, turn);
        match self.means.preflight {
            Some(preflight) => {
                let (ahead, ready) = channel(1);
                // Owns the sending end, which is dropped with the last pair.
                let prepare = move |planned| self.prepare(preflight, planned, ahead.clone());
                let prepared = planned.map(prepare).buffer_unordered(at_once).collect::<()>();
                let created = received(ready).map(create).buffer_unordered(at_once).collect::<()>();
                // Side by side, because a stream that waits for its consumer polls nothing meanwhile:
                // a medium that is being fetched would run out of time behind a create that pauses.
                tokio::join!(prepared, created);
            }
            None => planned.map(create).buffer_unordered(at_once).collect().await,
        }
    }

    /// The next pair of a turn; none once all were taken up, or the run is being stopped.
    fn next(&self, turn: Turn) -> Option<Planned> {
        while self.means.stop.reason().is_none() {
            let next = self.source.borrow_mut().next(self.means.ledger.view());
            self.taken.notify_one();
            match next.transpose() {
                Ok(planned) => {
                    let planned = planned.filter(|planned| self.takes(turn, planned))?;
                    if self.is_its_turn(turn, &planned) && !self.is_hopeless(&planned) {
                        self.at_hand.borrow_mut().insert(planned.place());
                        return Some(planned);
                    }
                }
                Err(error) => self.ledger_failed(error),
            }
        }
        None
    }

    /// Whether there are more to be taken up.
    fn takes(&self, turn: Turn, planned: &Planned) -> bool {
        let (taken, last) = self.taken_up.get();
        match turn {
            Turn::First if self.limits.most.is_some_and(|most| taken >= most) => return false,
            Turn::First => self.taken_up.set((taken + 1, last.max(planned.place()))),
            Turn::Last => return planned.place() <= last && self.suspects.borrow().had_any(),
        }
        true
    }

    fn is_its_turn(&self, turn: Turn, planned: &Planned) -> bool {
        match turn {
            Turn::First => !self.suspects.borrow().has(planned),
            Turn::Last => self.suspects.borrow().had(planned),
        }
    }

    /// Whether too little is left of the budget for this pair. Recordings are not looked at any
    /// more to find that out.
    fn is_hopeless(&self, planned: &Planned) -> bool {
        let Some(too_long) = self.too_long.get() else { return false };
        planned.audio.map_or(self.means.preflight.is_some(), |audio| audio >= too_long)
    }

    /// Looks at the media of a pair, uploads its files and hands it on, unless it is not sent.
    async fn prepare(&self, preflight: &Preflight<'_>, planned: Planned, ahead: Sender<Planned>) {
        let place = planned.place();
        let ready = tokio::select! {
            biased;
            // Nothing was sent yet, so nothing is lost.
            () = self.means.stop.pulled() => return,
            ready = preflight.ready(planned) => ready,
        };
        match ready {
            // The other end is there until this one is dropped.
            Ok(planned) => drop(ahead.send(planned).await),
            Err(not_ready) => {
                self.at_hand.borrow_mut().remove(&place);
                self.not_ready(not_ready);
            }
        }
    }

    fn not_ready(&self, not_ready: NotReady) {
        match not_ready {
            NotReady::Unfit => {}
            NotReady::Ledger(error) => self.ledger_failed(error),
            NotReady::Uploads(fate) => {
                self.uploads_ended(fate)
                    .into_iter()
                    .for_each(|reason| self.means.stop.pull(reason));
            }
        }
    }

    fn uploads_ended(&self, fate: Fate) -> Option<StopReason> {
        Some(match fate {
            Fate::Unfit(_) => return None,
            Fate::Account(account, message) => StopReason::Account { account, message },
            Fate::Store(message) => StopReason::Store { message },
            Fate::Unreachable(within, message) => {
                StopReason::Unreachable { what: "upload", within, message }
            }
            Fate::Ledger(LedgerError::Forbidden { .. }) => return None,
            Fate::Ledger(error) => StopReason::Ledger(error),
        })
    }
}
