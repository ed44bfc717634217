//! `callsheet-mock between`: faults before another server, which is a calm fake here.

use std::io::{ErrorKind, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use callsheet_mock::{KEY, MockApi, Scenario, Work};

use crate::client::{CREATE, Client, pair, request, with_key};
use crate::program::{Running, program, rest, scratch, url_of};

/// The program before a calm server; it ends with the test.
struct Before {
    api: MockApi,
    running: Running,
    url: String,
    lines: std::io::BufReader<std::process::ChildStdout>,
}

async fn before(name: &str, yaml: &str) -> Before {
    let calm = Scenario { work: Work::AtOnce, ..Scenario::default() };
    let api = MockApi::start(calm).await.unwrap();
    let file = scratch(&format!("between-{name}.yaml"));
    std::fs::write(&file, yaml).unwrap();
    let scenario = file.to_str().unwrap();
    let args = ["between", "--upstream", api.url(), "--scenario", scenario, "--port", "0"];
    let (running, first, lines) = Running::start(&args);
    std::fs::remove_file(&file).unwrap();
    let url = url_of(&first).to_owned();
    Before { api, running, url, lines }
}

/// All that comes until the connection ends, and how it ends.
fn meet(url: &str, image: &str) -> (String, Option<ErrorKind>) {
    let mut client = Client::to_url(url);
    let head = format!("{}Connection: close\r\n", with_key(KEY));
    client.write(request("POST", CREATE, &head, &pair(image).to_string()));
    let mut bytes = Vec::new();
    let error = client.stream().read_to_end(&mut bytes).err().map(|error| error.kind());
    (String::from_utf8_lossy(&bytes).into_owned(), error)
}

#[tokio::test]
async fn answers_of_another_server_meet_every_fault_of_the_wire() {
    let before = before(
        "wire",
        "
faults:
  - {fault: reset-after-accept, match: reset}
  - {fault: truncated-after-accept, match: half}
  - {fault: garbage-after-accept, match: garbage}
  - {fault: cut-head-after-accept, match: head}
  - {fault: drip-after-accept, match: drip}
  - {fault: twice-after-accept, match: twice}
  - {fault: without-id-after-accept, match: nameless}
  - {fault: status-503, match: busy}
  - {fault: reset-after-read, match: early}
",
    )
    .await;
    let meet = |image: &str| meet(&before.url, image);
    assert_eq!(meet("reset.jpg"), (String::new(), Some(ErrorKind::ConnectionReset)));
    let length = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let told = head.split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap();
        (told.parse::<usize>().unwrap(), body.len())
    };
    let (told, came) = length(&meet("half.jpg").0);
    assert!(came > 0 && came < told, "{came} of {told}");
    assert!(!meet("garbage.jpg").0.starts_with("HTTP"));
    let cut = meet("head.jpg").0;
    assert!(cut.starts_with("HTTP/1.1 200") && !cut.contains("\r\n\r\n"), "{cut}");
    let started = Instant::now();
    let (told, came) = length(&meet("drip.jpg").0);
    assert!(told == came && started.elapsed() > Duration::from_millis(700), "{came} of {told}");
    assert_eq!(meet("twice.jpg").0.matches("HTTP/1.1 200").count(), 2);
    let nameless = meet("nameless.jpg").0;
    assert!(nameless.contains("\"status\"") && !nameless.contains("\"id\""), "{nameless}");
    assert_eq!(before.api.book().entries.len(), 7, "all of these were accepted");
    assert!(meet("busy.jpg").0.starts_with("HTTP/1.1 503"));
    assert_eq!(meet("early.jpg"), (String::new(), Some(ErrorKind::ConnectionReset)));
    assert_eq!(before.api.book().creates_read, 7, "and these never reached the server");
    let said = {
        before.running.signal("-TERM");
        rest(before.lines)
    };
    assert!(before.running.end().status.success());
    let faults = said.lines().filter(|line| line.contains("-after-accept  ")).count();
    assert_eq!(faults, 7, "{said}");
    assert!(
        said.contains("--- POST /v1/videos/generations  early.jpg + speech.mp3  reset-after-read")
    );
}

#[tokio::test]
async fn what_is_not_struck_passes_as_it_is_and_in_the_time_that_it_takes() {
    let yaml = "
latency: {fixed: 80ms}
faults: [{on: media, fault: truncated, first: 1}, {on: poll, fault: status-502, first: 1}]
";
    let before = before("calm", yaml).await;
    let mut client = Client::to_url(&before.url);
    let started = Instant::now();
    let task = client.create(&pair("a.jpg")).json();
    assert!(started.elapsed() >= Duration::from_millis(80), "{:?}", started.elapsed());
    let path = format!("/v1/tasks/{}", task["id"].as_str().unwrap());
    let mut ask = |path: &str, head: &str| {
        client.write(request("GET", path, head, ""));
        client.read_answer(true).unwrap()
    };
    assert_eq!(ask(&path, &with_key(KEY)).status, 502);
    let address = before.url.strip_prefix("http://").unwrap();
    let here = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{}\r\n", with_key(KEY));
    client.write(here);
    let done = client.read_answer(true).unwrap().json();
    let link = done["results"][0]["url"].as_str().unwrap();
    let link = link.strip_prefix(&before.url).expect("the link leads back here").to_owned();
    let mut broken = Client::to_url(&before.url);
    broken.write(request("GET", &link, "", ""));
    assert!(broken.read_answer(true).is_err(), "the first download breaks off");
    let ranged = client.send("GET", &link, "Range: bytes=4-7\r\n", "");
    assert_eq!((ranged.status, &ranged.body[..]), (206, &b"ftyp"[..]), "the second one passes");
    let whole = client.send("GET", &link, "", "");
    assert_eq!(whole.status, 200);
    let refused = client.send("POST", CREATE, &with_key("wrong"), &pair("a.jpg").to_string());
    assert_eq!(refused.status, 401);
    let head = client.send("HEAD", &link, "", "");
    assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()));
}

#[tokio::test]
async fn a_server_that_is_gone_is_a_502() {
    let before = before("gone", "{}").await;
    before.api.shutdown().await;
    let mut client = Client::to_url(&before.url);
    client.write(request("GET", "/v1/tasks/t", "", ""));
    assert_eq!(client.read_answer(true).unwrap().status, 502);
}

#[test]
fn an_upstream_is_an_address_and_a_scenario_is_asked_for() {
    for upstream in ["http://me@127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1:1/v1", "ftp://x"] {
        let args = ["between", "--upstream", upstream, "--scenario", "calm", "--port", "0"];
        let output = program(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{upstream}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("expected http://HOST:PORT or https://HOST"), "{said}");
    }
    let output = program(&["between", "--upstream", "http://127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let args = ["between", "--upstream", "http://127.0.0.1:1", "--scenario", "calm", "--port"];
    assert_eq!(program(&[&args[..], &[&port]].concat()).output().unwrap().status.code(), Some(1));
    assert!(TcpStream::connect(taken.local_addr().unwrap()).is_ok());
}
