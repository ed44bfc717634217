//! What a user gets: the examples, every key, and what a manifest turns into.

mod events;
mod labels;
mod ledger;
mod prices;
mod prompts;
mod refused;
mod streams;
mod tables;
mod typed;
mod uploads;
mod videos;

use serde_json::{Value, json};

use super::*;

const DEMO: &str = include_str!("../../jobs/demo.yaml");
const PRESENTERS: &str = include_str!("../../jobs/presenters.yaml");
const MISTAKES: &str = include_str!("../../jobs/mistakes.yaml");

/// A manifest with nothing beside it.
fn alone<'a>(path: &'a str) -> Origin<'a> {
    Origin { path, plain: PlainHttp::Loopback, files: &places::NoFiles }
}

pub(super) fn parse(yaml: &str) -> Result<Manifest, Problems> {
    read(&alone("spring.yaml"), Form::Yaml(yaml.as_bytes()))
}

/// A good manifest, or its problems as a panic.
fn good(yaml: &str) -> Manifest {
    parse(yaml).unwrap_or_else(|problems| panic!("{problems}"))
}

fn ids(manifest: &Manifest) -> Vec<&str> {
    manifest.pairs.iter().map(|pair| pair.id.as_str()).collect()
}

fn bodies(manifest: &Manifest) -> Vec<Value> {
    manifest.pairs.iter().map(|pair| pair.request.to_json()).collect()
}

/// Two pairs whose keys differ from case to case.
fn two(defaults: &str, first: &str, second: &str) -> String {
    let media = "image: https://e.co/a.jpg\n    audio: https://e.co";
    format!(
        "version: 1\n{defaults}\npairs:\n  - {media}/1.mp3\n    {first}\n  - {media}/2.mp3\n    {second}\n"
    )
}

#[test]
fn the_demo_uses_every_key() {
    let manifest = good(DEMO);
    assert!(manifest.warnings.is_empty());
    assert_eq!(
        ids(&manifest),
        ["anna-welcome", "welcome-de", "welcome-de-again", "ben-ja", "ben-fast"]
    );
    assert_eq!(
        bodies(&manifest)[3..],
        [
            json!({
                "model": "omnihuman-1.5",
                "image_url": "https://example.com/portraits/ben.png?version=3",
                "audio_url": "https://example.com/speech/konnichiwa.wav",
            }),
            json!({
                "model": "omnihuman-1.5",
                "image_url": "https://example.com/portraits/ben.png",
                "audio_url": "https://example.com/speech/welcome.mp3",
                "prompt": "The person speaks calmly to the camera",
                "turbo_mode": true,
                "advanced": {"seed": 7, "masks": ["face", "hands"]},
                "resolution": "480p",
                "guidance_scale": 1.5,
            }),
        ]
    );
}

#[test]
fn presenters_cross_in_the_order_written() {
    let expected = ["anna-en", "anna-de", "anna-ja", "ben-en", "ben-de", "ben-ja"];
    assert_eq!(ids(&good(PRESENTERS)), expected);
}

#[test]
fn every_mistake_is_explained() {
    let problems = read(&alone("jobs/mistakes.yaml"), Form::Yaml(MISTAKES.as_bytes()));
    let rendered = problems.unwrap_err().render(false);
    for secret in ["sk-not-here", "hunter2", "signature=abc"] {
        assert!(!rendered.contains(secret), "{secret} is shown");
    }
    insta::assert_snapshot!("mistakes", rendered);
}

#[test]
fn what_is_not_said_has_a_default() {
    let manifest =
        good("version: 1\npairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]");
    assert_eq!(manifest.endpoint.origin(), DEFAULT_ENDPOINT);
    assert_eq!(manifest.model, DEFAULT_MODEL);
    assert_eq!(manifest.concurrency.get(), 4);
    assert_eq!(manifest.max_audio, Duration::from_secs(30));
    assert_eq!((manifest.rate, manifest.spending.price), (None, None));
    assert_eq!(ids(&manifest), ["a-b"]);
    assert_eq!(
        bodies(&manifest),
        [json!({
            "model": "omnihuman-1.5",
            "image_url": "https://e.co/a.jpg",
            "audio_url": "https://e.co/b.mp3",
        })]
    );
}

#[test]
fn null_means_not_even_the_default_and_maps_are_replaced_whole() {
    let defaults = "defaults: {prompt: p, turbo_mode: true, advanced: {a: 1}, extra: {x: 1, y: 2}}";
    let unset = "prompt: null\n    turbo_mode: ~\n    advanced:\n    extra:";
    let manifest =
        good(&two(defaults, unset, "prompt: ''\n    advanced: {b: null}\n    extra: {}"));
    let [first, second] = &bodies(&manifest)[..] else { panic!("two pairs") };
    assert_eq!(first.as_object().unwrap().len(), 3, "{first}");
    assert_eq!(second["prompt"], json!(""));
    assert_eq!(second["turbo_mode"], json!(true));
    assert_eq!(second["advanced"], json!({"b": null}));
    assert_eq!((second.get("x"), second.get("y")), (None, None));
}

