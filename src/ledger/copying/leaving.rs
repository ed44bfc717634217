//! A run folder's batch that goes to a database.

use rusqlite::{Row, Rows, params};

use super::kept::digest_of;
use super::{CopyMark, Phase, TABLE, not_copied};
use crate::ledger::fence::host;
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{
    Arrived, Arriving, Copied, Copier, Given, PAGE, Place, SharedError, There, Wanted,
};
use crate::ledger::purse::charge_at;
use crate::ledger::share::{RECORD, digest, lost_to};
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Store};
use crate::pace::Terms;
use crate::price::{Amount, Rules};
use crate::state::State;

/// Pairs in their order: those that the manifest lists, then the others.
const NUMBER: &str = "
    DROP TABLE IF EXISTS temp.numbered;
    CREATE TEMP TABLE numbered (n INTEGER PRIMARY KEY, pair INTEGER NOT NULL UNIQUE);
    INSERT INTO temp.numbered (n, pair)
        SELECT row_number() OVER () - 1, pair FROM (SELECT pair FROM pairs
            WHERE listing = (SELECT listing FROM batch) ORDER BY place, pair);
    INSERT INTO temp.numbered (n, pair)
        SELECT (SELECT count(*) FROM temp.numbered) + row_number() OVER () - 1, pair
        FROM (SELECT pair FROM pairs
            WHERE listing < (SELECT listing FROM batch) ORDER BY place, pair);";
/// Under its own name, so that what is known of a pair is found by the pair: the table itself is by task.
pub(super) const FORMER: &str = "
    DROP TABLE IF EXISTS temp.former_tasks;
    CREATE TEMP TABLE former_tasks AS SELECT * FROM main.former_tasks;
    CREATE INDEX temp.former_by_pair ON former_tasks (pair);";
pub(super) const DONE: &str =
    "DROP TABLE IF EXISTS temp.numbered; DROP TABLE IF EXISTS temp.former_tasks";
const KEYED: &str = "pairs in doubt were sent under idempotency keys, which a database does not keep: \
    settle them first";
const PART: &str =
    "this run folder is part of a batch in another database, or of another one there";

/// Where a copy goes.
#[derive(Debug)]
pub struct CopyTo<'a> {
    /// The database.
    pub settings: &'a Settings,
    /// What the batch is to be called there.
    pub name: &'a str,
    /// What may be spent, by all together.
    pub rules: Rules,
}

/// What a copy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// How many pairs were copied and compared; none if an earlier copy had done that.
    pub pairs: Option<usize>,
}

impl Store {
    /// Takes the batch to a database: afterwards this run folder is one part of it, and the same command
    /// again has nothing to do. Cut off anywhere, it goes on when it is done again.
    ///
    /// # Errors
    /// When the database refuses, or has another batch of that name; the batch is here then, as before.
    pub fn copy_to(&mut self, to: &CopyTo<'_>) -> Result<Moved, LedgerError> {
        let mut copier = Copier::open(to.settings).map_err(|error| lost_to(&error))?;
        let there = copier.find(to.name).map_err(|error| lost_to(&error))?;
        let part = self.view()?.shared_as()?;
        if let Some(mark) = part.and_then(|part| part.mark) {
            open_there(&mut copier, (to.name, mark), there.as_ref())?;
            return Ok(Moved { pairs: None });
        }
        let mark = self.write(|write| {
            write.must_have_no_keys()?;
            write.begin_to_leave(to)
        })?;
        let (arrived, pairs) = self.bring(&mut copier, to, &mark)?;
        // From here on this folder pays for nothing by itself, and so nobody does until it is open there.
        self.write(|write| write.leave(to, &mark, arrived))?;
        copier.open_to_all(to.name, arrived.mark).map_err(|error| lost_to(&error))?;
        Ok(Moved { pairs: Some(pairs) })
    }

