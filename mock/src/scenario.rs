//! What kind of day the fake has: a scenario, in Rust or in YAML.
//!
//! The default is a calm day. Five others are shipped by name, see [`Scenario::NAMES`].

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::span::Span;

/// The key that every scenario accepts unless it names others.
pub const KEY: &str = "mock-key";

/// How the fake behaves. Every field has a calm default; unknown fields are errors.
///
/// ```
/// use callsheet_mock::{Fault, Rule, Scenario};
///
/// let written = Scenario::from_yaml("faults: [{fault: reset-after-accept, share: 0.1, first: 1}]")?;
/// let built = Scenario {
///     faults: vec![Rule::new(Fault::ResetAfterAccept).share(0.1).first(1)],
///     ..Scenario::default()
/// };
/// assert_eq!(written, built);
/// # Ok::<(), callsheet_mock::ScenarioError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Seeds ids, latencies and shares: the same seed and the same requests give the same run,
    /// whatever the order of arrival.
    pub seed: u64,
    /// The keys that are accepted, each an account of its own.
    pub keys: Vec<Account>,
    /// How many creates each account can pay for; afterwards 402. Default: no end.
    pub balance: Option<u64>,
    /// The models that exist; any other is answered 404 `model_not_found`.
    pub models: Vec<String>,
    /// How long a create takes to be answered.
    pub latency: Latency,
    /// More accepted creates than this are answered 429 with `Retry-After`.
    pub rate: Option<Rate>,
    /// More creates than this being answered at once are answered 429 with `Retry-After: 1`.
    pub concurrency: Option<u32>,
    /// How long a task takes at the server; `estimated_time` tells it in whole seconds.
    pub work: Span,
    /// What goes wrong. The first rule that strikes is the one.
    pub faults: Vec<Rule>,
    /// How many exchanges the journal keeps.
    pub journal: usize,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            seed: 1,
            keys: vec![Account::new(KEY)],
            balance: None,
            // The kin that take the same two URLs on the same path are known too.
            models: ["omnihuman-1.5", "creatify-aurora", "fabric-1.0", "live-avatar"]
                .map(String::from)
                .to_vec(),
            latency: Latency::None,
            rate: None,
            concurrency: None,
            work: Span::secs(2),
            faults: Vec::new(),
            journal: 1000,
        }
    }
}

/// A key and what it can pay for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What follows `Bearer `.
    pub key: String,
    /// How many creates it can pay for. Default: the scenario's `balance`.
    pub balance: Option<u64>,
}

impl Account {
    /// An account with the scenario's balance.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), balance: None }
    }
}

/// How long a create takes to be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Latency {
    /// As fast as the machine can.
    #[default]
    None,
    /// Always the same.
    Fixed(Span),
    /// Anything between two spans, each as likely.
    Uniform(Span, Span),
    /// Mostly near the median, sometimes far longer, as real services are.
    Lognormal {
        /// Half of the answers are faster.
        median: Span,
        /// The spread: 0.5 is a steady service, 1 a moody one.
        sigma: f64,
        /// Nothing takes longer.
        max: Span,
    },
}

/// A limit on accepted creates per span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub requests: u32,
    /// In which span, counted from the first of them.
    pub per: Span,
}

/// Which creates meet a fault. All conditions that are given must hold; with none, all do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// To this share of the creates (0 to 1), drawn anew for each retry.
    #[serde(default)]
    pub share: Option<f64>,
    /// To creates whose image or audio URL contains this; with `*` or `?`, whose whole URL
    /// matches it.
    #[serde(default, rename = "match")]
    pub matching: Option<String>,
    /// To the first so many tries of the same request; later ones pass.
    #[serde(default)]
    pub first: Option<u32>,
    /// What `Retry-After` says where the fault has one. Default: one second.
    #[serde(default)]
    pub retry_after: Option<Span>,
}

impl Rule {
    /// A rule that strikes every create.
    #[must_use]
    pub const fn new(fault: Fault) -> Self {
        Self { fault, share: None, matching: None, first: None, retry_after: None }
    }

    /// Strikes this share of the creates only, 0 to 1.
    #[must_use]
    pub const fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Strikes creates with such a URL only.
    #[must_use]
    pub fn matching(mut self, pattern: impl Into<String>) -> Self {
        self.matching = Some(pattern.into());
        self
    }

    /// Strikes the first so many tries of a request only.
    #[must_use]
    pub const fn first(mut self, tries: u32) -> Self {
        self.first = Some(tries);
        self
    }

    /// What `Retry-After` says.
    #[must_use]
    pub const fn retry_after(mut self, wait: Span) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

macro_rules! shipped {
    ($($name:literal),+) => {
        const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../scenarios/", $name, ".yaml")))),+];
        impl Scenario {
            /// The names of the shipped scenarios.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
        }
    };
}

shipped!["calm", "busy", "lossy", "broke", "hostile"];

impl Scenario {
    /// A shipped scenario.
    ///
    /// # Errors
    /// If there is none of that name; the error lists those there are.
    pub fn named(name: &str) -> Result<Self, ScenarioError> {
        let found = SHIPPED.iter().find(|(shipped, _)| *shipped == name);
        let (_, yaml) = found.ok_or_else(|| ScenarioError::Unknown(name.to_owned()))?;
        Self::from_yaml(yaml)
    }

    /// Reads a scenario as YAML.
    ///
    /// # Errors
    /// If it is not a scenario; the error shows the place.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        // An empty document is null to YAML, and a calm day here.
        let parsed: Option<Self> = serde_yaml::from_str(text)
            .map_err(|error| ScenarioError::Unreadable(error.render()))?;
        parsed.unwrap_or_default().checked()
    }

