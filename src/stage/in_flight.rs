//! How many tasks may be unfinished at the server: creates wait for others to end.

use std::cell::Cell;
use std::num::NonZeroU32;

use tokio::sync::Notify;

use super::Stop;

/// The unfinished tasks of a batch, on one thread.
#[derive(Debug)]
pub struct InFlight {
    most: Option<NonZeroU32>,
    unfinished: Cell<u32>,
    ended: Notify,
    unwatched: Cell<bool>,
}

/// The place of a create that may become a task; given back when dropped.
#[derive(Debug)]
pub struct Seat<'a>(&'a InFlight);

impl InFlight {
    /// With so many tasks unfinished from before; no limit without `most`.
    #[must_use]
    pub fn new(most: Option<NonZeroU32>, unfinished: u32) -> Self {
        Self {
            most,
            unfinished: Cell::new(unfinished),
            ended: Notify::new(),
            unwatched: Cell::new(false),
        }
    }

    /// Whether a create may have to wait for a task to end.
    pub(crate) const fn is_limited(&self) -> bool {
        self.most.is_some()
    }

    /// Waits until one more task may be made; `None` once the run is being stopped, or nobody would
    /// hear of a task's end.
    pub(crate) async fn enter(&self, stop: &Stop) -> Option<Seat<'_>> {
        loop {
            if let Some(seat) = self.try_enter() {
                return Some(seat);
            }
            if self.is_unwatched() {
                return None;
            }
            tokio::select! {
                biased;
                () = stop.pulled() => return None,
                () = self.ended.notified() => {}
            }
        }
    }

    /// Whether nobody would hear of a task's end.
    pub(crate) fn is_unwatched(&self) -> bool {
        self.unwatched.get()
    }

    /// How many may be unfinished, if a create has to wait for one to end now.
    pub(crate) fn full(&self) -> Option<u32> {
        self.most.map(NonZeroU32::get).filter(|most| self.unfinished.get() >= *most)
    }

    /// The same without waiting.
    pub(crate) fn try_enter(&self) -> Option<Seat<'_>> {
        self.full().is_none().then(|| {
            self.unfinished.set(self.unfinished.get() + 1);
            Seat(self)
        })
    }

    /// The place of one that may be unfinished there already, whatever the limit: those who have the
    /// places may be waiting for it.
    pub(crate) fn enter_again(&self) -> Seat<'_> {
        self.unfinished.set(self.unfinished.get() + 1);
        Seat(self)
    }

    /// A task was completed, or has failed.
    pub fn task_ended(&self) {
        self.unfinished.set(self.unfinished.get().saturating_sub(1));
        self.ended.notify_one();
    }

    /// Nobody asks for tasks any more: whoever waits for one to end waits in vain.
    pub fn nobody_watches(&self) {
        self.unwatched.set(true);
        self.ended.notify_waiters();
    }
}

impl Seat<'_> {
    /// The create became a task: the place is taken until that ends.
    pub(crate) fn keep(self) {
        std::mem::forget(self);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.task_ended();
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::{FutureExt, poll_immediate};

    use super::*;

    #[test]
    fn no_more_than_that_are_unfinished() {
        let (limit, stop) = (InFlight::new(NonZeroU32::new(2), 1), Stop::default());
        let seat = block_on(limit.enter(&stop)).unwrap();
        let mut waiting = Box::pin(limit.enter(&stop));
        assert!(block_on(poll_immediate(&mut waiting)).is_none(), "both places are taken");
        seat.keep();
        assert!(block_on(poll_immediate(&mut waiting)).is_none(), "the create became a task");
        limit.task_ended();
        assert!(waiting.now_or_never().flatten().is_some());
    }

    #[test]
    fn what_is_sent_again_waits_for_no_place_and_counts() {
        let (limit, stop) = (InFlight::new(NonZeroU32::new(1), 1), Stop::default());
        limit.enter_again().keep();
        limit.task_ended();
        assert!(limit.enter(&stop).now_or_never().is_none(), "one of the two is unfinished");
        limit.task_ended();
        assert!(block_on(limit.enter(&stop)).is_some());
    }

    #[test]
    fn nobody_waits_for_tasks_that_nobody_asks_for() {
        let (limit, stop) = (InFlight::new(NonZeroU32::new(1), 0), Stop::default());
        let seat = block_on(limit.enter(&stop)).unwrap();
        let mut waiting = Box::pin(limit.enter(&stop));
        assert!(block_on(poll_immediate(&mut waiting)).is_none(), "the place is taken");
        limit.nobody_watches();
        assert!(waiting.now_or_never().unwrap().is_none());
        drop(seat);
        assert!(block_on(limit.enter(&stop)).is_some(), "there is room without anyone's end");
    }

    #[test]
    fn a_stop_is_not_waited_for() {
        let (limit, stop) = (InFlight::new(NonZeroU32::new(1), 1), Stop::default());
        stop.pull(super::super::StopReason::Signal);
        assert!(block_on(limit.enter(&stop)).is_none());
    }
}
