//! Handing files over to the API: what leaves this machine, and what each answer is taken for.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use callsheet::client::{API_KEEPS, Client, Settings, Stored, Upload};
use callsheet::pair::{ApiKey, Endpoint, PlainHttp};
use callsheet::wire::{Account, FileType, UploadError};
use callsheet_mock::{MockApi, Scenario};
use jiff::Timestamp;

use crate::rude::{Rude, answer, reset};
use crate::sheet::{KEY, fake};

/// A file in a folder of its own, with a name that must never leave this machine.
pub(crate) struct Recording {
    _folder: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

impl Recording {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my \"secret\" take.wav");
        fs::write(&path, bytes).unwrap();
        Self { _folder: folder, path }
    }

    pub(crate) fn measured(&self) -> Upload {
        Upload::measure(&self.path, FileType::Wav).unwrap()
    }
}

pub(crate) fn client(url: &str, key: &str) -> Client {
    let settings = Settings {
        request_timeout: Duration::from_secs(20),
        connections: 4,
        stall_timeout: Duration::from_secs(5),
        plain: PlainHttp::Loopback,
    };
    let endpoint = Endpoint::parse(url, PlainHttp::Loopback).unwrap();
    Client::new(&endpoint, ApiKey::parse(key).unwrap(), &settings).unwrap()
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

fn upload(url: &str, file: &Upload) -> Result<Stored, UploadError> {
    block_on(client(url, KEY).upload(file))
}

/// The file as somebody finds it who has only its address.
fn fetched(api: &MockApi, stored: &Stored) -> Vec<u8> {
    let path = stored.url.as_written().strip_prefix(api.url()).unwrap();
    let host = api.url().strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    answer.split_off(head + 4)
}

#[test]
fn a_file_arrives_whole_and_nothing_else_does() {
    let api = fake(Scenario::default());
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 253) as u8).collect();
    let file = Recording::new(&bytes);
    let before = Timestamp::now();
    let stored = upload(api.url(), &file.measured()).unwrap();
    assert_eq!(fetched(&api, &stored), bytes);
    assert!(stored.until <= Timestamp::now() + API_KEEPS && stored.until >= before + API_KEEPS);
}

