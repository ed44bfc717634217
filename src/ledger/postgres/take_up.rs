//! What a database that went back is told of a pair by a run folder that may know more of it.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::state::{Event, State};

/// The code of what is known from a run folder alone: as where a ledger of one machine was put back.
const CODE: &str = "ledger_restored";
const UNANSWERED: &str =
    "sent after the moment to which the ledger was put back; no answer to it is known";

/// A pair in a run folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Where it stands. Planned is also what another worker has under way.
    pub state: State,
    /// Which create of it was the last.
    pub attempt: i32,
    /// Its task.
    pub task: Option<String>,
    /// Whether it is proven that the last create made nothing.
    pub made_nothing: bool,
}

/// The same in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    /// Where it stands.
    pub state: State,
    /// Which create of it was the last.
    pub attempt: i32,
    /// Its task.
    pub task: Option<String>,
}

/// What the database is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It knows as much, or more. Every task id is told all the same.
    Keep,
    /// It stands so from now on.
    Stand(State),
}

/// A person's word that came later is not taken up: asked again, a person can give it again.
pub(super) fn way(here: &Here, there: &There) -> Way {
    use State::{
        Abandoned, Completed, Created, Failed, InDoubt, Planned, Rejected, Saved, Sending,
    };
    let has_task = here.task.is_some();
    match (here.attempt.cmp(&there.attempt), here.state, there.state) {
        (Ordering::Less, ..) => Way::Keep,
        (Ordering::Greater, Created | Completed | Saved | Failed, _) if has_task => {
            Way::Stand(here.state)
        }
        (Ordering::Greater, Planned | Rejected, _) if here.made_nothing => Way::Stand(here.state),
        (Ordering::Greater, ..) => Way::Stand(InDoubt),
        (_, Created | Completed | Saved | Failed, Planned | Sending | InDoubt) if has_task => {
            Way::Stand(here.state)
        }
        (_, Sending | InDoubt, Planned) => Way::Stand(InDoubt),
        (_, Completed | Saved | Failed, Created) | (_, Saved | Failed, Completed)
            if here.task == there.task =>
        {
            Way::Stand(here.state)
        }
        (
            Ordering::Equal,
            Planned | Sending | Created | Completed | Saved | Failed | Rejected | InDoubt
            | Abandoned,
            _,
        ) => Way::Keep,
    }
}

/// What is written of a pair, as of one whose last create is in doubt.
pub(super) fn in_doubt(record: &str, attempt: i32) -> String {
    let mut record: Value = serde_json::from_str(record).unwrap_or_default();
    if record["state"] == State::InDoubt.name() {
        return record.to_string();
    }
    let at = record["since"].clone();
    record["state"] = State::InDoubt.name().into();
    record["error_code"] = CODE.into();
    record["error"] = UNANSWERED.into();
    record["task_id"] = Value::Null;
    record["created_at"] = Value::Null;
    let doubt = json!({
        "attempt": attempt, "intended": at, "settled": at, "event": Event::Lost.name(),
        "seconds": record["seconds"], "price": record["price"],
        "code": CODE, "message": UNANSWERED,
    });
    let mut attempts = record["attempts"].as_array().cloned().unwrap_or_default();
    attempts.retain(|one| one["attempt"] != attempt);
    attempts.push(doubt);
    record["attempts"] = attempts.into();
    record.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(here: (State, i32, Option<&str>), there: (State, i32, Option<&str>)) -> Way {
        let text = |task: Option<&str>| task.map(str::to_owned);
        let here = Here { state: here.0, attempt: here.1, task: text(here.2), made_nothing: false };
        way(&here, &There { state: there.0, attempt: there.1, task: text(there.2) })
    }

    #[test]
    fn nothing_that_may_be_paid_for_stays_to_be_sent() {
        use State::{Planned, Rejected};
        for state in State::ALL {
            for task in [None, Some("t")] {
                for there in [Planned, Rejected] {
                    let way = told((state, 2, task), (there, 1, None));
                    let stands = matches!(way, Way::Stand(to) if to != Planned && to != Rejected);
                    assert!(stands, "{state} {task:?} {there}: {way:?}");
                }
                let as_far = told((state, 1, task), (Planned, 1, None));
                let may_be_paid = task.is_some()
                    && matches!(
                        state,
                        State::Created | State::Completed | State::Saved | State::Failed
                    )
                    || matches!(state, State::Sending | State::InDoubt);
                assert_eq!(as_far != Way::Keep, may_be_paid, "{state} {task:?}: {as_far:?}");
            }
        }
    }

    #[test]
    fn what_the_database_knows_better_stays() {
        use State::{Abandoned, Completed, Created, Failed, InDoubt, Planned, Saved, Sending};
        for (here, there, way) in [
            ((Created, 1, Some("a")), (Created, 1, Some("a")), Way::Keep),
            ((Saved, 1, Some("a")), (Created, 1, Some("a")), Way::Stand(Saved)),
            ((Created, 1, Some("a")), (Saved, 1, Some("a")), Way::Keep),
            // Paid twice: a fresh worker sent it again before anybody noticed.
            ((Created, 1, Some("a")), (Created, 1, Some("b")), Way::Keep),
            ((Saved, 1, Some("a")), (Completed, 1, Some("b")), Way::Keep),
            ((Created, 1, Some("a")), (Sending, 1, None), Way::Stand(Created)),
            ((Created, 1, Some("a")), (InDoubt, 1, None), Way::Stand(Created)),
            ((InDoubt, 1, None), (Created, 1, Some("b")), Way::Keep),
            ((InDoubt, 1, None), (Planned, 2, None), Way::Keep),
            ((Failed, 1, Some("a")), (Planned, 2, None), Way::Keep),
            ((Abandoned, 1, None), (InDoubt, 1, None), Way::Keep),
            // Another worker has it, or had it.
            ((Planned, 1, None), (Sending, 1, None), Way::Keep),
            ((Planned, 1, None), (Planned, 0, None), Way::Stand(InDoubt)),
        ] {
            assert_eq!(told(here, there), way, "{here:?} {there:?}");
        }
        let nothing = Here { state: Planned, attempt: 1, task: None, made_nothing: true };
        let there = There { state: Planned, attempt: 0, task: None };
        assert_eq!(way(&nothing, &there), Way::Stand(Planned));
    }

    #[test]
    fn a_doubt_says_why() {
        let planned = r#"{"state": "planned", "since": 5, "attempts": [{"attempt": 1}]}"#;
        let record: Value = serde_json::from_str(&in_doubt(planned, 2)).unwrap();
        assert_eq!((&record["state"], &record["error_code"]), (&json!("in_doubt"), &json!(CODE)));
        assert_eq!(record["attempts"][1]["event"], "lost");
        let own = r#"{"state":"in_doubt","error_code":"timeout"}"#;
        assert!(in_doubt(own, 1).contains("timeout"), "what was known of it stays");
    }
}
