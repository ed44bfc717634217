//! Writes what people say, beside whatever run is under way.
//!
//! A word changes no pair, spends nothing and tells no run anything: it needs neither the lock nor the
//! fence, which keep two runs apart. SQLite lets one transaction in after the other, and a run waits for
//! this one's single fsync as it waits for its own. The file is kept in the form in which many may read
//! and write it (a write-ahead log) for as long as somebody may say something; a run that ends meanwhile
//! leaves it so, and whoever is the last one leaves one file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params,
};

use super::{Decision, REVIEW, Review, review_at};
use crate::files::Identity;
use crate::ledger::lookup::state_at;
use crate::ledger::migrate::FORMAT;
use crate::ledger::schema::{connect, format, is_blank};
use crate::ledger::{FILE, LedgerError, View};
use crate::state::State;

/// How long a word waits for other programs' transactions.
const PATIENCE: Duration = Duration::from_secs(10);
/// As a run has it: no word has to wait for the log to be moved into the file more often.
const CHECKPOINT: i64 = 4096;
/// The longest note and the longest prompt, in characters.
const LONGEST: usize = 8000;

/// What somebody says of a pair. What is nothing stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opinion {
    /// The pair.
    pub id: String,
    /// The task whose video was looked at.
    pub task_id: Option<String>,
    /// What is to become of it; `Some(None)` takes a decision back.
    pub decision: Option<Option<Decision>>,
    /// What to make it again with; an empty text is the prompt that it has.
    pub prompt: Option<String>,
    /// Why, or whatever else there is to say; an empty text is none.
    pub note: Option<String>,
}

/// Why a word was not written down. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotReviewed {
    /// No such pair.
    #[error("there is no such pair")]
    Unknown,
    /// It has another task by now.
    #[error("it was made again meanwhile; look at the new one")]
    Otherwise,
    /// Nothing to look at.
    #[error("it has no video to decide about")]
    NoVideo,
    /// It cannot be made again from where it stands.
    #[error("it cannot be made again: it is neither saved, failed nor abandoned")]
    UnderWay,
    /// A novel.
    #[error("a text has at most {LONGEST} characters")]
    TooLong,
}

/// A ledger in which people write what they think.
#[derive(Debug)]
pub struct ReviewBook {
    connection: Connection,
    path: PathBuf,
    /// What was opened: nothing is written into what took its place.
    identity: Identity,
}

impl ReviewBook {
    /// Opens the ledger of a run folder beside whoever has it.
    ///
    /// # Errors
    /// When there is none of today's format, or it cannot be written.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let identity = Identity::at(&path).map_err(|error| LedgerError::io(&path, error))?;
        let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let book = Self { connection, path, identity };
        book.prepare()?;
        Ok(book)
    }

    fn prepare(&self) -> Result<(), LedgerError> {
        let (connection, path) = (&self.connection, &self.path);
        let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
        if is_blank(connection).map_err(failed)? {
            return Err(LedgerError::io(path, std::io::ErrorKind::NotFound));
        }
        let found = format(connection, path)?;
        if found != FORMAT {
            let found = i32::try_from(found).unwrap_or_default();
            return Err(LedgerError::Newer { path: path.clone(), found, known: FORMAT });
        }
        connection.busy_timeout(PATIENCE).map_err(failed)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT).map_err(failed)?;
        // From here on others see that it is open.
        is_blank(connection).map(drop).map_err(failed)
    }

    /// Reads the ledger, and sees what is written, by whomever. Whatever else reads it in this process has
    /// to come from here.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn view(&self) -> Result<View, LedgerError> {
        View::beside(&self.path)
    }

    /// Writes down what somebody says, all of it in one commit, and tells of each whether it was; when this
    /// returns, it is durable.
    ///
    /// # Errors
    /// When nothing could be written down.
    pub fn write(
        &mut self,
        who: &str,
        opinions: &[Opinion],
    ) -> Result<Vec<Result<(), NotReviewed>>, LedgerError> {
        let path = &self.path;
        if self.is_moved() {
            return Err(LedgerError::Moved { path: path.clone() });
        }
        let failed = |error: rusqlite::Error| LedgerError::sqlite(path, &error);
        let begun = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        let transaction = begun.map_err(failed)?;
        let mut answers = Vec::with_capacity(opinions.len());
        for opinion in opinions {
            answers.push(write_one(&transaction, who, opinion).map_err(failed)?);
        }
        transaction.commit().map_err(failed)?;
        Ok(answers)
    }

    /// Whether the file is no longer the one that was opened.
    #[must_use]
    pub fn is_moved(&self) -> bool {
        Identity::at(&self.path).ok() != Some(self.identity)
    }

    /// Leaves one file, unless somebody else has it open.
    ///
    /// # Errors
    /// When the file system refuses; what was written stands all the same.
    pub fn close(self) -> Result<(), LedgerError> {
        // It is refused where another one has it open, and then it is that one's to do.
        let _ = self.connection.pragma_update(None, "journal_mode", "DELETE");
        let closed = self.connection.close();
        closed.map_err(|(_, error)| LedgerError::sqlite(&self.path, &error))
    }
}

/// What is known of a pair that somebody says something of.
struct Standing {
    pair: i64,
    state: State,
    attempt: u32,
    task_id: Option<String>,
    before: Option<Review>,
}

