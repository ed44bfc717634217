//! Who may come in: decided on the head of a request alone.
//!
//! Any page in the reader's browser may send requests to this machine. What it cannot do is to know the
//! token, to have the cookie sent along, or to say that it comes from here; and a name of its own that it
//! points at this machine (DNS rebinding) stands in `Host`. The cookie, because browsers fetch videos and
//! listen for events without asking any script for a header; `HttpOnly`, so that no script has it;
//! `SameSite=Strict`, and `Sec-Fetch-Site` besides, since browsers take every port of a machine for one
//! site. It is another secret than the token: what stands in an address is written down in places.

use std::net::IpAddr;

use hyper::header::{COOKIE, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method, Uri};

const FETCHED_FROM: HeaderName = HeaderName::from_static("sec-fetch-site");

/// From where a server can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listens {
    /// From this machine alone.
    Here,
    /// From others too.
    Anywhere,
}

/// What is asked of whoever wants to come in.
#[derive(Debug, Clone)]
pub struct Door {
    token: String,
    cookie: String,
    secret: String,
    listens: Listens,
}

/// How somebody comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// With the cookie.
    In,
    /// With the token: to be given the cookie, and sent to an address without it.
    Arrives,
}

/// Why somebody does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Turned {
    /// By a name that anybody may have pointed here.
    #[error("this server is asked by its address: open the link that `callsheet review` printed")]
    Name,
    /// From a page that is not ours.
    #[error("another page asks for this")]
    Stranger,
    /// Without token or cookie.
    #[error("open the link that `callsheet review` printed")]
    Unknown,
}

impl Door {
    /// With two secrets: the one in the link, and the one in the cookie. The cookie's name tells servers on
    /// one machine apart.
    #[must_use]
    pub fn new([token, secret]: [String; 2], port: u16, listens: Listens) -> Self {
        Self { token, secret, cookie: format!("callsheet-{port}"), listens }
    }

    /// What follows the address in the link.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/?token={}", self.token)
    }

    /// What a browser is to keep.
    #[must_use]
    pub fn cookie(&self) -> String {
        format!("{}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie, self.secret)
    }

    /// Whether somebody may come in.
    ///
    /// # Errors
    /// Why not.
    pub fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<Pass, Turned> {
        let header = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            let value = values.next().map(|value| value.to_str().unwrap_or_default());
            // Of two nobody knows which one somebody else believes.
            if values.next().is_some() { Some("") } else { value }
        };
        let host = header(HOST).unwrap_or_default();
        if uri.authority().is_some() || !self.is_ours(host) {
            return Err(Turned::Name);
        }
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        let origin = header(ORIGIN).map(|origin| origin == format!("http://{host}"));
        if !origin.unwrap_or(is_read) {
            return Err(Turned::Stranger);
        }
        if *method == Method::GET && uri.path() == "/" && self.has_token(uri) {
            return Ok(Pass::Arrives);
        }
        if header(FETCHED_FROM).is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return Err(Turned::Stranger);
        }
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|value| value.split(';'));
        let is_in = cookies.any(|cookie| {
            let (name, value) = cookie.trim().split_once('=').unwrap_or_default();
            name == self.cookie && is_same(value, &self.secret)
        });
        if is_in { Ok(Pass::In) } else { Err(Turned::Unknown) }
    }

    fn has_token(&self, uri: &Uri) -> bool {
        let token = uri.query().and_then(|query| query.strip_prefix("token="));
        token.is_some_and(|token| is_same(token, &self.token))
    }

    /// Nobody can point an address at another machine. Ports may differ: a tunnel has one of its own.
    fn is_ours(&self, host: &str) -> bool {
        let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, _)) => name,
            None => host.split_once(':').map_or(host, |(name, _)| name),
        };
        let is_here = |address: IpAddr| address.is_loopback() || self.listens == Listens::Anywhere;
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(is_here)
    }
}

