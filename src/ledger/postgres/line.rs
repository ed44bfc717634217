//! The line to the database: one worker on a thread of its own, behind handles for those who claim and
//! tell.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::executor::block_on;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};

use super::asked::{Adopted, Answer, Asked, Granted, Lack, Question, Taken, not_told};
use super::batch::{Pages, Wanted};
use super::desk::{LAST, PAUSE, work};
use super::error::SharedError;
use super::outcome::{Outcome, Slip, Wish};
use super::pull::{Detail, Pulled};
use super::relist::Relisted;
use super::settings::Settings;
use super::tables::{Blocks, Place, Quiet};
use super::worker::Worker;
use crate::ledger::Rest;
use crate::ledger::guard::Guard;
use crate::pace::{Common, Word};
use crate::state::State;

/// How long a database that cannot be reached is tried to be joined.
pub(super) const STARTING: Duration = Duration::from_secs(15);

/// One worker at work. Dropped without an end, its lease ends by itself.
#[derive(Debug)]
pub struct Line {
    way: Way,
    thread: Option<JoinHandle<()>>,
    mark: i64,
}

/// A way to the line, for those who claim.
#[derive(Debug, Clone)]
pub struct Way {
    asks: mpsc::UnboundedSender<Asked>,
    guard: Arc<Guard>,
    worker: i64,
    common: watch::Receiver<Common>,
}

