//! What has to be true of a disk after a power cut, and of the run that continues on it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use callsheet::ledger::{LedgerError, Rows, Store};
use callsheet::state::State;
use callsheet::view::Row;
use rusqlite::Connection;

use super::disk::{Image, restore};
use super::recording::{FILMS, RUN, Recording, TO_FILMS, pair_in, pairs_of_tasks};
use crate::child::said;
use crate::sheet::Sheet;
use crate::studio::VIDEO;

impl Recording {
    /// Looks at what a cut after so many acts left; says what is wrong with it.
    pub(super) fn judge(&self, done: usize, image: &Image, place: &Path) -> Result<(), String> {
        self.table_is_whole(done, image)?;
        let videos = image.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "mp4"));
        for (path, video) in videos {
            if video.as_ref() != self.truth.films.get(path) {
                return Err(format!("{} is not whole", path.display()));
            }
        }
        restore(image, place);
        let rows = rows(&place.join(RUN), self.api.url())?;
        for (pair, _) in self.truth.sent.iter().filter(|(_, sent)| **sent <= done) {
            if rows.get(pair).is_none_or(|row| row.state == State::Planned) {
                return Err(format!("the create of {pair} is forgotten"));
            }
        }
        for (_, pair, task) in self.truth.told.iter().filter(|(told, ..)| *told <= done) {
            if rows.get(pair).and_then(|row| row.task_id.as_ref()) != Some(task) {
                return Err(format!("{task}, the task of {pair}, is forgotten"));
            }
        }
        let saved = rows.values().filter_map(|row| row.video_path.as_deref());
        for path in saved {
            let inside = Path::new(path).strip_prefix(self.sheet.folder()).unwrap();
            if !image.contains_key(inside) {
                return Err(format!("{path} is saved, and is not there"));
            }
        }
        Ok(())
    }

    /// `tasks.csv` is one that was written whole, perhaps with rows after it, and not one that was
    /// replaced for good.
    fn table_is_whole(&self, done: usize, image: &Image) -> Result<(), String> {
        let tables = self.truth.tables.iter().filter(|table| table.moved <= done);
        let tables: Vec<_> = tables.collect();
        let last_durable =
            tables.iter().rposition(|table| table.durable.is_some_and(|at| at <= done));
        let possible = &tables[last_durable.unwrap_or(0)..];
        match image.get(&Path::new(RUN).join("tasks.csv")).and_then(Option::as_ref) {
            None if last_durable.is_none() => Ok(()),
            None => Err("tasks.csv is gone".to_owned()),
            Some(found) if possible.iter().any(|table| found.starts_with(&table.content)) => Ok(()),
            Some(_) => Err("tasks.csv is not whole".to_owned()),
        }
    }

    /// What the program left when it ended is there for good.
    pub(super) fn judge_end(&self, lost: &Image, kept: &Image) -> Result<(), String> {
        let lasting = |image: &Image| -> BTreeMap<_, _> {
            let files = image.iter().filter(|(path, _)| {
                let ours = ["tasks.csv", "events.jsonl", "ledger.sqlite"];
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                ours.contains(&&*name) || name.ends_with(".mp4")
            });
            files.map(|(path, content)| (path.clone(), content.clone())).collect()
        };
        let (lost, kept) = (lasting(lost), lasting(kept));
        let differs = kept.iter().find(|(path, content)| lost.get(*path) != Some(content));
        match differs {
            Some((path, _)) => Err(format!("{} is not durable at the end", path.display())),
            None => Ok(()),
        }
    }

    /// Where the pairs stand at the end.
    pub(super) fn standings(&self) -> Standings {
        standings(&self.sheet.run_folder(), self.api.url()).unwrap()
    }

    /// What a cut left of a ledger that was being brought up to date is as good as the whole: it is
    /// continued to the same end, and the older one is still there once it was replaced.
    pub(super) fn judge_migration(
        &self,
        whole: &Standings,
        (image, place): (&Image, &Path),
    ) -> Result<(), String> {
        restore(image, place);
        let folder = place.join(RUN);
        let found = standings(&folder, self.api.url())?;
        if found != *whole {
            return Err(format!("the pairs are not what they were: {found:?} and not {whole:?}"));
        }
        let kept = std::fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.path());
        let kept = kept.filter(|path| path.to_string_lossy().ends_with(".sqlite"));
        let kept: Vec<_> = kept.filter(|path| !path.ends_with("ledger.sqlite")).collect();
        let [older] = &kept[..] else { return Err(format!("the older ledgers are {kept:?}")) };
        let older = Connection::open(older).map_err(|error| error.to_string())?;
        let pairs = older.query_row("SELECT count(*) FROM pairs", (), |row| row.get::<_, usize>(0));
        match pairs {
            Ok(pairs) if pairs == whole.len() => Ok(()),
            pairs => Err(format!("the older ledger has {pairs:?} pairs of {}", whole.len())),
        }
    }

    /// Gives the same command again on what a cut left, with the real program and the same book.
    pub(super) fn continues(&self, done: usize, image: &Image) -> Result<(), String> {
        let sheet = Sheet::new("");
        restore(image, sheet.folder());
        let booked = self.api.book().entries.len();
        let next = said(&mut sheet.whole(&[&["-q"], &TO_FILMS[..]].concat()));
        if ![0, 5].contains(&next.code) {
            return Err(format!("the run does not continue: {next}"));
        }
        let book = self.api.book();
        let again = book.entries[booked..].iter().filter_map(|entry| pair_in(&entry.request));
        let again: BTreeSet<_> = again.collect();
        let paid = |pair: &&String| self.truth.sent.get(*pair).is_some_and(|sent| *sent <= done);
        if let Some(pair) = again.iter().find(paid) {
            return Err(format!("{pair} is paid twice"));
        }
        let (rows, tasks) = (sheet.rows(), pairs_of_tasks(&self.api));
        for (_, pair, task) in self.truth.told.iter().filter(|(told, ..)| *told <= done) {
            if rows[pair]["task_id"] != *task {
                return Err(format!("{task}, the task of {pair}, is lost"));
            }
        }
        for (pair, row) in &rows {
            let film = std::fs::read(&row["video_path"]).unwrap_or_default();
            let place = Path::new(FILMS).join(format!("{pair}.mp4"));
            let known = self.truth.told.iter().any(|(_, _, task)| *task == row["task_id"]);
            let whole = match self.truth.films.get(&place) {
                Some(whole) if known => film == *whole,
                _ => film.starts_with(&VIDEO[..8]),
            };
            match row["state"].as_str() {
                "saved" if whole => {}
                "in_doubt" if next.code == 5 => continue,
                state => return Err(format!("{pair} is {state}: {next}")),
            }
            if tasks.get(&row["task_id"]) != Some(pair) {
                return Err(format!("{pair} has the task of another: {row:?}"));
            }
        }
        Ok(())
    }
}

/// Where each pair stands, and with which task.
pub(super) type Standings = BTreeMap<String, String>;

fn standings(folder: &Path, endpoint: &str) -> Result<Standings, String> {
    let rows = rows(folder, endpoint)?.into_values();
    Ok(rows.map(|row| (row.id, format!("{:?} {:?}", row.state, row.task_id))).collect())
}

/// The rows of the ledger in a run folder, as the next run finds them; none if there is no ledger.
fn rows(folder: &Path, endpoint: &str) -> Result<BTreeMap<String, Row>, String> {
    if !folder.is_dir() {
        return Ok(BTreeMap::new());
    }
    let store = Store::open(folder, endpoint).map_err(|error| error.to_string())?;
    let view = store.view().map_err(|error| error.to_string())?;
    let mut rows = BTreeMap::new();
    let read = view.each_row::<LedgerError>(Rows::All, |row| {
        rows.insert(row.id.clone(), row);
        Ok(())
    });
    read.map_err(|error| error.to_string())?;
    Ok(rows)
}
