//! One process at work on a shared batch: what it claims, what it settles, and what it does when the
//! database's answer is lost.

mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use super::batch::{self, Pages, Wanted};
use super::error::SharedError;
use super::outcome::{Outcome, Slip, Wish, settled};
use super::pulse::Pulse;
use super::relist::Relisted;
use super::round::Round;
use super::session::Session;
use super::settings::Settings;
use super::tables::{Answer, Asks, Company, Done, Entry, Lacking, Me, Place, Tables};
use crate::ledger::guard::{Clocks, Guard, MOST};
use crate::pace::{Common, Heard, Terms};
use crate::state::State;

/// What one statement did.
#[derive(Debug, Default)]
pub struct Turn {
    /// The wishes that came true: these may be sent, as long as the lease lasts.
    pub claimed: Vec<Wish>,
    /// In how long the create of each may start.
    pub starts: Vec<Duration>,
    /// The pairs of wishes that have to wait.
    pub held: Vec<i32>,
    /// For what the first of them waits.
    pub lack: Option<Lacking>,
    /// What all know together.
    pub common: Common,
    /// Where the pairs stand whose outcome was taken. What is missing went on without it; its task
    /// is kept all the same.
    pub settled: Vec<(Slip, State)>,
}

/// One process at work on a batch.
#[derive(Debug)]
pub struct Worker<P: Place = Settings> {
    place: P,
    /// A connection, unless the last one was given up.
    tables: Option<P::Tables>,
    me: Me,
    mark: i64,
    seq: i64,
    /// The same, for its pulse: once it is known.
    committed: Arc<AtomicI64>,
    epoch: i64,
    /// How often all had to stop before it began.
    halts: i32,
    terms: Terms,
    /// How many words about the service it has told. Shared with its pulse.
    words: Arc<AtomicU64>,
    guard: Arc<Guard>,
    /// Where it looks for pairs that others left, once all were named to somebody.
    left: Option<Round>,
    /// Whether there were tasks of workers that are gone when it last looked.
    finds_tasks: bool,
    /// The number with which a statement was sent whose answer was lost.
    unsure: Option<i64>,
}

impl Worker {
    /// Lists the pairs, or joins those who have, and takes a lease. Gives what the list changed.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or the batch is another one.
    pub async fn join(
        settings: Settings,
        wanted: &Wanted<'_>,
        pages: Pages<'_>,
        as_whom: (&str, Duration),
    ) -> Result<(Self, Relisted), SharedError> {
        let mut session = Session::open(&settings).await?;
        batch::prepare(&mut session).await?;
        let (batch, relisted) = batch::list(&mut session, wanted, pages).await?;
        let list = (batch, Some(wanted.digest), wanted.terms);
        Ok((Self::enter(settings, session, list, as_whom).await?, relisted))
    }

    /// Takes part in a batch that is there, whatever it lists.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or has no such batch.
    pub async fn join_known(
        settings: Settings,
        name: &str,
        as_whom: (&str, Duration),
    ) -> Result<Self, SharedError> {
        let mut session = Session::open(&settings).await?;
        batch::prepare(&mut session).await?;
        let batch = batch::number(&mut session, name).await?;
        Self::enter(settings, session, (batch, None, Terms::default()), as_whom).await
    }
}

impl<P: Place> Worker<P> {
    /// Takes a lease, in a batch that lists this, or whatever it lists.
    ///
    /// # Errors
    /// When the database is not to be reached, the batch was listed anew, or was stopped.
    pub async fn enter(
        place: P,
        mut tables: P::Tables,
        (batch, digest, terms): (i32, Option<&[u8]>, Terms),
        (who, lease): (&str, Duration),
    ) -> Result<Self, SharedError> {
        let (me, sent) = (Me { worker: fastrand::i64(1..), batch }, place.clocks());
        let concurrency = terms.concurrency;
        let entered = tables.enter(Entry { me, who, lease, digest, concurrency }).await?;
        let relisted = || SharedError::Unsure("it was listed anew meanwhile".to_owned());
        let entered = entered.ok_or_else(relisted)?;
        if let Some(why) = entered.stopped {
            return Err(SharedError::Stopped(why));
        }
        Ok(Self {
            place,
            tables: Some(tables),
            me,
            mark: entered.mark,
            seq: 0,
            committed: Arc::default(),
            epoch: entered.epoch,
            halts: entered.halts,
            terms,
            words: Arc::default(),
            guard: Arc::new(Guard::new(lease, sent)),
            left: None,
            finds_tasks: false,
            unsure: None,
        })
    }

