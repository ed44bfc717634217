//! What each command says and how it ends, by people's and programs' channels.

use std::fs;

use callsheet_mock::Scenario;

use crate::child::said;
use crate::sheet::{KEY, Said, Sheet, fake, program, stable};

fn call(arguments: &[&str]) -> Said {
    said(program().args(arguments))
}

#[test]
fn help() {
    let said = call(&["--help"]);
    assert_eq!(said.code, 0);
    stable(|| insta::assert_snapshot!("help", said));
    let commands = said.out.split("Commands:\n").nth(1).unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    let named = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let verbs: Vec<_> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(verbs.len() > 10 && verbs.contains(&"resolve"), "{verbs:?}");
    for verb in verbs.into_iter().filter(|verb| *verb != "help") {
        let said = call(&[verb, "--help"]);
        assert_eq!((said.code, said.err.as_str()), (0, ""));
        stable(|| insta::assert_snapshot!(format!("help_{verb}"), said.out));
    }
}

#[test]
fn without_a_command_or_with_a_wrong_one() {
    assert_eq!(call(&[]).code, 2);
    let said = call(&["rum"]);
    assert_eq!(said.code, 2);
    assert!(said.err.contains("did you mean `run`?"), "{said}");
    assert_eq!(call(&["run", "x.yaml", "--concurrency", "0"]).code, 2);
    assert_eq!(call(&["run", "x.yaml", "--rate", "fast"]).code, 2);
    assert_eq!(call(&["run", "x.yaml", "--request-timeout", "5"]).code, 2);
}

#[test]
fn check() {
    stable(|| {
        insta::assert_snapshot!("check", Sheet::job("demo.yaml").call("check", &[]));
        insta::assert_snapshot!("check_json", Sheet::job("demo.yaml").call("check", &["--json"]));
        insta::assert_snapshot!("check_mistakes", Sheet::job("mistakes.yaml").call("check", &[]));
    });
    let said = Sheet::job("mistakes.yaml").call("check", &["--json"]);
    let problems = said.json()["error"]["problems"].as_array().unwrap().len();
    assert!(problems > 30 && said.err.contains(&format!("{problems} problems")), "{problems}");
}

#[test]
fn a_rehearsal_from_beginning_to_end() {
    let sheet = Sheet::job("demo.yaml");
    let first = sheet.call("run", &["--mock"]);
    stable(|| {
        insta::assert_snapshot!(
            "rehearsal_plan_before",
            Sheet::job("demo.yaml").call("plan", &["--mock"])
        );
        insta::assert_snapshot!("rehearsal", first);
        insta::assert_snapshot!("rehearsal_again", sheet.call("run", &["--mock"]));
        insta::assert_snapshot!("rehearsal_plan", sheet.call("plan", &["--mock"]));
        insta::assert_snapshot!("rehearsal_status", sheet.call("status", &["--mock"]));
        insta::assert_snapshot!("rehearsal_json", sheet.call("run", &["--mock", "--json"]));
        insta::assert_snapshot!(
            "rehearsal_status_json",
            sheet.call("status", &["--mock", "--json"])
        );
        let csv = fs::read_to_string(sheet.folder().join("demo.mock.run/tasks.csv")).unwrap();
        insta::assert_snapshot!("rehearsal_tasks_csv", csv);
    });
    assert!(!sheet.run_folder().exists(), "a rehearsal never marks a real pair as done");
}

#[test]
fn report_gives_the_same_bytes_again() {
    let sheet = Sheet::job("presenters.yaml");
    assert_eq!(sheet.call("run", &["--mock"]).code, 0);
    let csv = sheet.folder().join("presenters.mock.run/tasks.csv");
    let before = fs::read(&csv).unwrap();
    fs::remove_file(&csv).unwrap();
    let said = sheet.call("report", &["--mock"]);
    assert_eq!(
        (said.code, said.out.trim_end()),
        (0, "presenters.mock.run/report.html\npresenters.mock.run/tasks.csv")
    );
    assert_eq!(fs::read(&csv).unwrap(), before);
    assert_eq!(Sheet::job("demo.yaml").call("report", &[]).code, 2);
}

#[test]
fn schema_completions_and_the_manual_page() {
    let schema = call(&["schema"]).json();
    assert_eq!(schema, callsheet::manifest::schema());
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(call(&["completions", shell]).out.contains("callsheet"), "{shell}");
    }
    assert!(call(&["man"]).out.contains(".TH callsheet 1"));
}

