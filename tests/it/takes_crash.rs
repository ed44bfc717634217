//! `redo`, and the run that makes the take, stopped at every single call to the system that changes a
//! file or sends a byte: a take is paid once, and no video is lost.

use std::collections::BTreeMap;
use std::fs;

use callsheet_mock::{MockApi, Scenario, Work};

use crate::crash::under_shim;
use crate::sheet::{Sheet, fake};
use crate::studio::is_whole;

/// A pair whose first take is saved, and the bytes of its video.
fn saved() -> (MockApi, Sheet, Vec<u8>) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let video = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
    (api, sheet, video)
}

fn calls(command: std::process::Command, sheet: &Sheet) -> u64 {
    let count = sheet.folder().join("count");
    let said = under_shim(command, "SHIM_COUNT", count.display());
    assert_eq!(said.code, 0, "{said}");
    fs::read_to_string(count).unwrap().trim().parse().unwrap()
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn redo_that_is_stopped_at_any_call_asks_for_a_take_or_for_none() {
    let (_api, sheet, _) = saved();
    let last = calls(sheet.command("redo", &["pair-0"]), &sheet);
    assert!(last > 5, "only {last} calls are counted");
    let mut seen = BTreeMap::<String, Vec<u64>>::new();
    for point in 1..=last {
        let (api, sheet, first) = saved();
        under_shim(sheet.command("redo", &["pair-0"]), "SHIM_KILL_AT", point);
        let status = sheet.call("status", &["--json"]);
        let asked = status.json()["states"]["planned"] == 1;
        seen.entry(format!("asked for: {asked}")).or_default().push(point);
        let run = sheet.run_whole(&["-q"]);
        assert_eq!(run.code, 0, "call {point}: {run}");
        let (creates, row) = (api.book().entries.len(), &sheet.rows()["pair-0"]);
        assert_eq!(creates, 1 + usize::from(asked), "call {point}");
        assert_eq!(row["take"], if asked { "2" } else { "1" }, "call {point}");
        assert!(api.book().duplicates().len() <= usize::from(asked), "call {point}");
        let kept = if asked { "pair-0~take1.mp4" } else { "pair-0.mp4" };
        assert_eq!(fs::read(sheet.run_folder().join("videos").join(kept)).unwrap(), first);
    }
    println!("redo stopped at each of {last} calls: {seen:#?}");
    assert_eq!(seen.len(), 2, "{seen:#?}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "needs LD_PRELOAD")]
fn a_take_that_is_made_by_a_run_that_is_stopped_at_any_call_is_paid_once() {
    let (_api, sheet, _) = saved();
    assert_eq!(sheet.call("redo", &["pair-0"]).code, 0);
    let last = calls(sheet.whole(&["-q"]), &sheet);
    let mut seen = BTreeMap::<String, Vec<u64>>::new();
    for point in 1..=last {
        let (api, sheet, first) = saved();
        assert_eq!(sheet.call("redo", &["pair-0"]).code, 0);
        under_shim(sheet.whole(&["-q"]), "SHIM_KILL_AT", point);
        let videos = sheet.run_folder().join("videos");
        let read = |name: &str| fs::read(videos.join(name)).ok();
        // At every moment the earlier video is there, whole, under one of its names.
        let aside = read("pair-0~take1.mp4");
        let there = [read("pair-0.mp4"), aside].contains(&Some(first.clone()));
        assert!(there, "call {point}: the earlier video is lost");
        let run = sheet.run_whole(&["-q"]);
        let row = &sheet.rows()["pair-0"];
        let creates = api.book().entries.len();
        assert!(creates <= 2, "call {point}: paid twice: {run}");
        seen.entry(row["state"].clone()).or_default().push(point);
        match &*row["state"] {
            "saved" => {
                assert_eq!((&*row["take"], creates), ("2", 2), "call {point}: {run}");
                assert_eq!(read("pair-0~take1.mp4").as_ref(), Some(&first), "call {point}");
                let second = read("pair-0.mp4").unwrap();
                assert!(is_whole(&second) && second != first, "call {point}");
                let tasks: Vec<_> = api.book().tasks().map(ToString::to_string).collect();
                assert_eq!(row["task_id"], tasks[1], "call {point}");
            }
            "in_doubt" => {
                assert_eq!(run.code, 5, "call {point}: {run}");
                assert_eq!(read("pair-0.mp4").as_ref(), Some(&first), "call {point}");
            }
            state => panic!("call {point}: {state}: {run}"),
        }
    }
    println!("a take's run stopped at each of {last} calls: {seen:#?}");
    assert!(seen.contains_key("saved") && seen.contains_key("in_doubt"), "{seen:#?}");
}
