//! Why no further create is started: said once, heard by all.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::Notify;

use crate::ledger::LedgerError;
use crate::wire::Account;

/// Why no further create is started.
#[derive(Debug, Clone)]
pub enum Reason {
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
        /// How long that is.
        within: Duration,
        /// The last refusal.
        message: String,
    },
    /// This machine cannot send anything.
    Unable {
        /// Why.
        message: String,
    },
    /// What cannot be recorded is not sent.
    Ledger(LedgerError),
}

/// Can be pulled from anywhere; only the first reason counts.
#[derive(Debug, Default)]
pub struct Stop {
    reason: OnceLock<Reason>,
    pulled: Notify,
}

impl Stop {
    /// Starts no further create from now on.
    pub fn pull(&self, reason: Reason) {
        if self.reason.set(reason).is_ok() {
            self.pulled.notify_waiters();
        }
    }

    /// Why, if it was pulled.
    pub fn reason(&self) -> Option<&Reason> {
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
        stop.pull(Reason::Signal);
        stop.pull(Reason::Account { account: Account::Key, message: String::new() });
        assert!(matches!(stop.reason(), Some(Reason::Signal)));
        block_on(stop.pulled());
    }
}
