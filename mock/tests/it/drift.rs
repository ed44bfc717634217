//! `callsheet-mock drift`: a service that is asked at no cost, and recordings of one. The service is
//! a fake here, or what one was told to say.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use callsheet_mock::{Dialect, KEY, MockApi, Scenario, Work};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::client::{Client, pair};
use crate::program::{program, scratch};

const CERTIFICATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/tls/certificate.pem");

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs the command with a key in the environment, or with none.
async fn drift(args: &[&str], key: Option<&str>) -> Said {
    let mut command = program(&[&["drift"], args].concat());
    command.env_remove("CALLSHEET_API_KEY");
    command.envs(key.map(|key| ("CALLSHEET_API_KEY", key)));
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = scratch(&format!("drift-{name}"));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn the_fake_keeps_the_contract_and_nothing_is_made() {
    for dialect in [Dialect::Foxapi, Dialect::FoxapiOlder, Dialect::Evolink] {
        let scenario = Scenario { dialect, work: Work::AtOnce, ..Scenario::default() };
        let api = MockApi::start(scenario).await.unwrap();
        let said = drift(&["--upstream", api.url()], Some(KEY)).await;
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{}", said.out);
        assert!(said.out.ends_with("7 looked at, 0 differences\n"), "{}", said.out);
        let book = api.book();
        assert_eq!((book.creates_read, book.entries.len()), (4, 0));
    }
}

#[tokio::test]
async fn a_task_that_exists_is_looked_at_and_without_a_key_less_is_asked() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let id = Client::to(&api).create(&pair("a.jpg")).json()["id"].as_str().unwrap().to_owned();
    let key = Scratch::new("key", &format!("{KEY}\n"));
    let args = ["--upstream", api.url(), "--task", &id, "--api-key-file", key.path(), "--json"];
    let said = drift(&args, None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let last = told["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (last["name"].as_str(), last["status"].as_u64()),
        (Some("query of a task that is"), Some(200))
    );
    assert!(!said.out.contains(KEY), "{}", said.out);

    let said = drift(&["--upstream", api.url()], None).await;
    assert_eq!(said.out.matches("there is no key").count(), 3, "{}", said.out);
    assert_eq!(api.book().entries.len(), 1, "only that one was made");
}

/// A service that says other things: what `replay` tells it to.
async fn odd(answers: Value) -> MockApi {
    let replay: Vec<_> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let kind = json!({"name": "content-type", "value": row[3]});
            let answer = json!({"status": row[2], "headers": [kind], "body": row[4]});
            json!({"method": row[0], "target": row[1], "answers": [answer]})
        })
        .collect();
    let scenario = json!({"replay": replay}).to_string();
    MockApi::start(Scenario::from_yaml(&scenario).unwrap()).await.unwrap()
}

const NO_TASK: &str = "/v1/tasks/task-unified-0000000000-driftnone";
const CREATE: &str = "/v1/videos/generations";

#[tokio::test]
async fn every_difference_is_listed() {
    let relay = r#"{"code":"task_not_exist","message":"Bearer mock-key-77 is known","data":null}"#;
    let api = odd(json!([
        ["GET", NO_TASK, 400, "application/json", relay],
        ["POST", CREATE, 401, "text/html", "<p>no</p>"],
    ]))
    .await;
    let said = drift(&["--upstream", api.url()], Some("mock-key-77")).await;
    assert_eq!(said.code, Some(6), "{}{}", said.out, said.err);
    for line in [
        "DIFFERS  query without a key",
        "status: expected 401, came 400",
        "/error: expected a field, came none",
        "new: /code is not in the contract",
        "content-type: expected application/json, came text/html",
    ] {
        assert!(said.out.contains(line), "{line} is missing: {}", said.out);
    }
    assert!(!said.out.contains("mock-key-77"), "{}", said.out);
}

