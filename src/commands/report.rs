//! `report`: writes the views of the ledger again.

use serde_json::json;

use super::batch::Site;
use super::failure::Failure;
use crate::cli::BatchArgs;
use crate::exit::Exit;
use crate::ledger::Rows;
use crate::report;
use crate::ui::Ui;

pub(super) fn report(ui: &Ui, args: &BatchArgs) -> Result<Exit, Failure> {
    let site = Site::of(args);
    let view = site.existing()?;
    let path = report::write(&site.folder, &view, Rows::All)?.display().to_string();
    let events = view.write_events()?;
    let events: Vec<_> = events.iter().map(|path| path.display().to_string()).collect();
    let bills = view.bills()?;
    bills.lines(&site).iter().for_each(|line| ui.note(line));
    ui.result(&path, &json!({ "tasks_csv": path, "events": events, "bill": bills.json() }));
    Ok(Exit::Done)
}
