//! A client that shares no code with the fake: plain sockets, blocking, each wait bounded.
//!
//! Every answer it reads is held to `openapi.yaml`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::Duration;

use callsheet_mock::{KEY, MockApi, OPENAPI};
use serde_json::{Value, json};

pub(crate) const CREATE: &str = "/v1/videos/generations";

pub(crate) struct Client {
    stream: TcpStream,
}

/// An answer as it was read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn to(api: &MockApi) -> Self {
        Self::to_url(api.url())
    }

    pub(crate) fn to_url(url: &str) -> Self {
        let stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends a request and reads its answer, which must keep the contract.
    pub(crate) fn send(&mut self, method: &str, path: &str, head: &str, body: &str) -> Answer {
        self.write(request(method, path, head, body));
        let answer = self.read_answer(method != "HEAD").unwrap();
        assert_keeps_contract(method, path, &answer);
        answer
    }

    pub(crate) fn create(&mut self, body: &Value) -> Answer {
        self.send("POST", CREATE, &with_key(KEY), &body.to_string())
    }

    pub(crate) fn get(&mut self, path: &str) -> Value {
        serde_json::from_slice(&self.send("GET", path, "", "").body).unwrap()
    }

    /// Asks for a task.
    pub(crate) fn task(&mut self, id: &str) -> Value {
        self.send("GET", &format!("/v1/tasks/{id}"), &with_key(KEY), "").json()
    }

    /// The next answer, or what a client without it would see.
    pub(crate) fn read_answer(&mut self, has_body: bool) -> std::io::Result<Answer> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).map_err(std::io::Error::other)?;
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
        answer.body = vec![0; if has_body { length } else { 0 }];
        self.stream.read_exact(&mut answer.body)?;
        Ok(answer)
    }
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status, headers and body as a snapshot, without what changes from run to run.
    pub(crate) fn shown(&self) -> String {
        let mut text = self.status.to_string();
        for (name, value) in &self.headers {
            if !["date", "content-length", "connection"].contains(&name.as_str()) {
                text += &format!("\n{name}: {value}");
            }
        }
        text += "\n\n";
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(json) => text + &format!("{json:#}"),
            Err(_) => text + &String::from_utf8_lossy(&self.body),
        }
    }
}

pub(crate) fn with_key(key: &str) -> String {
    format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n")
}

pub(crate) fn request(method: &str, path: &str, head: &str, body: &str) -> String {
    let length = body.len();
    format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {length}\r\n\r\n{body}")
}

/// A create that keeps the contract.
pub(crate) fn pair(image: &str) -> Value {
    json!({
        "model": "omnihuman-1.5",
        "image_url": format!("https://example.com/{image}"),
        "audio_url": "https://example.com/speech.mp3",
    })
}

/// Hides ids and times in snapshots.
pub(crate) fn filters() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"task-unified-\d+-[a-z0-9]{8}", "task-unified-[time]-[id]");
    settings.add_filter(r#""created": \d+"#, r#""created": "[time]""#);
    settings.add_filter(r"expires=\d+&signature=[0-9a-f]{16}", "expires=[time]&signature=[hex]");
    settings.add_filter(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "[date]");
    settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings
}

/// An answer on a path of the contract must be one that the contract has.
fn assert_keeps_contract(method: &str, path: &str, answer: &Answer) {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_yaml::from_str(OPENAPI).unwrap());
    let document = &*DOCUMENT;
    let path = path.split('?').next().unwrap();
    let template = if path.starts_with("/v1/tasks/") { "/v1/tasks/{task_id}" } else { path };
    let operation = &document["paths"][template][method.to_lowercase()];
    if operation.is_null() {
        return;
    }
    let deref = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).unwrap().clone(),
        None => value.clone(),
    };
    let responses = &operation["responses"];
    let exact = &responses[answer.status.to_string()];
    let range = &responses[format!("{}XX", answer.status / 100)];
    let response = deref(if exact.is_null() { range } else { exact });
    assert!(!response.is_null(), "{} is not in the contract: {answer:?}", answer.status);
    let Some(mime) = answer.header("content-type") else {
        assert!(answer.body.is_empty(), "a body without type: {answer:?}");
        return;
    };
    let media = &response["content"][mime];
    assert!(!media.is_null(), "{mime} is not in the contract: {answer:?}");
    if mime == "application/json" {
        let schema = json!({"allOf": [media["schema"]], "components": document["components"]});
        let errors: Vec<_> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&answer.json())
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:?} in {}", answer.shown());
    }
}
