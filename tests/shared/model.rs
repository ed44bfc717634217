//! The tables as values: what PostgreSQL's statements do, written a second time, without PostgreSQL.
//!
//! [`same`](super::same) holds the two against each other; the simulation stands on this one. It holds one
//! batch.

use std::collections::{BTreeMap, BTreeSet, btree_map};
use std::time::Duration;

use callsheet::ledger::postgres::tables::{
    Answer, Asks, Beat, Company, Done, Entered, Entry, Found, Me, Purse, Quiet,
};
use callsheet::ledger::postgres::{Outcome, Page, Pulled, SharedError, Wish};
use callsheet::state::State;

use super::model_pairs::{Pairs, Standing};
use super::model_purse::{Beside, Counted, Doubts};

/// A process at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) beats: i64,
    pub(crate) until: Duration,
    lease: Duration,
    concurrency: i64,
    pub(crate) idle: bool,
    pub(crate) over: bool,
    pub(crate) ended: bool,
}

/// What a statement that is undone had changed.
struct Saved {
    pairs: Vec<(i32, Standing)>,
    records: Vec<(i32, Option<(i32, String)>)>,
    fresh: Vec<String>,
    purse: Counted,
    doubts: Vec<(i32, Option<i64>)>,
    aside: BTreeSet<i32>,
}

/// A batch, and all that is known of it.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) batch: i32,
    pub(crate) pairs: Pairs,
    /// By pair.
    records: Vec<Option<(i32, String)>>,
    pub(crate) tasks: BTreeMap<String, (i32, i32)>,
    /// The same by their pairs, with their attempts.
    tasks_of: Vec<BTreeMap<String, i32>>,
    pub(crate) workers: BTreeMap<i64, Row>,
    pub(crate) budget: Option<i64>,
    pub(crate) reserved: i64,
    pub(crate) handed: i32,
    pub(crate) epoch: i64,
    pub(crate) stopped: Option<String>,
    pub(crate) purse: Counted,
    doubts: Doubts,
    /// Pairs whose tasks take no place.
    aside: BTreeSet<i32>,
    /// Which server it is in.
    pub(crate) server: u64,
    /// What the server's clock shows.
    pub(crate) now: Duration,
}

impl Model {
    pub(crate) fn of(count: usize, budget: Option<i64>) -> Self {
        Self {
            batch: 1,
            pairs: Pairs::planned(count),
            records: vec![None; count],
            tasks: BTreeMap::new(),
            tasks_of: vec![BTreeMap::new(); count],
            workers: BTreeMap::new(),
            budget,
            reserved: 0,
            handed: 0,
            epoch: 7,
            stopped: None,
            purse: Counted::default(),
            doubts: Doubts::new(),
            aside: BTreeSet::new(),
            server: 0,
            now: Duration::ZERO,
        }
    }

    pub(crate) fn enter(&mut self, entry: &Entry<'_>) -> Entered {
        let concurrency = i64::from(entry.concurrency);
        if concurrency > 0 && self.places() == 0 {
            self.purse.begins();
        }
        let (until, lease) = (self.now + entry.lease, entry.lease);
        let (idle, over, ended) = (false, false, false);
        let row = Row { seq: 0, beats: 0, until, lease, concurrency, idle, over, ended };
        self.workers.insert(entry.me.worker, row);
        let (stopped, halts) = (self.stopped.clone(), self.purse.halts());
        Entered { epoch: self.epoch, stopped, mark: 1, halts }
    }

