//! A list that the ledger has listed is not read again, as long as nothing of it has to be compared; and
//! one that is too long to be held is read twice.

use std::fs;

use callsheet_mock::{Fault, Rule, Scenario};

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
fn the_same_command_again_reads_no_pair() {
    let api = fake(Scenario::default());
    let sheet = created(api.url());
    let csv = sheet.run_folder().join("tasks.csv");
    let before = fs::read(&csv).unwrap();
    for _ in 0..2 {
        let again = run(&sheet, &[]);
        assert_eq!(again.code, 0, "{again}");
        assert!(again.err.contains(&format!("its 3 pairs {NOT_READ}")), "{again}");
        assert!(again.err.contains("batch.yaml: 3 pairs for"), "{again}");
        assert!(again.out.contains("3 created"), "{again}");
        assert_eq!(fs::read(&csv).unwrap(), before);
    }
    fs::remove_file(&csv).unwrap();
    assert_eq!(run(&sheet, &[]).code, 0);
    assert_eq!(fs::read(&csv).unwrap(), before, "it comes back");
    assert_eq!(api.book().entries.len(), 3);
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
fn what_is_planned_is_sent_from_the_ledger() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(run(&sheet, &["--limit", "2"]).code, 4);
    let rest = run(&sheet, &[]);
    assert!(rest.err.contains(NOT_READ), "{rest}");
    assert_eq!((rest.code, api.book().entries.len()), (0, 3), "{rest}");
    assert_eq!(api.book().duplicates().len(), 0);
}

#[test]
fn what_has_to_be_compared_with_pairs_has_them_read() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(run(&sheet, &["--limit", "1"]).code, 4);
    // A copy of the batch may have paid.
    let copy = sheet.folder().join("copy.yaml");
    fs::copy(&sheet.manifest, &copy).unwrap();
    let mut command = crate::sheet::program();
    command.current_dir(sheet.folder()).args(["run", "copy.yaml", "--until", "created"]);
    command.args(["--limit", "1", "--leave-out-paid"]).env("CALLSHEET_API_KEY", KEY);
    let other = crate::child::said(&mut command);
    assert_eq!(other.code, 4, "{other}");
    let refused = run(&sheet, &[]);
    assert!(!refused.err.contains(NOT_READ), "{refused}");
    assert_eq!(refused.code, 2, "one of them was paid for there: {refused}");
    fs::remove_dir_all(sheet.folder().join("copy.run")).unwrap();
    // Links that cannot work are told from the manifest.
    let budget = fs::read_to_string(&sheet.manifest).unwrap() + "budget: 100s\n";
    fs::write(&sheet.manifest, budget).unwrap();
    let bounded = run(&sheet, &[]);
    assert!(!bounded.err.contains(NOT_READ), "recordings have to be measured: {bounded}");
    assert_eq!(api.book().entries.len(), 2);
}

/// What is in doubt or was refused stays so, unless somebody says otherwise.
#[test]
fn pairs_that_nothing_is_to_be_sent_of_have_no_list_read() {
    let faults = [(Fault::ResetAfterAccept, "pair-0"), (Fault::Status422, "pair-1")];
    let rule = |(fault, pair): (Fault, &str)| Rule::new(fault).matching(pair.replace("pair-", "/"));
    let api = fake(Scenario { faults: faults.map(rule).into(), ..Scenario::default() });
    let sheet = Sheet::pairs(4, api.url(), "concurrency: 1");
    let first = run(&sheet, &["--limit", "3"]);
    let states = |sheet: &Sheet| {
        let rows = sheet.rows();
        ["pair-0", "pair-1", "pair-2", "pair-3"].map(|id| rows[id]["state"].clone())
    };
    assert_eq!(states(&sheet), ["in_doubt", "rejected", "created", "planned"], "{first}");
    let sent = api.book().entries.len();
    let rest = run(&sheet, &[]);
    assert!(rest.err.contains(NOT_READ), "{rest}");
    assert_eq!(states(&sheet), ["in_doubt", "rejected", "created", "created"], "{rest}");
    assert_eq!((rest.code, api.book().entries.len()), (5, sent + 1), "{rest}");
    let asked = run(&sheet, &["--retry-rejected"]);
    assert!(!asked.err.contains(NOT_READ), "a person's word: {asked}");
}

