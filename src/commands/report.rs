//! `report`: writes the views of the ledger again.

use serde_json::json;

use super::batch::Batch;
use super::failure::Failure;
use crate::cli::BatchArgs;
use crate::exit::Exit;
use crate::report;
use crate::ui::Ui;

pub(super) fn report(ui: &Ui, args: &BatchArgs) -> Result<Exit, Failure> {
    let batch = Batch::open(ui, args)?;
    let Some(view) = batch.view()? else {
        let folder = batch.folder.display();
        return Err(Failure::new(Exit::Usage, format!("{folder}: no ledger here"))
            .hint(format!("start with: {}", batch.command("run"))));
    };
    let path = report::write(&batch.folder, &view, |_| true)?.display().to_string();
    ui.result(&path, &json!({ "tasks_csv": path }));
    Ok(Exit::Done)
}
