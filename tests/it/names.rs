//! Names in whatever script: ids are themselves, and what earlier releases called a pair is not paid
//! for again under its better name.

use callsheet_mock::{MockApi, Scenario};
use serde_json::Value;

use crate::sheet::{Sheet, fake};

/// The fake, and a manifest for it with these pairs.
fn sheet(api: &MockApi, pairs: &str) -> Sheet {
    Sheet::new(&manifest(api, pairs))
}

fn manifest(api: &MockApi, pairs: &str) -> String {
    format!("version: 1\nendpoint: {}\npairs:\n{pairs}", api.url())
}

/// A pair with its id, if it says one, and these names of files.
fn pair(id: &str, image: &str, query: &str) -> String {
    let id = if id.is_empty() { String::new() } else { format!("id: {id}, ") };
    format!(
        "  - {{{id}image: 'https://example.com/{image}.jpg{query}', \
         audio: 'https://example.com/hello.mp3'}}\n"
    )
}

/// Runs it, and says which ids the ledger then has.
fn ids(sheet: &Sheet) -> Vec<String> {
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    sheet.rows().into_keys().collect()
}

#[test]
fn a_pair_has_the_name_of_its_files_in_every_script() {
    let api = fake(Scenario::default());
    let sheet = sheet(
        &api,
        &[pair("", "王小明", ""), pair("", "Anna%20M%C3%BCller", ""), pair("Jose\u{301}", "x", "")]
            .concat(),
    );
    assert_eq!(ids(&sheet), ["Anna-Müller-hello", "José", "王小明-hello"]);
    assert_eq!(ids(&sheet).len(), 3);
    assert_eq!(api.book().entries.len(), 3);
}

#[test]
fn a_pair_that_an_earlier_release_named_is_not_paid_for_again() {
    let api = fake(Scenario::default());
    // What the release before Unicode ids called it.
    let sheet = sheet(&api, &pair("M-ller-hello", "M%C3%BCller", "?sig=1"));
    assert_eq!(ids(&sheet), ["M-ller-hello"]);
    let again = |pairs: &str| std::fs::write(&sheet.manifest, manifest(&api, pairs)).unwrap();
    again(&pair("", "M%C3%BCller", "?sig=1"));
    assert_eq!(ids(&sheet), ["M-ller-hello"]);
    // Signed anew, as every day.
    again(&pair("", "M%C3%BCller", "?sig=2"));
    let said = sheet.run(&[]);
    assert!(said.code == 0 && said.err.contains("changed"), "{said}");
    assert_eq!(sheet.call("plan", &["--json"]).json()["plan"]["create"]["pairs"], Value::from(0));
    // A second one that would have been called the same: only the other is new.
    again(&[pair("", "M%C3%BCller", "?sig=1"), pair("", "M%C3%B6ller", "?sig=1")].concat());
    assert_eq!(ids(&sheet), ["M-ller-hello", "Möller-hello"]);
    assert_eq!(api.book().entries.len(), 2);
}

#[test]
fn what_an_earlier_release_may_have_named_is_asked_about() {
    let api = fake(Scenario::default());
    let sheet = sheet(&api, &pair("M-ller-hello", "M%C3%BCller", "?sig=1"));
    ids(&sheet);
    let both = [pair("", "M%C3%BCller", "?sig=2"), pair("", "M%C3%B6ller", "?sig=2")].concat();
    std::fs::write(&sheet.manifest, manifest(&api, &both)).unwrap();
    let said = sheet.run(&[]);
    assert_eq!(said.code, 2, "{said}");
    let asked = "M-ller-hello is in the ledger, and may be Müller-hello or Möller-hello";
    assert!(said.err.contains(asked) && said.err.contains("id: M-ller-hello"), "{said}");
    assert_eq!(api.book().entries.len(), 1);
}

#[test]
fn case_and_composing_make_no_other_pair() {
    let api = fake(Scenario::default());
    let sheet = sheet(&api, &pair("Müller", "a", ""));
    assert_eq!(ids(&sheet), ["Müller"]);
    for spelled in ["MÜLLER", "mu\u{308}ller"] {
        std::fs::write(&sheet.manifest, manifest(&api, &pair(spelled, "a", ""))).unwrap();
        assert_eq!(ids(&sheet), ["Müller"], "{spelled}");
    }
    assert_eq!(api.book().entries.len(), 1);
    let twice = [pair("Müller", "a", ""), pair("MÜLLER", "b", "")].concat();
    std::fs::write(&sheet.manifest, manifest(&api, &twice)).unwrap();
    let said = sheet.call("check", &[]);
    assert!(said.code == 2 && said.err.contains("two pairs have the id `MÜLLER`"), "{said}");
}

/// macOS hands out names decomposed; what is typed or copied is composed.
#[test]
fn a_file_is_found_in_the_other_unicode_form_and_suggested_by_a_name_like_it() {
    use crate::locals::{add, shipped};

    let api = fake(Scenario::default());
    let files = |image: &str| {
        let pair = format!("  - {{id: a, image: '{image}', audio: 'か\u{3099}.wav'}}\n");
        let sheet = sheet(&api, &pair);
        add(&sheet, "Mu\u{308}ller/Anna.jpg", &shipped("pictures/portrait.jpg"));
        add(&sheet, "\u{304c}.wav", &shipped("sounds/plain.wav"));
        sheet
    };
    let found = files("M\u{fc}ller/Anna.jpg");
    let said = found.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (0, 1), "{said}");
    for typed in ["M\u{fc}ller/anna.jpg", "M\u{fc}ller/Ana.jpg", "m\u{fc}ller/Anna.JPG"] {
        let said = files(typed).call("check", &[]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains("help: did you mean Mu\u{308}ller/Anna.jpg?"), "{said}");
    }
}

#[test]
fn videos_are_called_like_their_pairs_or_in_ascii() {
    let file = |options: &[&str]| {
        let sheet = Sheet::new(
            "version: 1\npairs: [{id: 王小明, image: https://example.com/a.jpg, \
             audio: https://example.com/b.mp3}]\n",
        );
        let said = sheet.call("run", &[&["--mock", "--poll-interval", "100ms"], options].concat());
        assert_eq!(said.code, 0, "{said}");
        let videos = sheet.folder().join("batch.mock.run/videos");
        let mut names = std::fs::read_dir(videos).unwrap().map(|entry| entry.unwrap().file_name());
        names.next().unwrap().into_string().unwrap()
    };
    assert_eq!(file(&[]), "王小明.mp4");
    assert_eq!(file(&["--video-name", "{ascii_id}.mp4"]), "yeto6u69k.mp4");
}
