//! Media that are what they should be, and still not fit to be sent, or only perhaps.

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::library::{Library, tone};
use crate::probe::{codes, probe, sheet};
use crate::sheet::{Said, Sheet};

/// What is said of recordings, each beside the same portrait.
fn heard(host: Library, names: &[&str]) -> Value {
    let host = host.with(&["portrait.jpg"]);
    let image = format!("{}/portrait.jpg", host.url());
    let audios: Vec<_> = names.iter().map(|name| format!("{}/{name}", host.url())).collect();
    let sheet = sheet(audios.iter().map(|audio| (image.as_str(), audio.as_str())));
    probe(&sheet, &["--json", "--no-faces"]).json()
}

fn remark<'v>(value: &'v Value, name: &str, code: &str) -> &'v Value {
    let media = value["media"].as_array().unwrap();
    let medium = media.iter().find(|one| one["source"].as_str().unwrap().ends_with(name)).unwrap();
    let remarks = medium["remarks"].as_array().unwrap();
    remarks.iter().find(|one| one["code"] == code).unwrap_or_else(|| panic!("{medium:#}"))
}

#[test]
fn recordings_are_measured_against_the_limit() {
    let host = Library::open();
    for millis in [30_000, 30_010, 31_200, 59_960] {
        host.put(&format!("/{millis}.wav"), &tone(millis, 0), "");
    }
    let value = heard(host, &["30000.wav", "30010.wav", "31200.wav", "59960.wav"]);
    assert_eq!(codes(&value, "30000.wav"), [""; 0], "the limit itself is allowed");
    for (name, message, help) in [
        ("30010.wav", "30.1 s, limit 30 s", "trim 0.1 s"),
        ("31200.wav", "31.2 s, limit 30 s", "trim 1.2 s"),
        ("59960.wav", "60.0 s, limit 30 s", "trim 30.0 s"),
    ] {
        let said = remark(&value, name, "audio_too_long");
        let expected = json!({
            "weight": "error", "code": "audio_too_long", "message": message, "help": help
        });
        assert_eq!(said, &expected);
    }
    assert_eq!(value["seconds"], 151.17);
}

#[test]
fn what_may_be_billed_otherwise_or_not_be_heard_is_a_warning() {
    let names =
        ["header-lies.mp3", "silent.mp3", "chained.ogg", "cut.mp3", "opus.ogg", "vbr-no-xing.mp3"];
    let value = heard(Library::open().with(&names), &names);
    assert_eq!(codes(&value, "header-lies.mp3"), ["length_disputed", "audio_cut"]);
    assert_eq!(codes(&value, "vbr-no-xing.mp3"), ["length_disputed"]);
    assert_eq!(codes(&value, "silent.mp3"), ["silent"]);
    assert_eq!(codes(&value, "chained.ogg"), ["length_disputed"]);
    assert_eq!(codes(&value, "cut.mp3"), ["length_disputed", "audio_cut"]);
    assert_eq!(codes(&value, "opus.ogg"), [""; 0], "that it was not decoded is no news");
    let message = &remark(&value, "cut.mp3", "length_disputed")["message"];
    assert_eq!(message, "its header says 3.0 s, its packets come to 1.4 s");
    assert_eq!((value["problems"].clone(), value["unmeasured"].clone()), (json!([]), json!(0)));
}

#[test]
fn faces_are_looked_for_unless_nobody_wants_to_know() {
    let names = ["portrait.jpg", "pattern.jpg", "portrait.avif", "animated.gif", "cbr.mp3"];
    let host = Library::open().with(&names);
    let audio = format!("{}/cbr.mp3", host.url());
    let images: Vec<_> = names[..4].iter().map(|name| format!("{}/{name}", host.url())).collect();
    let sheet = sheet(images.iter().map(|image| (image.as_str(), audio.as_str())));
    let ignored = probe(&sheet, &["--json", "--no-faces"]);
    let value = ignored.json();
    assert_eq!((ignored.code, &value["warnings"]), (0, &json!([])), "{ignored}");
    let value = probe(&sheet, &["--json"]).json();
    assert_eq!(codes(&value, "portrait.jpg"), [""; 0]);
    assert_eq!(codes(&value, "pattern.jpg"), ["no_face"]);
    assert_eq!(codes(&value, "portrait.avif"), ["face_not_checked"]);
    assert_eq!(codes(&value, "animated.gif"), ["face_not_checked"]);
    let again = probe(&sheet, &["--json", "--no-faces"]).json();
    assert_eq!(again["warnings"], json!([]), "also when they were looked for before");
    let faces: Vec<_> = value["media"].as_array().unwrap().iter().map(|one| &one["face"]).collect();
    assert_eq!(faces, [&json!(true), &Value::Null, &json!(false), &Value::Null, &Value::Null]);
}

