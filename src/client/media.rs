//! Fetches what anybody may fetch: portraits, recordings and videos. It does not know the API's key,
//! so the key cannot reach a media host.

use std::sync::OnceLock;
use std::time::Duration;

use url::Url;

use super::hops::Hops;
use super::pools::keyless;
use super::resolver::{self, Home, Inside, Resolver};
use super::{ClientError, cause};
use crate::pair::{Endpoint, MediaUrl, PlainHttp, Zone};

use reqwest::header::LOCATION;
use reqwest::{RequestBuilder, Response};

/// How media are fetched.
#[derive(Debug, Clone, Copy)]
pub struct MediaSettings {
    /// How long a transfer may stand still.
    pub stall_timeout: Duration,
    /// Whether media may come over plain http.
    pub plain: PlainHttp,
    /// Whether all of it happens on this machine, without encryption: then no certificates are
    /// loaded.
    pub local: bool,
}

/// A connection pool for media hosts. Redirects are looked at one by one before they are followed.
#[derive(Debug)]
pub struct MediaClient {
    pool: OnceLock<Result<reqwest::Client, ClientError>>,
    settings: MediaSettings,
    names: Resolver,
}

/// Where a redirect leads. As browsers do, text of any language is taken as it is, and bytes that are
/// no text as what they stand for.
fn location(response: &Response) -> Option<String> {
    let bytes = response.headers().get(LOCATION)?.as_bytes();
    let byte = |byte: &u8| match byte.is_ascii() {
        true => char::from(*byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let text = std::str::from_utf8(bytes).map(str::to_owned);
    Some(text.unwrap_or_else(|_| bytes.iter().map(byte).collect()))
}

/// Why a link leads to no answer.
#[derive(Debug)]
pub(super) enum Astray {
    /// It cannot be followed.
    Dead(String),
    /// It must not be followed: it leads where whoever gave it has no business.
    Inside(String),
    /// No answer came.
    Again(String),
}

impl MediaClient {
    /// Makes the client; its pool is made when it is first needed, because loading the system's
    /// certificates takes 30 to 60 ms.
    #[must_use]
    pub fn new(settings: MediaSettings) -> Self {
        let home = Home::At(settings.local.then_some(Zone::ThisMachine));
        Self { pool: OnceLock::new(), settings, names: Resolver::new(home) }
    }

    /// For links that this API gives or is given: where it is not outside itself, they may lead to
    /// where it is.
    #[must_use]
    pub fn beside(self, endpoint: &Endpoint) -> Self {
        Self { names: Resolver::new(Home::of(endpoint)), ..self }
    }

    /// For links that must not leave this machine.
    #[must_use]
    pub fn rehearsing(self) -> Self {
        Self { names: Resolver::new(Home::Rehearsal), ..self }
    }

    /// How long a file may take that comes in drips.
    pub(super) fn patience(&self) -> Duration {
        self.settings.stall_timeout * 4
    }

    pub(super) fn plain(&self) -> PlainHttp {
        self.settings.plain
    }

    fn pool(&self) -> Result<&reqwest::Client, Astray> {
        let MediaSettings { stall_timeout, local, .. } = self.settings;
        let made = self.pool.get_or_init(|| keyless(local, stall_timeout, Some(&self.names)));
        made.as_ref().map_err(|error| Astray::Again(error.to_string()))
    }

    /// Asks for what a link leads to, redirect by redirect.
    pub(super) async fn follow(
        &self,
        link: &str,
        ask: impl Fn(RequestBuilder) -> RequestBuilder,
    ) -> Result<Response, Astray> {
        let dead = |error: &dyn std::fmt::Display| Astray::Dead(error.to_string());
        MediaUrl::parse(link, self.settings.plain).map_err(|error| dead(&error))?;
        let mut url = Url::parse(link).map_err(|error| dead(&error))?;
        let pool = self.pool()?;
        let mut hops = Hops::from(&url);
        loop {
            let inside = |found: Inside| match found {
                Inside::Private(_) => Astray::Inside(found.to_string()),
                Inside::Outside(_) => Astray::Dead(found.to_string()),
            };
            self.names.admit(&url).await.map_err(inside)?;
            let request = ask(pool.get(url.clone()));
            let response =
                request.send().await.map_err(|error| match resolver::inside(&error) {
                    Some(found) => inside(found),
                    None => Astray::Again(cause(error)),
                })?;
            if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let next = hops.next(&url, location(&response).as_deref());
            url = next.map_err(|error| dead(&error))?;
        }
    }
}
