//! What a worker does besides its turns: it looks at what holds for all, finds out what became of lost
//! answers, takes over what others leave, and signs off.

use std::sync::atomic::Ordering;

use super::super::error::SharedError;
use super::super::fate::{Fate, LEAP};
use super::super::outcome::Outcome;
use super::super::pull::{Page, Pulled};
use super::super::round::Round;
use super::super::tables::{Blocks, Place, Quiet, Summed, Tables};
use super::{Worker, stop};
use crate::pace::Common;

impl<P: Place> Worker<P> {
    /// What all know together now.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn look(&mut self) -> Result<Common, SharedError> {
        let (me, words) = (self.me, self.words.load(Ordering::Acquire));
        let (purse, _) = self.tables()?.look(me.batch).await?;
        Ok(purse.seen(me, self.halts, words))
    }

    /// Asks for the right to try a create alone, and closes the gate for all by that. Who has it says what
    /// all know together.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn take_lone(&mut self) -> Result<Common, SharedError> {
        let (me, halts) = (self.me, self.halts);
        self.tables()?.take_lone(me, halts).await?;
        self.look().await
    }

    /// Another one may try a create alone.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; that right ends with the lease.
    pub async fn leave_lone(&mut self) -> Result<(), SharedError> {
        let me = self.me;
        self.tables()?.leave_lone(me).await
    }

    /// The last pairs that came to be in doubt.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn doubts(&mut self, most: usize) -> Result<Vec<i32>, SharedError> {
        let batch = self.me.batch;
        self.tables()?.doubts(batch, most).await
    }

    /// All who are at work create nothing more, for this reason. Who begins later does.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn halt(&mut self, why: &str) -> Result<(), SharedError> {
        let batch = self.me.batch;
        self.tables()?.halt(batch, why).await
    }

    /// Finds out what became of a statement whose answer was lost, on a new connection. Its claims
    /// were handed out to nobody, and are planned again; outcomes are to be settled again, which
    /// changes nothing where they were.
    ///
    /// # Errors
    /// When the database is not to be reached: to be tried again, until it is.
    pub async fn recover(&mut self) -> Result<Fate, SharedError> {
        let Some(sent) = self.unsure else { return Ok(Fate::Committed) };
        self.tables = None;
        let (mut tables, me) = (self.place.open().await?, self.me);
        let found = tables.recover(me, sent, LEAP).await?;
        let fate = Fate::read(sent, found.map(|found| found.seq));
        match fate {
            Fate::Committed | Fate::Never => {
                tables.give_back(me, sent).await?;
                let moved = found.and_then(|found| found.moved);
                self.go_on_from(moved.ok_or(SharedError::Broken("a number was not moved"))?);
            }
            Fate::WentBack => stop(&mut tables, me.batch).await?,
            Fate::Taken => {}
        }
        self.tables = Some(tables);
        Ok(fate)
    }

    /// Writes task ids down where nothing else can be settled any more: the database went back, or has
    /// another in this worker's place. None is forgotten; which pair each belongs to is kept with it.
    ///
    /// # Errors
    /// When the database is not to be reached: to be tried again.
    pub async fn keep_tasks(&self, outcomes: &[Outcome]) -> Result<(), SharedError> {
        self.place.open().await?.keep_tasks(self.me.batch, outcomes).await
    }

    /// Puts in doubt what workers had under way whose lease has ended; says how many pairs.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn take_over(&mut self) -> Result<usize, SharedError> {
        let batch = self.me.batch;
        Ok(self.tables()?.expire(batch).await?.len())
    }

    /// Takes tasks whose worker is gone, so many at most, to wait for them and fetch their videos;
    /// gives their pairs.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn adopt(&mut self, most: usize) -> Result<Vec<i32>, SharedError> {
        // Where there are some there are more, and whoever has found them takes them.
        let dice = if self.finds_tasks { 0.0 } else { fastrand::f64() };
        let me = self.me;
        let found = self.tables()?.adopt(me, most, dice).await?;
        self.finds_tasks = !found.is_empty();
        Ok(found)
    }

    /// What an earlier process of this folder held nobody is at work on any more: it signs off. False if
    /// the database has never heard of it: then it went back.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn sign_off_for(&mut self, worker: i64) -> Result<bool, SharedError> {
        self.tables()?.sign_off_for(worker).await
    }

    /// Nobody may create in this batch any more: the database went back in time.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn stop_all(&mut self) -> Result<(), SharedError> {
        let batch = self.me.batch;
        stop(self.tables()?, batch).await
    }

    /// Some of the pairs of the batch, in their order.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn pull(&mut self, page: Page<'_>) -> Result<Vec<Pulled>, SharedError> {
        let batch = self.me.batch;
        self.tables()?.pull(batch, page).await
    }

    /// The sums of all blocks of the batch. Where none of its pairs is planned, [`Worker::next`] does not go
    /// through all of them to find that out: what others leave later, [`Worker::left`] finds.
    ///
    /// # Errors
    /// As [`Worker::pull`].
    pub async fn sums(&mut self) -> Result<Blocks, SharedError> {
        let batch = self.me.batch;
        let (blocks, planned) = self.tables()?.sums(batch).await?;
        if planned == 0 {
            self.left.get_or_insert(Round::over());
        }
        Ok(blocks)
    }

    /// Whether nobody else can move anything any more, and what tells whether somebody did since.
    ///
    /// # Errors
    /// As [`Worker::pull`].
    pub async fn quiet(&mut self) -> Result<Option<Quiet>, SharedError> {
        let me = self.me;
        self.tables()?.quiet(me).await
    }

    /// Signs off: nothing of this worker is under way any more. The caller has settled all.
    ///
    /// # Errors
    /// When that could not be written: then its lease ends by itself.
    pub async fn leave(&mut self) -> Result<(), SharedError> {
        let (me, seq) = (self.me, self.seq);
        match self.tables()?.leave(me, seq).await? {
            true => Ok(()),
            false => Err(SharedError::Over),
        }
    }
}
