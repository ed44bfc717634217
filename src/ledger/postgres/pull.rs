//! What the database knows of pairs.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::error::SharedError;
use super::outcome::state_of;
use super::session::{Session, Value};
use crate::state::State;

const PULL: &str = include_str!("pull.sql");

/// Which pairs are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Page<'a> {
    /// So many after this one, with or without what they ask for.
    After(i32, usize, bool),
    /// These.
    These(&'a [i32]),
    /// These, with what they ask for.
    Whole(&'a [i32]),
}

/// A pair as the database has it.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// Its number there.
    pub n: i32,
    /// The user's name for it.
    pub id: String,
    /// The manifest's number of a twin request.
    pub take: i32,
    /// What it asks for, where that was asked.
    pub body: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Which create of it was the last.
    pub attempt: i32,
    /// Whose it is.
    pub worker: Option<i64>,
    /// Whether that one is at work.
    pub held: bool,
    /// Whether that one has said that nothing of it is under way any more. Nothing else proves that.
    pub signed_off: bool,
    /// Tasks that it was given by creates before its last, or that came when it was settled otherwise;
    /// and by which creates.
    pub late: Vec<(String, i32)>,
    /// Whether the batch lists it.
    pub listed: bool,
    /// What else its last holder wrote of it, and of which attempt.
    pub record: Option<(i32, String)>,
}

impl Pulled {
    /// Whether what is written of it was written when its last create stood so.
    pub(in crate::ledger) fn record_is_of(&self, state: State) -> bool {
        let written = self.record.as_ref().filter(|(attempt, _)| *attempt == self.attempt);
        let record = written.and_then(|(_, record)| serde_json::from_str(record).ok());
        let record: serde_json::Value = record.unwrap_or_default();
        record["state"] == state.name()
    }
}

pub(super) async fn pull(
    session: &mut Session,
    batch: i32,
    page: Page<'_>,
) -> Result<Vec<Pulled>, SharedError> {
    let (after, these, with_body, most) = match page {
        Page::After(n, most, with_body) => (n, None, with_body, most),
        Page::These(these) => (-1, Some(these), false, these.len()),
        Page::Whole(these) => (-1, Some(these), true, these.len()),
    };
    let sql = PULL.replace(":most", &most.to_string());
    let values: &[Value<'_>] = &[
        (&batch, Type::INT4),
        (&after, Type::INT4),
        (&these, Type::INT4_ARRAY),
        (&with_body, Type::BOOL),
    ];
    Ok(session.ask(&sql, values).await?.iter().map(pulled).collect())
}

fn pulled(row: &Row) -> Pulled {
    let written: Option<i32> = row.get("written");
    let record: Option<String> = row.get("record");
    let (late, of): (Vec<String>, Vec<i32>) = (row.get("late"), row.get("late_of"));
    Pulled {
        late: late.into_iter().zip(of).collect(),
        n: row.get("n"),
        id: row.get("id"),
        take: row.get("take"),
        body: row.get("body"),
        state: state_of(row.get("state")),
        attempt: row.get("attempt"),
        worker: row.get("worker"),
        held: row.get("held"),
        signed_off: row.get("signed_off"),
        listed: row.get("listed"),
        record: written.zip(record),
    }
}
