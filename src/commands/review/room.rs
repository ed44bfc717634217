//! What there is to be asked for, and for nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use url::form_urlencoded;

use super::desk::{Asking, Desk};
use super::media::{Kind, Media};
use super::stream;
use crate::commands::batch::Site;
use crate::commands::failure::Failure;
use crate::commands::overview;
use crate::ledger::{Decision, Opinion, Seen};
use crate::page::{self, Live};
use crate::serve::{Body, Door, Pass, Room, Turned, answer_all, whole, words};
use crate::ui::Tongue;

/// Browsers end what takes longer and come back, also to listen.
const ROOM: Room = Room { connections: 64, lasts: Duration::from_secs(600) };
/// Pages that are made at once: one of a large batch takes a second, and memory.
const PAGES: usize = 2;
/// As long as all that somebody says at once may be, in bytes, and how long it may take.
const SAID: usize = 16 << 20;
const SAID_WITHIN: Duration = Duration::from_secs(30);
const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
/// Sent with the cookie. A redirect would come without it where a link in another page was followed.
const ARRIVED: &str = "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" \
    content=\"0;url=/\"><title>callsheet</title><a href=\"/\">callsheet review</a>\n";
const SAME_ORIGIN: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENED_BY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// All that is served of a batch.
#[derive(Debug)]
pub(super) struct Rooms {
    site: Site,
    tongue: Tongue,
    asking: Asking,
    media: Media,
    policy: HeaderValue,
    pages: Arc<Semaphore>,
}

/// What a page says of pairs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    said: Vec<Word>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    id: String,
    task: Option<String>,
    /// Nothing at all takes no decision back; an empty text does.
    decision: Option<String>,
    prompt: Option<String>,
    note: Option<String>,
}

impl Word {
    /// Nothing if it names no decision that there is.
    fn opinion(self) -> Option<Opinion> {
        let decision = match self.decision.as_deref() {
            None => None,
            Some("") => Some(None),
            Some(name) => Some(Some(Decision::from_name(name)?)),
        };
        let Self { id, task: task_id, prompt, note, .. } = self;
        Some(Opinion { id, task_id, decision, prompt, note })
    }
}

impl Rooms {
    pub(super) fn new(tongue: Tongue, site: &Site, desk: &Desk, media: Media) -> Self {
        let policy = page::policy_of(media.server());
        // Digests and an origin: there is nothing else in it.
        let policy = HeaderValue::from_str(&policy)
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"));
        let (site, asking) = (site.clone(), desk.asking.clone());
        Self { site, tongue, asking, media, policy, pages: Arc::new(Semaphore::new(PAGES)) }
    }

    /// Never ends.
    pub(super) async fn serve(&self, listener: &TcpListener, door: &Door) {
        answer_all(listener, ROOM, |request| self.answer(door, request)).await;
    }

    async fn answer(&self, door: &Door, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let response = match door.judge(&parts.method, &parts.uri, &parts.headers) {
            Err(turned) => turned_away(turned),
            Ok(Pass::Arrives) => {
                let mut response = whole(StatusCode::OK, HTML, ARRIVED);
                if let Ok(cookie) = HeaderValue::from_str(&door.cookie()) {
                    response.headers_mut().insert(SET_COOKIE, cookie);
                }
                response
            }
            Ok(Pass::In) => {
                let (path, query) = (parts.uri.path(), parts.uri.query());
                self.room((&parts.method, &parts.headers), (path, query), body).await
            }
        };
        self.guarded(response)
    }

    async fn room(
        &self,
        (method, headers): (&Method, &HeaderMap),
        (path, query): (&str, Option<&str>),
        body: Incoming,
    ) -> Response<Body> {
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match path {
            "/" if is_read => self.page().await,
            "/changes" if *method == Method::GET => self.changes(headers, query),
            "/decide" if *method == Method::POST => self.decide(body).await,
            "/favicon.ico" if is_read => words(StatusCode::NO_CONTENT, ""),
            _ if is_read => match named(path) {
                Some((kind, id)) => self.medium((method, headers), kind, id).await,
                None => nothing(),
            },
            _ => nothing(),
        }
    }

    async fn page(&self) -> Response<Body> {
        let made = async {
            let _one_of_few = self.pages.acquire().await.ok()?;
            let view = self.asking.view().await.ok()?;
            let (site, who) = (self.site.clone(), self.asking.who.clone());
            let (tongue, bucket) = (self.tongue, self.media.server().map(str::to_owned));
            let make = move || {
                // Before the rows: what changes meanwhile is sent once more.
                let live = Live { who: &who, seen: view.seen()?, bucket: bucket.as_deref() };
                overview::served(tongue, &site, &view, &live)
            };
            let made: Result<Vec<u8>, Failure> = tokio::task::spawn_blocking(make).await.ok()?;
            made.ok()
        };
        match made.await {
            Some(page) => whole(StatusCode::OK, HTML, page),
            None => words(StatusCode::SERVICE_UNAVAILABLE, "the ledger cannot be read now\n"),
        }
    }

