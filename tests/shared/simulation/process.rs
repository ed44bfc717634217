//! One process at work: the worker, the desk, the guard are the product's; the run folder is a few values that
//! outlast the process, as the ledger in the real one does.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use callsheet::ledger::postgres::tables::Place;
use callsheet::ledger::postgres::{
    Detail, Lack, Outcome, Pulled, SharedError, Slip, Way, Wish, Worker, line,
};
use callsheet::pace::Terms;
use callsheet::pair::TaskId;
use callsheet::state::State;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::{AbortHandle, Abortable, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt};

use super::world::{Desk, Heard, World};

/// How long a create may take to be handed to the network.
const CONNECT: Duration = Duration::from_secs(5);
/// It counts its doubts itself.
const TERMS: Terms =
    Terms { concurrency: 4, in_flight: None, max_doubts: Some(u32::MAX >> 1), apart: None };
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// What a run folder knows of a pair.
#[derive(Debug, Clone)]
struct Known {
    slip: Slip,
    /// Nothing while its create is under way.
    outcome: Option<Outcome>,
    told: bool,
}

/// A run folder. What is in it is durable.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Of the last process in it.
    worker: Option<i64>,
    /// Of all processes that were ever in it.
    pub(super) joined: Vec<i64>,
    pairs: BTreeMap<i32, Known>,
    /// Every task that a process in it was told.
    pub(super) heard: Vec<String>,
}

/// What is set up alike in all processes of a simulation.
#[derive(Clone)]
pub(super) struct Setting {
    pub(super) world: World,
    pub(super) cost: i64,
    pub(super) concurrency: usize,
    /// How many pairs are asked for at a time by one who begins.
    pub(super) page: usize,
    /// Workers of which a person may know that nothing of them is left: their folder is gone, or all that
    /// was in it was handed in.
    pub(super) gone: Arc<Mutex<BTreeSet<i64>>>,
}

