//! The key that a batch was created with, and runs that cannot pay.

use std::fs;

use callsheet_mock::{Account, MockApi, Scenario, Work};
use futures::executor::block_on;

use crate::child::said;
use crate::confirming::answered;
use crate::sheet::{KEY, Said, Sheet};

const OTHER: &str = "sk-test-another-0c5e83b1d7f24a69";

fn two_accounts() -> (MockApi, Sheet) {
    let keys = vec![Account::new(KEY), Account::new(OTHER)];
    let scenario = Scenario { keys, work: Work::AtOnce, ..Scenario::default() };
    let api = block_on(MockApi::start(scenario)).unwrap();
    let sheet = Sheet::pairs(3, api.url(), "");
    (api, sheet)
}

fn run_with(sheet: &Sheet, key: &str, options: &[&str]) -> Said {
    said(sheet.run_command(options).env("CALLSHEET_API_KEY", key))
}

#[test]
fn another_key_is_told_before_any_create_and_confirmed_once() {
    let (api, sheet) = two_accounts();
    assert_eq!(run_with(&sheet, KEY, &["--limit", "1"]).code, 4);
    let refused = run_with(&sheet, OTHER, &[]);
    assert_eq!((refused.code, api.book().creates_read), (2, 1), "{refused}");
    assert!(refused.err.contains("not the API key that this batch was created with"), "{refused}");
    assert!(refused.err.contains("--other-key"), "{refused}");
    // It is known from then on, and so is the first one still.
    assert_eq!(run_with(&sheet, OTHER, &["--other-key", "--limit", "1"]).code, 4);
    assert_eq!(run_with(&sheet, OTHER, &["--limit", "0"]).code, 4);
    assert_eq!(run_with(&sheet, KEY, &[]).code, 0);
    assert_eq!(api.book().creates_read, 3);
    for entry in fs::read_dir(sheet.run_folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        for key in [KEY, OTHER] {
            let shown = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!shown, "{} has the key", path.display());
        }
    }
}

#[test]
fn on_a_terminal_it_is_asked_for() {
    let (api, sheet) = two_accounts();
    assert_eq!(run_with(&sheet, OTHER, &["--limit", "1"]).code, 4);
    let no = answered(&sheet.run_command(&[]), "n\n");
    assert_eq!((no.code, api.book().creates_read), (2, 1), "{no}");
    let yes = answered(&sheet.run_command(&[]), "y\n");
    assert_eq!((yes.code, api.book().creates_read), (0, 3), "{yes}");
}

#[test]
fn a_key_that_made_nothing_is_not_remembered() {
    let (_api, sheet) = two_accounts();
    assert_eq!(run_with(&sheet, "sk-mistyped-0123456789", &[]).code, 7);
    assert_eq!(run_with(&sheet, KEY, &[]).code, 0);
}

#[test]
fn a_run_that_creates_nothing_waits_and_fetches() {
    let (api, sheet) = two_accounts();
    assert_eq!(run_with(&sheet, KEY, &["--limit", "2"]).code, 4);
    let run = sheet.run_whole(&["--no-create"]);
    assert_eq!((run.code, api.book().creates_read), (4, 2), "{run}");
    assert_eq!((sheet.states()["saved"], sheet.states()["planned"]), (2, 1));
    // Another account's key is only warned of: nothing can be paid with it.
    let other = said(sheet.whole(&["--no-create"]).env("CALLSHEET_API_KEY", OTHER));
    assert_eq!((other.code, api.book().creates_read), (4, 2), "{other}");
    assert!(other.err.contains("is it the same account's?"), "{other}");
    assert_eq!(run_with(&sheet, OTHER, &[]).code, 2, "which is no confirmation");
}
