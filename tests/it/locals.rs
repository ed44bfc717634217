//! Files beside the manifest: uploaded once, kept an eye on, and never let out by accident.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use callsheet_mock::{Exchange, Fault, Latency, MockApi, Rule, Scenario, Span, Work};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::sheet::{Sheet, fake, root};
use crate::stops::until;

const UPLOAD: &str = "/v1/files/upload/stream";

/// A portrait and recordings of the fixtures, by the names that they get beside the manifest.
const MEDIA: [(&str, &str); 6] = [
    ("anna.jpg", "pictures/portrait.jpg"),
    ("faces/ben.png", "pictures/portrait.png"),
    ("en.wav", "sounds/plain.wav"),
    ("de.mp3", "sounds/cbr.mp3"),
    ("fr.m4a", "sounds/plain.m4a"),
    ("copies/en again.wav", "sounds/plain.wav"),
];

/// A manifest with the media beside it.
pub(crate) fn sheet(endpoint: &str, settings: &str, pairs: &str) -> Sheet {
    let sheet = Sheet::new(&format!("version: 1\nendpoint: {endpoint}\n{settings}\n{pairs}"));
    for (name, fixture) in MEDIA {
        add(&sheet, name, &shipped(fixture));
    }
    sheet
}

/// One of the fixtures.
pub(crate) fn shipped(fixture: &str) -> Vec<u8> {
    fs::read(root().join("tests/fixtures/media").join(fixture)).unwrap()
}

pub(crate) fn add(sheet: &Sheet, name: &str, bytes: &[u8]) {
    let path = sheet.folder().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Sound that nothing else has.
pub(crate) fn recording(seed: u8, samples: u32) -> Vec<u8> {
    wav(seed, samples, 8000)
}

pub(crate) fn wav(seed: u8, samples: u32, rate: u32) -> Vec<u8> {
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + samples).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend([rate, rate].iter().flat_map(|rate| rate.to_le_bytes()));
    wav.extend(b"\x01\0\x08\0data");
    wav.extend(samples.to_le_bytes());
    wav.extend((0..samples).map(|n| (n.wrapping_mul(u32::from(seed) + 3) >> 1) as u8));
    wav
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) const CROSS: &str = "cross:
  images: {anna: ./anna.jpg, ben: faces/../faces/ben.png}
  audios: {en: en.wav, de: ./de.mp3, fr: fr.m4a}
pairs:
  - {id: copy, image: faces/ben.png, audio: copies/en again.wav, prompt: The same bytes}
";

/// The uploads that the fake has read.
pub(crate) fn uploads(api: &MockApi) -> Vec<Exchange> {
    api.journal().into_iter().filter(|seen| seen.target == UPLOAD).collect()
}

/// The content that a URL of the fake's storage stands for, by the name that it was given.
fn content(url: &Value) -> String {
    let name = url.as_str().unwrap().rsplit('/').next().unwrap();
    name.split('.').next().unwrap().to_owned()
}

/// The bytes behind a URL, as somebody finds them who has no key.
fn fetched(url: &str) -> Vec<u8> {
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).unwrap();
    let head = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{url}: {}", String::from_utf8_lossy(&answer));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    answer.split_off(end + 4)
}

/// Every create names URLs that the fake has stored before, and no two the same content and options.
/// Gives how many creates there were.
pub(crate) fn compare(api: &MockApi) -> usize {
    let book = api.book();
    let mut seen = BTreeSet::new();
    for entry in &book.entries {
        let mut request = entry.request_json();
        for field in ["image_url", "audio_url"] {
            let url = request[field].as_str().unwrap();
            assert!(url.starts_with(&format!("{}/files/", api.url())), "{url}");
            let stored = content(&request[field]);
            assert_eq!(sha256(&fetched(url)), stored, "{url}");
            request[field] = stored.into();
        }
        assert!(seen.insert(request.to_string()), "paid twice: {request}");
    }
    book.entries.len()
}

