//! Where an address lies: on the public network, or where only this machine's own network reaches.

use std::net::IpAddr;

use url::{Host, Url};

/// Whether an address says that it is not on the public network. Names are not looked up.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let inside = [".localhost", ".local", ".internal"];
            name == "localhost" || inside.iter().any(|end| name.ends_with(end))
        }
        Some(Host::Ipv4(address)) => is_private_address(address.into()),
        Some(Host::Ipv6(address)) => is_private_address(address.into()),
        None => true,
    }
}

/// Whether an address is not on the public network.
#[must_use]
pub fn is_private_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            let shared = first == 100 && (64..128).contains(&second);
            v4.is_private() || v4.is_loopback() || v4.is_link_local() || first == 0 || shared
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
        }
    }
}
