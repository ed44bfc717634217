//! The claims at the desk: which are asked for, which wait, and which may start.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Desk, publish};
use crate::ledger::guard::MOST;
use crate::ledger::postgres::asked::Lack;
use crate::ledger::postgres::outcome::{Outcome, Wish};
use crate::ledger::postgres::tables::{Lacking, Place};
use crate::ledger::postgres::worker::Turn;
use crate::pace::{Lone, Short};

/// How often those who wait for a start look whether it is theirs.
const NEXT_START: Duration = Duration::from_millis(50);

impl<P: Place> Desk<P> {
    /// Says of the first claims, as many as were asked for, what became of them; those that have to wait
    /// stay, in their order.
    pub(super) fn grant(&mut self, turned: &Turn, asked: usize) {
        publish(&self.common, turned.common.clone());
        let (now, mut waiting) = (self.now(), VecDeque::new());
        for (wish, granted) in self.claims.drain(..asked) {
            let claimed = turned.claimed.iter().position(|claimed| *claimed == wish);
            match (claimed, turned.lack) {
                (Some(at), _) => {
                    let start = turned.starts.get(at).copied().unwrap_or_default();
                    self.starting.push_back((now + start, granted));
                }
                (None, Some(Lacking::Budget(n))) if n == wish.n => granted(Err(Lack::Budget)),
                (None, _) if turned.held.contains(&wish.n) => waiting.push_back((wish, granted)),
                (None, _) => granted(Err(Lack::Elsewhere)),
            }
        }
        self.starting.make_contiguous().sort_by_key(|(start, _)| *start);
        waiting.append(&mut self.claims);
        self.claims = waiting;
        if asked > 0 {
            self.waits_for(match turned.lack {
                Some(Lacking::Short(short)) => Some(short),
                Some(Lacking::Budget(_)) | None => None,
            });
        }
    }

    fn waits_for(&mut self, short: Option<Short>) {
        let now = self.now();
        self.short = short.map(|short| (short, now));
        self.common.send_if_modified(|common| std::mem::replace(&mut common.short, short) != short);
    }

    /// Gives out what may start now; or nothing of it, if no create starts any more.
    pub(super) fn start(&mut self) {
        let (now, closed) = (self.now(), self.why().is_some() || self.is_closed());
        while self.starting.front().is_some_and(|(start, _)| closed || *start <= now) {
            if let Some((_, granted)) = self.starting.pop_front() {
                granted(if closed { Err(Lack::Held) } else { Ok(()) });
            }
        }
    }

    /// Whether nothing is claimed: by anybody, or by this worker.
    pub(super) fn is_closed(&self) -> bool {
        let common = self.common.borrow();
        let shut = common.shut && common.lone != Lone::Ours;
        shut || common.halt.is_some() || !self.wants_more
    }

    /// Whether there is something to tell, and a claim is likely to follow.
    pub(super) fn awaits_a_claim(&self) -> bool {
        !self.tells.is_empty() && self.claims.is_empty() && !self.is_closed() && self.may_claim()
    }

    /// Whether there may be now what was short.
    pub(super) fn may_claim(&self) -> bool {
        let Some((short, since)) = self.short else { return true };
        let (common, random) = (self.common.borrow(), fastrand::f64());
        let waited = self.now().saturating_sub(since);
        self.worker.terms().may_go_on((short, &common), (waited, random))
    }

    /// When there is something to do, whoever else may want something.
    pub(super) fn wakes_at(&self) -> Option<Duration> {
        let start = self.starting.front().map(|(start, _)| *start);
        let by_itself = |short| matches!(short, Short::Rate(_) | Short::Restarted(_) | Short::Gate);
        let slot = self.short.filter(|(short, _)| by_itself(*short));
        let slot = slot.filter(|_| !self.claims.is_empty()).map(|_| self.now() + NEXT_START);
        start.into_iter().chain(slot).min()
    }

    /// What is claimed in the same statement: in their order, and nothing that is told of.
    pub(super) fn wishes(&self, outcomes: &[Outcome]) -> Vec<Wish> {
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

    pub(super) fn refuse(&mut self, lack: &Lack) {
        if !self.claims.is_empty() {
            self.waits_for(None);
        }
        self.claims.drain(..).for_each(|(_, granted)| granted(Err(lack.clone())));
    }
}
