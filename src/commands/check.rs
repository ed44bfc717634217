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
    let warnings = &batch.manifest.warnings;
    let found = match warnings.len() as u64 {
        0 => "no problems".to_owned(),
        count => format!("no errors, {}", counted(count, "warning")),
    };
    let text = format!("{path}: {}, {found}", ui.strong(&counted(pairs, "pair")));
    let path = path.to_string();
    let value = json!({"manifest": path, "pairs": pairs, "problems": [], "warnings": warnings});
    ui.result(&text, &value);
    Ok(Exit::Done)
}
