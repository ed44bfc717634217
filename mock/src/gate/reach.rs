//! Where the fake goes by itself: to this machine, and to hosts that its owner named. A scenario can
//! be swapped by whoever reaches the fake, so it has no say in that.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;

use url::{Host, Url};

use crate::gate::private::Outgoing;
use crate::gate::upstream::{Trust, Upstream};
use crate::http::request::Request;

/// How long a whole answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many redirects are followed, each to where the fake may go.
const MOST_HOPS: usize = 3;
/// Below this only the two ports of the web are gone to: the others are not for HTTP.
const FIRST_PLAIN_PORT: u16 = 1024;
const USER_AGENT: &str = concat!("callsheet-mock/", env!("CARGO_PKG_VERSION"));

/// A host that the fake may go to, as `HOST` (at the ports of the web) or `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    host: String,
    port: Option<u16>,
}

impl FromStr for Reach {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WANTED: &str = "expected HOST or HOST:PORT";
        let url = Url::parse(&format!("http://{text}/")).map_err(|_| WANTED)?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| bare && nobody).ok_or(WANTED)?;
        let written = text.rsplit_once(':').filter(|(_, port)| port.parse::<u16>() == Ok(80));
        Ok(Self { host: host.to_owned(), port: written.map(|_| 80).or(url.port()) })
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) => write!(f, "{}:{port}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

impl Reach {
    fn covers(&self, host: &str, port: u16) -> bool {
        self.host == host && self.port.map_or(matches!(port, 80 | 443), |own| own == port)
    }
}

/// Goes where it may.
pub(crate) struct Courier {
    may: Vec<Reach>,
    trust: OnceLock<Trust>,
}

impl Courier {
    pub(crate) const fn new(may: Vec<Reach>) -> Self {
        Self { may, trust: OnceLock::new() }
    }

    /// What is at a URL, up to so many bytes and one more; or why it cannot be had.
    pub(crate) async fn fetch(&self, url: &str, most: usize) -> Result<Vec<u8>, String> {
        let mut url = Url::parse(url).map_err(|error| error.to_string())?;
        for _ in 0..=MOST_HOPS {
            let headers = [("user-agent", USER_AGENT), ("accept", "*/*")];
            let request = Request::new("GET", &target(&url), &headers, b"");
            let answer = self.ask(&url, &request, most).await?;
            match answer.status {
                200..=299 => return Ok(answer.body),
                301 | 302 | 303 | 307 | 308 => {
                    let next = location(&answer).and_then(|to| url.join(&to).ok());
                    url = next.ok_or("a redirect to nowhere")?;
                }
                status => return Err(format!("its host answered {status}")),
            }
        }
        Err("it is redirected too often".to_owned())
    }

    /// Tells a URL something; the status of the answer, or why there is none.
    pub(crate) async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        let common = [("user-agent", USER_AGENT), ("content-type", "application/json")];
        let headers = [&common, headers].concat();
        let request = Request::new("POST", &target(&url), &headers, body);
        self.ask(&url, &request, 1 << 20).await.map(|answer| answer.status)
    }

    async fn ask(&self, url: &Url, request: &Request, most: usize) -> Result<Outgoing, String> {
        let upstream = self.way(url).await?.under_its_own_name();
        upstream.ask_within(request, PATIENCE, most).await.map_err(|error| error.to_string())
    }

    /// The way to a URL's host, if the fake may go there: to an address that was looked at, so that
    /// a name cannot stand for another one a moment later.
    async fn way(&self, url: &Url) -> Result<Upstream, String> {
        let forbidden = || format!("the fake may not go to {}", url.host_str().unwrap_or_default());
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
            return Err("not a plain URL of http or https".to_owned());
        }
        let (host, port) = (url.host(), url.port_or_known_default());
        let (Some(host), Some(port)) = (host, port) else { return Err(forbidden()) };
        let here = is_here(&host) && (matches!(port, 80 | 443) || port >= FIRST_PLAIN_PORT);
        let named = self.may.iter().any(|reach| reach.covers(&host.to_string(), port));
        if !(here || named) {
            return Err(forbidden());
        }
        let name = host.to_string();
        let found = tokio::net::lookup_host((name.trim_matches(['[', ']']), port)).await;
        let found: Vec<_> = found.map_err(|error| error.to_string())?.collect();
        let fits = |address: &SocketAddr| {
            let ip = address.ip().to_canonical();
            if named { is_host(ip) } else { ip.is_loopback() }
        };
        // Small servers often listen on the one that is older.
        let fitting = || found.iter().copied().filter(fits);
        let address = fitting().find(SocketAddr::is_ipv4).or_else(|| fitting().next());
        let address = address.ok_or_else(forbidden)?;
        let upstream = Upstream::of(url, self.trust()?).ok_or_else(forbidden)?;
        Ok(upstream.at(address))
    }

    fn trust(&self) -> Result<&Trust, String> {
        if let Some(trust) = self.trust.get() {
            return Ok(trust);
        }
        let trust = Trust::with(None).map_err(|error| error.to_string())?;
        Ok(self.trust.get_or_init(|| trust))
    }
}

