//! Pairs out of tables: given by themselves or named by a manifest, checked as a whole before
//! anything is sent.

use std::fs;

use callsheet_mock::Scenario;
use serde_json::{Value, json};

use crate::child;
use crate::sheet::{KEY, Said, Sheet, fake, program, root, stable};

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
    let api = fake(Scenario::default());
    let run = |manifest: &str, more: &[&str]| {
        let mut command = program();
        command.current_dir(sheet.folder()).env("CALLSHEET_API_KEY", KEY);
        command.args(["run", manifest, "--until", "created", "--endpoint", api.url()]);
        child::said(command.args(more))
    };
    let said = sheet.run(&["--endpoint", api.url()]);
    assert_eq!((said.code, api.book().creates_read), (0, 3), "{said}");
    fs::remove_file(&sheet.manifest).unwrap();
    fs::write(sheet.folder().join("pairs.ods"), fixture("pairs.ods")).unwrap();
    let said = run("pairs.ods", &[]);
    assert_eq!((said.code, api.book().creates_read), (0, 3), "{said}");
    assert!(said.err.contains("pairs.xlsx, which is gone: taken for renamed"), "{said}");
    fs::write(sheet.folder().join("pairs.yaml"), "version: 1\npairs_from: pairs.ods\n").unwrap();
    let said = run("pairs.yaml", &[]);
    assert_eq!((said.code, api.book().creates_read), (2, 3), "{said}");
    assert!(said.err.contains("was made for pairs.ods, which is another manifest"), "{said}");
    let said = run("pairs.yaml", &["--out", "pairs.run"]);
    assert_eq!((said.code, api.book().creates_read), (0, 3), "{said}");
    assert_eq!(sheet.states(), [("created".to_owned(), 3)].into());
}

#[test]
fn rows_that_came_went_and_changed_are_what_pairs_of_yaml_would_be() {
    let line = |id: &str, text: &str| {
        format!("{id},https://example.com/{id}.jpg,https://example.com/{id}.mp3,{text}\n")
    };
    let all = |rows: &[(&str, &str)]| {
        let rows: String = rows.iter().map(|(id, text)| line(id, text)).collect();
        format!("id,image,audio,prompt\n{rows}")
    };
    let sheet =
        Sheet::named("a.csv", all(&[("same", ""), ("changed", "x"), ("gone", "")]).as_bytes());
    let api = fake(Scenario::default());
    let options = ["--endpoint", api.url()];
    assert_eq!(sheet.run(&options).code, 0);
    fs::write(&sheet.manifest, all(&[("new", ""), ("same", ""), ("changed", "y")])).unwrap();
    let plan = sheet.call("plan", &options);
    assert!(plan.out.contains("       1  to create"), "{plan}");
    assert!(plan.out.contains("1  changed since") && plan.out.contains("1  no longer"), "{plan}");
    let said = sheet.run(&options);
    assert_eq!(api.book().creates_read, 4, "{said}");
}

/// Nothing is sent of a table in which anything is wrong.
#[test]
fn a_table_with_a_mistake_sends_nothing() {
    let bad = TABLE.replace("https://example.com/b.mp3", "ftp://example.com/b.mp3?sig=SECRET");
    let sheet = Sheet::named("spring.csv", bad.as_bytes());
    let (said, requests) = requests(&sheet, &[]);
    assert_eq!((said.code, requests.len()), (2, 0), "{said}");
    assert!(said.err.contains("spring.csv:4:"), "{said}");
    assert!(said.err.contains("column C, `audio url`"), "{said}");
    assert!(!said.err.contains("SECRET"), "{said}");
    assert!(!sheet.run_folder().exists());
    let said = sheet.call("check", &["--json"]);
    let problem = &said.json()["error"]["problems"][0];
    assert_eq!((&problem["path"], &problem["line"]), (&json!("spring.csv"), &json!(4)), "{said}");
}

