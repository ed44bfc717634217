//! What a plan shows, and that a run that is told to do just that does it, or nothing.

use std::fs;
use std::path::Path;

use callsheet::catalog::Catalog;
use callsheet::fitness::{Content, Facts, Look};
use callsheet::pair::Role;
use callsheet_mock::{Failure, FailureCode, Fault, MockApi, Rule, Scenario, Work};

use crate::sheet::{Said, Sheet, fake};
use crate::speeches::{Speeches, booked, measure};

const SETTINGS: &str = "concurrency: 1\nprice_per_second: 0.16\nbudget: 3.50";
const MILLIS: [u64; 9] = [1_000, 2_001, 3_000, 4_000, 5_000, 2_500, 1_200, 6_001, 0];

/// The pair 3 fails, 4 is refused, 2 and 5 lose their answers.
fn trouble() -> MockApi {
    let rule = |fault, pair: &str| Rule::new(fault).matching(format!("*/{pair}.wav*"));
    let failures = vec![Failure {
        code: FailureCode::ServiceError,
        share: None,
        matching: Some("*/3.wav*".to_owned()),
    }];
    let faults = vec![
        rule(Fault::Status422, "4"),
        rule(Fault::Status502AfterAccept, "2"),
        rule(Fault::Status502AfterAccept, "5"),
    ];
    fake(Scenario { faults, failures, work: Work::AtOnce, ..Scenario::default() })
}

/// The manifest without these pairs.
fn without(yaml: &str, ids: &[&str]) -> String {
    let named = |line: &str| ids.iter().any(|id| line.contains(&format!("{{id: {id},")));
    yaml.lines().filter(|line| !named(line)).map(|line| format!("{line}\n")).collect()
}

/// A batch with a pair in every state.
pub(crate) fn every_state() -> (MockApi, Speeches, Sheet) {
    let (api, speeches) = (trouble(), Speeches::start());
    let free = without(&speeches.manifest(api.url(), SETTINGS, &MILLIS), &[]);
    let yaml = free.replace("\nbudget: 3.50", "");
    let sheet = Sheet::new(&yaml);
    measure(&sheet);
    fs::write(&sheet.manifest, without(&yaml, &["p1", "p7", "p8"])).unwrap();
    assert_eq!(sheet.run_whole(&[]).code, 5);
    assert_eq!(sheet.call("resolve", &["p5", "--abandon"]).code, 5);
    fs::write(&sheet.manifest, without(&yaml, &["p7", "p8"])).unwrap();
    assert_eq!(sheet.run(&[]).code, 5);
    let last = without(&free, &["p6"]).replace("number 0", "number nought");
    fs::write(&sheet.manifest, last).unwrap();
    (api, speeches, sheet)
}

fn within_80_columns(said: &Said) {
    for line in said.out.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn a_plan_has_a_row_for_every_state() {
    let (_api, _speeches, sheet) = every_state();
    let said = sheet.call("plan", &[]);
    within_80_columns(&said);
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[PORT]");
    settings.add_filter(r"takes about \d.*", "takes about [TIME]");
    settings.add_filter(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)", "[TIME]");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!("plan_of_every_state", said));
    let plan = sheet.call("plan", &["--json"]).json();
    let pair = |n: usize| &plan["pairs"][n];
    assert_eq!(pair(0)["step"], "done");
    assert_eq!((&pair(1)["step"], &pair(1)["seconds"]), (&"wait".into(), &2.001.into()));
    assert_eq!((&pair(1)["billed_seconds"], &pair(1)["cost"]), (&3.into(), &0.48.into()));
    let last = pair(7);
    assert_eq!(
        (&last["id"], &last["step"], &last["cost"]),
        (&"p8".into(), &"create".into(), &None::<()>.into())
    );
    let create = &plan["plan"]["create"];
    assert_eq!((&create["billed_seconds"], &create["unmeasured"]), (&7.into(), &1.into()));
    assert_eq!(
        (&plan["plan"]["changed"], &plan["plan"]["no_longer_listed"]),
        (&1.into(), &1.into())
    );
    // 1 + 3 + 3 + 4 + 3 + 2 seconds; the refused pair costs nothing.
    assert_eq!((&plan["budget"]["spent"], &plan["budget"]["of"]), (&2.56.into(), &3.5.into()));
}

/// As if a recording had been looked at.
fn look(folder: &Path, url: &str, millis: u64) {
    fs::create_dir_all(folder).unwrap();
    let kind = "WAV".to_owned();
    let millis = Some(millis);
    let content = Content::Sound { kind, millis, claimed: millis, silent: Some(false), cut: false };
    let facts = Facts { bytes: 9, sha256: "00".repeat(32), content };
    Catalog::open(folder).put(url, Role::Audio, None, &Look::here(Ok(facts)));
}

#[test]
fn large_sums_stay_within_80_columns() {
    let speech = "https://example.com/speech.mp3";
    let prices = "price_per_second: 999999999.999\nbudget: 999999999.999";
    let mut yaml = format!("version: 1\n{prices}\npairs:\n");
    for n in 0..100_000 {
        yaml.push_str(&format!(
            "  - {{id: p{n}, image: 'https://e.com/{n}.jpg', audio: '{speech}'}}\n"
        ));
    }
    yaml.push_str(
        "  - {id: unknown, image: 'https://e.com/a.jpg', audio: 'https://e.com/b.mp3'}\n",
    );
    let sheet = Sheet::new(&yaml);
    look(&sheet.run_folder(), speech, 35_999_999);
    let said = sheet.call("plan", &[]);
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains(
            "100001  to create    3599999900.0 s+  3600000000 s+  18446744073709.551615+\n"
        ),
        "{said}"
    );
    within_80_columns(&said);
}

