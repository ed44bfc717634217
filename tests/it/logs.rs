//! Doubts that are found in the log of the key, as New API relays have it.

use callsheet_mock::{Fault, ListShape, Listing, MockApi, Rule, Scenario, Span, Work};

use crate::child::said;
use crate::sheet::{KEY, Said, Sheet, fake};

/// A relay on which the gateway's answer stands in for those of two pairs, of which one was made.
fn doubtful(list: Listing) -> (MockApi, Sheet) {
    let faults = vec![
        Rule::new(Fault::Status502AfterAccept).matching("*/1.jpg*"),
        Rule::new(Fault::Status502).matching("*/2.jpg*"),
    ];
    let list = Listing { shape: ListShape::Relay, ..list };
    let api = fake(Scenario { faults, list, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(4, api.url(), "");
    let run = sheet.run(&[]);
    assert_eq!((run.code, sheet.states()["in_doubt"]), (5, 2), "{run}");
    (api, sheet)
}

fn reconcile(sheet: &Sheet, options: &[&str]) -> Said {
    let fast = ["--request-timeout", "1s", "--again-after", "1s", "--poll-interval", "100ms"];
    said(sheet.command("reconcile", &[&fast, options].concat()).env("CALLSHEET_API_KEY", KEY))
}

fn asked(api: &MockApi) -> usize {
    api.journal().iter().filter(|one| one.target == "/api/log/token").count()
}

#[test]
fn a_log_that_names_tasks_finds_what_was_made_and_no_strangers() {
    let (api, sheet) = doubtful(Listing { named: true, strangers: 1.0, ..Listing::default() });
    let found = reconcile(&sheet, &["--yes", "--json"]);
    assert_eq!((found.code, asked(&api)), (5, 1), "{found}");
    let book = api.book();
    let made = book.entries.iter().find(|entry| entry.request.contains("/1.jpg")).unwrap();
    let rows = sheet.rows();
    assert_eq!(rows["pair-1"]["task_id"], made.task.to_string());
    assert_eq!(rows["pair-2"]["state"], "in_doubt", "the log has no request that made nothing");
    assert_eq!(found.json()["adopted"], 1, "{found}");
    assert_eq!(sheet.run_whole(&[]).code, 5);
    assert_eq!((sheet.states()["saved"], api.book().entries.len()), (3, 3));
}

#[test]
fn while_a_run_is_under_way_what_is_found_is_shown_and_nothing_is_lost() {
    let list = Listing { named: true, ..Listing::default() };
    let (api, sheet) = doubtful(list);
    // The videos of the others take a minute.
    api.set_scenario(Scenario { work: Work::Elapsed(Span::secs(60)), ..(*api.scenario()).clone() });
    let run = sheet.start_whole(&[]);
    let progress = sheet.run_folder().join("progress.json");
    while !progress.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!(found.code, 11, "{found}");
    let warned = found.err.find("a run is under way, and the ledger is its until it ends").unwrap();
    assert!(warned < found.err.find("the list names the request").unwrap(), "{found}");
    assert!(found.err.contains("in use by process"), "{found}");
    assert!(found.err.contains("that run goes on: 2 waiting"), "{found}");
    assert!(found.err.contains("--yes --wait 1h"), "{found}");
    let settled = said(&mut sheet.command("resolve", &["pair-2", "--abandon"]));
    assert_eq!(settled.code, 11, "{settled}");
    assert!(settled.err.contains("resolve batch.yaml pair-2 --abandon --wait 1h"), "{settled}");
    drop(run);
    assert_eq!(reconcile(&sheet, &["--yes"]).code, 5);
    assert_eq!(sheet.states()["in_doubt"], 1);
}

#[test]
fn a_log_that_comes_late_is_asked_again_by_the_same_command() {
    let late = Span::secs(300);
    let (api, sheet) = doubtful(Listing { named: true, late, ..Listing::default() });
    let early = reconcile(&sheet, &["--yes"]);
    assert_eq!(sheet.states()["in_doubt"], 2, "{early}");
    assert!(early.err.contains("not every service has a list"), "{early}");
    api.advance(late.0);
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!((found.code, sheet.states()["in_doubt"]), (5, 1), "{found}");
    assert!(found.err.contains("the list names the request"), "{found}");
}

#[test]
fn a_log_without_tasks_is_no_proof_of_anything() {
    let (api, sheet) = doubtful(Listing::default());
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!((sheet.states()["in_doubt"], asked(&api)), (2, 1), "{found}");
    assert!(found.err.contains("CALLSHEET_ACCESS_TOKEN"), "{found}");
    // With the dashboard's token the list is read, too.
    let options = ["--request-timeout", "1s", "--again-after", "1s", "--user-id", "7"];
    let mut command = sheet.command("reconcile", &options);
    let listed = said(command.env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_ACCESS_TOKEN", KEY));
    assert_eq!(listed.code, 5, "{listed}");
}

#[test]
fn a_log_that_was_asked_for_too_often_is_said() {
    let (api, sheet) = doubtful(Listing { named: true, ..Listing::default() });
    let question = |_| {
        let address = api.url().trim_start_matches("http://");
        let mut line = std::net::TcpStream::connect(address).unwrap();
        use std::io::{Read, Write};
        let head = format!(
            "GET /api/log/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\n\r\n"
        );
        line.write_all(head.as_bytes()).unwrap();
        line.read_to_end(&mut Vec::new()).unwrap();
    };
    (0..20).for_each(question);
    let refused = reconcile(&sheet, &["--yes"]);
    assert_eq!(sheet.states()["in_doubt"], 2, "{refused}");
    assert!(refused.err.contains("twenty times in twenty minutes"), "{refused}");
    api.advance(std::time::Duration::from_secs(20 * 60));
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!((found.code, sheet.states()["in_doubt"]), (5, 1), "{found}");
}
