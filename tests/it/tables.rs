//! Pairs out of tables: given by themselves or named by a manifest, checked as a whole before
//! anything is sent.

use std::fs;
use std::process::Stdio;

use callsheet_mock::Scenario;
use serde_json::{Value, json};

use crate::sheet::{Said, Sheet, fake, root, stable};

const TABLE: &str = "id,Image URL,audio url,提示词,Turbo Mode\n\
    007,https://example.com/a.jpg,https://example.com/a.mp3?sig=1,\"smiles,\nnods\",\n\
    b,https://example.com/b.jpg,https://example.com/b.mp3,,TRUE\n";

fn fixture(name: &str) -> Vec<u8> {
    fs::read(root().join("tests/it/fixtures/tables").join(name)).unwrap()
}

/// What the fake was asked for, by audio.
fn requests(sheet: &Sheet, options: &[&str]) -> (Said, Vec<Value>) {
    let api = fake(Scenario::default());
    let said = sheet.run(&[&["--endpoint", api.url()], options].concat());
    let mut requests: Vec<_> = api.book().entries.iter().map(|one| one.request_json()).collect();
    requests.sort_by_key(|request| request["audio_url"].as_str().map(str::to_owned));
    (said, requests)
}

#[test]
fn a_table_by_itself_is_a_batch() {
    let sheet = Sheet::named("spring.csv", TABLE.as_bytes());
    let plan = sheet.call("plan", &[]);
    assert_eq!(plan.code, 0, "{plan}");
    assert!(plan.out.contains("spring.csv: 2 pairs for https://api.foxapi.cc"), "{plan}");
    let (said, requests) = requests(&sheet, &[]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(
        requests,
        [
            json!({
                "model": "omnihuman-1.5",
                "image_url": "https://example.com/a.jpg",
                "audio_url": "https://example.com/a.mp3?sig=1",
                "prompt": "smiles,\nnods",
            }),
            json!({
                "model": "omnihuman-1.5",
                "image_url": "https://example.com/b.jpg",
                "audio_url": "https://example.com/b.mp3",
                "turbo_mode": true,
            }),
        ]
    );
    assert_eq!(sheet.rows().into_keys().collect::<Vec<_>>(), ["007", "b"]);
    assert!(sheet.folder().join("spring.run/ledger.sqlite").exists());
    let status = sheet.call("status", &[]);
    assert!(status.out.contains("spring.csv"), "{status}");
}

/// The second run is about the same pairs, whatever form they stand in by now.
#[test]
fn a_table_that_was_saved_in_another_form_pays_for_nothing_again() {
    let sheet = Sheet::named("pairs.xlsx", &fixture("pairs.xlsx"));
    let (said, first) = requests(&sheet, &[]);
    assert_eq!((said.code, first.len()), (0, 3), "{said}");
    fs::write(sheet.folder().join("pairs.ods"), fixture("pairs.ods")).unwrap();
    let yaml = "version: 1\npairs_from: [pairs.ods]\n";
    fs::write(sheet.folder().join("pairs.yaml"), yaml).unwrap();
    let api = fake(Scenario::default());
    for name in ["pairs.ods", "pairs.yaml"] {
        let mut again = sheet.run_command(&["--endpoint", api.url(), "--out", "pairs.run"]);
        let _ = &mut again;
        let mut command = crate::sheet::program();
        command.current_dir(sheet.folder()).args(["plan", name, "--out", "pairs.run"]);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let said = Said::of(&output);
        assert_eq!(said.code, 0, "{said}");
        assert!(said.out.contains("nothing to create") || !said.out.contains("to create"), "{said}");
    }
    assert_eq!(api.book().creates_read, 0);
}
