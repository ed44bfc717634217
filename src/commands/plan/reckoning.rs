//! A plan as it is added up, one pair after the other.

use std::time::Duration;

use super::{Outlook, speed};
use crate::commands::batch::Batch;
use crate::commands::choose::Chosen;
use crate::commands::failure::Failure;
use crate::commands::nearby::Nearby;
use crate::ledger::View;
use crate::plan::{Plan, Step};
use crate::price::{Price, Rules};

/// What the pairs so far come to.
pub(super) struct Reckoning {
    pub(super) plan: Plan,
    rules: Rules,
    /// What was spent before, in the units of the budget.
    before: u64,
    /// The same with what a run would pay for so far.
    spent: u64,
    affordable: u64,
    /// How many pairs are taken up.
    most: u64,
}

impl Reckoning {
    /// Of no pair yet.
    pub(super) fn new(
        batch: &Batch,
        view: Option<&View>,
        chosen: &Chosen,
    ) -> Result<Self, Failure> {
        let rules = batch.manifest.rules();
        // Without a budget nobody is told, and nothing depends on it.
        let asked = view.filter(|_| rules.budget.is_some());
        let before = asked.map(|view| view.spent(&rules)).transpose()?.unwrap_or(0);
        let most = chosen.limit.map_or(u64::MAX, |limit| limit as u64);
        Ok(Self { plan: Plan::default(), rules, before, spent: before, affordable: 0, most })
    }

    /// What becomes of a pair for which a run would do this, if it is wanted.
    pub(super) fn chosen(&self, step: Step, wanted: bool) -> Step {
        let is_taken_up = wanted && self.plan.of(Step::Create).pairs < self.most;
        if step == Step::Create && !is_taken_up { Step::LeftOut } else { step }
    }

    /// Counts a pair of which it is known what a run would do with it.
    pub(super) fn add(&mut self, step: Step, audio: Option<Duration>, price: Option<Price>) {
        self.plan.count(step, audio, price);
        self.afford(step, audio, price);
    }

    /// Pays for a pair that was counted, if it is to be created and the money is there.
    pub(super) fn afford(&mut self, step: Step, audio: Option<Duration>, price: Option<Price>) {
        if step != Step::Create || !self.rules.limit() {
            return;
        }
        let charge = self.rules.charge_at(audio, price);
        if self.rules.allow(self.spent, charge).is_ok() {
            self.spent = self.spent.saturating_add(self.rules.spent(charge));
            self.affordable += 1;
        }
    }

    pub(super) fn conclude(self, batch: &Batch, view: Option<&View>) -> Result<Outlook, Failure> {
        let Self { plan, rules, before, affordable, .. } = self;
        let (answer, task) = view.map(View::paces).transpose()?.unwrap_or_default();
        let speed = speed(&batch.manifest, answer, task);
        Ok(Outlook {
            takes: speed.takes(plan.of(Step::Create).pairs, plan.of(Step::Wait).pairs),
            observed: task.is_some(),
            budget: rules.budget.map(|budget| (rules.amount(before), budget)),
            affordable: rules.limit().then_some(affordable),
            plan,
            steps: Vec::new(),
            unsent: Vec::new(),
            renamed: 0,
            nearby: Nearby::default(),
        })
    }
}
