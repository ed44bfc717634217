//! Why no create starts at a moment, in numbers and in words.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Run;
use super::stop::Reason;
use crate::pace::Cause;
use crate::price::Amount;
use crate::view::{Clock, lasting, printable};

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
    /// This run creates no more, whatever it still waits for.
    Stopped,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Asked,
        Self::Doubts,
        Self::Foreign,
        Self::NotSent,
        Self::NotRelayed,
        Self::Alike,
        Self::InFlight,
        Self::Budget,
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

/// What holds creates back, and what there is to tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reins {
    /// The service wants a pause, and answered with this status.
    Asked(Option<u16>),
    /// So many doubts in a row; none if an earlier run ended in them.
    Doubts(usize),
    /// What answers there is not the API.
    Foreign(String),
    /// No way leads there, by the code of what was tried last.
    NotSent(String, String),
    /// Somebody on the way there refuses.
    NotRelayed(String),
    /// So many refusals alike.
    Alike(usize),
    /// So many tasks are unfinished.
    InFlight(u32),
    /// So much is left.
    Budget(Amount),
    /// For this reason.
    Stopped(String),
}

impl Reins {
    const fn why(&self) -> Why {
        match self {
            Self::Asked(_) => Why::Asked,
            Self::Doubts(_) => Why::Doubts,
            Self::Foreign(_) => Why::Foreign,
            Self::NotSent(..) => Why::NotSent,
            Self::NotRelayed(_) => Why::NotRelayed,
            Self::Alike(_) => Why::Alike,
            Self::InFlight(_) => Why::InFlight,
            Self::Budget(_) => Why::Budget,
            Self::Stopped(_) => Why::Stopped,
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Asked(Some(status)) => format!("{status} from the API"),
            Self::Asked(None) => "the API wants a pause".to_owned(),
            Self::Doubts(0) => "the last run ended in doubts".to_owned(),
            Self::Doubts(1) => "1 create in doubt".to_owned(),
            Self::Doubts(doubts) => format!("{doubts} doubts in a row"),
            Self::Foreign(host) => format!("no API answers at {host}"),
            Self::NotSent(host, code) => match code.as_str() {
                "not_sent_name" => format!("no such host: {host}"),
                "not_sent_tls" => format!("no trusted connection to {host}"),
                _ => format!("cannot connect to {host}"),
            },
            Self::NotRelayed(host) => format!("refused on the way to {host}"),
            Self::Alike(refusals) => format!("{refusals} refusals alike in a row"),
            Self::InFlight(most) => format!("in_flight {most} reached"),
            Self::Budget(left) => format!("budget: {left} left"),
            Self::Stopped(reason) => format!("no more is created: {reason}"),
        }
    }

    /// What is being done about it.
    fn doing(&self) -> &'static str {
        match self {
            Self::Doubts(_) => ": asking whether the API is there",
            Self::Alike(_) => ": trying a pair apart from them",
            _ => "",
        }
    }
}

/// How long that lasts.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// How long it has.
    since: u64,
    /// How long creates pause yet.
    pause: Option<u64>,
    /// How long the service is still waited for.
    gives_up: Option<u64>,
}

/// The times are those that people wait for, so they come before what else there is to know.
fn held((reins, said): (&Reins, String), times: Times, window: Window, clock: &Clock) -> Held {
    let (why, reason) = (reins.why(), reins.reason());
    let mut text = format!("{reason}{}", reins.doing());
    if let Some(seconds) = times.gives_up {
        if why != Why::Doubts {
            text.push_str(&format!(" since {}", clock.time_before(times.since)));
        }
        text.push_str(&format!(", gives up {}", clock.time_in(seconds)));
    }
    if let Some(seconds) = times.pause {
        text.push_str(&format!(", going on in {}", lasting(seconds)));
    }
    if why == Why::Asked && window.of > 1 {
        text.push_str(&format!("; window {} of {}", window.size, window.of));
    }
    Held {
        why,
        reason,
        text,
        said,
        since_seconds: times.since,
        seconds: times.pause,
        gives_up_seconds: times.gives_up,
        window,
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
            None if pause.is_some() => Reins::Asked(self.gate.last().status),
            None => self.full()?,
        };
        let waits = outage.filter(|(cause, _)| *cause != Cause::Alike).map(|(_, left)| left);
        Some(self.told(&reins, (pause, waits)))
    }

    fn outage(&self, cause: Cause) -> Reins {
        let host = || self.means.client.host();
        match cause {
            Cause::Doubts => Reins::Doubts(self.gate.doubts_in_a_row()),
            Cause::Foreign => Reins::Foreign(host()),
            Cause::NotSent => Reins::NotSent(host(), self.gate.last().code),
            Cause::NotRelayed => Reins::NotRelayed(host()),
            Cause::Alike => Reins::Alike(self.alike.borrow().told().0),
        }
    }

    /// What there is no room for.
    fn full(&self) -> Option<Reins> {
        let short = self.short_of.get().map(Reins::Budget);
        short.or_else(|| self.means.in_flight.full().map(Reins::InFlight))
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
    use crate::price::Money;

    fn text(reins: &Reins, times: Times) -> String {
        let now = "2026-11-29T12:05:00Z".parse().unwrap();
        let clock = Clock { now, zone: TimeZone::UTC };
        held((reins, String::new()), times, Window { size: 3, of: 16 }, &clock).text
    }

    #[test]
    fn it_says_why_and_for_how_long() {
        let host = || "api.foxapi.cc".to_owned();
        let outage = Times { since: 60, pause: None, gives_up: Some(840) };
        let pause = Times { pause: Some(42), ..Times::default() };
        for (reins, times, expected) in [
            (Reins::Asked(Some(429)), pause, "429 from the API, going on in 42 s; window 3 of 16"),
            (
                Reins::NotSent(host(), "not_sent".to_owned()),
                outage,
                "cannot connect to api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (
                Reins::NotSent(host(), "not_sent_name".to_owned()),
                outage,
                "no such host: api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (
                Reins::Doubts(3),
                outage,
                "3 doubts in a row: asking whether the API is there, gives up 12:19",
            ),
            (
                Reins::Foreign(host()),
                outage,
                "no API answers at api.foxapi.cc since 12:04, gives up 12:19",
            ),
            (Reins::Budget(Amount::Money(Money::of(4.8))), Times::default(), "budget: 4.80 left"),
            (Reins::InFlight(100), Times::default(), "in_flight 100 reached"),
        ] {
            assert_eq!(text(&reins, times), expected);
        }
    }

    #[test]
    fn a_pause_in_an_outage_is_told_with_it() {
        let times = Times { since: 60, pause: Some(30), gives_up: Some(840) };
        assert_eq!(
            text(&Reins::NotRelayed("h".to_owned()), times),
            "refused on the way to h since 12:04, gives up 12:19, going on in 30 s"
        );
    }

    #[test]
    fn programs_know_it_by_one_name() {
        for why in Why::ALL {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }
}
