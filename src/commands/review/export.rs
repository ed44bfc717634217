//! `review --export`: what was decided, for others.

use std::io::{self, ErrorKind};
use std::path::Path;

use serde_json::{Value, json};

use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::files::{Readers, write_new};
use crate::ledger::{Decision, Reviewed, View};
use crate::ui::{Ui, counted};
use crate::view::{cell, csv_writer};

/// The columns of a table.
const COLUMNS: [&str; 9] =
    ["id", "state", "review", "note", "prompt", "reviewer", "reviewed_at", "task_id", "video_path"];

/// A form that a file's ending asks for.
#[derive(Debug, Clone, Copy)]
enum Form {
    Table,
    Json,
}

pub(super) fn export(ui: &Ui, site: &Site, view: &View, file: &Path) -> Result<Exit, Failure> {
    let form = form(file)?;
    let all = view.reviewed()?;
    let count = all.iter().filter(|one| one.counts).count() as u64;
    let bytes = match form {
        Form::Table => table(&all),
        Form::Json => Ok(format!("{:#}\n", document(&site.name(), &all)).into_bytes()),
    };
    let written = bytes.and_then(|bytes| write_new(file, Readers::Owner, &bytes));
    written.map_err(|error| {
        let failed = Failure::new(Exit::Fault, format!("{}: {error}", file.display()));
        match error.kind() {
            ErrorKind::AlreadyExists => failed.hint("choose another name, or move it away"),
            _ => failed,
        }
    })?;
    let text = format!("{} reviewed: {}", counted(count, "video"), file.display());
    ui.result(&text, &json!({ "reviewed": count, "file": file.display().to_string() }));
    Ok(Exit::Done)
}

fn form(file: &Path) -> Result<Form, Failure> {
    let ending = file.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match &*ending {
        "csv" => Ok(Form::Table),
        "json" => Ok(Form::Json),
        _ => {
            let text = format!("--export {}: its ending says no form", file.display());
            Err(Failure::new(Exit::Usage, text).hint("name a file that ends in .csv or .json"))
        }
    }
}

/// The last word on each video.
fn table(all: &[Reviewed]) -> io::Result<Vec<u8>> {
    let mut csv = csv_writer(Vec::new());
    csv.write_record(COLUMNS)?;
    all.iter().filter(|one| one.counts).try_for_each(|one| csv.write_record(cells(one)))?;
    let table = csv.into_inner().map_err(|error| error.into_error())?;
    // Without the mark, spreadsheets take what is not English for an older encoding.
    let mark: &[u8] = if table.is_ascii() { b"" } else { b"\xef\xbb\xbf" };
    Ok([mark, &table].concat())
}

fn cells(one: &Reviewed) -> [String; COLUMNS.len()] {
    let text = |text: &Option<String>| text.as_deref().map_or_else(String::new, cell);
    let review = &one.review;
    [
        one.id.clone(),
        one.state.name().to_owned(),
        review.decision.map_or("", Decision::name).to_owned(),
        text(&review.note),
        text(&review.prompt),
        cell(&review.who),
        review.at.to_string(),
        text(&one.task_id),
        text(&one.video_path),
    ]
}

/// All that was said.
fn document(name: &str, all: &[Reviewed]) -> Value {
    let said = all.iter().map(|one| {
        let review = &one.review;
        json!({
            "id": one.id,
            "state": one.state.name(),
            "review": review.decision.map(Decision::name),
            "note": review.note,
            "prompt": review.prompt,
            "reviewer": review.who,
            "reviewed_at": review.at.to_string(),
            "task_id": one.task_id,
            "video_path": one.video_path,
            "counts": one.counts,
        })
    });
    json!({ "batch": name, "reviews": said.collect::<Vec<_>>() })
}
