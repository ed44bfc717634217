//! What other batches ask of a ledger: what was paid here, or may have been.

use std::collections::HashSet;

use rusqlite::{Row as SqlRow, params};

use super::lookup::state_at;
use super::{LedgerError, View, is_under_way};
use crate::pair::{Fingerprint, unsigned};
use crate::state::State;

/// A pair that has or had a task, or may have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    /// What it is called here.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// Whether nothing was paid yet, and the run that is under way is about to.
    pub about_to_be: bool,
}

/// Whether money went into a pair, or may have.
const PAID: &str = "(task_id IS NOT NULL OR state IN ('sending', 'in_doubt')
    OR state = 'abandoned' AND attempt > 0
    OR EXISTS (SELECT 1 FROM former_tasks WHERE former_tasks.pair = pairs.pair))";

/// What a run that is under way will send.
const ABOUT_TO_BE: &str = "state = 'planned' AND listing = (SELECT listing FROM batch)";

impl View {
    /// The pairs that ask for the same, as the same take of the manifest, and were paid, or are about
    /// to be by a run under way; what was paid first. Ledgers from before takes were recorded do not
    /// tell several takes apart.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn paid(&self, fingerprint: &Fingerprint, take: u32) -> Result<Vec<Paid>, LedgerError> {
        let sql = format!(
            "SELECT id, state, NOT {PAID} FROM pairs JOIN standings USING (pair)
                WHERE fingerprint = ?1 AND ({PAID} OR ?3 AND {ABOUT_TO_BE})
                    AND (pairs.take = ?2 OR ?2 > 1 AND pairs.take = 1
                        AND (SELECT count(*) FROM pairs WHERE fingerprint = ?1 AND take = 1) > 1)
                ORDER BY {PAID} DESC, pairs.take <> ?2"
        );
        self.ask(&sql, params![fingerprint.as_bytes(), take, self.is_under_way()], read)
    }

    /// Asked once: a run that has begun since is why a reader is outdated, and asking costs as much as
    /// looking a pair up.
    fn is_under_way(&self) -> bool {
        *self.under_way.get_or_init(|| self.path().parent().is_some_and(is_under_way))
    }

    /// Goes through the pairs that were paid, or are about to be, and whose links may be signed, with the digests of what
    /// they ask for without that. Holds one in memory at a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each_paid_signed(
        &self,
        mut each: impl FnMut(Fingerprint, u32, Paid),
    ) -> Result<(), LedgerError> {
        let sql = format!(
            "SELECT id, state, NOT {PAID}, body, pairs.take FROM pairs JOIN standings USING (pair)
                WHERE (instr(image_url, '?') OR instr(audio_url, '?'))
                    AND ({PAID} OR ?1 AND {ABOUT_TO_BE})
                ORDER BY {PAID} DESC"
        );
        let mut go = || {
            let mut statement = self.read.connection.prepare_cached(&sql)?;
            let mut rows = statement.query([self.is_under_way()])?;
            while let Some(row) = rows.next()? {
                let body: String = row.get(3)?;
                each(unsigned(&body), row.get(4)?, read(row)?);
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
    Ok(Paid { id: row.get(0)?, state: state_at(row, 1)?, about_to_be: row.get(2)? })
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
