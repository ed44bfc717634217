//! What the events of a pair come to: which of its creates may have made something, and what.

use jiff::Timestamp;

use crate::ledger::event_log::Logged;
use crate::pair::TaskId;
use crate::state::Event;

/// The creates of a pair that made something, or may have, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Trail(Vec<Create>);

/// A create, or a task that was adopted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ledger) struct Create {
    pub(super) attempt: u32,
    /// Of which take of the pair.
    pub(super) take: u32,
    /// When it was about to be sent, as far as that is known.
    pub(super) sent: Timestamp,
    /// With when it was known.
    pub(in crate::ledger) task: Option<(TaskId, Timestamp)>,
}

impl Trail {
    /// Those before the last one, and the last one.
    pub(super) fn split(&self) -> Option<(&[Create], &Create)> {
        self.0.split_last().map(|(last, former)| (former, last))
    }

    /// Goes on with an event. A person's word that came later is not taken up: asked again, a person
    /// can give it again.
    pub(super) fn add(&mut self, logged: &Logged) {
        let Logged { at, attempt, take, .. } = *logged;
        let known = self.0.last_mut().filter(|create| create.attempt == attempt);
        match (logged.event, known, &logged.task) {
            (Event::Intended, ..) => self.0.push(Create { attempt, take, sent: at, task: None }),
            (
                Event::Accepted | Event::Adopted,
                Some(Create { task: none @ None, .. }),
                Some(task),
            ) => {
                *none = Some((task.clone(), at));
            }
            (Event::Accepted | Event::Adopted, _, Some(task)) => {
                let task = Some((task.clone(), at));
                self.0.push(Create { attempt, take, sent: at, task });
            }
            (Event::Refused | Event::NotMade, Some(Create { task: None, .. }), _) => {
                self.0.pop();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(events: &[(Event, u32, &str)]) -> Trail {
        let mut trail = Trail::default();
        for (n, (event, attempt, task)) in (1..).zip(events) {
            trail.add(&Logged {
                n,
                at: Timestamp::from_second(i64::try_from(n).unwrap()).unwrap(),
                id: "a".to_owned(),
                event: *event,
                attempt: *attempt,
                take: 1,
                task: TaskId::parse(task).ok(),
            });
        }
        trail
    }

    /// `2:t1` for a create with a task, `2:` for one without.
    fn told(events: &[(Event, u32, &str)]) -> Vec<String> {
        let told = trail(events).0.into_iter().map(|create| {
            let task = create.task.map(|(task, _)| task.to_string()).unwrap_or_default();
            format!("{}:{task}", create.attempt)
        });
        told.collect()
    }

    #[test]
    fn what_may_have_been_paid_for_is_left() {
        use Event::*;
        for (events, left) in [
            (&[(Intended, 1, "")][..], &["1:"][..]),
            (&[(Intended, 1, ""), (Accepted, 1, "t1")], &["1:t1"]),
            (&[(Intended, 1, ""), (Lost, 1, "")], &["1:"]),
            (&[(Intended, 1, ""), (Lost, 1, ""), (Adopted, 1, "t1")], &["1:t1"]),
            // Proofs that nothing was made.
            (&[(Intended, 1, ""), (NotMade, 1, "")], &[]),
            (&[(Intended, 1, ""), (Refused, 1, ""), (Revised, 1, "")], &[]),
            (
                &[(Intended, 1, ""), (NotMade, 1, ""), (Intended, 2, ""), (Accepted, 2, "t2")],
                &["2:t2"],
            ),
            // A person's word is not taken up.
            (&[(Intended, 1, ""), (Lost, 1, ""), (Resent, 1, "")], &["1:"]),
            (&[(Intended, 1, ""), (Lost, 1, ""), (WrittenOff, 1, "")], &["1:"]),
            // Each task that was paid for.
            (
                &[
                    (Intended, 2, ""),
                    (Accepted, 2, "t2"),
                    (Failed, 2, ""),
                    (Retried, 2, ""),
                    (Intended, 3, ""),
                    (Lost, 3, ""),
                ],
                &["2:t2", "3:"],
            ),
            // Adopted without a create; the task of a create before the ledger's end.
            (&[(Adopted, 0, "t0")], &["0:t0"]),
            (&[(Accepted, 4, "t4")], &["4:t4"]),
            (
                &[(Adopted, 1, "t1"), (NotFound, 1, ""), (Failed, 1, ""), (Adopted, 1, "t2")],
                &["1:t1", "1:t2"],
            ),
            // What is done with a task that the ledger has.
            (&[(Completed, 1, "t1"), (Relinked, 1, "t1"), (Saved, 1, "")], &[]),
            (&[(Lost, 1, ""), (Refused, 1, ""), (NotMade, 1, "")], &[]),
        ] {
            assert_eq!(told(events), left, "{events:?}");
        }
    }
}
