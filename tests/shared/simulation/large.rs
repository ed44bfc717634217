//! A batch as large as they come, with as many workers: how often the database is asked, and how soon others
//! have what workers held that were killed.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use callsheet::state::State;
use futures::FutureExt;

use super::process::LEASE;
use super::world::Faults;
use super::{SECOND, Size, Stage, play};

/// After so many creates, so many of the workers are killed together.
const MADE: usize = 3;
const KILLED: usize = 4;
/// So many go on where others have ended, and end what is left.
const LAST: usize = 8;
/// An ordinary day: whoever has to recover asks more often, and how often is what is counted here.
const FAULTS: Faults = Faults { database: [1; 3], api: [10, 10, 50] };

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

    /// Whether pairs of these workers stand there.
    fn holds(&self, workers: &BTreeSet<i64>, state: State) -> bool {
        let inner = self.world().lock();
        workers.iter().any(|worker| inner.model.pairs.held(*worker, state).next().is_some())
    }

    /// A second; once a lease, some of those who have ended meanwhile are started again: each begins with a
    /// look at all pairs.
    async fn go_on(self: &Rc<Self>, from: usize) {
        self.world().sleep(SECOND).await;
        if self.world().now().as_secs().is_multiple_of(LEASE.as_secs()) {
            (from..self.count()).take(LAST).for_each(|at| self.start(at));
        }
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
            while self.holds(&dead, state) {
                self.go_on(killed).await;
            }
            *took = self.world().now() - began;
        }
        took
    }
}

#[test]
fn workers_that_are_busy_take_over_what_another_left() {
    let pairs = 20_000;
    let size = Size { pairs, workers: 2, concurrency: 400, page: 5000, blows: 0 };
    let stage = play(3, size, move |stage: Rc<Stage>| {
        async move {
            stage.world().lock().faults = Faults { database: [0; 3], api: [0; 3] };
            (0..stage.count()).for_each(|at| stage.start(at));
            stage.until_made(pairs / 50).await;
            let took = stage.take_over(1).await;
            let made = stage.world().lock().made.len();
            assert!(made < pairs / 10 * 9, "{made}: there was something else to do");
            assert!(took[1] < LEASE / 3 * 4, "{took:?}");
            stage.calm(stage.count()).await;
        }
        .boxed_local()
    });
    stage.check();
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
            stage.world().lock().faults = FAULTS;
            (0..stage.count()).for_each(|at| stage.start(at));
            stage.until_made(pairs / MADE).await;
            let [doubted, adopted] = stage.take_over(workers / KILLED).await;
            // A lease has to end, and it is looked for each; then whoever finds some takes them all.
            assert!(adopted < 6 * LEASE, "{adopted:?}");
            eprintln!(
                "{} of {workers} workers killed: in doubt after {} s, and their tasks taken \
                over after {} s",
                workers / KILLED,
                doubted.as_secs(),
                adopted.as_secs()
            );
            stage.calm(LAST).await;
        }
        .boxed_local()
    });
    stage.check();
    let processes: usize = stage
        .slots
        .lock()
        .unwrap()
        .iter()
        .map(|slot| slot.folder.lock().unwrap().joined.len())
        .sum();
    let inner = stage.world().lock();
    let (asked, creates) = (inner.asked, inner.arrived.len());
    #[expect(clippy::cast_precision_loss, reason = "counts of a simulation")]
    let each = asked as f64 / pairs as f64;
    eprintln!(
        "{pairs} pairs, {workers} workers: {asked} statements, {each:.3} a pair; {creates} creates; \
        {processes} processes; {:.0} simulated seconds in {:.0}",
        inner.now.as_secs_f64() - 1e6,
        began.elapsed().as_secs_f64(),
    );
}
