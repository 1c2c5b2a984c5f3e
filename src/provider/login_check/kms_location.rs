//! The location of the KMS relative to this machine, and which logins are meaningful and allowed from this machine. Makes no
//! login.

use std::net::{IpAddr, SocketAddr};

use crate::postgres::{Target, is_loopback};

use super::allowed_hosts::AllowedHosts;
use super::internal_network::is_internal;

/// The domains of the cloud KMS.
const CLOUDS: [&str; 2] = ["hanzo.ai", "infisical.com"];

/// The location of the KMS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KmsLocation {
    /// A cloud KMS.
    Cloud,
    /// This machine.
    Local,
    /// Any other location, or an unknown one.
    Unknown,
}

/// The location of the KMS, and the hosts that this machine may log in to.
#[derive(Clone, Debug)]
pub(crate) struct VantagePoint {
    pub(crate) place: KmsLocation,
    pub(crate) allowed: Option<AllowedHosts>,
}

/// Why no login is made from this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// The host is a loopback address: to the KMS, its own machine.
    Loopback,
    /// The host is not on the list of allowed hosts.
    Host,
    /// None of these addresses is on the list of allowed hosts.
    Addresses(Vec<IpAddr>),
}

impl KmsLocation {
    /// Returns the location by the host of the KMS, with or without a port.
    pub(crate) fn of(host: &str) -> Self {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if name == "localhost" || name.parse().is_ok_and(is_loopback) {
            Self::Local
        } else if CLOUDS.into_iter().any(below) {
            Self::Cloud
        } else {
            Self::Unknown
        }
    }
}

impl VantagePoint {
    /// Checks whether a login may be made, before the host is resolved.
    pub(crate) fn check_host(&self, target: &Target) -> Result<(), NotAllowed> {
        self.allows_host(&target.host)
    }

    /// Returns an error if the allow list does not hold the host.
    pub(super) fn allows_host(&self, host: &str) -> Result<(), NotAllowed> {
        match &self.allowed {
            Some(allowed) if !allowed.has_host(host.trim()) => Err(NotAllowed::Host),
            _ => Ok(()),
        }
    }

