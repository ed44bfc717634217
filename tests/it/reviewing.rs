//! The live page: who may come in, what there is to be asked for, and decisions beside a run.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use callsheet_mock::{MockApi, Scenario, Work};
use serde_json::{Value, json};

use crate::child::{Running, said};
use crate::migrating::of_format;
use crate::sheet::{Said, Sheet, fake};
use crate::stops::{signal, until};

/// `callsheet review` that is under way, and the cookie of somebody who opened its link.
struct Review {
    process: Running,
    address: String,
    cookie: String,
}

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Review {
    fn of(sheet: &Sheet, options: &[&str]) -> Self {
        let mut command = sheet.command("review", options);
        if !options.contains(&"--as") {
            command.args(["--as", "ann"]);
        }
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "s3cret");
        command.env("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9");
        let mut process = Running::start(command.stdout(Stdio::piped()).stderr(Stdio::null()));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let link = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("{line:?}"));
        let (address, path) = link.split_at(link.find('/').unwrap());
        let mut review = Self { process, address: address.to_owned(), cookie: String::new() };
        let arrived = review.ask("GET", path, &[], "");
        let cookie = arrived.header("set-cookie").unwrap().to_owned();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        review.cookie = cookie.split(';').next().unwrap().to_owned();
        review
    }

    /// With nothing but these headers.
    fn bare(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
        connection.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        Answer::of(&answer)
    }

    /// As a browser asks that was let in.
    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let own = [("host", &*self.address), ("cookie", &*self.cookie)];
        self.bare(method, path, &[&own, headers].concat(), body)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "")
    }

    fn decide(&self, said: &Value) -> Value {
        let origin = format!("http://{}", self.address);
        let body = json!({ "said": said }).to_string();
        let answer = self.ask("POST", "/decide", &[("origin", &origin)], &body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    /// The events that come at once, and no more.
    fn changes(&self, after: &str, last: Option<&str>) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        connection.set_read_timeout(Some(Duration::from_millis(700))).unwrap();
        let last = last.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        let (host, cookie) = (&self.address, &self.cookie);
        write!(
            connection,
            "GET /changes?after={after} HTTP/1.1\r\nhost: {host}\r\ncookie: {cookie}\r\n{last}\r\n"
        )
        .unwrap();
        let (mut text, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = connection.read(&mut chunk) {
            text.extend_from_slice(&chunk[..count]);
        }
        String::from_utf8(text).unwrap()
    }

    fn end(mut self) {
        signal(&self.process, "-INT");
        assert_eq!(self.process.wait().code(), Some(0));
    }
}

impl Answer {
    fn of(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head, body: bytes[end + 4..].to_vec() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A batch of so many pairs with videos.
fn made(count: usize) -> (MockApi, Sheet) {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(count, api.url(), "");
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    (api, sheet)
}

fn task_of(sheet: &Sheet, id: &str) -> String {
    sheet.rows()[id]["task_id"].clone()
}

/// What was decided, as others are given it.
fn exported(sheet: &Sheet) -> Value {
    let name = format!("{}.json", fastrand::u64(..));
    let said = sheet.call("review", &["--export", &name]);
    assert_eq!(said.code, 0, "{said}");
    serde_json::from_slice(&fs::read(sheet.folder().join(name)).unwrap()).unwrap()
}

fn query(sheet: &Sheet, sql: &str) {
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    ledger.execute_batch(sql).unwrap();
}

#[test]
fn nobody_comes_in_without_the_link_or_from_another_page() {
    let (_api, sheet) = made(1);
    let review = Review::of(&sheet, &[]);
    let (own, cookie) = (review.address.clone(), review.cookie.clone());
    let port = own.rsplit(':').next().unwrap();
    let (rebound, local) = (format!("evil.example:{port}"), format!("localhost:{port}"));
    let status = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let answer = review.bare(method, path, headers, "");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
        assert!(
            policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        answer.status
    };
    for path in ["/", "/video/pair-0", "/changes?after=0.0.0", "/?token=x", "/nothing"] {
        assert_eq!(status("GET", path, &[("host", &own)]), 403, "{path}");
        let guessed = [("host", &*own), ("cookie", "callsheet-1=x; callsheet=y")];
        assert_eq!(status("GET", path, &guessed), 403, "{path}");
        for host in [&*rebound, "evil.example", ""] {
            assert_eq!(status("GET", path, &[("host", host), ("cookie", &cookie)]), 403, "{path}");
        }
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let headers = [("host", &*own), ("cookie", &*cookie), (name, value)];
            assert_eq!(status("GET", path, &headers), 403, "{path} {value}");
        }
    }
    assert_eq!(status("GET", "/", &[("host", &local), ("cookie", &cookie)]), 200);
    assert_eq!(status("POST", "/decide", &[("host", &own), ("cookie", &cookie)]), 403, "no origin");
    let elsewhere = sheet.command("review", &["--listen", &own]).output().unwrap();
    let elsewhere = Said::of(&elsewhere);
    assert_eq!(elsewhere.code, 2, "{elsewhere}");
    assert!(elsewhere.err.contains(&format!("cannot listen on {own}")), "{elsewhere}");
    review.end();
}

#[test]
fn only_what_belongs_to_the_batch_is_served_in_any_range() {
    let (_api, sheet) = made(2);
    fs::write(sheet.folder().join("secret.txt"), "secret").unwrap();
    fs::write(sheet.folder().join("face.png"), "a picture").unwrap();
    query(
        &sheet,
        "UPDATE pairs SET image_url = 'file:face.png#sha256=00', audio_url = 'file:../up.mp3#sha256=00'
            WHERE id = 'pair-0';
         UPDATE pairs SET image_url = 'file:secret.txt#sha256=00' WHERE id = 'pair-1'",
    );
    let review = Review::of(&sheet, &[]);
    let film = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
    let last = film.len() - 1;
    assert!(review.get("/video/pair-0").body == film && review.get("/video/PAIR-0?x").body == film);
    for (range, status, part) in [
        ("bytes=0-9", 206, &film[..10]),
        ("bytes=-5", 206, &film[film.len() - 5..]),
        (&format!("bytes={last}-"), 206, &film[last..]),
        ("bytes=7-3", 200, &film[..]),
        ("bytes=0-1,5-9", 200, &film[..]),
        ("bytes=18446744073709551616-", 416, &[]),
        ("bytes=x", 200, &film[..]),
    ] {
        let answer = review.ask("GET", "/video/pair-0", &[("range", range)], "");
        assert_eq!((answer.status, &answer.body[..] == part), (status, true), "{range}");
    }
    let head = review.ask("HEAD", "/video/pair-0", &[("range", "bytes=0-9")], "");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (206, Some("10"), 0));
    let tag = head.header("etag").unwrap().to_owned();
    assert_eq!(review.ask("GET", "/video/pair-0", &[("if-none-match", &tag)], "").status, 304);
    let other = [("range", "bytes=0-9"), ("if-range", "\"other\"")];
    assert_eq!(review.ask("GET", "/video/pair-0", &other, "").body.len(), film.len());
    let face = review.get("/face/pair-0");
    assert_eq!((face.header("content-type"), &*face.text()), (Some("image/png"), "a picture"));
    let recording = review.get("/voice/pair-1");
    assert_eq!(recording.status, 302);
    assert_eq!(recording.header("location"), Some("https://example.com/1.mp3"));
    for path in [
        "/voice/pair-0",
        "/face/pair-1",
        "/video/none",
        "/video/",
        "/video",
        "/video/..%2f..%2fsecret.txt",
        "/video/../../secret.txt",
        "/video/pair-0/../../ledger.sqlite",
        "/videos/pair-0.mp4",
        "/ledger.sqlite",
        "/tasks.csv",
        "/secret.txt",
        "//etc/passwd",
        "/video/%00",
        "/video/%ff%fe",
        "/video/%3Cscript%3E",
    ] {
        let answer = review.get(path);
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(!answer.text().contains("secret") && !answer.text().contains('<'), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let origin = format!("http://{}", review.address);
        let answer = review.ask(method, "/video/pair-0", &[("origin", &origin)], "");
        assert_eq!(answer.status, 404, "{method}");
    }
    review.end();
}

#[test]
fn a_video_in_a_bucket_is_led_to_by_a_signed_link() {
    let (_api, sheet) = made(2);
    query(
        &sheet,
        "UPDATE standings SET video_path = 's3://films/spring/a b.mp4'
            WHERE pair = (SELECT pair FROM pairs WHERE id = 'pair-0');
         UPDATE standings SET video_path = 's3://other/x.mp4'
            WHERE pair = (SELECT pair FROM pairs WHERE id = 'pair-1')",
    );
    let review = Review::of(&sheet, &[]);
    let answer = review.get("/video/pair-0");
    let link = answer.header("location").unwrap();
    assert_eq!(answer.status, 302);
    assert!(link.starts_with("http://127.0.0.1:9/films/spring/a%20b.mp4?"), "{link}");
    assert!(link.contains("X-Amz-Signature=") && !link.contains("s3cret"), "{link}");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.contains("media-src 'self' http://127.0.0.1:9;"), "{policy}");
    assert_eq!(review.get("/video/pair-1").status, 404, "nobody opened that one");
    review.end();
}

#[test]
fn slow_and_many_connections_keep_nobody_out_for_long() {
    let (_api, sheet) = made(1);
    let review = Review::of(&sheet, &[]);
    let connect = || TcpStream::connect(&review.address).unwrap();
    let mut halves: Vec<_> = (0..80).map(|_| connect()).collect();
    for half in &mut halves {
        half.write_all(b"GET / HTTP/1.1\r\nhost: ").unwrap();
    }
    let begun = Instant::now();
    assert_eq!(review.get("/").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let mut left = halves.remove(0);
    left.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // It is told so, or ended: it does not stay.
    let _ = left.read_to_end(&mut Vec::new());
    let long = format!("/{}", "a".repeat(100_000));
    let mut large = connect();
    let _ = large.write_all(format!("GET {long} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes());
    assert_eq!(review.get("/").status, 200);
    review.end();
}

#[test]
fn decisions_are_written_down_and_told_to_all() {
    let (_api, sheet) = made(3);
    let review = Review::of(&sheet, &[]);
    let task = |id: &str| task_of(&sheet, id);
    let first = review.changes("0.0.0", None);
    let id = first.split("id: ").nth(1).unwrap().split('\n').next().unwrap();
    assert!(first.contains("content-type: text/event-stream"), "{first}");
    assert!(first.contains("event: rows\ndata: [[\"pair-0\""), "{first}");
    assert!(first.contains(r#""lacking":0"#) && id.contains(".0.3"), "{first}");
    let answer = review.decide(&json!([
        {"id": "pair-0", "task": task("pair-0"), "decision": "approved"},
        {"id": "pair-1", "task": task("pair-1"), "decision": "again", "prompt": "She smiles", "note": "=1+1"},
        {"id": "pair-2", "task": "another", "decision": "declined"},
        {"id": "none", "task": null, "note": "x"},
    ]));
    assert_eq!(answer["refused"][0], Value::Null);
    assert_eq!(answer["refused"][2], "it was made again meanwhile; look at the new one");
    assert_eq!(answer["refused"][3], "there is no such pair");
    let news = review.changes(id, None);
    assert!(news.contains("pair-1") && news.contains("She smiles"), "{news}");
    assert!(!news.contains("pair-2"), "only what changed: {news}");
    let last = news.split("id: ").nth(1).unwrap().split('\n').next().unwrap();
    assert!(!review.changes("0.0.0", Some(last)).contains("event: rows"), "it has seen all that");
    assert!(review.changes("999.999.999", None).contains("event: moved"));
    assert_eq!(review.get("/changes?after=").status, 400);
    let page = review.get("/").text();
    assert!(page.contains("\"live\":{\"who\":\"ann\"") && page.contains("She smiles"));
    let origin = format!("http://{}", review.address);
    for body in ["", "{}", "{\"said\":[{\"id\":\"a\",\"decision\":\"gone\"}]}"] {
        let answer = review.ask("POST", "/decide", &[("origin", &origin)], body);
        assert_eq!(answer.status, 400, "{body}");
    }
    // Another one says something else.
    let ben = Review::of(&sheet, &["--as", "ben"]);
    ben.decide(&json!([{"id": "pair-0", "task": task("pair-0"), "decision": "declined"}]));
    until("the other one is told", || review.changes(last, None).contains("\"ben\""));
    ben.end();
    let document = exported(&sheet);
    let said: Vec<_> = document["reviews"].as_array().unwrap().iter().collect();
    assert_eq!(said.len(), 3, "{document}");
    assert_eq!((&said[0]["review"], &said[0]["counts"]), (&json!("approved"), &json!(false)));
    assert_eq!((&said[1]["reviewer"], &said[1]["counts"]), (&json!("ben"), &json!(true)));
    review.end();
    let csv = sheet.call("review", &["--export", "all.csv"]);
    assert_eq!(csv.code, 0, "{csv}");
    let table = fs::read_to_string(sheet.folder().join("all.csv")).unwrap();
    let head = "id,state,review,note,prompt,reviewer,reviewed_at,task_id,video_path\r\n";
    assert!(table.starts_with(head) && table.contains("pair-1,saved,again,'=1+1,She smiles,ann,"));
    assert!(!table.contains("approved"), "the last word counts: {table}");
    let again = sheet.call("review", &["--export", "all.csv"]);
    assert_eq!(again.code, 1, "{again}");
    assert!(again.err.contains("choose another name"), "{again}");
    let left: Vec<_> =
        fs::read_dir(sheet.run_folder()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("-wal")), "{left:?}");
}

/// A decision waits for no run, and a run for no decision: nothing is sent twice for it.
#[test]
fn a_run_of_another_process_is_not_disturbed_and_kills_lose_nothing() {
    let api = fake(Scenario { work: Work::Polls(12), ..Scenario::default() });
    let sheet = Sheet::pairs(12, api.url(), "concurrency: 2");
    assert_eq!(sheet.run_whole(&["-q", "--limit", "2", "--poll-interval", "100ms"]).code, 4);
    let task = task_of(&sheet, "pair-0");
    let mut review = Review::of(&sheet, &[]);
    let mut run = sheet.start_whole(&["-q", "--poll-interval", "200ms"]);
    for n in 0..40 {
        let decision = if n % 2 == 0 { "approved" } else { "declined" };
        review.decide(&json!([{"id": "pair-0", "task": task, "decision": decision}]));
    }
    assert!(run.try_wait().unwrap().is_none(), "it goes on");
    // As a power cut for each of the two, one after the other.
    review.process.kill().unwrap();
    review.process.wait();
    let review = Review::of(&sheet, &[]);
    run.kill().unwrap();
    run.wait();
    review.decide(&json!([{"id": "pair-0", "task": task, "note": "after the run died"}]));
    let said = sheet.run_whole(&["-q", "--poll-interval", "100ms"]);
    assert!(matches!(said.code, 0 | 5), "{said}");
    let saved = sheet.states()["saved"];
    until("all is told", || review.changes("0.0.0", None).contains(&format!("\"made\":{saved}")));
    review.end();
    let document = exported(&sheet);
    let words = document["reviews"].as_array().unwrap();
    let last = words.last().unwrap();
    assert_eq!((words.len(), &last["note"]), (41, &json!("after the run died")));
    assert_eq!(last["review"], "declined");
    assert_eq!(api.book().duplicates(), [], "nothing is paid twice");
    assert_eq!(sheet.call("status", &[]).code, if saved == 12 { 0 } else { 5 });
}

#[test]
fn what_cannot_be_reviewed_says_why() {
    let sheet = Sheet::pairs(1, "http://127.0.0.1:9", "");
    let none = sheet.call("review", &[]);
    assert_eq!(none.code, 2, "{none}");
    assert!(none.err.contains("no run of this manifest yet"), "{none}");
    let shared = sheet.call("review", &["--ledger", "postgres://a@127.0.0.1:9/b"]);
    assert_eq!(shared.code, 2, "{shared}");
    assert!(shared.err.contains("decisions are kept in a run folder"), "{shared}");
    let (_api, sheet) = made(1);
    let form = sheet.call("review", &["--export", "all.pdf"]);
    assert_eq!(form.code, 2, "{form}");
    assert!(form.err.contains(".csv or .json"), "{form}");
}

#[test]
fn a_ledger_of_an_older_release_is_brought_up_to_date_first() {
    let sheet = of_format(4, "http://127.0.0.1:9");
    let review = Review::of(&sheet, &[]);
    assert!(sheet.run_folder().join("ledger.v4.sqlite").exists());
    assert_eq!(review.get("/").status, 200);
    review.end();
    let exported = said(&mut sheet.command("review", &["--export", "a.csv"]));
    assert_eq!(exported.code, 0, "{exported}");
}

/// Invariant 13: the page is made of the ledger alone, with what was said and the tags.
#[test]
fn the_report_says_what_was_decided_and_is_written_anew_for_it() {
    let api = fake(Scenario::default());
    let yaml = format!(
        "version: 1\nendpoint: {}\npairs:\n  - {{id: a, image: 'https://example.com/a.jpg', \
         audio: 'https://example.com/a.mp3', tags: [spring, de]}}\n",
        api.url()
    );
    let sheet = Sheet::new(&yaml);
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let page = || fs::read_to_string(sheet.run_folder().join("report.html")).unwrap();
    let before = page();
    assert!(before.contains("spring,de") && before.contains("callsheet review batch.yaml"));
    let review = Review::of(&sheet, &[]);
    let task = task_of(&sheet, "a");
    review.decide(&json!([{"id": "a", "task": task, "decision": "declined", "note": "lips late"}]));
    review.end();
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let after = page();
    assert!(after.contains("lips late") && after.contains("\"ann\""), "{after}");
    fs::write(&sheet.manifest, yaml.replace("de]", "fr]")).unwrap();
    assert_eq!(sheet.run_whole(&["-q"]).code, 0);
    let relabelled = page();
    assert!(relabelled.contains("spring,fr") && relabelled.contains("lips late"));
    assert_eq!(sheet.call("report", &["-q"]).code, 0);
    assert_eq!(page(), relabelled);
}
