//! Another take of a pair, on purpose: it is paid once, and the video before it stays.

use std::fs;
use std::path::PathBuf;

use callsheet_mock::{Failure, FailureCode, MockApi, Scenario, Work};
use rusqlite::Connection;

use crate::bucket_videos;
use crate::child::said;
use crate::confirming::{answered, unasked};
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::studio::is_whole;

fn at_once() -> Scenario {
    Scenario { work: Work::AtOnce, ..Scenario::default() }
}

/// So many pairs whose videos are saved.
fn saved(pairs: usize, settings: &str) -> (MockApi, Sheet) {
    let api = fake(at_once());
    let sheet = Sheet::pairs(pairs, api.url(), settings);
    let run = sheet.run_whole(&["-q"]);
    assert_eq!(run.code, 0, "{run}");
    (api, sheet)
}

fn redo(sheet: &Sheet, options: &[&str]) -> Said {
    sheet.call("redo", options)
}

fn video(sheet: &Sheet, name: &str) -> PathBuf {
    sheet.run_folder().join("videos").join(name)
}

/// Has every task fail from now on, or none.
fn fails(api: &MockApi, fails: bool) {
    let failure =
        Failure { code: FailureCode::ContentPolicyViolation, share: None, matching: None };
    let failures = if fails { vec![failure] } else { Vec::new() };
    api.set_scenario(Scenario { failures, ..(*api.scenario()).clone() });
}

fn creates(api: &MockApi) -> usize {
    api.book().entries.len()
}

#[test]
fn another_take_is_paid_once_and_the_video_before_it_keeps_a_name() {
    let (api, sheet) = saved(2, "price_per_second: 0.16\nmax_audio: 5s");
    let first = fs::read(video(&sheet, "pair-0.mp4")).unwrap();
    let task = sheet.rows()["pair-0"]["task_id"].clone();
    let prompt = "She nods, once";
    let said = redo(&sheet, &["pair-0", "--prompt", prompt, "--why", "too stiff"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("1 pair to be made again, each paid for as a new one"), "{said}");
    assert!(said.out.contains("take 2 of pair-0 to be created with the prompt"), "{said}");
    assert!(said.err.contains("callsheet run batch.yaml --only pair-0"), "{said}");
    assert_eq!(creates(&api), 2, "nothing is sent before the next run");
    for verb in ["status", "plan"] {
        let told = sheet.call(verb, &[]);
        assert!(told.out.contains("1 take asked for and not sent yet: pair-0 (take 2"), "{told}");
        assert!(told.out.contains(": too stiff; prompt \"She nods, once\")"), "{told}");
        assert!(!told.out.contains("changed"), "{told}");
    }
    let row = &sheet.rows()["pair-0"];
    assert_eq!((&*row["state"], &*row["take"], &*row["review"]), ("planned", "2", ""));
    let run = sheet.run_whole(&[]);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(api.book().creates_read, 3);
    let sent = api.book().entries.last().unwrap().request_json();
    assert_eq!(sent["prompt"], prompt);
    assert_eq!(sent["image_url"], "https://example.com/0.jpg?sig=q0");
    let row = &sheet.rows()["pair-0"];
    assert_eq!((&*row["state"], &*row["take"]), ("saved", "2"));
    assert_ne!(row["task_id"], task);
    assert_eq!(sheet.rows()["pair-1"]["take"], "1");
    assert_eq!(fs::read(video(&sheet, "pair-0~take1.mp4")).unwrap(), first);
    let second = fs::read(video(&sheet, "pair-0.mp4")).unwrap();
    assert!(is_whole(&second) && second != first);
    let events = sheet.call("events", &["--id", "pair-0"]);
    assert!(events.out.contains("take 2 asked for by a person"), "{events}");
    // Nothing more is due, and nothing more is paid.
    let again = sheet.run_whole(&[]);
    assert_eq!((again.code, creates(&api)), (0, 3), "{again}");
    assert_eq!(fs::read_dir(sheet.run_folder().join("videos")).unwrap().count(), 3);
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let sent = api.book().entries.last().unwrap().request_json();
    assert!(sent.get("prompt").is_none(), "the manifest has none: {sent}");
    assert_eq!(fs::read(video(&sheet, "pair-0~take2.mp4")).unwrap(), second);
    assert_eq!(fs::read(video(&sheet, "pair-0~take1.mp4")).unwrap(), first);
}

#[test]
fn a_take_that_comes_to_nothing_leaves_the_saved_one_as_it_is() {
    let (api, sheet) = saved(1, "");
    let (first, row) = (fs::read(video(&sheet, "pair-0.mp4")).unwrap(), sheet.rows());
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    fails(&api, true);
    let run = sheet.run_whole(&[]);
    assert_eq!(run.code, 3, "{run}");
    assert!(run.err.contains("take 2 came to nothing, so this is take 1: failed"), "{run}");
    let now = &sheet.rows()["pair-0"];
    for same in ["state", "task_id", "video_path", "take", "created_at"] {
        assert_eq!(now[same], row["pair-0"][same], "{same}");
    }
    assert_eq!(now["error_code"], "take_failed");
    assert_eq!(fs::read(video(&sheet, "pair-0.mp4")).unwrap(), first);
    // Whatever else is asked for, nothing of it is sent again.
    for options in [&["--retry-failed"][..], &["--retry-rejected"], &["--pay-again"], &[]] {
        let run = sheet.run_whole(options);
        assert_eq!((run.code, creates(&api)), (3, 2), "{run}");
    }
    fails(&api, false);
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    let run = sheet.run_whole(&[]);
    assert_eq!(run.code, 0, "{run}");
    let now = &sheet.rows()["pair-0"];
    assert_eq!((&*now["take"], &*now["error_code"]), ("3", ""));
    assert_eq!(fs::read(video(&sheet, "pair-0~take1.mp4")).unwrap(), first);
    let known = "SELECT count(*) FROM (SELECT task_id FROM standings WHERE task_id IS NOT NULL
        UNION SELECT task_id FROM former_tasks)";
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let known: usize = ledger.query_row(known, (), |row| row.get(0)).unwrap();
    assert_eq!((known, creates(&api)), (3, 3), "every task that was ever given is known");
}