#[test]
fn each_content_is_uploaded_once_before_the_creates_that_need_it() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = sheet(api.url(), "concurrency: 8", CROSS);
    let said = sheet.run_whole(&[]);
    // The fake's videos play a second, and four of the recordings three.
    assert_eq!((said.code, sheet.states()["saved"]), (3, 7), "{said}");
    assert_eq!(said.err.matches("saved, but wrong_length").count(), 4, "{said}");
    assert_eq!(compare(&api), 7);
    let sent = uploads(&api);
    let mut names = BTreeSet::new();
    for upload in &sent {
        let kept = "name=\"auto_cleanup\"\r\n\r\nfalse\r\n";
        assert!(upload.body.contains(kept), "{}", upload.body);
        let name = upload.body.split("name=\"file_name\"\r\n\r\n").nth(1).unwrap();
        assert!(names.insert(name.lines().next().unwrap().to_owned()), "uploaded twice");
        assert!(!upload.body.contains("anna.jpg"), "what it is called here is nobody's business");
    }
    assert_eq!(names.len(), 5, "{names:?}");
    for create in api.journal().iter().filter(|seen| seen.target == "/v1/videos/generations") {
        let request: Value = serde_json::from_str(&create.body).unwrap();
        for field in ["image_url", "audio_url"] {
            let name = content(&request[field]);
            let before = |upload: &&Exchange| upload.body.contains(&name);
            let upload = sent.iter().find(before).unwrap();
            assert!(upload.number < create.number, "{field} of {}", create.body);
        }
    }
    let rows = sheet.rows();
    let cells = |id: &str| [&rows[id]["image_url"], &rows[id]["audio_url"]].map(String::as_str);
    assert_eq!(cells("anna-de"), ["./anna.jpg", "./de.mp3"], "as they are written");
    assert_eq!(cells("copy"), ["faces/ben.png", "copies/en again.wav"]);
    assert_eq!(rows["anna-de"]["audio_seconds"], "3.000");

    let asked = api.journal().len();
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!(api.journal().len(), asked, "nothing is left to do");
    let more = fs::read_to_string(&sheet.manifest).unwrap()
        + "  - {id: later, image: anna.jpg, audio: copies/en again.wav, prompt: Later}\n";
    fs::write(&sheet.manifest, more).unwrap();
    assert_eq!(sheet.run_whole(&[]).code, 3);
    assert_eq!((compare(&api), uploads(&api).len()), (8, 5), "another run uses what is there");
}

#[test]
fn a_store_that_will_have_forgotten_a_file_soon_gets_it_again() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "", "pairs:\n  - {id: a, image: anna.jpg, audio: en.wav}\n");
    assert_eq!(sheet.run(&[]).code, 0);
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    // The API keeps files for 72 hours; a third of that has to be left.
    for (id, hours, expected) in [("b", 25, 2), ("c", 23, 4), ("d", 72, 4)] {
        let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
        let until = Timestamp::now().as_millisecond() + hours * 3_600_000;
        assert_eq!(ledger.execute("UPDATE uploads SET until = ?1", [until]).unwrap(), 2);
        drop(ledger);
        let pair = format!("  - {{id: {id}, image: anna.jpg, audio: en.wav, prompt: Now {id}}}\n");
        fs::write(&sheet.manifest, text.clone() + &pair).unwrap();
        assert_eq!(sheet.run(&[]).code, 0);
        assert_eq!(uploads(&api).len(), expected, "{hours} hours are left");
    }
    assert_eq!(compare(&api), 4);
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let least: i64 = ledger.query_row("SELECT min(until) FROM uploads", (), |r| r.get(0)).unwrap();
    assert!(least > Timestamp::now().as_millisecond() + 71 * 3_600_000, "noted");
}

#[test]
fn a_file_that_changes_after_its_create_is_told_of_and_not_sent() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "", CROSS);
    assert_eq!(sheet.run(&[]).code, 0);
    fs::write(sheet.folder().join("de.mp3"), recording(1, 800)).unwrap();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("2 pairs changed in the manifest after being sent"), "{said}");
    let plan = sheet.call("plan", &[]);
    assert!(plan.out.contains("2  changed since they were sent"), "{plan}");
    assert_eq!((compare(&api), uploads(&api).len()), (7, 5));
    let row = &sheet.rows()["anna-de"];
    assert_eq!((row["state"].as_str(), row["audio_seconds"].as_str()), ("created", "3.000"));
}

#[test]
fn a_file_that_changes_before_its_create_is_left_for_the_next_run() {
    let latency = Latency::Fixed(Span::millis(500));
    let api = fake(Scenario { latency, ..Scenario::default() });
    let pairs: String = ["keep", "x", "y", "changed", "restored", "removed"]
        .map(|id| format!("  - {{id: {id}, image: anna.jpg, audio: {id}.wav}}\n"))
        .concat();
    let sheet = sheet(api.url(), "concurrency: 1", &format!("pairs:\n{pairs}"));
    for (seed, id) in (0..).zip(["keep", "x", "y", "changed", "restored", "removed"]) {
        add(&sheet, &format!("{id}.wav"), &recording(seed, 800));
    }
    let run = sheet.start(&[]);
    until("the first create", || api.book().creates_read == 1);
    add(&sheet, "changed.wav", &recording(90, 800));
    add(&sheet, "restored.wav", &recording(91, 800));
    fs::remove_file(sheet.folder().join("removed.wav")).unwrap();
    let said = run.said();
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(compare(&api), 3);
    let rows = sheet.rows();
    for (id, code, told) in [
        ("changed", "file_changed", "audio: the file changed since the run began"),
        ("restored", "file_changed", "audio: the file changed since the run began"),
        ("removed", "file_missing", "audio: there is no such file"),
    ] {
        let row = &rows[id];
        assert_eq!((row["state"].as_str(), row["error_code"].as_str()), ("rejected", code));
        assert_eq!(row["error"], told);
    }
    assert_eq!(uploads(&api).len(), 4, "nothing of it was sent");
    assert_eq!(sheet.run(&[]).code, 2, "a file is missing");
    add(&sheet, "restored.wav", &recording(4, 800));
    add(&sheet, "removed.wav", &recording(5, 800));
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(compare(&api), 6, "also what is again as it was listed");
}

