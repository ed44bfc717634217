//! Every manifest that `check` accepts sends requests that the contract accepts: there is one notion
//! of a URL, a prompt and an option, here and there.

use std::io;

use callsheet::manifest::{self, Form, Origin};
use callsheet::pair::{Pair, PlainHttp, Role, Source};
use callsheet::table::{Files, Input, Scratch};
use callsheet_mock::{Dialect, Scenario, create_violations};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::sheet::{Sheet, fake};

/// There is no file anywhere.
struct Nothing;

impl Files for Nothing {
    fn open(&self, _: &str) -> io::Result<Box<dyn Input>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// The pairs of a manifest that `check` accepts; what it takes for the names of files is nowhere.
fn accepted(manifest: &Value, plain: PlainHttp) -> Option<Vec<Pair>> {
    let origin = Origin { path: "batch.yaml", plain, files: &Nothing };
    let pairs = manifest::read(&origin, Form::Yaml(manifest.to_string().as_bytes())).ok()?.pairs;
    let is_url = |pair: &Pair, role| matches!(pair.request.source(role), Source::Url(_));
    pairs.iter().all(|pair| Role::BOTH.iter().all(|role| is_url(pair, *role))).then_some(pairs)
}

/// The body as the ledger keeps and sends it.
fn body(pair: &Pair) -> Value {
    serde_json::from_str(&pair.request.to_json().to_string()).unwrap()
}

/// One of these, the first four times as often as all others.
fn mostly(usual: &'static str, others: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(usual.to_owned()),
        1 => prop::sample::select(others).prop_map(str::to_owned),
    ]
}

/// Letters that URLs and prompts meet in the wild, and some that they had better not.
fn letters(most: usize) -> impl Strategy<Value = String> {
    let odd = prop::sample::select(vec![
        " ",
        "%20",
        "%",
        "%zz",
        "ä",
        "東",
        "\u{1f3ac}",
        "\u{feff}",
        "\u{200b}",
        "\u{a0}",
        "\u{2028}",
        "\u{85}",
        "\u{202e}",
        "\u{7f}",
        "\t",
        "\n",
        "\\",
        "/",
        "//",
        "..",
        ":",
        "@",
        "#",
        "?",
        "&",
        "=",
        "+",
        "'",
        "\"",
        "<",
        "|",
        "{",
        "^",
        "[",
        "]",
        "\u{0}",
        "\u{301}",
        "e\u{301}",
    ]);
    let plain = "[a-zA-Z0-9._~-]{1,12}".prop_map(String::from);
    let part = prop_oneof![12 => plain, 1 => odd.prop_map(str::to_owned)];
    prop::collection::vec(part, 1..most).prop_map(|parts| parts.concat())
}

fn url() -> impl Strategy<Value = String> {
    let scheme = mostly(
        "https://",
        &[
            "HTTPS://",
            "Https://",
            "https:",
            "https:/",
            "https:///",
            "https:\\\\",
            "https:/\\",
            "",
            " https://",
            "http://",
            "ftp://",
            "//",
            "https://https://",
            "data:",
            "s3://",
        ],
    );
    let host = mostly(
        "example.com",
        &[
            "EXAMPLE.com",
            "exämple.com",
            "xn--bcher-kva.example",
            "例え.jp",
            "example.com.",
            "example.com:443",
            "example.com:99999",
            "example.com:",
            "127.0.0.1:8080",
            "[::1]:80",
            "0x7f.1",
            "a b.com",
            "user:pw@example.com",
            "user@example.com",
            "",
            ".",
            "-",
            "?",
            "#",
            "example.com\\",
            "ex%61mple.com",
            "exa\u{ad}mple.com",
            "example。com",
        ],
    );
    let tail = prop_oneof![
        6 => letters(4).prop_map(|path| format!("/{path}.jpg")),
        1 => Just(String::new()),
        1 => letters(3).prop_map(|query| format!("/a.jpg?sig={query}")),
        1 => letters(3).prop_map(|fragment| format!("/a.jpg#{fragment}")),
        1 => letters(3).prop_map(|path| format!("\\{path}")),
        1 => (8_100..8_300_usize).prop_map(|length| format!("/{}", "x".repeat(length))),
        1 => (4_000..4_200_usize).prop_map(|length| format!("/{}", "ä".repeat(length))),
    ];
    (scheme, host, tail).prop_map(|(scheme, host, tail)| scheme + &host + &tail)
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        Just(json!("720p")),
        letters(3).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            map(inner).prop_map(Value::Object),
        ]
    })
}

fn map(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let name = mostly(
        "resolution",
        &[
            "guidance_scale",
            "model",
            "image_url",
            "image_urls",
            "prompt",
            "",
            "a b",
            "ä",
            "turbo_mode",
        ],
    );
    prop::collection::vec((name, value), 0..4).prop_map(|entries| entries.into_iter().collect())
}

