//! `docs/manifest.md` has every key of a manifest, from its JSON Schema.

use std::fmt::Write as _;

use callsheet::manifest;
use serde_json::Value;

use crate::section::{cell, hold};

#[test]
fn every_key_of_a_manifest_is_in_the_reference() {
    let schema = manifest::schema();
    let mut text = String::new();
    table(&mut text, &schema, "The manifest", &schema);
    for (name, title) in
        [("pair", "`pairs`: each item"), ("cross", "`cross`"), ("uploads", "`uploads`")]
    {
        table(&mut text, &schema, title, &schema["$defs"][name]);
    }
    table(&mut text, &schema, "`price`", &schema["properties"]["price"]);
    let idempotency = schema["properties"]["idempotency"]["anyOf"].as_array().unwrap();
    let map = idempotency.iter().find(|form| form["type"] == "object").unwrap();
    table(&mut text, &schema, "`idempotency`, as a map", map);
    hold("manifest.md", "keys", &text);
}

/// A heading, and a row for each key of an object.
fn table(text: &mut String, schema: &Value, title: &str, object: &Value) {
    let _ = write!(text, "### {title}\n\n| key | type | default | |\n|---|---|---|---|\n");
    let required = object["required"].as_array();
    for (key, value) in object["properties"].as_object().unwrap() {
        let needed = required.is_some_and(|required| required.contains(&Value::from(&**key)));
        let default = match &value["default"] {
            Value::Null if needed => "required".to_owned(),
            Value::Null => String::new(),
            default => format!("`{}`", default.as_str().map_or(default.to_string(), str::to_owned)),
        };
        let meaning = [value, target(schema, value)].map(|value| value["description"].as_str());
        let meaning = meaning.into_iter().flatten().next().unwrap_or_default();
        let kind = kinds(schema, value);
        let _ = writeln!(text, "| `{key}` | {kind} | {default} | {} |", cell(meaning));
    }
    text.push('\n');
}

/// What a `$ref` leads to, or the value itself.
fn target<'a>(schema: &'a Value, value: &'a Value) -> &'a Value {
    let name = value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    name.map_or(value, |name| &schema["$defs"][name])
}

/// What a key takes, in people's words.
fn kinds(schema: &Value, value: &Value) -> String {
    let named = match value["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some("source") => "URL or file",
        Some("names") => "names with URLs or files",
        Some("texts") => "text, or a list of texts",
        Some("amount") => "number, or a time such as 600s",
        Some("pair" | "defaults" | "cross" | "uploads") => "map, see below",
        _ => "",
    };
    if !named.is_empty() {
        return named.to_owned();
    }
    if let Some(only) = value.get("const") {
        return format!("`{only}`");
    }
    if let Some(forms) = value["anyOf"].as_array() {
        let mut forms: Vec<_> =
            forms.iter().map(|form| kinds(schema, target(schema, form))).collect();
        forms.retain(|form| form != "nothing");
        forms.dedup();
        return forms.join(", or ");
    }
    let types = match &value["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect::<Vec<_>>(),
    };
    let of = |kind: &str| match kind {
        "string" => "text".to_owned(),
        "integer" => format!("whole number{}", bounds(value)),
        "number" => "number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "array" if value["items"]["$ref"] == "#/$defs/pair" => "list, see below".to_owned(),
        "array" => "a list of them".to_owned(),
        "object" if value.get("properties").is_some() => "map, see below".to_owned(),
        "object" => "map".to_owned(),
        "null" => "nothing".to_owned(),
        other => other.to_owned(),
    };
    let kinds: Vec<_> = types.into_iter().map(of).filter(|kind| kind != "nothing").collect();
    if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(" or ") }
}

fn bounds(value: &Value) -> String {
    match (value["minimum"].as_u64(), value["maximum"].as_u64()) {
        (Some(_), Some(_)) if value["maximum"].as_u64() > Some(100_000_000) => String::new(),
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        _ => String::new(),
    }
}
