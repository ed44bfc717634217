//! `tasks.csv` is left alone where nothing changed, and written again where it is not what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callsheet_mock::{MockApi, Scenario};

use crate::child::said;
use crate::sheet::{Sheet, fake};

fn csv(sheet: &Sheet) -> PathBuf {
    sheet.run_folder().join("tasks.csv")
}

/// By what a file that was written again is told from the same before.
#[cfg(unix)]
fn identity(path: &Path) -> (u64, std::time::SystemTime) {
    use std::os::unix::fs::MetadataExt;
    let metadata = fs::metadata(path).unwrap();
    (metadata.ino(), metadata.modified().unwrap())
}

/// A batch of which three pairs are created, and the fourth is not in the manifest yet.
fn batch() -> (MockApi, Sheet) {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run(&["-q"]).code, 0);
    (api, sheet)
}

fn rewrite(sheet: &Sheet, change: impl FnOnce(&str) -> String) {
    let manifest = sheet.folder().join("batch.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, change(&text)).unwrap();
}

#[cfg(unix)]
#[test]
fn a_run_that_changes_nothing_leaves_the_table_as_it_is() {
    let (api, sheet) = batch();
    let before = identity(&csv(&sheet));
    for _ in 0..2 {
        let again = sheet.run(&["--json"]);
        assert_eq!(again.code, 0, "{again}");
        assert_eq!(again.json()["states"]["created"], 3, "{again}");
        assert_eq!(identity(&csv(&sheet)), before, "it was written again");
    }
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_ne!(identity(&csv(&sheet)), before, "who asks for it gets it anew");
    let reported = identity(&csv(&sheet));
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert_eq!(identity(&csv(&sheet)), reported, "which has the same bytes");
    assert_eq!(api.book().entries.len(), 3);
}

/// Whatever somebody may have done to it.
#[test]
fn a_table_that_is_not_what_was_written_is_written_again() {
    let (_api, sheet) = batch();
    let (path, right) = (csv(&sheet), fs::read(csv(&sheet)).unwrap());
    let older = right.split_inclusive(|byte| *byte == b'\n').take(2).collect::<Vec<_>>().concat();
    let mut edited = right.clone();
    *edited.last_mut().unwrap() = b'x';
    let longer = [&right[..], b"pair-9,created\r\n"].concat();
    for bytes in [&edited[..], &right[..right.len() - 1], &longer, &older, b""] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(sheet.run(&["-q"]).code, 0);
        assert!(fs::read(&path).unwrap() == right, "after one of {} bytes", bytes.len());
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert!(fs::read(&path).unwrap() == right, "after none");
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert!(fs::read(&path).unwrap() == right, "by report");
}

/// The state of a folder that was copied is in the folder, whatever the dates of its files are.
#[cfg(unix)]
#[test]
fn a_copied_run_folder_has_its_table_looked_at_in_the_copy() {
    let (_api, sheet) = batch();
    let right = fs::read(csv(&sheet)).unwrap();
    let copied = || {
        let copy = tempfile::tempdir().unwrap();
        let done = Command::new("cp").arg("-r").arg(sheet.run_folder()).arg(copy.path()).status();
        assert!(done.unwrap().success());
        (copy.path().join("batch.run"), copy)
    };
    let (folder, _copy) = copied();
    let before = identity(&folder.join("tasks.csv"));
    let run = |out: &Path| said(sheet.run_command(&["-q", "--out"]).arg(out));
    assert_eq!(run(&folder).code, 0);
    assert_eq!(identity(&folder.join("tasks.csv")), before);

    let (folder, _copy) = copied();
    let swapped = String::from_utf8(right.clone()).unwrap().replace("pair-1", "pair-7");
    fs::write(folder.join("tasks.csv"), swapped).unwrap();
    assert_eq!(run(&folder).code, 0);
    assert!(fs::read(folder.join("tasks.csv")).unwrap() == right);
}

/// What only the manifest changed is a change, too: nothing was sent for it.
#[test]
fn a_list_in_another_order_or_without_a_pair_is_in_the_table() {
    let (api, sheet) = batch();
    let order = || -> Vec<String> {
        let rows = fs::read_to_string(csv(&sheet)).unwrap();
        rows.lines().skip(1).map(|row| row.split(',').next().unwrap().to_owned()).collect()
    };
    assert_eq!(order(), ["pair-0", "pair-1", "pair-2"]);
    rewrite(&sheet, |text| {
        let (head, pairs) = text.split_once("pairs:\n").unwrap();
        let turned: String = pairs.split_inclusive('\n').rev().collect();
        format!("{head}pairs:\n{turned}")
    });
    assert_eq!(sheet.run(&["-q"]).code, 0);
    assert_eq!(order(), ["pair-2", "pair-1", "pair-0"]);
    rewrite(&sheet, |text| {
        text.lines()
            .filter(|line| !line.contains("pair-2"))
            .fold(String::new(), |text, line| text + line + "\n")
    });
    let run = sheet.run(&["--json"]);
    assert_eq!((run.code, &run.json()["states"]["created"]), (0, &2.into()), "{run}");
    assert_eq!(order(), ["pair-1", "pair-0", "pair-2"], "paid for, and no longer listed");
    let status = sheet.call("status", &["--json"]);
    assert_eq!(status.json()["states"]["created"], 2, "{status}");
    assert_eq!(api.book().entries.len(), 3);
}
