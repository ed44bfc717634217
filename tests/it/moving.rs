//! The service under a new name: the batch goes along, and nothing is paid again for that.

use std::fs;

use callsheet_mock::{MockApi, Scenario, Work};
use rusqlite::Connection;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake};

fn moved(sheet: &Sheet, to: &str, options: &[&str]) -> Said {
    let mut command = sheet.command("move", &[&["--endpoint", to], options].concat());
    said(command.env("CALLSHEET_API_KEY", KEY))
}

/// The same server under its other name.
fn renamed(api: &MockApi) -> String {
    api.url().replace("127.0.0.1", "localhost")
}

/// Three pairs, two of which have tasks.
fn half_way() -> (MockApi, Sheet) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run(&["--limit", "2"]).code, 4);
    (api, sheet)
}

fn edit(sheet: &Sheet, from: &str, to: &str) {
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, yaml.replace(from, to)).unwrap();
}

#[test]
fn a_renamed_host_that_knows_the_tasks_takes_the_batch() {
    let (api, sheet) = half_way();
    let new = renamed(&api);
    edit(&sheet, api.url(), &new);
    let refused = sheet.run_whole(&[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(
        refused.err.contains(&format!("callsheet move MANIFEST --endpoint {new}")),
        "{refused}"
    );
    assert!(!refused.err.contains("--out"), "a new folder would pay again: {refused}");
    let taken = moved(&sheet, &new, &[]);
    assert_eq!(taken.code, 0, "{taken}");
    assert!(taken.out.contains(&format!("to {new}; it knows 2 tasks")), "{taken}");
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, sheet.states()["saved"]), (0, 3), "{run}");
    assert_eq!(api.book().entries.len(), 3, "each is paid once");
    // Whoever still has the old name is told where it went, and when.
    let old = sheet.run_whole(&["--endpoint", api.url()]);
    assert_eq!(old.code, 2, "{old}");
    assert!(old.err.contains(&format!("write `endpoint: {new}` into the manifest")), "{old}");
    assert!(old.err.contains("it moved there at 20"), "{old}");
    let again = moved(&sheet, &new, &["--json"]);
    assert_eq!((again.code, again.json()["endpoint"].as_str()), (0, Some(&*new)));
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let sql = "SELECT from_endpoint, to_endpoint, seen, at > 1e12 FROM moves";
    let row: (String, String, u32, bool) = ledger
        .query_row(sql, (), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap();
    assert_eq!(row, (api.url().to_owned(), new, 2, true));
}

#[test]
fn another_service_does_not_get_it_unless_a_person_insists() {
    let (api, sheet) = half_way();
    let other = fake(Scenario::default());
    let refused = moved(&sheet, other.url(), &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("knows none of this batch's tasks"), "{refused}");
    assert!(refused.err.contains("--unseen") && refused.err.contains("never found"), "{refused}");
    // What says yes to everything proves nothing.
    let polite = Rude::any(|request, c| {
        let task = request.split(['/', ' ']).nth(4).unwrap();
        answer(c, "200 OK", "", &format!(r#"{{"id":"{task}","status":"pending"}}"#));
    });
    let refused = moved(&sheet, &polite.url, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("made up"), "{refused}");
    let gone = moved(&sheet, "http://127.0.0.1:1", &[]);
    assert_eq!(gone.code, 1, "{gone}");
    let run = sheet.run(&["--limit", "0"]);
    assert_eq!(run.code, 4, "it is where it was: {run}");
    assert_eq!(moved(&sheet, other.url(), &["--unseen"]).code, 0);
    let run = sheet.run(&["--endpoint", api.url()]);
    assert_eq!(run.code, 2, "{run}");
    assert_eq!(api.book().entries.len(), 2);
}

#[test]
fn what_was_never_sent_moves_anywhere_and_what_is_only_in_doubt_does_not() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(2, api.url(), "");
    assert_eq!(sheet.run(&["--limit", "0"]).code, 4);
    let new = renamed(&api);
    assert_eq!(moved(&sheet, &new, &[]).code, 0);
    let lossy = Rude::any(|_, c| answer(c, "502 Bad Gateway", "", "upstream died"));
    let sheet = Sheet::pairs(1, &lossy.url, "");
    assert_eq!(sheet.run(&["--retry-for", "1s"]).code, 5);
    let refused = moved(&sheet, &new, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("no task of this batch is known"), "{refused}");
    let none = said(sheet.command("move", &[]).env("CALLSHEET_API_KEY", KEY));
    assert_eq!(none.code, 2, "{none}");
    assert_eq!(moved(&sheet, &new, &["--mock"]).code, 2);
}

#[test]
fn a_rehearsal_is_taken_along_by_nobody() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    assert_eq!(sheet.run(&["--mock"]).code, 0);
    for options in [&["--out", "batch.mock.run"][..], &["--out", "batch.mock.run", "--unseen"]] {
        let refused = moved(&sheet, api.url(), options);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains("belongs to a rehearsal"), "{refused}");
    }
    let refused = sheet.run(&["--out", "batch.mock.run"]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(!refused.err.contains("callsheet move"), "{refused}");
}

#[test]
fn an_address_is_written_as_everywhere_and_the_last_move_is_told() {
    let (api, sheet) = half_way();
    let other = fake(Scenario::default());
    let first = renamed(&api);
    assert_eq!(moved(&sheet, &format!("{first}/v1"), &[]).code, 0);
    assert_eq!(moved(&sheet, other.url(), &["--unseen"]).code, 0);
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    ledger.execute("UPDATE moves SET at = 0 WHERE to_endpoint = ?1", [&first]).unwrap();
    drop(ledger);
    let old = sheet.run(&[]);
    assert!(old.code == 2 && old.err.contains("it moved there at 20"), "{old}");
}

#[test]
fn what_settles_pairs_asks_whose_folder_it_is() {
    let lossy = Rude::any(|_, c| answer(c, "502 Bad Gateway", "", "upstream died"));
    let sheet = Sheet::pairs(1, &lossy.url, "");
    assert_eq!(sheet.run(&["--retry-for", "1s"]).code, 5);
    fs::copy(&sheet.manifest, sheet.folder().join("batch.yml")).unwrap();
    let call = |arguments: &[&str]| {
        let mut command = crate::sheet::program();
        said(command.current_dir(sheet.folder()).args(arguments).env("CALLSHEET_API_KEY", KEY))
    };
    for command in [
        &["resolve", "batch.yml", "--all", "--abandon"][..],
        &["reconcile", "batch.yml"],
        &["move", "batch.yml", "--endpoint", "http://127.0.0.1:1"],
    ] {
        let refused = call(command);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains("was made for batch.yaml"), "{refused}");
    }
    let status = call(&["status", "batch.yml"]);
    let whose = "made for batch.yaml, which is another manifest";
    assert!(status.code == 5 && status.err.contains(whose), "{status}");
}
