//! Fetches a portrait or a recording whole, to look at it: by the same rules as a video, without the
//! key, and never more of it than is taken.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::header::{
    CONTENT_LENGTH, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::{RequestBuilder, Response};
use tokio::time::timeout;
use url::Url;

use super::cause;
use super::media::{Astray, MediaClient};
use super::spool::Spool;
use super::video::text;
use crate::fitness::{Trouble, roughly, too_large};
use crate::pair::{Role, is_private, is_private_address};

/// A medium that is to be looked at.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What it is to be.
    pub role: Role,
    /// The largest that is taken, in bytes.
    pub most: u64,
    /// The version that is known already, if one is.
    pub known: Option<&'a str>,
    /// Where it is kept while it comes.
    pub folder: &'a Path,
}

/// What came of asking for it.
#[derive(Debug)]
pub enum Seen {
    /// All of it.
    Got(Got),
    /// It is the version that is known.
    Unchanged,
    /// It cannot be had.
    Refused(Trouble),
    /// It cannot be had now; with the server's wish for a pause.
    Again(String, Option<String>),
}

/// A medium with the way that it came.
#[derive(Debug)]
pub struct Got {
    /// All of it.
    pub bytes: Spool,
    /// Names this version, if the server says.
    pub validator: Option<String>,
    /// The host that redirects led to, if it is another one.
    pub redirected: Option<String>,
    /// Whether it came from an address inside a private network.
    pub private: bool,
}

/// How long a medium may take: a server that drips must not hold up the others, but a line that all
/// of them share may be slow.
#[derive(Debug, Clone, Copy)]
struct Patience {
    began: Instant,
    /// After that it has to come steadily.
    lasts: Duration,
}

/// In bytes a second. With as many at once as are looked at, a line of 8 Mbit/s carries it.
const STEADY: u128 = 10_000;

impl Patience {
    fn is_over(&self, bytes: u64) -> bool {
        let took = self.began.elapsed();
        took > self.lasts && u128::from(bytes) < took.as_millis() * STEADY / 1000
    }

    fn lost(&self) -> Seen {
        let message = format!("it was not whole after {}", roughly(self.lasts));
        let help = "put it where it comes faster: the API has to fetch it too";
        Seen::Refused(Trouble::new("too_slow", message, help))
    }
}

impl MediaClient {
    /// Fetches a medium whole.
    pub async fn medium(&self, wanted: &Wanted<'_>) -> Seen {
        let patience = Patience { began: Instant::now(), lasts: self.patience() };
        match timeout(patience.lasts, self.answer(wanted)).await {
            Ok(Ok(response)) => match response.status().as_u16() {
                200 => whole(response, wanted, patience).await.unwrap_or_else(|seen| seen),
                304 if wanted.known.is_some() => Seen::Unchanged,
                status => refused(status, &response),
            },
            Ok(Err(Astray::Again(reason))) => Seen::Again(reason, None),
            Ok(Err(Astray::Inside(reason))) => {
                let help = "the API cannot reach it there: publish it";
                Seen::Refused(Trouble::new("private_address", reason, help))
            }
            Ok(Err(Astray::Dead(reason))) => {
                let help = "give the URL of the file itself";
                Seen::Refused(Trouble::new("bad_redirect", reason, help))
            }
            Err(_) => patience.lost(),
        }
    }

    async fn answer(&self, wanted: &Wanted<'_>) -> Result<Response, Astray> {
        let ask = |request: RequestBuilder| match wanted.known {
            Some(tag) if tag.starts_with('"') => request.header(IF_NONE_MATCH, tag),
            Some(date) => request.header(IF_MODIFIED_SINCE, date),
            None => request,
        };
        self.follow(wanted.url, ask).await
    }
}

async fn whole(
    mut response: Response,
    wanted: &Wanted<'_>,
    patience: Patience,
) -> Result<Seen, Seen> {
    let length = text(&response, &CONTENT_LENGTH).and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > wanted.most) {
        return Err(Seen::Refused(too_large(wanted.role, length)));
    }
    let mut bytes = Spool::in_folder(wanted.folder);
    let broken = |error| Seen::Again(cause(error), None);
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.length() + chunk.len() as u64 > wanted.most {
            return Err(Seen::Refused(too_large(wanted.role, None)));
        }
        bytes.push(&chunk).map_err(|error| no_room(wanted, &error))?;
        if patience.is_over(bytes.length()) {
            return Err(patience.lost());
        }
    }
    let from = |url: &Url| url.host_str().map(str::to_owned);
    let asked = Url::parse(wanted.url).ok().as_ref().and_then(from);
    let host = from(response.url()).filter(|host| Some(host) != asked.as_ref());
    let private = came_from_inside(&response).await;
    Ok(Seen::Got(Got { bytes, validator: validator(&response), redirected: host, private }))
}

fn no_room(wanted: &Wanted<'_>, error: &io::Error) -> Seen {
    let message = format!("it cannot be kept in {}: {error}", wanted.folder.display());
    let help = "make room there: what is looked at is kept until it was taken apart";
    Seen::Refused(Trouble::new("no_room", message, help))
}

/// Names a version. A weak tag promises the same picture, not the same bytes.
fn validator(response: &Response) -> Option<String> {
    let tag = text(response, &ETAG).filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(response, &LAST_MODIFIED)).map(str::to_owned)
}

/// Whether it came from a private network. The address of a proxy says nothing of the medium's: only
/// one that the host's name stands for counts.
async fn came_from_inside(response: &Response) -> bool {
    let url = response.url();
    if is_private(url) {
        return true;
    }
    let peer = response.remote_addr().map(|address| address.ip());
    let Some(peer) = peer.filter(|peer| is_private_address(*peer)) else { return false };
    let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return false;
    };
    let addresses = tokio::net::lookup_host((name, port)).await;
    addresses.is_ok_and(|mut addresses| addresses.any(|address| address.ip() == peer))
}

fn refused(status: u16, response: &Response) -> Seen {
    let trouble = |code, what: &str, help| {
        Seen::Refused(Trouble::new(code, format!("{what} (HTTP {status})"), help))
    };
    match status {
        408 | 425 | 429 | 500.. => {
            let pause = text(response, &RETRY_AFTER).map(str::to_owned);
            Seen::Again(format!("HTTP {status}"), pause)
        }
        401 | 403 | 407 => {
            let help = "the API fetches it without a login: make it public, or sign the link anew";
            trouble("not_public", "it is not public, or the link has expired", help)
        }
        404 | 410 => trouble("not_found", "there is nothing at this URL", "is the URL right?"),
        _ => trouble("not_served", "the server does not give it", "is the URL right?"),
    }
}