    pub(crate) fn turn(&mut self, me: Me, asks: Asks<'_>) -> Answer<Option<Done>> {
        let Some(own) = self.workers.get(&me.worker).filter(|own| own.seq == asks.seq) else {
            return Ok(None);
        };
        let live = self.now < own.until && !own.over;
        let before = self.save(asks);
        let places = self.places();
        let (settled, given_back) = self.settle(me, asks.outcomes);
        let may_claim = live && self.stopped.is_none();
        let picked = self.pick(me, if may_claim { asks.wishes } else { &[] });
        let (now, gives_back) = (self.now, given_back > 0);
        let money = self.budget.map(|budget| budget - self.reserved + given_back);
        let others = self.workers.iter().filter(|(worker, own)| **worker != me.worker && !own.over);
        let lease = others.map(|(_, own)| own.lease).max().unwrap_or_default();
        let (server, rest) = (self.server, lease * 2 / 3);
        let beside = Beside { now, gives_back, places, money, server, rest };
        let (admitted, mut purse) = self.purse.admit((me, asks), &picked, beside);
        let spent = picked.iter().filter(|(n, ..)| admitted.taken.contains(n));
        let reserved = self.reserved + spent.map(|(_, cost, _)| cost).sum::<i64>() - given_back;
        let is_late = !admitted.taken.is_empty() && asks.epoch != self.epoch;
        if reserved < 0 || is_late {
            self.undo(before);
            return Err(refused(if reserved < 0 { "purse_reserved_check" } else { "same_epoch" }));
        }
        self.reserved = reserved;
        self.claim((me, asks.seq), asks.wishes, &admitted.taken);
        purse.lone = purse.lone.filter(|worker| self.lives(*worker));
        self.renew(me, live, |own| own.seq += 1);
        let (seq, stopped, claimed) = (asks.seq + 1, self.stopped.clone(), admitted.taken);
        let (starts, held, lack) = (admitted.starts, admitted.held, admitted.lack);
        Ok(Some(Done { seq, live, stopped, settled, claimed, starts, held, lack, purse }))
    }

    /// Of all that live.
    fn places(&self) -> i64 {
        let live = self.workers.values().filter(|own| !own.over && self.now < own.until);
        live.map(|own| own.concurrency).sum()
    }

    fn lives(&self, worker: i64) -> bool {
        self.workers.get(&worker).is_some_and(|own| !own.over && self.now < own.until)
    }

    /// A pair moves, and the purse counts it.
    fn stand(&mut self, n: i32, state: State) {
        let Some(from) = self.pairs.change(n, |pair| std::mem::replace(&mut pair.state, state))
        else {
            return;
        };
        self.purse.moved(&mut self.doubts, n, (from, state));
        if state != State::Created && self.aside.remove(&n) {
            self.purse.counts_unfinished(1);
        }
    }

    pub(crate) fn look(&self) -> (Purse, Option<String>) {
        let purse = self.purse.purse(self.places());
        let lone = purse.lone.filter(|worker| self.lives(*worker));
        (Purse { lone, ..purse }, self.stopped.clone())
    }

    pub(crate) fn doubts(&self, most: usize) -> Vec<i32> {
        self.doubts.keys().rev().take(most).copied().collect()
    }

    pub(crate) fn take_lone(&mut self, me: Me, halts: i32) {
        let is_free = self.purse.lone().is_none_or(|worker| !self.lives(worker));
        self.purse.take_lone(me.worker, halts, is_free && self.lives(me.worker));
    }

    fn save(&self, asks: Asks<'_>) -> Saved {
        let told = asks.outcomes.iter().map(|outcome| outcome.slip.n);
        let numbers = told.chain(asks.wishes.iter().map(|wish| wish.n));
        let tasks = asks.outcomes.iter().filter_map(|outcome| outcome.task.as_ref());
        let fresh = tasks.filter(|task| !self.tasks.contains_key(task.as_str()));
        Saved {
            pairs: numbers.filter_map(|n| Some((n, self.pairs.get(n)?.clone()))).collect(),
            records: asks
                .outcomes
                .iter()
                .map(|outcome| outcome.slip.n)
                .filter_map(|n| Some((n, self.records.get(at(n))?.clone())))
                .collect(),
            fresh: fresh.map(ToString::to_string).collect(),
            purse: self.purse.clone(),
            aside: self.aside.clone(),
            doubts: asks
                .outcomes
                .iter()
                .map(|outcome| (outcome.slip.n, self.doubts.get(&outcome.slip.n).copied()))
                .collect(),
        }
    }

    fn undo(&mut self, saved: Saved) {
        for (n, pair) in saved.pairs {
            self.pairs.change(n, |now| *now = pair);
        }
        for (n, record) in saved.records {
            self.records[at(n)] = record;
        }
        for task in saved.fresh {
            if let Some((n, _)) = self.tasks.remove(&task) {
                self.tasks_of[at(n)].remove(&task);
            }
        }
        (self.purse, self.aside) = (saved.purse, saved.aside);
        for (n, run) in saved.doubts {
            match run {
                Some(run) => drop(self.doubts.insert(n, run)),
                None => drop(self.doubts.remove(&n)),
            }
        }
    }