/// Of many problems the first are shown, and the others counted by what they are.
#[test]
fn many_problems_are_counted_by_kind() {
    let rows: String = (0..3000)
        .map(|n| match n % 3 {
            0 => format!("p{n},ftp://example.com/{n}.jpg,https://example.com/{n}.mp3\n"),
            1 => format!("p{n},https://example.com/{n}.jpg,\n"),
            _ => format!("p{n}/,https://example.com/{n}.jpg,https://example.com/{n}.mp3\n"),
        })
        .collect();
    let sheet = Sheet::named("many.csv", format!("id,image,audio\n{rows}").as_bytes());
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 2, "{said}");
    assert_eq!(
        said.err.matches("error: `").count() + said.err.matches("error: this row").count(),
        50
    );
    let (_, rest) = said.err.split_once("… and 2950 more:\n").unwrap();
    let mut kinds: Vec<_> = rest.lines().take(3).map(str::trim).collect();
    kinds.sort_unstable();
    assert!(kinds[0].starts_with("983 × "), "{rest}");
    for kind in
        ["× `image`: `…` is not https", "× this row has no `audio`", "× `id`: ids use letters"]
    {
        assert!(kinds.iter().any(|found| found.contains(kind)), "{kind}: {rest}");
    }
}

/// Files are found from the table's folder on, and what is wrong with them points into the row.
#[test]
fn files_are_found_beside_their_table() {
    let sheet = Sheet::new("version: 1\npairs_from: [data/a.csv, b.jsonl]\n");
    fs::create_dir_all(sheet.folder().join("data/media")).unwrap();
    let media = root().join("mock/media");
    fs::copy(media.join("anna.jpg"), sheet.folder().join("data/media/anna.jpg")).unwrap();
    fs::copy(media.join("hello-en.mp3"), sheet.folder().join("hello.mp3")).unwrap();
    let rows = "image,audio\nmedia/anna.jpg,../hello.mp3\nmedia/anna.jpg,media/none.mp3\n";
    fs::write(sheet.folder().join("data/a.csv"), rows).unwrap();
    let line = r#"{"image": "data/media/anna.jpg", "audio": "data/nothing.mp3"}"#;
    fs::write(sheet.folder().join("b.jsonl"), format!("\n{line}\n")).unwrap();
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("data/a.csv:3:16"), "{said}");
    assert!(said.err.contains("b.jsonl:2:43"), "{said}");
    assert!(said.err.contains("2 problems; nothing was sent"), "{said}");
    fs::write(sheet.folder().join("data/a.csv"), rows.replace("media/none", "../hello-2")).unwrap();
    fs::copy(media.join("hola-es.mp3"), sheet.folder().join("hello-2.mp3")).unwrap();
    fs::remove_file(sheet.folder().join("b.jsonl")).unwrap();
    fs::write(&sheet.manifest, "version: 1\npairs_from: data/a.csv\n").unwrap();
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 0, "{said}");
}

/// A saved plan holds for the tables that it was made of.
#[test]
fn a_saved_plan_notices_that_a_table_changed() {
    let sheet = Sheet::new("version: 1\npairs_from: a.csv\n");
    let table = sheet.folder().join("a.csv");
    fs::write(&table, TABLE).unwrap();
    let api = fake(Scenario::default());
    let endpoint = ["--endpoint", api.url()];
    let plan = sheet.call("plan", &[&["--save", "plan.json"], &endpoint[..]].concat());
    assert_eq!(plan.code, 0, "{plan}");
    fs::write(&table, TABLE.replace("nods", "nods twice")).unwrap();
    let said = sheet.run(&[&["--plan", "plan.json"], &endpoint[..]].concat());
    assert_eq!((said.code, api.book().creates_read), (2, 0), "{said}");
    assert!(said.err.contains("since this plan was made, the manifest changed"), "{said}");
    fs::write(&table, TABLE).unwrap();
    assert_eq!(sheet.run(&[&["--plan", "plan.json"], &endpoint[..]].concat()).code, 0);
}

