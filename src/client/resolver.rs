//! Looks up the hosts of links, and judges the address that is then connected to: a name that leads
//! inside leads nowhere, whatever it led to a moment before.
//!
//! Only hosts that were asked for are judged: a proxy may stand inside, and what it resolves is out
//! of sight.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::pair::{Endpoint, Zone, may_lead, zone, zone_of};

/// Where the links of a batch may lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Home {
    /// Nowhere but to this machine.
    Rehearsal,
    /// As far as from an address in this zone.
    At(Option<Zone>),
    /// As far as from the address that this name has.
    Named(String),
}

/// A link that must not be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Inside {
    #[error("a link into a private network ({0})")]
    Private(String),
    #[error("a link to another machine ({0}), and a rehearsal asks nobody outside")]
    Outside(String),
}

type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// Resolves names for one connection pool.
#[derive(Clone)]
pub(super) struct Resolver {
    home: Home,
    /// The hosts of links, as they were asked for.
    judged: Arc<Mutex<HashSet<String>>>,
    lookup: Lookup,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver").field("home", &self.home).finish_non_exhaustive()
    }
}

impl Home {
    /// The home of links that an API gives or is given.
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        let url = endpoint.at("/");
        match (zone_of(&url), url.domain()) {
            (None, Some(name)) => Self::Named(name.to_owned()),
            (zone, _) => Self::At(zone),
        }
    }
}