    /// Has the database hold all of it, and compares each pair with what was read.
    fn bring(
        &mut self,
        copier: &mut Copier,
        to: &CopyTo<'_>,
        mark: &CopyMark,
    ) -> Result<(Arrived, usize), LedgerError> {
        let view = self.view()?;
        let (endpoint, digest) = (view.endpoint()?, digest(&view)?);
        let units = |units: u64| i64::try_from(units).unwrap_or(i64::MAX);
        let unit = match to.rules.budget {
            Some(Amount::Money(_)) => "money",
            Some(Amount::Seconds(_)) | None => "seconds",
        };
        let budget = to.rules.budget.map(|budget| units(budget.units()));
        let (endpoint, digest) = (&*endpoint, &*digest);
        let (name, pool, terms) = (to.name, None, Terms::default());
        let joins = false;
        let wanted = Wanted { name, endpoint, digest, budget, unit, pool, terms, joins };
        let (host, process) = (host(), std::process::id());
        let folder = crate::files::folder_of(&self.path);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let arriving = Arriving {
            wanted,
            reserved: units(view.spent(&to.rules)?),
            copy: mark.copy,
            took: mark.took,
            place: &format!("{} on {host}", folder.display()),
            who: &format!("callsheet ledger copy, process {process} on {host}"),
        };
        let failed = |error: rusqlite::Error| LedgerError::sqlite(&self.path, &error);
        self.connection.execute_batch(&format!("{NUMBER} {FORMER}")).map_err(failed)?;
        let brought = bring(&self.connection, copier, &arriving, &to.rules);
        brought.map_err(|error| lost_to(&error))
    }
}

/// What is left to do where the folder is part of a shared ledger already.
fn open_there(
    copier: &mut Copier,
    (name, mark): (&str, i64),
    there: Option<&There>,
) -> Result<(), LedgerError> {
    match there {
        Some(there) if there.mark == mark => match there.place {
            Place::Here => Ok(()),
            Place::Arriving => copier.open_to_all(name, mark).map_err(|error| lost_to(&error)),
            Place::Gone => {
                let place = there.copying.as_ref().map_or("", |by| &by.place);
                let name = name.to_owned();
                let why = format!("it went to {place}");
                Err(lost_to(&SharedError::Elsewhere { name, why }))
            }
        },
        _ => Err(not_copied(PART)),
    }
}

fn local(error: &rusqlite::Error) -> SharedError {
    SharedError::Local(error.to_string())
}

fn bring(
    connection: &rusqlite::Connection,
    copier: &mut Copier,
    arriving: &Arriving<'_>,
    rules: &Rules,
) -> Result<(Arrived, usize), SharedError> {
    let mut digests = Vec::new();
    let failed = |error: rusqlite::Error| local(&error);
    let sql = pairs_as("n >= 0");
    let mut pairs = connection.prepare(&sql).map_err(failed)?;
    let mut pairs = pairs.query(()).map_err(failed)?;
    let mut give_pairs = || {
        let page = page(&mut pairs, |row| read_pair(row, rules))?;
        digests.extend(page.iter().map(digest_of));
        Ok(page)
    };
    let sql = "SELECT s.task_id, n, s.attempt FROM temp.numbered JOIN standings s USING (pair)
            WHERE s.task_id IS NOT NULL
        UNION ALL SELECT f.task_id, n, f.attempt FROM main.former_tasks f JOIN temp.numbered USING (pair)";
    let mut tasks = connection.prepare(sql).map_err(failed)?;
    let mut tasks = tasks.query(()).map_err(failed)?;
    let mut give_tasks = || {
        page(&mut tasks, |row| {
            Ok(Given { task: row.get(0)?, n: row.get(1)?, attempt: row.get(2)? })
        })
    };
    let arrived = copier.bring(arriving, &mut give_pairs, &mut give_tasks)?;
    must_be_same(copier, arriving.wanted.name, &digests)?;
    Ok((arrived, digests.len()))
}

fn must_be_same(copier: &mut Copier, name: &str, digests: &[u64]) -> Result<(), SharedError> {
    let mut seen = 0;
    copier.look_through(name, |pair| {
        let expected = digests.get(seen);
        seen += 1;
        match expected == Some(&digest_of(pair)) {
            true => Ok(()),
            false => Err(SharedError::NotTheSame(format!("pair {}", pair.id))),
        }
    })?;
    match seen == digests.len() {
        true => Ok(()),
        false => Err(SharedError::NotTheSame(format!("{seen} pairs of {}", digests.len()))),
    }
}

/// The next so many rows.
fn page<T>(
    rows: &mut Rows<'_>,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, SharedError> {
    let mut page = Vec::with_capacity(PAGE);
    while page.len() < PAGE
        && let Some(row) = rows.next().map_err(|error| local(&error))?
    {
        page.push(read(row).map_err(|error| local(&error))?);
    }
    Ok(page)
}

