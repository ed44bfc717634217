//! A server of which requests are asked that are not for the fake.

use std::io;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::gate::private::Outgoing;
use crate::gate::read::{Missing, Reader};
use crate::http::request::Request;

/// Longer than any create takes.
const PATIENCE: Duration = Duration::from_secs(300);
const MOST_HEAD_BYTES: usize = 64 << 10;
const MOST_HEADERS: usize = 100;
const MOST_BODY_BYTES: usize = 256 << 20;
/// What is said between two neighbours only, and what is told anew.
const NOT_PASSED_ON: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "transfer-encoding",
    "content-length",
];

/// Where it listens: `HOST:PORT`.
#[derive(Clone, Debug)]
pub(crate) struct Upstream(pub(crate) String);

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Bytes(usize),
    Chunked,
    Close,
}

impl Upstream {
    /// Its answer, on a connection of its own.
    pub(crate) async fn ask(&self, request: &Request) -> io::Result<Outgoing> {
        let ask = async {
            let mut stream = TcpStream::connect(&self.0).await?;
            stream.set_nodelay(true)?;
            stream.write_all(&passed_on(request)).await?;
            answer(&mut stream, request.method == "HEAD").await
        };
        timeout(PATIENCE, ask).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// The request as the server gets it. The host stays, so that links lead back here.
fn passed_on(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.target).into_bytes();
    write_headers(request.headers(), &mut bytes);
    if !(request.body.is_empty() && matches!(request.method.as_str(), "GET" | "HEAD")) {
        let length = format!("content-length: {}\r\n", request.body.len());
        bytes.extend_from_slice(length.as_bytes());
    }
    bytes.extend_from_slice(b"connection: close\r\n\r\n");
    bytes.extend_from_slice(&request.body);
    bytes
}

fn write_headers<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>, into: &mut Vec<u8>) {
    let plain = |name: &str| !NOT_PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known));
    for (name, value) in headers.filter(|(name, _)| plain(name)) {
        for part in [name, ": ", value, "\r\n"] {
            into.extend_from_slice(part.as_bytes());
        }
    }
}

async fn answer(stream: &mut TcpStream, to_head: bool) -> io::Result<Outgoing> {
    let mut reader = Reader::default();
    let (mut outgoing, end) = loop {
        match parse(reader.seen())? {
            // 100 Continue and its like: the answer is still to come.
            Some((bytes, outgoing, _)) if outgoing.status < 200 => drop(reader.take(bytes)),
            Some((bytes, outgoing, end)) => {
                reader.take(bytes);
                break (outgoing, end);
            }
            None if reader.seen().len() >= MOST_HEAD_BYTES => return Err(invalid("a huge head")),
            None => reader.fill(stream).await.map_err(|_| broken_off())?,
        }
    };
    let bodiless = to_head || matches!(outgoing.status, 204 | 304);
    let body = match end {
        _ if bodiless => Ok(Vec::new()),
        End::Bytes(length) if length > MOST_BODY_BYTES => Err(TOO_LARGE),
        End::Bytes(length) => reader.take_exactly(stream, length).await,
        End::Chunked => reader.take_chunks(stream, MOST_BODY_BYTES).await,
        End::Close => until_closed(&mut reader, stream).await,
    };
    outgoing.body = body.map_err(|missing| match missing {
        Missing::Gone => broken_off(),
        Missing::Refused(_, what) => invalid(what),
    })?;
    let length = match (bodiless, end) {
        (true, End::Bytes(length)) if to_head => Some(length),
        (true, _) => None,
        (false, _) => Some(outgoing.body.len()),
    };
    if let Some(length) = length {
        outgoing.head.extend_from_slice(format!("content-length: {length}\r\n").as_bytes());
    }
    Ok(outgoing)
}

const TOO_LARGE: Missing = Missing::Refused(502, "a body larger than 256 MB");

async fn until_closed(reader: &mut Reader, stream: &mut TcpStream) -> Result<Vec<u8>, Missing> {
    while reader.fill(stream).await.is_ok() {
        if reader.seen().len() > MOST_BODY_BYTES {
            return Err(TOO_LARGE);
        }
    }
    let all = reader.seen().len();
    Ok(reader.take(all))
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "its answer breaks off")
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// How long the head is, what it says, and how the body's end is told, if the head is whole.
fn parse(buffer: &[u8]) -> io::Result<Option<(usize, Outgoing, End)>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    let bytes = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(bytes)) => bytes,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(invalid("its answer is not HTTP/1")),
    };
    let status = parsed.code.unwrap_or_default();
    let line = format!("HTTP/1.1 {status} {}\r\n", parsed.reason.unwrap_or_default());
    let mut head = line.into_bytes();
    let named = parsed
        .headers
        .iter()
        .filter_map(|header| Some((header.name, str::from_utf8(header.value).ok()?.trim())));
    write_headers(named.clone(), &mut head);
    let value = |name: &str| named.clone().find(|(known, _)| known.eq_ignore_ascii_case(name));
    let end = match (value("transfer-encoding"), value("content-length")) {
        (Some((_, coding)), _) if coding.eq_ignore_ascii_case("chunked") => End::Chunked,
        (Some(_), _) => return Err(invalid("its answer is coded otherwise than in chunks")),
        (None, Some((_, length))) => {
            End::Bytes(length.parse().map_err(|_| invalid("its answer has no length"))?)
        }
        (None, None) => End::Close,
    };
    let outgoing = Outgoing { status, fault: None, delay: Duration::ZERO, head, body: Vec::new() };
    Ok(Some((bytes, outgoing, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_whole_and_passed_on_without_what_is_between_neighbours() {
        let read = |head: &str| {
            parse(head.as_bytes()).unwrap().map(|(bytes, out, end)| {
                (bytes, out.status, String::from_utf8(out.head).unwrap(), end)
            })
        };
        let head = "HTTP/1.1 200 OK\r\nX-A: b\r\nConnection: close\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(read(&head[..head.len() - 1]), None);
        let shown = "HTTP/1.1 200 OK\r\nX-A: b\r\n".to_owned();
        assert_eq!(read(head), Some((head.len(), 200, shown, End::Bytes(5))));
        let end = |head: &str| read(head).map(|(.., end)| end);
        assert_eq!(end("HTTP/1.0 404 No\r\n\r\n"), Some(End::Close));
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\nContent-Length: 1\r\n\r\n";
        assert_eq!(end(chunked), Some(End::Chunked));
        for wrong in ["SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"] {
            assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
