//! URLs of media and of the API, checked when made and safe to print.

use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

use super::plain::plain_path;
use super::query::without_query;

/// Whether `http://` is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to this machine: what goes over the network is encrypted.
    Loopback,
    /// Anywhere (`--allow-http`).
    Anywhere,
}

/// Why a text is not a URL that can be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing there.
    #[error("the URL is empty")]
    Empty,
    /// White space or a control character: the server would see another URL than the reader.
    #[error("the URL has a space or a control character in it")]
    Character,
    /// Longer than servers accept.
    #[error("the URL is longer than {} bytes", MediaUrl::MAX_LEN)]
    TooLong,
    /// No URL at all; the parser's reason.
    #[error("not a URL: {0}")]
    Syntax(String),
    /// Only forgiving readers take it for a URL.
    #[error("{0}")]
    Form(&'static str),
    /// Neither https nor http.
    #[error("`{0}:` is not https")]
    Scheme(String),
    /// Plain http to another machine.
    #[error("plain http is accepted for this machine only, unless --allow-http is given")]
    PlainHttp,
    /// `https://user:password@…`: a secret that would end up in every log.
    #[error("the URL has a user name or a password in it")]
    Credentials,
    /// The API's address is a host; its paths are known.
    #[error("an endpoint is only a host, such as https://api.foxapi.cc, without path or query")]
    NotAnOrigin,
}

/// The address of a portrait or a recording.
///
/// Sent exactly as written, because a signature may cover every byte of it. Printed without its
/// query and fragment, because that is where signatures are. Cheap to clone: many pairs share one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct MediaUrl(Arc<str>);

impl MediaUrl {
    /// In bytes; common servers and proxies stop at 8 kB.
    pub const MAX_LEN: usize = 8192;

    /// # Errors
    /// Says why the server could not, or should not, fetch it.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, UrlError> {
        parse(text, plain)?;
        Ok(Self(text.into()))
    }

    /// The same of one that goes to the API as it is written: whoever fetches it may read it more
    /// strictly than browsers do.
    ///
    /// # Errors
    /// As [`MediaUrl::parse`]; and for what begins otherwise than with `https://` and a host, in
    /// letters of whatever case, or has a backslash before its query.
    pub fn to_send(text: &str, plain: PlainHttp) -> Result<Self, UrlError> {
        if plain_path(text).is_some() {
            return Ok(Self(text.into()));
        }
        let url = parse(text, plain)?;
        form(text, url.scheme())
            .map_or_else(|| Ok(Self(text.into())), |why| Err(UrlError::Form(why)))
    }

    /// With its query: for the request, the ledger and the CSV, never for a screen or a log.
    #[must_use]
    pub fn as_written(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_query(&self.0))
    }
}

impl fmt::Debug for MediaUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The origin of the API: scheme, host and port. A ledger belongs to one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// # Errors
    /// When it is not an origin, or plain http to another machine.
    pub fn parse(text: &str, plain: PlainHttp) -> Result<Self, UrlError> {
        let url = parse(text, plain)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if bare { Ok(Self(url)) } else { Err(UrlError::NotAnOrigin) }
    }

    /// `https://api.foxapi.cc`, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> String {
        self.0.as_str().trim_end_matches('/').to_owned()
    }

    /// The address of one of the API's paths.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(path);
        url
    }

    /// Whether it is reached without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

pub(super) fn parse(text: &str, plain: PlainHttp) -> Result<Url, UrlError> {
    if text.is_empty() {
        return Err(UrlError::Empty);
    }
    if text.len() > MediaUrl::MAX_LEN {
        return Err(UrlError::TooLong);
    }
    // The parser would drop tabs and line ends in silence.
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(UrlError::Character);
    }
    let url = Url::parse(text).map_err(|error| UrlError::Syntax(error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if plain == PlainHttp::Anywhere || is_loopback(&url) => {}
        "http" => return Err(UrlError::PlainHttp),
        other => return Err(UrlError::Scheme(other.to_owned())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::Credentials);
    }
    Ok(url)
}

