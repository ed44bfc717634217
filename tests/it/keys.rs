//! Idempotency keys: doubts that settle themselves where the service honours them, and cost one create
//! at most where it does not.

mod price;
mod turns;

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use callsheet_mock::{Dialect, Fault, Latency, Rule, Scenario, Span, Work};

use crate::rude::{Rude, answer};
use crate::sheet::{Said, Sheet, fake};
use crate::stops::{signal, until};

const ON: &str = "idempotency: true";

/// Pairs as the fake's EvoLink takes them.
fn evolink(count: usize, url: &str, settings: &str) -> Sheet {
    let mut yaml = format!("version: 1\nendpoint: {url}\n{settings}\npairs:\n");
    for n in 0..count {
        yaml.push_str(&format!(
            "  - {{id: pair-{n}, image: 'https://example.com/{n}.jpg', \
             audio: 'https://example.com/{n}.mp3', \
             extra: {{image_urls: ['https://example.com/{n}.jpg']}}}}\n"
        ));
    }
    Sheet::new(&yaml)
}

/// A bad line to a service that honours keys.
fn lossy() -> Scenario {
    let faults = [
        Fault::ResetAfterAccept,
        Fault::CloseAfterAccept,
        Fault::TruncatedAfterAccept,
        Fault::Status502AfterAccept,
    ];
    let faults = faults.map(|fault| Rule::new(fault).share(0.08)).to_vec();
    Scenario { dialect: Dialect::Evolink, seed: 3, faults, ..Scenario::default() }
}

/// The key of a request, if it has one under this header.
fn key_of(request: &str, header: &str) -> Option<String> {
    let head = request.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut keys = lines.filter(|(name, _)| name.eq_ignore_ascii_case(header));
    keys.next().map(|(_, key)| key.to_owned())
}

/// The key and the body of a create.
type Create = (Option<String>, String);

/// A service that books each create, whatever its key, unless it honours keys. Loses the first answer
/// of each pair that `loses` says.
struct Service {
    rude: Rude,
    /// Those that were read, in order.
    seen: Arc<Mutex<Vec<Create>>>,
}

/// What a service does with a create: its number, how often its key was seen before, and the body.
type Manners = dyn Fn((usize, usize), &str, &mut TcpStream) + Send + Sync;

impl Service {
    fn start(manners: Box<Manners>) -> Self {
        let seen = Arc::<Mutex<Vec<Create>>>::default();
        let log = Arc::clone(&seen);
        let rude = Rude::any(move |request, c| {
            if !request.starts_with("POST ") {
                let no_task = r#"{"error":{"message":"no such task","code":"task_not_exist"}}"#;
                return answer(c, "404 Not Found", "", no_task);
            }
            let key = key_of(request, "idempotency-key");
            let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
            let mut seen = log.lock().unwrap();
            let before = seen.iter().filter(|(of, _)| key.is_some() && *of == key).count();
            seen.push((key, body.clone()));
            let number = seen.len();
            drop(seen);
            manners((number, before), &body, c);
        });
        Self { rude, seen }
    }

    fn creates(&self) -> Vec<Create> {
        self.seen.lock().unwrap().clone()
    }

    /// How often each key was seen that was seen more than once.
    fn repeated(&self) -> Vec<usize> {
        let mut keys = BTreeMap::<String, usize>::new();
        for (key, _) in self.creates() {
            *keys.entry(key.unwrap()).or_default() += 1;
        }
        keys.into_values().filter(|times| *times > 1).collect()
    }
}

fn task(n: usize, c: &mut TcpStream) {
    answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\",\"status\":\"pending\"}}"));
}

/// The task of a pair, whoever asks for it how often.
fn task_of(body: &str, c: &mut TcpStream) {
    let n = body.split(".jpg").next().and_then(|body| body.rsplit('/').next()).unwrap();
    task(n.parse().unwrap(), c);
}

fn is_pair(body: &str, n: usize) -> bool {
    body.contains(&format!("/{n}.jpg"))
}

/// Honours keys; loses the first answer about the pairs with these numbers.
fn honest(loses: &'static [usize]) -> Service {
    Service::start(Box::new(move |(_, before), body, c| {
        let lost = before == 0 && loses.iter().any(|n| is_pair(body, *n));
        if !lost {
            task_of(body, c);
        }
    }))
}

