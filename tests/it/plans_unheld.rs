//! A plan of pairs that are not held says, byte for byte, what one of the same pairs says that are.

use std::fs;

use callsheet_mock::{Fault, MockApi, Rule, Scenario};

use crate::plans::every_state;
use crate::sheet::{Said, Sheet, fake};

const LISTED: &str = "pairs are not compared again";
const STREAMED: &str = "pairs are read one at a time rather than held";

/// Where the pairs of a plan are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Held,
    Listed,
    Streamed,
}

fn place(said: &Said) -> Place {
    match (said.err.contains(LISTED), said.err.contains(STREAMED)) {
        (true, _) => Place::Listed,
        (_, true) => Place::Streamed,
        (false, false) => Place::Held,
    }
}

/// The plan as people, programs and a run with `--plan` read it, but for the digest of the manifest.
fn plan(sheet: &Sheet) -> (Place, [String; 3]) {
    let text = sheet.call("plan", &["-v"]);
    let json = sheet.call("plan", &["-v", "--json"]);
    let save = sheet.call("plan", &["-v", "--save", "a.plan"]);
    assert_eq!([text.code, json.code, save.code], [0; 3], "{text}\n{json}\n{save}");
    let file = sheet.folder().join("a.plan");
    let saved = fs::read_to_string(&file).unwrap();
    fs::remove_file(file).unwrap();
    let digest = |line: &&str| !line.contains("\"manifest\": \"") || line.contains("batch.yaml");
    let saved = saved.lines().filter(digest).collect();
    assert_eq!([place(&json), place(&save)], [place(&text); 2], "{text}\n{json}\n{save}");
    (place(&text), [text.out, json.out, saved])
}

fn append(sheet: &Sheet, more: &str) {
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, text + more).unwrap();
}

/// The same pairs in a file that is too long to be held, and no other than before to the eye.
fn lengthen(sheet: &Sheet) {
    append(sheet, &"# nothing\n".repeat(120_000));
}

/// Of five pairs, one was refused, one is in doubt, one has a task, and two are planned.
fn listed() -> (MockApi, Sheet) {
    let rule = |fault, pair: &str| Rule::new(fault).matching(format!("*/{pair}.mp3*"));
    let faults = vec![rule(Fault::Status422, "0"), rule(Fault::Status502AfterAccept, "1")];
    let api = fake(Scenario { faults, ..Scenario::default() });
    let settings = "concurrency: 1\nprice: {per: second, amount: 0.16, turbo: 2}";
    let sheet = Sheet::pairs(5, api.url(), settings);
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, text.replace("{id: pair-3,", "{id: pair-3, tags: [a, b],")).unwrap();
    let said = sheet.run(&["--limit", "3", "--yes"]);
    assert_eq!(said.code, 5, "{said}");
    (api, sheet)
}

#[test]
fn what_the_ledger_has_listed_is_planned_as_if_it_were_held() {
    let (_api, sheet) = listed();
    let (place, listed) = plan(&sheet);
    assert_eq!(place, Place::Listed);
    for count in ["2  to create", "1  waiting", "1  in doubt", "1  rejected"] {
        assert!(listed[0].contains(count), "{count}: {}", listed[0]);
    }
    append(&sheet, "# another file, with the same pairs\n");
    let (place, held) = plan(&sheet);
    assert_eq!(place, Place::Held);
    assert_eq!(listed, held);
    lengthen(&sheet);
    let (place, streamed) = plan(&sheet);
    assert_eq!(place, Place::Streamed);
    assert_eq!(streamed, held);
}

#[test]
fn what_is_compared_pair_by_pair_is_planned_as_if_it_were_held() {
    let (_api, _speeches, sheet) = every_state();
    append(&sheet, "# measured recordings, a changed pair, one that is gone, and a budget\n");
    let (place, held) = plan(&sheet);
    assert_eq!(place, Place::Held);
    assert!(held[0].contains("changed since they were sent"), "{}", held[0]);
    assert!(held[0].contains("no longer in the manifest"), "{}", held[0]);
    lengthen(&sheet);
    let (place, streamed) = plan(&sheet);
    assert_eq!(place, Place::Streamed);
    assert_eq!(streamed, held);
}

#[test]
fn a_first_plan_of_a_table_is_the_one_that_a_run_keeps_to() {
    let api = fake(Scenario::default());
    let row = |n: usize| format!("row-{n},https://example.com/{n}.jpg,https://example.com/a.mp3\n");
    let rows: String = (0..3).map(row).collect();
    let sheet = Sheet::named("batch.csv", format!("id,image,audio\n{rows}").as_bytes());
    let endpoint = ["--endpoint", api.url()];
    let said = sheet.call("plan", &[&endpoint[..], &["-v", "--save", "a.plan"]].concat());
    assert_eq!((said.code, place(&said)), (0, Place::Streamed), "{said}");
    let run = sheet.run(&[&endpoint[..], &["--plan", "a.plan"]].concat());
    assert_eq!((run.code, api.book().entries.len()), (0, 3), "{run}");
    let said = sheet.call("plan", &[&endpoint[..], &["-v"]].concat());
    assert_eq!((said.code, place(&said)), (0, Place::Listed), "{said}");
    let said = sheet.run(&[&endpoint[..], &["--plan", "a.plan"]].concat());
    assert_eq!(said.code, 2, "the batch has moved on: {said}");
}

/// What has to be compared with other pairs is, however long the list.
#[test]
fn names_links_and_folders_nearby_have_the_pairs_held() {
    let (_api, sheet) = listed();
    let good = fs::read_to_string(&sheet.manifest).unwrap();
    let bad = |from: &str, to: &str, why: &str, code: i32| {
        fs::write(&sheet.manifest, good.replace(from, to)).unwrap();
        let short = sheet.call("plan", &["-v"]);
        lengthen(&sheet);
        let long = sheet.call("plan", &["-v"]);
        assert_eq!([place(&short), place(&long)], [Place::Held; 2], "{short}\n{long}");
        assert!((short.out.clone() + &short.err).contains(why), "{why}: {short}");
        assert_eq!((short.code, long.code, short.out), (code, code, long.out), "{why}");
    };
    bad("pair-2", "other", "with another id than before", 0);
    bad("4.mp3", "4.flac", "it ends in .flac", 2);
    let inside = b"image,audio\nhttps://10.0.0.7/a.jpg,https://example.com/a.mp3\n";
    let said = Sheet::named("inside.csv", inside).call("plan", &["-v"]);
    assert_eq!((said.code, place(&said)), (2, Place::Held), "{said}");
    assert!(said.err.contains("inside a private network"), "{said}");
    fs::write(&sheet.manifest, &good).unwrap();
    let said = sheet.call("plan", &["-v", "--out", "elsewhere.run"]);
    assert_eq!((said.code, place(&said)), (0, Place::Held), "{said}");
    lengthen(&sheet);
    let said = sheet.call("plan", &["-v", "--out", "elsewhere.run"]);
    assert_eq!((said.code, place(&said)), (0, Place::Held), "{said}");
    assert!(said.out.contains("batch.run"), "{said}");
}