    /// From where a browser that comes back says it was; or else from where its page is.
    fn changes(&self, headers: &HeaderMap, query: Option<&str>) -> Response<Body> {
        let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let after = query.and_then(|query| query.strip_prefix("after="));
        match last.and_then(Seen::parse).or_else(|| after.and_then(Seen::parse)) {
            Some(seen) => stream::changes(self.asking.clone(), overview::media(&self.site), seen),
            None => words(StatusCode::BAD_REQUEST, "after what?\n"),
        }
    }

    async fn decide(&self, body: Incoming) -> Response<Body> {
        let read = timeout(SAID_WITHIN, Limited::new(body, SAID).collect()).await;
        let Ok(Ok(body)) = read else {
            return told(StatusCode::PAYLOAD_TOO_LARGE, "it is too long, or takes too long");
        };
        let Some(said) = opinions(&body.to_bytes()) else {
            return told(StatusCode::BAD_REQUEST, "nobody understands this");
        };
        match self.asking.decide(said).await {
            Ok(answers) => {
                let refused: Vec<_> =
                    answers.iter().map(|answer| answer.err().map(|why| why.to_string())).collect();
                whole(StatusCode::OK, JSON, json!({ "refused": refused }).to_string())
            }
            Err(error) => told(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
        }
    }

    async fn medium(
        &self,
        (method, headers): (&Method, &HeaderMap),
        kind: Kind,
        id: String,
    ) -> Response<Body> {
        match self.asking.card(id).await {
            Ok(Some(card)) => self.media.answer((method, headers), kind, &card.row).await,
            _ => nothing(),
        }
    }

    /// What every answer says.
    fn guarded(&self, mut response: Response<Body>) -> Response<Body> {
        let headers = response.headers_mut();
        let keep = if headers.contains_key("etag") { "private, no-cache" } else { "no-store" };
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
        headers.insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (SAME_ORIGIN, "same-origin"),
            (OPENED_BY, "same-origin"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn opinions(body: &Bytes) -> Option<Vec<Opinion>> {
    let words: Words = serde_json::from_slice(body).ok()?;
    words.said.into_iter().map(Word::opinion).collect()
}

/// `/video/ID`: a name is looked up in the ledger, and never a path.
fn named(path: &str) -> Option<(Kind, String)> {
    let (kind, id) = path.strip_prefix('/')?.split_once('/')?;
    let (id, _) = form_urlencoded::parse(id.as_bytes()).next()?;
    Some((Kind::from_name(kind)?, id.into_owned()))
}

fn turned_away(turned: Turned) -> Response<Body> {
    let mut response =
        whole(StatusCode::FORBIDDEN, "text/plain; charset=utf-8", format!("{turned}\n"));
    response.headers_mut().insert("connection", HeaderValue::from_static("close"));
    response
}

fn nothing() -> Response<Body> {
    words(StatusCode::NOT_FOUND, "there is no such thing in this batch\n")
}

/// To a script.
fn told(status: StatusCode, error: &str) -> Response<Body> {
    whole(status, JSON, json!({ "error": error }).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_kinds_and_ids_are_asked_for() {
        let asks = |path| named(path).map(|(kind, id)| (kind.name(), id));
        assert_eq!(asks("/video/anna-1.b"), Some(("video", "anna-1.b".to_owned())));
        assert_eq!(asks("/face/%E4%BD%A0"), Some(("face", "你".to_owned())));
        // Such an id is in no ledger.
        assert_eq!(asks("/voice/..%2f..%2fetc"), Some(("voice", "../../etc".to_owned())));
        for path in ["/video", "/video/", "/etc/passwd", "video/a", "/", "//a", "/Video/a"] {
            assert_eq!(asks(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_said_is_understood_whole_or_not_at_all() {
        let read = |text: &'static str| opinions(&Bytes::from_static(text.as_bytes()));
        let one = read(r#"{"said":[{"id":"a","task":null,"decision":"","note":"x"}]}"#).unwrap();
        assert_eq!((one[0].decision, one[0].note.as_deref()), (Some(None), Some("x")));
        let silent = read(r#"{"said":[{"id":"a","task":"t"}]}"#).unwrap();
        assert_eq!(silent[0].decision, None);
        for text in [
            "",
            "[]",
            r#"{"said":{}}"#,
            r#"{"said":[{"id":"a","decision":"deleted"}]}"#,
            r#"{"said":[{"id":"a","who":"boss"}]}"#,
            r#"{"said":[{"task":"t"}]}"#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