#[tokio::test]
async fn who_accepts_a_create_without_a_key_is_sent_no_other() {
    let api = odd(json!([
        ["GET", NO_TASK, 404, "application/json", "{}"],
        ["POST", CREATE, 200, "application/json", r#"{"id":"task-1"}"#],
    ]))
    .await;
    let said = drift(&["--upstream", api.url()], Some(KEY)).await;
    assert_eq!(said.code, Some(6));
    assert!(
        said.out.contains("came 200: it was accepted; look whether it was billed"),
        "{}",
        said.out
    );
    assert_eq!(api.book().creates_read, 1, "{}", said.out);
    assert_eq!(said.out.matches("a create that cannot be one was accepted").count(), 3);
}

/// TLS before a server, with a certificate that only `--ca-file` makes good.
async fn with_tls(url: &str) -> u16 {
    let certificates = CertificateDer::pem_file_iter(CERTIFICATE).unwrap();
    let key = CERTIFICATE.replace("certificate.pem", "key.pem");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            certificates.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = url.strip_prefix("http://").unwrap().to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(stream).await else { continue };
            let mut plain = TcpStream::connect(&behind).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut tls, &mut plain).await;
        }
    });
    port
}

#[tokio::test]
async fn tls_is_spoken_and_a_certificate_that_nobody_knows_is_not_believed() {
    let api = MockApi::start(Scenario::default()).await.unwrap();
    let port = with_tls(api.url()).await;
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("https://{host}:{port}");
        let good = drift(&["--upstream", &url, "--ca-file", CERTIFICATE], Some(KEY)).await;
        assert_eq!(good.code, Some(0), "{}{}", good.out, good.err);
    }
    let read = api.book().creates_read;
    let url = format!("https://127.0.0.1:{port}");
    let unknown = drift(&["--upstream", &url], Some(KEY)).await;
    assert_eq!(unknown.code, Some(1), "{}", unknown.out);
    assert!(unknown.err.contains("UnknownIssuer"), "{}", unknown.err);
    assert_eq!(api.book().creates_read, read);
    let empty = Scratch::new("empty.pem", "nothing");
    let none = drift(&["--upstream", &url, "--ca-file", empty.path()], Some(KEY)).await;
    assert!(none.err.contains("it holds no certificate"), "{}", none.err);
}

#[tokio::test]
async fn a_key_does_not_travel_in_the_clear_and_is_no_argument() {
    let said = drift(&["--upstream", "http://192.0.2.1"], Some(KEY)).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("has no TLS"), "{}", said.err);
    let said = drift(&["--upstream", "http://127.0.0.1:1", "--key", KEY], None).await;
    assert_eq!(said.code, Some(2));
    let said = drift(&["--upstream", "http://127.0.0.1:1", "--task", "../x"], None).await;
    assert_eq!(said.code, Some(2));
    let said = drift(&["--upstream", "http://127.0.0.1:1"], None).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("cannot ask 127.0.0.1:1"), "{}", said.err);
}

#[tokio::test]
async fn recordings_of_others_are_held_against_the_contract() {
    let entry = |method: &str, path: &str, sent: &str, status: u16, text: &str| {
        json!({
            "request": {"method": method, "url": format!("https://relay.example{path}"),
                "postData": {"mimeType": "application/json", "text": sent}},
            "response": {"status": status,
                "content": {"mimeType": "application/json", "text": text}},
        })
    };
    let good = r#"{"model":"m","image_url":"https://h/a.jpg","audio_url":"https://h/a.mp3"}"#;
    let loose = r#"{"model":"m","image_url":"ftp://h/a.jpg","audio_url":"https://h/a.mp3"}"#;
    let created = r#"{"id":"t-1","cost":3}"#;
    let archive = |entries: Vec<Value>| json!({"log": {"entries": entries}}).to_string();
    let calm = Scratch::new(
        "calm.har",
        &archive(vec![
            entry("POST", CREATE, good, 200, created),
            entry("GET", "/elsewhere", "", 500, "?"),
        ]),
    );
    let said = drift(&["--recordings", calm.path()], None).await;
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("new: /cost is not in the contract"), "{}", said.out);
    assert!(said.out.ends_with("1 looked at, 0 differences\n"), "{}", said.out);

    let task = r#"{"id":"t-1","status":"SUCCESS","results":null}"#;
    let odd = Scratch::new(
        "odd.har",
        &archive(vec![
            entry("POST", CREATE, loose, 200, created),
            entry("GET", "/api/v1/tasks/t-1", "", 200, task),
        ]),
    );
    let said = drift(&["--recordings", odd.path()], None).await;
    assert_eq!(said.code, Some(6), "{}{}", said.out, said.err);
    assert!(said.out.contains("request/image_url: expected"), "{}", said.out);
    assert!(said.out.contains("/status: expected enum"), "{}", said.out);

    let empty = Scratch::new("none.har", &archive(Vec::new()));
    let said = drift(&["--recordings", empty.path()], None).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no exchange of the API"), "{}", said.err);
}
