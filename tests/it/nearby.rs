//! Copied, renamed and linked manifests: what was paid for beside them is not paid for again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callsheet_mock::{Fault, MockApi, Rule, Scenario, Work};

use crate::child::said;
use crate::confirming::answered;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, program};

/// A batch of which one pair is in doubt and the others have tasks.
fn paid() -> (MockApi, Sheet) {
    let faults = vec![Rule::new(Fault::Status502AfterAccept).matching("*/1.jpg*")];
    let api = fake(Scenario { faults, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "concurrency: 1");
    let run = sheet.run(&["--limit", "3"]);
    assert_eq!(run.code, 5, "{run}");
    assert_eq!(api.book().entries.len(), 3);
    (api, sheet)
}

/// Another manifest beside it: the same with `edit`, and one pair more.
fn copy(sheet: &Sheet, name: &str, edit: impl Fn(String) -> String) -> PathBuf {
    let yaml = edit(fs::read_to_string(&sheet.manifest).unwrap());
    let more =
        "  - {id: more, image: 'https://example.com/m.jpg', audio: 'https://example.com/m.mp3'}\n";
    let path = sheet.folder().join(name);
    fs::write(&path, yaml + more).unwrap();
    path
}

/// The run folder of a manifest.
fn folder(manifest: &Path) -> PathBuf {
    manifest.with_extension("run")
}

fn command(manifest: &Path, options: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(manifest.parent().unwrap()).arg("run").arg(manifest.file_name().unwrap());
    command.args(["--until", "created"]).args(options).env("CALLSHEET_API_KEY", KEY);
    command
}

fn run(manifest: &Path, options: &[&str]) -> Said {
    said(&mut command(manifest, options))
}

fn plan(manifest: &Path) -> serde_json::Value {
    let mut command = program();
    command.current_dir(manifest.parent().unwrap());
    said(command.arg("plan").arg(manifest.file_name().unwrap()).arg("--json")).json()
}

#[test]
fn a_copy_does_not_pay_again_unless_somebody_says_so() {
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    let found = &plan(&summer)["nearby"][0];
    assert_eq!(found["run_folder"], "batch.run");
    let counts = ["in_doubt", "probably"].map(|name| found[name].as_u64().unwrap());
    assert_eq!((found["paid"]["pairs"].as_u64(), counts), (Some(3), [1, 0]));
    // `--yes`, which the tests give, is no word about this.
    let refused = run(&summer, &[]);
    assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
    let text = "3 of the 4 pairs to create were paid for already in batch.run";
    assert!(refused.err.contains(text) && refused.err.contains("1 in doubt there"), "{refused}");
    assert!(refused.err.contains("--leave-out-paid") && refused.err.contains("--pay-again"));
    let no = answered(&command(&summer, &[]), "n\n");
    assert_eq!((no.code, api.book().creates_read), (2, 3), "{no}");
    let left = run(&summer, &["--leave-out-paid"]);
    assert_eq!((left.code, api.book().creates_read), (4, 4), "{left}");
    assert!(left.out.contains("3 planned, 1 created"), "{left}");
    assert!(!left.err.contains("same command again"), "it would leave them out again: {left}");
    let yes = answered(&command(&summer, &["--limit", "1"]), "y\n");
    assert_eq!((yes.code, api.book().creates_read), (4, 5), "{yes}");
    // One of them is in doubt here, too, by now.
    assert_eq!(run(&summer, &["--pay-again"]).code, 5);
    assert_eq!(api.book().creates_read, 7);
}

#[test]
fn what_was_not_paid_for_or_belongs_elsewhere_is_not_found() {
    let (api, sheet) = paid();
    let other = fake(Scenario::default());
    let elsewhere = copy(&sheet, "other.yaml", |yaml| yaml.replace(api.url(), other.url()));
    assert_eq!(run(&elsewhere, &[]).code, 0);
    assert_eq!(other.book().creates_read, 4);
    let twins = copy(&sheet, "twins.yaml", |yaml| yaml.replace("{id:", "{take: 2, id:"));
    assert_eq!(plan(&twins)["nearby"], serde_json::json!([]), "another take is another pair");
    let asks = |yaml: String| yaml.replace(".mp3'", ".mp3', prompt: 'smiling'");
    let differs = copy(&sheet, "differs.yaml", asks);
    assert_eq!(plan(&differs)["nearby"], serde_json::json!([]));
    // A rehearsal looks nowhere, and is looked at by nobody.
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    assert_eq!(run(&summer, &["--mock"]).code, 0);
    fs::remove_dir_all(sheet.run_folder()).unwrap();
    assert_eq!(run(&summer, &["--limit", "1"]).code, 4);
}

#[test]
fn links_that_are_signed_anew_are_probably_the_same() {
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml.replace("?sig=", "?expires=9&sig=new"));
    let refused = run(&summer, &[]);
    assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
    assert!(refused.err.contains("3 only probably: their links are signed otherwise"), "{refused}");
    let bare = copy(&sheet, "bare.yaml", |yaml| {
        (0..3).fold(yaml, |yaml, n| yaml.replace(&format!("?sig=q{n}"), ""))
    });
    assert_eq!(plan(&bare)["nearby"][0]["probably"], 3);
    // Also under new ids in the batch itself.
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, yaml.replace("{id: pair", "{id: new").replace("sig=", "sig=x"))
        .unwrap();
    let refused = sheet.run(&[]);
    assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
    assert!(refused.err.contains("in batch.run"), "{refused}");
}