#[test]
fn only_what_is_finished_is_made_again_and_only_if_somebody_says_so() {
    let (api, sheet) = saved(2, "price_per_second: 0.5");
    let events = sheet.run_folder().join("events.jsonl");
    let before = fs::read(&events).unwrap();
    let refused = |said: Said, exit: i32, why: &str| {
        assert_eq!(said.code, exit, "{said}");
        assert!(said.err.contains(why), "{why}: {said}");
        assert_eq!(fs::read(&events).unwrap(), before, "{said}");
    };
    let unasked = |options: &[&str]| said(&mut unasked(sheet.command("redo", options)));
    refused(unasked(&["pair-0"]), 2, "nothing was changed");
    refused(unasked(&["pair-0"]), 2, "--yes");
    refused(redo(&sheet, &["pair-7"]), 2, "no pair matches 'pair-7'");
    refused(redo(&sheet, &["tag:spring"]), 2, "no pair has tags");
    refused(redo(&sheet, &["pair-0", "--prompt", " "]), 2, "--prompt is empty");
    let manifest = sheet.folder().join("batch.yaml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("price_per_second: 0.5", "budget: 2s\nmax_audio: 3s"))
        .unwrap();
    refused(redo(&sheet, &["pair-0"]), 8, "pair-0: ");
    fs::write(&manifest, &text).unwrap();
    assert_eq!(redo(&sheet, &["pair-*"]).code, 0);
    let planned = redo(&sheet, &["pair-0"]);
    assert_eq!(planned.code, 2, "{planned}");
    assert!(planned.err.contains("pair-0 is planned: another take is of a pair"), "{planned}");
    assert_eq!(creates(&api), 2);
}

#[test]
fn on_a_terminal_the_price_is_shown_and_only_yes_goes_on() {
    let (_api, sheet) = saved(1, "");
    for (answer, state) in [("n\n", "saved"), ("\n", "saved"), ("y\n", "planned")] {
        let said = answered(&sheet.command("redo", &["pair-0"]), answer);
        assert_eq!(said.code, if state == "saved" { 2 } else { 0 }, "{said}");
        assert!(said.out.contains("1 pair to be made again, each paid for as a new one"), "{said}");
        assert_eq!(sheet.rows()["pair-0"]["state"], state, "{said}");
    }
}

/// The test of the money: a batch in which every kind of end was reached, and all that may be asked of a
/// run but for the words that name such pairs.
#[test]
fn nothing_but_a_word_for_it_sends_a_finished_pair_again() {
    let (api, sheet) = saved(3, "");
    fails(&api, true);
    let manifest = sheet.folder().join("batch.yaml");
    let more = fs::read_to_string(&manifest).unwrap()
        + "  - {id: failed, image: 'https://example.com/f.jpg', audio: 'https://example.com/f.mp3'}\n";
    fs::write(&manifest, &more).unwrap();
    assert_eq!(sheet.run_whole(&["-q"]).code, 3);
    assert_eq!(redo(&sheet, &["pair-1", "failed"]).code, 0);
    assert_eq!(sheet.run_whole(&["-q"]).code, 3);
    let sent = creates(&api);
    assert_eq!(sent, 6);
    // What it asks for changes, and so does its place.
    fs::write(&manifest, more.replace(".mp3'", ".mp3?day=2'")).unwrap();
    fails(&api, false);
    for options in [&[][..], &["--yes"], &["--pay-again"], &["--keep-going"], &["--only", "pair-*"]]
    {
        let run = sheet.run_whole(options);
        assert_eq!(run.code, 3, "{run}");
    }
    for verb in ["status", "plan", "report", "check"] {
        sheet.call(verb, &[]);
    }
    let mut resolve = sheet.command("resolve", &["pair-0", "--resend"]);
    assert_eq!(said(resolve.env("CALLSHEET_API_KEY", KEY)).code, 2);
    assert_eq!(creates(&api), sent);
    assert_eq!(sheet.run_whole(&["--retry-failed=failed", "--tries", "9"]).code, 3);
    assert_eq!(creates(&api), sent + 1);
}

#[test]
fn a_file_that_is_nobodys_video_is_never_overwritten() {
    let (api, sheet) = saved(1, "");
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    // In the place of the earlier take's second name.
    fs::write(video(&sheet, "Pair-0~TAKE1.mp4"), "diary").unwrap();
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, creates(&api)), (2, 1), "{run}");
    assert!(run.err.contains("pair-0~take1.mp4 was not made by this batch"), "{run}");
    fs::remove_file(video(&sheet, "Pair-0~TAKE1.mp4")).unwrap();
    // The video itself was edited since.
    let before = fs::read(video(&sheet, "pair-0.mp4")).unwrap();
    let mut edited = before.clone();
    *edited.last_mut().unwrap() ^= 1;
    fs::write(video(&sheet, "pair-0.mp4"), &edited).unwrap();
    let run = sheet.run_whole(&[]);
    assert_eq!(run.code, 3, "{run}");
    assert!(run.err.contains("file_in_the_way"), "{run}");
    assert_eq!(fs::read(video(&sheet, "pair-0.mp4")).unwrap(), edited);
    fs::rename(video(&sheet, "pair-0.mp4"), sheet.folder().join("mine.mp4")).unwrap();
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, creates(&api)), (0, 2), "{run}");
    assert!(is_whole(&fs::read(video(&sheet, "pair-0.mp4")).unwrap()));
    assert!(!video(&sheet, "pair-0~take1.mp4").exists(), "it is gone");
}

