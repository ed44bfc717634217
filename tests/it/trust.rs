//! What people trust it with: ids that are exactly the server's, nothing sent twice, no key shown.

use std::fs;
use std::path::Path;

use callsheet_mock::{Rule, Scenario};
use serde_json::Value;

use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake};

/// A server that is not ours, with ids in a form that is not ours.
fn foreign() -> Rude {
    Rude::start(|number, connection| {
        let body = format!("{{\"id\": \"urn:video:{number:04}.x\"}}");
        answer(connection, "201 Created", "", &body);
    })
}

#[test]
fn the_ids_are_exactly_those_the_server_gave_and_a_second_run_sends_nothing() {
    let server = foreign();
    let sheet = Sheet::pairs(20, &server.url, "concurrency: 8");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 0, "{said}");
    let mut ids: Vec<_> = sheet.rows().into_values().map(|row| row["task_id"].clone()).collect();
    ids.sort();
    assert_eq!(ids, (0..20).map(|n| format!("urn:video:{n:04}.x")).collect::<Vec<_>>());
    assert_eq!(server.read(), 20);
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(server.read(), 20, "the second run sent something");
}

#[test]
fn the_csv_is_in_manifest_order_and_every_id_belongs_to_its_pair() {
    let api = fake(Scenario { latency: callsheet_mock::Latency::default(), ..Scenario::default() });
    let sheet = Sheet::pairs(30, api.url(), "concurrency: 8");
    assert_eq!(sheet.run(&[]).code, 0);
    let csv = fs::read_to_string(sheet.run_folder().join("tasks.csv")).unwrap();
    let order: Vec<_> = csv.lines().skip(1).map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(order, (0..30).map(|n| format!("pair-{n}")).collect::<Vec<_>>());
    let rows = sheet.rows();
    for entry in api.book().entries {
        let image = entry.request_json()["image_url"].as_str().unwrap().to_owned();
        let row = rows.values().find(|row| row["image_url"] == image).unwrap();
        assert_eq!(row["task_id"], entry.task.to_string());
    }
}

/// Everything under a folder, and what was said.
fn everything(folder: &Path, said: &[Said]) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(everything(&path, &[]));
        } else {
            all.extend(fs::read(path).unwrap());
        }
    }
    for said in said {
        all.extend(said.to_string().bytes());
    }
    all
}

fn contains(all: &[u8], text: &str) -> bool {
    all.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn the_key_is_nowhere_even_if_the_server_echoes_it() {
    let server = Rude::start(|number, connection| {
        let said = format!("no such key: Bearer {KEY}");
        match number % 5 {
            0 => answer(
                connection,
                "400 Bad",
                "",
                &format!("{{\"error\":{{\"message\":\"{said}\"}}}}"),
            ),
            1 => answer(connection, "502 Bad", "", &said),
            2 => answer(connection, "200 OK", "", &format!("{{\"id\":\"{KEY}\"}}")),
            3 => answer(connection, "307 Away", &format!("location: https://x/?{KEY}\r\n"), ""),
            _ => answer(connection, "200 OK", "", &format!("{{\"x\":\"{said}\"}}")),
        }
    });
    let sheet = Sheet::pairs(10, &server.url, "");
    let said = [
        sheet.run(&["-vv"]),
        sheet.call("status", &["--json"]),
        sheet.call("plan", &["--json"]),
        sheet.run(&["--json"]),
    ];
    assert_eq!(said[0].code, 5, "{}", said[0]);
    assert!(server.requests().iter().all(|request| request.contains(KEY)), "it was sent");
    let all = everything(sheet.folder(), &said);
    assert!(!contains(&all, KEY), "the key was kept or shown");
    assert!(contains(&all, "no such key: Bearer ***"), "what the server said is kept");
}

#[test]
fn signed_queries_are_shown_nowhere_but_kept_for_the_server() {
    let api = fake(Scenario {
        faults: vec![Rule::new(callsheet_mock::Fault::Status400)],
        ..Scenario::default()
    });
    let sheet = Sheet::pairs(3, api.url(), "");
    for said in [
        sheet.run(&["-vv"]),
        sheet.call("status", &["--json"]),
        sheet.call("plan", &["--json"]),
        sheet.call("check", &["--json"]),
    ] {
        assert!(!said.to_string().contains("sig=q"), "{said}");
    }
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    assert!(!events.contains("sig=q"), "{events}");
    assert!(api.journal()[0].body.contains("sig=q"));
}

#[test]
fn hostile_words_of_a_server_reach_no_terminal_and_become_no_formula() {
    let server = Rude::start(|_, connection| {
        let body =
            r#"{"error":{"code":"@SUM(1)","message":"=HYPERLINK(\"x\")\u001b[2J\r\nid,created"}}"#;
        answer(connection, "400 Bad", "", body);
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 3);
    assert!(!said.to_string().contains('\u{1b}'), "{said:?}", said = said.to_string());
    let row = &sheet.rows()["pair-0"];
    assert_eq!(row["error_code"], "'@SUM(1)");
    assert_eq!(row["error"], "'=HYPERLINK(\"x\")\u{fffd}[2J  id,created");
}

#[test]
fn events_tell_every_transition() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let events = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let numbers: Vec<_> = events.iter().map(|event| event["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let accepted = events.iter().filter(|event| event["event"] == "accepted");
    for event in accepted {
        let row = &sheet.rows()[event["id"].as_str().unwrap()];
        assert_eq!(event["task_id"], row["task_id"]);
        assert_eq!(event["at"], row["created_at"]);
    }
}

#[test]
fn signatures_that_the_server_echoes_are_not_shown() {
    let server = Rude::start(|number, connection| {
        let error = "cannot fetch https://b.example/a.jpg?X-Amz-Signature=SIGNED now";
        let (status, key) = [("422 No", "error"), ("502 Bad", "oops")][number % 2];
        answer(connection, status, "", &format!("{{\"{key}\": {{\"message\": \"{error}\"}}}}"));
    });
    let sheet = Sheet::pairs(2, &server.url, "concurrency: 1");
    let said = [sheet.run(&[]), sheet.call("status", &["--json"]), sheet.call("status", &[])];
    assert_eq!(said[0].code, 5, "{}", said[0]);
    let error = sheet.rows()["pair-0"]["error"].clone();
    assert!(error.contains("cannot fetch https://b.example/a.jpg?… now"), "{error}");
    let log = fs::read_to_string(sheet.run_folder().join("events.jsonl")).unwrap();
    let csv = fs::read_to_string(sheet.run_folder().join("tasks.csv")).unwrap();
    let shown = said.map(|said| said.out + &said.err).concat() + &log + &csv;
    assert!(!shown.contains("SIGNED"), "{shown}");
}
