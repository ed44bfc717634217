//! Pairs in doubt by the hundred, settled by a table that a person filled in; also while a run is
//! under way.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use callsheet_mock::{Book, Fault, Latency, Listing, MockApi, Rule, Scenario, Span, Work};

use crate::child::{Running, said};
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, stable};

/// Of which three fifths end in doubt, a third of these without a task.
const PAIRS: usize = 340;

type Row = BTreeMap<String, String>;

fn resolve(sheet: &Sheet, options: &[&str]) -> Said {
    said(sheet.command("resolve", options).env("CALLSHEET_API_KEY", KEY))
}

/// The table of the doubts, in a file that was not there.
fn doubts(sheet: &Sheet, file: &str) -> Vec<Row> {
    let said = sheet.call("status", &["--doubts", file]);
    assert_eq!(said.code, 5, "{said}");
    read(sheet, file)
}

fn read(sheet: &Sheet, file: &str) -> Vec<Row> {
    let bytes = fs::read(sheet.folder().join(file)).unwrap();
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    csv::Reader::from_reader(text).deserialize().map(Result::unwrap).collect()
}

/// As a spreadsheet of another country saves it.
fn save(sheet: &Sheet, file: &str, rows: &[Row]) {
    let columns = ["attempt", "id", "action", "task_id", "note"];
    let mut text = columns.join("\t") + "\r\n";
    for row in rows {
        let cells = columns.map(|column| row.get(column).map_or("", String::as_str));
        text.push_str(&(cells.join("\t") + "\r\n"));
    }
    let units = text.encode_utf16().flat_map(u16::to_le_bytes);
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(units).collect();
    fs::write(sheet.folder().join(file), bytes).unwrap();
}

/// Which task was made of a portrait.
fn task_of(book: &Book, image: &str) -> Option<String> {
    // Signatures are not in the table.
    let image = image.trim_end_matches('…');
    let made = |entry: &&callsheet_mock::Entry| {
        entry.request_json()["image_url"].as_str().unwrap().starts_with(image)
    };
    book.entries.iter().find(made).map(|entry| entry.task.to_string())
}

/// A day on which most answers are lost: some after the create was accepted, some instead. All are
/// under way before the first answer, or this would be an outage.
pub(crate) fn lossy_day(list: Listing) -> (MockApi, Sheet) {
    let fault = |fault, ends: &str| Rule::new(fault).matching(format!("*/*{ends}.jpg*"));
    let faults = vec![
        fault(Fault::Status502AfterAccept, "1"),
        fault(Fault::Status502, "2"),
        fault(Fault::ResetAfterAccept, "4"),
        fault(Fault::Status502AfterAccept, "5"),
        fault(Fault::ResetAfterAccept, "7"),
        fault(Fault::Status502, "8"),
    ];
    let latency = Latency::Fixed(Span::secs(1));
    let scenario = Scenario { faults, list, latency, work: Work::AtOnce, ..Scenario::default() };
    let api = fake(scenario);
    let sheet = Sheet::pairs(PAIRS, api.url(), "concurrency: 340\nmax_doubts: 1000");
    let run = sheet.run(&[]);
    assert_eq!(run.code, 5, "{run}");
    (api, sheet)
}

