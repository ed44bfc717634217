//! The thread that commits: all records that wait go into one transaction.
//!
//! An fsync costs the same for one record as for a hundred, so while one commit is under way the
//! next records gather. When a commit fails, nobody gets a permit any more, but outcomes are tried
//! once more: a reserve of disk space is kept for them.

mod answered;
mod gather;

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use self::answered::Answered;
use self::gather::gather;
use super::fence::Fence;
use super::permit::Occasion;
use super::record::Record;
use super::reserve::Reserve;
use super::share::{Share, Way};
use super::sheet::Sheet;
use super::store::{Committed, Store};
use super::{
    LedgerError, Observer, Permit, Planned, Receipt, Settled, Task, Told, Unfit, Upload, View,
};
use crate::state::State;
use crate::wire::Judgement;

/// The running ledger: hands out permits and records outcomes.
#[derive(Debug)]
pub struct Ledger {
    jobs: Jobs,
    thread: JoinHandle<Writer>,
    view: View,
    fence: Fence,
    spent: Arc<AtomicU64>,
    /// To those who share it.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "nobody shares"))]
    pub(super) way: Option<Way>,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Job {
    /// With the way on which the permit comes back if it is not used.
    Intend(Occasion, Planned, Jobs, Reply<Permit>),
    /// Nobody waits for what becomes of a permit that came back.
    Record(Record, Option<Reply<Settled>>),
}

/// Jobs that one commit is for, in their order.
#[derive(Debug)]
pub(super) struct Order(pub(super) Job, pub(super) Option<Job>);

/// The way to the writer. `None` says that nothing more will be asked; permits may still be about.
pub(super) type Jobs = mpsc::Sender<Option<Order>>;

pub(super) type Reply<T> = oneshot::Sender<Result<T, LedgerError>>;

impl Store {
    /// Starts the writer. `observer` hears of every change after its commit.
    ///
    /// # Errors
    /// When the ledger cannot be read, or the reserve of disk space not be set aside.
    pub fn start(self, observer: Observer) -> Result<Ledger, LedgerError> {
        let folder = self.path.parent().map(Path::to_owned).unwrap_or_default();
        let (view, fence) = (self.view()?, self.fence.clone());
        let spent = Arc::clone(&self.spent);
        let reserve = Reserve::set_aside(&folder)?;
        let (jobs, queue) = mpsc::channel();
        let way = self.share.as_ref().map(Share::way);
        self.share.iter().for_each(|share| share.begin(&jobs));
        let (reserve, back) = (Some(reserve), jobs.clone());
        let writer = Writer { store: self, observer, reserve, broken: None, jobs: back };
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run(&queue))
            .map_err(|error| LedgerError::io(&folder, error))?;
        Ok(Ledger { jobs, thread, view, fence, spent, way })
    }
}

impl Ledger {
    /// Makes the intent to create a pair durable, and returns the permit for it.
    ///
    /// # Errors
    /// When it could not be written: then nothing may be sent.
    pub async fn intend(&self, planned: Planned) -> Result<Permit, LedgerError> {
        self.permit(Occasion::First, planned).await
    }

    /// The same for a pair in doubt whose create has a key that the service is known to honour: it
    /// is sent again, the same attempt under the same key.
    ///
    /// # Errors
    /// [`LedgerError::Forbidden`] where that may not be, or not any more; or when it could not be
    /// written. Then nothing may be sent.
    pub async fn repeat(&self, planned: Planned) -> Result<Permit, LedgerError> {
        self.permit(Occasion::Again, planned).await
    }

    /// The same for an accepted create, to see whether the service honours keys. It may be paid for.
    ///
    /// # Errors
    /// As for [`Ledger::repeat`], or [`LedgerError::NotAffordable`].
    pub async fn try_key(&self, planned: Planned) -> Result<Permit, LedgerError> {
        // Its number comes with the permit.
        self.permit(Occasion::Trial(0), planned).await
    }

    async fn permit(&self, occasion: Occasion, planned: Planned) -> Result<Permit, LedgerError> {
        self.ask(|reply| Job::Intend(occasion, planned, self.jobs.clone(), reply)).await
    }

    /// Makes the outcome of a create durable, and says what it came to.
    ///
    /// # Errors
    /// When it could not be written: the pair will be in doubt at the next start.
    pub async fn settle(
        &self,
        receipt: Receipt,
        judgement: Judgement,
    ) -> Result<Settled, LedgerError> {
        self.record(Record::Settled(receipt.settled(), Box::new(judgement))).await
    }

