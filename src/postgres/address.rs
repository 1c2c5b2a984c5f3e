//! Addresses that are never contacted, whatever name leads there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is never contacted; `None` when it may be.
pub(super) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    if matches!(address.octets(), [0, ..]) {
        Some("an unspecified address")
    } else if address.is_broadcast() {
        Some("the broadcast address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_link_local() {
        Some("a link-local address, where clouds keep the credentials of their machines")
    } else {
        None
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    const METADATA_OF_AWS: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    // 64:ff9b::/96 is IPv4 behind a translator.
    if let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = address.segments() {
        return forbidden_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    if address.is_unspecified() {
        Some("an unspecified address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_unicast_link_local() {
        Some("a link-local address")
    } else if address == METADATA_OF_AWS {
        Some("the address where a cloud keeps the credentials of its machines")
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
}
