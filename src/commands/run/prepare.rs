//! What is looked at and put right before anything is created: names that would collide, files
//! that are gone.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::names;
use crate::cli::{RunArgs, Until};
use crate::commands::failure::Failure;
use crate::download::{
    BucketFault, DiskShelf, Shelf, ShelfError, Stock, TOLERANCE, remark_of, shortage,
};
use crate::exit::Exit;
use crate::files::{free, sha256};
use crate::ledger::{MissingFile, Rows, Store, View};
use crate::manifest::SCHEME;
use crate::state::State;
use crate::ui::{Ui, counted};
use crate::view::Row;

pub(super) fn prepare(
    ui: &Ui,
    args: &RunArgs,
    store: &mut Store,
    (shelf, runtime): (&Shelf, &Runtime),
) -> Result<(), Failure> {
    if args.until == Until::Created {
        return Ok(());
    }
    let rows = store.view()?;
    let stock = match shelf {
        Shelf::Disk(disk) => {
            let there = names::files_in(&disk.folder);
            names::check(&rows, shelf, &there)?;
            disk.prepare(&rows).map_err(|error| unusable(disk, error))?;
            None
        }
        Shelf::Bucket(bucket) => {
            let stock = runtime.block_on(bucket.prepare(args.retry_for));
            let stock = stock.map_err(|fault| unreachable(shelf, &fault))?;
            let there = stock.sizes.keys().map(|name| name.to_lowercase()).collect();
            names::check(&rows, shelf, &there)?;
            warn_of_parts(ui, &stock);
            Some(stock)
        }
    };
    // What others saved on their disks lies with them.
    if args.ledger.is_none() || stock.is_some() {
        fetch_missing(ui, store, &rows, (shelf, stock.as_ref()))?;
        // A fake's videos are not made for their recordings.
        let tolerance = args.batch.mock.is_none().then_some(TOLERANCE);
        find_again(ui, store, &rows, (shelf.run_folder(), tolerance))?;
    }
    match shelf {
        Shelf::Disk(disk) => warn_of_room(ui, args, &rows, &disk.folder),
        Shelf::Bucket(_) => Ok(()),
    }
}

/// Nothing may be paid for whose video could not be stored.
fn unreachable(shelf: &Shelf, fault: &BucketFault) -> Failure {
    let exit = match fault {
        BucketFault::Bucket(_) => Exit::Unfit,
        BucketFault::Disk(_) => Exit::Fault,
    };
    let place = shelf.place("");
    let place = place.trim_end_matches('/');
    Failure::new(exit, format!("videos cannot go to {place}: {fault}")).hint(
        "nothing was sent. Mend that, or name a folder with --videos. The key of the bucket needs \
         s3:ListBucket, s3:GetObject, s3:PutObject and s3:AbortMultipartUpload",
    )
}

fn warn_of_parts(ui: &Ui, stock: &Stock) {
    for object in &stock.unsettled {
        ui.warn(&format!(
            "parts of {object} may be left by a run that was killed: the key may not list uploads \
             (s3:ListBucketMultipartUploads), a rule of the bucket can drop them"
        ));
    }
}

/// Videos are paid for long before it shows that the disk is too small for them.
fn warn_of_room(ui: &Ui, args: &RunArgs, view: &View, folder: &Path) -> Result<(), Failure> {
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
    if let Some(lacks) = free(folder).and_then(|free| shortage(free, to_come, &saved)) {
        ui.warn(&format!("{}: {lacks}. What is not fetched in a day is lost", folder.display()));
    }
    Ok(())
}

fn unusable(shelf: &DiskShelf, error: ShelfError) -> Failure {
    match error {
        ShelfError::Ledger(error) => error.into(),
        ShelfError::Io(error) => {
            Failure::new(Exit::Fault, format!("{}: {error}", shelf.folder.display()))
                .hint("choose another folder for the videos with --videos DIR")
        }
    }
}

/// A saved video whose file is gone or was changed is fetched again.
fn fetch_missing(
    ui: &Ui,
    store: &mut Store,
    view: &View,
    (shelf, stock): (&Shelf, Option<&Stock>),
) -> Result<(), Failure> {
    let mut missing = Vec::new();
    view.each_row::<Failure>(Rows::Settled, |row| {
        if row.state == State::Saved && is_gone(&row, (shelf, stock)) {
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

/// Nobody looks into a bucket that this run does not use.
fn is_gone(row: &Row, (shelf, stock): (&Shelf, Option<&Stock>)) -> bool {
    let Some(path) = &row.video_path else { return true };
    let length = if path.starts_with(SCHEME) {
        let name = path.strip_prefix(shelf.shown("").as_str());
        let Some((name, stock)) = name.zip(stock) else { return false };
        stock.sizes.get(name).copied()
    } else {
        fs::metadata(shelf.run_folder().join(path)).ok().map(|found| found.len())
    };
    length.is_none() || length != row.video_bytes
}
