//! Files into a bucket: against a real server of S3's protocol, and against rude ones.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use callsheet::client::{Stored, Upload, UploadStore};
use callsheet::manifest::{Bucket, BucketAddress};
use callsheet::pair::{Endpoint, PlainHttp};
use callsheet::wire::UploadError;
use callsheet_mock::{MockApi, Scenario};
use jiff::{SignedDuration, Timestamp};

use crate::child::said;
use crate::locals;
use crate::rude::{Rude, answer, reset};
use crate::sheet::{KEY, Said, Sheet, fake};
use crate::uploads::{Recording, block_on, client};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const LIFETIME: Duration = Duration::from_secs(72 * 3600);

fn bucket(url: &str, name: &str) -> UploadStore {
    let bucket = Bucket {
        name: name.to_owned(),
        endpoint: Endpoint::parse(url, PlainHttp::Loopback).unwrap(),
        region: "eu-central-1".to_owned(),
        prefix: "callsheet/spring".to_owned(),
        lifetime: LIFETIME,
        address: BucketAddress::Path,
    };
    let variable = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
        "AWS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        _ => None,
    };
    UploadStore::of(Some(&bucket), variable).unwrap()
}

/// The API is somewhere else, and is not to hear of it.
fn store(url: &str, name: &str, file: &Upload) -> Result<Stored, UploadError> {
    block_on(client("http://127.0.0.1:9", KEY).store(&bucket(url, name), file))
}

/// A server of S3's protocol, of its own.
pub(crate) struct Moto {
    server: Child,
    host: String,
}

impl Moto {
    pub(crate) fn start() -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", &free.port().to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let moto = Self { server: command.spawn().unwrap(), host: free.to_string() };
        let begun = Instant::now();
        while TcpStream::connect(free).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "moto_server does not listen");
            thread::sleep(Duration::from_millis(100));
        }
        moto
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.host)
    }

    /// Status line and headers, and the body; without any credentials but those in the target.
    pub(crate) fn ask(&self, method: &str, target: &str) -> (String, Vec<u8>) {
        let mut connection = TcpStream::connect(&self.host).unwrap();
        write!(
            connection,
            "{method} {target} HTTP/1.1\r\nhost: {}\r\ncontent-length: 0\r\n\
             connection: close\r\n\r\n",
            self.host
        )
        .unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        (String::from_utf8(answer).unwrap().to_ascii_lowercase(), body)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

#[test]
#[ignore = "needs moto_server"]
fn a_bucket_takes_a_file_and_its_link_gives_it_back() {
    let moto = Moto::start();
    assert!(moto.ask("PUT", "/media").0.starts_with("http/1.1 200"));
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 249) as u8).collect();
    let file = Recording::new(&bytes);
    let before = Timestamp::now() + SignedDuration::from_secs(-1);
    let stored = store(&moto.url(), "media", &file.measured()).unwrap();
    let link = stored.url.as_written().strip_prefix(&moto.url()).unwrap();
    let sha256 = file.measured().sha256().to_owned();
    let place = format!("/media/callsheet/spring/{sha256}.wav");
    assert!(link.starts_with(&format!("{place}?X-Amz-Algorithm=AWS4-HMAC-SHA256")), "{link}");
    assert!(link.contains("X-Amz-Expires=259200"), "{link}");
    let (head, body) = moto.ask("GET", link);
    assert!(head.contains("content-type: audio/wav"), "{head}");
    assert_eq!(body, bytes);
    assert!(moto.ask("GET", &place).0.starts_with("http/1.1 403"), "the bucket is private");
    assert!(stored.until >= before + LIFETIME && stored.until <= Timestamp::now() + LIFETIME);

    let again = store(&moto.url(), "media", &file.measured()).unwrap();
    assert!(again.url.as_written().contains(&place), "the same content has the same place");
    let nowhere = store(&moto.url(), "elsewhere", &file.measured()).unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "the bucket takes no files: there is no such bucket; look at its name and its endpoint \
         (HTTP 404 NoSuchBucket: The specified bucket does not exist)"
    );
}

