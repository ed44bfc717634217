//! The line to the database: one worker on a thread of its own, which gathers what is asked into as few
//! statements as it can, goes on after lost answers, and keeps the lease.
//!
//! It knows nothing of the run folder: what could not be told is kept there until it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::batch::{Pages, Wanted};
use super::error::SharedError;
use super::fate::Fate;
use super::outcome::{Outcome, Slip, Wish};
use super::pull::{Detail, Page, Pulled};
use super::pulse::Pulse;
use super::settings::Settings;
use super::worker::Worker;
use crate::ledger::guard::{Guard, MOST};
use crate::state::State;

/// How many pairs are told of in one statement.
const TOLD: usize = 512;
/// How long a database may be away before waiting claims are refused.
const AWAY: Duration = Duration::from_secs(60);
/// How long a database that cannot be reached is tried to be joined.
const STARTING: Duration = Duration::from_secs(15);
/// How long, at the end, what is known is tried to be told.
const LAST: Duration = Duration::from_secs(20);
/// Between two tries to reach a database.
const PAUSE: Duration = Duration::from_millis(200);
/// How many tasks of workers that are gone one takes at a time.
const ADOPTED: usize = 200;

/// Why a wish did not come true, or nothing more will.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Lack {
    /// Somebody else has the pair, or had it.
    #[error("another worker has it")]
    Elsewhere,
    /// There is no money for it.
    #[error("the budget is reached")]
    Budget,
    /// No create is allowed here any more.
    #[error("{0}")]
    Over(String),
}

/// Hears whether a wish came true.
pub type Granted = Box<dyn FnOnce(Result<(), Lack>) + Send>;
/// Hears where pairs stand that were told of; those that are missing have another holder by now.
pub type Taken = Box<dyn FnOnce(Vec<(Slip, State)>) + Send>;
/// Hears of tasks that this worker was given, because theirs is gone.
pub type Adopted = Box<dyn Fn(Vec<Pulled>) + Send>;

enum Asked {
    Tell(Vec<Outcome>, Taken),
    Claim(Wish, Granted),
    Question(Question, oneshot::Sender<Result<Answer, Lack>>),
    Listen(Adopted),
    End(oneshot::Sender<Result<(), Lack>>),
}

/// What changes nothing, or may be asked again.
enum Question {
    /// So many pairs to try next.
    Next(usize),
    /// So many after this one.
    After(i32, usize, Detail),
    These(Vec<i32>),
    Adopt,
    TakeOver,
    SignOff(i64),
    WentBack,
}

#[derive(Default)]
struct Answer {
    pairs: Vec<i32>,
    rows: Vec<Pulled>,
}

/// One worker at work. Dropped without an end, its lease ends by itself.
#[derive(Debug)]
pub struct Line {
    asks: mpsc::UnboundedSender<Asked>,
    thread: Option<JoinHandle<()>>,
    guard: Arc<Guard>,
    worker: i64,
    mark: i64,
}

/// A way to the line, for those who claim.
#[derive(Debug, Clone)]
pub struct Way {
    asks: mpsc::UnboundedSender<Asked>,
    guard: Arc<Guard>,
    worker: i64,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
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

    async fn ask(&self, question: Question) -> Result<Answer, Lack> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Asked::Question(question, answer)).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())?
    }
}

