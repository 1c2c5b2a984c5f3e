//! The target of a login: a server, a database and a role.

use std::fmt;

use super::{Certificates, Questions, is_loopback};
use crate::secret::Secret;
use crate::text::shown;

/// The target of one login.
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
    /// The address that is dialled instead of `host` and `port`, for example the end of a tunnel.
    pub address: Option<Address>,
    /// The questions that the login reads from the catalogs.
    pub questions: Questions,
}

/// An address to dial.
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
    /// No encryption.
    Off,
    /// Encrypted, with any certificate.
    Unverified,
    /// Encrypted, with a certificate for `host` that leads to a trusted root.
    Verified {
        /// The roots to trust in place of the public ones.
        ca: Option<Certificates>,
    },
}

impl Target {
    /// Returns the target without whitespace around its values.
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

    /// Returns the address of the connection.
    pub fn dialled(&self) -> Address {
        match &self.address {
            Some(address) => address.clone(),
            None => Address { host: self.host.clone(), port: self.port },
        }
    }

    /// Returns whether the connection goes to an *address* of this machine, so that no network carries it. A name that
    /// resolves to a loopback address does not count: DNS decides where it leads.
    pub(super) fn dials_loopback(&self) -> bool {
        self.dialled().host.parse().is_ok_and(is_loopback)
    }
}
