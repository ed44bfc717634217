//! `callsheet doctor`: what it finds, and how it ends.

use std::fs;

use callsheet_mock::Scenario;
use serde_json::Value;

use crate::child::said;
use crate::rude::{Rude, answer};
use crate::sheet::{KEY, Said, Sheet, fake, program};
use crate::ways::{House, NAME, Proxy, authority};

/// For an endpoint, with the tests' key and these options and variables.
fn doctor(endpoint: &str, options: &[&str], variables: &[(&str, &str)]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program();
    command.current_dir(folder.path()).args(["doctor", "--json", "--endpoint", endpoint]);
    command.env_remove("SSL_CERT_FILE").env_remove("SSL_CERT_DIR");
    command.args(options).env("CALLSHEET_API_KEY", KEY).envs(variables.iter().copied());
    said(&mut command)
}

/// The verdict on something, and what is said of it with what to do.
fn found(said: &Said, about: &str) -> (String, String) {
    let document = said.json();
    let findings = document["findings"].as_array().unwrap();
    let one = findings.iter().find(|one| one["about"] == about);
    let one = one.unwrap_or_else(|| panic!("nothing of {about}: {said}"));
    let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), format!("{} → {}", text("text"), text("help")))
}

fn verdicts(said: &Said, about: &[&str]) -> Vec<String> {
    about.iter().map(|about| found(said, about).0).collect()
}

const OF_THE_SERVICE: [&str; 5] = ["connection", "key", "contract", "clock", "name"];

#[test]
fn all_is_well_with_the_fake_and_nothing_is_paid() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(2, api.url(), "");
    let mut command = sheet.command("doctor", &[]);
    let text = said(command.env("CALLSHEET_API_KEY", KEY));
    assert_eq!(text.code, 0, "{text}");
    assert!(text.out.lines().count() <= 24, "{text}");
    assert!(text.out.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.out.ends_with("nothing was paid\n"), "{text}");
    let said = said(sheet.command("doctor", &["--json"]).env("CALLSHEET_API_KEY", KEY));
    assert_eq!(verdicts(&said, &OF_THE_SERVICE), ["good"; 5], "{said}");
    assert_eq!(said.json()["ok"], true);
    let ledger = found(&said, "ledger").1;
    assert!(ledger.contains("batch.run: none yet (SQLite 3."), "{ledger}");
    assert_eq!(api.book().creates_read, 0, "a create was sent");
    let asked: Vec<_> = api.journal().iter().map(|one| one.target.clone()).collect();
    assert!(
        asked.len() == 2 && asked.iter().all(|path| path.starts_with("/v1/tasks/")),
        "{asked:?}"
    );
    assert!(!sheet.run_folder().exists(), "something was left behind");
    let left = fs::read_dir(sheet.folder()).unwrap().count();
    assert_eq!(left, 1, "only the manifest is there");
    assert!(!text.to_string().contains(KEY) && !said.to_string().contains(KEY));
}

#[test]
fn a_ledger_that_is_there_is_counted_and_one_that_is_damaged_is_told() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(3, api.url(), "");
    assert_eq!(sheet.run(&[]).code, 0);
    let look = || said(sheet.command("doctor", &["--json"]).env("CALLSHEET_API_KEY", KEY));
    let (verdict, text) = found(&look(), "ledger");
    assert!(verdict == "good" && text.contains("3 pairs, none in doubt"), "{text}");
    fs::write(sheet.run_folder().join("ledger.sqlite"), "no ledger at all").unwrap();
    let said = look();
    assert_eq!((said.code, found(&said, "ledger").0.as_str()), (6, "bad"), "{said}");
}

#[test]
fn a_dead_port_a_name_that_nobody_knows_and_no_key() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let said = doctor(&format!("http://127.0.0.1:{port}"), &[], &[]);
    assert_eq!(said.code, 6);
    assert_eq!(verdicts(&said, &OF_THE_SERVICE), ["bad", "open", "open", "open", "good"]);
    assert!(found(&said, "connection").1.contains("refused"), "{said}");
    let said = doctor("https://api.callsheet.test", &[], &[("CALLSHEET_API_KEY", "")]);
    assert_eq!(said.code, 6);
    assert_eq!(verdicts(&said, &OF_THE_SERVICE), ["open", "bad", "open", "open", "bad"]);
    assert!(found(&said, "key").1.contains("set CALLSHEET_API_KEY"), "{said}");
}

#[test]
fn a_wrong_key_is_told_apart_from_a_wrong_address() {
    let api = fake(Scenario::default());
    let wrong = doctor(api.url(), &[], &[("CALLSHEET_API_KEY", "sk-wrong-0123456789")]);
    assert_eq!(wrong.code, 6);
    assert_eq!(verdicts(&wrong, &OF_THE_SERVICE), ["good", "bad", "good", "good", "good"]);
    assert!(found(&wrong, "key").1.contains("check CALLSHEET_API_KEY"), "{wrong}");
    assert!(!wrong.to_string().contains("sk-wrong"), "{wrong}");
    let page = Rude::start(|_, connection| {
        answer(connection, "200 OK", "content-type: text/html\r\n", "<html>Sign in</html>");
    });
    let said = doctor(&page.url, &[], &[]);
    assert_eq!((said.code, found(&said, "contract").0.as_str()), (6, "bad"), "{said}");
}

