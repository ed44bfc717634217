//! The crate `jsonschema` judges the check of our own.

use std::ops::Range;

use fastrand::Rng;
use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::{Schema, Unknown};
use crate::rules::contract::OPENAPI;
use crate::rules::scenario::SCENARIO_SCHEMA;

/// A schema that the program holds values to, and a judge of the same.
struct Tried {
    name: &'static str,
    document: Value,
    /// The schema as it stands, for making values.
    source: Value,
    ours: Schema,
    /// With the whole document, which its paths lead into.
    whole: Value,
    judge: Validator,
}

impl Tried {
    fn new(name: &'static str, document: &Value, pointer: &str) -> Self {
        let mut whole = document.clone();
        if !pointer.is_empty() {
            let (components, kin) = (&document["components"], &document["x-kin"]);
            whole = json!({"$ref": format!("#{pointer}"), "components": components, "x-kin": kin});
        }
        Self {
            name,
            source: document.pointer(pointer).unwrap().clone(),
            ours: Schema::compile(document, pointer).unwrap(),
            judge: jsonschema::validator_for(&whole).unwrap(),
            whole,
            document: document.clone(),
        }
    }

    fn all() -> Vec<Self> {
        let contract: Value = serde_yaml::from_str(OPENAPI).unwrap();
        let names = [
            "/components/schemas/CreateRequest",
            "/components/schemas/UploadBase64",
            "/components/schemas/UploadUrl",
            "/components/schemas/Created",
            "/components/schemas/Task",
            "/components/schemas/File",
            "/x-kin/EvolinkCreateRequest",
        ];
        let request = |name| Self::new(name, &contract, name);
        let scenario = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
        names.into_iter().map(request).chain([Self::new("scenario", &scenario, "")]).collect()
    }

    /// What is wrong by ours and by the judge: place, words, keyword, rule and what the rule's
    /// schema says of itself.
    fn verdicts(&self, value: &Value) -> [Vec<String>; 2] {
        let ours = self.ours.broken(value);
        let ours = ours.iter().map(|broken| {
            let rule = (broken.keyword(), broken.expected(), broken.description());
            format!("{} {broken} {rule:?}", broken.pointer)
        });
        let judged = self.judge.iter_errors(value).map(|error| {
            let path = error.schema_path().as_str();
            let (parent, _) = path.rsplit_once('/').unwrap();
            let description = self.whole.pointer(parent).unwrap()["description"].as_str();
            let rule = (error.kind().keyword(), self.whole.pointer(path).unwrap(), description);
            format!("{} {error} {rule:?}", error.instance_path())
        });
        let mut verdicts = [ours.collect::<Vec<_>>(), judged.collect()];
        verdicts.iter_mut().for_each(|verdict| verdict.sort());
        verdicts
    }
}

/// Parts of texts that are near what the patterns demand, and near what they forbid.
const PARTS: [&str; 48] = [
    "http",
    "HTTPS",
    "ftp",
    "://",
    "h",
    "/a.jpg",
    "?q=1",
    "#f",
    "\\",
    " ",
    "\t",
    "\n",
    "\u{b}",
    "\u{85}",
    "\u{a0}",
    "\u{200b}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "😀",
    "e\u{301}",
    "data:",
    "image/png;base64,",
    ",",
    "QUJD",
    "QQ==",
    "QUI=",
    "=",
    "+/",
    "5",
    "1",
    ".5",
    ".",
    "ms",
    "s",
    "m",
    "h",
    "!",
    "~",
    "none",
    "at_once",
    "create",
    "status-500",
    "ok",
    "evolink",
    "_",
    "pending",
    "completed",
];

/// Texts that each fit some pattern.
const WHOLE: [&str; 8] =
    ["http://h/a.jpg", "HtTpS://é?q#f", "5ms", "1.5h", "data:;base64,QUJDQQ==", "-", "POST", "/v1"];

fn text(rng: &mut Rng) -> String {
    if rng.u8(..40) > 0 {
        return (0..rng.usize(..6)).map(|_| PARTS[rng.usize(..PARTS.len())]).collect();
    }
    let length = [127, 128, 129, 8191, 8192, 8193][rng.usize(..6)];
    let unit = ["a", "é", "😀"][rng.usize(..3)];
    ["", "http://h/"][rng.usize(..2)].to_owned() + &unit.repeat(length)
}

