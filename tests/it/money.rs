//! The promise: whatever happens, no pair is paid for twice without a person's word, and no task
//! that the server acknowledged is lost. Proved with real processes that are killed, against the
//! fake's own book of what it accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

use callsheet_mock::{Book, Fault, Latency, MockApi, Rule, Scenario, Span};

use crate::child::Running;
use crate::sheet::{Sheet, fake, side_by_side};

/// What a whole ordeal came to.
#[derive(Debug, Default)]
struct Account {
    kills: usize,
    booked: usize,
    in_doubt: usize,
}

/// Compares the fake's book with what the user was left with.
fn settle(book: &Book, sheet: &Sheet, pairs: usize) -> Account {
    assert!(book.duplicates().is_empty(), "paid twice: {:?}", book.duplicates());
    let rows = sheet.rows();
    assert_eq!(rows.len(), pairs, "every pair has a row");
    let known: BTreeSet<_> = rows.values().map(|row| row["task_id"].as_str()).collect();
    let by_image: BTreeMap<_, _> =
        rows.values().map(|row| (row["image_url"].as_str(), row)).collect();
    for entry in &book.entries {
        let request = entry.request_json();
        let row = by_image[request["image_url"].as_str().unwrap()];
        let task = entry.task.to_string();
        match row["state"].as_str() {
            "created" => assert_eq!(row["task_id"], task, "another pair's task"),
            state => assert_eq!(state, "in_doubt", "task {task} is lost: {row:?}"),
        }
    }
    let booked: BTreeSet<_> = book.tasks().map(ToString::to_string).collect();
    let invented = known.iter().find(|id| !id.is_empty() && !booked.contains(**id));
    assert_eq!(invented, None, "a task that the server never made");
    let in_doubt = rows.values().filter(|row| row["state"] == "in_doubt").count();
    Account { kills: 0, booked: book.entries.len(), in_doubt }
}

/// Waits for the run, or kills it after a while. Says whether it ended by itself.
pub(crate) fn ends_within(run: &mut Running, patience: Duration) -> Option<i32> {
    let begun = Instant::now();
    while begun.elapsed() < patience {
        if let Some(status) = run.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        sleep(Duration::from_millis(1));
    }
    run.kill().unwrap();
    run.wait();
    None
}

/// Kills the run at random moments, again and again, until it has nothing left to create.
fn ordeal(api: &MockApi, sheet: &Sheet, seed: u64, longest: Duration) -> usize {
    let mut random = fastrand::Rng::with_seed(seed);
    for kills in 0..400 {
        let options = ["-q", "--request-timeout", "2s", "--max-doubts", "100000"];
        let mut run = sheet.start(&options);
        // Each kill leaves doubts, so the next run asks first and starts with one create: on a busy
        // machine it needs more time to get anywhere.
        let longest = longest.mul_f64(1.0 + kills as f64 / 40.0);
        let patience = longest.mul_f64(random.f64());
        match ends_within(&mut run, patience) {
            Some(0 | 3 | 5) if !sheet.states().contains_key("planned") => return kills,
            // The bad day may look like an outage.
            Some(3..=5) | None => {}
            Some(code) => {
                let said = run.said();
                assert!(code == 7, "exit code {code}: {said}");
            }
        }
    }
    let book = api.book();
    unreachable!("no end after 400 kills; {} creates booked", book.entries.len());
}

/// Kills runs with so many creates under way, of which the slowest take so long.
#[expect(clippy::print_stdout, reason = "what an ordeal came to is worth seeing")]
fn killed(concurrency: u16, pairs: usize, slowest: u64) -> Account {
    let latency = Latency::Uniform(Span::millis(1), Span::millis(slowest));
    let api = fake(Scenario { latency, seed: 7, ..Scenario::default() });
    let sheet = Sheet::pairs(pairs, api.url(), &format!("concurrency: {concurrency}"));
    let kills = ordeal(&api, &sheet, 7, Duration::from_millis(700));
    let account = Account { kills, ..settle(&api.book(), &sheet, pairs) };
    println!(
        "{pairs} pairs, {concurrency} under way, kill -9 at random: {account:?}, twice 0, lost 0"
    );
    account
}

#[test]
fn killed_again_and_again_nothing_is_paid_twice_or_lost() {
    // So many that a fast machine is not done before.
    let account = killed(10, 3600, 60);
    assert!(account.kills >= 30, "only {} kills", account.kills);
    assert!(account.booked >= 2700);
}

#[test]
fn killed_with_many_under_way_too() {
    side_by_side([(64, 1500, 300), (256, 2000, 900)], |(concurrency, pairs, slowest)| {
        let account = killed(concurrency, pairs, slowest);
        assert!(account.kills >= 8, "{concurrency}: only {} kills", account.kills);
        // More than ten of the first test's kills could leave: so many were really under way.
        assert!(account.in_doubt > usize::from(concurrency), "{concurrency}: {account:?}");
        assert!(account.booked >= pairs / 2, "{concurrency}: {account:?}");
    });
}

/// Everything that a bad day has, at once.
fn bad_day() -> Scenario {
    let faults = [
        Fault::ResetBeforeRead,
        Fault::ResetAfterRead,
        Fault::ResetAfterAccept,
        Fault::CloseAfterAccept,
        Fault::TruncatedAfterAccept,
        Fault::GarbageAfterAccept,
        Fault::Status502AfterAccept,
        Fault::Status524Html,
        Fault::Status500,
        Fault::Status400,
        Fault::Status307,
    ];
    let mut rules: Vec<_> = faults.map(|fault| Rule::new(fault).share(0.03)).into();
    rules.push(Rule::new(Fault::Status429Bare).share(0.01).first(1));
    let latency = Latency::Uniform(Span::millis(1), Span::millis(60));
    Scenario { faults: rules, latency, seed: 11, ..Scenario::default() }
}

#[test]
fn killed_on_the_worst_of_days_too() {
    side_by_side([16, 64, 256], killed_on_a_bad_day);
}

#[expect(clippy::print_stdout, reason = "what an ordeal came to is worth seeing")]
fn killed_on_a_bad_day(concurrency: u16) {
    let api = fake(bad_day());
    let sheet = Sheet::pairs(600, api.url(), &format!("concurrency: {concurrency}"));
    let kills = ordeal(&api, &sheet, 11, Duration::from_millis(900));
    let book = api.book();
    let rows = sheet.rows();
    assert!(book.duplicates().is_empty(), "paid twice: {:?}", book.duplicates());
    assert_eq!(rows.len(), 600);
    let mut by_fault = BTreeMap::<String, usize>::new();
    for exchange in api.journal() {
        let fault = exchange.answer.and_then(|answer| answer.fault);
        *by_fault.entry(fault.map_or("none", Fault::name).to_owned()).or_default() += 1;
    }
    let account = Account { kills, ..settle(&book, &sheet, 600) };
    println!(
        "600 pairs, {concurrency} under way, all faults and kill -9: {account:?}, twice 0, lost 0, by fault {by_fault:?}"
    );
    assert!(by_fault.len() > 8, "{by_fault:?}");
    assert!(account.in_doubt > 0);
}
