//! What tests in Rust and containers start.

use std::process::Stdio;

use callsheet_mock::{Scenario, Server};
use serde_json::json;

use crate::client::{CREATE, Client, pair, with_key};
use crate::program::{Running, program, scratch, url_of};

#[tokio::test]
async fn a_test_starts_a_server_and_asks_it_in_the_words_of_its_http() {
    let server = Server::start().await.unwrap();
    let mut client = Client::to_url(server.url());
    let created =
        client.send("POST", CREATE, &with_key(&server.key()), &pair("anna.jpg").to_string());
    let task = created.json()["id"].as_str().unwrap().to_owned();

    assert_eq!(server.verify(&json!({"match": "anna", "exactly": 1})), Ok(1));
    let report = server.verify(&json!({"match": "ben"})).unwrap_err().to_string();
    assert!(report.contains("there were 0 among 1\nclosest: "), "{report}");
    let misspelt = server.verify(&json!({"mtach": "ben"})).unwrap_err().to_string();
    assert!(misspelt.contains("match"), "{misspelt}");

    let told = json!({"status": "failed", "code": "service_error"});
    assert_eq!(server.drive(&task, &told).unwrap()["status"], "failed");
    let poll = client.send("GET", &format!("/v1/tasks/{task}"), &with_key(&server.key()), "");
    assert_eq!(poll.json()["status"], "failed");
    assert!(server.drive("task-of-nobody", &told).unwrap_err().message.contains("no such task"));
    assert_eq!(server.book().entries.len(), 1);
}

#[tokio::test]
async fn its_key_is_the_scenarios() {
    let scenario = Scenario::from_yaml("keys: [{key: rich}]").unwrap();
    assert_eq!(Server::playing(scenario).await.unwrap().key(), "rich");
}

/// Also where every key has a world, and this request has none.
#[test]
#[cfg(target_os = "linux")]
fn it_says_that_it_is_ready_and_links_lead_back_the_way_that_a_client_came() {
    for flags in [&["--port", "0"][..], &["--port", "0", "--any-key", "--listen", "127.0.0.2"]] {
        let (_running, first, _lines) = Running::start(flags);
        let listens = if flags.contains(&"127.0.0.2") { "127.0.0.2" } else { "127.0.0.1" };
        assert!(url_of(&first).starts_with(&format!("http://{listens}:")), "{first}");
        let mut client = Client::to_url(url_of(&first));
        assert_eq!(client.get("/__mock/ready"), json!({"ready": true}));
        client.write("GET /openapi.json HTTP/1.1\r\nHost: fake.example:32768\r\n\r\n");
        let document = client.read_answer(true).unwrap().json();
        assert_eq!(document["servers"][0]["url"], "http://fake.example:32768");
    }
}

#[test]
fn ready_waits_for_the_fake_and_names_its_url() {
    let file = scratch("ready-port");
    let path = file.to_str().unwrap();
    // Before there is a fake: it waits for the file, then for the port in it.
    let mut waiting = program(&["ready", "--port-file", path, "--wait", "20s"]);
    let waiting = waiting.stdout(Stdio::piped()).spawn().unwrap();
    let (running, first, _lines) = Running::start(&["--port", "0", "--port-file", path]);
    let said = waiting.wait_with_output().unwrap();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(String::from_utf8(said.stdout).unwrap().trim(), url_of(&first));

    drop(running);
    let said = program(&["ready", "--port-file", path, "--wait", "0s"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    let why = String::from_utf8(said.stderr).unwrap();
    assert!(why.starts_with(&format!("error: the port in {path} is not ready: ")), "{why}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn what_listens_there_and_is_no_fake_is_not_ready() {
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    std::thread::spawn(move || {
        for stream in other.incoming().take(2) {
            use std::io::Write as _;
            let _ = stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let said = program(&["ready", "--port", &port, "--wait", "0s"]).output().unwrap();
    assert_eq!(said.status.code(), Some(1), "{said:?}");
}
