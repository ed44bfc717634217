//! `report`: writes the views of the ledger again, or prints one for elsewhere.

mod junit;
mod markdown;
mod whole;

use std::path::PathBuf;

use serde_json::json;

use super::batch::Site;
use super::failure::Failure;
use super::overview;
use super::status::Standing;
use crate::cli::{ReportArgs, ReportFormat};
use crate::exit::Exit;
use crate::ledger::{Rows, View};
use crate::report;
use crate::ui::Ui;

pub(super) fn report(ui: &Ui, args: &ReportArgs) -> Result<Exit, Failure> {
    let site = Site::of(&args.batch);
    let mut view = site.existing()?;
    if let Some(format) = args.format {
        return print(ui, &site, &view, format);
    }
    let Written { csv, events, page } = written(ui, &site, (&mut view, args))?;
    let path = csv.display().to_string();
    let events: Vec<_> = events.iter().map(|path| path.display().to_string()).collect();
    let bills = view.bills()?;
    bills.lines(&site).iter().for_each(|line| ui.note(line));
    let text: Vec<_> = page.iter().chain([&path]).map(String::as_str).collect();
    let bill = bills.json();
    ui.result(
        &text.join("\n"),
        &json!({ "tasks_csv": path, "report_html": page, "events": events, "bill": bill }),
    );
    Ok(Exit::Done)
}

/// The files, for a program that this is a part of.
pub(super) fn files(ui: &Ui, args: &ReportArgs) -> Result<Written, Failure> {
    let site = Site::of(&args.batch);
    written(ui, &site, (&mut site.existing()?, args))
}

/// The files that were written.
pub(super) struct Written {
    pub(super) csv: PathBuf,
    pub(super) events: Vec<PathBuf>,
    pub(super) page: Option<String>,
}

/// Once more if a run began meanwhile.
fn written(
    ui: &Ui,
    site: &Site,
    (view, args): (&mut View, &ReportArgs),
) -> Result<Written, Failure> {
    let written = write(ui, site, view, args);
    if !view.is_outdated() {
        return written;
    }
    *view = site.existing()?;
    write(ui, site, view, args)
}

fn write(ui: &Ui, site: &Site, view: &View, args: &ReportArgs) -> Result<Written, Failure> {
    if site.shared.is_some() {
        // Whoever only looks has no run folder here yet.
        site.make()?;
    }
    let csv = report::write(&site.folder, view, Rows::All)?;
    // Events are numbered by whoever saw them, and lie in each worker's folder.
    let events = if site.shared.is_some() { Vec::new() } else { view.write_events()? };
    let page = match args.no_report {
        true => None,
        false => Some(overview::write(ui.tongue(), site, view, &Standing::read(view)?)?),
    };
    Ok(Written { csv, events, page })
}

/// Prints a summary of the batch, and touches nothing.
fn print(ui: &Ui, site: &Site, view: &View, format: ReportFormat) -> Result<Exit, Failure> {
    if ui.is_json() && format != ReportFormat::Json {
        return Err(Failure::new(
            Exit::Usage,
            "with --json, standard output has room for JSON only",
        )
        .hint("leave out --json, or take --format json"));
    }
    let standing = Standing::read(view)?;
    match format {
        ReportFormat::Md => {
            ui.page(&markdown::summary(site, &standing, &view.causes()?, &view.reckoned()?));
        }
        ReportFormat::Json => whole::print(ui, site, view, &standing)?,
        ReportFormat::Junit => junit::print(ui, site, view, &standing)?,
    }
    Ok(Exit::Done)
}
