//! A small HTTP server for people on this machine: few connections, each with its time, and files in
//! ranges. Whoever uses it decides what there is to be asked for.

mod door;
mod file;
mod range;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

pub use self::door::{Door, Listens, Pass, Turned};
pub use self::file::file;
pub use self::range::{Asked, asked};

/// What is answered with.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Whoever asks has to say what within this time.
const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// As long as a question may be, in bytes.
const HEAD: usize = 32 << 10;

/// What a server has for its connections.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// So many at once; more wait.
    pub connections: usize,
    /// How long one may last, with all that is asked on it.
    pub lasts: Duration,
}

/// Answers whoever connects. Never ends.
pub async fn answer_all<F, Fut>(listener: &TcpListener, room: Room, answer: F)
where
    F: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < room.connections => match accepted {
                Ok((connection, _)) => connections.push(answer_one(connection, room.lasts, &answer)),
                // Too many open files, most likely.
                Err(_) => sleep(HEAD_WITHIN).await,
            },
            Some(()) = connections.next() => {}
        }
    }
}

async fn answer_one<F, Fut>(connection: TcpStream, lasts: Duration, answer: &F)
where
    F: Fn(Request<Incoming>) -> Fut,
    Fut: Future<Output = Response<Body>>,
{
    let service = service_fn(|request| {
        let answer = answer(request);
        async { Ok::<_, Infallible>(answer.await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(connection), service);
    // Nobody is disturbed by who asks.
    let _ = timeout(lasts, served).await;
}

/// An answer of so many bytes.
#[must_use]
pub fn whole(
    status: StatusCode,
    media_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = Response::new(full(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A few words.
#[must_use]
pub fn words(status: StatusCode, text: &'static str) -> Response<Body> {
    whole(status, "text/plain; charset=utf-8", text)
}

fn full(body: impl Into<Bytes>) -> Body {
    Full::new(body.into()).map_err(|never| match never {}).boxed_unsync()
}
