//! What makes two requests the same: a digest over the body's meaning, not over its bytes.

use std::fmt::{self, Write as _};

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256 of a request's body in canonical form: keys sorted, no blanks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of a body, the same for every order of its keys.
    #[must_use]
    pub fn of(body: &Value) -> Self {
        Self::of_bytes(canonical(body).as_bytes())
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first 8 bytes, for seeding.
    pub(crate) fn head(&self) -> u64 {
        self.0[..8].iter().fold(0, |head, byte| head << 8 | u64::from(*byte))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// JSON with sorted keys and without blanks.
///
/// Sorted here, because whether `serde_json` keeps the order of arrival depends on a feature that
/// any crate of the build may switch on.
pub(crate) fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<_> = map.iter().collect();
            keys.sort_unstable_by_key(|(key, _)| *key);
            write_list(text, '{', '}', keys, |(key, value), text| {
                write_scalar(&Value::from(key.as_str()), text);
                text.push(':');
                write_canonical(value, text);
            });
        }
        Value::Array(items) => write_list(text, '[', ']', items, write_canonical),
        scalar => write_scalar(scalar, text),
    }
}

fn write_list<T>(
    text: &mut String,
    open: char,
    close: char,
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_item(item, text);
    }
    text.push(close);
}

fn write_scalar(value: &Value, text: &mut String) {
    // Writing into a `String` cannot fail.
    let _ = write!(text, "{value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_keys_and_the_blanks_do_not_matter_all_else_does() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let one = parse(r#"{"b": [1, {"y": "ä\n", "x": null}], "a": true}"#);
        assert_eq!(canonical(&one), r#"{"a":true,"b":[1,{"x":null,"y":"ä\n"}]}"#);
        assert_eq!(Digest::of(&one), Digest::of(&parse(&canonical(&one))));
        assert_ne!(Digest::of(&one), Digest::of(&parse(r#"{"a": true}"#)));
        assert_eq!(Digest::of(&parse("{}")).to_string().len(), 64);
    }
}
