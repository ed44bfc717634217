//! `run --probe`: media are looked at just before each create, and nothing is sent for bad ones.

use std::collections::BTreeSet;
use std::time::Duration;

use callsheet_mock::{Latency, MockApi, Scenario, Span};

use crate::library::{Library, fixture, tone};
use crate::money::ends_within;
use crate::sheet::{Sheet, fake};

/// Pairs of a portrait and a recording each, for an API.
fn sheet(api: &MockApi, host: &Library, settings: &str, pairs: &[(&str, &str, &str)]) -> Sheet {
    let mut yaml = format!("version: 1\nendpoint: {}\n{settings}\npairs:\n", api.url());
    for (id, image, audio) in pairs {
        let url = host.url();
        yaml.push_str(&format!("- {{id: {id}, image: '{url}/{image}', audio: '{url}/{audio}}}\n"));
    }
    Sheet::new(&yaml)
}

fn calm() -> MockApi {
    fake(Scenario::default())
}

/// The names of the recordings that were paid for.
fn paid(api: &MockApi) -> Vec<String> {
    let entries = api.book().entries.into_iter();
    let audio = |request: serde_json::Value| {
        let url = request["audio_url"].as_str().unwrap().to_owned();
        url.rsplit('/').next().unwrap().to_owned()
    };
    let mut names: Vec<_> = entries.map(|entry| audio(entry.request_json())).collect();
    names.sort();
    names
}

fn cell(sheet: &Sheet, id: &str, column: &str) -> String {
    sheet.rows()[id][column].clone()
}

const MIXED: [(&str, &str, &str); 6] = [
    ("good", "portrait.jpg", "cbr.mp3'"),
    ("page", "page.jpg", "cbr.mp3?n=1'"),
    ("long", "portrait.jpg", "long.wav'"),
    ("half", "half.jpg", "vbr.mp3'"),
    ("swapped", "cbr.mp3", "portrait.jpg'"),
    ("other", "portrait.jpg", "stereo.mp3'"),
];

fn mixed() -> Library {
    let names = ["portrait.jpg", "cbr.mp3", "vbr.mp3", "stereo.mp3"];
    let host = Library::open().with(&names);
    host.put("/long.wav", &tone(31_200, 0), "");
    host
}