#[test]
fn the_form_always_asks_to_keep_what_is_stored() {
    let api = fake(Scenario::default());
    let file = Recording::new(b"RIFF, more or less");
    let stored = upload(api.url(), &file.measured()).unwrap();
    let name = format!("{}.wav", file.measured().sha256());
    assert!(stored.url.as_written().ends_with(&name), "{:?}", stored.url);
    let journal = api.journal();
    let [sent] = &journal[..] else { panic!("one request, not {}", journal.len()) };
    assert_eq!((sent.method.as_str(), sent.target.as_str()), ("POST", "/v1/files/upload/stream"));
    assert_eq!(sent.header("authorization"), Some("Bearer ***"));
    let kinds = sent.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(kinds.count(), 1);
    let kind = sent.header("content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    assert!(boundary.len() <= 70, "RFC 2046 allows no more");
    assert_eq!(sent.header("content-length"), Some(sent.body.len().to_string().as_str()));
    assert_eq!(sent.header("transfer-encoding"), None);
    let disposition = "Content-Disposition: form-data; name";
    let expected = format!(
        "--{boundary}\r\n{disposition}=\"auto_cleanup\"\r\n\r\nfalse\r\n\
         --{boundary}\r\n{disposition}=\"file_name\"\r\n\r\n{name}\r\n\
         --{boundary}\r\n{disposition}=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: audio/wav\r\n\r\nRIFF, more or less\r\n--{boundary}--\r\n"
    );
    assert_eq!(sent.body, expected);
}

#[test]
fn the_fakes_refusals_are_told_apart() {
    let small = Recording::new(&[1; 60]);
    let api = fake(Scenario { storage: 100, ..Scenario::default() });
    let first = upload(api.url(), &small.measured()).unwrap();
    let other = Recording::new(&[2; 60]);
    let full = upload(api.url(), &other.measured()).unwrap_err();
    assert!(matches!(&full, UploadError::Full(said) if said.contains("storage")), "{full:?}");
    assert_eq!(fetched(&api, &first), [1; 60], "what was stored is still there");

    let large = Recording::new(&vec![3; 11 << 20]);
    let error = upload(fake(Scenario::default()).url(), &large.measured()).unwrap_err();
    let UploadError::Refused { code, message } = &error else { panic!("{error:?}") };
    assert_eq!(code, "file_too_large");
    assert!(message.starts_with("the file is larger than the API takes"), "{message}");

    let wrong = block_on(client(api.url(), "sk-not-known-here").upload(&small.measured()));
    assert!(
        matches!(wrong, Err(UploadError::AccountStop { account: Account::Key, .. })),
        "{wrong:?}"
    );
}

/// What comes of an upload to a server that answers as it is told.
fn upload_to(manners: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> (UploadError, usize) {
    let server = Rude::start(move |_, connection| manners(connection));
    let file = Recording::new(b"RIFF");
    (upload(&server.url, &file.measured()).unwrap_err(), server.read())
}

#[test]
fn what_proves_nothing_may_be_tried_again_and_is_not_tried_by_itself() {
    type Manners = fn(&mut TcpStream);
    let cases: [(&str, Manners); 7] = [
        ("503", |c| answer(c, "503 Service Unavailable", "retry-after: 7\r\n", "")),
        ("429", |c| answer(c, "429 Too Many Requests", "", "")),
        ("html", |c| answer(c, "200 OK", "", "<html>welcome</html>")),
        ("no url", |c| answer(c, "200 OK", "", r#"{"id":"f1"}"#)),
        ("reset", |c| reset(c)),
        ("closed", |_| {}),
        ("cut", |c| drop(c.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"url"))),
    ];
    for (name, manners) in cases {
        let (error, read) = upload_to(manners);
        let UploadError::TryAgain { retry_after, .. } = &error else { panic!("{name}: {error:?}") };
        assert_eq!(retry_after.as_deref(), (name == "503").then_some("7"), "{name}");
        assert_eq!(read, 1, "{name}: sent once, by one call");
    }
    let nobody = Recording::new(b"RIFF");
    let error = upload("http://127.0.0.1:9", &nobody.measured()).unwrap_err();
    assert!(matches!(error, UploadError::TryAgain { .. }), "{error:?}");
}

/// As proxies do with what is too large for them.
#[test]
fn an_answer_before_the_end_of_the_file_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        let mut start = [0; 4096];
        assert!(connection.read(&mut start).unwrap() > 0);
        answer(&mut connection, "413 Payload Too Large", "", "<html>413</html>");
        connection.shutdown(Shutdown::Write).unwrap();
        std::io::copy(&mut connection, &mut std::io::sink()).unwrap_or_default()
    });
    let file = Recording::new(&vec![1; 30 << 20]);
    let error = upload(&url, &file.measured()).unwrap_err();
    let UploadError::Refused { code, .. } = &error else { panic!("{error:?}") };
    assert_eq!(code, "http_413");
    assert!(server.join().unwrap() < 30 << 20, "the rest is not sent");
}

#[test]
fn the_key_and_the_file_follow_no_redirect() {
    let other = Rude::start(|_, c| answer(c, "200 OK", "", r#"{"url":"https://a.b/c"}"#));
    let to = format!("location: {}/v1?token=secret\r\n", other.url);
    let (error, _) = upload_to(move |c| answer(c, "307 Temporary Redirect", &to, ""));
    let UploadError::Bucket(message) = &error else { panic!("{error:?}") };
    assert!(message.contains("uploads are never redirected"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    assert_eq!(other.read(), 0);
}

#[test]
fn an_echo_of_the_key_is_never_kept() {
    let said = format!(r#"{{"error":{{"code":"x","message":"key {KEY} is odd"}}}}"#);
    let (error, _) = upload_to(move |c| answer(c, "400 Bad Request", "", &said));
    assert_eq!(error.to_string(), "key *** is odd");
    let said = format!(r#"{{"url":"https://files.example/{KEY}/a.jpg"}}"#);
    let (error, _) = upload_to(move |c| answer(c, "200 OK", "", &said));
    assert!(matches!(&error, UploadError::Refused { code, .. } if code == "unusable_url"));
    assert!(!error.to_string().contains(KEY), "{error}");
}

#[test]
fn a_file_that_changes_after_it_was_measured_is_not_stored() {
    let api = fake(Scenario::default());
    let file = Recording::new(&[1; 300_000]);
    let measured = file.measured();
    for bytes in [&[2; 300_000][..], &[1; 200_000]] {
        fs::write(&file.path, bytes).unwrap();
        let error = upload(api.url(), &measured).unwrap_err();
        assert!(
            matches!(&error, UploadError::Refused { code, .. } if code == "file_changed"),
            "{error:?}"
        );
    }
    assert!(
        api.journal().iter().all(|exchange| exchange.answer.is_none_or(|a| a.status != Some(200)))
    );
}
