//! What a worker asks of the tables that hold a batch, whoever keeps them: PostgreSQL, or the model of the
//! simulation.
//!
//! Each of these is one transaction. An answer says that it was committed; [`SharedError::Unsure`], that
//! nobody knows; [`SharedError::Refused`], that it was undone.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use super::error::SharedError;
use super::outcome::{Outcome, Wish};
use super::pull::{Page, Pulled};
use crate::ledger::guard::Clocks;
use crate::pace::{Common, Heard, Lone, Short, Terms};
use crate::state::State;

/// What an answer comes to.
pub type Answer<T> = Result<T, SharedError>;

/// From where a worker works: the way to the tables, and the time of its machine.
pub trait Place: Clone + Debug + Send + Sync + 'static {
    /// One connection to them.
    type Tables: Tables;

    /// A new connection.
    fn open(&self) -> impl Future<Output = Answer<Self::Tables>> + Send;

    /// What the clocks show now.
    fn clocks(&self) -> Clocks;

    /// Waits so long.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Me {
    /// Random, and new with each start.
    pub worker: i64,
    /// In which batch.
    pub batch: i32,
}

/// The statement that tells and claims.
#[derive(Debug, Clone, Copy)]
pub struct Asks<'a> {
    /// Its number: another one there, and nothing is done.
    pub seq: i64,
    /// The epoch that the worker knows.
    pub epoch: i64,
    /// What became of pairs.
    pub outcomes: &'a [Outcome],
    /// Which are claimed.
    pub wishes: &'a [Wish],
    /// What was heard of the service and not told yet.
    pub heard: Heard,
    /// What the worker may claim, and all together.
    pub terms: Terms,
    /// The halts that the worker knows.
    pub halts: i32,
}

/// What that statement did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The worker's number after it.
    pub seq: i64,
    /// Whether its lease lasted, and is renewed.
    pub live: bool,
    /// Why nobody may create.
    pub stopped: Option<String>,
    /// Where the pairs stand whose outcome was taken, in their order.
    pub settled: Vec<(i32, State)>,
    /// The wishes that came true, in their order.
    pub claimed: Vec<i32>,
    /// In how long the create of each may start.
    pub starts: Vec<Duration>,
    /// The wishes that have to wait, in their order.
    pub held: Vec<i32>,
    /// For what the first of them waits.
    pub lack: Option<Lacking>,
    /// What stands in the purse then.
    pub purse: Purse,
}

/// What there was not enough of for all wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lacking {
    /// Money, for this pair: after others ended there may be more.
    Budget(i32),
    /// Something that comes.
    Short(Short),
}

/// What all workers of a batch have in common, as the tables keep it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Purse {
    /// Grows with each change of what is known of the service.
    pub version: i64,
    /// Whether the gate is closed for all.
    pub shut: bool,
    /// The worker that may try a create meanwhile, as long as its lease lasts.
    pub lone: Option<i64>,
    /// Doubts in a row.
    pub row: u32,
    /// Doubts in a row of creates that were tried alone.
    pub alone: u32,
    /// How often an answer has ended a row of doubts.
    pub answered: i64,
    /// Creates under way.
    pub under_way: u32,
    /// The same, and tasks that are unfinished.
    pub unfinished: u32,
    /// Doubts since the first of those began who are at work.
    pub doubts: u32,
    /// How many there may be of them, unless somebody was told otherwise.
    pub usual_doubts: u32,
    /// How often all who were at work had to stop.
    pub halts: i32,
    /// Why the last time.
    pub halt: Option<String>,
}

impl Purse {
    /// As one worker sees it, which began after so many halts, and has told so many words.
    #[must_use]
    pub fn seen(self, me: Me, halts: i32, words: u64) -> Common {
        let Self { version, shut, row, alone, answered, under_way, unfinished, .. } = self;
        let lone = match self.lone {
            None => Lone::Nobody,
            Some(worker) if worker == me.worker => Lone::Ours,
            Some(_) => Lone::Others,
        };
        Common {
            version,
            shut,
            lone,
            row,
            alone,
            answered,
            words,
            under_way,
            unfinished,
            doubts: self.doubts,
            usual_doubts: self.usual_doubts,
            halt: self.halt.filter(|_| self.halts > halts),
            short: None,
        }
    }
}

/// Who takes part from now on.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Under which number.
    pub me: Me,
    /// For people: process and host.
    pub who: &'a str,
    /// After so long without a word it is taken for dead.
    pub lease: Duration,
    /// Only while the batch lists this.
    pub digest: Option<&'a [u8]>,
    /// Its creates under way at once; none if it only decides.
    pub concurrency: u16,
}

/// A batch, as somebody finds it who enters it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    /// Another one once the database was found to have gone back.
    pub epoch: i64,
    /// Why nobody may create.
    pub stopped: Option<String>,
    /// By what it is known from all others.
    pub mark: i64,
    /// How often all who were at work had to stop.
    pub halts: i32,
}

/// A worker's number, as it was found and as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Before.
    pub seq: i64,
    /// After it was moved; nothing if it was lower than the statement's.
    pub moved: Option<i64>,
}

/// What a heartbeat found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beat {
    /// The worker's number.
    pub seq: i64,
    /// The heartbeats so far, with this one.
    pub beats: i64,
    /// Whether its lease lasted, and is renewed.
    pub live: bool,
    /// Why nobody may create.
    pub stopped: Option<String>,
}