impl Way {
    /// Until when what was granted may be sent.
    #[must_use]
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard)
    }

    /// The worker's number.
    #[must_use]
    pub fn worker(&self) -> i64 {
        self.worker
    }

    /// What all know together, as soon as this worker does.
    #[must_use]
    pub fn common(&self) -> watch::Receiver<Common> {
        self.common.clone()
    }

    /// What a create's outcome says of the service. To be said before the outcome is told: it goes with it.
    pub fn heard(&self, word: Word) {
        let _ = self.asks.send(Asked::Heard(word));
    }

    /// Nothing is claimed from now on.
    pub fn wants_no_more(&self) {
        let _ = self.asks.send(Asked::NoMore);
    }

    /// Asks for the right to try a create alone; who has it says what all know together.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn take_lone(&self) -> Result<(), Lack> {
        self.ask(Question::Lone).await.map(drop)
    }

    /// Leaves that right to others.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn leave_lone(&self) -> Result<(), Lack> {
        self.ask(Question::LeaveLone).await.map(drop)
    }

    /// The last pairs that came to be in doubt.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn doubts(&self) -> Result<Vec<i32>, Lack> {
        Ok(self.ask(Question::Doubts).await?.pairs)
    }

    /// Has all who are at work stop.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn halt(&self, why: String) -> Result<(), Lack> {
        self.ask(Question::Halt(why)).await.map(drop)
    }

    /// The task of a pair takes no place among the unfinished any more.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn set_aside(&self, n: i32) -> Result<(), Lack> {
        self.ask(Question::Aside(n)).await.map(drop)
    }

    /// What is left once this worker has done what was its to do, for it or for others; and planned pairs
    /// that may be its own by now. `tasks`: also what becomes of tasks.
    ///
    /// # Errors
    /// When no create is allowed any more, or the database is not to be reached.
    pub async fn rest(&self, tasks: bool) -> Result<(Rest, Vec<Pulled>), Lack> {
        let answer = self.ask(Question::Rest(tasks)).await?;
        Ok((answer.rest, answer.rows))
    }

    /// Asks for a pair.
    pub fn claim(&self, wish: Wish, granted: Granted) {
        if let Err(mpsc::error::SendError(Asked::Claim(_, granted))) =
            self.asks.send(Asked::Claim(wish, granted))
        {
            granted(Err(ended()));
        }
    }

    /// Tells what became of pairs. What cannot be told is kept in the run folder, and told again.
    pub fn tell(&self, outcomes: Vec<Outcome>, taken: Taken) {
        let _ = self.asks.send(Asked::Tell(outcomes, taken));
    }

    /// Which pairs to try next; none if all were tried.
    ///
    /// # Errors
    /// When no create is allowed any more, or the database is not to be reached.
    pub async fn next(&self, most: usize) -> Result<Vec<i32>, Lack> {
        Ok(self.ask(Question::Next(most)).await?.pairs)
    }

    /// Asks what the database knows of these pairs; nobody hears where it is not to be had.
    pub fn look(&self, pairs: Vec<i32>, seen: impl FnOnce(Vec<Pulled>) + Send + 'static) {
        let (way, runtime) = (self.clone(), tokio::runtime::Handle::try_current());
        let look = async move {
            if let Ok(answer) = way.ask(Question::These(pairs)).await {
                seen(answer.rows);
            }
        };
        // What is granted and taken is heard on the line's own thread.
        if let Ok(runtime) = runtime {
            runtime.spawn(look);
        }
    }

    /// A page of the batch.
    ///
    /// # Errors
    /// When it is not to be had.
    pub async fn page(&self, after: i32, most: usize, detail: Detail) -> Result<Vec<Pulled>, Lack> {
        Ok(self.ask(Question::After(after, most, detail)).await?.rows)
    }

    /// These pairs.
    ///
    /// # Errors
    /// When they are not to be had.
    pub async fn these(&self, pairs: Vec<i32>) -> Result<Vec<Pulled>, Lack> {
        Ok(self.ask(Question::These(pairs)).await?.rows)
    }

    /// The sums of all blocks of the batch.
    ///
    /// # Errors
    /// When they are not to be had.
    pub async fn sums(&self) -> Result<Blocks, Lack> {
        Ok(self.ask(Question::Sums).await?.blocks)
    }

    /// Whether nobody else can move anything any more.
    ///
    /// # Errors
    /// When that is not to be had.
    pub async fn quiet(&self) -> Result<Option<Quiet>, Lack> {
        Ok(self.ask(Question::Quiet).await?.quiet)
    }

    /// Takes tasks whose workers are gone; gives their pairs.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn adopt(&self) -> Result<Vec<i32>, Lack> {
        Ok(self.ask(Question::Adopt).await?.pairs)
    }

    /// Puts in doubt what workers had under way whose lease has ended.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn take_over(&self) -> Result<(), Lack> {
        self.ask(Question::TakeOver).await.map(drop)
    }

    /// The database knows less than it said: nobody may create in this batch any more. Gives what is to be
    /// said of that.
    pub async fn went_back(&self) -> Lack {
        self.ask(Question::WentBack).await.map_or_else(|lack| lack, |_| not_told())
    }

    /// Says that nothing of an earlier process of this folder is under way any more.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn sign_off_for(&self, worker: i64) -> Result<(), Lack> {
        self.ask(Question::SignOff(worker)).await.map(drop)
    }

    /// From now on tasks of workers that are gone are taken, and told of here.
    pub fn listen(&self, adopted: Adopted) {
        let _ = self.asks.send(Asked::Listen(adopted));
    }

    /// Tells what is left to tell, and signs off.
    ///
    /// # Errors
    /// When that was not possible: the lease ends by itself.
    pub async fn end(&self) -> Result<(), Lack> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Asked::End(answer)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }

    async fn ask(&self, question: Question) -> Result<Answer, Lack> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Asked::Question(question, answer)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

/// A worker's end of the line, and what is to be run for it.
pub fn line<P: Place>(worker: Worker<P>, lease: Duration) -> (Way, impl Future<Output = ()>) {
    let (asks, asked) = mpsc::unbounded_channel();
    let (tells, common) = watch::channel(Common::default());
    let way = Way { asks, guard: worker.guard(), worker: worker.number(), common };
    (way, work(worker, tells, asked, lease))
}

