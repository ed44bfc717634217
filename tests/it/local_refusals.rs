//! What the API's own storage refuses: the key, a file, or any further one.

use std::collections::BTreeMap;

use callsheet_mock::{Account, MockApi, Scenario};

use crate::locals::{CROSS, add, compare, recording, sheet, uploads, wav};
use crate::sheet::fake;

#[test]
fn a_key_that_is_refused_ends_the_run_before_anything_is_created() {
    let keys = vec![Account::new("sk-another-key-than-ours")];
    let api = futures::executor::block_on(MockApi::start(Scenario { keys, ..Scenario::default() }));
    let api = api.unwrap();
    let sheet = sheet(api.url(), "concurrency: 2", CROSS);
    let said = sheet.run(&[]);
    assert_eq!(said.code, 7, "{said}");
    assert!(said.err.contains("the API does not accept the key"), "{said}");
    assert_eq!(sheet.states(), BTreeMap::from([("planned".to_owned(), 7)]));
    assert!(uploads(&api).len() <= 2 && api.book().creates_read == 0);
}

#[test]
fn a_file_that_the_api_calls_too_large_is_rejected_once_for_all_its_pairs() {
    let api = fake(Scenario::default());
    let pairs: String = (0..6)
        .map(|n| format!("  - {{id: p{n}, image: anna.jpg, audio: big.wav, prompt: Take {n}}}\n"))
        .collect();
    let settings = "concurrency: 2";
    let sheet = sheet(api.url(), settings, &format!("pairs:\n{pairs}  {OTHER}"));
    add(&sheet, "big.wav", &wav(7, 11 << 20, 1 << 20));
    let said = sheet.run(&[]);
    assert_eq!(said.code, 3, "{said}");
    let rows = sheet.rows();
    for n in 0..6 {
        let row = &rows[&format!("p{n}")];
        assert_eq!((&*row["state"], &*row["error_code"]), ("rejected", "file_too_large"));
        let told = "audio: the file is larger than the API takes";
        assert!(row["error"].starts_with(told), "{row:?}");
    }
    assert_eq!((compare(&api), rows["other"]["state"].as_str()), (1, "created"), "others go on");
    assert_eq!((sheet.run(&[]).code, compare(&api)), (3, 1), "until the file is another one");
    add(&sheet, "big.wav", &recording(8, 800));
    assert_eq!((sheet.run(&[]).code, compare(&api)), (0, 7));
}

const OTHER: &str = "- {id: other, image: anna.jpg, audio: en.wav}\n";

#[test]
fn a_full_storage_is_told_and_stops_the_run() {
    let api = fake(Scenario { storage: 45_000, ..Scenario::default() });
    let pairs = "pairs:\n  - {id: first, image: anna.jpg, audio: en.wav}\n  \
                 - {id: second, image: faces/ben.png, audio: de.mp3}\n  \
                 - {id: third, image: faces/ben.png, audio: fr.m4a}\n";
    let sheet = sheet(api.url(), "concurrency: 1", pairs);
    let said = sheet.run(&[]);
    assert_eq!(said.code, 1, "{said}");
    let told = "local files cannot be stored: the API's storage for uploads is full";
    assert!(said.err.contains(told), "{said}");
    let rows = sheet.rows();
    let states = ["first", "second", "third"].map(|id| rows[id]["state"].as_str());
    assert_eq!(states, ["created", "planned", "planned"], "{said}");
    assert_eq!((compare(&api), uploads(&api).len()), (1, 3), "no other file is tried");
}
