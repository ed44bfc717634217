//! The desk at the database's end of the line: gathers what is asked into as few statements as it can,
//! goes on after lost answers, and keeps the lease.
//!
//! It knows nothing of the run folder: what could not be told is kept there until it is.

mod claims;
mod gone;
mod rest;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::asked::{Adopted, Answer, Asked, Granted, Lack, Question, Taken, not_told};
use super::error::SharedError;
use super::fate::Fate;
use super::outcome::{Outcome, Slip, Wish};
use super::pull::Page;
use super::pulse::Pulse;
use super::rest::Resting;
use super::restored::WENT_BACK;
use super::tables::Place;
use super::worker::{Turn, Worker};
use crate::ledger::guard::Guard;
use crate::pace::{Common, Heard, LOOK, Short};

/// How many pairs are told of in one statement.
const TOLD: usize = 512;
/// How long a database may be away before waiting claims are refused.
const AWAY: Duration = Duration::from_secs(60);
/// How long, at the end, what is known is tried to be told.
pub(super) const LAST: Duration = Duration::from_secs(20);
/// Between two tries to reach a database.
pub(super) const PAUSE: Duration = Duration::from_millis(200);
/// How long what is told waits for the claim that follows it, which then goes with it: whoever was told of
/// leaves a place, and the next pair for it is asked for a moment later.
const FOLLOWS: Duration = Duration::from_millis(1);
/// How many doubts whoever tries a create alone keeps away from.
const DOUBTS: usize = 64;

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
    common: watch::Sender<Common>,
    asked: mpsc::UnboundedReceiver<Asked>,
    lease: Duration,
) {
    let stopped = Stop::default();
    let known = (stopped.clone(), common.clone());
    let beats = beat(worker.pulse(), worker.guard(), known, lease / 3);
    let desk = Desk {
        worker,
        stopped,
        common,
        tells: VecDeque::new(),
        claims: VecDeque::new(),
        starting: VecDeque::new(),
        heard: Heard::default(),
        short: None,
        wants_more: true,
        adopted: None,
        taken: Vec::new(),
        resting: Resting::new(lease),
    };
    // A beat that is under way when the desk is done is of no matter.
    tokio::select! {
        biased;
        () = desk.run(asked, lease) => {}
        () = async { beats.await; std::future::pending().await } => {}
    }
}

/// Keeps the lease, hears of stops, and looks at what all know together.
async fn beat<P: Place>(
    mut pulse: Pulse<P>,
    guard: Arc<Guard>,
    (stopped, common): (Stop, watch::Sender<Common>),
    every: Duration,
) {
    let place = pulse.place().clone();
    let mut renews = place.clocks().boot;
    loop {
        let began = place.clocks().boot;
        let is_due = began >= renews;
        let beaten = if is_due { pulse.beat().await } else { Ok(()) };
        if is_due && beaten.is_ok() {
            renews = began + every;
        }
        let looked = match beaten {
            Ok(()) => pulse.look().await.map(|found| publish(&common, found)),
            Err(error) => Err(error),
        };
        // Whatever else fails is tried again; until it works, the guard ends by itself.
        if let Err(error @ (SharedError::Stopped(_) | SharedError::Over | SharedError::WentBack)) =
            looked
        {
            return stop(&stopped, &guard, &error);
        }
        place.sleep(LOOK.min(every)).await;
    }
}

/// What was found, unless more was known before.
fn publish(common: &watch::Sender<Common>, found: Common) {
    common.send_if_modified(|known| {
        let found = Common { short: known.short, ..found };
        let is_news = found.follows(known) && found != *known;
        if is_news {
            *known = found;
        }
        is_news
    });
}

struct Desk<P: Place> {
    worker: Worker<P>,
    stopped: Stop,
    common: watch::Sender<Common>,
    tells: VecDeque<(Vec<Outcome>, Taken)>,
    claims: VecDeque<(Wish, Granted)>,
    /// What was claimed and starts only then, in that order.
    starting: VecDeque<(Duration, Granted)>,
    heard: Heard,
    /// What the claims wait for, and since when.
    short: Option<(Short, Duration)>,
    wants_more: bool,
    /// Hears of tasks of workers that are gone.
    adopted: Option<Adopted>,
    /// Pairs whose tasks were taken, and of which it was not told yet.
    taken: Vec<i32>,
    /// What is known of the others once it has nothing to do itself.
    resting: Resting,
}

