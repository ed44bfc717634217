//! A batch that comes from a database to a run folder.

use std::path::Path;

use rusqlite::params;

use super::kept::{Attempt, Former, Kept};
use super::leaving::{Moved, pairs_as, read_pair};
use super::{CopyMark, Phase, TABLE, not_copied};
use crate::files::folder_of;
use crate::ledger::fence::{Waiting, host};
use crate::ledger::lock::Lock;
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{Copied, Copier, Given, Leaving, Place, SharedError, Take, There};
use crate::ledger::share::lost_to;
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, SharedAs, Store};
use crate::pair::Fingerprint;
use crate::price::Rules;
use crate::state::State;

const OWN: &str =
    "the run folder has pairs of its own, which are not this batch's: name another with --to";
const UNTOLD: &str =
    "the run folder knows what the database was not told: run there first, with --ledger";

/// Where a copy comes from.
#[derive(Debug)]
pub struct CopyFrom<'a> {
    /// The database.
    pub settings: &'a Settings,
    /// What the batch is called there.
    pub name: &'a str,
    /// By a person's word, workers that ended without one are gone for good.
    pub sure: bool,
}

impl Store {
    /// Takes a batch from a database into a run folder: a new one, or one that is part of that batch.
    /// Afterwards nobody is part of it any more, and the ledger is in this folder alone. Cut off anywhere,
    /// it goes on when it is done again.
    ///
    /// # Errors
    /// When somebody is at work on it, the folder has another batch, or the database refuses; the batch is
    /// there then, as before.
    pub fn copy_from(
        folder: &Path,
        from: &CopyFrom<'_>,
        waiting: Waiting,
    ) -> Result<(Self, Moved), LedgerError> {
        let mut copier = Copier::open(from.settings).map_err(|error| lost_to(&error))?;
        let there = copier.find(from.name).map_err(|error| lost_to(&error))?;
        let missing = || lost_to(&SharedError::NoBatch(from.name.to_owned()));
        let there = there.ok_or_else(missing)?;
        let lock = Lock::take(folder)?;
        let mut store = Self::open_locked(lock, (folder, &there.endpoint), waiting, None)?;
        match store.arrive(&mut copier, from, &there) {
            Ok(moved) => Ok((store, moved)),
            Err(error) => store.close().and(Err(error)),
        }
    }

    fn arrive(
        &mut self,
        copier: &mut Copier,
        from: &CopyFrom<'_>,
        there: &There,
    ) -> Result<Moved, LedgerError> {
        let known = self.view()?.copied()?;
        let ours = known.as_ref().filter(|known| there.is_gone_by(known.copy));
        match (there.place, ours.map(|known| known.phase)) {
            (Place::Gone, Some(Phase::Arriving)) => {
                self.write(|write| write.arrived())?;
                return Ok(Moved { pairs: None });
            }
            (Place::Gone, Some(Phase::Arrived)) => return Ok(Moved { pairs: None }),
            (Place::Gone | Place::Arriving, _) => return Err(elsewhere(from.name, there)),
            (Place::Here, _) => {}
        }
        self.may_be_written_over(known.as_ref(), there)?;
        let mark = CopyMark {
            phase: Phase::Arriving,
            copy: fastrand::i64(..),
            took: None,
            mark: Some(there.mark),
            place: from.settings.to_string(),
            name: from.name.to_owned(),
            at: jiff::Timestamp::now(),
        };
        self.write(|write| write.begin_to_arrive(&mark))?;
        let folder = folder_of(&self.path);
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let place = &*format!("{} on {}", folder.display(), host());
        let leaving = Leaving { name: from.name, copy: mark.copy, place, sure: from.sure };
        let mut taker = Taker { store: self, digests: Vec::new() };
        copier.hand_over(&leaving, &mut taker).map_err(|error| lost_to(&error))?;
        let pairs = Some(taker.digests.len());
        self.write(|write| write.arrived())?;
        Ok(Moved { pairs })
    }

    /// A folder that is new, or part of this very batch and without news of it; or an earlier copy of it.
    fn may_be_written_over(
        &mut self,
        known: Option<&CopyMark>,
        there: &There,
    ) -> Result<(), LedgerError> {
        let part = self.view()?.shared_as()?;
        let is_part = part.is_some_and(|SharedAs { mark, .. }| mark == Some(there.mark));
        let is_earlier = known
            .is_some_and(|known| known.phase == Phase::Arriving && known.mark == Some(there.mark));
        self.write(|write| {
            if is_earlier || write.is_blank()? {
                return Ok(());
            }
            match is_part {
                true if write.has_news()? => Err(not_copied(UNTOLD)),
                true => Ok(()),
                false => Err(not_copied(OWN)),
            }
        })
    }

