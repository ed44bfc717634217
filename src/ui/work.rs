//! What the progress of a run is told: first what lies before it, then what its changes do not tell.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::{Links, Tally};
use crate::cli::Until;
use crate::price::Amount;
use crate::stage::Held;

/// What a run has before it.
#[derive(Debug)]
pub struct Work {
    /// How many pairs it has work with.
    pub pairs: u64,
    /// How many of them it creates.
    pub creates: u64,
    /// How far it takes them.
    pub until: Until,
    /// The tasks that are waited for from before, and since when.
    pub tasks: Vec<(Arc<str>, Timestamp)>,
    /// The links that it knows from before.
    pub links: Links,
    /// Where its pairs stand.
    pub tally: Tally,
    /// What may be spent, and the name of the money.
    pub budget: Option<(Amount, String)>,
    /// From one line to the next, where nothing can be drawn.
    pub every: Duration,
}

/// What the run knows at a moment and its changes do not tell.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// What holds creates back.
    pub held: Option<Held>,
    /// Creates that wait for their answers.
    pub under_way: u64,
    /// What is spent of the budget, if there is one.
    pub spent: Option<Amount>,
}