#[test]
fn what_is_paid_nearby_is_no_matter_for_a_take_on_purpose() {
    let (api, sheet) = saved(1, "");
    let copy = sheet.folder().join("copy.yaml");
    fs::copy(sheet.folder().join("batch.yaml"), &copy).unwrap();
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    let mut run = unasked(sheet.whole(&[]));
    // The copy's own first take is what was paid here.
    let mut other = unasked(sheet.whole(&[]));
    other = {
        let mut command = std::process::Command::new(other.get_program());
        command.current_dir(sheet.folder()).args(["run", "copy.yaml"]);
        command.env("CALLSHEET_API_KEY", KEY).env_remove("CALLSHEET_YES");
        command
    };
    let refused = said(&mut other);
    assert_eq!((refused.code, creates(&api)), (2, 1), "{refused}");
    let run = said(&mut run);
    assert_eq!((run.code, creates(&api)), (0, 2), "{run}");
}

#[test]
fn a_ledger_that_was_put_back_takes_up_a_take_that_was_sent_since() {
    let (api, sheet) = saved(1, "");
    let ledger = sheet.run_folder().join("ledger.sqlite");
    let before = fs::read(&ledger).unwrap();
    let first = sheet.rows()["pair-0"]["task_id"].clone();
    assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
    assert_eq!(sheet.run(&["-q"]).code, 0);
    let second = sheet.rows()["pair-0"]["task_id"].clone();
    fs::write(&ledger, before).unwrap();
    let refused = sheet.run_whole(&[]);
    assert_eq!(creates(&api), 2, "{refused}");
    let mut restored = sheet.command("resolve", &["--ledger-restored"]);
    let restored = said(restored.env("CALLSHEET_API_KEY", KEY));
    assert_eq!(restored.code, 0, "{restored}");
    let row = &sheet.rows()["pair-0"];
    assert_eq!((&*row["state"], &*row["take"], &row["task_id"]), ("created", "2", &second));
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, creates(&api)), (0, 2), "{run}");
    assert!(video(&sheet, "pair-0~take1.mp4").exists());
    let ledger = Connection::open(&ledger).unwrap();
    let former = "SELECT task_id FROM former_tasks";
    let former: String = ledger.query_row(former, (), |row| row.get(0)).unwrap();
    assert_eq!(former, first);
}