#[test]
fn a_clock_that_is_off_and_a_service_that_drifts() {
    let far = Rude::start(|_, connection| {
        let headers = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-type: text/plain\r\n";
        answer(connection, "404 Not Found", headers, r#"{"code": "task_not_exist"}"#);
    });
    let said = doctor(&far.url, &[], &[]);
    assert_eq!(said.code, 6);
    assert_eq!(verdicts(&said, &OF_THE_SERVICE), ["good", "good", "odd", "bad", "good"]);
    assert!(found(&said, "clock").1.contains("ahead of the server's"), "{said}");
    assert!(found(&said, "contract").1.contains("text/plain"), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_nobody_can_write_to() {
    let api = fake(Scenario::default());
    // Not even root can.
    let said = doctor(api.url(), &["--out", "/proc/spring.run"], &[]);
    assert_eq!(said.code, 6);
    let (verdict, text) = found(&said, "disk");
    assert!(verdict == "bad" && text.contains("/proc") && text.contains("--out DIR"), "{text}");
}

#[test]
fn a_proxy_is_named_without_its_password_and_a_wrong_one_is_told() {
    let api = fake(Scenario::default());
    let proxy = Proxy::to(api.url());
    let endpoint = format!("http://{NAME}");
    let through = |variables: &[(&str, &str)]| doctor(&endpoint, &["--allow-http"], variables);
    let said = through(&[("HTTP_PROXY", &proxy.url)]);
    assert_eq!(said.code, 0, "{said}");
    assert_eq!(verdicts(&said, &OF_THE_SERVICE), ["good", "good", "good", "good", "open"]);
    let text = found(&said, "proxy").1;
    assert!(text.contains(&proxy.bare) && text.contains("a name and a password"), "{text}");
    assert!(!said.to_string().contains("geheim"), "{said}");
    assert_eq!(proxy.let_through(), 1);
    let refused = through(&[("HTTP_PROXY", &proxy.bare)]);
    assert_eq!((refused.code, proxy.let_through()), (6, 1), "{refused}");
    let excepted = through(&[("HTTP_PROXY", &proxy.url), ("NO_PROXY", "callsheet.test")]);
    assert_eq!(excepted.code, 6, "nobody but the proxy knows that name: {excepted}");
    assert!(found(&excepted, "proxy").1.contains("NO_PROXY excepts"), "{excepted}");
    let misread = through(&[("HTTP_PROXY", "::no address::")]);
    assert_eq!(found(&misread, "proxy").0, "odd", "{misread}");
}

#[test]
fn an_authority_of_the_house_is_believed_once_it_is_named() {
    let house = House::api();
    let unknown = doctor(&house.url, &[], &[]);
    assert_eq!((unknown.code, found(&unknown, "connection").0.as_str()), (6, "bad"), "{unknown}");
    assert!(found(&unknown, "connection").1.contains("--ca FILE"), "{unknown}");
    let ca = authority();
    let named = doctor(&house.url, &["--ca", &ca], &[]);
    assert_eq!(named.code, 0, "{named}");
    assert!(found(&named, "certificates").1.contains("1 of --ca"), "{named}");
    assert_eq!(doctor(&house.url, &[], &[("CALLSHEET_CA", &ca)]).code, 0);
    let of_system = doctor(&house.url, &[], &[("SSL_CERT_FILE", &ca)]);
    assert_eq!(of_system.code, 0, "{of_system}");
    assert!(found(&of_system, "certificates").1.contains("1 of the system's"), "{of_system}");
}

#[test]
fn a_file_that_is_none_of_authorities_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    fs::write(&file, "# ours\n-----BEGIN CERTIFICATE-----\nMIIB§\n").unwrap();
    let call = |words: &[&str]| said(program().args(words).arg("--ca").arg(&file));
    let refused = call(&["check", "x.yaml"]);
    assert_eq!(refused.code, 2);
    let expected = format!("error: --ca {}: line 3: this is no Base64", file.display());
    assert!(refused.err.starts_with(&expected), "{refused}");
    fs::remove_file(&file).unwrap();
    let missing = call(&["check", "x.yaml", "--json"]);
    assert_eq!(missing.code, 2);
    let message = missing.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("ca.pem: it cannot be read"), "{message}");
}

#[test]
fn what_programs_read_has_a_verdict_for_each_thing() {
    let api = fake(Scenario::default());
    let said = doctor(api.url(), &[], &[]);
    let document: Value = said.json();
    for one in document["findings"].as_array().unwrap() {
        let verdict = one["verdict"].as_str().unwrap();
        assert!(["good", "odd", "bad", "open"].contains(&verdict), "{one}");
        let helps = one["help"].is_string();
        assert_eq!(helps, ["odd", "bad"].contains(&verdict), "what to do is said: {one}");
    }
}
