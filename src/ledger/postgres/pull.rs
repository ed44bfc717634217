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
    /// So many after this one.
    After(i32, usize, Detail),
    /// These.
    These(&'a [i32]),
    /// These, with what they ask for.
    Whole(&'a [i32]),
}

/// How much of a pair is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Where it stands, and whose it is: enough to see whether that is news.
    Glance,
    /// All but what it asks for.
    Known,
    /// All.
    Whole,
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
    /// Where it stands, whose it is, and whether there are tasks that it does not stand by: which ones is
    /// left open.
    pub(in crate::ledger) fn glanced(
        (n, id): (i32, String),
        (state, attempt, worker): (State, i32, Option<i64>),
        late: bool,
    ) -> Self {
        Self {
            n,
            id,
            take: 1,
            body: None,
            state,
            attempt,
            worker,
            held: false,
            signed_off: false,
            late: if late { vec![(String::new(), 0)] } else { Vec::new() },
            listed: true,
            record: None,
        }
    }

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
        Page::After(n, most, Detail::Glance) => return glance(session, batch, (n, most)).await,
        Page::After(n, most, detail) => (n, None, detail == Detail::Whole, most),
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

/// In columns: some thousand pairs are as many times less to take apart. Pairs are numbered without gaps.
/// No table is joined with another: a planner that still knew of few tasks would compare all with all. Each
/// is sorted once: an aggregate that is to sort sorts for itself alone.
const GLANCE: &str = "SELECT s.n, s.state, s.attempt, s.worker, p.id, k.n, k.attempt
    FROM (SELECT array_agg(n), array_agg(state), array_agg(attempt), array_agg(worker)
            FROM (SELECT n, state, attempt, worker FROM callsheet.standing
                WHERE batch = $1 AND n > $2 AND n <= $3 ORDER BY n) s) s (n, state, attempt, worker),
        (SELECT array_agg(id) FROM (SELECT id FROM callsheet.pair
            WHERE batch = $1 AND n > $2 AND n <= $3 ORDER BY n) p) p (id),
        (SELECT coalesce(array_agg(n), '{}'), coalesce(array_agg(attempt), '{}')
            FROM (SELECT n, attempt FROM callsheet.task
                WHERE batch = $1 AND n > $2 AND n <= $3 ORDER BY n) k) k (n, attempt)
    WHERE s.n IS NOT NULL";

async fn glance(
    session: &mut Session,
    batch: i32,
    (after, most): (i32, usize),
) -> Result<Vec<Pulled>, SharedError> {
    let last = after.saturating_add(i32::try_from(most).unwrap_or(i32::MAX));
    let values: &[Value<'_>] = &[(&batch, Type::INT4), (&after, Type::INT4), (&last, Type::INT4)];
    let rows = session.ask(GLANCE, values).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let (pairs, states): (Vec<i32>, Vec<i16>) = (row.get(0), row.get(1));
    let (attempts, workers): (Vec<i32>, Vec<Option<i64>>) = (row.get(2), row.get(3));
    let ids: Vec<String> = row.get(4);
    let (tasks_of, created_by): (Vec<i32>, Vec<i32>) = (row.get(5), row.get(6));
    let mut tasks = tasks_of.into_iter().zip(created_by).peekable();
    let stand = states.into_iter().map(state_of).zip(attempts).zip(workers);
    let seen =
        pairs.into_iter().zip(ids).zip(stand).map(|((n, id), ((state, attempt), worker))| {
            let (mut count, mut is_former) = (0, false);
            while let Some((_, of)) = tasks.next_if(|(pair, _)| *pair <= n) {
                count += 1;
                is_former |= of < attempt;
            }
            let late = is_former || count > 1 || count > 0 && !state.stands_by_a_task();
            Pulled::glanced((n, id), (state, attempt, worker), late)
        });
    Ok(seen.collect())
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
