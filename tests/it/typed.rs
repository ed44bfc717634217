//! Words on the screen about what was typed into a manifest or an option.

use crate::sheet::Sheet;

fn sheet(endpoint: &str) -> Sheet {
    Sheet::new(&format!(
        "version: 1\n{endpoint}\npairs: [{{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}}]\n"
    ))
}

#[test]
fn the_version_of_an_endpoint_is_taken_off_and_said_to_who_asks() {
    let written = "https://api.foxapi.cc/v1";
    let said = sheet(&format!("endpoint: {written}")).call("check", &["-v"]);
    assert_eq!(said.code, 0, "{said}");
    assert!(said.err.contains("`/v1` at the end of `endpoint` is taken off"), "{said}");
    let quiet = sheet(&format!("endpoint: {written}")).call("check", &[]);
    assert!(quiet.code == 0 && !quiet.err.contains("/v1"), "{quiet}");
    let said = sheet("").call("plan", &["--endpoint", written, "-v"]);
    assert!(said.out.contains("for https://api.foxapi.cc\n"), "{said}");
    assert!(said.err.contains("`/v1` at the end of --endpoint is taken off"), "{said}");
}

#[test]
fn an_endpoint_without_a_scheme_is_offered_one() {
    let said = sheet("").call("check", &["--endpoint", "api.foxapi.cc/v1"]);
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("it has no scheme\nhint: write https://api.foxapi.cc"), "{said}");
}
