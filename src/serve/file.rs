//! A file of this machine as an answer, whole or in part.

use std::io::{self, SeekFrom};
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::{Bytes, BytesMut};
use futures::stream::try_unfold;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{HeaderMap, Method, Response, StatusCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::range::{Asked, asked};
use super::{Body, full, words};

/// How much of a file is held at a time, in bytes.
const CHUNK: u64 = 64 << 10;

/// A file, as somebody asks for it.
pub async fn file(
    (method, headers): (&Method, &HeaderMap),
    path: &Path,
    media_type: &'static str,
) -> Response<Body> {
    match open(path).await {
        Ok(found) => answer((method, headers), found, media_type)
            .await
            .unwrap_or_else(|_| words(StatusCode::NOT_FOUND, "it cannot be read\n")),
        Err(_) => words(StatusCode::NOT_FOUND, "it is not there\n"),
    }
}

struct Found {
    file: File,
    length: u64,
    /// Another one once the file is another.
    tag: String,
}

/// Opens nothing but a file: a pipe would wait for somebody to write.
async fn open(path: &Path) -> io::Result<Found> {
    if !tokio::fs::metadata(path).await?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path).await?;
    let metadata = file.metadata().await?;
    let written = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (length, tag) = (metadata.len(), format!("\"{}-{}\"", metadata.len(), written.as_nanos()));
    Ok(Found { file, length, tag })
}

async fn answer(
    (method, headers): (&Method, &HeaderMap),
    Found { mut file, length, tag }: Found,
    media_type: &'static str,
) -> io::Result<Response<Body>> {
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = header(IF_NONE_MATCH) == Some(&tag);
    // Half of another file is of no use to whoever has the other half.
    let range = header(RANGE).filter(|_| header(IF_RANGE).is_none_or(|other| other == tag));
    let (status, part) = match asked(range, length) {
        _ if is_known => (StatusCode::NOT_MODIFIED, None),
        Asked::Whole => (StatusCode::OK, Some((0, length))),
        Asked::Part(part) => {
            (StatusCode::PARTIAL_CONTENT, Some((*part.start(), part.end() - part.start() + 1)))
        }
        Asked::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, None),
    };
    let body = match part {
        Some((from, count)) if method == Method::GET => {
            file.seek(SeekFrom::Start(from)).await?;
            stream(file, count)
        }
        _ => full(Bytes::new()),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    set(headers, ETAG, &tag);
    match (status, part) {
        (StatusCode::PARTIAL_CONTENT, Some((from, count))) => {
            set(headers, CONTENT_RANGE, &format!("bytes {from}-{}/{length}", from + count - 1));
        }
        (StatusCode::RANGE_NOT_SATISFIABLE, _) => {
            set(headers, CONTENT_RANGE, &format!("bytes */{length}"));
        }
        _ => {}
    }
    if let Some((_, count)) = part {
        set(headers, CONTENT_LENGTH, &count.to_string());
    }
    Ok(response)
}

/// Digits and punctuation only.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// So many bytes from where a file is. One that became shorter ends the connection.
fn stream(file: File, count: u64) -> Body {
    let chunks = try_unfold((file, count), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(left.min(CHUNK)).unwrap_or_default();
        let mut chunk = BytesMut::with_capacity(most);
        (&mut file).take(most as u64).read_buf(&mut chunk).await?;
        if chunk.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let left = left - chunk.len() as u64;
        Ok(Some((Frame::data(chunk.freeze()), (file, left))))
    });
    StreamBody::new(chunks).boxed_unsync()
}