/// A measured batch of three pairs, and its plan in `a.plan`.
fn saved() -> (MockApi, Speeches, Sheet) {
    let (api, speeches) = (fake(Scenario::default()), Speeches::start());
    let settings = "price_per_second: 0.16";
    let sheet = speeches.batch(api.url(), settings, &[1_000, 2_000, 3_000]);
    measure(&sheet);
    let said = sheet.call("plan", &["--save", "a.plan"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.out.ends_with("saved: callsheet run batch.yaml --plan a.plan\n"), "{said}");
    (api, speeches, sheet)
}

#[test]
fn a_run_does_just_what_a_saved_plan_says_and_once() {
    let (api, _speeches, sheet) = saved();
    assert_eq!(sheet.run(&["--plan", "a.plan"]).code, 0);
    assert_eq!(booked(&api.book()), 6);
    let said = sheet.run(&["--plan", "a.plan"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(
        said.err.contains("since this plan was made, where the batch stands changed"),
        "{said}"
    );
    let other = sheet.run(&["--plan", "a.plan", "--retry-failed"]);
    assert_eq!(other.code, 2, "that would be more than what the plan says");
}

#[test]
fn what_the_plan_counts_as_rejected_is_not_looked_at_again() {
    let (api, speeches) = (fake(Scenario::default()), Speeches::start());
    let yaml = speeches.manifest(api.url(), "", &[1_000]).replace("/speech/", "/late/speech/");
    let sheet = Sheet::new(&yaml);
    assert_eq!(sheet.run(&["--probe"]).code, 3, "there is nothing in it yet");
    // Of what was never seen no plan can say that it changed.
    fs::remove_file(sheet.run_folder().join("media.sqlite")).unwrap();
    assert_eq!(sheet.call("plan", &["--save", "a.plan"]).code, 0);
    speeches.change();
    assert_eq!(sheet.run(&["--probe", "--plan", "a.plan"]).code, 3);
    assert_eq!(api.book().creates_read, 0, "the plan says that nothing is created");
    assert_eq!(sheet.run(&["--probe"]).code, 0, "without a plan it is");
}

/// The plan is refused for this reason, and nothing is sent.
fn refused(why: &str, moves: impl FnOnce(&MockApi, &Speeches, &Sheet) -> Vec<String>) {
    let (api, speeches, sheet) = saved();
    let options = moves(&api, &speeches, &sheet);
    let creates = api.book().creates_read;
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    let said = sheet.run(&[&["--plan", "a.plan"], &options[..]].concat());
    assert_eq!(said.code, 2, "{why}: {said}");
    let expected = format!("error: a.plan: since this plan was made, {why} changed\n");
    assert!(said.err.contains(&expected), "{why}: {said}");
    assert_eq!(api.book().creates_read, creates, "{why}");
}

fn edit(sheet: &Sheet, edit: impl FnOnce(String) -> String) -> Vec<String> {
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, edit(yaml)).unwrap();
    Vec::new()
}

#[test]
fn a_plan_is_refused_when_anything_moved() {
    refused("the manifest", |_, _, sheet| edit(sheet, |yaml| yaml + "# a comment\n"));
    refused("the manifest, the price", |_, _, sheet| {
        edit(sheet, |yaml| yaml.replace("0.16", "0.17"))
    });
    refused("the media", |_, speeches, _| {
        speeches.change();
        Vec::new()
    });
    refused("where the batch stands", |_, _, sheet| {
        assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
        Vec::new()
    });
    let other = fake(Scenario::default());
    refused("the endpoint", |_, _, _| vec!["--endpoint".to_owned(), other.url().to_owned()]);
    assert_eq!(other.book().creates_read, 0);
}

#[test]
fn a_plan_never_takes_the_place_of_a_file() {
    let (_api, _speeches, sheet) = saved();
    let before = fs::read(sheet.folder().join("a.plan")).unwrap();
    for name in ["a.plan", "batch.yaml", "batch.run"] {
        let said = sheet.call("plan", &["--save", name]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains("a plan never overwrites: choose another name"), "{said}");
    }
    assert_eq!(fs::read(sheet.folder().join("a.plan")).unwrap(), before);
    let said = sheet.call("plan", &["--save", "nowhere/a.plan"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(!said.err.contains("overwrites"), "{said}");
}

#[test]
fn what_is_no_saved_plan_is_told_plainly() {
    let (api, _speeches, sheet) = saved();
    let good = fs::read_to_string(sheet.folder().join("a.plan")).unwrap();
    let newer = good.replace("\"version\": 1", "\"version\": 2");
    assert_ne!(newer, good);
    let half = &good[..good.len() / 2];
    let texts =
        ["", "[]", "3", "\"a\"", "{}", "null", r#"{"basis": {}}"#, "\u{0}\u{1b}", half, &newer];
    for text in texts {
        fs::write(sheet.folder().join("b.plan"), text).unwrap();
        let said = sheet.run(&["--plan", "b.plan"]);
        assert_eq!(said.code, 2, "{text:?}: {said}");
        assert!(said.err.contains("error: b.plan: not a saved plan: "), "{text:?}: {said}");
        assert!(said.err.contains("hint: `callsheet plan MANIFEST --save FILE` writes one"));
    }
    for path in ["missing.plan", "batch.run"] {
        let said = sheet.run(&["--plan", path]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains(path), "{said}");
    }
    assert_eq!(api.book().creates_read, 0);
}