/// Whatever else somebody may give as a manifest says what it is, and what takes it.
#[test]
fn what_is_no_manifest_says_what_it_is() {
    let jpeg = fs::read(root().join("mock/media/anna.jpg")).unwrap();
    let mp3 = fs::read(root().join("mock/media/hello-en.mp3")).unwrap();
    let wide: Vec<u8> =
        "version: 1\npairs: []\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let lines = "{\"image\": \"a.jpg\", \"audio\": \"a.mp3\"}\n".repeat(2);
    for (name, bytes, words) in [
        ("anna.jpg", &jpeg[..], ["a JPEG picture, not a manifest", "`image: anna.jpg`"]),
        ("anna.yaml", &jpeg[..], ["a JPEG picture, not a manifest", "callsheet init ."]),
        ("hello.mp3", &mp3[..], ["an MP3 or AAC sound, not a manifest", "`audio: hello.mp3`"]),
        ("a.yaml", TABLE.as_bytes(), ["this is a table, not YAML", "`pairs_from: a.yaml`"]),
        ("a.yaml", &wide, ["this is UTF-16 text", "UTF-8"]),
        ("a.json", lines.as_bytes(), ["this is JSON Lines", "`pairs_from: a.json`"]),
        ("a.json", b"[{\"image\": 1}]", ["this is a JSON list", "jq -c '.[]' a.json"]),
        ("a.html", b"<!doctype html>\n", ["this is a web page", "download it again"]),
        ("a.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03", ["a gzip archive", "unpack it"]),
        ("ledger.sqlite", b"SQLite format 3\0\x10\0", ["an SQLite database", "a YAML file"]),
        (
            "a.xls",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            ["an old .xls spreadsheet", "save it again as .xlsx"],
        ),
        (
            "a.zip",
            b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            ["no .xlsx or .ods spreadsheet", "first row"],
        ),
        ("a.csv", b"", ["the table is empty", "first row"]),
    ] {
        let said = Sheet::named(name, bytes).call("run", &["--mock"]);
        assert_eq!(said.code, 2, "{name}: {said}");
        for word in words {
            assert!(said.err.contains(word), "{name} {word}: {said}");
        }
    }
    let sheet = Sheet::new("version: 1\n");
    fs::create_dir(sheet.folder().join("folder")).unwrap();
    let mut command = program();
    let said = child::said(command.current_dir(sheet.folder()).args(["check", "folder"]));
    assert_eq!(said.code, 2, "{said}");
    assert!(
        said.err.contains("this is a folder") && said.err.contains("callsheet init folder"),
        "{said}"
    );
}

/// A table without an ending that says so is one all the same.
#[test]
fn text_with_the_columns_of_pairs_is_a_table() {
    let sheet = Sheet::named("pairs.txt", TABLE.replace(',', "\t").as_bytes());
    let said = sheet.call("check", &["-v"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("pairs.txt: TSV, 2 pairs"), "{said}");
}

#[test]
fn a_sheet_of_a_spreadsheet_is_a_batch_of_its_own() {
    let sheet = Sheet::named("pairs.xlsx", &fixture("pairs.xlsx"));
    let mut command = program();
    command.current_dir(sheet.folder()).args(["run", "pairs.xlsx#Sheet2", "--mock"]);
    let said = child::said(&mut command);
    assert_eq!(said.code, 0, "{said}");
    assert!(sheet.folder().join("pairs-Sheet2.mock.run/videos/ben-two.mp4").exists(), "{said}");
}

#[test]
fn the_example_works_in_a_rehearsal() {
    let sheet = Sheet::job("spring.yaml");
    fs::copy(root().join("jobs/spring.csv"), sheet.folder().join("spring.csv")).unwrap();
    stable(|| insta::assert_snapshot!("tables_example", sheet.call("check", &[])));
    let said = sheet.call("run", &["--mock", "--json"]);
    assert_eq!(said.code, 0, "{said}");
    let mut names: Vec<_> = fs::read_dir(sheet.folder().join("spring.mock.run/videos"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".mp4"))
        .collect();
    names.sort_unstable();
    assert_eq!(names, ["anna-de.mp4", "anna-en.mp4", "ben-ja.mp4"]);
}