#[test]
fn links_have_to_live_as_long_as_the_batch() {
    let host = Library::open().with(&["portrait.jpg", "cbr.mp3"]);
    let soon = (Timestamp::now() + 20.seconds()).as_second();
    let late = (Timestamp::now() + 300.hours()).as_second();
    let [image, audio] = ["portrait.jpg", "cbr.mp3"].map(|name| format!("{}/{name}", host.url()));
    let dead =
        format!("{image}?X-Amz-Date=20200101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=secret");
    let soon = format!("{audio}?Expires={soon}&Signature=secret");
    let late = format!("{audio}?Expires={late}&Signature=secret");
    let sheet = sheet([(dead.as_str(), soon.as_str()), (image.as_str(), late.as_str())]);
    let said = probe(&sheet, &["--json", "--no-faces"]);
    let value = said.json();
    let media = value["media"].as_array().unwrap();
    let codes: Vec<_> = media.iter().map(|one| one["remarks"][0]["code"].clone()).collect();
    assert_eq!(said.code, 6, "{said}");
    assert_eq!(codes, [json!("link_expired"), json!("link_expires"), Value::Null, Value::Null]);
    let message = value["media"][0]["remarks"][0]["message"].as_str().unwrap();
    assert_eq!(message, "the link died at 2020-01-01 01:00:00 UTC");
    assert!(!said.to_string().contains("secret"), "{said}");
}

/// The same portrait and recording under two names each, with these words in the second pair.
fn twins(words: &str) -> (Said, usize) {
    let host = Library::open();
    let names = ["a.jpg", "b.jpg", "a.wav", "b.wav"];
    for name in &names[..2] {
        host.put(&format!("/{name}"), &crate::library::fixture("portrait.jpg"), "");
    }
    names[2..].iter().for_each(|name| host.put(&format!("/{name}"), &tone(900, 1), ""));
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: http://127.0.0.1:9\npairs:\n\
         - {{id: first, image: {0}/a.jpg, audio: {0}/a.wav}}\n\
         - {{id: second, image: {0}/b.jpg, audio: {0}/b.wav{words}}}\n\
         - {{id: third, image: {0}/a.jpg, audio: {0}/b.wav}}\n",
        host.url()
    ));
    let said = probe(&sheet, &["--json", "--no-faces"]);
    let count = said.json()["warnings"].as_array().unwrap().len();
    (said, count)
}

#[test]
fn the_same_media_under_other_urls_are_pointed_out_unless_they_are_meant() {
    let (said, count) = twins("");
    assert_eq!((said.code, count), (0, 2), "{said}");
    let warnings = &said.json()["warnings"];
    assert_eq!(warnings[0]["message"], "`second` asks for the same video as `first`");
    assert_eq!(warnings[1]["message"], "`third` asks for the same video as `first`");
    let help = warnings[0]["help"].as_str().unwrap();
    assert!(help.ends_with("or add `take: 2`"), "{help}");
    let help = warnings[1]["help"].as_str().unwrap();
    assert!(help.ends_with("or add `take: 3`"), "two takes of the third would be twins: {help}");
    let (said, count) = twins(", take: 2");
    assert_eq!(count, 1, "only the third: {said}");
    let (said, count) = twins(", prompt: smile");
    assert_eq!(count, 1, "only the third: {said}");
}

#[test]
fn what_is_said_of_prompts_is_counted_with_the_rest() {
    let host = Library::open().with(&["portrait.jpg", "silent.mp3"]);
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: http://127.0.0.1:9\npairs:\n\
         - {{image: {0}/portrait.jpg, audio: {0}/silent.mp3, prompt: ''}}\n",
        host.url()
    ));
    let said = probe(&sheet, &["--json", "--no-faces"]);
    let warnings = &said.json()["warnings"];
    assert_eq!(warnings[0]["message"], "the prompt is empty");
    assert_eq!(warnings[1]["message"], "`audio`: there is nothing to hear in it");
    assert!(probe(&sheet, &["--no-faces"]).out.contains("0 errors, 2 warnings"));
    let plain = sheet.call("check", &["--json"]).json();
    assert_eq!((&plain["warnings"][0], &plain["problems"]), (&warnings[0], &json!([])));
    let said = sheet.call("check", &[]);
    assert!(said.out.ends_with("1 pair, no errors, 1 warning\n"), "{said}");
}
