//! The JSON Schema of the manifest, for editors.
//!
//! It is written by hand, because what an editor shows while someone types deserves its own words,
//! and held to the reader by tests: both know the same keys, and the example manifests fit both.

use serde_json::{Value, json};

use super::labels::MOST_TAGS;
use super::pairs::MOST_TAKES;
use super::settings::{MOST_AUDIO, MOST_CONCURRENCY, MOST_DOUBTS, MOST_IN_FLIGHT};
use super::uploads::LONGEST_PREFIX;
use super::{DEFAULT_ENDPOINT, DEFAULT_MODEL, idempotency, ledger, pool, videos};

/// The JSON Schema (2020-12) of a manifest. It refuses less than [`super::read`], which also
/// compares pairs with each other and looks into URLs.
#[must_use]
pub fn schema() -> Value {
    let parts =
        [spending(), pool::schema(), idempotency::schema(), videos::schema(), ledger::schema()];
    let properties = parts.into_iter().fold(settings(), joined);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "callsheet manifest",
        "description": "Which portrait and audio pairs are to be made into videos, and how.",
        "type": "object",
        "properties": properties,
        "required": ["version"],
        "anyOf": [{"required": ["pairs"]}, {"required": ["cross"]}, {"required": ["pairs_from"]}],
        "additionalProperties": false,
        "$defs": {
            "pair": pair(),
            "defaults": defaults(),
            "cross": cross(),
            "uploads": uploads(),
            "source": {
                "description": "A public https:// URL, or a file beside the manifest, which is \
                                uploaded just before its create.",
                "type": "string",
                "minLength": 1,
                "maxLength": 8192,
            },
            "names": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"$ref": "#/$defs/id"},
                "additionalProperties": {"$ref": "#/$defs/source"},
            },
            "texts": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {
                        "type": "array",
                        "items": {"type": "string", "minLength": 1},
                        "minItems": 1,
                        "uniqueItems": true,
                    },
                ],
            },
            "tag": {
                "anyOf": [
                    {"type": "integer"},
                    {"type": "string", "minLength": 1, "pattern": r#"^[^\[\]{}":*?@]*$"#},
                ],
            },
            "amount": {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0},
                    {"type": "string", "pattern": "^ *[0-9]"},
                ],
            },
            // At most 128 bytes, which no pattern can count.
            "id": {"pattern": r"^[\p{L}\p{N}][\p{L}\p{N}\p{M}._-]{0,127}$"},
        },
    })
}

fn model() -> Value {
    json!({
        "description": "The model that renders the videos.",
        "type": "string",
        "minLength": 1,
        "maxLength": super::settings::LONGEST_MODEL,
        "default": DEFAULT_MODEL,
    })
}

fn settings() -> Value {
    json!({
        "version": {
            "description": "The version of this format.",
            "const": 1,
        },
        "endpoint": {
            "description": "The API: scheme and host, without a path.",
            "type": "string",
            "pattern": "^https?://[^/?#]+/?$",
            "default": DEFAULT_ENDPOINT,
        },
        "model": model(),
        "concurrency": {
            "description": "How many creates are under way at once.",
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_CONCURRENCY,
            "default": 4,
        },
        "rate": {
            "description": "How many creates may start in a time: 2/s, 60/min, 500/h.",
            "type": "string",
            "pattern": "^ *[0-9]{1,7} */ *(s|sec|second|m|min|minute|h|hour) *$",
        },
        "in_flight": {
            "description": "How many tasks may be unfinished at the server.",
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_IN_FLIGHT,
        },
        "max_doubts": {
            "description": "A run stops creating when so many of its creates are in doubt.",
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_DOUBTS,
        },
        "max_audio": {
            "description": format!(
                "The longest recording that is sent, from 1s to {MOST_AUDIO}s: the API takes 30s, \
                 and 60s in 720p mode."
            ),
            "type": "string",
            "default": "30s",
        },
        "uploads": {"$ref": "#/$defs/uploads"},
        "probe": {
            "description": "Whether each pair's media are looked at just before its create.",
            "type": "boolean",
            "default": false,
        },
        "defaults": {"$ref": "#/$defs/defaults"},
        "pairs": {
            "description": "Each becomes one video, and one paid request.",
            "type": "array",
            "minItems": 1,
            "items": {"$ref": "#/$defs/pair"},
        },
        "pairs_from": {
            "description": "Tables with more pairs: CSV, TSV, JSON Lines, .xlsx, .ods; a sheet as \
                            file.xlsx#Sheet2. Paths in them start in their folder.",
            "$ref": "#/$defs/texts",
        },
        "encoding": {
            "description": "What the text of these tables is encoded in, if it is not Unicode: \
                            gbk, windows-1252.",
            "type": "string",
            "minLength": 1,
        },
        "id_from": {
            "description": "Columns of these tables that make the id of a row that has none: \
                            [presenter, language].",
            "$ref": "#/$defs/texts",
        },
        "cross": {"$ref": "#/$defs/cross"},
    })
}

