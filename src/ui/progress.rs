//! The progress of a run: a bar on a terminal, and warnings that scroll above it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use jiff::Timestamp;

use super::{Activity, Links, Style, Tally, Ui};
use crate::cli::Until;
use crate::ledger::Change;
use crate::state::Event;
use crate::submit::Held;
use crate::view::printable;
use crate::watch::Meter;

/// How many warnings of a kind are shown; the CSV has them all.
const SHOWN: u64 = 10;

/// What a run has before it.
#[derive(Debug)]
pub struct Work {
    /// How many pairs.
    pub pairs: u64,
    /// How far it takes them.
    pub until: Until,
    /// The links that it knows from before.
    pub links: Links,
    /// Where its pairs stand.
    pub tally: Tally,
}

/// Follows the changes of a run.
#[derive(Debug, Clone)]
pub struct Progress {
    ui: Ui,
    bar: ProgressBar,
    until: Until,
    links: Links,
    meter: Arc<Meter>,
    seen: HashMap<Event, u64>,
    tally: Tally,
    /// Whose creates were sent again.
    again: HashSet<Arc<str>>,
    /// Bytes of videos at a time, for their speed.
    measured: (Instant, u64),
    speed: f64,
    held: Option<Held>,
}

impl Progress {
    pub(super) fn new(ui: Ui, work: Work, meter: Arc<Meter>, drawn: bool) -> Self {
        let Work { pairs, until, links, tally } = work;
        let target = if drawn {
            ProgressDrawTarget::stderr_with_hz(10)
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(pairs), target);
        // What is counted comes last: it is cut where the terminal ends.
        let template = "[{bar:16}] {pos}/{len}  {rate}  {left}{wide_msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(
                style.with_key("rate", rate).with_key("left", left).progress_chars("=> "),
            );
        }
        if drawn {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        let (seen, again) = (HashMap::new(), HashSet::new());
        let measured = (Instant::now(), 0);
        let (speed, held) = (0.0, None);
        let progress =
            Self { ui, bar, until, links, meter, seen, tally, again, measured, speed, held };
        progress.describe();
        progress
    }

    /// Takes in what was committed.
    pub fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            self.tally.follow(change);
            self.take_back(change);
            let seen = self.seen.entry(change.event).or_default();
            *seen += 1;
            let seen = *seen;
            if self.is_end(change) {
                self.bar.inc(1);
            }
            self.links.follow(change);
            self.warn_of(change, seen);
            self.tell_settled(change);
        }
        self.describe();
    }

    /// A doubt whose create is sent again was no end.
    fn take_back(&mut self, change: &Change) {
        if change.event != Event::Repeated {
            return;
        }
        self.again.insert(change.id.clone());
        if let Some(doubts) = self.seen.get_mut(&Event::Lost).filter(|doubts| **doubts > 0) {
            *doubts -= 1;
            self.bar.dec(1);
        }
    }

    /// Whoever was told of a doubt is told that it is none.
    fn tell_settled(&self, change: &Change) {
        let was = change.event == Event::Accepted && self.again.contains(&change.id);
        if was && self.again.len() as u64 <= SHOWN {
            let text =
                format!("{}: no longer in doubt: sent again, its key led to its task", change.id);
            self.above(|ui| ui.note(&text));
        }
    }

    /// Whether the run has no more work with the pair.
    fn is_end(&self, change: &Change) -> bool {
        match (self.until, change.event) {
            (_, Event::Refused | Event::Unfit | Event::Lost) => true,
            (Until::Created, event) => event == Event::Accepted,
            (Until::Saved, event) => {
                matches!(event, Event::Saved | Event::Failed | Event::LinkLost)
            }
        }
    }

    /// What was counted so far.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes in what holds creates back and what the meter shows, and gives it.
    pub fn refresh(&mut self, held: Option<Held>) -> Activity {
        self.held = held;
        let (then, before) = self.measured;
        let bytes = self.meter.bytes.load(Ordering::Relaxed);
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
        let fetched = bytes.saturating_sub(before) as f64;
        self.speed = fetched / then.elapsed().as_secs_f64().max(0.001);
        self.measured = (Instant::now(), bytes);
        self.tell();
        self.describe();
        self.activity()
    }

    /// What was found out while waiting, each once.
    fn tell(&self) {
        for text in self.meter.told.news() {
            self.above(|ui| ui.warn(&text));
        }
    }

    /// Prints a line above the bar.
    pub fn above(&self, print: impl FnOnce(&Ui)) {
        self.bar.suspend(|| print(&self.ui));
    }

    /// Removes the bar, once everything was said.
    pub fn end(&self) {
        self.tell();
        let unknown = self.meter.unknown.summary();
        unknown.iter().for_each(|text| self.above(|ui| ui.warn(text)));
        self.bar.finish_and_clear();
    }

    fn describe(&self) {
        let count = |event| self.seen.get(&event).copied().unwrap_or(0);
        let mut parts = Vec::new();
        for (number, word) in [
            (count(Event::Lost), "in doubt"),
            (count(Event::Refused) + count(Event::Unfit), "rejected"),
            (count(Event::Failed), "failed"),
            (count(Event::LinkLost), "lost"),
        ] {
            if number > 0 {
                parts.push(format!("{number} {word}"));
            }
        }
        parts.extend(self.links.warning(Timestamp::now()));
        // What needs attention comes first: the line ends where the terminal does.
        for part in &mut parts {
            *part = Style::Warning.paint(self.ui.colour.err, part);
        }
        parts.extend(self.held.as_ref().map(Held::to_string));
        parts.push(match self.until {
            Until::Created => "creating".to_owned(),
            Until::Saved => self.stages(count(Event::Accepted), count(Event::Saved)),
        });
        self.bar.set_message(parts.join(", "));
    }

    /// `12 created, 8 waiting (40 %), 2 downloading (1.3 MB/s), 2 saved`
    fn stages(&self, created: u64, saved: u64) -> String {
        let activity = Activity { held: None, ..self.activity() };
        format!("{created} created, {activity}, {saved} saved")
    }

    /// What the run is doing, as it was taken in last.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no download is so fast, or slower than nothing"
    )]
    #[must_use]
    pub fn activity(&self) -> Activity {
        let of = |meter: &AtomicU64| meter.load(Ordering::Relaxed);
        let waiting = of(&self.meter.waiting);
        Activity {
            waiting,
            progress: of(&self.meter.progress).checked_div(waiting),
            unknown: self.meter.unknown.now(),
            downloading: of(&self.meter.fetching),
            bytes_per_second: self.speed as u64,
            held: self.held.clone(),
        }
    }

    fn warn_of(&self, change: &Change, seen: u64) {
        let Some(word) = word(change.event) else { return };
        // It was said the first time.
        if change.event == Event::Lost && self.again.contains(&change.id) {
            return;
        }
        if seen > SHOWN + 1 {
            return;
        }
        let text = match seen > SHOWN {
            true => format!("and more {word}; tasks.csv lists them all"),
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

/// Nothing until something is done: until then nobody knows.
fn left(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    if state.pos() > 0 {
        let _ = write!(out, "{:#} left  ", HumanDuration(state.eta()));
    }
}

/// The events that need attention. A single refusal that is tried again does not.
fn word(event: Event) -> Option<&'static str> {
    match event {
        Event::Refused | Event::Unfit => Some("rejected"),
        Event::Lost => Some("in doubt"),
        Event::Failed => Some("failed"),
        Event::LinkLost => Some("not to be fetched"),
        _ => None,
    }
}
