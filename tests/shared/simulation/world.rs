//! A world in which time passes only when nobody has anything left to do: a database, an API, machines
//! that stand still and whose clocks differ. All that happens follows from the seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use callsheet::ledger::postgres::tables::{
    Answer, Asks, Beat, Company, Done, Entered, Entry, Found, Me, Place, Purse, Quiet, Tables,
};
use callsheet::ledger::postgres::{
    Blocks, Clocks, Outcome, Page, Pulled, SharedError, Summed, Wish,
};
use futures::channel::oneshot;

use crate::model::Model;

/// What a create of the API came to, as far as its client hears of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Task(String),
    Refused,
    Busy,
    Nothing,
}

/// A computer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    /// Nothing on it moves before.
    pub(super) stands_until: Duration,
    /// How fast its clock goes, and what it missed while the machine stood still.
    rate: f64,
    /// By the clock that should have seen it, and by the wall's.
    missed: [Duration; 2],
}

/// Which clocks of a machine that stands still miss that time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missed {
    /// None: a process that was stopped, a machine that slept.
    Nothing,
    /// All but the wall's, which was set right afterwards: a virtual machine.
    ByOne,
    /// All of them.
    ByAll,
}

/// How much goes wrong, in thousandths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Faults {
    /// Requests to the database that never arrive; that arrive, and the connection is cut meanwhile; and
    /// whose answer is lost.
    pub(super) database: [u32; 3],
    /// The same of creates: made and the answer lost; refused; busy.
    pub(super) api: [u32; 3],
}

type Happening = Box<dyn FnOnce(&mut Inner) + Send>;

pub(super) struct Inner {
    pub(super) now: Duration,
    /// What happens next, in the order of time and of being planned.
    agenda: BTreeMap<(Duration, u64), Happening>,
    count: u64,
    pub(super) rng: fastrand::Rng,
    pub(super) model: Model,
    pub(super) up: bool,
    /// Connections of an earlier one are dead.
    generation: u64,
    pub(super) faults: Faults,
    pub(super) machines: Vec<Machine>,
    /// The tasks that were made, by pair: each is paid for.
    pub(super) made: BTreeMap<i32, Vec<String>>,
    /// Creates that arrived at the API, and when.
    pub(super) arrived: Vec<Duration>,
    /// How often the database was asked for something.
    pub(super) asked: u64,
}

/// Shared by all who live in it.
#[derive(Clone)]
pub(super) struct World(Arc<Mutex<Inner>>);

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

impl Inner {
    pub(super) fn plan(&mut self, after: Duration, happening: Happening) {
        self.count += 1;
        self.agenda.insert((self.now + after, self.count), happening);
    }

    /// Mostly some milliseconds; one in a hundred takes seconds.
    fn latency(&mut self) -> Duration {
        match self.rng.u32(..100) {
            0 => Duration::from_millis(self.rng.u64(100..6000)),
            _ => Duration::from_micros(self.rng.u64(100..20_000)),
        }
    }

    fn one_of(&mut self, chances: [u32; 3]) -> Option<usize> {
        let mut dice = self.rng.u32(..1000);
        for (at, chance) in chances.into_iter().enumerate() {
            if dice < chance {
                return Some(at);
            }
            dice -= chance;
        }
        None
    }

    pub(super) fn halt(&mut self, pause: Duration) {
        self.up = false;
        self.generation += 1;
        self.plan(pause, Box::new(|inner| inner.up = true));
    }
}