fn is_here(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// Whether an address may be one that a name was given for: not what hands out the secrets of
/// machines in clouds (169.254.169.254), not everybody, not nobody.
const fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => {
            !(a.is_link_local() || a.is_multicast() || a.is_broadcast() || a.is_unspecified())
        }
        IpAddr::V6(a) => !(a.is_unicast_link_local() || a.is_multicast() || a.is_unspecified()),
    }
}

fn target(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

fn location(answer: &Outgoing) -> Option<String> {
    let lines = str::from_utf8(&answer.head).ok()?.split("\r\n");
    let mut headers = lines.filter_map(|line| line.split_once(": "));
    let found = headers.find(|(name, _)| name.eq_ignore_ascii_case("location"));
    found.map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(text: &str) -> Reach {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn it_goes_to_this_machine_and_where_it_may_and_nowhere_else() {
        let courier = Courier::new(vec![reach("192.0.2.7"), reach("192.0.2.8:8080")]);
        for url in [
            "http://127.0.0.1:4715/samples/anna.jpg",
            "http://localhost/x",
            "http://[::1]:8080/",
            "http://2130706433/",
            "https://192.0.2.7/",
            "http://192.0.2.8:8080/",
        ] {
            let way = courier.way(&Url::parse(url).unwrap()).await;
            assert!(way.is_ok(), "{url}: {:?}", way.err());
        }
        for url in [
            "http://127.0.0.1:22/",
            "http://localhost.example/",
            "http://localhost:25/",
            "http://me@127.0.0.1:4715/",
            "http://10.0.0.1/",
            "http://192.0.2.7:8080/",
            "http://192.0.2.8/",
            "http://169.254.169.254/latest/meta-data",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:10.0.0.1]/",
            "http://0.0.0.0:4715/",
            "http://[::]:4715/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            assert!(courier.way(&Url::parse(url).unwrap()).await.is_err(), "{url}");
        }
    }

    #[tokio::test]
    async fn a_host_that_was_named_is_still_no_place_that_hands_out_secrets() {
        let courier = Courier::new(vec![reach("169.254.169.254"), reach("[fe80::1]:80")]);
        for url in ["http://169.254.169.254/", "http://[fe80::1]/"] {
            assert!(courier.way(&Url::parse(url).unwrap()).await.is_err(), "{url}");
        }
    }

    #[test]
    fn a_reach_is_a_host_and_perhaps_a_port() {
        for text in ["media", "media:80", "media:8080", "192.0.2.1:443", "[::1]:9"] {
            assert_eq!(reach(text).to_string(), text);
        }
        assert_eq!(reach("MEDIA").to_string(), "media");
        for wrong in ["", "http://h", "h/x", "me@h", "h:99999", "h?x", "h h"] {
            assert!(wrong.parse::<Reach>().is_err(), "{wrong}");
        }
    }
}
