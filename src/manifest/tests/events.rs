//! Manifests read both ways, by events and as a tree: the same is found.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::manifest::batch::Batch;
use crate::manifest::tree::{Kind, Node};
use crate::manifest::{events, syntax};

/// Lines at the top, in whatever order.
const SETTINGS: &[&str] = &[
    "version: 1",
    "version: 2",
    "model: m # a remark",
    "model: 12",
    "defaults: {prompt: calm, image: https://e.co/d.jpg, tags: [a, 7]}",
    "defaults: &d\n  turbo_mode: true\n  advanced: {a: [1, .5, -0, ~], b: {c: no}}",
    "cross: {images: {anna: https://e.co/an.jpg}, audios: {en: https://e.co/en.mp3, 1: x.mp3}}",
    "currency: €",
    "rate: 5/s",
    "\"currency\": 'CNY'",
    "# a remark",
    "",
    "wrong: [",
    "? {a: b}\n: c",
    "pairs: []",
    "---",
    "...",
    "%YAML 1.2\n---",
];

/// Values of whatever type, and what may be taken for one.
const VALUES: &[&str] = &[
    "calm",
    "'it''s'",
    "\"a\\tb \\u00e9\"",
    "007",
    "12",
    "0x1F",
    "1_000",
    "1e5",
    "-.inf",
    ".nan",
    "+1",
    "-0",
    "9223372036854775808",
    "99999999999999999999",
    "1.50",
    "true",
    "False",
    "yes",
    "null",
    "~",
    "",
    "Null",
    "none",
    "...x",
    "...",
    "---",
    "--- x",
    "-x",
    "2026-12-31T18:00:00Z",
    "12:30",
    "é",
    "王",
    "a b  c",
    "a #cut",
    "a # remark",
    "#lost",
    "|\n      one\n      two",
    ">-\n      one\n\n      two",
    "plain\n      that goes on",
    "'quoted\n      that goes on'",
    "[a, 'b', 3]",
    "{a: 1, b: [x, {y: null}]}",
    "{}",
    "[]",
    "*d",
    "&v text",
    "!!str 5",
    "!x y",
    "<<",
    "- a",
    "1 2",
    "-",
    "1:",
    "a: b",
    "@x",
    "`",
    "\t",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
];

const KEYS: &[&str] = &[
    "id",
    "prompt",
    "tags",
    "turbo_mode",
    "advanced",
    "extra",
    "take",
    "expires",
    "'prompt'",
    "image_url",
    "odd",
    "<<",
    "12",
    "~",
    "{a: b}",
];

fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: &'static [T],
    all: &'static [T],
    weight: u32,
) -> impl Strategy<Value = T> {
    prop_oneof![weight => select(usual), 1 => select(all)]
}

/// A pair in a block or in a line.
fn pair() -> impl Strategy<Value = String> {
    let more = (mostly(&KEYS[1..3], KEYS, 15), mostly(&VALUES[..3], VALUES, 8));
    (0..999_u32, 0..999_u32, prop::collection::vec(more, 0..3), 0..8_u8).prop_map(
        |(a, b, more, form)| {
            let media =
                [format!("image: https://e.co/{a}.jpg"), format!("audio: https://e.co/{b}.mp3")];
            let more = more.iter().map(|(key, value)| format!("{key}: {value}"));
            let lines: Vec<_> = media.into_iter().chain(more).collect();
            match form {
                0 => format!("  - {{{}}}\n", lines.join(", ")),
                1 => format!("  -\n    {}\n", lines.join("\n    ")),
                2 => format!("# between\n  - {} # remark\n\n", lines.join("\n    ")),
                _ => format!("  - {}\n", lines.join("\n    ")),
            }
        },
    )
}

