//! Where an address lies: on the public network, or where only some machines reach it. The one
//! notion of that in all places.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A part of the address space that is not the public network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// Only this machine itself.
    ThisMachine,
    /// A network of somebody's own.
    House,
    /// The next cable; clouds keep a machine's credentials at such an address.
    Link,
    /// Between a provider and its customers.
    Shared,
    /// For measurements; some proxies give every name an address of these.
    Bench,
    /// Nobody: reserved, for documentation, or for many at once.
    Nowhere,
}

/// Whether an address says that it is not on the public network. Names are not looked up.
#[must_use]
pub fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let inside = [".localhost", ".local", ".internal", ".home.arpa"];
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
    zone(address).is_some()
}

/// The zone of a URL's host, where it is an address or this machine's own name.
#[must_use]
pub fn zone_of(url: &Url) -> Option<Zone> {
    match url.host()? {
        Host::Ipv4(address) => zone(address.into()),
        Host::Ipv6(address) => zone(address.into()),
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            let here = name == "localhost" || name.ends_with(".localhost");
            here.then_some(Zone::ThisMachine)
        }
    }
}

/// The zone of an address; `None` on the public network. An address that only wraps another one is
/// where that one is.
#[must_use]
pub fn zone(address: IpAddr) -> Option<Zone> {
    match address.to_canonical() {
        IpAddr::V4(address) => zone_v4(address),
        IpAddr::V6(address) => match wrapped(address) {
            Some(address) => zone_v4(address),
            None => zone_v6(address),
        },
    }
}

/// Whether what lies at home may name something in a zone: nobody outside may point inside, and
/// those inside only at their own kind. What runs on this machine may know its house.
#[must_use]
pub fn may_lead(home: Option<Zone>, to: Option<Zone>) -> bool {
    to.is_none() || to == home || (home, to) == (Some(Zone::ThisMachine), Some(Zone::House))
}

/// As the IANA's registry of special-purpose addresses has them.
fn zone_v4(address: Ipv4Addr) -> Option<Zone> {
    Some(match address.octets() {
        [127, ..] => Zone::ThisMachine,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Zone::House,
        [169, 254, ..] => Zone::Link,
        [100, 64..=127, ..] => Zone::Shared,
        [198, 18 | 19, ..] => Zone::Bench,
        [0, ..] | [224..=255, ..] => Zone::Nowhere,
        [192, 0, 0, _] | [192, 0, 2, _] | [192, 88, 99, _] => Zone::Nowhere,
        [198, 51, 100, _] | [203, 0, 113, _] => Zone::Nowhere,
        _ => return None,
    })
}

fn zone_v6(address: Ipv6Addr) -> Option<Zone> {
    Some(match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Zone::ThisMachine,
        // Unique local, site local, and the prefix of a house's own translator.
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] => Zone::House,
        [0xfe80..=0xfebf, ..] => Zone::Link,
        [0x2001, 2, 0, ..] => Zone::Bench,
        [0, 0, 0, 0, 0, 0, 0, 0] | [0x100, 0, 0, 0, ..] | [0xff00..=0xffff, ..] => Zone::Nowhere,
        [0x2001, 0x10..=0x2f | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Zone::Nowhere,
        _ => return None,
    })
}

/// The address that one of the ways from version 6 to version 4 leads to.
fn wrapped(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        // The old form of a mapped address, and what NAT64 translates.
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        // 6to4; Teredo, whose client stands there inverted; ISATAP.
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Some(v4(!high, !low)),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_lies_in_its_zone_in_whatever_dress() {
        for (zone_expected, addresses) in [
            (Some(Zone::ThisMachine), "127.0.0.1 127.8.9.1 ::1 ::ffff:127.0.0.1 64:ff9b::7f00:1"),
            (Some(Zone::House), "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fd00::1 fec0::1"),
            (Some(Zone::House), "::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::a00:1 64:ff9b:1::1"),
            (Some(Zone::House), "2002:0a00:0001::1 2002:c0a8:101::9 2001:0:808:808::f5ff:fffe"),
            (Some(Zone::House), "2001:db9::5efe:a00:1 2001:db9::200:5efe:c0a8:1"),
            (Some(Zone::Link), "169.254.169.254 fe80::1 64:ff9b::a9fe:a9fe ::ffff:169.254.1.1"),
            (Some(Zone::Shared), "100.64.0.1 100.127.255.255"),
            (Some(Zone::Bench), "198.18.0.1 198.19.255.255 2001:2::1"),
            (Some(Zone::Nowhere), "0.0.0.0 0.1.2.3 :: 224.0.0.1 239.1.1.1 240.0.0.1 ff02::1"),
            (Some(Zone::Nowhere), "255.255.255.255 192.0.0.1 192.0.2.1 198.51.100.1 203.0.113.1"),
            (Some(Zone::Nowhere), "192.88.99.1 2001:db8::1 3fff::1 100::1 2001:10::1"),
            (None, "8.8.8.8 100.63.255.255 100.128.0.1 172.32.0.1 172.15.0.1 198.17.0.1"),
            (None, "198.20.0.1 192.0.1.1 169.253.0.1 2606:4700::1111 64:ff9b::808:808"),
            (None, "2002:808:808::1 ::ffff:8.8.8.8 223.255.255.255 2001:4860::1 3ffe::1"),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(zone(address.parse().unwrap()), zone_expected, "{address}");
            }
        }
    }

    #[test]
    fn those_inside_may_point_at_their_own_kind_only() {
        let all =
            [Zone::ThisMachine, Zone::House, Zone::Link, Zone::Shared, Zone::Bench, Zone::Nowhere];
        for home in all.map(Some).into_iter().chain([None]) {
            assert!(may_lead(home, None));
            for to in all {
                let allowed =
                    home == Some(to) || home == Some(Zone::ThisMachine) && to == Zone::House;
                assert_eq!(may_lead(home, Some(to)), allowed, "{home:?} {to:?}");
            }
        }
    }

    #[test]
    fn a_name_says_little() {
        let zone_of = |url: &str| zone_of(&Url::parse(url).unwrap());
        assert_eq!(zone_of("http://localhost:80/"), Some(Zone::ThisMachine));
        assert_eq!(zone_of("http://a.localhost./"), Some(Zone::ThisMachine));
        assert_eq!(zone_of("https://2130706433/"), Some(Zone::ThisMachine));
        assert_eq!(zone_of("https://0x7f.1/"), Some(Zone::ThisMachine));
        assert_eq!(zone_of("https://[::ffff:a9fe:a9fe]/"), Some(Zone::Link));
        assert_eq!(zone_of("https://10.0.0.1.nip.io/"), None);
        let is_private = |url: &str| is_private(&Url::parse(url).unwrap());
        assert!(is_private("https://nas.home.arpa/") && is_private("https://a.local./"));
        assert!(!is_private("https://nas.lan/") && !is_private("https://notlocal/"));
    }
}
