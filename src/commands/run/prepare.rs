//! What is looked at and put right before anything is created: names that would collide, files
//! that are gone.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use super::names;
use crate::cli::{RunArgs, Until};
use crate::commands::failure::Failure;
use crate::download::{Shelf, ShelfError, TOLERANCE, remark_of, shortage};
use crate::exit::Exit;
use crate::files::{free, sha256};
use crate::ledger::{MissingFile, Rows, Store, View};
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::Row;

pub(super) fn prepare(
    ui: &Ui,
    args: &RunArgs,
    store: &mut Store,
    shelf: &Shelf,
) -> Result<(), Failure> {
    let rows = store.view()?;
    if args.until == Until::Saved {
        names::check(&rows, shelf)?;
        shelf.prepare(&rows).map_err(|error| unusable(shelf, error))?;
        fetch_missing(ui, store, &rows, &shelf.run_folder)?;
        // A fake's videos are not made for their recordings.
        let tolerance = args.batch.mock.is_none().then_some(TOLERANCE);
        find_again(ui, store, &rows, (&shelf.run_folder, tolerance))?;
    }
    match args.until {
        Until::Saved => warn_of_room(ui, args, &rows, shelf),
        Until::Created => Ok(()),
    }
}

/// Videos are paid for long before it shows that the disk is too small for them.
fn warn_of_room(ui: &Ui, args: &RunArgs, view: &View, shelf: &Shelf) -> Result<(), Failure> {
    let saved = view.totals()?;
    // Videos of a fake are tiny: nothing is guessed of them.
    if args.batch.mock.is_some() && saved.files == 0 {
        return Ok(());
    }
    let most_new = args.choose.limit.map_or(u64::MAX, |limit| limit as u64);
    let to_come = view.counts()?.into_iter().map(|(state, count)| match state {
        State::Planned => count.min(most_new),
        State::Created | State::Completed => count,
        State::Sending | State::Saved | State::Rejected => 0,
        State::Failed | State::InDoubt | State::Abandoned => 0,
    });
    let to_come = to_come.sum();
    let folder = &shelf.folder;
    if let Some(lacks) = free(folder).and_then(|free| shortage(free, to_come, &saved)) {
        ui.warn(&format!("{}: {lacks}. What is not fetched in a day is lost", folder.display()));
    }
    Ok(())
}

fn unusable(shelf: &Shelf, error: ShelfError) -> Failure {
    match error {
        ShelfError::Ledger(error) => error.into(),
        ShelfError::Io(error) => {
            Failure::new(Exit::Fault, format!("{}: {error}", shelf.folder.display()))
                .hint("choose another folder for the videos with --videos DIR")
        }
    }
}

/// A saved video whose file is gone or was changed is fetched again.
fn fetch_missing(ui: &Ui, store: &mut Store, view: &View, folder: &Path) -> Result<(), Failure> {
    let mut missing = Vec::new();
    view.each_row::<Failure>(Rows::Settled, |row| {
        if row.state == State::Saved && !is_there(&row, folder) {
            missing.push(row.id);
        }
        Ok(())
    })?;
    if !missing.is_empty() {
        let videos = counted(missing.len() as u64, "saved video");
        ui.warn(&format!("{videos} are not what was saved, or gone: fetched again if possible"));
        store.missing(&missing)?;
    }
    Ok(())
}

/// A folder that was moved away may be back, when no link leads to its videos any more.
fn find_again(
    ui: &Ui,
    store: &mut Store,
    view: &View,
    (folder, tolerance): (&Path, Option<Duration>),
) -> Result<(), Failure> {
    let same = |missing: &MissingFile| {
        let path = folder.join(&missing.path);
        let mut file = File::open(&path).ok()?;
        let length = file.metadata().ok()?.len();
        let same = length == missing.bytes && sha256(&mut file).ok()? == missing.sha256;
        same.then(|| (missing.id.clone(), remark_of(&path, missing.audio, tolerance)))
    };
    let found: Vec<_> = view.missing_files()?.iter().filter_map(same).collect();
    if !found.is_empty() {
        let videos = counted(found.len() as u64, "missing video");
        ui.note(&format!("{videos} found again"));
        store.found(&found)?;
    }
    Ok(())
}

fn is_there(row: &Row, folder: &Path) -> bool {
    let path = row.video_path.as_ref().map(|path| folder.join(path));
    let length = path.and_then(|path| fs::metadata(path).ok()).map(|found| found.len());
    length.is_some() && length == row.video_bytes
}