#[test]
fn a_service_that_was_renamed_is_one_under_both_names() {
    let (api, sheet) = paid();
    let new = api.url().replace("127.0.0.1", "localhost");
    let mut moved = sheet.command("move", &["--endpoint", &new]);
    assert_eq!(said(moved.env("CALLSHEET_API_KEY", KEY)).code, 0);
    for endpoint in [api.url(), &new] {
        let summer = copy(&sheet, "summer.yaml", |yaml| yaml.replace(api.url(), endpoint));
        let refused = run(&summer, &[]);
        assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
        fs::remove_dir_all(folder(&summer)).unwrap();
    }
}

#[test]
fn a_renamed_manifest_is_offered_its_old_folder() {
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    fs::remove_file(&sheet.manifest).unwrap();
    let refused = run(&summer, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("callsheet run summer.yaml --out batch.run"), "{refused}");
    let on = run(&summer, &["--out", "batch.run"]);
    assert_eq!((on.code, api.book().creates_read), (5, 4), "{on}");
    assert!(on.err.contains("made for batch.yaml, which is gone: taken for renamed"), "{on}");
    let again = run(&summer, &["--out", "batch.run"]);
    assert!(!again.err.contains("taken for renamed"), "{again}");
}

#[test]
#[cfg(unix)]
fn every_way_to_a_manifest_leads_to_one_ledger() {
    let (api, sheet) = paid();
    let place = sheet.folder();
    fs::create_dir_all(place.join("links/deep")).unwrap();
    let link = place.join("links/again.yaml");
    std::os::unix::fs::symlink("../batch.yaml", &link).unwrap();
    std::os::unix::fs::symlink(place, place.join("here")).unwrap();
    for way in [link.as_path(), &place.join("links/../batch.yaml"), &place.join("here/batch.yaml")]
    {
        let mut status = program();
        let said = said(status.current_dir(place.join("links/deep")).arg("status").arg(way));
        assert!(said.out.contains("2  created"), "{}: {said}", way.display());
        assert_eq!(run(way, &[]).code, 5, "{}", way.display());
    }
    assert_eq!(api.book().creates_read, 3);
    // The link came first, and its target later.
    let first = place.join("links/first.yaml");
    fs::create_dir_all(place.join("far")).unwrap();
    let yaml = fs::read_to_string(&sheet.manifest).unwrap().replace("jpg", "png");
    fs::write(place.join("far/real.yaml"), yaml).unwrap();
    std::os::unix::fs::symlink("../far/real.yaml", &first).unwrap();
    assert_eq!(run(&first, &[]).code, 0);
    assert_eq!(run(&place.join("far/real.yaml"), &[]).code, 0);
    assert_eq!(api.book().creates_read, 6);
}

#[test]
fn two_manifests_of_one_name_do_not_share_a_folder_unasked() {
    let (api, sheet) = paid();
    let other = copy(&sheet, "batch.yml", |yaml| yaml.replace("pair-", "other-"));
    let refused = run(&other, &[]);
    assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
    assert!(refused.err.contains("this run folder was made for batch.yaml"), "{refused}");
    let ways = ["run batch.yml --out batch.yml.run", "run batch.yml --out batch.run"];
    assert!(ways.iter().all(|way| refused.err.contains(way)), "{refused}");
    let on = run(&other, &["--out", "batch.run"]);
    assert_eq!((on.code, api.book().creates_read), (5, 4), "{on}");
    assert!(on.err.contains("3 pairs renamed"), "{on}");
    assert_eq!(sheet.run(&[]).code, 2, "it is the other's now");
}

#[test]
fn a_folder_that_cannot_be_looked_into_is_no_proof() {
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    fs::write(sheet.run_folder().join("ledger.sqlite"), "no ledger at all, but a text of a length")
        .unwrap();
    for option in [None, Some("--leave-out-paid")] {
        let refused = run(&summer, option.as_slice());
        assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
        assert!(refused.err.contains("batch.run: what was paid for there cannot be"), "{refused}");
        assert!(refused.err.contains("repair that folder or move it away"), "{refused}");
        assert!(!refused.err.contains("--leave-out-paid"), "that cannot help: {refused}");
    }
    assert_eq!(run(&summer, &["--pay-again"]).code, 5);
}

