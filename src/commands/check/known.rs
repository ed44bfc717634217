//! `check` without `--probe`: what can be known without asking anybody. Addresses are read, and files
//! beside the manifest looked at as a run would look at them.

use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::commands::batch::{Batch, problems};
use crate::commands::failure::Failure;
use crate::commands::links::Links;
use crate::commands::locals::{self, note};
use crate::commands::plan::outlook;
use crate::exit::Exit;
use crate::fitness::{Remark, Weight};
use crate::manifest::{Problems, Severity};
use crate::pair::Source;
use crate::preflight::{Medium, distinct};
use crate::ui::{Ui, counted};

/// A medium and what is to be said of it.
type Told = (Medium, Vec<Remark>);

pub(super) fn tell(ui: &Ui, batch: &Batch, catalog: &Catalog) -> Result<Exit, Failure> {
    let told = look(batch, catalog)?;
    let [errors, warnings] =
        [(Weight::Error, Severity::Error), (Weight::Warning, Severity::Warning)]
            .map(|(weight, level)| of_weight(batch, &told, weight, level));
    let (errors, warnings) = (errors?, warnings?);
    for list in [&errors, &warnings].into_iter().filter(|list| !list.is_empty()) {
        ui.message(&list.render(ui.colours_messages()));
    }
    let pairs = batch.manifest.pairs.len() as u64;
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

fn look(batch: &Batch, catalog: &Catalog) -> Result<Vec<Told>, Failure> {
    let outlook = outlook(batch, batch.site.view()?.as_ref(), catalog)?;
    let links = Links::new(batch, catalog, outlook.takes);
    // The links of what was sent are the service's no more: they may die.
    let needed = outlook.needed(batch);
    let of_medium = |medium: &Medium| match &medium.source {
        Source::File(file) => locals::remarks(batch, catalog, (file, medium.role)),
        Source::Url(url) if needed.contains(&(&medium.source, medium.role)) => {
            links.remarks(url.as_written(), medium.role)
        }
        Source::Url(_) => Vec::new(),
    };
    let media = distinct(&batch.manifest.pairs).into_iter();
    let told = media.map(|medium| {
        let remarks = of_medium(&medium);
        (medium, remarks)
    });
    Ok(told.filter(|(_, remarks)| !remarks.is_empty()).collect())
}

fn of_weight(
    batch: &Batch,
    told: &[Told],
    weight: Weight,
    level: Severity,
) -> Result<Problems, Failure> {
    let all = told.iter().flat_map(|(medium, remarks)| remarks.iter().map(move |it| (medium, it)));
    let wanted = all.filter(|(_, remark)| remark.weight == weight);
    let notes = wanted.map(|(medium, it)| note(batch, medium, &it.message, it.help.clone()));
    problems(batch, notes.collect(), level)
}
