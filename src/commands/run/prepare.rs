//! What is looked at and put right before anything is created: names that would collide, files
//! that are gone.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::path::Path;

use crate::cli::{RunArgs, Until};
use crate::commands::failure::Failure;
use crate::download::{Shelf, ShelfError, shortage};
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
        check_names(&rows, shelf)?;
        shelf.prepare(&rows).map_err(|error| unusable(shelf, error))?;
        fetch_missing(ui, store, &rows, &shelf.run_folder)?;
        find_again(ui, store, &rows, &shelf.run_folder)?;
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
    let most_new = args.limit.map_or(u64::MAX, |limit| limit as u64);
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

/// No video may take the place of another pair's, or of a file that is not ours.
fn check_names(view: &View, shelf: &Shelf) -> Result<(), Failure> {
    let there = files_in(&shelf.folder);
    let mut taken = HashMap::new();
    view.each_row::<Failure>(Rows::Settled, |row| {
        if let (State::Saved, Some(path)) = (row.state, row.video_path) {
            taken.insert(path.to_ascii_lowercase(), row.id);
        }
        Ok(())
    })?;
    view.each_row::<Failure>(Rows::All, |row| {
        let Some(name) = shelf.name.of_pair(&row.id) else { return Ok(()) };
        let owner = taken.get(&shelf.shown(&name).to_ascii_lowercase());
        let problem = match owner {
            Some(owner) if *owner != row.id => format!("is already the video of {owner}"),
            None if row.state == State::Planned && there.contains(&name.to_ascii_lowercase()) => {
                "is there already, and was not made by this batch".to_owned()
            }
            _ => return Ok(()),
        };
        let path = shelf.folder.join(name);
        let text = format!("{}: {}, the place of its video, {problem}", row.id, path.display());
        Err(Failure::new(Exit::Usage, text)
            .hint("choose another folder with --videos DIR or other names with --video-name"))
    })
}

/// The names of the files in a folder, without case; none if it is not there.
fn files_in(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().to_ascii_lowercase()).collect()
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
fn find_again(ui: &Ui, store: &mut Store, view: &View, folder: &Path) -> Result<(), Failure> {
    let same = |missing: &MissingFile| {
        let mut file = File::open(folder.join(&missing.path)).ok()?;
        let length = file.metadata().ok()?.len();
        let same = length == missing.bytes && sha256(&mut file).ok()? == missing.sha256;
        same.then(|| missing.id.clone())
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