/// Who else creates in a batch, and is heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Company {
    /// How many.
    pub alive: u32,
    /// How many of those have something to do themselves.
    pub busy: u32,
}

/// Said when all others have signed off, each with its last word. As long as it stays the same, nothing has
/// moved in the batch: who comes to do something is one more, and who asks counts its own statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// How many others there ever were.
    pub others: i64,
    /// The number of the one who asks.
    pub seq: i64,
}

/// A sum by the number of its block.
pub type Blocks = BTreeMap<i32, i128>;

/// What has sums of blocks.
pub trait Summed {
    /// The sums of all blocks of a batch, and how many of its pairs are planned.
    fn sums(&mut self, batch: i32) -> impl Future<Output = Answer<(Blocks, i64)>> + Send;
}

/// The verbs of the tables.
pub trait Tables: Summed + Debug + Send + 'static {
    /// A worker more; nothing if the batch lists something else by now.
    fn enter(&mut self, entry: Entry<'_>) -> impl Future<Output = Answer<Option<Entered>>> + Send;
    /// Tells and claims; nothing if the worker's number is another one.
    fn turn(&mut self, me: Me, asks: Asks<'_>)
    -> impl Future<Output = Answer<Option<Done>>> + Send;
    /// Looks at a worker's number, and moves it so far that the statement `sent` can no longer be
    /// committed; nothing if there is no such worker.
    fn recover(
        &mut self,
        me: Me,
        sent: i64,
        leap: i64,
    ) -> impl Future<Output = Answer<Option<Found>>> + Send;
    /// Plans again what the worker's statement of that number claimed.
    fn give_back(&mut self, me: Me, seq: i64) -> impl Future<Output = Answer<()>> + Send;
    /// Renews a lease; nothing if there is no such worker.
    fn beat(&mut self, me: Me) -> impl Future<Output = Answer<Option<Beat>>> + Send;
    /// Names planned pairs, each to one worker.
    fn next(&mut self, batch: i32, most: usize) -> impl Future<Output = Answer<Vec<i32>>> + Send;
    /// Planned pairs from this one on, whoever they were named to.
    fn left(
        &mut self,
        batch: i32,
        from: i32,
        most: usize,
    ) -> impl Future<Output = Answer<Vec<i32>>> + Send;
    /// From which planned pair to which: the first, and the one after the last.
    fn span(&mut self, batch: i32) -> impl Future<Output = Answer<(i32, i32)>> + Send;
    /// Puts in doubt what workers had under way whose lease has ended; gives those pairs.
    fn expire(&mut self, batch: i32) -> impl Future<Output = Answer<Vec<i32>>> + Send;
    /// Takes tasks whose worker is gone; gives their pairs. `dice`, from 0 to below 1: where many are at work,
    /// not each of them looks each time.
    fn adopt(
        &mut self,
        me: Me,
        most: usize,
        dice: f64,
    ) -> impl Future<Output = Answer<Vec<i32>>> + Send;
    /// What the database knows of pairs.
    fn pull(
        &mut self,
        batch: i32,
        page: Page<'_>,
    ) -> impl Future<Output = Answer<Vec<Pulled>>> + Send;
    /// Writes task ids down, whatever became of their pairs.
    fn keep_tasks(
        &mut self,
        batch: i32,
        outcomes: &[Outcome],
    ) -> impl Future<Output = Answer<()>> + Send;
    /// Another worker is gone for good; false if nobody has heard of it.
    fn sign_off_for(&mut self, worker: i64) -> impl Future<Output = Answer<bool>> + Send;
    /// The worker is gone for good; false if its number is another, or it has pairs under way.
    fn leave(&mut self, me: Me, seq: i64) -> impl Future<Output = Answer<bool>> + Send;
    /// What stands in the purse, and why nobody may create; changes nothing.
    fn look(&mut self, batch: i32) -> impl Future<Output = Answer<(Purse, Option<String>)>> + Send;
    /// Closes the gate for all, and gives the worker the right to try a create alone; unless it knows of
    /// fewer halts, something is under way, or another one has that right.
    fn take_lone(&mut self, me: Me, halts: i32) -> impl Future<Output = Answer<()>> + Send;
    /// Another one may have that right.
    fn leave_lone(&mut self, me: Me) -> impl Future<Output = Answer<()>> + Send;
    /// The last pairs that came to be in doubt.
    fn doubts(&mut self, batch: i32, most: usize) -> impl Future<Output = Answer<Vec<i32>>> + Send;
    /// All who are at work stop; who enters later does not.
    fn halt(&mut self, batch: i32, why: &str) -> impl Future<Output = Answer<()>> + Send;
    /// The task of a pair of this worker's takes no place among the unfinished from now on.
    fn set_aside(&mut self, me: Me, n: i32) -> impl Future<Output = Answer<()>> + Send;
    /// Whether this worker has nothing to do itself; gives who else there is. Taking a task ends it.
    fn idle(&mut self, me: Me, idle: bool) -> impl Future<Output = Answer<Company>> + Send;
    /// Whether nobody else can move anything any more.
    fn quiet(&mut self, me: Me) -> impl Future<Output = Answer<Option<Quiet>>> + Send;
    /// Nobody may create in this batch any more: the database went back in time.
    fn stop(&mut self, batch: i32, epoch: i64) -> impl Future<Output = Answer<()>> + Send;
}