    /// Makes the outcome of a create and the intent to create another pair durable in one commit: a pair
    /// waits for one on its way, and not for two.
    ///
    /// # Errors
    /// As [`Ledger::settle`] and [`Ledger::intend`], each for itself.
    pub async fn settle_and_intend(
        &self,
        (receipt, judgement): (Receipt, Judgement),
        next: Planned,
    ) -> (Result<Settled, LedgerError>, Result<Permit, LedgerError>) {
        let ((settled, settles), (permit, permits)) = (oneshot::channel(), oneshot::channel());
        let record = Record::Settled(receipt.settled(), Box::new(judgement));
        let intend = Job::Intend(Occasion::First, next, self.jobs.clone(), permit);
        let sent = self.jobs.send(Some(Order(Job::Record(record, Some(settled)), Some(intend))));
        if sent.is_err() {
            return (Err(gone()), Err(gone()));
        }
        (answer(settles).await, answer(permits).await)
    }

    /// Makes what became of a task durable, and returns the pair's state.
    ///
    /// # Errors
    /// When it could not be written: the next run will learn it again.
    pub async fn note(&self, task: &Task, told: impl Into<Told>) -> Result<State, LedgerError> {
        Ok(self.record(Record::Noted(task.clone(), Box::new(told.into()))).await?.state)
    }

    /// Makes it durable that a planned pair is not fit to be sent.
    ///
    /// # Errors
    /// When it could not be written: the pair stays planned.
    pub async fn unfit(&self, planned: Planned, why: Unfit) -> Result<State, LedgerError> {
        Ok(self.record(Record::Unfit(planned, why)).await?.state)
    }

    /// Makes it durable where a file was uploaded.
    ///
    /// # Errors
    /// When it could not be written: the next run uploads it again.
    pub async fn uploaded(&self, upload: Upload) -> Result<State, LedgerError> {
        Ok(self.record(Record::Uploaded(upload)).await?.state)
    }

    /// Whether it is still this run's, and where it was: for a run that waits and commits nothing.
    ///
    /// # Errors
    /// [`LedgerError::PushedAside`] or [`LedgerError::Moved`]; or when it cannot be read.
    pub fn look(&self) -> Result<(), LedgerError> {
        self.fence.look(&self.view)
    }

    /// What is spent or reserved by now, in the units of the budget; of no use without one.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Reads what has been committed.
    #[must_use]
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Waits until all is written, also what becomes of permits that were dropped before.
    ///
    /// # Errors
    /// The first thing that could not be written.
    pub fn close(self) -> Result<(), LedgerError> {
        self.end().close(None)
    }

    /// The same, and keeps the ledger's lock.
    #[must_use]
    pub fn end(self) -> Ended {
        let Self { jobs, thread, view, .. } = self;
        // Before the writer is told to end: it leaves one file behind only if nobody reads.
        drop(view);
        // It has ended if it cannot be told.
        let _ = jobs.send(None);
        match thread.join() {
            Ok(mut writer) => {
                let shared = writer.store.end_sharing();
                Ended(writer, shared)
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    pub(super) async fn record(&self, record: Record) -> Result<Settled, LedgerError> {
        self.ask(|reply| Job::Record(record, Some(reply))).await
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, LedgerError> {
        let (reply, answers) = oneshot::channel();
        self.jobs.send(Some(Order(job(reply), None))).map_err(|_| gone())?;
        answer(answers).await
    }
}

async fn answer<T>(answers: oneshot::Receiver<Result<T, LedgerError>>) -> Result<T, LedgerError> {
    answers.await.map_err(|_| gone())?
}

fn gone() -> LedgerError {
    LedgerError::io(Path::new("ledger"), std::io::ErrorKind::BrokenPipe)
}

/// A ledger in which nothing is written any more, and which is still this run's.
pub struct Ended(Writer, Result<(), LedgerError>);

impl std::fmt::Debug for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ended")
    }
}

impl Ended {
    /// What was committed; nothing where something went wrong, or another run has it.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        let is_whole = self.0.broken.is_none() && self.0.is_ours();
        if is_whole { self.0.store.view().ok() } else { None }
    }

    /// Leaves the ledger in good order, and with it what `tasks.csv` is, if that is known. Whatever reads
    /// it here has to be dropped before.
    ///
    /// # Errors
    /// The first thing that could not be written.
    pub fn close(self, sheet: Option<&Sheet>) -> Result<(), LedgerError> {
        self.0.close(sheet).and(self.1)
    }
}

struct Writer {
    store: Store,
    observer: Observer,
    reserve: Option<Reserve>,
    /// The first failure: from then on nothing new is begun.
    broken: Option<LedgerError>,
    /// On which those who share the ledger answer.
    jobs: Jobs,
}

impl Writer {
    fn run(mut self, queue: &mpsc::Receiver<Option<Order>>) -> Self {
        while let Ok(first) = queue.recv() {
            if !self.go_on(gather(first, queue)) {
                break;
            }
        }
        // What came back while the last group was written.
        self.go_on(queue.try_iter().collect());
        self
    }

    fn close(self, sheet: Option<&Sheet>) -> Result<(), LedgerError> {
        let ours = self.is_ours();
        let closed = self.store.close_with(sheet);
        match self.reserve {
            Some(reserve) if !ours || is_aside(&closed) => reserve.leave(),
            reserve => drop(reserve),
        }
        self.broken.map_or(closed, Err)
    }

