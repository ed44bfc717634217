//! A service that is out of order: what it costs, however long it lasts and however many pairs
//! wait; and when creates go on.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::rude::{Rude, answer};
use crate::sheet::{Said, Sheet};
use crate::stops::until;

const NO_TASK: &str = r#"{"error":{"message":"no such task","code":"task_not_found"}}"#;
const DOWN: &str = "503 Service Unavailable";

/// Answers questions as the API does, and creates as a test says: with the number of the create.
fn service(create: impl Fn(usize, &str, &mut TcpStream) + Send + Sync + 'static) -> Rude {
    let creates = AtomicUsize::new(0);
    Rude::any(move |request, c| match request.starts_with("POST ") {
        true => create(creates.fetch_add(1, Ordering::SeqCst), request, c),
        false => answer(c, "404 Not Found", "", NO_TASK),
    })
}

fn task(n: usize, c: &mut TcpStream) {
    answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\",\"status\":\"pending\"}}"));
}

/// How many creates were read.
fn creates(server: &Rude) -> usize {
    server.requests().iter().filter(|request| request.starts_with("POST ")).count()
}

fn count(states: &BTreeMap<String, usize>, state: &str) -> usize {
    states.get(state).copied().unwrap_or(0)
}

fn events(sheet: &Sheet) -> usize {
    let events = std::fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    events.lines().count()
}

#[test]
fn a_service_that_answers_nothing_costs_no_more_than_what_was_under_way() {
    let server = Rude::start(|_, c| answer(c, DOWN, "", "<html>upstream is away</html>"));
    let sheet = Sheet::pairs(90, &server.url, "concurrency: 8");
    let said = sheet.run(&["--retry-for", "3s"]);
    assert_eq!(said.code, 5, "{said}");
    let states = sheet.states();
    assert!((3..=8).contains(&states["in_doubt"]), "{states:?}");
    assert_eq!(creates(&server), states["in_doubt"]);
    assert_eq!(states["planned"], 90 - states["in_doubt"]);
    for words in [&server.url, "is out of order", "503", "3s", "never sent again by itself"] {
        assert!(said.err.contains(words), "{words}: {said}");
    }
}

#[test]
fn one_that_is_there_and_takes_nothing_costs_three_more() {
    let server = service(|_, _, c| answer(c, DOWN, "", "{}"));
    let sheet = Sheet::pairs(90, &server.url, "concurrency: 4");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    let states = sheet.states();
    assert!((4..=7).contains(&states["in_doubt"]), "{states:?}");
    assert_eq!(creates(&server), states["in_doubt"]);
    assert!(said.err.contains("tried alone"), "{said}");
    // The ones that were tried alone stand in no neighbourhood of the first.
    let alone = sheet.rows().into_values().filter(|row| row["state"] == "in_doubt").count();
    assert!(alone <= 7);
}

#[test]
fn an_outage_in_the_middle_is_waited_for() {
    let down_since = Mutex::new(None::<Instant>);
    let is_down = move |made: usize| {
        let mut since = down_since.lock().unwrap();
        let since = match made < 10 {
            true => return false,
            false => since.get_or_insert_with(Instant::now),
        };
        since.elapsed() < Duration::from_secs(3)
    };
    let made = AtomicUsize::new(0);
    let server = Rude::any(move |request, c| {
        let create = request.starts_with("POST ");
        match is_down(made.load(Ordering::SeqCst)) {
            true => answer(c, DOWN, "", ""),
            false if create => task(made.fetch_add(1, Ordering::SeqCst), c),
            false => answer(c, "404 Not Found", "", NO_TASK),
        }
    });
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 4");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    let states = sheet.states();
    assert!((1..=5).contains(&states["in_doubt"]), "{states:?}");
    assert_eq!(states["created"], 60 - states["in_doubt"]);
    assert!(said.err.contains("creates wait until the service takes one again"), "{said}");
}

