//! This run's part in a ledger that many share.
//!
//! The ledger in the run folder stays what it is: what this run does is durable here before it is told
//! there. The database says whose a pair is: a permit is given out only once it has granted the pair, and
//! what becomes of it is told as soon as it is committed here. What could not be told, because the database
//! was away or the run was killed, is told by the next run here, before it does anything else.
//!
//! SQLite's triggers keep the list of what is to be told: no change of a pair can be forgotten.

mod asking;
mod beside;
mod common;
mod glance;
mod mirror;
mod moving;
mod rematch;
mod restored;
mod rows;
mod take_in;
mod takes;
mod telling;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::fence::host;
use super::postgres::settings::Settings;
use super::postgres::{Granted, Lack, Line, Quiet, SharedError, WENT_BACK, Wanted, Wish};
use super::store::Store;
use super::writer::{Jobs, Reply};
use super::{LedgerError, Permit, Relisted, SharedFault, View};
use crate::files::folder_of;
use crate::pace::Terms;
use crate::price::{Amount, Refusal, Rules};

pub use self::beside::Beside;
pub(super) use self::mirror::{GONE, Mirror, TWIN};
pub use self::moving::relocate_shared;
pub use self::restored::HandedIn;
pub(super) use self::rows::{Learnt, News, RECORD};
use self::telling::learn;
pub(super) use super::postgres::Way;

/// How many pairs are read or written at a time.
const PAGE: usize = 2000;
/// How many pairs a worker asks for at a time: about what two statements claim.
const NAMED: usize = 64;

/// Shared, all would be sent again.
const ALONE: &str = "this run folder has sent pairs by itself, and nobody else would know of them. Go on \
    without --ledger, take the batch there with `callsheet ledger copy`, or share a batch of other pairs from another folder (--out)";
const ANOTHER: &str = "this run folder is part of another batch, or of another database";
/// The lease of those who only decide.
const DECIDING: Duration = Duration::from_secs(60);
/// Behind a number of pairs.
const CHANGED: &str = "of the pairs were changed by others meanwhile, and are as they have them";

/// The ledger that is shared, and how.
#[derive(Debug)]
pub struct Sharing<'a> {
    /// Where the database is.
    pub settings: Settings,
    /// The batch's name there.
    pub name: &'a str,
    /// After so long without a word this run is taken for dead.
    pub lease: Duration,
    /// Whether tasks of workers that are gone are waited for here.
    pub adopts: bool,
    /// What may be spent, by all together.
    pub rules: Rules,
    /// Under which name other batches spend the same budget.
    pub pool: Option<&'a str>,
    /// What may be done, by all together.
    pub terms: Terms,
    /// Whether also a batch that has none of the requests is joined.
    pub joins: bool,
}

/// The line to the database, and how pairs are known there.
#[derive(Debug)]
pub(super) struct Share {
    line: Line,
    way: Way,
    adopts: bool,
    /// Whether a person decides here, and pairs may be known by the database alone.
    decides: bool,
    rules: Rules,
    /// What was so when nothing new was found, and is as long as nobody has moved anything since.
    quiet: Option<Quiet>,
    /// Whose news was told and is not acknowledged yet, with the count of their news.
    telling: HashSet<(i64, i64)>,
}

impl Store {
    /// Writes down that this is a part of a shared batch, before the database is reached.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] if it has sent pairs by itself; or when the file system refuses.
    pub fn declare_shared(&mut self, name: &str) -> Result<(), LedgerError> {
        self.begin_sharing(name)
    }