    /// Commits a group; false if it is the last one.
    fn go_on(&mut self, group: Vec<Option<Order>>) -> bool {
        let last = group.iter().any(Option::is_none);
        let orders = group.into_iter().flatten();
        let group: Vec<_> =
            orders.flat_map(|Order(first, second)| std::iter::once(first).chain(second)).collect();
        if !group.is_empty() {
            self.commit(group);
        }
        !last
    }

    fn commit(&mut self, group: Vec<Job>) {
        let group = match &self.broken {
            Some(error) => refuse_intents(group, error),
            None => group,
        };
        let (replies, outcome) = self.attempt(group);
        match outcome {
            Ok(committed) => self.publish(&committed, replies),
            Err(error) => self.recover(replies, &error),
        }
    }

    /// One transaction for the whole group. A record that the state table forbids fails alone;
    /// any other failure is the whole group's.
    fn attempt(&mut self, group: Vec<Job>) -> (Vec<Answered>, Result<Committed, LedgerError>) {
        let mut answered = Vec::with_capacity(group.len());
        let outcome = self.store.commit(|write| {
            let mut fault = None;
            for job in group {
                answered.push(match &fault {
                    Some(error) => Answered::refused(job, error),
                    None => Answered::by(job, write, &mut fault),
                });
            }
            fault.map_or(Ok(()), Err)
        });
        (answered, outcome.map(|((), committed)| committed))
    }

    /// Whether the files beside the ledger are this run's, as far as it knows.
    fn is_ours(&self) -> bool {
        let aside = self.broken.as_ref().is_some_and(LedgerError::is_aside);
        !aside && self.store.fence.places.moved().is_none()
    }

    /// Everyone may act on what is committed. Logs and tables are written while they do.
    fn publish(&mut self, committed: &Committed, answered: Vec<Answered>) {
        let changes = &committed.changes;
        if let Some(aside) = &committed.aside {
            self.broken.get_or_insert_with(|| aside.clone());
        }
        if let Some(feeder) = &self.store.feeder {
            feeder.tell(changes);
        }
        self.pass_on(committed, &answered);
        answered.into_iter().for_each(|one| self.deliver(one));
        if let Err(error) = self.store.log(committed) {
            self.broken.get_or_insert(error);
        }
        (self.observer)(changes);
    }

    /// What those who share the ledger have to hear of what was committed, and whoever waits for tasks that
    /// they gave.
    fn pass_on(&mut self, committed: &Committed, answered: &[Answered]) {
        let Some(share) = self.store.share.as_mut() else { return };
        for one in answered {
            if let Answered::Record(Record::Learnt(learnt), Ok(_), _) = one {
                share.learnt(learnt);
            }
        }
        share.tell(committed.news.clone(), &self.jobs);
        if let Some(feeder) = &self.store.feeder {
            committed.tasks.iter().for_each(|task| feeder.give(task.clone()));
        }
    }

    fn deliver(&self, answered: Answered) {
        match (answered, &self.store.share) {
            (Answered::Intend(Ok((permit, Some(n))), back, reply), Some(share)) => {
                share.claim((n, permit), back, reply);
            }
            // A permit that nobody waits for any more is dropped here, and comes back by that.
            (Answered::Intend(permit, back, reply), _) => {
                drop(reply.send(permit.map(|(permit, _)| permit.returning(back))));
            }
            // Nobody waits any more when the run is being ended; the record stands all the same.
            (Answered::Record(_, settled, Some(reply)), _) => drop(reply.send(settled)),
            (Answered::Record(_, _, None), _) => {}
        }
    }

    /// The commit failed: intents are refused, outcomes get the reserved space and another try.
    fn recover(&mut self, answered: Vec<Answered>, error: &LedgerError) {
        self.broken.get_or_insert_with(|| error.clone());
        if self.is_ours() {
            self.reserve = None;
        }
        let outcomes: Vec<_> =
            answered.into_iter().filter_map(|one| one.into_outcome(error)).collect();
        if outcomes.is_empty() {
            return;
        }
        let (answered, outcome) = self.attempt(outcomes);
        match outcome {
            Ok(committed) => self.publish(&committed, answered),
            Err(error) => answered.into_iter().for_each(|one| one.fail(&error)),
        }
    }
}

fn is_aside(closed: &Result<(), LedgerError>) -> bool {
    closed.as_ref().is_err_and(LedgerError::is_aside)
}

fn refuse_intents(group: Vec<Job>, error: &LedgerError) -> Vec<Job> {
    let mut rest = Vec::new();
    for job in group {
        match job {
            Job::Intend(_, _, _, reply) => drop(reply.send(Err(error.clone()))),
            record @ Job::Record(..) => rest.push(record),
        }
    }
    rest
}
