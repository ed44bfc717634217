//! `check`: reads and checks everything, sends nothing.

mod probe;

use serde_json::json;

use super::batch::Batch;
use super::failure::Failure;
use super::locals;
use crate::catalog::Catalog;
use crate::cli::CheckArgs;
use crate::exit::Exit;
use crate::ui::{Ui, counted};

pub(super) fn check(ui: &Ui, args: &CheckArgs) -> Result<Exit, Failure> {
    let mut batch = Batch::open(ui, &args.batch)?;
    if args.probe {
        batch.site.make()?;
    }
    let catalog = Catalog::open(&batch.site.folder);
    locals::settle(&mut batch, &catalog)?;
    if args.probe {
        return probe::probe(ui, args, &batch, &catalog);
    }
    let pairs = batch.manifest.pairs.len() as u64;
    let path = batch.site.manifest.display();
    let text = format!("{path}: {}, no problems", ui.strong(&counted(pairs, "pair")));
    ui.result(&text, &json!({"manifest": path.to_string(), "pairs": pairs, "problems": []}));
    Ok(Exit::Done)
}