impl Line {
    /// Joins a batch, or makes it.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or the batch is another one.
    pub fn open(
        settings: Settings,
        wanted: &Wanted<'_>,
        pages: Pages<'_>,
        (who, lease): (&str, Duration),
    ) -> Result<Self, SharedError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
        let worker = runtime.block_on(join(settings, wanted, pages, (who, lease)))?;
        Self::with(runtime, worker, lease)
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
        let (asks, asked) = mpsc::unbounded_channel();
        let (guard, number, mark) = (worker.guard(), worker.number(), worker.mark());
        let thread = std::thread::Builder::new()
            .name("database".to_owned())
            .spawn(move || work(&runtime, worker, asked, lease))
            .map_err(|error| SharedError::Local(error.to_string()))?;
        Ok(Self { asks, thread: Some(thread), guard, worker: number, mark })
    }

    /// By what its batch is known from all others.
    #[must_use]
    pub fn mark(&self) -> i64 {
        self.mark
    }

    /// For those who claim.
    #[must_use]
    pub fn way(&self) -> Way {
        Way { asks: self.asks.clone(), guard: Arc::clone(&self.guard), worker: self.worker }
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

    /// A page of the batch.
    ///
    /// # Errors
    /// When it is not to be had.
    pub fn page(&self, after: i32, most: usize, detail: Detail) -> Result<Vec<Pulled>, Lack> {
        Ok(self.ask(Question::After(after, most, detail))?.rows)
    }

    /// These pairs.
    ///
    /// # Errors
    /// When they are not to be had.
    pub fn these(&self, pairs: Vec<i32>) -> Result<Vec<Pulled>, Lack> {
        Ok(self.ask(Question::These(pairs))?.rows)
    }

    /// Takes tasks whose workers are gone; gives their pairs.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn adopt(&self) -> Result<Vec<i32>, Lack> {
        Ok(self.ask(Question::Adopt)?.pairs)
    }

    /// Puts in doubt what workers had under way whose lease has ended.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn take_over(&self) -> Result<(), Lack> {
        self.ask(Question::TakeOver).map(drop)
    }

    /// The database knows less than it said: nobody may create in this batch any more. Gives what is to be
    /// said of that.
    pub fn went_back(&self) -> Lack {
        self.ask(Question::WentBack).map_or_else(|lack| lack, |_| not_told())
    }

    /// Says that nothing of an earlier process of this folder is under way any more.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub fn sign_off_for(&self, worker: i64) -> Result<(), Lack> {
        self.ask(Question::SignOff(worker)).map(drop)
    }

    /// From now on tasks of workers that are gone are taken, and told of here.
    pub fn listen(&self, adopted: Adopted) {
        let _ = self.asks.send(Asked::Listen(adopted));
    }

    /// Tells what is left to tell, and signs off.
    ///
    /// # Errors
    /// When that was not possible: the lease ends by itself.
    pub fn end(mut self) -> Result<(), Lack> {
        let (answer, answered) = oneshot::channel();
        let asked = self.asks.send(Asked::End(answer));
        let ended = match asked {
            Ok(()) => answered.blocking_recv().map_err(|_| ended())?,
            Err(_) => Err(ended()),
        };
        if let Some(thread) = self.thread.take() {
            // It panicked if it cannot be joined; its lease ends by itself.
            let _ = thread.join();
        }
        ended
    }

    fn ask(&self, question: Question) -> Result<Answer, Lack> {
        let (answer, answered) = oneshot::channel();
        self.asks.send(Asked::Question(question, answer)).map_err(|_| ended())?;
        answered.blocking_recv().map_err(|_| ended())?
    }
}

/// A database that is just being started is waited for.
async fn join(
    settings: Settings,
    wanted: &Wanted<'_>,
    pages: Pages<'_>,
    as_whom: (&str, Duration),
) -> Result<Worker, SharedError> {
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

fn not_told() -> Lack {
    Lack::Over("the database could not be told what became of some pairs".to_owned())
}

/// Why nothing is granted any more, once that is so. Shared with the pulse.
type Stop = Arc<Mutex<Option<String>>>;

fn stop(stop: &Stop, guard: &Guard, error: &SharedError) {
    guard.end();
    let mut reason = stop.lock().unwrap_or_else(PoisonError::into_inner);
    reason.get_or_insert_with(|| error.to_string());
}

fn work(runtime: &Runtime, worker: Worker, asked: mpsc::UnboundedReceiver<Asked>, lease: Duration) {
    runtime.block_on(async {
        let stopped = Stop::default();
        let beats = tokio::spawn(beat(worker.pulse(), worker.guard(), stopped.clone(), lease / 3));
        let desk = Desk { worker, stopped, tells: VecDeque::new(), claims: VecDeque::new() };
        desk.run(asked, lease).await;
        beats.abort();
    });
}

/// Keeps the lease, and hears of stops.
async fn beat(mut pulse: Pulse, guard: Arc<Guard>, stopped: Stop, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // Whatever else fails is tried again; until it works, the guard ends by itself.
        if let Err(error @ (SharedError::Stopped(_) | SharedError::Over | SharedError::WentBack)) =
            pulse.beat().await
        {
            stop(&stopped, &guard, &error);
            return;
        }
    }
}