#[test]
fn bad_pairs_are_rejected_unsent_and_created_once_they_are_mended() {
    let (api, host) = (calm(), mixed());
    let sheet = sheet(&api, &host, "", &MIXED);
    let said = sheet.run(&["--probe"]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(paid(&api), ["cbr.mp3", "stereo.mp3"]);
    assert_eq!(api.book().creates_read, 2, "nothing at all was sent for the others");
    for (id, code, error) in [
        ("page", "not_public", "image: it is a web page, not an image"),
        ("long", "audio_too_long", "audio: 31.2 s, limit 30 s"),
        ("half", "image_cut", "image: the JPG image is cut off"),
        ("swapped", "wrong_medium", "image: this is a recording (MP3), not a picture"),
    ] {
        let row = &sheet.rows()[id];
        assert_eq!((row["state"].as_str(), row["error_code"].as_str()), ("rejected", code));
        assert_eq!((row["error"].as_str(), row["task_id"].as_str()), (error, ""), "{id}");
    }
    assert_eq!(cell(&sheet, "good", "state"), "created");
    assert_eq!(cell(&sheet, "good", "audio_seconds"), "3.000");
    let asked = host.asked();
    host.put("/page.jpg", &fixture("portrait.png"), "");
    host.put("/long.wav", &tone(29_900, 0), "");
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!((api.book().creates_read, host.asked()), (2, asked), "a plain run leaves them");
    assert_eq!(sheet.states()["rejected"], 4);
    let said = sheet.run(&["--probe"]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(paid(&api), ["cbr.mp3", "cbr.mp3?n=1", "long.wav", "stereo.mp3"]);
    assert_eq!(sheet.states()["rejected"], 2);
    assert_eq!(cell(&sheet, "long", "audio_seconds"), "29.900");
    assert_eq!(
        (cell(&sheet, "page", "state"), cell(&sheet, "page", "error_code")),
        ("created".into(), String::new())
    );
}

#[test]
fn the_manifest_can_ask_for_it() {
    let (api, host) = (calm(), mixed());
    let sheet = sheet(&api, &host, "probe: true", &MIXED[..2]);
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!(paid(&api), ["cbr.mp3"]);
    let unasked = mixed();
    let plain = self::sheet(&api, &unasked, "probe: false", &MIXED[..2]);
    assert_eq!(plain.run(&[]).code, 0);
    assert_eq!((unasked.asked(), api.book().creates_read), (0, 3));
}

#[test]
fn shared_media_are_asked_for_once_by_a_run_too() {
    let (api, host) = (calm(), Library::slow(Duration::from_millis(30)).with(&["portrait.jpg"]));
    let names: Vec<_> = (0..12).map(|n| (format!("p{n}"), format!("{n}.wav'"))).collect();
    (0..12).for_each(|n| host.put(&format!("/{n}.wav"), &tone(500, n), ""));
    let pairs: Vec<_> =
        names.iter().map(|(id, audio)| (id.as_str(), "portrait.jpg", audio.as_str())).collect();
    let sheet = sheet(&api, &host, "concurrency: 6", &pairs);
    let said = sheet.run(&["--probe"]);
    assert_eq!((said.code, host.asked(), api.book().entries.len()), (0, 13, 12), "{said}");
}

/// One content under three pairs of names.
const TWINS: [(&str, &str, &str); 3] = [
    ("first", "a.jpg", "a.wav'"),
    ("second", "b.jpg", "b.wav'"),
    ("meant", "c.jpg", "c.wav', take: 2"),
];

fn same_thrice() -> Library {
    let host = Library::open();
    for name in ["a", "b", "c"] {
        host.put(&format!("/{name}.jpg"), &fixture("portrait.jpg"), "");
        host.put(&format!("/{name}.wav"), &tone(900, 3), "");
    }
    host
}

#[test]
fn duplicates_are_not_paid_for_unless_they_are_meant() {
    let (api, host) = (calm(), same_thrice());
    let sheet = sheet(&api, &host, "concurrency: 1", &TWINS);
    let said = sheet.run(&["--probe"]);
    assert_eq!(said.code, 3, "{said}");
    assert_eq!(paid(&api), ["a.wav", "c.wav"]);
    assert_eq!(cell(&sheet, "second", "error_code"), "duplicate");
    let error = cell(&sheet, "second", "error");
    assert_eq!(error, "the same picture, recording and options as first");
}

#[test]
fn duplicates_of_what_earlier_runs_paid_for_are_not_paid_for_either() {
    let (api, host) = (calm(), same_thrice());
    let sheet = sheet(&api, &host, "concurrency: 1", &TWINS);
    assert_eq!(sheet.run(&["--probe", "--limit", "1"]).code, 4);
    assert_eq!(paid(&api), ["a.wav"]);
    for _ in 0..2 {
        let said = sheet.run(&["--probe"]);
        assert_eq!(said.code, 3, "{said}");
        assert_eq!(paid(&api), ["a.wav", "c.wav"]);
        assert_eq!(cell(&sheet, "second", "error_code"), "duplicate");
    }
}

/// So many good pairs, every fifth of them bad, and every seventh the same as the first.
fn many(host: &Library, count: usize) -> Vec<(String, String, String)> {
    let pair = |n: usize| {
        let image = if n % 5 == 3 { format!("half.{n}.jpg") } else { format!("{n}.jpg") };
        let tone_of = if n % 7 == 6 { 0 } else { n };
        host.put(&format!("/{n}.jpg"), &fixture("tiny.jpg"), "etag: \"t\"\r\n");
        host.put(&format!("/{n}.wav"), &tone(400, tone_of), "etag: \"t\"\r\n");
        (format!("p{n}"), image, format!("{n}.wav'"))
    };
    (0..count).map(pair).collect()
}

#[test]
fn killed_again_and_again_bad_pairs_stay_unsent_and_no_content_is_paid_for_twice() {
    let latency = Latency::Uniform(Span::millis(1), Span::millis(40));
    let api = fake(Scenario { latency, seed: 5, ..Scenario::default() });
    let host = Library::slow(Duration::from_millis(5));
    let many = many(&host, 160);
    let pairs = many.iter().map(|(id, image, audio)| (id.as_str(), image.as_str(), audio.as_str()));
    let sheet = sheet(&api, &host, "concurrency: 4", &pairs.collect::<Vec<_>>());
    let (mut random, mut kills) = (fastrand::Rng::with_seed(5), 0);
    // Longer and longer: what is bad is looked at again by every run.
    loop {
        let mut run = sheet.start(&["-q", "--probe"]);
        match ends_within(&mut run, Duration::from_millis(50 + 12 * kills + random.u64(..200))) {
            Some(code) => {
                break assert!([3, 5].contains(&code), "exit code {code}: {}", run.said());
            }
            None => kills += 1,
        }
        assert!(kills < 200, "no end");
    }
    let rows = sheet.rows();
    let (mut contents, book) = (BTreeSet::new(), api.book());
    for entry in &book.entries {
        let request = entry.request_json();
        let audio = request["audio_url"].as_str().unwrap();
        let row = rows.values().find(|row| row["audio_url"] == audio).unwrap();
        let known = row["task_id"] == entry.task.to_string() && row["state"] == "created";
        assert!(known || row["state"] == "in_doubt", "{row:?}");
        let n: usize = row["id"][1..].parse().unwrap();
        assert!(contents.insert(if n % 7 == 6 { 0 } else { n }), "{} was paid twice", row["id"]);
        assert_ne!(n % 5, 3, "{} is bad", row["id"]);
    }
    for (id, row) in &rows {
        let n: usize = id[1..].parse().unwrap();
        let expected = match (n % 5, n % 7) {
            (3, _) => "image_cut",
            (_, 6) => "duplicate",
            _ => "",
        };
        let sent = ["created", "in_doubt"].contains(&row["state"].as_str());
        assert_eq!(sent, expected.is_empty(), "{row:?}");
        assert!(sent || row["error_code"] == expected, "{row:?}");
    }
    assert!(kills >= 5, "only {kills} kills");
    println!("160 pairs, {kills} kills: {} paid, {:?}", book.entries.len(), sheet.states());
}
