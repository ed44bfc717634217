//! What the run folder's ledger has to tell of pairs, and what it is told of them.

use rusqlite::params;

use super::Mirror;
use crate::ledger::columns::{PLANNED, read_next};
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::{Listed, Outcome, Pulled, Slip};
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Planned, View};
use crate::pair::TaskId;
use crate::state::{Event, State};

/// How many pairs are told of at a time.
const MOST: usize = 256;

/// Made in the ledgers that share, and in no others: an older release passes it over.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS shares (
        pair   INTEGER PRIMARY KEY REFERENCES pairs,
        n      INTEGER NOT NULL UNIQUE,  -- its number in the database
        holder INTEGER,                  -- whose it was there, as far as is known here
        unsure INTEGER NOT NULL DEFAULT 0, -- 1: in doubt, and that one may still send it
        elsewhere INTEGER NOT NULL DEFAULT 0, -- 1: planned here alone, others have it or had it
        news   INTEGER NOT NULL DEFAULT 0 -- counts the changes that are not told there yet
    );
    CREATE INDEX IF NOT EXISTS shares_with_news ON shares (pair) WHERE news > 0;
    CREATE TABLE IF NOT EXISTS event_workers (
        n        INTEGER PRIMARY KEY,    -- from this event on
        worker   INTEGER                 -- it is this worker's; or nobody's in particular
    );
    CREATE TABLE IF NOT EXISTS shared (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        name     TEXT NOT NULL,          -- of the batch in the database
        mark     INTEGER,                -- by which the batch is known from all others
        worker   INTEGER                 -- of the last run here
    );";

/// For this connection alone: whoever writes without sharing has nothing to tell.
const TRIGGERS: [&str; 5] = [
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_standings AFTER UPDATE ON main.standings BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_attempts AFTER INSERT ON main.attempts BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_verdicts AFTER UPDATE ON main.attempts BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_former_tasks AFTER INSERT ON main.former_tasks BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_takes AFTER UPDATE ON main.takes BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
];

/// All that is known of a pair beside its state, as JSON.
pub(in crate::ledger) const RECORD: &str =
    "json_object('state', s.state, 'since', s.since, 'task_id', s.task_id,
    'created_at', s.created_at, 'estimate', s.estimate, 'sent', s.sent, 'seconds', s.seconds,
    'price', s.price, 'video_url', s.video_url, 'linked_at', s.linked_at,
    'video_path', s.video_path, 'video_bytes', s.video_bytes, 'video_sha256', s.video_sha256,
    'video_millis', s.video_millis, 'error_code', s.error_code, 'error', s.error,
    'usage', s.usage, 'credits', s.credits, 'credits_millionths', s.credits_millionths,
    'audio_millis', p.audio_millis, 'take', iif(s.take > 1, s.take, NULL),
    -- As text: who takes it over writes the rows as they are. Most pairs have none.
    'takes', (SELECT '' || json_group_array(json_array(t.take, t.asked, t.who, t.why, t.prompt,
            t.state, t.since, t.attempt, t.task_id, t.created_at, t.sent, t.seconds, t.price,
            t.video_url, t.linked_at, t.video_path, t.video_bytes, t.video_sha256, t.video_millis,
            t.error_code, t.error, t.usage, t.credits, t.credits_millionths, t.body,
            iif(t.fingerprint IS NULL, NULL, hex(t.fingerprint)), t.image_url, t.audio_url,
            t.audio_millis) ORDER BY t.take)
        FROM takes t WHERE t.pair = s.pair HAVING count(*) > 0),
    'attempts', (SELECT json_group_array(json_object('attempt', a.attempt, 'intended', a.intended,
            'settled', a.settled, 'event', a.event, 'seconds', a.seconds, 'price', a.price,
            'status', a.status, 'code', a.code, 'message', a.message,
            'evidence', iif(a.evidence IS NULL, NULL, hex(a.evidence)), 'proposed', a.proposed,
            'verdict', a.verdict, 'judged', a.judged))
        FROM attempts a WHERE a.pair = s.pair),
    'former', (SELECT json_group_array(json_object('task_id', f.task_id, 'attempt', f.attempt,
            'usage', f.usage, 'credits', f.credits, 'credits_millionths', f.credits_millionths))
        FROM former_tasks f WHERE f.pair = s.pair))";

/// What there is to tell of a pair.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct News {
    pub(in crate::ledger) pair: i64,
    /// How many changes that is.
    pub(in crate::ledger) count: i64,
    pub(in crate::ledger) outcome: Outcome,
}

pub(super) fn n_of(news: &[News], pair: i64) -> Option<i32> {
    news.iter().find(|one| one.pair == pair).map(|one| one.outcome.slip.n)
}

