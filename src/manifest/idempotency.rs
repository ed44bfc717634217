//! `idempotency`: whether the service honours keys, and how it is told them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::pair::{Idempotency, KeyHeader, KeyHeaderError};

use super::fields::{Field, Fields, Reading};
use super::settings::duration;
use super::tree::Kind;

/// For messages.
const CALLED: &str = "`idempotency`";
const HELP: &str = "write `idempotency: true` where the service documents the header \
                    Idempotency-Key, the name of its header if that is another, or \
                    `{header: Idempotency-Key, window: 24h}`";

/// The part of the JSON Schema that is about it.
pub(super) fn schema() -> Value {
    let header = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$";
    let value = json!({
        "description": "Whether the service honours idempotency keys: true for the header \
                        Idempotency-Key, or the name of its header. Doubts of creates that had a \
                        key are then sent again by themselves, under the same key.",
        "anyOf": [
            {"type": "boolean"},
            {"type": "string", "pattern": header},
            {
                "type": "object",
                "properties": {
                    "header": {
                        "description": "The header that the key goes into.",
                        "type": "string",
                        "pattern": header,
                        "default": "Idempotency-Key",
                    },
                    "window": {
                        "description": "How long the service remembers a key, from 15m to 720h. \
                                        The last ten minutes of it are not used.",
                        "type": "string",
                        "default": "24h",
                    },
                },
                "additionalProperties": false,
            },
        ],
        "default": false,
    });
    json!({"idempotency": value})
}

impl<'t> Reading<'t> {
    /// Nothing inside: it is switched off.
    pub(super) fn idempotency(&mut self, field: &Field<'t>) -> Option<Option<Idempotency>> {
        let window = Idempotency::WINDOW;
        match &field.node.kind {
            Kind::Bool(false) => Some(None),
            Kind::Bool(true) => Some(Some(Idempotency { header: KeyHeader::default(), window })),
            Kind::Text(name) => {
                self.key_header(field, name).map(|header| Some(Idempotency { header, window }))
            }
            Kind::Map(_) => self.idempotency_in_full(field).map(Some),
            _ => {
                self.wrong(field, "true, false or the name of a header", HELP);
                None
            }
        }
    }

    fn idempotency_in_full(&mut self, field: &Field<'t>) -> Option<Idempotency> {
        let mut fields = Fields::open_field(self, field, CALLED)?;
        let header = fields.take("header").map(|field| match &field.node.kind {
            Kind::Text(name) => self.key_header(&field, name),
            _ => {
                self.wrong(&field, "the name of a header", "such as Idempotency-Key");
                None
            }
        });
        let window = fields.take("window").map(|field| self.window(&field));
        fields.finish(self);
        Some(Idempotency {
            header: header.unwrap_or_else(|| Some(KeyHeader::default()))?,
            window: window.unwrap_or(Some(Idempotency::WINDOW))?,
        })
    }

    fn key_header(&mut self, field: &Field<'t>, name: &str) -> Option<KeyHeader> {
        match KeyHeader::parse(name.trim()) {
            Ok(header) => Some(header),
            Err(KeyHeaderError::NoName) => {
                self.wrong(field, "true, false or the name of a header", HELP);
                None
            }
            Err(taken @ KeyHeaderError::Taken) => {
                self.refuse(field, taken, "a header of its own", HELP);
                None
            }
        }
    }

    fn window(&mut self, field: &Field<'t>) -> Option<Duration> {
        let allowed = Idempotency::SHORTEST..=Idempotency::LONGEST;
        let window = duration(field).filter(|window| allowed.contains(window));
        if window.is_none() {
            let help = "how long the service remembers a key, as its documentation says; the last \
                        ten minutes of it are not used";
            self.wrong(field, "a time from 15m to 720h, such as 24h", help);
        }
        window
    }
}
