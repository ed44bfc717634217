//! `adopt` takes over tasks that were made elsewhere: all of a file or nothing, and no task for two
//! pairs, so that nothing is paid for again or fetched twice.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, program};

/// Knows the tasks `t0` to `t9`, and says of `sick` that it is not well.
fn server() -> Rude {
    Rude::any(|request, connection| {
        let task = request.split(['/', ' ']).nth(4).unwrap_or_default();
        match task {
            "sick" => answer(connection, "500 Internal Server Error", "", "oops"),
            task if task.len() == 2 && task.starts_with('t') => {
                let body = format!(r#"{{"id":"{task}","status":"pending"}}"#);
                answer(connection, "200 OK", "", &body);
            }
            _ => answer(connection, "404 Not Found", "", r#"{"error":{"code":"not_found"}}"#),
        }
    })
}

fn adopt(sheet: &Sheet, text: &str, options: &[&str]) -> Said {
    fs::write(sheet.folder().join("given.csv"), text).unwrap();
    let options = [&["given.csv"], options].concat();
    said(sheet.command("adopt", &options).env("CALLSHEET_API_KEY", KEY))
}

#[test]
fn a_file_without_tasks_is_refused_and_nothing_is_made() {
    let sheet = Sheet::pairs(2, "http://127.0.0.1:9", "");
    for (text, says) in [
        ("", "the table is empty"),
        (" \n\n", "the table is empty"),
        ("id,task_id\n", "there is no row in it"),
        ("id,task_id\n,\n", "there is no row in it"),
        ("id,state,task_id\npair-0,planned,\n", "its only row has no task"),
        ("name,task\npair-0,t0\n", "it has no column `id`; its columns are name, task_id"),
        ("pair-0,t0\npair-1,t1\n", "no column of this table is known"),
        ("[{\"id\": \"pair-0\", \"task_id\": \"t0\"}]", "this is a JSON list, not JSON Lines"),
        ("{\"id\": \"pair-0\",\n \"task_id\": \"t0\"}\n", "it has no column `id`"),
        ("<html><body>log in</body></html>", "this is a web page"),
    ] {
        let said = adopt(&sheet, text, &[]);
        assert_eq!(said.code, 2, "{text}: {said}");
        assert!(said.err.contains(&format!("given.csv: {says}")), "{text}: {said}");
        assert!(said.err.contains("nothing was taken over"), "{text}: {said}");
        assert!(said.err.contains("columns `id` and `task_id`"), "{text}: {said}");
    }
    fs::create_dir(sheet.folder().join("folder")).unwrap();
    for (name, says) in
        [("folder", "this is a folder, not a table"), ("none.csv", "there is no such file")]
    {
        let said = sheet.call("adopt", &[name]);
        assert!(said.code == 2 && said.err.contains(says), "{said}");
    }
    assert!(!sheet.run_folder().exists());
}

#[test]
fn all_that_is_wrong_is_told_with_its_line_and_nothing_is_taken() {
    let server = server();
    let sheet = Sheet::pairs(7, &server.url, "");
    let text = "id;task_id\npair-0;t0\npair-1;t1\nPAIR-2;t1\nnobody;t3\n\npair-3;no/id\n\
                pair-4;gone\npair-5;t5\n;t6\n";
    let refused = adopt(&sheet, text, &[]);
    assert_eq!(refused.code, 2, "{refused}");
    for line in [
        "given.csv: 5 problems; nothing was taken over",
        "line 3: pair-1: task t1 is PAIR-2's, too, in line 4",
        "line 4: PAIR-2: task t1 is pair-1's, too, in line 3",
        "line 5: no pair nobody in this batch",
        "line 7: pair-3: task no/id: ",
        "line 10: it names no pair",
        "--skip-bad",
    ] {
        assert!(refused.err.contains(line), "{line}: {refused}");
    }
    assert_eq!((server.read(), sheet.run_folder().exists()), (0, false), "{refused}");
    // What only the server knows.
    let refused = adopt(&sheet, "id,task_id\npair-0,t0\npair-4,gone\npair-5,sick\n", &[]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("line 3: pair-4: http://127.0.0.1:"), "{refused}");
    assert!(refused.err.contains("knows no task gone"), "{refused}");
    assert!(refused.err.contains("cannot say whether it knows sick"), "{refused}");
    // Left out, its pair would be paid for again.
    let skipped = adopt(&sheet, "id,task_id\npair-0,t0\npair-5,sick\n", &["--skip-bad"]);
    assert_eq!(skipped.code, 2, "{skipped}");
    assert!(skipped.err.contains("may be there"), "{skipped}");
    assert!(!sheet.run_folder().exists(), "{refused}");
}

#[test]
fn rows_with_a_problem_can_be_left_out_and_are_named() {
    let server = server();
    let sheet = Sheet::pairs(7, &server.url, "");
    let text = "id,task_id\npair-0,t0\npair-1,t1\npair-2,t1\nnobody,t3\npair-3,no/id\npair-4,gone\n\
                pair-5,t5\n";
    let taken = adopt(&sheet, text, &["--skip-bad"]);
    assert_eq!(taken.code, 0, "{taken}");
    assert!(taken.out.starts_with("2 tasks taken over, 5 left out; now 5 planned, 2 created"));
    for line in [3, 4, 5, 6, 7] {
        assert!(taken.err.contains(&format!("line {line} left out: ")), "{line}: {taken}");
    }
    assert!(taken.err.contains("--no-create; without that, it also creates the 5 pairs"));
    let rows = sheet.rows();
    let tasks = ["pair-0", "pair-1", "pair-2", "pair-5"].map(|id| rows[id]["task_id"].as_str());
    assert_eq!(tasks, ["t0", "", "", "t5"], "of two pairs nobody knows whose the task is");
    let json = adopt(&sheet, text, &["--skip-bad", "--json"]).json();
    assert_eq!((&json["taken_over"], &json["had_before"]), (&0.into(), &2.into()), "{json}");
    assert_eq!(json["left_out"].as_array().unwrap().len(), 5);
    let nothing = adopt(&sheet, "id,task_id\nnobody,t9\n", &["--skip-bad"]);
    assert_eq!(nothing.code, 2, "none is left: {nothing}");
}

#[test]
fn the_same_file_again_changes_nothing() {
    let server = server();
    let sheet = Sheet::pairs(3, &server.url, "");
    let text = "\u{feff}id\tTask ID\nPair-0\tt0\n\t\npair-1\tt1\npair-1\tt1\n";
    assert_eq!(adopt(&sheet, text, &[]).code, 0);
    let (asked, rows) = (server.read(), sheet.rows());
    let again = adopt(&sheet, text, &[]);
    assert_eq!(again.code, 0, "{again}");
    assert!(again.out.starts_with("0 tasks taken over, 2 had before; now 1 planned, 2 created"));
    assert_eq!((sheet.rows(), server.read()), (rows, asked), "nobody is asked again either");
    let other = adopt(&sheet, "id,task_id\npair-0,t7\n", &[]);
    assert_eq!(other.code, 2, "{other}");
    assert!(other.err.contains("line 2: pair-0: it has the task t0, not t7"), "{other}");
    let foreign = adopt(&sheet, "id,task_id\npair-2,t0\n", &[]);
    assert!(foreign.code == 2 && foreign.err.contains("task t0 belongs to pair-0"), "{foreign}");
    // Its own table is such a file, with rows that have no task.
    let own = fs::read_to_string(sheet.run_folder().join("tasks.csv")).unwrap();
    let own = adopt(&sheet, &own, &[]);
    assert_eq!(own.code, 0, "{own}");
    assert!(own.out.contains("2 had before, 1 without a task passed over"), "{own}");
}

/// As `adopt` gives a task to no second pair, `resolve --adopt` does not.
#[test]
fn a_task_of_a_run_folder_nearby_is_nobody_elses() {
    let server = server();
    let sheet = Sheet::pairs(3, &server.url, "");
    assert_eq!(adopt(&sheet, "id,task_id\npair-0,t0\n", &[]).code, 0);
    fs::copy(&sheet.manifest, sheet.folder().join("other.yaml")).unwrap();
    let call = |verb: &str, options: &[&str]| {
        let mut command = program();
        command.current_dir(sheet.folder()).args([verb, "other.yaml"]).args(options);
        said(command.env("CALLSHEET_API_KEY", KEY))
    };
    fs::write(sheet.folder().join("given.csv"), "id,task_id\npair-2,t0\n").unwrap();
    for options in [&["given.csv"][..], &["given.csv", "--out", "away/run"]] {
        let refused = call("adopt", options);
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains("task t0 belongs to pair-0 of "), "{refused}");
        assert!(refused.err.contains("batch.run"), "{refused}");
    }
    fs::write(sheet.folder().join("given.csv"), "id,task_id\npair-2,t2\n").unwrap();
    assert_eq!(call("adopt", &["given.csv"]).code, 0);
    let ledger = sheet.folder().join("other.run/ledger.sqlite");
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    ledger.execute("UPDATE standings SET state = 'in_doubt', task_id = NULL", ()).unwrap();
    drop(ledger);
    let refused = call("resolve", &["pair-2", "--adopt", "t0"]);
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.err.contains("pair-2: task t0 belongs to pair-0 of "), "{refused}");
}