fn price() -> Value {
    let amount = |description: &str| json!({"description": description, "type": "number", "exclusiveMinimum": 0});
    json!({
        "description": "What videos cost, where it is more than `price_per_second` can say.",
        "type": "object",
        "properties": {
            "per": {
                "description": "What is counted: second, clip, or a time such as 10s, of which \
                                each that is begun counts.",
                "type": "string",
                "pattern": "^ *(second|clip|[0-9].*)$",
                "default": "second",
            },
            "amount": amount("What one of it costs."),
            "minimum": amount("The least that a video costs."),
            "step": {
                "description": "What each recording's length is rounded up to: 5s.",
                "type": "string",
                "pattern": "^ *[0-9]",
                "default": "1s",
            },
            "turbo": amount("How many times as much a video costs with `turbo_mode`."),
            "720p": amount("How many times as much a video costs with `resolution: 720p`."),
        },
        "required": ["amount"],
        "additionalProperties": false,
    })
}

fn spending() -> Value {
    json!({
        "price_per_second": {
            "description": "What a second of video costs; plans then speak in money.",
            "type": "number",
            "exclusiveMinimum": 0,
        },
        "price": price(),
        "currency": {
            "description": "What the money is called, such as CNY. It is only shown: nothing is converted.",
            "type": "string",
            "minLength": 1,
            "maxLength": 12,
        },
        "budget": {
            "description": "What the batch may cost: in the same money, or in seconds of audio. \
                            Never passed; what is in doubt counts as spent.",
            "$ref": "#/$defs/amount",
        },
        "max_pair_cost": {
            "description": "What a pair may cost; a dearer one is not sent.",
            "$ref": "#/$defs/amount",
        },
        "confirm_cost": {
            "description": "A run that would spend more has to be confirmed.",
            "$ref": "#/$defs/amount",
        },
        "confirm_pairs": {
            "description": "A run that would send more creates has to be confirmed.",
            "type": "integer",
            "minimum": 0,
            "maximum": u32::MAX,
            "default": 100,
        },
    })
}

fn joined(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn pair() -> Value {
    let mut properties = json!({
        "id": {
            "description": "Names the pair and the file of its video; unique, also when compared \
                            without case. Default: <image stem>-<audio stem>.",
            "type": ["string", "integer"],
            "$ref": "#/$defs/id",
        },
        "take": {
            "description": "Tells apart pairs that ask for the same video on purpose.",
            "type": "integer",
            "minimum": 1,
            "maximum": MOST_TAKES,
            "default": 1,
        },
    });
    merge(&mut properties, request_keys());
    json!({
        "description": "One portrait and one recording.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "not": {
            "anyOf": [
                {"required": ["image", "image_url"]},
                {"required": ["audio", "audio_url"]},
            ],
        },
    })
}