    /// Takes part in a shared ledger: lists its pairs there or joins those who have, tells what an earlier
    /// run here could not tell, and takes over what others know. Gives what the list changed there.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached or trusted, or its batch is another
    /// one; or when the file system refuses.
    pub fn share(&mut self, sharing: Sharing<'_>) -> Result<Relisted, LedgerError> {
        let Sharing { settings, name, lease, adopts, rules, joins, pool, terms } = sharing;
        self.begin_sharing(name)?;
        let view = self.view()?;
        let digest = digest(&view)?;
        let endpoint = view.endpoint()?;
        let budget = rules.budget.map(|budget| i64::try_from(budget.units()).unwrap_or(i64::MAX));
        let unit = match rules.budget {
            Some(Amount::Money(_)) => "money",
            Some(Amount::Seconds(_)) | None => "seconds",
        };
        let (endpoint, digest) = (&*endpoint, &*digest);
        let wanted = Wanted { name, endpoint, digest, budget, unit, joins, pool, terms };
        let mut pages = |first: usize| {
            let page = view.listed_bodies(first, PAGE);
            page.map_err(|error| SharedError::Local(error.to_string()))
        };
        let who = who(&self.path);
        let (line, relisted) = Line::open(settings, &wanted, &mut pages, (&who, lease))
            .map_err(|error| lost_to(&error))?;
        let relisted = self.view()?.news_of_list(&relisted)?;
        let mut share = Share::new(line, (adopts, false), rules);
        self.enter(&mut share, Mirror::Working)?;
        if adopts {
            loop {
                let pairs = share.line.adopt().map_err(|lack| lost(&lack))?;
                if pairs.is_empty() {
                    break;
                }
                let pulled = share.line.these(pairs).map_err(|lack| lost(&lack))?;
                self.write(|write| write.mirror((&pulled, share.way.worker()), Mirror::Working))?;
            }
        }
        self.share = Some(share);
        // With what the others have spent, and without what they have had back.
        self.limit(rules)?;
        Ok(relisted)
    }

    /// Takes part in a batch that is there, whatever it lists, to change what a person decides. `sure`: by
    /// the person's word nobody who is gone will send anything any more.
    ///
    /// # Errors
    /// As [`Store::share`].
    pub fn share_known(
        &mut self,
        (settings, name): (Settings, &str),
        sure: bool,
    ) -> Result<(), LedgerError> {
        self.begin_sharing(name)?;
        let who = who(&self.path);
        let line =
            Line::open_known(settings, name, (&who, DECIDING)).map_err(|error| lost_to(&error))?;
        let mut share = Share::new(line, (false, true), Rules::default());
        self.enter(&mut share, Mirror::Ended)?;
        if sure {
            self.write(|write| write.be_sure())?;
        }
        self.share = Some(share);
        Ok(())
    }

    /// What was sent alone is known to nobody else.
    fn begin_sharing(&mut self, name: &str) -> Result<(), LedgerError> {
        let shared = self.view()?.shared_as()?;
        let is_part = shared.is_some_and(|shared| shared.mark.is_some());
        self.write(|write| match is_part || !write.has_sent()? {
            true => write.begin_sharing(name),
            false => Err(other(ALONE)),
        })
    }

    /// Tells what an earlier run here could not tell, and takes over what others know.
    fn enter(&mut self, share: &mut Share, how: Mirror) -> Result<(), LedgerError> {
        let mark = share.line.mark();
        if !self.write(|write| write.is_of(mark))? {
            return Err(other(ANOTHER));
        }
        self.hand_in(share)?;
        let before = self.write(|write| write.take_worker((share.way.worker(), mark)))?;
        if let Some(before) = before {
            let signed_off = share.line.sign_off_for(before);
            // The next one has to find out, too.
            if signed_off.is_err() {
                self.write(|write| write.take_worker((before, mark)))?;
            }
            signed_off.map_err(|lack| lost(&lack))?;
        }
        share.line.take_over().map_err(|lack| lost(&lack))?;
        self.take_in(share, how)
    }

    /// Tells what is left to tell, takes over what the others did, and signs off.
    ///
    /// # Errors
    /// When the database was not to be reached: what is left is told by the next run here.
    pub(super) fn end_sharing(&mut self) -> Result<(), LedgerError> {
        let Some(mut share) = self.share.take() else { return Ok(()) };
        let told = self.hand_in(&mut share).and_then(|refused| match refused {
            refused if refused > 0 && share.decides => {
                let (reason, fault) = (format!("{refused} {CHANGED}"), SharedFault::Others);
                Err(LedgerError::Shared { reason, fault })
            }
            _ => Ok(()),
        });
        let taken = told.and_then(|()| self.take_in(&mut share, Mirror::Ended));
        let ended = share.line.end().map_err(|lack| lost(&lack));
        taken.and(ended)
    }
}

