//! `check` without `--probe`: what can be known without asking anybody. Addresses are read, and files
//! beside the manifest looked at as a run would look at them.

use serde_json::{Value, json};

use super::told::Told;
use crate::catalog::Catalog;
use crate::commands::batch::{Batch, located};
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::locals;
use crate::commands::plan::outlook;
use crate::exit::Exit;
use crate::manifest::{Manifest, Notes, Severity};
use crate::pair::Source;
use crate::ui::{Ui, counted};

pub(super) fn tell(ui: &Ui, batch: &Batch, catalog: &Catalog) -> Result<Exit, Failure> {
    let found = look(batch, catalog)?;
    conclude(ui, batch, batch.manifest.pairs.len() as u64, found)
}

/// Says what was found, errors and warnings, in so many pairs.
pub(super) fn conclude(
    ui: &Ui,
    batch: &Batch,
    pairs: u64,
    [errors, warnings]: [Notes; 2],
) -> Result<Exit, Failure> {
    let errors = located(batch, errors, Severity::Error)?;
    let warnings = located(batch, warnings, Severity::Warning)?;
    for list in [&errors, &warnings].into_iter().filter(|list| !list.is_empty()) {
        ui.problems([list]);
    }
    let warned = batch.manifest.warnings.len() + warnings.len();
    let found = match (errors.len() as u64, warned as u64) {
        (0, 0) => "no problems".to_owned(),
        (0, count) => format!("no errors, {}", counted(count, "warning")),
        (count, 0) => counted(count, "error"),
        (count, more) => format!("{}, {}", counted(count, "error"), counted(more, "warning")),
    };
    let path = batch.site.manifest.display();
    let text = format!("{path}: {}, {found}", ui.strong(&counted(pairs, "pair")));
    let lists = [json!(batch.manifest.warnings), json!(warnings)];
    let all: Vec<_> = lists.iter().filter_map(Value::as_array).flatten().collect();
    let path = path.to_string();
    let value = json!({"manifest": path, "pairs": pairs, "problems": errors, "warnings": all});
    ui.result(&text, &value);
    Ok(if errors.is_empty() { Exit::Done } else { Exit::Unfit })
}

fn look(batch: &Batch, catalog: &Catalog) -> Result<[Notes; 2], Failure> {
    let outlook = outlook(batch, batch.site.view()?.as_ref(), catalog)?;
    let links = Links::new(batch, catalog, outlook.takes);
    let mut told = Told::new(|source: &Source, role| match source {
        Source::File(file) => locals::remarks(batch, catalog, (file, role)),
        Source::Url(url) => links.remarks(url.as_written(), role),
    });
    let Manifest { pairs, marks, .. } = &batch.manifest;
    for (place, (pair, marks)) in pairs.iter().zip(marks).enumerate() {
        // The links of what was sent are the service's no more: they may die.
        if outlook.is_unsent(place) {
            told.pair(pair, marks);
            links.expiry(pair, marks).into_iter().for_each(|it| told.add(it));
        } else {
            told.sent_pair(pair, marks);
        }
    }
    Ok(told.conclude())
}
