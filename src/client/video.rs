//! Opens the link to a video: redirects hop by hop, ranges only of the same file, never the key.

use super::cause;
use super::media::{Astray, MediaClient};
use bytes::Bytes;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{RequestBuilder, Response};

/// From where a broken download goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// How many bytes are there.
    pub from: u64,
    /// Names the file that they are of: a strong entity tag, or a date.
    pub validator: String,
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

/// The bytes behind a link, as they come.
#[derive(Debug)]
pub struct Stream {
    response: Response,
    /// The place in the file of the first byte that comes; 0 if the server starts anew.
    pub start: u64,
    /// How long the file is, if the server says.
    pub total: Option<u64>,
    /// What names this very file, if the server says.
    pub validator: Option<String>,
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
    let (start, total) = match (response.status().as_u16(), resume) {
        (200, _) => (0, text(&response, &CONTENT_LENGTH).and_then(|text| text.parse().ok())),
        (206, Some(resume)) => match range(&response) {
            Some((start, total)) if start == resume.from && agrees(&response, resume) => {
                (start, total)
            }
            _ => return Fetched::Misfit,
        },
        (416 | 206, _) => return Fetched::Misfit,
        (status @ (408 | 425 | 429 | 500..), _) => return Fetched::Again(format!("HTTP {status}")),
        (status, _) => return Fetched::Dead(format!("HTTP {status}")),
    };
    let validator = validator(&response);
    Fetched::Open(Box::new(Stream { response, start, total, validator }))
}

/// A weak tag promises the same picture, not the same bytes.
pub(super) fn validator(response: &Response) -> Option<String> {
    let tag = text(response, &ETAG).filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(response, &LAST_MODIFIED)).map(str::to_owned)
}

/// Whether a range is of the file that was begun, as far as the server says.
fn agrees(response: &Response, resume: &Resume) -> bool {
    let name = if resume.validator.starts_with('"') { &ETAG } else { &LAST_MODIFIED };
    text(response, name).is_none_or(|validator| validator == resume.validator)
}

/// Start and whole length out of `bytes 100-199/5000`.
fn range(response: &Response) -> Option<(u64, Option<u64>)> {
    let (range, total) = text(response, &CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

pub(super) fn text<'a>(response: &'a Response, name: &HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
