//! The progress of a run: a bar on a terminal, and warnings that scroll above it.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::{Style, Ui};
use crate::ledger::Change;
use crate::state::{Event, State};
use crate::view::printable;

/// How many warnings of a kind are shown; the CSV has them all.
const SHOWN: u64 = 10;

/// Follows the changes of a run.
#[derive(Debug, Clone)]
pub struct Progress {
    ui: Ui,
    bar: ProgressBar,
    verb: &'static str,
    seen: HashMap<Event, u64>,
}

impl Progress {
    pub(super) fn new(ui: Ui, pairs: u64, verb: &'static str, drawn: bool) -> Self {
        let target = if drawn {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(pairs), target);
        let template = "{msg} [{bar:24}] {pos}/{len}  {rate}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        if drawn {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let progress = Self { ui, bar, verb, seen: HashMap::new() };
        progress.describe();
        progress
    }

    /// Takes in what was committed.
    pub fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            let seen = self.seen.entry(change.event).or_default();
            *seen += 1;
            let seen = *seen;
            if matches!(change.state, State::Created | State::Rejected | State::InDoubt) {
                self.bar.inc(1);
            }
            self.warn_of(change, seen);
        }
        self.describe();
    }

    /// Prints a line above the bar.
    pub fn above(&self, print: impl FnOnce(&Ui)) {
        self.bar.suspend(|| print(&self.ui));
    }

    /// Removes the bar.
    pub fn end(&self) {
        self.bar.finish_and_clear();
    }

    fn describe(&self) {
        let count = |event| self.seen.get(&event).copied().unwrap_or(0);
        let mut text = self.verb.to_owned();
        for (event, word) in [(Event::Lost, "in doubt"), (Event::Refused, "rejected")] {
            if count(event) > 0 {
                let part = format!("{} {word}", count(event));
                text.push_str(", ");
                text.push_str(&Style::Warning.paint(self.ui.colour.err, &part));
            }
        }
        self.bar.set_message(text);
    }

    fn warn_of(&self, change: &Change, seen: u64) {
        let Some(word) = word(change.event) else { return };
        if seen > SHOWN + 1 {
            return;
        }
        let text = match seen > SHOWN {
            true => format!("more pairs are {word}; tasks.csv lists them all"),
            false => {
                let why = [&change.code, &change.message].map(|text| printable(text));
                format!("{}: {word}: {}", change.id, why.join(": ").trim_matches([':', ' ']))
            }
        };
        self.above(|ui| ui.warn(&text));
    }
}

/// indicatif's own has four digits after the point.
fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    // A rate that cannot be drawn is left out.
    let _ = write!(out, "{:.1}/s", state.per_sec());
}

/// The events that need attention. A single refusal that is tried again does not.
fn word(event: Event) -> Option<&'static str> {
    match event {
        Event::Refused => Some("rejected"),
        Event::Lost => Some("in doubt"),
        Event::Failed => Some("failed"),
        _ => None,
    }
}
