//! Renews a worker's lease while it waits for answers, on a connection of its own, and hears of stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio_postgres::types::Type;

use super::error::SharedError;
use super::session::{Session, Value};
use super::settings::Settings;
use super::worker;
use crate::ledger::guard::{Clocks, Guard};

const BEAT: &str = include_str!("beat.sql");

/// To be asked for a beat each third of the lease.
#[derive(Debug)]
pub struct Pulse {
    settings: Settings,
    session: Option<Session>,
    batch: i32,
    worker: i64,
    guard: Arc<Guard>,
    /// The last number that the worker knows to be committed.
    committed: Arc<AtomicI64>,
    beats: i64,
}

impl Pulse {
    pub(super) fn new(
        settings: Settings,
        (batch, worker): (i32, i64),
        guard: Arc<Guard>,
        committed: Arc<AtomicI64>,
    ) -> Self {
        Self { settings, session: None, batch, worker, guard, committed, beats: 0 }
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// [`SharedError::Stopped`], [`SharedError::Over`] and [`SharedError::WentBack`] are for good.
    /// Anything else is to be tried again: until it works, the guard ends by itself.
    pub async fn beat(&mut self) -> Result<(), SharedError> {
        // Both before it is sent: what is found later can only be more.
        let (sent, committed) = (Clocks::now(), self.committed.load(Ordering::Acquire));
        let mut session = match self.session.take() {
            Some(session) => session,
            None => Session::open(&self.settings).await?,
        };
        let values: &[Value<'_>] = &[(&self.worker, Type::INT8), (&self.batch, Type::INT4)];
        // A connection that failed is not used again.
        let rows = session.ask(BEAT, values).await?;
        let known = rows.first().filter(|row| row.get::<_, i64>("seq") >= committed);
        let Some(row) = known.filter(|row| row.get::<_, i64>("beats") > self.beats) else {
            worker::stop(&mut session, self.batch).await?;
            return Err(SharedError::WentBack);
        };
        self.beats = row.get("beats");
        let (live, stopped) = (row.get::<_, bool>("live"), row.get::<_, Option<String>>("stopped"));
        if live {
            self.guard.renewed(sent, Clocks::now());
        }
        self.session = Some(session);
        match stopped {
            Some(why) => Err(SharedError::Stopped(why)),
            None if live => Ok(()),
            None => Err(SharedError::Over),
        }
    }
}