#[test]
fn two_hundred_doubts_are_settled_by_one_file_and_nothing_is_paid_twice() {
    let (api, sheet) = lossy_day(Listing::default());
    let mut rows = doubts(&sheet, "doubts.csv");
    assert!(rows.len() >= 200, "{}", rows.len());
    let book = api.book();
    for row in &mut rows {
        match task_of(&book, &row["image_url"]) {
            Some(task) => row.insert("task_id".into(), task),
            None => row.insert("action".into(), "abandon".into()),
        };
    }
    let adopted = rows.iter().filter(|row| row["action"].is_empty()).count();
    let abandoned = rows.len() - adopted;
    assert!(adopted > 50 && abandoned > 20, "{adopted} {abandoned}");
    save(&sheet, "filled.txt", &rows);
    let dry = resolve(&sheet, &["--from", "filled.txt", "--dry-run"]);
    assert_eq!((dry.code, sheet.states()["in_doubt"]), (0, rows.len()), "{dry}");
    let said = resolve(&sheet, &["--from", "filled.txt"]);
    assert_eq!(said.code, 0, "{said}");
    let words = format!("{adopted} adopted, {abandoned} written off");
    assert!(said.out.contains(&words) && dry.out.contains(&words), "{words}: {said}");
    let again = resolve(&sheet, &["--from", "filled.txt"]);
    assert_eq!(again.code, 0, "{again}");
    assert!(again.out.contains(&format!("{} settled before", rows.len())), "{again}");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let (states, book) = (sheet.states(), api.book());
    assert_eq!((states["saved"], states["abandoned"]), (PAIRS - abandoned, abandoned));
    assert_eq!(
        book.entries.len(),
        states["saved"],
        "booked = saved, and the abandoned cost nothing"
    );
    assert!(book.duplicates().is_empty());
    let right = |row: &Row| task_of(&book, &row["image_url"]).unwrap() == row["task_id"];
    assert!(sheet.rows().values().filter(|row| row["state"] == "saved").all(right), "mixed up");
}