/// Books every create anew; loses as [`honest`] does.
fn forgetful(loses: &'static [usize]) -> Service {
    Service::start(Box::new(move |(number, before), body, c| {
        let lost = before == 0 && loses.iter().any(|n| is_pair(body, *n));
        if !lost {
            task(100 + number, c);
        }
    }))
}

#[test]
fn lost_answers_leave_no_doubt_and_nothing_is_booked_twice() {
    let api = fake(Scenario { work: Work::AtOnce, ..lossy() });
    let sheet = evolink(40, api.url(), &format!("{ON}\nmax_doubts: 8\nin_flight: 6"));
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 0, "{said}");
    let book = api.book();
    let lost = book.entries.iter().filter(|entry| entry.fault.is_some()).count();
    // More than the run may leave in doubt.
    assert!(lost > 10, "only {lost} answers were lost");
    assert_eq!((book.entries.len(), book.duplicates().len()), (40, 0));
    assert_eq!(sheet.states()["saved"], 40);
    for entry in &book.entries {
        let image = entry.request_json()["image_url"].clone();
        let rows = sheet.rows();
        let row = rows.values().find(|row| row["image_url"] == image.as_str().unwrap()).unwrap();
        assert_eq!(row["task_id"], entry.task.to_string());
    }
}

#[test]
fn runs_that_are_killed_leave_no_doubt_and_nothing_is_booked_twice() {
    let latency = Latency::Uniform(Span::millis(5), Span::millis(60));
    let api = fake(Scenario { latency, ..lossy() });
    let sheet = evolink(50, api.url(), &format!("{ON}\nconcurrency: 6"));
    for kill in 1..=6 {
        let mut run = sheet.start(&["-q"]);
        until("some creates", || api.book().creates_read >= 7 * kill || run_ended(&sheet));
        sleep(Duration::from_millis(3 * (kill % 4)));
        signal(&run, "-KILL");
        run.wait();
    }
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!((api.book().entries.len(), api.book().duplicates().len()), (50, 0), "{said}");
    assert_eq!(sheet.states()["created"], 50);
}

fn run_ended(sheet: &Sheet) -> bool {
    sheet.run_folder().join("tasks.csv").exists()
}

#[test]
fn a_service_that_ignores_keys_costs_one_create_and_nothing_is_sent_again() {
    let service = forgetful(&[1, 3]);
    let sheet = Sheet::pairs(6, &service.rude.url, &format!("{ON}\nconcurrency: 2"));
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    assert_eq!(service.creates().len(), 7, "six and the one to find out");
    assert_eq!(service.repeated(), [2]);
    assert!(said.err.contains("does not honour idempotency keys"), "{said}");
    let again = sheet.run(&[]);
    assert_eq!((again.code, service.creates().len()), (5, 7), "{again}");
    let status = sheet.call("status", &["--json"]).json();
    let other = &status["idempotency"]["other_tasks"][0];
    let (task, more) = (&other["task_id"], &other["other_task_id"]);
    let rows = sheet.rows();
    assert_eq!(rows[other["id"].as_str().unwrap()]["task_id"], task.as_str().unwrap());
    assert!(more.as_str().is_some_and(|more| more.starts_with("t10")) && more != task, "{status}");
    assert_eq!(status["idempotency"]["honoured"], false);
    let told: Said = sheet.call("status", &[]);
    for words in [more.as_str().unwrap(), "2 of them are never sent again by themselves"] {
        assert!(told.out.contains(words), "{words}: {told}");
    }
}

#[test]
fn every_create_has_a_key_of_its_own_and_nothing_else_has_one() {
    let service = honest(&[2]);
    let sheet = Sheet::pairs(5, &service.rude.url, ON);
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    let creates = service.creates();
    assert_eq!(creates.len(), 7, "five, the trial and the doubt");
    let mut bodies = BTreeMap::new();
    for (key, body) in creates {
        let key = key.unwrap();
        let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        assert!(plain && (16..=96).contains(&key.len()), "{key}");
        let first = bodies.entry(key).or_insert_with(|| body.clone());
        assert_eq!(*first, body, "the same key and another body");
    }
    assert_eq!(bodies.len(), 5);
    let others = service.rude.requests();
    let others = others.iter().filter(|request| !request.starts_with("POST "));
    assert!(others.clone().all(|request| key_of(request, "idempotency-key").is_none()));
}

