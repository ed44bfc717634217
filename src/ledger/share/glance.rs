//! What others did since this folder was last part of the batch: found without reading all that is known
//! of all pairs.
//!
//! The database says of each block of pairs what a sum of where they stand and whose they are comes to, and
//! the folder has written down the same. Where the sums are not the same, the database says it of each pair.
//! Where both say the same and nothing can have been added to it, there is no news.

use futures::executor::block_on;
use futures::future::join;
use rusqlite::Row;

use super::mirror::seen;
use super::{Mirror, Share, lost};
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::{BLOCK, Blocks, Detail, Pulled, Standing};
use crate::ledger::{LedgerError, Store};
use crate::state::State;

/// A pair as this folder has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Here {
    n: i32,
    id: String,
    state: State,
    attempt: i32,
    holder: Option<i64>,
    /// Whether there is something to tell of it.
    has_news: bool,
}

impl Here {
    /// Whether nothing is new of it there.
    fn is_as(&self, there: &Pulled, (worker, how): (i64, Mirror)) -> bool {
        let state = seen(there, worker, how);
        !self.has_news
            && self.id == there.id
            && there.late.is_empty()
            && !can_grow(state)
            && there.state != State::Sending
            && (self.state, self.attempt, self.holder) == (state, there.attempt, there.worker)
    }
}

/// A link may be of a pair that waits for its video; a doubt may have been explained, and whose worker is
/// gone meanwhile is nowhere else to be seen.
fn can_grow(state: State) -> bool {
    matches!(state, State::Created | State::Completed | State::Sending | State::InDoubt)
}

/// All pairs as this folder has them.
#[derive(Debug, Default)]
struct AllHere {
    sums: Blocks,
    /// Those of which there may be news though they stand there as here.
    open: Vec<i32>,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Glanced {
    /// The pairs of which there may be news, by their numbers in the database.
    pub(super) news: Vec<i32>,
    /// Whether all pairs stand there as here, and each where it stays as long as nobody moves it: so they
    /// do also for one who looks at them when all is over.
    pub(super) all_settled: bool,
}

impl Store {
    /// The pairs of which there may be news. Nothing where this folder knows too few of them.
    pub(super) fn news_of_others(
        &self,
        share: &Share,
        how: Mirror,
    ) -> Result<Option<Glanced>, LedgerError> {
        // The database sums up while this folder does.
        let (there, here) = block_on(join(share.way.sums(), async { self.all_here() }));
        let (there, here) = (there.map_err(|lack| lost(&lack))?, here?);
        if here.sums.is_empty() {
            return Ok(None);
        }
        let is_same = |block| here.sums.get(&block) == there.get(&block);
        let all_settled = here.open.is_empty() && here.sums == there;
        let mut news = here.open;
        news.retain(|n| is_same(n / BLOCK));
        for block in there.keys().copied().filter(|block| !is_same(*block)) {
            news.extend(self.news_of_block(share, block, how)?);
        }
        news.sort_unstable();
        Ok(Some(Glanced { news, all_settled }))
    }

    fn all_here(&self) -> Result<AllHere, LedgerError> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&self.path, &error);
        // In the order in which they lie in the file.
        let sql = "SELECT n, state, attempt, holder, news > 0, id, task_id IS NOT NULL
            FROM pairs NOT INDEXED CROSS JOIN shares USING (pair) CROSS JOIN standings USING (pair)";
        let mut statement = self.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query(()).map_err(failed)?;
        let mut here = AllHere::default();
        while let Some(row) = rows.next().map_err(failed)? {
            here.add(row).map_err(failed)?;
        }
        Ok(here)
    }

    fn news_of_block(
        &self,
        share: &Share,
        block: i32,
        how: Mirror,
    ) -> Result<Vec<i32>, LedgerError> {
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&self.path, &error);
        let before = block * BLOCK - 1;
        let there = share.line.page(before, BLOCK as usize, Detail::Glance);
        let there = there.map_err(|lack| lost(&lack))?;
        let sql = "SELECT n, state, attempt, holder, news > 0, id
            FROM shares JOIN standings USING (pair) JOIN pairs USING (pair)
            WHERE n > ?1 AND n <= ?1 + ?2 ORDER BY n";
        let mut statement = self.connection.prepare_cached(sql).map_err(failed)?;
        let here = statement.query_map([i64::from(before), i64::from(BLOCK)], read);
        let here: Vec<_> = here.and_then(Iterator::collect).map_err(failed)?;
        Ok(differing(&here, &there, (share.way.worker(), how)))
    }
}