/// What was learnt from the database, for the writer to write down.
#[derive(Debug)]
pub(in crate::ledger) enum Learnt {
    /// These pairs stand so.
    Stand(Vec<Pulled>, Mirror),
    /// What was told of these, at these counts of news, was taken.
    Taken(Vec<(i64, i64)>),
    /// These were granted to, or are held by, others: what was told of them is of no matter.
    Elsewhere(Vec<(i64, i64)>),
}

impl Learnt {
    /// Whether nobody goes on from it: what is told twice is taken twice, and moves nothing.
    pub(in crate::ledger) const fn can_wait(&self) -> bool {
        matches!(self, Self::Taken(_))
    }
}

impl Write<'_> {
    /// From now on each change is news: of a ledger that is part of a shared one.
    pub(in crate::ledger) fn watch_shared(&self) -> Result<(), LedgerError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'shared')";
        match self.only_row(sql, (), |row| row.get(0))? {
            true => TRIGGERS.iter().try_for_each(|trigger| self.execute(trigger, ()).map(drop)),
            false => Ok(()),
        }
    }

    pub(in crate::ledger) fn begin_sharing(&self, name: &str) -> Result<(), LedgerError> {
        let made = self.transaction.execute_batch(TABLES);
        made.map_err(|error| self.failed(&error))?;
        let sql = "INSERT INTO shared (only_row, name) VALUES (1, ?1)
            ON CONFLICT DO UPDATE SET name = excluded.name WHERE mark IS NULL";
        self.execute(sql, [name])?;
        TRIGGERS.iter().try_for_each(|trigger| self.execute(trigger, ()).map(drop))
    }

    /// Whether anything was ever sent, or found.
    pub(super) fn has_sent(&self) -> Result<bool, LedgerError> {
        let sql =
            "SELECT EXISTS (SELECT 1 FROM standings WHERE attempt > 0 OR task_id IS NOT NULL)";
        self.only_row(sql, (), |row| row.get(0))
    }

    /// Whether it is no part of another batch than this one.
    pub(super) fn is_of(&self, mark: i64) -> Result<bool, LedgerError> {
        let sql = "SELECT coalesce(mark = ?1, 1) FROM shared";
        self.only_row(sql, [mark], |row| row.get(0))
    }

    /// The worker that the last run here was; from now on it is this one.
    pub(super) fn take_worker(
        &self,
        (worker, mark): (i64, i64),
    ) -> Result<Option<i64>, LedgerError> {
        let before = self.only_row("SELECT worker FROM shared", (), |row| row.get(0))?;
        self.execute("UPDATE shared SET worker = ?1, mark = ?2", [worker, mark])?;
        Ok(before)
    }

    /// What there is to tell, of these pairs or of any. What is under way is not told: others know it by
    /// its claim.
    pub(in crate::ledger) fn news(&self, of: Option<&[i64]>) -> Result<Vec<News>, LedgerError> {
        let sql = |which: &str| {
            format!(
                "SELECT s.pair, h.news, h.n, s.attempt, h.holder, s.state, s.task_id,
                    EXISTS (SELECT 1 FROM attempts a WHERE a.pair = s.pair
                        AND a.attempt = s.attempt AND a.event IN (?2, ?3)),
                    {RECORD}
                FROM shares h CROSS JOIN standings s USING (pair) JOIN pairs p USING (pair)
                WHERE h.news > 0 AND s.state <> ?1 {which} LIMIT {MOST}"
            )
        };
        let read = |row: &rusqlite::Row<'_>| {
            let task: Option<String> = row.get(6)?;
            let holder: Option<i64> = row.get(4)?;
            let slip =
                Slip { n: row.get(2)?, attempt: row.get(3)?, holder: holder.unwrap_or_default() };
            Ok(News {
                pair: row.get(0)?,
                count: row.get(1)?,
                outcome: Outcome {
                    slip,
                    state: state_at(row, 5)?,
                    task: task.and_then(|task| TaskId::parse(&task).ok()),
                    gives_back: row.get(7)?,
                    record: row.get(8)?,
                },
            })
        };
        let [sending, not_made, refused] =
            [State::Sending.name(), Event::NotMade.name(), Event::Refused.name()];
        let failed = |error: rusqlite::Error| self.failed(&error);
        let mut news = Vec::new();
        match of {
            None => {
                let mut statement = self.transaction.prepare_cached(&sql("")).map_err(failed)?;
                let rows = statement.query_map(params![sending, not_made, refused], read);
                news = rows.and_then(Iterator::collect).map_err(failed)?;
            }
            Some(pairs) => {
                let one = sql("AND h.pair = ?4");
                let mut statement = self.transaction.prepare_cached(&one).map_err(failed)?;
                for pair in pairs {
                    let known = params![sending, not_made, refused, pair];
                    let rows = statement.query_map(known, read).map_err(failed)?;
                    for row in rows {
                        news.push(row.map_err(failed)?);
                    }
                }
            }
        }
        Ok(news)
    }

    /// What there is to tell of the pairs that were changed.
    pub(in crate::ledger) fn news_of_changes(&self) -> Result<Vec<News>, LedgerError> {
        if self.worker.is_none() || self.changes.is_empty() {
            return Ok(Vec::new());
        }
        let mut pairs: Vec<_> = self.changes.iter().map(|change| change.pair).collect();
        pairs.sort_unstable();
        pairs.dedup();
        self.news(Some(&pairs))
    }

    /// A pair whose intent is written, by its number in the database: it will be this worker's.
    pub(in crate::ledger) fn take_for(&self, pair: i64) -> Result<Option<i32>, LedgerError> {
        let Some(worker) = self.worker else { return Ok(None) };
        let sql = "UPDATE shares SET holder = ?2 WHERE pair = ?1 RETURNING n";
        self.only_row(sql, params![pair, worker], |row| row.get(0)).map(Some)
    }

    /// Writes down what was learnt.
    pub(in crate::ledger) fn learn(&mut self, learnt: &Learnt) -> Result<(), LedgerError> {
        let worker = self.worker.unwrap_or_default();
        match learnt {
            Learnt::Taken(pairs) => {
                let sql = "UPDATE shares SET news = 0, holder = ?3 WHERE pair = ?1 AND news = ?2";
                let more = "UPDATE shares SET holder = ?2 WHERE pair = ?1";
                for (pair, count) in pairs {
                    self.execute(sql, params![pair, count, worker])?;
                    self.execute(more, params![pair, worker])?;
                }
            }
            Learnt::Elsewhere(pairs) => {
                let sql = "UPDATE shares SET news = 0 WHERE pair = ?1 AND news = ?2";
                for (pair, count) in pairs {
                    self.execute(sql, params![pair, count])?;
                }
            }
            Learnt::Stand(pulled, how) => drop(self.mirror((pulled, worker), *how)?),
        }
        Ok(())
    }

    /// Whether the worker that sent a pair in doubt may still be there, and send it.
    pub(in crate::ledger) fn may_be_sent_elsewhere(&self, pair: i64) -> Result<bool, LedgerError> {
        if self.worker.is_none() {
            return Ok(false);
        }
        let sql = "SELECT 1 FROM shares WHERE pair = ?1 AND unsure = 1";
        Ok(self.query_row(sql, [pair], |_| Ok(()))?.is_some())
    }

    /// By a person's word, nobody who is gone sends anything any more.
    pub(super) fn be_sure(&self) -> Result<(), LedgerError> {
        self.execute("UPDATE shares SET unsure = 0 WHERE unsure = 1", ()).map(drop)
    }
}