impl World {
    pub(super) fn new(seed: u64, model: Model, machines: usize, faults: Faults) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let machine = |rng: &mut fastrand::Rng| Machine {
            stands_until: Duration::ZERO,
            // A crystal is off by a ten thousandth; two hundredths are a bad virtual machine.
            rate: 0.98 + 0.04 * rng.f64(),
            missed: [Duration::ZERO; 2],
        };
        let machines = (0..machines).map(|_| machine(&mut rng)).collect();
        let inner = Inner {
            now: Duration::from_secs(1_000_000),
            agenda: BTreeMap::new(),
            count: 0,
            rng,
            model,
            up: true,
            generation: 0,
            faults,
            machines,
            made: BTreeMap::new(),
            arrived: Vec::new(),
            asked: 0,
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn now(&self) -> Duration {
        self.lock().now
    }

    /// The next thing happens. False if nothing ever will.
    pub(super) fn go_on(&self) -> bool {
        let mut inner = self.lock();
        let Some(((at, _), happening)) = inner.agenda.pop_first() else { return false };
        inner.now = at;
        happening(&mut inner);
        true
    }

    pub(super) async fn sleep(&self, time: Duration) {
        let (over, slept) = oneshot::channel::<()>();
        self.lock().plan(time, Box::new(move |_| drop(over)));
        let _ = slept.await;
    }

    /// Waits while the machine stands still.
    pub(super) async fn moving(&self, machine: usize) {
        loop {
            let rest = {
                let inner = self.lock();
                inner.machines[machine].stands_until.saturating_sub(inner.now)
            };
            if rest.is_zero() {
                return;
            }
            self.sleep(rest).await;
        }
    }

    /// From now on nothing on that machine moves for so long.
    pub(super) fn stand(&self, machine: usize, time: Duration, missed: Missed) {
        let mut inner = self.lock();
        let until = inner.now + time;
        let machine = &mut inner.machines[machine];
        // Once more, while it does: its clocks miss nothing more.
        if until <= machine.stands_until {
            return;
        }
        let fresh = until - machine.stands_until.max(until - time);
        machine.stands_until = until;
        if missed != Missed::Nothing {
            machine.missed[0] += fresh;
        }
        if missed == Missed::ByAll {
            machine.missed[1] += fresh;
        }
    }

    /// A create, as the API has it: it takes a while to get there.
    pub(super) async fn create(&self, n: i32) -> Heard {
        let (answer, answered) = oneshot::channel();
        {
            let mut inner = self.lock();
            let way = Duration::from_millis(inner.rng.u64(20..4000));
            inner.plan(way, Box::new(move |inner| arrive(inner, n, answer)));
        }
        answered.await.unwrap_or(Heard::Nothing)
    }
}

fn arrive(inner: &mut Inner, n: i32, answer: oneshot::Sender<Heard>) {
    let chances = inner.faults.api;
    let (fault, latency) = (inner.one_of(chances), inner.latency());
    let now = inner.now;
    inner.arrived.push(now);
    let heard = match fault {
        Some(1) => Heard::Refused,
        Some(2) => Heard::Busy,
        _ => {
            let tasks = inner.made.entry(n).or_default();
            tasks.push(format!("task-{n}-{}", tasks.len()));
            if fault.is_some() {
                Heard::Nothing
            } else {
                Heard::Task(tasks[tasks.len() - 1].clone())
            }
        }
    };
    inner.plan(latency, Box::new(move |_| drop(answer.send(heard))));
}

/// A process's way to the database.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) world: World,
    pub(super) machine: usize,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    from: Desk,
    generation: u64,
}

impl Place for Desk {
    type Tables = Wire;

    async fn open(&self) -> Answer<Wire> {
        self.world.moving(self.machine).await;
        let latency = self.world.lock().latency();
        self.world.sleep(latency).await;
        self.world.moving(self.machine).await;
        let inner = self.world.lock();
        match inner.up {
            true => Ok(Wire { from: self.clone(), generation: inner.generation }),
            false => Err(SharedError::Unreachable("it is down".to_owned())),
        }
    }

    fn clocks(&self) -> Clocks {
        let inner = self.world.lock();
        let machine = inner.machines[self.machine];
        let boot = inner.now.mul_f64(machine.rate).saturating_sub(machine.missed[0]);
        Clocks { boot, wall: inner.now.saturating_sub(machine.missed[1]) }
    }

    async fn sleep(&self, time: Duration) {
        self.world.sleep(time).await;
        self.world.moving(self.machine).await;
    }
}

impl Wire {
    /// What is asked happens at the database, if it arrives there; whether that is heard is another thing.
    async fn ask<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&mut Model) -> Answer<T> + Send + 'static,
    ) -> Answer<T> {
        let Desk { world, machine } = &self.from;
        world.moving(*machine).await;
        let (answer, answered) = oneshot::channel();
        let generation = self.generation;
        {
            let mut inner = world.lock();
            inner.asked += 1;
            let chances = inner.faults.database;
            let (fault, mut latency) = (inner.one_of(chances), inner.latency());
            // The server goes on with what it was given when the connection is cut.
            let answer = if fault == Some(1) {
                latency = latency.mul_f64(50.0);
                drop(answer);
                None
            } else {
                Some(answer)
            };
            let happening = move |inner: &mut Inner| {
                if !inner.up || inner.generation != generation || fault == Some(0) {
                    return;
                }
                (inner.model.now, inner.model.server) = (inner.now, inner.generation);
                let said = verb(&mut inner.model);
                let latency = inner.latency();
                let heard = move |inner: &mut Inner| {
                    let is_cut = fault == Some(2) || inner.generation != generation;
                    if let (Some(answer), false) = (answer, is_cut) {
                        let _ = answer.send(said);
                    }
                };
                inner.plan(latency, Box::new(heard));
            };
            inner.plan(latency, Box::new(happening));
        }
        let said = answered.await;
        world.moving(*machine).await;
        said.unwrap_or_else(|_| Err(SharedError::Unsure("the wire was cut".to_owned())))
    }
}

impl Summed for Wire {
    /// Who works in these worlds has no run folder to compare.
    async fn sums(&mut self, _: i32) -> Answer<(Blocks, i64)> {
        Ok((Blocks::new(), 1))
    }
}

