//! The pairs of the tables as values: each is found by its number, and those of a worker, or that are planned,
//! without a look at all.

use std::collections::{BTreeMap, BTreeSet};

use callsheet::state::State;

/// A pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: State,
    pub(crate) attempt: i32,
    pub(crate) worker: Option<i64>,
    pub(crate) turn: Option<i64>,
    pub(crate) cost: i64,
}

/// All of them, from 0.
#[derive(Debug, Clone)]
pub(crate) struct Pairs {
    all: Vec<Standing>,
    planned: BTreeSet<i32>,
    /// By whose they are, and their state.
    held: BTreeMap<(i64, State), BTreeSet<i32>>,
}

impl Pairs {
    pub(crate) fn planned(count: usize) -> Self {
        let planned =
            Standing { state: State::Planned, attempt: 0, worker: None, turn: None, cost: 0 };
        let mut pairs =
            Self { all: vec![planned; count], planned: BTreeSet::new(), held: BTreeMap::new() };
        pairs.planned = pairs.numbers().collect();
        pairs
    }

    pub(crate) fn get(&self, n: i32) -> Option<&Standing> {
        self.all.get(usize::try_from(n).ok()?)
    }

    /// Nothing, where there is no such pair.
    pub(crate) fn change<T>(
        &mut self,
        n: i32,
        change: impl FnOnce(&mut Standing) -> T,
    ) -> Option<T> {
        let pair = self.all.get_mut(usize::try_from(n).ok()?)?;
        let before = (pair.state, pair.worker);
        let changed = change(pair);
        let after = (pair.state, pair.worker);
        if before != after {
            self.index(n, before, false);
            self.index(n, after, true);
        }
        Some(changed)
    }

    fn index(&mut self, n: i32, (state, worker): (State, Option<i64>), found: bool) {
        let set = |numbers: &mut BTreeSet<i32>| match found {
            true => numbers.insert(n),
            false => numbers.remove(&n),
        };
        if state == State::Planned {
            set(&mut self.planned);
        }
        if let Some(worker) = worker {
            set(self.held.entry((worker, state)).or_default());
        }
    }

    /// Those of a worker in a state, in their order.
    pub(crate) fn held(&self, worker: i64, state: State) -> impl Iterator<Item = i32> {
        self.held.get(&(worker, state)).into_iter().flatten().copied()
    }

    /// Those that are planned, in their order, from this one on.
    pub(crate) fn planned_from(&self, n: i32) -> impl DoubleEndedIterator<Item = i32> {
        self.planned.range(n..).copied()
    }

    pub(crate) fn numbers(&self) -> std::ops::Range<i32> {
        0..i32::try_from(self.all.len()).unwrap()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Standing> {
        self.all.iter()
    }
}
