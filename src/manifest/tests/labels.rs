//! `take`, `tags`, `expires` and keys that nobody knows: the same in YAML and in every table.

use super::tables::Folder;
use super::*;
use crate::table::tests::books;

/// What becomes of a value that is written for a key.
enum Outcome {
    /// The take, the tags and the moment of the pair.
    Pair(u32, &'static [&'static str], Option<&'static str>),
    /// What the message says.
    Refused(&'static str),
}

use Outcome::{Pair as Is, Refused};

const AT: Option<&str> = Some("2026-12-31T18:00:00Z");

/// Values as JSON has them, and what they come to.
fn cases() -> Vec<(&'static str, Value, Outcome)> {
    vec![
        ("take", json!(2), Is(2, &[], None)),
        ("take", json!("2"), Is(2, &[], None)),
        ("take", json!(0), Refused("`take` must be a whole number from 1 to 9999, found 0")),
        ("take", json!("two"), Refused("`take` must be a whole number")),
        ("take", json!(1.5), Refused("`take` must be a whole number")),
        ("tags", json!("spring"), Is(1, &["spring"], None)),
        ("tags", json!(["spring", "de"]), Is(1, &["spring", "de"], None)),
        (
            "tags",
            json!("spring, de;Teil 2，春 , ,"),
            Is(1, &["spring", "de", "Teil 2", "春"], None),
        ),
        ("tags", json!(["spring", "SPRING"]), Is(1, &["spring"], None)),
        ("tags", json!(2026), Is(1, &["2026"], None)),
        ("tags", json!(["a:b"]), Refused("`tags`: a tag cannot have ':' in it")),
        ("tags", json!("['spring']"), Refused("`tags`: a tag cannot have '[' in it")),
        ("tags", json!("x".repeat(65)), Refused("`tags`: a tag has at most 64 characters")),
        (
            "tags",
            (0..33).map(|n| n.to_string()).collect::<Vec<_>>().join(",").into(),
            Refused("`tags`: too many tags"),
        ),
        ("expires", json!("2026-12-31T18:00:00Z"), Is(1, &[], AT)),
        ("expires", json!("2027-01-01 02:00:00+08:00"), Is(1, &[], AT)),
        ("expires", json!(1_798_740_000), Is(1, &[], AT)),
        ("expires", json!("1798740000"), Is(1, &[], AT)),
        ("expires", json!(1_798_740_000_000_i64), Is(1, &[], AT)),
        ("expires", json!(3600), Refused("`expires` must be a moment")),
        ("expires", json!("2026-12-31"), Refused("`expires` must be a moment")),
        ("expires", json!("2026-12-31 18:00"), Refused("`expires` must be a moment")),
        ("expires", json!("never"), Refused("`expires` must be a moment")),
    ]
}

/// The pair in every form, with this value for this key: as a list of name and bytes.
fn forms(key: &str, value: &Value) -> Vec<(&'static str, Vec<u8>)> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let head = ["id", "image", "audio", key].map(str::to_owned);
    let row = ["a", "https://e.co/a.jpg", "https://e.co/a.mp3", &text].map(str::to_owned);
    let mut sheet = books::Sheet::default();
    sheet.push(&head);
    sheet.push(&row);
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&head).unwrap();
    csv.write_record(&row).unwrap();
    let mut pair = json!({"id": row[0], "image": row[1], "audio": row[2]});
    pair[key] = value.clone();
    vec![
        ("a.csv", csv.into_inner().unwrap()),
        ("a.xlsx", sheet.xlsx()),
        ("a.ods", sheet.ods()),
        ("a.jsonl", format!("{pair}\n").into_bytes()),
        ("a.yaml", json!({"version": 1, "pairs": [pair]}).to_string().into_bytes()),
    ]
}

fn read_form(name: &str, bytes: Vec<u8>) -> Result<Manifest, Problems> {
    match name {
        "a.yaml" => Folder::default().read(std::str::from_utf8(&bytes).unwrap()),
        _ => Folder::with(name, bytes).table(name),
    }
}

