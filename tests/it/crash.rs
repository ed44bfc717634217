//! Crash points: a run is stopped at every single call to the system that changes a file or sends
//! a byte, and what the next run makes of it is looked at. Needs the loader's `LD_PRELOAD`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock};

use callsheet_mock::{Fault, Latency, MockApi, On, Rule, Scenario, Span, Work};

use crate::child::said;
use crate::sheet::{Said, Sheet, fake, root, side_by_side};
use crate::studio::is_whole;

/// Builds `shim.c`, once for all tests.
pub(crate) fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let shim = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&shim)
            .arg(root().join("tests/it/shim.c"))
            .arg("-ldl")
            .status();
        assert!(built.unwrap().success());
        shim
    })
}

/// Runs the sheet with the shim told one thing.
fn shimmed(sheet: &Sheet, variable: &str, value: impl ToString) -> Said {
    under_shim(sheet.run_command(&["-q"]), variable, value)
}

pub(crate) fn under_shim(mut command: Command, variable: &str, value: impl ToString) -> Said {
    command.env("LD_PRELOAD", shim()).env(variable, value.to_string());
    said(&mut command)
}

/// Pairs, how many of their creates are under way at once, and how long the server thinks.
#[derive(Clone, Copy)]
struct Batch {
    pairs: usize,
    concurrency: usize,
    latency: u64,
}

impl Batch {
    fn start(self) -> (MockApi, Sheet) {
        let latency = Latency::Fixed(Span::millis(self.latency));
        let api = fake(Scenario { latency, ..Scenario::default() });
        let sheet =
            Sheet::pairs(self.pairs, api.url(), &format!("concurrency: {}", self.concurrency));
        (api, sheet)
    }
}

/// One pair, and nothing beside it.
const ONE: Batch = Batch { pairs: 1, concurrency: 4, latency: 0 };

/// As many under way as a large batch has.
const MANY: [Batch; 2] = [
    Batch { pairs: 128, concurrency: 64, latency: 20 },
    Batch { pairs: 320, concurrency: 256, latency: 60 },
];

/// How many such calls a whole run makes.
fn calls(batch: Batch) -> u64 {
    let (_api, sheet) = batch.start();
    let count = sheet.folder().join("count");
    assert_eq!(shimmed(&sheet, "SHIM_COUNT", count.display()).code, 0);
    fs::read_to_string(count).unwrap().trim().parse().unwrap()
}