#[test]
fn pairs_in_any_script_are_left_out_too() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(3, api.url(), "");
    let ids = |yaml: String| {
        let named =
            yaml.replace("pair-0", "Ärger").replace("pair-1", "が").replace("pair-2", "STRASSE");
        named.replace("STRASSE", "straße")
    };
    assert_eq!(sheet.run(&[]).code, 0);
    let summer = copy(&sheet, "summer.yaml", ids);
    let left = run(&summer, &["--leave-out-paid"]);
    assert_eq!((left.code, api.book().creates_read), (4, 4), "{left}");
    assert!(left.err.contains("3 pairs left out"), "{left}");
    // The row under a new id in the batch itself is no pair that was left behind.
    fs::write(&sheet.manifest, ids(fs::read_to_string(&sheet.manifest).unwrap())).unwrap();
    let plan = &plan(&sheet.manifest)["plan"];
    assert_eq!((&plan["create"]["pairs"], &plan["no_longer_listed"]), (&0.into(), &0.into()));
    let renamed = sheet.run(&[]);
    assert_eq!((renamed.code, api.book().creates_read), (0, 4), "{renamed}");
}

#[test]
fn what_is_tried_again_is_looked_up_too() {
    let refuses = Rude::any(|_, c| {
        let no = r#"{"error":{"code":"invalid_request","message":"no"}}"#;
        answer(c, "400 Bad Request", "", no);
    });
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml.replace(api.url(), &refuses.url));
    assert_eq!(run(&summer, &[]).code, 3);
    let moved = ["move", "summer.yaml", "--unseen", "--endpoint", api.url()];
    let mut command = program();
    assert_eq!(said(command.current_dir(sheet.folder()).args(moved)).code, 0);
    let again = ["--endpoint", api.url(), "--retry-rejected"];
    let refused = run(&summer, &again);
    assert_eq!((refused.code, api.book().creates_read), (2, 3), "{refused}");
    assert!(refused.err.contains("3 of the 4 pairs to create were paid for already"), "{refused}");
    let left = run(&summer, &[&again[..], &["--leave-out-paid"]].concat());
    assert_eq!((left.code, api.book().creates_read), (3, 4), "{left}");
    assert!(left.out.contains("3 rejected"), "they stay where they were: {left}");
}

#[test]
fn what_a_run_is_about_to_send_counts_as_paid() {
    let server = Rude::any(|request, c| {
        let picture = request.split("https://example.com/").nth(1).unwrap_or_default();
        std::thread::sleep(std::time::Duration::from_millis(400));
        let task = format!(r#"{{"id":"task-{}"}}"#, picture.split('.').next().unwrap());
        answer(c, "200 OK", "", &task);
    });
    let sheet = Sheet::pairs(5, &server.url, "concurrency: 1");
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    let spring = sheet.start(&[]);
    while server.requests().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let left = run(&summer, &["--leave-out-paid"]);
    assert_eq!(left.code, 4, "{left}");
    assert!(left.err.contains("5 of the 6 pairs to create"), "{left}");
    assert!(left.err.contains("about to be sent by the run that is under way there"), "{left}");
    assert_eq!(spring.said().code, 0);
    assert_eq!(server.requests().len(), 6, "each once");
}

#[test]
fn a_renamed_manifest_is_offered_its_folder_as_often_as_that_is_forgotten() {
    let (api, sheet) = paid();
    let summer = copy(&sheet, "summer.yaml", |yaml| yaml);
    fs::remove_file(&sheet.manifest).unwrap();
    assert_eq!(run(&summer, &["--out", "batch.run", "--limit", "0"]).code, 5);
    let forgotten = run(&summer, &[]);
    assert_eq!((forgotten.code, api.book().creates_read), (2, 3), "{forgotten}");
    assert!(forgotten.err.contains("callsheet run summer.yaml --out batch.run"), "{forgotten}");
}

#[test]
fn a_token_that_names_the_file_is_no_signature() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    let one_path = |yaml: String| {
        let yaml = (0..2).fold(yaml, |yaml, n| {
            yaml.replace(&format!("/{n}.jpg?sig=q{n}"), &format!("/dl?token=jpg{n}"))
        });
        (0..2)
            .fold(yaml, |yaml, n| yaml.replace(&format!("/{n}.mp3"), &format!("/dl?token=mp3{n}")))
    };
    fs::write(&sheet.manifest, one_path(fs::read_to_string(&sheet.manifest).unwrap())).unwrap();
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    let others = copy(&sheet, "others.yaml", |yaml| yaml.replace("token=jpg", "token=other"));
    let run = run(&others, &[]);
    assert_eq!((run.code, api.book().creates_read), (0, 4), "{run}");
}

#[test]
fn a_database_of_another_program_is_no_batchs() {
    let (api, sheet) = paid();
    let other = sheet.folder().join("notes");
    fs::create_dir(&other).unwrap();
    let ledger = rusqlite::Connection::open(other.join("ledger.sqlite")).unwrap();
    ledger.execute_batch("CREATE TABLE accounts (id)").unwrap();
    let new = copy(&sheet, "new.yaml", |yaml| yaml.replace("example.com", "elsewhere.example"));
    let run = run(&new, &["--limit", "4"]);
    assert_eq!((run.code, api.book().creates_read), (5, 7), "{run}");
}
