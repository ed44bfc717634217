//! Which pairs a run takes up: `--only`, `--except`, `--limit`, and what becomes of the others.

use std::fs;

use callsheet_mock::{Failure, FailureCode, Fault, MockApi, Rule, Scenario, Span, Work};
use serde_json::json;

use crate::child::said;
use crate::sheet::{KEY, Said, Sheet, fake};

const IDS: [&str; 5] = ["anna-en", "anna-de", "ben-en", "ben-de", "carl"];

fn at_once() -> Scenario {
    Scenario { work: Work::AtOnce, ..Scenario::default() }
}

/// Five pairs; those of anna have a tag.
fn batch(api: &MockApi, settings: &str) -> Sheet {
    let mut yaml = format!("version: 1\nendpoint: {}\n{settings}\npairs:\n", api.url());
    for id in IDS {
        let tags = if id.starts_with("anna") { ", tags: [Spring, de]" } else { "" };
        yaml.push_str(&format!(
            "  - {{id: {id}, image: 'https://example.com/{id}.jpg', \
             audio: 'https://example.com/{id}.mp3'{tags}}}\n"
        ));
    }
    Sheet::new(&yaml)
}

/// The ids of the pairs that are in a state, in manifest order.
fn ids_in(sheet: &Sheet, state: &str) -> Vec<&'static str> {
    let rows = sheet.rows();
    IDS.into_iter().filter(|id| rows[*id]["state"] == state).collect()
}

