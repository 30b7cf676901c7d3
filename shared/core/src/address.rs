//! Which network addresses a user-given host name may lead to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The ports of IMAP: what a user-given host may be connected to on the internet (RFC 9051 section 2.1, RFC 8314).
pub const IMAP_PORTS: [u16; 2] = [143, 993];

/// Which addresses may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Public addresses only.
    #[default]
    Public,
    /// Private ranges and loopback as well, for an operator's own network; metadata addresses never.
    Private,
}

/// The kinds of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// On the internet.
    Public,
    /// The machine itself.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// A link without a router.
    LinkLocal,
    /// A cloud's metadata service.
    Metadata,
    /// A provider's own network behind NAT (RFC 6598).
    SharedNat,
    /// Many machines at once.
    Multicast,
    /// Unspecified, broadcast, documentation, benchmarking or reserved.
    Reserved,
}

impl Kind {
    /// Describes the kind as the end of a sentence.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "a public address",
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "a metadata address",
            Self::SharedNat => "a carrier's internal address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
        }
    }
}

impl Reach {
    /// Tells whether an address of that kind may be connected to.
    #[must_use]
    pub fn permits(self, address: IpAddr) -> bool {
        match kind(address) {
            Kind::Public => true,
            Kind::Loopback | Kind::Private | Kind::SharedNat => self == Self::Private,
            Kind::LinkLocal | Kind::Metadata | Kind::Multicast | Kind::Reserved => false,
        }
    }
}

/// Tells whether a text is a host name: not a URL, not a path, no address, and none of the old spellings of addresses
/// such as `0x7f.1` or `2130706433`.
#[must_use]
pub fn is_host_name(host: &str) -> bool {
    let letters = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let numeric = last.chars().all(|c| c.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    !host.is_empty() && host.len() <= 253 && host.chars().all(letters) && !numeric
}

/// Tells what kind of address this is; an IPv4 address inside an IPv6 one counts as what it is.
#[must_use]
pub fn kind(address: IpAddr) -> Kind {
    match address {
        IpAddr::V4(address) => kind_v4(address),
        IpAddr::V6(address) => kind_v6(address),
    }
}

fn kind_v4(address: Ipv4Addr) -> Kind {
    let octets = address.octets();
    match octets {
        [169, 254, 169, 254 | 123] | [169, 254, 170, 2 | 23] | [100, 100, 100, 200] | [192, 0, 0, 192] => {
            Kind::Metadata
        }
        [168, 63, 129, 16] => Kind::Metadata,
        [127, ..] => Kind::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Kind::Private,
        [169, 254, ..] => Kind::LinkLocal,
        [100, 64..=127, ..] => Kind::SharedNat,
        [224..=239, ..] => Kind::Multicast,
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18..=19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Kind::Reserved,
        _ => Kind::Public,
    }
}

fn kind_v6(address: Ipv6Addr) -> Kind {
    if let Some(inner) = embedded_v4(address) {
        return match kind_v4(inner) {
            Kind::Public if is_translated(address) => Kind::Reserved,
            kind => kind,
        };
    }
    let [first, second, ..] = address.segments();
    if address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) {
        return Kind::Metadata;
    }
    match first {
        _ if address.is_loopback() => Kind::Loopback,
        _ if address.is_unspecified() => Kind::Reserved,
        0xff00.. => Kind::Multicast,
        0xfe80..=0xfebf => Kind::LinkLocal,
        0xfec0..=0xfeff | 0xfc00..=0xfdff => Kind::Private,
        0x2001 if second < 0x200 || second == 0xdb8 => Kind::Reserved,
        0x3fff if second < 0x1000 => Kind::Reserved,
        0x2000..=0x3fff => Kind::Public,
        _ => Kind::Reserved,
    }
}

/// Finds the IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64, 6to4, ISATAP.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, _, _, _, _, high, low]
        | [0x2002, high, low, ..]
        | [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Some(join(high, low)),
        _ => None,
    }
}

