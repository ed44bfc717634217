//! `adopt`: takes over tasks that were made elsewhere.

use std::path::Path;

use serde::Deserialize;

use super::batch::Batch;
use super::failure::Failure;
use super::locals;
use super::patient;
use super::status::Standing;
use crate::catalog::Catalog;
use crate::cli::AdoptArgs;
use crate::exit::Exit;
use crate::ledger::Rows;
use crate::pair::TaskId;
use crate::report;
use crate::ui::{Ui, counted};

/// A line of the file; further columns are passed over.
#[derive(Deserialize)]
struct Line {
    id: String,
    task_id: String,
}

pub(super) fn adopt(ui: &Ui, args: &AdoptArgs) -> Result<Exit, Failure> {
    let mut batch = Batch::open(ui, &args.batch)?;
    let tasks = read(&args.tasks)?;
    // Listed as a run lists it, or that would take its files for changed.
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    batch.site.make()?;
    let mut store = patient::open(ui, &batch.site, &batch.owner(), args.patience.wait)?;
    store.list(&batch.manifest.pairs)?;
    store.adopt(&tasks)?;
    store.close()?;
    let view = batch.site.existing()?;
    report::write(&batch.site.folder, &view, Rows::All)?;
    let standing = Standing::read(&view)?;
    let taken = counted(tasks.len() as u64, "task");
    let text = format!("{taken} taken over; now {}", standing.line());
    ui.result(&text, &standing.json(&batch.site));
    ui.hint(&format!("to wait for them: {}", batch.site.command("run")));
    Ok(Exit::Done)
}

/// All lines, or what is wrong with the first bad one.
fn read(path: &Path) -> Result<Vec<(String, TaskId)>, Failure> {
    let failed = |reason: String| {
        let text = format!("{}: {reason}; nothing was taken over", path.display());
        Failure::new(Exit::Usage, text).hint("the file has the columns id and task_id")
    };
    let mut csv = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|error| failed(error.to_string()))?;
    let lines = csv.deserialize::<Line>().map(|line| {
        let Line { id, task_id } = line.map_err(|error| failed(error.to_string()))?;
        let task = TaskId::parse(&task_id).map_err(|error| failed(format!("{id}: {error}")))?;
        Ok((id, task))
    });
    lines.collect()
}
