//! Folders as people have them, and worse: whatever is in them, what `init` writes is a manifest that
//! `check` accepts, and what it does not take is named.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::child::said;
use crate::locals::shipped;
use crate::sheet::{Said, program};

fn call(folder: &Path, words: &[&str]) -> Said {
    said(program().current_dir(folder).args(words))
}

fn put(folder: &Path, name: &str) {
    let lower = name.to_lowercase();
    let fixture = if [".jpg", ".jfif", ".png"].iter().any(|ending| lower.ends_with(ending)) {
        "pictures/portrait.jpg"
    } else {
        "sounds/plain.wav"
    };
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, shipped(fixture)).unwrap();
}

/// A name of a few hostile pieces, with or without folders.
fn name() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "anna",
        "Anna",
        "ben",
        "王小明",
        "Mu\u{308}ller",
        "M\u{fc}ller",
        "か\u{3099}",
        "が",
        " ",
        "  ",
        "-",
        "_",
        ".",
        "..",
        "#",
        ": ",
        "'",
        "\"",
        "\\",
        "{",
        "[",
        "&",
        "*",
        "!",
        "|",
        ">",
        "%20",
        "`",
        "@",
        "~",
        "null",
        "true",
        "1e3",
        "007",
        "nul",
        "con",
        "\u{200b}",
        "\u{202e}",
        "\u{feff}",
        "🎤",
        "\u{a0}",
        "／",
        "：",
        "http:",
        "file:",
        "C:",
        "a.b",
        "?x=1",
        "$(x)",
        "\u{301}",
        "\u{2028}",
        "\u{7f}",
        "\t",
    ]);
    let part = || prop::collection::vec(piece.clone(), 1..4).prop_map(|pieces| pieces.concat());
    let ending =
        prop::sample::select(vec![".jpg", ".JPG", ".jfif", ".wav", ".WAV", ".oga", ".heic"]);
    (prop::option::of(part()), part(), ending)
        .prop_map(|(folder, stem, ending)| match folder {
            Some(folder) => format!("{folder}/{stem}{ending}"),
            None => format!("{stem}{ending}"),
        })
        .prop_filter("a name of its own", |name| {
            name.split('/').all(|part| !part.starts_with('.') && !part.is_empty())
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_init_writes_check_accepts(names in prop::collection::vec(name(), 2..24)) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path(), "anna.jpg");
        put(folder.path(), "anna.wav");
        for name in &names {
            // One that is a folder already is no file.
            if !folder.path().join(name).is_dir() {
                put(folder.path(), name);
            }
        }
        let told = call(folder.path(), &["init", ".", "--json"]);
        prop_assert_eq!(told.code, 0, "{}", told);
        let hostile = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        prop_assert!(!told.err.chars().any(hostile), "{:?}", told.err);
        let checked = call(folder.path(), &["check", "callsheet.yaml"]);
        prop_assert_eq!(checked.code, 0, "{}", checked);
        prop_assert!(!checked.err.chars().any(hostile), "{:?}", checked.err);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_left_out_by_name() {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    for name in ["anna.jpg", "anna.wav", "._anna.jpg", "._notes", "ben.jpg"] {
        put(folder, name);
    }
    fs::write(folder.join("ben-hello.wav"), "").unwrap();
    fs::File::create(folder.join("carl.jpg")).unwrap().set_len(6 << 20).unwrap();
    put(folder, "carl.wav");
    put(folder, "dora\n.jpg");
    put(folder, "new\nfolder/eve.jpg");
    let pipe = std::process::Command::new("mkfifo").arg(folder.join("anna-pipe.wav")).status();
    assert!(pipe.unwrap().success());
    let _socket = UnixListener::bind(folder.join("anna-socket.wav")).unwrap();
    symlink("one.wav", folder.join("two.wav")).unwrap();
    symlink("two.wav", folder.join("one.wav")).unwrap();
    let told = call(folder, &["init", ".", "--json"]);
    assert_eq!(told.code, 0, "{told}");
    let told = told.json();
    assert_eq!(told["pairs"], 1, "{told:#}");
    let left: Vec<_> = told["left_out"].as_array().unwrap().iter().collect();
    let reason = |name: &str| {
        let file = left.iter().find(|file| file["file"] == name);
        file.map_or("not named", |file| file["reason"].as_str().unwrap())
    };
    for (name, said) in [
        ("._anna.jpg", "what macOS notes beside a file, and no medium"),
        ("anna-pipe.wav", "not a file"),
        ("anna-socket.wav", "not a file"),
        ("ben.jpg", "no recording is called like it"),
        ("ben-hello.wav", "there is nothing in it"),
        ("carl.jpg", "larger than the API takes"),
        ("carl.wav", "its portrait carl.jpg cannot be used"),
        ("dora\n.jpg", "its name has a line end or another control character in it"),
        ("new\nfolder", "its name has a line end or another control character in it"),
        ("one.wav", "a link that leads out of the folder, or nowhere"),
        ("two.wav", "a link that leads out of the folder, or nowhere"),
    ] {
        assert_eq!(reason(name), said, "{name:?}");
    }
    assert_eq!(left.len(), 11, "{left:#?}");
}

#[test]
fn every_ending_is_taken_or_named() {
    let home = tempfile::tempdir().unwrap();
    for name in
        ["anna.jfif", "anna-a.oga", "anna-b.m4b", "anna-c.opus", "anna-d.webm", "anna-e.mp4"]
    {
        put(home.path(), name);
    }
    let told = call(home.path(), &["init", "."]);
    assert_eq!(told.code, 0, "{told}");
    for line in [
        "  anna-a: anna.jfif + anna-a.oga\n",
        "  anna-b: anna.jfif + anna-b.m4b\n",
        "  anna-c.opus: not a format that the API takes\n",
        "  anna-d.webm: not a format that the API takes\n",
        "  anna-e.mp4: not a format that the API takes\n",
    ] {
        assert!(told.err.contains(line), "{line}{told}");
    }
}

/// A name that a terminal would obey, given as an argument.
#[test]
fn no_escape_reaches_the_screen() {
    let home = tempfile::tempdir().unwrap();
    let evil = "e\u{1b}]0;evil\u{7}";
    put(home.path(), &format!("{evil}/anna.jpg"));
    put(home.path(), &format!("{evil}/anna.wav"));
    for words in
        [&["init", evil][..], &["init", evil], &["init", "none\u{1b}[2J"], &["check", evil]]
    {
        let told = call(home.path(), words);
        let shown = format!("{}{}", told.out, told.err);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{words:?}: {shown:?}");
    }
    assert!(home.path().join(evil).join("callsheet.yaml").exists());
}