impl Share {
    fn new(line: Line, (adopts, decides): (bool, bool), rules: Rules) -> Self {
        let way = line.way();
        Self { line, way, adopts, decides, rules, quiet: None, telling: HashSet::new() }
    }

    /// Tasks of workers that are gone come to the writer from now on.
    pub(super) fn begin(&self, jobs: &Jobs) {
        if self.adopts {
            let jobs = jobs.clone();
            self.way.listen(Box::new(move |pulled| {
                learn(&jobs, Learnt::Stand(pulled, Mirror::Working));
            }));
        }
    }

    /// For those who ask which pairs to try.
    pub(super) fn way(&self) -> Way {
        self.way.clone()
    }

    pub(super) fn worker(&self) -> i64 {
        self.way.worker()
    }

    /// Has a permit given out once the database has granted its pair.
    pub(super) fn claim(&self, (n, permit): (i32, Permit), back: Jobs, reply: Reply<Permit>) {
        let (attempt, cost, id) = permit.terms(&self.rules);
        let permit = permit.returning(back).guarded(self.way.guard());
        let rules = self.rules;
        let granted: Granted = Box::new(move |granted| {
            // One that is dropped goes back to the ledger by itself.
            let outcome = match granted {
                Ok(()) => Ok(permit),
                Err(lack) => Err(refusal(&lack, (id, cost), &rules)),
            };
            drop(reply.send(outcome));
        });
        self.way.claim(Wish { n, attempt, cost: i64::try_from(cost).unwrap_or(i64::MAX) }, granted);
    }
}

/// Who is at work with a ledger here, for people: process, machine and folder.
fn who(ledger: &Path) -> String {
    let folder = folder_of(ledger);
    let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    format!("process {} on {}, in {}", std::process::id(), host(), folder.display())
}

fn refusal(lack: &Lack, (id, cost): (String, u64), rules: &Rules) -> LedgerError {
    match lack {
        Lack::Elsewhere => LedgerError::Elsewhere { id },
        Lack::Held => LedgerError::HeldBack { id },
        Lack::Budget => LedgerError::NotAffordable { id, refusal: Refusal::of_all(rules, cost) },
        Lack::Over(_) | Lack::WentBack => lost(lack),
    }
}

fn other(reason: &str) -> LedgerError {
    LedgerError::Shared { reason: reason.to_owned(), fault: SharedFault::Batch }
}

pub(super) fn lost_to(error: &SharedError) -> LedgerError {
    let fault = match error {
        SharedError::WentBack => return LedgerError::WentBack,
        SharedError::Stopped(why) if why == WENT_BACK => return LedgerError::WentBack,
        SharedError::OtherBatch { .. } => SharedFault::Batch,
        SharedError::Strange(_) => SharedFault::Strange,
        SharedError::NoBatch(_) | SharedError::Settings(_) => SharedFault::Batch,
        SharedError::Elsewhere { .. } => SharedFault::Place,
        SharedError::Silent { .. } => SharedFault::Silent,
        SharedError::Rights(_) => SharedFault::Rights,
        SharedError::OtherList { .. } | SharedError::OtherBudget { .. } => SharedFault::Others,
        SharedError::Busy { .. } => SharedFault::Others,
        _ => SharedFault::Database,
    };
    LedgerError::Shared { reason: error.to_string(), fault }
}

fn lost(lack: &Lack) -> LedgerError {
    if matches!(lack, Lack::WentBack) {
        return LedgerError::WentBack;
    }
    LedgerError::Shared { reason: lack.to_string(), fault: SharedFault::Database }
}

/// What a list is known by: ids and requests, in their order.
pub(super) fn digest(view: &View) -> Result<Vec<u8>, LedgerError> {
    let mut digest = Sha256::new();
    view.each_body_listed(|id, body, take| {
        for field in [id, body, &*take.to_string()] {
            digest.update(field.len().to_le_bytes());
            digest.update(field);
        }
    })?;
    Ok(digest.finalize().to_vec())
}