    /// A shipped scenario by its name, or else the file of that name.
    ///
    /// # Errors
    /// If it is neither, or not a scenario.
    pub fn open(name_or_file: &str) -> Result<Self, ScenarioError> {
        let path = Path::new(name_or_file);
        let looks_like_a_file = path.extension().is_some() || path.components().count() > 1;
        if Self::NAMES.contains(&name_or_file) || !looks_like_a_file {
            return Self::named(name_or_file);
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| ScenarioError::File { path: path.to_owned(), source })?;
        Self::from_yaml(&text)
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        self.keys.iter().map(|account| account.key.as_str()).collect()
    }

    fn checked(self) -> Result<Self, ScenarioError> {
        let shares = self.faults.iter().filter_map(|rule| rule.share);
        if let Some(share) = shares.into_iter().find(|share| !(0.0..=1.0).contains(share)) {
            return Err(ScenarioError::Invalid(format!("share: {share} is not within 0 and 1")));
        }
        let bad_key = |account: &Account| {
            account.key.is_empty() || !account.key.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if self.keys.is_empty() || self.keys.iter().any(bad_key) {
            let what = "keys: at least one is needed, each of visible ASCII characters";
            return Err(ScenarioError::Invalid(what.to_owned()));
        }
        if self.rate.is_some_and(|rate| rate.requests == 0 || rate.per.0.is_zero()) {
            let what = "rate: `requests` and `per` must be above zero";
            return Err(ScenarioError::Invalid(what.to_owned()));
        }
        Ok(self)
    }
}

/// Why something is not a scenario.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// No shipped scenario of that name.
    #[error("no scenario `{0}`; there are {names}, or give a YAML file", names = Scenario::NAMES.join(", "))]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read the scenario {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Not YAML, or not a scenario; the text shows the place.
    #[error("not a scenario: {0}")]
    Unreadable(String),
    /// A value makes no sense.
    #[error("not a scenario: {0}")]
    Invalid(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_scenarios_are_scenarios() {
        for name in Scenario::NAMES {
            Scenario::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        assert_eq!(Scenario::named("calm").unwrap(), Scenario::default());
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        let told = |yaml: &str| Scenario::from_yaml(yaml).unwrap_err().to_string();
        insta::assert_snapshot!(Scenario::named("sunny").unwrap_err(), @"no scenario `sunny`; there are calm, busy, lossy, broke, hostile, or give a YAML file");
        insta::assert_snapshot!(told("seed: 1\nlatncy: none\n"), @r###"
        not a scenario: error: line 2 column 1: unknown field `latncy`, expected one of seed, keys, balance, models, latency, rate, concurrency, work, faults, journal
         --> <input>:2:1
          |
        1 | seed: 1
        2 | latncy: none
          | ^ unknown field `latncy`, expected one of seed, keys, balance, models, latency, rate, concurrency, work, faults, journal
        "###);
        insta::assert_snapshot!(told("faults:\n  - {fault: reset-after-acept}\n"), @r###"
        not a scenario: error: line 2 column 13: unknown variant `reset-after-acept`, expected one of status-307, status-400, status-401, status-402, status-403, status-403-proxy, status-404, status-408, status-409, status-413-html, status-422, status-429, status-429-date, status-429-bare, status-429-quota, status-500, status-502, status-503, status-504, status-524-html, reset-before-read, reset-after-read, close-after-read, hang-after-read, status-500-after-accept, status-502-after-accept, status-504-after-accept, status-524-html-after-accept, reset-after-accept, close-after-accept, hang-after-accept, truncated-after-accept, reset-in-answer-after-accept, stall-after-accept, garbage-after-accept, drip-after-accept, huge-after-accept, without-id-after-accept, html-after-accept, empty-after-accept, only-id-after-accept, odd-after-accept
         --> <input>:2:13
          |
        1 | faults:
        2 |   - {fault: reset-after-acept}
          |             ^ unknown variant `reset-after-acept`, expected one of status-307, status-400, status-401, status-402, status-403, status-403-proxy, status-404, status-408, status-409, status-413-html, status-422, status-429, status-429-date, status-429-bare, status-429-quota, status-500, status-502, status-503, status-504, status-524-html, reset-before-read, reset-after-read, close-after-read, hang-after-read, status-500-after-accept, status-502-after-accept, status-504-after-accept, status-524-html-after-accept, reset-after-accept, close-after-accept, hang-after-accept, truncated-after-accept, reset-in-answer-after-accept, stall-after-accept, garbage-after-accept, drip-after-accept, huge-after-accept, without-id-after-accept, html-after-accept, empty-after-accept, only-id-after-accept, odd-after-accept
        "###);
        insta::assert_snapshot!(told("latency: {fixed: 5}\n"), @r###"
        not a scenario: error: line 1 column 1: invalid value: string "5", expected a span of time such as 250ms, 2s, 10m or 24h
         --> <input>:1:1
          |
        1 | latency: {fixed: 5}
          | ^ invalid value: string "5", expected a span of time such as 250ms, 2s, 10m or 24h
        "###);
        insta::assert_snapshot!(told("faults: [{fault: status-500, share: 2}]\n"), @"not a scenario: share: 2 is not within 0 and 1");
        insta::assert_snapshot!(told("keys: []\n"), @"not a scenario: keys: at least one is needed, each of visible ASCII characters");
    }
}
