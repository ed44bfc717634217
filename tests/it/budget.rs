//! The budget is never passed, by the fake's own book, and it is used as far as it goes: under
//! load, on bad days, and when runs are killed.

use std::fs;
use std::time::{Duration, Instant};

use callsheet_mock::{Failure, FailureCode, Fault, Latency, MockApi, Rule, Scenario, Span, Work};

use crate::money::ends_within;
use crate::sheet::{Sheet, fake, stable};
use crate::speeches::{Speeches, billed, booked, measure};

/// Cents, so that sums are exact: the price of all tests here is 0.16 a second.
const CENTS: u64 = 16;

fn lengths(count: usize, seed: u64, most: u64) -> Vec<u64> {
    let mut random = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| random.u64(100..most)).collect()
}

/// Slow answers, pauses, refusals, lost answers and tasks that fail.
fn bad_day(seed: u64) -> Scenario {
    let faults = [
        (Fault::ResetAfterAccept, 0.04),
        (Fault::Status502AfterAccept, 0.04),
        (Fault::ResetAfterRead, 0.04),
        (Fault::Status422, 0.1),
        (Fault::Status429Bare, 0.03),
    ];
    let rule = |(fault, share)| Rule::new(fault).share(share).first(1);
    let failure = Failure { code: FailureCode::ServiceError, share: Some(0.2), matching: None };
    Scenario {
        latency: Latency::Uniform(Span::millis(20), Span::millis(250)),
        work: Work::AtOnce,
        faults: faults.map(rule).into(),
        failures: vec![failure],
        seed,
        ..Scenario::default()
    }
}

/// What the ledger counts as spent, and the seconds of the cheapest pair that is left.
fn standing(sheet: &Sheet) -> (u64, Option<u64>) {
    let (mut spent, mut left) = (0, None);
    for row in sheet.rows().into_values() {
        let seconds = billed(&row["audio_url"]);
        match &*row["state"] {
            "planned" => left = Some(left.map_or(seconds, |least: u64| least.min(seconds))),
            "rejected" => {}
            _ => spent += seconds,
        }
    }
    (spent, left)
}

/// Within the budget of so many seconds, and nothing is left that would have fitted.
fn assert_used_up(api: &MockApi, sheet: &Sheet, budget: u64) {
    let (spent, left) = standing(sheet);
    let booked = booked(&api.book());
    assert!(booked <= budget, "{booked} of {budget} s");
    assert!(booked <= spent && spent <= budget, "{booked} s are booked, {spent} of {budget} s");
    let left = left.unwrap();
    assert!(spent + left > budget, "{spent} of {budget} s are spent, and {left} s would fit");
}

#[test]
fn on_the_worst_of_days_it_is_used_up_and_never_passed() {
    let (api, speeches) = (fake(bad_day(3)), Speeches::start());
    let settings = "concurrency: 64\nprice_per_second: 0.16\nbudget: 48";
    let sheet = speeches.batch(api.url(), settings, &lengths(300, 3, 9_000));
    measure(&sheet);
    let said = sheet.run_whole(&["--json"]);
    assert_eq!(said.code, 8, "{said}");
    assert_used_up(&api, &sheet, 300);
    let (spent, _) = standing(&sheet);
    let budget = &said.json()["budget"];
    assert_eq!(budget["spent"], (spent * CENTS) as f64 / 100.0);
    assert_eq!(budget["of"], 48.0);
    for state in ["failed", "in_doubt", "rejected", "saved", "planned"] {
        assert!(sheet.states().contains_key(state), "no {state}: {:?}", sheet.states());
    }
}

