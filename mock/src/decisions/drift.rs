//! What a live service is asked to see whether it still keeps the contract, at no cost.
//!
//! Nothing here can make a task. Creates are sent without a key first: who takes one of those is
//! asked nothing more. With a key, two are sent that no service could accept and bill: one whose
//! body is not JSON, so that neither a model nor a picture nor a sound can be read from it; and one
//! that names a model which does not exist, so that there is no price, and has neither a picture
//! nor a sound, whose length would be the bill.

use serde::Serialize;

use crate::rules::answers::{Difference, Operation, Said};
use crate::rules::contract::create_violations;
use crate::rules::dialect::Dialect;

/// No service has given this id: no create is that old.
const NO_SUCH_TASK: &str = "task-unified-0000000000-driftnone";
const NO_SUCH_KEY: &str = "callsheet-drift-no-such-key";
const CREATE: &str = "/v1/videos/generations";
const NOT_JSON: &str = "}callsheet-drift: this is not JSON";
const NOTHING_TO_MAKE: &str = r#"{"model":"callsheet-drift-no-such-model"}"#;

/// With which key something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    Nothing,
    /// A key that nobody has.
    WrongKey,
    /// The key of who asks.
    Key,
}

/// One thing to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) name: &'static str,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) with: With,
    pub(crate) body: Option<&'static str>,
    /// The statuses that would do.
    wanted: &'static [u16],
    /// The task that the answer must be about.
    task: Option<String>,
}

/// What came of one thing that was asked, or of one exchange that was recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    /// The status; none if it was not asked.
    pub(crate) status: Option<u16>,
    pub(crate) differences: Vec<Difference>,
    /// Fields that the contract does not have, and allows.
    pub(crate) unknown_fields: Vec<String>,
    /// Why it was not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) skipped: Option<&'static str>,
}

/// Everything to ask, in this order; and, if there is one, about this task.
pub(crate) fn probes(task: Option<&str>) -> Vec<Probe> {
    let probe = |name, method, target: &str, with, wanted| Probe {
        name,
        method,
        target: target.to_owned(),
        with,
        body: None,
        wanted,
        task: None,
    };
    let query = format!("/v1/tasks/{NO_SUCH_TASK}");
    let get = |name, with, wanted| probe(name, "GET", &query, with, wanted);
    let create = |name, with, body, wanted| Probe {
        body: Some(body),
        ..probe(name, "POST", CREATE, with, wanted)
    };
    let mut all = vec![
        get("query without a key", With::Nothing, &[401]),
        get("query with a wrong key", With::WrongKey, &[401]),
        create("create without a key", With::Nothing, NOTHING_TO_MAKE, &[401]),
        create("create with a wrong key", With::WrongKey, NOTHING_TO_MAKE, &[401]),
        get("query of a task that is not", With::Key, &[404]),
        create("create that is not JSON", With::Key, NOT_JSON, &[400]),
        create("create of nothing", With::Key, NOTHING_TO_MAKE, &[400, 404, 422]),
    ];
    all.extend(task.map(|task| Probe {
        task: Some(task.to_owned()),
        ..probe("query of a task that is", "GET", &format!("/v1/tasks/{task}"), With::Key, &[200])
    }));
    all
}

impl Probe {
    /// What goes into `Authorization`.
    pub(crate) fn authorization(&self, key: &str) -> Option<String> {
        match self.with {
            With::Nothing => None,
            With::WrongKey => Some(format!("Bearer {NO_SUCH_KEY}")),
            With::Key => Some(format!("Bearer {key}")),
        }
    }

    /// Why it is not to be asked after what the others have shown; `None` if it may be.
    pub(crate) fn withheld(&self, has_key: bool, before: &[Check]) -> Option<&'static str> {
        let creates = || before.iter().filter(|check| check.method == "POST");
        if self.with == With::Key && !has_key {
            return Some("there is no key");
        }
        // What has no body makes nothing.
        self.body?;
        if creates().any(|check| check.status.is_some_and(is_good)) {
            return Some("a create that cannot be one was accepted");
        }
        let refused = |check: &Check| matches!(check.status, Some(400..=499));
        let careful = self.with == With::Key && !creates().all(refused);
        careful.then_some("creates without a good key were not refused")
    }

    /// Holds the answer to what would do, and to the contract.
    pub(crate) fn judge(&self, said: Said<'_>) -> Check {
        let path = self.target.as_str();
        let judged = Operation::of(self.method, path).map(|operation| operation.judge(said));
        let judged = judged.unwrap_or_default();
        let mut differences = judged.differences;
        if !self.wanted.contains(&said.status) {
            differences.retain(|difference| difference.at != "status");
            let wanted: Vec<_> = self.wanted.iter().map(u16::to_string).collect();
            let came = match said.status {
                status if self.body.is_some() && is_good(status) => {
                    format!("{status}: it was accepted; look whether it was billed")
                }
                status => status.to_string(),
            };
            differences.insert(0, Difference::new("status", wanted.join(" or "), came));
        }
        if let Some(task) = self.task.as_ref().filter(|_| is_good(said.status)) {
            let body = serde_json::from_slice::<serde_json::Value>(said.body).unwrap_or_default();
            let came = body["id"].as_str().unwrap_or_default();
            if came != task && !differences.iter().any(|difference| difference.at == "/id") {
                differences.push(Difference::new("/id", task.as_str(), came));
            }
        }
        Check {
            name: self.name.to_owned(),
            method: self.method.to_owned(),
            path: self.target.clone(),
            status: Some(said.status),
            differences,
            unknown_fields: judged.unknown,
            skipped: None,
        }
    }

    /// The check that was not made.
    pub(crate) fn skipped(&self, why: &'static str) -> Check {
        Check {
            name: self.name.to_owned(),
            method: self.method.to_owned(),
            path: self.target.clone(),
            status: None,
            differences: Vec::new(),
            unknown_fields: Vec::new(),
            skipped: Some(why),
        }
    }
}

