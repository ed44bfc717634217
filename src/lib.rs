//! callsheet reads a YAML manifest of portrait and speech pairs, has each pair made into a
//! talking-head video by a paid, asynchronous API, and never pays twice for one or loses one.
//!
//! Most people want the program. Other programs embed a [`Batch`].
//!
//! # The way of the data
//!
//! ```text
//! manifest ─→ pairs ─→ ledger ─→ planned ─→ intent ─→ permit ─→ create ─→ proof ─→ ledger
//!  (YAML)             (SQLite)                (commit)          (HTTP)   (judge)   (commit)
//!                                                                                     │
//!            ┌────────────────────────── feed ──────────────────────────────────────┤
//!            ├─→ task id ─→ polls ─→ link ─→ ledger                                  │
//!            └─→ link ─→ ID.mp4.part ─→ checked ─→ ID.mp4 ─→ ledger                   │
//!                        or parts in a bucket  └─→ an object ─→ ledger                 │
//!                                          tasks.csv, events.jsonl, progress  ←───────┘
//! ```
//!
//! One way, and the ledger is in the middle of it: what is to be sent is read from it, and what
//! happened goes back to it. [`submit`], [`watch`] and [`download`] run side by side and know
//! nothing of each other: a task is asked for, and a link followed, only after the commit that
//! holds it. [`submit`] holds no list of pairs, and nothing is shown or logged that was not
//! committed before.
//!
//! # What holds it together
//!
//! - **Intent before create.** A create can only be sent with a [`ledger::Permit`], and the ledger
//!   gives one out only after the intent was committed and fsynced. Everything that could send
//!   twice (redirects, the HTTP library's retries) is switched off in [`client`].
//! - **Proof before retry.** [`wire::judge`] is the one place that knows what an answer, or the
//!   lack of one, proves. [`state::next`] is the one table of what may follow what. A create whose
//!   outcome is unknown is *in doubt* until a person decides; or, where the service is known to honour
//!   idempotency keys, until the same create was answered that is sent again under its own.
//! - **The ledger is the truth.** `tasks.csv` is made from it and never read.
//! - **Everything from outside is hostile** until a constructor in [`pair`] or [`manifest`] has
//!   checked it, or [`view`] has made it safe to show.
//!
//! # Where things are
//!
//! Each line uses only lines above it and modules before it in its own line; a test holds the
//! modules to that. Everything above `files` is pure: no files, no clock, no network.
//!
//! ```text
//! words                     what people read in another language
//! pair                      ids, URLs and files, the key, the request, its fingerprint
//! pace price wire state media   rates, pauses, poll times · what pairs cost and what may be spent
//!                           · what an answer proves · what may follow what · bytes → a whole
//!                           video, sound or picture, or why not
//! fitness table manifest plan view reconcile diagnosis   whether media are fit to be sent · CSV,
//!                           JSON Lines and spreadsheets → rows · YAML and rows → pairs or problems ·
//!                           what a run would do · rows → CSV and JSON · whose the account's tasks may
//!                           be · what works here and what to do about the rest
//! files catalog             files that appear whole or not at all, files beside the manifest ·
//!                           what is known of media
//! ledger                    the durable truth, and the permits to spend money
//! report page client        tasks.csv from the ledger · report.html from it · HTTP: sends what was
//!                           permitted, once
//! serve                     HTTP the other way: answers people, and who may come in
//! preflight                 media fetched and looked at, files uploaded, just before a create
//! stage                     what the stages have in common: stops and their reasons, unfinished tasks
//! submit                    the fan-out: permits, creates, proofs, pauses
//! watch download            asks for tasks until they end · links → files, or objects in a bucket, whole or
//!                           not at all
//! exit host cli ui          exit codes · the program that this is a part of · the command line · what
//!                           people see
//! commands                  one function per verb; the only module that wires the others
//! ```

// Open to the tests of the program, and no part of the public interface: that is what is exported
// by name below.
#[doc(hidden)]
pub mod catalog;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod client;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod diagnosis;
#[doc(hidden)]
pub mod download;
#[doc(hidden)]
pub mod exit;
#[doc(hidden)]
pub mod files;
#[doc(hidden)]
pub mod fitness;
#[doc(hidden)]
pub mod host;
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
pub mod manifest;
#[doc(hidden)]
pub mod media;
#[doc(hidden)]
pub mod pace;
#[doc(hidden)]
pub mod page;
#[doc(hidden)]
pub mod pair;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod preflight;
#[doc(hidden)]
pub mod price;
#[doc(hidden)]
pub mod reconcile;
#[doc(hidden)]
pub mod report;
#[doc(hidden)]
pub mod serve;
#[doc(hidden)]
pub mod stage;
#[doc(hidden)]
pub mod state;
#[doc(hidden)]
pub mod submit;
#[doc(hidden)]
pub mod table;
#[doc(hidden)]
pub mod ui;
#[doc(hidden)]
pub mod view;
#[doc(hidden)]
pub mod watch;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub mod words;

pub use commands::embed::{Batch, Error, Forecast, Report, RunOptions, Running, Summary};
pub use exit::Exit;
pub use host::StopHandle;
pub use ledger::Change;
pub use plan::{Plan, Step, Sum};
pub use price::Money;
pub use state::{Event, State};
