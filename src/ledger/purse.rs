//! The money of a batch: each create takes what it costs before its intent is written, and gets it
//! back only with a proof that nothing was made.

use std::sync::atomic::Ordering;

use rusqlite::Row;

use super::{LedgerError, Store, View};
use crate::price::{Amount, Charge, Money, Refusal, Rules};
use crate::state::{Event, State};

/// What is spent while a run goes on, in the unit of the budget. Part of the transaction that
/// writes the intent or the outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Purse {
    rules: Rules,
    spent: u64,
}

impl Purse {
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    pub(super) fn spent(&self) -> u64 {
        self.spent
    }

    pub(super) fn take(&mut self, charge: Charge) -> Result<(), Refusal> {
        self.rules.allow(self.spent, charge)?;
        self.spent = self.spent.saturating_add(self.rules.spent(charge));
        Ok(())
    }

    pub(super) fn give_back(&mut self, charge: Charge) {
        self.spent = self.spent.saturating_sub(self.rules.spent(charge));
    }
}

impl Store {
    /// Lets no intent pass these rules from now on.
    ///
    /// # Errors
    /// When what was spent before cannot be read.
    pub fn limit(&mut self, rules: Rules) -> Result<(), LedgerError> {
        // Adding up a million creates takes a moment, and without a budget nothing is compared with it.
        let spent = rules.budget.map(|_| self.view()?.spent(&rules)).transpose()?.unwrap_or(0);
        self.purse = Purse { rules, spent };
        self.spent.store(spent, Ordering::Relaxed);
        Ok(())
    }
}

impl View {
    /// What is spent or reserved as an amount of the budget's kind; nothing without a budget.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn spent_of_budget(&self, rules: &Rules) -> Result<Option<Amount>, LedgerError> {
        let spent = rules.budget.map(|_| self.spent(rules)).transpose()?;
        Ok(spent.map(|spent| rules.amount(spent)))
    }

    /// What all creates come to that made something, or may have, in the units of the budget. A
    /// person's verdict changes nothing here: a doubt that was resolved to be sent again may still
    /// have been paid.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn spent(&self, rules: &Rules) -> Result<u64, LedgerError> {
        let spent = |(charge, count): (Charge, u64)| rules.spent(charge).saturating_mul(count);
        Ok(self.charges()?.into_iter().map(spent).fold(0, u64::saturating_add))
    }

    /// The charges of those creates, and how many there are of each.
    pub(super) fn charges(&self) -> Result<Vec<(Charge, u64)>, LedgerError> {
        let sql = "SELECT seconds, price, count(*) FROM (
                SELECT seconds, price FROM attempts WHERE event IN (?1, ?2)
                UNION ALL SELECT seconds, price FROM standings s WHERE state = ?3 AND NOT EXISTS
                    (SELECT 1 FROM attempts a WHERE a.pair = s.pair AND a.attempt = s.attempt)
                UNION ALL SELECT seconds, price FROM trials
                    WHERE outcome IN ('sending', 'unknown', 'another')
            ) GROUP BY seconds, price";
        let kept = [Event::Accepted.name(), Event::Lost.name(), State::Sending.name()];
        self.ask(sql, kept, |row| Ok((charge_at(row, 0)?, row.get(2)?)))
    }
}

/// The charge in a column and the next.
pub(super) fn charge_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Charge> {
    let price: Option<u64> = row.get(column + 1)?;
    Ok(Charge { seconds: row.get(column)?, price: price.map(Money::from_millionths) })
}
