//! Folders as people have them.

use super::*;

/// `id image audio` for each pair, and `path: reason` for what is left out.
fn shown(paths: &[&str]) -> (Vec<String>, Vec<String>) {
    let draft = draft(paths.iter().copied());
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
            "dora.wav: no portrait is called like it",
            "speech/anna.mp3: it could be for a/anna.jpg or b/anna.jpg",
            "speech/anna.wav: called like speech/anna.mp3, which is taken",
        ]
    );
}

#[test]
fn names_that_are_no_ids_get_one() {
    assert_eq!(
        pairs(&["张.jpg", "张.wav", "李.jpg", "李.wav", "nul.png", "nul.mp3"]),
        ["pair-nul nul.png nul.mp3", "pair 张.jpg 张.wav", "pair-2 李.jpg 李.wav"]
    );
}

#[test]
fn many_files_are_paired_quickly() {
    let names: Vec<_> =
        (0..10_000).flat_map(|n| [format!("p{n}.jpg"), format!("p{n}-a-b-c-d.wav")]).collect();
    let draft = draft(names.iter().map(String::as_str));
    assert_eq!((draft.pairs.len(), draft.left_out.len()), (10_000, 0));
    assert_eq!(draft.pairs[9].id, "p9-a-b-c-d");
}

#[test]
fn the_text_is_a_manifest_to_edit() {
    let mut draft = draft(["anna.jpg", "anna-de.wav", "Anna \"2\"\n.wav", "x/ben: 1.png"]);
    draft.left_out.push(LeftOut { path: "bad\n- id: evil".to_owned(), reason: Reason::Link });
    insta::assert_snapshot!("manifest", draft.manifest("media/"));
}
