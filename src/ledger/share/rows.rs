//! What the run folder's ledger has to tell of pairs, and what it is told of them.

use rusqlite::{Row, params};

use super::Learnt;
use crate::ledger::columns::{PLANNED, read_next, read_task};
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::{Listed, Outcome, Pulled, Slip};
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Planned, Task, View};
use crate::pair::{Fingerprint, TaskId};
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
        news   INTEGER NOT NULL DEFAULT 0 -- counts the changes that are not told there yet
    );
    CREATE INDEX IF NOT EXISTS shares_with_news ON shares (pair) WHERE news > 0;
    CREATE TABLE IF NOT EXISTS shared (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        name     TEXT NOT NULL,          -- of the batch in the database
        mark     INTEGER,                -- by which the batch is known from all others
        worker   INTEGER                 -- of the last run here
    );";

/// For this connection alone: whoever writes without sharing has nothing to tell.
const TRIGGERS: [&str; 4] = [
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_standings AFTER UPDATE ON main.standings BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_attempts AFTER INSERT ON main.attempts BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_verdicts AFTER UPDATE ON main.attempts BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
    "CREATE TEMP TRIGGER IF NOT EXISTS news_of_former_tasks AFTER INSERT ON main.former_tasks BEGIN
        UPDATE shares SET news = news + 1 WHERE pair = NEW.pair; END",
];

/// All that is known of a pair beside its state, as JSON.
const RECORD: &str = "json_object('state', s.state, 'since', s.since, 'task_id', s.task_id,
    'created_at', s.created_at, 'estimate', s.estimate, 'sent', s.sent, 'seconds', s.seconds,
    'price', s.price, 'video_url', s.video_url, 'linked_at', s.linked_at,
    'video_path', s.video_path, 'video_bytes', s.video_bytes, 'video_sha256', s.video_sha256,
    'video_millis', s.video_millis, 'error_code', s.error_code, 'error', s.error,
    'usage', s.usage, 'credits', s.credits, 'credits_millionths', s.credits_millionths,
    'audio_millis', p.audio_millis,
    'attempts', (SELECT json_group_array(json_object('attempt', a.attempt, 'intended', a.intended,
            'settled', a.settled, 'event', a.event, 'seconds', a.seconds, 'price', a.price,
            'status', a.status, 'code', a.code, 'message', a.message,
            'evidence', iif(a.evidence IS NULL, NULL, hex(a.evidence)), 'proposed', a.proposed,
            'verdict', a.verdict, 'judged', a.judged))
        FROM attempts a WHERE a.pair = s.pair),
    'former', (SELECT json_group_array(json_object('task_id', f.task_id, 'attempt', f.attempt,
            'usage', f.usage, 'credits', f.credits, 'credits_millionths', f.credits_millionths))
        FROM former_tasks f WHERE f.pair = s.pair))";

/// Why a pair is in doubt whose worker is gone.
const GONE: (&str, &str) =
    ("worker_silent", "the worker that sent it was not heard of again before its lease ended");
const TWIN: (&str, &str) = ("same_task", "another pair has the task that the answer named");

/// What there is to tell of a pair.
#[derive(Debug, Clone)]
pub(in crate::ledger) struct News {
    pub(in crate::ledger) pair: i64,
    /// How many changes that is.
    pub(in crate::ledger) count: i64,
    pub(in crate::ledger) outcome: Outcome,
}

/// How others' pairs stand here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ledger) enum Mirror {
    /// What others have under way is planned here: it is not this run's to wait for.
    Working,
    /// As it is there, as far as a run folder may keep it.
    Ended,
    /// As it is there, for people to see: nobody goes on from it.
    Shown,
}