#[test]
fn quiet_keeps_the_result_and_loud_names_each_create() {
    let sheet = Sheet::job("demo.yaml");
    let said = sheet.call("run", &["--mock", "-q"]);
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{said}");
    assert!(said.out.lines().last().unwrap().starts_with("5 saved; "), "{said}");
    let said = Sheet::job("demo.yaml").call("run", &["--mock", "-v"]);
    assert!(said.err.contains("welcome-de") && said.err.contains("status=200"), "{said}");
}

#[test]
fn colour_is_for_terminals_unless_asked_for() {
    let said = Sheet::job("demo.yaml").call("check", &[]);
    assert!(!said.out.contains('\u{1b}'));
    let said = Sheet::job("demo.yaml").call("check", &["--color", "always"]);
    assert!(said.out.contains('\u{1b}'));
}

#[test]
fn rejected_pairs_are_named_and_sent_again_once_they_are_changed() {
    let api = fake(Scenario::default());
    let yaml = |prompt: &str| {
        format!(
            "version: 1\nendpoint: {}\npairs:\n  - {{id: bad, prompt: {prompt}, \
             image: 'https://example.com/fault=status-400/a.jpg', audio: 'https://example.com/a.mp3'}}\n  \
             - {{id: good, image: 'https://example.com/b.jpg', audio: 'https://example.com/b.mp3'}}\n",
            api.url()
        )
    };
    let sheet = Sheet::new(&yaml("one"));
    let said = sheet.run(&[]);
    stable(|| insta::assert_snapshot!("rejected", said));
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!(api.book().creates_read, 2, "a rejected request is not sent again as it is");
    fs::write(&sheet.manifest, yaml("two")).unwrap();
    assert_eq!(sheet.run(&[]).code, 3);
    assert_eq!(api.book().creates_read, 3, "changed, it is");
}

#[test]
fn a_changed_pair_that_has_a_task_is_kept_and_a_removed_one_shown() {
    let api = fake(Scenario::default());
    let yaml = |prompt: &str| {
        format!(
            "version: 1\nendpoint: {}\npairs:\n  - {{id: a, prompt: {prompt}, \
             image: 'https://example.com/a.jpg', audio: 'https://example.com/a.mp3'}}\n",
            api.url()
        )
    };
    let extra =
        "  - {id: b, image: 'https://example.com/b.jpg', audio: 'https://example.com/b.mp3'}\n";
    let sheet = Sheet::new(&(yaml("one") + extra));
    assert_eq!(sheet.run(&[]).code, 0);
    fs::write(&sheet.manifest, yaml("two")).unwrap();
    let again = sheet.run(&[]);
    stable(|| {
        insta::assert_snapshot!("changed", again);
        insta::assert_snapshot!("changed_plan", sheet.call("plan", &[]));
        insta::assert_snapshot!("changed_status", sheet.call("status", &[]));
    });
    assert_eq!(api.book().entries.len(), 2);
    assert_eq!(sheet.rows().len(), 2, "what was paid for stays in the CSV");
}

#[test]
fn the_key_may_come_from_a_file() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(1, api.url(), "");
    let file = sheet.folder().join("key");
    fs::write(&file, format!("{KEY}\n")).unwrap();
    let said = sheet.call("run", &["--until", "created", "--api-key-file", file.to_str().unwrap()]);
    assert_eq!(said.code, 0, "{said}");
    let said = sheet.call("run", &["--api-key-file", "nowhere"]);
    assert_eq!(said.code, 2, "{said}");
}

#[test]
fn limit_takes_up_no_more_than_that() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(5, api.url(), "");
    let said = sheet.run(&["--limit", "2"]);
    assert_eq!((said.code, api.book().entries.len()), (4, 2), "{said}");
    let sent: Vec<_> =
        sheet.rows().into_iter().filter(|(_, row)| row["state"] == "created").collect();
    assert_eq!(sent.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["pair-0", "pair-1"]);
    assert_eq!(sheet.run(&[]).code, 0);
    assert_eq!(api.book().entries.len(), 5);
}

#[test]
fn rate_spreads_the_creates() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(9, api.url(), "");
    assert_eq!(sheet.run(&["--rate", "10/s"]).code, 0);
    let times: Vec<_> = api.book().entries.iter().map(|entry| entry.unix_millis).collect();
    let took = times.last().unwrap() - times.first().unwrap();
    // 800 ms by the schedule; the first may be slow to connect.
    assert!(took >= 550, "9 creates at 10/s took {took} ms");
}
