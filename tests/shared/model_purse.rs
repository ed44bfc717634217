//! What all workers have in common, in the tables as values.

use std::collections::BTreeMap;
use std::time::Duration;

use callsheet::ledger::postgres::tables::{Asks, Lacking, Me, Purse};
use callsheet::pace::{Heard, Short, Terms};
use callsheet::state::State;

/// How far ahead a start is given out.
const AHEAD: Duration = Duration::from_secs(1);

/// The purse's row, but for the money.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    under_way: i64,
    unfinished: i64,
    doubts: i64,
    accepted: i64,
    run: i64,
    opens: Duration,
    version: i64,
    in_row: u32,
    answered: i64,
    shut: bool,
    lone: Option<i64>,
    alone: u32,
    halts: i32,
    halt: Option<String>,
    /// Which server was there last, and until when nobody claims after another.
    server: u64,
    quiet: Duration,
}

/// Pairs in doubt, and during which run they came to be.
pub(crate) type Doubts = BTreeMap<i32, i64>;

/// What stands beside the purse when something is claimed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) now: Duration,
    /// Whether some of what is told gives money back.
    pub(crate) gives_back: bool,
    /// Of all that live.
    pub(crate) places: i64,
    /// What is left of the budget.
    pub(crate) money: Option<i64>,
    /// Which server it is, and for how long others may learn that it is an older one.
    pub(crate) server: u64,
    pub(crate) rest: Duration,
}

/// Which wishes there is room for.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    pub(crate) taken: Vec<i32>,
    pub(crate) starts: Vec<Duration>,
    pub(crate) held: Vec<i32>,
    pub(crate) lack: Option<Lacking>,
}

fn is_task(state: State) -> bool {
    matches!(state, State::Created | State::Completed | State::Saved | State::Failed)
}

impl Counted {
    /// A pair moves.
    pub(crate) fn moved(&mut self, doubts: &mut Doubts, n: i32, (from, to): (State, State)) {
        let count = |of: fn(State) -> bool| i64::from(of(to)) - i64::from(of(from));
        self.under_way += count(|state| state == State::Sending);
        self.unfinished += count(|state| matches!(state, State::Sending | State::Created));
        self.accepted += count(is_task);
        if to == State::InDoubt && from != to {
            doubts.insert(n, self.run);
            self.doubts += 1;
        }
        if from == State::InDoubt && from != to {
            self.doubts -= i64::from(doubts.remove(&n) == Some(self.run));
        }
    }

    /// Tasks that take no place, or take one again.
    pub(crate) fn counts_unfinished(&mut self, more: i64) {
        self.unfinished += more;
    }

    pub(crate) fn begins(&mut self) {
        *self = Self {
            run: self.run + 1,
            doubts: 0,
            accepted: 0,
            alone: 0,
            lone: None,
            version: self.version + 1,
            ..self.clone()
        };
    }

    pub(crate) const fn halts(&self) -> i32 {
        self.halts
    }

    /// What was heard; says whether there was anything.
    fn hears(&mut self, me: Me, heard: Heard, places: i64) {
        let (before, reopens) =
            (self.in_row, self.lone == Some(me.worker) && heard.alone == Some(true));
        self.in_row = if heard.answered { 0 } else { before };
        self.in_row += if self.shut { 0 } else { heard.doubts };
        self.answered += i64::from(heard.answered && (before > 0 || self.shut));
        if self.lone == Some(me.worker) && heard.alone == Some(false) {
            self.alone += 1;
        }
        if reopens {
            (self.shut, self.lone, self.alone) = (false, None, 0);
        } else if heard.doubts > 0 && i64::from(self.in_row) >= places.clamp(1, 3) {
            self.shut = true;
        }
    }

