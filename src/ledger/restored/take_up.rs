//! Takes up what a pair's later events say, along the state table.

use rusqlite::params;

use super::trail::{Create, Trail};
use crate::ledger::write::{Known, Trace, Write, allowed};
use crate::ledger::{Intent, LedgerError, Redo, unanswered};
use crate::pair::TaskId;
use crate::state::{Event, State};
use crate::wire::Proof;

/// The code of what is known from the events alone.
const CODE: &str = "ledger_restored";
const UNANSWERED: &str =
    "sent after the moment to which the ledger was put back; no answer to it is known";

/// Whether the ledger knows of a create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Before,
    Never,
    /// Nor of the take that it is for.
    NeverOfTake,
}

/// What is to be done about the last create of a pair.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    /// The ledger knows of it.
    Nothing,
    /// Its task is kept: the pair stands for something else.
    Keep,
    /// It is given its task.
    Adopt,
    /// It is written down as it was sent, and what came of it.
    Send,
}

fn way(state: State, seen: Seen, task: Option<&TaskId>) -> Way {
    match (state, seen, task) {
        (State::Planned | State::InDoubt | State::Failed, Seen::Before, Some(_)) => Way::Adopt,
        (State::Planned | State::InDoubt | State::Rejected, Seen::Never | Seen::NeverOfTake, _) => {
            Way::Send
        }
        // It failed since, and was created again by a person's word.
        (State::Created | State::Failed, Seen::Never | Seen::NeverOfTake, _) => Way::Send,
        // A person asked for another take since, of what was saved by then or written off.
        (State::Completed | State::Saved | State::Abandoned, Seen::NeverOfTake, _) => Way::Send,
        (
            State::Sending
            | State::Created
            | State::Completed
            | State::Saved
            | State::Rejected
            | State::Abandoned,
            _,
            Some(_),
        ) => Way::Keep,
        (_, _, None) => Way::Nothing,
    }
}

