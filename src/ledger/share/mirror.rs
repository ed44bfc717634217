//! What the database knows of pairs, as the run folder's ledger has it from then on.

use std::time::Duration;

use rusqlite::params;

use crate::ledger::columns::read_task;
use crate::ledger::lookup::state_at;
use crate::ledger::postgres::Pulled;
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, Task};
use crate::pair::Fingerprint;
use crate::price::{Charge, Money};
use crate::state::{Event, State};

/// Why a pair is in doubt whose worker is gone.
pub(in crate::ledger) const GONE: (&str, &str) =
    ("worker_silent", "the worker that sent it was not heard of again before its lease ended");
pub(in crate::ledger) const TWIN: (&str, &str) =
    ("same_task", "another pair has the task that the answer named");

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

/// What is known here of a row of the database.
enum Row {
    Here(i64),
    /// It is, and there is something to tell of it.
    Untold,
    /// Its id, or its number, is another pair's here.
    Renamed,
    /// Only the database knows of it.
    Nowhere,
}

/// Where a pair of this folder stands, and whose it was when that was learnt.
pub(super) struct Stands {
    state: State,
    attempt: i32,
    holder: Option<i64>,
    elsewhere: bool,
}

impl Stands {
    /// What was told there and acknowledged is there, or an older database is in its place: then this
    /// folder may be all that knows of it.
    pub(super) fn is_ahead_of(&self, pulled: &Pulled) -> bool {
        let is_less_there =
            matches!(pulled.state, State::Planned | State::Sending | State::InDoubt);
        let is_settled = matches!(self.state, State::Created | State::Completed | State::Saved)
            || matches!(self.state, State::Failed | State::Abandoned);
        let written = pulled.record.as_ref().map(|(attempt, _)| *attempt);
        let is_before = self.attempt == pulled.attempt && written != Some(self.attempt);
        is_less_there && is_settled && (self.attempt > pulled.attempt || is_before)
    }

    /// Whether it stands so, and nothing that is known of it may have changed since.
    fn stays_as(&self, pulled: &Pulled, state: State) -> bool {
        let may_change = matches!(state, State::Created | State::Completed)
            || matches!(state, State::Sending | State::InDoubt);
        !may_change
            && (self.state, self.attempt) == (state, pulled.attempt)
            && (self.holder, self.elsewhere) == (pulled.worker, is_elsewhere(pulled, state))
    }
}