#[test]
fn killed_again_and_again_it_is_not_passed_either() {
    let (api, speeches) = (fake(bad_day(5)), Speeches::start());
    let settings = "concurrency: 12\nprice_per_second: 0.16\nbudget: 96";
    let sheet = speeches.batch(api.url(), settings, &lengths(700, 5, 2_900));
    measure(&sheet);
    let (mut random, mut kills) = (fastrand::Rng::with_seed(5), 0);
    loop {
        let options = ["-q", "--request-timeout", "5s", "--max-doubts", "100000"];
        let mut run = sheet.start(&options);
        // Each kill leaves doubts, so the next run asks first and starts with one create.
        let longest = Duration::from_millis(900).mul_f64(1.0 + f64::from(kills) / 20.0);
        let patience = longest.mul_f64(random.f64());
        let ended = ends_within(&mut run, patience);
        let booked = booked(&api.book());
        assert!(booked <= 600, "{booked} s after {kills} kills");
        match ended {
            Some(8) => break,
            // A bad day may look like an outage.
            None | Some(5) => kills += 1,
            Some(code) => panic!("exit code {code}: {}", run.said()),
        }
        assert!(kills < 200, "no end");
    }
    println!("{kills} kills, {} of 600 s booked", booked(&api.book()));
    assert!(kills >= 10, "only {kills}");
    assert_used_up(&api, &sheet, 600);
    // What was in doubt may have been paid for, whatever a person decides.
    let creates = api.book().creates_read;
    let said = sheet.call("resolve", &["--all", "--resend"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.run(&[]).code, 8);
    let (planned_too, _) = standing(&sheet);
    assert!(planned_too < 600, "nothing was in doubt");
    assert_eq!(api.book().creates_read, creates, "there is no money for it");
}

/// A calm day, but for these; and a budget of so many seconds without a price.
fn plain(faults: Vec<Rule>, budget: u64, millis: &[u64]) -> (MockApi, Speeches, Sheet) {
    let scenario = Scenario { faults, work: Work::AtOnce, ..Scenario::default() };
    let (api, speeches) = (fake(scenario), Speeches::start());
    let settings = format!("concurrency: 1\nbudget: {budget}s");
    let sheet = speeches.batch(api.url(), &settings, millis);
    measure(&sheet);
    (api, speeches, sheet)
}

/// The ids in this state, in one word.
fn ids(sheet: &Sheet, state: &str) -> String {
    let rows = sheet.rows();
    let ids: Vec<_> =
        rows.iter().filter(|row| row.1["state"] == state).map(|row| &**row.0).collect();
    ids.join(" ")
}

fn raise(sheet: &Sheet, from: &str, to: &str) {
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    assert!(yaml.contains(from));
    fs::write(&sheet.manifest, yaml.replace(from, to)).unwrap();
}

#[test]
fn it_says_what_is_spent_and_goes_on_when_it_is_raised() {
    let (api, _speeches, sheet) = plain(vec![], 10, &[4_000, 5_001, 3_000]);
    let said = sheet.run(&[]);
    stable(|| insta::assert_snapshot!("budget_reached", said));
    assert_eq!((said.code, ids(&sheet, "planned")), (8, "p2".to_owned()));
    assert_eq!(sheet.run(&[]).code, 8);
    assert_eq!(booked(&api.book()), 10, "to the last second");
    raise(&sheet, "budget: 10s", "budget: 12s");
    assert_eq!(sheet.run(&[]).code, 8);
    raise(&sheet, "budget: 12s", "budget: 13s");
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(booked(&api.book()), 13);
}

#[test]
fn shorter_pairs_take_what_a_longer_one_leaves() {
    let millis = [&[9_000, 9_000, 2_000, 1_000][..], &[9_000; 20]].concat();
    let (_api, speeches, sheet) = plain(vec![], 10, &millis);
    assert_eq!(sheet.run(&[]).code, 8);
    assert_eq!(ids(&sheet, "created"), "p0 p3");
    // What is certainly too long is not even looked at again.
    let asked = speeches.asked();
    assert_eq!(sheet.run(&["--probe"]).code, 8);
    assert!(speeches.asked() - asked <= 5, "{}", speeches.asked() - asked);
}

#[test]
fn a_budget_below_the_first_pair_sends_nothing() {
    let (api, _speeches, sheet) = plain(vec![], 3, &[3_001, 4_000]);
    let said = sheet.run(&[]);
    assert_eq!(said.code, 8, "{said}");
    assert!(said.err.contains("0 s of 3 s spent, and it costs 4 s"), "{said}");
    assert_eq!((api.book().creates_read, sheet.states()["planned"]), (0, 2));
}

#[test]
fn a_refusal_and_a_pause_give_it_back() {
    for fault in [Fault::Status422, Fault::Status429Bare] {
        let strikes = Rule::new(fault).matching("*/0.wav*").first(1);
        let (api, _speeches, sheet) = plain(vec![strikes], 10, &[10_000, 10_000]);
        assert_eq!(sheet.run(&[]).code, if fault == Fault::Status422 { 3 } else { 8 });
        assert_eq!(booked(&api.book()), 10);
    }
}

#[test]
fn doubt_is_spent_also_when_it_is_sent_again() {
    for fault in [Fault::ResetAfterRead, Fault::Status502AfterAccept] {
        let strikes = Rule::new(fault).matching("*/0.wav*").first(1);
        let (api, _speeches, sheet) = plain(vec![strikes], 19, &[10_000, 9_000, 1_000]);
        assert_eq!(sheet.run(&[]).code, 8);
        assert_eq!((ids(&sheet, "in_doubt"), ids(&sheet, "planned")), ("p0".into(), "p2".into()));
        assert_eq!(sheet.call("resolve", &["p0", "--resend"]).code, 0);
        let read = api.book().creates_read;
        assert_eq!(sheet.run(&[]).code, 8);
        assert_eq!(api.book().creates_read, read);
        raise(&sheet, "budget: 19s", "budget: 29s");
        assert_eq!(sheet.run(&[]).code, 8);
        assert_eq!(ids(&sheet, "planned"), "p2", "the second time is spent, too");
    }
}

#[test]
fn a_task_that_failed_is_spent() {
    let failures = vec![Failure {
        code: FailureCode::ServiceError,
        share: None,
        matching: Some("*/0.wav*".to_owned()),
    }];
    let scenario = Scenario { failures, work: Work::AtOnce, ..Scenario::default() };
    let (api, speeches) = (fake(scenario), Speeches::start());
    let sheet = speeches.batch(api.url(), "budget: 10s", &[6_000, 4_000]);
    measure(&sheet);
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!(sheet.run_whole(&["--retry-failed=p0"]).code, 8);
    assert_eq!((booked(&api.book()), ids(&sheet, "planned")), (10, "p0".to_owned()));
}

#[test]
fn creates_keep_the_price_of_their_time() {
    let (api, speeches) = (fake(Scenario::default()), Speeches::start());
    let settings = "concurrency: 1\nprice_per_second: 1\nbudget: 10";
    let sheet = speeches.batch(api.url(), settings, &[4_000, 4_000, 4_000, 10_000, 7_000]);
    measure(&sheet);
    assert_eq!(sheet.run(&[]).code, 8);
    raise(&sheet, "price_per_second: 1", "price_per_second: 0.2");
    let said = sheet.run(&["--json"]);
    assert_eq!((said.code, booked(&api.book())), (8, 12), "8 and 0.8 are spent: {said}");
    assert_eq!(said.json()["budget"]["spent"], 8.8);
    raise(&sheet, "price_per_second: 0.2", "price_per_second: 0.17");
    let said = sheet.run(&["--json"]);
    assert_eq!((said.code, &said.json()["budget"]["spent"]), (8, &9.99.into()), "{said}");
    // Dearer now: what was sent stays as cheap as it was.
    raise(&sheet, "price_per_second: 0.17\nbudget: 10", "price_per_second: 3\nbudget: 39.99");
    assert_eq!(sheet.run(&[]).code, 0);
}

#[test]
fn what_cannot_be_measured_is_not_sent_and_named() {
    let (api, _speeches, sheet) = plain(vec![], 100, &[1_000, 0, 2_000]);
    let said = sheet.run(&[]);
    assert_eq!((said.code, ids(&sheet, "planned")), (8, "p1".to_owned()), "{said}");
    let why = "p1 was not sent: the length of its recording is not known";
    assert!(said.err.contains(why), "{said}");
    assert_eq!(booked(&api.book()), 3);
}

#[test]
fn no_pair_may_cost_more_than_the_most_of_one() {
    let (api, speeches) = (fake(Scenario::default()), Speeches::start());
    let settings = "price_per_second: 0.16\nmax_pair_cost: 0.80";
    let sheet = speeches.batch(api.url(), settings, &[5_000, 5_001, 0, 1_000]);
    measure(&sheet);
    let said = sheet.run(&[]);
    assert_eq!((said.code, ids(&sheet, "planned")), (8, "p1 p2".to_owned()), "{said}");
    let why = "p1 was not sent: it costs 0.96, and `max_pair_cost` is 0.80";
    assert!(said.err.contains(why), "{said}");
    assert!(said.err.contains("p2 was not sent: the length of its recording"), "{said}");
    assert_eq!(api.book().creates_read, 2);
}

#[test]
fn waiting_for_money_takes_no_turns_of_others_and_ends() {
    let faults = vec![Rule::new(Fault::Status429Bare).share(0.2).first(1)];
    let latency = Latency::Fixed(Span::millis(700));
    let (api, speeches) =
        (fake(Scenario { latency, faults, ..Scenario::default() }), Speeches::start());
    let settings = "concurrency: 64\nrate: 40/s\nbudget: 40s";
    let sheet = speeches.batch(api.url(), settings, &[4_000; 150]);
    measure(&sheet);
    let began = Instant::now();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 8, "{said}");
    assert_used_up(&api, &sheet, 40);
    // Who waits asks again when a create ends, and not when somebody else asks.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn a_recording_that_was_replaced_is_measured_again_before_it_is_paid_for() {
    let (api, _speeches, sheet) = plain(vec![], 5, &[9_000]);
    let catalog = rusqlite::Connection::open(sheet.run_folder().join("media.sqlite")).unwrap();
    // As if it had been a second long when it was looked at, and another file.
    let sql = "UPDATE looks SET look = replace(look, ':9000', ':1000'),
        validator = '\"another\"' WHERE role = 'audio'";
    assert_eq!(catalog.execute(sql, ()).unwrap(), 1);
    drop(catalog);
    assert_eq!(sheet.call("plan", &["--json"]).json()["pairs"][0]["seconds"], 1.0);
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().creates_read), (8, 0), "{said}");
    assert!(said.err.contains("it costs 9 s"), "{said}");
}

#[test]
fn a_recording_that_cannot_be_had_for_a_moment_is_left_for_the_next_run() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let speeches = Speeches::start();
    let yaml = speeches.manifest(api.url(), "budget: 10s", &[2_000]);
    let sheet = Sheet::new(&yaml.replace("/speech/", "/late/speech/"));
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().creates_read), (8, 0), "{said}");
    assert_eq!(sheet.states()["planned"], 1, "{said}");
    speeches.change();
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(booked(&api.book()), 2);
}
