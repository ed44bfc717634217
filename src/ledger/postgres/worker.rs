//! One process at work on a shared batch: what it claims, what it settles, and what it does when the
//! database's answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::batch::{self, Listed, Wanted};
use super::error::SharedError;
use super::fate::{Fate, LEAP};
use super::guard::{Clocks, Guard, to_claim};
use super::outcome::{Outcome, Slip, Told, settled};
use super::pulse::Pulse;
use super::session::{Session, Value};
use super::settings::Settings;
use crate::state::State;

const TURN: &str = include_str!("turn.sql");
const RECOVER: &str = include_str!("recover.sql");
const BACK: &str = include_str!("back.sql");
const EXPIRE: &str = include_str!("expire.sql");

/// The right to send one create of a shared batch, as long as its worker's lease lasts.
#[derive(Debug)]
#[must_use = "a claim without a create is a pair in doubt"]
pub struct Claim {
    receipt: Slip,
    body: String,
    guard: Arc<Guard>,
}

/// What one statement did.
#[derive(Debug, Default)]
pub struct Turn {
    /// May be sent now.
    pub claims: Vec<Claim>,
    /// Where the pairs stand whose outcome was taken. What is missing went on without it; its task
    /// is kept all the same.
    pub settled: Vec<(Slip, State)>,
}

impl Claim {
    /// Gives the body to send, if the lease lasts for so much longer: what it takes from now until
    /// the first byte leaves. To be asked at the last moment.
    ///
    /// # Errors
    /// Gives back what has to be settled as not made, where it does not.
    pub fn spend(self, now: Clocks, needed: Duration) -> Result<(Slip, String), Slip> {
        if self.guard.outlasts(now, needed) {
            Ok((self.receipt, self.body))
        } else {
            Err(self.receipt)
        }
    }
}