    /// Where the pairs stand that were told of, and the money that comes back.
    fn settle(&mut self, me: Me, outcomes: &[Outcome]) -> (Vec<(i32, State)>, i64) {
        let of = |task: &str| self.tasks.get(task).map(|(n, _)| *n);
        let known: Vec<_> = outcomes
            .iter()
            .map(|one| one.task.as_ref().and_then(|task| of(task.as_str())))
            .collect();
        let fresh = self.keep_tasks(outcomes);
        let (mut settled, mut given_back) = (BTreeMap::new(), 0);
        for (Outcome { slip, state, task, gives_back, record }, known) in outcomes.iter().zip(known)
        {
            let Some(pair) = self.pairs.get(slip.n).cloned() else { continue };
            let is_theirs = pair.worker == Some(slip.holder)
                || pair.state == State::Planned && *state != State::InDoubt;
            let is_old = *state == State::Created && slip.holder != me.worker;
            let is_answered =
                matches!(pair.state, State::Created | State::Completed | State::Saved);
            let decides =
                !matches!(state, State::Created | State::Completed | State::Saved | State::Failed);
            // A later create that made nothing: the one before made none either.
            let is_later = pair.state == State::Sending
                && pair.attempt < slip.attempt
                && pair.worker == Some(slip.holder)
                && *state == State::Planned
                && *gives_back;
            let is_of = pair.attempt == slip.attempt || is_later;
            if !is_of || !is_theirs || is_answered && (decides || is_old) {
                continue;
            }
            let was_open = matches!(pair.state, State::Sending | State::InDoubt);
            let belongs_to_another =
                task.is_some() && !fresh.contains(&slip.n) && known != Some(slip.n);
            let state = if !decides && belongs_to_another { State::InDoubt } else { *state };
            let is_none_made = matches!(state, State::Planned | State::Saved | State::Rejected);
            if was_open && is_none_made && *gives_back {
                given_back += pair.cost;
            }
            self.pairs.change(slip.n, |pair| (pair.worker, pair.turn) = (Some(me.worker), None));
            self.stand(slip.n, state);
            settled.insert(slip.n, state);
            self.records[at(slip.n)] = Some((pair.attempt, record.clone()));
        }
        (settled.into_iter().collect(), given_back)
    }

    /// The wishes that may come true, in their order: what more each costs, and whether its pair is this
    /// worker's already.
    fn pick(&self, me: Me, wishes: &[Wish]) -> Vec<(i32, i64, bool)> {
        let pick = |wish: &Wish| {
            let pair = self.pairs.get(wish.n)?;
            let held = pair.state == State::Sending && pair.worker == Some(me.worker);
            let may = (held || pair.state == State::Planned) && pair.attempt < wish.attempt;
            may.then(|| (wish.n, wish.cost - if held { pair.cost } else { 0 }, held))
        };
        let mut picked: Vec<_> = wishes.iter().filter_map(pick).collect();
        picked.sort_unstable();
        picked
    }

    fn claim(&mut self, (me, seq): (Me, i64), wishes: &[Wish], taken: &[i32]) {
        for wish in wishes.iter().filter(|wish| taken.contains(&wish.n)) {
            self.stand(wish.n, State::Sending);
            let claimed = Standing {
                state: State::Sending,
                attempt: wish.attempt,
                worker: Some(me.worker),
                turn: Some(seq),
                cost: wish.cost,
            };
            self.pairs.change(wish.n, |pair| *pair = claimed);
        }
    }

    fn renew(&mut self, me: Me, live: bool, count: impl FnOnce(&mut Row)) {
        if let Some(own) = self.workers.get_mut(&me.worker) {
            count(own);
            if live {
                own.until = self.now + own.lease;
            }
        }
    }

    pub(crate) fn recover(&mut self, me: Me, sent: i64, leap: i64) -> Option<Found> {
        let own = self.workers.get_mut(&me.worker)?;
        let seq = own.seq;
        if seq >= sent {
            own.seq += leap;
        }
        Some(Found { seq, moved: (seq >= sent).then_some(own.seq) })
    }