/// One pair that is created and one in doubt that has a key, at a service that honours keys; none of
/// it was sent again.
fn one_doubt(service: &Service) -> Sheet {
    let sheet = Sheet::pairs(2, &service.rude.url, &format!("{ON}\nconcurrency: 1"));
    let mut run = sheet.start(&["-q"]);
    until("both creates", || service.creates().len() == 2);
    signal(&run, "-KILL");
    run.wait();
    sheet
}

/// Never answers the first create of pair-1, and honours keys.
fn hanging() -> Service {
    Service::start(Box::new(|(_, before), body, c| {
        if is_pair(body, 1) && before == 0 {
            sleep(Duration::from_secs(5));
        } else {
            task_of(body, c);
        }
    }))
}

fn rewrite(sheet: &Sheet, from: &str, to: &str) {
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    assert!(yaml.contains(from), "{yaml}");
    std::fs::write(&sheet.manifest, yaml.replace(from, to)).unwrap();
}

#[test]
fn a_key_that_the_manifest_no_longer_asks_for_is_not_used() {
    let service = hanging();
    let sheet = one_doubt(&service);
    for (from, to) in [
        ("idempotency: true", "idempotency: false"),
        ("idempotency: false", "idempotency: X-Request-Key"),
        ("idempotency: X-Request-Key", "idempotency: {window: 15m, header: Other}"),
    ] {
        rewrite(&sheet, from, to);
        let said = sheet.run(&[]);
        assert_eq!((said.code, service.creates().len()), (5, 2), "{to}: {said}");
        assert!(!said.err.contains("sends 1 of them again"), "{to}: {said}");
    }
    rewrite(&sheet, "{window: 15m, header: Other}", "idempotency-key");
    let said = sheet.run(&[]);
    assert_eq!((said.code, service.creates().len()), (0, 4), "{said}");
    assert_eq!(sheet.rows()["pair-1"]["task_id"], "t1");
}

/// Nobody knows whether it was paid for, so who leaves it out does not pay for it now.
#[test]
fn a_doubt_that_is_left_out_is_not_sent_again() {
    let service = hanging();
    let sheet = one_doubt(&service);
    let said = sheet.run(&["--except", "pair-1"]);
    assert_eq!((said.code, service.creates().len()), (5, 2), "{said}");
    assert_eq!(sheet.run(&["--only", "pair-1"]).code, 0);
    assert_eq!((sheet.rows()["pair-1"]["task_id"].as_str(), service.creates().len()), ("t1", 4));
}

#[test]
fn a_doubt_that_went_out_without_a_key_stays_one() {
    let service = hanging();
    let sheet = Sheet::pairs(3, &service.rude.url, "concurrency: 1");
    let mut run = sheet.start(&["-q"]);
    until("two creates", || service.creates().len() == 2);
    signal(&run, "-KILL");
    run.wait();
    rewrite(&sheet, "concurrency: 1", ON);
    let said = sheet.run(&[]);
    assert_eq!((said.code, service.creates().len()), (5, 3), "{said}");
    assert_eq!(service.creates().iter().filter(|(key, _)| key.is_some()).count(), 1);
    assert_eq!(sheet.rows()["pair-1"]["state"], "in_doubt");
}

#[test]
fn without_an_accepted_create_doubts_wait_for_one() {
    let service = honest(&[0]);
    let sheet = Sheet::pairs(1, &service.rude.url, ON);
    let said = sheet.run(&[]);
    assert_eq!((said.code, service.creates().len()), (5, 1), "{said}");
    for words in ["sends 1 of them again by itself", "But first a create has to be accepted"] {
        assert!(said.err.contains(words), "{words}: {said}");
    }
    let more =
        "  - {id: more, image: 'https://example.com/7.jpg', audio: 'https://example.com/7.mp3'}";
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, format!("{yaml}{more}\n")).unwrap();
    let plan = sheet.call("plan", &[]);
    assert!(plan.out.contains("sends 1 of them again by itself"), "{plan}");
    let said = sheet.run(&[]);
    assert_eq!((said.code, service.creates().len()), (0, 4), "{said}");
    assert_eq!(sheet.rows()["pair-0"]["task_id"], "t0");
}

