//! What holds creates back, for whoever shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pace::Cause;

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