/// Why a URL is none as it is written, if it is none.
pub(super) fn form(text: &str, scheme: &str) -> Option<&'static str> {
    // What precedes it was read, so it is as long as it was.
    let rest = text.get(scheme.len()..).and_then(|rest| rest.strip_prefix("://"));
    let Some(rest) = rest else { return Some("a URL begins with https:// and a host") };
    let path = &rest[..rest.find(['?', '#']).unwrap_or(rest.len())];
    if path.is_empty() || path.starts_with(['/', '\\']) {
        return Some("the host has to follow https:// at once");
    }
    path.contains('\\').then_some("the URL has a backslash in it")
}

/// Whether it is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(text: &str) -> Result<MediaUrl, UrlError> {
        MediaUrl::parse(text, PlainHttp::Loopback)
    }

    #[test]
    fn a_media_url_is_sent_as_written_and_printed_without_its_signature() {
        let text = "https://EXAMPLE.com/a%7Eb.jpg?X-Amz-Signature=secret#frag";
        let url = media(text).unwrap();
        assert_eq!(url.as_written(), text);
        assert_eq!(url.to_string(), "https://EXAMPLE.com/a%7Eb.jpg?…");
        assert_eq!(format!("{url:?}"), url.to_string());
    }

    #[test]
    fn what_a_server_should_not_fetch_is_refused() {
        for (text, error) in [
            ("", UrlError::Empty),
            ("https://example.com/a b.jpg", UrlError::Character),
            ("https://example.com/a\n.jpg", UrlError::Character),
            ("https://example.com/a\u{1b}[0m.jpg", UrlError::Character),
            ("ftp://example.com/a.jpg", UrlError::Scheme("ftp".to_owned())),
            ("file:///etc/passwd", UrlError::Scheme("file".to_owned())),
            ("http://example.com/a.jpg", UrlError::PlainHttp),
            ("http://127.0.0.1.example.com/a.jpg", UrlError::PlainHttp),
            ("https://user:pw@example.com/a.jpg", UrlError::Credentials),
            ("https://user@example.com/a.jpg", UrlError::Credentials),
        ] {
            assert_eq!(media(text), Err(error), "{text:?}");
        }
        assert!(matches!(media("portrait.jpg"), Err(UrlError::Syntax(_))));
        assert!(matches!(media("https://"), Err(UrlError::Syntax(_))));
        assert_eq!(media(&format!("https://a/{}", "x".repeat(9000))), Err(UrlError::TooLong));
    }

    #[test]
    fn what_only_browsers_take_for_a_url_is_not_sent() {
        let plain = PlainHttp::Loopback;
        for text in [
            "https:example.com/a.jpg",
            "https:/example.com/a.jpg",
            "https:///example.com/a.jpg",
            "https:\\\\example.com/a.jpg",
            "https://example.com\\a.jpg",
            "https://other.com\\@example.com/a.jpg",
        ] {
            assert!(media(text).is_ok(), "as a link to follow: {text}");
            let sent = MediaUrl::to_send(text, plain);
            assert!(matches!(sent, Err(UrlError::Form(_))), "{text}");
        }
        for text in [
            "https://example.com",
            "HTTPS://example.com/a",
            "https://e.com/?a=\\b",
            "http://[::1]:80/a#\\",
        ] {
            assert!(MediaUrl::to_send(text, plain).is_ok(), "{text}");
        }
    }

    #[test]
    fn plain_http_reaches_this_machine_only() {
        for text in ["http://127.0.0.1:8080/a", "http://[::1]/a", "http://localhost/a"] {
            assert!(media(text).is_ok(), "{text}");
        }
        assert!(MediaUrl::parse("http://example.com/a", PlainHttp::Anywhere).is_ok());
    }

    #[test]
    fn an_endpoint_is_an_origin() {
        let endpoint = Endpoint::parse("https://API.foxapi.cc/", PlainHttp::Loopback).unwrap();
        assert_eq!(endpoint.origin(), "https://api.foxapi.cc");
        assert_eq!(endpoint.at("/v1/x").as_str(), "https://api.foxapi.cc/v1/x");
        for text in ["https://a.cc/v1", "https://a.cc/?x=1", "https://a.cc/#f"] {
            assert_eq!(Endpoint::parse(text, PlainHttp::Loopback), Err(UrlError::NotAnOrigin));
        }
    }
}