impl Write<'_> {
    /// Settles what was under way when the last run ended: such a pair is in doubt.
    pub(in crate::ledger) fn recover(&mut self) -> Result<usize, LedgerError> {
        self.end_trials()?;
        let pending = self.interrupted()?;
        let message = "the run ended before the answer was recorded";
        let lost = unanswered(Proof::InDoubt, "stopped", message);
        for intent in &pending {
            self.settle(intent, &lost)?;
        }
        Ok(pending.len())
    }

    /// Takes up what was done with a pair, and returns its last create if that was news.
    pub(super) fn take_up<'a>(
        &mut self,
        id: &str,
        trail: &'a Trail,
    ) -> Result<Option<&'a Create>, LedgerError> {
        let Some((former, last)) = trail.split() else { return Ok(None) };
        let known = match self.find(id)? {
            Some(known) => known,
            None => self.insert_told(id)?,
        };
        for create in former {
            self.keep_since(&known, create)?;
        }
        let task = last.task.as_ref().map(|(task, _)| task);
        let owner = task.map(|task| self.owner_of(task)).transpose()?.flatten();
        if owner.is_some_and(|owner| owner.pair == known.intent.pair) {
            return Ok(None);
        }
        let seen = match last.attempt > known.intent.attempt {
            false => Seen::Before,
            true if last.take > known.intent.take => Seen::NeverOfTake,
            true => Seen::Never,
        };
        match (way(known.state, seen, task), task) {
            (Way::Nothing, _) | (Way::Adopt, None) => return Ok(None),
            (Way::Keep, _) => {
                self.keep_since(&known, last)?;
                return Ok(None);
            }
            (Way::Adopt, Some(task)) => match self.adopt(&known, task) {
                // The ledger knows that another one failed.
                Err(LedgerError::Forbidden { .. } | LedgerError::Taken { .. }) => {
                    self.keep_since(&known, last)?;
                    return Ok(None);
                }
                adopted => adopted?,
            },
            (Way::Send, _) => self.send_since(&known, last)?,
        }
        self.date(known.intent.pair, last)?;
        Ok(Some(last))
    }

    /// A pair that only the events tell of: it was listed when it was sent. What it asks for is written
    /// down when a manifest lists it again.
    fn insert_told(&self, id: &str) -> Result<Known, LedgerError> {
        // The first listing of a ledger takes it for empty.
        self.execute("UPDATE batch SET listing = max(listing, 1), listed = NULL", ())?;
        self.execute(
            "INSERT INTO pairs
                (id, place, listing, changed, body, fingerprint, image_url, audio_url)
                SELECT ?1, coalesce(max(place) + 1, 0), (SELECT listing FROM batch), 0, '', x'', '', ''
                FROM pairs",
            [id],
        )?;
        self.stand_new()?;
        self.known(id)
    }

    fn send_since(&mut self, known: &Known, create: &Create) -> Result<(), LedgerError> {
        self.plan_again(known, create)?;
        let id = known.intent.id.clone();
        if self.known(&id)?.intent.take < create.take {
            self.count_on_to(known.intent.pair, create.take)?;
        }
        let known = self.known(&id)?;
        let to = allowed(&known.intent.id, State::Planned, Event::Intended)?;
        let sql = "SELECT body FROM pairs WHERE pair = ?1";
        let body: String = self.only_row(sql, [known.intent.pair], |row| row.get(0))?;
        let charge = self.purse.rules().charge(known.intent.audio, body.as_bytes());
        let (attempt, intended) = (create.attempt, create.sent.as_millisecond());
        let intent = Intent { attempt, intended, charge, ..known.intent };
        self.execute(
            "UPDATE standings SET state = ?2, attempt = ?3, since = ?4, seconds = ?5, price = NULL,
                sent = NULL WHERE pair = ?1",
            params![intent.pair, to.name(), attempt, intended, charge.seconds],
        )?;
        self.changed(&intent, Event::Intended, (State::Planned, to), &Trace::default());
        let outcome = match &create.task {
            Some((task, _)) => unanswered(Proof::Created(task.clone()), "", ""),
            None => unanswered(Proof::InDoubt, CODE, UNANSWERED),
        };
        self.settle(&intent, &outcome).map(drop)
    }

    /// What must have happened before it was sent again.
    fn plan_again(&mut self, known: &Known, create: &Create) -> Result<(), LedgerError> {
        let id = &known.intent.id;
        let later = create.take > known.intent.take;
        match known.state {
            State::Saved | State::Failed | State::Abandoned if later => {
                self.redo_as(self.known(id)?, create.take, &Redo::default())
            }
            State::Completed if later => {
                let message = "the events say that it was saved";
                let trace = Trace { code: CODE, message, ..Trace::default() };
                self.apply(&known.intent, State::Completed, Event::Saved, &trace)?;
                self.redo_as(self.known(id)?, create.take, &Redo::default())
            }
            State::InDoubt | State::Rejected => {
                self.settle_by_word(known, known.state, Event::Resent)
            }
            State::Failed => self.retry(id),
            State::Created => {
                let message = "the events say that it failed";
                let trace = Trace { code: CODE, message, ..Trace::default() };
                self.apply(&known.intent, State::Created, Event::Failed, &trace)?;
                let known = self.known(id)?;
                match known.state {
                    State::Failed => self.retry(id),
                    // It fell back to a take that was saved.
                    _ => self.redo_as(known, create.take, &Redo::default()),
                }
            }
            State::Planned | State::Sending | State::Completed | State::Saved => Ok(()),
            State::Abandoned => Ok(()),
        }
    }

    /// When it was given its task, in truth.
    fn date(&self, pair: i64, create: &Create) -> Result<(), LedgerError> {
        let Some((task, at)) = &create.task else { return Ok(()) };
        let at = at.as_millisecond();
        let sql = "UPDATE standings SET created_at = ?3 WHERE pair = ?1 AND task_id = ?2";
        self.execute(sql, params![pair, task.as_str(), at])?;
        let sql = "UPDATE attempts SET settled = ?3
            WHERE pair = ?1 AND attempt = ?2 AND event = 'accepted'";
        self.execute(sql, params![pair, create.attempt, at]).map(drop)
    }

    /// A task that is the pair's, but not what it stands for.
    fn keep_since(&self, known: &Known, create: &Create) -> Result<(), LedgerError> {
        let Some((task, _)) = &create.task else { return Ok(()) };
        if self.owner_of(task)?.is_some() {
            return Ok(());
        }
        let sql = "INSERT INTO former_tasks (task_id, pair, attempt) VALUES (?1, ?2, ?3)";
        self.execute(sql, params![task.as_str(), known.intent.pair, create.attempt]).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::next;

    #[test]
    fn nothing_that_may_be_paid_for_stays_to_be_sent() {
        let task = TaskId::parse("t").unwrap();
        for state in State::ALL {
            for (seen, task) in [
                (Seen::Before, None),
                (Seen::Before, Some(&task)),
                (Seen::Never, None),
                (Seen::Never, Some(&task)),
                (Seen::NeverOfTake, None),
                (Seen::NeverOfTake, Some(&task)),
            ] {
                let way = way(state, seen, task);
                let case = format!("{state} {seen:?} {task:?}: {way:?}");
                assert!(way != Way::Nothing || task.is_none(), "a task is lost: {case}");
                if way == Way::Adopt {
                    assert_eq!(next(state, Event::Adopted), Ok(State::Created), "{case}");
                }
                if matches!(state, State::Planned | State::Rejected) && seen == Seen::Never {
                    assert_eq!(way, Way::Send, "{case}");
                }
                // What is under way is in doubt before anything is taken up.
                if seen == Seen::NeverOfTake && state != State::Sending {
                    assert_eq!(way, Way::Send, "another take may have been paid for: {case}");
                }
            }
        }
    }
}
