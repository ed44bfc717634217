//! One process at work on a shared batch: what it claims, what it settles, and what it does when the
//! database's answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::batch::{self, Pages, Wanted};
use super::error::SharedError;
use super::fate::{Fate, LEAP};
use super::outcome::{Outcome, Slip, Told, Wish, settled};
use super::pull::{self, Page, Pulled};
use super::pulse::Pulse;
use super::round::Round;
use super::session::{Session, Value};
use super::settings::Settings;
use crate::ledger::guard::{Clocks, Guard, MOST};
use crate::state::State;

const TURN: &str = include_str!("turn.sql");
const RECOVER: &str = include_str!("recover.sql");
const BACK: &str = include_str!("back.sql");
const EXPIRE: &str = include_str!("expire.sql");
const ADOPT: &str = include_str!("adopt.sql");
const NEXT: &str = include_str!("next.sql");
const LEFT: &str = include_str!("left.sql");

/// What one statement did.
#[derive(Debug, Default)]
pub struct Turn {
    /// The wishes that came true: these may be sent, as long as the lease lasts.
    pub claimed: Vec<Wish>,
    /// How many wishes that is of: those after them were too many for the budget together.
    pub asked: usize,
    /// Where the pairs stand whose outcome was taken. What is missing went on without it; its task
    /// is kept all the same.
    pub settled: Vec<(Slip, State)>,
}

/// One process at work on a batch.
#[derive(Debug)]
pub struct Worker {
    settings: Settings,
    session: Option<Session>,
    batch: i32,
    mark: i64,
    /// Random, and new with each start.
    worker: i64,
    seq: i64,
    /// The same, for its pulse: once it is known.
    committed: Arc<AtomicI64>,
    epoch: i64,
    guard: Arc<Guard>,
    /// Where it looks for pairs that others left, once all were named to somebody.
    left: Option<Round>,
    /// The number with which a statement was sent whose answer was lost.
    unsure: Option<i64>,
}

impl Worker {
    /// Lists the pairs, or joins those who have, and takes a lease.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or the batch is another one.
    pub async fn join(
        settings: Settings,
        wanted: &Wanted<'_>,
        pages: Pages<'_>,
        (who, lease): (&str, Duration),
    ) -> Result<Self, SharedError> {
        let mut session = Session::open(&settings).await?;
        batch::prepare(&mut session).await?;
        let batch = batch::list(&mut session, wanted, pages).await?;
        Self::enter(settings, session, (batch, Some(wanted.digest)), (who, lease)).await
    }

    /// Takes part in a batch that is there, whatever it lists.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted, or has no such batch.
    pub async fn join_known(
        settings: Settings,
        name: &str,
        as_whom: (&str, Duration),
    ) -> Result<Self, SharedError> {
        let mut session = Session::open(&settings).await?;
        batch::prepare(&mut session).await?;
        let batch = batch::number(&mut session, name).await?;
        Self::enter(settings, session, (batch, None), as_whom).await
    }

