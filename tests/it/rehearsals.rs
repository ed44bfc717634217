//! "See what a bad day costs before you have one": each shipped scenario ends as its documentation
//! says, and what the user is left with agrees with the fake's book.

use std::collections::BTreeSet;

use callsheet_mock::Scenario;

use crate::sheet::{Sheet, fake};

/// Scenario, pairs, exit code, and the states that the pairs end in. Faults are drawn by request
/// with a fixed seed, so rare ones need more pairs to be drawn at all.
const DAYS: &[(&str, usize, i32, &[&str])] = &[
    ("calm", 20, 0, &["created"]),
    ("busy", 40, 0, &["created"]),
    ("lossy", 40, 5, &["created", "in_doubt"]),
    ("broke", 20, 7, &["created", "planned"]),
    ("hostile", 120, 5, &["created", "in_doubt", "rejected"]),
];

#[test]
fn every_shipped_scenario_has_a_day_here() {
    let names: BTreeSet<_> = DAYS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, Scenario::NAMES.iter().copied().collect());
}

#[test]
fn each_day_ends_as_documented_and_the_book_agrees_with_the_csv() {
    std::thread::scope(|scope| {
        for (name, pairs, code, states) in DAYS {
            scope.spawn(move || one_day(name, *pairs, *code, states));
        }
    });
}

fn one_day(name: &str, pairs: usize, code: i32, states: &[&str]) {
    let api = fake(Scenario::named(name).unwrap());
    let sheet = Sheet::pairs(pairs, api.url(), "concurrency: 8");
    // Days that lose many answers may also look like an outage; that is no day's end here.
    let mut left = true;
    for _ in 0..5 {
        let said = sheet.run(&["--max-doubts", "1000"]);
        assert_eq!(said.code, code, "{name}: {said}");
        left = sheet.states().contains_key("planned");
        if !left || code != 5 {
            break;
        }
    }
    assert!(code == 7 || !left, "{name}: pairs are left");
    assert_eq!(sheet.states().keys().map(String::as_str).collect::<Vec<_>>(), states, "{name}");
    let (book, rows) = (api.book(), sheet.rows());
    assert!(book.duplicates().is_empty(), "{name}: paid twice");
    let booked: BTreeSet<_> = book.tasks().map(ToString::to_string).collect();
    for row in rows.values().filter(|row| row["state"] == "created") {
        assert!(booked.contains(&row["task_id"]), "{name}: {row:?}");
    }
    for entry in &book.entries {
        let image = entry.request_json()["image_url"].as_str().unwrap().to_owned();
        let row = rows.values().find(|row| row["image_url"] == image).unwrap();
        match row["state"].as_str() {
            "created" => assert_eq!(row["task_id"], entry.task.to_string(), "{name}"),
            state => assert_eq!(state, "in_doubt", "{name}: a booked task is lost: {row:?}"),
        }
    }
}

#[test]
fn the_same_days_inside_the_program() {
    for (name, pairs, code, _) in DAYS {
        let sheet = Sheet::pairs(*pairs, "https://api.foxapi.cc", "concurrency: 8");
        let said = sheet.call("run", &["--until", "created", &format!("--mock={name}")]);
        assert_eq!(said.code, *code, "{name}: {said}");
        assert!(!sheet.run_folder().exists());
    }
    let said = Sheet::pairs(1, "https://api.foxapi.cc", "").call("run", &["--mock=sunny"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("lossy"), "names the ones there are: {said}");
}