impl Write<'_> {
    /// Has pairs stand as the database has them, but for those of which there is something to tell; this
    /// worker's tasks among them are waited for from now on. Says whether each goes by the id that it has
    /// there; those that do not are left as they are.
    pub(in crate::ledger) fn mirror(
        &mut self,
        (pulled, worker): (&[Pulled], i64),
        how: Mirror,
    ) -> Result<bool, LedgerError> {
        let mut all = true;
        for one in pulled {
            let pair = match self.known_as(one)? {
                Row::Here(pair) => pair,
                Row::Untold | Row::Nowhere => continue,
                Row::Renamed => {
                    all = false;
                    continue;
                }
            };
            let (state, here) = (seen(one, worker, how), self.stands_here(pair)?);
            if here.is_ahead_of(one) {
                return Err(LedgerError::WentBack);
            }
            if !here.stays_as(one, state) {
                let before = self.spent_on(pair)?;
                self.stand(pair, one, state)?;
                self.purse.corrects((before, self.spent_on(pair)?));
            }
            self.keep_late(pair, one)?;
            if one.worker == Some(worker) && matches!(state, State::Created | State::Completed) {
                let task = self.task_of(pair)?;
                self.tasks.extend(task);
            }
        }
        Ok(all)
    }

    /// The pair that the database knows under a number.
    fn known_as(&self, pulled: &Pulled) -> Result<Row, LedgerError> {
        let sql = "SELECT pair, news, id = ?2 FROM shares JOIN pairs USING (pair) WHERE n = ?1";
        let by_number = params![pulled.n, pulled.id];
        let known: Option<(i64, i64, bool)> =
            self.query_row(sql, by_number, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        match known {
            Some((.., false)) => return Ok(Row::Renamed),
            Some((pair, 0, true)) => return Ok(Row::Here(pair)),
            Some(_) => return Ok(Row::Untold),
            None => self.fill(pulled)?,
        }
        let sql = "INSERT INTO shares (pair, n) SELECT pair, ?2 FROM pairs WHERE id = ?1
            ON CONFLICT (pair) DO NOTHING RETURNING pair";
        let pair = self.query_row(sql, params![pulled.id, pulled.n], |row| row.get(0))?;
        if let Some(pair) = pair {
            return Ok(Row::Here(pair));
        }
        let sql = "SELECT 1 FROM pairs WHERE id = ?1";
        let is_known = self.query_row(sql, [&pulled.id], |_| Ok(()))?.is_some();
        Ok(if is_known { Row::Renamed } else { Row::Nowhere })
    }

    pub(super) fn stands_here(&self, pair: i64) -> Result<Stands, LedgerError> {
        let sql = "SELECT state, attempt, holder, elsewhere FROM standings JOIN shares USING (pair)
            WHERE pair = ?1";
        self.only_row(sql, [pair], |row| {
            let (state, attempt) = (state_at(row, 0)?, row.get(1)?);
            Ok(Stands { state, attempt, holder: row.get(2)?, elsewhere: row.get(3)? })
        })
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

    fn stand(&self, pair: i64, pulled: &Pulled, state: State) -> Result<(), LedgerError> {
        let (now, elsewhere) = (self.now.as_millisecond(), is_elsewhere(pulled, state));
        let whole = pulled.record.as_ref().map_or("{}", |(_, record)| record.as_str());
        let record = if state == State::Planned { "{}" } else { whole };
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
        let take = "SELECT ?1 ->> 'take', ?1 ->> 'takes'";
        let (take, takes): (Option<i64>, Option<String>) =
            self.only_row(take, [whole], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let is_next = pulled.state == State::Planned;
        self.take_over_takes(pair, (take, takes.as_deref()), is_next)?;
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
        let told = "UPDATE shares SET news = 0, holder = ?2, unsure = ?3, elsewhere = ?4
            WHERE pair = ?1";
        let unsure = state == State::InDoubt && !pulled.signed_off;
        self.execute(told, params![pair, pulled.worker, unsure, elsewhere]).map(drop)
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
        let Charge { seconds, price } = self.charge_of(pair)?;
        let sql = "INSERT INTO attempts (pair, attempt, intended, settled, event, code, message,
                proposed, seconds, price)
            VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
            ON CONFLICT DO UPDATE SET event = excluded.event, code = excluded.code,
                message = excluded.message, proposed = coalesce(proposed, excluded.proposed)";
        let (lost, price) = (Event::Lost.name(), price.map(Money::millionths));
        let known = params![pair, pulled.attempt, now, lost, code, message, task, seconds, price];
        self.execute(sql, known)?;
        let sql = "UPDATE standings SET error_code = ?2, error = ?3, task_id = NULL,
            created_at = NULL WHERE pair = ?1";
        self.execute(sql, params![pair, code, message]).map(drop)
    }

    /// What a create of a pair is reckoned to cost here, where nobody wrote down what it was: a recording
    /// whose length is known is not taken for the longest.
    fn charge_of(&self, pair: i64) -> Result<Charge, LedgerError> {
        let sql = "SELECT audio_millis, body FROM pairs WHERE pair = ?1";
        let (audio, body): (Option<u64>, String) =
            self.only_row(sql, [pair], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(self.purse.rules().charge(audio.map(Duration::from_millis), body.as_bytes()))
    }

    fn task_of(&self, pair: i64) -> Result<Option<Task>, LedgerError> {
        let sql = "SELECT pair, attempt, id, task_id, created_at, estimate, video_url, linked_at,
                error_code, since, standings.take FROM pairs JOIN standings USING (pair)
            WHERE pair = ?1 AND task_id IS NOT NULL AND created_at IS NOT NULL";
        self.query_row(sql, [pair], read_task)
    }
}

/// Whether it is planned here alone.
fn is_elsewhere(pulled: &Pulled, state: State) -> bool {
    state == State::Planned && pulled.state != State::Planned
}

/// How a pair stands here that stands so in the database.
pub(super) fn seen(pulled: &Pulled, worker: i64, how: Mirror) -> State {
    let others = pulled.worker != Some(worker);
    match pulled.state {
        // By its claim alone nobody knows what it will come to; a run that begins here would take it for
        // its own.
        State::Sending if how != Mirror::Shown => State::Planned,
        State::Created | State::Completed if others && how == Mirror::Working => State::Planned,
        state => state,
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

    #[test]
    fn what_stands_there_as_here_is_left_as_it_is_unless_more_may_be_known_of_it() {
        let stands =
            |state, attempt, holder, elsewhere| Stands { state, attempt, holder, elsewhere };
        let saved = pulled(State::Saved, Some(7));
        assert!(stands(State::Saved, 1, Some(7), false).stays_as(&saved, State::Saved));
        for other in [
            stands(State::Failed, 1, Some(7), false),
            stands(State::Saved, 2, Some(7), false),
            stands(State::Saved, 1, Some(8), false),
            stands(State::Saved, 1, None, false),
            stands(State::Saved, 1, Some(7), true),
        ] {
            assert!(!other.stays_as(&saved, State::Saved));
        }
        for state in [State::Created, State::Completed, State::Sending, State::InDoubt] {
            assert!(!stands(state, 1, Some(7), false).stays_as(&pulled(state, Some(7)), state));
        }
        // Planned here alone.
        let others = pulled(State::Created, Some(8));
        assert!(stands(State::Planned, 1, Some(8), true).stays_as(&others, State::Planned));
        assert!(!stands(State::Planned, 1, Some(8), false).stays_as(&others, State::Planned));
    }

    #[test]
    fn a_database_that_lacks_what_it_acknowledged_went_back() {
        let here = |state, attempt| Stands { state, attempt, holder: Some(7), elsewhere: false };
        let there = |state, attempt, written: Option<i32>| Pulled {
            attempt,
            record: written.map(|attempt| (attempt, "{}".to_owned())),
            ..pulled(state, Some(7))
        };
        for settled in
            [State::Created, State::Completed, State::Saved, State::Failed, State::Abandoned]
        {
            for less in [State::Planned, State::Sending, State::InDoubt] {
                let here = here(settled, 2);
                assert!(here.is_ahead_of(&there(less, 1, Some(1))), "{settled:?} {less:?}");
                assert!(here.is_ahead_of(&there(less, 2, Some(1))), "{settled:?} {less:?}");
                assert!(here.is_ahead_of(&there(less, 2, None)), "{settled:?} {less:?}");
                // Another take was asked for, or it was created again.
                assert!(!here.is_ahead_of(&there(less, 2, Some(2))), "{settled:?} {less:?}");
                assert!(!here.is_ahead_of(&there(less, 3, Some(2))), "{settled:?} {less:?}");
            }
            assert!(!here(settled, 2).is_ahead_of(&there(State::Saved, 1, None)));
        }
        for open in [State::Planned, State::Sending, State::InDoubt] {
            assert!(!here(open, 2).is_ahead_of(&there(State::Planned, 1, None)));
        }
    }
}
