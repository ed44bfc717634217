//! Where batches stand, counted by the database: only reads, and no pair leaves it that nobody asked for.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::runtime::Builder;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::copies::{Place, place_of};
use super::error::SharedError;
use super::outcome::state_of;
use super::session::{Session, Value};
use super::settings::Settings;
use crate::price::{Amount, Money};
use crate::state::State;

/// A batch in a database.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// What it is called.
    pub name: String,
    /// The API's address.
    pub endpoint: String,
    /// Where its ledger is.
    pub place: Place,
    /// If it is not here, from where it comes or where it went.
    pub elsewhere: Option<String>,
    /// Why nobody may create in it.
    pub stopped: Option<String>,
    /// What is spent or reserved, in the unit.
    pub reserved: i64,
    /// What may be, if there is a limit.
    pub budget: Option<i64>,
    /// `money`, in millionths, or `seconds`.
    pub unit: String,
    /// How many listed pairs stand in each state that any stands in.
    pub counts: Vec<(State, u64)>,
    /// How many were sent once, and are listed no more.
    pub unlisted: u64,
    /// Who is at work on it, or was and did not sign off; those that live come first.
    pub workers: Vec<Hand>,
}

/// Somebody at work on a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hand {
    /// Its random number: events in its run folder name it.
    pub worker: i64,
    /// Process and host, as it says itself.
    pub who: String,
    /// When it began.
    pub began: Timestamp,
    /// How long ago it was heard of.
    pub silent: Duration,
    /// Whether its lease lasts.
    pub lives: bool,
    /// When it signed off, if it did.
    pub ended: Option<Timestamp>,
}

impl Hand {
    /// For programs.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        json!({
            "worker": format!("{:016x}", self.worker),
            "who": self.who,
            "began": self.began.to_string(),
            "heard_of_seconds_ago": self.silent.as_secs_f64(),
            "alive": self.lives,
        })
    }
}

impl Surveyed {
    /// So much of its unit.
    #[must_use]
    pub fn amount(&self, units: i64) -> Amount {
        let units = u64::try_from(units).unwrap_or_default();
        match self.unit == "money" {
            true => Amount::Money(Money::from_millionths(units)),
            false => Amount::Seconds(units),
        }
    }

    /// How many listed pairs stand there.
    #[must_use]
    pub fn count(&self, state: State) -> u64 {
        self.counts.iter().find(|(one, _)| *one == state).map_or(0, |(_, count)| *count)
    }

    /// How many pairs it lists.
    #[must_use]
    pub fn pairs(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

/// Of all states, the first one in the table's numbers being planned.
const COUNTED: &str =
    "SELECT s.state, count(*) FROM callsheet.standing s WHERE s.batch = $1 GROUP BY 1";
/// Of those that are listed no more: found by an index, and few.
const UNLISTED: &str =
    "SELECT s.state, count(*), count(*) FILTER (WHERE s.attempt > 0 OR s.state > 0)
    FROM callsheet.pair p JOIN callsheet.standing s ON s.batch = p.batch AND s.n = p.n
    WHERE p.batch = $1 AND p.listing < $2 GROUP BY 1";
const WORKERS: &str = "SELECT who, (extract(epoch FROM began) * 1000)::int8,
        greatest(0, extract(epoch FROM clock_timestamp() - renewed) * 1000)::int8,
        NOT over AND clock_timestamp() < renewed + lease AS lives,
        (extract(epoch FROM ended) * 1000)::int8, worker
    FROM callsheet.worker WHERE batch = $1 AND ($2 OR ended IS NULL) ORDER BY lives DESC, began, worker";
const BATCHES: &str =
    "SELECT b.batch, b.listing, b.name, b.endpoint, b.copying, b.place, b.stopped,
        p.reserved, p.budget, p.unit
    FROM callsheet.batch b JOIN callsheet.purse p USING (batch)
    WHERE $1::text IS NULL OR b.name = $1 ORDER BY b.name";

/// Whose work is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hands {
    /// Those that did not sign off.
    AtWork,
    /// All that ever were.
    All,
}

/// All batches of a database, or the one of this name, in the order of their names.
///
/// # Errors
/// When the database does not answer.
pub fn survey(
    settings: &Settings,
    (name, hands): (Option<&str>, Hands),
) -> Result<Vec<Surveyed>, SharedError> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| SharedError::Local(error.to_string()))?;
    runtime.block_on(async {
        let mut session = Session::open_to_read(settings).await?;
        let there = session.ask("SELECT to_regclass('callsheet.format') IS NOT NULL", &[]).await?;
        if !there.first().is_some_and(|row| row.get(0)) {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        for row in session.ask(BATCHES, &[(&name, Type::TEXT)]).await? {
            all.push(one(&mut session, &row, hands).await?);
        }
        Ok(all)
    })
}

async fn one(session: &mut Session, row: &Row, hands: Hands) -> Result<Surveyed, SharedError> {
    let (batch, listing): (i32, i32) = (row.get(0), row.get(1));
    let counted = session.ask(COUNTED, &[(&batch, Type::INT4)]).await?;
    let values: &[Value<'_>] = &[(&batch, Type::INT4), (&listing, Type::INT4)];
    let unlisted = session.ask(UNLISTED, values).await?;
    let every = hands == Hands::All;
    let workers = session.ask(WORKERS, &[(&batch, Type::INT4), (&every, Type::BOOL)]).await?;
    let counts: Vec<_> = counted.iter().map(counted_of).collect();
    let less: Vec<_> = unlisted.iter().map(counted_of).collect();
    Ok(Surveyed {
        name: row.get(2),
        endpoint: row.get(3),
        place: place_of(row.get(4)),
        elsewhere: row.get(5),
        stopped: row.get(6),
        reserved: row.get(7),
        budget: row.get(8),
        unit: row.get(9),
        counts: listed(&counts, &less),
        unlisted: unlisted.iter().map(|row| unsigned(row.get(2))).sum(),
        workers: workers.iter().map(hand).collect(),
    })
}

/// All without those that are listed no more.
fn listed(counts: &[(State, u64)], less: &[(State, u64)]) -> Vec<(State, u64)> {
    let of = |some: &[(State, u64)], state| -> u64 {
        some.iter().filter(|(one, _)| *one == state).map(|(_, count)| *count).sum()
    };
    let mut listed: Vec<_> = State::ALL
        .into_iter()
        .map(|state| (state, of(counts, state).saturating_sub(of(less, state))))
        .filter(|(_, count)| *count > 0)
        .collect();
    listed.sort_unstable();
    listed
}

fn counted_of(row: &Row) -> (State, u64) {
    (state_of(row.get(0)), unsigned(row.get(1)))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn hand(row: &Row) -> Hand {
    let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap_or_default();
    Hand {
        who: row.get(0),
        began: at(row.get(1)),
        silent: Duration::from_millis(unsigned(row.get(2))),
        lives: row.get(3),
        ended: row.get::<_, Option<i64>>(4).map(at),
        worker: row.get(5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_no_more_is_not_counted_among_the_rest() {
        let counts = [(State::Planned, 5), (State::Saved, 2), (State::InDoubt, 1)];
        let less = [(State::Planned, 2), (State::InDoubt, 1)];
        assert_eq!(listed(&counts, &less), [(State::Planned, 3), (State::Saved, 2)]);
    }
}
