//! `--lang zh`: all that people read is Chinese, all that machines read stays as it is.

use std::fs;
use std::process::{Command, Stdio};

use callsheet::cli::Cli;
use callsheet_mock::{Latency, Scenario, Span};
use clap::CommandFactory;
use unicode_width::UnicodeWidthStr;

use crate::child::{Running, said};
use crate::sheet::{KEY, Said, Sheet, fake, program};
use crate::stops::{signal, until};

/// What is no sentence of ours: commands to paste, and what a service or a system says.
const OTHERS: [&str; 7] = [
    "callsheet ",
    "no such",
    "bad_gateway: ",
    "no_answer: ",
    "返回内容：",
    "os error",
    "可用的值：",
];

/// Lines in which three English words stand in a row, outside of commands and quotes.
fn english(text: &str) -> Vec<&str> {
    let is_word = |word: &str| {
        let word = word.trim_matches(|c: char| ",.;:()!?[]".contains(c));
        word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    let is_english = |line: &&str| {
        let line = OTHERS.iter().fold(*line, |line, other| line.split(other).next().unwrap());
        let outside: String = line.split('`').step_by(2).collect::<Vec<_>>().join(" | ");
        let words: Vec<_> = outside.split_whitespace().collect();
        words.windows(3).any(|three| three.iter().all(|word| is_word(word)))
    };
    text.lines().filter(is_english).collect()
}

#[track_caller]
fn is_chinese(what: &str, said: &Said) {
    for text in [&said.out, &said.err] {
        let left = english(text);
        assert!(left.is_empty(), "{what}: {left:#?}\nin:\n{said}");
    }
    let any =
        said.out.chars().chain(said.err.chars()).any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
    assert!(any, "{what}: {said}");
}

/// The same in both languages, byte for byte.
fn in_both(sheet: &Sheet, verb: &str, options: &[&str]) -> String {
    let [english, chinese] = ["en", "zh"]
        .map(|language| said(sheet.command(verb, options).env("CALLSHEET_LANG", language)).out);
    assert_eq!(english, chinese, "{verb} {options:?}");
    english
}

fn zh(sheet: &Sheet, verb: &str, options: &[&str]) -> Said {
    said(sheet.command(verb, options).args(["--lang", "zh"]).env("CALLSHEET_API_KEY", KEY))
}

fn verbs(command: &clap::Command, path: &[String], all: &mut Vec<Vec<String>>) {
    all.push(path.to_vec());
    for inner in command.get_subcommands() {
        verbs(inner, &[path, &[inner.get_name().to_owned()]].concat(), all);
    }
}

#[test]
fn help_of_every_command_is_chinese_and_fits() {
    let mut all = Vec::new();
    verbs(&Cli::command(), &[], &mut all);
    assert!(all.len() > 20);
    for path in all {
        for option in ["-h", "--help"] {
            let said = said(program().args(&path).args([option, "--lang", "zh"]));
            assert_eq!(said.code, 0, "{said}");
            is_chinese(&format!("{path:?} {option}"), &said);
            for line in said.out.lines().filter(|line| !line.starts_with("用法")) {
                assert!(line.width() <= 100, "{path:?} {option}: {line}");
            }
        }
    }
}

#[test]
fn the_locale_decides_unless_somebody_does() {
    let help = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = program();
        for name in ["LC_ALL", "LC_MESSAGES", "LANG", "CALLSHEET_LANG"] {
            command.env_remove(name);
        }
        let out = said(command.args(arguments).arg("--help").envs(variables.iter().copied())).out;
        out.contains("选项")
    };
    assert!(!help(&[], &[]));
    assert!(help(&[("LANG", "zh_CN.UTF-8")], &[]));
    assert!(!help(&[("LANG", "zh_CN.GB18030")], &[]), "the terminal could not show it");
    assert!(!help(&[("LANG", "zh_CN.UTF-8")], &["--lang", "en"]));
    assert!(help(&[("CALLSHEET_LANG", "zh"), ("LANG", "C")], &[]));
    assert!(help(&[], &["--lang", "zh"]));
    let wrong = said(program().args(["schema", "--lang", "fr"]));
    assert_eq!(wrong.code, 2, "{wrong}");
    assert!(wrong.err.contains("a language is zh or en"), "{wrong}");
}

#[test]
fn slips_in_the_command_line_are_told_in_chinese() {
    for arguments in [
        &["rnu", "a.yaml"][..],
        &["run"],
        &["run", "a.yaml", "--limt", "3"],
        &["run", "a.yaml", "--limit", "many"],
        &["run", "a.yaml", "--pilot", "1", "--pilot", "2"],
        &["status", "a.yaml", "--watch", "--history"],
        &["run", "a.yaml", "--until", "later"],
        &["run", "missing.yaml"],
    ] {
        let said = said(program().args(arguments).args(["--lang", "zh"]));
        assert_eq!(said.code, 2, "{said}");
        is_chinese(&format!("{arguments:?}"), &said);
    }
}

