//! Killed while files are uploaded and sent: nothing is paid for twice, and every create names what
//! the fake really has.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use callsheet_mock::{Latency, MockApi, Scenario, Span};

use crate::locals::{add, compare, recording, sheet, uploads};
use crate::money::ends_within;
use crate::sheet::{Sheet, fake};

/// Kills the run until one comes to its end: at random moments, and every other time within
/// milliseconds of an upload. Gives how many kills there were, and how many of these struck.
fn ordeal(sheet: &Sheet, api: &MockApi, seed: u64) -> (usize, usize) {
    let (mut random, mut at_uploads) = (fastrand::Rng::with_seed(seed), 0);
    for kills in 0..80 {
        let (before, began) = (uploads(api).len(), Instant::now());
        let mut run = sheet.start(&["-q"]);
        let mut patience = Duration::from_millis(50 + random.u64(0..150 + 10 * kills as u64));
        if kills % 2 == 1 {
            while began.elapsed() < patience && uploads(api).len() == before {
                sleep(Duration::from_millis(1));
            }
            patience = Duration::from_micros(random.u64(0..4000));
        }
        if let Some(code) = ends_within(&mut run, patience) {
            assert!([0, 5].contains(&code), "{}", run.said());
            return (kills, at_uploads);
        }
        at_uploads += usize::from(kills % 2 == 1 && uploads(api).len() > before);
        // What the dead process had sent is read by now.
        sleep(Duration::from_millis(20));
    }
    unreachable!("no end after 80 kills");
}

#[test]
fn killed_while_files_are_uploaded_and_sent_nothing_is_paid_twice() {
    let latency = Latency::Uniform(Span::millis(1), Span::millis(40));
    let scenario = Scenario { latency, journal: 10_000, storage: 1 << 30, ..Scenario::default() };
    let api = fake(scenario);
    let pairs: String =
        (0..60).map(|n| format!("  - {{id: p{n}, image: anna.jpg, audio: p{n}.wav}}\n")).collect();
    let sheet = sheet(api.url(), "concurrency: 3", &format!("pairs:\n{pairs}"));
    for n in 0..60 {
        add(&sheet, &format!("p{n}.wav"), &recording(n, 40_000 + 2 * u32::from(n)));
    }
    let (kills, at_uploads) = ordeal(&sheet, &api, 5);
    let booked = compare(&api);
    let rows = sheet.rows();
    assert_eq!(rows.len(), 60);
    let known: BTreeSet<_> = rows.values().map(|row| row["task_id"].clone()).collect();
    let lost = api.book().tasks().filter(|task| !known.contains(&task.to_string())).count();
    let in_doubt = sheet.states().get("in_doubt").copied().unwrap_or(0);
    assert!(lost <= in_doubt, "{lost} tasks are lost, {in_doubt} pairs in doubt");
    println!(
        "60 pairs with files: {kills} kills, {at_uploads} of them at an upload, {booked} \
         booked, {in_doubt} in doubt, {} uploads",
        uploads(&api).len()
    );
    assert!(kills >= 10 && at_uploads >= 3, "{kills} kills, {at_uploads} at uploads");
    assert!(booked + in_doubt >= 60, "{booked} booked, {in_doubt} in doubt");
}