/// A manifest that may be sound, with pairs anywhere in it.
fn manifest() -> impl Strategy<Value = String> {
    let settings = || prop::collection::vec(mostly(&SETTINGS[7..12], SETTINGS, 10), 0..3);
    let pairs = prop::collection::vec(pair(), 0..6);
    (settings(), pairs, settings(), 0..8_u8, any::<bool>()).prop_map(
        |(before, pairs, after, form, ends)| {
            let pairs = pairs.concat();
            let pairs = match form {
                0 => pairs.replace("\n  ", "\n").trim_start_matches(' ').to_owned(),
                _ => pairs,
            };
            let after = if ends { String::new() } else { after.join("\n") };
            let text = format!("version: 1\n{}\npairs:\n{pairs}{after}", before.join("\n"));
            match form {
                1 => text.replace('\n', "\r\n"),
                2 => text.replace("\n", "\n  ").replacen("version", "  version", 1),
                3 => format!("\u{feff}---\n{text}\n"),
                _ => text,
            }
        },
    )
}

/// With some of its characters gone, or others in their place.
fn mutated() -> impl Strategy<Value = String> {
    let sign = select(vec![
        "", "\n", " ", ":", "- ", "#", "'", "\"", "&a ", "*a", "{", "]", "\t", "\u{0}", "|",
    ]);
    (manifest(), prop::collection::vec((any::<prop::sample::Index>(), 0..3_usize, sign), 1..3))
        .prop_map(|(text, edits)| {
            edits.iter().fold(text, |text, (at, gone, sign)| {
                let chars: Vec<_> = text.chars().collect();
                let at = at.index(chars.len());
                let after = chars.iter().skip(at + gone);
                chars[..at].iter().copied().chain(sign.chars()).chain(after.copied()).collect()
            })
        })
}

/// By both ways, and what is handed on.
fn assert_equal(text: &str) {
    let origin = alone("spring.yaml");
    let form = Form::Yaml(text.as_bytes());
    let found = kept(&origin, form, Keep::All);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let batch = Batch::new(Keep::All, &places::NoFiles);
    let expected = by_tree(&origin, text, batch);
    assert_eq!(found, expected, "{text}");
    if let Ok((manifest, _)) = found {
        let mut pairs = Vec::new();
        each(&origin, form, |pair, marks| pairs.push((pair.clone(), *marks))).unwrap();
        let (pairs, marks): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        assert_eq!((pairs, marks), (manifest.pairs, manifest.marks), "{text}");
    }
}

/// The nodes of a manifest that is plain, as they are written out.
fn nodes(text: &str) -> Option<String> {
    let events::Opened { mut tree, items } = events::open(text).ok()?;
    if let Some(mut items) = items {
        let list: Vec<_> = std::iter::from_fn(|| items.next()).collect();
        let Kind::Map(entries) = &mut tree.kind else { return None };
        let is_pairs = |(key, _): &&mut (Node<'_>, Node<'_>)| matches!(&key.kind, Kind::Text(text) if text == "pairs");
        let (_, pairs) = entries.iter_mut().find(is_pairs)?;
        pairs.kind = Kind::List(list);
        (!items.is_odd).then_some(())?;
    }
    Some(format!("{tree:?}"))
}

fn assert_nodes(text: &str) -> bool {
    let nodes = nodes(text);
    if let Some(nodes) = &nodes {
        assert_eq!(*nodes, format!("{:?}", syntax::tree("", text).unwrap()), "{text}");
    }
    nodes.is_some()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn both_ways_read_the_same_manifest(text in manifest()) {
        assert_equal(&text);
        assert_nodes(text.strip_prefix('\u{feff}').unwrap_or(&text));
    }

    #[test]
    fn both_ways_find_the_same_problems(text in mutated()) {
        assert_equal(&text);
    }
}