#[test]
fn a_longer_limit_lets_a_recording_through_that_was_too_long() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "max_audio: 2s", "pairs: [{image: anna.jpg, audio: de.mp3}]\n");
    let said = sheet.run(&[]);
    assert_eq!((said.code, &*sheet.rows()["anna-de"]["error_code"]), (3, "audio_too_long"));
    assert!(uploads(&api).is_empty(), "what is not sent is not uploaded");
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, text.replace("2s", "4s")).unwrap();
    assert_eq!((sheet.run(&[]).code, compare(&api)), (0, 1));
}

#[test]
fn copies_under_other_names_are_paid_for_once_however_often_the_run_is_repeated() {
    let api = fake(Scenario::default());
    let sheet = sheet(
        api.url(),
        "concurrency: 1",
        "pairs:\n  - {id: a, image: anna.jpg, audio: en.wav}\n  \
         - {id: b, image: anna2.jpg, audio: copies/en again.wav}\n",
    );
    fs::copy(sheet.folder().join("anna.jpg"), sheet.folder().join("anna2.jpg")).unwrap();
    for options in [&[][..], &[], &["--probe"], &["--probe"]] {
        let said = sheet.run(options);
        assert_eq!(said.code, 3, "{said}");
        assert_eq!(sheet.rows()["b"]["error_code"], "duplicate");
    }
    let pair = "  - {id: c, image: anna2.jpg, audio: en.wav}\n";
    let more = fs::read_to_string(&sheet.manifest).unwrap() + pair;
    fs::write(&sheet.manifest, &more).unwrap();
    assert_eq!(sheet.run(&[]).code, 3);
    let later = &sheet.rows()["c"];
    assert_eq!(later["error"], "the same picture, recording and options as a", "sent before");
    assert_eq!((compare(&api), uploads(&api).len()), (1, 2));
    // As the help of `check --probe` says.
    let taken = more.replace("audio: en.wav}\n  - {id: b", "audio: en.wav}\n  - {id: b2, take: 2");
    fs::write(&sheet.manifest, taken.replace("{id: c", "{id: c2, take: 3")).unwrap();
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (0, 3), "{said}");
}

#[test]
fn a_doubt_shows_what_was_really_sent() {
    let fault = Rule::new(Fault::Status502AfterAccept).first(1);
    let api = fake(Scenario { faults: vec![fault], ..Scenario::default() });
    let pairs = "pairs: [{id: a, image: anna.jpg, audio: en.wav, prompt: Hello}]\n";
    let sheet = sheet(api.url(), "", pairs);
    assert_eq!(sheet.run(&[]).code, 5);
    let booked = api.book().entries[0].request_json();
    let status = sheet.call("status", &["--json"]).json();
    let doubt = &status["in_doubt"][0];
    assert_eq!(doubt["request"], booked);
    assert_eq!(doubt["image_url"], "anna.jpg", "and what it is called here");
    let told = sheet.call("status", &[]).out;
    let [image, audio] = ["image_url", "audio_url"].map(|field| booked[field].as_str().unwrap());
    assert!(told.contains(&format!("anna.jpg + en.wav\n      uploaded: {image} + {audio}\n")));
    let mut resend = sheet.command("resolve", &["a", "--resend"]);
    assert_eq!(crate::child::said(&mut resend).code, 0);
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(uploads(&api).len(), 2, "what was uploaded is still there");
    assert_eq!(api.book().duplicates().len(), 1, "by a person's word");
}

#[test]
fn tasks_that_were_made_elsewhere_are_adopted_without_a_change() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "", "pairs: [{id: a, image: anna.jpg, audio: en.wav}]\n");
    fs::write(sheet.folder().join("t.csv"), "id,task_id\na,task-1\n").unwrap();
    assert_eq!(sheet.call("adopt", &["t.csv", "--unchecked"]).code, 0);
    let plan = sheet.call("plan", &["--json"]).json();
    assert_eq!((&plan["plan"]["changed"], &plan["plan"]["wait"]["pairs"]), (&0.into(), &1.into()));
}

#[test]
fn a_length_goes_with_the_file_that_had_it() {
    let pairs = "pairs: [{id: a, image: anna.jpg, audio: en.wav}]\n";
    let sheet = sheet("https://api.foxapi.cc", "", pairs);
    assert_eq!(sheet.call("check", &["--probe"]).code, 0);
    let seconds = || sheet.call("plan", &["--json"]).json()["pairs"][0]["seconds"].clone();
    assert_eq!(seconds(), 2.0);
    add(&sheet, "en.wav", &recording(1, 24_000));
    assert_eq!(seconds(), 3.0, "that of another recording is worth nothing");
}
