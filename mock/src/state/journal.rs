//! The journal: the last requests as they came and the answers as they went.
//!
//! It is a ring, bounded in number and in bytes. Keys are replaced when it is read, in whatever
//! part of a request they are.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use crate::http::request::Request;
use crate::words::clock::Millis;
use crate::words::fault::Fault;

const MOST_BYTES: usize = 8 << 20;
/// What is kept of a request's body: of creates all, of uploads the beginning. The rest of one upload
/// would push all other requests out.
const MOST_ASKED_BYTES: usize = 64 << 10;
/// What is kept of an answer's body: polls, not videos.
const MOST_SAID_BYTES: usize = 16 << 10;
/// What stands in the place of a key.
pub(crate) const HIDDEN: &str = "***";
/// Their values are replaced even if they are no key of this scenario.
const SECRET_HEADERS: [&str; 4] = ["authorization", "proxy-authorization", "x-api-key", "cookie"];

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exchange {
    /// Counts the requests, from 1.
    pub number: u64,
    /// Counts the connections, from 1: tells which requests came on the same one.
    pub connection: u64,
    /// When the request had been read, in milliseconds of unix time by the fake's
    /// clock.
    pub unix_millis: u64,
    /// The method.
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    /// The headers in the order and case in which they came, secrets replaced by `***`.
    pub headers: Vec<(String, String)>,
    /// The body, as text; of one larger than 64 kB the beginning, and `…`.
    pub body: String,
    /// How it ended; `None` while it is under way.
    pub answer: Option<Answered>,
}

impl Exchange {
    /// The value of a header, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The status that went out; `None` if none did.
    pub status: Option<u16>,
    /// The misbehaviour that struck.
    pub fault: Option<Fault>,
    /// Whether the whole answer went out while the client was still there.
    pub delivered: bool,
    /// From the request read to the first byte of the answer.
    pub millis: u64,
}

/// What was said in answer, as far as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// The status line and the headers.
    head: Box<[u8]>,
    /// The body, if it is short.
    body: Option<Box<[u8]>>,
    /// How long the body is.
    pub(crate) size: usize,
}

impl Said {
    /// Remembers an answer; not the whole of a video.
    pub(crate) fn new(head: &[u8], body: &[u8]) -> Self {
        let short = body.len() <= MOST_SAID_BYTES;
        Self { head: head.into(), body: short.then(|| body.into()), size: body.len() }
    }

    /// Remembers an answer and the whole of its text.
    pub(crate) fn whole(head: &[u8], text: Option<&str>, size: usize) -> Self {
        Self { head: head.into(), body: text.map(|text| text.as_bytes().into()), size }
    }

    /// The headers as they go out.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = str::from_utf8(&self.head).unwrap_or_default().split("\r\n").skip(1);
        lines.filter_map(|line| line.split_once(": "))
    }

    /// The body, if it is kept and a text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.body.as_deref().and_then(|body| str::from_utf8(body).ok())
    }

    fn bytes(&self) -> usize {
        self.head.len() + self.body.as_ref().map_or(0, |body| body.len())
    }

    fn without(mut self, keys: &[&str]) -> Self {
        self.body = self.text().map(|text| hide(text, keys).into_bytes().into());
        self
    }
}

/// Names one exchange between the gate and the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ExchangeId(pub(crate) u64);

impl ExchangeId {
    /// An exchange that no journal holds.
    pub(crate) const UNRECORDED: Self = Self(0);

    /// What a relay calls the request.
    pub(crate) fn at_relays(self) -> String {
        format!("req{:013}", self.0)
    }
}

#[derive(Debug)]
pub(crate) struct Record {
    number: u64,
    connection: u64,
    unix_millis: Millis,
    request: Arc<Request>,
    answer: Option<Answered>,
    said: Said,
}

/// The ring.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: VecDeque<Record>,
    bytes: usize,
    last: u64,
}

impl Journal {
    pub(crate) fn begin(
        &mut self,
        (connection, unix_millis): (u64, Millis),
        request: Arc<Request>,
        most: usize,
    ) -> ExchangeId {
        self.last += 1;
        let (number, answer) = (self.last, None);
        let (said, request) = (Said::default(), bounded(request));
        self.bytes += request.size();
        let record = Record { number, connection, unix_millis, request, answer, said };
        self.records.push_back(record);
        while self.records.len() > most.max(1) || self.bytes > MOST_BYTES {
            let Some(old) = self.records.pop_front() else { break };
            self.bytes -= old.request.size() + old.said.bytes();
        }
        ExchangeId(number)
    }