    /// Takes in what is heard, and has room for the first of these wishes: of each what more it costs, and
    /// whether it is one of a pair that the worker has claimed before.
    pub(crate) fn admit(
        &mut self,
        (me, asks): (Me, Asks<'_>),
        picked: &[(i32, i64, bool)],
        beside: Beside,
    ) -> (Admitted, Purse) {
        self.hears(me, asks.heard, beside.places);
        let is_restarted = self.server != beside.server;
        if is_restarted {
            (self.server, self.quiet) = (beside.server, beside.now + beside.rest);
        }
        let rest = self.quiet.saturating_sub(beside.now);
        let Terms { in_flight, max_doubts, apart, .. } = asks.terms;
        let usual = beside.places + 20 + self.accepted.max(0) / 50;
        let most = max_doubts.map_or(usual, i64::from);
        let in_doubt = self.doubts;
        let opens = self.opens.max(beside.now);
        let tasks = in_flight.map_or(1000, |most| i64::from(most) - self.unfinished);
        let free = self
            .gate((me, asks.halts), picked)
            .min(most - in_doubt - self.under_way)
            .min(tasks)
            .min(if rest.is_zero() { 1000 } else { 0 })
            .min(slots(opens, beside.now, apart));
        let (mut admitted, mut total, mut claims) = (Admitted::default(), 0, 0);
        for (at, (n, cost, _)) in (0_i64..).zip(picked) {
            total += cost;
            let is_paid = beside.money.is_none_or(|money| total <= money);
            if at < free && is_paid {
                admitted.starts.push(opens - beside.now + apart.unwrap_or_default() * claims);
                admitted.taken.push(*n);
                claims += 1;
            } else {
                let lack =
                    if at < free { Lacking::Budget(*n) } else { Lacking::Short(Short::Gate) };
                admitted.lack.get_or_insert(lack);
                admitted.held.push(*n);
            }
        }
        let (under_way, unfinished) =
            (self.under_way + i64::from(claims), self.unfinished + i64::from(claims));
        let next = opens + apart.unwrap_or_default() * claims;
        if let Some(Lacking::Short(short)) = &mut admitted.lack {
            *short = if self.halts > asks.halts {
                Short::Gate
            } else if !rest.is_zero() {
                Short::Restarted(rest)
            } else if in_doubt + under_way >= most {
                Short::Doubts(whole(in_doubt) + whole(under_way))
            } else if self.shut {
                Short::Gate
            } else if in_flight.is_some_and(|most| unfinished >= i64::from(most)) {
                Short::InFlight(whole(unfinished))
            } else {
                Short::Rate(next.saturating_sub(beside.now + AHEAD))
            };
        }
        if claims > 0 && apart.is_some() {
            self.opens = next;
        }
        let heard = asks.heard;
        let has_heard = heard.answered || heard.doubts > 0 || heard.alone.is_some();
        self.version += i64::from(claims > 0 || beside.gives_back || has_heard || is_restarted);
        let purse = Purse {
            under_way: whole(under_way),
            unfinished: whole(unfinished),
            doubts: whole(in_doubt),
            usual_doubts: whole(usual),
            ..self.purse(0)
        };
        (admitted, purse)
    }

    fn gate(&self, (me, halts): (Me, i32), picked: &[(i32, i64, bool)]) -> i64 {
        let again = picked.iter().filter(|(.., again)| *again).count();
        let nothing_else = self.under_way <= i64::try_from(again).unwrap();
        match (self.halts > halts, self.shut) {
            (true, _) => 0,
            (false, false) => 1000,
            (false, true) => i64::from(self.lone == Some(me.worker) && nothing_else),
        }
    }

    pub(crate) fn purse(&self, places: i64) -> Purse {
        Purse {
            version: self.version,
            shut: self.shut,
            lone: self.lone,
            row: self.in_row,
            alone: self.alone,
            answered: self.answered,
            under_way: whole(self.under_way),
            unfinished: whole(self.unfinished),
            doubts: whole(self.doubts),
            usual_doubts: whole(places + 20 + self.accepted.max(0) / 50),
            halts: self.halts,
            halt: self.halt.clone(),
        }
    }

    pub(crate) fn take_lone(&mut self, worker: i64, halts: i32, is_free: bool) {
        if self.under_way == 0 && self.halts <= halts && self.lone != Some(worker) && is_free {
            (self.lone, self.shut, self.version) = (Some(worker), true, self.version + 1);
        }
    }

    pub(crate) fn leave_lone(&mut self, worker: i64) {
        if self.lone == Some(worker) {
            (self.lone, self.version) = (None, self.version + 1);
        }
    }

    pub(crate) fn halt(&mut self, why: &str) {
        (self.halts, self.halt) = (self.halts + 1, Some(why.to_owned()));
        (self.alone, self.lone, self.version) = (0, None, self.version + 1);
    }

    pub(crate) const fn lone(&self) -> Option<i64> {
        self.lone
    }
}

fn slots(opens: Duration, now: Duration, apart: Option<Duration>) -> i64 {
    let Some(apart) = apart else { return 1000 };
    match (now + AHEAD).checked_sub(opens) {
        Some(ahead) => i64::try_from(ahead.as_nanos() / apart.as_nanos()).unwrap() + 1,
        None => 0,
    }
}

fn whole(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
