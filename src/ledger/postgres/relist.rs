//! A batch that is listed anew: which of its rows are the pairs of the list.
//!
//! A request that was sent is the same pair under whatever id: its row takes the id that the list has
//! for it now, and nothing is sent. What was sent and is listed no more stays as it is.

use std::collections::{HashMap, HashSet};

use tokio_postgres::Transaction;
use tokio_postgres::types::Type;

use super::batch::{Listed, Pages, unsure};
use super::error::SharedError;
use super::outcome::state_of;
use super::session::Value;
use crate::pair::{Fingerprint, unsigned};
use crate::state::State;

/// How many rows are read or written at a time.
const PAGE: usize = 2000;

/// What a list changed in a batch that was there.
#[derive(Debug, Clone, Default)]
pub struct Relisted {
    /// Pairs that were sent under another id.
    pub renamed: Vec<Moved>,
    /// Pairs that ask for something else than what was sent for them, which is kept.
    pub changed: usize,
}

/// A row that has another id than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Its number.
    pub n: i32,
    /// What it was called when it was sent.
    pub from: String,
    /// What it is called now.
    pub to: String,
}

/// A row that was sent and is not listed under its own id as it was sent.
struct Sent {
    n: i32,
    id: String,
    state: State,
}

/// What a pair asks for, and as which of several.
type Request = (Fingerprint, i32);

/// Rows by their ids, and whether they stay what they are though something else is listed under their
/// ids: nothing was made of the others.
type Holders = HashMap<String, (i32, bool)>;

/// Lists the pairs of a batch that is there.
pub(super) async fn relist(
    transaction: &Transaction<'_>,
    (batch, listing): (i32, i32),
    pages: Pages<'_>,
) -> Result<Relisted, SharedError> {
    let (mut left, mut first) = (Vec::new(), 0);
    loop {
        let pairs = pages(first)?;
        if pairs.is_empty() {
            break;
        }
        first += pairs.len();
        let kept = keep(transaction, (batch, listing), &pairs).await?;
        left.extend(pairs.into_iter().filter(|pair| !kept.contains(&pair.id)));
    }
    let renamed = match left.is_empty() {
        true => Vec::new(),
        false => rename(transaction, (batch, listing), &left).await?,
    };
    let mut changed = 0;
    for pairs in left.chunks(PAGE) {
        changed += add(transaction, (batch, listing), pairs).await?;
    }
    Ok(Relisted { renamed, changed })
}

/// Whether a batch that has pairs has none of those that are listed, whatever they are called, and however
/// their links are signed.
pub(super) async fn is_strange(
    transaction: &Transaction<'_>,
    batch: i32,
    pages: Pages<'_>,
) -> Result<bool, SharedError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM callsheet.pair WHERE batch = $1 AND bare = ANY ($2))
        OR NOT EXISTS (SELECT 1 FROM callsheet.pair WHERE batch = $1)";
    let mut first = 0;
    loop {
        let pairs = pages(first)?;
        if pairs.is_empty() {
            return Ok(first > 0);
        }
        first += pairs.len();
        let bare: Vec<_> = pairs.iter().map(|pair| unsigned(&pair.body)).collect();
        let bare: Vec<_> = bare.iter().map(Fingerprint::as_bytes).collect();
        let values: &[Value<'_>] = &[(&batch, Type::INT4), (&bare, Type::BYTEA_ARRAY)];
        if transaction.query_typed_one(sql, values).await.map_err(unsure)?.get(0) {
            return Ok(false);
        }
    }
}

