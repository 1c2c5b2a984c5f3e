//! The internal networks to which a KMS in the cloud does not connect.

use std::net::IpAddr;

use ipnet::IpNet;

/// The address ranges that the KMS rejects unless `ALLOW_INTERNAL_IP_CONNECTIONS` is set there. They include the ranges
/// for documentation.
const INTERNAL: [&str; 23] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
];

/// Returns whether the KMS rejects the address unless its internal network is allowed.
pub(super) fn is_internal(address: IpAddr) -> bool {
    let address = address.to_canonical();
    INTERNAL.iter().any(|range| range.parse().is_ok_and(|network: IpNet| network.contains(&address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_internal_addresses() {
        assert!(INTERNAL.iter().all(|range| range.parse::<IpNet>().is_ok()));
        for (address, internal) in [
            ("10.1.2.3", true),
            ("100.64.0.1", true),
            ("100.128.0.1", false),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("::ffff:192.168.1.1", true),
            ("203.0.113.7", true),
            ("2001:db8::1", true),
            ("2001:4860::1", false),
            ("8.8.8.8", false),
            ("127.9.9.9", true),
            ("::1", true),
            ("fd12::1", true),
        ] {
            assert_eq!(is_internal(address.parse().unwrap()), internal, "{address}");
        }
    }
}
