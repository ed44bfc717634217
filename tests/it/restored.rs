//! A ledger that was put back to an older one, or lost: what was sent since is known again, and is not
//! paid for twice.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use callsheet_mock::{MockApi, Scenario, Work};
use rusqlite::Connection;

use crate::migrating::of_format;
use crate::sheet::{Said, Sheet, fake};

fn file(sheet: &Sheet, name: &str) -> PathBuf {
    sheet.run_folder().join(name)
}

fn restore(sheet: &Sheet) -> Said {
    sheet.call("resolve", &["--ledger-restored"])
}

fn at_once() -> MockApi {
    fake(Scenario { work: Work::AtOnce, ..Scenario::default() })
}

/// `created`, `in_doubt ledger_restored` and so on, by pair.
fn standings(sheet: &Sheet) -> BTreeMap<String, String> {
    let rows = sheet.rows().into_iter();
    let said = |row: BTreeMap<String, String>| format!("{} {}", row["state"], row["error_code"]);
    rows.map(|(id, row)| (id, said(row).trim().to_owned())).collect()
}

fn paid_once(api: &MockApi, pairs: usize) {
    assert_eq!((api.book().entries.len(), api.book().duplicates().len()), (pairs, 0));
}

/// The backup has tasks whose videos came after it: nobody says that they would be paid for again.
#[test]
fn what_only_went_on_since_is_nothing_to_settle() {
    let api = at_once();
    let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
    assert_eq!(sheet.run(&["-q", "--limit", "3"]).code, 4);
    let (ledger, backup) = (file(&sheet, "ledger.sqlite"), sheet.folder().join("backup"));
    fs::copy(&ledger, &backup).unwrap();
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    fs::rename(&backup, &ledger).unwrap();
    let restored = sheet.call("resolve", &["--ledger-restored", "--json"]);
    assert_eq!(restored.code, 0, "{restored}");
    let sent = &restored.json()["sent_since"];
    assert_eq!(sent.as_object().unwrap().keys().collect::<Vec<_>>(), ["pair-3"], "{restored}");
    // Of what it has not saved itself it takes none for its own.
    fs::remove_dir_all(file(&sheet, "videos")).unwrap();
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    assert_eq!(sheet.states()["saved"], 4);
    paid_once(&api, 4);
}

#[test]
fn a_lost_ledger_is_made_again_of_its_events() {
    for blank in [false, true] {
        let api = at_once();
        let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
        assert_eq!(sheet.run(&["-q", "--limit", "3"]).code, 4);
        // The answer to the third one never came, and the fourth is not sent yet.
        let events = fs::read_to_string(file(&sheet, "events.jsonl")).unwrap();
        let lines: Vec<_> = events.split_inclusive('\n').collect();
        assert!(lines[4].contains("\"event\":\"intended\""), "{events}");
        fs::write(file(&sheet, "events.jsonl"), lines[..5].concat()).unwrap();
        match blank {
            true => fs::write(file(&sheet, "ledger.sqlite"), "").unwrap(),
            false => fs::remove_file(file(&sheet, "ledger.sqlite")).unwrap(),
        }
        for refused in [sheet.run(&[]), sheet.call("plan", &[]), sheet.call("status", &[])] {
            assert_eq!(refused.code, 1, "{refused}");
            assert!(refused.err.contains("--ledger-restored"), "{refused}");
        }
        let restored = restore(&sheet);
        assert_eq!(restored.code, 5, "{restored}");
        assert!(restored.out.contains("now 2 created, 1 in doubt"), "{restored}");
        let told = "2 pairs sent since, their tasks are known again: pair-0, pair-1";
        assert!(restored.err.contains(told), "{restored}");
        let told = "1 pair sent since without a known answer, in doubt: pair-2";
        assert!(restored.err.contains(told), "{restored}");
        let plan = sheet.call("plan", &["--json"]).json();
        assert_eq!(
            (&plan["plan"]["create"]["pairs"], &plan["plan"]["changed"]),
            (&1.into(), &0.into()),
            "{plan}"
        );
        assert_eq!(sheet.run_whole(&["-q"]).code, 5);
        assert_eq!(standings(&sheet)["pair-2"], "in_doubt ledger_restored");
        assert_eq!(sheet.states()["saved"], 3);
        paid_once(&api, 4);
        let row = &sheet.rows()["pair-0"];
        assert!(row["image_url"].contains("example.com/0.jpg"), "as the manifest has it: {row:?}");
        let plan = sheet.call("plan", &["--json"]).json();
        assert_eq!(plan["plan"]["changed"], 0, "{plan}");
    }
}