impl Line {
    /// Joins a batch, or makes it; gives what the list changed in it.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or the batch is another one.
    pub fn open(
        settings: Settings,
        wanted: &Wanted<'_>,
        pages: Pages<'_>,
        (who, lease): (&str, Duration),
    ) -> Result<(Self, Relisted), SharedError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
        let (worker, relisted) = runtime.block_on(join(settings, wanted, pages, (who, lease)))?;
        Ok((Self::with(runtime, worker, lease)?, relisted))
    }

    /// Takes part in a batch that is there, whatever it lists.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or has no such batch.
    pub fn open_known(
        settings: Settings,
        name: &str,
        (who, lease): (&str, Duration),
    ) -> Result<Self, SharedError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
        let worker = runtime.block_on(Worker::join_known(settings, name, (who, lease)))?;
        Self::with(runtime, worker, lease)
    }

    fn with(runtime: Runtime, worker: Worker, lease: Duration) -> Result<Self, SharedError> {
        let mark = worker.mark();
        let (begun, way) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("database".to_owned())
            .spawn(move || {
                let (way, work) = line(worker, lease);
                // Whoever waits for it has not gone.
                let _ = begun.send(way);
                runtime.block_on(work);
            })
            .map_err(|error| SharedError::Local(error.to_string()))?;
        let ended = |_| SharedError::Local("the line to the database has ended".to_owned());
        Ok(Self { way: way.recv().map_err(ended)?, thread: Some(thread), mark })
    }

    /// By what its batch is known from all others.
    #[must_use]
    pub fn mark(&self) -> i64 {
        self.mark
    }

    /// For those who claim.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way.clone()
    }

    /// Tells what became of pairs, and waits until it is known where they stand.
    ///
    /// # Errors
    /// When that cannot be told now.
    pub fn tell(&self, outcomes: Vec<Outcome>) -> Result<Vec<(Slip, State)>, Lack> {
        let (answer, answered) = std::sync::mpsc::channel();
        self.way().tell(outcomes, Box::new(move |taken| drop(answer.send(taken))));
        answered.recv_timeout(LAST).map_err(|_| not_told())
    }

    /// As [`Way::page`].
    ///
    /// # Errors
    /// When it is not to be had.
    pub fn page(&self, after: i32, most: usize, detail: Detail) -> Result<Vec<Pulled>, Lack> {
        block_on(self.way.page(after, most, detail))
    }

    /// As [`Way::these`].
    ///
    /// # Errors
    /// When they are not to be had.
    pub fn these(&self, pairs: Vec<i32>) -> Result<Vec<Pulled>, Lack> {
        block_on(self.way.these(pairs))
    }

    /// As [`Way::adopt`].
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn adopt(&self) -> Result<Vec<i32>, Lack> {
        block_on(self.way.adopt())
    }

    /// As [`Way::take_over`].
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn take_over(&self) -> Result<(), Lack> {
        block_on(self.way.take_over())
    }

    /// As [`Way::went_back`].
    pub fn went_back(&self) -> Lack {
        block_on(self.way.went_back())
    }

    /// As [`Way::sign_off_for`].
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn sign_off_for(&self, worker: i64) -> Result<(), Lack> {
        block_on(self.way.sign_off_for(worker))
    }

    /// As [`Way::end`]; ends the thread.
    ///
    /// # Errors
    /// When that was not possible: the lease ends by itself.
    pub fn end(mut self) -> Result<(), Lack> {
        let ended = block_on(self.way.end());
        if let Some(thread) = self.thread.take() {
            drop(self.way);
            // It panicked if it cannot be joined; its lease ends by itself.
            let _ = thread.join();
        }
        ended
    }
}

/// A database that is just being started is waited for.
async fn join(
    settings: Settings,
    wanted: &Wanted<'_>,
    pages: Pages<'_>,
    as_whom: (&str, Duration),
) -> Result<(Worker, Relisted), SharedError> {
    let began = Instant::now();
    loop {
        match Worker::join(settings.clone(), wanted, &mut *pages, as_whom).await {
            Err(SharedError::Unreachable(_) | SharedError::Unsure(_))
                if began.elapsed() < STARTING =>
            {
                sleep(PAUSE).await;
            }
            joined => return joined,
        }
    }
}

fn ended() -> Lack {
    Lack::Over("the line to the database has ended".to_owned())
}