/// Lists those that are there with what they ask for; gives their ids.
async fn keep(
    transaction: &Transaction<'_>,
    (batch, listing): (i32, i32),
    pairs: &[Listed],
) -> Result<HashSet<String>, SharedError> {
    let sql = "UPDATE callsheet.pair p SET listing = $2
        FROM unnest($3::text[], $4::text[], $5::int4[], $6::bytea[]) AS l (id, body, take, bare)
        WHERE p.batch = $1 AND p.id = l.id AND p.body = l.body AND p.take = l.take RETURNING p.id";
    let rows = given(transaction, sql, (batch, listing), pairs).await?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Adds pairs that are not there; others ask for what is listed now if nothing was made of them yet.
/// Says how many others there are.
pub(super) async fn add(
    transaction: &Transaction<'_>,
    (batch, listing): (i32, i32),
    pairs: &[Listed],
) -> Result<usize, SharedError> {
    let sql = "WITH listed AS MATERIALIZED (
            SELECT * FROM unnest($3::text[], $4::text[], $5::int4[], $6::bytea[])
                WITH ORDINALITY AS t (id, body, take, bare, ord)
        ), known AS MATERIALIZED (
            SELECT p.n, p.id, l.body, l.take, l.bare,
                s.state IN (0, 6) AS is_free, p.body <> l.body OR p.take <> l.take AS is_other
            FROM listed l JOIN callsheet.pair p ON p.batch = $1 AND p.id = l.id
                JOIN callsheet.standing s ON s.batch = $1 AND s.n = p.n
        ), again AS (
            UPDATE callsheet.pair p SET listing = $2,
                body = CASE WHEN k.is_free THEN k.body ELSE p.body END,
                bare = CASE WHEN k.is_free THEN k.bare ELSE p.bare END,
                take = CASE WHEN k.is_free THEN k.take ELSE p.take END
            FROM known k WHERE p.batch = $1 AND p.n = k.n
        ), last AS MATERIALIZED (
            SELECT coalesce(max(n), -1) AS n FROM callsheet.pair WHERE batch = $1
        ), fresh AS MATERIALIZED (
            SELECT (SELECT n FROM last) + row_number() OVER (ORDER BY ord)::int4 AS n, id, body, take,
                bare
            FROM listed l WHERE NOT EXISTS (SELECT 1 FROM known k WHERE k.id = l.id)
        ), pairs AS (
            INSERT INTO callsheet.pair (batch, n, id, body, take, bare, listing)
            SELECT $1, n, id, body, take, bare, $2 FROM fresh
        ), standings AS (
            INSERT INTO callsheet.standing (batch, n) SELECT $1, n FROM fresh
        ) SELECT count(*)::int8 FROM known WHERE is_other AND NOT is_free";
    let rows = given(transaction, sql, (batch, listing), pairs).await?;
    let others: i64 = rows.first().map_or(0, |row| row.get(0));
    Ok(usize::try_from(others).unwrap_or_default())
}

/// A statement about pairs of the list.
async fn given(
    transaction: &Transaction<'_>,
    sql: &str,
    (batch, listing): (i32, i32),
    pairs: &[Listed],
) -> Result<Vec<tokio_postgres::Row>, SharedError> {
    let ids: Vec<_> = pairs.iter().map(|pair| &*pair.id).collect();
    let bodies: Vec<_> = pairs.iter().map(|pair| &*pair.body).collect();
    let takes: Vec<_> = pairs.iter().map(|pair| pair.take).collect();
    let bare: Vec<_> = pairs.iter().map(|pair| unsigned(&pair.body)).collect();
    let bare: Vec<_> = bare.iter().map(Fingerprint::as_bytes).collect();
    let values: &[Value<'_>] = &[
        (&batch, Type::INT4),
        (&listing, Type::INT4),
        (&ids, Type::TEXT_ARRAY),
        (&bodies, Type::TEXT_ARRAY),
        (&takes, Type::INT4_ARRAY),
        (&bare, Type::BYTEA_ARRAY),
    ];
    transaction.query_typed(sql, values).await.map_err(unsure)
}

