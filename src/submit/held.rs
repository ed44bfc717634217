//! Why no create starts at a moment, in numbers and in words.

use std::fmt;
use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Run;
use crate::pace::Cause;
use crate::view::printable;

/// Creates are held back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// By what.
    pub why: Why,
    /// What was said last instead of an answer; may be empty.
    pub said: String,
    /// In how many seconds they go on, if that is known.
    pub seconds: Option<u64>,
    /// In how many seconds the run gives up, unless the service is there again.
    pub gives_up_seconds: Option<u64>,
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
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Asked,
        Self::Doubts,
        Self::Foreign,
        Self::NotSent,
        Self::NotRelayed,
        Self::Alike,
        Self::InFlight,
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
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Asked => "the service wants a pause",
            Self::Doubts => "doubts in a row, asking whether the service is there",
            Self::Foreign => "what answers is not the API",
            Self::NotSent => "nothing can be sent",
            Self::NotRelayed => "somebody on the way refuses",
            Self::Alike => "refusals alike in a row, trying another pair",
            Self::InFlight => "as many tasks are unfinished as may be",
        }
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

/// `creates wait, 42s to go: the service wants a pause (slow down)`; times come first, because lines
/// are cut where the terminal ends.
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("creates wait")?;
        if let Some(seconds) = self.seconds {
            write!(f, ", {} to go", span(seconds))?;
        }
        if let Some(seconds) = self.gives_up_seconds {
            write!(f, ", gives up in {}", span(seconds))?;
        }
        write!(f, ": {}", self.why.words())?;
        if !self.said.is_empty() {
            write!(f, " ({})", self.said)?;
        }
        Ok(())
    }
}

fn span(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    let span = SignedDuration::from_secs(seconds);
    format!("{span:#}")
}

/// Begun seconds count: nobody is told that there are none to go.
fn begun(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

impl Run<'_> {
    /// What holds creates back now.
    pub(super) fn held(&self) -> Option<Held> {
        let pause = Some(self.gate.pause()).filter(|pause| !pause.is_zero());
        let held = self.gate.held();
        let why = match (held, pause) {
            (Some((cause, _)), _) => cause.into(),
            (None, Some(_)) => Why::Asked,
            (None, None) if self.means.in_flight.is_full() => Why::InFlight,
            (None, None) => return None,
        };
        let said = match why {
            Why::InFlight | Why::Alike => String::new(),
            _ => printable(&self.gate.last().message).into_owned(),
        };
        let gives_up = held.map(|(_, left)| left).filter(|_| why != Why::Alike);
        Some(Held { why, said, seconds: pause.map(begun), gives_up_seconds: gives_up.map(begun) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_why_and_for_how_long() {
        let held = |why, said: &str, seconds, gives_up_seconds| {
            Held { why, said: said.to_owned(), seconds, gives_up_seconds }.to_string()
        };
        assert_eq!(
            held(Why::Asked, "slow down", Some(42), None),
            "creates wait, 42s to go: the service wants a pause (slow down)"
        );
        assert_eq!(
            held(Why::NotSent, "connection refused", None, Some(900)),
            "creates wait, gives up in 15m: nothing can be sent (connection refused)"
        );
        assert_eq!(
            held(Why::InFlight, "", None, None),
            "creates wait: as many tasks are unfinished as may be"
        );
    }

    #[test]
    fn programs_know_it_by_one_name() {
        for why in Why::ALL {
            assert_eq!(serde_json::to_value(why).unwrap(), why.name());
        }
    }
}