impl View {
    /// The pairs that the manifest lists, as the database lists them, from this place on.
    pub(super) fn listed_bodies(
        &self,
        first: usize,
        most: usize,
    ) -> Result<Vec<Listed>, LedgerError> {
        let sql = "SELECT id, body, take FROM pairs
            WHERE listing = (SELECT listing FROM batch) AND place >= ?1 ORDER BY place LIMIT ?2";
        self.ask(sql, params![first, most], |row| {
            Ok(Listed { id: row.get(0)?, body: row.get(1)?, take: row.get(2)? })
        })
    }

    /// Has somebody hear of all of them, without keeping them: their ids, requests and takes.
    pub(super) fn each_body_listed(
        &self,
        mut each: impl FnMut(&str, &str, i32),
    ) -> Result<(), LedgerError> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        let sql = "SELECT id, body, take FROM pairs
            WHERE listing = (SELECT listing FROM batch) ORDER BY place";
        let mut statement = self.read.connection.prepare(sql).map_err(failed)?;
        let mut rows = statement.query(()).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let text = |at| Ok(row.get_ref(at)?.as_str()?);
            each(text(0).map_err(failed)?, text(1).map_err(failed)?, row.get(2).map_err(failed)?);
        }
        Ok(())
    }

    /// Which of these, by their numbers in the database, are planned here.
    pub(super) fn planned_named(&self, pairs: &[i32]) -> Result<Vec<Planned>, LedgerError> {
        let sql = format!(
            "{PLANNED} AND pair IN (SELECT pair FROM shares WHERE n IN
            (SELECT value FROM json_each(?2))) ORDER BY place"
        );
        let numbers = serde_json::json!(pairs).to_string();
        let mut planned = self.ask(&sql, params![State::Planned.name(), numbers], read_next)?;
        planned.retain(|planned| !self.leaves_out(&planned.id));
        Ok(planned)
    }
}
