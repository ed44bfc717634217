//! Sums of blocks of pairs, by which whoever has a batch sees which blocks are otherwise in the database:
//! of a million pairs of which nothing is new nothing else travels.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::hashes::{of_number, of_text};
use super::outcome::number;
use super::session::{Session, Value};
use super::tables::{Answer, Blocks, Summed};
use crate::state::State;

/// How many pairs a block has.
pub const BLOCK: i32 = 4096;
/// How many pairs are summed up in one statement, which is to answer soon whatever the batch has.
const AT_ONCE: i32 = 256 * BLOCK;

/// Of hashes of each row: in whichever order it is read. No table is joined with another, and none is
/// sorted: a planner that still knows of few pairs can make nothing of it that takes long.
const SUMS: &str = "SELECT block, sum(part)::text, sum(planned)::int8 FROM (
        SELECT n / :block AS block, sum(hashint4extended(n, hashint4extended(attempt,
            hashint2extended(state, coalesce(worker, 0))))) AS part,
            count(*) FILTER (WHERE state = 0) AS planned
        FROM callsheet.standing WHERE batch = $1 AND n >= $2 AND n <= $3 GROUP BY 1
        UNION ALL SELECT n / :block, sum(hashtextextended(id, n)), 0
        FROM callsheet.pair WHERE batch = $1 AND n >= $2 AND n <= $3 GROUP BY 1
        UNION ALL SELECT n / :block, sum(hashint4extended(n, attempt)), 0
        FROM callsheet.task WHERE batch = $1 AND n >= $2 AND n <= $3 GROUP BY 1
    ) parts GROUP BY block ORDER BY block";

impl Summed for Session {
    async fn sums(&mut self, batch: i32) -> Answer<(Blocks, i64)> {
        let sql = SUMS.replace(":block", &BLOCK.to_string());
        let (mut blocks, mut planned) = (Blocks::new(), 0);
        // Pairs are numbered without gaps.
        for first in (0..=i32::MAX).step_by(AT_ONCE as usize) {
            let last = first.saturating_add(AT_ONCE - 1);
            let values: &[Value<'_>] =
                &[(&batch, Type::INT4), (&first, Type::INT4), (&last, Type::INT4)];
            let rows = self.ask(&sql, values).await?;
            if rows.is_empty() {
                break;
            }
            // One that cannot be read is nobody's.
            let sum = |row: &Row| row.get::<_, &str>(1).parse().unwrap_or(i128::MAX);
            blocks.extend(rows.iter().map(|row| (row.get::<_, i32>(0), sum(row))));
            planned += rows.iter().map(|row| row.get::<_, i64>(2)).sum::<i64>();
        }
        Ok((blocks, planned))
    }
}

/// Where a pair stands, and whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its number.
    pub n: i32,
    /// The user's name for it.
    pub id: &'a str,
    /// Its state.
    pub state: State,
    /// Which create of it was the last.
    pub attempt: i32,
    /// Whose it is.
    pub worker: Option<i64>,
    /// Whether that create was given a task, the only one of the pair; or else there is none.
    pub has_task: bool,
}

impl Standing<'_> {
    /// What it adds to the sum of its block in the database.
    #[must_use]
    pub fn part(&self) -> i128 {
        let Self { n, id, state, attempt, worker, has_task } = *self;
        let stands = of_number(number(state).into(), worker.unwrap_or(0));
        let stands = of_number(n, of_number(attempt, stands));
        let task = if has_task { of_number(n, attempt.into()) } else { 0 };
        i128::from(stands) + i128::from(of_text(id, n.into())) + i128::from(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_otherwise_changes_the_sum() {
        let one = Standing {
            n: 7,
            id: "p-7",
            state: State::Saved,
            attempt: 1,
            worker: Some(8),
            has_task: true,
        };
        let others = [
            Standing { n: 8, ..one },
            Standing { id: "q-7", ..one },
            Standing { state: State::Failed, ..one },
            Standing { attempt: 2, ..one },
            Standing { worker: Some(9), ..one },
            Standing { worker: None, ..one },
            Standing { has_task: false, ..one },
        ];
        assert!(others.iter().all(|other| other.part() != one.part()));
        // What two pairs exchange is seen, too.
        let two = Standing { n: 8, id: "p-8", state: State::Failed, ..one };
        let crossed = [Standing { state: two.state, ..one }, Standing { state: one.state, ..two }];
        let sum = |some: [Standing<'_>; 2]| some.iter().map(Standing::part).sum::<i128>();
        assert_ne!(sum([one, two]), sum(crossed));
        let renamed = [Standing { id: two.id, ..one }, Standing { id: one.id, ..two }];
        assert_ne!(sum([one, two]), sum(renamed));
    }
}
