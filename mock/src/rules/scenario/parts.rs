//! What a scenario is made of.

use std::time::Duration;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::words::digest::Digest;
use crate::words::failure::FailureCode;
use crate::words::fault::Fault;
use crate::words::span::Span;

/// A step of a script without a fault.
const OK: &str = "ok";

/// A key and what it can pay for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What follows `Bearer `.
    pub key: String,
    /// How many creates it can pay for. Default: the scenario's `balance`.
    #[serde(default)]
    pub balance: Option<u64>,
}

impl Account {
    /// An account with the scenario's balance.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self { key: key.into(), balance: None }
    }

    /// The account as tasks remember it: tells it apart, and gives no key away.
    pub(crate) fn owner(&self) -> u64 {
        Digest::of_bytes(self.key.as_bytes()).head()
    }
}

/// How long a request takes to be answered.
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

/// How long the answers take that are not to creates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latencies {
    /// Of polls.
    pub poll: Latency,
    /// Of downloads, until the first byte.
    pub media: Latency,
    /// Of uploads.
    pub upload: Latency,
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

/// How long a task takes at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Work {
    /// It is completed by the first query.
    AtOnce,
    /// This long by the fake's clock.
    Elapsed(Span),
    /// Until it has been asked for so often, which makes tests independent of time.
    Polls(u32),
}

impl Work {
    /// What `estimated_time` tells.
    pub(crate) const fn estimate(self) -> Duration {
        match self {
            Self::AtOnce | Self::Polls(_) => Duration::from_secs(1),
            Self::Elapsed(span) => span.0,
        }
    }
}

/// Whether a create that comes again under its `Idempotency-Key` is answered as it was, or is another
/// one that is paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Idempotency {
    /// As the dialect has it: EvoLink's does, for ever; the others ignore the header.
    #[default]
    AsTheDialect,
    /// The header means nothing.
    Ignored,
    /// It is answered as it was, for ever.
    Honoured,
    /// It is answered as it was, for so long; then it is another create.
    Window(Span),
}

/// Whether the picture and the sound of a create are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// Only the form of their URLs.
    #[default]
    Unchecked,
    /// They are fetched from where the fake may fetch, and held to the documented limits; a task
    /// fails whose picture or sound cannot be fetched, is of another kind, too large or too long. Its
    /// video is as long as its sound.
    Check,
}

/// How `callback_url` in a create is served: each change of the task's status is told by a POST of
/// what a query would answer. Kin of the service have such a field; how they sign, and how often
/// they try, is the fake's own choice, after the Standard Webhooks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Callbacks {
    /// Signs each message as `webhook-signature`, with HMAC-SHA256. Default: no signature.
    pub secret: Option<String>,
    /// How long to wait before each further try, until one is answered 2xx.
    pub retries: Vec<Span>,
    /// This share of the messages comes twice, 0 to 1.
    pub twice: f64,
    /// How long each message is on its way: with some spread, they overtake each other.
    pub late: Latency,
}

/// How long links to videos work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Links {
    /// From when a query tells of the link. The live service says 24 hours.
    pub live: Span,
    /// Whether a query after the end gives a fresh link, or the same dead one.
    pub renewed: bool,
}

impl Default for Links {
    fn default() -> Self {
        Self { live: Span::secs(24 * 3600), renewed: true }
    }
}

/// The account's own list of its tasks. The documented service has none; its kin do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listing {
    /// Where it is, and how it looks.
    pub shape: ListShape,
    /// A task is in it only so long after it was made.
    pub late: Span,
    /// Whether it says what a task was made of. EvoLink's and the relays' do not.
    pub inputs: bool,
    /// Whether the log of a key names the tasks that its requests made. The stock of relays does
    /// not, forks do.
    pub named: bool,
    /// So many tasks of others on the same account come with each accepted create, 0 to 1. They are
    /// in no book.
    pub strangers: f64,
}

/// Where the list of tasks is, and how it looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListShape {
    /// There is none.
    #[default]
    None,
    /// `GET /v1/tasks` with the key; and `GET /v1/credits`.
    Evolink,
    /// `GET /api/task/self` with the dashboard's token, which is the key here, and `New-Api-User`;
    /// and with the key `GET /api/log/token` and `GET /api/usage/token/`, twenty times in twenty
    /// minutes.
    Relay,
}

/// Which tasks fail at the server. All conditions that are given must hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The `error.code` of such a task.
    pub code: FailureCode,
    /// This share of the tasks, 0 to 1.
    #[serde(default)]
    pub share: Option<f64>,
    /// Tasks whose image or audio URL contains or matches this.
    #[serde(default, rename = "match")]
    pub matching: Option<String>,
}

