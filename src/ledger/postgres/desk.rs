//! The desk at the database's end of the line: gathers what is asked into as few statements as it can,
//! goes on after lost answers, and keeps the lease.
//!
//! It knows nothing of the run folder: what could not be told is kept there until it is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::error::SharedError;
use super::fate::Fate;
use super::outcome::{Outcome, Slip, Wish};
use super::pull::{Page, Pulled};
use super::pulse::Pulse;
use super::restored::WENT_BACK;
use super::tables::Place;
use super::worker::{Turn, Worker};
use crate::ledger::guard::{Guard, MOST};
use crate::state::State;

/// How many pairs are told of in one statement.
const TOLD: usize = 512;
/// How long a database may be away before waiting claims are refused.
const AWAY: Duration = Duration::from_secs(60);
/// How long, at the end, what is known is tried to be told.
pub(super) const LAST: Duration = Duration::from_secs(20);
/// Between two tries to reach a database.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
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
    /// Nor anywhere else in the batch: an older database is in its place.
    #[error("{}", SharedError::WentBack)]
    WentBack,
}

/// Hears whether a wish came true.
pub type Granted = Box<dyn FnOnce(Result<(), Lack>) + Send>;
/// Hears where pairs stand that were told of; those that are missing have another holder by now.
pub type Taken = Box<dyn FnOnce(Vec<(Slip, State)>) + Send>;
/// Hears of tasks that this worker was given, because theirs is gone.
pub type Adopted = Box<dyn Fn(Vec<Pulled>) + Send>;

pub(super) enum Asked {
    Tell(Vec<Outcome>, Taken),
    Claim(Wish, Granted),
    Question(Question, oneshot::Sender<Result<Answer, Lack>>),
    Listen(Adopted),
    End(oneshot::Sender<Result<(), Lack>>),
}

/// What changes nothing, or may be asked again.
pub(super) enum Question {
    /// So many pairs to try next.
    Next(usize),
    /// So many after this one, with or without what they ask for.
    After(i32, usize, bool),
    These(Vec<i32>),
    Adopt,
    TakeOver,
    SignOff(i64),
    WentBack,
}

#[derive(Default)]
pub(super) struct Answer {
    pub(super) pairs: Vec<i32>,
    pub(super) rows: Vec<Pulled>,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Asked")
    }
}

pub(super) fn not_told() -> Lack {
    Lack::Over("the database could not be told what became of some pairs".to_owned())
}

/// Why nothing is granted any more, once that is so. Shared with the pulse.
type Stop = Arc<Mutex<Option<String>>>;

fn stop(stop: &Stop, guard: &Guard, error: &SharedError) {
    guard.end();
    let mut reason = stop.lock().unwrap_or_else(PoisonError::into_inner);
    reason.get_or_insert_with(|| error.to_string());
}

/// Answers what is asked until the line ends.
pub(super) async fn work<P: Place>(
    worker: Worker<P>,
    asked: mpsc::UnboundedReceiver<Asked>,
    lease: Duration,
) {
    let stopped = Stop::default();
    let beats = beat(worker.pulse(), worker.guard(), stopped.clone(), lease / 3);
    let desk = Desk { worker, stopped, tells: VecDeque::new(), claims: VecDeque::new() };
    // A beat that is under way when the desk is done is of no matter.
    tokio::select! {
        () = desk.run(asked, lease) => {}
        () = async { beats.await; std::future::pending().await } => {}
    }
}

/// Keeps the lease, and hears of stops.
async fn beat<P: Place>(mut pulse: Pulse<P>, guard: Arc<Guard>, stopped: Stop, every: Duration) {
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

struct Desk<P: Place> {
    worker: Worker<P>,
    stopped: Stop,
    tells: VecDeque<(Vec<Outcome>, Taken)>,
    claims: VecDeque<(Wish, Granted)>,
}

impl<P: Place> Desk<P> {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Asked>, lease: Duration) {
        let mut adopted: Option<Adopted> = None;
        let mut looks = interval(lease);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // In this order: a line that is busy is no reason not to look.
            let mut next = tokio::select! {
                biased;
                _ = looks.tick() => {
                    self.look(adopted.as_ref()).await;
                    None
                }
                asked = asked.recv() => match asked {
                    Some(asked) => Some(asked),
                    None => return,
                },
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
            Question::After(after, most, with_body) => {
                answer.rows = self.worker.pull(Page::After(*after, *most, *with_body)).await?;
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
    ) -> Result<Turn, SharedError> {
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
    match error {
        SharedError::WentBack => Lack::WentBack,
        SharedError::Stopped(why) if why == WENT_BACK => Lack::WentBack,
        _ => Lack::Over(error.to_string()),
    }
}
