//! Renews a worker's lease while it waits for answers, on a connection of its own, and hears of stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::error::SharedError;
use super::settings::Settings;
use super::tables::{Me, Place, Tables};
use super::worker;
use crate::ledger::guard::Guard;
use crate::pace::Common;

/// To be asked for a beat each third of the lease.
#[derive(Debug)]
pub struct Pulse<P: Place = Settings> {
    place: P,
    tables: Option<P::Tables>,
    me: Me,
    guard: Arc<Guard>,
    /// The last number that the worker knows to be committed.
    committed: Arc<AtomicI64>,
    /// How many words about the service the worker has told, and after how many halts it began.
    words: Arc<AtomicU64>,
    halts: i32,
    beats: i64,
}

impl<P: Place> Pulse<P> {
    pub(super) fn new(
        place: P,
        me: Me,
        guard: Arc<Guard>,
        (committed, words, halts): (Arc<AtomicI64>, Arc<AtomicU64>, i32),
    ) -> Self {
        Self { place, tables: None, me, guard, committed, words, halts, beats: 0 }
    }

    /// From where its worker works.
    pub(super) fn place(&self) -> &P {
        &self.place
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// [`SharedError::Stopped`], [`SharedError::Over`] and [`SharedError::WentBack`] are for good.
    /// Anything else is to be tried again: until it works, the guard ends by itself.
    pub async fn beat(&mut self) -> Result<(), SharedError> {
        // Both before it is sent: what is found later can only be more.
        let (sent, committed) = (self.place.clocks(), self.committed.load(Ordering::Acquire));
        let mut tables = match self.tables.take() {
            Some(tables) => tables,
            None => self.place.open().await?,
        };
        // A connection that failed is not used again.
        let known = tables.beat(self.me).await?.filter(|beat| beat.seq >= committed);
        let Some(beat) = known.filter(|beat| beat.beats > self.beats) else {
            worker::stop(&mut tables, self.me.batch).await?;
            return Err(SharedError::WentBack);
        };
        self.beats = beat.beats;
        if beat.live {
            self.guard.renewed(sent, self.place.clocks());
        }
        self.tables = Some(tables);
        match beat.stopped {
            Some(why) => Err(SharedError::Stopped(why)),
            None if beat.live => Ok(()),
            None => Err(SharedError::Over),
        }
    }

    /// What all know together now. Changes nothing.
    ///
    /// # Errors
    /// [`SharedError::Stopped`] is for good. Anything else is to be tried again.
    pub async fn look(&mut self) -> Result<Common, SharedError> {
        let words = self.words.load(Ordering::Acquire);
        let mut tables = match self.tables.take() {
            Some(tables) => tables,
            None => self.place.open().await?,
        };
        let (purse, stopped) = tables.look(self.me.batch).await?;
        self.tables = Some(tables);
        match stopped {
            Some(why) => Err(SharedError::Stopped(why)),
            None => Ok(purse.seen(self.me, self.halts, words)),
        }
    }
}