    pub(crate) fn give_back(&mut self, me: Me, seq: i64) {
        let open = [State::Sending, State::InDoubt];
        let held = open.into_iter().flat_map(|state| self.pairs.held(me.worker, state));
        let claimed = held.filter_map(|n| {
            let pair = self.pairs.get(n)?;
            (pair.turn == Some(seq)).then_some((n, pair.cost))
        });
        let claimed: Vec<_> = claimed.collect();
        for (n, cost) in claimed {
            self.reserved -= cost;
            self.stand(n, State::Planned);
        }
    }

    pub(crate) fn beat(&mut self, me: Me) -> Option<Beat> {
        let own = self.workers.get(&me.worker)?;
        let live = self.now < own.until && !own.over;
        let (seq, beats) = (own.seq, own.beats + 1);
        self.renew(me, live, |own| own.beats += 1);
        Some(Beat { seq, beats, live, stopped: self.stopped.clone() })
    }

    pub(crate) fn next(&mut self, most: usize) -> Vec<i32> {
        let named = self.left(self.handed, most);
        self.handed = named.last().map_or(self.handed, |last| last + 1);
        named
    }

    pub(crate) fn left(&self, from: i32, most: usize) -> Vec<i32> {
        self.pairs.planned_from(from).take(most).collect()
    }

    pub(crate) fn expire(&mut self) -> Vec<i32> {
        let dead: Vec<_> = self.dead().collect();
        for (_, own) in self.workers.iter_mut().filter(|(worker, _)| dead.contains(worker)) {
            own.over = true;
        }
        let held = dead.iter().flat_map(|worker| self.pairs.held(*worker, State::Sending));
        let mut lost: Vec<_> = held.collect();
        lost.sort_unstable();
        for n in &lost {
            self.stand(*n, State::InDoubt);
        }
        lost
    }

    fn dead(&self) -> impl Iterator<Item = i64> {
        let dead = self.workers.iter().filter(|(_, own)| !own.over && own.until < self.now);
        dead.map(|(worker, _)| *worker)
    }

    pub(crate) fn adopt(&mut self, me: Me, most: usize, dice: f64) -> Vec<i32> {
        let live = self.workers.values().filter(|own| !own.over && self.now < own.until).count();
        #[expect(clippy::cast_precision_loss, reason = "few workers")]
        if dice * live as f64 >= 16.0 {
            return Vec::new();
        }
        let gone = self
            .workers
            .iter()
            .filter(|(worker, own)| **worker != me.worker && (own.over || own.until < self.now));
        let left = |worker| {
            let tasks = [State::Created, State::Completed];
            let held = tasks.map(|state| self.pairs.held(worker, state).take(most));
            held.into_iter().flatten()
        };
        let mut picked: Vec<_> = gone.flat_map(|(worker, _)| left(*worker)).collect();
        // Of many, the first ones are found before those are sorted.
        if picked.len() > most {
            picked.select_nth_unstable(most);
            picked.truncate(most);
        }
        picked.sort_unstable();
        for n in &picked {
            self.pairs.change(*n, |pair| (pair.worker, pair.turn) = (Some(me.worker), None));
        }
        if let Some(own) = self.workers.get_mut(&me.worker) {
            own.idle &= picked.is_empty();
        }
        picked
    }

    pub(crate) fn set_aside(&mut self, me: Me, n: i32) {
        let is_own =
            |pair: &Standing| pair.worker == Some(me.worker) && pair.state == State::Created;
        if self.pairs.get(n).is_some_and(is_own) && self.aside.insert(n) {
            self.purse.counts_unfinished(-1);
        }
    }

    pub(crate) fn idle(&mut self, me: Me, idle: bool) -> Company {
        if let Some(own) = self.workers.get_mut(&me.worker) {
            own.idle = idle;
        }
        let others = self.workers.iter().filter(|(worker, own)| {
            **worker != me.worker && !own.over && own.concurrency > 0 && self.now < own.until
        });
        let (alive, busy) =
            others.fold((0, 0), |(alive, busy), (_, own)| (alive + 1, busy + u32::from(!own.idle)));
        Company { alive, busy }
    }

