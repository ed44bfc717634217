//! The private wiremock servers behind the gate.
//!
//! wiremock 0.6.5 keeps a clone of every request that a mock matched, also with recording
//! switched off (5.5 kB for a small one). Memory stays bounded because a server is left after some
//! thousand requests for a fresh one with the same engine, and ends when its last answer is out.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use super::read::Request;
use crate::answer::{EXCHANGE_HEADER, FAULT_HEADER, PRIVATE_HEADERS};
use crate::engine::{Engine, Shared};
use crate::fault::Fault;
use crate::journal::ExchangeId;

/// What a server may come to hold before it is left.
const MOST_KEPT_BYTES: usize = 12 << 20;
/// What wiremock keeps of a small request, as measured.
const KEPT_PER_REQUEST: usize = 6 << 10;
/// Headers that belong to one connection, or that are written anew.
const NOT_PASSED_ON: [&str; 7] =
    ["connection", "keep-alive", "transfer-encoding", "content-length", "expect", "te", "upgrade"];

/// The current private server.
pub(crate) struct Backends {
    shared: Arc<Shared>,
    current: Mutex<Option<(Arc<Backend>, usize)>>,
}

/// One private server. It ends with its last holder.
pub(crate) struct Backend(MockServer);

impl Backends {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, current: Mutex::default() }
    }

    /// The server for one more request of this size.
    async fn for_request(&self, bytes: usize) -> Arc<Backend> {
        let mut current = self.current.lock().await;
        let cost = KEPT_PER_REQUEST + 2 * bytes;
        if let Some((backend, kept)) = &mut *current
            && *kept < MOST_KEPT_BYTES
        {
            *kept += cost;
            return Arc::clone(backend);
        }
        let backend = Arc::new(Backend::start(Arc::clone(&self.shared)).await);
        *current = Some((Arc::clone(&backend), cost));
        backend
    }
}

impl Backend {
    async fn start(shared: Arc<Shared>) -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        Mock::given(any()).respond_with(Engine(shared)).mount(&server).await;
        Self(server)
    }
}

/// An answer of the engine as bytes, its private headers taken out.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) status: u16,
    pub(crate) fault: Option<Fault>,
    /// The status line and the headers, without the empty line.
    pub(crate) head: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

/// The way from one connection of the gate to the private servers.
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
        let backend = backends.for_request(request.size()).await;
        let port = backend.0.address().port();
        let mut stream = match self.stream.take() {
            Some((old, stream)) if old == port => stream,
            _ => {
                let stream = TcpStream::connect(backend.0.address()).await?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(&passed_on(request, id)).await?;
        self.buffer.clear();
        let answer = self.read_answer(&mut stream, request.method == "HEAD").await?;
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

/// The request for the private server: the same, with the exchange's number.
fn passed_on(request: &Request, id: ExchangeId) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(request.size() + 128);
    let length = request.body.len();
    let line = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    bytes.extend_from_slice(line.as_bytes());
    for (name, value) in request.headers() {
        let private = name.get(..PRIVATE_HEADERS.len());
        let private = private.is_some_and(|start| start.eq_ignore_ascii_case(PRIVATE_HEADERS));
        if private || NOT_PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            continue;
        }
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
fn parse_answer(buffer: &[u8]) -> io::Result<Option<(Outgoing, usize, usize)>> {
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
    let (mut fault, mut length, mut ours) = (None, 0, false);
    for header in parsed.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default();
        match header.name {
            EXCHANGE_HEADER => ours = true,
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
    Ok(Some((Outgoing { status, fault, head, body }, start, length)))
}
