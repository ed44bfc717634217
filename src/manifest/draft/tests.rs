//! Folders as people have them.

use super::*;

/// `id image audio` for each pair, and `path: reason` for what is left out.
fn shown(paths: &[&str]) -> (Vec<String>, Vec<String>) {
    let draft = draft(paths.iter().copied(), Vec::new());
    let pair = |pair: &DraftPair| format!("{} {} {}", pair.id, pair.image, pair.audio);
    let left = |file: &LeftOut| format!("{}: {}", file.path, file.reason);
    (draft.pairs.iter().map(pair).collect(), draft.left_out.iter().map(left).collect())
}

fn pairs(paths: &[&str]) -> Vec<String> {
    let (pairs, left) = shown(paths);
    assert!(left.is_empty(), "{left:?}");
    pairs
}

#[test]
fn files_go_together_by_their_names() {
    assert_eq!(
        pairs(&["ben.png", "anna-en.wav", "anna.jpg", "anna-de.wav", "Ben.MP3", "anna.wav"]),
        [
            "anna-de anna.jpg anna-de.wav",
            "anna-en anna.jpg anna-en.wav",
            "anna anna.jpg anna.wav",
            "Ben ben.png Ben.MP3",
        ]
    );
}

#[test]
fn the_longest_name_wins() {
    assert_eq!(
        pairs(&["anna.jpg", "anna-lee.jpg", "anna-lee-en.wav", "anna_en.wav", "anna lee.wav"]),
        [
            "anna-lee anna.jpg anna lee.wav",
            "anna-lee-en anna-lee.jpg anna-lee-en.wav",
            "anna_en anna.jpg anna_en.wav",
        ]
    );
    let (pairs, left) = shown(&["anna.jpg", "ann.jpg", "annabel.wav"]);
    assert!(pairs.is_empty());
    assert_eq!(left[2], "annabel.wav: no portrait is called like it");
}

#[test]
fn one_portrait_speaks_everything() {
    assert_eq!(
        pairs(&["host.webp", "intro10.ogg", "intro2.ogg", "host-outro.m4a"]),
        [
            "host-outro host.webp host-outro.m4a",
            "host-intro2 host.webp intro2.ogg",
            "host-intro10 host.webp intro10.ogg",
        ]
    );
    assert_eq!(
        pairs(&["anna/me.jpg", "anna/hi.wav", "ben/me.jpg", "ben/hi.wav", "ben/bye.wav"]),
        [
            "anna-hi anna/me.jpg anna/hi.wav",
            "ben-bye ben/me.jpg ben/bye.wav",
            "ben-hi ben/me.jpg ben/hi.wav",
        ]
    );
}

#[test]
fn folders_by_kind_and_by_language() {
    assert_eq!(
        pairs(&["img/anna.jpg", "img/ben.jpg", "en/anna.wav", "de/anna.wav", "en/ben-1.wav"]),
        [
            "de-anna img/anna.jpg de/anna.wav",
            "en-anna img/anna.jpg en/anna.wav",
            "ben-1 img/ben.jpg en/ben-1.wav",
        ]
    );
}

#[test]
fn what_is_not_sure_is_left_out_and_said() {
    let (pairs, left) = shown(&[
        "a/anna.jpg",
        "b/anna.jpg",
        "speech/anna.wav",
        "speech/anna.mp3",
        "ben.png",
        "ben.jpg",
        "ben.wav",
        "carl.gif",
        "dora.heic",
        "dora.wav",
        "notes.txt",
        "noending",
    ]);
    assert_eq!(pairs, ["ben ben.jpg ben.wav"]);
    assert_eq!(
        left,
        [
            "a/anna.jpg: no recording is called like it",
            "b/anna.jpg: no recording is called like it",
            "ben.png: called like ben.jpg, which is taken",
            "carl.gif: no recording is called like it",
            "dora.heic: not a format that the API takes",
            "dora.wav: its portrait dora.heic cannot be used",
            "speech/anna.mp3: it could be for a/anna.jpg or b/anna.jpg",
            "speech/anna.wav: called like speech/anna.mp3, which is taken",
        ]
    );
}

#[test]
fn names_that_are_no_ids_get_one() {
    assert_eq!(
        pairs(&["张.jpg", "张.wav", "李.jpg", "李.wav", "nul.png", "nul.mp3"]),
        ["pair-nul nul.png nul.mp3", "张 张.jpg 张.wav", "李 李.jpg 李.wav"]
    );
}

