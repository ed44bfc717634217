//! What is said of pairs besides what is asked for: tags, and when their links die.

use serde_json::json;

use crate::rude::{Rude, answer};
use crate::sheet::Sheet;

const PAIRS: &str = "id,image,audio,tags,expires\n\
    a,https://example.com/a.jpg,https://example.com/a.mp3,\"spring, de\",2020-01-01T00:00:00Z\n\
    b,https://example.com/b.jpg,https://example.com/b.mp3,spring,4102444800\n\
    c,https://example.com/c.jpg,https://example.com/c.mp3,,\n";

#[test]
fn plans_show_them_to_programs() {
    let pairs = PAIRS.replace("2020-", "2099-");
    let plan = Sheet::named("spring.csv", pairs.as_bytes()).call("plan", &["--json"]).json();
    let said = |n: usize| (plan["pairs"][n]["tags"].clone(), plan["pairs"][n]["expires"].clone());
    assert_eq!(said(0), (json!(["spring", "de"]), json!("2099-01-01T00:00:00Z")));
    assert_eq!(said(1), (json!(["spring"]), json!("2100-01-01T00:00:00Z")));
    assert_eq!(said(2), (json!([]), json!(null)));
}

/// A link that does not say when it dies, but whoever signed it knows.
#[test]
fn a_link_that_is_dead_by_the_manifests_word_is_an_error() {
    let sheet = Sheet::named("spring.csv", PAIRS.as_bytes());
    let said = sheet.call("check", &[]);
    assert_eq!(said.code, 6, "{said}");
    assert!(said.err.contains("`expires`: the link died at 2020-01-01 00:00:00 UTC"), "{said}");
    assert!(said.err.contains("spring.csv:2:"), "{said}");
    assert!(said.err.contains("the links of `a` (column E, `expires`)"), "{said}");
    assert_eq!(said.err.matches("error: ").count(), 1, "{said}");
    for refused in [sheet.call("plan", &[]), sheet.run(&[])] {
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.err.contains("`expires`: the link died at 2020-01-01"), "{refused}");
    }
    std::fs::write(&sheet.manifest, PAIRS.replace("2020-", "2099-")).unwrap();
    assert_eq!(sheet.call("check", &[]).code, 0);
}

/// With `--probe` it is the manifest's word as well, whatever the server still answers.
#[test]
fn a_look_at_the_media_does_not_forget_it() {
    let server = Rude::any(|_, c| answer(c, "404 Not Found", "", ""));
    let rows = PAIRS.replace("https://example.com", &server.url);
    let sheet = Sheet::named("spring.csv", rows.as_bytes());
    let said = sheet.call("check", &["--probe", "--endpoint", &server.url]);
    assert_eq!(said.code, 6, "{said}");
    assert!(said.err.contains("`expires`: the link died at 2020-01-01 00:00:00 UTC"), "{said}");
}

/// They are not part of what is asked for: words of tomorrow pay for nothing again.
#[test]
fn other_words_about_a_pair_make_no_other_pair() {
    let server = Rude::any(|_, c| answer(c, "200 OK", "", r#"{"id":"task-1"}"#));
    let row = |more: &str| {
        format!(
            "id,image,audio,tags,expires\na,https://example.com/a.jpg,https://example.com/a.mp3,{more}\n"
        )
    };
    let sheet = Sheet::named("spring.csv", row("x,4102444800").as_bytes());
    assert_eq!(sheet.run(&["--endpoint", &server.url]).code, 0);
    assert!(!server.requests().concat().contains("tags"));
    std::fs::write(&sheet.manifest, row("y,4102444801")).unwrap();
    let said = sheet.run(&["--endpoint", &server.url]);
    assert_eq!((said.code, server.requests().len()), (0, 1), "{said}");
    assert!(!said.err.contains("changed"), "{said}");
}
