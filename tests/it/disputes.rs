//! Recordings whose header and packets disagree: both lengths are shown, the longer one is reckoned
//! with, and the video is held against what plays.

use callsheet_mock::Scenario;
use serde_json::json;

use crate::library::fixture;
use crate::locals::{add, shipped};
use crate::probe::codes;
use crate::sheet::{Sheet, fake};

/// One pair whose recording says 3 s, of which 1.4 s are there.
fn sheet(endpoint: &str, settings: &str) -> Sheet {
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {endpoint}\n{settings}\npairs: [{{id: a, image: a.jpg, audio: a.mp3}}]\n"
    ));
    add(&sheet, "a.jpg", &shipped("pictures/portrait.jpg"));
    add(&sheet, "a.mp3", &fixture("cut-between-frames.mp3"));
    sheet
}

#[test]
fn both_lengths_are_shown_and_the_longer_is_what_it_may_cost() {
    let sheet = sheet("http://127.0.0.1:9", "price_per_second: 0.2");
    let said = sheet.call("check", &["--probe", "--no-faces", "--json"]);
    let value = said.json();
    assert_eq!(
        (said.code, codes(&value, "a.mp3")),
        (0, vec!["length_disputed".into(), "audio_cut".into()])
    );
    let remark = &value["media"][1]["remarks"][0];
    assert_eq!(remark["message"], "its header says 3.0 s, its packets come to 1.4 s");
    assert!(
        remark["help"].as_str().unwrap().starts_with("the longer is reckoned with"),
        "{remark}"
    );
    let medium = &value["media"][1];
    assert_eq!((&medium["seconds"], &medium["header_seconds"]), (&json!(1.422), &json!(3.0)));
    assert_eq!(value["seconds"], 3.0);
    let plan = sheet.call("plan", &["--json"]).json();
    let create = &plan["plan"]["create"];
    assert_eq!((&create["billed_seconds"], &create["cost"]), (&json!(3), &json!(0.6)), "{plan}");
}

#[test]
fn the_budget_reckons_with_the_longer_and_the_row_says_what_plays() {
    let api = fake(Scenario::default());
    let sheet = sheet(api.url(), "price_per_second: 0.2\nbudget: 0.5\nconfirm_cost: 0.5");
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().creates_read), (8, 0), "2 s would be within: {said}");
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, yaml.replace("budget: 0.5", "budget: 0.6")).unwrap();
    let asked = crate::child::said(sheet.run_command(&[]).env_remove("CALLSHEET_YES"));
    assert_eq!((asked.code, api.book().creates_read), (2, 0), "{asked}");
    assert!(asked.err.contains("1 create, 3 s, 0.60 would be sent"), "{asked}");
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().creates_read), (0, 1), "{said}");
    assert!(said.out.contains("budget 0.60: 0.60 spent"), "{said}");
    assert_eq!(sheet.rows()["a"]["audio_seconds"], "1.422");
}

/// Some programs leave the mark of a picture's end out; services do not mind, and half a picture is
/// something else.
#[cfg(feature = "face")]
#[test]
fn a_picture_without_the_mark_of_its_end_is_sent_and_pointed_out() {
    let api = fake(Scenario::default());
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\npairs:\n- {{id: jpg, image: a.jpg, audio: a.wav}}\n\
         - {{id: gif, image: a.gif, audio: a.wav}}\n- {{id: half, image: half.jpg, audio: a.wav}}\n",
        api.url()
    ));
    let [jpg, gif] = ["pictures/portrait.jpg", "pictures/portrait.gif"].map(shipped);
    add(&sheet, "a.jpg", &jpg[..jpg.len() - 2]);
    add(&sheet, "a.gif", &gif[..gif.len() - 1]);
    add(&sheet, "half.jpg", &jpg[..jpg.len() / 2]);
    add(&sheet, "a.wav", &shipped("sounds/plain.wav"));
    let value = sheet.call("check", &["--probe", "--json"]).json();
    assert_eq!(codes(&value, "a.jpg"), ["image_unended"]);
    assert_eq!(codes(&value, "a.gif"), ["image_unended"]);
    assert_eq!(codes(&value, "half.jpg"), ["image_cut"]);
    let faces: Vec<_> = value["media"].as_array().unwrap().iter().map(|it| &it["face"]).collect();
    assert_eq!(faces[0], &json!(true), "{value}");
    let check = sheet.call("check", &[]);
    assert_eq!((check.code, check.out.contains("1 error, 2 warnings")), (6, true), "{check}");
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (3, 2), "{said}");
    assert_eq!(sheet.rows()["half"]["error_code"], "image_cut");
}
