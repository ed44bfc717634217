//! Bad input: a message that names the thing and says what to do, nothing sent, nothing half-done.

use std::fs;

use callsheet_mock::{MockApi, Scenario};

use crate::child;
use crate::sheet::{Said, Sheet, fake};

const PAIR: &str =
    "pairs:\n  - {image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}\n";

struct Attempt {
    api: MockApi,
    sheet: Sheet,
}

impl Attempt {
    fn with(text: impl AsRef<[u8]>) -> Self {
        Self { api: fake(Scenario::default()), sheet: Sheet::named("batch.yaml", text.as_ref()) }
    }

    /// Runs it against a fake that would take everything.
    fn run(&self, options: &[&str]) -> Said {
        let said = self.sheet.run(&[&["--endpoint", self.api.url()], options].concat());
        assert_eq!(self.api.book().creates_read, 0, "sent all the same: {said}");
        said
    }
}

/// Bad manifests, and a word of the message for each.
#[test]
fn manifests() {
    let laughs =
        (1..12).fold("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned(), |text, n| {
            let (name, before) = (format!("a{n}"), format!("*a{}, ", n - 1).repeat(8));
            text + &format!("{name}: &{name} [{before}]\n")
        });
    let with = |line: &str| format!("version: 1\n{line}\n{PAIR}");
    let pair = |pair: &str| format!("version: 1\npairs:\n  - {pair}\n");
    let media =
        |image: &str| pair(&format!("{{image: {image}, audio: 'https://example.com/a.mp3'}}"));
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "empty"),
        ("# only a comment\n".to_owned(), "nothing in it but comments"),
        ("version: 1\n".to_owned() + PAIR + "---\n" + PAIR, "document"),
        ("version: 1\npairs:\n\t- image: x\n".to_owned(), "tab"),
        (with("concurrency: 4\nconcurrency: 8"), "twice"),
        (with("concurency: 4"), "did you mean `concurrency`"),
        (with("concurrency: 0"), "1 to 1024"),
        (with("concurrency: 100000"), "1 to 1024"),
        (with("endpoint: https://api.foxapi.cc/v2"), "only a host"),
        (with("endpoint: https://api.foxapi.cc/?x=1"), "only a host"),
        (with("budget: 50"), "no price is known"),
        (with("in_flight: 0"), "1 to 1000000"),
        (with("pairs_from: x.csv"), "there is no such file"),
        (with(&laughs), "alias"),
        (media("null"), "empty"),
        (media("''"), "empty"),
        (media("ftp://example.com/a.jpg"), "not https"),
        (media("http://example.com/a.jpg"), "--allow-http"),
        (media("https://me:secret@example.com/a.jpg"), "password"),
        (media("\"https://example.com/a\\u0007.jpg\""), "control character"),
        (
            pair(
                "{id: ../a, image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}",
            ),
            "(this one has `/` at 3)",
        ),
        (
            pair(
                "{id: NUL, image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}",
            ),
            "device",
        ),
    ];
    for (text, word) in cases {
        let attempt = Attempt::with(&text);
        let said = attempt.run(&[]);
        assert_eq!(said.code, 2, "{text}\n{said}");
        assert!(said.err.contains(word), "no {word:?} in: {said}");
        assert!(said.err.contains("batch.yaml"), "{said}");
        assert!(!said.err.contains("secret"), "{said}");
        assert!(!attempt.sheet.run_folder().exists(), "left something behind: {said}");
    }
}

#[test]
fn the_last_line_decides_too() {
    let many = "  - {image: 'https://example.com/N.jpg', audio: 'https://example.com/N.mp3'}\n";
    let pairs: String = (0..200).map(|n| many.replace('N', &n.to_string())).collect();
    let said = Attempt::with(format!("version: 1\npairs:\n{pairs}  - {{image: oops}}\n")).run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("batch.yaml:203:"), "{said}");
}

#[test]
fn ids_that_differ_only_by_case() {
    let pair =
        "  - {id: ID, image: 'https://example.com/ID.jpg', audio: 'https://example.com/a.mp3'}\n";
    let said = Attempt::with(format!(
        "version: 1\npairs:\n{}{}",
        pair.replace("ID", "anna"),
        pair.replace("ID", "Anna")
    ))
    .run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("upper and lower case"), "{said}");
}

#[test]
fn files_that_are_no_manifests() {
    let said = Attempt::with([&b"version: 1\n# "[..], &[0xff, 0xfe], b"\n"].concat()).run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("UTF-8"), "{said}");

    let attempt = Attempt::with("");
    fs::remove_file(&attempt.sheet.manifest).unwrap();
    let said = attempt.run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("there is no such file"), "{said}");
    fs::create_dir(&attempt.sheet.manifest).unwrap();
    let said = attempt.run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("folder"), "{said}");
}

#[test]
fn a_manifest_of_100_mb() {
    let attempt = Attempt::with("version: 1\n");
    let file = fs::OpenOptions::new().append(true).open(&attempt.sheet.manifest).unwrap();
    file.set_len(100 << 20).unwrap();
    let said = attempt.run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("100 MiB; at most 64 are read"), "{said}");
}

#[test]
fn a_bom_and_windows_line_ends_are_fine() {
    let text = format!("\u{feff}version: 1\n{PAIR}").replace('\n', "\r\n");
    assert_eq!(Sheet::new(&text).call("check", &[]).code, 0);
}

#[test]
fn no_key_or_a_bad_one() {
    let attempt = Attempt::with(format!("version: 1\n{PAIR}"));
    let endpoint = ["--endpoint", attempt.api.url()];
    let said = attempt.sheet.call("run", &endpoint);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("CALLSHEET_API_KEY"), "{said}");
    for key in ["", "  ", "two words", "schlüssel"] {
        let mut command = attempt.sheet.command("run", &endpoint);
        let said = child::said(command.env("CALLSHEET_API_KEY", key));
        assert_eq!(said.code, 2, "{said}");
        assert!(key.trim().is_empty() || !said.err.contains(key), "{said}");
    }
    assert_eq!(attempt.api.book().creates_read, 0);
    assert!(!attempt.sheet.run_folder().exists());
}

#[test]
fn endpoints_on_the_command_line() {
    let sheet = Sheet::new(&format!("version: 1\n{PAIR}"));
    for (endpoint, word) in [
        ("https://api.foxapi.cc/v2", "only a host"),
        ("http://example.com", "--allow-http"),
        ("ftp://example.com", "not https"),
        ("nonsense", "not a URL"),
    ] {
        let said = sheet.run(&["--endpoint", endpoint]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains(word), "{said}");
    }
}

#[test]
fn a_run_folder_that_is_a_file() {
    let attempt = Attempt::with(format!("version: 1\n{PAIR}"));
    fs::write(attempt.sheet.run_folder(), "mine").unwrap();
    let said = attempt.run(&[]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("this is a file") && said.err.contains("--out"), "{said}");
    assert_eq!(fs::read_to_string(attempt.sheet.run_folder()).unwrap(), "mine");
}

#[test]
fn a_run_folder_that_cannot_be_made() {
    // A file where a folder of the path should be: refused to root as well.
    let attempt = Attempt::with(format!("version: 1\n{PAIR}"));
    let said = attempt.run(&["--out", "batch.yaml/run"]);
    assert_eq!(said.code, 1, "{said}");
    assert!(said.err.contains("cannot make the run folder"), "{said}");
}