/// How long some speeches, and so their videos, are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Length {
    /// Speeches whose URL contains or matches this.
    #[serde(rename = "match")]
    pub matching: String,
    /// Their length.
    pub length: Span,
}

/// What happens to each try of a request: the first, the second, and so on. Later tries are
/// answered well. Where a script applies, no rule does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// For creates, polls and downloads of a pair whose image or audio URL contains or matches
    /// this, or whose task id does; for uploads, the file's name or the URL that it comes from.
    #[serde(rename = "match")]
    pub matching: String,
    /// To which kind of request.
    #[serde(default)]
    pub on: On,
    /// Try by try.
    pub tries: Vec<Step>,
}

/// What happens to one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is accepted; in YAML `ok`.
    Ok,
    /// It meets a fault; in YAML its name.
    Fault(Fault),
}

impl Step {
    /// The fault of this step, if it has one.
    #[must_use]
    pub const fn fault(self) -> Option<Fault> {
        match self {
            Self::Ok => None,
            Self::Fault(fault) => Some(fault),
        }
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.fault().map_or(OK, Fault::name))
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == OK {
            return Ok(Self::Ok);
        }
        let unknown = || de::Error::custom(format!("no such fault: {name}"));
        Fault::from_name(&name).map(Self::Fault).ok_or_else(unknown)
    }
}

/// What kind of request a rule is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    /// `POST /v1/videos/generations`.
    #[default]
    Create,
    /// `GET /v1/tasks/{task_id}`.
    Poll,
    /// The download of a video.
    Media,
    /// `POST /v1/files/upload/…`.
    Upload,
}

impl On {
    /// Whether a fault can strike this kind of request: only creates can be accepted first, and
    /// only other requests have an answer that is good without that.
    #[must_use]
    pub fn takes(self, fault: Fault) -> bool {
        match self {
            Self::Create => {
                fault.books()
                    || !(fault.needs_good_answer() || matches!(fault, Fault::Html | Fault::Empty))
            }
            Self::Poll | Self::Media | Self::Upload => !fault.books(),
        }
    }

    /// The name in scenarios.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Poll => "poll",
            Self::Media => "media",
            Self::Upload => "upload",
        }
    }
}

/// Which requests meet a fault. All conditions that are given must hold; with none, all do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What happens.
    pub fault: Fault,
    /// To which kind of request.
    #[serde(default)]
    pub on: On,
    /// To this share of the requests (0 to 1), drawn anew for each retry.
    #[serde(default)]
    pub share: Option<f64>,
    /// To creates, polls and downloads of a pair whose image or audio URL contains this, or whose
    /// task id does; to uploads of a file with such a name, or from such a URL. With `*` or `?`, the
    /// whole of it must match.
    #[serde(default, rename = "match")]
    pub matching: Option<String>,
    /// To the first so many tries of the same request; later ones pass.
    #[serde(default)]
    pub first: Option<u32>,
    /// From so many requests on that `on` and `match` fit, in the order of arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// To each so-and-so-many-th of these requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u32>,
    /// In this window of the fake's clock, counted from when the scenario began to be played.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub between: Option<(Span, Span)>,
    /// What `Retry-After` says where the fault has one. Default: one second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Span>,
}

impl Rule {
    /// A rule that strikes every create.
    #[must_use]
    pub const fn new(fault: Fault) -> Self {
        let (share, matching, first, retry_after) = (None, None, None, None);
        let (from, every, between) = (None, None, None);
        let on = On::Create;
        Self { fault, on, share, matching, first, from, every, between, retry_after }
    }

    /// Strikes this kind of request instead of creates.
    #[must_use]
    pub const fn on(mut self, on: On) -> Self {
        self.on = on;
        self
    }

    /// Strikes this share only, 0 to 1.
    #[must_use]
    pub const fn share(mut self, share: f64) -> Self {
        self.share = Some(share);
        self
    }

    /// Strikes requests with such a URL or id only.
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

    /// Strikes from so many requests on.
    #[must_use]
    pub const fn from(mut self, count: u32) -> Self {
        self.from = Some(count);
        self
    }

    /// Strikes each so-and-so-many-th request.
    #[must_use]
    pub const fn every(mut self, count: u32) -> Self {
        self.every = Some(count);
        self
    }

    /// Strikes in this window of the fake's clock.
    #[must_use]
    pub const fn between(mut self, start: Span, end: Span) -> Self {
        self.between = Some((start, end));
        self
    }

    /// What `Retry-After` says.
    #[must_use]
    pub const fn retry_after(mut self, wait: Span) -> Self {
        self.retry_after = Some(wait);
        self
    }
}
