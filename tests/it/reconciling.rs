//! Doubts by the hundred, settled from the account's own list.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use callsheet_mock::{Fault, Latency, ListShape, Listing, MockApi, Rule, Scenario, Span, Work};

use crate::child::{Running, said};
use crate::doubt_sheets::lossy_day;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake};

fn listing(shape: ListShape) -> Listing {
    Listing { shape, ..Listing::default() }
}

/// A day on which a third of the answers is lost, some after the create was accepted. All are under
/// way before the first answer, or this could be an outage.
fn lossy(list: Listing) -> Scenario {
    let faults = vec![
        Rule::new(Fault::Status502AfterAccept).share(0.2),
        Rule::new(Fault::ResetAfterAccept).share(0.1),
    ];
    let latency = Latency::Fixed(Span::millis(500));
    Scenario { faults, list, latency, work: Work::AtOnce, ..Scenario::default() }
}

/// Pairs of which some are in doubt.
fn doubtful(scenario: Scenario, pairs: usize) -> (MockApi, Sheet) {
    let api = fake(scenario);
    let sheet = Sheet::pairs(pairs, api.url(), "concurrency: 120\nmax_doubts: 1000");
    let run = sheet.run(&[]);
    assert_eq!(run.code, 5, "{run}");
    (api, sheet)
}

fn reconcile(sheet: &Sheet, options: &[&str]) -> Said {
    let fast = ["--request-timeout", "1s", "--again-after", "1s", "--poll-interval", "100ms"];
    let mut command = sheet.command("reconcile", &[&fast, options].concat());
    said(command.env("CALLSHEET_API_KEY", KEY))
}

#[test]
fn a_list_with_inputs_settles_them_all_and_nothing_is_paid_twice() {
    let list = Listing { inputs: true, strangers: 0.3, ..listing(ListShape::Evolink) };
    let (api, sheet) = doubtful(lossy(list), 120);
    let doubts = sheet.states()["in_doubt"];
    assert!(doubts > 20, "{doubts}");
    let unconfirmed = reconcile(&sheet, &[]);
    assert_eq!((unconfirmed.code, sheet.states()["in_doubt"]), (5, doubts), "{unconfirmed}");
    assert!(unconfirmed.err.contains("give --yes"), "{unconfirmed}");
    let settled = reconcile(&sheet, &["--yes"]);
    assert_eq!(settled.code, 0, "{settled}");
    assert!(settled.out.contains(&format!("{doubts} tasks adopted")), "{settled}");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    assert_eq!((sheet.states()["saved"], api.book().entries.len()), (120, 120));
    let by_task = |row: &std::collections::BTreeMap<String, String>| {
        let entry = api.book().entries.into_iter().find(|e| e.task.to_string() == row["task_id"]);
        entry.unwrap().request_json()["image_url"].as_str().unwrap().to_owned()
    };
    assert!(sheet.rows().values().all(|row| by_task(row) == row["image_url"]), "mixed up");
    let none = reconcile(&sheet, &[]);
    assert_eq!((none.code, none.out.trim()), (0, "no pair is in doubt"));
}