#[test]
fn names_are_one_however_they_are_composed_and_no_accent_ends_one() {
    assert_eq!(
        pairs(&[
            "Mu\u{308}ller.jpg",
            "M\u{fc}ller-en.wav",
            "か.png",
            "か-1.wav",
            "が.png",
            "か\u{3099}.wav"
        ]),
        [
            "Müller-en Mu\u{308}ller.jpg M\u{fc}ller-en.wav",
            "か-1 か.png か-1.wav",
            "が が.png か\u{3099}.wav",
        ]
    );
    // Not composed into one letter by any table, and one letter all the same.
    let (made, left) = shown(&["n.jpg", "m.jpg", "n\u{304}.wav", "か.png", "が.wav"]);
    assert!(made.is_empty(), "{made:?}");
    for file in ["n\u{304}.wav", "が.wav"] {
        assert!(left.contains(&format!("{file}: no portrait is called like it")), "{left:?}");
    }
    // Nobody sees the difference, so nobody means it.
    assert_eq!(pairs(&["anna\u{200b}.jpg", "anna-en.wav"]).len(), 1);
}

#[test]
fn what_a_portrait_that_cannot_be_used_would_say_no_other_says() {
    let (made, left) = shown(&["anna.heic", "ben.jpg", "anna-en.wav", "ben.wav", "hello.wav"]);
    assert_eq!(made, ["ben ben.jpg ben.wav"]);
    assert_eq!(
        left,
        [
            "anna-en.wav: its portrait anna.heic cannot be used",
            "anna.heic: not a format that the API takes",
            "hello.wav: no portrait is called like it",
        ]
    );
    let gone = LeftOut { path: "anna.jpg".to_owned(), reason: LeftOutReason::Link };
    let told = draft(["ben.jpg", "anna.wav"], vec![gone]);
    assert_eq!(told.pairs, []);
    assert_eq!(told.left_out[1].reason, LeftOutReason::Portrait("anna.jpg".to_owned()));
    // One that was converted stands for the original.
    let (made, left) = shown(&["raw/anna.heic", "jpg/anna.jpg", "anna.wav", "logo.svg"]);
    assert_eq!(made, ["anna jpg/anna.jpg anna.wav"]);
    assert_eq!(left.len(), 2, "{left:?}");
    // What macOS notes beside a portrait is none.
    let notes = LeftOut { path: "._anna.jpg".to_owned(), reason: LeftOutReason::AppleDouble };
    assert_eq!(draft(["ben.jpg", "hello.wav"], vec![notes]).pairs.len(), 1);
}

#[test]
fn ids_never_depend_on_what_comes_first() {
    let ids = |paths: &[&str]| {
        let pairs = draft(paths.iter().copied(), Vec::new()).pairs;
        let by_recording = pairs.into_iter().map(|pair| (pair.audio, pair.id));
        by_recording.collect::<std::collections::BTreeMap<_, _>>()
    };
    let (few, more) = (["p.jpg", "🎤.wav", "🎧.wav"], ["p.jpg", "🎧.wav", "a🎵.wav", "🎤.wav"]);
    let (few, more) = (ids(&few), ids(&more));
    assert_eq!(few.len(), 2);
    assert!(few.iter().all(|(recording, id)| more[recording] == *id), "{few:?} {more:?}");
}

#[test]
fn many_files_are_paired_quickly() {
    let names: Vec<_> =
        (0..10_000).flat_map(|n| [format!("p{n}.jpg"), format!("p{n}-a-b-c-d.wav")]).collect();
    let draft = draft(names.iter().map(String::as_str), Vec::new());
    assert_eq!((draft.pairs.len(), draft.left_out.len()), (10_000, 0));
    assert_eq!(draft.pairs[9].id, "p9-a-b-c-d");
}

#[test]
fn the_text_is_a_manifest_to_edit() {
    let mut draft =
        draft(["anna.jpg", "anna-de.wav", "Anna \"2\"\n.wav", "x/ben: 1.png"], Vec::new());
    draft
        .left_out
        .push(LeftOut { path: "bad\n- id: evil".to_owned(), reason: LeftOutReason::Link });
    insta::assert_snapshot!("manifest", draft.manifest("media/"));
}
