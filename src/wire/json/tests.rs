//! Held against `serde_json` where that can read, and against what was written where it cannot.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::Value as Exact;

use super::*;

fn read(text: &str) -> Json {
    Json::read(text.as_bytes())
}

fn at(text: &str, path: &[&str]) -> Option<String> {
    read(text).value().at(path).scalar().map(str::to_owned)
}

fn equals(value: &Value, exact: &Exact) -> bool {
    match (value, exact) {
        (Value::Null, Exact::Null) => true,
        (Value::Bool(one), Exact::Bool(other)) => one == other,
        (Value::Number(digits), Exact::Number(number)) => *digits == number.to_string(),
        (Value::Text(one), Exact::String(other)) => one == other,
        (Value::List(items), Exact::Array(others)) => {
            items.len() == others.len() && items.iter().zip(others).all(|(a, b)| equals(a, b))
        }
        (Value::Map(entries), Exact::Object(others)) => {
            entries.len() == others.len()
                && entries.iter().all(|(key, a)| others.get(key).is_some_and(|b| equals(a, b)))
        }
        _ => false,
    }
}

/// Every scalar with the names that lead to it.
fn scalars(value: &Value, path: &str, into: &mut Vec<String>) {
    value.entries().iter().for_each(|(key, value)| scalars(value, &format!("{path}/{key}"), into));
    value
        .items()
        .iter()
        .enumerate()
        .for_each(|(n, item)| scalars(item, &format!("{path}/{n}"), into));
    if value.entries().is_empty() && value.items().is_empty() {
        into.push(format!("{path}={value:?}"));
    }
}

fn json() -> impl Strategy<Value = Exact> {
    let leaf = prop_oneof![
        Just(Exact::Null),
        any::<bool>().prop_map(Exact::from),
        any::<i64>().prop_map(Exact::from),
        (-1e9..1e9).prop_map(Exact::from),
        any::<String>().prop_map(Exact::from),
    ];
    let value = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Exact::from),
            btree_map(any::<String>(), inner, 0..8)
                .prop_map(|map| Exact::Object(map.into_iter().collect())),
        ]
    });
    // As an answer is: an object.
    btree_map("[a-z\"\\\\é]{0,6}", value, 0..6)
        .prop_map(|map| Exact::Object(map.into_iter().collect()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_reads_what_serde_json_reads_however_it_is_cut(
        exact in json(), pretty in any::<bool>(), cuts in vec(1..40usize, 1..20)
    ) {
        let text = if pretty { serde_json::to_string_pretty(&exact) } else { serde_json::to_string(&exact) };
        let text = text.unwrap();
        let mut reader = Reader::default();
        let mut rest = text.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, more) = rest.split_at(rest.len().min(*cut));
            reader.feed(piece);
            rest = more;
        }
        let json = reader.end();
        prop_assert!(json.is_plain(), "{text}");
        prop_assert!(equals(json.value(), &exact), "{text}\n{json:?}");
    }

    #[test]
    fn no_prefix_invents_a_scalar(exact in json()) {
        let text = exact.to_string();
        let mut whole = Vec::new();
        scalars(read(&text).value(), "", &mut whole);
        for end in 1..text.len() {
            let json = Json::read(&text.as_bytes()[..end]);
            prop_assert!(!json.whole);
            let mut some = Vec::new();
            scalars(json.value(), "", &mut some);
            // An empty container is one that was cut open.
            some.retain(|scalar| !scalar.ends_with("=Map([])") && !scalar.ends_with("=List([])"));
            some.iter().for_each(|scalar| assert!(whole.contains(scalar), "{scalar} in {text}"));
        }
    }

    #[test]
    fn any_bytes_can_be_read(bytes in vec(any::<u8>(), 0..200), lead in "[\\[{\":,a1 ]{0,9}") {
        let all = [lead.as_bytes(), &bytes].concat();
        let mut reader = Reader::default();
        all.iter().for_each(|byte| reader.feed(&[*byte]));
        prop_assert_eq!(reader.end(), Json::read(&all));
    }
}

#[test]
fn numbers_stay_as_they_were_written() {
    for digits in ["1757165031.50", "123456789012345678901234567890", "-0", "1E5", "007"] {
        assert_eq!(at(&format!("{{\"id\":{digits}}}"), &["id"]).as_deref(), Some(digits));
    }
    assert_eq!(read("17").value(), &Value::Number("17".to_owned()));
}

