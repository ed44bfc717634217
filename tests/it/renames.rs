//! Pairs with new ids in the manifest: told, and never paid for again.

use std::fs;

use callsheet_mock::{MockApi, Scenario, Work};

use crate::sheet::{Sheet, fake};

fn batch() -> (MockApi, Sheet) {
    let api = fake(Scenario { work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(4, api.url(), "");
    (api, sheet)
}

/// Gives pairs other ids, all at once.
fn rename(sheet: &Sheet, names: &[(&str, &str)]) {
    let mut yaml = fs::read_to_string(&sheet.manifest).unwrap();
    for (from, to) in names {
        yaml = yaml.replace(&format!("{{id: {from},"), &format!("{{id: ~{to},"));
    }
    fs::write(&sheet.manifest, yaml.replace('~', "")).unwrap();
}

#[test]
fn a_new_id_pays_for_nothing_and_the_row_takes_it() {
    let (api, sheet) = batch();
    assert_eq!(sheet.run(&["--limit", "2"]).code, 4);
    let before = sheet.rows();
    rename(&sheet, &[("pair-0", "anna"), ("pair-2", "ben")]);
    let plan = sheet.call("plan", &["--json"]).json();
    assert_eq!((&plan["renamed"], &plan["plan"]["create"]["pairs"]), (&1.into(), &2.into()));
    assert_eq!(plan["plan"]["no_longer_listed"], 0);
    let run = sheet.run_whole(&[]);
    assert_eq!((run.code, api.book().entries.len()), (0, 4), "{run}");
    assert!(
        run.err
            .contains("1 pair renamed, with what was sent under the old ids: pair-0 is now anna"),
        "{run}"
    );
    let rows = sheet.rows();
    assert_eq!(rows["anna"]["task_id"], before["pair-0"]["task_id"]);
    assert!(!rows.contains_key("pair-0") && !rows.contains_key("pair-2"));
    assert!(!sheet.run(&[]).err.contains("renamed"), "told once");
}

#[test]
fn swapped_ids_keep_their_videos_and_the_next_runs_go_on() {
    let (api, sheet) = batch();
    assert_eq!(sheet.run_whole(&[]).code, 0);
    let before = sheet.rows();
    rename(&sheet, &[("pair-0", "pair-1"), ("pair-1", "pair-0"), ("pair-3", "pair-4")]);
    for _ in 0..2 {
        let run = sheet.run_whole(&[]);
        assert_eq!((run.code, api.book().entries.len()), (0, 4), "{run}");
    }
    let rows = sheet.rows();
    for (from, to) in [("pair-0", "pair-1"), ("pair-1", "pair-0"), ("pair-3", "pair-4")] {
        for column in ["task_id", "image_url", "video_path", "state"] {
            assert_eq!(rows[to][column], before[from][column], "{to} {column}");
        }
    }
}

#[test]
fn ids_that_all_move_on_by_one_stop_only_what_would_need_a_taken_place() {
    let (api, sheet) = batch();
    assert_eq!(sheet.run_whole(&["--limit", "2"]).code, 4);
    // What is on its way is fetched, also where its place is another's by now.
    assert_eq!(sheet.run(&["--limit", "1"]).code, 4);
    rename(&sheet, &[("pair-2", "pair-0"), ("pair-0", "pair-2")]);
    let run = sheet.run_whole(&["--no-create"]);
    assert_eq!(run.code, 4, "{run}");
    assert_eq!(sheet.rows()["pair-0"]["error_code"], "file_in_the_way", "{run}");
    // Nothing is paid for a video that could not be kept under its name.
    rename(&sheet, &[("pair-3", "pair-1"), ("pair-1", "pair-3")]);
    let refused = sheet.run_whole(&[]);
    assert_eq!((refused.code, api.book().entries.len()), (2, 3), "{refused}");
    let why = "is already the video of pair-3, which had this id when it was saved";
    assert!(refused.err.contains(why), "{refused}");
    let named = sheet.run_whole(&["--video-name", "{task_id}"]);
    assert_eq!((named.code, api.book().entries.len()), (0, 4), "{named}");
}
