//! What the gate and the engine say to each other by way of wiremock: private headers, which no
//! client can speak and none gets to see.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::StatusCode;
use url::Position;
use wiremock::{Respond, ResponseTemplate};

use crate::engine;
use crate::http::answer::Answer;
use crate::http::reply::Reply;
use crate::http::request::{Request, Seen};
use crate::state::journal::ExchangeId;
use crate::state::worlds::Worlds;
use crate::words::clock;
use crate::words::fault::Fault;

/// By this both speak of the same exchange.
const EXCHANGE_HEADER: &str = "x-callsheet-exchange";
/// By this the engine asks for a fault on the wire.
const FAULT_HEADER: &str = "x-callsheet-fault";
/// By this the engine asks to hold an answer back, in milliseconds.
const DELAY_HEADER: &str = "x-callsheet-delay";
/// Room for the head of most answers.
const USUAL_HEAD_BYTES: usize = 160;
/// The headers that the engine reads. Nothing else is passed on: wiremock copies all it gets.
const PASSED_ON: [&str; 8] = [
    "host",
    "authorization",
    "content-type",
    "idempotency-key",
    "new-api-user",
    "range",
    "if-range",
    "if-none-match",
];

/// The one responder of every private server. wiremock calls it for one request at a time.
pub(crate) struct Responder(pub(crate) Arc<Worlds>);

impl Respond for Responder {
    fn respond(&self, request: &wiremock::Request) -> ResponseTemplate {
        let seen = seen(request);
        let exchange = seen.header(EXCHANGE_HEADER).unwrap_or_default();
        let id = ExchangeId(exchange.parse().unwrap_or_default());
        template(reply(&self.0, &seen, id), exchange)
    }
}

/// What the engine says. A panic of its own is an answer too: wiremock asks under a lock, and would
/// refuse everybody from then on; and a client would wait for ever.
pub(super) fn reply(worlds: &Worlds, seen: &Seen<'_>, id: ExchangeId) -> Reply {
    let answered = AssertUnwindSafe(|| engine::answer(worlds, seen, id));
    catch_unwind(answered).unwrap_or_else(|_| failed().into())
}

/// 500: the fake itself failed.
pub(crate) fn failed() -> Answer {
    let what = "the fake itself failed; please report it";
    Answer::error(500, "server_error", "internal_error", what)
}

fn seen(request: &wiremock::Request) -> Seen<'_> {
    let headers = request.headers.iter();
    let headers = headers.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    Seen {
        method: request.method.as_str(),
        target: &request.url[Position::BeforePath..Position::AfterQuery],
        path: request.url.path(),
        query: request.url.query().unwrap_or_default(),
        headers: headers.collect(),
        body: &request.body,
    }
}

fn template(reply: Reply, exchange: &str) -> ResponseTemplate {
    let Reply { answer, fault, delay } = reply;
    let mut template =
        ResponseTemplate::new(answer.status).insert_header(EXCHANGE_HEADER, exchange);
    for (name, value) in answer.headers {
        template = template.insert_header(name, value);
    }
    if let Some(fault) = fault {
        template = template.insert_header(FAULT_HEADER, fault.name());
    }
    if !delay.is_zero() {
        template = template.insert_header(DELAY_HEADER, delay.as_millis().to_string());
    }
    template.set_body_raw(answer.body, answer.mime)
}

/// An answer of the engine as bytes, its private headers taken out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) fault: Option<Fault>,
    /// How long the answer is to be held back.
    pub(crate) delay: Duration,
    /// The status line and the headers, without the empty line.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

impl Outgoing {
    /// An answer that has not been through wiremock, in the form in which that sends them.
    pub(crate) fn of(answer: Answer, fault: Option<Fault>) -> Self {
        Self::of_reply(Reply { answer, fault, delay: Duration::ZERO })
    }

    /// The same with what is to happen to it on its way.
    pub(super) fn of_reply(reply: Reply) -> Self {
        let Reply { answer, fault, delay } = reply;
        let (status, head) = (answer.status, head(&answer, answer.body.len()).into_bytes());
        Self { status, fault, delay, head, body: answer.body }
    }
}

