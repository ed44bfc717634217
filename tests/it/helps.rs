//! Help texts, manual pages, completions, and slips of the pen.

use std::fs;

use callsheet_mock::Scenario;

use crate::child::said;
use crate::sheet::{Said, Sheet, fake, program};

fn call(words: &[&str]) -> Said {
    said(program().args(words).env("COLUMNS", "80"))
}

/// All commands, those of commands as two words.
const VERBS: [&str; 22] = [
    "init",
    "check",
    "plan",
    "run",
    "status",
    "events",
    "adopt",
    "resolve",
    "reconcile",
    "redo",
    "move",
    "ledger",
    "ledger list",
    "ledger copy",
    "report",
    "review",
    "doctor",
    "mock",
    "schema",
    "completions",
    "man",
    "help",
];

#[test]
fn the_short_help_fits_on_a_screen_and_the_long_one_begins_with_two_examples() {
    for verb in VERBS.iter().chain(&[""]) {
        let words: Vec<_> = verb.split(' ').filter(|word| !word.is_empty()).collect();
        let short = call(&[&words[..], &["-h"]].concat());
        assert_eq!((short.code, short.err.as_str()), (0, ""));
        assert!(short.out.lines().count() <= 24, "{verb}: {}\n{short}", short.out.lines().count());
        assert!(short.out.lines().all(|line| line.chars().count() <= 80), "{short}");
        assert!(short.out.contains("callsheet help options"), "{short}");
        let long = call(&[&words[..], &["--help"]].concat());
        assert!(long.out.contains("callsheet help options"), "{long}");
        assert!(!long.out.contains("--color"), "what every command has stands elsewhere: {long}");
        if !verb.is_empty() {
            let lines: Vec<_> = long.out.lines().collect();
            let at = lines.iter().position(|line| *line == "Examples:").unwrap();
            let before = lines[..at].iter().position(|line| line.starts_with("Usage:"));
            assert_eq!(before, None, "the examples come first: {long}");
            assert!(
                lines[at + 1..at + 3].iter().all(|line| line.starts_with("  callsheet ")),
                "{long}"
            );
            let same = call(&[&["help"], &words[..]].concat());
            assert_eq!(same.out, long.out, "help {verb} is {verb} --help");
        }
    }
}

#[test]
fn own_options_come_before_those_of_the_batch() {
    let long = call(&["events", "--help"]).out;
    let at = |text: &str| long.find(text).unwrap_or_else(|| panic!("no {text} in {long}"));
    assert!(at("--follow") < at("Options of the batch:"), "{long}");
    assert!(at("Options of the batch:") < at("--out <DIR>"), "{long}");
}

#[test]
fn the_options_of_every_command_have_a_page() {
    let page = call(&["help", "options"]);
    assert_eq!((page.code, page.err.as_str()), (0, ""));
    for option in
        ["--json", "-q, --quiet", "-v, --verbose", "--color", "--ca <FILE>", "--out <DIR>"]
    {
        assert!(page.out.contains(option), "{option}: {page}");
    }
    let unknown = call(&["help", "rnu"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("did you mean run?"), "{unknown}");
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("man1");
    let written = call(&["man", "--dir", place.to_str().unwrap()]);
    assert_eq!(written.code, 0, "{written}");
    for verb in VERBS {
        let name = format!("callsheet-{}", verb.replace(' ', "-"));
        let page = fs::read_to_string(place.join(format!("{name}.1"))).unwrap();
        assert!(page.contains(&format!(".TH {name} 1")), "{page}");
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{page}");
        assert_eq!(call(&[&["man"], &verb.split(' ').collect::<Vec<_>>()[..]].concat()).out, page);
    }
    let all = fs::read_dir(&place).unwrap().count();
    assert_eq!((all, written.out.lines().count()), (VERBS.len() + 1, VERBS.len() + 1));
    assert!(fs::read_to_string(place.join("callsheet.1")).unwrap().contains(".TH callsheet 1"));
    assert_eq!(call(&["man", "fly"]).code, 2);
}

#[test]
fn slips_are_told_with_what_was_meant() {
    for (words, text) in [
        (&["rnu", "x.yaml"][..], "error: unknown command `rnu`: did you mean `run`?\n"),
        (
            &["run", "x.yaml", "--concurency", "8"],
            "error: unknown option `--concurency`: did you mean `--concurrency`?\n",
        ),
    ] {
        let said = call(words);
        assert_eq!((said.code, said.err.as_str()), (2, text));
    }
    let said = call(&["statsu", "x.yaml", "--json"]);
    assert_eq!(said.json()["error"]["exit_code"], 2);
}

/// What a shell is offered after these words; the last is the one that is being typed.
fn offered(sheet: &Sheet, words: &[&str]) -> Vec<String> {
    let mut command = program();
    command.current_dir(sheet.folder()).env("CALLSHEET_COMPLETE", "bash");
    command.env("_CLAP_IFS", "\n").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    let said = said(command.args(["--", "callsheet"]).args(words));
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    said.out.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[test]
fn shells_are_offered_manifests_ids_and_states() {
    let api = fake(Scenario::default());
    let sheet = Sheet::pairs(12, api.url(), "");
    fs::write(sheet.folder().join("notes.txt"), "").unwrap();
    assert_eq!(offered(&sheet, &["check", ""]).first().map(String::as_str), Some("batch.yaml"));
    assert!(!offered(&sheet, &["check", "n"]).contains(&"notes.txt".to_owned()));
    assert_eq!(offered(&sheet, &["events", "batch.yaml", "--id", "pair-1"]), [""; 0], "no ledger");
    assert_eq!(sheet.run(&[]).code, 0);
    let ids = offered(&sheet, &["events", "batch.yaml", "--id", "pair-1"]);
    assert_eq!(ids, ["pair-1", "pair-10", "pair-11"]);
    assert_eq!(offered(&sheet, &["resolve", "batch.yaml", "pair"]), [""; 0], "none is in doubt");
    let states = offered(&sheet, &["status", "batch.yaml", "--state", "failed,sa"]);
    assert_eq!(states, ["failed,saved"]);
    let verbs = offered(&sheet, &["re"]);
    assert!(
        ["reconcile", "redo", "report", "resolve", "review"]
            .iter()
            .all(|verb| { verbs.contains(&(*verb).to_owned()) }),
        "{verbs:?}"
    );
}
