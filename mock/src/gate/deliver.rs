//! Sends answers, or does to them what a network does.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::gate::orders::{Order, ordered};
use crate::gate::private::Outgoing;
use crate::http::request::Request;
use crate::words::fault::{Fault, Wire};

const HUGE_BYTES: usize = 64 << 20;
const BLOCK: usize = 64 << 10;
const DRIPS: usize = 20;
const DRIP_PAUSE: Duration = Duration::from_millis(50);
/// How long a client that stops reading is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
const GARBAGE: &[u8] =
    b"\x16\x03\x01\x00\x00 SSH-2.0 \x00\xff\xfe not the protocol you know\r\n\r\n";

/// What goes out, if the client stays to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The status line, if one does.
    pub(crate) status: Option<u16>,
    /// Whether the whole answer does.
    pub(crate) whole: bool,
    /// Whether the connection can carry another exchange.
    pub(crate) usable: bool,
}

/// What will go out of this answer.
pub(crate) fn expected(request: &Request, outgoing: &Outgoing) -> Sent {
    let status = Some(outgoing.status);
    match outgoing.fault.and_then(Fault::wire) {
        None => Sent { status, whole: true, usable: request.keep_alive },
        Some(Wire::Drip | Wire::Huge) => Sent { status, whole: true, usable: false },
        Some(Wire::Twice) => Sent { status, whole: true, usable: request.keep_alive },
        Some(Wire::Reset | Wire::Close | Wire::Hang | Wire::Garbage | Wire::CutHead) => {
            Sent { status: None, whole: false, usable: false }
        }
        Some(Wire::Truncate | Wire::ResetInAnswer | Wire::Stall) => {
            Sent { status, whole: false, usable: false }
        }
    }
}

/// Sends an answer the way its fault has it. Returns whether all that was meant to go out did.
pub(crate) async fn answer(
    stream: &mut TcpStream,
    request: &Request,
    outgoing: &Outgoing,
    orders: &mut watch::Receiver<Order>,
) -> bool {
    let sent = match outgoing.fault.and_then(Fault::wire) {
        None => send(stream, &bytes(outgoing, request.keep_alive)).await,
        Some(Wire::Twice) => send(stream, &bytes(outgoing, request.keep_alive).repeat(2)).await,
        // Silence lasts as long as the client does.
        Some(Wire::Hang) => {
            Box::pin(silence(stream, orders)).await;
            Ok(())
        }
        Some(wire) => Box::pin(patiently(misbehave(stream, outgoing, wire, orders))).await,
    };
    sent.is_ok()
}

/// Sends an answer after which the connection ends, and lets the client read it.
pub(crate) async fn last(stream: &mut TcpStream, outgoing: Outgoing) {
    let _ = patiently(async {
        stream.write_all(&bytes(&outgoing, false)).await?;
        stream.shutdown().await
    })
    .await;
    // Unread bytes at the end of a connection turn into a reset, which can overtake the answer.
    let drain = async {
        let mut block = [0; 4096];
        while matches!(stream.read(&mut block).await, Ok(1..)) {}
    };
    let _ = timeout(Duration::from_secs(1), drain).await;
}

/// Sends bytes, most of the time at once: a time limit that is set for each answer wakes the
/// runtime's driver each time, which costs as much as the sending.
pub(super) async fn send(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    match stream.try_write(bytes) {
        Ok(sent) if sent == bytes.len() => Ok(()),
        Ok(sent) => patiently(stream.write_all(&bytes[sent..])).await,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            patiently(stream.write_all(bytes)).await
        }
        Err(error) => Err(error),
    }
}

async fn patiently<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn bytes(outgoing: &Outgoing, keep_alive: bool) -> Vec<u8> {
    let end: &[u8] = if keep_alive { b"\r\n" } else { b"connection: close\r\n\r\n" };
    [&outgoing.head, end, &outgoing.body].concat()
}

async fn misbehave(
    stream: &mut TcpStream,
    outgoing: &Outgoing,
    wire: Wire,
    orders: &mut watch::Receiver<Order>,
) -> io::Result<()> {
    let all = bytes(outgoing, false);
    let half = &all[..all.len() - outgoing.body.len().div_ceil(2)];
    match wire {
        Wire::Close | Wire::Hang | Wire::Twice => {}
        Wire::CutHead => stream.write_all(&outgoing.head[..outgoing.head.len() / 2]).await?,
        Wire::Reset => reset(stream)?,
        Wire::Garbage => stream.write_all(GARBAGE).await?,
        Wire::Truncate => stream.write_all(half).await?,
        Wire::ResetInAnswer => {
            stream.write_all(half).await?;
            // A reset drops what the client's system has not handed over yet.
            sleep(DRIP_PAUSE).await;
            reset(stream)?;
        }
        Wire::Stall => {
            stream.write_all(half).await?;
            silence(stream, orders).await;
        }
        Wire::Drip => drip(stream, &all).await?,
        Wire::Huge => huge(stream, outgoing).await?,
    }
    Ok(())
}

/// Makes the end of the connection a TCP reset.
fn reset(stream: &TcpStream) -> io::Result<()> {
    stream.set_zero_linger()
}

/// Says nothing until the client goes, or the fake ends.
async fn silence(stream: &mut TcpStream, orders: &mut watch::Receiver<Order>) {
    let mut block = [0; 4096];
    let gone = async { while matches!(stream.read(&mut block).await, Ok(1..)) {} };
    tokio::select! {
        () = gone => {}
        () = ordered(orders, Order::Drain) => {}
    }
}

async fn drip(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    for piece in bytes.chunks(bytes.len().div_ceil(DRIPS).max(1)) {
        stream.write_all(piece).await?;
        sleep(DRIP_PAUSE).await;
    }
    Ok(())
}

/// The answer with a field of 64 MB behind the others: valid JSON for who reads it all.
async fn huge(stream: &mut TcpStream, outgoing: &Outgoing) -> io::Result<()> {
    let start = outgoing.body.strip_suffix(b"}").unwrap_or(&outgoing.body);
    let (before, after) = (&b",\"padding\":\""[..], &b"\"}"[..]);
    let length = start.len() + before.len() + HUGE_BYTES + after.len();
    let head = format!(
        "HTTP/1.1 {} OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
        connection: close\r\n\r\n",
        outgoing.status
    );
    stream.write_all(&[head.as_bytes(), start, before].concat()).await?;
    let block = vec![b'x'; BLOCK];
    for _ in 0..HUGE_BYTES / BLOCK {
        stream.write_all(&block).await?;
    }
    stream.write_all(after).await
}
