//! Reads one HTTP/1 request after another from a connection, within limits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::http::request::Request;

const MOST_HEAD_BYTES: usize = 64 << 10;
const MOST_HEADERS: usize = 100;
/// What the gate reads of a body at most; single endpoints allow less.
pub(crate) const MOST_BODY_BYTES: usize = 16 << 20;
const BLOCK: usize = 8 << 10;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The client is gone, or ended the connection between two requests.
    Gone,
    /// What came is not a request that this server serves; nothing further can be read.
    Refused(u16, &'static str),
}

impl From<io::Error> for Missing {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// The reading side of a connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    begun: Arc<AtomicBool>,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunked,
}

struct Head {
    bytes: usize,
    method: String,
    target: String,
    length: Length,
    keep_alive: bool,
    expects_continue: bool,
}

impl Reader {
    /// Tells whether part of a request has come, also while that is being read.
    pub(crate) fn begun(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.begun)
    }

    /// The next request.
    pub(crate) async fn next(&mut self, stream: &mut TcpStream) -> Result<Request, Missing> {
        self.begun.store(!self.buffer.is_empty(), Ordering::Relaxed);
        let head = loop {
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
            if self.buffer.len() >= MOST_HEAD_BYTES {
                return Err(Missing::Refused(431, "the request's head is larger than 64 kB"));
            }
            self.fill(stream).await?;
        };
        let bytes: Vec<u8> = self.take(head.bytes);
        if head.expects_continue {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let body = match head.length {
            Length::Bytes(0) => Vec::new(),
            Length::Bytes(length) => self.take_exactly(stream, length).await?,
            Length::Chunked => self.take_chunks(stream, MOST_BODY_BYTES).await?,
        };
        let Head { method, target, keep_alive, .. } = head;
        Ok(Request { method, target, body, keep_alive, head: bytes })
    }

    /// Waits for more, whatever it is.
    pub(super) async fn fill(&mut self, stream: &mut TcpStream) -> Result<(), Missing> {
        self.buffer.reserve(BLOCK);
        match stream.read_buf(&mut self.buffer).await? {
            0 => Err(Missing::Gone),
            _ => {
                self.begun.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(bytes);
        std::mem::replace(&mut self.buffer, rest)
    }

    pub(super) async fn take_exactly(
        &mut self,
        stream: &mut TcpStream,
        bytes: usize,
    ) -> Result<Vec<u8>, Missing> {
        while self.buffer.len() < bytes {
            self.fill(stream).await?;
        }
        Ok(self.take(bytes))
    }

    pub(super) async fn take_chunks(
        &mut self,
        stream: &mut TcpStream,
        most: usize,
    ) -> Result<Vec<u8>, Missing> {
        let mut body = Vec::new();
        loop {
            let size = self.take_chunk_size(stream).await?;
            if size > most - body.len() {
                return Err(TOO_LARGE);
            }
            if size == 0 {
                break;
            }
            body.append(&mut self.take_exactly(stream, size).await?);
            if self.take_exactly(stream, 2).await? != b"\r\n" {
                return Err(BAD_CHUNK);
            }
        }
        // Trailers are read up to the empty line, and dropped.
        while !self.take_line(stream).await?.is_empty() {}
        Ok(body)
    }

    async fn take_chunk_size(&mut self, stream: &mut TcpStream) -> Result<usize, Missing> {
        let line = self.take_line(stream).await?;
        let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
        let digits = str::from_utf8(digits).map_err(|_| BAD_CHUNK)?.trim();
        usize::from_str_radix(digits, 16).map_err(|_| BAD_CHUNK)
    }

    async fn take_line(&mut self, stream: &mut TcpStream) -> Result<Vec<u8>, Missing> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let mut line = self.take(end + 2);
                line.truncate(end);
                return Ok(line);
            }
            if self.buffer.len() >= MOST_HEAD_BYTES {
                return Err(BAD_CHUNK);
            }
            self.fill(stream).await?;
        }
    }
}

const TOO_LARGE: Missing = Missing::Refused(413, "the body is larger than 16 MB");
const BAD_CHUNK: Missing = Missing::Refused(400, "the body's chunks cannot be read");
const BAD_LENGTH: Missing = Missing::Refused(400, "the body's length is told in two ways, or none");

/// The head, if all of it is there.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, Missing> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let bytes = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(Missing::Refused(431, "more than 100 headers"));
        }
        Err(_) => return Err(Missing::Refused(400, "this is not HTTP/1")),
    };
    let (method, target) = (parsed.method.unwrap_or_default(), parsed.path.unwrap_or_default());
    if !target.starts_with('/') {
        return Err(Missing::Refused(400, "the target of a request must be a path"));
    }
    let named = |name: &str| {
        let found = parsed.headers.iter().filter(|h| h.name.eq_ignore_ascii_case(name));
        found.map(|h| str::from_utf8(h.value).unwrap_or_default().trim()).collect::<Vec<_>>()
    };
    let says = |name, word: &str| named(name).iter().any(|v| v.eq_ignore_ascii_case(word));
    Ok(Some(Head {
        bytes,
        method: method.to_owned(),
        target: target.to_owned(),
        length: length(&named("content-length"), &named("transfer-encoding"))?,
        keep_alive: parsed.version == Some(1) && !says("connection", "close"),
        expects_continue: says("expect", "100-continue"),
    }))
}

/// The body's length. A server that guesses here can be made to see a request that is none.
fn length(lengths: &[&str], encodings: &[&str]) -> Result<Length, Missing> {
    match (lengths, encodings) {
        ([], []) => Ok(Length::Bytes(0)),
        ([], [encoding]) if encoding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunked),
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            match length.parse::<usize>() {
                Ok(length) if length <= MOST_BODY_BYTES => Ok(Length::Bytes(length)),
                Ok(_) => Err(TOO_LARGE),
                Err(_) => Err(BAD_LENGTH),
            }
        }
        _ => Err(BAD_LENGTH),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(head: &str) -> u16 {
        match parse_head(head.as_bytes()) {
            Err(Missing::Refused(status, _)) => status,
            Ok(head) => panic!("taken: {:?}", head.map(|head| head.length)),
            Err(Missing::Gone) => panic!("gone"),
        }
    }

    #[test]
    fn a_length_told_twice_or_wrongly_is_refused() {
        let post = |headers: &str| refused(&format!("POST / HTTP/1.1\r\n{headers}\r\n"));
        assert_eq!(post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400);
        assert_eq!(post("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), 400);
        assert_eq!(post("Transfer-Encoding: gzip\r\n"), 400);
        assert_eq!(post("Content-Length: +1\r\n"), 400);
        assert_eq!(post("Content-Length: 99999999999999999999\r\n"), 400);
        assert_eq!(post("Content-Length: 16777217\r\n"), 413);
        assert_eq!(refused("GET http://elsewhere/ HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(refused("\x16\x03\x01 is not HTTP"), 400);
    }

    #[test]
    fn a_head_is_waited_for_until_it_is_whole() {
        let whole = "POST /x HTTP/1.1\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n";
        for end in 0..whole.len() {
            assert!(parse_head(&whole.as_bytes()[..end]).unwrap().is_none());
        }
        let head = parse_head(whole.as_bytes()).unwrap().unwrap();
        assert_eq!((head.length, head.keep_alive), (Length::Bytes(2), false));
    }
}
