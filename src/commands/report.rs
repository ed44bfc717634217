//! `report`: writes the views of the ledger again.

use std::path::PathBuf;

use serde_json::json;

use super::batch::Site;
use super::failure::Failure;
use crate::cli::BatchArgs;
use crate::exit::Exit;
use crate::ledger::{Rows, View};
use crate::report;
use crate::ui::Ui;

pub(super) fn report(ui: &Ui, args: &BatchArgs) -> Result<Exit, Failure> {
    let site = Site::of(args);
    let mut view = site.existing()?;
    let mut written = write(&site, &view);
    if view.is_outdated() {
        view = site.existing()?;
        written = write(&site, &view);
    }
    let (path, events) = written?;
    let path = path.display().to_string();
    let events: Vec<_> = events.iter().map(|path| path.display().to_string()).collect();
    let bills = view.bills()?;
    bills.lines(&site).iter().for_each(|line| ui.note(line));
    ui.result(&path, &json!({ "tasks_csv": path, "events": events, "bill": bills.json() }));
    Ok(Exit::Done)
}

/// Writes `tasks.csv` and the files of events, and names them.
fn write(site: &Site, view: &View) -> Result<(PathBuf, Vec<PathBuf>), Failure> {
    Ok((report::write(&site.folder, view, Rows::All)?, view.write_events()?))
}