/// A text that mostly fits the pattern, if there is one.
fn like(pattern: &Value, rng: &mut Rng) -> String {
    if rng.u8(..10) == 0 {
        return text(rng);
    }
    let pattern = regex::Regex::new(pattern.as_str().unwrap_or_default()).unwrap();
    let fit: Vec<_> = WHOLE.into_iter().filter(|text| pattern.is_match(text)).collect();
    fit[rng.usize(..fit.len())].to_owned()
}

fn number(rng: &mut Rng) -> Value {
    let near = json!([
        -1,
        0,
        -0.0,
        0.5,
        1,
        1.0,
        1.5,
        2,
        10,
        10.0,
        10.000_001,
        999_999,
        1_000_000,
        1_000_001,
        4_294_967_295_u32,
        4_294_967_295.0,
        4_294_967_295.5,
        4_294_967_296_u64,
        u64::MAX,
        i64::MIN,
        9.3e18,
        1e300,
        -1e300,
        5e-324
    ]);
    near[rng.usize(..near.as_array().unwrap().len())].clone()
}

fn anything(rng: &mut Rng, depth: usize) -> Value {
    match rng.u8(..if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => rng.bool().into(),
        2 => number(rng),
        3 => text(rng).into(),
        4 => (0..rng.usize(..3)).map(|_| anything(rng, depth - 1)).collect(),
        _ => (0..rng.usize(..3)).map(|_| (text(rng), anything(rng, depth - 1))).collect(),
    }
}

/// A value that mostly fits the schema, and breaks some rule of it now and then.
fn near(schema: &Value, document: &Value, rng: &mut Rng) -> Value {
    if rng.u8(..30) == 0 {
        return anything(rng, 2);
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return near(document.pointer(&reference[1..]).unwrap(), document, rng);
    }
    for listed in ["enum", "oneOf", "anyOf"] {
        if let Some(choices) = schema[listed].as_array() {
            let choice = &choices[rng.usize(..choices.len())];
            return if listed == "enum" { choice.clone() } else { near(choice, document, rng) };
        }
    }
    if let Some(name) = schema.get("const").filter(|_| rng.u8(..20) > 0) {
        return name.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds[rng.usize(..kinds.len())].as_str(),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => object(schema, document, rng),
        Some("array") => {
            (0..rng.usize(..4)).map(|_| near(&schema["items"], document, rng)).collect()
        }
        Some("string") => like(&schema["pattern"], rng).into(),
        Some("integer" | "number") => number(rng),
        Some("boolean") => rng.bool().into(),
        _ => schema.get("const").cloned().unwrap_or_default(),
    }
}

fn object(schema: &Value, document: &Value, rng: &mut Rng) -> Value {
    let none = Map::new();
    let fields = schema["properties"].as_object().unwrap_or(&none);
    let required = |name: &String| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
    };
    let often = fields.len().max(4);
    let mut made = Map::new();
    for (name, field) in fields {
        let skipped = if required(name) { rng.usize(..20) == 0 } else { rng.usize(..often) > 1 };
        if !skipped {
            made.insert(name.clone(), near(field, document, rng));
        }
    }
    for _ in 0..rng.usize(..30).saturating_sub(27) {
        let name = ["~/x", "zz", "", "Model"][rng.usize(..4)];
        made.insert(name.to_owned(), anything(rng, 1));
    }
    made.into()
}

fn judged(tried: &Tried, seeds: Range<u64>) -> usize {
    let mut valid = 0;
    for seed in seeds {
        let value = near(&tried.source, &tried.document, &mut Rng::with_seed(seed));
        let [ours, judged] = tried.verdicts(&value);
        assert_eq!(ours, judged, "{} with seed {seed}: {value}", tried.name);
        assert_eq!(ours.is_empty(), tried.judge.is_valid(&value), "{value}");
        valid += usize::from(ours.is_empty());
    }
    valid
}

#[test]
fn it_finds_what_jsonschema_finds() {
    const VALUES: u64 = 300;
    for tried in Tried::all() {
        let valid = judged(&tried, 0..VALUES);
        let share = valid as f64 / VALUES as f64;
        assert!((0.1..0.9).contains(&share), "{}: {share} are valid", tried.name);
    }
}