struct Desk {
    worker: Worker,
    stopped: Stop,
    tells: VecDeque<(Vec<Outcome>, Taken)>,
    claims: VecDeque<(Wish, Granted)>,
}

impl Desk {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Asked>, lease: Duration) {
        let mut adopted: Option<Adopted> = None;
        let mut looks = interval(lease);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut next = tokio::select! {
                asked = asked.recv() => match asked {
                    Some(asked) => Some(asked),
                    None => return,
                },
                _ = looks.tick() => {
                    self.look(adopted.as_ref()).await;
                    None
                }
            };
            let mut end = None;
            while let Some(one) = next {
                match one {
                    Asked::Tell(outcomes, taken) => self.tells.push_back((outcomes, taken)),
                    Asked::Claim(wish, granted) => self.claims.push_back((wish, granted)),
                    Asked::Listen(listener) => {
                        adopted = Some(listener);
                        looks.reset_immediately();
                    }
                    Asked::End(answer) => end = Some(answer),
                    Asked::Question(question, answer) => {
                        drop(answer.send(self.answer(question).await));
                    }
                }
                next = asked.try_recv().ok();
            }
            let until = end.as_ref().map(|_| Instant::now() + LAST);
            while !(self.tells.is_empty() && self.claims.is_empty()) {
                if !self.turn(until).await {
                    break;
                }
            }
            if let Some(answer) = end {
                let told = self.tells.is_empty();
                let left = match told {
                    true => self.worker.leave().await.map_err(|error| over(&error)),
                    false => Err(not_told()),
                };
                drop(answer.send(left));
                return;
            }
        }
    }

    /// Asks until there is an answer, or the database has been away for too long.
    async fn answer(&mut self, question: Question) -> Result<Answer, Lack> {
        let away = Instant::now();
        loop {
            match self.answer_once(&question).await {
                Err(SharedError::Unsure(_) | SharedError::Unreachable(_))
                    if away.elapsed() < AWAY =>
                {
                    sleep(PAUSE).await;
                    // It is asked again whether it can be reached or not.
                    let _ = self.worker.reconnect().await;
                }
                answered => return answered.map_err(|error| over(&error)),
            }
        }
    }

    async fn answer_once(&mut self, question: &Question) -> Result<Answer, SharedError> {
        let mut answer = Answer::default();
        match question {
            Question::Next(most) => match self.why() {
                Some(why) => return Err(SharedError::Stopped(why)),
                None => answer.pairs = self.worker.next(*most).await?,
            },
            Question::After(after, most, detail) => {
                answer.rows = self.worker.pull(Page::After(*after, *most, *detail)).await?;
            }
            Question::These(these) => answer.rows = self.worker.pull(Page::These(these)).await?,
            Question::Adopt => answer.pairs = self.worker.adopt(ADOPTED).await?,
            Question::TakeOver => drop(self.worker.take_over().await?),
            Question::SignOff(worker) => {
                if !self.worker.sign_off_for(*worker).await? {
                    self.worker.stop_all().await?;
                    return Err(SharedError::WentBack);
                }
            }
            Question::WentBack => {
                self.worker.stop_all().await?;
                return Err(SharedError::WentBack);
            }
        }
        Ok(answer)
    }

    /// Looks for workers that are gone.
    async fn look(&mut self, adopted: Option<&Adopted>) {
        let (Some(adopted), None) = (adopted, self.why()) else { return };
        // Whatever fails here is looked at again later.
        if self.worker.take_over().await.is_err() {
            return;
        }
        while let Ok(pairs) = self.worker.adopt(ADOPTED).await {
            if pairs.is_empty() || self.why().is_some() {
                return;
            }
            match self.worker.pull(Page::These(&pairs)).await {
                Ok(pulled) => adopted(pulled),
                Err(_) => return,
            }
        }
    }

    fn why(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One statement, and what follows of it. False: nothing more can be told now.
    async fn turn(&mut self, until: Option<Instant>) -> bool {
        if let Some(why) = self.why() {
            self.refuse(&Lack::Over(why));
        }
        let (outcomes, tells) = self.told();
        let wishes = self.wishes(&outcomes);
        if outcomes.is_empty() && wishes.is_empty() {
            return false;
        }
        match self.sure(&outcomes, &wishes, until).await {
            Ok(turned) => {
                for (outcomes, taken) in self.tells.drain(..tells) {
                    let of = |slip: &Slip| outcomes.iter().any(|one| one.slip.n == slip.n);
                    taken(turned.settled.iter().filter(|(slip, _)| of(slip)).cloned().collect());
                }
                // Of a wish too many for the budget nothing is known yet.
                let asked = wishes.len().min(turned.asked);
                for (wish, granted) in self.claims.drain(..asked) {
                    let came_true = turned.claimed.contains(&wish);
                    granted(if came_true { Ok(()) } else { Err(Lack::Elsewhere) });
                }
                true
            }
            Err(SharedError::BudgetReached) => {
                if let Some((_, granted)) = self.claims.pop_front() {
                    granted(Err(Lack::Budget));
                }
                true
            }
            Err(SharedError::Unreachable(why)) => {
                // What is told waits for the next look.
                self.refuse(&Lack::Over(why));
                false
            }
            Err(error) => {
                stop(&self.stopped, &self.worker.guard(), &error);
                self.refuse(&over(&error));
                // What became of things is kept, and can still be told, unless it is another database.
                if matches!(error, SharedError::WentBack) {
                    let _ = self.worker.keep_tasks(&outcomes).await;
                }
                matches!(error, SharedError::Stopped(_) | SharedError::Over)
            }
        }
    }

    /// What is told of in one statement, and how many tells that are.
    fn told(&self) -> (Vec<Outcome>, usize) {
        let (mut outcomes, mut tells) = (Vec::<Outcome>::new(), 0);
        for (some, _) in &self.tells {
            let twice = some.iter().any(|one| outcomes.iter().any(|had| had.slip.n == one.slip.n));
            if tells > 0 && (twice || outcomes.len() + some.len() > TOLD) {
                break;
            }
            outcomes.extend(some.iter().cloned());
            tells += 1;
        }
        (outcomes, tells)
    }

    /// What is claimed in the same statement: in their order, and nothing that is told of.
    fn wishes(&self, outcomes: &[Outcome]) -> Vec<Wish> {
        let told = |wish: &Wish| outcomes.iter().any(|one| one.slip.n == wish.n);
        let wishes = self.claims.iter().map(|(wish, _)| *wish);
        let mut wished = Vec::<Wish>::new();
        for wish in wishes.take(MOST) {
            if told(&wish) || wished.iter().any(|had| had.n == wish.n) {
                break;
            }
            wished.push(wish);
        }
        wished
    }

    fn refuse(&mut self, lack: &Lack) {
        self.claims.drain(..).for_each(|(_, granted)| granted(Err(lack.clone())));
    }

    /// The same statement again and again until it is known what became of it.
    async fn sure(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
        until: Option<Instant>,
    ) -> Result<super::worker::Turn, SharedError> {
        let away = Instant::now();
        loop {
            match self.worker.turn(outcomes, wishes).await {
                Err(SharedError::Unsure(why)) => {
                    let patience = until.map_or(away + AWAY, |until| until.min(away + AWAY));
                    match self.worker.recover().await {
                        Ok(Fate::Committed | Fate::Never) => {}
                        Ok(Fate::WentBack) => return Err(SharedError::WentBack),
                        Ok(Fate::Taken) => return Err(SharedError::Over),
                        Err(_) if Instant::now() < patience => sleep(PAUSE).await,
                        Err(_) => return Err(SharedError::Unreachable(why)),
                    }
                }
                turned => return turned,
            }
        }
    }
}

fn over(error: &SharedError) -> Lack {
    Lack::Over(error.to_string())
}
