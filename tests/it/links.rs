//! What `check` knows of links and files without asking anybody: `run` would find out later, or the
//! server after the credits were taken.

use callsheet_mock::Scenario;
use serde_json::Value;

use crate::locals::{add, shipped};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Sheet, fake};

/// One pair with this portrait.
fn portrait(url: &str) -> Sheet {
    Sheet::new(&format!(
        "version: 1\npairs:\n  - id: a\n    image: '{url}'\n    audio: https://example.com/a.mp3\n"
    ))
}

#[test]
fn links_that_cannot_work_are_errors_at_their_places() {
    for (url, message, help) in [
        (
            "https://b.s3.amazonaws.com/a.jpg?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60",
            "`image`: the link died at 2020-01-01 00:01:00 UTC",
            "sign it anew",
        ),
        (
            "https://b.tos-cn-beijing.volces.com/a.jpg?X-Tos-Date=20200101T000000Z&X-Tos-Expires=60",
            "`image`: the link died at 2020-01-01 00:01:00 UTC",
            "sign it anew",
        ),
        (
            "https://nas.local/a.jpg",
            "`image`: it is a name on this machine or inside a private network",
            "publish it",
        ),
        (
            "https://drive.google.com/file/d/1AbC/view",
            "`image`: this is a page of drive.google.com that shows a file, not the file",
            "give https://drive.google.com/uc?export=download&id=1AbC",
        ),
        (
            "https://example.com/a.heic",
            "`image`: it ends in .heic, and a portrait is JPG",
            "convert it",
        ),
    ] {
        let said = portrait(url).call("check", &[]);
        assert_eq!(said.code, 6, "{said}");
        for words in [message, help, "batch.yaml:4:12", "1 error"] {
            assert!((said.err.clone() + &said.out).contains(words), "{words}: {said}");
        }
    }
}

#[test]
fn addresses_with_a_slip_in_them_are_no_manifest() {
    for (url, message) in [
        ("https:/example.com/a.jpg", "two slashes are missing after the colon"),
        (r"https:\\example.com\a.jpg", "it has a backslash in it"),
        ("https://example.com/a\u{200b}.jpg", "an invisible character, U+200B, is in it"),
        ("https://example.com/a.jpg?b=1&amp;c=2", "it was copied out of a page"),
        ("https://example.com/a.jpg,", "it ends in a comma"),
        ("https://anna:secret@example.com/a.jpg", "a user name or a password in it"),
    ] {
        let said = portrait(url).call("check", &[]);
        assert_eq!(said.code, 2, "{said}");
        assert!(
            said.err.contains(&format!("`image`: {message}")) || said.err.contains(message),
            "{said}"
        );
        assert!(!said.err.contains("secret"), "{said}");
    }
}

#[test]
fn links_that_work_are_not_spoken_of() {
    for url in [
        "https://example.com/a.jpg?expires=3600",
        "https://example.com/a.jpg?X-Amz-Date=20990101T000000Z&X-Amz-Expires=60",
        "https://www.dropbox.com/s/x/a.jpg?dl=1",
        "HTTPS://EXAMPLE.COM/a.jpg",
        "https://münchen.example/王.jpg",
    ] {
        let said = portrait(url).call("check", &[]);
        assert!(said.code == 0 && said.out.contains("1 pair, no problems"), "{said}");
    }
    let soon = jiff::Timestamp::now().as_second() + 20;
    let said =
        portrait(&format!("https://e.co/a.jpg?Expires={soon}&Signature=x")).call("check", &[]);
    assert!(said.code == 0 && said.err.contains("warning: `image`: the link dies in"), "{said}");
    // An API on this machine reaches what is on this machine.
    let said =
        portrait("http://127.0.0.1:9/a.jpg").call("check", &["--endpoint", "http://127.0.0.1:8"]);
    assert_eq!(said.code, 0, "{said}");
}