/// Gives rows that were sent the ids that the list has for them now.
async fn rename(
    transaction: &Transaction<'_>,
    (batch, listing): (i32, i32),
    left: &[Listed],
) -> Result<Vec<Moved>, SharedError> {
    let wanted: Vec<_> = left.iter().map(|pair| (&*pair.id, request(pair))).collect();
    let asked: HashSet<_> = wanted.iter().map(|(_, request)| *request).collect();
    let mut sent = sent(transaction, (batch, listing), &asked).await?;
    if sent.is_empty() {
        return Ok(Vec::new());
    }
    let found = find(&wanted, &mut sent);
    let ids: Vec<_> = found.iter().map(|one| &*one.to).collect();
    let holders = holders(transaction, batch, &ids).await?;
    let renamed = possible(found, &holders);
    let mut ids: Vec<_> = renamed.iter().map(|one| (one.n, &*one.to)).collect();
    ids.extend(displaced(&renamed, &holders));
    for ids in ids.chunks(PAGE) {
        // Unique at every step, also half-way through a swap: no pair has such an id.
        let sql = "UPDATE callsheet.pair SET id = '~' || n WHERE batch = $1 AND n = ANY ($2)";
        let numbers: Vec<_> = ids.iter().map(|(n, _)| *n).collect();
        let values: &[Value<'_>] = &[(&batch, Type::INT4), (&numbers, Type::INT4_ARRAY)];
        transaction.execute_typed(sql, values).await.map_err(unsure)?;
    }
    for ids in ids.chunks(PAGE) {
        let sql =
            "UPDATE callsheet.pair p SET id = r.id FROM unnest($2::int4[], $3::text[]) AS r (n, id)
            WHERE p.batch = $1 AND p.n = r.n";
        let (numbers, ids): (Vec<_>, Vec<_>) = ids.iter().copied().unzip();
        let values: &[Value<'_>] =
            &[(&batch, Type::INT4), (&numbers, Type::INT4_ARRAY), (&ids, Type::TEXT_ARRAY)];
        transaction.execute_typed(sql, values).await.map_err(unsure)?;
    }
    Ok(renamed)
}

fn request(pair: &Listed) -> Request {
    (Fingerprint::of(&pair.body), pair.take)
}

/// The rows that were sent and are not listed as they were, by what they asked for.
async fn sent(
    transaction: &Transaction<'_>,
    (batch, listing): (i32, i32),
    asked: &HashSet<Request>,
) -> Result<HashMap<Request, Vec<Sent>>, SharedError> {
    let sql = format!(
        "SELECT p.n, p.id, p.body, p.take, s.state
        FROM callsheet.pair p JOIN callsheet.standing s USING (batch, n)
        WHERE p.batch = $1 AND p.listing < $2 AND p.n > $3 AND (s.attempt > 0 OR s.state <> 0)
        ORDER BY p.n LIMIT {PAGE}"
    );
    let (mut sent, mut after) = (HashMap::<_, Vec<_>>::new(), -1);
    loop {
        let values: &[Value<'_>] =
            &[(&batch, Type::INT4), (&listing, Type::INT4), (&after, Type::INT4)];
        let rows = transaction.query_typed(&sql, values).await.map_err(unsure)?;
        let Some(last) = rows.last() else { return Ok(sent) };
        after = last.get(0);
        for row in &rows {
            let request = (Fingerprint::of(row.get(2)), row.get(3));
            if asked.contains(&request) {
                let one = Sent { n: row.get(0), id: row.get(1), state: state_of(row.get(4)) };
                sent.entry(request).or_default().push(one);
            }
        }
    }
}

async fn holders(
    transaction: &Transaction<'_>,
    batch: i32,
    ids: &[&str],
) -> Result<Holders, SharedError> {
    let sql = "SELECT p.id, p.n, s.state NOT IN (0, 6)
        FROM callsheet.pair p JOIN callsheet.standing s USING (batch, n)
        WHERE p.batch = $1 AND p.id = ANY ($2)";
    let mut holders = Holders::new();
    for ids in ids.chunks(PAGE) {
        let values: &[Value<'_>] = &[(&batch, Type::INT4), (&ids, Type::TEXT_ARRAY)];
        let rows = transaction.query_typed(sql, values).await.map_err(unsure)?;
        holders.extend(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))));
    }
    Ok(holders)
}

/// What came farthest is what a pair is taken for where several were sent with its request.
fn rank(state: State) -> u8 {
    match state {
        State::Saved => 0,
        State::Completed => 1,
        State::Created => 2,
        State::InDoubt | State::Sending => 3,
        State::Abandoned => 4,
        State::Failed => 5,
        State::Planned | State::Rejected => 6,
    }
}

/// Which rows the pairs are, in the list's order.
fn find(wanted: &[(&str, Request)], sent: &mut HashMap<Request, Vec<Sent>>) -> Vec<Moved> {
    for (id, request) in wanted {
        // The same written otherwise: it keeps its row.
        if let Some(rows) = sent.get_mut(request) {
            rows.retain(|row| row.id != *id);
        }
    }
    sent.values_mut().for_each(|rows| rows.sort_by_key(|row| (rank(row.state), row.n)));
    let mut found = Vec::new();
    for (id, request) in wanted {
        let Some(rows) = sent.get_mut(request).filter(|rows| !rows.is_empty()) else { continue };
        let Sent { n, id: from, .. } = rows.remove(0);
        found.push(Moved { n, from, to: (*id).to_owned() });
    }
    found
}

/// The id of a row that keeps both it and what was sent under it cannot be given to another.
fn possible(mut found: Vec<Moved>, holders: &Holders) -> Vec<Moved> {
    let moving: HashSet<_> = found.iter().map(|one| one.n).collect();
    // Whose rename each one waits for, and which cannot be.
    let (mut waits, mut stays) = (HashMap::new(), Vec::new());
    for (at, one) in found.iter().enumerate() {
        match holders.get(&one.to) {
            Some((n, true)) if moving.contains(n) => drop(waits.insert(*n, at)),
            Some((_, true)) => stays.push(at),
            Some((_, false)) | None => {}
        }
    }
    let mut cancelled = HashSet::new();
    while let Some(at) = stays.pop() {
        cancelled.insert(at);
        stays.extend(waits.remove(&found[at].n));
    }
    let mut at = 0..;
    found.retain(|_| at.next().is_some_and(|at| !cancelled.contains(&at)));
    found
}

/// Rows of which nothing was made give way: they get the ids that become free.
fn displaced<'a>(renamed: &'a [Moved], holders: &Holders) -> Vec<(i32, &'a str)> {
    let moving: HashSet<_> = renamed.iter().map(|one| one.n).collect();
    let given: HashSet<_> = renamed.iter().map(|one| &*one.to).collect();
    let mut free = renamed.iter().map(|one| &*one.from).filter(|id| !given.contains(id));
    let way = renamed.iter().filter_map(|one| holders.get(&one.to));
    let way = way.filter(|(n, _)| !moving.contains(n));
    way.filter_map(|(n, _)| Some((*n, free.next()?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AS_SENT: State = State::Created;

    /// Requests and rows by letters: what is listed as what, and what was sent as what. Gives the ids of
    /// the rows afterwards, by what they were.
    fn renamed(list: &[(&str, char)], rows: &[(&str, char, State)]) -> Vec<String> {
        let request = |letter: char| (Fingerprint::of(&format!("\"{letter}\"")), 1);
        let kept = |id: &str, letter| list.contains(&(id, letter));
        let wanted = list.iter().filter(|(id, letter)| {
            !rows.iter().any(|(own, asked, _)| own == id && asked == letter)
        });
        let wanted: Vec<_> = wanted.map(|(id, letter)| (*id, request(*letter))).collect();
        let mut sent = HashMap::<_, Vec<_>>::new();
        let mut holders = Holders::new();
        for (n, (id, letter, state)) in (0..).zip(rows) {
            let stays = !matches!(state, State::Planned | State::Rejected);
            holders.insert((*id).to_owned(), (n, stays));
            if *state != State::Planned && !kept(id, *letter) {
                let one = Sent { n, id: (*id).to_owned(), state: *state };
                sent.entry(request(*letter)).or_default().push(one);
            }
        }
        let renamed = possible(find(&wanted, &mut sent), &holders);
        let mut ids: Vec<_> = rows.iter().map(|(id, ..)| (*id).to_owned()).collect();
        for (n, id) in displaced(&renamed, &holders) {
            ids[usize::try_from(n).unwrap()] = id.to_owned();
        }
        for Moved { n, from, to } in renamed {
            let row = usize::try_from(n).unwrap();
            assert_eq!(rows[row].0, from);
            ids[row] = to;
        }
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
        ids
    }

    #[test]
    fn a_request_that_was_sent_takes_its_row_along() {
        use State::{Failed, InDoubt, Planned, Saved};
        for (list, rows, expected) in [
            // One that is called otherwise now.
            (&[("b", 'x')][..], &[("a", 'x', AS_SENT)][..], &["b"][..]),
            // A row put in at the top of a numbered table.
            (
                &[("0", 'n'), ("1", 'x'), ("2", 'y')],
                &[("0", 'x', AS_SENT), ("1", 'y', InDoubt)],
                &["1", "2"],
            ),
            // The same, and one that nothing was made of gives way.
            (
                &[("0", 'n'), ("1", 'x'), ("2", 'y')],
                &[("0", 'x', AS_SENT), ("1", 'y', Planned)],
                &["1", "0"],
            ),
            // Two that changed places.
            (&[("a", 'y'), ("b", 'x')], &[("a", 'x', AS_SENT), ("b", 'y', Saved)], &["b", "a"]),
            // The id is another's, which keeps it with what was sent.
            (&[("a", 'y')], &[("a", 'x', AS_SENT), ("b", 'y', AS_SENT)], &["a", "b"]),
            (
                &[("a", 'y'), ("b", 'z')],
                &[("a", 'x', AS_SENT), ("b", 'y', AS_SENT), ("c", 'z', AS_SENT)],
                &["a", "b", "c"],
            ),
            // Listed as it was: nothing else of it is.
            (&[("a", 'x'), ("b", 'x')], &[("a", 'x', AS_SENT)], &["a"]),
            // What came farthest.
            (&[("c", 'x')], &[("a", 'x', Failed), ("b", 'x', Saved)], &["a", "c"]),
            // Something else is asked for.
            (&[("a", 'y')], &[("a", 'x', AS_SENT)], &["a"]),
        ] {
            assert_eq!(renamed(list, rows), expected, "{list:?} {rows:?}");
        }
    }
}
