//! The private wiremock servers behind the gate.
//!
//! wiremock 0.6.5 keeps a clone of every request that a mock matched, also with recording
//! switched off (5.5 kB for a small one). Memory stays bounded because a server is left after some
//! thousand requests for a fresh one with the same engine, and ends when its last answer is out.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::gate::private::{Outgoing, Responder, parse_answer, passed_on};
use crate::http::request::Request;
use crate::state::journal::ExchangeId;
use crate::state::worlds::Worlds;

/// What a server may come to hold before it is left.
const MOST_KEPT_BYTES: usize = 12 << 20;
/// What wiremock keeps of a small request, as measured.
const KEPT_PER_REQUEST: usize = 6 << 10;
/// So many requests are asked at once, each on a connection of its own. wiremock answers one at a time
/// and at once, so more would only hold more files open.
const MOST_AT_ONCE: usize = 32;

/// The current private server.
pub(crate) struct Backends {
    worlds: Arc<Worlds>,
    current: tokio::sync::Mutex<Option<(Arc<Backend>, usize)>>,
    room: Semaphore,
}

/// One private server. It ends with its last holder.
struct Backend {
    server: MockServer,
    /// Connections that nobody uses just now.
    idle: Mutex<Vec<TcpStream>>,
}

impl Backends {
    pub(crate) fn new(worlds: Arc<Worlds>) -> Self {
        let room = Semaphore::new(MOST_AT_ONCE);
        Self { worlds, current: tokio::sync::Mutex::default(), room }
    }

    /// Passes a request on and waits for the answer.
    pub(crate) async fn ask(&self, request: &Request, id: ExchangeId) -> io::Result<Outgoing> {
        let _place = self.room.acquire().await.map_err(io::Error::other)?;
        // Held until the answer is here: the server must not end before.
        let backend = self.for_request(request.size()).await;
        let idle = backend.idle().pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => backend.connect().await?,
        };
        stream.write_all(&passed_on(request, id)).await?;
        let answer = read_answer(&mut stream, request.method == "HEAD").await?;
        backend.idle().push(stream);
        Ok(answer)
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
        let backend = Arc::new(Backend::start(Arc::clone(&self.worlds)).await);
        *current = Some((Arc::clone(&backend), cost));
        backend
    }
}

impl Backend {
    async fn start(worlds: Arc<Worlds>) -> Self {
        let server = MockServer::builder().disable_request_recording().start().await;
        Mock::given(any()).respond_with(Responder(worlds)).mount(&server).await;
        Self { server, idle: Mutex::default() }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.server.address()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

async fn read_answer(stream: &mut TcpStream, bodiless: bool) -> io::Result<Outgoing> {
    let mut buffer = Vec::new();
    let (mut answer, start, length) = loop {
        if let Some(parsed) = parse_answer(&buffer)? {
            break parsed;
        }
        fill(&mut buffer, stream).await?;
    };
    let end = start + if bodiless { 0 } else { length };
    while buffer.len() < end {
        fill(&mut buffer, stream).await?;
    }
    answer.body.extend_from_slice(&buffer[start..end]);
    Ok(answer)
}

async fn fill(buffer: &mut Vec<u8>, stream: &mut TcpStream) -> io::Result<()> {
    buffer.reserve(4 << 10);
    match stream.read_buf(buffer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
