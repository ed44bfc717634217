//! Bad input: where the message points, and what it says.

use super::*;

/// `line:column message` of every problem.
fn said(yaml: &str) -> Vec<String> {
    let problems = parse(yaml).map(|manifest| ids(&manifest).join(" ")).unwrap_err();
    let said = |problem: &Problem| {
        format!("{}:{} {}", problem.place.line, problem.place.column, problem.message)
    };
    problems.iter().map(said).collect()
}

/// The only problem.
fn one(yaml: &str) -> String {
    let said = said(yaml);
    assert_eq!(said.len(), 1, "{yaml:?}: {said:#?}");
    said.into_iter().next().unwrap()
}

const PAIR: &str = "{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}";

/// A manifest with one more line among its settings, which is line 2.
fn with(setting: &str) -> String {
    format!("version: 1\n{setting}\npairs: [{PAIR}]\n")
}

#[test]
fn files_without_a_manifest() {
    for (yaml, message) in [
        ("", "1:1 the manifest is empty"),
        ("\n \n", "1:1 the manifest is empty"),
        ("\u{feff}", "1:1 the manifest is empty"),
        ("# one\n# two\n", "1:1 the manifest has nothing in it but comments"),
        ("- a\n", "1:1 the manifest must be a map, found a list"),
        ("just text\n", "1:1 the manifest must be a map, found text"),
        ("version: 1\n", "1:1 the manifest has no pairs"),
        (&format!("pairs: [{PAIR}]\n"), "1:1 the manifest has no `version`"),
    ] {
        assert_eq!(one(yaml), message, "{yaml:?}");
    }
    assert_eq!(said("{}").len(), 2);
}

