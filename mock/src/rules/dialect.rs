//! The dialects that are spoken on the same paths.
//!
//! The engine thinks in foxapi's present one; what the others say differently is said here.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::answer::{self, Answer};

/// The header that marks an answer as a repetition.
pub(crate) const REPLAYED: &str = "idempotency-replayed";

/// Whose dialect the fake speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// foxapi now.
    #[default]
    Foxapi,
    /// foxapi's older page: `result_data` and `output` instead of `results`, and `cancelled` as a
    /// status.
    FoxapiOlder,
    /// EvoLink: results as strings, `image_urls`, integers as error codes, `Idempotency-Key`.
    Evolink,
}

impl Dialect {
    /// The schema of a create, as a pointer into the contract.
    pub(crate) const fn create_schema(self) -> &'static str {
        match self {
            Self::Foxapi | Self::FoxapiOlder => "/components/schemas/CreateRequest",
            Self::Evolink => "/x-kin/EvolinkCreateRequest",
        }
    }

    /// The image's URL in the body of a create.
    pub(crate) fn image_url(self, body: &Value) -> &str {
        let found = match self {
            Self::Foxapi | Self::FoxapiOlder => &body["image_url"],
            Self::Evolink => &body["image_urls"][0],
        };
        found.as_str().unwrap_or_default()
    }

    /// Whether a repeated `Idempotency-Key` is answered with what the first one got.
    pub(crate) const fn is_idempotent(self) -> bool {
        matches!(self, Self::Evolink)
    }

    /// The answer to a create; `seconds` is what it bills.
    pub(crate) fn created(self, mut body: Value, seconds: u64) -> Value {
        if self == Self::Evolink {
            body["task_info"]["video_duration"] = json!(seconds);
            body["usage"] = json!({"billing_rule": "per_second", "credits_reserved": seconds,
                "user_group": "default"});
        }
        body
    }

    /// The answer to a query.
    pub(crate) fn task(self, mut body: Value) -> Value {
        let url = body.pointer("/results/0/url").cloned();
        match (self, url) {
            (Self::Evolink, Some(url)) => body["results"] = json!([url]),
            (Self::FoxapiOlder, url) => older(&mut body, url.as_ref()),
            (Self::Foxapi | Self::Evolink, _) => {}
        }
        body
    }

    /// An answer that is an error; others stay as they are.
    pub(crate) fn error(self, answer: Answer) -> Answer {
        if self != Self::Evolink || answer.status < 400 || answer.mime != answer::JSON {
            return answer;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(&answer.body) else { return answer };
        body["error"]["code"] = json!(answer.status);
        Answer { body: body.to_string().into_bytes(), ..answer }
    }
}

fn older(body: &mut Value, url: Option<&Value>) {
    if body.pointer("/error/code").is_some_and(|code| code == "request_cancelled") {
        body["status"] = json!("cancelled");
    }
    if let Some(url) = url {
        body["result_data"] = json!([{ "video_url": url }]);
        body["output"] = json!({"url": url, "urls": [url]});
    }
    if let Some(fields) = body.as_object_mut() {
        fields.remove("results");
    }
}
