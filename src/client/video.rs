//! Opens the link to a video: redirects hop by hop, ranges only of the same file, never the key.

use std::time::{Duration, SystemTime};

use super::cause;
use super::media::{Astray, MediaClient};
use bytes::Bytes;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderName,
    IF_RANGE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};
use reqwest::{RequestBuilder, Response, Version};

/// So much older than the answer has a file to be for its date to name it: two versions may be
/// written within one second, and clocks differ (RFC 9110, 8.8.2.2).
const SETTLED: Duration = Duration::from_secs(60);

/// From where a broken download goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// How many bytes are there.
    pub from: u64,
    /// Names the very file that they are of: a strong entity tag, or a date that is one.
    pub validator: String,
    /// How long that file is, if that is known.
    pub total: Option<u64>,
}

/// What a link leads to.
#[derive(Debug)]
pub enum Fetched {
    /// Bytes.
    Open(Box<Stream>),
    /// Nothing: the link has expired, or never was one.
    Dead(String),
    /// Nothing now.
    Again(String),
    /// Not the range that was asked for, or of another file: only the whole file may fit.
    Misfit,
}

/// What the end of a transfer proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// The sender said that this is the end.
    Told,
    /// The connection ended, which it does for many reasons.
    Untold,
}

/// The bytes behind a link, as they come.
#[derive(Debug)]
pub struct Stream {
    response: Response,
    /// The place in the file of the first byte that comes; 0 if the server starts anew.
    pub start: u64,
    /// The place in the file behind the last byte that may come, if the server says.
    pub end: Option<u64>,
    /// How long the file is, if the server says.
    pub total: Option<u64>,
    /// What names this very file, if the server says.
    pub validator: Option<String>,
    /// What its end proves.
    pub framing: Framing,
    /// How it was packed on the way, if the server says that it was, unasked.
    pub packed: Option<String>,
}

impl Stream {
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// The cause, when the connection breaks or stalls.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        self.response.chunk().await.map_err(cause)
    }
}

impl MediaClient {
    /// Opens a link, from the start or where a download broke off.
    pub async fn video(&self, link: &str, resume: Option<&Resume>) -> Fetched {
        let ask = |request: RequestBuilder| match resume {
            Some(resume) => {
                let range = format!("bytes={}-", resume.from);
                request.header(RANGE, range).header(IF_RANGE, &resume.validator)
            }
            None => request,
        };
        match self.follow(link, ask).await {
            Ok(response) => opened(response, resume),
            Err(Astray::Dead(reason) | Astray::Inside(reason)) => Fetched::Dead(reason),
            Err(Astray::Again(reason)) => Fetched::Again(reason),
        }
    }
}

fn opened(response: Response, resume: Option<&Resume>) -> Fetched {
    let (start, end, total) = match response.status().as_u16() {
        200 => {
            let total = text(&response, &CONTENT_LENGTH).and_then(|text| text.parse().ok());
            (0, total, total)
        }
        206 => match part(&response, resume) {
            Some(Part { start, end, total }) => (start, Some(end), total),
            None => return Fetched::Misfit,
        },
        416 => return Fetched::Misfit,
        status @ (408 | 425 | 429 | 500..) => return Fetched::Again(format!("HTTP {status}")),
        status => return Fetched::Dead(format!("HTTP {status}")),
    };
    let packed = packed(&response);
    // What is packed has other bytes, and other places in them.
    let validator = strong(&response).filter(|_| packed.is_none());
    let framing = framing(&response);
    Fetched::Open(Box::new(Stream { response, start, end, total, validator, framing, packed }))
}

/// The part that a 206 has, if it can be used: the file from its start, whether that was asked for
/// or not, or what is missing of the file that was begun.
fn part(response: &Response, resume: Option<&Resume>) -> Option<Part> {
    let several = |kind: &str| kind.trim_start().to_ascii_lowercase().starts_with("multipart/");
    if text(response, &CONTENT_TYPE).is_some_and(several) {
        return None;
    }
    let part = Part::parse(text(response, &CONTENT_RANGE)?)?;
    let goes_on = |resume: &Resume| {
        part.start == resume.from
            && packed(response).is_none()
            && strong(response).as_ref() == Some(&resume.validator)
            && part.total.zip(resume.total).is_none_or(|(now, then)| now == then)
    };
    (part.start == 0 || resume.is_some_and(goes_on)).then_some(part)
}