#[test]
fn files_that_are_not_utf8() {
    let problems = read(&alone("x.yaml"), Form::Yaml(b"version: 1\n# \xc3\xa4\nmodel: caf\xe9\n"));
    insta::assert_snapshot!(problems.unwrap_err().render(false), @r###"
    error: the file is not UTF-8
     --> x.yaml:3:11
      |
    3 | model: caf�
      |           ^ this byte
      |
      = help: save it again with the encoding UTF-8
    "###);
}

#[test]
fn files_that_are_too_large() {
    let problems = too_large("x.yaml", 100 << 20);
    insta::assert_snapshot!(problems.render(false), @r###"
    error: the manifest has 100 MiB; at most 64 are read
     --> x.yaml:1:1
      |
    1 |
      | ^ too large
      |
      = help: is it the right file? A larger batch goes into several manifests
    "###);
}

#[test]
fn files_that_are_not_yaml() {
    for (yaml, message) in [
        ("a:\n\t- b\n", "2:1 a line is indented with a tab"),
        ("a:\n  b:\n  \tc: d\n", "3:3 a line is indented with a tab"),
        ("version: 1\n---\nversion: 1\n", "3:1 a second document starts in this file"),
        ("a: b: c\n", "1:5 this `:` cannot start a value"),
        ("ü: [1, 2\n", "1:4 this bracket is never closed"),
        ("a: 'x\nb: 2\n", "1:4 this quote is never closed"),
        ("a: 1}\nb: }\n", "2:4 this bracket closes nothing"),
        ("a: 1\nb\n", "2:1 this line is neither `key: value` nor part of a text"),
        ("a:\r\n  b: 1\r\n c: 2\r\n", "3:2 this line is not indented like its neighbours"),
        ("- a\nb: c\n", "2:1 a list ends here, and something else starts in its column"),
        ("a: @x\n", "1:4 this text begins with a sign that means something to YAML"),
        ("a: x\u{1b}[31m\n", "1:4 this character cannot start or be part of a plain text"),
        ("a: *x\n", "1:4 no anchor of this name stands before it"),
        ("a: &x [*x]\n", "1:8 an alias stands inside its own anchor"),
        ("a: !secret x\n", "1:12 a manifest knows no YAML tags of its own"),
        ("<<: 5\n", "1:5 `<<` takes over the keys of a map"),
        ("a: \"\\q\"\n", "1:5 in double quotes `\\` starts an escape"),
    ] {
        assert_eq!(one(yaml), message, "{yaml:?}");
    }
}

#[test]
fn a_billion_laughs_are_refused_with_a_line() {
    let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..10 {
        let list = vec![format!("*a{}", n - 1); 9].join(", ");
        yaml += &format!("a{n}: &a{n} [{list}]\n");
    }
    let message = one(&yaml);
    let said = " the manifest grows too large when its aliases are filled in";
    assert!(message.ends_with(said), "{message}");
    assert!(message.starts_with(['6', '7']), "{message}");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(300));
    assert!(one(&long).ends_with(said));
    assert!(one(&"[".repeat(10_000)).contains("not valid YAML: "));
    assert!(one(&"- ".repeat(10_000)).contains("nested too deeply"));
}

#[test]
fn settings_out_of_range() {
    for (setting, message) in [
        ("concurrency: 0", "`concurrency` must be a whole number from 1 to 1024, found 0"),
        ("concurrency: 1025", "`concurrency` must be a whole number from 1 to 1024, found 1025"),
        ("concurrency: -1", "`concurrency` must be a whole number from 1 to 1024, found -1"),
        ("concurrency: 4.5", "`concurrency` must be a whole number from 1 to 1024, found 4.5"),
        ("concurrency: many", "`concurrency` must be a whole number from 1 to 1024, found `many`"),
        ("rate: 60", "`rate` must be a rate such as 60/min, found 60"),
        ("rate: 0/s", "`rate` must be a rate such as 60/min, found `0/s`"),
        ("max_audio: 30", "`max_audio` must be a time from 1s to 60s, such as 30s, found 30"),
        ("max_audio: 61s", "`max_audio` must be a time from 1s to 60s, such as 30s, found `61s`"),
        ("max_audio: -5s", "`max_audio` must be a time from 1s to 60s, such as 30s, found `-5s`"),
        ("price_per_second: 0", "`price_per_second` must be a number above 0, found 0"),
        ("price_per_second: -0.1", "`price_per_second` must be a number above 0, found -0.1"),
        ("price_per_second: .nan", "`price_per_second` must be a number above 0, found .nan"),
        ("price_per_second: .inf", "`price_per_second` must be a number above 0, found .inf"),
        ("model: 1.5", "`model` must be text, found 1.5"),
        ("model: ' '", "`model` must be text, found ` `"),
        (
            "endpoint: http://a.co",
            "`endpoint`: plain http is accepted for this machine only, unless --allow-http is given",
        ),
        (
            "endpoint: https://a.co/?x=1",
            "`endpoint`: an endpoint is only a host, such as https://api.foxapi.cc, without path or query",
        ),
        ("defaults: {take: 2}", "unknown key `take` in `defaults`"),
        ("defaults: [a]", "`defaults` must be a map, found a list"),
        ("budget: 5", "`budget` is money, and no price is known"),
        ("max_pair_cost: 0.5", "`max_pair_cost` is money, and no price is known"),
        ("budget: 5 euros", "`budget` must be an amount, found `5 euros`"),
        ("budget: 0s", "`budget` must be an amount, found `0s`"),
        ("budget: -5", "`budget` must be a number above 0, found -5"),
        (
            "confirm_pairs: -1",
            "`confirm_pairs` must be a whole number from 0 to 4294967295, found -1",
        ),
        ("pairs_from: a.csv", "`a.csv`: there is no such file"),
    ] {
        let said = one(&with(setting));
        assert_eq!(said.split_once(' ').unwrap().1, message);
        assert!(said.starts_with("2:"), "{said}");
    }
    assert_eq!(one(&with("rate:")), "2:1 `rate` is empty");
    assert_eq!(one(&with("defaults:")), "2:1 `defaults` is empty");
    for setting in [
        "max_audio: 60s",
        "max_audio: 1 minute",
        "rate: 500/h",
        "budget: 10m",
        "confirm_cost: 60s",
        "concurrency: 1024",
    ] {
        good(&with(setting));
    }
}

#[test]
fn pairs_that_are_none() {
    for (pairs, message) in [
        ("pairs:", "2:1 `pairs` is empty"),
        ("pairs: []", "2:8 `pairs`: there is no pair in it"),
        ("pairs: {a: b}", "2:8 `pairs` must be a list, found a map"),
        ("pairs:\n- ", "3:3 a pair must be a map, found nothing"),
        ("cross:", "2:1 `cross` is empty"),
        (
            "cross: {images: {}, audios: {a: https://e.co/a.mp3}}",
            "2:17 `images`: there is nothing in it",
        ),
    ] {
        assert_eq!(one(&format!("version: 1\n{pairs}\n")), message);
    }
}

#[test]
fn the_place_counts_characters_and_survives_what_is_hidden() {
    let yaml = "version: 1\r\npairs:\r\n  - {prompt: \"äöü 😀\", image: \"https://e.co/a.jpg?sig=SECRET\", audio: 5}\r\n";
    let problems = parse(yaml).unwrap_err();
    insta::assert_snapshot!(problems.render(false), @r###"
    error: `audio` must be a URL or the name of a file, found 5
     --> spring.yaml:3:70
      |
    3 |   - {prompt: "äöü 😀", image: "https://e.co/a.jpg?…", audio: 5}
      |                                                              ^ expected a URL or the name of a file
      |
      = help: give the public https:// URL of the recording, or its file
    "###);
    assert!(problems.render(true).contains("spring.yaml:3:70"));
    assert_eq!(&yaml[problems.iter().next().unwrap().place.bytes.clone()], "5");
}

#[test]
fn long_lines_are_cut() {
    let yaml = with(&format!("defaults: {{prompt: {}, turbo_mode: 1}}", "long ".repeat(1000)));
    let rendered = parse(&yaml).unwrap_err().render(false);
    assert!(rendered.lines().all(|line| line.chars().count() < 160), "{rendered}");
    assert!(rendered.contains("spring.yaml:2:5034"), "{rendered}");
    insta::assert_snapshot!(rendered, @r###"
    error: `turbo_mode` must be true or false, found 1
     --> spring.yaml:2:5034
      |
    2 | … long long long long long , turbo_mode: 1}
      |                                          ^ expected true or false
      |
      = help: write `true` or `false`, without quotes
    "###);
}

#[test]
fn nothing_from_the_file_reaches_the_terminal_as_a_command() {
    let evil = "\"\\e]0;evil\\a\\u202e\"";
    let yaml = with(&format!("{evil}: 1\nmodel: [{evil}]\nrate: {evil}"));
    let problems = read(&alone("a\u{1b}b.yaml"), Form::Yaml(yaml.as_bytes())).unwrap_err();
    let shown = format!("{}{}", problems.render(false), serde_json::to_string(&problems).unwrap());
    assert!(!shown.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{shown:?}");
}

#[test]
fn only_so_many_are_shown() {
    let pairs = "- {image: ftp://x}\n".repeat(600);
    let problems = parse(&format!("version: 1\npairs:\n{pairs}")).unwrap_err();
    assert_eq!(problems.len(), 1200);
    let rendered = problems.render(false);
    let rest =
        "\n\n… and 1150 more:\n  575 × `image`: `…` is not https\n  575 × this pair has no `audio`";
    assert!(rendered.ends_with(rest), "{rendered}");
    assert_eq!(rendered.matches("error: ").count(), 50);
}

#[test]
fn programs_get_the_same_as_json() {
    let problems = parse(&with("modle: x")).unwrap_err();
    assert_eq!(
        serde_json::to_value(&problems).unwrap(),
        json!([{
            "path": "spring.yaml", "line": 2, "column": 1,
            "message": "unknown key `modle` in the manifest", "help": "did you mean `model`?",
        }])
    );
}

#[test]
fn a_mistake_in_an_anchor_is_said_once() {
    let yaml = "version: 1\ndefaults: &d {turbo_mode: 1}\npairs:\n\
                - {<<: *d, image: https://e.co/a.jpg, audio: https://e.co/b.mp3}\n";
    assert_eq!(one(yaml), "2:27 `turbo_mode` must be true or false, found 1");
}

#[test]
fn collisions_across_pairs_and_cross() {
    let cross = "cross: {images: {a: https://e.co/a.jpg, a-b: https://e.co/b.jpg}, \
                 audios: {b-c: https://e.co/1.mp3, c: https://e.co/2.mp3}}";
    assert_eq!(one(&format!("version: 1\n{cross}\n")), "2:41 two pairs have the id `a-b-c`");
    let yaml = format!("version: 1\npairs:\n- {PAIR}\n- {PAIR}\n");
    assert_eq!(one(&yaml), "4:3 `a-b` is asked for twice");
    let yaml = format!("{}\n", yaml.replacen("{image", "{id: x, image", 1));
    assert_eq!(one(&yaml), "4:3 `a-b` asks for the same video as `x`");
}

#[test]
fn a_cross_has_bounds() {
    let names = |kind: &str| -> String {
        (0..1001).map(|n| format!("    n{n}: https://e.co/{n}.{kind}\n")).collect()
    };
    let yaml =
        format!("version: 1\ncross:\n  images:\n{}  audios:\n{}", names("jpg"), names("mp3"));
    assert_eq!(one(&yaml), "2:1 `cross` makes 1001 times 1001 pairs");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    /// Whatever is done to an example: it is read or explained, and no signature is shown.
    #[test]
    fn broken_examples_are_explained(
        at in 0..DEMO.len(),
        cut in 0..40_usize,
        put in "[-a: \t\r\n{}\\[\\]\"'&*#!|>?é😀\u{1b}]{0,6}",
    ) {
        let demo = DEMO.replace("version=3", "signature=SECRET");
        let end = (at + cut).min(demo.len());
        let yaml = format!("{}{put}{}", &demo[..at], &demo[end..]);
        if let Err(problems) = parse(&yaml) {
            let rendered = problems.render(false);
            proptest::prop_assert!(!rendered.contains(['\u{1b}', '\r']), "{}", rendered);
            let whole = yaml.contains("?signature=SECRET");
            proptest::prop_assert!(!(whole && rendered.contains("SECRET")), "{}", rendered);
        }
    }
}