/// An exchange of others, held to the contract; `None` if it is not one that the contract has.
pub(crate) fn recorded(
    (name, method, path): (&str, &str, &str),
    sent: &[u8],
    said: Said<'_>,
) -> Option<Check> {
    let judged = Operation::of(method, path)?.judge(said);
    let mut differences = judged.differences;
    if path.ends_with(CREATE) && is_good(said.status) {
        differences.extend(taken(sent));
    }
    Some(Check {
        name: name.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
        status: Some(said.status),
        differences,
        unknown_fields: judged.unknown,
        skipped: None,
    })
}

/// What a service took although the contract does not, in any dialect.
fn taken(sent: &[u8]) -> Vec<Difference> {
    let Ok(body) = serde_json::from_slice(sent) else {
        return vec![Difference::new("request", "JSON", "something else, and it was accepted")];
    };
    let broken = [Dialect::Foxapi, Dialect::Evolink].map(|d| create_violations(d, &body));
    let fewest = broken.into_iter().min_by_key(Vec::len).unwrap_or_default();
    let told = fewest.into_iter().map(|violation| {
        let came = format!("{}, and it was accepted", violation.message);
        Difference::new(
            &format!("request{}", violation.pointer),
            violation.expected.to_string(),
            came,
        )
    });
    told.collect()
}

const fn is_good(status: u16) -> bool {
    matches!(status, 200..=299)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: &str, status: u16) -> Check {
        let probe = probes(None).into_iter().find(|probe| probe.method == method).unwrap();
        probe.judge(Said { status, mime: None, body: b"" })
    }

    fn withheld(has_key: bool, before: &[Check]) -> Vec<&'static str> {
        let open = |probe: &Probe| probe.withheld(has_key, before).is_none();
        probes(Some("t")).iter().filter(|probe| !open(probe)).map(|probe| probe.name).collect()
    }

    #[test]
    fn creates_are_only_sent_where_creates_without_a_key_were_refused() {
        assert_eq!(withheld(true, &[check("POST", 401)]), [""; 0]);
        let keyless = withheld(false, &[check("POST", 401)]);
        assert_eq!(keyless.len(), 4, "{keyless:?}");
        let accepted = withheld(true, &[check("POST", 200)]);
        assert_eq!(accepted.iter().filter(|name| name.starts_with("create")).count(), 4);
        let unclear = withheld(true, &[check("POST", 401), check("POST", 502)]);
        assert_eq!(unclear, ["create that is not JSON", "create of nothing"]);
    }

    #[test]
    fn what_is_sent_with_a_key_is_nothing_that_could_be_made() {
        let sent = probes(Some("t")).into_iter().filter(|probe| probe.method != "GET");
        for body in sent.map(|probe| probe.body.unwrap()) {
            let parsed = serde_json::from_str::<serde_json::Value>(body).unwrap_or_default();
            assert!(["image_url", "image_urls", "audio_url"].iter().all(|f| parsed[f].is_null()));
            assert!(parsed.is_null() || parsed["model"] == "callsheet-drift-no-such-model");
        }
    }

    #[test]
    fn a_create_that_was_accepted_is_told_in_the_words_that_matter() {
        let check = check("POST", 200);
        assert_eq!(check.differences[0].at, "status");
        assert!(check.differences[0].came.contains("billed"), "{check:?}");
    }

    #[test]
    fn recordings_tell_what_was_taken_against_the_contract() {
        let said = Said { status: 200, mime: Some("application/json"), body: br#"{"id":"t"}"# };
        let about = ("1", "POST", CREATE);
        let odd =
            br#"{"model":"m","image_url":"https://h/a","audio_url":"https://h/b","advanced":null}"#;
        let check = recorded(about, odd, said).unwrap();
        assert_eq!(check.differences[0].at, "request/advanced");
        assert_eq!(recorded(("1", "GET", "/elsewhere"), b"", said), None);
        let evolink = br#"{"model":"m","image_urls":["https://h/a"],"audio_url":"https://h/b"}"#;
        assert_eq!(recorded(about, evolink, said).unwrap().differences, []);
    }
}
