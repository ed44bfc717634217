//! What `check` calls an error of a link, `plan` and `run` refuse with the same words before anything
//! is sent, and only for pairs that are still to be sent.

use std::fs;

use callsheet_mock::{Scenario, Work};

use crate::library::{Library, fixture};
use crate::sheet::{Said, Sheet, fake};

/// Pairs of these portraits, the last of them good.
fn sheet(endpoint: &str, images: &[&str]) -> Sheet {
    let mut yaml = format!("version: 1\nendpoint: {endpoint}\npairs:\n");
    for (n, image) in images.iter().chain(&["https://e.co/good.jpg"]).enumerate() {
        yaml.push_str(&format!(
            "- {{id: p{n}, image: '{image}', audio: 'https://e.co/{n}.mp3'}}\n"
        ));
    }
    Sheet::new(&yaml)
}

/// The messages of errors, as people see them.
fn errors(said: &Said) -> Vec<String> {
    let lines = said.err.lines().filter_map(|line| line.strip_prefix("error: `"));
    lines.map(str::to_owned).collect()
}

const DEAD: &str = "https://b.s3.amazonaws.com/a.jpg?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60";

#[test]
fn nothing_is_sent_as_long_as_a_link_cannot_work() {
    let api = fake(Scenario::default());
    let images = [
        DEAD,
        "https://drive.google.com/file/d/1AbC/view",
        "https://e.co/a.heic",
        "https://youtu.be/abc",
    ];
    let sheet = sheet(api.url(), &images);
    let check = sheet.call("check", &[]);
    assert_eq!((check.code, errors(&check).len()), (6, images.len()), "{check}");
    for said in [sheet.call("plan", &[]), sheet.run(&[]), sheet.run(&["--limit", "1"])] {
        assert_eq!((said.code, errors(&said)), (2, errors(&check)), "{said}");
        assert!(said.err.contains("batch.yaml:4:"), "{said}");
    }
    assert_eq!(api.book().creates_read, 0);
    let text = fs::read_to_string(&sheet.manifest).unwrap();
    let mended = images.iter().fold(text, |text, image| text.replace(image, "https://e.co/b.jpg"));
    fs::write(&sheet.manifest, mended).unwrap();
    assert_eq!((sheet.run(&[]).code, api.book().entries.len()), (0, images.len() + 1));
}

/// Links are signed for a day; videos are waited for and fetched after that.
#[test]
fn links_that_died_after_they_were_sent_hold_nothing_up() {
    let api = fake(Scenario::default());
    let soon = jiff::Timestamp::now().as_second() + 3;
    let link = format!("https://e.co/a.jpg?Expires={soon}&Signature=secret");
    let sheet = sheet(api.url(), &[&link]);
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    let seconds = std::time::Duration::from_secs(1);
    while jiff::Timestamp::now().as_second() <= soon {
        std::thread::sleep(seconds / 4);
    }
    let check = sheet.call("check", &[]);
    assert!(check.code == 0 && check.out.contains("no problems"), "{check}");
    assert_eq!(sheet.call("plan", &[]).code, 0);
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (0, 2), "{said}");
    // Unless it is to be sent again.
    let ledger = rusqlite::Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let sql = "UPDATE standings SET state = 'failed', error_code = 'unknown_error'";
    ledger.execute(sql, ()).unwrap();
    drop(ledger);
    let again = sheet.run(&["--retry-failed"]);
    assert_eq!(again.code, 2, "{again}");
    assert!(again.err.contains("`image`: the link died at "), "{again}");
    assert!(!again.err.contains("secret"), "{again}");
    let own = sheet.run(&["--retry-failed=p1"]);
    assert_eq!((own.code, api.book().entries.len()), (3, 3), "its own links live: {own}");
}

/// A server may give out a picture under any name.
#[test]
fn what_was_looked_at_and_is_fit_may_be_called_anything() {
    let api = fake(Scenario::default());
    let host = Library::open();
    host.put("/anna.heic", &fixture("portrait.jpg"), "");
    host.put("/say.flac", &fixture("cbr.mp3"), "");
    let url = host.url();
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\npairs:\n- {{image: {url}/anna.heic, audio: {url}/say.flac}}\n",
        api.url()
    ));
    let said = sheet.run(&[]);
    assert_eq!((said.code, errors(&said).len()), (2, 2), "{said}");
    assert_eq!(sheet.call("check", &["--probe", "--no-faces"]).code, 0);
    for said in [sheet.call("check", &[]), sheet.call("plan", &[]), sheet.run(&[])] {
        assert_eq!(said.code, 0, "{said}");
    }
}

/// What was paid for is not left behind for links that nobody is to fetch any more.
#[test]
fn what_is_under_way_is_fetched_although_nothing_may_be_created() {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = sheet(api.url(), &["https://e.co/first.jpg"]);
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    let yaml = fs::read_to_string(&sheet.manifest).unwrap();
    fs::write(&sheet.manifest, yaml.replace("https://e.co/good.jpg", DEAD)).unwrap();
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, api.book().entries.len()), (2, 1), "{run}");
    assert!(run.err.contains("first the videos of 1 task under way"), "{run}");
    assert_eq!(sheet.states(), [("planned".to_owned(), 1), ("saved".to_owned(), 1)].into());
    assert!(run.err.trim_end().ends_with("1 problem; nothing was sent"), "{run}");
}