/// What a pair has besides its media; most are left out.
fn options() -> impl Strategy<Value = Map<String, Value>> {
    let prompt = prop_oneof![
        3 => letters(6).prop_map(Value::from),
        1 => json_value(),
        1 => Just(json!("")),
        1 => Just(json!("x".repeat(5_000))),
    ];
    let turbo = prop_oneof![3 => any::<bool>().prop_map(Value::from), 1 => json_value()];
    let maps = || prop_oneof![4 => map(json_value()).prop_map(Value::Object), 1 => json_value()];
    let take = prop_oneof![(0..4).prop_map(Value::from), json_value()];
    let maybe = prop::option::weighted(0.25, prompt);
    let rest = (
        prop::option::weighted(0.15, turbo),
        prop::option::weighted(0.2, maps()),
        prop::option::weighted(0.2, maps()),
        prop::option::weighted(0.1, take),
    );
    (maybe, rest).prop_map(|(prompt, (turbo, advanced, extra, take))| {
        let names = ["prompt", "turbo_mode", "advanced", "extra", "take"];
        let values = [prompt, turbo, advanced, extra, take];
        let given = names.into_iter().zip(values);
        given.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

fn manifest() -> impl Strategy<Value = Value> {
    let model = mostly("omnihuman-1.5", &["live-avatar", "", " ", "ä", "x\ny"]);
    let model = prop_oneof![8 => model, 1 => Just("m".repeat(129)), 1 => Just("ä".repeat(128))];
    let (model, defaults) = (prop::option::weighted(0.3, model), options());
    let defaults = prop::option::weighted(0.15, defaults);
    (url(), url(), options(), model, defaults).prop_map(
        |(image, audio, options, model, defaults)| {
            let mut pair = options;
            pair.insert("id".to_owned(), json!("a"));
            pair.insert("image".to_owned(), json!(image));
            pair.insert("audio".to_owned(), json!(audio.replace(".jpg", ".mp3")));
            let mut manifest = json!({"version": 1, "pairs": [pair]});
            model.into_iter().for_each(|model| manifest["model"] = json!(model));
            defaults.into_iter().for_each(|map| manifest["defaults"] = Value::Object(map));
            manifest
        },
    )
}

/// How often a property holds for what is accepted, with the same cases each time.
fn each_accepted(cases: u32, plain: PlainHttp, mut holds: impl FnMut(&Value, &Pair)) -> u32 {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let (mut count, strategy) = (0, manifest());
    for _ in 0..cases {
        let manifest = strategy.new_tree(&mut runner).unwrap().current();
        if let Some(pairs) = accepted(&manifest, plain) {
            count += 1;
            pairs.iter().for_each(|pair| holds(&manifest, pair));
        }
    }
    count
}

#[test]
fn what_check_accepts_the_contract_accepts() {
    let mut broken = Vec::new();
    let count = each_accepted(600, PlainHttp::Anywhere, |manifest, pair| {
        let body = body(pair);
        let violations = create_violations(Dialect::Foxapi, &body);
        if !violations.is_empty() {
            broken.push(format!("{manifest}\n  {body}\n  {:?}", violations[0].message));
        }
    });
    assert!(count > 120, "only {count} of the manifests were accepted");
    let shown: Vec<_> =
        broken.iter().map(|one| one.chars().take(700).collect::<String>()).collect();
    assert!(broken.is_empty(), "{}: {:#?}", broken.len(), &shown[..shown.len().min(12)]);
}

#[test]
fn what_check_accepts_is_sent_and_taken_as_it_is() {
    let mut pairs = Vec::new();
    each_accepted(250, PlainHttp::Loopback, |manifest, pair| {
        let known = ["omnihuman-1.5", "live-avatar"].contains(&&*pair.request.model);
        if known && manifest.get("defaults").is_none() {
            let mut pair = manifest["pairs"][0].clone();
            (pair["id"], pair["take"]) =
                (json!(format!("p{}", pairs.len())), json!(pairs.len() + 1));
            pairs.push(pair);
        }
    });
    let api = fake(Scenario::default());
    let count = pairs.len();
    assert!(count > 40, "{count}");
    let text = json!({"version": 1, "endpoint": api.url(), "pairs": pairs}).to_string();
    let sheet = Sheet::new(&text);
    let check = sheet.call("check", &[]);
    assert_eq!(check.code, 0, "{check}");
    let run = sheet.run(&["-q"]);
    assert_eq!((run.code, api.breaches()), (0, Vec::new()), "{run}");
    assert_eq!(api.book().entries.len(), count);
}