/// A range of a file: from, to and how long the file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    start: u64,
    end: u64,
    total: Option<u64>,
}

impl Part {
    /// Reads `bytes 100-199/5000`; nothing that contradicts itself.
    fn parse(text: &str) -> Option<Self> {
        let (unit, range) = text.trim().split_once(' ')?;
        let (range, total) = range.split_once('/')?;
        let (first, last) = range.split_once('-')?;
        let (start, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let end = last.checked_add(1)?;
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse().ok()?),
        };
        let sound = start < end && total.is_none_or(|total| end <= total);
        (unit.eq_ignore_ascii_case("bytes") && sound).then_some(Self { start, end, total })
    }
}

/// What names the very bytes of a file. A weak tag promises the same picture, not the same bytes; a
/// date names them only beside no tag, and only of a file that was not written just now.
fn strong(response: &Response) -> Option<String> {
    let header = |name| text(response, name);
    if let Some(tag) = header(&ETAG) {
        return Some(tag).filter(|tag| tag.starts_with('"')).map(str::to_owned);
    }
    let (modified, date) = header(&LAST_MODIFIED).zip(header(&DATE))?;
    is_settled(modified, date).then(|| modified.to_owned())
}

fn is_settled(modified: &str, date: &str) -> bool {
    let read = |text: &str| httpdate::parse_http_date(text).ok();
    let age = |(modified, date): (SystemTime, SystemTime)| date.duration_since(modified).ok();
    read(modified).zip(read(date)).and_then(age).is_some_and(|age| age >= SETTLED)
}

/// How a body was packed though it was asked for as it is.
fn packed(response: &Response) -> Option<String> {
    let packed = |coding: &&str| {
        let known =
            ["gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"];
        known.iter().any(|known| coding.eq_ignore_ascii_case(known))
    };
    let codings = text(response, &CONTENT_ENCODING)?.split(',').map(str::trim);
    let codings: Vec<_> = codings.filter(packed).collect();
    (!codings.is_empty()).then(|| codings.join(", "))
}

fn framing(response: &Response) -> Framing {
    let headers = response.headers();
    let told = response.version() > Version::HTTP_11
        || headers.contains_key(CONTENT_LENGTH)
        || headers.contains_key(TRANSFER_ENCODING);
    if told { Framing::Told } else { Framing::Untold }
}

pub(super) fn text<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_where_it_is() {
        let part = |start, end, total| Some(Part { start, end, total });
        for (text, read) in [
            ("bytes 100-199/5000", part(100, 200, Some(5000))),
            ("bytes 0-4999/5000", part(0, 5000, Some(5000))),
            ("Bytes 7 - 9 / *", part(7, 10, None)),
            ("bytes 0-5000/5000", None),
            ("bytes 9-7/5000", None),
            ("bytes */5000", None),
            ("items 0-1/2", None),
            ("bytes 0-1/two", None),
            ("bytes -1/5", None),
            ("bytes 0-18446744073709551615/*", None),
            ("", None),
        ] {
            assert_eq!(Part::parse(text), read, "{text:?}");
        }
    }

    #[test]
    fn a_date_names_a_file_only_once_it_is_old_enough() {
        let then = "Sun, 22 Nov 2026 18:00:00 GMT";
        assert!(is_settled(then, "Sun, 22 Nov 2026 18:01:00 GMT"));
        assert!(!is_settled(then, "Sun, 22 Nov 2026 18:00:59 GMT"));
        assert!(!is_settled(then, "Sun, 22 Nov 2026 17:00:00 GMT"), "from the future");
        assert!(!is_settled("yesterday", then) && !is_settled(then, "today"));
    }
}
