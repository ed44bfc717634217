//! One connection to a private server that many exchanges share.
//!
//! A hop of its own for every request would cost the fake half of its speed. Requests go out in
//! batches, answers come back in the same order (HTTP/1.1 pipelining). Only small and plain
//! requests travel so: one that the server might refuse to read would end the line for all.

use std::collections::VecDeque;
use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::gate::private::{Outgoing, parse_answer};
use crate::http::request::Request;

const MOST_BYTES: usize = 16 << 10;
const MOST_HEADERS: usize = 64;
const BATCH: usize = 64;
const ROOM: usize = 64 << 10;

/// A place to hand requests in.
#[derive(Clone, Debug)]
pub(super) struct Line(mpsc::UnboundedSender<Ask>);

#[derive(Debug)]
struct Ask {
    bytes: Vec<u8>,
    bodiless: bool,
    answer: oneshot::Sender<Outgoing>,
}

/// Whether a request may travel with others.
pub(super) fn is_plain(request: &Request) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~?=&:,".contains(&byte);
    request.target.starts_with("/v1/")
        && request.target.bytes().all(plain)
        && matches!(request.method.as_str(), "GET" | "POST")
        && request.size() <= MOST_BYTES
        && request.headers().count() <= MOST_HEADERS
}

impl Line {
    /// Takes the connection over. It ends with the last place to hand requests in.
    pub(super) fn new(stream: TcpStream) -> Self {
        let (sender, asks) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            // Whoever still waits for an answer is told by the end of its channel.
            let _ = run(stream, asks).await;
        });
        Self(sender)
    }

    pub(super) async fn ask(&self, bytes: Vec<u8>, bodiless: bool) -> io::Result<Outgoing> {
        let (answer, answered) = oneshot::channel();
        let ended = || io::Error::from(io::ErrorKind::ConnectionAborted);
        self.0.send(Ask { bytes, bodiless, answer }).map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }
}

async fn run(stream: TcpStream, mut asks: mpsc::UnboundedReceiver<Ask>) -> io::Result<()> {
    let (mut reader, mut writer) = stream.into_split();
    let (mut outgoing, mut sent) = (Vec::new(), 0);
    let (mut batch, mut incoming) = (Vec::with_capacity(BATCH), Vec::new());
    let mut waiting = VecDeque::new();
    loop {
        // Room for many answers, or each would be read by a system call of its own.
        incoming.reserve(ROOM);
        // Reading never waits for writing: either side may be full.
        tokio::select! {
            read = reader.read_buf(&mut incoming) => {
                if read? == 0 {
                    return Ok(());
                }
                hand_out(&mut incoming, &mut waiting)?;
            }
            written = writer.write(&outgoing[sent..]), if sent < outgoing.len() => {
                sent += written?;
            }
            taken = asks.recv_many(&mut batch, BATCH), if sent == outgoing.len() => {
                if taken == 0 {
                    return Ok(());
                }
                outgoing.clear();
                sent = 0;
                for ask in batch.drain(..) {
                    outgoing.extend_from_slice(&ask.bytes);
                    waiting.push_back((ask.bodiless, ask.answer));
                }
            }
        }
    }
}

/// Hands out the answers that are whole.
fn hand_out(
    incoming: &mut Vec<u8>,
    waiting: &mut VecDeque<(bool, oneshot::Sender<Outgoing>)>,
) -> io::Result<()> {
    let mut used = 0;
    while let Some((mut answer, start, length)) = parse_answer(&incoming[used..])? {
        let bodiless = waiting.front().is_some_and(|(bodiless, _)| *bodiless);
        let end = used + start + if bodiless { 0 } else { length };
        if end > incoming.len() {
            break;
        }
        answer.body.extend_from_slice(&incoming[used + start..end]);
        used = end;
        if let Some((_, waits)) = waiting.pop_front() {
            // Whoever has gone needs no answer.
            let _ = waits.send(answer);
        }
    }
    incoming.drain(..used);
    Ok(())
}