#[test]
fn a_run_folder_without_anything_is_no_lost_ledger() {
    let api = at_once();
    let sheet = Sheet::pairs(1, api.url(), "");
    let missing = restore(&sheet);
    assert_eq!(missing.code, 2, "{missing}");
    assert!(missing.err.contains("no run of this manifest yet"), "{missing}");
    fs::create_dir(sheet.run_folder()).unwrap();
    let empty = restore(&sheet);
    assert_eq!(empty.code, 2, "{empty}");
    assert!(empty.err.contains("no run of this manifest yet"), "{empty}");
    assert_eq!(fs::read_dir(sheet.run_folder()).unwrap().count(), 0, "nothing is made");
}

/// The backup is of before the pair was in the manifest.
#[test]
fn pairs_that_the_ledger_never_heard_of_are_not_sent_again() {
    let api = at_once();
    let sheet = Sheet::pairs(3, api.url(), "");
    let whole = fs::read_to_string(&sheet.manifest).unwrap();
    let shorter: Vec<_> = whole.lines().filter(|line| !line.contains("pair-2")).collect();
    fs::write(&sheet.manifest, shorter.join("\n")).unwrap();
    assert_eq!(sheet.run(&["-q"]).code, 0);
    let (ledger, backup) = (file(&sheet, "ledger.sqlite"), sheet.folder().join("backup"));
    fs::copy(&ledger, &backup).unwrap();
    fs::write(&sheet.manifest, &whole).unwrap();
    assert_eq!(sheet.run(&["-q"]).code, 0);
    fs::rename(&backup, &ledger).unwrap();
    assert_eq!(restore(&sheet).code, 0);
    let run = sheet.run_whole(&[]);
    assert_eq!(run.code, 0, "{run}");
    assert!(!run.err.contains("changed"), "{run}");
    assert_eq!(sheet.states()["saved"], 3);
    paid_once(&api, 3);
}

/// An older release had its events in the log alone.
#[test]
fn the_history_of_an_older_format_stays() {
    let sheet = of_format(2, "http://127.0.0.1:9");
    let path = file(&sheet, "events.jsonl");
    let ledger = Connection::open(file(&sheet, "ledger.sqlite")).unwrap();
    let last: u64 = ledger.query_row("SELECT events FROM batch", (), |row| row.get(0)).unwrap();
    drop(ledger);
    let logged = fs::read_to_string(&path).unwrap();
    let event = |n: u64, event: &str, from: &str, state: &str, more: &str| {
        format!(
            "{{\"v\":1,\"n\":{n},\"at\":\"2026-11-01T10:00:00Z\",\"id\":\"planned\",\"event\":\"{event}\",\
             \"from\":\"{from}\",\"state\":\"{state}\",\"attempt\":1{more}}}\n"
        )
    };
    let newer = event(last + 1, "intended", "planned", "sending", "")
        + &event(last + 2, "accepted", "sending", "created", ",\"task_id\":\"task-new\"");
    fs::write(&path, logged.clone() + &newer).unwrap();
    let restored = restore(&sheet);
    assert!(restored.err.contains("of format 2, was brought up to date"), "{restored}");
    assert!(
        restored.err.contains("1 pair sent since, its task is known again: planned"),
        "{restored}"
    );
    assert_eq!(sheet.rows()["planned"]["task_id"], "task-new");
    let now = fs::read_to_string(&path).unwrap();
    assert!(now.starts_with(&logged), "what happened before is still told");
    fs::remove_file(&path).unwrap();
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(fs::read_to_string(&path).unwrap(), now);
}

/// Nobody knows what a lost pair asked for, so under another id it could be paid for again.
#[test]
fn a_pair_with_another_id_than_its_events_have_is_not_paid_for_unasked() {
    let api = at_once();
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run(&["-q", "--limit", "2"]).code, 4);
    fs::remove_file(file(&sheet, "ledger.sqlite")).unwrap();
    assert_eq!(restore(&sheet).code, 0);
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, yaml.replace("pair-0", "anna")).unwrap();
    let plan = sheet.call("plan", &[]);
    assert!(plan.out.contains("lists under other ids: pair-0 (task-"), "{plan}");
    let refused = sheet.run(&[]);
    assert_eq!(refused.code, 2, "{refused}");
    paid_once(&api, 2);
    assert!(refused.err.contains("lists under other ids: pair-0 (task-"), "{refused}");
    assert!(refused.err.contains("the id that it had") && refused.err.contains("--pay-again"));
    fs::write(&sheet.manifest, &yaml).unwrap();
    let run = sheet.run(&["-q"]);
    assert_eq!(run.code, 0, "{run}");
    paid_once(&api, 3);
    // What has its request again is known under any id.
    fs::write(&sheet.manifest, yaml.replace("pair-0", "ben")).unwrap();
    let run = sheet.run(&["-q"]);
    assert_eq!(run.code, 0, "{run}");
    paid_once(&api, 3);
}