#[test]
fn a_page_that_is_not_the_apis_during_a_deploy_costs_nothing() {
    let begun = Instant::now();
    let server = Rude::any(move |request, c| {
        match (begun.elapsed() < Duration::from_secs(2), request.starts_with("POST ")) {
            (true, _) => answer(c, "404 Not Found", "", "<html>no such app</html>"),
            (_, true) => task(request.len() * 1000 + place(request), c),
            _ => answer(c, "404 Not Found", "", NO_TASK),
        }
    });
    let sheet = Sheet::pairs(30, &server.url, "concurrency: 4");
    let said = sheet.run(&[]);
    assert_eq!((said.code, sheet.states()["created"]), (0, 30), "{said}");
    assert!(creates(&server) < 30 + 12, "{} creates", creates(&server));
}

/// The number of the pair that a create is for.
fn place(request: &str) -> usize {
    let rest = request.split("example.com/").nth(1).unwrap();
    rest.split('.').next().unwrap().parse().unwrap()
}

#[test]
fn a_portal_is_not_the_api_and_the_words_say_so() {
    let server = Rude::start(|_, c| {
        answer(c, "302 Found", "location: https://portal.example/login\r\n", "please sign in");
    });
    let sheet = Sheet::pairs(30, &server.url, "concurrency: 4");
    let said = sheet.run(&["--retry-for", "2s"]);
    assert_eq!((said.code, sheet.states()["planned"]), (4, 30), "{said}");
    for words in [&server.url, "302", "not the API", "is the address right"] {
        assert!(said.err.contains(words), "{words}: {said}");
    }
    assert!(creates(&server) <= 6, "{} creates", creates(&server));
}

#[test]
fn while_nothing_listens_one_create_tries_and_not_all() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let sheet = Sheet::pairs(24, &format!("http://{address}"), "concurrency: 24");
    let said = sheet.run(&["--retry-for", "5s"]);
    assert_eq!((said.code, sheet.states()["planned"]), (4, 24), "{said}");
    assert!(said.err.contains("gave up after 5 s: cannot connect to 127.0.0.1:"), "{said}");
    // Those that were under way, and then one at a time.
    assert!(events(&sheet) <= 2 * 24 + 2 * 4, "{} events", events(&sheet));
}

#[test]
fn what_was_refused_before_it_was_passed_on_is_sent_again() {
    let refusal = r#"{"error":{"message":"no channel (distributor)","type":"new_api_error","code":"model_not_found"}}"#;
    let server = service(move |n, _, c| match n {
        0..4 => answer(c, DOWN, "", refusal),
        n => task(n, c),
    });
    let sheet = Sheet::pairs(12, &server.url, "concurrency: 2");
    let said = sheet.run(&[]);
    assert_eq!((said.code, sheet.states()["created"]), (0, 12), "{said}");
    assert_eq!(creates(&server), 16);
}

/// How long it took from the first create to the second.
fn waited(status: &'static str, header: &'static str) -> (Duration, Said) {
    let times = Arc::new(Mutex::new(Vec::new()));
    let log = times.clone();
    let server = service(move |n, _, c| {
        log.lock().unwrap().push(Instant::now());
        match n {
            0 => answer(c, status, header, ""),
            n => task(n, c),
        }
    });
    let sheet = Sheet::pairs(3, &server.url, "concurrency: 1");
    let said = sheet.run(&["--retry-for", "2s"]);
    let times = times.lock().unwrap();
    assert!(times.len() > 1, "{said}");
    (times[1] - times[0], said)
}

#[test]
fn a_wait_that_is_asked_for_with_a_doubt_is_kept_to_and_is_no_time_of_trying() {
    let (time, said) = waited(DOWN, "retry-after: 3.5\r\n");
    assert!(time >= Duration::from_millis(3500) && said.code == 5, "{time:?} {said}");
    let (time, said) = waited("429 Too Many Requests", "retry-after: 2.5\r\n");
    assert!(time >= Duration::from_millis(2500) && said.code == 0, "{time:?} {said}");
}