/// What a run would find out about files, `check` finds out, and `plan` does not count.
#[test]
fn files_that_are_not_fit_are_known_before_a_run() {
    let api = fake(Scenario::default());
    let pairs = ["silent.wav", "short.wav", "long.wav", "page.wav", "face.wav", "empty.wav"];
    let pairs = pairs.iter().enumerate();
    let pairs: String =
        pairs.map(|(n, name)| format!("  - {{id: p{n}, image: a.jpg, audio: {name}}}\n")).collect();
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\nmax_audio: 5s\npairs:\n{pairs}  \
         - {{id: swapped, image: short.wav, audio: short.wav}}\n",
        api.url()
    ));
    add(&sheet, "a.jpg", &shipped("pictures/portrait.jpg"));
    add(&sheet, "short.wav", &shipped("sounds/plain.wav"));
    add(&sheet, "silent.wav", &wav(2, 0));
    add(&sheet, "long.wav", &wav(8, 900));
    add(&sheet, "page.wav", b"<!DOCTYPE html><html><body>log in</body></html>");
    add(&sheet, "face.wav", &shipped("pictures/portrait.jpg"));
    add(&sheet, "empty.wav", b"");
    let said = sheet.call("check", &["--json"]);
    assert_eq!(said.code, 6, "{said}");
    let messages = |list: &Value| {
        let all = list.as_array().unwrap().iter();
        all.map(|problem| problem["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let value = said.json();
    let errors = messages(&value["problems"]);
    let starts = [
        "`audio`: 8.0 s, limit 5 s",
        "`audio`: ",
        "`audio`: this is a picture (JPG)",
        "`audio`: ",
        "`image`: this is a recording (WAV)",
    ];
    assert_eq!(errors.len(), starts.len(), "{errors:?}");
    for (error, start) in errors.iter().zip(starts) {
        assert!(error.starts_with(start), "{error}");
    }
    let warnings = ["`image` ends in `.wav`", "`audio`: there is nothing to hear in it"];
    assert_eq!(messages(&value["warnings"]), warnings);
    let plan = sheet.call("plan", &["--json"]).json();
    assert_eq!(plan["plan"]["create"]["pairs"], 2, "{plan:#}");
    assert_eq!(plan["plan"]["rejected"]["pairs"], 5, "{plan:#}");
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (3, 2), "as the plan had it: {said}");
}

/// One file that is too large keeps nobody from hearing of the others.
#[test]
fn a_file_that_is_too_large_is_one_finding_among_others() {
    let sheet = Sheet::new(
        "version: 1\npairs:\n  - {id: a, image: large.png, audio: a.wav}\n  \
         - {id: b, image: a.jpg, audio: page.wav}\n",
    );
    std::fs::File::create(sheet.folder().join("large.png")).unwrap().set_len(6 << 20).unwrap();
    add(&sheet, "a.jpg", &shipped("pictures/portrait.jpg"));
    add(&sheet, "a.wav", &shipped("sounds/plain.wav"));
    add(&sheet, "page.wav", b"<!DOCTYPE html><html><body>log in</body></html>");
    for options in [&[][..], &["--probe"]] {
        let said = sheet.call("check", options);
        assert_eq!(said.code, 6, "{said}");
        assert!(said.err.contains("`image`: it is 6.2 MB large; at most 5 MB are taken"), "{said}");
        assert!(said.err.contains("the audio of `b`"), "{said}");
        assert!(said.out.contains("2 errors"), "{said}");
    }
    let said = sheet.run(&[]);
    assert_eq!(said.code, 2, "nothing is sent: {said}");
}

/// So many seconds of a square wave.
fn wav(seconds: u32, loud: i16) -> Vec<u8> {
    let rate = 8000_u32;
    let samples = (0..seconds * rate).map(|n| if n / 20 % 2 == 0 { loud } else { -loud });
    let data: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
    let length = u32::try_from(data.len()).unwrap();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(rate.to_le_bytes());
    wav.extend((2 * rate).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(data);
    wav
}

/// Nobody is asked for any of this.
#[test]
fn check_asks_nobody() {
    let host = Rude::any(|_, connection| answer(connection, "200 OK", "", "x"));
    let sheet = portrait(&format!("{}/a.jpg", host.url));
    let said = crate::child::said(
        sheet.command("check", &["--endpoint", &host.url]).env("CALLSHEET_API_KEY", KEY),
    );
    assert_eq!((said.code, host.read()), (0, 0), "{said}");
}