    /// Returns the addresses that a login may connect to.
    pub(crate) fn check_addresses(&self, target: &Target, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, NotAllowed> {
        let only_loopback = found.iter().all(|address| is_loopback(address.ip()));
        if only_loopback && target.address.is_none() && self.place != KmsLocation::Local {
            return Err(NotAllowed::Loopback);
        }
        self.allowed_of(found)
    }

    /// Returns the addresses that the allow list holds: all without a list, an error if it holds none of them.
    pub(super) fn allowed_of(&self, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, NotAllowed> {
        let Some(allowed) = &self.allowed else { return Ok(found.to_vec()) };
        let left: Vec<_> = found.iter().copied().filter(|address| allowed.has_address(address.ip())).collect();
        if left.is_empty() { Err(NotAllowed::Addresses(found.iter().map(SocketAddr::ip).collect())) } else { Ok(left) }
    }

    /// Returns the address for which a cloud KMS refuses the host: one of those `found`, or `host` itself.
    pub(crate) fn internal(&self, host: &str, found: impl IntoIterator<Item = IpAddr>) -> Option<IpAddr> {
        let mut addresses = host.parse().ok().into_iter().chain(found);
        addresses.find(|address| is_internal(*address)).filter(|_| self.place == KmsLocation::Cloud)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{Address, Questions, Tls};
    use crate::secret::Secret;

    #[test]
    fn locates_the_kms_by_its_host() {
        for (host, place) in [
            ("app.kms.hanzo.ai", KmsLocation::Cloud),
            ("APP.hanzo.ai.:443", KmsLocation::Cloud),
            ("hanzo.ai", KmsLocation::Cloud),
            ("eu.infisical.com", KmsLocation::Cloud),
            ("nothanzo.ai", KmsLocation::Unknown),
            ("hanzo.ai.corp.test", KmsLocation::Unknown),
            ("kms.corp.test:8443", KmsLocation::Unknown),
            ("10.0.0.1", KmsLocation::Unknown),
            ("[2001:db8::1]:443", KmsLocation::Unknown),
            ("localhost:8080", KmsLocation::Local),
            ("127.0.0.1:8080", KmsLocation::Local),
            ("127.9.9.9", KmsLocation::Local),
            ("[::1]", KmsLocation::Local),
            ("[::1]:8080", KmsLocation::Local),
        ] {
            assert_eq!(KmsLocation::of(host), place, "{host}");
        }
    }

    fn target(host: &str, address: Option<&str>) -> Target {
        Target {
            host: host.to_owned(),
            port: 5432,
            database: "orders".to_owned(),
            username: "kms_role".to_owned(),
            password: Secret::new("x"),
            tls: Tls::Off,
            address: address.map(|host| Address { host: host.to_owned(), port: 1 }),
            questions: Questions::default(),
        }
    }

    #[test]
    fn allows_meaningful_logins_to_allowed_hosts_only() {
        use KmsLocation::{Cloud, Local, Unknown};
        let addresses = |list: &[&str]| Err(NotAllowed::Addresses(list.iter().map(|ip| ip.parse().unwrap()).collect()));
        for (place, allowed, host, address, found, expected) in [
            (Local, "", "localhost", None, &["127.0.0.1"][..], Ok(&["127.0.0.1"][..])),
            (Unknown, "", "localhost", None, &["127.0.0.1", "::1"], Err(NotAllowed::Loopback)),
            (Cloud, "", "::1", None, &["::1"], Err(NotAllowed::Loopback)),
            (Cloud, "", "db.test", None, &["127.0.0.1", "10.0.0.1"], Ok(&["127.0.0.1", "10.0.0.1"])),
            (Cloud, "", "localhost", Some("127.0.0.1"), &["127.0.0.1"], Ok(&["127.0.0.1"])),
            (Unknown, "db.test", "other.test", None, &["10.0.0.1"], Err(NotAllowed::Host)),
            (Unknown, "db.test", "db.test", None, &["10.0.0.1"], addresses(&["10.0.0.1"])),
            (Unknown, "10.0.0.0/8", "db.test", None, &["10.0.0.1"], Err(NotAllowed::Host)),
            (Unknown, "db.test 10.0.0.0/8", "db.test", None, &["11.0.0.1", "10.0.0.1"], Ok(&["10.0.0.1"])),
            (Unknown, "db.test 10.0.0.0/8", "db.test", Some("evil"), &["8.8.8.8"], addresses(&["8.8.8.8"])),
            (Unknown, "10.0.0.0/8", "10.0.0.1", None, &["10.0.0.1"], Ok(&["10.0.0.1"])),
            (Unknown, "fd00::/8", "10.0.0.1", None, &["10.0.0.1"], Err(NotAllowed::Host)),
        ] {
            let allowed = (!allowed.is_empty()).then(|| AllowedHosts::parse(allowed).unwrap());
            let vantage_point = VantagePoint { place, allowed };
            let target = target(host, address);
            let sockets = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 5432)).collect()
            };
            let result = vantage_point
                .check_host(&target)
                .and_then(|()| vantage_point.check_addresses(&target, &sockets(found)));
            assert_eq!(result, expected.map(sockets), "{place:?} {host} {found:?}");
        }
    }

    #[test]
    fn predicts_refusal_of_internal_addresses_by_a_cloud_kms() {
        for (place, host, found, refused_for) in [
            (KmsLocation::Cloud, "db.test", &["10.0.0.1"][..], Some("10.0.0.1")),
            (KmsLocation::Cloud, "db.test", &["8.8.8.8"], None),
            (KmsLocation::Cloud, "db.test", &["8.8.8.8", "2001:4860::1", "10.0.0.1"], Some("10.0.0.1")),
            (KmsLocation::Cloud, "db.test", &[], None),
            (KmsLocation::Cloud, "192.168.0.1", &["8.8.8.8"], Some("192.168.0.1")),
            (KmsLocation::Cloud, "192.168.0.1", &[], Some("192.168.0.1")),
            (KmsLocation::Unknown, "db.test", &["10.0.0.1"], None),
            (KmsLocation::Local, "127.0.0.1", &["127.0.0.1"], None),
        ] {
            let vantage_point = VantagePoint { place, allowed: None };
            let internal = vantage_point.internal(host, found.iter().map(|ip| ip.parse().unwrap()));
            assert_eq!(internal, refused_for.map(|ip| ip.parse().unwrap()), "{place:?} {host} {found:?}");
        }
    }
}
