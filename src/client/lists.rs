//! Asks for the account's own list of tasks. Asking costs nothing.

use reqwest::RequestBuilder;
use reqwest::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};

use super::pools::POLL_TIMEOUT;
use super::receive::{Deadline, Keep, receive};
use super::{Client, cause, shown};
use crate::wire::{ListError, ListPage, Listed, Received, judge_list, judge_log};

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
        let pool = self.pools.polls().map_err(|error| self.unlisted(&error.to_string()))?;
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
        let received = self.answer_to(request).await?;
        judge_list(&received).map_err(|error| error.said(|text| shown(text, &self.key)))
    }

    /// What the log of this key says of its requests: those that it names with their tasks. A relay
    /// answers this twenty times in twenty minutes.
    ///
    /// # Errors
    /// When there is no such log, or it cannot be read now.
    pub async fn token_log(&self) -> Result<Vec<Listed>, ListError> {
        let pool = self.pools.polls().map_err(|error| self.unlisted(&error.to_string()))?;
        let received = self.answer_to(pool.get(self.endpoint.at("/api/log/token"))).await?;
        judge_log(&received).map_err(|error| error.said(|text| shown(text, &self.key)))
    }

    async fn answer_to(&self, request: RequestBuilder) -> Result<Received, ListError> {
        let response = request.send().await.map_err(|error| self.unlisted(&cause(error)))?;
        let mut deadline = Deadline::new(POLL_TIMEOUT);
        Ok(receive(response, &mut deadline, Keep::Most).await)
    }

    fn unlisted(&self, reason: &str) -> ListError {
        ListError::new(&shown(reason, &self.key))
    }
}
