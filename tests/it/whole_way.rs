//! Killed anywhere between manifest and videos: the same command goes on, nothing is paid for
//! twice, and every file is whole.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::{Fault, Latency, MockApi, On, Rule, Scenario, Span, Work};

use crate::money::ends_within;
use crate::sheet::{Sheet, fake, side_by_side};
use crate::stops::until;
use crate::studio::is_whole;

fn lively() -> Scenario {
    Scenario {
        latency: Latency::Uniform(Span::millis(5), Span::millis(150)),
        work: Work::Polls(2),
        faults: vec![
            Rule::new(Fault::Status502).on(On::Poll).share(0.2),
            Rule::new(Fault::Truncated).on(On::Media).share(0.3),
            Rule::new(Fault::Drip).on(On::Media).share(0.3),
        ],
        journal: 10_000,
        ..Scenario::default()
    }
}

/// What is on disk is what the ledger says, and what was paid for is what is there.
fn compare(sheet: &Sheet, api: &MockApi) {
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
        assert!(is_whole(&fs::read(folder.join(format!("{id}.mp4"))).unwrap()), "{id}");
        assert!(api.book().entries.iter().any(|entry| *entry.task.to_string() == row["task_id"]));
    }
}

/// What a run that was killed again and again came to.
#[derive(Debug, Default)]
struct Account {
    kills: Vec<u64>,
    /// How many of them struck after which last event.
    after: BTreeMap<String, usize>,
    in_doubt: usize,
}

/// Kills the run at random moments until one comes to its end.
fn ordeal(sheet: &Sheet, seed: u64) -> Account {
    let (mut random, mut account) = (fastrand::Rng::with_seed(seed), Account::default());
    while account.kills.len() < 60 {
        let mut run = sheet.start_whole(&["-q"]);
        // Longer and longer, for machines on which a whole run takes its time.
        let longest = 900 + 30 * account.kills.len() as u64;
        let patience = Duration::from_millis(50 + random.u64(0..longest));
        if let Some(code) = ends_within(&mut run, patience) {
            assert!([0, 5].contains(&code), "{}", run.said());
            account.in_doubt = sheet.states().get("in_doubt").copied().unwrap_or(0);
            return account;
        }
        let last = events(sheet).pop().unwrap_or_default();
        let last = last["event"].as_str().unwrap_or("nothing").to_owned();
        *account.after.entry(last).or_default() += 1;
        // What the dead process had sent is read by now.
        sleep(Duration::from_millis(20));
        account.kills.push(millis(jiff::Timestamp::now()));
    }
    unreachable!("no end after 60 kills: {account:?}");
}

fn events(sheet: &Sheet) -> Vec<serde_json::Value> {
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap_or_default();
    // A kill may leave half a line at the end.
    events.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn millis(time: jiff::Timestamp) -> u64 {
    u64::try_from(time.as_millisecond()).unwrap()
}

/// When each pair was saved, by the event log: every transition is in it once, whatever was killed.
fn saved(sheet: &Sheet) -> BTreeMap<String, u64> {
    let numbers: Vec<_> = events(sheet).iter().filter_map(|event| event["n"].as_u64()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "an event is missing");
    let mut times = BTreeMap::new();
    for event in events(sheet).iter().filter(|event| event["event"] == "saved") {
        let at = millis(event["at"].as_str().unwrap().parse().unwrap());
        let before = times.insert(event["id"].as_str().unwrap().to_owned(), at);
        assert_eq!(before, None, "saved twice: {event}");
    }
    times
}

/// Only what a dead run had not recorded is fetched again: never a saved video, and never a whole
/// one by the same run. Gives how many downloads there were, and how many of a whole video.
fn none_is_fetched_twice(sheet: &Sheet, api: &MockApi, kills: &[u64]) -> (usize, usize) {
    let downloads: Vec<_> =
        api.journal().into_iter().filter(|seen| seen.target.starts_with("/output/")).collect();
    let (mut whole, saved) = (0, saved(sheet));
    for (id, row) in sheet.rows().iter().filter(|(_, row)| row["state"] == "saved") {
        let video = format!("/output/{}-", row["task_id"]);
        let of_video = downloads.iter().filter(|seen| seen.target.starts_with(&video));
        let last = of_video.clone().map(|seen| seen.unix_millis).max();
        assert!(last.is_some() && last <= saved.get(id).copied(), "{id}: fetched again");
        let all = of_video.filter(|seen| {
            seen.answer.is_some_and(|answer| answer.delivered && answer.status == Some(200))
        });
        let all: Vec<_> = all.map(|seen| seen.unix_millis).collect();
        for twice in all.windows(2) {
            let died = kills.iter().any(|kill| (twice[0]..=twice[1]).contains(kill));
            assert!(died, "{id}: one run fetched it twice, at {twice:?}, kills {kills:?}");
        }
        whole += all.len();
    }
    (downloads.len(), whole)
}

#[test]
fn killed_at_any_moment_the_same_command_goes_on() {
    let after = Mutex::new(BTreeMap::<String, usize>::new());
    side_by_side(0..4_u64, |seed| {
        let api = fake(Scenario { seed, ..lively() });
        let sheet = Sheet::pairs(40, api.url(), "concurrency: 3");
        let account = ordeal(&sheet, seed);
        compare(&sheet, &api);
        let (downloads, whole) = none_is_fetched_twice(&sheet, &api, &account.kills);
        let saved = 40 - account.in_doubt;
        println!(
            "40 pairs: {} kills, {saved} saved, {} in doubt, {downloads} downloads, {whole} whole",
            account.kills.len(),
            account.in_doubt
        );
        for (event, kills) in account.after {
            *after.lock().unwrap().entry(event).or_default() += kills;
        }
    });
    let after = after.into_inner().unwrap();
    println!("kills by the last event before them: {after:?}");
    assert!(after.values().sum::<usize>() >= 20, "{after:?}");
    for stage in [["intended", "accepted"].as_slice(), &["completed"], &["saved"]] {
        let struck = stage.iter().any(|event| after.contains_key(*event));
        assert!(struck, "no kill struck after {stage:?}: {after:?}");
    }
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