    /// Notes the end of an exchange, if the ring still holds it.
    pub(crate) fn end(&mut self, id: ExchangeId, answer: Answered) -> Option<&Record> {
        let first = self.records.front()?.number;
        // Numbers rise by one, so the place in the ring follows from the number.
        let place = usize::try_from(id.0.checked_sub(first)?).ok()?;
        let record = self.records.get_mut(place)?;
        record.answer = Some(answer);
        Some(record)
    }

    /// Remembers what is said in answer, if the ring still holds the exchange.
    pub(crate) fn say(&mut self, id: ExchangeId, said: Said) {
        let first = self.records.front().map_or(0, |record| record.number);
        let place = id.0.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(record) = place.and_then(|place| self.records.get_mut(place)) {
            self.bytes = self.bytes + said.bytes() - record.said.bytes();
            record.said = said;
        }
    }

    /// Every exchange, with what was said in answer.
    pub(crate) fn told(&self, keys: &[&str]) -> Vec<(Exchange, Said)> {
        let records = self.records.iter();
        records.map(|record| (record.shown(keys), record.said.clone().without(keys))).collect()
    }

    /// Forgets everything; the numbers go on.
    pub(crate) fn reset(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    pub(crate) fn snapshot(&self, keys: &[&str]) -> Vec<Exchange> {
        self.records.iter().map(|record| record.shown(keys)).collect()
    }
}

/// A request without what is too much of its body.
fn bounded(request: Arc<Request>) -> Arc<Request> {
    // One byte more than is kept tells that something is missing.
    let Some(body) = request.body.get(..=MOST_ASKED_BYTES) else { return request };
    let Request { method, target, keep_alive, head, .. } = &*request;
    let (method, target, head) = (method.clone(), target.clone(), head.clone());
    Arc::new(Request { method, target, body: body.to_vec(), keep_alive: *keep_alive, head })
}

/// A body as text, without keys, and without a piece of one where it was cut.
fn text(body: &[u8], keys: &[&str]) -> String {
    let Some(kept) = body.get(..MOST_ASKED_BYTES).filter(|kept| kept.len() < body.len()) else {
        return hide(&String::from_utf8_lossy(body), keys);
    };
    let begins = |key: &&str| (1..key.len()).rev().find(|n| kept.ends_with(&key.as_bytes()[..*n]));
    let piece = keys.iter().filter_map(begins).max().unwrap_or(0);
    let kept = String::from_utf8_lossy(&kept[..kept.len() - piece]);
    format!("{}…", hide(&kept, keys))
}

impl Record {
    pub(crate) fn shown(&self, keys: &[&str]) -> Exchange {
        let request = &self.request;
        let headers = request.headers().map(|(name, value)| {
            let secret = SECRET_HEADERS.iter().any(|known| name.eq_ignore_ascii_case(known));
            let value = if secret { hide_value(value) } else { hide(value, keys) };
            (name.to_owned(), value)
        });
        Exchange {
            number: self.number,
            connection: self.connection,
            unix_millis: self.unix_millis.0,
            method: request.method.clone(),
            target: hide(&request.target, keys),
            headers: headers.collect(),
            body: text(&request.body, keys),
            answer: self.answer,
        }
    }
}

/// `Bearer secret` becomes `Bearer ***`: the scheme is no secret, and tests ask for it.
fn hide_value(value: &str) -> String {
    match value.split_once(' ') {
        Some((scheme, _)) => format!("{scheme} {HIDDEN}"),
        None => HIDDEN.to_owned(),
    }
}

fn hide(text: &str, keys: &[&str]) -> String {
    keys.iter().fold(text.to_owned(), |text, key| text.replace(key, HIDDEN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_large_body_the_beginning_is_kept_and_no_piece_of_a_key() {
        let key = "secret-key";
        let whole = |pad: usize| format!("{}{key}{}", "x".repeat(pad), "y".repeat(1 << 20));
        let shown = |body: &str| text(body.as_bytes(), &[key]);
        assert_eq!(shown("a secret-key b"), "a *** b");
        for cut in 1..key.len() {
            let shown = shown(&whole(MOST_ASKED_BYTES - cut));
            assert!(shown.ends_with("xx…"), "{cut}: {}", &shown[shown.len() - 20..]);
        }
        assert!(shown(&whole(MOST_ASKED_BYTES - key.len())).ends_with("x***…"));
        assert!(shown(&"z".repeat(MOST_ASKED_BYTES)).ends_with('z'), "all of it");
    }
}
