//! `--pilot`: a few pairs are made to the end before the rest is paid for.

use std::fs;

use callsheet_mock::{MockApi, Scenario, Span, Work};

use crate::confirming::answered;
use crate::sheet::{Sheet, fake};
use crate::stops::until;

const PILOT: [&str; 2] = ["--pilot", "3"];

fn batch() -> (MockApi, Sheet) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(10, api.url(), "");
    (api, sheet)
}

fn saved(sheet: &Sheet) -> Vec<String> {
    let rows = sheet.rows().into_iter().filter(|(_, row)| row["state"] == "saved");
    rows.map(|(id, _)| id).collect()
}

#[test]
fn a_pilot_is_made_to_the_end_and_says_what_the_rest_comes_to() {
    let (api, sheet) = batch();
    let run = sheet.run_whole(&PILOT);
    assert_eq!((run.code, api.book().creates_read), (4, 3), "{run}");
    assert_eq!(saved(&sheet), ["pair-1", "pair-5", "pair-8"], "spread over the list");
    assert!(
        run.err.contains("pilot of 3 pairs, 3 saved; look at:\n  batch.run/videos/pair-1.mp4\n")
    );
    let rest = run.err.lines().find(|line| line.starts_with("the rest, 7 pairs, takes about "));
    assert!(rest.unwrap().contains(", about 7 credits, if it is like the pilot"), "{run}");
    let on = "hint: to go on with the rest: callsheet run batch.yaml --poll-interval 100ms\n";
    assert!(run.err.contains(on), "{run}");
    // The same command again makes no others, also for a program.
    let again = sheet.run_whole(&[&PILOT[..], &["--json"]].concat());
    assert_eq!((again.code, api.book().creates_read), (4, 3), "{again}");
    let pilot = &again.json()["pilot"];
    assert_eq!((pilot["rest"].as_u64(), pilot["credits"].as_f64()), (Some(7), Some(7.0)));
    // A larger one is the same and some more.
    let more = sheet.run_whole(&["--pilot", "4"]);
    assert_eq!((more.code, api.book().creates_read), (4, 4), "{more}");
    let all = sheet.run_whole(&[]);
    assert_eq!((all.code, api.book().creates_read), (0, 10), "{all}");
    let none = sheet.run_whole(&PILOT);
    assert_eq!((none.code, api.book().creates_read), (0, 10), "{none}");
}

#[test]
fn a_person_goes_on_or_does_not() {
    let (api, sheet) = batch();
    let no = answered(&sheet.whole(&PILOT), "n\n");
    assert_eq!((no.code, api.book().creates_read), (4, 3), "{no}");
    assert!(no.out.contains("Go on with the other 7 pairs? [y/N]"), "{no}");
    let yes = answered(&sheet.whole(&PILOT), "y\n");
    assert_eq!((yes.code, api.book().creates_read), (0, 10), "{yes}");
    assert_eq!(saved(&sheet).len(), 10);
}

#[test]
fn a_pilot_is_of_what_was_chosen() {
    let (api, sheet) = batch();
    let run = sheet.run_whole(&["--pilot", "2", "--only", "pair-1,pair-2,pair-3,pair-4"]);
    assert_eq!((run.code, api.book().creates_read), (4, 2), "{run}");
    assert_eq!(saved(&sheet), ["pair-2", "pair-4"]);
    assert!(run.err.contains("the rest, 2 pairs, takes about "), "{run}");
    let ids = sheet.run_folder().join("pilot.json");
    fs::write(&ids, "{").unwrap();
    let damaged = sheet.run_whole(&PILOT);
    assert_eq!((damaged.code, api.book().creates_read), (1, 2), "{damaged}");
    let created = sheet.run(&PILOT);
    assert_eq!(created.code, 2, "{created}");
}

/// However a pilot ended, its pairs are the same next time.
#[test]
fn a_pilot_that_is_cut_off_goes_on_with_its_pairs() {
    let work = Work::Elapsed(Span::secs(600));
    let api = fake(Scenario { work, ..Scenario::default() });
    let sheet = Sheet::pairs(10, api.url(), "");
    let mut run = sheet.start_whole(&PILOT);
    let log = sheet.run_folder().join("events.jsonl");
    let told = || fs::read_to_string(&log).unwrap_or_default().matches("\"accepted\"").count();
    // Killed before, it would leave doubts, and nothing to wait for.
    until("it was told of all its tasks", || told() == 3);
    run.kill().unwrap();
    run.wait();
    let again = sheet.run_whole(&[&PILOT[..], &["--wait-for", "1s"]].concat());
    let paid = api.book().entries.len();
    assert_eq!((paid, again.code), (3, 4), "{again}");
    assert!(!again.err.contains("to go on with the rest"), "it is not at its end: {again}");
}
