//! The private wiremock servers behind the gate.
//!
//! wiremock 0.6.5 keeps a clone of every request that a mock matched, also with recording
//! switched off (5.5 kB for a small one). Memory stays bounded because a server is left after some
//! thousand requests for a fresh one with the same engine, and ends when its last answer is out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use super::line::{self, Line};
use super::read::Request;
use crate::answer::{DELAY_HEADER, EXCHANGE_HEADER, FAULT_HEADER};
use crate::engine::{Engine, Shared};
use crate::fault::Fault;
use crate::journal::ExchangeId;

/// What a server may come to hold before it is left.
const MOST_KEPT_BYTES: usize = 12 << 20;
/// What wiremock keeps of a small request, as measured.
const KEPT_PER_REQUEST: usize = 6 << 10;
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

/// The current private server.
pub(crate) struct Backends {
    shared: Arc<Shared>,
    current: Mutex<Option<(Arc<Backend>, usize)>>,
}

/// One private server. It ends with its last holder.
pub(crate) struct Backend {
    server: MockServer,
    line: Line,
}

impl Backends {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, current: Mutex::default() }
    }

    /// The server for one more request of this size.
    async fn for_request(&self, bytes: usize) -> io::Result<Arc<Backend>> {
        let mut current = self.current.lock().await;
        let cost = KEPT_PER_REQUEST + 2 * bytes;
        if let Some((backend, kept)) = &mut *current
            && *kept < MOST_KEPT_BYTES
        {
            *kept += cost;
            return Ok(Arc::clone(backend));
        }
        let backend = Arc::new(Backend::start(Arc::clone(&self.shared)).await?);
        *current = Some((Arc::clone(&backend), cost));
        Ok(backend)
    }

    /// Sends no further request to this server: its line has ended.
    async fn leave(&self, backend: &Arc<Backend>) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, backend)) {
            *current = None;
        }
    }
}

impl Backend {
    async fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let server = MockServer::builder().disable_request_recording().start().await;
        Mock::given(any()).respond_with(Engine(shared)).mount(&server).await;
        let line = Line::new(connect(&server).await?);
        Ok(Self { server, line })
    }
}

async fn connect(server: &MockServer) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
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

/// The way from one connection of the gate to the private servers: shared with others for small
/// requests, its own for the rest.
#[derive(Default)]
pub(crate) struct Passage {
    /// The address tells whether the stream still leads to the current server.
    stream: Option<(u16, TcpStream)>,
    buffer: Vec<u8>,
}

impl Passage {
    /// Passes a request on and waits for the answer.
    pub(crate) async fn ask(
        &mut self,
        backends: &Backends,
        request: &Request,
        id: ExchangeId,
    ) -> io::Result<Outgoing> {
        // Held until the answer is here: the server must not end before.
        let backend = backends.for_request(request.size()).await?;
        let (bytes, bodiless) = (passed_on(request, id), request.method == "HEAD");
        if line::is_plain(request) {
            let answer = backend.line.ask(bytes, bodiless).await;
            if answer.is_err() {
                backends.leave(&backend).await;
            }
            return answer;
        }
        let port = backend.server.address().port();
        let mut stream = match self.stream.take() {
            Some((old, stream)) if old == port => stream,
            _ => connect(&backend.server).await?,
        };
        stream.write_all(&bytes).await?;
        self.buffer.clear();
        let answer = self.read_answer(&mut stream, bodiless).await?;
        self.stream = Some((port, stream));
        Ok(answer)
    }

    async fn read_answer(
        &mut self,
        stream: &mut TcpStream,
        bodiless: bool,
    ) -> io::Result<Outgoing> {
        let (mut answer, start, length) = loop {
            if let Some(parsed) = parse_answer(&self.buffer)? {
                break parsed;
            }
            self.fill(stream).await?;
        };
        let length = if bodiless { 0 } else { length };
        while self.buffer.len() < start + length {
            self.fill(stream).await?;
        }
        answer.body.extend_from_slice(&self.buffer[start..start + length]);
        Ok(answer)
    }

    async fn fill(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        self.buffer.reserve(4 << 10);
        match stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

/// The request for the private server: what the engine reads of it, and the exchange's number.
fn passed_on(request: &Request, id: ExchangeId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(request.size() + 128);
    let length = request.body.len();
    let line = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    bytes.extend_from_slice(line.as_bytes());
    let known = |name: &str| PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known));
    for (name, value) in request.headers().filter(|(name, _)| known(name)) {
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
pub(super) fn parse_answer(buffer: &[u8]) -> io::Result<Option<(Outgoing, usize, usize)>> {
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
