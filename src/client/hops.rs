//! Where a download may be sent on to, decided before anything is asked for there.

use url::Url;

use crate::pair::is_private;

/// More redirects than any storage host makes.
const MOST_HOPS: usize = 8;

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum HopError {
    #[error("a redirect that leads nowhere")]
    Nowhere,
    #[error("more than {MOST_HOPS} redirects")]
    TooMany,
    #[error("a redirect from https to {0}")]
    Downgrade(String),
    #[error("a redirect into a private network ({0})")]
    Private(String),
}

/// The way of one download from its link to its bytes.
#[derive(Debug)]
pub(super) struct Hops {
    first_is_private: bool,
    made: usize,
}

impl Hops {
    pub(super) fn from(first: &Url) -> Self {
        Self { first_is_private: is_private(first), made: 0 }
    }

    /// Where a `Location` header leads, if that may be followed.
    pub(super) fn next(&mut self, from: &Url, location: Option<&str>) -> Result<Url, HopError> {
        self.made += 1;
        if self.made > MOST_HOPS {
            return Err(HopError::TooMany);
        }
        let to = location.and_then(|location| from.join(location).ok());
        let to = to.filter(Url::has_host).ok_or(HopError::Nowhere)?;
        let encrypted = |url: &Url| url.scheme() == "https";
        if to.scheme() != "http" && !encrypted(&to) || encrypted(from) && !encrypted(&to) {
            return Err(HopError::Downgrade(to.scheme().to_owned()));
        }
        if is_private(&to) && !self.first_is_private {
            return Err(HopError::Private(to.host_str().unwrap_or_default().to_owned()));
        }
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(first: &str, location: &str) -> Result<String, HopError> {
        let first = Url::parse(first).unwrap();
        Hops::from(&first).next(&first, Some(location)).map(String::from)
    }

    #[test]
    fn a_redirect_stays_encrypted_and_outside() {
        let from = "https://cdn.example.com/a.mp4";
        assert_eq!(hop(from, "/b.mp4").unwrap(), "https://cdn.example.com/b.mp4");
        assert_eq!(hop(from, "https://8.8.8.8/").unwrap(), "https://8.8.8.8/");
        for location in ["http://cdn.example.com/", "ftp://cdn.example.com/", "data:x"] {
            assert!(hop(from, location).is_err(), "{location}");
        }
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.16.0.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "localhost",
            "printer.local",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "2130706433",
        ] {
            let error = hop(from, &format!("https://{host}/")).unwrap_err();
            assert!(matches!(error, HopError::Private(_)), "{host}: {error}");
        }
        assert_eq!(hop("https://10.0.0.1/", "https://10.0.0.2/").unwrap(), "https://10.0.0.2/");
        assert_eq!(hop("http://127.0.0.1/", "https://a.b/").unwrap(), "https://a.b/");
    }

    #[test]
    fn a_circle_ends() {
        let url = Url::parse("https://a.example/").unwrap();
        let mut hops = Hops::from(&url);
        let made = (0..).take_while(|_| hops.next(&url, Some("/")).is_ok()).count();
        assert_eq!(made, MOST_HOPS);
        assert_eq!(Hops::from(&url).next(&url, None), Err(HopError::Nowhere));
    }
}