pub(super) fn n_of(news: &[News], pair: i64) -> Option<i32> {
    news.iter().find(|one| one.pair == pair).map(|one| one.outcome.slip.n)
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

    pub(super) fn begin_sharing(&self, name: &str) -> Result<(), LedgerError> {
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
        let read = |row: &Row<'_>| {
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
            Learnt::Stand(pulled, how) => self.mirror((pulled, worker), *how)?,
        }
        Ok(())
    }

    /// Has pairs stand as the database has them, but for those of which there is something to tell; this
    /// worker's tasks among them are waited for from now on.
    pub(in crate::ledger) fn mirror(
        &mut self,
        (pulled, worker): (&[Pulled], i64),
        how: Mirror,
    ) -> Result<(), LedgerError> {
        for one in pulled {
            let Some(pair) = self.known_as(one)? else { continue };
            let state = seen(one, worker, how);
            self.must_not_go_back(pair, one)?;
            self.keep_late(pair, one)?;
            self.stand(pair, one, state)?;
            if one.worker == Some(worker) && matches!(state, State::Created | State::Completed) {
                let task = self.task_of(pair)?;
                self.tasks.extend(task);
            }
        }
        Ok(())
    }

    /// The pair that the database knows under a number, unless there is something to tell of it.
    fn known_as(&self, pulled: &Pulled) -> Result<Option<i64>, LedgerError> {
        let sql = "SELECT pair, news FROM shares WHERE n = ?1";
        let known: Option<(i64, i64)> =
            self.query_row(sql, [pulled.n], |row| Ok((row.get(0)?, row.get(1)?)))?;
        match known {
            Some((pair, 0)) => Ok(Some(pair)),
            Some(_) => Ok(None),
            None => {
                self.fill(pulled)?;
                let sql = "INSERT INTO shares (pair, n) SELECT pair, ?2 FROM pairs WHERE id = ?1
                    RETURNING pair";
                self.query_row(sql, params![pulled.id, pulled.n], |row| row.get(0))
            }
        }
    }

    /// What was told there and acknowledged is there, or an older database is in its place: then this
    /// folder may be all that knows of it.
    fn must_not_go_back(&self, pair: i64, pulled: &Pulled) -> Result<(), LedgerError> {
        if !matches!(pulled.state, State::Planned | State::Sending | State::InDoubt) {
            return Ok(());
        }
        let sql = "SELECT state, attempt FROM standings WHERE pair = ?1";
        let (state, attempt): (State, i32) =
            self.only_row(sql, [pair], |row| Ok((state_at(row, 0)?, row.get(1)?)))?;
        let is_settled = matches!(state, State::Created | State::Completed | State::Saved)
            || matches!(state, State::Failed | State::Abandoned);
        let written = pulled.record.as_ref().map(|(attempt, _)| *attempt);
        let is_less = attempt > pulled.attempt && is_settled;
        let is_before = attempt == pulled.attempt && is_settled && written != Some(attempt);
        if is_less || is_before { Err(LedgerError::WentBack) } else { Ok(()) }
    }

    /// Keeps task ids that came when their pair had gone on: each was paid for.
    fn keep_late(&self, pair: i64, pulled: &Pulled) -> Result<(), LedgerError> {
        for (task, attempt) in &pulled.late {
            let sql = "INSERT OR IGNORE INTO former_tasks (task_id, pair, attempt)
                SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM standings WHERE task_id = ?1)";
            self.execute(sql, params![task, pair, attempt])?;
            let sql = "UPDATE attempts SET proposed = coalesce(proposed, ?1)
                WHERE pair = ?2 AND attempt = ?3 AND event = 'lost'";
            self.execute(sql, params![task, pair, attempt])?;
            self.execute("UPDATE shares SET news = 0 WHERE pair = ?1", [pair])?;
        }
        Ok(())
    }

    /// Lists a pair that only the database knows, where that says what it asks for.
    fn fill(&self, pulled: &Pulled) -> Result<(), LedgerError> {
        let Some(body) = &pulled.body else { return Ok(()) };
        let sql = "INSERT INTO pairs
                (id, place, listing, changed, body, fingerprint, image_url, audio_url, take)
            SELECT ?1, ?2, iif(?3, max(listing, 1), 0), 0, ?4, ?5,
                coalesce(?4 ->> 'image_url', ''), coalesce(?4 ->> 'audio_url', ''), ?6
            FROM batch WHERE NOT EXISTS (SELECT 1 FROM pairs WHERE id = ?1)";
        let fingerprint = Fingerprint::of(body);
        let known =
            params![pulled.id, pulled.n, pulled.listed, body, fingerprint.as_bytes(), pulled.take];
        if self.execute(sql, known)? > 0 {
            self.stand_new()?;
            let sql = "UPDATE batch SET listing = max(listing, 1), listed = NULL, all_listed = 0";
            self.execute(sql, ())?;
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

    fn stand(&self, pair: i64, pulled: &Pulled, state: State) -> Result<(), LedgerError> {
        let sql = "SELECT 1 FROM standings JOIN shares USING (pair)
            WHERE pair = ?1 AND state = ?2 AND attempt = ?3 AND holder IS ?4
                AND state NOT IN ('sending', 'in_doubt')";
        let same = params![pair, state.name(), pulled.attempt, pulled.worker];
        let record = pulled.record.as_ref().map_or("{}", |(_, record)| record.as_str());
        let settled = !matches!(state, State::Created | State::Completed);
        if settled && self.query_row(sql, same, |_| Ok(()))?.is_some() {
            return Ok(());
        }
        let now = self.now.as_millisecond();
        let record = if state == State::Planned { "{}" } else { record };
        self.execute(
            "UPDATE standings SET state = ?2, attempt = ?3, since = coalesce(?4 ->> 'since', ?5),
                task_id = ?4 ->> 'task_id', created_at = ?4 ->> 'created_at',
                estimate = ?4 ->> 'estimate', sent = ?4 ->> 'sent', seconds = ?4 ->> 'seconds',
                price = ?4 ->> 'price', video_url = ?4 ->> 'video_url',
                linked_at = ?4 ->> 'linked_at', video_path = ?4 ->> 'video_path',
                video_bytes = ?4 ->> 'video_bytes', video_sha256 = ?4 ->> 'video_sha256',
                video_millis = ?4 ->> 'video_millis',
                error_code = coalesce(?4 ->> 'error_code', ''), error = coalesce(?4 ->> 'error', ''),
                usage = ?4 ->> 'usage', credits = ?4 ->> 'credits',
                credits_millionths = ?4 ->> 'credits_millionths'
            WHERE pair = ?1",
            params![pair, state.name(), pulled.attempt, record, now],
        )?;
        let whole = pulled.record.as_ref().map_or("{}", |(_, record)| record.as_str());
        self.execute("DELETE FROM attempts WHERE pair = ?1", [pair])?;
        self.execute(
            "INSERT INTO attempts (pair, attempt, intended, settled, event, seconds, price, status,
                    code, message, evidence, proposed, verdict, judged)
                SELECT ?1, value ->> 'attempt', value ->> 'intended', value ->> 'settled',
                    value ->> 'event', value ->> 'seconds', value ->> 'price', value ->> 'status',
                    value ->> 'code', value ->> 'message', unhex(value ->> 'evidence'),
                    value ->> 'proposed', value ->> 'verdict', value ->> 'judged'
                FROM json_each(?2, '$.attempts')",
            params![pair, whole],
        )?;
        self.execute(
            "INSERT OR IGNORE INTO former_tasks
                    (task_id, pair, attempt, usage, credits, credits_millionths)
                SELECT value ->> 'task_id', ?1, value ->> 'attempt', value ->> 'usage',
                    value ->> 'credits', value ->> 'credits_millionths'
                FROM json_each(?2, '$.former')",
            params![pair, whole],
        )?;
        let audio = "UPDATE pairs SET audio_millis = coalesce(?2 ->> 'audio_millis', audio_millis)
            WHERE pair = ?1 AND ?2 ->> 'audio_millis' IS NOT audio_millis";
        self.execute(audio, params![pair, whole])?;
        if state == State::InDoubt && !pulled.record_is_of(State::InDoubt) {
            self.doubt(pair, pulled)?;
        }
        // What was just written is no news there.
        let told = "UPDATE shares SET news = 0, holder = ?2, unsure = ?3 WHERE pair = ?1";
        let unsure = state == State::InDoubt && !pulled.signed_off;
        self.execute(told, params![pair, pulled.worker, unsure]).map(drop)
    }

    /// Nobody wrote down why it is in doubt: its worker is gone, or the task that it was given is another
    /// pair's.
    fn doubt(&self, pair: i64, pulled: &Pulled) -> Result<(), LedgerError> {
        let (code, message) = match pulled.record_is_of(State::Created) {
            true => TWIN,
            false => GONE,
        };
        let now = self.now.as_millisecond();
        let task = "SELECT task_id FROM standings WHERE pair = ?1";
        let task: Option<String> = self.only_row(task, [pair], |row| row.get(0))?;
        let task = task.filter(|_| code == TWIN.0);
        let sql = "INSERT INTO attempts (pair, attempt, intended, settled, event, code, message,
                proposed)
            VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT DO UPDATE SET event = excluded.event, code = excluded.code,
                message = excluded.message, proposed = coalesce(proposed, excluded.proposed)";
        let lost = Event::Lost.name();
        self.execute(sql, params![pair, pulled.attempt, now, lost, code, message, task])?;
        let sql = "UPDATE standings SET error_code = ?2, error = ?3, task_id = NULL,
            created_at = NULL WHERE pair = ?1";
        self.execute(sql, params![pair, code, message]).map(drop)
    }

    fn task_of(&self, pair: i64) -> Result<Option<Task>, LedgerError> {
        let sql = "SELECT pair, attempt, id, task_id, created_at, estimate, video_url, linked_at,
                error_code, since, standings.take FROM pairs JOIN standings USING (pair)
            WHERE pair = ?1 AND task_id IS NOT NULL AND created_at IS NOT NULL";
        self.query_row(sql, [pair], read_task)
    }
}

