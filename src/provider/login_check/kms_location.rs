//! Where one stands: what the service sees from its place differs from what this machine sees. Knows which logins make
//! sense from here; makes none.

use std::net::{IpAddr, SocketAddr};

use crate::postgres::{Target, is_loopback};

use super::allowed_hosts::AllowedHosts;
use super::internal_network::is_internal;

/// The domains under which the service is run for everybody.
const CLOUDS: [&str; 2] = ["hanzo.ai", "infisical.com"];

/// Where the service runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KmsLocation {
    /// In the cloud of its maker.
    Cloud,
    /// On this machine.
    Here,
    /// Somewhere else, or nobody knows.
    Elsewhere,
}

/// Where the service runs, and where this machine may log in.
#[derive(Clone, Debug)]
pub(crate) struct VantagePoint {
    pub(crate) place: KmsLocation,
    pub(crate) allowed: Option<AllowedHosts>,
}

/// Why no login is made from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotAllowed {
    /// The host means the service's own machine.
    Loopback,
    /// The host is not among the allowed ones.
    Host,
    /// Of these addresses none is among the allowed ones.
    Addresses(Vec<IpAddr>),
}

impl KmsLocation {
    /// By the host of the service's address, with or without a port.
    pub(crate) fn of(host: &str) -> Self {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches([']', '.']).to_ascii_lowercase();
        let below = |domain: &str| name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        if name == "localhost" || name.parse().is_ok_and(is_loopback) {
            Self::Here
        } else if CLOUDS.into_iter().any(below) {
            Self::Cloud
        } else {
            Self::Elsewhere
        }
    }
}

impl VantagePoint {
    /// Whether a login may be made, before anything is looked up.
    pub(crate) fn before_look_up(&self, target: &Target) -> Result<(), NotAllowed> {
        match &self.allowed {
            Some(allowed) if !allowed.has_host(target.host.trim()) => Err(NotAllowed::Host),
            _ => Ok(()),
        }
    }

    /// Which of the addresses may be dialled.
    pub(crate) fn before_dialling(&self, target: &Target, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, NotAllowed> {
        let only_loopback = found.iter().all(|address| is_loopback(address.ip()));
        if only_loopback && target.address.is_none() && self.place != KmsLocation::Here {
            return Err(NotAllowed::Loopback);
        }
        let Some(allowed) = &self.allowed else { return Ok(found.to_vec()) };
        let left: Vec<_> = found.iter().copied().filter(|address| allowed.has_address(address.ip())).collect();
        if left.is_empty() { Err(NotAllowed::Addresses(found.iter().map(SocketAddr::ip).collect())) } else { Ok(left) }
    }

    /// The address for which the service in the cloud will refuse the host: one of those `found`, or `host` itself.
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
    fn the_place_of_a_service() {
        for (host, place) in [
            ("app.kms.hanzo.ai", KmsLocation::Cloud),
            ("APP.hanzo.ai.:443", KmsLocation::Cloud),
            ("hanzo.ai", KmsLocation::Cloud),
            ("eu.infisical.com", KmsLocation::Cloud),
            ("nothanzo.ai", KmsLocation::Elsewhere),
            ("hanzo.ai.corp.test", KmsLocation::Elsewhere),
            ("kms.corp.test:8443", KmsLocation::Elsewhere),
            ("10.0.0.1", KmsLocation::Elsewhere),
            ("[2001:db8::1]:443", KmsLocation::Elsewhere),
            ("localhost:8080", KmsLocation::Here),
            ("127.0.0.1:8080", KmsLocation::Here),
            ("127.9.9.9", KmsLocation::Here),
            ("[::1]", KmsLocation::Here),
            ("[::1]:8080", KmsLocation::Here),
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
    fn a_login_is_made_only_where_it_says_something() {
        use KmsLocation::{Cloud, Elsewhere, Here};
        let addresses = |list: &[&str]| Err(NotAllowed::Addresses(list.iter().map(|ip| ip.parse().unwrap()).collect()));
        for (place, allowed, host, address, found, expected) in [
            (Here, "", "localhost", None, &["127.0.0.1"][..], Ok(&["127.0.0.1"][..])),
            (Elsewhere, "", "localhost", None, &["127.0.0.1", "::1"], Err(NotAllowed::Loopback)),
            (Cloud, "", "::1", None, &["::1"], Err(NotAllowed::Loopback)),
            (Cloud, "", "db.test", None, &["127.0.0.1", "10.0.0.1"], Ok(&["127.0.0.1", "10.0.0.1"])),
            (Cloud, "", "localhost", Some("127.0.0.1"), &["127.0.0.1"], Ok(&["127.0.0.1"])),
            (Elsewhere, "db.test", "other.test", None, &["10.0.0.1"], Err(NotAllowed::Host)),
            (Elsewhere, "db.test", "db.test", None, &["10.0.0.1"], addresses(&["10.0.0.1"])),
            (Elsewhere, "10.0.0.0/8", "db.test", None, &["10.0.0.1"], Err(NotAllowed::Host)),
            (Elsewhere, "db.test 10.0.0.0/8", "db.test", None, &["11.0.0.1", "10.0.0.1"], Ok(&["10.0.0.1"])),
            (Elsewhere, "db.test 10.0.0.0/8", "db.test", Some("evil"), &["8.8.8.8"], addresses(&["8.8.8.8"])),
            (Elsewhere, "10.0.0.0/8", "10.0.0.1", None, &["10.0.0.1"], Ok(&["10.0.0.1"])),
            (Elsewhere, "fd00::/8", "10.0.0.1", None, &["10.0.0.1"], Err(NotAllowed::Host)),
        ] {
            let allowed = (!allowed.is_empty()).then(|| AllowedHosts::parse(allowed).unwrap());
            let vantage_point = VantagePoint { place, allowed };
            let target = target(host, address);
            let sockets = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 5432)).collect()
            };
            let result = vantage_point
                .before_look_up(&target)
                .and_then(|()| vantage_point.before_dialling(&target, &sockets(found)));
            assert_eq!(result, expected.map(sockets), "{place:?} {host} {found:?}");
        }
    }

    #[test]
    fn only_a_cloud_is_known_to_refuse_internal_addresses() {
        for (place, host, found, refused_for) in [
            (KmsLocation::Cloud, "db.test", &["10.0.0.1"][..], Some("10.0.0.1")),
            (KmsLocation::Cloud, "db.test", &["8.8.8.8"], None),
            (KmsLocation::Cloud, "db.test", &["8.8.8.8", "2001:4860::1", "10.0.0.1"], Some("10.0.0.1")),
            (KmsLocation::Cloud, "db.test", &[], None),
            (KmsLocation::Cloud, "192.168.0.1", &["8.8.8.8"], Some("192.168.0.1")),
            (KmsLocation::Cloud, "192.168.0.1", &[], Some("192.168.0.1")),
            (KmsLocation::Elsewhere, "db.test", &["10.0.0.1"], None),
            (KmsLocation::Here, "127.0.0.1", &["127.0.0.1"], None),
        ] {
            let vantage_point = VantagePoint { place, allowed: None };
            let internal = vantage_point.internal(host, found.iter().map(|ip| ip.parse().unwrap()));
            assert_eq!(internal, refused_for.map(|ip| ip.parse().unwrap()), "{place:?} {host} {found:?}");
        }
    }
}
