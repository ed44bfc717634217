//! What the rules of format 2 say of attempts that older releases judged.
//!
//! They took each refusal between 300 and 499 for a proof that nothing was made, and each id for a
//! task's. Where neither is proven, the pair is in doubt: it may have been paid for, or have no task
//! at all. What a person has settled since, or a poll has proven, stays.

use rusqlite::params;
use serde_json::Value;

use crate::ledger::lookup::{read_intent, state_at};
use crate::ledger::write::{Trace, Write};
use crate::ledger::{Intent, LedgerError};
use crate::pair::TaskId;
use crate::state::{Event, State};

/// An attempt that may have been judged wrongly.
struct Attempt {
    intent: Intent,
    state: State,
    status: u16,
    code: String,
    evidence: Option<Vec<u8>>,
    task: Option<String>,
}

pub(super) fn judge(write: &mut Write<'_>) -> Result<u64, LedgerError> {
    let attempts = attempts(write)?;
    let unproven = attempts.iter().filter(|attempt| !attempt.is_proven());
    let mut doubts = 0;
    for attempt in unproven {
        attempt.doubt(write)?;
        doubts += 1;
    }
    Ok(doubts)
}

fn attempts(write: &Write<'_>) -> Result<Vec<Attempt>, LedgerError> {
    let sql = "SELECT pair, s.attempt, s.since, id, image_url, audio_url, audio_millis, s.seconds,
            s.price, s.take, state, status, code, evidence, task_id
        FROM standings s JOIN pairs USING (pair) JOIN attempts a USING (pair, attempt)
        WHERE verdict IS NULL AND status IS NOT NULL AND (
            state = 'rejected' AND event = 'refused' AND settled = since
            OR event = 'accepted' AND evidence IS NOT NULL
                AND (state = 'created' OR state = 'failed' AND error_code = 'task_not_found'))
        ORDER BY place";
    let read = write.transaction.prepare(sql).and_then(|mut statement| {
        let rows = statement.query_map((), |row| {
            Ok(Attempt {
                intent: read_intent(row)?,
                state: state_at(row, 10)?,
                status: row.get(11)?,
                code: row.get::<_, Option<String>>(12)?.unwrap_or_default(),
                evidence: row.get(13)?,
                task: row.get(14)?,
            })
        })?;
        rows.collect()
    });
    read.map_err(|error| write.failed(&error))
}

impl Attempt {
    fn is_proven(&self) -> bool {
        match self.state {
            State::Rejected => is_refusal(self.status, &self.code),
            _ => is_task(self.status, self.evidence.as_deref().unwrap_or_default()),
        }
    }

    fn doubt(&self, write: &mut Write<'_>) -> Result<(), LedgerError> {
        let status = self.status;
        let (code, message, proposed) = match &self.task {
            Some(task) => {
                let why = "does not say that it named a task; an older callsheet took it for one";
                ("unproven_task", format!("HTTP {status} {why}"), TaskId::parse(task).ok())
            }
            None => {
                let why = "proves no refusal; an older callsheet took it for one";
                ("unproven_refusal", format!("HTTP {status} {why}"), None)
            }
        };
        let trace = Trace { code, message: &message, ..Trace::default() };
        write.apply(&self.intent, self.state, Event::Rejudged, &trace)?;
        let pair = self.intent.pair;
        write.execute(
            "UPDATE standings SET task_id = NULL, created_at = NULL, estimate = NULL WHERE pair = ?1",
            [pair],
        )?;
        write.execute(
            "UPDATE attempts SET event = ?3, code = ?4, message = ?5, proposed = ?6
                WHERE pair = ?1 AND attempt = ?2",
            params![
                pair,
                self.intent.attempt,
                Event::Lost.name(),
                code,
                message,
                proposed.as_ref().map(TaskId::as_str)
            ],
        )?;
        Ok(())
    }
}

/// Whether nothing was made, by the status and the code that were recorded: the body was not.
fn is_refusal(status: u16, code: &str) -> bool {
    match status {
        400 | 404 | 405 | 407 | 413 | 415 | 422 => true,
        // Nobody follows these with a request of another kind.
        307 | 308 => true,
        // Any other one is a proof only in the API's own words; this code stands for none.
        402..=499 => code != format!("http_{status}") && !code.is_empty(),
        _ => false,
    }
}

/// Whether an answer that was kept says that what it names is a task.
fn is_task(status: u16, evidence: &[u8]) -> bool {
    let body = body(evidence);
    let answer: Option<Value> =
        serde_json::Deserializer::from_slice(body).into_iter().next().and_then(Result::ok);
    let answer = answer.unwrap_or_default();
    if answer["object"] == "video.generation.task" {
        return true;
    }
    let is_told = |key: &str| !matches!(&answer[key], Value::Null | Value::Bool(false));
    if (200..300).contains(&status) {
        // An id that arrived before the body broke off is one.
        return !is_told("error");
    }
    let running = ["pending", "processing", "completed"];
    running.iter().any(|word| answer["status"] == *word) && !is_told("code") && !is_told("message")
}

/// What follows the first empty line.
fn body(evidence: &[u8]) -> &[u8] {
    let end = evidence.windows(2).position(|two| two == b"\n\n");
    end.map_or(&[], |end| &evidence[end + 2..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_proven_by_its_status_or_by_the_apis_own_words() {
        for (status, code) in
            [(400, "http_400"), (404, ""), (422, "x"), (307, "http_307"), (410, "gone")]
        {
            assert!(is_refusal(status, code), "{status} {code}");
        }
        for (status, code) in [
            (499, "http_499"),
            (444, "http_444"),
            (460, ""),
            (302, "x"),
            (303, ""),
            (301, ""),
            (410, "http_410"),
        ] {
            assert!(!is_refusal(status, code), "{status} {code}");
        }
    }

    #[test]
    fn an_id_is_a_tasks_where_the_answer_says_so() {
        let kept = |status: u16, body: &str| {
            is_task(status, format!("HTTP {status}\nretry-after: 1\n\n{body}").as_bytes())
        };
        assert!(kept(502, r#"{"id":"t","object":"video.generation.task","error":{"code":"x"}}"#));
        assert!(kept(500, r#"{"id":"t","status":"pending"}"#));
        assert!(kept(500, r#"{"id":"t","status":"pending"}{"code":"insert_task_failed"}"#));
        assert!(kept(200, r#"{"id":"t","created":17"#));
        assert!(kept(200, r#"{"id":"t","error":null}"#));
        assert!(!kept(500, r#"{"id":"req-1","message":"boom"}"#));
        assert!(!kept(500, r#"{"id":"req-1","status":"pending","message":"boom"}"#));
        assert!(!kept(500, r#"{"id":"req-1","status":"failed"}"#));
        assert!(!kept(404, r#"{"id":"req-1"}"#));
        assert!(!kept(200, r#"{"id":"req-1","error":{"code":"x"}}"#));
        assert!(!kept(500, "oops"));
    }
}