/// How a pair stands here that stands so in the database.
fn seen(pulled: &Pulled, worker: i64, how: Mirror) -> State {
    let others = pulled.worker != Some(worker);
    match pulled.state {
        // By its claim alone nobody knows what it will come to; a run that begins here would take it for
        // its own.
        State::Sending if how != Mirror::Shown => State::Planned,
        State::Created | State::Completed if others && how == Mirror::Working => State::Planned,
        state => state,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(state: State, worker: Option<i64>) -> Pulled {
        Pulled {
            n: 0,
            id: "a".to_owned(),
            take: 1,
            body: None,
            state,
            attempt: 1,
            worker,
            held: true,
            signed_off: true,
            late: Vec::new(),
            listed: true,
            record: None,
        }
    }

    #[test]
    fn what_others_have_under_way_is_nobodys_to_wait_for_here() {
        for (state, ours, here, ended) in [
            (State::Created, true, State::Created, State::Created),
            (State::Created, false, State::Planned, State::Created),
            (State::Completed, false, State::Planned, State::Completed),
            (State::Sending, false, State::Planned, State::Planned),
            (State::Sending, true, State::Planned, State::Planned),
            (State::InDoubt, false, State::InDoubt, State::InDoubt),
            (State::Saved, false, State::Saved, State::Saved),
        ] {
            let pulled = pulled(state, Some(if ours { 7 } else { 8 }));
            assert_eq!(seen(&pulled, 7, Mirror::Working), here, "{state:?} {ours}");
            assert_eq!(seen(&pulled, 7, Mirror::Ended), ended, "{state:?} {ours}");
            assert_eq!(seen(&pulled, 7, Mirror::Shown), state, "{state:?} {ours}");
        }
    }
}
