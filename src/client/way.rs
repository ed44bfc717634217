//! By which way requests go out: straight, or through a proxy that the environment names. Read as the
//! HTTP library reads it, so that what is said is what happens.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// What names proxies, for what they are used, in the order in which they are looked at.
const HTTPS: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
const NOT: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The way to a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Straight: no proxy is named.
    Straight,
    /// Straight, although this variable names a proxy: another one excepts the host.
    Excepted {
        /// What names the proxy.
        variable: &'static str,
        /// What excepts the host.
        except: &'static str,
    },
    /// Straight, although this variable is set: what it says is no address of a proxy.
    Misread(&'static str),
    /// Straight, whatever is named: the host is this machine.
    Here,
    /// Through a proxy.
    Through {
        /// Where it is, without its password.
        proxy: String,
        /// What names it, if it is a variable.
        variable: Option<&'static str>,
        /// Whether there is a name and a password for it.
        has_password: bool,
    },
}

impl Way {
    /// The way to a URL, by this environment.
    #[must_use]
    pub fn to(url: &Url, is_here: bool) -> Self {
        if is_here {
            return Self::Here;
        }
        let set = |names: &[&'static str]| {
            let mut names = names.iter().copied();
            names.find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        };
        let variable = set(if url.scheme() == "http" { &HTTP } else { &HTTPS });
        let found = url.as_str().parse().ok();
        match (found.and_then(|uri| Matcher::from_system().intercept(&uri)), variable) {
            (Some(proxy), variable) => {
                let (uri, has) = (proxy.uri(), proxy.basic_auth().is_some());
                let has_password = has || proxy.raw_auth().is_some();
                let authority = uri.authority().map(|all| all.as_str()).unwrap_or_default();
                let place = authority.rsplit('@').next().unwrap_or_default();
                let scheme = uri.scheme_str().unwrap_or("http");
                Self::Through { proxy: format!("{scheme}://{place}"), variable, has_password }
            }
            (None, None) => Self::Straight,
            (None, Some(variable)) => match set(&NOT) {
                Some(except) => Self::Excepted { variable, except },
                None => Self::Misread(variable),
            },
        }
    }
}
