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

use crate::gate::line::{self, Line};
use crate::gate::private::{Outgoing, Responder, parse_answer, passed_on};
use crate::http::request::Request;
use crate::state::journal::ExchangeId;
use crate::state::worlds::Worlds;

/// What a server may come to hold before it is left.
const MOST_KEPT_BYTES: usize = 12 << 20;
/// What wiremock keeps of a small request, as measured.
const KEPT_PER_REQUEST: usize = 6 << 10;
/// The current private server.
pub(crate) struct Backends {
    worlds: Arc<Worlds>,
    current: Mutex<Option<(Arc<Backend>, usize)>>,
}

/// One private server. It ends with its last holder.
pub(crate) struct Backend {
    server: MockServer,
    line: Line,
}

impl Backends {
    pub(crate) fn new(worlds: Arc<Worlds>) -> Self {
        Self { worlds, current: Mutex::default() }
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
        let backend = Arc::new(Backend::start(Arc::clone(&self.worlds)).await?);
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
    async fn start(worlds: Arc<Worlds>) -> io::Result<Self> {
        let server = MockServer::builder().disable_request_recording().start().await;
        Mock::given(any()).respond_with(Responder(worlds)).mount(&server).await;
        let line = Line::new(connect(&server).await?);
        Ok(Self { server, line })
    }
}

async fn connect(server: &MockServer) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server.address()).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
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
