//! Waiting for money: what is reserved for creates under way may come back.

use super::pass::Pass;
use crate::stage::Stop;

/// Whether there may be more money than there was when it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Hope {
    /// Some may have come back since.
    Now,
    /// Others have some that may come back.
    Later,
    /// Never in this run.
    Never,
}

/// What somebody does who was short of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum More {
    /// Asks again.
    Ask,
    /// Stands in line again: creates are held back meanwhile.
    Line,
    /// None can come back, or the run is being stopped.
    None,
}

impl Pass<'_> {
    /// To be called before money is asked for: others have to wait for what comes of it.
    pub(in super::super) fn asks(&self) {
        let inner = &mut *self.gate.inner.borrow_mut();
        inner.reserving += 1;
        self.asked.set(Some(inner.ended));
    }

    /// It gets no money now.
    pub(in super::super) fn forgoes(&self) -> Hope {
        let inner = &mut *self.gate.inner.borrow_mut();
        let asked = self.asked.take();
        inner.reserving -= u32::from(asked.is_some());
        if inner.reserving == 0 {
            // Who waits for this one waits for nobody now.
            self.gate.ended.notify_waiters();
        }
        match (asked == Some(inner.ended), inner.reserving) {
            (false, _) => Hope::Now,
            (true, 0) => Hope::Never,
            (true, _) => Hope::Later,
        }
    }

    /// There was not enough money: waits until some may have come back, and creates do not pause.
    ///
    /// The place and its time are kept: who is short of money does not queue up again, but where
    /// all are held back.
    pub(in super::super) async fn more(&mut self, stop: &Stop) -> More {
        let hope = self.forgoes();
        let ended = self.gate.ended.notified();
        let comes_back = async {
            match hope {
                Hope::Now => {}
                Hope::Later => ended.await,
                Hope::Never => return More::None,
            }
            self.gate.pause_over().await;
            let held_back = !self.alone && self.gate.cause().is_some();
            if held_back { More::Line } else { More::Ask }
        };
        let more = tokio::select! {
            biased;
            () = stop.pulled() => More::None,
            more = comes_back => more,
        };
        self.started = self.gate.now();
        more
    }
}