/// Who can start something beside itself.
pub(super) type Spawn = Rc<dyn Fn(LocalBoxFuture<'static, ()>)>;

/// One process.
pub(super) struct Process {
    pub(super) setting: Setting,
    pub(super) machine: usize,
    pub(super) folder: Arc<Mutex<Folder>>,
    pub(super) spawn: Spawn,
}

/// Ends what it belongs to with it.
struct Aborts(AbortHandle);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The product's worker and desk, at work as long as this is held.
pub(super) struct Joined {
    pub(super) way: Way,
    _work: Aborts,
}

pub(super) async fn join(place: Desk, spawn: &Spawn) -> Result<Joined, SharedError> {
    for _ in 0..60 {
        let entered = match place.open().await {
            Ok(tables) => {
                Worker::enter(place.clone(), tables, (1, None, TERMS), ("simulated", LEASE)).await
            }
            Err(error) => Err(error),
        };
        match entered {
            Err(SharedError::Unreachable(_) | SharedError::Unsure(_)) => {
                place.sleep(Duration::from_secs(1)).await;
            }
            entered => {
                let (way, work) = line(entered?, LEASE);
                let (handle, registration) = AbortHandle::new_pair();
                spawn(Abortable::new(work, registration).map(drop).boxed_local());
                return Ok(Joined { way, _work: Aborts(handle) });
            }
        }
    }
    Err(SharedError::Unreachable("it stays down".to_owned()))
}

/// Tells, and hears where pairs stand; nothing if the line ended meanwhile.
pub(super) async fn tell(way: &Way, outcomes: Vec<Outcome>) -> Option<Vec<(Slip, State)>> {
    let (answer, answered) = oneshot::channel();
    way.tell(outcomes, Box::new(move |settled| drop(answer.send(settled))));
    answered.await.ok()
}

fn outcome(slip: &Slip, state: State, task: Option<&str>) -> Outcome {
    Outcome {
        slip: slip.clone(),
        state,
        task: task.map(|task| TaskId::parse(task).unwrap()),
        gives_back: matches!(state, State::Planned | State::Rejected),
        record: format!(
            r#"{{"state": "{}", "task": "{}"}}"#,
            state.name(),
            task.unwrap_or_default()
        ),
    }
}

impl Process {
    /// Works until nothing is left to send, or nothing may be sent.
    pub(super) async fn run(self) -> Result<(), String> {
        let place = Desk { world: self.setting.world.clone(), machine: self.machine };
        let joined = join(place, &self.spawn).await.map_err(|error| error.to_string())?;
        let way = &joined.way;
        self.folder.lock().unwrap().joined.push(way.worker());
        let worked = match self.enter(way).await {
            Ok(attempts) => {
                way.listen(Box::new(|_| {}));
                self.work(way, attempts).await
            }
            Err(lack) => Err(lack),
        };
        let told = self.hand_in(way).await;
        let ended = way.end().await;
        worked.and(told).and(ended).map_err(|lack| lack.to_string())
    }

    /// As `Store::share` does: in the same order.
    async fn enter(&self, way: &Way) -> Result<BTreeMap<i32, i32>, Lack> {
        for known in self.folder.lock().unwrap().pairs.values_mut() {
            if known.outcome.is_none() {
                known.outcome = Some(outcome(&known.slip, State::InDoubt, None));
            }
        }
        self.hand_in(way).await?;
        let before = self.folder.lock().unwrap().worker.replace(way.worker());
        if let Some(before) = before {
            let signed_off = way.sign_off_for(before).await;
            if signed_off.is_err() {
                self.folder.lock().unwrap().worker = Some(before);
            }
            signed_off?;
        }
        let earlier = self.folder.lock().unwrap().joined.clone();
        let earlier = earlier.into_iter().filter(|worker| *worker != way.worker());
        self.setting.gone.lock().unwrap().extend(earlier);
        way.take_over().await?;
        let (mut attempts, mut after) = (BTreeMap::new(), -1);
        loop {
            let page = way.page(after, self.setting.page, Detail::Known).await?;
            let Some(last) = page.last() else { break };
            after = last.n;
            for pulled in &page {
                self.must_not_go_back(way, pulled).await?;
                if pulled.attempt > 0 {
                    attempts.insert(pulled.n, pulled.attempt);
                }
            }
        }
        while !way.adopt().await?.is_empty() {}
        Ok(attempts)
    }

    async fn must_not_go_back(&self, way: &Way, pulled: &Pulled) -> Result<(), Lack> {
        let known = self.folder.lock().unwrap().pairs.get(&pulled.n).cloned();
        let Some(Known { slip, outcome: Some(outcome), told: true }) = known else { return Ok(()) };
        let is_open = matches!(pulled.state, State::Planned | State::Sending | State::InDoubt);
        let is_settled = matches!(outcome.state, State::Created | State::Saved);
        let written = pulled.record.as_ref().map(|(attempt, _)| *attempt);
        let is_less = slip.attempt > pulled.attempt;
        let is_before = slip.attempt == pulled.attempt && written != Some(slip.attempt);
        match is_open && is_settled && (is_less || is_before) {
            true => Err(way.went_back().await),
            false => Ok(()),
        }
    }

    /// Tells all that is not told yet.
    async fn hand_in(&self, way: &Way) -> Result<(), Lack> {
        loop {
            let untold = |known: &Known| known.outcome.clone().filter(|_| !known.told);
            let news: Vec<_> =
                self.folder.lock().unwrap().pairs.values().filter_map(untold).take(50).collect();
            if news.is_empty() {
                return Ok(());
            }
            let settled = tell(way, news.clone()).await;
            let settled = settled.ok_or_else(|| Lack::Over("not told".to_owned()))?;
            self.learn(&news, &settled);
        }
    }

    fn learn(&self, news: &[Outcome], settled: &[(Slip, State)]) {
        let mut folder = self.folder.lock().unwrap();
        for one in news {
            let is_taken = settled.contains(&(one.slip.clone(), one.state));
            match folder.pairs.get_mut(&one.slip.n) {
                Some(known) if known.slip.attempt == one.slip.attempt && is_taken => {
                    known.told = true;
                }
                Some(known) if known.slip.attempt == one.slip.attempt => {
                    folder.pairs.remove(&one.slip.n);
                }
                _ => {}
            }
        }
    }

    async fn work(&self, way: &Way, mut attempts: BTreeMap<i32, i32>) -> Result<(), Lack> {
        let (mut named, mut under_way) = (Vec::new(), FuturesUnordered::new());
        let (mut is_over, mut end) = (false, Ok(()));
        loop {
            while under_way.len() < self.setting.concurrency && !is_over {
                if named.is_empty() {
                    match way.next(8).await {
                        Ok(next) => named = next,
                        Err(lack) => (is_over, end) = (true, Err(lack)),
                    }
                }
                let Some(n) = named.pop() else {
                    is_over = true;
                    break;
                };
                let attempt = attempts.get(&n).copied().unwrap_or(0) + 1;
                under_way.push(self.send(way, n, attempt).map(move |sent| (n, sent)));
            }
            match under_way.next().await {
                None => return end,
                Some((n, Ok(Some(attempt)))) => drop(attempts.insert(n, attempt)),
                Some((_, Ok(None))) => {}
                Some((_, Err(lack))) => {
                    is_over = true;
                    end = if let Lack::Budget = lack { Ok(()) } else { Err(lack) };
                }
            }
        }
    }

    /// Claims a pair and sends it. Gives its last attempt if somebody else had it.
    async fn send(&self, way: &Way, n: i32, attempt: i32) -> Result<Option<i32>, Lack> {
        let world = &self.setting.world;
        let mut slip = Slip { n, attempt, holder: way.worker() };
        while !self.claim(way, &slip).await? {
            let pulled = way.these(vec![n]).await?;
            let last = pulled.first().map(|pulled| pulled.attempt);
            match pulled.first() {
                // Somebody had it and gave it back.
                Some(one) if one.state == State::Planned && one.attempt >= slip.attempt => {
                    slip.attempt = one.attempt + 1;
                }
                _ => return Ok(last),
            }
        }
        let place = Desk { world: world.clone(), machine: self.machine };
        world.moving(self.machine).await;
        let heard = match way.guard().outlasts(place.clocks(), CONNECT) {
            true => {
                // Where a machine may stand still between its look at the clock and its first byte.
                place.sleep(Duration::from_millis(200)).await;
                let heard = world.create(n).await;
                world.moving(self.machine).await;
                heard
            }
            false => Heard::Busy,
        };
        let outcome = match &heard {
            Heard::Task(task) => outcome(&slip, State::Created, Some(task)),
            Heard::Refused => outcome(&slip, State::Rejected, None),
            Heard::Busy => outcome(&slip, State::Planned, None),
            Heard::Nothing => outcome(&slip, State::InDoubt, None),
        };
        self.remember(&outcome);
        if let Some(settled) = tell(way, vec![outcome.clone()]).await {
            self.learn(std::slice::from_ref(&outcome), &settled);
        }
        Ok(Some(slip.attempt))
    }

    /// False if somebody else has it.
    async fn claim(&self, way: &Way, slip: &Slip) -> Result<bool, Lack> {
        let intended = Known { slip: slip.clone(), outcome: None, told: false };
        let before = self.folder.lock().unwrap().pairs.insert(slip.n, intended);
        let (answer, granted) = oneshot::channel();
        let wish = Wish { n: slip.n, attempt: slip.attempt, cost: self.setting.cost };
        way.claim(wish, Box::new(move |granted| drop(answer.send(granted))));
        match granted.await.unwrap_or_else(|_| Err(Lack::Over("ended".to_owned()))) {
            Ok(()) => Ok(true),
            Err(lack) => {
                self.put_back(slip.n, before);
                if let Lack::Elsewhere = lack { Ok(false) } else { Err(lack) }
            }
        }
    }

    /// A create that was not granted was not intended.
    fn put_back(&self, n: i32, before: Option<Known>) {
        let mut folder = self.folder.lock().unwrap();
        match before {
            Some(before) => drop(folder.pairs.insert(n, before)),
            None => drop(folder.pairs.remove(&n)),
        }
    }

    fn remember(&self, outcome: &Outcome) {
        let mut folder = self.folder.lock().unwrap();
        folder.heard.extend(outcome.task.as_ref().map(|task| task.as_str().to_owned()));
        let (slip, outcome) = (outcome.slip.clone(), Some(outcome.clone()));
        folder.pairs.insert(slip.n, Known { slip, outcome, told: false });
    }
}