#[test]
fn two_hundred_doubts_of_a_lossy_day_are_found_in_the_accounts_list() {
    let list = Listing { inputs: true, ..listing(ListShape::Evolink) };
    let (api, sheet) = lossy_day(list);
    let doubts = sheet.states()["in_doubt"];
    assert!(doubts >= 200, "{doubts}");
    let found = reconcile(&sheet, &["--yes", "--json"]);
    let left = sheet.states()["in_doubt"];
    let json = found.json();
    assert_eq!(
        (found.code, json["adopted"].as_u64()),
        (5, Some((doubts - left) as u64)),
        "{found}"
    );
    // What is left is in no list that was complete, so it was never made.
    assert_eq!(json["without"].as_array().map(Vec::len), Some(left));
    assert_eq!(json["list_complete"], true, "{found}");
    let said = sheet.call("resolve", &["--all", "--abandon"]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let (states, book) = (sheet.states(), api.book());
    assert_eq!(states["abandoned"], left);
    assert_eq!(book.entries.len(), states["saved"], "the abandoned were never made");
    assert_eq!(states["saved"] + left, sheet.rows().len());
    assert!(book.duplicates().is_empty());
}

#[test]
fn a_log_that_names_the_request_is_enough() {
    let server = Rude::any(|request, c| match request {
        request if request.starts_with("GET /api/log/token ") => {
            assert!(request.contains(&format!("authorization: Bearer {KEY}")));
            let row = |n: usize, task: &str| {
                format!(r#"{{"id":{n},"request_id":"r-{n}","other":"{{\"task_id\":\"{task}\"}}"}}"#)
            };
            let rows = [
                row(0, "t-0"),
                row(7, "t-7"),
                r#"{"id":9,"request_id":"r-1"}"#.into(),
                row(1, "t-1"),
            ];
            let body = format!(r#"{{"success":true,"data":[{}]}}"#, rows.join(","));
            answer(c, "200 OK", "", &body);
        }
        request if request.starts_with("GET ") => answer(c, "404 Not Found", "", "{}"),
        request if request.contains("/0.jpg") => {
            answer(c, "502 Bad Gateway", "X-Oneapi-Request-Id: r-0\r\n", "oops");
        }
        _ => answer(
            c,
            "500 Oops",
            "",
            r#"{"code":"do_request_failed","message":"no (request id: r-1)"}"#,
        ),
    });
    let sheet = Sheet::pairs(2, &server.url, "");
    assert_eq!(sheet.run(&[]).code, 5);
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!(found.code, 0, "{found}");
    assert!(found.err.contains("the list names the request"), "{found}");
    let rows = sheet.rows();
    assert_eq!((&*rows["pair-0"]["task_id"], &*rows["pair-1"]["task_id"]), ("t-0", "t-1"));
    let asked = server.requests();
    let asked: Vec<_> = asked.iter().filter(|request| request.starts_with("GET ")).collect();
    assert_eq!(asked.len(), 1, "relays answer twenty times in twenty minutes: {asked:?}");
}

#[test]
#[cfg(unix)]
fn who_stops_it_has_changed_nothing() {
    let list = Listing { inputs: true, ..listing(ListShape::Evolink) };
    let (_api, sheet) = doubtful(lossy(list), 12);
    let doubts = sheet.states()["in_doubt"];
    let options = ["--request-timeout", "1s", "--again-after", "1m", "--yes"];
    let mut command = sheet.command("reconcile", &options);
    command.env("CALLSHEET_API_KEY", KEY).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = Running::start(&mut command).within(Duration::from_secs(20));
    std::thread::sleep(Duration::from_secs(2));
    let stop = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(stop.unwrap().success());
    let stopped = child.said();
    assert!(stopped.err.contains("are read again in"), "it was too early: {stopped}");
    assert_eq!((stopped.code, sheet.states()["in_doubt"]), (-1, doubts), "{stopped}");
    assert_eq!(reconcile(&sheet, &["--yes"]).code, 0, "nothing is held");
}

#[test]
fn a_complete_list_without_them_proves_that_nothing_was_made() {
    let faults = vec![Rule::new(Fault::Status502).matching("*/1.jpg*")];
    let scenario = Scenario { faults, list: listing(ListShape::Relay), ..Scenario::default() };
    let (_api, sheet) = doubtful(scenario, 3);
    let fast = ["--request-timeout", "1s", "--again-after", "1s", "--user-id", "7"];
    let mut command = sheet.command("reconcile", &fast);
    let found = said(command.env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_ACCESS_TOKEN", KEY));
    assert_eq!(found.code, 5, "{found}");
    assert!(found.err.contains("nothing was made"), "{found}");
    assert!(found.err.contains("callsheet resolve batch.yaml pair-1 --resend"), "{found}");
    let mut command = sheet.command("reconcile", &fast[..4]);
    let whose = said(command.env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_ACCESS_TOKEN", KEY));
    assert_eq!(whose.code, 2, "{whose}");
    let mut command = sheet.command("reconcile", &fast);
    let bad = said(command.env("CALLSHEET_API_KEY", KEY).env("CALLSHEET_ACCESS_TOKEN", "other"));
    assert_eq!(bad.code, 1, "{bad}");
    assert!(bad.err.contains("access token"), "{bad}");
}

#[test]
fn a_list_that_grows_while_it_is_read_proves_nothing() {
    let late = Span::millis(1500);
    let list = Listing { late, inputs: true, ..listing(ListShape::Evolink) };
    let (_api, sheet) = doubtful(lossy(list), 40);
    let found = reconcile(&sheet, &["--json"]);
    assert_eq!(found.code, 5, "{found}");
    assert_eq!(found.json()["list_complete"], false, "{found}");
}

#[test]
fn a_service_without_a_list_says_what_else_can_be_done() {
    let (api, sheet) = doubtful(lossy(Listing::default()), 12);
    let found = reconcile(&sheet, &[]);
    assert_eq!(found.code, 1, "{found}");
    assert!(found.err.contains("--from FILE"), "{found}");
    // As the dashboard exports it.
    let mut export = "Task ID;Created At;image_url;audio_url\r\n".to_owned();
    for entry in api.book().entries {
        let request = entry.request_json();
        let url = |name: &str| request[name].as_str().unwrap().to_owned();
        let seconds = entry.unix_millis / 1000;
        let (image, audio) = (url("image_url"), url("audio_url"));
        export.push_str(&format!("{};{seconds};{image};{audio}\r\n", entry.task));
    }
    fs::write(sheet.folder().join("export.csv"), export).unwrap();
    let found = reconcile(&sheet, &["--from", "export.csv", "--yes"]);
    assert_eq!((found.code, sheet.states()["created"]), (0, 12), "{found}");
}

/// Words and pauses by chance, as a WAV of 8 bits.
fn speech(seed: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(seed as u64);
    let mut samples = Vec::<u8>::new();
    while samples.len() < 48_000 {
        let (word, pause) = (random.usize(800..4000), random.usize(200..3000));
        samples
            .extend((0..word).map(|n| 128 + ((n % 16) * (n * (word - n) * 4 / word / word)) as u8));
        samples.extend(std::iter::repeat_n(128, pause));
    }
    samples.truncate(48_000);
    let size = 48_000_u32.to_le_bytes();
    let format = b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data";
    [b"RIFF", &48_036_u32.to_le_bytes()[..], format, &size, &samples].concat()
}

/// Accepts every create and loses every answer; lists what it made without saying of what.
fn deaf() -> Rude {
    let made = Mutex::new(Vec::<String>::new());
    Rude::any(move |request, connection| {
        let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = connection.local_addr().unwrap();
        // Where it forgets files as soon as their task was made.
        if path.contains("/upload/") {
            let body = format!("{{\"id\":\"f\",\"url\":\"http://{host}/gone/0.wav\"}}");
            return answer(connection, "200 OK", "", &body);
        }
        if path.starts_with("/gone/") {
            return answer(connection, "404 Not Found", "", "gone");
        }
        if request.starts_with("POST") {
            let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let audio = body["audio_url"].as_str().unwrap();
            let number = audio.rsplit('/').next().unwrap().replace(".wav", "");
            made.lock().unwrap().push(number);
            return answer(connection, "502 Bad Gateway", "", "oops");
        }
        if let Some(number) = path.strip_prefix("/v1/tasks/t") {
            let body = format!(
                "{{\"id\":\"t{number}\",\"status\":\"completed\",\
                 \"results\":[{{\"url\":\"http://{host}/speech/{number}.wav\"}}]}}"
            );
            return answer(connection, "200 OK", "", &body);
        }
        if path.starts_with("/v1/tasks?") {
            let now = jiff::Timestamp::now().as_second();
            let made = made.lock().unwrap();
            // A stranger's beside them.
            let numbers = made.iter().cloned().chain(["99".to_owned()]);
            let rows: Vec<_> = numbers
                .map(|n| {
                    format!("{{\"id\":\"t{n}\",\"created_at\":{now},\"status\":\"completed\"}}")
                })
                .collect();
            let total = rows.len();
            let body = match path.contains("page=1&") {
                true => format!("{{\"data\":[{}],\"total\":{total}}}", rows.join(",")),
                false => format!("{{\"data\":[],\"total\":{total}}}"),
            };
            return answer(connection, "200 OK", "", &body);
        }
        let name = path.rsplit('/').next().unwrap().replace(".wav", "");
        let bytes = speech(name.parse().unwrap());
        use std::io::Write;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", bytes.len());
        let _ = connection.write_all(head.as_bytes());
        let _ = connection.write_all(&bytes);
    })
}

#[test]
fn without_inputs_videos_are_known_again_by_their_sound() {
    let server = deaf();
    let mut yaml = format!("version: 1\nendpoint: {}\nconcurrency: 1\npairs:\n", server.url);
    for n in [0, 1] {
        yaml.push_str(&format!(
            "  - {{id: p{n}, image: '{0}/{n}.jpg', audio: '{0}/speech/{n}.wav'}}\n",
            server.url
        ));
    }
    let sheet = Sheet::new(&yaml);
    assert_eq!(sheet.run(&[]).code, 5);
    let found = reconcile(&sheet, &["--yes", "--json"]);
    assert_eq!(found.code, 0, "{found}");
    let rows = sheet.rows();
    assert_eq!((rows["p0"]["task_id"].as_str(), rows["p1"]["task_id"].as_str()), ("t0", "t1"));
    assert_eq!(found.json()["strangers"], serde_json::json!(["t99"]));
}

#[test]
fn a_recording_beside_the_manifest_is_known_though_its_upload_is_gone() {
    let server = deaf();
    let pair = format!("[{{id: p0, image: '{}/0.jpg', audio: speech.wav}}]", server.url);
    let sheet = Sheet::new(&format!("version: 1\nendpoint: {}\npairs: {pair}\n", server.url));
    let file = sheet.folder().join("speech.wav");
    fs::write(&file, speech(0)).unwrap();
    let run = sheet.run(&[]);
    assert_eq!(run.code, 5, "{run}");
    // Another recording by now: what was sent cannot be heard any more.
    fs::write(&file, speech(99)).unwrap();
    let found = reconcile(&sheet, &["--yes", "--json"]);
    assert_eq!((found.code, found.json()["adopted"].as_u64()), (5, Some(0)), "{found}");
    fs::write(&file, speech(0)).unwrap();
    let found = reconcile(&sheet, &["--yes"]);
    assert_eq!((found.code, &*sheet.rows()["p0"]["task_id"]), (0, "t0"), "{found}");
}
