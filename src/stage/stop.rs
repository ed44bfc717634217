//! Why nothing further is started: said once, heard by all.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::Notify;

use crate::ledger::LedgerError;
use crate::view::lasting;
use crate::wire::{Account, Judgement};

/// Why nothing further is started.
#[derive(Debug, Clone)]
pub enum StopReason {
    /// Ctrl-C, SIGTERM or SIGHUP.
    Signal,
    /// The account cannot create anything now.
    Account {
        /// What is wrong with it.
        account: Account,
        /// What the server said, or ours.
        message: String,
    },
    /// Nothing got through for as long as retries are allowed.
    Unreachable {
        /// What did not get through: `create` or `poll`.
        what: &'static str,
        /// How long that is.
        within: Duration,
        /// The last refusal.
        message: String,
    },
    /// The service takes no creates, or nobody knows what it makes of them.
    Service {
        /// What it does.
        trouble: Trouble,
        /// The last that was no answer of its own.
        last: Last,
    },
    /// This machine cannot send anything.
    Unable {
        /// Why.
        message: String,
    },
    /// What cannot be recorded is not sent.
    Ledger(LedgerError),
    /// A video cannot be written.
    Disk {
        /// Which, and why.
        message: String,
    },
    /// Videos cannot be stored in their bucket.
    Bucket {
        /// Why.
        message: String,
    },
    /// Local files cannot be stored.
    Store {
        /// Why.
        message: String,
    },
    /// The time that the run was given is over.
    Deadline,
}

impl StopReason {
    /// In a few words, where it is no person's wish.
    pub(crate) fn brief(&self) -> Option<String> {
        Some(match self {
            Self::Signal | Self::Deadline | Self::Ledger(_) => return None,
            Self::Account { account, .. } => account.advice().0.to_owned(),
            Self::Unreachable { within, .. } => {
                format!("nothing got through for {}", lasting(within.as_secs()))
            }
            Self::Service { trouble, .. } => trouble.brief(),
            Self::Unable { .. } => "this machine cannot send".to_owned(),
            Self::Disk { .. } => "a video cannot be written".to_owned(),
            Self::Store { .. } => "local files cannot be stored".to_owned(),
            Self::Bucket { .. } => "the bucket for videos cannot be used".to_owned(),
        })
    }
}

/// What is wrong with a service that takes no creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// After doubts in a row it did not answer a question for so long.
    Silent(Duration),
    /// It answers questions, and creates that are tried alone end in doubt, one after another.
    Alone,
    /// So many creates of this run ended in doubt.
    Doubts(u32),
    /// What answers is something else, and was for so long.
    Foreign(Duration),
    /// It names the same task for different requests.
    SameTask,
    /// It wants to be left alone for so long.
    Asked(Duration),
    /// It refuses everything alike.
    Alike {
        /// How many in a row.
        count: usize,
        /// With which code.
        code: String,
        /// And which words, the first time.
        message: String,
    },
}

impl Trouble {
    fn brief(&self) -> String {
        match self {
            Self::Silent(within) => {
                format!("the API answered nothing for {}", lasting(within.as_secs()))
            }
            Self::Alone => "creates end in doubt, also one alone".to_owned(),
            Self::Doubts(doubts) => format!("{doubts} creates of this run are in doubt"),
            Self::Foreign(within) => format!("no API answered for {}", lasting(within.as_secs())),
            Self::SameTask => "the API names one task for different requests".to_owned(),
            Self::Asked(wait) => format!("the API wants none for {}", lasting(wait.as_secs())),
            Self::Alike { count, .. } => format!("{count} refusals alike in a row"),
        }
    }
}

/// What came last of a create that the service did not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Last {
    /// The HTTP status, if there was one.
    pub status: Option<u16>,
    /// The code.
    pub code: String,
    /// In words.
    pub message: String,
}

impl Last {
    pub(crate) fn of(judgement: &Judgement) -> Self {
        let Judgement { status, code, message, .. } = judgement.clone();
        Self { status, code, message }
    }
}

/// A stop for each stage: a dead account ends creates, and links that were paid for go on dying.
#[derive(Debug, Default)]
pub struct Stops {
    /// No further create.
    pub create: Stop,
    /// No further poll.
    pub watch: Stop,
    /// No further download; those under way are left.
    pub download: Stop,
    /// Not even the answers of creates under way are awaited.
    pub kill: Stop,
}

impl Stops {
    /// Ends all stages.
    pub fn pull(&self, reason: &StopReason) {
        for stop in [&self.create, &self.watch, &self.download] {
            stop.pull(reason.clone());
        }
    }

    /// Ends what talks with the API.
    pub fn pull_api(&self, reason: &StopReason) {
        self.create.pull(reason.clone());
        self.watch.pull(reason.clone());
    }

    /// Why the stages ended early, each reason once, the first stage's first.
    pub fn reasons(&self) -> Vec<&StopReason> {
        let mut reasons: Vec<&StopReason> = Vec::new();
        for reason in
            [&self.create, &self.watch, &self.download].into_iter().filter_map(Stop::reason)
        {
            let same = |known: &&StopReason| {
                std::mem::discriminant::<StopReason>(known) == std::mem::discriminant(reason)
            };
            if !reasons.iter().any(same) {
                reasons.push(reason);
            }
        }
        reasons
    }
}

/// Can be pulled from anywhere; only the first reason counts.
#[derive(Debug, Default)]
pub struct Stop {
    reason: OnceLock<StopReason>,
    pulled: Notify,
}

impl Stop {
    /// Starts nothing further from now on.
    pub fn pull(&self, reason: StopReason) {
        if self.reason.set(reason).is_ok() {
            self.pulled.notify_waiters();
        }
    }

    /// Why, if it was pulled.
    pub fn reason(&self) -> Option<&StopReason> {
        self.reason.get()
    }

    /// Ends when it is pulled.
    pub async fn pulled(&self) {
        let mut pulled = std::pin::pin!(self.pulled.notified());
        // Registered before the check, so that a pull in between is not missed.
        pulled.as_mut().enable();
        if self.reason().is_none() {
            pulled.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;

    #[test]
    fn the_first_reason_counts() {
        let stop = Stop::default();
        assert!(stop.reason().is_none());
        stop.pull(StopReason::Signal);
        stop.pull(StopReason::Account { account: Account::Key, message: String::new() });
        assert!(matches!(stop.reason(), Some(StopReason::Signal)));
        block_on(stop.pulled());
    }
}
