//! Two videos cannot have one file: looked at before anything is created.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use crate::commands::failure::Failure;
use crate::download::{Shelf, name_of_take};
use crate::exit::Exit;
use crate::files::{names_of, place_of};
use crate::ledger::{FormerFile, Rows, View};
use crate::pair::{TaskId, VideoName};
use crate::state::State;
use crate::view::Row;

/// Who has which file, all names as the CSV has them and without case.
#[derive(Default)]
struct Taken {
    /// The videos that are saved, and those whose names depend on their tasks.
    videos: HashMap<String, String>,
    /// The places of videos beside which another pair's video would lie as if it were not whole.
    beside: HashMap<String, String>,
    /// The files of earlier takes, by the ids of their pairs.
    formers: HashMap<String, Vec<FormerFile>>,
}

/// Nothing is created for a pair whose video would take the place of another pair's, whether that is
/// whole or not, or of a file that is not ours. What cannot be known before there are task ids, and
/// what was paid for already, is looked at again when the files come: nothing is ever written over
/// anything.
pub(super) fn check(view: &View, shelf: &Shelf, there: &HashSet<String>) -> Result<(), Failure> {
    let (taken, shared) = (Taken::of(view, shelf)?, view.shared_as()?.is_some());
    view.each_row::<Failure>(Rows::All, |row| {
        // A saved video has its place already, under whatever name its pair had then; and one that is
        // on its way is that pair's trouble alone.
        if matches!(row.state, State::Saved | State::Created | State::Completed) {
            return Ok(());
        }
        let Some(name) = taken.name(&row, shelf) else { return Ok(()) };
        // What others have under way is planned here, and may have been this run's before.
        let in_the_way = || if shared { None } else { taken.occupied(&row, (&name, shelf), there) };
        match taken.problem(&row, &name, shelf).or_else(in_the_way) {
            Some(problem) => Err(misplaced(&row, &shelf.place(&name), &problem)),
            None => Ok(()),
        }
    })
}

impl Taken {
    fn of(view: &View, shelf: &Shelf) -> Result<Self, Failure> {
        let mut taken = Self::default();
        for former in view.former_files()? {
            taken.videos.insert(former.path.to_lowercase(), former.id.clone());
            taken.formers.entry(former.id.clone()).or_default().push(former);
        }
        view.each_row::<Failure>(Rows::All, |row| {
            let saved = row.video_path.as_ref().filter(|_| row.state == State::Saved);
            if let Some(path) = saved {
                taken.videos.insert(path.to_lowercase(), row.id.clone());
            }
            let Some(name) = taken.name(&row, shelf) else { return Ok(()) };
            let shown = shelf.shown(&name).to_lowercase();
            let place = place_of(Path::new(&shown));
            taken.beside.extend(place.map(|place| (place.display().to_string(), row.id.clone())));
            // Ids are told apart without case, tasks are not.
            if shelf.name().of_pair(&row.id).is_none() {
                taken.videos.entry(shown).or_insert(row.id);
            }
            Ok(())
        })?;
        Ok(taken)
    }

    fn formers(&self, row: &Row) -> &[FormerFile] {
        self.formers.get(&row.id).map_or(&[], Vec::as_slice)
    }

    /// What the video of a pair is called, if that is known.
    fn name(&self, row: &Row, shelf: &Shelf) -> Option<String> {
        Some(name_of_take(shelf, name(row, shelf)?, (row.take, self.formers(row))))
    }

    /// A file that was there before anything was created for the pair. That of an earlier take gives way,
    /// if the name is free that it gets then.
    fn occupied(
        &self,
        row: &Row,
        (name, shelf): (&str, &Shelf),
        there: &HashSet<String>,
    ) -> Option<String> {
        if row.state != State::Planned {
            return None;
        }
        let is_there = |name: &String| there.contains(&name.to_lowercase());
        let shown = shelf.shown(name);
        let former = self.formers(row).iter().find(|former| former.path == shown);
        let names = names_of(name);
        let gives_way = usize::from(former.is_some());
        let found = names.iter().skip(gives_way).find(|name| is_there(name)).cloned();
        let aside = former.map(|former| VideoName::of_take(name, former.take));
        let found = found.or_else(|| aside.filter(is_there))?;
        Some(match found == names[0] {
            true => "is there already, and was not made by this batch".to_owned(),
            false => format!("is not free: {found} was not made by this batch"),
        })
    }

    fn problem(&self, row: &Row, name: &str, shelf: &Shelf) -> Option<String> {
        let other = |owner: &&String| **owner != row.id;
        let names = names_of(name).map(|name| shelf.shown(&name).to_lowercase());
        if let Some(owner) = names.iter().find_map(|name| self.videos.get(name).filter(other)) {
            let own = shelf.name().of_pair(owner).map(|name| shelf.shown(&name).to_lowercase());
            let before = match own.is_none_or(|own| names.contains(&own)) {
                true => "",
                false => ", which had this id when it was saved",
            };
            return Some(format!("is already the video of {owner}{before}"));
        }
        let owner = self.beside.get(&names[0]).filter(other)?;
        Some(format!("would have the video of {owner} beside it as if it were its own"))
    }
}

/// What the video of a pair is called if it is the first take, if that is known.
fn name(row: &Row, shelf: &Shelf) -> Option<String> {
    let task = row.task_id.as_deref().and_then(|task| TaskId::parse(task).ok());
    let known = task.map(|task| shelf.name().of(&row.id, &task));
    known.or_else(|| shelf.name().of_pair(&row.id))
}

fn misplaced(row: &Row, place: &str, problem: &str) -> Failure {
    let text = format!("{}: {place}, the place of its video, {problem}", row.id);
    Failure::new(Exit::Usage, text)
        .hint("choose another folder with --videos or other names with --video-name")
}

/// The names of the files in a folder, without case; none if it is not there.
pub(super) fn files_in(folder: &Path) -> HashSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().to_lowercase()).collect()
}
