//! A question that costs nothing: is the API there?

use serde_json::Value;

use super::pools::POLL_TIMEOUT;
use super::receive::{Deadline, Keep, receive};
use super::{Client, TASK_PATH, cause, shown};
use crate::pair::TaskId;
use crate::wire::{Account, Poll, Received, judge_poll};

/// No task has this id.
const NO_TASK: &str = "task-unified-0-is-anyone-there";
/// How much of what answers instead is quoted, in characters.
const QUOTED: usize = 80;

/// Whether the API is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It answered as only it does.
    There,
    /// It answered that the account may not ask.
    Refused(Account, String),
    /// It did not answer, or something else did: what, for people.
    Silent(String),
}

impl Client {
    /// Asks for a task that the API knows, or for one that nobody has: its word that there is none
    /// is as good.
    pub async fn is_there(&self, known: Option<&TaskId>) -> Presence {
        let silent = |reason: String| Presence::Silent(shown(&reason, &self.key));
        let pool = match self.pools.polls() {
            Ok(pool) => pool,
            Err(error) => return silent(error.to_string()),
        };
        let nobody = TaskId::parse(NO_TASK);
        let Some(task) = known.or(nobody.as_ref().ok()) else {
            return silent("there is nothing to ask for".to_owned());
        };
        let url = self.endpoint.at(&format!("{TASK_PATH}{task}"));
        match pool.get(url).send().await {
            Ok(response) => {
                let mut deadline = Deadline::new(POLL_TIMEOUT);
                let received = receive(response, &mut deadline, Keep::Start).await;
                presence(&received.without(&self.key), task)
            }
            Err(error) => silent(cause(error)),
        }
    }
}

fn presence(received: &Received, asked: &TaskId) -> Presence {
    let (refusal, status) = (refusal(received), received.status);
    match judge_poll(received, asked) {
        Poll::News(_) | Poll::Another { .. } => Presence::There,
        Poll::AccountStop { account, message } => Presence::Refused(account, message),
        Poll::NotFound | Poll::TryAgain { .. } => match (status, refusal) {
            (404 | 410, Some(_)) => Presence::There,
            (400, Some(words)) if words.contains("task_not_exist") => Presence::There,
            _ => Presence::Silent(format!("HTTP {status}{}", quoted(received))),
        },
    }
}

/// A refusal in the API's JSON: an object with an error, or with a code and a message.
fn refusal(received: &Received) -> Option<String> {
    let body = String::from_utf8_lossy(&received.body);
    let value: Value = serde_json::from_str(body.trim_start_matches('\u{feff}').trim()).ok()?;
    let own =
        value["error"].is_object() || value.get("code").is_some() && value.get("message").is_some();
    own.then(|| value.to_string())
}

fn quoted(received: &Received) -> String {
    let start = &received.body[..received.body.len().min(4 * QUOTED)];
    let text = String::from_utf8_lossy(start);
    let words: Vec<_> = text.split_whitespace().collect();
    let words: String = words.join(" ").chars().take(QUOTED).collect();
    if words.is_empty() { words } else { format!(": {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Presence {
        let asked = TaskId::parse("t").unwrap();
        presence(&Received { status, body: body.into(), ..Received::default() }, &asked)
    }

    #[test]
    fn only_what_the_api_says_itself_proves_that_it_is_there() {
        for (status, body) in [
            (200, r#"{"id":"t","status":"pending"}"#),
            (404, r#"{"error":{"message":"no such task","code":"task_not_found"}}"#),
            (404, r#"{"code":"not_found","message":"no"}"#),
            (400, r#"{"code":"task_not_exist","message":"task_not_exist","data":null}"#),
        ] {
            assert_eq!(of(status, body), Presence::There, "{status} {body}");
        }
        for (status, body) in [
            (404, "<html>not here</html>"),
            (404, r#"{"detail":"Not Found"}"#),
            (404, ""),
            (302, ""),
            (200, "<html>sign in</html>"),
            (400, r#"{"error":{"message":"bad"}}"#),
            (429, r#"{"error":{"message":"slow"}}"#),
            (503, r#"{"error":{"message":"down"}}"#),
        ] {
            assert!(matches!(of(status, body), Presence::Silent(_)), "{status} {body}");
        }
        let words = "HTTP 404: <html> not here".to_owned();
        assert_eq!(of(404, "\n<html>\n  not here"), Presence::Silent(words));
        assert!(matches!(of(401, "{}"), Presence::Refused(Account::Key, _)));
    }
}
