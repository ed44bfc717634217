//! `callsheet-mock record`: what another server says, kept and said again. The other server is a
//! fake here.

use std::fs;
use std::path::{Path, PathBuf};

use callsheet_mock::{KEY, MockApi, Scenario, Work};
use serde_json::{Value, json};

use crate::client::{CREATE, Client, request, with_key};
use crate::program::{Running, program, rest, scratch, url_of};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(scratch(&format!("record-{name}")))
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.collect();
        files.sort();
        files
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn record(upstream: &str, folder: &Path, more: &[&str]) -> (Running, String, Lines) {
    let out = folder.to_str().unwrap();
    let args = ["record", "--upstream", upstream, "--out", out, "--port", "0"];
    let (running, first, lines) = Running::start(&[&args[..], more].concat());
    let url = url_of(&first).to_owned();
    (running, url, lines)
}

type Lines = std::io::BufReader<std::process::ChildStdout>;

/// Everything a client asks for one pair, without what changes from run to run.
fn one_pair(url: &str) -> Vec<(u16, Value)> {
    let mut client = Client::to_url(url);
    let body = json!({
        "model": "omnihuman-1.5",
        "image_url": "https://example.com/anna.jpg?X-Amz-Signature=not-for-others",
        "audio_url": "https://example.com/speech.mp3",
        "prompt": format!("says {KEY} aloud"),
    });
    let mut all = Vec::new();
    let mut ask = |method: &str, path: &str, head: &str, body: &str| {
        client.write(request(method, path, head, body));
        let answer = client.read_answer(true).unwrap();
        all.push((answer.status, answer.json()));
        all.last().unwrap().1.clone()
    };
    let created = ask("POST", CREATE, &with_key(KEY), &body.to_string());
    let task = format!("/v1/tasks/{}", created["id"].as_str().unwrap_or("none"));
    for _ in 0..3 {
        ask("GET", &task, &with_key(KEY), "");
    }
    ask("GET", "/v1/tasks/unheard-of?sync_upstream=true", &with_key(KEY), "");
    all
}

#[tokio::test]
async fn what_was_said_is_kept_without_secrets_and_said_again() {
    let scenario = Scenario { work: Work::Polls(2), ..Scenario::default() };
    let api = MockApi::start(scenario).await.unwrap();
    let folder = Folder::new("whole");
    let (running, url, lines) = record(api.url(), &folder.0, &["--pay"]);
    let live = one_pair(&url);
    assert_eq!(
        live.iter().map(|(status, _)| *status).collect::<Vec<_>>(),
        [200, 200, 200, 200, 404]
    );
    running.signal("-TERM");
    let said = rest(lines);
    assert!(running.end().status.success());
    assert!(said.contains("5 exchanges kept"), "{said}");

    let files = folder.files();
    assert_eq!(files.len(), 6, "{files:?}");
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        for secret in [KEY, "not-for-others", "signature=", "expires="] {
            assert!(!text.contains(secret), "{secret} in {}: {text}", file.display());
        }
    }
    let first: Value = serde_json::from_str(&fs::read_to_string(&files[0]).unwrap()).unwrap();
    let entry = &first["log"]["entries"][0];
    assert_eq!(entry["request"]["url"], format!("{}{CREATE}", api.url()));
    assert_eq!(entry["response"]["status"], 200);
    api.shutdown().await;

    // The same client meets the same answers, but for what was taken out of them.
    let scenario = Scenario::open(folder.0.join("scenario.yaml").to_str().unwrap()).unwrap();
    let again = MockApi::start(scenario).await.unwrap();
    let replayed = one_pair(again.url());
    for ((status, live), (status_again, said)) in live.iter().zip(&replayed) {
        assert_eq!(status, status_again);
        for field in ["id", "status", "progress", "created", "model", "task_info"] {
            assert_eq!(live[field], said[field], "{field}");
        }
    }
    let link = replayed[3].1["results"][0]["url"].as_str().unwrap();
    assert!(link.ends_with(".mp4?***"), "{link}");
    let book = again.book();
    assert_eq!((book.creates_read, book.entries.len()), (1, 1));
    assert_eq!(book.entries[0].task.as_str(), live[0].1["id"].as_str().unwrap());
    assert!(book.entries[0].delivered);

    // What was not recorded is not made up.
    let mut client = Client::to(&again);
    client.write(request("POST", CREATE, &with_key(KEY), r#"{"model": "another"}"#));
    let refused = client.read_answer(true).unwrap();
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_str()),
        (404, Some("not_recorded"))
    );
    assert_eq!(again.breaches().len(), 1);
    assert!(again.breaches()[0].message.contains("with another body"));
}

/// The answer to a file that is handed over as a form with this boundary.
fn uploaded(url: &str, boundary: &str) -> Value {
    let form = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\n\
         my own words\r\n--{boundary}--\r\n"
    );
    let head = format!(
        "Authorization: Bearer {KEY}\r\nContent-Type: multipart/form-data; boundary={boundary}\r\n"
    );
    let mut client = Client::to_url(url);
    client.write(request("POST", "/v1/files/upload/stream", &head, &form));
    let answer = client.read_answer(true).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[tokio::test]
async fn an_upload_costs_nothing_and_is_answered_again_whatever_its_boundary() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let folder = Folder::new("upload");
    let (running, url, lines) = record(api.url(), &folder.0, &[]);
    let live = uploaded(&url, "one-of-them");
    running.signal("-TERM");
    rest(lines);
    assert!(running.end().status.success());
    for file in folder.files() {
        assert!(!fs::read_to_string(&file).unwrap().contains("my own words"), "{file:?}");
    }
    let scenario = Scenario::open(folder.0.join("scenario.yaml").to_str().unwrap()).unwrap();
    let again = MockApi::start(scenario).await.unwrap();
    assert_eq!(uploaded(again.url(), "another")["id"], live["id"]);
}

#[tokio::test]
async fn nothing_is_paid_for_unless_that_is_said() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let folder = Folder::new("unpaid");
    let (running, url, lines) = record(api.url(), &folder.0, &[]);
    let met = one_pair(&url);
    assert_eq!((met[0].0, met[0].1["error"]["code"].as_str()), (403, Some("payment_not_allowed")));
    assert_eq!(met[1].0, 404);
    assert_eq!(api.book().creates_read, 0, "it never got there");
    running.signal("-TERM");
    let said = rest(lines);
    assert!(said.contains("403 POST /v1/videos/generations"), "{said}");
    let names: Vec<_> = folder.files().iter().map(|f| f.file_name().unwrap().to_owned()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().contains("post")), "{names:?}");
    drop(running);

    let out = folder.0.to_str().unwrap();
    let again = program(&["record", "--upstream", api.url(), "--out", out, "--port", "0"]);
    let refused = { again }.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not empty"));
}
