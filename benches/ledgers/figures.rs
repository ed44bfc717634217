//! What was measured, each figure beside what the disk and the machine did just then.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the disk is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// What a figure is to reach.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// Nothing is said of it; the more the better, or the less.
    More,
    Less,
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    fn text(self, value: f64) -> String {
        let (words, limit, is_met) = match self {
            Self::More | Self::Less => return String::new(),
            Self::AtLeast(limit) => ("at least", limit, value >= limit),
            Self::AtMost(limit) => ("at most", limit, value <= limit),
        };
        format!("{words} {limit}: {}", if is_met { "met" } else { "missed" })
    }
}

/// All figures of one call.
pub(crate) struct Figures {
    is_json: bool,
    section: &'static str,
    all: Vec<Value>,
}

impl Figures {
    pub(crate) fn new(is_json: bool) -> Self {
        Self { is_json, section: "", all: Vec::new() }
    }

    pub(crate) fn begin(&mut self, section: &'static str) {
        self.section = section;
        self.print(&format!(
            "{section:<8} {:<44} {:>10} {:<14} {:>11} {:>5}",
            "what", "value", "unit", "fdatasync/s", "load"
        ));
    }

    /// Notes a figure.
    pub(crate) fn note(&mut self, what: &str, (value, unit): (f64, &str), goal: Goal) {
        let (disk, load) = (fdatasyncs(), load());
        let shown = if value < 100.0 { format!("{value:.3}") } else { format!("{value:.0}") };
        let section = self.section;
        self.print(&format!(
            "{section:<8} {what:<44} {shown:>10} {unit:<14} {disk:>11.0} {load:>5.1} {}",
            goal.text(value)
        ));
        let (least, most) = match goal {
            Goal::More | Goal::Less => (None, None),
            Goal::AtLeast(limit) => (Some(limit), None),
            Goal::AtMost(limit) => (None, Some(limit)),
        };
        self.all.push(json!({
            "section": section, "what": what, "value": value, "unit": unit, "at_least": least,
            "at_most": most, "fdatasync_per_second": disk, "load": load,
        }));
    }

    /// Notes the middle one of several rounds, and beside it the best.
    pub(crate) fn note_rounds(&mut self, what: &str, (rounds, unit): (&[f64], &str), goal: Goal) {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let best = match goal {
            Goal::AtMost(_) | Goal::Less => sorted.first(),
            Goal::AtLeast(_) | Goal::More => sorted.last(),
        };
        if let (Some(best), Some(middle)) = (best, sorted.get(sorted.len() / 2)) {
            self.note(&format!("{what}, median"), (*middle, unit), goal);
            self.note(&format!("{what}, best of {}", sorted.len()), (*best, unit), goal);
        }
    }

    pub(crate) fn end(self) {
        if self.is_json {
            println!("{}", Value::Array(self.all));
        }
    }

    /// For people; nothing but figures comes to programs.
    fn print(&self, line: &str) {
        if !self.is_json {
            println!("{line}");
        }
    }
}

/// How often a second the disk below the temporary folders keeps a page that was written.
fn fdatasyncs() -> f64 {
    // Where the tests' server has its data, whatever `TMPDIR` says.
    let file = tempfile::tempfile_in("/tmp").expect("a temporary file");
    let (page, began) = ([7_u8; 8192], Instant::now());
    let mut count = 0;
    while began.elapsed() < LOOK {
        write_and_keep(&file, &page);
        count += 1;
    }
    f64::from(count) / began.elapsed().as_secs_f64()
}

fn write_and_keep(file: &File, page: &[u8]) {
    file.write_all_at(page, 0).expect("a page");
    file.sync_data().expect("a disk");
}

/// Of the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}
