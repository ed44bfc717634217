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
            let (taken, elsewhere) = sorted(&news, &settled);
            refused += elsewhere.len();
            let pairs = elsewhere.iter().filter_map(|(pair, _)| rows::n_of(&news, *pair)).collect();
            let pulled = share.line.these(pairs).map_err(|lack| lost(&lack))?;
            self.write::<_, LedgerError>(|write| {
                write.worker = Some(share.way.worker());
                write.learn(&Learnt::Taken(taken))?;
                write.learn(&Learnt::Elsewhere(elsewhere))?;
                write.learn(&Learnt::Stand(pulled, Mirror::Working))
            })?;
        }
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
                let (taken, elsewhere) = sorted(&news, &settled);
                let pairs: Vec<_> =
                    elsewhere.iter().filter_map(|(pair, _)| rows::n_of(&news, *pair)).collect();
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

/// What was taken as it was told; and what another has by now, or stands otherwise there.
#[expect(clippy::type_complexity, reason = "pairs with the counts of their news, twice")]
fn sorted(news: &[News], settled: &[(Slip, State)]) -> (Vec<(i64, i64)>, Vec<(i64, i64)>) {
    let taken = |one: &&News| {
        let told = &one.outcome;
        settled.iter().any(|(slip, state)| *slip == told.slip && *state == told.state)
    };
    let (taken, elsewhere): (Vec<_>, Vec<_>) = news.iter().partition(taken);
    let counted = |some: Vec<&News>| some.iter().map(|one| (one.pair, one.count)).collect();
    (counted(taken), counted(elsewhere))
}
