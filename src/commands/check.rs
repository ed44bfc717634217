//! `check`: reads and checks everything, sends nothing.

use serde_json::json;

use super::batch::read_manifest;
use super::failure::Failure;
use crate::cli::ManifestArgs;
use crate::exit::Exit;
use crate::ui::{Ui, counted};

pub(super) fn check(ui: &Ui, args: &ManifestArgs) -> Result<Exit, Failure> {
    let manifest = read_manifest(ui, args)?;
    let pairs = manifest.pairs.len() as u64;
    let path = args.manifest.display();
    let text = format!("{path}: {}, no problems", ui.strong(&counted(pairs, "pair")));
    ui.result(&text, &json!({"manifest": path.to_string(), "pairs": pairs, "problems": []}));
    Ok(Exit::Done)
}
