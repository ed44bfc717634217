//! What the ledger cannot tell about a fan-out.

use std::sync::Arc;

use crate::price::Refusal;

/// What the ledger cannot tell about a fan-out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Pairs that may not be paid for: how many, and the first of them.
    pub not_affordable: NotAffordable,
    /// The first pair that the budget had not enough left for, and how much it had.
    pub beyond_budget: Option<(Arc<str>, Refusal)>,
    /// The accepted create that was to show whether the service honours keys, and may not be paid for
    /// once more.
    pub no_trial: Option<(Arc<str>, Refusal)>,
}

impl Outcome {
    /// What both came to, one after the other: the second has tried again what the first left.
    #[must_use]
    pub fn then(self, second: Self) -> Self {
        let not_affordable = match second.not_affordable.pairs {
            0 => self.not_affordable,
            _ => second.not_affordable,
        };
        Self {
            not_affordable,
            beyond_budget: second.beyond_budget.or(self.beyond_budget),
            no_trial: second.no_trial.or(self.no_trial),
        }
    }
}

/// Pairs that may not be paid for whatever is left of the budget; others were sent.
#[derive(Debug, Default)]
pub struct NotAffordable {
    /// How many.
    pub pairs: u64,
    /// The first of them, and why.
    pub first: Vec<(Arc<str>, Refusal)>,
}

impl NotAffordable {
    /// How many are named.
    const KEPT: usize = 10;

    pub(super) fn note(&mut self, id: &Arc<str>, refusal: Refusal) {
        self.pairs += 1;
        if self.first.len() < Self::KEPT {
            self.first.push((id.clone(), refusal));
        }
    }
}
