//! What an answer says that its task costs: `usage` with `credits_reserved`, and what kin have.
//!
//! The unit is unknown, and so is whether anybody keeps to it. So a bill is evidence:
//! whatever is wrong with it, the rest of its answer stands.

use serde_json::{Map, Number};

use super::bounded;
use super::json::{Json, Value};
use crate::price::Credits;

/// How much of a usage is kept, in bytes.
const USAGE: usize = 2048;
/// How deep.
const DEPTH: usize = 4;

/// What was taken, by its names in lower case without `_`; the first that is there counts.
const TAKEN: &[&str] =
    &["creditsused", "creditscharged", "creditsconsumed", "usedcredits", "consumedcredits"];
/// What is given back of what was reserved.
const REFUNDED: &[&str] = &["creditsrefunded", "refundedcredits", "creditsreturned"];
/// What was reserved before the end.
const RESERVED: &[&str] = &["creditsreserved", "reservedcredits", "credits", "creditscost"];

/// What a task costs, as the service says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bill {
    /// What the answer has as `usage`, as JSON, bounded.
    pub usage: Option<String>,
    /// The number in it, and how that was written.
    pub credits: Option<(Credits, String)>,
}

impl Bill {
    /// Whether there is anything to be kept.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.usage.is_some() || self.credits.is_some()
    }
}

/// What an answer says of the cost of its task. The key must have been removed from it before.
pub(super) fn read(json: &Json) -> Bill {
    let answer = json.value();
    let layers = [single(answer.get("data")), answer];
    let usage = layers.map(|layer| layer.get("usage")).into_iter().find(|usage| !usage.is_empty());
    let places: Vec<_> = usage.into_iter().chain(layers).collect();
    Bill { usage: usage.and_then(kept), credits: credits(&places).or_else(|| quota(&layers)) }
}

/// The only item of a list, or what is no list.
fn single(value: &Value) -> &Value {
    if let [item] = value.items() { item } else { value }
}

/// What was taken, or else what was reserved and not given back.
fn credits(places: &[&Value]) -> Option<(Credits, String)> {
    if let Some(taken) = number(places, TAKEN) {
        return Some(taken);
    }
    let (reserved, written) = number(places, RESERVED)?;
    match number(places, REFUNDED) {
        Some((refunded, _)) => {
            let left = reserved.less(refunded);
            Some((left, left.to_string()))
        }
        None => Some((reserved, written)),
    }
}

/// The row of a relay has its price in units of quota, beside the task's id.
fn quota(layers: &[&Value]) -> Option<(Credits, String)> {
    let rows = layers.iter().filter(|layer| !layer.get("task_id").is_empty());
    rows.copied().find_map(|row| usable(row.get("quota")))
}

fn number(places: &[&Value], names: &[&str]) -> Option<(Credits, String)> {
    names.iter().find_map(|name| {
        let mut entries = places.iter().flat_map(|place| place.entries());
        entries.find_map(|(key, value)| is_plainly(key, name).then(|| usable(value)).flatten())
    })
}

/// Whether a key is this name, whatever its case and without its `_`.
fn is_plainly(key: &str, name: &str) -> bool {
    key.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase()).eq(name.bytes())
}

fn usable(value: &Value) -> Option<(Credits, String)> {
    let written = value.scalar()?.trim();
    Some((Credits::read(written)?, written.to_owned()))
}

/// The usage as JSON; of one that is too long, what fits of its scalars.
fn kept(usage: &Value) -> Option<String> {
    let whole = shown(usage, DEPTH).to_string();
    if whole.len() <= USAGE {
        return Some(whole);
    }
    let mut fits = Map::new();
    let mut room = USAGE;
    for (key, value) in usage.entries().iter().filter(|(_, value)| value.scalar().is_some()) {
        let value = shown(value, 1);
        let needs = key.len() + value.to_string().len() + 8;
        if needs <= room {
            room -= needs;
            fits.insert(key.clone(), value);
        }
    }
    (!fits.is_empty()).then(|| serde_json::Value::Object(fits).to_string())
}

