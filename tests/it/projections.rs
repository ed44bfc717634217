//! What is made from the ledger comes back the same, and looking at it leaves nothing behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use callsheet_mock::{Fault, Rule, Scenario, Work};
use rusqlite::Connection;

use crate::child::said;
use crate::sheet::{Said, Sheet, fake};

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn events(sheet: &Sheet) -> Vec<u8> {
    fs::read(sheet.run_folder().join("events.jsonl")).unwrap()
}

/// Whatever may have been done to the log.
fn broken(right: &[u8]) -> Vec<Option<Vec<u8>>> {
    let (half, last) = (right.len() / 2, right.len() - 20);
    let zeros = [&right[..last], &[0; 4096][..]].concat();
    let other = [&right[..half], b"{\"n\":3}\nsomebody's notes\n", &right[half..]].concat();
    let half_appended = [right, b"{\"v\":1,\"n\":"].concat();
    [&b""[..], &right[..half], &right[..last], &zeros, &other, &half_appended]
        .map(|bytes| Some(bytes.to_vec()))
        .into_iter()
        .chain([None])
        .collect()
}

#[test]
fn torn_deleted_or_half_appended_events_come_back_the_same() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(5, api.url(), "");
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let (right, path) = (events(&sheet), sheet.run_folder().join("events.jsonl"));
    assert!(right.split(|byte| *byte == b'\n').count() > 20);
    for (case, bytes) in broken(&right).into_iter().enumerate() {
        let damage = || match &bytes {
            Some(bytes) => fs::write(&path, bytes).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        };
        damage();
        let report = sheet.call("report", &["--json"]);
        assert_eq!((report.code, events(&sheet) == right), (0, true), "{case}: {report}");
        assert_eq!(report.json()["events"][0], "batch.run/events.jsonl");
        damage();
        assert_eq!(sheet.run_whole(&["-q"]).code, 0, "{case}");
        // One that is changed far from its end is put right by `report`.
        if case != 4 {
            assert_eq!(events(&sheet), right, "{case}: after a run");
        }
    }
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(events(&sheet), right);
    assert_eq!(api.book().entries.len(), 5);
}

/// A ledger after two of four creates, put back after all of them.
fn put_back() -> (callsheet_mock::MockApi, Sheet) {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
    assert_eq!(sheet.run(&["-q", "--limit", "2"]).code, 4);
    let (file, old) = (sheet.run_folder().join("ledger.sqlite"), sheet.folder().join("backup"));
    fs::copy(&file, &old).unwrap();
    assert_eq!(sheet.run(&["-q"]).code, 0);
    fs::rename(&old, &file).unwrap();
    (api, sheet)
}

#[test]
fn a_ledger_that_was_put_back_is_refused_until_a_person_says_so() {
    let (api, sheet) = put_back();
    let newer = events(&sheet);
    for refused in [sheet.run(&[]), sheet.call("report", &[])] {
        assert_eq!(refused.code, 1, "{refused}");
        assert!(refused.err.contains("ends at event 4, but 8 were recorded"), "{refused}");
        assert!(refused.err.contains("--ledger-restored"), "{refused}");
    }
    assert_eq!((api.book().entries.len(), events(&sheet) == newer), (4, true));
    let restored = sheet.call("resolve", &["--ledger-restored"]);
    assert_eq!(restored.code, 0, "{restored}");
    let told = "2 pairs sent since, their tasks are known again: pair-2, pair-3";
    assert!(restored.err.contains(told), "{restored}");
    let all = names(&sheet.run_folder());
    let aside = all.iter().find(|name| name.contains("newer-than-ledger")).unwrap();
    assert_eq!(fs::read(sheet.run_folder().join(aside)).unwrap(), newer);
    // No number is given twice: who follows the events takes none for another.
    let log = String::from_utf8(events(&sheet)).unwrap();
    let numbers = log.lines().map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap()
    });
    assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 3, 4, 9, 10, 11, 12]);
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert_eq!((api.book().entries.len(), api.book().duplicates().len()), (4, 0));
    let again = sheet.call("resolve", &["--ledger-restored"]);
    assert_eq!(again.code, 2, "{again}");
    assert!(again.err.contains("as new as its events"), "{again}");
}