/// Forms that no mail server is reached by: even around a public address they only serve to hide it.
fn is_translated(address: Ipv6Addr) -> bool {
    !matches!(address.segments(), [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: Kind, addresses: &[&str]) {
        for text in addresses {
            assert_eq!(kind(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn public_addresses_are_public() {
        check(
            Kind::Public,
            &["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "192.167.255.255"],
        );
        check(
            Kind::Public,
            &["2a00:1450:4001::1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2001:4860:4860::8888"],
        );
    }

    #[test]
    fn loopback_is_known_in_every_form() {
        check(
            Kind::Loopback,
            &[
                "127.0.0.1",
                "127.1.2.3",
                "127.255.255.255",
                "::1",
                "::ffff:127.0.0.1",
                "::ffff:7f00:1",
                "::127.0.0.1",
                "64:ff9b::7f00:1",
                "64:ff9b:1::7f00:1",
                "2002:7f00:1::",
                "2002:7f00:1::5",
                "::ffff:0:127.0.0.1",
                "fe80::5efe:7f00:1",
                "2a00::200:5efe:127.0.0.1",
            ],
        );
    }

    #[test]
    fn private_addresses_are_known_in_every_form() {
        check(
            Kind::Private,
            &[
                "10.0.0.0",
                "10.255.255.255",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.0.1",
                "192.168.255.255",
                "::ffff:10.0.0.1",
                "::ffff:c0a8:1",
                "64:ff9b::a00:1",
                "2002:c0a8:101::1",
                "2002:a00:1::",
                "fc00::1",
                "fd12:3456::1",
                "fdff::",
                "fec0::1",
                "::192.168.0.1",
            ],
        );
    }

    #[test]
    fn metadata_services_are_known_in_every_form() {
        check(
            Kind::Metadata,
            &[
                "169.254.169.254",
                "169.254.170.2",
                "169.254.170.23",
                "169.254.169.123",
                "100.100.100.200",
                "168.63.129.16",
                "192.0.0.192",
                "fd00:ec2::254",
                "::ffff:169.254.169.254",
                "64:ff9b::a9fe:a9fe",
                "2002:a9fe:a9fe::",
                "::a9fe:a9fe",
            ],
        );
    }

    #[test]
    fn link_local_carrier_and_multicast_addresses_are_known() {
        check(Kind::LinkLocal, &["169.254.0.1", "169.254.255.255", "fe80::1", "febf::1", "::ffff:169.254.1.1"]);
        check(Kind::SharedNat, &["100.64.0.1", "100.127.255.255", "::ffff:100.64.0.1", "2002:6440:1::"]);
        check(Kind::Multicast, &["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1", "::ffff:224.0.0.1"]);
    }

    #[test]
    fn reserved_addresses_are_known() {
        check(
            Kind::Reserved,
            &[
                "0.0.0.0",
                "0.1.2.3",
                "255.255.255.255",
                "240.0.0.1",
                "192.0.2.1",
                "198.51.100.1",
                "203.0.113.1",
                "198.18.0.1",
                "198.19.255.255",
                "192.88.99.1",
                "::",
                "2001:db8::1",
                "2001::1",
                "100::1",
                "3fff::1",
                "2002:808:808::",
                "::8.8.8.8",
                "::ffff:0.0.0.0",
                "64:ff9b:1::808:808",
                "5f00::1",
            ],
        );
    }

    #[test]
    fn old_spellings_of_addresses_are_no_host_names() {
        for host in ["imap.example.org", "localhost", "bücher.example", "a_b.example.org", "example.org."] {
            assert!(is_host_name(host), "{host}");
        }
        for host in ["127.1", "0x7f.1", "2130706433", "::1", "https://a", "a/b", "a b", "", ".", "a@b"] {
            assert!(!is_host_name(host), "{host}");
        }
    }

    #[test]
    fn a_private_reach_still_refuses_metadata_link_local_and_multicast() {
        for text in ["127.0.0.1", "10.1.1.1", "::1", "fd00::1", "100.64.0.1", "8.8.8.8"] {
            assert!(Reach::Private.permits(text.parse().unwrap()), "{text}");
        }
        for text in ["169.254.169.254", "fd00:ec2::254", "169.254.1.1", "fe80::1", "224.0.0.1", "0.0.0.0"] {
            assert!(!Reach::Private.permits(text.parse().unwrap()), "{text}");
        }
        assert!(!Reach::Public.permits("127.0.0.1".parse().unwrap()));
    }
}