#[test]
fn the_server_is_asked_about_each_task_and_a_silent_one_ends_it() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let down = Rude::any(move |_, connection| {
        count.fetch_add(1, Ordering::SeqCst);
        answer(connection, "502 Bad Gateway", "", "oops");
    });
    let sheet = Sheet::pairs(2, &down.url, "");
    let text = "id,task_id\npair-0,t0\npair-1,t1\n";
    let refused = adopt(&sheet, text, &["--skip-bad"]);
    assert_eq!((refused.code, asked.load(Ordering::SeqCst)), (1, 2), "{refused}");
    assert!(refused.err.contains("cannot ask") && refused.err.contains("--unchecked"), "{refused}");
    fs::write(sheet.folder().join("given.csv"), text).unwrap();
    let keyless = sheet.call("adopt", &["given.csv"]);
    assert!(keyless.code == 2 && keyless.err.contains("no API key"), "{keyless}");
    assert!(!sheet.run_folder().exists());
    let taken = sheet.call("adopt", &["given.csv", "--unchecked"]);
    assert_eq!((taken.code, asked.load(Ordering::SeqCst)), (0, 2), "{taken}");
    assert_eq!(sheet.states()["created"], 2);
}

/// What was in doubt where the table comes from has no task to take over, and may be paid for.
#[test]
fn doubts_of_the_table_are_pointed_out() {
    let api = fake(callsheet_mock::Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    let text = "id,state,task_id\npair-0,created,t0\npair-1,in_doubt,\npair-2,planned,\n";
    let taken = adopt(&sheet, text, &["--unchecked"]);
    assert_eq!(taken.code, 0, "{taken}");
    assert!(taken.err.contains("1 pair in doubt where the file comes from"), "{taken}");
    assert!(taken.err.contains("paid for twice if created again: pair-1\n"), "{taken}");
}