fn steps(plan: &Said) -> Vec<String> {
    let pairs = plan.json()["pairs"].as_array().unwrap().clone();
    pairs.iter().map(|pair| pair["step"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn only_what_is_chosen_is_created_and_the_rest_stays_planned() {
    let api = fake(at_once());
    let sheet = batch(&api, "");
    let some = sheet.run(&["--only", "ANNA-*", "--only", "carl", "--except", "*-de"]);
    assert_eq!((some.code, api.book().creates_read), (4, 2), "{some}");
    assert_eq!(ids_in(&sheet, "created"), ["anna-en", "carl"]);
    assert_eq!(ids_in(&sheet, "planned"), ["anna-de", "ben-en", "ben-de"]);
    assert!(some.err.contains("3 planned pairs left out, as --only and --except says"), "{some}");
    let rest = "3 pairs left out and still planned; to create them, too: callsheet run batch.yaml";
    assert!(some.err.contains(rest), "{some}");
    assert!(!some.err.contains("same command again"), "it would leave them out again: {some}");
    let again = sheet.run(&["--only", "anna-en,carl", "--json"]);
    assert_eq!((again.code, api.book().creates_read), (4, 2), "{again}");
    assert_eq!(again.json()["left_out"]["by_choice"], 3);
    let all = sheet.run(&[]);
    assert_eq!((all.code, api.book().creates_read), (0, 5), "{all}");
    assert!(!all.err.contains("left out"), "{all}");
}

#[test]
fn a_plan_shows_what_such_a_run_would_do() {
    let api = fake(at_once());
    let sheet = batch(&api, "");
    let plan = |options: &[&str]| sheet.call("plan", options);
    let text = plan(&["--only", "tag:SPRING"]);
    assert!(text.out.contains("       2  to create\n       3  left out\n"), "{text}");
    let both = ["--except", "ben-*", "--limit", "2", "--json"];
    let steps_of_both = ["create", "create", "left_out", "left_out", "left_out"];
    let json = plan(&both);
    assert_eq!(steps(&json), steps_of_both);
    let counts = ["create", "left_out"].map(|step| json.json()["plan"][step]["pairs"].clone());
    assert_eq!(counts, [json!(2), json!(3)]);
    // The same once the ledger has listed them, and nothing is read again.
    assert_eq!(sheet.run(&["--only", "carl"]).code, 4);
    assert_eq!(steps(&plan(&both)), [&steps_of_both[..4], &["wait"]].concat());
    assert_eq!(
        steps(&plan(&["--only", "tag:de", "--json"]))[..3],
        ["create", "create", "left_out"]
    );
    let text = plan(&["--limit", "1"]);
    assert!(text.out.contains("       1  to create\n       3  left out\n"), "{text}");
    assert_eq!(api.book().creates_read, 1);
}

#[test]
fn tags_and_files_name_pairs_also_of_a_list_that_was_listed_before() {
    let api = fake(at_once());
    let sheet = batch(&api, "");
    fs::write(sheet.folder().join("ids.txt"), "# the good ones\r\nBen-En\r\n\r\ncarl\r\n").unwrap();
    assert_eq!(sheet.run(&["--only", "@ids.txt", "--limit", "1"]).code, 4);
    assert_eq!(ids_in(&sheet, "created"), ["ben-en"]);
    assert_eq!(sheet.run(&["--except", "tag:spring", "--except", "@ids.txt"]).code, 4);
    assert_eq!(ids_in(&sheet, "created"), ["ben-en", "ben-de"]);
    assert_eq!(sheet.run(&["--only", "tag:spring"]).code, 4);
    assert_eq!(ids_in(&sheet, "planned"), ["carl"]);
    assert_eq!(sheet.run(&["--only", "@ids.txt"]).code, 0);
    assert_eq!(api.book().creates_read, 5);
}

#[test]
fn a_pattern_that_matches_nothing_is_a_slip() {
    let api = fake(at_once());
    let sheet = batch(&api, "");
    let refused = |verb: &str, options: &[&str], text: &str, hint: &str| {
        let mut command = sheet.command(verb, options);
        let said = said(command.env("CALLSHEET_API_KEY", KEY));
        assert_eq!(said.code, 2, "{said}");
        assert!(said.err.contains(text) && said.err.contains(hint), "{said}");
    };
    for verb in ["plan", "run"] {
        let near = "nearest to 'ana-*': anna-en, anna-de";
        refused(verb, &["--only", "ana-*"], "no pair matches 'ana-*'\n", near);
        // Whoever misspells what is to be left out would pay for it.
        refused(verb, &["--except", "carll"], "no pair matches 'carll'", "carl");
        let there = "tags that there are: tag:Spring, tag:de";
        refused(verb, &["--only", "tag:sping"], "no pair matches 'tag:sping'", there);
        refused(verb, &["--only", "spring"], "'spring'", "nearest to 'spring': tag:Spring, ");
        refused(verb, &["--only", "a/b"], "no id has '/' in it", "@FILE");
        refused(verb, &["--only", "@gone.txt"], "--only @gone.txt: ", "");
    }
    assert!(!sheet.run_folder().exists());
    assert_eq!(api.book().creates_read, 0);
    // Of a list that the ledger has, and that is not read again.
    assert_eq!(sheet.run(&["--only", "carl"]).code, 4);
    refused("run", &["--only", "ana-*"], "no pair matches 'ana-*'", "anna-en");
    refused("plan", &["--only", "ana-*"], "no pair matches 'ana-*'", "anna-en");
    assert_eq!(api.book().creates_read, 1);
}

/// Waiting and fetching cost nothing more.
#[test]
fn what_is_paid_for_is_waited_for_whatever_is_chosen() {
    let api = fake(Scenario::default());
    let sheet = batch(&api, "");
    assert_eq!(sheet.run(&["--only", "anna-en"]).code, 4);
    let run = sheet.run_whole(&["--only", "carl"]);
    assert_eq!((run.code, api.book().creates_read), (4, 2), "{run}");
    assert_eq!(ids_in(&sheet, "saved"), ["anna-en", "carl"]);
}

#[test]
fn what_is_left_out_is_not_sent_again_either() {
    let failures = vec![Failure { code: FailureCode::ServiceError, share: None, matching: None }];
    let api = fake(Scenario { failures, work: Work::AtOnce, ..Scenario::default() });
    let sheet = batch(&api, "");
    assert_eq!(sheet.run_whole(&["--only", "anna-*"]).code, 4);
    assert_eq!(ids_in(&sheet, "failed"), ["anna-en", "anna-de"]);
    let again = sheet.run_whole(&["--retry-failed", "--only", "anna-de"]);
    assert_eq!(api.book().creates_read, 3, "{again}");
    assert!(again.err.contains("1 failed pair to be created again"), "{again}");
    let none = sheet.run_whole(&["--retry-failed=anna-en", "--only", "anna-de"]);
    assert_eq!(api.book().creates_read, 3, "{none}");
}

#[test]
fn a_limit_is_so_many_more_and_says_what_the_same_command_pays_for() {
    let work = Work::Elapsed(Span::secs(600));
    let api = fake(Scenario { work, ..Scenario::default() });
    let sheet = batch(&api, "");
    let first = sheet.run(&["--limit", "2"]);
    assert_eq!((first.code, api.book().creates_read), (4, 2), "{first}");
    assert!(first.err.contains("the same command again takes up 2 more of 3: callsheet run"));
    let second = sheet.run_whole(&["--limit", "2", "--wait-for", "1s"]);
    assert_eq!((second.code, api.book().creates_read), (4, 4), "{second}");
    let free = "pay for nothing more: callsheet run batch.yaml --no-create\n";
    assert!(second.err.contains(free), "{second}");
    assert!(second.err.contains("the same command again takes up 1 more: "), "{second}");
}

#[test]
fn a_saved_plan_is_of_what_was_chosen() {
    let api = fake(at_once());
    let sheet = batch(&api, "");
    let save = ["--only", "tag:spring,carl", "--limit", "2", "--save", "plan.json"];
    assert_eq!(sheet.call("plan", &save).code, 0);
    let run = sheet.run(&["--plan", "plan.json"]);
    assert_eq!((run.code, api.book().creates_read), (4, 2), "{run}");
    assert_eq!(ids_in(&sheet, "created"), ["anna-en", "anna-de"]);
    let both = sheet.run(&["--plan", "plan.json", "--only", "carl"]);
    assert_eq!(both.code, 2, "a plan has its own: {both}");
}

/// An outage tries one create alone: it takes no other pair than those that are chosen.
#[test]
fn an_outage_tries_what_is_chosen() {
    let lost = |n: u32| Rule::new(Fault::Status502AfterAccept).matching(format!("*/{n}.jpg*"));
    let faults = (0..3).map(lost).collect();
    let api = fake(Scenario { faults, work: Work::AtOnce, ..Scenario::default() });
    let sheet = Sheet::pairs(40, api.url(), "concurrency: 3");
    let run = sheet.run(&["--except", "pair-3,pair-4,pair-5,pair-6", "--retry-for", "20s"]);
    assert_eq!(run.code, 5, "{run}");
    let rows = sheet.rows();
    let planned: Vec<_> = rows.iter().filter(|(_, row)| row["state"] == "planned").collect();
    let ids: Vec<_> = planned.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["pair-3", "pair-4", "pair-5", "pair-6"]);
}

/// So many that they are read twice rather than held, and once the ledger has listed them not again.
#[test]
fn a_list_that_is_not_held_is_chosen_from_as_well() {
    let api = fake(at_once());
    let mut csv = "id,image,audio,tags\n".to_owned();
    for n in 0..5000 {
        let tag = if n < 3 { "first" } else { "" };
        csv.push_str(&format!(
            "p-{n:04},https://example.com/{n}.jpg,https://example.com/{n}.mp3,{tag}\n"
        ));
    }
    assert!(csv.len() > 256 << 10);
    let sheet = Sheet::named("long.csv", csv.as_bytes());
    let endpoint = ["--endpoint", api.url()];
    let plan = |options: &[&str]| {
        let plan = sheet.call("plan", &[&endpoint[..], options, &["--json"]].concat());
        let json = plan.json();
        ["create", "left_out"].map(|step| json["plan"][step]["pairs"].as_u64().unwrap())
    };
    let run = |options: &[&str]| sheet.run(&[&endpoint[..], options].concat());
    assert_eq!(plan(&["--only", "p-000?", "--limit", "4"]), [4, 4996]);
    assert_eq!(plan(&["--only", "tag:first"]), [3, 4997]);
    let slip = run(&["--only", "q-0001"]);
    assert_eq!((slip.code, api.book().creates_read), (2, 0), "{slip}");
    assert!(slip.err.contains("nearest to 'q-0001': p-0001"), "{slip}");
    let first = run(&["--only", "p-000?", "--limit", "4", "-v"]);
    assert_eq!((first.code, api.book().creates_read), (4, 4), "{first}");
    assert_eq!(plan(&["--only", "p-000?", "--limit", "4"]), [4, 4992]);
    assert_eq!(plan(&["--except", "tag:first"]), [4996, 0], "those three have tasks");
    let second = run(&["--only", "p-000?", "-v"]);
    assert_eq!((second.code, api.book().creates_read), (4, 10), "{second}");
    assert!(second.err.contains("the ledger has this very list"), "{second}");
    assert_eq!(sheet.states()["planned"], 4990);
}