/// Rows that take as much room as some thousand others.
#[test]
fn a_list_that_is_too_long_to_be_held_is_listed_and_continued() {
    let api = fake(Scenario::default());
    let yaml = format!("version: 1\nendpoint: {}\npairs_from: long.jsonl\n", api.url());
    let sheet = Sheet::new(&yaml);
    let room = " ".repeat(4_000);
    let row = |n: usize| {
        let [image, audio] = ["jpg", "mp3"].map(|kind| format!("https://example.com/{n}.{kind}"));
        format!("{{\"id\": \"row-{n}\",{room}\"image\": \"{image}\", \"audio\": \"{audio}\"}}\n")
    };
    let rows: String = (0..300).map(row).collect();
    let table = sheet.folder().join("long.jsonl");
    fs::write(&table, &rows).unwrap();
    let some = run(&sheet, &["--limit", "100", "--yes"]);
    assert_eq!(some.code, 4, "{some}");
    assert!(some.err.contains("300 pairs are read twice rather than held"), "{some}");
    let mut killed = sheet.start(&["--yes"]);
    while api.book().entries.len() < 150 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    killed.kill().unwrap();
    killed.wait();
    let rest = run(&sheet, &["--yes"]);
    assert!(!rest.err.contains("read twice"), "the ledger has it: {rest}");
    let book = api.book();
    assert_eq!(book.duplicates().len(), 0, "nothing is paid twice");
    let rows = sheet.rows();
    let doubts = rows.values().filter(|row| row["state"] == "in_doubt").count();
    assert_eq!(rows.len(), 300);
    assert!(book.entries.len() >= 300 - doubts && doubts <= 8, "{doubts} in doubt, {rest}");
}

#[test]
fn what_is_wrong_in_the_last_row_of_a_long_list_is_said() {
    let room = " ".repeat(4_000);
    let row = |n: usize, image: &str, audio: &str| {
        format!("{{\"id\": \"row-{n}\",{room}\"image\": \"{image}\", \"audio\": \"{audio}\"}}\n")
    };
    let [image, audio] = ["https://example.com/a.jpg", "https://example.com/a.mp3"];
    let good: String = (0..300).map(|n| row(n, &format!("{image}?n={n}"), audio)).collect();
    for (last, said) in [
        (row(300, "https://example.com/a.heic", audio), "heic"),
        (row(300, image, "a word"), "row-300"),
    ] {
        let sheet = Sheet::named("long.jsonl", (good.clone() + &last).as_bytes());
        let refused = run(&sheet, &["--endpoint", "http://127.0.0.1:9", "--allow-http", "--yes"]);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains(said), "{refused}");
        assert!(!refused.err.contains("read twice"), "{refused}");
    }
}

#[test]
fn what_else_decides_which_pairs_are_made_is_part_of_what_was_listed() {
    let api = fake(Scenario::default());
    let pairs = "pairs:\n  - {id: a, image: 'http://example.com/0.jpg', audio: 'https://example.com/0.mp3'}\n  \
        - {id: b, image: 'https://example.com/1.jpg', audio: 'https://example.com/1.mp3'}\n";
    let sheet =
        Sheet::new(&format!("version: 1\nendpoint: {}\nconcurrency: 1\n{pairs}", api.url()));
    let first = run(&sheet, &["--allow-http", "--limit", "1"]);
    assert_eq!(first.code, 4, "{first}");
    let refused = run(&sheet, &[]);
    assert_eq!(refused.code, 2, "plain http is not taken without a word: {refused}");
    assert_eq!(api.book().entries.len(), 1);
    let rest = run(&sheet, &["--allow-http"]);
    assert!(rest.err.contains(NOT_READ), "{rest}");
    assert_eq!((rest.code, api.book().entries.len()), (0, 2), "{rest}");
}
