//! What changes, as server-sent events: the pairs that changed, and how far the batch is.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::Response;
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use tokio::time::timeout;

use super::desk::{Asking, Now};
use crate::ledger::Seen;
use crate::page;
use crate::serve::Body;
use crate::state::State;

/// How long nothing is sent: a browser that went away is noticed by that.
const SILENCE: Duration = Duration::from_secs(15);
/// How soon a browser comes back.
const FIRST: &str = "retry: 1000\n\n";

/// Somebody who listens.
struct Listener {
    asking: Asking,
    media: String,
    /// What was sent so far.
    seen: Seen,
    standing: Option<String>,
    is_first: bool,
    is_checked: bool,
    is_over: bool,
}

/// All that changes from now on, and what did since somebody saw so much.
pub(super) fn changes(asking: Asking, media: String, seen: Seen) -> Response<Body> {
    let (standing, is_first, is_checked, is_over) = (None, true, false, false);
    let listener = Listener { asking, media, seen, standing, is_first, is_checked, is_over };
    let events = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(Frame::data(Bytes::from(event))), listener))
    });
    let body = StreamBody::new(events).map_err(|never| -> io::Error { match never {} });
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
}

impl Listener {
    async fn next(&mut self) -> Option<String> {
        if std::mem::take(&mut self.is_first) {
            return Some(FIRST.to_owned());
        }
        loop {
            let now = self.asking.now.borrow_and_update().clone();
            if self.is_over {
                return None;
            }
            if now.moved {
                return Some(self.moved());
            }
            // A page that was made just now may have seen more than is told yet.
            if !now.seen.is_within(self.seen) || !std::mem::replace(&mut self.is_checked, true) {
                match self.rows().await? {
                    Some(rows) => return Some(rows),
                    None => continue,
                }
            }
            let standing = standing(&now);
            if self.standing.as_ref() != Some(&standing) {
                self.standing = Some(standing.clone());
                return Some(event("standing", None, &standing));
            }
            match timeout(SILENCE, self.asking.now.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some(": nothing new\n\n".to_owned()),
            }
        }
    }

    /// What changed, if anything did. Ends once that cannot be read: then the browser comes back and asks
    /// again.
    async fn rows(&mut self) -> Option<Option<String>> {
        let (cards, seen) = self.asking.since(self.seen).await.ok()?;
        // What was sent is no part of this ledger: it was replaced, or put back.
        if !self.seen.is_within(seen) {
            return Some(Some(self.moved()));
        }
        let is_news = std::mem::replace(&mut self.seen, seen) != seen;
        Some(is_news.then(|| event("rows", Some(seen), &page::rows(&cards, &self.media))))
    }

    fn moved(&mut self) -> String {
        self.is_over = true;
        "event: moved\ndata: {}\n\n".to_owned()
    }
}

fn standing(now: &Now) -> String {
    let asked: u64 = now.counts.iter().map(|(_, count)| count).sum();
    let made = now.counts.iter().find(|(state, _)| *state == State::Saved);
    let made = made.map_or(0, |(_, count)| *count);
    let states: Vec<_> = now.counts.iter().map(|(state, count)| (state.name(), count)).collect();
    json!({
        "asked": asked,
        "made": made,
        "lacking": asked.saturating_sub(made),
        "states": states,
        "activity": now.activity,
    })
    .to_string()
}

/// JSON has no line ends in it, which would end an event.
fn event(name: &str, seen: Option<Seen>, json: &str) -> String {
    let id = seen.map(|seen| format!("id: {seen}\n")).unwrap_or_default();
    format!("{id}event: {name}\ndata: {json}\n\n")
}
