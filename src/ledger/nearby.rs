//! What other batches ask of a ledger: what was paid here, or may have been.

use std::collections::HashSet;

use rusqlite::{Row as SqlRow, params};

use super::lookup::state_at;
use super::{LedgerError, View};
use crate::pair::{Fingerprint, unsigned};
use crate::state::State;

/// A pair that has or had a task, or may have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// What it is called here.
    pub id: String,
    /// Where it stands.
    pub state: State,
}

/// Whether money went into a pair, or may have.
const PAID: &str = "(task_id IS NOT NULL OR state IN ('sending', 'in_doubt')
    OR state = 'abandoned' AND attempt > 0
    OR EXISTS (SELECT 1 FROM former_tasks WHERE former_tasks.pair = pairs.pair))";

impl View {
    /// The pair that asks for the same, as the same take of the manifest, and was paid. Ledgers from
    /// before takes were recorded do not tell several takes apart.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn paid(&self, fingerprint: &Fingerprint, take: u32) -> Result<Option<Paid>, LedgerError> {
        let sql = format!(
            "SELECT id, state FROM pairs JOIN standings USING (pair)
                WHERE fingerprint = ?1 AND {PAID} AND (take = ?2 OR ?2 > 1 AND take = 1
                    AND (SELECT count(*) FROM pairs WHERE fingerprint = ?1 AND take = 1) > 1)
                ORDER BY take <> ?2 LIMIT 1"
        );
        Ok(self.ask(&sql, params![fingerprint.as_bytes(), take], read)?.pop())
    }

    /// Goes through the pairs that were paid and whose links may be signed, with the digests of what
    /// they ask for without that. Holds one in memory at a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_paid_signed(
        &self,
        mut each: impl FnMut(Fingerprint, u32, Paid),
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT id, state, body, take FROM pairs JOIN standings USING (pair)
                WHERE (instr(image_url, '?') OR instr(audio_url, '?')) AND {PAID}"
        );
        let mut go = || {
            let mut statement = self.read.connection.prepare_cached(&sql)?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let body: String = row.get(2)?;
                each(unsigned(&body), row.get(3)?, read(row)?);
            }
            Ok(())
        };
        go().map_err(|error| self.failed(&error))
    }

    /// From where to where the batch moved, in their order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn moves(&self) -> Result<Vec<(String, String)>, LedgerError> {
        let sql = "SELECT from_endpoint, to_endpoint FROM moves ORDER BY at";
        self.ask(sql, (), |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

fn read(row: &SqlRow<'_>) -> rusqlite::Result<Paid> {
    Ok(Paid { id: row.get(0)?, state: state_at(row, 1)? })
}

/// Services that are one under several names: this one was renamed.
const RENAMED: [[&str; 2]; 1] = [["https://api.foxapi.cc", "https://api.aihubmax.com"]];

/// All names of a service, by what batches moved from and to, and by what is known of it.
#[must_use]
pub fn names_of_service(name: &str, moves: &[(String, String)]) -> HashSet<String> {
    let known = RENAMED.iter().map(|[from, to]| (*from, *to));
    let pairs: Vec<_> = known.chain(moves.iter().map(|(a, b)| (a.as_str(), b.as_str()))).collect();
    let mut names = HashSet::from([name.to_owned()]);
    loop {
        let before = names.len();
        for (from, to) in &pairs {
            if names.contains(*from) || names.contains(*to) {
                names.extend([(*from).to_owned(), (*to).to_owned()]);
            }
        }
        if names.len() == before {
            return names;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_all_the_names_that_lead_from_one_to_another() {
        let moves = [("b", "c"), ("a", "b"), ("x", "y")];
        let moves: Vec<_> = moves.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let names = |of: &str| {
            let mut names: Vec<_> = names_of_service(of, &moves).into_iter().collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names("c"), ["a", "b", "c"]);
        assert_eq!(names("z"), ["z"]);
        assert_eq!(
            names("https://api.foxapi.cc"),
            RENAMED[0].map(str::to_owned).into_iter().rev().collect::<Vec<_>>()
        );
    }
}