#[test]
fn more_than_an_hour_is_not_waited_for() {
    let server = service(|_, _, c| answer(c, DOWN, "retry-after: 7200\r\n", ""));
    let sheet = Sheet::pairs(9, &server.url, "concurrency: 1");
    let said = sheet.run(&[]);
    assert_eq!((said.code, creates(&server)), (5, 1), "{said}");
    assert!(said.err.contains("wants no creates for 2h, until 20"), "{said}");
    let server = service(|_, _, c| {
        answer(c, "429 Too Many Requests", "retry-after: 3601\r\n", "");
    });
    let sheet = Sheet::pairs(9, &server.url, "concurrency: 1");
    let said = sheet.run(&[]);
    assert_eq!((said.code, creates(&server)), (4, 1), "{said}");
    let one = r#"{"error":{"message":"too large","code":"image_too_large"}}"#;
    let server = service(move |n, _, c| match n {
        0 => answer(c, "400 Bad Request", "retry-after: 7200\r\n", one),
        n => task(n, c),
    });
    let sheet = Sheet::pairs(9, &server.url, "concurrency: 1");
    assert_eq!(sheet.run(&[]).code, 3, "what is about one pair holds nobody up");
}

/// Pairs with these portraits and a recording each.
fn portraits(portraits: &[&str], url: &str, settings: &str) -> Sheet {
    let mut yaml = format!("version: 1\nendpoint: {url}\n{settings}\npairs:\n");
    for (n, portrait) in portraits.iter().enumerate() {
        yaml.push_str(&format!(
            "  - {{id: pair-{n}, image: 'https://example.com/{portrait}.jpg', \
             audio: 'https://example.com/{n}.mp3'}}\n"
        ));
    }
    Sheet::new(&yaml)
}

#[test]
fn the_pairs_of_a_poison_portrait_go_last_and_one_at_a_time() {
    let server = service(|n, request, c| match request.contains("poison") {
        true => answer(c, "502 Bad Gateway", "", ""),
        false => task(n, c),
    });
    let mut names = vec!["poison"; 5];
    names.extend(["a", "b", "c", "d", "e", "f", "g", "h"]);
    let sheet = portraits(&names, &server.url, "concurrency: 2");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    assert_eq!(sheet.states()["created"], 8, "{said}");
    let requests = server.requests();
    let sent: Vec<_> = requests.iter().filter(|request| request.starts_with("POST ")).collect();
    let well = sent.iter().rposition(|request| !request.contains("poison")).unwrap();
    let before = sent[..well].iter().filter(|request| request.contains("poison")).count();
    assert_eq!(before, 2, "before the last good one: {sent:?}");
}

/// A refusal in the API's JSON.
fn refuse(c: &mut TcpStream) {
    let body = r#"{"error":{"message":"no such resolution","code":"bad_resolution"}}"#;
    answer(c, "400 Bad Request", "", body);
}

#[test]
fn ten_refused_alike_are_one_mistake() {
    let server = service(|_, _, c| refuse(c));
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 4");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 4, "{said}");
    assert!((10..14).contains(&creates(&server)), "{} creates", creates(&server));
    for words in ["10 pairs in a row", "bad_resolution: no such resolution", "--retry-rejected"] {
        assert!(said.err.contains(words), "{words}: {said}");
    }
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 4");
    let said = sheet.run(&["--keep-going"]);
    assert_eq!((said.code, sheet.states()["rejected"]), (3, 60), "{said}");
}

#[test]
fn ten_refused_with_one_portrait_are_the_portraits_where_another_is_accepted() {
    let server = service(|n, request, c| match request.contains("faceless") {
        true => refuse(c),
        false => task(n, c),
    });
    let mut names = vec!["faceless"; 25];
    names.extend(["a", "b", "c", "d"]);
    let sheet = portraits(&names, &server.url, "concurrency: 2");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 3, "{said}");
    let states = sheet.states();
    assert_eq!((states["created"], states["rejected"]), (4, 25), "{said}");
    // Where all have it, none can tell.
    let sheet = portraits(&["faceless"; 30], &server.url, "concurrency: 2");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 4, "{said}");
    assert!(count(&sheet.states(), "rejected") < 14, "{said}");
}