/// Pairs by their numbers, with all that is known of them. Of one that was never touched nothing is.
pub(super) fn pairs_as(which: &str) -> String {
    format!(
        "SELECT n, p.id, p.body, p.take, p.listing = b.listing, s.state, s.attempt, s.seconds, s.price,
            CASE WHEN s.state <> 'planned' OR s.attempt > 0 OR s.error_code <> ''
                OR p.audio_millis IS NOT NULL
                OR EXISTS (SELECT 1 FROM former_tasks f WHERE f.pair = s.pair)
                THEN json_patch('{{}}', {RECORD}) END
        FROM temp.numbered CROSS JOIN pairs p USING (pair) CROSS JOIN standings s USING (pair)
            CROSS JOIN batch b
        WHERE {which} ORDER BY n"
    )
}

pub(super) fn read_pair(row: &Row<'_>, rules: &Rules) -> rusqlite::Result<Copied> {
    let (state, attempt) = (state_at(row, 5)?, row.get(6)?);
    let cost = if state == State::Planned { 0 } else { rules.spent(charge_at(row, 7)?) };
    let record: Option<String> = row.get(9)?;
    Ok(Copied {
        n: row.get(0)?,
        id: row.get(1)?,
        body: row.get(2)?,
        take: row.get(3)?,
        listed: row.get(4)?,
        state,
        attempt,
        cost: i64::try_from(cost).unwrap_or(i64::MAX),
        record: record.map(|record| (attempt, record)),
    })
}

impl Write<'_> {
    /// A doubt that is sent again under its key would be in doubt for good without it.
    fn must_have_no_keys(&self) -> Result<(), LedgerError> {
        let sql = "SELECT 1 FROM keys JOIN standings USING (pair, attempt)
            WHERE state = 'in_doubt' AND ended IS NULL LIMIT 1";
        match self.query_row(sql, (), |_| Ok(()))? {
            None => Ok(()),
            Some(()) => Err(not_copied(KEYED)),
        }
    }

    /// Gives the copy its number: the one of an earlier copy that was cut off, which gives way to it.
    fn begin_to_leave(&self, to: &CopyTo<'_>) -> Result<CopyMark, LedgerError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        self.transaction.execute_batch(TABLE).map_err(failed)?;
        let known = super::find(self.transaction).map_err(failed)?;
        let (copy, took) = match known {
            Some(CopyMark { phase: Phase::Leaving, copy, took, .. }) => (copy, took),
            Some(CopyMark { phase: Phase::Arrived, copy, .. }) => (fastrand::i64(..), Some(copy)),
            _ => (fastrand::i64(..), None),
        };
        let mark = CopyMark {
            phase: Phase::Leaving,
            copy,
            took,
            mark: None,
            place: to.settings.to_string(),
            name: to.name.to_owned(),
            at: self.now,
        };
        self.keep_mark(&mark)?;
        Ok(mark)
    }

    pub(super) fn keep_mark(&self, mark: &CopyMark) -> Result<(), LedgerError> {
        let CopyMark { phase, copy, took, mark, place, name, .. } = mark;
        let now = self.now.as_millisecond();
        let sql =
            "INSERT OR REPLACE INTO copies (only_row, phase, copy, took, mark, place, name, at)
            VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let values = params![phase.name(), copy, took, mark, place, name, now];
        self.execute(sql, values).map(drop)
    }

    /// From this commit on the folder is part of the batch in the database.
    fn leave(&self, to: &CopyTo<'_>, mark: &CopyMark, arrived: Arrived) -> Result<(), LedgerError> {
        self.begin_sharing(to.name)?;
        let sql = "UPDATE shared SET name = ?1, mark = ?2, worker = NULL";
        self.execute(sql, params![to.name, arrived.mark])?;
        let sql = "INSERT OR REPLACE INTO shares (pair, n, holder)
            SELECT pair, n, iif(attempt > 0 OR state <> 'planned', ?1, NULL)
            FROM temp.numbered JOIN standings USING (pair)";
        self.execute(sql, [arrived.worker])?;
        let (phase, arrived) = (Phase::Left, Some(arrived.mark));
        self.keep_mark(&CopyMark { phase, mark: arrived, ..mark.clone() })?;
        self.transaction.execute_batch(DONE).map_err(|error| self.failed(&error))
    }
}
