//! Which orders share a commit.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::{Job, Order};
use crate::ledger::record::Record;

/// How many records share one commit at most; keeps a transaction's memory and time bounded.
const GROUP: usize = 1024;
/// How long that something was taken as it was told waits for what else is to be committed. Whoever ends
/// before tells it once more.
const TAKEN: Duration = Duration::from_millis(50);

/// What goes into one commit.
pub(super) fn gather(first: Option<Order>, queue: &Receiver<Option<Order>>) -> Vec<Option<Order>> {
    let until = Instant::now() + TAKEN;
    let mut group = vec![first];
    loop {
        group.extend(queue.try_iter().take(GROUP - group.len()));
        if group.len() == GROUP || !group.iter().all(can_wait) {
            return group;
        }
        let Ok(next) = queue.recv_timeout(until.saturating_duration_since(Instant::now())) else {
            return group;
        };
        group.push(next);
    }
}

/// Whether nobody goes on from it.
fn can_wait(order: &Option<Order>) -> bool {
    let is_taken = |order: &Order| match order {
        Order(Job::Record(Record::Learnt(learnt), None), None) => learnt.can_wait(),
        _ => false,
    };
    order.as_ref().is_some_and(is_taken)
}

#[cfg(test)]
#[cfg(feature = "postgres")]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::ledger::share::Learnt;

    fn learns(learnt: Learnt) -> Option<Order> {
        Some(Order(Job::Record(Record::Learnt(Box::new(learnt)), None), None))
    }

    fn taken() -> Option<Order> {
        learns(Learnt::Taken(Vec::new()))
    }

    fn elsewhere() -> Option<Order> {
        learns(Learnt::Elsewhere(Vec::new()))
    }

    /// How many share a commit if these come a moment later, and whether they waited as long as may be.
    fn gathered(first: Option<Order>, later: Vec<Option<Order>>) -> (usize, bool) {
        let (jobs, queue) = channel();
        let began = Instant::now();
        let (group, waited) = std::thread::scope(|scope| {
            let jobs = &jobs;
            scope.spawn(move || {
                for order in later {
                    std::thread::sleep(TAKEN / 10);
                    jobs.send(order).unwrap();
                }
            });
            let group = gather(first, &queue);
            (group, began.elapsed() >= TAKEN)
        });
        (group.len(), waited)
    }

    #[test]
    fn what_was_taken_waits_for_what_somebody_waits_for() {
        // A busy machine may be slow once.
        assert!((0..5).any(|_| gathered(taken(), vec![taken(), elsewhere()]).0 == 3));
        assert!((0..5).any(|_| gathered(taken(), vec![None]) == (2, false)), "the end waits");
        assert_eq!(gathered(taken(), Vec::new()), (1, true));
    }

    #[test]
    fn nothing_else_waits() {
        let awaited = || {
            let (reply, _waits) = tokio::sync::oneshot::channel();
            let taken = Record::Learnt(Box::new(Learnt::Taken(Vec::new())));
            Some(Order(Job::Record(taken, Some(reply)), None))
        };
        let is_at_once = |first: fn() -> Option<Order>| {
            (0..5).any(|_| gathered(first(), Vec::new()) == (1, false))
        };
        assert!(is_at_once(awaited));
        assert!(is_at_once(elsewhere));
        assert!(is_at_once(|| None));
    }
}