    /// Takes a new connection, if none of its statements is in doubt.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn reconnect(&mut self) -> Result<(), SharedError> {
        if self.unsure.is_none() {
            self.tables = None;
            self.tables = Some(self.place.open().await?);
        }
        Ok(())
    }

    /// Its number: what it holds is held under it.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.me.worker
    }

    /// From where it works.
    pub(super) fn place(&self) -> &P {
        &self.place
    }

    /// By what its batch is known from all others.
    #[must_use]
    pub fn mark(&self) -> i64 {
        self.mark
    }

    /// Until when it may send what it claimed.
    #[must_use]
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard)
    }

    /// Which planned pairs to try next; none once all were tried, also those that others left.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn next(&mut self, most: usize) -> Result<Vec<i32>, SharedError> {
        let (batch, most) = (self.me.batch, most.max(1));
        let mut round = match self.left {
            Some(round) => round,
            None => {
                let named = self.tables()?.next(batch, most).await?;
                if !named.is_empty() {
                    return Ok(named);
                }
                let (first, end) = self.tables()?.span(batch).await?;
                Round::within(first, end)
            }
        };
        let mut found = Vec::new();
        while found.is_empty() && !round.is_over() {
            found = round.go_on(self.tables()?.left(batch, round.at, most).await?);
        }
        self.left = Some(round);
        Ok(found)
    }

    /// The service has not known the task of one of its pairs for a while: others need not wait for it.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn set_aside(&mut self, n: i32) -> Result<(), SharedError> {
        let me = self.me;
        self.tables()?.set_aside(me, n).await
    }

    /// Says whether it has nothing to do itself; gives who else is at work.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn idle(&mut self, idle: bool) -> Result<Company, SharedError> {
        let me = self.me;
        self.tables()?.idle(me, idle).await
    }

    /// Planned pairs that others left, so many at most, and from which to which they are. From then on
    /// [`Worker::next`] gives them.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn left(&mut self, most: usize) -> Result<((i32, i32), Vec<i32>), SharedError> {
        let batch = self.me.batch;
        let (first, end) = self.tables()?.span(batch).await?;
        if first >= end {
            return Ok(((first, end), Vec::new()));
        }
        let left = self.tables()?.left(batch, first, most).await?;
        self.left = Some(Round::within(first, end));
        Ok(((first, end), left))
    }

    /// Tells what became of pairs and what was heard of the service, and claims as many as can be sent at
    /// once. Renews the lease.
    ///
    /// # Errors
    /// [`SharedError::Unsure`]: first [`Worker::recover`], then the same outcomes again.
    pub async fn turn(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
        heard: Heard,
    ) -> Result<Turn, SharedError> {
        let wishes = &wishes[..wishes.len().min(MOST)];
        loop {
            match self.try_turn(outcomes, wishes, heard).await {
                Err(error) if error.is_passing() => {}
                // Reckoned before it was claimed; this is what holds whatever is reckoned.
                Err(error)
                    if error.is_about("within_budget")
                        || error.is_about("within_shared_budget") =>
                {
                    return Err(SharedError::BudgetReached);
                }
                Err(error) if error.is_about("same_epoch") => return Err(SharedError::WentBack),
                turn => return turn,
            }
        }
    }

    async fn try_turn(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
        heard: Heard,
    ) -> Result<Turn, SharedError> {
        if self.unsure.is_some() {
            return Err(SharedError::Unsure("of the one before".to_owned()));
        }
        let (me, seq, sent) = (self.me, self.seq, self.place.clocks());
        let (epoch, terms, halts) = (self.epoch, self.terms, self.halts);
        let asks = Asks { seq, epoch, outcomes, wishes, heard, terms, halts };
        // Before anything is sent: whoever drops this call has lost the answer.
        self.unsure = Some(seq);
        match self.tables()?.turn(me, asks).await {
            Ok(done) => self.taken(done, (outcomes, wishes), (heard, sent)),
            Err(refused @ SharedError::Refused { .. }) => {
                self.unsure = None;
                Err(refused)
            }
            Err(error) => Err(error),
        }
    }

    /// The row is the acknowledgement.
    fn taken(
        &mut self,
        done: Option<Done>,
        (outcomes, wishes): (&[Outcome], &[Wish]),
        (heard, sent): (Heard, Clocks),
    ) -> Result<Turn, SharedError> {
        let Some(done) = done else {
            return Err(SharedError::Unsure("its number is another one there".to_owned()));
        };
        if done.seq != self.seq + 1 {
            return Err(SharedError::Broken("a number was passed over"));
        }
        if done.claimed.iter().any(|n| !wishes.iter().any(|wish| wish.n == *n)) {
            return Err(SharedError::Broken("what nobody asked for was claimed"));
        }
        self.go_on_from(done.seq);
        if done.live {
            self.guard.renewed(sent, self.place.clocks());
        }
        let words = self.has_told(heard);
        let start = |wish: &Wish| {
            let at = done.claimed.binary_search(&wish.n).ok()?;
            Some((*wish, done.starts.get(at).copied().unwrap_or_default()))
        };
        let (claimed, starts) = wishes.iter().filter_map(start).unzip();
        let settled = settled(&done.settled, outcomes);
        // What was settled is settled in either case.
        let is_told = wishes.is_empty() || !settled.is_empty();
        let common = done.purse.seen(self.me, self.halts, words);
        let turn = Turn { claimed, starts, held: done.held, lack: done.lack, common, settled };
        match done.stopped {
            _ if is_told => Ok(turn),
            Some(why) => Err(SharedError::Stopped(why)),
            None if done.live => Ok(turn),
            None => Err(SharedError::Over),
        }
    }

    /// What was heard is told; gives how many words that are so far.
    pub(super) fn has_told(&self, heard: Heard) -> u64 {
        self.words.fetch_add(heard.words, Ordering::AcqRel) + heard.words
    }

    fn go_on_from(&mut self, seq: i64) {
        (self.seq, self.unsure) = (seq, None);
        self.committed.store(seq, Ordering::Release);
    }

    /// What keeps its lease while it waits: to be run beside it, from a task of its own.
    #[must_use]
    pub fn pulse(&self) -> Pulse<P> {
        let (guard, committed) = (self.guard.clone(), self.committed.clone());
        let words = self.words.clone();
        Pulse::new(self.place.clone(), self.me, guard, (committed, words, self.halts))
    }

    /// What it may do, and all together.
    #[must_use]
    pub const fn terms(&self) -> Terms {
        self.terms
    }

    fn tables(&mut self) -> Answer<&mut P::Tables> {
        self.tables.as_mut().ok_or_else(|| SharedError::Unsure("not connected".to_owned()))
    }
}

/// Nobody may create in this batch any more, also those who have claims under way.
pub(super) async fn stop(tables: &mut impl Tables, batch: i32) -> Answer<()> {
    tables.stop(batch, fastrand::i64(..)).await
}