/// Stops a run at one call; looks at the next run. Says how it ended, how many creates were booked
/// before, and how many pairs are in doubt after.
fn crash_at(point: u64, batch: Batch) -> (&'static str, usize, usize) {
    let (api, sheet) = batch.start();
    let crashed = shimmed(&sheet, "SHIM_KILL_AT", point);
    let before = api.book().entries.len();
    let next = sheet.run(&[]);
    let book = api.book();
    assert!(book.duplicates().is_empty(), "call {point}: paid twice");
    let rows = sheet.rows();
    assert_eq!(rows.len(), batch.pairs, "call {point}: {next}");
    for (id, row) in &rows {
        let booked = book.entries.iter().find(|entry| {
            entry.request_json()["image_url"].as_str() == Some(row["image_url"].as_str())
        });
        match (row["state"].as_str(), booked) {
            ("created", Some(entry)) => assert_eq!(row["task_id"], entry.task.to_string()),
            ("in_doubt", _) => assert_eq!(next.code, 5, "call {point}: {next}"),
            (state, booked) => panic!("call {point}: {id} is {state}, booked {booked:?}: {next}"),
        }
    }
    let doubts = rows.values().filter(|row| row["state"] == "in_doubt").count();
    // A signal's death has no code.
    let died = if crashed.code == -1 { "died" } else { "lived" };
    (died, before, doubts)
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_run_that_is_stopped_at_any_call_pays_for_no_pair_twice_and_loses_none() {
    let last = calls(ONE);
    assert!(last > 40, "only {last} calls are counted");
    let mut seen = BTreeMap::<String, Vec<u64>>::new();
    for point in 1..=last {
        let (died, before, doubts) = crash_at(point, ONE);
        let step = format!("{died}, {before} booked before, {doubts} in doubt");
        seen.entry(step).or_default().push(point);
    }
    println!("1 pair, stopped at each of {last} calls: {seen:#?}");
    // The steps of a create, each of which some call falls into.
    for step in [
        "died, 0 booked before, 0 in doubt",
        "died, 0 booked before, 1 in doubt",
        "died, 1 booked before, 1 in doubt",
        "died, 1 booked before, 0 in doubt",
    ] {
        assert!(seen.contains_key(step), "no call fell into: {step}");
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn with_many_creates_under_way_too() {
    let eight = Batch { pairs: 40, concurrency: 8, latency: 0 };
    for point in (1..=calls(eight)).step_by(7) {
        crash_at(point, eight);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn with_64_and_256_under_way_too() {
    side_by_side(MANY, |batch| {
        let last = calls(batch);
        let points = (1..=last).step_by(last as usize / 7);
        let doubts = points.map(|point| crash_at(point, batch).2).max().unwrap();
        println!("{} under way: {doubts} in doubt at most", batch.concurrency);
        // So many were really under way.
        let possible = batch.concurrency / 2..=batch.concurrency;
        assert!(possible.contains(&doubts), "{} under way: {doubts}", batch.concurrency);
    });
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn when_the_disk_no_longer_syncs_nothing_more_is_sent() {
    let six = Batch { pairs: 6, concurrency: 1, latency: 0 };
    let stopped = stopped_by_the_disk(six, 9);
    assert!(stopped > 3, "the failing disk stopped only {stopped} runs");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn nor_with_64_and_256_under_way() {
    side_by_side(MANY, |batch| {
        let stopped = stopped_by_the_disk(batch, calls(batch) as usize / 5);
        assert!(stopped > 1, "the failing disk stopped only {stopped} runs");
    });
}

/// Lets the syncs fail from every so many calls on. Says how many runs that stopped.
fn stopped_by_the_disk(batch: Batch, step: usize) -> usize {
    let mut stopped = 0;
    for point in (1..=calls(batch)).step_by(step) {
        let (api, sheet) = batch.start();
        let said = shimmed(&sheet, "SHIM_FAIL_SYNC_AT", point);
        let sent = api.book().creates_read;
        assert!(!said.err.contains("panicked"), "call {point}: {said}");
        let next = sheet.run(&[]);
        let doubts = sheet.states().get("in_doubt").copied().unwrap_or(0);
        let few = doubts <= batch.concurrency;
        assert!(few && [0, 5].contains(&next.code), "call {point}: {said}{next}");
        assert!(api.book().duplicates().is_empty(), "call {point}");
        if sent < batch.pairs as u64 {
            assert_eq!(said.code, 1, "call {point}, {sent} sent: {said}");
            stopped += 1;
        }
    }
    stopped
}

/// The first download of each video breaks off in the middle, and goes on from there.
fn cut_day() -> Scenario {
    let cut = Rule::new(Fault::Truncated).on(On::Media).first(1);
    Scenario { work: Work::AtOnce, faults: vec![cut], ..Scenario::default() }
}

/// The names in a folder, if there is one.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// How far a run had come: the last event that it recorded, and what is in its folder of videos.
fn standing(sheet: &Sheet) -> String {
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap_or_default();
    let last = events.lines().filter_map(|line| serde_json::from_str(line).ok()).next_back();
    let last: serde_json::Value = last.unwrap_or_default();
    let videos = names(&sheet.run_folder().join("videos"));
    format!("{} {videos:?}", last["event"].as_str().unwrap_or("nothing"))
}

/// Stops a run at one call of the whole way, runs again, and compares everything. Says how far the
/// first run had come; `None` if it did not know of its task yet.
fn stop_on_the_way(point: u64) -> Option<String> {
    let api = fake(cut_day());
    let sheet = Sheet::pairs(1, api.url(), "");
    let crashed = under_shim(sheet.whole(&["-q"]), "SHIM_KILL_AT", point);
    let (stood, booked) = (standing(&sheet), api.book().entries.len());
    let next = sheet.run_whole(&["-q"]);
    if booked == 0 || next.code == 5 {
        return None;
    }
    assert_eq!((next.code, api.book().entries.len()), (0, 1), "call {point}, {stood}: {next}");
    let folder = sheet.run_folder();
    let video = fs::read(folder.join("videos/pair-0.mp4")).unwrap();
    assert!(is_whole(&video), "call {point}, {stood}");
    assert_eq!(names(&folder.join("videos")).len(), 1, "call {point}, {stood}");
    // A CSV that was being written when the run died stays beside it, under a name of its own.
    let left = names(&folder).into_iter().filter(|name| !name.starts_with(".callsheet-"));
    let ours = ["events.jsonl", "ledger.sqlite", "report.html", "tasks.csv", "videos"];
    assert_eq!(left.collect::<Vec<_>>(), ours, "call {point}, {stood}");
    assert_eq!(sheet.rows()["pair-0"]["state"], "saved", "call {point}, {stood}");
    let csv = fs::read(folder.join("tasks.csv")).unwrap();
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(fs::read(folder.join("tasks.csv")).unwrap(), csv, "call {point}, {stood}");
    let died = if crashed.code == -1 { "died" } else { "lived" };
    Some(format!("{died}, {stood}"))
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn from_the_task_to_the_video_nothing_is_paid_twice_lost_or_left_half() {
    let api = fake(cut_day());
    let sheet = Sheet::pairs(1, api.url(), "");
    let count = sheet.folder().join("count");
    assert_eq!(under_shim(sheet.whole(&["-q"]), "SHIM_COUNT", count.display()).code, 0);
    let last: u64 = fs::read_to_string(count).unwrap().trim().parse().unwrap();
    let (seen, early) = (Mutex::new(BTreeMap::<String, BTreeSet<u64>>::new()), Mutex::new(false));
    // Backwards, until a run does not come as far as its task: those before it stop at each of
    // their calls above.
    let points: Vec<_> = (1..=last).rev().collect();
    for some in points.chunks(16) {
        side_by_side(some, |point| match stop_on_the_way(*point) {
            Some(stood) => drop(seen.lock().unwrap().entry(stood).or_default().insert(*point)),
            None => *early.lock().unwrap() = true,
        });
        if *early.lock().unwrap() {
            break;
        }
    }
    let seen = seen.into_inner().unwrap();
    let stopped: usize = seen.values().map(BTreeSet::len).sum();
    println!("1 pair, stopped at each of {stopped} calls from task to video: {seen:#?}");
    // The steps of a video, each of which some call falls into. The log of events and the folder of
    // videos are written side by side, so which of the two is ahead at a call is not said.
    let videos = [
        "{}",
        "{\"pair-0.mp4.part.json\"}",
        "{\"pair-0.mp4.part\", \"pair-0.mp4.part.json\"}",
        "{\"pair-0.mp4\", \"pair-0.mp4.part.json\"}",
        "{\"pair-0.mp4\"}",
    ];
    for step in videos {
        assert!(seen.keys().any(|stood| stood.ends_with(step)), "no call fell into: {step}");
    }
    for event in ["accepted", "completed", "saved"] {
        let step = format!("died, {event} ");
        assert!(seen.keys().any(|stood| stood.starts_with(&step)), "no call fell into: {event}");
    }
}