const MISTAKES: &str = "version: 1
endpint: https://api.example.com
rate: fast
price_per_second: cheap
pairs:
  - {image: 'http://example.com/a.jpg', audio: 'https://example.com/a.mp3'}
  - {image: 'https://example.com/a.mp3', audio: 'https://example.com/a.jpg'}
  - {id: 'two words', image: 'https://example.com/b.jpg', audio: 'https://example.com/b.mp3'}
  - {id: same, image: 'https://example.com/c.jpg', audio: 'https://example.com/c.mp3'}
  - {id: same, image: 'https://example.com/d.jpg', audio: 'https://example.com/d.mp3', prompt: ''}
  - {id: lone, image: 'https://example.com/e.jpg'}
  - {id: local, image: e.jpg, audio: 'https://example.com/f.mp3'}
";

#[test]
fn mistakes_in_a_manifest_are_told_in_chinese_beside_its_own_lines() {
    let sheet = Sheet::new(MISTAKES);
    let said = zh(&sheet, "check", &[]);
    assert_eq!(said.code, 2, "{said}");
    is_chinese("check", &said);
    // Its lines are the user's.
    assert!(said.err.contains("{id: 'two words', image: 'https://example.com/b.jpg'"), "{said}");
    let shown = said.err.replace(&sheet.folder().display().to_string(), "");
    insta::assert_snapshot!(shown);
    in_both(&sheet, "check", &["--json"]);
}

#[test]
fn a_rehearsal_from_check_to_report_is_told_in_chinese() {
    let sheet = Sheet::job("demo.yaml");
    for (verb, options) in [
        ("check", &[][..]),
        ("plan", &["--mock"]),
        ("run", &["--mock"]),
        ("run", &["--mock"]),
        ("status", &["--mock"]),
        ("status", &["--mock", "--state", "saved"]),
        ("status", &["--mock", "--history"]),
        ("events", &["--mock"]),
        ("report", &["--mock", "--format", "md"]),
        ("plan", &["--mock"]),
    ] {
        let said = zh(&sheet, verb, options);
        assert_eq!(said.code, 0, "{verb}: {said}");
        is_chinese(&format!("{verb} {options:?}"), &said);
    }
    let page = fs::read_to_string(sheet.folder().join("demo.mock.run/report.html")).unwrap();
    assert!(page.contains("<html lang=\"en\" data-lang=\"zh\">"), "{}", &page[..200]);
    for (verb, options) in [
        ("check", &["--json"][..]),
        ("plan", &["--mock", "--json"]),
        ("status", &["--mock", "--json"]),
        ("events", &["--mock", "--json"]),
        ("report", &["--mock", "--format", "json"]),
        ("report", &["--mock", "--format", "junit"]),
        ("status", &["--mock", "--state", "saved", "--json"]),
    ] {
        in_both(&sheet, verb, options);
    }
    let files =
        ["tasks.csv", "events.jsonl"].map(|name| sheet.folder().join("demo.mock.run").join(name));
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    assert_eq!(sheet.call("report", &["--mock"]).code, 0);
    assert_eq!(files.each_ref().map(|file| fs::read(file).unwrap()), before);
}

#[test]
fn doubts_and_refusals_are_told_in_chinese() {
    let api = fake(Scenario::named("lossy").unwrap());
    let sheet = Sheet::pairs(40, api.url(), "concurrency: 4\nprice_per_second: 0.16");
    let run = said(
        sheet
            .run_command(&["--max-doubts", "1000", "--keep-going"])
            .args(["--lang", "zh", "--yes"]),
    );
    is_chinese("run", &run);
    for (verb, options) in [
        ("status", &[][..]),
        ("status", &["--state", "in_doubt,created"]),
        ("status", &["--doubts", "doubts.csv"]),
        ("resolve", &["--from", "doubts.csv", "--dry-run"]),
        ("resolve", &["no-such-pair", "--abandon"]),
        ("plan", &[]),
        ("report", &["--format", "md"]),
        ("redo", &["pair-0"]),
    ] {
        is_chinese(&format!("{verb} {options:?}"), &zh(&sheet, verb, options));
    }
    in_both(&sheet, "status", &["--json"]);
}

#[test]
fn a_signal_is_answered_in_chinese() {
    let slow = Scenario { latency: Latency::Fixed(Span::millis(600)), ..Scenario::default() };
    let api = fake(slow);
    let sheet = Sheet::pairs(6, api.url(), "concurrency: 2");
    let mut command: Command = sheet.run_command(&["--lang", "zh"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Running::start(&mut command);
    until("a create", || api.book().creates_read >= 2);
    signal(&run, "-INT");
    let said = run.said();
    assert_eq!(said.code, 4, "{said}");
    is_chinese("Ctrl-C", &said);
    assert!(said.err.contains("正在停止"), "{said}");
}

/// Programs read what is said as JSON, and in the language that they know.
#[test]
fn messages_for_programs_stay_english() {
    let sheet = Sheet::job("demo.yaml");
    let said = zh(&sheet, "run", &["--mock", "--progress", "json"]);
    assert_eq!(said.code, 0, "{said}");
    let is_chinese = said.err.chars().any(|c| ('\u{4e00}'..'\u{9fff}').contains(&c));
    assert!(!is_chinese && said.err.lines().all(|line| line.starts_with('{')), "{said}");
}
