//! The money of a batch: each create takes what it costs before its intent is written, and gets it
//! back only with a proof that nothing was made.

use std::sync::atomic::Ordering;

use rusqlite::Row;
#[cfg(feature = "postgres")]
use rusqlite::params;

#[cfg(feature = "postgres")]
use super::write::Write;
use super::{LedgerError, Store, View};
use crate::price::{Amount, Charge, Money, Refusal, Rules};
use crate::state::{Event, State};

/// What is spent while a run goes on, in the unit of the budget. Part of the transaction that
/// writes the intent or the outcome.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Purse {
    rules: Rules,
    spent: u64,
    /// Whether others spend the same budget: then their database says what is left of it.
    is_shared: bool,
}

impl Purse {
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What is spent, for people: what waits for the word of a database that others ask too is not spent yet, and
    /// that lets nobody pass the budget.
    pub(super) fn shown(&self) -> u64 {
        let most = self.rules.budget.filter(|_| self.is_shared).map_or(u64::MAX, Amount::units);
        self.spent.min(most)
    }

    pub(super) fn take(&mut self, charge: Charge) -> Result<(), Refusal> {
        // What others have had back is known here later than there.
        self.rules.allow(if self.is_shared { 0 } else { self.spent }, charge)?;
        self.spent = self.spent.saturating_add(self.rules.spent(charge));
        Ok(())
    }

    pub(super) fn give_back(&mut self, charge: Charge) {
        self.spent = self.spent.saturating_sub(self.rules.spent(charge));
    }

    /// The ledger says otherwise what some pair has spent.
    #[cfg(feature = "postgres")]
    pub(super) fn corrects(&mut self, (before, now): (u64, u64)) {
        self.spent = self.spent.saturating_add(now).saturating_sub(before);
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
        self.purse = Purse { rules, spent, is_shared: self.share.is_some() };
        self.spent.store(self.purse.shown(), Ordering::Relaxed);
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

#[cfg(feature = "postgres")]
impl Write<'_> {
    /// What one pair's creates come to that made something, or may have; nothing without a budget.
    pub(super) fn spent_on(&self, pair: i64) -> Result<u64, LedgerError> {
        let rules = self.purse.rules();
        if rules.budget.is_none() {
            return Ok(0);
        }
        let sql = "SELECT seconds, price FROM attempts WHERE pair = ?1 AND event IN (?2, ?3)
            UNION ALL SELECT seconds, price FROM standings s WHERE pair = ?1 AND state = ?4
                AND NOT EXISTS
                    (SELECT 1 FROM attempts a WHERE a.pair = s.pair AND a.attempt = s.attempt)";
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut statement = self.transaction.prepare_cached(sql).map_err(failed)?;
        let [accepted, lost] = [Event::Accepted, Event::Lost].map(Event::name);
        let kept = params![pair, accepted, lost, State::Sending.name()];
        let charges = statement.query_map(kept, |row| charge_at(row, 0)).map_err(failed)?;
        let charges: Vec<_> = charges.collect::<rusqlite::Result<_>>().map_err(failed)?;
        Ok(charges.into_iter().map(|charge| rules.spent(charge)).fold(0, u64::saturating_add))
    }
}

/// The charge in a column and the next.
pub(super) fn charge_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Charge> {
    let price: Option<u64> = row.get(column + 1)?;
    Ok(Charge { seconds: row.get(column)?, price: price.map(Money::from_millionths) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Charge {
        Charge { seconds: Some(seconds), price: None }
    }

    #[test]
    fn what_others_spend_too_is_refused_by_the_database_alone() {
        let rules = Rules {
            budget: Some(Amount::Seconds(10)),
            max_pair_cost: Some(Amount::Seconds(6)),
            ..Rules::default()
        };
        for is_shared in [false, true] {
            let mut purse = Purse { rules, spent: 8, is_shared };
            assert_eq!(purse.take(seconds(5)).is_ok(), is_shared);
            assert_eq!(purse.spent, if is_shared { 13 } else { 8 });
            assert_eq!(purse.shown(), if is_shared { 10 } else { 8 });
            // What no database would grant.
            assert!(matches!(purse.take(seconds(7)), Err(Refusal::TooDear { .. })));
            assert_eq!(purse.take(Charge::default()), Err(Refusal::Unmeasured));
            let mut purse =
                Purse { rules: Rules { max_pair_cost: None, ..rules }, spent: 0, is_shared };
            assert!(matches!(purse.take(seconds(11)), Err(Refusal::Reached { .. })));
        }
    }
}