#[test]
fn a_lone_copy_of_a_ledger_in_use_is_refused_until_a_person_says_so() {
    let faults = vec![Rule::new(Fault::HangAfterAccept).first(1)];
    let api = fake(Scenario { faults, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    let mut run = sheet.start(&[]);
    while api.book().entries.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let copy = Sheet::pairs(1, api.url(), "");
    fs::create_dir(copy.run_folder()).unwrap();
    let file = |sheet: &Sheet| sheet.run_folder().join("ledger.sqlite");
    fs::copy(file(&sheet), file(&copy)).unwrap();
    run.kill().unwrap();
    run.wait();
    let refused = copy.run(&[]);
    assert_eq!(refused.code, 1, "{refused}");
    assert!(refused.err.contains("copied from a run under way"), "{refused}");
    assert_eq!(copy.call("resolve", &["--ledger-restored"]).code, 0);
    let status = copy.call("status", &["--json"]);
    let planned = &status.json()["states"]["planned"];
    assert_eq!(planned, 1, "as it was when the run had just begun: {status}");
}

/// A run folder as a run leaves it that was killed with a create under way.
fn killed() -> Sheet {
    let faults = vec![Rule::new(Fault::HangAfterAccept).first(1)];
    let api = fake(Scenario { faults, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "concurrency: 1");
    let mut run = sheet.start(&[]);
    while !sheet.run_folder().join("progress.json").exists() || api.book().entries.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let under_way = sheet.call("status", &[]);
    assert!(under_way.out.contains("a run is under way"), "{under_way}");
    run.kill().unwrap();
    run.wait();
    sheet
}

#[test]
fn a_run_that_was_killed_is_never_said_to_be_under_way() {
    let sheet = killed();
    let status = sheet.call("status", &["--json"]);
    assert_eq!(status.json().get("activity"), None, "{status}");
    assert!(!sheet.call("status", &[]).out.contains("under way"));
    assert!(sheet.run_folder().join("progress.json").exists());
    assert_eq!(sheet.call("resolve", &["pair-0", "--abandon"]).code, 0);
    let left: Vec<_> = names(&sheet.run_folder()).into_iter().collect();
    assert_eq!(left, ["events.jsonl", "ledger.sqlite", "tasks.csv"], "the next one tidies up");
}

/// `status` as somebody who may only read.
fn look(sheet: &Sheet) -> Said {
    let mut command = sheet.command("status", &["--json"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        use std::os::unix::process::CommandExt;
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        for name in names(&sheet.run_folder()) {
            set(&sheet.run_folder().join(name), 0o444);
        }
        set(&sheet.run_folder(), 0o555);
        set(sheet.folder(), 0o755);
        // Nothing is forbidden to root.
        if fs::write(sheet.run_folder().join("probe"), "").is_ok() {
            fs::remove_file(sheet.run_folder().join("probe")).unwrap();
            command.uid(65_534);
        }
    }
    said(&mut command)
}

fn cases() -> Vec<(&'static str, Sheet)> {
    let without = |sheet: Sheet, suffixes: &[&str]| {
        for suffix in suffixes {
            let name = format!("ledger.sqlite-{suffix}");
            fs::remove_file(sheet.run_folder().join(name)).unwrap();
        }
        sheet
    };
    let ended = || {
        let sheet = killed();
        assert_eq!(sheet.call("resolve", &["pair-0", "--abandon"]).code, 0);
        sheet
    };
    vec![
        ("ended", ended()),
        ("killed", killed()),
        ("killed, and copied without what SQLite shares", without(killed(), &["shm"])),
        ("killed, and its log is lost", without(killed(), &["shm", "wal"])),
    ]
}

#[test]
fn status_needs_no_right_to_write_and_leaves_nothing_behind() {
    for (case, sheet) in cases() {
        let before = names(&sheet.run_folder());
        let ledger = fs::read(sheet.run_folder().join("ledger.sqlite")).unwrap();
        let status = look(&sheet);
        assert!([0, 4, 5].contains(&status.code), "{case}: {status}");
        let states = &status.json()["states"];
        match case {
            "ended" => assert_eq!(states["abandoned"], 1, "{case}: {status}"),
            "killed, and its log is lost" => assert_eq!(states["planned"], 2, "{status}"),
            _ => assert_eq!(states["sending"], 1, "{case}: {status}"),
        }
        assert_eq!(names(&sheet.run_folder()), before, "{case}");
        assert_eq!(sheet.call("status", &[]).code, status.code, "{case}, to who may write");
        assert_eq!(names(&sheet.run_folder()), before, "{case}");
        assert_eq!(fs::read(sheet.run_folder().join("ledger.sqlite")).unwrap(), ledger, "{case}");
    }
}

#[test]
fn who_watches_a_batch_sees_a_run_that_begins_later() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run(&["-q", "--limit", "1"]).code, 4);
    let mut watch = sheet.command("status", &["--watch", "--json"]);
    watch.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let watch = crate::child::Running::start(&mut watch);
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let watched = watch.said();
    assert_eq!(watched.code, 0, "{watched}");
}

#[test]
fn the_ledger_has_what_the_events_say() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let ids = "SELECT group_concat(id || ' ' || state, ',') FROM events WHERE event = 'saved'";
    let ids: String = ledger.query_row(ids, (), |row| row.get(0)).unwrap();
    assert_eq!(ids.matches("saved").count(), 3, "{ids}");
}
