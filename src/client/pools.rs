//! The connection pools, each with only what its requests may carry.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::ClientBuilder;
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use secrecy::ExposeSecret;

use super::resolver::Resolver;
use super::trust;
use super::{ClientError, Settings, USER_AGENT, cause};
use crate::pair::{ApiKey, Endpoint};

/// Below any request time-out, so that a connection that cannot be made is always told apart from
/// an answer that does not come: reqwest reports the total time-out the same way for both.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Shorter than servers keep idle connections: one that is closed just as we write to it is an
/// error that proves nothing.
const IDLE_TIMEOUT: Duration = Duration::from_millis(1500);
/// How many headers an answer may have. Room for as many is made for each.
const MAX_HEADERS: usize = 512;
/// How long a poll may take: its answer is small, and asking again costs nothing.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// Pools for creates and for polls. That for polls is made when it is first needed: loading the
/// system's certificates takes 30 to 60 ms.
#[derive(Debug)]
pub(super) struct Pools {
    creates: reqwest::Client,
    polls: Lazy,
    local: bool,
    plain: bool,
    key: ApiKey,
}

type Lazy = OnceLock<Result<reqwest::Client, ClientError>>;

impl Pools {
    pub(super) fn new(
        endpoint: &Endpoint,
        key: &ApiKey,
        settings: &Settings,
    ) -> Result<Self, ClientError> {
        provide();
        let headers = headers(key)?;
        let (local, plain) = (endpoint.is_loopback(), endpoint.is_plain());
        let creates = build(plain, || {
            forgiving(direct(local))
                .default_headers(headers.clone())
                .http1_only()
                .retry(reqwest::retry::never())
                // No time-out of the whole: it would strike before an answer that is there is read.
                .connect_timeout(CONNECT_TIMEOUT.min(settings.request_timeout / 2))
                .pool_idle_timeout(IDLE_TIMEOUT)
                .pool_max_idle_per_host(settings.connections)
        })?;
        Ok(Self { creates, polls: Lazy::new(), local, plain, key: key.clone() })
    }

    pub(super) fn creates(&self) -> &reqwest::Client {
        &self.creates
    }

    /// With the key, and for the API's host only: redirects are not followed.
    pub(super) fn polls(&self) -> Result<&reqwest::Client, ClientError> {
        let made = self.polls.get_or_init(|| self.polls_anew());
        made.as_ref().map_err(Clone::clone)
    }

    /// The same without any connection yet.
    pub(super) fn polls_anew(&self) -> Result<reqwest::Client, ClientError> {
        let headers = headers(&self.key)?;
        build(self.plain, || {
            forgiving(direct(self.local))
                .default_headers(headers.clone())
                .connect_timeout(CONNECT_TIMEOUT)
                .timeout(POLL_TIMEOUT)
        })
    }
}

/// For a look at the API's host, with the key if there is one: a connection of its own, of which all
/// is as it is for polls.
pub(super) fn glancing(
    endpoint: &Endpoint,
    key: Option<&ApiKey>,
) -> Result<reqwest::Client, ClientError> {
    provide();
    let headers = key.map(headers).transpose()?.unwrap_or_default();
    build(endpoint.is_plain(), || {
        forgiving(direct(endpoint.is_loopback()))
            .default_headers(headers.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(POLL_TIMEOUT)
    })
}

/// Without the key, for hosts that must not have it.
pub(super) fn keyless(
    local: bool,
    stall_timeout: Duration,
    names: Option<&Resolver>,
) -> Result<reqwest::Client, ClientError> {
    // What is compressed on the way has no length, and no range.
    let identity = HeaderValue::from_static("identity");
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, identity)]);
    provide();
    build(local, || {
        let builder = direct(local)
            .default_headers(headers.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(stall_timeout);
        match names {
            Some(names) => builder.dns_resolver(names.clone()),
            None => builder,
        }
    })
}

fn provide() {
    // A second call finds the provider in place, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn direct(local: bool) -> ClientBuilder {
    let builder =
        reqwest::Client::builder().user_agent(USER_AGENT).redirect(Policy::none()).referer(false);
    // What goes to this machine needs no way out of it.
    if local { builder.no_proxy() } else { builder }
}

/// Reads heads that are against the rules: an answer behind one may hold a task that was paid for.
fn forgiving(builder: ClientBuilder) -> ClientBuilder {
    builder
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(MAX_HEADERS)
}

/// With the system's certificates, or those we bring, and those of `--ca`; with these alone where
/// nothing else is encrypted.
fn build(plain: bool, builder: impl Fn() -> ClientBuilder) -> Result<reqwest::Client, ClientError> {
    let failed = |error: reqwest::Error| ClientError(cause(error));
    let added = trust::added().map_err(failed)?;
    if plain {
        // Loading the system's certificates takes 30 to 60 ms, and fails where there are none.
        return builder().tls_certs_only(added).build().map_err(failed);
    }
    builder().tls_certs_merge(added.clone()).build().or_else(|_| {
        let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        let certificates = bundled.iter().map(|der| reqwest::Certificate::from_der(der));
        let certificates = certificates.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        builder().tls_certs_only(certificates.into_iter().chain(added)).build().map_err(failed)
    })
}

fn headers(key: &ApiKey) -> Result<HeaderMap, ClientError> {
    let mut bearer = HeaderValue::from_str(key.bearer().expose_secret())
        .map_err(|_| ClientError("the API key cannot be sent in a header".to_owned()))?;
    bearer.set_sensitive(true);
    let json = HeaderValue::from_static("application/json");
    // What is packed may break off, or be packed in a way that nobody can read.
    let identity = HeaderValue::from_static("identity");
    Ok(HeaderMap::from_iter([
        (AUTHORIZATION, bearer),
        (CONTENT_TYPE, json),
        (ACCEPT_ENCODING, identity),
    ]))
}
