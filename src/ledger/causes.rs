//! What went wrong with pairs, grouped by cause.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rusqlite::{Params, Row as SqlRow};

use super::lookup::state_at;
use super::{LedgerError, View};
use crate::state::State;
use crate::view::REMARKS;

/// How many pairs of a cause are named.
const NAMED: usize = 5;
/// How many causes are told apart: codes are a server's words.
const CAUSES: usize = 200;

/// Pairs of the batch that stand in one state for one cause.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cause {
    /// Where they stand.
    pub state: State,
    /// The error's code, or empty.
    pub code: String,
    /// The error of the first of them in words, or empty.
    pub message: String,
    /// How many.
    pub pairs: u64,
    /// The first of them, in manifest order.
    pub first: Vec<String>,
}

/// The pairs of a cause, as they are come upon.
#[derive(Debug, Default)]
struct Group {
    pairs: u64,
    /// By their places.
    first: Vec<(i64, String)>,
    message: String,
}

impl View {
    /// Why listed pairs were rejected, failed, are in doubt or have a video that cannot be fetched: state
    /// by state, the most frequent cause first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn causes_without_video(&self) -> Result<Vec<Cause>, LedgerError> {
        let which = "(state IN ('rejected', 'failed', 'in_doubt')
                OR state = 'completed' AND error_code NOT IN ('', ?1, ?2))
            AND listing = (SELECT listing FROM batch)";
        let mut causes = self.grouped(which, REMARKS)?;
        causes.sort_by_key(|cause| (cause.state, Reverse(cause.pairs)));
        Ok(causes)
    }

    /// What went wrong with pairs, or is odd about them, also those that are listed no longer: the most
    /// frequent cause first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn causes(&self) -> Result<Vec<Cause>, LedgerError> {
        let which = "state IN ('failed', 'rejected', 'in_doubt', 'abandoned')
            OR error_code <> '' AND state IN ('created', 'completed', 'saved')";
        let mut causes = self.grouped(which, ())?;
        causes.sort_by_key(|cause| Reverse(cause.pairs));
        Ok(causes)
    }

    fn grouped(&self, which: &str, params: impl Params) -> Result<Vec<Cause>, LedgerError> {
        let sql = format!(
            "SELECT state, error_code, place, id, error
                FROM standings s CROSS JOIN pairs p USING (pair) WHERE {which}"
        );
        let mut groups: BTreeMap<(State, String), Group> = BTreeMap::new();
        self.ask(&sql, params, |row: &SqlRow<'_>| {
            let (state, mut code) = (state_at(row, 0)?, row.get(1)?);
            if groups.len() >= CAUSES && !groups.contains_key(&(state, String::clone(&code))) {
                code = "…".to_owned();
            }
            groups
                .entry((state, code))
                .or_default()
                .add(row.get(2)?, || Ok((row.get(3)?, row.get(4)?)))
        })?;
        let cause = |((state, code), group): ((State, String), Group)| Cause {
            state,
            message: if code == "…" { String::new() } else { group.message },
            code,
            pairs: group.pairs,
            first: group.first.into_iter().map(|(_, id)| id).collect(),
        };
        Ok(groups.into_iter().map(cause).collect())
    }

    /// The first listed pairs whose request changed after it was sent, in manifest order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn first_changed(&self, most: usize) -> Result<Vec<String>, LedgerError> {
        let sql = "SELECT id FROM pairs WHERE changed = 1 AND listing = (SELECT listing FROM batch)
            ORDER BY place LIMIT ?1";
        self.ask(sql, [i64::try_from(most).unwrap_or(i64::MAX)], |row| row.get(0))
    }

    /// The first pairs that this run leaves out, by their ids in lower case.
    #[must_use]
    pub fn first_left_out(&self, most: usize) -> Vec<String> {
        let mut ids: Vec<_> = self.left_out.iter().cloned().collect();
        ids.sort_unstable();
        ids.truncate(most);
        ids
    }
}

impl Group {
    fn add(
        &mut self,
        place: i64,
        told: impl FnOnce() -> rusqlite::Result<(String, String)>,
    ) -> rusqlite::Result<()> {
        self.pairs += 1;
        let at = self.first.partition_point(|(other, _)| *other < place);
        if at < NAMED {
            let (id, message) = told()?;
            if at == 0 {
                self.message = message;
            }
            self.first.insert(at, (place, id));
            self.first.truncate(NAMED);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_group_are_named_in_whatever_order_they_come() {
        let mut group = Group::default();
        for place in [5, 9, 1, 7, 3, 8] {
            group.add(place, || Ok((format!("p{place}"), format!("m{place}")))).unwrap();
        }
        let first: Vec<_> = group.first.iter().map(|(_, id)| id.as_str()).collect();
        assert_eq!((group.pairs, first), (6, vec!["p1", "p3", "p5", "p7", "p8"]));
        assert_eq!(group.message, "m1");
    }
}