/// Signs that readers of patterns judge differently, at places that matter.
#[test]
fn patterns_mean_what_they_mean_to_jsonschema() {
    let contract: Value = serde_yaml::from_str(OPENAPI).unwrap();
    let scenario: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
    let schemas = &contract["components"]["schemas"];
    let patterns = [
        &schemas["MediaUrl"]["pattern"],
        &schemas["UploadBase64"]["properties"]["file_data"]["pattern"],
        &scenario["$defs"]["span"]["pattern"],
        &scenario["properties"]["keys"]["items"]["properties"]["key"]["pattern"],
    ];
    for pattern in patterns {
        let document = json!({ "pattern": pattern });
        let ours = Schema::compile(&document, "").unwrap();
        let judge = jsonschema::validator_for(&document).unwrap();
        let holds = |text: String| {
            let value = Value::from(text);
            assert_eq!(ours.broken(&value).is_empty(), judge.is_valid(&value), "{pattern} {value}");
        };
        // Where some reader of patterns sees white space, and around it.
        let signs = (0..0x180)
            .chain(0x167f..0x1682)
            .chain(0x180d..0x1810)
            .chain(0x1fff..0x2070)
            .chain(0x2fff..0x3002)
            .chain(0xfefe..0xff01)
            .filter_map(char::from_u32);
        for sign in signs {
            for (before, after) in
                [("", ""), ("http://", ""), ("http://h", "/?"), ("http://h?", "")]
            {
                holds(format!("{before}{sign}{after}"));
            }
            holds(format!("5m{sign}"));
            holds(format!("QUJ{sign}"));
        }
    }
}

#[test]
fn lengths_are_of_characters_not_of_bytes() {
    let document = json!({"minLength": 2, "maxLength": 3});
    let ours = Schema::compile(&document, "").unwrap();
    let judge = jsonschema::validator_for(&document).unwrap();
    for unit in ["a", "é", "😀", "e\u{301}"] {
        for length in 0..6 {
            let value = Value::from(unit.chars().cycle().take(length).collect::<String>());
            assert_eq!(ours.broken(&value).is_empty(), (2..=3).contains(&length), "{value}");
            assert_eq!(judge.is_valid(&value), (2..=3).contains(&length), "{value}");
        }
    }
}

#[test]
fn what_it_does_not_know_is_not_compiled() {
    let refused = |schema: Value| Schema::compile(&schema, "").err();
    for (keyword, value) in [
        ("format", json!("uri")),
        ("multipleOf", json!(2)),
        ("anyOf", json!([])),
        ("then", json!({"type": "string"})),
        ("not", json!({"type": "string"})),
        ("minProperties", json!(1)),
        ("unheard", json!(true)),
        ("additionalProperties", json!({"type": "string"})),
        ("type", json!("text")),
        ("type", json!([])),
        ("const", json!(1)),
        ("enum", json!(["a", 1])),
        ("required", json!("model")),
        ("maxLength", json!(-1)),
        ("maximum", json!(18_446_744_073_709_551_615_u64)),
        ("oneOf", json!([])),
        ("$ref", json!("other.json")),
        ("pattern", json!("^(?=a)")),
    ] {
        let expected = Unknown::Keyword { keyword: keyword.to_owned(), value: value.clone() };
        let inner = json!({"type": "object", "properties": {"deep": {"items": {keyword: value}}}});
        assert_eq!(refused(inner), Some(expected));
    }
    assert_eq!(refused(json!({"items": true})), Some(Unknown::Schema(json!(true))));
    let nowhere = Unknown::Reference("/$defs/none".to_owned());
    assert_eq!(refused(json!({"$ref": "#/$defs/none"})), Some(nowhere));
    let circle = json!({"properties": {"again": {"$ref": "#"}}});
    assert_eq!(refused(circle), Some(Unknown::Circle(String::new())));
}

#[test]
fn patterns_that_other_readers_read_otherwise_are_not_known() {
    for pattern in [
        "a.b",
        r"\d",
        r"\w",
        r"\b",
        r"\<a",
        r"\p{L}",
        r"\1",
        "(?i)a",
        "(?:a)",
        "(?<n>a)",
        "a+?",
        "a??",
        "a{2}?",
        "a{,2}",
        "a{b",
        "[[:alpha:]]",
        "[a&&b]",
        "[a--b]",
        "[a~~b]",
        "[]a]",
        "[^]a]",
        r"[\S]",
        r"[\d]",
        r"[\s-a]",
        r"[!-\s]",
        "[a",
        "(a",
        r"\",
    ] {
        assert!(super::pattern::compile(pattern).is_none(), "{pattern}");
    }
    for pattern in ["^a*$", "a|b", r"\.\?\s\S", r"[^\s/\]-]", "a{2,3}b+", "(a)?"] {
        assert!(super::pattern::compile(pattern).is_some(), "{pattern}");
    }
}