/// As JSON that anybody reads; what lies deeper than `depth` is left out.
fn shown(value: &Value, depth: usize) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        // One that JSON has not as it is written becomes a text.
        Value::Number(digits) => match digits.parse::<Number>() {
            Ok(number) if number.to_string() == *digits => number.into(),
            _ => digits.as_str().into(),
        },
        Value::Text(text) | Value::Start(text) => bounded(text).into(),
        Value::List(_) | Value::Map(_) if depth == 0 => serde_json::Value::Null,
        Value::List(items) => items.iter().map(|item| shown(item, depth - 1)).collect(),
        Value::Map(entries) => {
            let entry = |(key, value): &(String, Value)| (bounded(key), shown(value, depth - 1));
            serde_json::Value::Object(entries.iter().map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bill(body: &str) -> (Option<String>, Option<String>) {
        let Bill { usage, credits } = read(&Json::read(body.as_bytes()));
        (usage, credits.map(|(credits, _)| credits.to_string()))
    }

    #[test]
    fn what_was_taken_goes_before_what_was_reserved() {
        for (body, credits) in [
            (r#"{"usage":{"credits_reserved":5,"user_group":"default"}}"#, Some("5")),
            (r#"{"usage":{"credits_reserved":5,"credits_used":4.5}}"#, Some("4.5")),
            (r#"{"usage":{"credits_used":0,"credits_reserved":5}}"#, Some("0")),
            (r#"{"usage":{"creditsConsumed":"7"}}"#, Some("7")),
            (r#"{"usage":{"credits_reserved":5,"credits_refunded":5}}"#, Some("0")),
            (r#"{"usage":{"credits_reserved":5,"credits_refunded":9}}"#, Some("0")),
            (r#"{"code":200,"data":{"usage":{"credits_reserved":3}}}"#, Some("3")),
            (r#"{"data":[{"usage":{"credits_reserved":3}}]}"#, Some("3")),
            (r#"{"data":[{"credits_used":3},{"credits_used":4}]}"#, None),
            (r#"{"credits_used":8,"usage":null}"#, Some("8")),
            (r#"{"code":"success","data":{"task_id":"t1","quota":80000}}"#, Some("80000")),
            (r#"{"data":{"quota":80000}}"#, None),
            (r#"{"id":"t1","status":"pending"}"#, None),
        ] {
            assert_eq!(bill(body).1.as_deref(), credits, "{body}");
        }
    }

    #[test]
    fn odd_numbers_are_kept_and_not_counted() {
        for (value, kept) in [
            ("-5", "-5"),
            ("1e400", "\"1e400\""),
            ("NaN", "null"),
            ("\"many\"", "\"many\""),
            ("{\"a\":[5]}", "{\"a\":[5]}"),
            ("[5]", "[5]"),
            ("true", "true"),
            ("99999999999999999999999", "\"99999999999999999999999\""),
        ] {
            let (usage, credits) = bill(&format!(r#"{{"usage":{{"credits_reserved":{value}}}}}"#));
            assert_eq!(credits, None, "{value}");
            assert_eq!(usage.unwrap(), format!(r#"{{"credits_reserved":{kept}}}"#), "{value}");
        }
        assert_eq!(bill(r#"{"usage":5}"#), (Some("5".to_owned()), None), "of nobody knows what");
    }

    #[test]
    fn a_usage_is_bounded_and_stays_json() {
        let long = format!(
            r#"{{"usage":{{"note":"{}","list":[{}1],"credits_reserved":5}}}}"#,
            "x".repeat(9000),
            "12345678,".repeat(400)
        );
        let (usage, credits) = bill(&long);
        let usage: serde_json::Value = serde_json::from_str(&usage.unwrap()).unwrap();
        assert_eq!((&usage["credits_reserved"], credits.as_deref()), (&5.into(), Some("5")));
        assert!(usage.to_string().len() <= USAGE && usage.get("list").is_none(), "{usage}");
        let deep = format!(r#"{{"usage":{{"a":{}5{}}}}}"#, "[".repeat(30), "]".repeat(30));
        assert_eq!(bill(&deep).0.unwrap(), r#"{"a":[[[null]]]}"#);
        let signed = bill(r#"{"usage":{"invoice":"https://e.com/i?sig=secret"}}"#).0.unwrap();
        assert!(!signed.contains("secret"), "{signed}");
    }
}
