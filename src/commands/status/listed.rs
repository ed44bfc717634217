//! `status --state` and `status --history`: one thing a line, however many there are.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::fitness::roughly;
use crate::ledger::{Holder, Rows, View, is_under_way};
use crate::state::State;
use crate::ui::{Ui, is_unread};
use crate::view::{self, Row, printable};

/// Lists the pairs in some states, with the reasons.
pub(super) fn pairs(ui: &Ui, view: &View, states: &[State]) -> Result<(), Failure> {
    let is_settled = |state: &State| !matches!(state, State::Planned | State::Sending);
    let rows = if states.iter().all(is_settled) { Rows::Settled } else { Rows::All };
    let mut shown = 0_u32;
    view.each_row::<Stopped>(rows, |row| {
        if !states.contains(&row.state) {
            return Ok(());
        }
        ui.line(&described(&row), &view::json(&row));
        shown += 1;
        // To ask costs as much as a line.
        if shown.is_multiple_of(100) && is_unread() { Err(Stopped::Unread) } else { Ok(()) }
    })
    .or_else(|stopped| match stopped {
        Stopped::Unread => Ok(()),
        Stopped::Failed(failure) => Err(failure),
    })
}

/// Why not all pairs are listed.
enum Stopped {
    Unread,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// `anna-003  rejected  invalid_image_url: it leads nowhere`
fn described(row: &Row) -> String {
    let mut parts = vec![row.id.clone(), super::words(row.state).to_owned()];
    let why = [&row.error_code, &row.error].map(|text| printable(text));
    let why: Vec<_> = why.iter().map(|text| &**text).filter(|text| !text.is_empty()).collect();
    match (why.is_empty(), row.state) {
        (false, _) => parts.push(why.join(": ")),
        (true, State::Saved) => {
            parts.extend(row.video_path.as_deref().map(|it| printable(it).into()))
        }
        (true, _) => {
            parts.extend(row.task_id.as_deref().map(|it| format!("task {}", printable(it))))
        }
    }
    if !row.listed {
        parts.push("(no longer in the manifest)".to_owned());
    }
    parts.join("  ")
}

/// Lists who had the ledger to write, the first one first.
pub(super) fn history(ui: &Ui, view: &View, site: &Site) -> Result<(), Failure> {
    let holders = view.holders()?;
    // Only the last one can be alive: each that begins ends those before it.
    let lives = is_under_way(&site.folder);
    for (n, holder) in holders.iter().enumerate() {
        let end = End::of(holder, lives && n + 1 == holders.len());
        let value = json!({
            "began": holder.began.to_string(),
            "ended": holder.ended.map(|at| at.to_string()),
            "seconds": end.lasted().map(|time| time.as_secs_f64()),
            "state": end.name(),
            "exit_code": holder.exit,
            "process": holder.process,
            "host": holder.host,
        });
        ui.line(&worked(holder, end), &value);
    }
    Ok(())
}

/// How a process left the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is at work.
    UnderWay,
    /// It wrote its end down.
    After(Duration),
    /// It was killed, or its machine was: it wrote no end down.
    CutOff,
}

impl End {
    fn of(holder: &Holder, lives: bool) -> Self {
        match holder.ended {
            Some(_) if holder.found_dead => Self::CutOff,
            Some(ended) => Self::After(between(holder.began, ended)),
            None if lives => Self::UnderWay,
            None => Self::CutOff,
        }
    }

    fn lasted(self) -> Option<Duration> {
        match self {
            Self::After(time) => Some(time),
            Self::UnderWay | Self::CutOff => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::UnderWay => "under_way",
            Self::After(_) => "ended",
            Self::CutOff => "cut_off",
        }
    }
}

fn between(began: Timestamp, ended: Timestamp) -> Duration {
    ended.duration_since(began).try_into().unwrap_or_default()
}

/// `2026-11-29 11:13:12 UTC  4 s  exit 0  process 1234 on studio-3`
fn worked(holder: &Holder, end: End) -> String {
    let began = holder.began.strftime("%Y-%m-%d %H:%M:%S UTC");
    let end = match end {
        End::UnderWay => "under way".to_owned(),
        End::After(time) => roughly(time),
        End::CutOff => "cut off".to_owned(),
    };
    let (process, host) = (printable(&holder.process), printable(&holder.host));
    let exit = holder.exit.map(|code| format!("exit {code}  ")).unwrap_or_default();
    format!("{began}  {end}  {exit}process {process} on {host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(ended: Option<i64>) -> Holder {
        let at = |second| Timestamp::from_second(second).unwrap();
        let (process, host) = ("7".to_owned(), "ho\nst".to_owned());
        let (found_dead, exit) = (false, None);
        Holder { began: at(0), ended: ended.map(at), found_dead, exit, process, host }
    }

    #[test]
    fn who_worked_is_said_with_how_long() {
        for (ended, lives, words, name) in [
            (Some(50), false, "50 s", "ended"),
            (Some(50), true, "50 s", "ended"),
            (None, true, "under way", "under_way"),
            (None, false, "cut off", "cut_off"),
        ] {
            let end = End::of(&holder(ended), lives);
            let line = format!("1970-01-01 00:00:00 UTC  {words}  process 7 on ho st");
            assert_eq!((worked(&holder(ended), end), end.name()), (line, name));
        }
        let ended = Holder { exit: Some(5), ..holder(Some(50)) };
        let line = "1970-01-01 00:00:00 UTC  50 s  exit 5  process 7 on ho st";
        assert_eq!(worked(&ended, End::of(&ended, false)), line);
        let killed = Holder { found_dead: true, ..holder(Some(50)) };
        assert_eq!(End::of(&killed, false).name(), "cut_off", "when it died, nobody knows");
    }
}