/// The head of an answer with a body of this length, as hyper writes it, without the empty line.
pub(super) fn head(answer: &Answer, length: usize) -> String {
    let Answer { status, headers, mime, .. } = answer;
    let known = StatusCode::from_u16(*status).ok();
    // The words that hyper has for a status without a name.
    let reason = known.and_then(|status| status.canonical_reason()).unwrap_or("<none>");
    let mut head = String::with_capacity(USUAL_HEAD_BYTES);
    // Writing into a `String` cannot fail.
    let _ = write!(head, "HTTP/1.1 {status} {reason}\r\n");
    let mime = (!mime.is_empty()).then_some(("content-type", *mime));
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str())).chain(mime);
    for part in headers.flat_map(|(name, value)| [name, ": ", value, "\r\n"]) {
        head.push_str(part);
    }
    if !matches!(status, 204 | 304) {
        let _ = write!(head, "content-length: {length}\r\n");
    }
    write_date(&mut head);
    head
}

/// The date of an answer. It is put into words once a second: that costs as much as all the rest of
/// a head.
fn write_date(head: &mut String) {
    thread_local! {
        static WRITTEN: RefCell<(u64, String)> = RefCell::default();
    }
    let today = clock::today();
    let second = today.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    WRITTEN.with_borrow_mut(|(written, line)| {
        if *written != second {
            *written = second;
            *line = format!("date: {}\r\n", httpdate::fmt_http_date(today));
        }
        head.push_str(line);
    });
}

/// The headers that the engine reads, their names in small letters. Values are text only if they are
/// ASCII, as wiremock has it.
pub(super) fn heard(request: &Request) -> impl Iterator<Item = (&'static str, &str)> {
    let ascii = |value: &str| value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    let texts = request.headers().filter(move |(_, value)| ascii(value));
    texts.filter_map(|(name, value)| {
        let known = PASSED_ON.iter().find(|known| name.eq_ignore_ascii_case(known));
        known.map(|known| (*known, value))
    })
}

/// The request for the private server: what the engine reads of it, and the exchange's number.
pub(crate) fn passed_on(request: &Request, id: ExchangeId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(request.size() + 128);
    let length = request.body.len();
    let line = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    bytes.extend_from_slice(line.as_bytes());
    for (name, value) in heard(request) {
        for part in [name, ": ", value, "\r\n"] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    let end = format!("content-length: {length}\r\n{EXCHANGE_HEADER}: {}\r\n\r\n", id.0);
    bytes.extend_from_slice(end.as_bytes());
    bytes.extend_from_slice(&request.body);
    bytes
}

/// The answer without its body, where that starts and how long it is, if the head is whole.
pub(crate) fn parse_answer(buffer: &[u8]) -> io::Result<Option<(Outgoing, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut headers);
    let bad = |error: httparse::Error| io::Error::new(io::ErrorKind::InvalidData, error);
    let start = match parsed.parse(buffer).map_err(bad)? {
        httparse::Status::Complete(start) => start,
        httparse::Status::Partial => return Ok(None),
    };
    let status = parsed.code.unwrap_or_default();
    let reason = parsed.reason.unwrap_or_default();
    let mut head = format!("HTTP/1.1 {status} {reason}\r\n").into_bytes();
    let (mut fault, mut delay, mut length, mut ours) = (None, Duration::ZERO, 0, false);
    for header in parsed.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default();
        match header.name {
            EXCHANGE_HEADER => ours = true,
            DELAY_HEADER => delay = Duration::from_millis(value.parse().unwrap_or(0)),
            FAULT_HEADER => fault = Fault::from_name(value),
            name => {
                if name == "content-length" {
                    length = value.parse().unwrap_or(0);
                }
                for part in [name, ": ", value, "\r\n"] {
                    head.extend_from_slice(part.as_bytes());
                }
            }
        }
    }
    if !ours {
        // wiremock's HTTP library did not take the request, so the engine never saw it.
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let body = Vec::with_capacity(length);
    Ok(Some((Outgoing { status, fault, delay, head, body }, start, length)))
}
