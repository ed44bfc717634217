//! A run of the real program against the fake, written down: what it did to the disk, what it sent,
//! and what it told of its tasks, all in one order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use callsheet_mock::{MockApi, Scenario};

use super::disk::{Disk, Unsynced, restore};
use super::log::{self, Act};
use crate::child::said;
use crate::migrating;
use crate::sheet::{Sheet, fake};

/// The run folder in the folder of the manifest.
pub(super) const RUN: &str = "batch.run";
/// Where the videos are.
pub(super) const FILMS: &str = "films/today";
/// They go to a folder in a folder, neither of which is there.
pub(super) const TO_FILMS: [&str; 2] = ["--videos", FILMS];

/// A run from its first call to its last.
pub(super) struct Recording {
    pub(super) sheet: Sheet,
    pub(super) api: MockApi,
    before: Disk,
    pub(super) acts: Vec<Act>,
    /// What each act was for.
    pub(super) phases: Vec<Phase>,
    pub(super) truth: Truth,
}

/// What a part of a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Folder, ledger and events come to be, and the manifest is listed.
    Listing,
    /// A ledger of an older release is brought up to date.
    Migration,
    /// From the first create on, but for what follows.
    Creates,
    /// What was committed moves from the write-ahead log into the ledger's file.
    Checkpoint,
    Csv,
    Download,
}

/// What must not be forgotten, each from so many acts on; from none on what an earlier run did.
#[derive(Debug, Default)]
pub(super) struct Truth {
    /// Pairs whose create may have left.
    pub(super) sent: BTreeMap<String, usize>,
    /// Tasks that were polled or written where people and programs read them.
    pub(super) told: Vec<(usize, String, String)>,
    /// Each `tasks.csv` that was moved to its place: when, when that was durable, and what it was.
    pub(super) tables: Vec<Table>,
    /// Each video as it was in the end, by its place.
    pub(super) films: BTreeMap<PathBuf, Vec<u8>>,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) moved: usize,
    pub(super) durable: Option<usize>,
    pub(super) content: Vec<u8>,
}

impl Truth {
    /// For the run after one that was killed after so many acts.
    fn before(self, killed: usize) -> Self {
        let Self { sent, told, tables, .. } = self;
        let sent = sent.into_iter().filter(|(_, at)| *at <= killed).map(|(pair, _)| (pair, 0));
        let told = told.into_iter().filter(|(at, ..)| *at <= killed);
        let tables = tables.into_iter().filter(|table| table.moved <= killed).map(|table| {
            let durable = table.durable.filter(|at| *at <= killed).map(|_| 0);
            Table { moved: 0, durable, ..table }
        });
        Self {
            sent: sent.collect(),
            told: told.map(|(_, pair, task)| (0, pair, task)).collect(),
            tables: tables.collect(),
            films: BTreeMap::new(),
        }
    }
}

/// A recorded day.
pub(super) struct Day<'a> {
    pub(super) scenario: Scenario,
    pub(super) pairs: usize,
    pub(super) settings: &'a str,
    pub(super) options: &'a [&'a str],
}

impl Recording {
    /// Records one run of a fresh batch.
    pub(super) fn of(day: Day<'_>) -> Self {
        let api = fake(day.scenario);
        let sheet = Sheet::pairs(day.pairs, api.url(), day.settings);
        let before = Disk::of(sheet.folder());
        Self::go_on(sheet, api, (before, Truth::default()), day.options)
    }

    /// Records a run that finds a ledger of an older format, and creates nothing.
    pub(super) fn of_format(format: usize) -> Self {
        let api = fake(Scenario::default());
        let sheet = migrating::of_format(format, api.url());
        let before = Disk::of(sheet.folder());
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        let mut command = sheet.run_command(&["-q", "--no-create"]);
        log::watch(&mut command, sheet.folder(), &log);
        assert_eq!(said(&mut command).code, 5);
        let acts = log::read(&log, sheet.folder());
        let phases = vec![Phase::Migration; acts.len()];
        Self { sheet, api, before, acts, phases, truth: Truth::default() }
    }

    /// Records the run that follows one that was killed after so many of its acts: what that one had
    /// not synced is still not synced.
    pub(super) fn after_kill(self, acts: usize) -> Self {
        let Self { sheet, api, mut before, acts: all, truth, .. } = self;
        all[..acts].iter().for_each(|act| before.step(act));
        restore(&before.cut(Unsynced::Kept), sheet.folder());
        before.adopt(sheet.folder());
        Self::go_on(sheet, api, (before, truth.before(acts)), &[])
    }

