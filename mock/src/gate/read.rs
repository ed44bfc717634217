//! Reads one HTTP/1 request after another from a connection, within limits.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::http::request::Request;

const MOST_HEAD_BYTES: usize = 64 << 10;
const MOST_HEADERS: usize = 100;
/// What the gate reads of a body at most; single endpoints allow less.
pub(crate) const MOST_BODY_BYTES: usize = 16 << 20;
/// What is read at once.
const BLOCK: usize = 16 << 10;
/// A head that is longer is looked at only as its lines end, or each of its bytes might cost as much
/// as all that came before.
const SHORT_HEAD_BYTES: usize = 4 << 10;

thread_local! {
    /// Where reading begins. All connections of a thread share it, so that one which waits for its
    /// client holds no room: ten thousand of them would hold a hundred megabytes.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; BLOCK]);
}

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
    /// So much of the buffer was taken already.
    taken: usize,
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

    /// What has come and was not taken.
    pub(super) fn seen(&self) -> &[u8] {
        &self.buffer[self.taken..]
    }

    /// The next request.
    pub(crate) async fn next(
        &mut self,
        stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    ) -> Result<Request, Missing> {
        let head = self.head(stream).await?;
        let bytes = self.take(head.bytes);
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

    /// Waits for a whole head, which stays where it is.
    async fn head(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Head, Missing> {
        let mut known = 0;
        loop {
            // Clients may send empty lines between requests (RFC 9112).
            self.taken += self.seen().iter().take_while(|byte| b"\r\n".contains(byte)).count();
            let seen = self.seen();
            self.begun.store(!seen.is_empty(), Ordering::Relaxed);
            let news = seen.get(known..).unwrap_or_default();
            if (seen.len() <= SHORT_HEAD_BYTES || news.contains(&b'\n'))
                && let Some(head) = parse_head(seen)?
            {
                return Ok(head);
            }
            if seen.len() >= MOST_HEAD_BYTES {
                return Err(HEAD_TOO_LARGE);
            }
            known = seen.len();
            self.fill(stream).await?;
        }
    }

    /// Waits for more, whatever it is.
    pub(super) async fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<(), Missing> {
        if self.taken == self.buffer.len() && self.buffer.capacity() > BLOCK {
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.taken);
        }
        self.taken = 0;
        let buffer = &mut self.buffer;
        let read = poll_fn(|context| {
            SCRATCH.with_borrow_mut(|scratch| {
                let mut block = ReadBuf::new(scratch);
                ready!(Pin::new(&mut *stream).poll_read(context, &mut block))?;
                buffer.extend_from_slice(block.filled());
                Poll::Ready(Ok::<_, io::Error>(block.filled().len()))
            })
        });
        match read.await? {
            0 => Err(Missing::Gone),
            _ => {
                self.begun.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }

    /// Takes what has come already.
    pub(super) fn take(&mut self, bytes: usize) -> Vec<u8> {
        if self.taken == 0 && self.buffer.len() == bytes {
            return std::mem::take(&mut self.buffer);
        }
        let start = self.taken;
        self.taken += bytes;
        self.buffer[start..self.taken].to_vec()
    }

    pub(super) async fn take_exactly(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        bytes: usize,
    ) -> Result<Vec<u8>, Missing> {
        while self.seen().len() < bytes {
            self.fill(stream).await?;
        }
        Ok(self.take(bytes))
    }

    pub(super) async fn take_chunks(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        most: usize,
    ) -> Result<Vec<u8>, Missing> {
        let mut body = Vec::new();
        loop {
            let size = chunk_size(&self.take_line(stream).await?)?;
            if size > most - body.len() {
                return Err(TOO_LARGE);
            }
            if size == 0 {
                break;
            }
            while self.seen().len() < size + 2 {
                self.fill(stream).await?;
            }
            let (chunk, rest) = self.seen().split_at(size);
            if !rest.starts_with(b"\r\n") {
                return Err(BAD_CHUNK);
            }
            body.extend_from_slice(chunk);
            self.taken += size + 2;
        }
        // Trailers are read up to the empty line, and dropped.
        let mut room = MOST_HEAD_BYTES;
        loop {
            let line = self.take_line(stream).await?;
            if line.is_empty() {
                return Ok(body);
            }
            room = room.checked_sub(line.len()).ok_or(HEAD_TOO_LARGE)?;
        }
    }

    async fn take_line(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
    ) -> Result<Vec<u8>, Missing> {
        let mut known = 0;
        loop {
            let seen = self.seen();
            if let Some(end) = seen[known..].windows(2).position(|two| two == b"\r\n") {
                let mut line = self.take(known + end + 2);
                line.truncate(line.len() - 2);
                return Ok(line);
            }
            if seen.len() >= MOST_HEAD_BYTES {
                return Err(BAD_CHUNK);
            }
            // The last byte may be the first half of the end.
            known = seen.len().saturating_sub(1);
            self.fill(stream).await?;
        }
    }
}

const HEAD_TOO_LARGE: Missing = Missing::Refused(431, "the request's head is larger than 64 kB");
const TOO_LARGE: Missing = Missing::Refused(413, "the body is larger than 16 MB");
const BAD_CHUNK: Missing = Missing::Refused(400, "the body's chunks cannot be read");
const BAD_LENGTH: Missing = Missing::Refused(400, "the body's length is told in two ways, or none");

/// How long the chunk is that a line announces.
fn chunk_size(line: &[u8]) -> Result<usize, Missing> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BAD_CHUNK);
    }
    let digits = str::from_utf8(digits).map_err(|_| BAD_CHUNK)?;
    // Empty, or more than a number can be.
    usize::from_str_radix(digits, 16).map_err(|_| BAD_CHUNK)
}

/// The head, if all of it is there.
fn parse_head(buffer: &[u8]) -> Result<Option<Head>, Missing> {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut []);
    let bytes = match parsed.parse_with_uninit_headers(buffer, &mut headers) {
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
    let (mut lengths, mut encodings) = (Vec::new(), Vec::new());
    let (mut closes, mut expects_continue) = (false, false);
    for header in parsed.headers.iter() {
        let value = str::from_utf8(header.value).unwrap_or_default().trim();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        match header.name.len() {
            14 if is("content-length") => lengths.push(value),
            17 if is("transfer-encoding") => encodings.push(value),
            10 if is("connection") => closes |= value.eq_ignore_ascii_case("close"),
            6 if is("expect") => expects_continue |= value.eq_ignore_ascii_case("100-continue"),
            _ => {}
        }
    }
    Ok(Some(Head {
        bytes,
        method: method.to_owned(),
        target: target.to_owned(),
        length: length(&lengths, &encodings)?,
        keep_alive: parsed.version == Some(1) && !closes,
        expects_continue,
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
mod tests_fuzz;

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
    fn a_chunk_is_as_long_as_its_line_says_or_refused() {
        for (line, size) in [("0", 0), ("1F", 31), (" 5 ;x=y", 5), ("000000000000000000005", 5)] {
            assert_eq!(chunk_size(line.as_bytes()).unwrap(), size, "{line}");
        }
        for wrong in ["", ";x", "+5", "-1", "0x5", "5 5", "10000000000000000", "\u{661}"] {
            assert!(chunk_size(wrong.as_bytes()).is_err(), "{wrong}");
        }
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