impl Tables for Wire {
    async fn enter(&mut self, entry: Entry<'_>) -> Answer<Option<Entered>> {
        let Entry { me, lease, concurrency, .. } = entry;
        self.ask(move |model| {
            let entry = Entry { me, who: "", lease, digest: None, concurrency };
            Ok(Some(model.enter(&entry)))
        })
        .await
    }

    async fn turn(&mut self, me: Me, asks: Asks<'_>) -> Answer<Option<Done>> {
        let (outcomes, wishes): (Vec<Outcome>, Vec<Wish>) =
            (asks.outcomes.to_vec(), asks.wishes.to_vec());
        let Asks { seq, epoch, heard, terms, halts, .. } = asks;
        self.ask(move |model| {
            let (outcomes, wishes) = (&outcomes[..], &wishes[..]);
            model.turn(me, Asks { seq, epoch, outcomes, wishes, heard, terms, halts })
        })
        .await
    }

    async fn recover(&mut self, me: Me, sent: i64, leap: i64) -> Answer<Option<Found>> {
        self.ask(move |model| Ok(model.recover(me, sent, leap))).await
    }

    async fn give_back(&mut self, me: Me, seq: i64) -> Answer<()> {
        self.ask(move |model| {
            model.give_back(me, seq);
            Ok(())
        })
        .await
    }

    async fn beat(&mut self, me: Me) -> Answer<Option<Beat>> {
        self.ask(move |model| Ok(model.beat(me))).await
    }

    async fn next(&mut self, _: i32, most: usize) -> Answer<Vec<i32>> {
        self.ask(move |model| Ok(model.next(most))).await
    }

    async fn left(&mut self, _: i32, from: i32, most: usize) -> Answer<Vec<i32>> {
        self.ask(move |model| Ok(model.left(from, most))).await
    }

    async fn span(&mut self, _: i32) -> Answer<(i32, i32)> {
        self.ask(|model| Ok(model.span())).await
    }

    async fn expire(&mut self, _: i32) -> Answer<Vec<i32>> {
        self.ask(|model| Ok(model.expire())).await
    }

    async fn adopt(&mut self, me: Me, most: usize, dice: f64) -> Answer<Vec<i32>> {
        self.ask(move |model| Ok(model.adopt(me, most, dice))).await
    }

    async fn pull(&mut self, _: i32, page: Page<'_>) -> Answer<Vec<Pulled>> {
        match page {
            Page::After(after, most, body) => {
                self.ask(move |model| Ok(model.pull(Page::After(after, most, body)))).await
            }
            Page::These(these) | Page::Whole(these) => {
                let these = these.to_vec();
                self.ask(move |model| Ok(model.pull(Page::These(&these)))).await
            }
        }
    }

    async fn keep_tasks(&mut self, _: i32, outcomes: &[Outcome]) -> Answer<()> {
        let outcomes = outcomes.to_vec();
        self.ask(move |model| {
            model.keep_tasks(&outcomes);
            Ok(())
        })
        .await
    }

    async fn sign_off_for(&mut self, worker: i64) -> Answer<bool> {
        self.ask(move |model| Ok(model.sign_off_for(worker))).await
    }

    async fn leave(&mut self, me: Me, seq: i64) -> Answer<bool> {
        self.ask(move |model| Ok(model.leave(me, seq))).await
    }

    async fn look(&mut self, _: i32) -> Answer<(Purse, Option<String>)> {
        self.ask(|model| Ok(model.look())).await
    }

    async fn take_lone(&mut self, me: Me, halts: i32) -> Answer<()> {
        self.ask(move |model| {
            model.take_lone(me, halts);
            Ok(())
        })
        .await
    }

    async fn leave_lone(&mut self, me: Me) -> Answer<()> {
        self.ask(move |model| {
            model.purse.leave_lone(me.worker);
            Ok(())
        })
        .await
    }

    async fn doubts(&mut self, _: i32, most: usize) -> Answer<Vec<i32>> {
        self.ask(move |model| Ok(model.doubts(most))).await
    }

    async fn halt(&mut self, _: i32, why: &str) -> Answer<()> {
        let why = why.to_owned();
        self.ask(move |model| {
            model.purse.halt(&why);
            Ok(())
        })
        .await
    }

    async fn set_aside(&mut self, me: Me, n: i32) -> Answer<()> {
        self.ask(move |model| {
            model.set_aside(me, n);
            Ok(())
        })
        .await
    }

    async fn idle(&mut self, me: Me, idle: bool) -> Answer<Company> {
        self.ask(move |model| Ok(model.idle(me, idle))).await
    }

    async fn quiet(&mut self, me: Me) -> Answer<Option<Quiet>> {
        self.ask(move |model| Ok(model.quiet(me))).await
    }

    async fn stop(&mut self, _: i32, epoch: i64) -> Answer<()> {
        self.ask(move |model| {
            model.stop(epoch);
            Ok(())
        })
        .await
    }
}
