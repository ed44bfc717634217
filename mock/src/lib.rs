//! A fake of the video generation API that behaves as the real one does, on its bad days too.
//!
//! Creating a video is a paid write that cannot be undone, listed or safely repeated. So a client
//! has to be tried against something that accepts a create, bills it, and then loses the answer.
//! This is that thing: strict as the contract (`openapi.yaml`), and as nasty as the network.
//!
//! - [`MockApi`] runs it and tells afterwards what was paid for: [`MockApi::book`].
//! - [`Scenario`] says what kind of day it has; [`Fault`] lists what can go wrong.
//! - [`program`] is the same as a command.
//!
//! It never talks to the network beyond the connections that clients make to it, and never shows
//! a key.
//!
//! | module | what |
//! |---|---|
//! | `gate` | accepts connections, passes requests to a private wiremock, misbehaves on the wire |
//! | `engine` | all state; routes requests |
//! | `route`, `admin` | which path is what; `/__mock/…` |
//! | `create` | answers `POST /v1/videos/generations` |
//! | `query`, `life`, `media` | answers `GET /v1/tasks/{task_id}`; what becomes of tasks; the files |
//! | `list` | answers `GET /v1/tasks` and `GET /api/task/self`, where the scenario has them |
//! | `accounts` | answers what an account has left, and the log of its key, where the scenario has them |
//! | `upload`, `multipart` | answers `POST /v1/files/upload/…` |
//! | `contract` | checks requests against `openapi.yaml` |
//! | `schema` | the few keywords of JSON Schema that requests and scenarios are held to |
//! | `dialect` | what other services on the same paths say differently |
//! | `book`, `journal` | what was accepted; what came and went |
//! | `scenario`, `chance`, `dice` | what is to happen, and to whom |
//! | `fault`, `misanswer`, `answer` | what can go wrong, and what is said |

mod accounts;
mod admin;
mod answer;
mod api;
mod book;
mod chance;
mod clock;
mod contract;
mod create;
mod dialect;
mod dice;
mod digest;
mod engine;
mod fault;
mod gate;
mod journal;
mod life;
mod list;
mod media;
mod misanswer;
mod multipart;
pub mod program;
mod query;
mod route;
mod scenario;
mod schema;
mod span;
mod task;
mod upload;

pub use api::{MockApi, Options, StartError};
pub use book::{Book, Duplicate, Entry};
pub use contract::{OPENAPI, Violation, create_violations};
pub use dialect::Dialect;
pub use digest::Digest;
pub use engine::{Breach, State, TaskCounts};
pub use fault::{Fault, Magic};
pub use journal::{Answered, Exchange};
pub use life::FailureCode;
pub use scenario::{
    Account, Failure, KEY, Latency, Length, Links, ListShape, Listing, On, Rate, Rule,
    SCENARIO_SCHEMA, Scenario, ScenarioError, Script, Step, Work,
};
pub use span::Span;
pub use task::TaskId;