    fn go_on(sheet: Sheet, api: MockApi, (before, truth): (Disk, Truth), options: &[&str]) -> Self {
        let place = tempfile::tempdir().unwrap();
        let log = place.path().join("log");
        let mut command = sheet.whole(&[&["-q"], &TO_FILMS[..], options].concat());
        log::watch(&mut command, sheet.folder(), &log);
        let said = said(&mut command);
        assert!([0, 5].contains(&said.code), "{said}");
        let acts = log::read(&log, sheet.folder());
        let tasks = pairs_of_tasks(&api);
        let mut reader = Reader { tasks: &tasks, disk: before.clone(), truth };
        let steps = acts.iter().enumerate();
        let phases = steps.map(|(number, act)| reader.step(number + 1, act)).collect();
        let films = reader.disk.cut(Unsynced::Kept).into_iter().filter_map(|(path, film)| {
            path.extension().is_some_and(|end| end == "mp4").then_some((path, film?))
        });
        let truth = Truth { films: films.collect(), ..reader.truth };
        Self { sheet, api, before, acts, phases, truth }
    }

    /// Gives each of the wanted moments, in order, with the disk as it was then.
    pub(super) fn at(&self, moments: &BTreeSet<usize>, mut look: impl FnMut(usize, &Disk)) {
        let mut disk = self.before.clone();
        for done in 0..=self.acts.len() {
            if moments.contains(&done) {
                look(done, &disk);
            }
            if let Some(act) = self.acts.get(done) {
                disk.step(act);
            }
        }
    }
}

/// The pair that each task in the fake's book is for.
pub(super) fn pairs_of_tasks(api: &MockApi) -> HashMap<String, String> {
    let entries = api.book().entries;
    entries.iter().map(|entry| (entry.task.to_string(), pair_in(&entry.request).unwrap())).collect()
}

/// The pair that a create is for, by its picture.
pub(super) fn pair_in(create: &str) -> Option<String> {
    let (before, _) = create.split_once(".jpg")?;
    Some(format!("pair-{}", before.rsplit_once("https://example.com/")?.1))
}

struct Reader<'a> {
    tasks: &'a HashMap<String, String>,
    disk: Disk,
    truth: Truth,
}

impl Reader<'_> {
    fn step(&mut self, number: usize, act: &Act) -> Phase {
        let path = self.concerned(act);
        match act {
            Act::Send { bytes } => self.sent(number, bytes),
            Act::Write { bytes, .. } if is_read(path.as_deref()) => self.told(number, bytes),
            Act::Move { from, to } if to.ends_with("tasks.csv") => {
                let content = self.disk.now(from);
                self.truth.tables.push(Table { moved: number, durable: None, content });
            }
            Act::SyncFolder { path } if path.ends_with(RUN) => {
                for table in &mut self.truth.tables {
                    table.durable.get_or_insert(number);
                }
            }
            _ => {}
        }
        self.disk.step(act);
        self.phase(path.as_deref())
    }

    /// The file or folder that an act changes.
    fn concerned(&self, act: &Act) -> Option<PathBuf> {
        match act {
            Act::Write { file, .. } | Act::Resize { file, .. } | Act::Sync { file } => {
                self.disk.path(*file)
            }
            Act::Create { path, .. } | Act::MakeFolder { path } => Some(path.clone()),
            Act::SyncFolder { path } | Act::Remove { path } => Some(path.clone()),
            Act::Move { to, .. } | Act::Link { to, .. } => Some(to.clone()),
            Act::Send { .. } => None,
        }
    }

    fn phase(&self, path: Option<&Path>) -> Phase {
        let path = path.unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match &*name {
            _ if path.starts_with("films") => Phase::Download,
            "tasks.csv" => Phase::Csv,
            name if name.starts_with(".callsheet-") => Phase::Csv,
            _ if self.truth.sent.is_empty() => Phase::Listing,
            "ledger.sqlite" => Phase::Checkpoint,
            _ => Phase::Creates,
        }
    }

    fn sent(&mut self, number: usize, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if text.starts_with("POST ") {
            // A create leaves by one call, head and body.
            let pair = pair_in(&text).unwrap();
            self.truth.sent.entry(pair).or_insert(number);
        } else if text.starts_with("GET /v1/tasks/") {
            self.told(number, bytes);
        }
    }

    /// From here on these bytes can be read by others.
    fn told(&mut self, number: usize, bytes: &[u8]) {
        const TASK: &str = "task-unified-";
        let text = String::from_utf8_lossy(bytes);
        for (at, _) in text.match_indices(TASK) {
            let rest = &text[at..];
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            let task = &rest[..end.unwrap_or(rest.len())];
            if let Some(pair) = self.tasks.get(task)
                && self.truth.told.iter().all(|(_, _, known)| known != task)
            {
                self.truth.told.push((number, pair.clone(), task.to_owned()));
            }
        }
    }
}

/// Whether people and programs read a file: all but the ledger's own.
fn is_read(path: Option<&Path>) -> bool {
    let name = path.and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    !name.starts_with("ledger.") && !name.starts_with("media.")
}
