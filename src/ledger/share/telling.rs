//! What is told of pairs, and what the writer learns of that.

use super::{Learnt, Mirror, News, Share, lost, rows};
use crate::ledger::postgres::Slip;
use crate::ledger::record::Record;
use crate::ledger::writer::{Job, Jobs, Order};
use crate::ledger::{LedgerError, Store};
use crate::state::State;

impl Store {
    /// Tells what was changed here since, as one does who has no writer; what others changed meanwhile
    /// is as they have it. Says how many pairs that were.
    ///
    /// # Errors
    /// When the database is not to be reached; the run folder keeps it then.
    pub fn tell_shared(&mut self) -> Result<usize, LedgerError> {
        let Some(mut share) = self.share.take() else { return Ok(0) };
        let told = self.hand_in(&mut share);
        self.share = Some(share);
        told
    }

    /// Tells all that is not told yet. Gives how many pairs others had changed meanwhile.
    pub(super) fn hand_in(&mut self, share: &mut Share) -> Result<usize, LedgerError> {
        let mut refused = 0;
        loop {
            let news = self.write(|write| write.news(None))?;
            if news.is_empty() {
                return Ok(refused);
            }
            let outcomes = news.iter().map(|one| one.outcome.clone()).collect();
            let settled = share.line.tell(outcomes).map_err(|lack| lost(&lack))?;
            let sorted = sorted(&news, is_among(&settled));
            refused += self.write_down(share, (&news, sorted), Mirror::Working)?;
        }
    }

    /// Writes down what was taken, and how the others stand; gives how many those are.
    pub(super) fn write_down(
        &mut self,
        share: &Share,
        (news, Sorted { taken, elsewhere }): (&[News], Sorted),
        how: Mirror,
    ) -> Result<usize, LedgerError> {
        let (refused, pairs) = (elsewhere.len(), numbers(news, &elsewhere));
        let pulled = share.line.these(pairs).map_err(|lack| lost(&lack))?;
        self.write::<_, LedgerError>(|write| {
            write.worker = Some(share.way.worker());
            write.learn(&Learnt::Taken(taken))?;
            write.learn(&Learnt::Elsewhere(elsewhere))?;
            write.learn(&Learnt::Stand(pulled, how))
        })?;
        Ok(refused)
    }
}

impl Share {
    /// Tells what is news of pairs, and has the writer learn what became of that.
    pub(in crate::ledger) fn tell(&mut self, news: Vec<News>, jobs: &Jobs) {
        let fresh = news.into_iter().filter(|one| self.telling.insert((one.pair, one.count)));
        let news: Vec<_> = fresh.collect();
        if news.is_empty() {
            return;
        }
        let outcomes = news.iter().map(|one| one.outcome.clone()).collect();
        let (jobs, way) = (jobs.clone(), self.way.clone());
        self.way.tell(
            outcomes,
            Box::new(move |settled| {
                let Sorted { taken, elsewhere } = sorted(&news, is_among(&settled));
                let pairs = numbers(&news, &elsewhere);
                learn(&jobs, Learnt::Taken(taken));
                if pairs.is_empty() {
                    return;
                }
                learn(&jobs, Learnt::Elsewhere(elsewhere));
                way.look(pairs, move |pulled| learn(&jobs, Learnt::Stand(pulled, Mirror::Working)));
            }),
        );
    }

    /// What is written down is told no more.
    pub(in crate::ledger) fn learnt(&mut self, learnt: &Learnt) {
        match learnt {
            Learnt::Taken(pairs) | Learnt::Elsewhere(pairs) => {
                self.telling.retain(|told| !pairs.contains(told));
            }
            Learnt::Stand(..) => {}
        }
    }
}

/// Nobody learns it from a writer that has ended; the next run here does.
pub(super) fn learn(jobs: &Jobs, learnt: Learnt) {
    let record = Record::Learnt(Box::new(learnt));
    let _ = jobs.send(Some(Order(Job::Record(record, None), None)));
}

/// Pairs with the counts of their news.
pub(super) struct Sorted {
    /// What was taken as it was told.
    taken: Vec<(i64, i64)>,
    /// What another has by now, or stands otherwise there.
    elsewhere: Vec<(i64, i64)>,
}

pub(super) fn sorted(news: &[News], is_taken: impl Fn(&News) -> bool) -> Sorted {
    let (taken, elsewhere): (Vec<&News>, Vec<&News>) = news.iter().partition(|one| is_taken(one));
    let counted = |some: Vec<&News>| some.iter().map(|one| (one.pair, one.count)).collect();
    Sorted { taken: counted(taken), elsewhere: counted(elsewhere) }
}

fn is_among(settled: &[(Slip, State)]) -> impl Fn(&News) -> bool {
    |one| {
        let told = &one.outcome;
        settled.iter().any(|(slip, state)| *slip == told.slip && *state == told.state)
    }
}

/// What these are known by in the database.
fn numbers(news: &[News], pairs: &[(i64, i64)]) -> Vec<i32> {
    pairs.iter().filter_map(|(pair, _)| rows::n_of(news, *pair)).collect()
}