#[test]
fn one_portrait_may_serve_all() {
    let manifest = good(
        "version: 1\ndefaults: {image_url: https://e.co/anna.jpg}\npairs:\n\
         - audio: https://e.co/1.mp3\n- {audio: https://e.co/2.mp3, image: https://e.co/ben.jpg}\n",
    );
    assert_eq!(ids(&manifest), ["anna-1", "ben-2"]);
}

#[test]
fn numbers_are_ids_as_they_are_written() {
    let manifest = good(&two("", "id: 007", "id: 12"));
    assert_eq!(ids(&manifest), ["007", "12"]);
    let manifest = good(&two("", "id: 0x1F", "id: 1_000"));
    assert_eq!(ids(&manifest), ["0x1F", "1_000"]);
    let manifest = good(
        "version: 1\ncross: {images: {1: https://e.co/a.jpg}, audios: {no: https://e.co/b.mp3}}",
    );
    assert_eq!(ids(&manifest), ["1-no"]);
}

#[test]
fn a_second_take_is_a_pair_of_its_own() {
    let pair = "{image: https://e.co/a.jpg, audio: https://e.co/b.mp3";
    let manifest = good(&format!("version: 1\npairs: [{pair}}}, {pair}, take: 2}}]"));
    assert_eq!(ids(&manifest), ["a-b", "a-b-take2"]);
    assert_eq!(manifest.pairs[1].take, 2);
}

#[test]
fn anchors_aliases_and_merges_are_filled_in() {
    let manifest = good(
        "version: 1\npairs:\n\
         - &one {image: https://e.co/a.jpg, audio: https://e.co/b.mp3, prompt: p}\n\
         - <<: *one\n  audio: https://e.co/c.mp3\n",
    );
    assert_eq!(ids(&manifest), ["a-b", "a-c"]);
    assert_eq!(bodies(&manifest)[1]["prompt"], json!("p"));
}

#[test]
fn a_byte_order_mark_and_other_line_ends_change_nothing() {
    let yaml = two("", "id: a", "id: b");
    assert_eq!(good(&format!("\u{feff}{yaml}")), good(&yaml));
    let windows = good(&yaml.replace('\n', "\r\n"));
    assert_eq!(windows.pairs, good(&yaml).pairs);
}

#[test]
fn advanced_is_passed_on_as_written() {
    let advanced =
        "advanced: {n: 1.50, big: 18446744073709551615, deep: {l: [true, null, -3]}, 1: no}";
    let manifest = good(&two("", advanced, ""));
    assert_eq!(
        bodies(&manifest)[0]["advanced"],
        json!({"n": 1.5, "big": u64::MAX, "deep": {"l": [true, null, -3]}, "1": "no"})
    );
}

#[test]
fn what_looks_swapped_is_a_warning() {
    let manifest =
        good("version: 1\npairs: [{image: https://e.co/a.mp3?s=1, audio: https://e.co/b.PNG}]");
    let rendered = manifest.warnings.render(false);
    assert_eq!(manifest.warnings.len(), 2);
    assert!(
        rendered.starts_with("warning: `image` ends in `.mp3`\n --> spring.yaml:2:17"),
        "{rendered}"
    );
}

#[test]
fn the_schema_is_the_one_beside_the_examples() {
    let beside: Value =
        serde_json::from_str(include_str!("../../jobs/manifest.schema.json")).unwrap();
    assert_eq!(schema(), beside, "write the output of `callsheet schema` there");
}

#[test]
fn the_examples_fit_the_schema_and_the_mistakes_do_not() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let json = |yaml: &str| -> Value { serde_yaml::from_str(yaml).unwrap() };
    for yaml in [DEMO, PRESENTERS] {
        let errors: Vec<_> =
            validator.iter_errors(&json(yaml)).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
    }
    assert!(!validator.is_valid(&json("version: 1\npairs: [{image: 5}]")));
    assert!(!validator.is_valid(&json("version: 1\nparis: []")));
}

/// The reader's keys are those it lists for an unknown one; the schema must have the same.
#[test]
fn schema_and_reader_know_the_same_keys() {
    let schema = schema();
    let defs = &schema["$defs"];
    for (yaml, known) in [
        ("zzzzzzzz: 1", &schema["properties"]),
        ("pairs: [{zzzzzzzz: 1}]", &defs["pair"]["properties"]),
        ("defaults: {zzzzzzzz: 1}", &defs["defaults"]["properties"]),
        ("cross: {zzzzzzzz: 1}", &defs["cross"]["properties"]),
        ("uploads: {zzzzzzzz: 1}", &defs["uploads"]["properties"]),
        ("price: {zzzzzzzz: 1}", &schema["properties"]["price"]["properties"]),
    ] {
        let problems = parse(yaml).unwrap_err();
        let unknown = problems.iter().find(|problem| problem.message.contains("zzzz")).unwrap();
        let listed = unknown.help.as_deref().unwrap().strip_prefix("known here: ").unwrap();
        let mut reader: Vec<_> = listed.split(", ").collect();
        reader.sort_unstable();
        let mut schema: Vec<_> = known.as_object().unwrap().keys().map(String::as_str).collect();
        schema.sort_unstable();
        assert_eq!(reader, schema, "{yaml}");
    }
}
