//! Batches that come from a run folder, and batches that go to one.
//!
//! What a copy changes here is one transaction. A batch that has come may pay only once its run folder
//! durably may not: until then it is `arriving`. One that goes is `gone` by the commit that ends the
//! transaction in which it was read; the run folder may pay only after that. Cut off anywhere, the copy is
//! done again, or is only opened.

mod arrive;
mod beside;
mod leave;
mod pages;

use std::fmt;

use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

pub use self::arrive::{Arrived, Arriving, Pairs, Tasks};
pub use self::leave::{Leaving, Take};
pub use self::pages::PAGE;
use super::batch::prepare;
use super::error::SharedError;
use super::session::{Session, told};
use super::settings::Settings;
use crate::state::State;

/// How long a transaction may wait for a run folder's disk.
const PATIENCE: &str = "SET LOCAL synchronous_commit = on;
    SET LOCAL idle_in_transaction_session_timeout = '10min'";

/// A pair, whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Copied {
    /// Its number in the database.
    pub n: i32,
    /// The user's name for it.
    pub id: String,
    /// What it asks for.
    pub body: String,
    /// The manifest's number of a twin request.
    pub take: i32,
    /// Whether the manifest lists it.
    pub listed: bool,
    /// Where it stands.
    pub state: State,
    /// Which create of it was the last.
    pub attempt: i32,
    /// What that is reckoned to cost, in the unit of the budget.
    pub cost: i64,
    /// What else is known of it, and of which attempt that was written.
    pub record: Option<(i32, String)>,
}

/// A task that was given to a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its id.
    pub task: String,
    /// The pair.
    pub n: i32,
    /// By which create.
    pub attempt: i32,
}

/// Where the ledger of a batch is that has a name here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Here.
    Here,
    /// In a run folder, from which a copy of it is on its way or was cut off.
    Arriving,
    /// In a run folder.
    Gone,
}

/// A batch that has a name here.
#[derive(Debug, Clone)]
pub struct There {
    /// By what it is known from all others.
    pub mark: i64,
    /// The API's address.
    pub endpoint: String,
    /// Where its ledger is.
    pub place: Place,
    /// The copy that brings it, or took it.
    pub copying: Option<Copying>,
}

/// A copy, as the database knows it.
#[derive(Debug, Clone)]
pub struct Copying {
    /// Random, and known to the run folder too.
    pub copy: i64,
    /// From where, or where to.
    pub place: String,
    /// When.
    pub at: Timestamp,
}

/// A connection for copies.
#[derive(Debug)]
pub struct Copier {
    runtime: Runtime,
    session: Session,
    settings: Settings,
}

impl Copier {
    /// Connects to a database that keeps what it acknowledges, and makes the tables if there are none.
    ///
    /// # Errors
    /// When the database is not to be reached or not to be trusted.
    pub fn open(settings: &Settings) -> Result<Self, SharedError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
        let session = runtime.block_on(async {
            let mut session = Session::open(settings).await?;
            prepare(&mut session).await?;
            Ok::<_, SharedError>(session)
        })?;
        Ok(Self { runtime, session, settings: settings.clone() })
    }

    /// What the database knows under this name.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn find(&mut self, name: &str) -> Result<Option<There>, SharedError> {
        self.runtime.block_on(find(&mut self.session, name))
    }

    /// The same by a new connection, where nobody knows what became of the old one.
    fn find_anew(&mut self, name: &str) -> Result<Option<There>, SharedError> {
        self.session = self.runtime.block_on(Session::open(&self.settings))?;
        self.find(name)
    }
}

async fn find(session: &mut Session, name: &str) -> Result<Option<There>, SharedError> {
    let sql = "SELECT mark, endpoint, copying, copy, place,
            (extract(epoch FROM copied) * 1000)::int8 AS copied
        FROM callsheet.batch WHERE name = $1";
    let rows = session.ask(sql, &[(&name, Type::TEXT)]).await?;
    Ok(rows.first().map(there))
}

fn there(row: &Row) -> There {
    let place = place_of(row.get("copying"));
    let (copy, at): (Option<i64>, Option<i64>) = (row.get("copy"), row.get("copied"));
    let at = at.and_then(|at| Timestamp::from_millisecond(at).ok());
    let copying = copy.map(|copy| Copying {
        copy,
        place: row.get::<_, Option<String>>("place").unwrap_or_default(),
        at: at.unwrap_or_default(),
    });
    There { mark: row.get("mark"), endpoint: row.get("endpoint"), place, copying }
}

pub(super) fn place_of(copying: Option<&str>) -> Place {
    match copying {
        None => Place::Here,
        Some("gone") => Place::Gone,
        Some(_) => Place::Arriving,
    }
}

/// Whatever became of it, it may begin again.
fn unsure(error: tokio_postgres::Error) -> SharedError {
    SharedError::Unsure(told(&error))
}

/// The database, without its password: `postgres://callsheet@db/callsheet`.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, user, database, .. } = self;
        let Some(server) = servers.first() else { return f.write_str(database) };
        match (server.is_socket(), server.port) {
            (true, _) => write!(f, "postgres://{user}@/{database}?host={}", server.host),
            (false, 5432) => write!(f, "postgres://{user}@{}/{database}", server.host),
            (false, port) => write!(f, "postgres://{user}@{}:{port}/{database}", server.host),
        }
    }
}