/// Takes as long for any text of this length.
fn is_same(one: &str, other: &str) -> bool {
    let differs = one.bytes().zip(other.bytes()).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differs == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(listens: Listens) -> Door {
        Door::new(["t".repeat(32), "s".repeat(32)], 8080, listens)
    }

    fn judge(door: &Door, asked: &str, headers: &[(&str, &str)]) -> Result<Pass, Turned> {
        let (method, path) = asked.split_once(' ').unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        door.judge(&method.parse().unwrap(), &path.parse().unwrap(), &map)
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:8080");

    fn cookie() -> String {
        format!("a=b; callsheet-8080={}; c", "s".repeat(32))
    }

    #[test]
    fn the_token_is_for_the_door_and_the_cookie_for_all_rooms() {
        let (door, cookie) = (door(Listens::Here), cookie());
        let link = format!("GET {}", door.path());
        assert_eq!(judge(&door, &link, &[HERE]), Ok(Pass::Arrives));
        let from_a_chat = [HERE, ("sec-fetch-site", "cross-site")];
        assert_eq!(judge(&door, &link, &from_a_chat), Ok(Pass::Arrives));
        for asked in ["GET /", "GET /video/a", "GET /?token=x", "GET /?token=", "HEAD /"] {
            assert_eq!(judge(&door, asked, &[HERE]), Err(Turned::Unknown), "{asked}");
            assert_eq!(judge(&door, asked, &[HERE, ("cookie", &cookie)]), Ok(Pass::In), "{asked}");
        }
        let elsewhere = format!("GET /video/a?token={}", "t".repeat(32));
        assert_eq!(judge(&door, &elsewhere, &[HERE]), Err(Turned::Unknown));
        for wrong in ["callsheet-8080=", "callsheet-8080=sss", "callsheet-80=", "=", ""] {
            assert_eq!(judge(&door, "GET /", &[HERE, ("cookie", wrong)]), Err(Turned::Unknown));
        }
        let token_as_cookie = format!("callsheet-8080={}", "t".repeat(32));
        let asked = judge(&door, "GET /", &[HERE, ("cookie", &token_as_cookie)]);
        assert_eq!(asked, Err(Turned::Unknown));
    }

    #[test]
    fn no_name_that_anybody_can_point_here_is_ours() {
        let cookie = cookie();
        let asks = |listens, host| {
            judge(&door(listens), "GET /", &[("host", host), ("cookie", &cookie)]).is_ok()
        };
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:9", "[::1]:8080", "127.0.0.9:1"] {
            assert!(asks(Listens::Here, host) && asks(Listens::Anywhere, host), "{host}");
        }
        for host in ["192.168.1.7:8080", "[fd00::1]:8080"] {
            assert!(!asks(Listens::Here, host) && asks(Listens::Anywhere, host), "{host}");
        }
        for host in [
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil",
            "",
            "[::1",
            "a@127.0.0.1",
        ] {
            assert!(!asks(Listens::Here, host) && !asks(Listens::Anywhere, host), "{host}");
        }
        let door = door(Listens::Here);
        assert_eq!(judge(&door, "GET /", &[("cookie", &cookie)]), Err(Turned::Name));
        let two = [HERE, ("host", "evil.example"), ("cookie", &*cookie)];
        assert_eq!(judge(&door, "GET /", &two), Err(Turned::Name));
        let absolute = judge(&door, "GET http://evil.example/", &[HERE, ("cookie", &cookie)]);
        assert_eq!(absolute, Err(Turned::Name));
    }

    #[test]
    fn other_pages_stay_outside_even_with_the_cookie() {
        let (door, cookie) = (door(Listens::Here), cookie());
        let with = |asked: &str, header: (&str, &str)| {
            judge(&door, asked, &[HERE, ("cookie", &cookie), header])
        };
        assert_eq!(with("POST /decide", ("origin", "http://127.0.0.1:8080")), Ok(Pass::In));
        for origin in
            ["http://127.0.0.1:9090", "https://127.0.0.1:8080", "null", "", "http://evil.example"]
        {
            for asked in ["POST /decide", "GET /", "GET /video/a"] {
                assert_eq!(with(asked, ("origin", origin)), Err(Turned::Stranger), "{origin}");
            }
        }
        assert_eq!(with("POST /decide", ("accept", "*/*")), Err(Turned::Stranger));
        for site in ["cross-site", "same-site", "", "odd"] {
            assert_eq!(with("GET /video/a", ("sec-fetch-site", site)), Err(Turned::Stranger));
        }
        for site in ["same-origin", "none"] {
            assert_eq!(with("GET /video/a", ("sec-fetch-site", site)), Ok(Pass::In));
        }
    }
}