fn write_one(
    transaction: &Transaction<'_>,
    who: &str,
    opinion: &Opinion,
) -> rusqlite::Result<Result<(), NotReviewed>> {
    let Some(standing) = find(transaction, &opinion.id)? else {
        return Ok(Err(NotReviewed::Unknown));
    };
    let said = match said(&standing, opinion) {
        Ok(Some(said)) => said,
        Ok(None) => return Ok(Ok(())),
        Err(refused) => return Ok(Err(refused)),
    };
    let Standing { pair, attempt, task_id, .. } = standing;
    let (decision, now) = (said.decision.map(Decision::name), Timestamp::now().as_millisecond());
    transaction
        .prepare_cached(
            "INSERT INTO reviews (pair, attempt, task_id, at, who, decision, prompt, note)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![pair, attempt, task_id, now, who, decision, said.prompt, said.note])?;
    Ok(Ok(()))
}

fn find(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<Standing>> {
    let sql = format!(
        "SELECT pair, state, attempt, task_id, {REVIEW}
            FROM pairs p JOIN standings s USING (pair) WHERE id = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Standing {
            pair: row.get(0)?,
            state: state_at(row, 1)?,
            attempt: row.get(2)?,
            task_id: row.get(3)?,
            before: review_at(row, 4)?,
        })
    };
    transaction.prepare_cached(&sql)?.query_row([id], read).optional()
}

/// All that counts as said from now on.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    decision: Option<Decision>,
    prompt: Option<String>,
    note: Option<String>,
}

/// What somebody says, together with what was said before and stays; nothing where that is the same.
fn said(standing: &Standing, opinion: &Opinion) -> Result<Option<Said>, NotReviewed> {
    let texts = [&opinion.prompt, &opinion.note];
    if texts.into_iter().flatten().any(|text| text.chars().count() > LONGEST) {
        return Err(NotReviewed::TooLong);
    }
    if opinion.task_id != standing.task_id {
        return Err(NotReviewed::Otherwise);
    }
    match opinion.decision.flatten() {
        Some(Decision::Approved | Decision::Declined) if standing.state != State::Saved => {
            return Err(NotReviewed::NoVideo);
        }
        Some(Decision::Again) if !can_be_made_again(standing.state) => {
            return Err(NotReviewed::UnderWay);
        }
        _ => {}
    }
    let before = standing.before.as_ref();
    let was = Said {
        decision: before.and_then(|review| review.decision),
        prompt: before.and_then(|review| review.prompt.clone()),
        note: before.and_then(|review| review.note.clone()),
    };
    let decision = opinion.decision.unwrap_or(was.decision);
    let text = |new: &Option<String>, old: &Option<String>| match new {
        Some(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        None => old.clone(),
    };
    // Nobody makes the others again.
    let prompt = text(&opinion.prompt, &was.prompt).filter(|_| decision == Some(Decision::Again));
    let said = Said { decision, prompt, note: text(&opinion.note, &was.note) };
    Ok(Some(said).filter(|said| *said != was))
}

const fn can_be_made_again(state: State) -> bool {
    matches!(state, State::Saved | State::Failed | State::Abandoned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(state: State, before: Option<Review>) -> Standing {
        Standing { pair: 1, state, attempt: 1, task_id: Some("t1".to_owned()), before }
    }

    fn opinion(decision: Option<Decision>) -> Opinion {
        let task_id = Some("t1".to_owned());
        Opinion { id: "a".to_owned(), task_id, decision: Some(decision), ..Opinion::default() }
    }

    fn review(decision: Decision, prompt: &str, note: &str) -> Option<Review> {
        Some(Review {
            decision: Some(decision),
            prompt: Some(prompt.to_owned()),
            note: Some(note.to_owned()),
            who: "ann".to_owned(),
            at: Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn only_what_is_there_is_decided_about() {
        let refused =
            |state, decision| said(&standing(state, None), &opinion(Some(decision))).err();
        for state in State::ALL {
            let video = (state != State::Saved).then_some(NotReviewed::NoVideo);
            assert_eq!(refused(state, Decision::Approved), video, "{state:?}");
            assert_eq!(refused(state, Decision::Declined), video, "{state:?}");
            let ended = matches!(state, State::Saved | State::Failed | State::Abandoned);
            let again = (!ended).then_some(NotReviewed::UnderWay);
            assert_eq!(refused(state, Decision::Again), again, "{state:?}");
            let note = Opinion { note: Some("x".into()), decision: None, ..opinion(None) };
            assert!(said(&standing(state, None), &note).unwrap().is_some(), "{state:?}");
        }
        let other = Opinion { task_id: Some("t0".into()), ..opinion(Some(Decision::Approved)) };
        assert_eq!(said(&standing(State::Saved, None), &other), Err(NotReviewed::Otherwise));
        let long = Opinion { note: Some("ä".repeat(LONGEST + 1)), ..opinion(None) };
        assert_eq!(said(&standing(State::Saved, None), &long), Err(NotReviewed::TooLong));
    }

    #[test]
    fn what_nobody_says_anew_stays_and_the_prompt_goes_with_making_it_again() {
        let before = || standing(State::Saved, review(Decision::Again, "smile", "too stern"));
        let note = Opinion { note: Some(" late ".into()), decision: None, ..opinion(None) };
        let now = said(&before(), &note).unwrap().unwrap();
        assert_eq!((now.decision, now.prompt.as_deref()), (Some(Decision::Again), Some("smile")));
        assert_eq!(now.note.as_deref(), Some("late"));
        let good = said(&before(), &opinion(Some(Decision::Approved))).unwrap().unwrap();
        assert_eq!((good.prompt, good.note.as_deref()), (None, Some("too stern")));
        let back = Opinion { note: Some(String::new()), ..opinion(None) };
        let back = said(&before(), &back).unwrap().unwrap();
        assert_eq!(back, Said { decision: None, prompt: None, note: None });
        let same = opinion(Some(Decision::Again));
        assert_eq!(said(&before(), &same).unwrap(), None, "the same said twice is said once");
    }
}
