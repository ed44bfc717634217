//! What the service says that tasks cost: kept, shown, added up, and never a reason for anything to
//! go wrong.

use std::collections::HashMap;
use std::sync::Mutex;

use rusqlite::Connection;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet};
use crate::speeches::{Speeches, measure};

/// Accepts creates in their order as `t0`, `t1` …, with this in each answer, and ends the tasks with
/// that in the answer to the poll.
fn server(created: &[&str], ended: &[&str]) -> Rude {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (created, ended) = (owned(created), owned(ended));
    let numbers = Mutex::new(HashMap::new());
    Rude::any(move |request, c| {
        let mut numbers = numbers.lock().unwrap();
        if request.starts_with("POST") {
            // By the pair, so that the order of concurrent creates does not matter.
            let at = request.find("number ").unwrap() + "number ".len();
            let n: usize = request[at..].split('"').next().unwrap().parse().unwrap();
            let made = numbers.entry(n).and_modify(|made| *made += 1).or_insert(0);
            let body = format!(r#"{{"id":"t{n}-{made}"{}}}"#, created[n]);
            return answer(c, "200 OK", "", &body);
        }
        let task = request.split(['/', ' ']).nth(4).unwrap();
        let n: usize = task[1..].split('-').next().unwrap().parse().unwrap();
        let rest =
            ended[n].replace("FAILED", r#""status":"failed","error":{"code":"service_error"}"#);
        let link = format!("http://{}/v{n}.mp4", "127.0.0.1:1");
        let rest = rest.replace("DONE", &format!(r#""status":"completed","results":["{link}"]"#));
        answer(c, "200 OK", "", &format!(r#"{{"id":"{task}",{rest}}}"#));
    })
}

/// A run that waits for all tasks; their videos cannot be fetched.
fn run(sheet: &Sheet, options: &[&str]) -> Said {
    let mut command = sheet.whole(&["--retry-for", "1s", "--stall-timeout", "1s"]);
    said(command.args(options))
}

const RESERVED: &str = r#","usage":{"credits_reserved":5,"user_group":"default"}"#;

#[test]
fn what_tasks_cost_is_kept_shown_and_added_up_beside_what_was_reckoned_with() {
    let server = server(
        &[RESERVED, RESERVED, "", RESERVED],
        &[r#"DONE,"usage":{"credits_used":4.5,"credits_reserved":5}"#, "DONE", "DONE", "FAILED"],
    );
    let speeches = Speeches::start();
    let settings = "price_per_second: 1.60";
    let sheet = speeches.batch(&server.url, settings, &[3_000, 2_500, 2_000, 4_000]);
    measure(&sheet);
    let run = run(&sheet, &[]);
    assert_eq!(run.code, 3, "{run}");
    for said in [
        "the service counts 9.5 credits for 2 tasks, 1.5833 a second in the mean; reckoned with: 9.60",
        "  and 5 credits for 1 task that failed or got another in its place, unless given back",
        "  of 1 task it does not say the cost",
    ] {
        assert!(run.out.contains(said), "{run}");
        assert!(sheet.call("status", &[]).out.contains(said));
        assert!(sheet.call("report", &[]).err.contains(said));
    }
    assert!(!run.out.contains("where the manifest's price"), "as good as reckoned: {run}");
    let rows = sheet.rows();
    let credits = ["p0", "p1", "p2", "p3"].map(|id| rows[id]["credits"].as_str());
    assert_eq!(credits, ["4.5", "5", "", "5"]);
    let bill = sheet.call("status", &["--json"]).json()["bill"].clone();
    let expected = serde_json::json!({
        "credits": 9.5, "tasks": 2, "failed_or_replaced": {"credits": 5.0, "tasks": 1},
        "tasks_without": 1, "per_second": 1.5833, "reckoned": 9.6, "deviation": -0.0104,
    });
    assert_eq!(bill, expected);
    assert_eq!(sheet.call("report", &["--json"]).json()["bill"], bill);
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let usage: String = ledger
        .query_row("SELECT usage FROM standings WHERE task_id = 't0-0'", (), |row| row.get(0))
        .unwrap();
    assert_eq!(usage, r#"{"credits_reserved":5,"credits_used":4.5}"#);
}

#[test]
fn a_price_that_is_not_what_the_service_counts_is_said() {
    for (price, says) in [
        ("price_per_second: 0.9", None),
        ("price_per_second: 0.8", Some("comes to 0.8, 25 % more: is the price right?")),
        ("price_per_second: 1.3", Some("comes to 1.3, 23 % less: is the price right?")),
        (
            "price_per_second: 0.16",
            Some("comes to 0.16: is that another unit, or is the price wrong?"),
        ),
        ("price: {per: clip, amount: 5}", None),
        ("price: {per: clip, amount: 7}", Some("comes to 1.4, 29 % less: is the price right?")),
    ] {
        let server = server(&[RESERVED], &["DONE"]);
        let speeches = Speeches::start();
        let sheet = speeches.batch(&server.url, price, &[5_000]);
        measure(&sheet);
        let run = sheet.run(&[]);
        assert_eq!(run.code, 0, "{run}");
        let line = run.out.lines().find(|line| line.contains("where the manifest's price"));
        match says {
            Some(says) => assert!(line.is_some_and(|line| line.ends_with(says)), "{price}: {run}"),
            None => assert_eq!(line, None, "{price}"),
        }
    }
}

#[test]
fn numbers_that_make_no_sense_break_no_task() {
    let odd = [
        r#","usage":{"credits_reserved":"five"}"#,
        r#","usage":{"credits_reserved":-3}"#,
        r#","usage":{"credits_reserved":1e400}"#,
        r#","usage":{"credits_reserved":NaN}"#,
        r#","usage":{"credits_reserved":{"n":[5]}}"#,
        r#","usage":[[[[[[[[5]]]]]]]]"#,
        r#","usage":"five","credits_used":null"#,
        r#","usage":{"credits_reserved":99999999999999999999}"#,
    ];
    let server = server(&odd, &["DONE"; 8]);
    let speeches = Speeches::start();
    let sheet = speeches.batch(&server.url, "price_per_second: 1", &[1_000; 8]);
    let run = sheet.run(&[]);
    assert_eq!((run.code, sheet.states()["created"]), (0, 8), "{run}");
    assert!(!run.out.contains("credit"), "{run}");
    let status = sheet.call("status", &["--json"]);
    assert!(status.json()["bill"].is_null(), "{status}");
    assert!(sheet.rows().values().all(|row| row["credits"].is_empty()));
}

#[test]
fn the_key_is_in_no_bill() {
    let echo = format!(r#","usage":{{"credits_reserved":5,"key":"{KEY}"}}"#);
    let ended = format!(r#"DONE,"usage":{{"credits_used":5,"who":"Bearer {KEY}"}}"#);
    let server = server(&[&echo], &[&ended]);
    let speeches = Speeches::start();
    let sheet = speeches.batch(&server.url, "", &[1_000]);
    for step in [sheet.run(&[]), run(&sheet, &[])] {
        assert!(!step.out.contains(KEY) && !step.err.contains(KEY), "{step}");
        let bytes = std::fs::read(sheet.run_folder().join("ledger.sqlite")).unwrap();
        assert!(!bytes.windows(KEY.len()).any(|part| part == KEY.as_bytes()));
    }
    assert_eq!(sheet.rows()["p0"]["credits"], "5");
}

#[test]
fn another_try_has_a_bill_of_its_own() {
    let server = server(&[RESERVED], &["FAILED"]);
    let speeches = Speeches::start();
    let sheet = speeches.batch(&server.url, "", &[1_000]);
    assert_eq!(run(&sheet, &[]).code, 3);
    assert_eq!(run(&sheet, &["--retry-failed"]).code, 3);
    let bill = sheet.call("status", &["--json"]).json()["bill"].clone();
    let spoilt = serde_json::json!({"credits": 10.0, "tasks": 2});
    assert_eq!((&bill["tasks"], &bill["failed_or_replaced"]), (&0.into(), &spoilt), "{bill}");
}

#[test]
fn a_csv_with_credits_can_be_read_back() {
    let server = server(&[RESERVED], &[r#"DONE,"usage":{"credits_used":4}"#]);
    let speeches = Speeches::start();
    let sheet = speeches.batch(&server.url, "", &[1_000]);
    assert_eq!(sheet.run(&[]).code, 0);
    let csv = std::fs::read_to_string(sheet.run_folder().join("tasks.csv")).unwrap();
    assert!(
        csv.starts_with("id,state,task_id,")
            && csv.contains(",error_code,error,credits,take,review\r\n")
    );
    let other = speeches.batch(&server.url, "", &[1_000]);
    std::fs::write(other.folder().join("tasks.csv"), csv).unwrap();
    let adopted = other.call("adopt", &["tasks.csv", "--unchecked"]);
    assert_eq!(adopted.code, 0, "{adopted}");
    assert_eq!((&*other.rows()["p0"]["task_id"], &*other.rows()["p0"]["credits"]), ("t0-0", ""));
    // The task's end tells its cost.
    let ended = run(&other, &[]);
    assert_eq!(&*other.rows()["p0"]["credits"], "4", "{ended}");
}

#[test]
fn the_fake_of_a_rehearsal_is_nothing_to_judge_a_price_by() {
    let sheet = Sheet::new(
        "version: 1\nprice_per_second: 0.16\npairs: [{image: face.jpg, audio: speech.wav}]\n",
    );
    let media = crate::sheet::root().join("tests/fixtures/media");
    let files = [("pictures/portrait.jpg", "face.jpg"), ("sounds/plain.wav", "speech.wav")];
    for (fixture, name) in files {
        std::fs::copy(media.join(fixture), sheet.folder().join(name)).unwrap();
    }
    let run = sheet.run_whole(&["--mock"]);
    assert_eq!(run.code, 0, "{run}");
    assert!(run.out.contains("a second in the mean; reckoned with: "), "{run}");
    assert!(!run.out.contains("where the manifest's price"), "{run}");
}
