//! The durable truth about a batch: SQLite in the run folder, and the permits to spend money.
//!
//! **What it promises.** A create can be sent only with a [`Permit`]; a permit exists only after
//! the intent it stands for was committed and fsynced; and it is used up by sending. So a POST
//! without a durable intent does not compile, and neither does a second POST on one intent:
//!
//! ```compile_fail,E0451
//! # use callsheet::ledger::{Permit, Receipt};
//! fn forge(receipt: Receipt, body: bytes::Bytes) -> Permit {
//!     Permit { receipt, body, named: None }
//! }
//! ```
//! ```compile_fail,E0382
//! # fn example(permit: callsheet::ledger::Permit) {
//! let (receipt, body) = permit.spend();
//! let (again, body) = permit.spend();
//! # }
//! ```
//!
//! **How data moves.** [`Store`] is the open ledger of the one run that holds its lock: it lists
//! the manifest's pairs and settles doubts. [`Store::start`] hands it to a writer thread and gives
//! back a [`Ledger`], whose `intend` and `settle` wait for a commit that they share with everyone
//! else who is waiting; [`Ledger::settle_and_intend`] needs one commit for both. After each commit a
//! [`Feed`] gives the pairs that got a task or a link to those who wait for them, and the
//! [`Change`]s go to `events.jsonl` and to the run's observer while the others go on. [`View`] reads
//! without the lock.

mod again;
mod bills;
mod causes;
mod columns;
mod copying;
mod doubts;
mod error;
mod event_log;
mod fence;
#[cfg_attr(not(feature = "postgres"), allow(unreachable_pub, dead_code))]
mod guard;
mod happened;
mod identity;
mod keys;
mod late;
mod latest;
mod listing;
mod lock;
mod lookup;
mod mend;
mod migrate;
mod nearby;
mod outage;
mod pauses;
mod permit;
mod planning;
#[cfg(feature = "postgres")]
pub mod postgres;
mod purse;
mod read;
mod ready;
mod record;
mod renames;
mod repeat;
mod reserve;
mod restored;
mod reviews;
mod schema;
mod seen;
#[cfg(feature = "postgres")]
mod share;
#[cfg(not(feature = "postgres"))]
#[path = "share/none.rs"]
mod share;
mod shared_as;
mod sheet;
mod store;
mod story;
mod survey;
mod takes;
mod task;
mod trial;
mod twins;
mod verdict;
mod videos;
mod view;
mod write;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::price::Credits;
use crate::state::{Event, State};
use crate::wire::{Bill, Judgement, Proof};

pub use self::again::Finished;
pub use self::bills::Bills;
pub use self::causes::Cause;
#[cfg(feature = "postgres")]
pub use self::copying::{CopyFrom, CopyTo, Moved};
pub use self::copying::{CopyMark, Phase};
pub use self::doubts::Doubt;
pub use self::error::{LedgerError, SharedFault};
pub use self::event_log::Happened;
pub use self::fence::Waiting;
pub use self::guard::Lease;
pub use self::happened::Holder;
pub use self::identity::Accounts;
pub use self::keys::{Keyed, Named};
pub use self::late::LateTask;
pub use self::lock::is_under_way;
pub use self::migrate::Migrated;
pub use self::nearby::{Paid, names_of_service};
pub use self::outage::Doubted;
pub use self::pauses::{Pause, RunId, note_exit};
use self::permit::Intent;
pub use self::permit::{Departure, Permit, Receipt};
pub use self::planning::{Comparison, Match, Stand, Stood};
pub use self::ready::{LookAgain, Unfit, Upload};
pub use self::renames::{Renamed, Wanted};
pub use self::restored::{Newer, must_not_be_lost};
pub use self::reviews::{Decision, Mark, NotReviewed, Opinion, Review, ReviewBook, Reviewed, Seen};
#[cfg(feature = "postgres")]
pub use self::share::{Beside, HandedIn, Sharing, relocate_shared};
pub use self::shared_as::{Relisted, Rest, SharedAs};
pub use self::sheet::Sheet;
pub use self::store::{Listing, Store};
pub use self::story::{Card, Reckoned, Story};
pub use self::survey::Survey;
pub use self::takes::{AskedTake, FormerFile, Redo, TAKE_FAILED};
pub use self::task::{Feed, News, Remark, SavedVideo, Task, Told};
pub use self::trial::{AnotherTask, Replay};
pub use self::verdict::{TASK_NOT_FOUND, Verdict};
pub use self::videos::{MissingFile, Remarked, SavedFile, Totals};
pub use self::view::{Rows, View};
pub use self::writer::{Ended, Ledger};

