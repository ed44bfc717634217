//! A renamed pair is the same pair: a request that was sent under an id which no longer asks for it
//! is not sent again under another.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, params};

use super::seen::Seen;
use super::write::Write;
use super::{LedgerError, View};
use crate::pair::{Fingerprint, Pair, folded};

/// A pair whose id asks for something that was not sent under it.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// In the manifest.
    pub pair: &'a Pair,
    /// Of its request.
    pub fingerprint: Fingerprint,
}

/// A pair that was sent under one id and is listed under another now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    pub(super) row: i64,
    /// What it was called when it was sent.
    pub from: String,
    /// What the manifest calls it.
    pub to: String,
}

/// A row that was sent, with what a pair asks for.
struct Sent {
    row: i64,
    id: String,
}

/// Rows of ledgers from before takes were recorded all have the first; where there are several, they
/// were different ones. What came farthest comes first, and of that what was sent first.
pub(super) const SENT: &str = "SELECT pair, id FROM pairs JOIN standings USING (pair)
    WHERE fingerprint = ?1 AND (attempt > 0 OR task_id IS NOT NULL)
        AND (pairs.take = ?2 OR ?2 > 1 AND pairs.take = 1
            AND (SELECT count(*) FROM pairs WHERE fingerprint = ?1 AND take = 1) > 1)
    ORDER BY pairs.take <> ?2, CASE state WHEN 'saved' THEN 0 WHEN 'completed' THEN 1
        WHEN 'created' THEN 2 WHEN 'in_doubt' THEN 3 WHEN 'sending' THEN 3
        WHEN 'abandoned' THEN 4 WHEN 'failed' THEN 5 ELSE 6 END,
        coalesce(created_at, since), pair";

/// The renames of one listing, in the manifest's order. `kept` says which rows have their own id in
/// the manifest, with what was sent.
fn find(
    connection: &Connection,
    wanted: &[Wanted<'_>],
    kept: impl Fn(&Sent) -> bool,
) -> rusqlite::Result<Vec<Renamed>> {
    let mut statement = connection.prepare_cached(SENT)?;
    let (mut taken, mut renamed) = (HashSet::new(), Vec::new());
    for Wanted { pair, fingerprint } in wanted {
        let read = |row: &rusqlite::Row<'_>| Ok(Sent { row: row.get(0)?, id: row.get(1)? });
        let rows = statement.query_map(params![fingerprint.as_bytes(), pair.take], read)?;
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let free = rows.into_iter().find(|sent| !kept(sent) && !taken.contains(&sent.row));
        if let Some(Sent { row, id }) = free {
            taken.insert(row);
            renamed.push(Renamed { row, from: id, to: pair.id.as_str().to_owned() });
        }
    }
    possible(connection, renamed)
}

/// The id of a pair that keeps both it and what was sent under it cannot be given to another.
fn possible(connection: &Connection, mut renamed: Vec<Renamed>) -> rusqlite::Result<Vec<Renamed>> {
    let moving: HashSet<_> = renamed.iter().map(|one| one.row).collect();
    // Whose rename each one waits for, and which cannot be.
    let (mut waits, mut stays) = (HashMap::new(), Vec::new());
    for (n, one) in renamed.iter().enumerate() {
        match holder(connection, &one.to)? {
            Some((row, true)) if moving.contains(&row) => drop(waits.insert(row, n)),
            Some((_, true)) => stays.push(n),
            Some((_, false)) | None => {}
        }
    }
    let mut cancelled = HashSet::new();
    while let Some(n) = stays.pop() {
        cancelled.insert(n);
        stays.extend(waits.remove(&renamed[n].row));
    }
    let mut n = 0..;
    renamed.retain(|_| n.next().is_some_and(|n| !cancelled.contains(&n)));
    Ok(renamed)
}

/// The row of an id, and whether it stays what it is even if its pair asks for something else now.
/// Nothing was made of the others: they would be sent with the new request.
fn holder(connection: &Connection, id: &str) -> rusqlite::Result<Option<(i64, bool)>> {
    let sql = "SELECT pair, state NOT IN ('planned', 'rejected') OR standings.take > 1
        FROM pairs JOIN standings USING (pair) WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

impl Write<'_> {
    /// Gives rows that were sent the ids that the manifest has for them now, but those that are `kept`:
    /// they have their own id in the manifest.
    pub(super) fn rename(
        &mut self,
        wanted: &[Wanted<'_>],
        kept: &Seen,
    ) -> Result<Vec<Renamed>, LedgerError> {
        let found = find(self.transaction, wanted, |sent| kept.has(sent.row));
        let renamed = found.map_err(|error| self.failed(&error))?;
        let mut ids: Vec<_> = renamed.iter().map(|one| (one.row, one.to.clone())).collect();
        ids.extend(self.displaced(&renamed)?);
        // Ids are unique, also half-way through a swap; this one can be nobody's.
        for (row, _) in &ids {
            self.execute("UPDATE pairs SET id = '~' || pair WHERE pair = ?1", [row])?;
        }
        for (row, id) in &ids {
            self.execute("UPDATE pairs SET id = ?2 WHERE pair = ?1", params![row, id])?;
        }
        Ok(renamed)
    }

    /// Rows of which nothing was made give way: they get the ids that become free.
    fn displaced(&self, renamed: &[Renamed]) -> Result<Vec<(i64, String)>, LedgerError> {
        let moving: HashSet<_> = renamed.iter().map(|one| one.row).collect();
        let given: HashSet<_> = renamed.iter().map(|one| one.to.to_ascii_lowercase()).collect();
        let free = renamed.iter().map(|one| &one.from);
        let mut free = free.filter(|id| !given.contains(&id.to_ascii_lowercase()));
        let mut displaced = Vec::new();
        for one in renamed {
            let holder = holder(self.transaction, &one.to).map_err(|error| self.failed(&error))?;
            let Some((row, _)) = holder.filter(|(row, _)| !moving.contains(row)) else { continue };
            displaced.extend(free.next().map(|id| (row, id.clone())));
        }
        Ok(displaced)
    }
}

impl View {
    /// What a listing would rename. `kept` are the folded ids of the pairs that ask for what
    /// was sent under them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn renamed(
        &self,
        wanted: &[Wanted<'_>],
        kept: &HashSet<String>,
    ) -> Result<Vec<Renamed>, LedgerError> {
        let found = find(&self.read.connection, wanted, |sent| kept.contains(&folded(&sent.id)));
        found.map_err(|error| self.failed(&error))
    }
}
