//! What kind of day the fake has: a scenario, in Rust or in YAML.
//!
//! The default is a calm day. Five others are shipped by name, see [`Scenario::NAMES`].

mod parts;
mod read;
mod replay;
mod tree;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::rules::dialect::Dialect;
use crate::words::span::Span;
pub use parts::{
    Account, Callbacks, Failure, Idempotency, Latencies, Latency, Length, Links, ListShape,
    Listing, Media, On, Rate, Rule, Script, Step, Work,
};
pub use replay::{Replayed, ReplayedAnswer, ReplayedHeader};

/// The JSON Schema of scenarios, for editors and for checking.
pub const SCENARIO_SCHEMA: &str = include_str!("../../../scenario.schema.json");

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
    /// Whose dialect is spoken.
    pub dialect: Dialect,
    /// Seeds ids, latencies and shares: the same seed and the same requests give the same run,
    /// whatever the order of arrival.
    pub seed: u64,
    /// The keys that are accepted, each an account of its own.
    pub keys: Vec<Account>,
    /// How many creates each account can pay for; afterwards 402. Default: no end.
    pub balance: Option<u64>,
    /// How many credits each account has; a create takes one for each second begun, and is answered
    /// 402 where they do not last. Default: no end.
    pub credits: Option<u64>,
    /// The models that exist; any other is answered 404 `model_not_found`.
    pub models: Vec<String>,
    /// How long a create takes to be answered.
    pub latency: Latency,
    /// How long all else takes to be answered.
    pub latencies: Latencies,
    /// More accepted creates than this are answered 429 with `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// More creates than this being answered at once are answered 429 with `Retry-After: 1`.
    pub concurrency: Option<u32>,
    /// How long a task takes at the server; `estimated_time` agrees with it.
    pub work: Work,
    /// A query sees a task as it was so long ago, unless it asks with `sync_upstream=true`.
    pub stale: Span,
    /// So many queries of a completed task see it completed without results, as in production.
    pub race: u32,
    /// Which tasks fail at the server.
    pub failures: Vec<Failure>,
    /// Whether what creates name is looked at.
    pub media: Media,
    /// How `callback_url` in a create is served. Default: as on the documented service, not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callbacks: Option<Callbacks>,
    /// How long links to videos work.
    pub links: Links,
    /// Whether a create that comes again under its `Idempotency-Key` is the same create.
    pub idempotency: Idempotency,
    /// Whether the account's tasks can be listed, and how.
    pub list: Listing,
    /// How long speeches are. Those of `/samples/` are known; any other takes one second.
    pub lengths: Vec<Length>,
    /// What happens to single pairs, try by try. The first that matches is the one.
    pub scripts: Vec<Script>,
    /// What goes wrong. The first rule that strikes is the one.
    pub faults: Vec<Rule>,
    /// Requests that are answered as another server answered them. Where there are any, nothing
    /// else of the API is answered.
    pub replay: Vec<Replayed>,
    /// How many bytes of uploaded files are kept. The real limit is not documented.
    pub storage: u64,
    /// How many exchanges the journal keeps.
    pub journal: usize,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            dialect: Dialect::Foxapi,
            seed: 1,
            keys: vec![Account::new(KEY)],
            balance: None,
            credits: None,
            // The kin that take the same two URLs on the same path are known too.
            models: ["omnihuman-1.5", "creatify-aurora", "fabric-1.0", "live-avatar"]
                .map(String::from)
                .to_vec(),
            latency: Latency::None,
            latencies: Latencies::default(),
            rate: None,
            concurrency: None,
            work: Work::Elapsed(Span::secs(2)),
            stale: Span::default(),
            race: 0,
            failures: Vec::new(),
            media: Media::Unchecked,
            callbacks: None,
            links: Links::default(),
            idempotency: Idempotency::AsTheDialect,
            list: Listing::default(),
            lengths: Vec::new(),
            scripts: Vec::new(),
            faults: Vec::new(),
            replay: Vec::new(),
            storage: 64 << 20,
            journal: 1000,
        }
    }
}

macro_rules! shipped {
    ($($name:literal),+) => {
        const SHIPPED: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../scenarios/", $name, ".yaml")))),+];
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
    /// If it is not a scenario; the error shows all that is wrong, each in its place.
    pub fn from_yaml(text: &str) -> Result<Self, ScenarioError> {
        read::read("scenario", text).map_err(ScenarioError::Mistakes)
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
        read::read(name_or_file, &text).map_err(ScenarioError::Mistakes)
    }

    /// How long this kind of request takes to be answered.
    pub(crate) const fn latency_of(&self, on: On) -> Latency {
        match on {
            On::Create => self.latency,
            On::Poll => self.latencies.poll,
            On::Media => self.latencies.media,
            On::Upload => self.latencies.upload,
        }
    }

    /// Whether this kind of request may be answered otherwise than well and at once.
    pub(crate) fn meddles_with(&self, on: On) -> bool {
        self.latency_of(on) != Latency::None
            || self.faults.iter().any(|rule| rule.on == on)
            || self.scripts.iter().any(|script| script.on == on)
    }

    /// How long a create is known by its `Idempotency-Key`; `None` if it is not.
    pub(crate) fn remembers_keys(&self) -> Option<Duration> {
        match self.idempotency {
            Idempotency::AsTheDialect => self.dialect.is_idempotent().then_some(Duration::MAX),
            Idempotency::Ignored => None,
            Idempotency::Honoured => Some(Duration::MAX),
            Idempotency::Window(span) => Some(span.0),
        }
    }

    /// What must not be shown.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let secret = self.callbacks.as_ref().and_then(|callbacks| callbacks.secret.as_deref());
        let keys = self.keys.iter().map(|account| account.key.as_str()).chain(secret);
        keys.filter(|key| !key.is_empty()).collect()
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
    /// Not YAML, or not a scenario: every mistake, with its place.
    #[error("{0}")]
    Mistakes(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_scenarios_are_scenarios() {
        for name in Scenario::NAMES {
            Scenario::named(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        insta::assert_snapshot!(Scenario::named("sunny").unwrap_err(),
            @"no scenario `sunny`; there are calm, busy, lossy, broke, hostile, or give a YAML file");
        assert_eq!(Scenario::named("calm").unwrap(), Scenario::default());
    }
}