#[test]
fn plain_manifests_are_read_by_events() {
    for text in [
        DEMO,
        PRESENTERS,
        MISTAKES,
        &two("", "id: a", "id: b"),
        &two("model: m", "id: a", "id: b").replace('\n', "\r\n"),
        "version: 1\npairs:\n- image: a.jpg\n  audio: b.mp3\n# end\n",
        "version: 1\npairs:\n- {image: a.jpg, audio: b.mp3}\nmodel: m\ndefaults: {prompt: p}\n",
        "{\"version\": 1, \"pairs\": [{\"image\": \"a.jpg\", \"audio\": \"b.mp3\", \"take\": 2}]}",
        "pairs: []\nversion: 1",
    ] {
        assert!(assert_nodes(text), "{text}");
        assert_equal(text);
    }
}

/// Every value in every place where the two might differ in what they take it for.
#[test]
fn values_are_of_the_type_that_they_have_in_the_tree() {
    let plain = VALUES.iter().filter(|value| {
        let pair = "image: https://e.co/a.jpg, audio: https://e.co/b.mp3";
        let texts = [
            format!(
                "version: 1\npairs:\n  - advanced:\n      a: {value}\n    {}\n",
                pair.replace(", ", "\n    ")
            ),
            format!("version: 1\npairs:\n  - {{advanced: {{a: {value}}}, {pair}}}\n"),
            format!("version: 1\ndefaults:\n  advanced:\n    a: {value}\npairs: [{{{pair}}}]\n"),
            format!(
                "version: 1\npairs:\n  - advanced: {{{value} : 1}}\n    {}\n",
                pair.replace(", ", "\n    ")
            ),
        ];
        texts.iter().for_each(|text| assert_equal(text));
        texts.iter().filter(|text| assert_nodes(text)).count() > 0
    });
    assert!(plain.count() > 40);
}

/// What is odd far below is found out after pairs were handed on; none of them is handed on twice.
#[test]
fn nothing_is_handed_on_twice() {
    let pairs = (0..50)
        .map(|n| format!("  - {{image: https://e.co/a.jpg, audio: https://e.co/{n}.mp3}}\n"));
    let start = format!("version: 1\npairs:\n{}", pairs.collect::<String>());
    for end in [
        "  - &x {image: https://e.co/b.jpg, audio: https://e.co/b.mp3}\n",
        "  - {image: https://e.co/b.jpg, audio: https://e.co/b.mp3, prompt: !!str 5}\n",
        "cross: {images: {anna: https://e.co/an.jpg}, audios: {en: &e https://e.co/en.mp3}}\n",
        "  - {image: https://e.co/b.jpg, audio: https://e.co/b.mp3, prompt: ...x}\n\
         cross: {images: {anna: https://e.co/an.jpg}, audios: {en: https://e.co/en.mp3}}\n",
    ] {
        assert_equal(&format!("{start}{end}"));
        assert!(nodes(&format!("{start}{end}")).is_none());
    }
}

/// The end of the manifest is known by its lines; a key that is missed there is found out.
#[test]
fn keys_after_pairs_are_not_missed() {
    let pair = "- {image: https://e.co/a.jpg, audio: https://e.co/b.mp3}\n";
    assert_equal(&format!("pairs: []\nversion: 1\npairs:\n  {pair}"));
    for text in [
        format!("version: 1\npairs:\n  {pair}defaults: {{prompt: late}}\n"),
        format!("version: 1\npairs:\n  {pair}? defaults\n: {{prompt: late}}\n"),
        format!("version: 1\npairs:\n{pair}'defaults': {{prompt: late}}\n"),
        format!("  version: 1\n  pairs:\n  {pair}  defaults: {{prompt: late}}\n"),
        format!("version: 1\rpairs:\r  {}defaults: {{prompt: late}}\r", pair.replace('\n', "\r")),
        format!("{{version: 1, pairs: [{}], defaults: {{prompt: late}}}}", &pair[2..].trim_end()),
    ] {
        assert!(assert_nodes(&text), "{text}");
        assert_equal(&text);
        assert_eq!(bodies(&good(&text))[0]["prompt"], json!("late"), "{text}");
    }
}