/// Four pairs in doubt, of which one names a task; the server knows task-1 and task-2.
fn four() -> (Rude, Sheet) {
    let server = Rude::any(|request, c| match request {
        request if request.starts_with("GET /v1/tasks/task-1 ") => {
            answer(c, "200 OK", "", r#"{"id":"task-1","status":"pending"}"#);
        }
        request if request.starts_with("GET /v1/tasks/task-2 ") => {
            answer(c, "200 OK", "", r#"{"id":"task-2","status":"pending"}"#);
        }
        request if request.starts_with("GET ") => answer(c, "404 Not Found", "", "{}"),
        request if request.contains("/2.jpg") => {
            answer(c, "200 OK", "x-request-id: r-2\r\n", r#"{"data":{"id":"task-2"}}"#);
        }
        _ => answer(c, "502 Bad Gateway", "", "=cmd|'/c calc'!A1"),
    });
    let sheet = Sheet::pairs(4, &server.url, "concurrency: 4\nprice_per_second: 0.16");
    assert_eq!(sheet.run(&[]).code, 5);
    (server, sheet)
}

#[test]
fn the_table_says_what_is_known_and_has_no_formula() {
    let (_server, sheet) = four();
    let rows = doubts(&sheet, "doubts.csv");
    assert_eq!(rows.len(), 4);
    let of = |row: &Row, names: &[&str]| -> Vec<String> {
        names.iter().map(|name| row[*name].clone()).collect()
    };
    let known = of(&rows[2], &["id", "proposed_task_id", "request_ids", "attempt", "task_id"]);
    assert_eq!(known, ["pair-2", "task-2", "r-2", "1", ""]);
    assert_eq!(rows[0]["answer"], "'=cmd|'/c calc'!A1");
    let text = fs::read_to_string(sheet.folder().join("doubts.csv")).unwrap();
    assert!(!text.contains("sig="), "a signature was handed out");
    let output = sheet.call("status", &["--doubts", "-", "-q"]);
    assert_eq!((output.code, &output.out), (5, &text), "{output}");
    fs::write(sheet.folder().join("doubts.csv"), "filled in").unwrap();
    let kept = sheet.call("status", &["--doubts", "doubts.csv"]);
    assert_eq!(kept.code, 2, "{kept}");
    assert_eq!(fs::read(sheet.folder().join("doubts.csv")).unwrap(), b"filled in");
    assert_eq!(sheet.call("status", &["--doubts", "-", "--json"]).code, 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(sheet.call("status", &["--doubts", "private.csv"]).code, 5);
        let mode = fs::metadata(sheet.folder().join("private.csv")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn all_that_is_wrong_is_said_at_once_and_nothing_is_settled() {
    let (_server, sheet) = four();
    let beside = Sheet::pairs(1, "http://127.0.0.1:9", "");
    let other = sheet.folder().join("other.yaml");
    fs::copy(&beside.manifest, &other).unwrap();
    fs::write(sheet.folder().join("tasks"), "id,task_id\npair-0,task-1\n").unwrap();
    let mut adopt = crate::sheet::program();
    adopt.current_dir(sheet.folder()).args(["adopt", "other.yaml", "tasks", "--unchecked"]);
    assert_eq!(said(&mut adopt).code, 0);
    let table = "id;action;task_id\npair-0;;task-1\npair-1;;task-9\npair-2;adopt;\nnobody;resend;\n\
                 pair-3;resned;\n";
    fs::write(sheet.folder().join("d.csv"), table).unwrap();
    let refused = resolve(&sheet, &["--from", "d.csv"]);
    stable(|| insta::assert_snapshot!("doubt_sheet_refused", refused));
    assert_eq!(sheet.states()["in_doubt"], 4);
    let json = resolve(&sheet, &["--from", "d.csv", "--json"]).json();
    assert!(json["error"]["message"].as_str().unwrap().contains("line 6"), "{json}");
    fs::write(sheet.folder().join("d.csv"), "id,action\npair-2,adopt\npair-3,\n").unwrap();
    let dry = resolve(&sheet, &["--from", "d.csv", "--dry-run", "--json"]);
    assert_eq!((dry.code, sheet.states()["in_doubt"]), (0, 4), "{dry}");
    let pairs = serde_json::json!([{"id": "pair-2", "verdict": "adopt task-2"}]);
    assert_eq!(dry.json()["pairs"], pairs);
    let taken = resolve(&sheet, &["--from", "d.csv"]);
    assert_eq!((taken.code, sheet.rows()["pair-2"]["task_id"].as_str()), (5, "task-2"), "{taken}");
    for (text, options) in [
        ("pair-0\n", &[][..]),
        ("id,action\npair-0,abandon\n", &["--abandon"]),
        ("id,note\npair-0,abandon\n", &[]),
    ] {
        fs::write(sheet.folder().join("e.csv"), text).unwrap();
        let refused = resolve(&sheet, &[&["--from", "e.csv"], options].concat());
        assert_eq!(refused.code, 2, "{text}: {refused}");
    }
}

#[test]
fn what_is_settled_waits_for_the_run_that_is_under_way() {
    let faults = vec![Rule::new(Fault::Status502AfterAccept).matching("*/0.jpg*").first(1)];
    let work = Work::Elapsed(Span::secs(3));
    let api = fake(Scenario { faults, work, ..Scenario::default() });
    let sheet = Sheet::pairs(2, api.url(), "concurrency: 1");
    let run = sheet.start_whole(&[]);
    while !sheet.run_folder().join("tasks.csv").exists()
        || sheet.rows().get("pair-1").is_none_or(|row| row["state"] != "created")
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let refused = resolve(&sheet, &["pair-0", "--abandon"]);
    assert_eq!(refused.code, 11, "{refused}");
    let again = "callsheet resolve batch.yaml pair-0 --abandon --wait 1h";
    assert!(refused.err.contains(again), "{refused}");
    let briefly = resolve(&sheet, &["pair-0", "--abandon", "--wait", "1s"]);
    assert_eq!(briefly.code, 11, "{briefly}");
    let waited = resolve(&sheet, &["pair-0", "--abandon", "--wait", "1m"]);
    assert_eq!(waited.code, 0, "{waited}");
    assert!(waited.err.contains("waiting up to 60 s for it to end"), "{waited}");
    assert_eq!(run.said().code, 5, "the run itself ended with the doubt");
    let states = sheet.states();
    assert_eq!((states["abandoned"], states["saved"]), (1, 1), "{states:?}");
    let done = sheet.run_folder().join("tasks.csv");
    assert_eq!(sheet.call("adopt", &[done.to_str().unwrap(), "--wait", "1s"]).code, 0);
}

#[test]
fn a_table_comes_from_standard_input_too() {
    let (_server, sheet) = four();
    let mut command = sheet.command("resolve", &["--from", "-", "--unchecked"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running::start(&mut command);
    let table = "id,task_id\npair-0,task-70\npair-1,\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), table.as_bytes()).unwrap();
    let said = child.said();
    assert_eq!((said.code, sheet.rows()["pair-0"]["task_id"].as_str()), (5, "task-70"), "{said}");
}
