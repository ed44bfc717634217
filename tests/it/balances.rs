//! What the account has left: shown by `plan`, and asked about before a run that costs more.

use std::fs;
use std::time::{Duration, Instant};

use callsheet_mock::{Length, ListShape, Listing, MockApi, Scenario, Span, Work};

use crate::child::said;
use crate::confirming::{answered, unasked};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::speeches::{Speeches, measure};

/// Takes a credit for each second; recordings are five seconds long.
fn account(shape: ListShape, credits: u64) -> MockApi {
    let lengths = vec![Length { matching: "speech".to_owned(), length: Span::secs(5) }];
    let list = Listing { shape, ..Listing::default() };
    fake(Scenario {
        list,
        credits: Some(credits),
        lengths,
        work: Work::AtOnce,
        ..Scenario::default()
    })
}

/// As somebody who means that service, and does not only look at a manifest.
fn plan(sheet: &Sheet, options: &[&str]) -> Said {
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    let endpoint = yaml.lines().find_map(|line| line.strip_prefix("endpoint: ")).unwrap();
    let mut command = sheet.command("plan", options);
    said(command.env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_ENDPOINT", endpoint))
}

#[test]
fn a_manifest_of_somebody_elses_does_not_get_the_key_by_being_looked_at() {
    let (api, speeches) = (account(ListShape::Evolink, 100), Speeches::start());
    let sheet = speeches.batch(api.url(), "", &[5_000; 2]);
    let look = || said(sheet.command("plan", &[]).env("CALLSHEET_API_KEY", KEY));
    assert_eq!((look().code, asked(&api)), (0, 0));
    assert_eq!(sheet.run_whole(&["--limit", "1"]).code, 4);
    let known = asked(&api);
    assert!(look().out.contains("the account has 95 credits left"), "its tasks are of this key");
    assert!(asked(&api) > known);
}

fn run(sheet: &Sheet, options: &[&str]) -> Said {
    said(&mut unasked(sheet.run_command(options)))
}

/// How often the service was asked what is left.
fn asked(api: &MockApi) -> usize {
    let paths = ["/v1/credits", "/api/usage/token/"];
    api.journal().iter().filter(|one| paths.contains(&one.target.as_str())).count()
}

#[test]
fn a_plan_shows_what_is_left_before_and_after() {
    for shape in [ListShape::Evolink, ListShape::Relay] {
        let (api, speeches) = (account(shape, 100), Speeches::start());
        let sheet = speeches.batch(api.url(), "price_per_second: 0.16", &[5_000; 3]);
        measure(&sheet);
        let before = plan(&sheet, &[]);
        // Nobody knows yet what a second takes there.
        let line = "the account has 100 credits left, and 97.6 after this (about 2.4 by the \
            manifest's price, if that is in credits)";
        assert!(before.out.contains(line), "{before}");
        assert_eq!(sheet.run_whole(&["--limit", "1"]).code, 4);
        let after = plan(&sheet, &[]);
        let line = "the account has 95 credits left, and 85 after this (about 10 credits)";
        assert!(after.out.contains(line), "{after}");
        let json = plan(&sheet, &["--json"]).json();
        let expected =
            serde_json::json!({"left": 95.0, "takes": 10.0, "after": 85.0, "reckoned_by": "bills"});
        assert_eq!(json["balance"], expected);
        assert_eq!(sheet.run_whole(&[]).code, 0);
        let done = plan(&sheet, &[]);
        assert!(done.out.contains("the account has 85 credits left\n"), "{done}");
    }
}

#[test]
fn a_plan_without_a_key_asks_nobody() {
    let (api, speeches) = (account(ListShape::Evolink, 100), Speeches::start());
    let sheet = speeches.batch(api.url(), "", &[5_000]);
    let silent = sheet.call("plan", &["--json"]);
    assert_eq!((silent.code, asked(&api)), (0, 0));
    assert!(silent.json()["balance"].is_null());
    let rehearsal = plan(&sheet, &["--mock"]);
    assert_eq!((rehearsal.code, asked(&api)), (0, 0), "{rehearsal}");
    let file = sheet.folder().join("key");
    fs::write(&file, KEY).unwrap();
    let shown = sheet.call("plan", &["--api-key-file", "key", "--endpoint", api.url()]);
    assert!(shown.out.contains("the account has 100 credits left\n"), "{shown}");
    assert_eq!(sheet.call("plan", &["--api-key-file", "nowhere"]).code, 2);
}

#[test]
fn whatever_comes_instead_of_a_balance_is_silence() {
    let answers: [(&str, &str, &str); 6] = [
        ("404 Not Found", "", r#"{"error":{"message":"no such path"}}"#),
        ("200 OK", "", "<html>sign in</html>"),
        ("302 Found", "location: /elsewhere\r\n", ""),
        ("429 Too Many Requests", "", ""),
        ("200 OK", "", r#"{"data":{"total_available":-5,"key":"KEY"}}"#),
        ("500 Oops", "", "KEY"),
    ];
    for (status, headers, body) in answers {
        let server = Rude::any(move |_, c| answer(c, status, headers, &body.replace("KEY", KEY)));
        let sheet = Sheet::pairs(1, &server.url, "");
        let plan = plan(&sheet, &["-v"]);
        assert_eq!(plan.code, 0, "{status}: {plan}");
        assert!(!plan.out.contains("left"), "{status}: {plan}");
        assert!(!plan.out.contains(KEY) && !plan.err.contains(KEY), "{plan}");
        let asked: Vec<_> = server.requests().iter().map(|one| one[..20].to_owned()).collect();
        assert_eq!(asked.len(), 2, "redirects are not followed: {asked:?}");
        let quiet = self::plan(&sheet, &[]);
        assert_eq!(quiet.err, "", "{status}");
    }
}

#[test]
fn a_plan_needs_no_network_and_waits_for_none() {
    let gone = Sheet::pairs(1, "http://127.0.0.1:1", "");
    assert_eq!(plan(&gone, &[]).code, 0);
    let silent = Rude::any(|_, _| std::thread::sleep(Duration::from_secs(20)));
    let sheet = Sheet::pairs(1, &silent.url, "");
    let begun = Instant::now();
    let plan = plan(&sheet, &[]);
    assert_eq!((plan.code, &*plan.err), (0, ""), "{plan}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// One of four is made, so that the batch knows what a second takes.
fn begun(credits: u64) -> (MockApi, Speeches, Sheet) {
    let (api, speeches) = (account(ListShape::Evolink, credits), Speeches::start());
    let sheet = speeches.batch(api.url(), "", &[5_000; 4]);
    measure(&sheet);
    assert_eq!(sheet.run_whole(&["--limit", "1"]).code, 4);
    (api, speeches, sheet)
}

#[test]
fn a_run_that_costs_more_than_is_left_asks_first() {
    let (api, _speeches, sheet) = begun(16);
    let refused = run(&sheet, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    let text = "3 creates would take about 15 credits, and the account has 11 credits left";
    assert!(refused.err.contains(text), "{refused}");
    assert!(
        refused.err.contains("--limit 2 to send") && refused.err.contains("--yes"),
        "{refused}"
    );
    let no = answered(&sheet.run_command(&[]), "n\n");
    assert!(no.out.contains("11 credits left. Go on? [y/N]"), "{no}");
    assert_eq!((no.code, api.book().creates_read), (2, 1));
    assert_eq!(run(&sheet, &["--limit", "1"]).code, 4, "two are affordable, one is sent");
    let yes = answered(&sheet.run_command(&[]), "y\n");
    assert_eq!((yes.code, api.book().entries.len()), (7, 3), "as much as it pays for: {yes}");
}

#[test]
fn who_said_yes_or_has_enough_is_not_asked() {
    let (api, _speeches, sheet) = begun(16);
    let before = asked(&api);
    assert_eq!(run(&sheet, &["--yes"]).code, 7);
    assert_eq!(asked(&api), before, "the answer would change nothing");
    let (api, _speeches, sheet) = begun(20);
    assert_eq!(run(&sheet, &[]).code, 0, "just enough");
    assert!(asked(&api) > 0);
}

#[test]
fn without_a_price_or_a_bill_a_run_asks_nobody() {
    let (api, speeches) = (account(ListShape::Evolink, 3), Speeches::start());
    let sheet = speeches.batch(api.url(), "", &[5_000; 2]);
    measure(&sheet);
    assert_eq!(run(&sheet, &[]).code, 7);
    assert_eq!(asked(&api), 0);
    // The price alone may be of another unit; a lower one is taken for no less.
    let dear = speeches.batch(api.url(), "price_per_second: 0.4", &[5_000; 2]);
    measure(&dear);
    let text =
        "2 creates would take about 4 by the manifest's price, and the account has 3 credits left";
    let no = answered(&dear.run_command(&[]), "n\n");
    assert!(no.code == 2 && no.out.contains(text), "{no}");
    // Nobody is there to be asked, and it may be another unit.
    let warned = run(&dear, &[]);
    assert!(warned.code == 7 && warned.err.contains(&format!("warning: {text}")), "{warned}");
}

#[test]
fn what_was_not_measured_may_be_as_long_as_it_can_be() {
    let (api, speeches) = (account(ListShape::Evolink, 40), Speeches::start());
    let sheet = speeches.batch(api.url(), "max_audio: 20s", &[5_000, 0, 0]);
    measure(&sheet);
    assert_eq!(sheet.run_whole(&["--limit", "1"]).code, 4);
    let plan = plan(&sheet, &[]);
    assert!(plan.out.contains("35 credits left, and this takes up to 40 credits"), "{plan}");
    let no = answered(&sheet.run_command(&[]), "n\n");
    assert_eq!((no.code, api.book().creates_read), (2, 1), "{no}");
    let warned = run(&sheet, &[]);
    assert_eq!((warned.code, api.book().creates_read), (0, 3), "they were shorter: {warned}");
    assert!(warned.err.contains("warning: 2 creates would take up to 40 credits"), "{warned}");
}
