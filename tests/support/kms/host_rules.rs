//! The hosts that the KMS refuses to connect to. Does not depend on databases.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::database::resolve;

/// Refuses a host of the server's own network, unless those are allowed.
pub(super) async fn check(host: &str, allow_internal: bool) -> Result<(), String> {
    if allow_internal {
        return Ok(());
    }
    let name = host.to_lowercase();
    let name = name.split(':').next().unwrap_or_default();
    if ["localhost", "host.docker.internal"].contains(&name) {
        return Err(refusal("Local host", "local host", name));
    }
    if resolve(host).await?.iter().any(|address| !is_public(address.ip())) {
        return Err(refusal("Private", "private", host));
    }
    Ok(())
}

fn refusal(kind: &str, kind_again: &str, host: &str) -> String {
    format!(
        "{kind} IP addresses ({host}) are not allowed. If you are self-hosting, you can allow {kind_again} IP addresses \
         by setting the ''ALLOW_INTERNAL_IP_CONNECTIONS'' environment variable to 'true' on your instance."
    )
}

/// The ranges for documentation count as private.
const PRIVATE_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

const PRIVATE_V6: [(Ipv6Addr, u32); 9] = [
    (Ipv6Addr::UNSPECIFIED, 128),
    (Ipv6Addr::LOCALHOST, 128),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 0), 64),
];

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !PRIVATE_V4.iter().any(|(net, bits)| (ip.to_bits() ^ net.to_bits()) >> (32 - bits) == 0),
        IpAddr::V6(ip) => !PRIVATE_V6.iter().any(|(net, bits)| (ip.to_bits() ^ net.to_bits()) >> (128 - bits) == 0),
    }
}
