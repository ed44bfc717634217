//! Exit codes that are passed over, for engines that know only right and wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::rude::{Rude, answer};
use crate::sheet::Sheet;

const REFUSED: &str = r#"{"error":{"message":"not a portrait","code":"invalid_image_url"}}"#;

/// Takes every create, but for one that is left unanswered and one that is refused.
fn service() -> Rude {
    let creates = AtomicUsize::new(0);
    Rude::any(move |request, c| match request.starts_with("POST ") {
        true => match creates.fetch_add(1, Ordering::SeqCst) {
            0 => {}
            1 => answer(c, "400 Bad Request", "", REFUSED),
            n => answer(c, "200 OK", "", &format!("{{\"id\":\"t{n}\",\"status\":\"pending\"}}")),
        },
        false => answer(c, "404 Not Found", "", r#"{"error":{"code":"task_not_found"}}"#),
    })
}

#[test]
fn a_code_that_is_passed_over_lets_the_next_one_through() {
    let server = service();
    let sheet = Sheet::pairs(6, &server.url, "concurrency: 1");
    let run = |words: &[&str]| sheet.run(words);
    let said = run(&["--exit-zero-on", "5"]);
    assert_eq!((said.code, sheet.states()["in_doubt"], sheet.states()["rejected"]), (3, 1, 1));
    assert!(said.err.contains("exit code 3 instead of 5: pairs are in doubt"), "{said}");
    let said = run(&["--exit-zero-on", "3, 5"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("exit code 0 instead of 5"), "{said}");
    let said = run(&["--json", "--exit-zero-on=3,4"]);
    assert_eq!((said.code, said.json()["exit_code"].as_u64()), (5, Some(5)), "{said}");
    assert!(!said.err.contains("instead of"), "{said}");
}

#[test]
fn an_outage_is_never_passed_over() {
    let server = Rude::start(|_, c| answer(c, "503 Service Unavailable", "", "<html>"));
    let sheet = Sheet::pairs(9, &server.url, "concurrency: 2");
    let said = sheet.run(&["--retry-for", "1s", "--exit-zero-on", "3,4,5,8"]);
    assert_eq!(said.code, 5, "{said}");
}

#[test]
fn what_went_wrong_cannot_be_passed_over() {
    let sheet = Sheet::pairs(1, "http://127.0.0.1:9", "");
    for codes in ["7", "5,1", "0", "all"] {
        let said = sheet.run(&["--exit-zero-on", codes]);
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains("only 3, 4, 5 and 8 can be passed over"), "{said}");
    }
}
