//! Why no create starts at a moment, in numbers and in words.

mod reins;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::reins::{Reins, Times, held};
use super::Run;
use crate::pace::{Cause, Short};
use crate::stage::{Held, StopReason, Why};
use crate::view::{Clock, printable};

/// Begun seconds count: nobody is told that there are none to go.
fn begun(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Run<'_> {
    /// What holds creates back now.
    pub(super) fn held(&self) -> Option<Held> {
        let outage = self.gate.held();
        let pause = Some(self.gate.pause()).filter(|pause| !pause.is_zero());
        let reins = match outage {
            Some((cause, _)) => self.outage(cause),
            None if pause.is_some() => Reins::Asked(self.gate.asked_by().status),
            None => self.full()?,
        };
        let waits = outage.filter(|(cause, _)| *cause != Cause::Alike).map(|(_, left)| left);
        Some(self.told(&reins, (pause, waits)))
    }

    fn outage(&self, cause: Cause) -> Reins {
        let host = || self.means.client.host();
        match cause {
            Cause::Doubts => {
                let (doubts, elsewhere) = self.doubts_of_all();
                if elsewhere { Reins::DoubtsOfAll(doubts) } else { Reins::Doubts(doubts) }
            }
            Cause::Foreign => Reins::Foreign(host()),
            Cause::NotSent => Reins::NotSent(host(), self.gate.last().code),
            Cause::NotRelayed => Reins::NotRelayed(host()),
            Cause::Alike => Reins::Alike(self.alike.borrow().told().0),
        }
    }

    /// What there is no room for.
    fn full(&self) -> Option<Reins> {
        let short = self.short_of.get().map(Reins::Budget);
        short.or_else(|| self.means.in_flight.full().map(Reins::InFlight)).or_else(|| {
            match self.short_of_all()? {
                Short::InFlight(unfinished) => Some(Reins::InFlight(unfinished)),
                Short::Doubts(doubts) => Some(Reins::MostDoubts(doubts)),
                Short::Restarted(rest) => Some(Reins::Restarted(rest)),
                // The one is told otherwise, the other is no more told than a rate of one's own.
                Short::Gate | Short::Rate(_) => None,
            }
        })
    }

    /// Why no more is created in this run, although there may be more to create.
    pub(super) fn held_for_good(&self) -> Option<Held> {
        let stopped = self.means.stop.reason().and_then(StopReason::brief).map(Reins::Stopped);
        let outcome = self.outcome.borrow();
        let spent = outcome.beyond_budget.as_ref().and_then(|(_, refusal)| refusal.left());
        let reins = stopped.or(spent.map(Reins::Budget))?;
        Some(self.told(&reins, (None, None)))
    }

    fn told(&self, reins: &Reins, (pause, gives_up): (Option<Duration>, Option<Duration>)) -> Held {
        let clock = Clock { now: Timestamp::now(), zone: TimeZone::system() };
        let why = reins.why();
        let since = self.held_since.get().filter(|(of, _)| *of == why);
        let (_, since) = since.unwrap_or((why, self.gate.now()));
        self.held_since.set(Some((why, since)));
        let said = match why {
            Why::InFlight | Why::Alike | Why::Budget | Why::Stopped => String::new(),
            Why::Asked => printable(&self.gate.asked_by().message).into_owned(),
            _ => printable(&self.gate.last().message).into_owned(),
        };
        let times = Times {
            since: (self.gate.now() - since).as_secs(),
            pause: pause.map(begun),
            gives_up: gives_up.map(begun),
        };
        held((reins, said), times, self.gate.window(), &clock)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_know_it_by_one_name() {
        for why in Why::ALL {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }
}