    async fn enter(
        settings: Settings,
        mut session: Session,
        (batch, digest): (i32, Option<&[u8]>),
        (who, lease): (&str, Duration),
    ) -> Result<Self, SharedError> {
        let (worker, sent) = (fastrand::i64(1..), Clocks::now());
        let sql = "WITH me AS (
                INSERT INTO callsheet.worker (worker, batch, who, renewed, lease)
                SELECT $1, $2, $4, clock_timestamp(), $3 * interval '1 millisecond'
                FROM callsheet.batch WHERE batch = $2 AND listed = coalesce($5, listed)
                RETURNING set_config('synchronous_commit', 'on', true)
            ) SELECT epoch, stopped, mark FROM callsheet.batch JOIN callsheet.purse USING (batch), me
            WHERE batch = $2";
        #[expect(clippy::cast_precision_loss, reason = "a lease has few milliseconds")]
        let millis = lease.as_millis() as f64;
        let values: &[Value<'_>] = &[
            (&worker, Type::INT8),
            (&batch, Type::INT4),
            (&millis, Type::FLOAT8),
            (&who, Type::TEXT),
            (&digest, Type::BYTEA),
        ];
        let rows = session.ask(sql, values).await?;
        let relisted = || SharedError::Unsure("it was listed anew meanwhile".to_owned());
        let row = rows.first().ok_or_else(relisted)?;
        if let Some(why) = row.get::<_, Option<String>>(1) {
            return Err(SharedError::Stopped(why));
        }
        let (guard, epoch, mark) = (Arc::new(Guard::new(lease, sent)), row.get(0), row.get(2));
        let (session, seq, left, unsure) = (Some(session), 0, None, None);
        let committed = Arc::new(AtomicI64::new(seq));
        Ok(Self {
            settings,
            session,
            batch,
            mark,
            worker,
            seq,
            committed,
            epoch,
            guard,
            left,
            unsure,
        })
    }

    /// Takes a new connection, if none of its statements is in doubt.
    ///
    /// # Errors
    /// When the database is not to be reached.
    pub async fn reconnect(&mut self) -> Result<(), SharedError> {
        if self.unsure.is_none() {
            self.session = None;
            self.session = Some(Session::open(&self.settings).await?);
        }
        Ok(())
    }

    /// Its number: what it holds is held under it.
    #[must_use]
    pub fn number(&self) -> i64 {
        self.worker
    }

    /// By what its batch is known from all others.
    #[must_use]
    pub fn mark(&self) -> i64 {
        self.mark
    }

    /// Until when it may send what it claimed.
    #[must_use]
    pub fn guard(&self) -> Arc<Guard> {
        Arc::clone(&self.guard)
    }

    /// Which planned pairs to try next; none once all were tried, also those that others left.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn next(&mut self, most: usize) -> Result<Vec<i32>, SharedError> {
        let (batch, most) = (self.batch, most.max(1).to_string());
        let mut round = match self.left {
            Some(round) => round,
            None => {
                let sql = NEXT.replace(":most", &most);
                let named = numbers(&self.ask(&sql, &[(&batch, Type::INT4)]).await?);
                if !named.is_empty() {
                    return Ok(named);
                }
                let sql = "SELECT coalesce(max(n), 0) + 1 FROM callsheet.standing WHERE batch = $1";
                let count = numbers(&self.ask(sql, &[(&batch, Type::INT4)]).await?);
                Round::among(count.first().copied().unwrap_or_default())
            }
        };
        let (sql, mut found) = (LEFT.replace(":most", &most), Vec::new());
        while found.is_empty() && !round.is_over() {
            let values: &[Value<'_>] = &[(&batch, Type::INT4), (&round.at, Type::INT4)];
            found = round.go_on(numbers(&self.ask(&sql, values).await?));
        }
        self.left = Some(round);
        Ok(found)
    }

    /// Tells what became of pairs, and claims as many as can be sent at once. Renews the lease.
    ///
    /// # Errors
    /// [`SharedError::Unsure`]: first [`Worker::recover`], then the same outcomes again.
    /// [`SharedError::BudgetReached`]: there is no money for a single wish, and nothing was written.
    pub async fn turn(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
    ) -> Result<Turn, SharedError> {
        let mut wished = &wishes[..wishes.len().min(MOST)];
        loop {
            match self.try_turn(outcomes, wished).await {
                Err(error) if error.is_passing() => {}
                Err(error) if error.is_about("within_budget") && wished.len() > 1 => {
                    wished = &wished[..wished.len() / 2];
                }
                Err(error) if error.is_about("within_budget") => {
                    return Err(SharedError::BudgetReached);
                }
                Err(error) if error.is_about("same_epoch") => return Err(SharedError::WentBack),
                turn => return turn,
            }
        }
    }

    async fn try_turn(
        &mut self,
        outcomes: &[Outcome],
        wishes: &[Wish],
    ) -> Result<Turn, SharedError> {
        if self.unsure.is_some() {
            return Err(SharedError::Unsure("of the one before".to_owned()));
        }
        let told = Told::of(outcomes);
        let pairs: Vec<_> = wishes.iter().map(|wish| wish.n).collect();
        let attempts: Vec<_> = wishes.iter().map(|wish| wish.attempt).collect();
        let costs: Vec<_> = wishes.iter().map(|wish| wish.cost).collect();
        let (worker, seq, batch, sent) = (self.worker, self.seq, self.batch, Clocks::now());
        let values: &[Value<'_>] = &[
            (&worker, Type::INT8),
            (&seq, Type::INT8),
            (&batch, Type::INT4),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.holders, Type::INT8_ARRAY),
            (&told.states, Type::INT2_ARRAY),
            (&told.tasks, Type::TEXT_ARRAY),
            (&told.give_back, Type::BOOL_ARRAY),
            (&told.records, Type::TEXT_ARRAY),
            (&pairs, Type::INT4_ARRAY),
            (&attempts, Type::INT4_ARRAY),
            (&costs, Type::INT8_ARRAY),
            (&self.epoch, Type::INT8),
        ];
        // Before anything is sent: whoever drops this call has lost the answer.
        self.unsure = Some(seq);
        let session = self.session.as_mut().ok_or_else(not_connected)?;
        let rows = match session.ask(TURN, values).await {
            Ok(rows) => rows,
            Err(refused @ SharedError::Refused { .. }) => {
                self.unsure = None;
                return Err(refused);
            }
            Err(error) => return Err(error),
        };
        self.taken(&rows, (outcomes, wishes), sent)
    }

    /// The row is the acknowledgement.
    fn taken(
        &mut self,
        rows: &[Row],
        (outcomes, wishes): (&[Outcome], &[Wish]),
        sent: Clocks,
    ) -> Result<Turn, SharedError> {
        let Some(row) = rows.first() else {
            return Err(SharedError::Unsure("its number is another one there".to_owned()));
        };
        if row.get::<_, i64>("seq") != self.seq + 1 {
            return Err(SharedError::Broken("a number was passed over"));
        }
        let claimed: Vec<i32> = row.get("claimed");
        if claimed.iter().any(|n| !wishes.iter().any(|wish| wish.n == *n)) {
            return Err(SharedError::Broken("what nobody asked for was claimed"));
        }
        self.go_on_from(self.seq + 1);
        let live = row.get("live");
        if live {
            self.guard.renewed(sent, Clocks::now());
        }
        let came_true = |wish: &&Wish| claimed.binary_search(&wish.n).is_ok();
        let claimed: Vec<_> = wishes.iter().filter(came_true).copied().collect();
        let (settled, asked) = (settled(row, outcomes), wishes.len());
        match row.get::<_, Option<String>>("stopped") {
            // What was settled is settled in either case.
            _ if wishes.is_empty() || !settled.is_empty() => Ok(Turn { claimed, asked, settled }),
            Some(why) => Err(SharedError::Stopped(why)),
            None if live => Ok(Turn { claimed, asked, settled }),
            None => Err(SharedError::Over),
        }
    }

    fn go_on_from(&mut self, seq: i64) {
        (self.seq, self.unsure) = (seq, None);
        self.committed.store(seq, Ordering::Release);
    }

    /// What keeps its lease while it waits: to be run beside it, from a task of its own.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        let (guard, committed) = (self.guard.clone(), self.committed.clone());
        Pulse::new(self.settings.clone(), (self.batch, self.worker), guard, committed)
    }

    /// Finds out what became of a statement whose answer was lost, on a new connection. Its claims
    /// were handed out to nobody, and are planned again; outcomes are to be settled again, which
    /// changes nothing where they were.
    ///
    /// # Errors
    /// When the database is not to be reached: to be tried again, until it is.
    pub async fn recover(&mut self) -> Result<Fate, SharedError> {
        let Some(sent) = self.unsure else { return Ok(Fate::Committed) };
        self.session = None;
        let mut session = Session::open(&self.settings).await?;
        let (worker, batch) = (self.worker, self.batch);
        let values: &[Value<'_>] = &[
            (&worker, Type::INT8),
            (&batch, Type::INT4),
            (&sent, Type::INT8),
            (&LEAP, Type::INT8),
        ];
        let rows = session.ask(RECOVER, values).await?;
        let fate = Fate::read(sent, rows.first().map(|row| row.get("found")));
        match fate {
            Fate::Committed | Fate::Never => {
                let values: &[Value<'_>] =
                    &[(&worker, Type::INT8), (&batch, Type::INT4), (&sent, Type::INT8)];
                session.ask(BACK, values).await?;
                let moved = rows.first().and_then(|row| row.get("seq"));
                self.go_on_from(moved.ok_or(SharedError::Broken("a number was not moved"))?);
            }
            Fate::WentBack => stop(&mut session, batch).await?,
            Fate::Taken => {}
        }
        self.session = Some(session);
        Ok(fate)
    }

    /// Writes task ids down where nothing else can be settled any more: the database went back, or has
    /// another in this worker's place. None is forgotten; which pair each belongs to is kept with it.
    ///
    /// # Errors
    /// When the database is not to be reached: to be tried again.
    pub async fn keep_tasks(&self, outcomes: &[Outcome]) -> Result<(), SharedError> {
        let told = Told::of(outcomes);
        let sql = "WITH task AS (
                INSERT INTO callsheet.task (batch, task, n, attempt)
                SELECT $1, task, n, attempt
                FROM unnest($2::int4[], $3::int4[], $4::text[]) AS told (n, attempt, task)
                WHERE task IS NOT NULL ORDER BY task ON CONFLICT DO NOTHING
            ) SELECT set_config('synchronous_commit', 'on', true)";
        let values: &[Value<'_>] = &[
            (&self.batch, Type::INT4),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.tasks, Type::TEXT_ARRAY),
        ];
        Session::open(&self.settings).await?.ask(sql, values).await.map(drop)
    }

    /// Puts in doubt what workers had under way whose lease has ended; says how many pairs.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn take_over(&mut self) -> Result<usize, SharedError> {
        let batch = self.batch;
        Ok(self.ask(EXPIRE, &[(&batch, Type::INT4)]).await?.len())
    }

    /// Takes tasks whose worker is gone, so many at most, to wait for them and fetch their videos;
    /// gives their pairs.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn adopt(&mut self, most: usize) -> Result<Vec<i32>, SharedError> {
        let sql = ADOPT.replace(":most", &most.to_string());
        let (worker, batch) = (self.worker, self.batch);
        let values: &[Value<'_>] = &[(&worker, Type::INT8), (&batch, Type::INT4)];
        Ok(numbers(&self.ask(&sql, values).await?))
    }

    /// What an earlier process of this folder held nobody is at work on any more: it signs off. False if
    /// the database has never heard of it: then it went back.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn sign_off_for(&mut self, worker: i64) -> Result<bool, SharedError> {
        let sql = "UPDATE callsheet.worker
            SET over = true, ended = coalesce(ended, clock_timestamp()), seq = seq + 1
            WHERE worker = $1 RETURNING set_config('synchronous_commit', 'on', true)";
        Ok(!self.ask(sql, &[(&worker, Type::INT8)]).await?.is_empty())
    }

    /// Nobody may create in this batch any more: the database went back in time.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn stop_all(&mut self) -> Result<(), SharedError> {
        let batch = self.batch;
        stop(self.session.as_mut().ok_or_else(not_connected)?, batch).await
    }

    /// Some of the pairs of the batch, in their order.
    ///
    /// # Errors
    /// When the database refuses or is not to be reached; to be tried again.
    pub async fn pull(&mut self, page: Page<'_>) -> Result<Vec<Pulled>, SharedError> {
        let batch = self.batch;
        let session = self.session.as_mut().ok_or_else(not_connected)?;
        pull::pull(session, batch, page).await
    }

    async fn ask(&mut self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Row>, SharedError> {
        self.session.as_mut().ok_or_else(not_connected)?.ask(sql, values).await
    }

    /// Signs off: nothing of this worker is under way any more. The caller has settled all.
    ///
    /// # Errors
    /// When that could not be written: then its lease ends by itself.
    pub async fn leave(&mut self) -> Result<(), SharedError> {
        let sql = "UPDATE callsheet.worker SET over = true, ended = clock_timestamp(), seq = seq + 1
            WHERE worker = $1 AND seq = $2 AND NOT EXISTS
                (SELECT 1 FROM callsheet.standing s WHERE s.batch = $3 AND s.state = 1 AND s.worker = $1)
            RETURNING set_config('synchronous_commit', 'on', true)";
        let (worker, seq, batch) = (self.worker, self.seq, self.batch);
        let values: &[Value<'_>] =
            &[(&worker, Type::INT8), (&seq, Type::INT8), (&batch, Type::INT4)];
        match self.ask(sql, values).await?.len() {
            1 => Ok(()),
            _ => Err(SharedError::Over),
        }
    }
}

fn not_connected() -> SharedError {
    SharedError::Unsure("not connected".to_owned())
}

fn numbers(rows: &[Row]) -> Vec<i32> {
    rows.iter().map(|row| row.get(0)).collect()
}

/// Nobody may create in this batch any more, also those who have claims under way.
pub(super) async fn stop(session: &mut Session, batch: i32) -> Result<(), SharedError> {
    let sql = "WITH purse AS (
            UPDATE callsheet.purse SET epoch = $2, seen = $2 WHERE batch = $1
            RETURNING set_config('synchronous_commit', 'on', true)
        ) UPDATE callsheet.batch SET stopped = 'the database went back in time'
        WHERE batch = $1 AND EXISTS (SELECT 1 FROM purse)";
    let epoch = fastrand::i64(..);
    session.ask(sql, &[(&batch, Type::INT4), (&epoch, Type::INT8)]).await.map(drop)
}
