//! Asks for the account's own list of tasks. Asking costs nothing.

use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};

use super::pools::POLL_TIMEOUT;
use super::receive::{Deadline, Keep, receive};
use super::{Client, cause, shown};
use crate::wire::{ListError, ListPage, judge_list};

/// How many rows are asked for at a time; more is not given.
pub const PAGE: usize = 100;

/// Where an account's tasks are listed.
#[derive(Debug, Clone)]
pub enum AccountList {
    /// `GET /v1/tasks` with the key, as EvoLink has it.
    Own,
    /// `GET /api/task/self` with a token of the dashboard's, as New API relays have it.
    Relay {
        /// The dashboard's token for this user; another one than the key.
        token: SecretString,
        /// The user's number.
        user: u64,
    },
}

impl Client {
    /// A page of the account's tasks, newest first, counted from 1.
    ///
    /// # Errors
    /// When there is no such list, or it cannot be read now.
    pub async fn tasks_page(&self, list: &AccountList, number: u64) -> Result<ListPage, ListError> {
        let failed = |reason: String| ListError::new(&shown(&reason, &self.key));
        let pool = self.pools.polls().map_err(|error| failed(error.to_string()))?;
        let at = |path: &str, page: &str| {
            let mut url = self.endpoint.at(path);
            url.query_pairs_mut()
                .append_pair(page, &number.to_string())
                .append_pair("page_size", &PAGE.to_string());
            url
        };
        let request = match list {
            AccountList::Own => pool.get(at("/v1/tasks", "page")),
            AccountList::Relay { token, user } => pool
                .get(at("/api/task/self", "p"))
                .header(AUTHORIZATION, token.expose_secret())
                .header("new-api-user", *user),
        };
        match request.send().await {
            Ok(response) => {
                let mut deadline = Deadline::new(POLL_TIMEOUT);
                let received = receive(response, &mut deadline, Keep::Most).await;
                judge_list(&received).map_err(|error| failed(error.to_string()))
            }
            Err(error) => Err(failed(cause(error))),
        }
    }
}
