//! A list that the ledger has listed is not read again, as long as nothing of it can be sent.

use std::fs;

use callsheet_mock::Scenario;

use crate::sheet::{KEY, Said, Sheet, fake};

const NOT_READ: &str = "are not read again";

fn run(sheet: &Sheet, options: &[&str]) -> Said {
    let options: Vec<_> = ["-v"].iter().chain(options).copied().collect();
    sheet.run(&options)
}

/// Three pairs that were created, two of them in a table.
fn created(endpoint: &str) -> Sheet {
    let yaml = format!(
        "version: 1\nendpoint: {endpoint}\npairs_from: more.csv\npairs:\n  - {{id: first, image: \
         'https://example.com/0.jpg', audio: 'https://example.com/0.mp3'}}\n"
    );
    let sheet = Sheet::new(&yaml);
    table(&sheet, 2);
    let first = run(&sheet, &[]);
    assert_eq!(first.code, 0, "{first}");
    assert!(!first.err.contains(NOT_READ), "{first}");
    sheet
}

fn table(sheet: &Sheet, rows: usize) {
    let row = |n| format!("row-{n},https://example.com/{n}.jpg,https://example.com/{n}.mp3\n");
    let rows: String = (1..=rows).map(row).collect();
    fs::write(sheet.folder().join("more.csv"), format!("id,image,audio\n{rows}")).unwrap();
}

#[test]
fn the_same_command_again_reads_no_pair_and_leaves_the_csv() {
    let api = fake(Scenario::default());
    let sheet = created(api.url());
    let csv = sheet.run_folder().join("tasks.csv");
    let (before, identity) = (fs::read(&csv).unwrap(), identity(&csv));
    for _ in 0..2 {
        let again = run(&sheet, &[]);
        assert_eq!(again.code, 0, "{again}");
        assert!(again.err.contains(&format!("its 3 pairs {NOT_READ}")), "{again}");
        assert!(again.err.contains("batch.yaml: 3 pairs for"), "{again}");
        assert!(again.out.contains("3 created"), "{again}");
        assert_eq!((fs::read(&csv).unwrap(), self::identity(&csv)), (before.clone(), identity));
    }
    fs::remove_file(&csv).unwrap();
    assert_eq!(run(&sheet, &[]).code, 0);
    assert_eq!(fs::read(&csv).unwrap(), before, "it comes back");
    assert_eq!(api.book().entries.len(), 3);
}

#[cfg(unix)]
fn identity(file: &std::path::Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(file).unwrap())
}

#[cfg(not(unix))]
fn identity(_: &std::path::Path) -> u64 {
    0
}

#[test]
fn what_changes_in_any_of_its_files_is_seen() {
    let api = fake(Scenario::default());
    let sheet = created(api.url());
    table(&sheet, 3);
    let more = run(&sheet, &[]);
    assert!(!more.err.contains(NOT_READ), "{more}");
    assert_eq!((more.code, api.book().entries.len()), (0, 4), "{more}");
    table(&sheet, 2);
    let less = run(&sheet, &[]);
    assert!(!less.err.contains(NOT_READ) && less.err.contains(": 3 pairs for"), "{less}");
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, text.replace("audio: '", "audio: 7, was: '")).unwrap();
    let wrong = run(&sheet, &[]);
    assert_eq!(wrong.code, 2, "{wrong}");
    assert_eq!(api.book().entries.len(), 4);
}

#[test]
fn pairs_that_may_be_sent_are_read() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    let some = run(&sheet, &["--limit", "2"]);
    assert_eq!(some.code, 4, "{some}");
    let rest = run(&sheet, &[]);
    assert!(!rest.err.contains(NOT_READ), "{rest}");
    assert_eq!((rest.code, api.book().entries.len()), (0, 3), "{rest}");
    let done = run(&sheet, &[]);
    assert!(done.err.contains(NOT_READ), "{done}");
}

#[test]
fn their_videos_are_fetched_without_them() {
    let api = fake(Scenario::default());
    let sheet = created(api.url());
    let options = ["--poll-interval", "100ms", "--allow-http", "-v"];
    let mut command = sheet.command("run", &options);
    let fetched = crate::child::said(command.env("CALLSHEET_API_KEY", KEY));
    assert_eq!(fetched.code, 0, "{fetched}");
    assert!(fetched.err.contains(NOT_READ), "{fetched}");
    let rows = sheet.rows();
    assert!(rows.values().all(|row| row["state"] == "saved"), "{rows:?}");
}