#[test]
fn what_is_said_of_a_pair_is_the_same_in_every_form() {
    for (key, value, outcome) in cases() {
        for (name, bytes) in forms(key, &value) {
            // YAML and JSON know text from numbers: "2" is a number in a cell only.
            let is_cell = !matches!(name, "a.yaml");
            if key == "take" && value == json!("2") && !is_cell {
                continue;
            }
            let found = read_form(name, bytes);
            match (&outcome, found) {
                (Is(take, tags, expires), Ok(manifest)) => {
                    let pair = &manifest.pairs[0];
                    let said: Vec<_> = pair.tags.iter().map(|tag| tag.as_str()).collect();
                    let at = pair.expires.map(|at| at.to_string());
                    let expected = (*take, tags.to_vec(), expires.map(str::to_owned));
                    assert_eq!((pair.take, said, at), expected, "{key} {value} {name}");
                }
                (Refused(words), Err(problems)) => {
                    let messages: Vec<_> = problems.iter().map(|it| it.message.as_str()).collect();
                    assert!(messages[0].starts_with(words), "{key} {value} {name}: {messages:?}");
                    assert_eq!(messages.len(), 1, "{key} {value} {name}: {messages:?}");
                }
                (_, Ok(_)) => panic!("{key} {value} {name}: it was taken"),
                (_, Err(problems)) => panic!("{key} {value} {name}: {problems}"),
            }
        }
    }
}

/// YAML refuses such a key, tables pass its column over: both name it, and what was meant.
#[test]
fn a_key_that_nobody_knows_is_named_in_every_form() {
    for (key, near) in [("promt", Some("prompt")), ("notes", None), ("expire", Some("expires"))] {
        for (name, bytes) in forms(key, &json!("x")) {
            let said = match (name, read_form(name, bytes)) {
                ("a.yaml", Err(problems)) => problems.render(false),
                ("a.yaml", Ok(_)) => panic!("{key} was taken"),
                (_, Ok(manifest)) => manifest.warnings.render(false),
                (_, Err(problems)) => panic!("{problems}"),
            };
            assert!(said.contains(&format!("`{key}`")), "{name}: {said}");
            let meant = near.map(|near| format!("did you mean `{near}`?"));
            assert_eq!(said.contains("did you mean"), meant.is_some(), "{name}: {said}");
            assert!(meant.is_none_or(|meant| said.contains(&meant)), "{name}: {said}");
        }
    }
}

/// They go with no request: the same pair with other words is not sent again.
#[test]
fn what_is_said_of_a_pair_is_not_asked_for() {
    let yaml = |more: &str| {
        format!(
            "version: 1\npairs: [{{image: https://e.co/a.jpg, audio: https://e.co/a.mp3{more}}}]"
        )
    };
    let plain = Folder::default().read(&yaml("")).unwrap();
    let said = Folder::default().read(&yaml(", tags: x, expires: 2000000000")).unwrap();
    assert_eq!(bodies(&plain), bodies(&said));
    assert!(plain.pairs[0].tags.is_empty() && plain.pairs[0].expires.is_none());
}

#[test]
fn defaults_say_it_of_all_pairs_and_a_pair_may_say_nothing() {
    let manifest = Folder::with("a.csv", "image,audio,tags\nx.jpg,y.mp3,\nx.jpg,z.mp3,own\n").read(
        "version: 1\ndefaults: {tags: [all], expires: 2000000000}\npairs_from: a.csv\n\
         cross: {images: {a: a.jpg}, audios: {b: b.mp3}}\n\
         pairs: [{image: q.jpg, audio: q.mp3, tags: null, expires: null}]\n",
    );
    let manifest = manifest.unwrap_or_else(|problems| panic!("{problems}"));
    let tags: Vec<_> = manifest.pairs.iter().map(|p| p.tags.first().map(|t| t.as_str())).collect();
    assert_eq!(tags, [None, Some("all"), Some("all"), Some("own")]);
    let dated: Vec<_> = manifest.pairs.iter().map(|pair| pair.expires.is_some()).collect();
    assert_eq!(dated, [false, true, true, true]);
}
