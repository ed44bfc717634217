//! The free question: does the API take this key?

use crate::client::Client;
use crate::pair::TaskId;
use crate::wire::{Account, Poll};

/// What the API says to a question that costs nothing.
#[derive(Debug)]
pub(super) enum Presence {
    /// It is there and takes the key.
    There,
    /// It does not take the key.
    Refused(Account, String),
    /// It says nothing that could be understood.
    Silent,
}

/// Like an id, and nobody's.
const MADE_UP: &str = "task-unified-0000000000-nobodys0";

/// Asks for a task that cannot exist: whoever says so has looked at the key.
pub(super) async fn presence(client: &Client) -> Presence {
    let Ok(nobody) = TaskId::parse(MADE_UP) else { return Presence::Silent };
    match client.task(&nobody).await {
        Poll::NotFound | Poll::News(_) | Poll::Another { .. } => Presence::There,
        Poll::AccountStop { account, message } => Presence::Refused(account, message),
        Poll::TryAgain { .. } => Presence::Silent,
    }
}
