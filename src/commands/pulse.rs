//! `progress.json`: what a run is doing, for `status` in a second terminal.
//!
//! The ledger has what happened, but not how far tasks are or how fast videos come, and a commit a
//! second for that would be waste. So a run writes this small file anew every second and removes
//! it when it ends; one that is older than a few seconds, or that lies beside a ledger which nobody holds,
//! was left by a run that was killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::files::replace;
use crate::ledger::is_under_way;
use crate::ui::Activity;

const FILE: &str = "progress.json";
const VERSION: u32 = 1;
/// Older than this, nobody writes it any more.
const STALE: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Pulse {
    v: u32,
    unix_millis: i64,
    #[serde(flatten)]
    activity: Activity,
}

/// Writes what a run is doing now. Nothing depends on it, so a disk that refuses is no error.
pub(super) fn write(folder: &Path, activity: Activity) {
    let unix_millis = Timestamp::now().as_millisecond();
    let pulse = Pulse { v: VERSION, unix_millis, activity };
    if let Ok(text) = serde_json::to_vec(&pulse) {
        let _ = replace(&folder.join(FILE), &text);
    }
}

/// What the run of a folder is doing; `None` if none is under way.
pub(super) fn read(folder: &Path) -> Option<Activity> {
    let pulse: Pulse = serde_json::from_slice(&fs::read(folder.join(FILE)).ok()?).ok()?;
    let age = Timestamp::now().as_millisecond().abs_diff(pulse.unix_millis);
    let fresh = pulse.v == VERSION && u128::from(age) < STALE.as_millis();
    (fresh && is_under_way(folder)).then_some(pulse.activity)
}

/// The run has ended.
pub(super) fn end(folder: &Path) {
    // What is left is stale in a moment.
    let _ = fs::remove_file(folder.join(FILE));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Store;

    #[test]
    fn only_a_run_that_lives_is_heard() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(read(folder), None);
        let activity = Activity { waiting: 3, progress: Some(40), ..Activity::default() };
        write(folder, activity.clone());
        assert_eq!(read(folder), None, "a run that was killed just now");
        let held = Store::open(folder, "https://api.example").unwrap();
        assert_eq!(read(folder), Some(activity));
        let text = fs::read_to_string(folder.join(FILE)).unwrap();
        let old = format!("\"unix_millis\":{}", Timestamp::now().as_millisecond() - 6000);
        let now = text.split(',').find(|part| part.contains("unix_millis")).unwrap();
        fs::write(folder.join(FILE), text.replace(now, &old)).unwrap();
        assert_eq!(read(folder), None, "a run that hangs");
        fs::write(folder.join(FILE), "{\"v\":1").unwrap();
        assert_eq!(read(folder), None);
        end(folder);
        assert!(!folder.join(FILE).exists());
        held.close().unwrap();
    }
}
