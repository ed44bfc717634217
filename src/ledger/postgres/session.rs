//! One connection, and what an answer on it is worth.
//!
//! A call that is dropped goes on at the server, so none is: one whose answer is late ends the
//! connection. Nothing is ever cancelled: a cancelled wait for a replica looks like a commit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::{Config, SslMode, TargetSessionAttrs};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls, Row};

use super::error::SharedError;
use super::settings::{Settings, Tls};
use super::tls;

/// After so long an answer is taken for lost.
const ANSWER: Duration = Duration::from_secs(60);
/// So long a server may take at least to let somebody in.
const CONNECTED: Duration = Duration::from_secs(15);

/// A value for a statement, with its type: a statement that is prepared is one session's, and a
/// pooler has many.
pub(super) type Value<'a> = (&'a (dyn ToSql + Sync), Type);

/// One connection to a server that keeps what it acknowledges.
#[derive(Debug)]
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    /// Warnings that the server gave so far.
    warnings: Arc<AtomicU64>,
}

impl Session {
    pub(super) async fn open(settings: &Settings) -> Result<Self, SharedError> {
        let mut session = Self::open_to_read(settings).await?;
        session.must_be_safe().await?;
        Ok(session)
    }

    /// One to a server that need not keep what it is told.
    pub(super) async fn open_to_read(settings: &Settings) -> Result<Self, SharedError> {
        let config = config(settings);
        let failed = |error: tokio_postgres::Error| SharedError::Unreachable(told(&error));
        let warnings = Arc::new(AtomicU64::new(0));
        // The library's own time-out ends with the socket: a server may accept it and say nothing.
        let patience = settings.connect_timeout.max(CONNECTED);
        let late = |_| SharedError::Unreachable("it does not answer".to_owned());
        let (client, driver) = match &settings.tls {
            Tls::Off => {
                let connecting = timeout(patience, config.connect(NoTls)).await;
                let (client, connection) = connecting.map_err(late)?.map_err(failed)?;
                (client, tokio::spawn(drive(connection, warnings.clone())))
            }
            Tls::Verified(roots) => {
                let connector = tls::connector(roots)?;
                let connecting = timeout(patience, config.connect(connector)).await;
                let (client, connection) = connecting.map_err(late)?.map_err(failed)?;
                (client, tokio::spawn(drive(connection, warnings.clone())))
            }
        };
        let session = Self { client, driver, warnings };
        // What it warns of when somebody connects says nothing of what is asked afterwards.
        let asked = timeout(patience, session.client.batch_execute("SELECT 1")).await;
        asked.map_err(late)?.map_err(failed)?;
        Ok(session)
    }

    /// What a statement answers, once it is committed. Each is a transaction of its own.
    ///
    /// [`SharedError::Refused`] only where the server is known to have undone it.
    pub(super) async fn ask(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, SharedError> {
        let before = self.warnings.load(Ordering::Acquire);
        let answer = timeout(ANSWER, self.client.query_typed(sql, values)).await;
        let Ok(answer) = answer else {
            self.driver.abort();
            return Err(SharedError::Unsure(format!("none within {} s", ANSWER.as_secs())));
        };
        let rows = answer.map_err(|error| judged(&error))?;
        // Among them: it is committed here, and on no replica.
        if self.warnings.load(Ordering::Acquire) != before {
            return Err(SharedError::Unsure("it came with a warning".to_owned()));
        }
        Ok(rows)
    }

    /// Several statements in one transaction, for what may be done again.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), SharedError> {
        self.client.batch_execute(sql).await.map_err(|error| judged(&error))
    }

    pub(super) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    async fn must_be_safe(&mut self) -> Result<(), SharedError> {
        let sql =
            "SELECT current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
            pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'";
        let rows = self.ask(sql, &[]).await?;
        let row = rows.first().ok_or(SharedError::Broken("a row is missing"))?;
        let found = [0, 1, 2, 3].map(|at| row.try_get::<_, bool>(at).unwrap_or(at > 1));
        match found {
            [false, ..] => Err(SharedError::Unsafe("fsync=off")),
            [_, false, ..] => Err(SharedError::Unsafe("full_page_writes=off")),
            [_, _, true, _] => Err(SharedError::Unsafe("it is a standby, and read-only")),
            [.., true] => Err(SharedError::Unsafe("it is read-only")),
            _ => Ok(()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn config(settings: &Settings) -> Config {
    let mut config = Config::new();
    for server in &settings.servers {
        config.host(&server.host).port(server.port);
    }
    config
        .user(&settings.user)
        .dbname(&settings.database)
        .application_name(&settings.application_name)
        .connect_timeout(settings.connect_timeout)
        // A peer that is gone is noticed in seconds, not in minutes.
        .tcp_user_timeout(Duration::from_secs(15))
        .keepalives_idle(Duration::from_secs(10))
        .target_session_attrs(match settings.servers.len() {
            // What is wrong with the only one is said by name.
            1 => TargetSessionAttrs::Any,
            _ => TargetSessionAttrs::ReadWrite,
        })
        .ssl_mode(match settings.tls {
            Tls::Off => SslMode::Disable,
            Tls::Verified(_) => SslMode::Require,
        });
    if let Some(password) = &settings.password {
        config.password(password.expose_secret());
    }
    config
}

/// Has the connection work, and counts warnings before what comes after them is passed on.
async fn drive<S, T>(mut connection: Connection<S, T>, warnings: Arc<AtomicU64>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.code().code().starts_with("01")
        {
            warnings.fetch_add(1, Ordering::Release);
        }
    }
}

/// By these a statement is known to have been undone: faults of a statement or its data, which no
/// pooler and no server that ends gives. (23 constraints, 22 values, 42 names, 40 deadlocks, 55P03.)
fn judged(error: &tokio_postgres::Error) -> SharedError {
    let Some(refusal) = error.as_db_error() else { return SharedError::Unsure(told(error)) };
    let code = refusal.code().code();
    let undone = ["22", "23", "42"].iter().any(|class| code.starts_with(class))
        || ["40001", "40P01", "55P03"].contains(&code);
    match undone && refusal.severity() == "ERROR" {
        false => SharedError::Unsure(told(error)),
        true => SharedError::Refused {
            code: code.to_owned(),
            constraint: refusal.constraint().map(str::to_owned),
            message: refusal.message().to_owned(),
        },
    }
}

/// With what lies behind it, which is where the reason is.
pub(super) fn told(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |error| error.source());
    std::iter::once(error.to_string())
        .chain(behind.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ")
}