    /// Compares each pair with what came.
    fn must_be_same(&self, digests: &[u64]) -> Result<(), SharedError> {
        let failed = |error: rusqlite::Error| SharedError::Local(error.to_string());
        let sql = pairs_as("true").replace("CASE WHEN s.state", "CASE WHEN true OR s.state");
        let mut pairs = self.connection.prepare(&sql).map_err(failed)?;
        let mut pairs = pairs.query(()).map_err(failed)?;
        let (mut seen, rules) = (0, Rules::default());
        while let Some(row) = pairs.next().map_err(failed)? {
            let pair = read_pair(row, &rules).map_err(failed)?;
            let record = pair.record.as_ref().map_or("{}", |(_, record)| record);
            let kept = Kept::parse(record).map_err(|error| unreadable(&pair, &error))?;
            if digests.get(seen) != Some(&kept.digest(&pair, pair.state)) {
                return Err(SharedError::NotTheSame(format!("pair {}", pair.id)));
            }
            seen += 1;
        }
        match seen == digests.len() {
            true => Ok(()),
            false => Err(SharedError::NotTheSame(format!("{seen} pairs of {}", digests.len()))),
        }
    }
}

fn elsewhere(name: &str, there: &There) -> LedgerError {
    let place = there.copying.as_ref().map_or("", |by| &by.place);
    let why = match there.place {
        Place::Gone => format!("it went to {place}"),
        _ => format!("its copy from {place} is not finished"),
    };
    lost_to(&SharedError::Elsewhere { name: name.to_owned(), why })
}

fn unreadable(pair: &Copied, error: &serde_json::Error) -> SharedError {
    SharedError::Local(format!("what the database has of pair {} cannot be read: {error}", pair.id))
}

/// Writes down what comes, page by page.
struct Taker<'a> {
    store: &'a mut Store,
    digests: Vec<u64>,
}

impl Take for Taker<'_> {
    fn pairs(&mut self, pairs: Vec<Copied>, unit: &str) -> Result<(), SharedError> {
        let now = jiff::Timestamp::now().as_millisecond();
        let mut taken = Vec::with_capacity(pairs.len());
        for pair in &pairs {
            let seconds = (unit == "seconds").then_some(pair.cost);
            let (state, kept) =
                Kept::of(pair, (now, seconds)).map_err(|error| unreadable(pair, &error))?;
            self.digests.push(kept.digest(pair, state));
            taken.push((pair, state, kept));
        }
        let written = self.store.write::<_, LedgerError>(|write| {
            taken.iter().try_for_each(|(pair, state, kept)| write.take(pair, *state, kept))
        });
        written.map_err(|error| SharedError::Local(error.to_string()))
    }

    fn end(&mut self, late: Vec<Given>) -> Result<(), SharedError> {
        let local = |error: LedgerError| SharedError::Local(error.to_string());
        self.store.write(|write| write.look_by_pair()).map_err(local)?;
        self.store.must_be_same(&self.digests)?;
        let kept =
            self.store.write(|write| late.iter().try_for_each(|given| write.take_late(given)));
        kept.map_err(local)
    }
}

