//! A fake of the video generation API that behaves as the real one does, on its bad days too.
//!
//! Creating a video is a paid write that cannot be undone, listed or safely repeated. So a client
//! has to be tried against something that accepts a create, bills it, and then loses the answer.
//! This is that thing: strict as the contract (`openapi.yaml`), and as nasty as the network.
//!
//! - [`Server`] is what a test starts: `Server::start().await`; it tells what was paid for, and what twice.
//! - [`MockApi`] is the same with every option: [`MockApi::start_with`], [`MockApi::book`].
//! - [`Scenario`] says what kind of day it has; [`Fault`] lists what can go wrong.
//! - [`program`] is the same as a command.
//!
//! It never talks to the network beyond the connections that clients make to it, but to the one
//! server that `callsheet-mock between`, `record` or `drift` is told, and, where a scenario looks at
//! media or calls back, to this machine and the hosts in [`Options::reach`]; and it never shows a key.
//!
//! # The way of a request
//!
//! ```text
//!                                hot
//!                     ┌─────────────────────────┐
//! client ─→ door ─→ read ─→ backend ─→ wiremock ┴─→ engine ─→ an endpoint ─→ decisions
//!                     │                               │           │             (pure)
//!                  journal                        the desk, behind the one lock of its world
//!                     │                                                          │
//! client ←─ deliver ←─┴────────────── book, answer, fault, delay ←───────────────┘
//! ```
//!
//! Hot are creates, polls and downloads: almost all there is in a load, and nothing that has to be
//! matched. wiremock costs more than the engine, so the gate asks that at once; all else goes through
//! wiremock. Both ways lead to one engine, and no byte of an answer tells which it took.
//!
//! All that changes has changed before the first byte of the answer leaves; then the gate does on
//! the socket what the fault says.
//!
//! # Where things are
//!
//! Each floor uses only floors above it and rooms before it in its own line; a test holds the
//! modules to that. The decisions are pure: no runtime, no wiremock, no lock, no clock.
//!
//! ```text
//! words      clock digest dice failure fault id mime near pattern span
//! http       answer reply route request clean samples forms
//! rules      schema dialect scenario contract answers
//! decisions  refuse limits media callback chance life misanswer ranges video told verify toll drift
//! state      errands blocks texts tasks book journal har storage desk world worlds played tape
//! endpoints  struck replay create query files upload list accounts tasks admin document
//! engine
//! gate       orders read private upstream reach backend hot deliver long connection between errands door
//! faces      api server fail lines signals before between record drift ready program
//! ```
//!
//! | floor | what |
//! |---|---|
//! | `words` | times and spans, digests, what can go wrong and why, ids, patterns, chance that can be repeated |
//! | `http` | requests and answers as values, which path is what, forms, samples to send |
//! | `rules` | the contract and its dialects; what a scenario may say |
//! | `decisions` | what is refused, what strikes, what becomes of a task, which bytes a video has; what may be paid for elsewhere, and what is asked there at no cost |
//! | `state` | what was accepted, what came and went, uploaded files; all of it on one desk, behind the lock of its world; errands to do about a task; one world, or one for each key; a scenario before another server, and what that says, kept |
//! | `endpoints` | answers one kind of request each |
//! | `engine` | one request through all of the above |
//! | `gate` | accepts connections, asks the engine what is hot and passes all else to a private wiremock, misbehaves on the wire; does the same before another server; goes where the fake may go by itself |
//! | `faces` | the library and the program |

mod decisions;
mod endpoints;
mod engine;
mod faces;
mod gate;
mod http;
mod rules;
mod state;
mod words;

pub use faces::api::{MockApi, Options, StartError};
pub use faces::program;
pub use faces::server::{Refused, Server};
pub use gate::reach::Reach;
pub use rules::contract::{OPENAPI, Violation, create_violations};
pub use rules::dialect::Dialect;
pub use rules::scenario::{
    Account, Callbacks, Failure, Idempotency, KEY, Latencies, Latency, Length, Links, ListShape,
    Listing, Media, On, Rate, Replayed, ReplayedAnswer, ReplayedHeader, Rule, SCENARIO_SCHEMA,
    Scenario, ScenarioError, Script, Step, Work,
};
pub use state::book::{Book, Duplicate, Entry};
pub use state::desk::{Breach, State, TaskCounts};
pub use state::journal::{Answered, Exchange};
pub use words::digest::Digest;
pub use words::failure::FailureCode;
pub use words::fault::{Fault, Magic};
pub use words::id::TaskId;
pub use words::span::Span;