/// One process at work on a batch.
#[derive(Debug)]
pub struct Worker {
    settings: Settings,
    session: Option<Session>,
    batch: i32,
    /// Random, and new with each start.
    worker: i64,
    seq: i64,
    /// The same, for its pulse: once it is known.
    committed: Arc<AtomicI64>,
    epoch: i64,
    guard: Arc<Guard>,
    /// Behind which place it looks for planned pairs.
    cursor: i32,
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
        pairs: &[Listed],
        lease: Duration,
    ) -> Result<Self, SharedError> {
        let mut session = Session::open(&settings).await?;
        batch::prepare(&mut session).await?;
        let batch = batch::list(&mut session, wanted, pairs).await?;
        let (worker, sent) = (fastrand::i64(1..), Clocks::now());
        let sql = "WITH me AS (
                INSERT INTO callsheet.worker (worker, batch, renewed, lease)
                VALUES ($1, $2, clock_timestamp(), $3 * interval '1 millisecond')
                RETURNING set_config('synchronous_commit', 'on', true)
            ) SELECT epoch, stopped FROM callsheet.batch JOIN callsheet.purse USING (batch), me
            WHERE batch = $2";
        #[expect(clippy::cast_precision_loss, reason = "a lease has few milliseconds")]
        let millis = lease.as_millis() as f64;
        let values: &[Value<'_>] =
            &[(&worker, Type::INT8), (&batch, Type::INT4), (&millis, Type::FLOAT8)];
        let rows = session.ask(sql, values).await?;
        let row = rows.first().ok_or(SharedError::Broken("a row is missing"))?;
        if let Some(why) = row.get::<_, Option<String>>(1) {
            return Err(SharedError::Stopped(why));
        }
        let (guard, epoch) = (Arc::new(Guard::new(lease, sent)), row.get(0));
        let (session, seq, cursor, unsure) = (Some(session), 0, -1, None);
        let committed = Arc::new(AtomicI64::new(seq));
        Ok(Self { settings, session, batch, worker, seq, committed, epoch, guard, cursor, unsure })
    }

    /// Settles outcomes, and claims as many pairs as can be sent at once. Renews the lease. Without a
    /// claim twice in a row, none is planned: the second time it looks from the start.
    ///
    /// # Errors
    /// [`SharedError::Unsure`]: first [`Worker::recover`], then the same outcomes again.
    /// [`SharedError::BudgetReached`]: nothing was written; settle without claiming.
    pub async fn turn(&mut self, outcomes: &[Outcome], free: usize) -> Result<Turn, SharedError> {
        let mut wanted = to_claim(free);
        loop {
            match self.try_turn(outcomes, wanted).await {
                Err(error) if error.is_passing() => {}
                Err(error) if error.is_about("within_budget") && wanted > 1 => wanted /= 2,
                Err(error) if error.is_about("within_budget") => {
                    return Err(SharedError::BudgetReached);
                }
                Err(error) if error.is_about("same_epoch") => return Err(SharedError::WentBack),
                turn => return turn,
            }
        }
    }

    async fn try_turn(&mut self, outcomes: &[Outcome], wanted: i32) -> Result<Turn, SharedError> {
        if self.unsure.is_some() {
            return Err(SharedError::Unsure("of the one before".to_owned()));
        }
        let told = Told::of(outcomes)?;
        let (worker, seq, batch, sent) = (self.worker, self.seq, self.batch, Clocks::now());
        let values: &[Value<'_>] = &[
            (&worker, Type::INT8),
            (&seq, Type::INT8),
            (&batch, Type::INT4),
            (&told.pairs, Type::INT4_ARRAY),
            (&told.attempts, Type::INT4_ARRAY),
            (&told.states, Type::INT2_ARRAY),
            (&told.tasks, Type::TEXT_ARRAY),
            (&told.codes, Type::TEXT_ARRAY),
            (&told.messages, Type::TEXT_ARRAY),
            (&self.cursor, Type::INT4),
            (&self.epoch, Type::INT8),
        ];
        let sql = TURN.replace(":most", &wanted.to_string());
        // Before anything is sent: whoever drops this call has lost the answer.
        self.unsure = Some(seq);
        let session =
            self.session.as_mut().ok_or(SharedError::Unsure("not connected".to_owned()))?;
        let rows = match session.ask(&sql, values).await {
            Ok(rows) => rows,
            Err(refused @ SharedError::Refused { .. }) => {
                self.unsure = None;
                return Err(refused);
            }
            Err(error) => return Err(error),
        };
        self.taken(&rows, (outcomes, wanted), sent)
    }

    /// The rows are the acknowledgement.
    fn taken(
        &mut self,
        rows: &[Row],
        (outcomes, wanted): (&[Outcome], i32),
        sent: Clocks,
    ) -> Result<Turn, SharedError> {
        let Some(first) = rows.first() else {
            return Err(SharedError::Unsure("its number is another one there".to_owned()));
        };
        if first.get::<_, i64>("seq") != self.seq + 1 {
            return Err(SharedError::Broken("a number was passed over"));
        }
        let claimed: Vec<&Row> =
            rows.iter().filter(|row| row.get::<_, Option<i32>>("n").is_some()).collect();
        if claimed.len() > usize::try_from(wanted).unwrap_or(0) {
            return Err(SharedError::Broken("more was claimed than was asked for"));
        }
        self.go_on_from(self.seq + 1);
        if first.get("live") {
            self.guard.renewed(sent, Clocks::now());
        }
        let mut claims: Vec<_> = claimed.into_iter().map(|row| self.claim(row)).collect();
        claims.sort_by_key(|claim| claim.receipt.n);
        self.cursor = match claims.last() {
            // It has come to the end: what others gave back is before it.
            _ if wanted > 0 && claims.len() < usize::try_from(wanted).unwrap_or(0) => -1,
            Some(last) => last.receipt.n,
            None => self.cursor,
        };
        let settled = settled(first, outcomes);
        match (first.get::<_, Option<String>>("stopped"), first.get::<_, bool>("live")) {
            // What was settled is settled in either case.
            _ if wanted == 0 || !settled.is_empty() || !claims.is_empty() => {
                Ok(Turn { claims, settled })
            }
            (Some(why), _) => Err(SharedError::Stopped(why)),
            (None, false) => Err(SharedError::Over),
            (None, true) => Ok(Turn { claims, settled }),
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

    fn claim(&self, row: &Row) -> Claim {
        let receipt = Slip { n: row.get("n"), attempt: row.get("attempt"), id: row.get("id") };
        Claim { receipt, body: row.get("body"), guard: self.guard.clone() }
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
                self.cursor = -1;
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
        let told = Told::of(outcomes)?;
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
        let session =
            self.session.as_mut().ok_or(SharedError::Unsure("not connected".to_owned()))?;
        Ok(session.ask(EXPIRE, &[(&self.batch, Type::INT4)]).await?.len())
    }

    /// Signs off: nothing of this worker is under way any more. The caller has settled all.
    ///
    /// # Errors
    /// When that could not be written: then its lease ends by itself.
    pub async fn leave(mut self) -> Result<(), SharedError> {
        let sql = "UPDATE callsheet.worker SET over = true, ended = clock_timestamp(), seq = seq + 1
            WHERE worker = $1 AND seq = $2 AND NOT EXISTS
                (SELECT 1 FROM callsheet.standing s WHERE s.batch = $3 AND s.state = 1 AND s.worker = $1)
            RETURNING set_config('synchronous_commit', 'on', true)";
        let values: &[Value<'_>] =
            &[(&self.worker, Type::INT8), (&self.seq, Type::INT8), (&self.batch, Type::INT4)];
        let session =
            self.session.as_mut().ok_or(SharedError::Unsure("not connected".to_owned()))?;
        match session.ask(sql, values).await?.len() {
            1 => Ok(()),
            _ => Err(SharedError::Over),
        }
    }
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
