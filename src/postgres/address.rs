//! Kinds of IP addresses: loopback, private, and those that are never contacted, whatever name resolves to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kinds of addresses that are never contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// No address at all: `0.0.0.0/8`, `::`.
    Unspecified,
    /// Every machine of the network.
    Broadcast,
    /// A group of machines.
    Multicast,
    /// An address without a meaning outside of one cable.
    LinkLocal,
    /// An address where clouds serve the credentials of their machines.
    Metadata,
}

/// Returns a host name in the form that DNS and certificates carry: an international name in ASCII (`xn--…`), converted
/// by UTS 46, and any other host unchanged.
pub fn ascii_host(host: &str) -> String {
    if host.is_ascii() {
        return host.to_owned();
    }
    idna::domain_to_ascii(host).unwrap_or_else(|_| host.to_owned())
}

/// Returns a host name in the form that a user writes: the opposite of [`ascii_host`].
pub(super) fn written_host(host: &str) -> String {
    let (written, valid) = idna::domain_to_unicode(host);
    if valid.is_ok() && host.to_ascii_lowercase().contains("xn--") { written } else { host.to_owned() }
}

/// Returns whether networks assign the address to machines of their own, so that it is another machine on another network.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.is_private() || matches!(v4.octets(), [100, 64..=127, ..]),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Whether it is the machine itself, in any spelling.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Returns the kind of an address that is never contacted; `None` for any other.
pub(super) fn forbidden(address: IpAddr) -> Option<AddressKind> {
    match address.to_canonical() {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<AddressKind> {
    if matches!(address.octets(), [0, ..]) {
        Some(AddressKind::Unspecified)
    } else if address.is_broadcast() {
        Some(AddressKind::Broadcast)
    } else if address.is_multicast() {
        Some(AddressKind::Multicast)
    } else if address.is_link_local() {
        Some(AddressKind::Metadata)
    } else {
        None
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<AddressKind> {
    const METADATA_OF_AWS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    // 64:ff9b::/96 is IPv4 behind a translator.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return forbidden_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    if address.is_unspecified() {
        Some(AddressKind::Unspecified)
    } else if address.is_multicast() {
        Some(AddressKind::Multicast)
    } else if address.is_unicast_link_local() {
        Some(AddressKind::LinkLocal)
    } else if address == METADATA_OF_AWS {
        Some(AddressKind::Metadata)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_forbidden_address_is_forbidden() {
        for (address, forbidden_expected) in [
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("255.255.255.255", true),
            ("224.0.0.1", true),
            ("169.254.169.254", true),
            ("::ffff:169.254.169.254", true),
            ("64:ff9b::a9fe:a9fe", true),
            ("::", true),
            ("ff02::1", true),
            ("fe80::1", true),
            ("fd00:ec2::254", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("10.0.0.1", false),
            ("fd00:ec2::253", false),
            ("2001:db8::1", false),
            ("64:ff9b::a00:1", false),
        ] {
            assert_eq!(forbidden(address.parse().unwrap()).is_some(), forbidden_expected, "{address}");
        }
    }

    #[test]
    fn recognizes_private_and_loopback_addresses() {
        for (address, private, loopback) in [
            ("10.1.2.3", true, false),
            ("100.64.0.1", true, false),
            ("100.128.0.1", false, false),
            ("172.31.255.255", true, false),
            ("172.32.0.0", false, false),
            ("192.168.1.1", true, false),
            ("::ffff:192.168.1.1", true, false),
            ("203.0.113.7", false, false),
            ("2001:db8::1", false, false),
            ("2001:4860::1", false, false),
            ("8.8.8.8", false, false),
            ("127.9.9.9", false, true),
            ("::1", false, true),
            ("::ffff:127.0.0.1", false, true),
            ("fd12::1", true, false),
        ] {
            let parsed = address.parse().unwrap();
            assert_eq!((is_private(parsed), is_loopback(parsed)), (private, loopback), "{address}");
        }
    }
}
