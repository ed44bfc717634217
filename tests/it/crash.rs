//! Crash points: a run is stopped at every single call to the system that changes a file or sends
//! a byte, and what the next run makes of it is looked at. Needs the loader's `LD_PRELOAD`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use callsheet_mock::Scenario;

use crate::child::said;
use crate::sheet::{Said, Sheet, fake, root};

/// Builds `shim.c`, once for all tests.
fn shim() -> &'static Path {
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
    let mut command = sheet.run_command(&["-q"]);
    command.env("LD_PRELOAD", shim()).env(variable, value.to_string());
    said(&mut command)
}

/// How many such calls a whole run makes.
fn calls(pairs: usize, settings: &str) -> u64 {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(pairs, api.url(), settings);
    let count = sheet.folder().join("count");
    assert_eq!(shimmed(&sheet, "SHIM_COUNT", count.display()).code, 0);
    fs::read_to_string(count).unwrap().trim().parse().unwrap()
}

/// Stops a run at one call; looks at the next run. Says what became of the pairs.
fn crash_at(point: u64, pairs: usize, settings: &str) -> String {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(pairs, api.url(), settings);
    let crashed = shimmed(&sheet, "SHIM_KILL_AT", point);
    let before = api.book().entries.len();
    let next = sheet.run(&[]);
    let book = api.book();
    assert!(book.duplicates().is_empty(), "call {point}: paid twice");
    let rows = sheet.rows();
    assert_eq!(rows.len(), pairs, "call {point}: {next}");
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
    format!("{died}, {before} booked before, {doubts} in doubt")
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_run_that_is_stopped_at_any_call_pays_for_no_pair_twice_and_loses_none() {
    let last = calls(1, "");
    assert!(last > 40, "only {last} calls are counted");
    let mut seen = std::collections::BTreeMap::<String, Vec<u64>>::new();
    for point in 1..=last {
        seen.entry(crash_at(point, 1, "")).or_default().push(point);
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
    let settings = "concurrency: 8";
    let last = calls(40, settings);
    for point in (1..=last).step_by(7) {
        crash_at(point, 40, settings);
    }
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn when_the_disk_no_longer_syncs_nothing_more_is_sent() {
    let last = calls(6, "concurrency: 1");
    let mut stopped = 0;
    for point in (1..=last).step_by(9) {
        let api = fake(Scenario::default());
        let sheet = Sheet::pairs(6, api.url(), "concurrency: 1");
        let said = shimmed(&sheet, "SHIM_FAIL_SYNC_AT", point);
        let sent = api.book().creates_read;
        assert!(!said.err.contains("panicked"), "call {point}: {said}");
        let next = sheet.run(&[]);
        let doubts = sheet.states().get("in_doubt").copied().unwrap_or(0);
        assert!(doubts <= 1 && [0, 5].contains(&next.code), "call {point}: {said}{next}");
        assert!(api.book().duplicates().is_empty(), "call {point}");
        if sent < 6 {
            assert_eq!(said.code, 1, "call {point}, {sent} sent: {said}");
            stopped += 1;
        }
    }
    assert!(stopped > 3, "the failing disk stopped only {stopped} runs");
}