fn defaults() -> Value {
    json!({
        "description": "What every pair takes that does not say it itself; null in a pair means \
                        not even from here.",
        "type": "object",
        "properties": request_keys(),
        "additionalProperties": false,
    })
}

fn cross() -> Value {
    json!({
        "description": "Every image with every audio; the ids are the names with a hyphen.",
        "type": "object",
        "properties": {
            "images": {"description": "Names and URLs.", "$ref": "#/$defs/names"},
            "audios": {"description": "Names and URLs.", "$ref": "#/$defs/names"},
        },
        "required": ["images", "audios"],
        "additionalProperties": false,
    })
}

fn uploads() -> Value {
    json!({
        "description": "The bucket that local files go to. Without it they go to the API's own \
                        storage. Credentials come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY \
                        and AWS_SESSION_TOKEN.",
        "type": "object",
        "properties": {
            "bucket": {
                "description": "The name of the bucket.",
                "type": "string",
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$",
            },
            "endpoint": {
                "description": "The server that has it: https://s3.eu-central-1.amazonaws.com.",
                "type": "string",
                "pattern": "^https?://[^/?#]+/?$",
            },
            "region": {
                "description": "The region that requests are signed for, such as eu-central-1.",
                "type": "string",
                "pattern": "^[A-Za-z0-9-]{1,64}$",
            },
            "prefix": {
                "description": "The folder in it.",
                "type": "string",
                "pattern": "^/?[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*/?$",
                "maxLength": LONGEST_PREFIX + 2,
            },
            "lifetime": {
                "description": "How long the links to the files work, from 1h to 168h.",
                "type": "string",
                "default": "72h",
            },
            "path_style": {
                "description": "Whether the bucket's name stands in the path of URLs, or in their \
                                host. By default in the host where a service is known to want it \
                                there (OSS, COS, TOS, OBS), elsewhere in the path.",
                "type": "boolean",
            },
        },
        "required": ["bucket", "endpoint", "region"],
        "additionalProperties": false,
    })
}

/// What a pair and the defaults have in common.
fn request_keys() -> Value {
    json!({
        "tags": {
            "description": "Words to choose pairs by: a list, or a text with commas. Never sent.",
            "anyOf": [
                {"type": "null"},
                {"$ref": "#/$defs/tag"},
                {"type": "array", "items": {"$ref": "#/$defs/tag"}, "maxItems": MOST_TAGS},
            ],
        },
        "expires": {
            "description": "When the links of the pair die, with its zone: 2026-12-31T18:00:00Z; \
                            or seconds since 1970. Never sent.",
            "type": ["string", "integer", "null"],
            "pattern": "^ *[0-9]",
            "minimum": 1_000_000_000,
        },
        "image": {"description": "The portrait.", "$ref": "#/$defs/source"},
        "image_url": {"description": "The same as `image`.", "$ref": "#/$defs/source"},
        "audio": {"description": "The recording.", "$ref": "#/$defs/source"},
        "audio_url": {"description": "The same as `audio`.", "$ref": "#/$defs/source"},
        "prompt": {
            "description": "What the person does while speaking.",
            "type": ["string", "null"],
        },
        "turbo_mode": {
            "description": "Faster, slightly worse. Leave it out unless necessary.",
            "type": ["boolean", "null"],
        },
        "advanced": {
            "description": "Passed on as written. Leave it out unless necessary.",
            "type": ["object", "null"],
        },
        "extra": {
            "description": "Further fields of the request, passed on as written.",
            "type": ["object", "null"],
            "propertyNames": {"not": {"enum": crate::pair::Request::OWN_FIELDS}},
        },
    })
}

/// Adds the keys of one JSON object to another.
fn merge(into: &mut Value, from: Value) {
    if let (Some(into), Value::Object(from)) = (into.as_object_mut(), from) {
        into.extend(from);
    }
}
