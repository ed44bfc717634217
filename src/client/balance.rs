//! Asks what the account has left. Asking costs nothing, and most services do not tell.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::receive::{Deadline, Keep, receive};
use super::{Client, cause, shown};
use crate::price::Credits;
use crate::wire::{BALANCE_PATHS, judge_balance};

/// Nobody waits longer for something that only helps.
const PATIENCE: Duration = Duration::from_secs(2);

impl Client {
    /// What the account has left, if the service tells within two seconds.
    pub async fn balance(&self) -> Option<Credits> {
        let questions = BALANCE_PATHS.map(|path| timeout(PATIENCE, self.balance_at(path)));
        let answers = join_all(questions).await;
        answers.into_iter().filter_map(|answer| answer.unwrap_or_default()).next()
    }

    async fn balance_at(&self, path: &str) -> Option<Credits> {
        let pool = self.pools.polls().ok()?;
        let response = match pool.get(self.endpoint.at(path)).send().await {
            Ok(response) => response,
            Err(error) => {
                let error = shown(&cause(error), &self.key);
                tracing::info!(path, error, "the balance is not known");
                return None;
            }
        };
        let received = receive(response, &mut Deadline::new(PATIENCE), Keep::Start).await;
        let balance = judge_balance(&received);
        if balance.is_none() {
            tracing::info!(path, status = received.status, "no balance is told");
        }
        balance
    }
}