#[test]
fn a_conflict_ends_it_and_what_is_not_finished_is_asked_again() {
    let service = Service::start(Box::new(|(_, before), body, c| {
        let error =
            |code: &str| format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"no\"}}}}");
        match before {
            0 if is_pair(body, 0) => task(0, c),
            0 => {}
            1 if is_pair(body, 1) => {
                answer(c, "400 Bad Request", "", &error("idempotency_conflict"))
            }
            1 | 2 if is_pair(body, 2) => {
                answer(c, "409 Conflict", "", &error("paid_outcome_unknown"));
            }
            _ => task_of(body, c),
        }
    }));
    let sheet = Sheet::pairs(3, &service.rude.url, &format!("{ON}\nconcurrency: 3"));
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    let rows = sheet.rows();
    assert_eq!(rows["pair-1"]["state"], "in_doubt");
    assert_eq!(rows["pair-1"]["error_code"], "idempotency_conflict");
    assert_eq!(rows["pair-2"]["task_id"], "t2", "{said}");
    let creates = service.creates().len();
    assert_eq!(creates, 3 + 1 + 1 + 3);
    assert_eq!((sheet.run(&[]).code, service.creates().len()), (5, creates));
}

#[test]
fn a_refusal_of_what_is_sent_again_proves_nothing() {
    let service = Service::start(Box::new(|(_, before), body, c| match before {
        0 if is_pair(body, 1) => {}
        1 if is_pair(body, 1) => {
            let refused = r#"{"error":{"code":"invalid_audio_url","message":"link has expired"}}"#;
            answer(c, "422 Unprocessable Entity", "", refused);
        }
        _ => task_of(body, c),
    }));
    let sheet = Sheet::pairs(2, &service.rude.url, ON);
    let said = sheet.run(&[]);
    assert_eq!(said.code, 5, "{said}");
    let row = &sheet.rows()["pair-1"];
    assert_eq!(row["state"], "in_doubt");
    assert_eq!(row["error"], "sent again under its key, it was refused: link has expired");
    let creates = service.creates().len();
    assert_eq!(creates, 4, "not tried over and over");
    assert_eq!((sheet.run(&[]).code, sheet.rows()["pair-1"]["task_id"].as_str()), (0, "t1"));
}

#[test]
fn in_an_outage_the_one_create_that_is_tried_is_a_doubts() {
    // Accepts one and replays it; then all are lost, until a key comes for the second time.
    let replayed = Arc::new(Mutex::new(false));
    let service = Service::start(Box::new(move |(_, before), body, c| {
        let mut replayed = replayed.lock().unwrap();
        *replayed |= before > 0 && !is_pair(body, 0) && !is_pair(body, 1);
        if is_pair(body, 0) || (is_pair(body, 1) && before > 0) || *replayed {
            drop(replayed);
            task_of(body, c);
        }
    }));
    let sheet = Sheet::pairs(2, &service.rude.url, ON);
    assert_eq!(sheet.run(&[]).code, 0, "the service is known to replay");
    let mut yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    for n in 2..20 {
        let pair = format!("image: 'https://e.com/{n}.jpg', audio: 'https://e.com/{n}.mp3'");
        yaml.push_str(&format!("  - {{id: pair-{n}, {pair}}}\n"));
    }
    std::fs::write(&sheet.manifest, yaml.replace(ON, "idempotency: true\nconcurrency: 3")).unwrap();
    let before = service.creates().len();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    let creates = service.creates().split_off(before);
    assert!(is_pair(&creates[3].1, 2), "not the oldest doubt: {creates:?}");
    assert!(creates[..3].contains(&creates[3]), "not as it was: {creates:?}");
    assert_eq!(service.repeated().iter().sum::<usize>(), service.repeated().len() * 2);
}