/// A sheet with local files whose `uploads` name a bucket at this address.
fn sheet_with_bucket(api: &MockApi, url: &str, name: &str) -> Sheet {
    let settings = format!(
        "concurrency: 1\nuploads: {{bucket: {name}, endpoint: '{url}', region: eu-central-1, \
         prefix: spring}}"
    );
    let pairs = "pairs:\n  - {id: a, image: anna.jpg, audio: en.wav}\n  \
                 - {id: b, image: anna.jpg, audio: de.mp3}\n";
    locals::sheet(api.url(), &settings, pairs)
}

fn run_with_credentials(sheet: &Sheet, options: &[&str]) -> Said {
    let mut command = sheet.run_command(options);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env_remove("AWS_SESSION_TOKEN");
    said(command.env("AWS_SECRET_ACCESS_KEY", SECRET))
}

#[test]
#[ignore = "needs moto_server"]
fn local_files_of_a_batch_go_into_the_bucket_and_creates_carry_links_that_work() {
    let moto = Moto::start();
    assert!(moto.ask("PUT", "/media").0.starts_with("http/1.1 200"));
    let api = fake(Scenario::default());
    let sheet = sheet_with_bucket(&api, &moto.url(), "media");
    let said = run_with_credentials(&sheet, &[]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(api.journal().len(), 2, "the API is not asked to store anything");
    for (entry, audio) in api.book().entries.iter().zip(["en.wav", "de.mp3"]) {
        let request = entry.request_json();
        for (field, name) in [("image_url", "anna.jpg"), ("audio_url", audio)] {
            let link = request[field].as_str().unwrap().strip_prefix(&moto.url()).unwrap();
            assert!(link.starts_with("/media/spring/") && link.contains("X-Amz-Expires=259200"));
            let file = std::fs::read(sheet.folder().join(name)).unwrap();
            assert_eq!(moto.ask("GET", link).1, file, "{name}");
        }
    }
    assert_eq!(sheet.rows()["b"]["audio_url"], "de.mp3");
    assert!(!said.err.contains("X-Amz") && !said.out.contains("X-Amz"), "{said}");
    assert_eq!(run_with_credentials(&sheet, &[]).code, 0);
    assert_eq!(api.journal().len(), 2);
}

#[test]
#[ignore = "needs moto_server"]
fn a_batch_whose_bucket_is_not_there_says_so_and_stays_planned() {
    let moto = Moto::start();
    let api = fake(Scenario::default());
    let sheet = sheet_with_bucket(&api, &moto.url(), "elsewhere");
    let said = run_with_credentials(&sheet, &[]);
    assert_eq!(said.code, 1, "{said}");
    let told = "local files cannot be stored: the bucket takes no files: there is no such bucket";
    assert!(said.err.contains(told), "{said}");
    assert_eq!(sheet.states()["planned"], 2);
    assert!(api.journal().is_empty(), "nothing was sent");
    assert!(moto.ask("PUT", "/elsewhere").0.starts_with("http/1.1 200"));
    assert_eq!(run_with_credentials(&sheet, &[]).code, 0, "the same command continues");
    assert_eq!(api.book().entries.len(), 2);
}

#[test]
fn without_credentials_nothing_is_sent_and_what_is_missing_is_named() {
    let (api, bucket) = (fake(Scenario::default()), Rude::start(|_, _| {}));
    let sheet = sheet_with_bucket(&api, &bucket.url, "media");
    let with = |verb: &str, variables: &[(&str, &str)]| {
        let mut command = sheet.command(verb, &[]);
        command.env("CALLSHEET_API_KEY", KEY);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        said(command.envs(variables.iter().copied()))
    };
    for (variables, missing) in [
        (&[][..], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_SECRET_ACCESS_KEY", SECRET)], "AWS_ACCESS_KEY_ID"),
        (&[("AWS_ACCESS_KEY_ID", "AKIA")], "AWS_SECRET_ACCESS_KEY"),
        (&[("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", " ")], "AWS_SECRET_ACCESS_KEY"),
    ] {
        let said = with("run", variables);
        assert_eq!(said.code, 2, "{said}");
        let told = format!("`uploads` names a bucket, and {missing} is not set");
        assert!(said.err.contains(&told), "{said}");
    }
    assert!(!sheet.run_folder().exists() && api.journal().is_empty());
    assert_eq!([with("check", &[]).code, with("plan", &[]).code], [0, 0], "they upload nothing");
    assert_eq!(bucket.read(), 0);
}

#[test]
fn a_rehearsal_leaves_the_bucket_alone() {
    let (api, bucket) = (fake(Scenario::default()), Rude::start(|_, _| {}));
    let sheet = sheet_with_bucket(&api, &bucket.url, "media");
    for said in [run_with_credentials(&sheet, &["--mock"]), sheet.run(&["--mock", "--out", "x"])] {
        assert_eq!(said.code, 0, "{said}");
    }
    assert!(bucket.read() == 0 && api.journal().is_empty());
}

const DENIED: &str = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

#[test]
fn the_bucket_gets_the_file_and_the_api_key_goes_nowhere() {
    let server = Rude::start(|_, c| answer(c, "200 OK", "", ""));
    let file = Recording::new(b"RIFF, more or less");
    let stored = store(&server.url, "media", &file.measured()).unwrap();
    let requests = server.requests();
    let [put, look] = &requests[..] else { panic!("{requests:#?}") };
    let place = format!("/media/callsheet/spring/{}.wav?", file.measured().sha256());
    assert!(put.starts_with(&format!("PUT {place}X-Amz-Algorithm=")), "{put}");
    assert!(put.ends_with("\r\n\r\nRIFF, more or less"), "{put}");
    for header in ["content-type: audio/wav", "content-length: 18"] {
        assert!(put.contains(header), "{header} in {put}");
    }
    let link = stored.url.as_written().strip_prefix(&server.url).unwrap();
    assert!(look.starts_with(&format!("GET {link} HTTP/1.1")), "{look}");
    assert!(look.contains("range: bytes=0-0"), "{look}");
    for request in &requests {
        let lower = request.to_ascii_lowercase();
        assert!(!lower.contains("authorization") && !request.contains(KEY), "{request}");
        assert!(!request.contains(SECRET) && !request.contains("secret"), "{request}");
    }
    assert!(!format!("{stored:?}").contains("X-Amz"), "a signature is not shown");
}

#[test]
fn a_bucket_that_refuses_says_where_to_look() {
    let file = Recording::new(b"RIFF");
    let server = Rude::start(|_, c| answer(c, "403 Forbidden", "", DENIED));
    assert_eq!(
        store(&server.url, "media", &file.measured()).unwrap_err(),
        UploadError::Bucket(
            "the bucket takes no files: look at its credentials and its policy \
             (HTTP 403 AccessDenied: Access Denied)"
                .to_owned()
        )
    );
    assert_eq!(server.read(), 1, "no link is tried");
    let write_only = Rude::any(|request, c| match request.starts_with("PUT") {
        true => answer(c, "200 OK", "", ""),
        false => answer(c, "403 Forbidden", "", DENIED),
    });
    let error = store(&write_only.url, "media", &file.measured()).unwrap_err();
    assert!(error.to_string().contains("cannot be fetched by its link"), "{error}");
}

#[test]
fn a_bucket_that_fails_may_be_tried_again() {
    type Manners = fn(&mut TcpStream);
    let cases: [Manners; 3] = [
        |c| answer(c, "503 Slow Down", "retry-after: 7\r\n", "<Code>SlowDown</Code>"),
        |c| reset(c),
        |_| {},
    ];
    for (number, manners) in cases.into_iter().enumerate() {
        let server = Rude::start(move |_, c| manners(c));
        let file = Recording::new(b"RIFF");
        let error = store(&server.url, "media", &file.measured()).unwrap_err();
        let UploadError::TryAgain { retry_after, .. } = &error else { panic!("{error:?}") };
        assert_eq!(retry_after.as_deref(), (number == 0).then_some("7"));
        assert_eq!(server.read(), 1, "sent once, by one call");
    }
}

#[test]
fn a_bucket_that_is_elsewhere_is_not_looked_for() {
    let other = Rude::start(|_, c| answer(c, "200 OK", "", ""));
    let to = format!("location: {}/media?token=secret\r\n", other.url);
    let server = Rude::start(move |_, c| answer(c, "307 Temporary Redirect", &to, ""));
    let file = Recording::new(b"RIFF");
    let error = store(&server.url, "media", &file.measured()).unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("look at its endpoint and its region") && !told.contains("secret"),
        "{told}"
    );
    assert_eq!(other.read(), 0);
}