impl<P: Place> Desk<P> {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Asked>, lease: Duration) {
        let mut next_look = self.now();
        let mut common = self.common.subscribe();
        loop {
            // Before anything is waited for: a timer that is due is not at hand at once, and of a line that is
            // busy there is always something that is.
            if self.now() >= next_look {
                let has_more = self.look().await;
                next_look = self.now() + if has_more { Duration::ZERO } else { lease };
            }
            let place = self.worker.place().clone();
            let (start, waits) = (self.wakes_at(), !self.claims.is_empty());
            let start_in = start.unwrap_or_default().saturating_sub(self.now());
            let mut next = tokio::select! {
                biased;
                () = place.sleep(next_look.saturating_sub(self.now())) => None,
                asked = asked.recv() => match asked {
                    Some(asked) => Some(asked),
                    None => return,
                },
                _ = common.changed(), if waits => None,
                () = place.sleep(start_in), if start.is_some() => None,
            };
            let mut end = None;
            let follows = self.now() + FOLLOWS;
            while let Some(one) = next {
                match one {
                    Asked::Tell(outcomes, taken) => self.tells.push_back((outcomes, taken)),
                    Asked::Claim(wish, granted) => self.claims.push_back((wish, granted)),
                    Asked::Heard(word) => self.heard.then(word),
                    Asked::NoMore => self.wants_more = false,
                    Asked::Listen(listener) => {
                        self.adopted = Some(listener);
                        next_look = self.now();
                    }
                    Asked::End(answer) => end = Some(answer),
                    Asked::Question(question, answer) => {
                        drop(answer.send(self.answer(question).await));
                    }
                }
                next = asked.try_recv().ok();
                if next.is_none() && end.is_none() && self.awaits_a_claim() {
                    next = tokio::select! {
                        biased;
                        asked = asked.recv() => asked,
                        () = place.sleep(follows.saturating_sub(self.now())) => None,
                    };
                }
            }
            common.mark_unchanged();
            let until = end.as_ref().map(|_| self.now() + LAST);
            loop {
                self.start();
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
        let away = self.now();
        loop {
            match self.answer_once(&question).await {
                Err(SharedError::Unsure(_) | SharedError::Unreachable(_))
                    if self.now().saturating_sub(away) < AWAY =>
                {
                    self.worker.place().sleep(PAUSE).await;
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
            Question::Sums => answer.blocks = self.worker.sums().await?,
            Question::Quiet => answer.quiet = self.worker.quiet().await?,
            Question::Adopt => answer.pairs = self.worker.adopt(gone::ADOPTED).await?,
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
            Question::Lone => publish(&self.common, self.worker.take_lone().await?),
            Question::LeaveLone => self.worker.leave_lone().await?,
            Question::Doubts => answer.pairs = self.worker.doubts(DOUBTS).await?,
            Question::Halt(why) => self.worker.halt(why).await?,
            Question::Aside(n) => self.worker.set_aside(*n).await?,
            Question::Rest(tasks) => (answer.rest, answer.rows) = self.rest(*tasks).await?,
        }
        Ok(answer)
    }

    /// Since the machine started.
    fn now(&self) -> Duration {
        self.worker.place().clocks().boot
    }

    fn why(&self) -> Option<String> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One statement, and what follows of it. False: nothing more can be told or claimed now.
    async fn turn(&mut self, until: Option<Duration>) -> bool {
        if let Some(why) = self.why() {
            self.refuse(&Lack::Over(why));
        } else if self.is_closed() {
            self.refuse(&Lack::Held);
        }
        let (outcomes, tells) = self.told();
        let wishes = if self.may_claim() { self.wishes(&outcomes) } else { Vec::new() };
        if outcomes.is_empty() && wishes.is_empty() {
            return false;
        }
        match self.sure(&outcomes, &wishes, until).await {
            Ok(turned) => {
                for (outcomes, taken) in self.tells.drain(..tells) {
                    let of = |slip: &Slip| outcomes.iter().any(|one| one.slip.n == slip.n);
                    taken(turned.settled.iter().filter(|(slip, _)| of(slip)).cloned().collect());
                }
                self.grant(&turned, wishes.len());
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

    /// The same statement again and again until it is known what became of it. What was heard goes with it
    /// once.
    async fn sure(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
        until: Option<Duration>,
    ) -> Result<Turn, SharedError> {
        let away = self.now();
        loop {
            match self.worker.turn(outcomes, wishes, self.heard).await {
                Err(SharedError::Unsure(why)) => {
                    let patience = until.map_or(away + AWAY, |until| until.min(away + AWAY));
                    match self.worker.recover().await {
                        Ok(Fate::Committed) => {
                            self.worker.has_told(std::mem::take(&mut self.heard));
                        }
                        Ok(Fate::Never) => {}
                        Ok(Fate::WentBack) => return Err(SharedError::WentBack),
                        Ok(Fate::Taken) => return Err(SharedError::Over),
                        Err(_) if self.now() < patience => {
                            self.worker.place().sleep(PAUSE).await;
                        }
                        Err(_) => return Err(SharedError::Unreachable(why)),
                    }
                }
                Ok(turned) => {
                    self.heard = Heard::default();
                    return Ok(turned);
                }
                failed => return failed,
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
