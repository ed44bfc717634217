//! Reads answers: as they come, unpacked, up to a limit, and for no longer than they may take.

use std::future::Future;
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use flate2::write::{MultiGzDecoder, ZlibDecoder};
use reqwest::header::CONTENT_ENCODING;
use tokio::time::{Instant, timeout_at};

use super::cause;
use crate::wire::{Reader, Received};

/// At most this much of an answer is read, in bytes.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// For how long what has arrived is still read when the time is over. The process, or the whole
/// machine, may have slept past its deadline with the answer waiting in the socket.
const GRACE: Duration = Duration::from_millis(500);
/// How much is unpacked at a time, in bytes: a thousand times as much may come out.
const PIECE: usize = 1024;

/// How much of a body is kept besides what is read of it as JSON, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep {
    /// To be looked at by people.
    Start = 64 * 1024,
    /// To be read again.
    Most = 1024 * 1024,
    /// What is no JSON, and of no use in part.
    All = MAX_ANSWER as isize,
}

/// When something has to be over, and has really had its time.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    at: Instant,
    last: Option<Instant>,
}

impl Deadline {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, at: Instant::now() + limit, last: None }
    }

    /// What comes of it in time, or was there already when the time was over.
    ///
    /// # Errors
    /// Why there is nothing, for people.
    pub(super) async fn within<F: Future>(&mut self, future: F) -> Result<F::Output, String> {
        let mut future = pin!(future);
        if let Ok(output) = timeout_at(self.at, &mut future).await {
            return Ok(output);
        }
        // Once for all that is waited for: an answer that drips does not earn more.
        let last = *self.last.get_or_insert_with(|| Instant::now() + GRACE);
        timeout_at(last, future).await.map_err(|_| format!("it took longer than {:?}", self.limit))
    }
}

/// Reads an answer to its end, to the limit, or to the deadline: whatever came is kept.
pub(super) async fn receive(
    mut response: reqwest::Response,
    deadline: &mut Deadline,
    keep: Keep,
) -> Received {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())));
    let head = Received {
        status: response.status().as_u16(),
        headers: headers.collect(),
        origin: response.url().origin().ascii_serialization(),
        ..Received::default()
    };
    let packed = response.headers().get(CONTENT_ENCODING).map(|value| text(value.as_bytes()));
    let mut body = Body::new(keep, packed.is_some_and(|name| name.eq_ignore_ascii_case("deflate")));
    let cut = loop {
        match deadline.within(response.chunk()).await {
            Ok(Ok(Some(chunk))) => match body.take(&chunk) {
                Ok(()) => {}
                Err(why) => break Some(why),
            },
            Ok(Ok(None)) => break None,
            Ok(Err(error)) => break Some(cause(error)),
            Err(late) => break Some(late),
        }
    };
    body.end(head, cut)
}

/// A body on its way in.
struct Body {
    keep: usize,
    /// Whether the head says that the body is packed by a method without a mark of its own.
    deflate: bool,
    packing: Option<Packing>,
    /// As it came.
    raw: Vec<u8>,
    /// Unpacked; empty if it was not packed.
    unpacked: Vec<u8>,
    read: usize,
    reader: Reader,
}

enum Packing {
    None,
    Gzip(MultiGzDecoder<Vec<u8>>),
    Deflate(ZlibDecoder<Vec<u8>>),
}

impl Body {
    fn new(keep: Keep, deflate: bool) -> Self {
        Self {
            keep: keep as usize,
            deflate,
            packing: None,
            raw: Vec::new(),
            unpacked: Vec::new(),
            read: 0,
            reader: Reader::default(),
        }
    }

    /// Takes what came; an error says why no more is wanted.
    fn take(&mut self, chunk: &[u8]) -> Result<(), String> {
        append(&mut self.raw, chunk, self.keep);
        let deflate = self.deflate;
        let packing = self.packing.get_or_insert_with(|| Packing::of(chunk, deflate));
        if matches!(packing, Packing::None) {
            return self.read(chunk);
        }
        chunk.chunks(PIECE).try_for_each(|piece| {
            let written =
                self.packing.as_mut().map_or(Ok(Vec::new()), |packing| packing.write(piece));
            let unpacked = written.map_err(|error| format!("it cannot be unpacked: {error}"))?;
            append(&mut self.unpacked, &unpacked, self.keep);
            self.read(&unpacked)
        })
    }

    fn read(&mut self, bytes: &[u8]) -> Result<(), String> {
        let room = MAX_ANSWER - self.read;
        let wanted = &bytes[..bytes.len().min(room)];
        self.reader.feed(wanted);
        self.read += wanted.len();
        match bytes.len() > room {
            true => Err(format!("it is longer than {MAX_ANSWER} bytes")),
            false => Ok(()),
        }
    }

    fn end(mut self, head: Received, cut: Option<String>) -> Received {
        if let Some(packing) = &mut self.packing {
            // Of one that is broken, what came out before that is there already.
            let rest = packing.flush().unwrap_or_default();
            append(&mut self.unpacked, &rest, self.keep);
            self.reader.feed(&rest);
        }
        let body = if self.unpacked.is_empty() { self.raw } else { self.unpacked };
        Received { body, read: Some(self.reader.end()), cut, ..head }
    }
}

impl Packing {
    /// By the first byte, with which no JSON begins: heads have been seen to be wrong.
    fn of(chunk: &[u8], deflate: bool) -> Self {
        match chunk.first() {
            Some(0x1f) => Self::Gzip(MultiGzDecoder::new(Vec::new())),
            Some(0x78) if deflate => Self::Deflate(ZlibDecoder::new(Vec::new())),
            _ => Self::None,
        }
    }

    /// What comes out when this goes in.
    fn write(&mut self, piece: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(piece.to_vec()),
            Self::Gzip(decoder) => {
                decoder.write_all(piece)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Deflate(decoder) => {
                decoder.write_all(piece)?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }

    fn flush(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Gzip(decoder) => {
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Deflate(decoder) => {
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

fn append(kept: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let room = most.saturating_sub(kept.len());
    kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
}
