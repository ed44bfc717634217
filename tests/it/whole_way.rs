//! Killed anywhere between manifest and videos: the same command goes on, nothing is paid for
//! twice, and every file is whole.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::{Fault, Latency, On, Rule, Scenario, Span, Work};

use crate::sheet::{Sheet, fake, side_by_side};
use crate::stops::until;
use crate::studio::VIDEO;

fn lively() -> Scenario {
    Scenario {
        latency: Latency::Uniform(Span::millis(5), Span::millis(60)),
        work: Work::Polls(2),
        faults: vec![
            Rule::new(Fault::Status502).on(On::Poll).share(0.2),
            Rule::new(Fault::Truncated).on(On::Media).share(0.3),
            Rule::new(Fault::Drip).on(On::Media).share(0.3),
        ],
        ..Scenario::default()
    }
}

/// What is on disk is what the ledger says, and what was paid for is what is there.
fn compare(sheet: &Sheet, api: &callsheet_mock::MockApi) {
    assert!(api.book().duplicates().is_empty(), "paid twice");
    let folder = sheet.run_folder().join("videos");
    let rows = sheet.rows();
    for entry in fs::read_dir(&folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let id = name.strip_suffix(".mp4").unwrap_or_else(|| panic!("{name} was left"));
        assert_eq!(rows[id]["state"], "saved", "{name}");
    }
    for (id, row) in rows.iter().filter(|(_, row)| row["state"] != "in_doubt") {
        assert_eq!(row["state"], "saved", "{id}");
        assert_eq!(fs::read(folder.join(format!("{id}.mp4"))).unwrap(), VIDEO, "{id}");
        assert!(api.book().entries.iter().any(|entry| *entry.task.to_string() == row["task_id"]));
    }
}

#[test]
fn killed_at_any_moment_the_same_command_goes_on() {
    side_by_side(0..3_u64, |round| {
        let api = fake(lively());
        let sheet = Sheet::pairs(10, api.url(), "concurrency: 3");
        for kill in 0..6 {
            let mut run = sheet.start_whole(&[]);
            // Other moments in each round: from the first create to the last download.
            sleep(Duration::from_millis(40 + (round * 97 + kill * 331) % 1700));
            run.kill().unwrap();
            run.wait();
        }
        let said = sheet.run_whole(&[]);
        assert!([0, 5].contains(&said.code), "{said}");
        compare(&sheet, &api);
    });
}

#[test]
fn a_file_that_was_whole_when_the_run_died_is_not_fetched_again() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(1, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    // As a kill between the move and its record leaves it.
    fs::create_dir(sheet.run_folder().join("videos")).unwrap();
    fs::write(sheet.run_folder().join("videos/pair-0.mp4"), VIDEO).unwrap();
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let downloads = api.journal().into_iter().filter(|seen| seen.target.starts_with("/output/"));
    assert_eq!(downloads.count(), 1, "only its length was asked for");
    compare(&sheet, &api);
}

#[test]
fn a_signal_while_waiting_ends_the_run_at_once_and_the_same_command_continues() {
    let api = fake(Scenario { work: Work::Polls(100_000), ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "");
    let run = sheet.start_whole(&[]);
    until("a poll", || api.journal().iter().any(|seen| seen.target.starts_with("/v1/tasks")));
    crate::stops::signal(&run, "-INT");
    let said = run.said();
    assert_eq!(said.code, 4, "{said}");
    assert_eq!(sheet.states()["created"], 2);
}
