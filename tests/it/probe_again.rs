//! What a second look costs, and what it notices.

use std::time::Duration;

use crate::library::{Library, fixture, tone};
use crate::probe::{codes, probe, sheet};

const TAG: &str = "etag: \"v1\"\r\n";
const DATE: &str = "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";

/// One medium with an entity tag, one with a date, one with a weak tag, and one with nothing.
fn stocked() -> Library {
    let host = Library::open();
    host.put("/tag.jpg", &fixture("portrait.jpg"), TAG);
    host.put("/date.mp3", &fixture("cbr.mp3"), DATE);
    host.put("/weak.jpg", &fixture("portrait.png"), "etag: W/\"v1\"\r\n");
    host.put("/bare.mp3", &fixture("vbr.mp3"), "");
    host
}

fn both(host: &Library) -> crate::sheet::Sheet {
    let at = |name: &str| format!("{}/{name}", host.url());
    sheet([
        (at("tag.jpg").as_str(), at("date.mp3").as_str()),
        (at("weak.jpg").as_str(), at("bare.mp3").as_str()),
    ])
}

#[test]
fn what_did_not_change_is_not_fetched_again() {
    let host = stocked();
    let sheet = both(&host);
    let first = probe(&sheet, &["--json"]);
    assert_eq!((first.code, host.asked()), (0, 4), "{first}");
    let second = probe(&sheet, &["--json"]);
    assert_eq!((second.code, host.asked()), (0, 8), "{second}");
    assert_eq!(second.json(), first.json(), "known from before, and the same");
    let condition = |path: &str, number: usize| {
        let asked = &host.asked_for(path)[number];
        let mut lines = asked.lines().filter(|line| line.starts_with("if-")).map(str::to_owned);
        lines.next()
    };
    assert_eq!(condition("/tag.jpg", 0), None);
    assert_eq!(condition("/tag.jpg", 1).unwrap(), "if-none-match: \"v1\"");
    let date = "if-modified-since: Sun, 06 Nov 1994 08:49:37 GMT";
    assert_eq!(condition("/date.mp3", 1).unwrap(), date);
    // A weak tag does not promise the same bytes.
    assert_eq!((condition("/weak.jpg", 1), condition("/bare.mp3", 1)), (None, None));
}

#[test]
fn a_closer_look_than_the_first_needs_the_bytes_again() {
    let host = stocked();
    let sheet = both(&host);
    let face = |options: &[&str]| probe(&sheet, options).json()["media"][0]["face"].clone();
    assert_eq!(face(&["--json", "--no-faces"]), serde_json::Value::Null);
    assert_eq!(face(&["--json"]), true);
    let again = &host.asked_for("/tag.jpg")[1];
    assert!(!again.contains("if-none-match"), "{again}");
    assert_eq!(face(&["--json", "--no-faces"]), true, "what is known is not forgotten");
}

#[test]
fn what_changed_is_pointed_out_once() {
    let host = stocked();
    let sheet = both(&host);
    let changed = |options: &[&str]| {
        let said = probe(&sheet, options);
        assert_eq!(said.code, 0, "{said}");
        ["tag.jpg", "date.mp3", "weak.jpg", "bare.mp3"].map(|name| codes(&said.json(), name).len())
    };
    assert_eq!(changed(&["--json", "--no-faces"]), [0, 0, 0, 0]);
    host.put("/tag.jpg", &fixture("portrait-grey.jpg"), "etag: \"v2\"\r\n");
    host.put("/bare.mp3", &fixture("stereo.mp3"), "");
    // Served anew with another date, and still the same bytes.
    host.put("/date.mp3", &fixture("cbr.mp3"), "last-modified: Mon, 07 Nov 1994 08:49:37 GMT\r\n");
    assert_eq!(changed(&["--json"]), [1, 0, 0, 1], "also by a closer look");
    let said = probe(&sheet, &["--json"]);
    assert_eq!(codes(&said.json(), "tag.jpg"), [""; 0], "said once");
}

#[test]
fn what_could_not_be_had_or_was_unfit_is_no_change_when_it_is_mended() {
    let host = Library::open();
    let at = |name: &str| format!("{}/{name}", host.url());
    let sheet = sheet([(at("half.jpg").as_str(), at("gone.mp3").as_str())]);
    assert_eq!(probe(&sheet, &["--no-faces"]).code, 6);
    host.put("/half.jpg", &fixture("portrait.jpg"), TAG);
    host.put("/gone.mp3", &fixture("cbr.mp3"), TAG);
    let said = probe(&sheet, &["--json", "--no-faces"]);
    assert_eq!((said.code, &said.json()["warnings"]), (0, &serde_json::json!([])), "{said}");
}

#[test]
fn a_damaged_cache_is_only_a_cache() {
    let host = stocked();
    let sheet = both(&host);
    assert_eq!(probe(&sheet, &["--no-faces"]).code, 0);
    std::fs::write(sheet.run_folder().join("media.sqlite"), "rubbish".repeat(999)).unwrap();
    let said = probe(&sheet, &["--no-faces"]);
    assert_eq!((said.code, host.asked()), (0, 8), "{said}");
    assert!(!host.asked_for("/tag.jpg")[1].contains("if-none-match"));
}

#[test]
fn a_host_is_not_overrun_and_each_url_asked_once() {
    let host = Library::slow(Duration::from_millis(60));
    let mut pairs = Vec::new();
    for n in 0..40 {
        host.put(&format!("/{n}.wav"), &tone(500, n), "");
        pairs.push((
            format!("{}/shared.jpg", host.url()),
            format!("{}/{n}.wav?sig={n}", host.url()),
        ));
    }
    host.put("/shared.jpg", &fixture("portrait.jpg"), "");
    let sheet = sheet(pairs.iter().map(|(image, audio)| (image.as_str(), audio.as_str())));
    let said = probe(&sheet, &["--json"]);
    assert_eq!((said.code, host.asked()), (0, 41), "{said}");
    assert_eq!(said.json()["media"][0]["pairs"], 40);
    let most = host.most_at_once();
    assert!((8..=16).contains(&most), "{most} requests at once");
}
