//! Why no create starts at a moment, in numbers and in words.

mod reins;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use self::reins::{Reins, Times, held};
use super::Run;
use super::stop::Reason;
use crate::pace::{Cause, Short};
use crate::view::{Clock, printable};

/// Creates are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By what.
    pub why: Why,
    /// The same in words that stay as long as it lasts: `429 from the API`.
    pub reason: String,
    /// And until when: `429 from the API, going on in 42 s; window 3 of 16`.
    pub text: String,
    /// What was said last instead of an answer; may be empty.
    pub said: String,
    /// Since when, in seconds.
    pub since_seconds: u64,
    /// In how many seconds they go on, if that is known.
    pub seconds: Option<u64>,
    /// In how many seconds the run gives up, unless the service is there again.
    pub gives_up_seconds: Option<u64>,
    /// How many creates may be under way then.
    pub window: Window,
}

/// How many creates may be under way, of how many that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Window {
    /// So many.
    pub size: u32,
    /// Of so many.
    pub of: u32,
}

/// What holds creates back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The service wants a pause.
    Asked,
    /// Doubts in a row.
    Doubts,
    /// Answers that are not the API's.
    Foreign,
    /// Nothing can be sent.
    NotSent,
    /// Somebody on the way refuses.
    NotRelayed,
    /// Refusals alike in a row.
    Alike,
    /// As many tasks are unfinished as may be.
    InFlight,
    /// Too little is left to spend.
    Budget,
    /// The database of a shared ledger was started anew.
    Restarted,
    /// This run creates no more, whatever it still waits for.
    Stopped,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Asked,
        Self::Doubts,
        Self::Foreign,
        Self::NotSent,
        Self::NotRelayed,
        Self::Alike,
        Self::InFlight,
        Self::Budget,
        Self::Restarted,
        Self::Stopped,
    ];

    /// For programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Doubts => "doubts",
            Self::Foreign => "foreign",
            Self::NotSent => "not_sent",
            Self::NotRelayed => "not_relayed",
            Self::Alike => "alike",
            Self::InFlight => "in_flight",
            Self::Budget => "budget",
            Self::Restarted => "restarted",
            Self::Stopped => "stopped",
        }
    }

    /// Whether nobody knows when creates go on, or if at all.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self, Self::Doubts | Self::Foreign | Self::NotSent | Self::NotRelayed)
    }
}

impl From<Cause> for Why {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::Doubts => Self::Doubts,
            Cause::Foreign => Self::Foreign,
            Cause::NotSent => Self::NotSent,
            Cause::NotRelayed => Self::NotRelayed,
            Cause::Alike => Self::Alike,
        }
    }
}

/// With what the service said: `429 from the API, going on in 42 s (slow down)`.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.said.is_empty() { Ok(()) } else { write!(f, " ({})", self.said) }
    }
}

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
        let stopped = self.means.stop.reason().and_then(Reason::brief).map(Reins::Stopped);
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
