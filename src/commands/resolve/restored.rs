//! `resolve --ledger-restored`: goes on with a ledger that was put back to an older one.

use serde_json::json;

use super::{Done, conclude};
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::opened;
use crate::exit::Exit;
use crate::files::write_whole;
use crate::ledger::{Newer, set_newer_aside};
use crate::ui::{Ui, counted};
use crate::view::printable;

/// How many pairs are named.
const SHOWN: usize = 10;

pub(super) fn go_on(ui: &Ui, site: &Site) -> Result<Exit, Failure> {
    let owner = site.existing()?.endpoint()?;
    let Some(newer) = set_newer_aside(&site.folder)? else {
        let text = format!("{}: the ledger is as new as its events", site.folder.display());
        return Err(Failure::new(Exit::Usage, text).hint("nothing has to be done about it"));
    };
    opened::open(ui, site, &owner)?.close()?;
    let tasks = tasks(&newer)?;
    warn(ui, site, &newer, tasks.as_deref());
    let kept: Vec<_> = newer.kept.iter().map(|path| path.display().to_string()).collect();
    let more = json!({
        "ledger_ends_at_event": newer.ledger,
        "events_kept_aside": kept,
        "sent_since": newer.sent,
        "tasks_csv_of_those": tasks,
    });
    let what = format!("the ledger is taken as it is, up to event {}", newer.ledger);
    conclude(ui, site, (&what, Done::default()), more)
}

fn warn(ui: &Ui, site: &Site, newer: &Newer, tasks: Option<&str>) {
    for path in &newer.kept {
        ui.note(&format!("what was recorded after it is kept: {}", path.display()));
    }
    if newer.sent.is_empty() {
        return;
    }
    let pairs = counted(newer.sent.len() as u64, "pair");
    let names: Vec<_> = newer.sent.keys().take(SHOWN).map(|id| printable(id)).collect();
    let more = if newer.sent.len() > SHOWN { ", …" } else { "" };
    ui.warn(&format!(
        "{pairs} sent since, of which the ledger knows nothing; `run` would pay for them again: {}{more}",
        names.join(", ")
    ));
    if let Some(tasks) = tasks {
        ui.hint(&format!("to take their tasks over first: {} {tasks}", site.command("adopt")));
    }
}

/// The tasks that are known of what was sent since, as `adopt` reads them.
fn tasks(newer: &Newer) -> Result<Option<String>, Failure> {
    let known = newer.sent.iter().filter_map(|(id, task)| Some((id, task.as_ref()?)));
    let known: Vec<_> = known.collect();
    let Some(kept) = newer.kept.first().filter(|_| !known.is_empty()) else { return Ok(None) };
    let path = kept.with_extension("csv");
    let written = write_whole::<csv::Error>(&path, |file| {
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(["id", "task_id"])?;
        known.iter().try_for_each(|(id, task)| csv.write_record([id, task]))?;
        Ok(csv.flush()?)
    });
    let failed = |error| Failure::new(Exit::Fault, format!("{}: {error}", path.display()));
    written.map_err(failed)?;
    Ok(Some(path.display().to_string()))
}