impl Resolver {
    /// Asks the system.
    pub(super) fn new(home: Home) -> Self {
        Self::asking(home, |name| {
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }

    fn asking(
        home: Home,
        lookup: impl Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync + 'static,
    ) -> Self {
        Self { home, judged: Arc::default(), lookup: Arc::new(lookup) }
    }

    /// Whether a link may be followed, as far as it says itself; where its name leads is judged as
    /// soon as that is known.
    pub(super) async fn admit(&self, url: &Url) -> Result<(), Inside> {
        let host = url.host_str().unwrap_or_default();
        let to = zone_of(url);
        if self.home == Home::Rehearsal && to != Some(Zone::ThisMachine) {
            return Err(Inside::Outside(host.to_owned()));
        }
        if !self.allows(to).await {
            return Err(Inside::Private(host.to_owned()));
        }
        if let (None, Some(name)) = (to, url.domain()) {
            let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
            judged.insert(name.to_owned());
        }
        Ok(())
    }

    async fn allows(&self, to: Option<Zone>) -> bool {
        let Some(zone) = to else { return true };
        let homes = match &self.home {
            Home::Rehearsal => vec![Some(Zone::ThisMachine)],
            Home::At(home) => vec![*home],
            // Asked for only now: most links lead outside.
            Home::Named(name) => self.zones(name).await,
        };
        !homes.is_empty() && homes.iter().all(|home| may_lead(*home, Some(zone)))
    }

    async fn zones(&self, name: &str) -> Vec<Option<Zone>> {
        let found = (self.lookup)(name.to_owned()).await.unwrap_or_default();
        found.into_iter().map(zone).collect()
    }

    async fn addresses(&self, name: String) -> io::Result<Vec<IpAddr>> {
        let found = (self.lookup)(name.clone()).await?;
        let judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner).contains(&name);
        if !judged {
            return Ok(found);
        }
        let (mut allowed, mut inside) = (Vec::new(), None);
        for address in found {
            if self.allows(zone(address)).await {
                allowed.push(address);
            } else {
                inside = Some(address);
            }
        }
        match inside {
            Some(address) if allowed.is_empty() => {
                Err(io::Error::other(Inside::Private(format!("{name} is {address}"))))
            }
            _ => Ok(allowed),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolver, name) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let found = resolver.addresses(name).await?;
            let addresses = found.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// Whether a request failed because its host lies inside.
pub(super) fn inside(error: &reqwest::Error) -> Option<Inside> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        // What an `io::Error` wraps is not among its sources.
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(inside) = wrapped.and_then(|error| error.downcast_ref::<Inside>()) {
            return Some(inside.clone());
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::pair::PlainHttp;

    /// A world of names.
    const NAMES: [(&str, &str); 8] = [
        ("cdn.example", "8.8.8.8"),
        ("mixed.example", "8.8.4.4 10.0.0.7"),
        ("10.0.0.1.nip.example", "10.0.0.1"),
        ("nas.lan", "192.168.1.2"),
        ("meta.example", "169.254.169.254"),
        ("nat.example", "64:ff9b::a00:1"),
        ("api.example", "9.9.9.9"),
        ("api.house.example", "10.1.1.1"),
    ];

    fn resolver(endpoint: &str) -> Resolver {
        let endpoint = Endpoint::parse(endpoint, PlainHttp::Anywhere).unwrap();
        Resolver::asking(Home::of(&endpoint), |name| {
            let found = NAMES.iter().find(|(known, _)| *known == name);
            let found = found.map(|(_, all)| all.split(' ').map(|one| one.parse().unwrap()));
            let found = found.map(Iterator::collect::<Vec<IpAddr>>);
            Box::pin(async move { found.ok_or_else(|| io::ErrorKind::NotFound.into()) })
        })
    }

    /// What a link leads to, or why to nothing.
    fn leads(resolver: &Resolver, link: &str) -> String {
        let url = Url::parse(link).unwrap();
        if let Err(refused) = block_on(resolver.admit(&url)) {
            return refused.to_string();
        }
        match url.domain() {
            None => url.host_str().unwrap().to_owned(),
            Some(name) => match block_on(resolver.addresses(name.to_owned())) {
                Ok(found) => found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
                Err(error) => error.to_string(),
            },
        }
    }

    #[test]
    fn from_outside_nothing_leads_inside() {
        let resolver = resolver("https://api.example");
        assert_eq!(leads(&resolver, "https://cdn.example/a"), "8.8.8.8");
        assert_eq!(leads(&resolver, "https://8.8.8.8/a"), "8.8.8.8");
        assert_eq!(leads(&resolver, "https://mixed.example/a"), "8.8.4.4", "only what is outside");
        for (link, told) in [
            ("https://10.0.0.1.nip.example/", "10.0.0.1.nip.example is 10.0.0.1"),
            ("https://nas.lan/", "nas.lan is 192.168.1.2"),
            ("https://meta.example/", "meta.example is 169.254.169.254"),
            ("https://nat.example/", "nat.example is 64:ff9b::a00:1"),
            ("https://api.house.example/", "api.house.example is 10.1.1.1"),
            ("https://127.0.0.1/", "127.0.0.1"),
            ("https://localhost/", "localhost"),
            ("https://[::ffff:10.0.0.1]/", "[::ffff:a00:1]"),
        ] {
            let expected = format!("a link into a private network ({told})");
            assert_eq!(leads(&resolver, link), expected, "{link}");
        }
    }

    #[test]
    fn from_inside_links_lead_to_their_own_kind() {
        for endpoint in ["https://api.house.example", "https://10.9.9.9"] {
            let resolver = resolver(endpoint);
            assert_eq!(leads(&resolver, "https://nas.lan/"), "192.168.1.2", "{endpoint}");
            assert_eq!(leads(&resolver, "https://10.2.2.2/"), "10.2.2.2", "{endpoint}");
            assert_eq!(leads(&resolver, "https://cdn.example/"), "8.8.8.8", "{endpoint}");
            assert!(leads(&resolver, "https://meta.example/").contains("private"), "{endpoint}");
            assert!(leads(&resolver, "https://127.0.0.1/").contains("private"), "{endpoint}");
        }
        let here = resolver("http://127.0.0.1:8080");
        assert_eq!(leads(&here, "http://127.0.0.1:9/"), "127.0.0.1");
        assert_eq!(leads(&here, "https://nas.lan/"), "192.168.1.2");
        assert!(leads(&here, "https://meta.example/").contains("private"));
    }

    #[test]
    fn a_rehearsal_stays_on_this_machine() {
        let rehearsal = Resolver { home: Home::Rehearsal, ..resolver("http://127.0.0.1:1") };
        assert_eq!(leads(&rehearsal, "http://127.0.0.1:9/"), "127.0.0.1");
        for link in ["https://cdn.example/", "https://8.8.8.8/", "https://10.0.0.1/"] {
            assert!(leads(&rehearsal, link).contains("another machine"), "{link}");
        }
    }

    /// A proxy's name is looked up by the same resolver, and may well be inside.
    #[test]
    fn a_name_that_no_link_has_is_not_judged() {
        let resolver = resolver("https://api.example");
        let found = block_on(resolver.addresses("nas.lan".to_owned())).unwrap();
        assert_eq!(found, ["192.168.1.2".parse::<IpAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn the_address_that_is_connected_to_is_judged() {
        let pool = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let resolver = resolver("https://api.example");
        let pool = pool.dns_resolver(resolver.clone()).build().unwrap();
        let link = Url::parse("http://nas.lan:9/a.mp4").unwrap();
        resolver.admit(&link).await.unwrap();
        let error = pool.get(link).send().await.unwrap_err();
        let told = inside(&error).unwrap().to_string();
        assert_eq!(told, "a link into a private network (nas.lan is 192.168.1.2)");
        let unknown = pool.get("http://unknown.example/").send().await.unwrap_err();
        assert_eq!(inside(&unknown), None);
    }
}
