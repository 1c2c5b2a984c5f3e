//! What is asked: a server, a database and a role. Knows nothing of how the question is put.

use std::fmt;
use std::net::IpAddr;

use super::{Certificates, Questions};
use crate::secret::Secret;
use crate::text::shown;

/// One login to be tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// DNS name or IP address (IPv6 without brackets). It is also the name that the server's certificate must carry.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Name of the database.
    pub database: String,
    /// Name of the role.
    pub username: String,
    /// Password of the role.
    pub password: Secret,
    /// Whether and how the connection is encrypted.
    pub tls: Tls,
    /// Dialled instead of `host` and `port`, for example the end of a tunnel.
    pub address: Option<Address>,
    /// What else is to be found out once the role is in.
    pub questions: Questions,
}

/// Where to dial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// DNS name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Address {
    /// `host:port`, with brackets around IPv6.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (host, port) = (shown(&self.host), self.port);
        if host.contains(':') { write!(formatter, "[{host}]:{port}") } else { write!(formatter, "{host}:{port}") }
    }
}

/// Encryption of the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tls {
    /// None, and none is asked for.
    Off,
    /// Encrypted, with whatever certificate the server shows.
    Unverified,
    /// Encrypted, with a certificate for `host` that leads to a trusted root.
    Verified {
        /// The roots to trust in place of the public ones.
        ca: Option<Certificates>,
    },
}

impl Target {
    /// Without white space around the values, as the service stores them.
    pub(super) fn trimmed(&self) -> Self {
        let trim = |text: &str| text.trim().to_owned();
        Self {
            host: trim(&self.host),
            database: trim(&self.database),
            username: trim(&self.username),
            password: self.password.trimmed(),
            tls: self.tls.clone(),
            port: self.port,
            address: self.address.as_ref().map(|address| Address { host: trim(&address.host), port: address.port }),
            questions: self.questions.clone(),
        }
    }

    /// Where the connection goes.
    pub fn dialled(&self) -> Address {
        match &self.address {
            Some(address) => address.clone(),
            None => Address { host: self.host.clone(), port: self.port },
        }
    }

    /// Whether only the server itself, or this machine, can read what is sent.
    ///
    /// A *name* that resolves to a loopback address does not count: whoever answers for the name decides where it leads.
    pub(super) fn channel_is_safe(&self) -> bool {
        let loopback = self.dialled().host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback());
        loopback || matches!(self.tls, Tls::Verified { .. })
    }
}
