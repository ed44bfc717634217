//! Run folders of older releases (`fixtures/ledger-v1` and so on, made by `fixtures/make-ledger.py`) are
//! read, brought up to date and continued.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, root};

/// The pairs that today's rules judge otherwise than the first release did.
const REJUDGED: [&str; 4] = ["request", "request-lost", "closed", "moved"];

/// A copy of the first release's run folder, for the tasks of an endpoint.
fn old(endpoint: &str) -> Sheet {
    of_format(1, endpoint)
}

/// A run folder of an older format, for the tasks of an endpoint.
pub(crate) fn of_format(format: usize, endpoint: &str) -> Sheet {
    let fixture = root().join(format!("tests/it/fixtures/ledger-v{format}"));
    let manifest = fs::read_to_string(fixture.join("batch.yaml")).unwrap();
    let sheet = Sheet::new(&manifest.replace("http://127.0.0.1:18999", endpoint));
    copy(&fixture.join("run"), &sheet.run_folder());
    let ledger = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    // Leaves the write-ahead log as the killed run left it.
    ledger.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
    ledger.execute("UPDATE batch SET endpoint = ?1", [endpoint]).unwrap();
    if format > 2 {
        // The tests' key is another one than the fixture's.
        ledger.execute("UPDATE batch SET account = NULL, salt = NULL", ()).unwrap();
    }
    sheet
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Accepts creates as `new-0` and so on; knows one of the ids that may be no tasks.
fn server() -> Rude {
    let creates = std::sync::atomic::AtomicUsize::new(0);
    Rude::any(move |request, c| {
        if request.starts_with("POST") {
            let n = creates.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            return answer(c, "200 OK", "", &format!("{{\"id\":\"new-{n}\"}}"));
        }
        match request.starts_with("GET /v1/tasks/req-1 ") {
            true => answer(c, "200 OK", "", r#"{"id":"req-1","status":"pending"}"#),
            false => {
                let body = r#"{"error":{"code":"task_not_exist","message":"no such task"}}"#;
                answer(c, "404 Not Found", "", body);
            }
        }
    })
}

fn creates(server: &Rude) -> Vec<String> {
    server.requests().into_iter().filter(|request| request.starts_with("POST")).collect()
}

fn resolve(sheet: &Sheet, options: &[&str]) -> Said {
    said(sheet.command("resolve", options).env("CALLSHEET_API_KEY", KEY))
}

fn states(sheet: &Sheet) -> BTreeMap<String, String> {
    let rows = sheet.rows().into_iter();
    rows.map(|(id, row)| (id, format!("{} {}", row["state"], row["task_id"]))).collect()
}

#[test]
fn status_and_plan_show_it_as_it_would_be_and_leave_it_as_it_is() {
    let sheet = old("http://127.0.0.1:9");
    let file = sheet.run_folder().join("ledger.sqlite");
    let before = fs::read(&file).unwrap();
    let status = sheet.call("status", &["--json"]);
    assert_eq!(status.code, 5, "{status}");
    let status = status.json();
    let ids: Vec<_> = status["in_doubt"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect();
    assert!(REJUDGED.iter().all(|id| ids.contains(id)), "{ids:?}");
    assert_eq!(status["same_task"][0]["task_id"], "task-twin");
    assert_eq!(status["same_task"][0]["pairs"], serde_json::json!(["twin-a", "twin-b"]));
    assert!(sheet.call("plan", &[]).out.contains("in doubt"), "{}", sheet.call("plan", &[]));
    let watched = sheet.call("status", &["--watch"]);
    assert_eq!(watched.code, 2, "it would stand still: {watched}");
    assert_eq!(fs::read(&file).unwrap(), before);
    assert!(!sheet.run_folder().join("ledger.v1.sqlite").exists());
}

#[test]
fn a_run_brings_it_up_to_date_and_continues_it() {
    let server = server();
    let sheet = old(&server.url);
    let run = sheet.run(&[]);
    assert_eq!(run.code, 5, "{run}");
    assert!(run.err.contains("of format 1, was brought up to date"), "{run}");
    assert!(run.err.contains("4 pairs in doubt that an older release took"), "{run}");
    assert!(run.err.contains("one task, task-twin, is the task of twin-a, twin-b"), "{run}");
    let [create] = &creates(&server)[..] else { panic!("{:?}", creates(&server)) };
    assert!(create.contains("/planned.jpg"), "nothing that was sent is sent again: {create}");
    let states = states(&sheet);
    for (id, state) in [
        ("abandoned", "abandoned "),
        ("adopted", "created task-adopted"),
        ("bytes", "in_doubt "),
        ("changed", "created task-changed"),
        ("closed", "in_doubt "),
        ("created", "created task-created"),
        ("doubt", "in_doubt "),
        ("failed", "failed task-failed"),
        ("found", "created task-found"),
        ("gateway", "created task-502"),
        ("gone", "rejected "),
        ("moved", "in_doubt "),
        ("planned", "created new-0"),
        ("refused", "rejected "),
        ("request", "in_doubt "),
        ("request-lost", "in_doubt "),
        ("resent", "created task-resent"),
        ("retried", "created task-second"),
        ("saved", "saved task-saved"),
        ("sending", "in_doubt "),
        ("twin-a", "created task-twin"),
        ("twin-b", "created task-twin"),
        ("unlinked", "completed task-unlinked"),
    ] {
        assert_eq!(states[id], state, "{id}");
    }
    assert_eq!(states.len(), 23);
    let again = sheet.run(&[]);
    assert!(!again.err.contains("format 1"), "once is enough: {again}");
    assert_eq!(creates(&server).len(), 1);
}

#[test]
fn the_old_file_is_kept_beside_it_and_the_events_tell_what_changed() {
    let server = server();
    let sheet = old(&server.url);
    let logged = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    sheet.run(&[]);
    let kept = sheet.run_folder().join("ledger.v1.sqlite");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let kept = Connection::open(&kept).unwrap();
    let one = |sql: &str| kept.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("PRAGMA user_version"), 1);
    assert_eq!(one("SELECT count(*) FROM pairs"), 23, "also what only the write-ahead log had");
    assert_eq!(one("SELECT count(*) FROM standings WHERE state = 'sending'"), 1);
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    assert!(events.starts_with(&logged));
    let lines: Vec<serde_json::Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rejudged = lines.iter().filter(|line| line["event"] == "rejudged");
    let mut ids: Vec<_> = rejudged.map(|line| line["id"].as_str().unwrap()).collect();
    ids.sort_unstable();
    let mut expected = REJUDGED;
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let numbers = lines.iter().map(|line| line["n"].as_u64().unwrap());
    assert!(numbers.eq(1..=lines.len() as u64), "none is missing, none doubled");
}

#[test]
fn ids_that_may_be_tasks_are_adopted_if_the_server_knows_them() {
    let server = server();
    let sheet = old(&server.url);
    let shown = sheet.call("status", &[]);
    assert!(shown.out.contains("seems to name the task req-1"), "{shown}");
    assert!(shown.out.contains("--all --adopt-proposed"), "{shown}");
    let nothing = resolve(&sheet, &["request", "doubt", "--adopt-proposed"]);
    assert_eq!(nothing.code, 2, "{nothing}");
    assert!(nothing.err.contains("pair doubt: no task is proposed for it"), "{nothing}");
    let said = resolve(&sheet, &["--all", "--adopt-proposed", "--json"]);
    assert_eq!(said.code, 5, "others stay in doubt: {said}");
    assert_eq!(said.json()["not_adopted"][0]["id"], "request-lost");
    assert!(
        said.err.contains("request-lost stays in doubt")
            && said.err.contains("knows no task req-2")
    );
    let states = states(&sheet);
    assert_eq!((&*states["request"], &*states["request-lost"]), ("created req-1", "in_doubt "));
    let said = resolve(&sheet, &["request-lost", "--adopt-proposed", "--unchecked"]);
    assert_eq!(said.code, 5, "{said}");
    assert_eq!(sheet.rows()["request-lost"]["task_id"], "req-2");
    assert_eq!(creates(&server).len(), 0);
}

#[test]
fn what_failed_then_is_created_again_as_the_manifest_asks_now() {
    let server = server();
    let sheet = old(&server.url);
    let run = sheet.run(&["--retry-failed", "--retry-rejected"]);
    assert!(run.err.contains("1 failed pair to be created again"), "{run}");
    assert!(run.err.contains("1 of them with what the manifest asks for now"), "{run}");
    assert!(run.err.contains("2 rejected pairs to be sent again"), "{run}");
    let creates = creates(&server);
    let about = |name: &str| creates.iter().find(|one| one.contains(&format!("/{name}.jpg")));
    assert_eq!(creates.len(), 4, "planned, failed, refused, gone");
    assert!(about("failed").unwrap().contains("of the next day"));
    assert!(about("refused").is_some() && about("gone").is_some());
    // A task that it had before is no other pair's.
    let taken = resolve(&sheet, &["doubt", "--adopt", "task-failed", "--unchecked"]);
    assert_eq!(taken.code, 2, "{taken}");
    assert!(taken.err.contains("task task-failed belongs to failed"), "{taken}");
    let first = resolve(&sheet, &["doubt", "--adopt", "task-first", "--unchecked"]);
    assert!(first.err.contains("task task-first belongs to retried"), "{first}");
}

#[test]
fn where_no_copy_can_be_kept_nothing_is_changed() {
    let server = server();
    let sheet = old(&server.url);
    let kept = sheet.run_folder().join("ledger.v1.sqlite");
    fs::create_dir(&kept).unwrap();
    let run = sheet.run(&[]);
    assert_eq!((run.code, creates(&server).len()), (1, 0), "{run}");
    assert!(run.err.contains("ledger.v1.sqlite"), "{run}");
    fs::remove_dir(&kept).unwrap();
    assert!(sheet.run(&[]).err.contains("of format 1, was brought up to date"));
}

#[test]
fn another_endpoint_migrates_nothing() {
    let sheet = old("http://127.0.0.1:9");
    let run = sheet.run(&["--endpoint", "http://127.0.0.1:10"]);
    assert_eq!(run.code, 2, "{run}");
    assert!(!sheet.run_folder().join("ledger.v1.sqlite").exists());
    let file = Connection::open(sheet.run_folder().join("ledger.sqlite")).unwrap();
    let format: i64 = file.query_row("PRAGMA user_version", (), |row| row.get(0)).unwrap();
    assert_eq!(format, 1);
}

#[test]
fn format_2_is_brought_up_to_date_with_its_events_and_continued() {
    let server = server();
    let sheet = of_format(2, &server.url);
    let path = sheet.run_folder().join("events.jsonl");
    let logged = fs::read(&path).unwrap();
    let shown = sheet.call("status", &["--json"]);
    assert_eq!(shown.json()["states"]["sending"], 1, "{shown}");
    let run = sheet.run(&[]);
    assert_eq!(run.code, 5, "{run}");
    assert!(run.err.contains("of format 2, was brought up to date"), "{run}");
    assert!(run.err.contains("cut off with 1 create under way"), "{run}");
    assert!(!run.err.contains("took for created, failed or rejected"), "{run}");
    let [create] = &creates(&server)[..] else { panic!("{:?}", creates(&server)) };
    assert!(create.contains("/planned.jpg"), "{create}");
    let states = states(&sheet);
    assert_eq!(states["planned"], "created new-0");
    assert_eq!(states["retried"], "created task-second");
    assert_eq!(states["twin-b"], "in_doubt ");
    let now = fs::read(&path).unwrap();
    assert!(now.starts_with(&logged), "who follows the events goes on");
    fs::remove_file(&path).unwrap();
    assert_eq!(sheet.call("report", &[]).code, 0);
    assert_eq!(fs::read(&path).unwrap(), now, "also those that were only in the file");
    let kept = Connection::open(sheet.run_folder().join("ledger.v2.sqlite")).unwrap();
    let unlogged: i64 =
        kept.query_row("SELECT length(unlogged) FROM batch", (), |row| row.get(0)).unwrap();
    assert!(unlogged > 0);
}

#[test]
fn formats_that_only_lack_columns_are_brought_up_to_date_and_continued() {
    for format in [3, 4, 5] {
        let server = server();
        let sheet = of_format(format, &server.url);
        let logged = fs::read(sheet.run_folder().join("events.jsonl")).unwrap();
        let run = sheet.run(&[]);
        assert_eq!(run.code, 5, "{run}");
        assert!(run.err.contains(&format!("of format {format}, was brought up to date")), "{run}");
        assert!(run.err.contains("cut off with 1 create under way"), "{run}");
        let [create] = &creates(&server)[..] else { panic!("{:?}", creates(&server)) };
        assert!(create.contains("/planned.jpg"), "{create}");
        assert!(fs::read(sheet.run_folder().join("events.jsonl")).unwrap().starts_with(&logged));
        assert!(sheet.run_folder().join(format!("ledger.v{format}.sqlite")).exists());
        let states = states(&sheet);
        assert_eq!(states["planned"], "created new-0");
        assert_eq!(states["twin-b"], "in_doubt ");
        assert_eq!(states.len(), 22);
    }
}