#[test]
fn doubts_are_never_more_than_they_may_be() {
    // Each second one is lost.
    let server = service(|n, _, c| match n % 2 {
        0 => answer(c, "502 Bad Gateway", "", ""),
        _ => task(n, c),
    });
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 4");
    let said = sheet.run(&["--max-doubts", "2"]);
    assert_eq!((said.code, sheet.states()["in_doubt"]), (5, 2), "{said}");
    assert!(said.err.contains("2 creates of this run ended in doubt"), "{said}");
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 4\nmax_doubts: 1");
    let said = sheet.run(&[]);
    assert_eq!((said.code, sheet.states()["in_doubt"]), (5, 1), "{said}");
}

#[test]
fn a_run_after_an_outage_asks_before_it_sends() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let server = Rude::any(move |request, c| {
        match (is_up.load(Ordering::SeqCst), request.starts_with("POST ")) {
            (false, _) => answer(c, DOWN, "", ""),
            (true, true) => task(place(request), c),
            (true, false) => answer(c, "404 Not Found", "", NO_TASK),
        }
    });
    let sheet = Sheet::pairs(12, &server.url, "concurrency: 3");
    assert_eq!(sheet.run(&["--retry-for", "1s"]).code, 5);
    let sent = creates(&server);
    let said = sheet.run(&["--retry-for", "1s"]);
    assert_eq!((said.code, creates(&server)), (5, sent), "sent without asking: {said}");
    up.store(true, Ordering::SeqCst);
    let before = server.read();
    let said = sheet.run(&[]);
    assert_eq!((said.code, sheet.states()["created"]), (5, 12 - sent), "{said}");
    assert!(server.requests()[before].starts_with("GET "), "it asked first");
}

#[test]
fn a_run_that_was_killed_in_an_outage_is_followed_by_one_that_asks() {
    let up = Arc::new(AtomicBool::new(false));
    let is_up = Arc::clone(&up);
    let server = Rude::any(move |request, c| {
        match (is_up.load(Ordering::SeqCst), request.starts_with("POST ")) {
            (false, _) => sleep(Duration::from_secs(5)),
            (true, true) => task(place(request), c),
            (true, false) => answer(c, "404 Not Found", "", NO_TASK),
        }
    });
    let sheet = Sheet::pairs(12, &server.url, "concurrency: 3");
    let mut run = sheet.start(&[]);
    until("three creates", || creates(&server) == 3);
    run.kill().unwrap();
    run.wait();
    let said = sheet.run(&["--retry-for", "1s", "--wait-for", "1s"]);
    assert_eq!((said.code, creates(&server)), (5, 3), "sent without asking: {said}");
    up.store(true, Ordering::SeqCst);
    let said = sheet.run(&[]);
    assert_eq!((said.code, sheet.states()["created"]), (5, 9), "{said}");
}

#[test]
fn one_task_for_all_is_no_api() {
    let server = service(|_, _, c| answer(c, "200 OK", "", r#"{"id":"task-example"}"#));
    let sheet = Sheet::pairs(30, &server.url, "concurrency: 2");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    let states = sheet.states();
    assert_eq!(states["created"], 1, "{said}");
    assert!((3..=4).contains(&states["in_doubt"]), "{states:?}");
    assert!(said.err.contains("names one task for different requests"), "{said}");
}

#[test]
fn questions_that_fail_hold_no_create_up() {
    let creates = AtomicUsize::new(0);
    let server = Rude::any(move |request, c| match request.starts_with("POST ") {
        true => task(creates.fetch_add(1, Ordering::SeqCst), c),
        false => answer(c, "502 Bad Gateway", "retry-after: 60\r\n", ""),
    });
    let sheet = Sheet::pairs(60, &server.url, "concurrency: 2\nrate: 40/s");
    let said = sheet.run_whole(&["--wait-for", "4s"]);
    assert_eq!((said.code, sheet.states()["created"]), (4, 60), "{said}");
}
