//! `redo`, and the run that makes the take, stopped at every single call to the system that changes a
//! file or sends a byte: a take is paid once, and no video is lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use callsheet_mock::{MockApi, Scenario, Work};

use crate::crash::under_shim;
use crate::sheet::{Sheet, fake, side_by_side};
use crate::studio::is_whole;

/// How many points are looked at side by side.
const LANES: u64 = 4;

/// A batch of one pair whose first take is saved. Each point begins with a copy of it.
struct Start {
    api: MockApi,
    sheet: Sheet,
    /// The bytes of its video.
    first: Vec<u8>,
}

impl Start {
    /// With a second take asked for already, if that is wanted.
    fn new(asked: bool) -> Self {
        let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
        let sheet = Sheet::pairs(1, api.url(), "");
        assert_eq!(sheet.run_whole(&["-q"]).code, 0);
        if asked {
            assert_eq!(sheet.call("redo", &["pair-0"]).code, 0);
        }
        let first = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
        Self { api, sheet, first }
    }

    fn copy(&self) -> Sheet {
        let sheet = Sheet::new(&fs::read_to_string(&self.sheet.manifest).unwrap());
        copy(&self.sheet.run_folder(), &sheet.run_folder());
        sheet
    }

    fn creates(&self) -> usize {
        self.api.book().entries.len()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn calls(command: Command, sheet: &Sheet) -> u64 {
    let count = sheet.folder().join("count");
    let said = under_shim(command, "SHIM_COUNT", count.display());
    assert_eq!(said.code, 0, "{said}");
    fs::read_to_string(count).unwrap().trim().parse().unwrap()
}

/// Stops a command at each of its calls, and has what is left looked at, with how much was paid before;
/// counts what was found.
fn at_each_call(
    asked: bool,
    command: impl Fn(&Sheet) -> Command + Sync,
    look: impl Fn((u64, usize), &Start, &Sheet) -> String + Sync,
) -> BTreeMap<String, Vec<u64>> {
    let start = Start::new(asked);
    let whole = start.copy();
    let last = calls(command(&whole), &whole);
    let seen = Mutex::new(BTreeMap::<String, Vec<u64>>::new());
    side_by_side(0..LANES, |lane| {
        let start = Start::new(asked);
        for point in (1..=last).filter(|point| point % LANES == lane) {
            let (sheet, before) = (start.copy(), start.creates());
            under_shim(command(&sheet), "SHIM_KILL_AT", point);
            let found = look((point, before), &start, &sheet);
            seen.lock().unwrap().entry(found).or_default().push(point);
        }
    });
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen.values().map(Vec::len).sum::<usize>() as u64, last);
    seen
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn redo_that_is_stopped_at_any_call_asks_for_a_take_or_for_none() {
    let redo = |sheet: &Sheet| sheet.command("redo", &["pair-0"]);
    let seen = at_each_call(false, redo, |(point, before), start, sheet| {
        let status = sheet.call("status", &["--json"]);
        let asked = status.json()["states"]["planned"] == 1;
        let run = sheet.run_whole(&["-q"]);
        assert_eq!(run.code, 0, "call {point}: {run}");
        assert_eq!(start.creates() - before, usize::from(asked), "call {point}");
        let row = &sheet.rows()["pair-0"];
        assert_eq!(row["take"], if asked { "2" } else { "1" }, "call {point}");
        let kept = if asked { "pair-0~take1.mp4" } else { "pair-0.mp4" };
        let kept = fs::read(sheet.run_folder().join("videos").join(kept)).unwrap();
        assert!(kept == start.first, "call {point}");
        format!("asked for: {asked}")
    });
    println!("redo, stopped at each of its calls: {seen:#?}");
    assert_eq!(seen.len(), 2, "{seen:#?}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_take_that_is_made_by_a_run_that_is_stopped_at_any_call_is_paid_once() {
    let run = |sheet: &Sheet| sheet.whole(&["-q"]);
    let seen = at_each_call(true, run, |(point, before), start, sheet| {
        let (videos, first) = (sheet.run_folder().join("videos"), &start.first);
        let read = |name: &str| fs::read(videos.join(name)).ok();
        // At every moment the earlier video is there, whole, under one of its names.
        let names = ["pair-0.mp4", "pair-0~take1.mp4"];
        assert!(names.iter().any(|name| read(name).as_ref() == Some(first)), "call {point}: lost");
        let run = sheet.run_whole(&["-q"]);
        let (row, paid) = (&sheet.rows()["pair-0"], start.creates() - before);
        assert!(paid <= 1, "call {point}: paid twice: {run}");
        match &*row["state"] {
            "saved" => {
                assert_eq!(row["take"], "2", "call {point}: {run}");
                assert!(read("pair-0~take1.mp4").as_ref() == Some(first), "call {point}");
                let second = read("pair-0.mp4").unwrap();
                assert!(is_whole(&second) && second != *first, "call {point}");
                let last = start.api.book().entries.last().unwrap().task.to_string();
                assert_eq!((&row["task_id"], paid), (&last, 1), "call {point}");
            }
            "in_doubt" => {
                assert_eq!(run.code, 5, "call {point}: {run}");
                assert!(read("pair-0.mp4").as_ref() == Some(first), "call {point}");
            }
            state => panic!("call {point}: {state}: {run}"),
        }
        row["state"].clone()
    });
    println!("a run for a take, stopped at each of its calls: {seen:#?}");
    assert!(seen.contains_key("saved") && seen.contains_key("in_doubt"), "{seen:#?}");
}
