//! What the service says that tasks cost, added up.

use rusqlite::Row as SqlRow;

use super::write::Write;
use super::{LedgerError, View};
use crate::price::{Compared, Credits, Money};
use crate::state::State;

/// What the service says that the tasks of a batch cost, by those of them of which it says so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bills {
    /// For tasks that have a video, or may come to one.
    pub credits: Credits,
    /// How many these are.
    pub tasks: u64,
    /// For tasks that failed, or in whose place there is another. Services give some of it back, and
    /// do not say so.
    pub spoilt: Credits,
    /// How many these are.
    pub spoilt_tasks: u64,
    /// Tasks of which it says nothing.
    pub without: u64,
    /// Those with a video, beside what was reckoned with.
    pub compared: Compared,
}

/// Sums of credits of good tasks and of those that failed: how many tasks they are for, and what they
/// come to; and of how many nothing is said. In one look, without a sort of them. A float is exact to
/// nine thousand million credits, and no sum of odd numbers is too large for it.
const SUMS: &str = "SELECT
        count(credits_millionths) FILTER (WHERE state <> ?1),
        total(credits_millionths) FILTER (WHERE state <> ?1),
        count(credits_millionths) FILTER (WHERE state = ?1),
        total(credits_millionths) FILTER (WHERE state = ?1),
        count(*) FILTER (WHERE task_id IS NOT NULL AND credits_millionths IS NULL)
    FROM standings
    UNION ALL SELECT 0, 0.0, count(credits_millionths), total(credits_millionths),
        count(*) FILTER (WHERE task_id IS NOT NULL AND credits_millionths IS NULL)
    FROM former_tasks";

impl View {
    /// What the service says that the tasks cost.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn bills(&self) -> Result<Bills, LedgerError> {
        let (mut bills, mut good, mut spoilt) = (Bills::default(), 0.0, 0.0);
        self.ask(SUMS, [State::Failed.name()], |row| {
            bills.tasks += row.get::<_, u64>(0)?;
            good += row.get::<_, f64>(1)?;
            bills.spoilt_tasks += row.get::<_, u64>(2)?;
            spoilt += row.get::<_, f64>(3)?;
            bills.without += row.get::<_, u64>(4)?;
            Ok(())
        })?;
        (bills.credits, bills.spoilt) = (Credits::of(good / 1e6), Credits::of(spoilt / 1e6));
        if bills.tasks > 0 {
            bills.compared = self.compared()?;
        }
        Ok(bills)
    }

    /// Of tasks that were sent at a price, if there are any; else of those whose length is known.
    fn compared(&self) -> Result<Compared, LedgerError> {
        let sql = "SELECT total(credits_millionths), total(price * seconds), sum(seconds)
            FROM standings WHERE state <> ?1 AND credits_millionths IS NOT NULL
                AND seconds IS NOT NULL
            GROUP BY price IS NULL ORDER BY price IS NULL LIMIT 1";
        let read = |row: &SqlRow<'_>| {
            let reckoned = Money::from_millionths(credits(row, 1)?.millionths());
            Ok(Compared { credits: credits(row, 0)?, reckoned, seconds: row.get(2)? })
        };
        Ok(self.ask(sql, [State::Failed.name()], read)?.pop().unwrap_or_default())
    }
}

/// A sum of millionths.
fn credits(row: &SqlRow<'_>, column: usize) -> rusqlite::Result<Credits> {
    Ok(Credits::of(row.get::<_, f64>(column)? / 1e6))
}

impl Write<'_> {
    /// The pair will have another task, whose cost is not known yet.
    pub(super) fn forget_bill(&self, pair: i64) -> Result<(), LedgerError> {
        let sql = "UPDATE standings SET usage = NULL, credits = NULL, credits_millionths = NULL
            WHERE pair = ?1";
        self.execute(sql, [pair]).map(drop)
    }
}