impl AllHere {
    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let (n, state) = (row.get(0)?, state_at(row, 1)?);
        let standing = Standing {
            n,
            id: row.get_ref(5)?.as_str()?,
            state,
            attempt: row.get(2)?,
            worker: row.get(3)?,
            has_task: state.stands_by_a_task() && row.get(6)?,
        };
        *self.sums.entry(n / BLOCK).or_default() += standing.part();
        if can_grow(state) || row.get(4)? {
            self.open.push(n);
        }
        Ok(())
    }
}

/// Which pairs of a block stand otherwise there, or are not known here. Both are in their order.
fn differing(here: &[Here], there: &[Pulled], who: (i64, Mirror)) -> Vec<i32> {
    let mut here = here.iter().peekable();
    let mut news = Vec::new();
    for one in there {
        while here.next_if(|known| known.n < one.n).is_some() {}
        let known = here.next_if(|known| known.n == one.n);
        if !known.is_some_and(|known| known.is_as(one, who)) {
            news.push(one.n);
        }
    }
    news
}

fn read(row: &Row<'_>) -> rusqlite::Result<Here> {
    Ok(Here {
        n: row.get(0)?,
        state: state_at(row, 1)?,
        attempt: row.get(2)?,
        holder: row.get(3)?,
        has_news: row.get(4)?,
        id: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(n: i32, state: State) -> Here {
        Here { n, id: format!("p{n}"), state, attempt: 1, holder: Some(8), has_news: false }
    }

    fn there(n: i32, state: State) -> Pulled {
        Pulled::glanced((n, format!("p{n}")), (state, 1, Some(8)), false)
    }

    fn news(here: &[Here], there: &[Pulled], how: Mirror) -> Vec<i32> {
        differing(here, there, (7, how))
    }

    #[test]
    fn what_both_say_is_no_news_unless_something_may_have_been_added() {
        for (at_home, away, working, ended) in [
            (State::Saved, State::Saved, false, false),
            (State::Planned, State::Planned, false, false),
            (State::Failed, State::Failed, false, false),
            // Others' tasks are planned here while this run works.
            (State::Planned, State::Created, false, true),
            (State::Created, State::Created, true, true),
            (State::Completed, State::Saved, true, true),
            (State::Planned, State::Sending, true, true),
            (State::InDoubt, State::InDoubt, true, true),
            // It may have gone back: that is seen when it is read.
            (State::Saved, State::Planned, true, true),
        ] {
            let (at_home, away) = ([here(3, at_home)], [there(3, away)]);
            let found = |how| !news(&at_home, &away, how).is_empty();
            assert_eq!(found(Mirror::Working), working, "{at_home:?} {away:?}");
            assert_eq!(found(Mirror::Ended), ended, "{at_home:?} {away:?}");
        }
    }

    #[test]
    fn another_holder_another_attempt_and_what_is_untold_or_unknown_is_news() {
        let away: Vec<_> = (0..5).map(|n| there(n, State::Saved)).collect();
        let mut home: Vec<_> = (0..4).map(|n| here(n, State::Saved)).collect();
        home[0].holder = None;
        home[1].attempt = 2;
        home[2].has_news = true;
        assert_eq!(news(&home, &away, Mirror::Working), [0, 1, 2, 4]);
        assert_eq!(news(&home[3..], &away[3..], Mirror::Working), [4]);
        let late = [Pulled::glanced((3, "p3".to_owned()), (State::Saved, 1, Some(8)), true)];
        assert_eq!(news(&home[3..], &late, Mirror::Working), [3], "it was given another task");
        let renamed = [Pulled::glanced((3, "q3".to_owned()), (State::Saved, 1, Some(8)), false)];
        assert_eq!(news(&home[3..], &renamed, Mirror::Working), [3]);
    }
}
