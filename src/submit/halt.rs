//! What one worker of a shared batch has all others stop for, as it goes through the database.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::stage::{Last, StopReason, Trouble};
use crate::wire::Account;

/// What all have to hear. Names and fields are those of the database: other releases read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
enum Halt {
    Account { account: Account, message: String },
    Silent { seconds: u64, last: Said },
    Alone { last: Said },
    Doubts { doubts: u32, last: Said },
    SameTask { last: Said },
    Asked { seconds: u64, last: Said },
    Alike { count: usize, code: String, message: String, last: Said },
}

/// What was said last instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    status: Option<u16>,
    code: String,
    message: String,
}

impl From<Last> for Said {
    fn from(Last { status, code, message }: Last) -> Self {
        Self { status, code, message }
    }
}

impl From<Said> for Last {
    fn from(Said { status, code, message }: Said) -> Self {
        Self { status, code, message }
    }
}

impl Halt {
    /// Nothing for what is about this process or this machine alone.
    fn of(reason: &StopReason) -> Option<Self> {
        let (trouble, last) = match reason.clone() {
            StopReason::Account { account, message } => {
                return Some(Self::Account { account, message });
            }
            StopReason::Service { trouble, last } => (trouble, last.into()),
            _ => return None,
        };
        Some(match trouble {
            Trouble::Silent(within) => Self::Silent { seconds: within.as_secs(), last },
            Trouble::Alone => Self::Alone { last },
            Trouble::Doubts(doubts) => Self::Doubts { doubts, last },
            Trouble::SameTask => Self::SameTask { last },
            Trouble::Asked(wait) => Self::Asked { seconds: wait.as_secs(), last },
            Trouble::Alike { count, code, message } => Self::Alike { count, code, message, last },
            // What answers here may be this machine's way out.
            Trouble::Foreign(_) => return None,
        })
    }

    fn reason(self) -> StopReason {
        let (trouble, last) = match self {
            Self::Account { account, message } => return StopReason::Account { account, message },
            Self::Silent { seconds, last } => (Trouble::Silent(Duration::from_secs(seconds)), last),
            Self::Alone { last } => (Trouble::Alone, last),
            Self::Doubts { doubts, last } => (Trouble::Doubts(doubts), last),
            Self::SameTask { last } => (Trouble::SameTask, last),
            Self::Asked { seconds, last } => (Trouble::Asked(Duration::from_secs(seconds)), last),
            Self::Alike { count, code, message, last } => {
                (Trouble::Alike { count, code, message }, last)
            }
        };
        StopReason::Service { trouble, last: last.into() }
    }
}

impl StopReason {
    /// As all others have to hear it; nothing if it is no matter of theirs.
    pub(super) fn for_all(&self) -> Option<String> {
        serde_json::to_string(&Halt::of(self)?).ok()
    }

    /// What another worker had all stop for. One whose words are not known here has stopped all the same.
    pub(super) fn of_others(halt: &str) -> Self {
        serde_json::from_str::<Halt>(halt).map_or_else(|_| unknown(), Halt::reason)
    }
}

/// Of a newer release.
fn unknown() -> StopReason {
    let message = "another worker stopped all, for a reason that this release does not know";
    StopReason::Unable { message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stops_all_is_heard_as_it_was_said() {
        let last =
            || Last { status: Some(502), code: "bad_gateway".to_owned(), message: "no".to_owned() };
        let service = |trouble| StopReason::Service { trouble, last: last() };
        let hour = Duration::from_secs(3600);
        let (code, message) = ("invalid".to_owned(), "not that".to_owned());
        for reason in [
            StopReason::Account { account: Account::Balance, message: "empty".to_owned() },
            service(Trouble::Alone),
            service(Trouble::Doubts(7)),
            service(Trouble::SameTask),
            service(Trouble::Silent(hour)),
            service(Trouble::Asked(hour)),
            service(Trouble::Alike { count: 10, code, message }),
        ] {
            let told = reason.for_all().unwrap();
            let heard = StopReason::of_others(&told);
            assert_eq!(format!("{heard:?}"), format!("{reason:?}"), "{told}");
        }
    }

    #[test]
    fn what_is_about_one_machine_stops_nobody_else() {
        let last = Last::default();
        for reason in [
            StopReason::Signal,
            StopReason::Deadline,
            StopReason::Unable { message: String::new() },
            StopReason::Service { trouble: Trouble::Foreign(Duration::ZERO), last },
        ] {
            assert_eq!(reason.for_all(), None, "{reason:?}");
        }
    }

    #[test]
    fn words_that_nobody_knows_stop_all_the_same() {
        for halt in ["", "{}", r#"{"why": "weather"}"#, r#"{"why": "account", "account": "x"}"#] {
            assert!(matches!(StopReason::of_others(halt), StopReason::Unable { .. }), "{halt}");
        }
    }
}
