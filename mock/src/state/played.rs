//! A scenario that is played before a server which is not the fake.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use crate::decisions::chance::{self, Asked, Counts, Strike};
use crate::http::request::Request;
use crate::http::route::{self, Route};
use crate::rules::scenario::{On, Scenario};
use crate::words::clock::{Clock, Millis};
use crate::words::dice::Dice;
use crate::words::digest::Digest;

/// A scenario, and what was asked while it was played.
#[derive(Debug)]
pub(crate) struct Played {
    scenario: Scenario,
    counts: Counts,
    /// Requests read of each kind: what tells a retry from a first try.
    tries: HashMap<Digest, u32>,
    clock: Clock,
    began: Millis,
}

/// What is to become of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) strike: Option<Strike>,
    pub(crate) delay: Duration,
}

impl Played {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let clock = Clock::default();
        let (counts, tries, began) = (Counts::default(), HashMap::new(), clock.now());
        Self { scenario, counts, tries, clock, began }
    }

    pub(crate) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// What the scenario has for this request.
    pub(crate) fn fate(&mut self, request: &Request) -> Fate {
        let on = kind(request);
        let asked = [request.method.as_bytes(), request.target.as_bytes(), &request.body];
        let digest = Digest::of_bytes(&asked.join(&b'\n'));
        let tries = self.tries.entry(digest).or_default();
        *tries = tries.saturating_add(1);
        let attempt = *tries;
        let dice = Dice::new(self.scenario.seed, &digest, attempt).about(on.name(), attempt);
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let image = self.scenario.dialect.image_url(&body);
        let names = [&request.target, image, text("audio_url"), text("file_name"), text("url")];
        let since = self.now().since(self.began);
        let asked = Asked { on, dice, attempt, names: &names, since };
        let strike = chance::strike(&self.scenario, &asked, &mut self.counts);
        Fate { strike, delay: chance::latency(self.scenario.latency_of(on), dice) }
    }
}

/// What a request is to a server of which nothing is known: one of the contract's kinds by its path,
/// else a create if it writes, and a download if it reads.
fn kind(request: &Request) -> On {
    let path = request.target.split('?').next().unwrap_or_default();
    let reads = matches!(request.method.as_str(), "GET" | "HEAD" | "OPTIONS");
    match route::find(path) {
        Some(Route::Upload(_)) if !reads => On::Upload,
        Some(Route::Task(_)) if reads => On::Poll,
        _ if reads => On::Media,
        _ => On::Create,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::scenario::Rule;
    use crate::words::fault::Fault;

    fn request(method: &str, target: &str, body: &str) -> Request {
        let (method, target, body) = (method.to_owned(), target.to_owned(), body.into());
        Request { method, target, body, keep_alive: true, head: Vec::new() }
    }

    #[test]
    fn requests_are_told_apart_by_path_and_method() {
        for (method, target, on) in [
            ("POST", "/v1/videos/generations", On::Create),
            ("POST", "/other/api", On::Create),
            ("GET", "/v1/tasks/t-1?sync_upstream=true", On::Poll),
            ("POST", "/v1/files/upload/url", On::Upload),
            ("GET", "/output/t-1.mp4", On::Media),
        ] {
            assert_eq!(kind(&request(method, target, "")), on, "{method} {target}");
        }
    }

    #[test]
    fn a_retry_is_the_same_request_again() {
        let rule = Rule::new(Fault::Status503).matching("anna").first(1);
        let mut played = Played::new(Scenario { faults: vec![rule], ..Scenario::default() });
        let mut struck = |body: &str| played.fate(&request("POST", "/x", body)).strike.is_some();
        let anna = r#"{"image_url": "https://h/anna.jpg"}"#;
        assert!(struck(anna));
        assert!(!struck(anna), "a retry passes");
        assert!(!struck("not JSON"));
    }
}