/// The version of SQLite that is built in.
#[must_use]
pub fn sqlite() -> &'static str {
    rusqlite::version()
}

/// The file of the ledger in a run folder.
pub const FILE: &str = "ledger.sqlite";

/// A pair that may be created: it is planned and in the manifest.
#[derive(Debug, Clone)]
pub struct Planned {
    pair: i64,
    place: i64,
    /// As the manifest has it, and its take.
    body: Bytes,
    /// Whether its take has a prompt of its own, which stands in the body.
    prompted: bool,
    /// Which take of the pair it is.
    take: u32,
    /// What is sent instead of it: with the URLs of local files.
    sent: Option<Bytes>,
    /// The user's name for it.
    pub id: Arc<str>,
    /// Its portrait and its recording, as the manifest names them.
    media: [Arc<str>; 2],
    /// How long its recording is, if it was measured.
    pub audio: Option<Duration>,
    /// How long it may be billed for, if that is another length.
    billable: Option<Duration>,
    /// Whether its length is news.
    measured: bool,
}

impl Planned {
    /// The JSON that the manifest asks for; local files stand in it by their names.
    #[must_use]
    pub fn listed(&self) -> &Bytes {
        &self.body
    }

    fn to_send(&self) -> Bytes {
        self.sent.as_ref().unwrap_or(&self.body).clone()
    }

    /// What is sent, where the manifest does not say it.
    fn unlike_listed(&self) -> Option<&Bytes> {
        self.sent.as_ref().or(self.prompted.then_some(&self.body))
    }
}

/// What a create came to, once that is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Where the pair stands.
    pub state: State,
    /// The pair that had the task already which the answer named, if one had: then this pair is in
    /// doubt, and that says nothing about the API being there.
    pub same_task: Option<Arc<str>>,
}

/// One committed event, as observers and `events.jsonl` see it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Change {
    pair: i64,
    /// Counts the events of this ledger, from 1.
    pub number: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// The pair.
    pub id: Arc<str>,
    /// What happened.
    pub event: Event,
    /// Where the pair stood.
    pub from: State,
    /// Where it stands.
    pub state: State,
    /// Which create of the pair this is about, from 1.
    pub attempt: u32,
    /// Which take of the pair, from 1.
    pub take: u32,
    /// The task, once there is one.
    pub task_id: Option<Arc<str>>,
    /// Why it was refused or is in doubt: the error's code.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// Its portrait and its recording, as the manifest names them; empty once the pair has a task.
    pub media: [Arc<str>; 2],
    /// How long its recording is, if it was measured.
    pub audio: Option<Duration>,
    /// How long the server expects the task to take.
    pub estimate: Option<Duration>,
    /// The link to the video, where this is news.
    pub video_url: Option<Arc<str>>,
    /// What the task costs, where the service says so now.
    pub credits: Option<Credits>,
    /// As which worker of a shared batch this run did it.
    pub worker: Option<i64>,
}

/// Is told of changes after they were committed, in their order, on the writer's thread.
pub type Observer = Box<dyn FnMut(&[Change]) + Send>;

/// What this program knows of a create without an answer.
fn unanswered(proof: Proof, code: &str, message: &str) -> Judgement {
    Judgement {
        proof,
        status: None,
        code: code.to_owned(),
        message: message.to_owned(),
        evidence: None,
        ordinary: false,
        proposed: None,
        retry_after: None,
        estimate: None,
        bill: Bill::default(),
    }
}

/// What a proof means for the pair it is about.
fn event_of(judgement: &Judgement) -> Event {
    match judgement.proof {
        Proof::Created(_) => Event::Accepted,
        Proof::Rejected => Event::Refused,
        Proof::NotSent | Proof::NotRelayed | Proof::NotTheApi => Event::NotMade,
        Proof::Unable | Proof::Wait | Proof::AccountStop(_) => Event::NotMade,
        Proof::InDoubt => Event::Lost,
    }
}

#[cfg(test)]
mod tests;
