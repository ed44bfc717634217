//! A run at a moment, as it is shown: on a terminal, in a log, to a program.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Activity;
use crate::price::Amount;
use crate::view::Clock;

/// Of the objects that programs get.
const VERSION: u32 = 1;

/// A run at a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Moment {
    /// Pairs that the run has no more work with, of those that it began with.
    pub(super) done: u64,
    pub(super) pairs: u64,
    /// What became of pairs in this run.
    pub(super) in_doubt: u64,
    pub(super) rejected: u64,
    pub(super) failed: u64,
    pub(super) lost: u64,
    pub(super) created: u64,
    /// Nothing where videos are not waited for.
    pub(super) saved: Option<u64>,
    /// `12.48 of 50.00 USD`
    pub(super) money: Option<String>,
    /// Pairs done in a second, of late.
    pub(super) rate: Option<f64>,
    /// How many seconds it goes on, as far as anybody can say.
    pub(super) left: Option<u64>,
    /// What is said of the link that dies next.
    pub(super) link: Option<String>,
    /// Creates that wait for their answers.
    pub(super) under_way: u64,
    pub(super) activity: Activity,
}

impl Moment {
    /// For programs.
    pub(super) fn json(&self, now: Timestamp, budget: Option<(Amount, Amount)>) -> Value {
        let clock = Clock { now, zone: jiff::tz::TimeZone::UTC };
        let mut value = json!({
            "v": VERSION,
            "type": "progress",
            "at": format!("{now:.3}"),
            "done": self.done,
            "pairs": self.pairs,
            "created": self.created,
            "saved": self.saved,
            "in_doubt": self.in_doubt,
            "rejected": self.rejected,
            "failed": self.failed,
            "lost": self.lost,
            "creating": self.under_way,
            "per_minute": self.rate.map(|rate| rate * 60.0),
            "ends_at": self.left.map(|left| format!("{:.0}", clock.later(left))),
            "budget": budget.map(|(spent, of)| json!({"spent": spent, "of": of})),
        });
        if let (Value::Object(all), Ok(Value::Object(doing))) =
            (&mut value, serde_json::to_value(&self.activity))
        {
            all.extend(doing);
        }
        value
    }
}

/// What somebody said, for programs that read standard error.
pub(super) fn message(kind: &str, text: &str) -> String {
    json!({"v": VERSION, "type": kind, "text": text}).to_string()
}
