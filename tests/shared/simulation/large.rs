//! A batch as large as they come, with as many workers: how often the database is asked, and how soon others
//! have what workers held that were killed.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use callsheet::state::State;
use futures::FutureExt;

use super::{SECOND, Size, Stage, play};

/// After so many creates, so many of the workers are killed together.
const MADE: usize = 3;
const KILLED: usize = 4;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

impl Stage {
    /// Numbers of the workers that run there, or ran last.
    fn workers(&self, at: usize) -> Option<i64> {
        let slots = self.slots.lock().unwrap();
        let folder = slots[at].folder.lock().unwrap();
        folder.joined.last().copied()
    }

    /// How many pairs of these workers stand there.
    fn held(&self, workers: &BTreeSet<i64>, state: State) -> usize {
        let inner = self.world().lock();
        let of = |worker: Option<i64>| worker.is_some_and(|worker| workers.contains(&worker));
        inner.model.pairs.iter().filter(|pair| pair.state == state && of(pair.worker)).count()
    }

    /// A second; who has ended meanwhile, since the database was away for too long, is started again.
    async fn go_on(self: &Rc<Self>, from: usize) {
        self.world().sleep(SECOND).await;
        (from..self.count()).for_each(|at| self.start(at));
    }

    async fn until_made(self: &Rc<Self>, count: usize) {
        while self.world().lock().made.len() < count {
            self.go_on(0).await;
        }
    }

    /// Kills some, disks and all, and waits until nothing of theirs is left: first what they had under way,
    /// then the tasks that they waited for.
    async fn take_over(self: &Rc<Self>, killed: usize) -> [Duration; 2] {
        let dead: BTreeSet<_> = (0..killed).filter_map(|at| self.workers(at)).collect();
        (0..killed).for_each(|at| self.kill(at, true));
        let began = self.world().now();
        let mut took = [Duration::ZERO; 2];
        for (state, took) in [State::Sending, State::Created].into_iter().zip(&mut took) {
            while self.held(&dead, state) > 0 {
                self.go_on(killed).await;
            }
            *took = self.world().now() - began;
        }
        took
    }
}

/// `CALLSHEET_PAIRS` and `CALLSHEET_WORKERS` for others.
#[test]
#[ignore = "takes minutes and gigabytes, and wants optimisation"]
fn many_workers_and_a_million_pairs() {
    let (pairs, workers) = (number("CALLSHEET_PAIRS", 1_000_000), number("CALLSHEET_WORKERS", 256));
    let size = Size { pairs, workers, concurrency: 32, page: 5000, blows: 0 };
    let began = Instant::now();
    let stage = play(17, size, move |stage: Rc<Stage>| {
        async move {
            (0..stage.count()).for_each(|at| stage.start(at));
            stage.until_made(pairs / MADE).await;
            let [doubted, adopted] = stage.take_over(workers / KILLED).await;
            eprintln!(
                "{} of {workers} workers killed: in doubt after {} s, and their tasks taken \
                over after {} s",
                workers / KILLED,
                doubted.as_secs(),
                adopted.as_secs()
            );
            stage.calm().await;
        }
        .boxed_local()
    });
    stage.check();
    let inner = stage.world().lock();
    let (asked, creates) = (inner.asked, inner.arrived.len());
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
    let each = asked as f64 / pairs as f64;
    eprintln!(
        "{pairs} pairs, {workers} workers: {asked} statements, {each:.3} a pair; {creates} creates; \
        {:.0} simulated seconds in {:.0}",
        inner.now.as_secs_f64() - 1e6,
        began.elapsed().as_secs_f64(),
    );
}
