//! A body as a tree that the knowledge of dialects is written against.
//!
//! What can be read at all is the business of [`Json`]; here its first value becomes plain data.

use serde_json::{Map, Value};

use super::json::{self, Json};

/// The first JSON value of an answer, if it is whole, whatever follows it. Numbers become text, with
/// all their digits as they are written; of a text that was too long to keep, nothing is believed.
pub(super) fn of(json: &Json) -> Option<Value> {
    json.value.clone().filter(|_| json.whole).map(plain)
}

fn plain(value: json::Value) -> Value {
    match value {
        json::Value::Null | json::Value::Start(_) => Value::Null,
        json::Value::Bool(flag) => Value::Bool(flag),
        json::Value::Number(text) | json::Value::Text(text) => Value::String(text),
        // Not deeper than what the reader keeps.
        json::Value::List(items) => Value::Array(items.into_iter().map(plain).collect()),
        json::Value::Map(entries) => {
            let entries = entries.into_iter().map(|(key, value)| (key, plain(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_others_refuse_is_read() {
        for (body, says) in [
            (&b"\xef\xbb\xbf{\"a\":\"b\"}"[..], json!({"a": "b"})),
            (b"{\"a\":NaN,\"b\":-Infinity}", json!({"a": null, "b": null})),
            (b"{\"a\":\"\\ud800x\"}", json!({"a": "\u{fffd}x"})),
            (b"{\"a\":\"1\n2\t\x01\"}", json!({"a": "1\n2\t\u{1}"})),
            (b"{\"a\":\"b\"}{\"code\":\"insert_task_failed\"}", json!({"a": "b"})),
            (b"{\"a\":\"b\"}\n<!-- served by -->", json!({"a": "b"})),
            (b"{\"a\":1757165031.50}", json!({"a": "1757165031.50"})),
            (b"{\"a\":[true,false,null,-1e5]}", json!({"a": [true, false, null, "-1e5"]})),
        ] {
            assert_eq!(of(&Json::read(body)), Some(says), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_not_whole_is_not_read() {
        for body in ["", "{", "<html>", "{\"a\":\"b", "{\"a\":12", "{\"a\":\"\\u12", "nonsense"] {
            assert_eq!(of(&Json::read(body.as_bytes())).filter(Value::is_object), None, "{body}");
        }
    }
}