/// An object cannot be moved: the one before keeps its key.
#[test]
fn in_a_bucket_a_take_has_a_key_of_its_own() {
    let (api, storage) = (fake(at_once()), bucket_videos::well());
    let sheet = Sheet::pairs(1, api.url(), bucket_videos::VIDEOS);
    let run = |what: &str| {
        let run = bucket_videos::run(&sheet, &storage, &[]);
        assert_eq!(run.code, 0, "{what}: {run}");
    };
    let keys = || storage.shelves().objects.keys().cloned().collect::<Vec<_>>();
    run("the first take");
    let first = storage.shelves().objects["spring/pair-0.mp4"].bytes.clone();
    for (take, key) in [(2, "spring/pair-0~take2.mp4"), (3, "spring/pair-0~take3.mp4")] {
        assert_eq!(redo(&sheet, &["pair-0"]).code, 0);
        run(key);
        assert!(keys().contains(&key.to_owned()), "{:?}", keys());
        let row = &sheet.rows()["pair-0"];
        assert_eq!(row["video_path"], format!("s3://films/{key}"), "take {take}");
        run("nothing is left to do");
    }
    assert_eq!((keys().len(), creates(&api)), (3, 3));
    assert!(storage.shelves().objects["spring/pair-0.mp4"].bytes == first);
    // What is gone is fetched again, to where it was.
    storage.shelves().objects.remove("spring/pair-0~take3.mp4");
    run("it is gone");
    assert_eq!((keys().len(), creates(&api)), (3, 3));
}