#[test]
fn what_is_cut_off_is_no_value() {
    for text in
        [r#"{"id":"t"#, r#"{"id":17"#, r#"{"id":"#, r#"{"id"#, r#"{"id":tru"#, r#"{"id":"\u0"#]
    {
        let json = read(text);
        assert_eq!(json.value().entries(), [], "{text}");
        assert!(!json.whole, "{text}");
    }
    assert_eq!(at(r#"{"data":{"list":[{"id":"t1","x":1"#, &["data", "list"]), None);
    let cut = read(r#"{"data":{"list":[{"id":"t1","x":1"#);
    assert_eq!(cut.value().at(&["data", "list"]).items()[0].get("id").scalar(), Some("t1"));
    assert_eq!(at(r#"{"id":17,"x"#, &["id"]).as_deref(), Some("17"));
}

#[test]
fn what_is_no_json_does_not_hide_what_is_some() {
    for text in [
        "\u{feff}{\"id\":\"t1\"}",
        r#"{"x":NaN,"id":"t1"}"#,
        r#"{"x":-Infinity,"y":undefined,"z":[None,],"id":"t1",}"#,
        r#"{"x":,"id":"t1"}"#,
        r#"{"x":"\ud83d","y":"\ude00\ud83dx","id":"t1"}"#,
        r#"{"x":"\q\u12g","id":"t1"}"#,
        "{\"x\":\"a\u{1}\n\tb\",\"id\":\"t1\"}",
        r#"{"x":"" "id":"t1"}"#,
    ] {
        assert_eq!(at(text, &["id"]).as_deref(), Some("t1"), "{text}");
        assert!(read(text).whole, "{text}");
    }
    let latin = Json::read(b"{\"\xff\":\"caf\xe9\",\"id\":\"t1\"}");
    assert_eq!((latin.value().get("id").scalar(), latin.odd), (Some("t1"), true));
    let pair = read(r#"{"x":"\ud83d\ude00"}"#);
    assert_eq!((pair.value().get("x").text(), pair.odd), (Some("\u{1f600}"), false));
}

#[test]
fn what_follows_the_first_value_is_noticed_and_not_read() {
    for (text, more) in [
        (r#"{"id":"t1"}{"code":"insert_task_failed"}"#, true),
        (r#"{"id":"t1"} trailing"#, true),
        ("{\"id\":\"t1\"}\r\n ", false),
    ] {
        let json = read(text);
        assert_eq!((json.more, json.value().entries().len()), (more, 1), "{text}");
    }
    assert_eq!(at(r#"{"id":"t1","id":"t2"}"#, &["id"]).as_deref(), Some("t1"), "the first counts");
}

#[test]
fn a_body_that_is_something_else_has_no_value() {
    for text in
        ["", " ", "OK", "<html>{\"id\":\"t1\"}</html>", "error code: 1010", "}", "\u{1f}\u{8b}"]
    {
        assert_eq!(read(text).value, None, "{text}");
    }
    assert_eq!(read("null").value, Some(Value::Null));
}

#[test]
fn an_id_is_found_behind_any_amount_of_other_json() {
    let long = format!(r#"{{"x":"{}","id":"t1"}}"#, "y".repeat(500_000));
    let list = format!(r#"{{"x":[{}1],"id":"t1"}}"#, "[\"y\",{\"z\":2}],".repeat(20_000));
    let names: String = (0..20_000).map(|n| format!("\"x{n}\":{{\"id\":{n}}},")).collect();
    let deep = format!(r#"{{"x":{}{},"id":"t1"}}"#, "[".repeat(200_000), "]".repeat(200_000));
    for text in [long, list, format!("{{{names}\"id\":\"t1\"}}"), deep] {
        let json = read(&text);
        assert_eq!((json.value().get("id").scalar(), json.whole), (Some("t1"), true));
        assert!(format!("{json:?}").len() < 2_000_000, "more was kept than is allowed");
    }
    let open = Json::read("{\"a\":".repeat(300_000).as_bytes());
    assert!(!open.whole);
}

#[test]
fn of_a_text_that_is_too_long_only_the_start_is_there_to_be_shown() {
    let json = read(&format!(r#"{{"message":"{}","id":"t1"}}"#, "ä".repeat(100_000)));
    let message = json.value().get("message");
    assert_eq!((message.text(), message.scalar()), (None, None));
    assert!(message.shown().is_some_and(|start| start.len() < 10_000));
}
