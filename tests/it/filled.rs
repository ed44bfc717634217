//! Tables that people filled in, in whatever their program saves: read by the same code as tables of
//! pairs.

use std::fs;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, root};

/// Three pairs in doubt, and a server that knows one task.
fn doubtful() -> (Rude, Sheet) {
    let server = Rude::any(|request, c| match request.starts_with("GET /v1/tasks/task-7 ") {
        true => answer(c, "200 OK", "", r#"{"id":"task-7","status":"pending"}"#),
        false => answer(c, "502 Bad Gateway", "", "oops"),
    });
    let sheet = Sheet::pairs(3, &server.url, "max_doubts: 3");
    assert_eq!(sheet.run(&[]).code, 5);
    assert_eq!(sheet.states()["in_doubt"], 3);
    (server, sheet)
}

fn resolve(sheet: &Sheet, file: &str) -> Said {
    said(sheet.command("resolve", &["--from", file]).env("CALLSHEET_API_KEY", KEY))
}

#[test]
fn doubts_are_settled_by_a_sheet_of_a_spreadsheet() {
    for name in ["filled.xlsx", "filled.ods"] {
        let (_server, sheet) = doubtful();
        fs::copy(root().join("tests/it/fixtures/tables").join(name), sheet.folder().join(name))
            .unwrap();
        let first = resolve(&sheet, name);
        assert_eq!(first.code, 2, "{first}");
        assert!(first.err.contains("no column of this table is known"), "{first}");
        let said = resolve(&sheet, &format!("{name}#Doubts"));
        assert_eq!(said.code, 5, "one is left: {said}");
        assert!(said.err.contains("a hidden row is read like the others"), "{said}");
        let rows = sheet.rows();
        assert_eq!((&*rows["pair-1"]["state"], &*rows["pair-1"]["task_id"]), ("created", "task-7"));
        assert_eq!(rows["pair-2"]["state"], "abandoned");
    }
}

/// Whatever stands between the cells and whatever the encoding.
#[test]
fn doubts_are_settled_by_what_any_program_saves() {
    let (_server, sheet) = doubtful();
    for (name, bytes) in [
        ("bars.txt", b"id|action\npair-0|abandon\n".to_vec()),
        ("lines.jsonl", b"{\"id\":\"pair-1\",\"action\":\"abandon\"}\n".to_vec()),
        ("gbk.csv", b"id,action,\xb1\xb8\xd7\xa2\npair-2,abandon,\xb2\xbb\xd2\xaa\n".to_vec()),
    ] {
        fs::write(sheet.folder().join(name), bytes).unwrap();
        let said = resolve(&sheet, name);
        assert!(said.out.contains("1 written off"), "{name}: {said}");
    }
    assert_eq!(sheet.states(), [("abandoned".to_owned(), 3)].into());
}

/// A row that says more than its columns, or a cell that lost its value, settles nothing.
#[test]
fn a_row_that_cannot_be_relied_on_settles_nothing() {
    let (_server, sheet) = doubtful();
    for (name, text, words) in [
        ("a.csv", "id,action\npair-0,abandon\npair-1,abandon,task-7\n", "line 3: this row has 3"),
        ("b.csv", "id,action\npair-0,abandon\n\"pair-1,abandon\n", "line 3: a quote is never"),
        ("c.json", "[{\"id\":\"pair-0\",\"action\":\"abandon\"}]", "a JSON list"),
        ("d.csv", "ids,do\npair-0,abandon\n", "no column `id`"),
    ] {
        fs::write(sheet.folder().join(name), text).unwrap();
        let said = resolve(&sheet, name);
        assert_eq!((said.code, sheet.states()["in_doubt"]), (2, 3), "{name}: {said}");
        assert!(said.err.contains(words), "{name}: {said}");
    }
}

/// Tasks made elsewhere come in whatever program they were listed with, too.
#[test]
fn tasks_are_adopted_from_every_kind_of_table() {
    let sheet = Sheet::pairs(3, "http://127.0.0.1:9", "");
    let adopt = |file: &str| sheet.call("adopt", &[file, "--unchecked"]);
    let (xlsx, lines) = ("filled.xlsx", "{\"id\": \"pair-0\", \"task_id\": \"task-9\"}\n");
    fs::copy(root().join("tests/it/fixtures/tables").join(xlsx), sheet.folder().join(xlsx))
        .unwrap();
    fs::write(sheet.folder().join("tasks.jsonl"), lines).unwrap();
    for (file, id, task) in
        [("filled.xlsx#Doubts", "pair-1", "task-7"), ("tasks.jsonl", "pair-0", "task-9")]
    {
        let said = adopt(file);
        assert_eq!(said.code, 0, "{said}");
        assert_eq!(sheet.rows()[id]["task_id"], task);
    }
}