impl Write<'_> {
    fn has_news(&self) -> Result<bool, LedgerError> {
        self.only_row("SELECT EXISTS (SELECT 1 FROM shares WHERE news > 0)", (), |row| row.get(0))
    }

    fn begin_to_arrive(&self, mark: &CopyMark) -> Result<(), LedgerError> {
        // What is written down from now on is no news for anybody.
        let sql = "DROP TRIGGER IF EXISTS temp.news_of_standings;
            DROP TRIGGER IF EXISTS temp.news_of_attempts;
            DROP TRIGGER IF EXISTS temp.news_of_verdicts;
            DROP TRIGGER IF EXISTS temp.news_of_former_tasks;
            DROP TRIGGER IF EXISTS temp.news_of_takes;
            DROP TABLE IF EXISTS temp.numbered;
            CREATE TEMP TABLE numbered (n INTEGER PRIMARY KEY, pair INTEGER NOT NULL UNIQUE);";
        let made = self.transaction.execute_batch(&format!("{TABLE}; {sql}"));
        made.map_err(|error| self.failed(&error))?;
        self.keep_mark(mark)?;
        let sql = "UPDATE batch SET listing = listing + 1, listed = NULL, all_listed = 0";
        self.execute(sql, ()).map(drop)
    }

    /// Writes a pair down as it is there, all of it.
    fn take(&self, pair: &Copied, state: State, kept: &Kept) -> Result<(), LedgerError> {
        let sql = "INSERT INTO pairs (id, place, listing, changed, body, fingerprint, image_url,
                audio_url, audio_millis, take)
            VALUES (?1, ?2, iif(?3, (SELECT listing FROM batch), 0), 0, ?4, ?5,
                coalesce(?4 ->> 'image_url', ''), coalesce(?4 ->> 'audio_url', ''), ?6, ?7)
            ON CONFLICT (id) DO UPDATE SET listing = excluded.listing, body = excluded.body,
                fingerprint = excluded.fingerprint, image_url = excluded.image_url,
                audio_url = excluded.audio_url, audio_millis = excluded.audio_millis,
                take = excluded.take
            RETURNING pair";
        let fingerprint = Fingerprint::of(&pair.body);
        let Copied { n, id, body, take, listed, .. } = pair;
        let values = params![id, n, listed, body, fingerprint.as_bytes(), kept.audio_millis, take];
        let row: i64 = self.only_row(sql, values, |row| row.get(0))?;
        self.execute("INSERT INTO temp.numbered (n, pair) VALUES (?1, ?2)", [i64::from(*n), row])?;
        self.arrive_as((row, pair.attempt), state, kept)?;
        self.take_over_takes(row, (kept.take, kept.takes.as_deref()), false)?;
        self.execute("DELETE FROM attempts WHERE pair = ?1", [row])?;
        kept.attempts.iter().try_for_each(|attempt| self.take_attempt(row, attempt))?;
        kept.former.iter().try_for_each(|former| self.take_former(row, former))
    }

    fn arrive_as(
        &self,
        (pair, attempt): (i64, i32),
        state: State,
        kept: &Kept,
    ) -> Result<(), LedgerError> {
        let sql =
            "INSERT OR REPLACE INTO standings (pair, state, attempt, since, task_id, created_at,
                estimate, sent, seconds, price, video_url, linked_at, video_path, video_bytes,
                video_sha256, video_millis, error_code, error, usage, credits, credits_millionths)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                ?19, ?20, ?21)";
        let values = params![
            pair,
            state.name(),
            attempt,
            kept.since,
            kept.task_id,
            kept.created_at,
            kept.estimate,
            kept.sent,
            kept.seconds,
            kept.price,
            kept.video_url,
            kept.linked_at,
            kept.video_path,
            kept.video_bytes,
            kept.video_sha256,
            kept.video_millis,
            kept.error_code,
            kept.error,
            kept.usage,
            kept.credits,
            kept.credits_millionths,
        ];
        self.execute(sql, values).map(drop)
    }

    fn take_attempt(&self, pair: i64, one: &Attempt) -> Result<(), LedgerError> {
        let sql =
            "INSERT INTO attempts (pair, attempt, intended, settled, event, seconds, price, status,
                code, message, evidence, proposed, verdict, judged)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, unhex(?11), ?12, ?13, ?14)";
        let values = params![
            pair,
            one.attempt,
            one.intended,
            one.settled,
            one.event,
            one.seconds,
            one.price,
            one.status,
            one.code,
            one.message,
            one.evidence,
            one.proposed,
            one.verdict,
            one.judged,
        ];
        self.execute(sql, values).map(drop)
    }

    fn take_former(&self, pair: i64, one: &Former) -> Result<(), LedgerError> {
        let sql = "INSERT OR IGNORE INTO main.former_tasks
                (task_id, pair, attempt, usage, credits, credits_millionths)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let Former { task_id, attempt, usage, credits, credits_millionths } = one;
        let values = params![task_id, pair, attempt, usage, credits, credits_millionths];
        self.execute(sql, values).map(drop)
    }

    /// Keeps a task that came when its pair had gone on: it was paid for.
    fn take_late(&self, given: &Given) -> Result<(), LedgerError> {
        let Given { task, n, attempt } = given;
        let sql = "INSERT OR IGNORE INTO main.former_tasks (task_id, pair, attempt)
            SELECT ?1, pair, ?3 FROM temp.numbered
            WHERE n = ?2 AND NOT EXISTS (SELECT 1 FROM standings WHERE task_id = ?1)";
        self.execute(sql, params![task, n, attempt])?;
        let sql = "UPDATE attempts SET proposed = coalesce(proposed, ?1)
            WHERE pair = (SELECT pair FROM temp.numbered WHERE n = ?2) AND attempt = ?3
                AND event = 'lost'";
        self.execute(sql, params![task, n, attempt]).map(drop)
    }

    /// As one reads who compares.
    fn look_by_pair(&self) -> Result<(), LedgerError> {
        let made = self.transaction.execute_batch(super::leaving::FORMER);
        made.map_err(|error| self.failed(&error))
    }

    /// From this commit on the ledger is this folder's alone.
    fn arrived(&self) -> Result<(), LedgerError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        if super::find_table(self.transaction, "shared").map_err(failed)? {
            self.transaction
                .execute_batch("DELETE FROM shared; DELETE FROM shares")
                .map_err(failed)?;
        }
        self.transaction.execute_batch(super::leaving::DONE).map_err(failed)?;
        let sql = "UPDATE batch SET all_listed =
            NOT EXISTS (SELECT 1 FROM pairs WHERE listing < (SELECT listing FROM batch))";
        self.execute(sql, ())?;
        let sql = "UPDATE copies SET phase = ?1, at = ?2";
        let now = self.now.as_millisecond();
        self.execute(sql, params![Phase::Arrived.name(), now]).map(drop)
    }
}