    pub(crate) fn pull(&self, page: Page<'_>) -> Vec<Pulled> {
        match page {
            Page::After(after, most, _) => {
                let those = (after + 1).max(0)..self.pairs.numbers().end;
                those.take(most).filter_map(|n| self.pulled(n)).collect()
            }
            Page::These(these) | Page::Whole(these) => {
                let these: BTreeSet<_> = these.iter().copied().collect();
                these.into_iter().filter_map(|n| self.pulled(n)).collect()
            }
        }
    }

    fn pulled(&self, n: i32) -> Option<Pulled> {
        let pair = self.pairs.get(n)?;
        let is_task =
            matches!(pair.state, State::Created | State::Completed | State::Saved | State::Failed);
        let record = self.records[at(n)].as_ref();
        let is_told = |task: &str| {
            record.is_none_or(|(_, record)| record.split('"').any(|part| part == task))
        };
        let given = self.tasks_of[at(n)].iter();
        let late =
            given.filter(|(task, attempt)| **attempt < pair.attempt || !is_task || !is_told(task));
        let worker = pair.worker.and_then(|worker| self.workers.get(&worker));
        Some(Pulled {
            n,
            id: format!("pair-{n}"),
            take: 1,
            body: None,
            state: pair.state,
            attempt: pair.attempt,
            worker: pair.worker,
            held: worker.is_some_and(|own| !own.over && self.now < own.until),
            signed_off: worker.is_none_or(|own| own.ended),
            late: late.map(|(task, attempt)| (task.clone(), *attempt)).collect(),
            listed: true,
            record: record.cloned(),
        })
    }

    /// Gives the pairs of which an id was news.
    pub(crate) fn keep_tasks(&mut self, outcomes: &[Outcome]) -> Vec<i32> {
        let mut fresh = Vec::new();
        for Outcome { slip, task, .. } in outcomes {
            let Some(task) = task else { continue };
            if let btree_map::Entry::Vacant(place) = self.tasks.entry(task.as_str().to_owned()) {
                fresh.push(slip.n);
                let of_pair = &mut self.tasks_of[at(slip.n)];
                of_pair.insert(task.as_str().to_owned(), slip.attempt);
                place.insert((slip.n, slip.attempt));
            }
        }
        fresh
    }

    pub(crate) fn sign_off_for(&mut self, worker: i64) -> bool {
        let Some(own) = self.workers.get_mut(&worker) else { return false };
        (own.over, own.ended, own.seq) = (true, true, own.seq + 1);
        for n in self.pairs.held(worker, State::Sending).collect::<Vec<_>>() {
            self.stand(n, State::InDoubt);
        }
        true
    }

    pub(crate) fn leave(&mut self, me: Me, seq: i64) -> bool {
        let has_left = self.pairs.held(me.worker, State::Sending).next().is_none();
        let may = has_left && self.workers.get(&me.worker).is_some_and(|own| own.seq == seq);
        may && self.sign_off_for(me.worker)
    }

    pub(crate) fn quiet(&self, me: Me) -> Option<Quiet> {
        let others = || self.workers.iter().filter(|(worker, _)| **worker != me.worker);
        let seq = self.workers.get(&me.worker)?.seq;
        let all_ended = others().all(|(_, own)| own.ended);
        all_ended.then(|| Quiet { others: i64::try_from(others().count()).unwrap(), seq })
    }

    pub(crate) fn stop(&mut self, epoch: i64) {
        self.epoch = epoch;
        self.stopped = Some("the database went back in time".to_owned());
    }

    pub(crate) fn span(&self) -> (i32, i32) {
        let mut planned = self.pairs.planned_from(0);
        let first = planned.next();
        let last = planned.next_back().or(first);
        (first.unwrap_or(0), last.map_or(0, |last| last + 1))
    }
}

fn at(n: i32) -> usize {
    usize::try_from(n).unwrap()
}

fn refused(constraint: &str) -> SharedError {
    let (code, message) = ("23514".to_owned(), constraint.to_owned());
    SharedError::Refused { code, constraint: Some(constraint.to_owned()), message }
}
