//! What the service says that tasks cost, added up.

use rusqlite::Row as SqlRow;

use super::write::Write;
use super::{LedgerError, View};
use crate::price::{Compared, Credits, Money};

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

/// What was added up of the tasks that pairs have.
#[derive(Debug, Default)]
pub(super) struct Billed {
    good: Sum,
    spoilt: Sum,
    /// Of tasks that were sent at a price and did not fail, and of the others whose length is known.
    priced: Reckoned,
    unpriced: Reckoned,
}

/// Of how many tasks something is said, what it comes to, and of how many nothing is. A float is exact
/// to nine thousand million credits, and no sum of odd numbers is too large for it.
#[derive(Debug, Default)]
struct Sum {
    tasks: u64,
    millionths: f64,
    without: u64,
}

/// What tasks took, beside what was reckoned with.
#[derive(Debug, Default)]
struct Reckoned {
    tasks: u64,
    millionths: f64,
    cost: f64,
    seconds: u64,
}

impl Billed {
    /// Adds a pair, by its credits, whether it has a task, its price of a second and its seconds: the
    /// columns after the first.
    pub(super) fn look(&mut self, row: &SqlRow<'_>, failed: bool) -> rusqlite::Result<()> {
        let sum = if failed { &mut self.spoilt } else { &mut self.good };
        let Some(credits) = row.get::<_, Option<f64>>(1)? else {
            sum.without += u64::from(row.get::<_, bool>(2)?);
            return Ok(());
        };
        sum.tasks += 1;
        sum.millionths += credits;
        let Some(seconds) = row.get::<_, Option<u64>>(4)?.filter(|_| !failed) else {
            return Ok(());
        };
        let price: Option<f64> = row.get(3)?;
        let reckoned = if price.is_some() { &mut self.priced } else { &mut self.unpriced };
        reckoned.add(credits, price.unwrap_or_default(), seconds);
        Ok(())
    }

    /// By tasks that were sent at a price, if there are any.
    fn compared(&self) -> Compared {
        let by = if self.priced.tasks > 0 { &self.priced } else { &self.unpriced };
        let reckoned = Money::from_millionths(credits(by.cost).millionths());
        Compared { credits: credits(by.millionths), reckoned, seconds: by.seconds }
    }
}

impl Reckoned {
    #[expect(clippy::cast_precision_loss, reason = "a recording is no thousand years long")]
    fn add(&mut self, credits: f64, price: f64, seconds: u64) {
        self.tasks += 1;
        self.millionths += credits;
        self.cost += price * seconds as f64;
        self.seconds = self.seconds.saturating_add(seconds);
    }
}

impl View {
    /// What the service says that the tasks cost: those that pairs have, and those that they had.
    pub(super) fn bills_with(&self, billed: Billed) -> Result<Bills, LedgerError> {
        // The video of a take that was saved stays, whatever came after it.
        let saved = "EXISTS (SELECT 1 FROM takes t WHERE t.pair = f.pair AND t.task_id = f.task_id
            AND t.state = 'saved')";
        let sum = |which: &str| -> Result<Sum, LedgerError> {
            let sql = format!(
                "SELECT count(credits_millionths), total(credits_millionths),
                    count(*) FILTER (WHERE credits_millionths IS NULL)
                FROM former_tasks f WHERE {which} {saved}"
            );
            let read = |row: &SqlRow<'_>| {
                Ok(Sum { tasks: row.get(0)?, millionths: row.get(1)?, without: row.get(2)? })
            };
            Ok(self.ask(&sql, (), read)?.pop().unwrap_or_default())
        };
        let (kept, former) = (sum("")?, sum("NOT")?);
        let Billed { good, spoilt, .. } = &billed;
        Ok(Bills {
            credits: credits(good.millionths + kept.millionths),
            tasks: good.tasks + kept.tasks,
            spoilt: credits(spoilt.millionths + former.millionths),
            spoilt_tasks: spoilt.tasks + former.tasks,
            without: good.without + kept.without + spoilt.without + former.without,
            compared: billed.compared(),
        })
    }
}

/// A sum of millionths.
fn credits(millionths: f64) -> Credits {
    Credits::of(millionths / 1e6)
}

impl Write<'_> {
    /// The pair will have another task, whose cost is not known yet.
    pub(super) fn forget_bill(&self, pair: i64) -> Result<(), LedgerError> {
        let sql = "UPDATE standings SET usage = NULL, credits = NULL, credits_millionths = NULL
            WHERE pair = ?1";
        self.execute(sql, [pair]).map(drop)
    }
}
